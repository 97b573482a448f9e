"""The compiled kernel, where it was built: the dear loops of exact distances in C, called through ctypes.

The surprising thing: nothing depends on it. Each function here stands beside one of NumPy and SciPy that gives the same
answer bit by bit; without a compiler at install time, or with ``MARGINKIT_KERNEL=off``, that one is used.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from marginkit.geometry.scene import Floats, Ints
from marginkit.geometry.sharing import shares, side_by_side

Words = NDArray[np.uint64]
Column: TypeAlias = tuple[tuple[int, ...], type[np.generic]]
FOLDER = Path(__file__).parent / "_kernel"
NAME = "kernel.dll" if os.name == "nt" else "kernel.so"
WORDS_A_SHARE = 1 << 15  # fewer are done before a thread has been asked
POINTS_A_SHARE = 1 << 12
COUNTS = (  # functions that return a whole number
    "mk_count_without", "mk_vertices", "mk_faces", "mk_runs", "mk_components", "mk_parts", "mk_nearest", "mk_least",
    "mk_grid_nearest", "mk_on_grid", "mk_segments_nearest", "mk_followed", "mk_tile_row", "mk_unfilter", "mk_crossed",
)  # fmt: skip

_off = False


@dataclass(frozen=True)
class _Loaded:
    """The library, or why there is none."""

    library: Any
    why: str


@lru_cache(maxsize=1)
def _load() -> _Loaded:
    if os.environ.get("MARGINKIT_KERNEL", "").lower() in ("off", "0", "no"):
        return _Loaded(None, "MARGINKIT_KERNEL=off")
    if not (FOLDER / NAME).is_file():
        return _Loaded(None, "not built: no C compiler was found at install time")
    try:
        library = ctypes.CDLL(str(FOLDER / NAME))
        library.mk_sources.restype = ctypes.c_char_p
        built_from = library.mk_sources().decode()
    except (OSError, AttributeError) as error:
        return _Loaded(None, f"cannot be loaded: {error}")
    if built_from != digest():
        return _Loaded(None, "built from other sources; install again")
    for name in COUNTS:
        getattr(library, name).restype = ctypes.c_int64
    for name in ("mk_tree", "mk_segments"):
        getattr(library, name).restype = ctypes.c_void_p
    return _Loaded(library, "")


def digest() -> str:
    """What the C sources are, as the build wrote it into the library."""
    found = hashlib.sha256()
    for file in sorted(FOLDER.glob("*.[ch]")):
        found.update(file.read_bytes().replace(b"\r\n", b"\n"))
    return found.hexdigest()[:16]


def kernel() -> Any:
    """The library, or None: the one place that decides which route is taken."""
    return None if _off else _load().library


def route() -> str:
    """Which route measures, in words.

    >>> route().split()[0] in ("compiled", "NumPy")
    True
    """
    if _off:
        return "NumPy and SciPy (kernel switched off)"
    why = _load().why
    return f"NumPy and SciPy (kernel {why})" if why else "compiled kernel"


@contextmanager
def switched_off() -> Iterator[None]:
    """Measure without the kernel meanwhile, in all threads: for tests and benchmarks that compare the two."""
    global _off
    before, _off = _off, True
    try:
        yield
    finally:
        _off = before


class _Mask(ctypes.Structure):
    """Mask of kernel.h."""

    _fields_ = (
        ("words", ctypes.c_void_p),
        ("words_a_row", ctypes.c_int64),
        ("rows", ctypes.c_int64),
        ("shape", ctypes.c_int64 * 3),
        ("ndim", ctypes.c_int64),
    )


def int64(number: int) -> ctypes.c_int64:
    """A whole number as the kernel takes it."""
    return ctypes.c_int64(number)


def pointer(array: NDArray[Any] | None, dtype: Any = None) -> ctypes.c_void_p:
    """Where the numbers of an array lie; it must be contiguous, of that type, and outlive the call."""
    if array is None:
        return ctypes.c_void_p(None)
    if not array.flags.c_contiguous or (dtype is not None and array.dtype != dtype):
        raise TypeError(f"the kernel wants contiguous {np.dtype(dtype)}, got {array.dtype}")
    return ctypes.c_void_p(array.ctypes.data)


def pack(strip: NDArray[np.bool_], words: Words) -> None:
    """Pack (rows, width) booleans into zeroed (rows, words a row)."""
    bytes_ = np.ascontiguousarray(strip)
    rows, width = bytes_.shape
    where, what = pointer(bytes_, np.bool_), pointer(words, np.uint64)
    kernel().mk_pack(where, int64(width), int64(words.shape[1]), what, int64(0), int64(rows))


def count_without(words: Words, other: Words) -> int:
    """Number of bits of words that are not in the other."""
    a, b = pointer(words, np.uint64), pointer(other, np.uint64)
    library = kernel()

    def count(part: slice) -> int:
        return int(library.mk_count_without(a, b, int64(part.start), int64(part.stop)))

    return sum(side_by_side(count, shares(words.size, 8 * WORDS_A_SHARE)))


def _mask(words: Words, shape: tuple[int, ...]) -> _Mask:
    if len(shape) not in (2, 3) or words.shape[0] != int(np.prod(shape[:-1])) or words.shape[1] * 64 <= shape[-1]:
        raise TypeError(f"words {words.shape} are not those of a mask {shape}")
    sides = (ctypes.c_int64 * 3)(*shape)
    return _Mask(pointer(words, np.uint64).value, words.shape[1], words.shape[0], sides, len(shape))


def _rows(words: Words, shape: tuple[int, ...]) -> list[slice]:
    """The rows of a table of that shape in parts, each a small job."""
    rows = int(np.prod(shape, dtype=np.int64))
    return shares(rows, max(1, WORDS_A_SHARE // words.shape[1]))


def _found(words: Words, parts: list[slice], columns: Sequence[Column], call: Callable[..., int]) -> list[Any]:
    """What is found in all parts of rows, a column each; ``call`` counts it, and writes as much as the columns hold.

    columns : shape of an entry, and type, of each. Most masks hold far less than the room that is guessed, and room
    that stays unused is never touched. Where they hold more it is asked again.
    """

    def guessed(part: slice) -> tuple[int, list[NDArray[Any]]]:
        room = max(1, (part.stop - part.start) * words.shape[1] // 4)
        out = [np.empty((room, *entry), kind) for entry, kind in columns]
        return call(part, *out), out

    first = side_by_side(guessed, parts)
    numbers = [number for number, _ in first]
    if all(number <= len(out[0]) for number, out in first):
        return [np.concatenate([out[k][:number] for number, out in first]) for k in range(len(columns))]
    del first
    offset = [0, *np.cumsum(numbers).tolist()]
    whole = [np.empty((offset[-1], *entry), kind) for entry, kind in columns]
    side_by_side(lambda k: call(parts[k], *(one[offset[k] : offset[k + 1]] for one in whole)), range(len(parts)))
    return whole


def vertices(words: Words, shape: tuple[int, ...]) -> Ints:
    """Boundary vertices, (n, ndim), in row-major order."""
    library, mask = kernel(), _mask(words, shape)
    parts = _rows(words, tuple(n + 1 for n in shape[:-1]))

    def call(part: slice, out: Ints) -> int:
        ends = int64(part.start), int64(part.stop), int64(len(out))
        return int(library.mk_vertices(ctypes.byref(mask), *ends, pointer(out, np.int64)))

    (found,) = _found(words, parts, [((len(shape),), np.int64)], call)
    return cast(Ints, found)


def faces(words: Words, shape: tuple[int, ...], axis: int) -> tuple[Ints, NDArray[np.uint8]]:
    """Faces across an axis that is not the last: (n, ndim) vertex, and (n,) whether the mask is behind the face."""
    library, mask = kernel(), _mask(words, shape)
    parts = _rows(words, tuple(n + (a == axis) for a, n in enumerate(shape[:-1])))

    def call(part: slice, vertex: Ints, behind: NDArray[np.uint8]) -> int:
        ends = int64(part.start), int64(part.stop), int64(len(vertex))
        where = pointer(vertex, np.int64), pointer(behind, np.uint8)
        return int(library.mk_faces(ctypes.byref(mask), int64(axis), *ends, *where))

    vertex, behind = _found(words, parts, [((len(shape),), np.int64), ((), np.uint8)], call)
    return vertex, behind


def runs(words: Words, shape: tuple[int, ...]) -> tuple[Ints, Ints, Ints]:
    """Row, start and stop of every run."""
    library, mask = kernel(), _mask(words, shape)

    def call(part: slice, *columns: Ints) -> int:
        ends = int64(part.start), int64(part.stop), int64(len(columns[0]))
        return int(library.mk_runs(ctypes.byref(mask), *ends, *(pointer(column, np.int64) for column in columns)))

    row, start, stop = _found(words, _rows(words, shape[:-1]), [((), np.int64)] * 3, call)
    return row, start, stop


def beside(words: Words, shape: tuple[int, ...], vertex: Ints) -> Ints:
    """(n, ndim) the first pixel of a mask that has each of (n, ndim) vertices as a corner; -1 where there is none."""
    vertex = np.ascontiguousarray(vertex, np.int64)
    if vertex.ndim != 2 or vertex.shape[1] != len(shape):
        raise TypeError(f"vertices {vertex.shape}")
    out, mask, library = np.empty(vertex.shape, np.int64), _mask(words, shape), kernel()

    def call(part: slice) -> None:
        library.mk_beside(ctypes.byref(mask), pointer(vertex[part]), int64(part.stop - part.start), pointer(out[part]))

    side_by_side(call, shares(len(vertex), POINTS_A_SHARE) if len(vertex) else [])
    return out


def tile_row(pieces: Ints, top: int, rows: int, item: int, with_sign: bool) -> tuple[Ints, Ints, Ints, Ints]:
    """Row, start, stop and value of every run in a row of tiles.

    pieces : (n, 5) from left to right: first column, one beyond the last, value, address and bytes a row of the pixels
    (address 0: all have the value), which the caller keeps alive. item, with_sign : bytes of a pixel, and their kind.
    """
    if item not in (1, 2, 4, 8) or pieces.ndim != 2 or pieces.shape[1] != 5:
        raise TypeError(f"pieces {pieces.shape} of {item} bytes a pixel")
    where = pointer(pieces, np.int64)
    sides = [int64(n) for n in (len(pieces), top, rows, item, with_sign)]
    room = rows * (2 * len(pieces) + 2)  # enough for nearly all
    while True:
        found = np.empty((4, room), np.int64)
        columns = [ctypes.c_void_p(found.ctypes.data + 8 * room * k) for k in range(4)]
        number = int(kernel().mk_tile_row(where, *sides, int64(room), *columns))
        if number <= room:
            row, start, stop, value = found[:, :number].copy()
            return row, start, stop, value
        room = number


def unfilter(rows: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """(height, width) pixels of (height, 1 + width) rows of a PNG of one byte a pixel, in the memory of the rows.

    None where a row was predicted in no known way; the rows are used up then too.
    """
    height, width = rows.shape[0], rows.shape[1] - 1
    if not kernel().mk_unfilter(pointer(rows, np.uint8), int64(height), int64(width)):
        return None
    return rows.reshape(-1)[: height * width].reshape(height, width)


def components(row: Ints, start: Ints, stop: Ints, shape: tuple[int, ...], corners: bool) -> tuple[int, Ints]:
    """Number of components of runs, and (n,) label of each run by first appearance."""
    rows = int(np.prod(shape[:-1], dtype=np.int64))
    first = np.zeros(rows + 1, np.int64)
    np.cumsum(np.bincount(row, minlength=rows), out=first[1:])
    label = np.empty(len(row), np.int64)
    sides = np.array(shape, np.int64)
    ends = pointer(np.ascontiguousarray(start), np.int64), pointer(np.ascontiguousarray(stop), np.int64)
    count = kernel().mk_components(
        *ends, int64(len(row)), pointer(first), pointer(sides), int64(len(shape)), int64(corners), pointer(label)
    )
    return int(count), label


def followed(chain: Ints) -> tuple[Ints, Ints]:
    """The members of all rings of a chain, in order, each ring from its least member; and where each ring ends."""
    chain = np.ascontiguousarray(chain, np.int64)
    number = len(chain)
    if number and (chain.min() < 0 or chain.max() >= number):
        raise TypeError("a chain that leads out of itself")
    member, ends, seen = np.empty(number, np.int64), np.empty(number, np.int64), np.zeros(number, np.uint8)
    rings = kernel().mk_followed(pointer(chain), int64(number), pointer(seen), pointer(member), pointer(ends))
    return member, ends[:rings]


def count_upto(keys: Ints, query: Ints) -> Ints:
    """(m,) for each query how many of the sorted keys are at most as large."""
    keys, query = np.ascontiguousarray(keys), np.ascontiguousarray(query)
    out = np.empty(query.shape, np.int64)
    where = pointer(keys, np.int64), pointer(query, np.int64)
    kernel().mk_count_upto(where[0], int64(keys.size), where[1], int64(query.size), pointer(out))
    return out


def distances_mm(a_px: Floats, b_px: Floats, spacing_mm: Floats, which: Ints | None = None) -> Floats:
    """(n,) distances of rows of two (n, ndim) tables; or of the first to row ``which[k]`` of the second."""
    if which is None:
        a_px, b_px = np.broadcast_arrays(a_px, b_px)
    elif len(which) and not 0 <= which.min() <= which.max() < len(b_px):
        raise IndexError("a row that the table does not have")
    a, b = (np.ascontiguousarray(side, np.float64) for side in (a_px, b_px))
    if a.ndim != 2 or a.shape[1] != len(spacing_mm) or b.shape[1:] != a.shape[1:]:
        raise TypeError(f"tables of {a.shape} and {b.shape}")
    if which is not None and which.shape != a.shape[:1]:
        raise TypeError(f"{which.shape} rows for {a.shape}")
    out, library, spacing = np.empty(len(a)), kernel(), pointer(spacing_mm, np.float64)

    def call(part: slice) -> None:
        other, rows = (b[part], None) if which is None else (b, which[part])
        numbers = pointer(a[part]), pointer(other), pointer(rows, np.int64), int64(part.stop - part.start)
        library.mk_distances(*numbers, int64(a.shape[1]), spacing, pointer(out[part]))

    side_by_side(call, shares(len(a), POINTS_A_SHARE) if len(a) else [])
    return out


def positions(vertex: Ints, ticks: tuple[Floats, ...]) -> Floats:
    """(n, ndim) position of each vertex, given that of each lattice line along each axis."""
    vertex = np.ascontiguousarray(vertex)
    lines = [np.ascontiguousarray(line, np.float64) for line in ticks]
    if vertex.ndim != 2 or vertex.shape[1] != len(lines):
        raise TypeError(f"vertices {vertex.shape}")
    for axis, line in enumerate(lines):
        if len(vertex) and not 0 <= vertex[:, axis].min() <= vertex[:, axis].max() < len(line):
            raise IndexError("a line that the lattice does not have")
    out, library = np.empty(vertex.shape), kernel()
    where = (ctypes.c_void_p * len(lines))(*(line.ctypes.data for line in lines))

    def call(part: slice) -> None:
        size = int64(part.stop - part.start), int64(len(lines))
        library.mk_positions(pointer(vertex[part], np.int64), *size, where, pointer(out[part]))

    side_by_side(call, shares(len(vertex), POINTS_A_SHARE) if len(vertex) else [])
    return out


def on_grid(points: Floats, start: Floats, most_px: float) -> bool:
    """Whether (n, 2) points are in array order, each once, and whole steps from the start, fewer than ``most_px``."""
    library, where, at = kernel(), pointer(points, np.float64), pointer(np.ascontiguousarray(start), np.float64)

    def call(part: slice) -> int:
        return int(library.mk_on_grid(where, int64(part.start), int64(part.stop), at, ctypes.c_double(most_px)))

    return all(side_by_side(call, shares(len(points), POINTS_A_SHARE)))


def grid_nearest(points: Floats, low: Floats, columns: int, ask: Floats) -> Ints:
    """(m,) which of (n, 2) points is nearest to each of (m, 2).

    Both in array order, each once, and whole numbers below 2^20 from ``low``: the least row and column of the points.
    """
    out, library = np.empty(len(ask), np.int64), kernel()
    here = pointer(points, np.float64), int64(len(points)), pointer(low, np.float64), int64(columns)

    def call(part: slice) -> int:
        ends = int64(part.start), int64(part.stop)
        return int(library.mk_grid_nearest(*here, pointer(ask, np.float64), *ends, pointer(out)))

    if not all(side_by_side(call, shares(len(ask), POINTS_A_SHARE))):
        raise MemoryError(f"{len(points)} points")
    return out


class Tree:
    """Points sorted so that the nearest are found; (n, ndim) float64, n > 0, each times ``scale``."""

    def __init__(self, points: Floats, scale: Floats, group: NDArray[np.int32] | None = None) -> None:
        points = np.ascontiguousarray(points)
        if points.ndim != 2 or not len(points) or points.shape[1] not in (2, 3) or len(points) >= 1 << 31:
            raise TypeError(f"a tree of points {points.shape}")
        if scale.shape != (points.shape[1],) or (group is not None and len(group) != len(points)):
            raise TypeError("a scale an axis, and a group a point")
        self.number, self._library, self._group = len(points), kernel(), group
        place, size = pointer(points, np.float64), (int64(len(points)), int64(points.shape[1]))
        found = self._library.mk_tree(place, *size, pointer(scale, np.float64), pointer(group, np.int32))
        if not found:
            raise MemoryError(f"{len(points)} points")
        self._tree = ctypes.c_void_p(found)

    def __del__(self) -> None:
        if hasattr(self, "_tree"):
            self._library.mk_tree_free(self._tree)

    def nearest(self, ask: Tree, limit_px2: float = np.inf) -> Ints:
        """(m,) which point is nearest to each of another tree; -1 where none is within the square root of the limit."""
        library = self._library
        out = np.full(ask.number, -1, np.int64)

        def call(part: slice) -> int:
            ends = int64(part.start), int64(part.stop)
            return int(library.mk_nearest(ask._tree, self._tree, ctypes.c_double(limit_px2), *ends, pointer(out)))

        parts = int(library.mk_parts(ask._tree))
        if not all(side_by_side(call, shares(parts, parts * POINTS_A_SHARE // ask.number))):
            raise MemoryError(f"{ask.number} points")
        return out

    def least(self, ask: Tree, groups: int) -> tuple[Ints, Ints]:
        """(groups,) which asker of each group is nearest, and to which point; -1 where a group has none."""
        if ask._group is None or ask._group.min() < 0 or ask._group.max() >= groups:
            raise TypeError("askers without groups")
        answer, q = np.empty(ask.number, np.int64), np.empty(ask.number)
        who, what = np.empty(groups, np.int64), np.empty(groups, np.int64)
        room = pointer(answer), pointer(q), pointer(who), pointer(what)
        group = pointer(ask._group, np.int32)
        if not self._library.mk_least(ask._tree, self._tree, group, int64(groups), *room):
            raise MemoryError(f"{ask.number} points")
        return who, what

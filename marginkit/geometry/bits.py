"""Where a binary mask changes: boundary vertices, faces and runs, found on packed bits.

A mask is read as a table of rows: its last axis runs along a row, all others count rows. Rows are packed
into 64-bit words strip by strip, so that every question below touches one bit, not one byte, per pixel,
and no copy of the mask is made.

The surprising thing: a *vertex* is a corner of pixels. Vertex ``(i, j)`` is the corner that pixels
``(i-1, j-1)``, ``(i-1, j)``, ``(i, j-1)`` and ``(i, j)`` share: it lies at index ``(i - 1/2, j - 1/2)``,
and a mask of shape ``(h, w)`` has ``(h+1, w+1)`` of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from itertools import product
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from marginkit.geometry import compiled, sharing
from marginkit.geometry.sharing import side_by_side

Bools: TypeAlias = NDArray[np.bool_]
Ints: TypeAlias = NDArray[np.int64]
Words: TypeAlias = NDArray[np.uint64]

STRIP_BYTES = 1 << 20  # of mask per strip: its words and temporaries stay in the cache
_ONE = np.uint64(1)
_TOP = np.uint64(63)


@dataclass(frozen=True)
class PackedMask:
    """A binary mask as bits.

    words : (rows, words a row) uint64; bit k of word j is pixel 64*j + k. At least one zero bit closes each row.
    shape : of the mask, in pixels.
    """

    words: Words
    shape: tuple[int, ...]

    @property
    def count(self) -> int:
        """Number of pixels in the mask."""
        if not self.words.strides[0]:
            return 0
        return int(np.bitwise_count(self.words).sum(dtype=np.int64))


class Rows(Protocol):
    """What can be packed: an array, or anything that makes its rows when sliced."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the whole."""

    def __getitem__(self, rows: slice, /) -> Any:
        """Some of its rows, as an array."""


def pack(mask: Rows, *, strip_bytes: int = STRIP_BYTES) -> PackedMask:
    """The mask, 64 pixels a word; read strip by strip.

    >>> pack(np.array([[True, False, True]])).words
    array([[5]], dtype=uint64)
    """
    *rows_shape, width = mask.shape
    rows = int(np.prod(rows_shape, dtype=np.int64))
    words = np.zeros((rows, width // 64 + 1), np.uint64)
    flat = words.view(np.uint8)
    lines = max(1, strip_bytes // max(1, int(np.prod(mask.shape[1:], dtype=np.int64))))
    if compiled.kernel() is not None and isinstance(mask, np.ndarray):
        lines = max(lines, -(-mask.shape[0] // (2 * sharing.threads)))  # no temporaries: nothing has to fit a cache
    row_size = int(np.prod(mask.shape[1:-1], dtype=np.int64))

    def fill(first: int) -> None:
        strip = np.asarray(mask[first : first + lines])
        if strip.dtype != np.bool_:
            raise TypeError(f"mask: wanted booleans, got {strip.dtype}")
        at = first * row_size
        if compiled.kernel() is not None:
            return compiled.pack(strip.reshape(-1, width), words[at : at + lines * row_size])
        packed = np.packbits(strip.reshape(-1, width), axis=1, bitorder="little")
        flat[at : at + packed.shape[0], : packed.shape[1]] = packed
        return None

    side_by_side(fill, range(0, mask.shape[0], lines))
    if compiled.kernel() is None:
        words = words.view("<u8").astype(np.uint64, copy=False)
    return PackedMask(words, tuple(int(n) for n in mask.shape))


def without(mask: PackedMask, other: PackedMask) -> PackedMask:
    """The pixels of a mask that are not in the other; no memory of its own where there is none."""
    if compiled.kernel() is not None and all(m.words.flags.c_contiguous for m in (mask, other)):
        if not compiled.count_without(mask.words, other.words):
            return PackedMask(np.broadcast_to(np.uint64(0), mask.words.shape), mask.shape)
    elif not any((mask.words[s] & ~other.words[s]).any() for s in strips(len(mask.words), mask.words.shape[1])):
        return PackedMask(np.broadcast_to(np.uint64(0), mask.words.shape), mask.shape)
    return PackedMask(mask.words & ~other.words, mask.shape)


def unpack(mask: PackedMask, window: tuple[slice, ...]) -> Bools:
    """A window of the mask as booleans."""
    rows = mask.words.reshape(*mask.shape[:-1], -1)[window[:-1]]
    flat = np.unpackbits(rows.astype("<u8").view(np.uint8), axis=-1, bitorder="little")
    out: Bools = flat[..., window[-1]].astype(np.bool_)
    return out


def unpacked_positions(words: Words) -> tuple[Ints, Ints]:
    """Row and bit position of every set bit of (rows, words) uint64, in row-major order."""
    row, word = np.divmod(np.flatnonzero(words != 0), words.shape[1])
    bits = np.unpackbits(words[row, word].astype("<u8").view(np.uint8).reshape(-1, 8), axis=1, bitorder="little")
    which, bit = np.nonzero(bits)
    return row[which].astype(np.int64), word[which].astype(np.int64) * 64 + bit


def shifted(words: Words) -> Words:
    """Each row moved one pixel to the right: bit k is what pixel k-1 was."""
    out = words << _ONE
    out[:, 1:] |= words[:, :-1] >> _TOP
    return out


def _take(words: Words, rows: Ints) -> Words:
    """Rows of words; all zero where the row is -1."""
    out = words[np.maximum(rows, 0)]
    out[rows < 0] = 0
    return out


def strips(total: int, words_a_row: int) -> list[slice]:
    step = max(1, STRIP_BYTES // (8 * words_a_row))
    return [slice(first, min(first + step, total)) for first in range(0, total, step)]


def boundary_vertices(mask: PackedMask) -> Ints:
    """Vertices on the boundary of the mask: (n, ndim) int64, in row-major order.

    Those whose surrounding pixels are not all alike; outside the array nothing is set.

    >>> boundary_vertices(pack(np.array([[True]]))).tolist()
    [[0, 0], [0, 1], [1, 0], [1, 1]]
    """
    if compiled.kernel() is not None and mask.words.flags.c_contiguous:
        return compiled.vertices(mask.words, mask.shape)
    around = _rows_around(mask)
    lattice = tuple(n + 1 for n in mask.shape[:-1])
    filled = np.append(mask.words.any(axis=1), False)  # the last entry answers for row -1
    candidates = np.flatnonzero(filled[around].any(axis=0))

    def find(part: slice) -> Ints:
        here = candidates[part]
        rows = [_take(mask.words, neighbours[here]) for neighbours in around]
        some, every = reduce(np.bitwise_or, rows), reduce(np.bitwise_and, rows)
        row, column = unpacked_positions((some | shifted(some)) & ~(every & shifted(every)))
        return np.stack([*np.unravel_index(here[row], lattice), column], axis=1).astype(np.int64)

    found = side_by_side(find, strips(len(candidates), mask.words.shape[1]))
    return np.concatenate(found) if found else np.zeros((0, len(mask.shape)), np.int64)


def _rows_around(mask: PackedMask) -> list[Ints]:
    """For each row of vertices the rows of pixels that touch it, -1 outside the mask."""
    rows = np.arange(mask.words.shape[0], dtype=np.int64).reshape(mask.shape[:-1])
    padded = np.pad(rows, 1, constant_values=-1)
    steps = product((slice(None, -1), slice(1, None)), repeat=rows.ndim)
    return [padded[step].ravel() for step in steps]


@dataclass(frozen=True)
class Faces:
    """Faces across one axis, between a pixel of the mask and one outside it.

    axis : the axis that the faces are perpendicular to.
    vertex : (n, ndim) int64, the corner of each face with the smallest indices.
    inside : (n, ndim) int64, the pixel of the mask; the other one is a step along ``axis`` away.
    """

    axis: int
    vertex: Ints
    inside: Ints

    @property
    def outside(self) -> Ints:
        """(n, ndim) the pixel outside the mask; it may lie outside the array."""
        out = self.inside.copy()
        out[:, self.axis] += np.where(self.inside[:, self.axis] == self.vertex[:, self.axis], -1, 1)
        return out


def faces(mask: PackedMask) -> list[Faces]:
    """Every face of the mask, one entry an axis.

    >>> [f.vertex.tolist() for f in faces(pack(np.array([[True]])))]
    [[[0, 0], [1, 0]], [[0, 0], [0, 1]]]
    """
    return [faces_across(mask, axis) for axis in range(len(mask.shape))]


def _row_pairs(shape: tuple[int, ...], axis: int) -> tuple[Ints, Ints]:
    """For each row of faces across ``axis``: the mask rows before and behind it, -1 outside the mask."""
    rows = np.arange(int(np.prod(shape[:-1], dtype=np.int64)), dtype=np.int64).reshape(shape[:-1])
    if axis == len(shape) - 1:
        return rows.ravel(), rows.ravel()
    sides = [[(int(a == axis and first), int(a == axis and not first)) for a in range(rows.ndim)] for first in (1, 0)]
    before, behind = (np.pad(rows, side, constant_values=-1) for side in sides)
    return before.ravel(), behind.ravel()


def faces_across(mask: PackedMask, axis: int) -> Faces:
    """Every face of the mask perpendicular to one axis, in array order."""
    ndim = len(mask.shape)
    if compiled.kernel() is not None and axis < ndim - 1 and mask.words.flags.c_contiguous:
        vertex, is_behind = compiled.faces(mask.words, mask.shape, axis)
        inside = vertex.copy()
        inside[:, axis] -= 1 - is_behind.astype(np.int64)
        return Faces(axis, vertex, inside)
    lattice = tuple(n + (i == axis) for i, n in enumerate(mask.shape[:-1]))
    before_rows, behind_rows = _row_pairs(mask.shape, axis)
    filled = np.append(mask.words.any(axis=1), False)
    candidates = np.flatnonzero(filled[before_rows] | filled[behind_rows])

    def find(part: slice) -> tuple[Ints, Ints]:
        here = candidates[part]
        behind = _take(mask.words, behind_rows[here])
        before = shifted(behind) if axis == ndim - 1 else _take(mask.words, before_rows[here])
        row, column = unpacked_positions(before ^ behind)
        is_behind = (behind[row, column // 64] >> (column % 64).astype(np.uint64)) & _ONE
        vertex = np.stack([*np.unravel_index(here[row], lattice), column], axis=1).astype(np.int64)
        inside = vertex.copy()
        inside[:, axis] -= 1 - is_behind.astype(np.int64)
        return vertex, inside

    nothing = np.zeros((0, ndim), np.int64)
    vertices, insides = zip((nothing, nothing), *side_by_side(find, strips(len(candidates), mask.words.shape[1])))
    return Faces(axis, np.concatenate(vertices), np.concatenate(insides))

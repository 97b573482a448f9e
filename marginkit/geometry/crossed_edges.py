"""The compiled way to the rings of ``crossings``: crossed edges in one pass over the field, and their chain."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit.geometry.compiled import followed, int64, kernel, pointer
from marginkit.geometry.scene import Floats, Ints
from marginkit.geometry.sharing import shares, side_by_side

BYTES_A_SHARE = 1 << 20  # of the field; fewer are done before a thread has been asked
ROOM = 8  # edges of a kind in each column, for which room is made at one go: few fields have more
WIDEST = 1 << 24
BLOCK = 8  # words, as in contours.c


class _Field(ctypes.Structure):
    """Field of contours.c."""

    _fields_ = (
        ("rows", ctypes.c_void_p),
        ("held", ctypes.c_int64),
        ("stride", ctypes.c_int64),
        ("itemsize", ctypes.c_int64),
        ("height", ctypes.c_int64),
        ("width", ctypes.c_int64),
        ("least", ctypes.c_double),
        ("level", ctypes.c_double),
    )


class _Edges(ctypes.Structure):
    """Edges of contours.c."""

    _fields_ = (
        ("room", ctypes.c_int64),
        ("number", ctypes.c_int64),
        ("at", ctypes.c_void_p),
        ("share", ctypes.c_void_p),
    )


@dataclass(frozen=True)
class _Kind:
    """Crossed edges across the lines of a field, or along its rows."""

    at: NDArray[np.int32]
    share: Floats

    def as_edges(self, number: int = 0) -> _Edges:
        return _Edges(len(self.at), number, pointer(self.at, np.int32).value, pointer(self.share, np.float64).value)


@dataclass(frozen=True)
class _Lines:
    """What some lines hold. counts : (lines, 2) of each kind. first : (2,) least row and column of a sample inside."""

    upright: _Kind
    level: _Kind
    counts: Ints
    first: Ints


def readable(field: NDArray[Any]) -> bool:
    """Whether the kernel is there and takes fields of this type and size."""
    return kernel() is not None and field.dtype.kind == "f" and field.dtype.itemsize <= 8 and max(field.shape) < WIDEST


def rings(field: NDArray[Any], level: float, least: Any) -> tuple[Floats, Ints]:
    """Points of all rings, (n, 2), and where each ring ends among them; of a ``readable`` field.

    least : the least number of the field's type that is not below the level.
    """
    lines = field.shape[0] + 3
    parts = shares(lines, max(1, BYTES_A_SHARE // (field.shape[1] * field.itemsize)))
    found = [some for band in side_by_side(lambda part: _found(field, level, least, part), parts) for some in band]
    kinds = _joined([some.upright for some in found]), _joined([some.level for some in found])
    counts, first = np.concatenate([some.counts for some in found]), np.min([some.first for some in found], axis=0)
    number = len(kinds[0].at) + len(kinds[1].at)
    chain, points = np.full(number, -1, np.int64), np.empty((number, 2))
    edges = [ctypes.byref(kind.as_edges(len(kind.at))) for kind in kinds]
    out = pointer(chain, np.int64), pointer(points, np.float64)
    kernel().mk_chain(int64(lines), pointer(counts, np.int64), *edges, pointer(first, np.int64), *out)
    member, ends = followed(chain)
    return points[member], ends


def _joined(some: list[_Kind]) -> _Kind:
    return _Kind(np.concatenate([one.at for one in some]), np.concatenate([one.share for one in some]))


def _found(field: NDArray[Any], level: float, least: Any, part: slice) -> list[_Lines]:
    """The crossed edges of some of the height + 3 lines of a field."""
    height, width = field.shape
    held = min(max(part.start - 2, 0), height - 1)
    rows = _rows(field[held : min(max(part.stop - 2, 0), height - 1) + 1])
    read = _Field(rows.ctypes.data, held, rows.strides[0], rows.itemsize, height, width, float(least), level)
    words = np.zeros((2, ((width + 2) // 64 // BLOCK + 1) * BLOCK + 1), np.uint64)
    room = min(ROOM, part.stop - part.start) * (width + 3)
    out, line = [], part.start
    while line < part.stop:
        kinds = [_Kind(np.empty(room, np.int32), np.empty(room)) for _ in range(2)]
        edges = [kind.as_edges() for kind in kinds]
        counts, first = np.empty((part.stop - line, 2), np.int64), np.empty(2, np.int64)
        where = pointer(words), *map(ctypes.byref, edges), pointer(counts), pointer(first)
        done = int(kernel().mk_crossed(ctypes.byref(read), int64(line), int64(part.stop), *where))
        used = [_Kind(kind.at[: edge.number], kind.share[: edge.number]) for kind, edge in zip(kinds, edges)]
        out.append(_Lines(used[0], used[1], counts[: done - line], first))
        line = done
    return out


def _rows(some: NDArray[Any]) -> NDArray[Any]:
    """Rows of a field whose numbers lie side by side, as the kernel reads them; a copy only where they do not."""
    kind = np.dtype(np.float64 if some.dtype.itemsize == 8 else np.float32)
    if some.dtype == kind and some.flags.aligned and (some.shape[1] == 1 or some.strides[1] == kind.itemsize):
        return some
    return np.array(some, kind, order="C")

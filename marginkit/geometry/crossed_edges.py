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
SAMPLES_AN_EDGE = 16  # of most fields; more edges are looked for twice
WIDEST = 1 << 29


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
class _Band:
    """What some lines of a field hold. counts : (lines, 2) of each kind. first : (2,) least index of a sample inside."""

    kinds: tuple[_Kind, _Kind]
    counts: Ints
    first: Ints


def readable(field: NDArray[Any]) -> bool:
    """Whether the kernel is there and takes fields of this type and size."""
    return kernel() is not None and field.dtype.kind == "f" and field.dtype.itemsize <= 8 and max(field.shape) < WIDEST


def rings(field: NDArray[Any], least: float, level: float) -> tuple[Floats, Ints]:
    """Points of all rings, (n, 2), and where each ring ends among them; of a ``readable`` field.

    least : the least number of the field's type that is not below the level.
    """
    height, width = field.shape
    lines = height + 3
    parts = shares(lines, max(1, BYTES_A_SHARE // (width * field.itemsize)))
    bands = side_by_side(lambda part: _band(field, least, level, part), parts)
    kinds = [
        _Kind(np.concatenate([b.kinds[k].at for b in bands]), np.concatenate([b.kinds[k].share for b in bands]))
        for k in (0, 1)
    ]
    number = sum(len(kind.at) for kind in kinds)
    counts = np.concatenate([band.counts for band in bands])
    first = np.min([band.first for band in bands], axis=0)
    chain, points = np.full(number, -1, np.int64), np.empty((number, 2))
    edges = [kind.as_edges(len(kind.at)) for kind in kinds]
    out = pointer(chain, np.int64), pointer(points, np.float64)
    kernel().mk_chain(
        int64(lines), pointer(counts, np.int64), *map(ctypes.byref, edges), pointer(first, np.int64), *out
    )
    member, ends = followed(chain)
    return points[member], ends


def _band(field: NDArray[Any], least: float, level: float, part: slice) -> _Band:
    height, width = field.shape
    held = min(max(part.start - 2, 0), height - 1)
    rows = _rows(field[held : min(max(part.stop - 2, 0), height - 1) + 1])
    read = _Field(rows.ctypes.data, held, rows.strides[0], rows.itemsize, height, width, least, level)
    words = np.empty((2, (width + 2) // 64 + 1), np.uint64)
    counts, first = np.empty((part.stop - part.start, 2), np.int64), np.empty(2, np.int64)
    room = [len(counts) * (width + 3) // SAMPLES_AN_EDGE + 8] * 2
    while True:
        kinds = (
            _Kind(np.empty(room[0], np.int32), np.empty(room[0])),
            _Kind(np.empty(room[1], np.int32), np.empty(room[1])),
        )
        edges = [kind.as_edges() for kind in kinds]
        where = pointer(words), *map(ctypes.byref, edges), pointer(counts), pointer(first)
        ends = int64(part.start), int64(part.stop)
        done = kernel().mk_crossed(ctypes.byref(read), *ends, *where)
        room = [edge.number for edge in edges]
        if done:
            up, along = (_Kind(kind.at[:n], kind.share[:n]) for kind, n in zip(kinds, room))
            return _Band((up, along), counts, first)


def _rows(some: NDArray[Any]) -> NDArray[Any]:
    """Rows of a field whose numbers lie side by side, as the kernel reads them; a copy only where they do not."""
    kind = np.dtype(np.float64 if some.dtype.itemsize == 8 else np.float32)
    if some.dtype == kind and some.flags.aligned and (some.shape[1] == 1 or some.strides[1] == kind.itemsize):
        return some
    return np.array(some, kind, order="C")

"""Where a sampled field passes a level: rings through the crossed edges of its grid, found from bits.

An edge between two neighbouring samples is crossed where one is at the level or above and the other below. Bits say
which are; only there are numbers looked at. On every crossed edge the contour goes one way, with the inside on its left
in (x, y), out of one cell of four samples and into the next; so the rings are a chain of edges.

Where the compiled kernel is, it does the same in one pass over the field.

The surprising thing: where a cell has two samples inside that face each other across it, four edges are crossed. Inside
is joined there, as pieces of tissue are 8-connected: the contour goes round each sample that is outside.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit.geometry import crossed_edges
from marginkit.geometry.bits import Faces, faces, pack
from marginkit.geometry.scene import Bools, Floats, Ints
from marginkit.geometry.tracing import followed

NUDGE = 1e-7  # samples of exactly the level count as inside; the contour passes this near to them


def rings(field: NDArray[Any], level: float) -> tuple[Floats, Ints]:
    """(n, 2) points of all rings, unclosed, in (y, x) index units, and where each ring ends among them.

    field : (h, w); its last samples go on for one step, 0 beyond.

    >>> [some.tolist() for some in rings(np.array([[0.0, 1.0, 0.0]]), 0.5)]  # doctest: +NORMALIZE_WHITESPACE
    [[[-1.5, 1.0], [-1.0, 1.5], [0.0, 1.5], [1.0, 1.5], [1.5, 1.0], [1.0, 0.5], [0.0, 0.5], [-1.0, 0.5]], [8]]
    """
    if not field.size:
        return np.zeros((0, 2)), np.zeros(0, np.int64)
    if crossed_edges.readable(field):
        return crossed_edges.rings(field, level, least_at(level, field.dtype))
    found = faces(pack(Above(field, level)))
    edges = [_Edges(face) for face in found if len(face.vertex)]
    if not edges:
        return np.zeros((0, 2)), np.zeros(0, np.int64)
    chain = _chain(edges, field.shape[1] + 4)
    low, high = (np.concatenate([getattr(edge, end) for edge in edges]) for end in ("low", "high"))
    along = np.concatenate([edge.along for edge in edges])
    points = _crossed_at(field, level, low, high, along)
    found_rings = followed(chain)
    return points[np.concatenate(found_rings)], np.cumsum([len(ring) for ring in found_rings])


class Above:
    """Which samples are at the level or above, made row by row when sliced; the outermost ones stand twice."""

    def __init__(self, field: NDArray[Any], level: float) -> None:
        self._field = field
        self._level = least_at(level, field.dtype)
        self.shape = (field.shape[0] + 2, field.shape[1] + 2)

    def __getitem__(self, rows: slice) -> Bools:
        height = self._field.shape[0]
        first, last, _ = rows.indices(self.shape[0])
        out = np.empty((last - first, self.shape[1]), bool)
        low, high = max(first - 1, 0), min(last - 1, height)
        if high > low:
            np.greater_equal(self._field[low:high], self._level, out=out[low + 1 - first : high + 1 - first, 1:-1])
        if first == 0:
            np.greater_equal(self._field[0], self._level, out=out[0, 1:-1])
        if last == height + 2:
            np.greater_equal(self._field[-1], self._level, out=out[-1, 1:-1])
        out[:, 0], out[:, -1] = out[:, 1], out[:, -2]
        return out


def least_at(level: float, dtype: np.dtype[Any]) -> Any:
    """The least number of a type that is not below the level, so that numbers are compared as they are stored."""
    if dtype.kind != "f":
        return np.float64(level)
    kind = dtype.type
    near = kind(level)
    return near if float(near) >= level else np.nextafter(near, kind(np.inf))


class _Edges:
    """The crossed edges along one axis: their samples in indices of the field, the cells that the contour leaves and
    enters (by the sample of smallest indices), and on which side of the edge the outside lies."""

    def __init__(self, face: Faces) -> None:
        axis, other = face.axis, 1 - face.axis
        self.high = face.vertex - 1  # the outermost samples stand twice
        self.low = self.high.copy()
        self.low[:, axis] -= 1
        self.along = np.full(len(self.low), axis)
        high_inside = face.inside[:, axis] == face.vertex[:, axis]
        before = self.low.copy()
        before[:, other] -= 1
        onward = (high_inside if axis == 0 else ~high_inside)[:, None]  # towards larger indices of the other axis
        self.left = np.where(onward, before, self.low)
        self.entered = np.where(onward, self.low, before)
        self.outside = np.where(high_inside[:, None], self.low, self.high)


def _chain(edges: list[_Edges], width: int) -> Ints:
    """The crossed edge that follows each one."""

    def keys(name: str) -> Ints:
        at = np.concatenate([getattr(edge, name) for edge in edges]) + 3
        key: Ints = at[:, 0] * width * 2 + at[:, 1]
        return key

    entered, left, outside = keys("entered"), keys("left"), keys("outside")
    coming, going = np.argsort(entered, kind="stable"), np.argsort(left, kind="stable")
    twice = np.flatnonzero(np.diff(entered[coming]) == 0)  # two ways through a cell: round either sample outside
    for order in (coming, going):
        swap = outside[order[twice]] > outside[order[twice + 1]]
        at = twice[swap]
        order[at], order[at + 1] = order[at + 1], order[at].copy()
    chain = np.empty(len(entered), np.int64)
    chain[coming] = going
    return chain


def _crossed_at(field: NDArray[Any], level: float, low: Ints, high: Ints, along: Ints) -> Floats:
    """Where each edge is crossed, (y, x) index units, by linear interpolation."""
    from_, to = (_samples(field, level, at) for at in (low, high))
    share = (level - from_) / (to - from_)
    inside = np.where((from_ >= to)[:, None], low, high)
    first = np.clip(inside, 0, np.array(field.shape) - 1).min(axis=0)
    points = (low - first + 2).astype(np.float64)  # small numbers keep more of the share
    points[np.arange(len(points)), along] += share
    out: Floats = points + first - 2
    return out


def _samples(field: NDArray[Any], level: float, at: Ints) -> Floats:
    """The field at (n, 2) indices, 0 more than a step beyond it, none of them the level itself."""
    top = np.array(field.shape) - 1
    held = np.all((at >= -1) & (at <= top + 1), axis=1)
    values = settled(field[tuple(np.clip(at, 0, top).T)], level)
    return np.where(held, values, 0.0)


def settled(field: Any, level: float) -> Floats:
    """Samples of which none is the level itself: those that are count as inside."""
    samples: Floats = np.array(field, np.float64)
    near = np.abs(samples - level) < NUDGE
    if near.any():
        samples[near] = level + np.where(samples[near] < level, -NUDGE, NUDGE)
    return samples

"""The nearest points of two sets of straight segments: exact, for every segment of one set, with the pair.

Only vertices are searched, in a k-d tree. Say D is the distance of a segment of length l to a set whose segments are
at most m long. Where D is reached between an end of one and a point inside another, the line between them is square to
that other, and the nearer vertex is at most √(D² + (max(l, m)/2)²) away; where two cross, one of the vertices is at
most (l + m)/2 away. So the vertices within √(D² + (l + m)²/4) of both ends are asked for, the segments at these
vertices are the candidates, and each is solved in closed form.

The surprising thing: positions stay in index units until the end. Millimetres differ from them by a factor an axis,
which decides what is nearest, but a difference taken before the factor loses nothing.

Where the compiled kernel is, it goes down a tree of boxes instead and finds the same, bit by bit.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy.spatial import cKDTree

from marginkit.geometry.compiled import kernel
from marginkit.geometry.pairs import BestPairs, Pairs, distance_mm, first_of_each, joined, spread, tree, within_reach
from marginkit.geometry.scene import Bools, Floats, Ints
from marginkit.geometry.segment_tree import SegmentTree

CHUNK = 20_000  # segments asked at a time


def points_between(first: Floats, second: Floats, spacing_mm: Floats) -> BestPairs:
    """Nearest points of n pairs of segments; of several the first in array order.

    first, second : (n, 2 ends, 2) index units.

    >>> one, other = np.array([[[0.0, 0.0], [0.0, 4.0]]]), np.array([[[3.0, 2.0], [9.0, 2.0]]])
    >>> best = points_between(one, other, np.ones(2))
    >>> best.here.tolist(), best.there.tolist(), best.distance.tolist()
    ([[0.0, 2.0]], [[3.0, 2.0]], [3.0])
    """
    best = BestPairs(first[:, 0], _foot(first[:, 0], second, spacing_mm), spacing_mm)
    best.offer(first[:, 1], _foot(first[:, 1], second, spacing_mm))
    for end in (0, 1):
        best.offer(_foot(second[:, end], first, spacing_mm), second[:, end])
    crossed, point = _crossing(first, second)
    best.offer(point, point, crossed)
    return best


def _foot(point: Floats, segment: Floats, spacing_mm: Floats) -> Floats:
    """(n, 2) nearest point of each segment; an end of it where that is nearest, to the last bit."""
    start, end = segment[:, 0], segment[:, 1]
    way = (end - start) * spacing_mm
    length = (way**2).sum(axis=1)
    along = ((point - start) * spacing_mm * way).sum(axis=1)
    share = np.clip(np.divide(along, length, out=np.zeros_like(along), where=length > 0), 0, 1)[:, None]
    foot: Floats = np.where(share == 1, end, start + share * (end - start))
    return foot


def _crossing(first: Floats, second: Floats) -> tuple[Bools, Floats]:
    """Whether each pair crosses, and where. Their boxes must meet: of two that lie in one line, s and t are errors."""
    a, b = first[:, 1] - first[:, 0], second[:, 1] - second[:, 0]
    gap = second[:, 0] - first[:, 0]
    area = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    slanted = area != 0
    safe = np.where(slanted, area, 1.0)
    s = (gap[:, 0] * b[:, 1] - gap[:, 1] * b[:, 0]) / safe
    t = (gap[:, 0] * a[:, 1] - gap[:, 1] * a[:, 0]) / safe
    meet = ((first.min(axis=1) <= second.max(axis=1)) & (second.min(axis=1) <= first.max(axis=1))).all(axis=1)
    crossed: Bools = meet & slanted & (s > 0) & (s < 1) & (t > 0) & (t < 1)
    return crossed, first[:, 0] + np.where(crossed, s, 0.0)[:, None] * a


def cut(segments: Floats, parts: Ints) -> tuple[Floats, Ints]:
    """Segments cut into equal parts that share their ends to the last bit; and which segment each part is of.

    >>> cut(np.array([[[0.0, 0.0], [0.0, 3.0]]]), np.array([3]))[0][:, 0].tolist()
    [[0.0, 0.0], [0.0, 1.0], [0.0, 2.0]]
    """
    if (parts == 1).all():
        return segments, np.arange(len(parts))
    parent = np.repeat(np.arange(len(parts)), parts)
    step = np.arange(len(parent)) - np.repeat(np.cumsum(parts) - parts, parts)
    start, end = segments[parent, 0], segments[parent, 1]
    number = parts[parent][:, None]
    ends = [start + (end - start) * (step[:, None] + i) / number for i in (0, 1)]
    ends[1] = np.where(step[:, None] + 1 == number, end, ends[1])
    return np.stack(ends, axis=1), parent


class SegmentSet:
    """A set of segments that can be asked for the nearest to others.

    segments_px : (m, 2 ends, 2) index units. spacing_mm : millimetres per index unit.
    """

    def __init__(self, segments_px: Floats, spacing_mm: Floats) -> None:
        self.segments_px = segments_px
        self.spacing_mm = spacing_mm
        self._scale = spacing_mm / spacing_mm.min()

    @cached_property
    def _parts(self) -> tuple[Floats, Ints]:
        """Its segments in parts of at most about one unit, so that their vertices tell where they run."""
        length = self._length(self.segments_px)
        unit = max(1.0, float(length.sum()) / 200_000)
        return cut(self.segments_px, np.maximum(np.rint(length / unit), 1).astype(np.int64))

    @cached_property
    def _longest(self) -> float:
        return float(self._length(self._parts[0]).max(initial=0.0))

    @cached_property
    def _tree(self) -> cKDTree:
        """Both ends of every part: part k has points 2k and 2k + 1."""
        return tree((self._parts[0] * self._scale).reshape(-1, 2))

    @cached_property
    def _compiled(self) -> SegmentTree:
        return SegmentTree(self.segments_px, *self._parts, self.spacing_mm)

    def _length(self, segments: Floats) -> Floats:
        return distance_mm(segments[:, 0], segments[:, 1], self._scale)

    def nearest(self, asked_px: Floats) -> Pairs:
        """The nearest points between each of (n, 2 ends, 2) segments and this set, which is not empty."""
        if kernel() is not None and len(asked_px):
            return self._compiled.nearest(asked_px)
        return joined([self._nearest(asked_px[at : at + CHUNK]) for at in range(0, len(asked_px), CHUNK)], 2)

    def _nearest(self, asked: Floats) -> Pairs:
        who, which = self._candidates(asked)
        return first_of_each(who, which, points_between(asked[who], self.segments_px[which], self.spacing_mm))

    def _candidates(self, asked: Floats) -> tuple[Ints, Ints]:
        """Pairs of asked segment and own segment among which the nearest are, by asked segment."""
        ends, back = np.unique(asked.reshape(-1, 2), axis=0, return_inverse=True)
        back = back.reshape(-1)
        longest = np.zeros(len(ends))
        np.maximum.at(longest, back, np.repeat(self._length(asked), 2))
        end, point = within_reach(self._tree, ends * self._scale, (longest + self._longest) / 2)
        place, found = spread(end, self._parts[1][point // 2], back, len(ends))
        keys = np.unique((place // 2) * len(self.segments_px) + found)
        return keys // len(self.segments_px), keys % len(self.segments_px)

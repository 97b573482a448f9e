"""The nearest points of two sets of straight segments: exact, for every segment of one set, with the pair.

Only vertices are searched, in a k-d tree. Say D is the distance of a segment of length l to a set whose segments are
at most m long. Where D is reached between an end of one and a point inside another, the nearer vertex is at most
√(D² + (max(l, m)/2)²) away; where two cross, one of the vertices is at most (l + m)/2 away. So all vertices within that
reach of both ends are asked for, the segments at these vertices are the candidates, and each is solved in closed form.

The surprising thing: positions stay in index units until the end. Millimetres differ from them by a factor an axis,
which decides what is nearest, but a difference taken before the factor loses nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.spatial import cKDTree

from marginkit.geometry.scene import Bools, Floats, Ints

TIE = 1e-12  # relative: distances nearer to each other than this are equal
CHUNK = 20_000  # segments asked at a time
TABLE = 4_000_000  # distances held at a time


@dataclass(frozen=True)
class Pairs:
    """For each segment asked, the nearest points; the first in array order (asked point, then other) of several.

    distance_mm : (n,). here_px : (n, 2) on the segment asked. there_px : (n, 2) on the nearest segment of the set.
    segment : (n,) which segment of the set.
    """

    distance_mm: Floats
    here_px: Floats
    there_px: Floats
    segment: Ints


def distance_mm(a_px: Floats, b_px: Floats, spacing_mm: Floats) -> Floats:
    """(n,) distances between (n, ndim) points."""
    distance: Floats = np.sqrt((((a_px - b_px) * spacing_mm) ** 2).sum(axis=-1))
    return distance


def points_between(first: Floats, second: Floats, spacing_mm: Floats) -> tuple[Floats, Floats, Floats]:
    """Nearest points of n pairs of segments, (n, 2) on the first and on the second, and their distance in mm.

    first, second : (n, 2 ends, 2) index units. Of several nearest pairs the first in array order.

    >>> one, other = np.array([[[0.0, 0.0], [0.0, 4.0]]]), np.array([[[3.0, 2.0], [9.0, 2.0]]])
    >>> [x.tolist() for x in points_between(one, other, np.ones(2))]
    [[[0.0, 2.0]], [[3.0, 2.0]], [3.0]]
    """
    options = [
        *((first[:, end], _foot(first[:, end], second, spacing_mm)) for end in (0, 1)),
        *((_foot(second[:, end], first, spacing_mm), second[:, end]) for end in (0, 1)),
    ]
    here, there = (side.copy() for side in options[0])
    least = distance_mm(here, there, spacing_mm)
    for a, b in options[1:]:
        _replace(here, there, least, a, b, distance_mm(a, b, spacing_mm))
    crossed, point = _crossing(first, second)
    here[crossed] = there[crossed] = point[crossed]
    least[crossed] = 0.0
    return here, there, least


def _replace(here: Floats, there: Floats, least: Floats, a: Floats, b: Floats, distance: Floats) -> None:
    """Take over those pairs (a, b) that are nearer, or equally near and earlier in array order."""
    nearer = distance < least * (1 - TIE)
    equal = ~nearer & (distance <= least * (1 + TIE))
    taken = nearer | (equal & _before(np.hstack([a, b]), np.hstack([here, there])))
    here[taken], there[taken], least[taken] = a[taken], b[taken], distance[taken]


def _before(a: Floats, b: Floats) -> Bools:
    """Whether row a comes before row b in array order."""
    differ = a != b
    first = np.argmax(differ, axis=1)[:, None]
    before: Bools = (np.take_along_axis(a, first, 1) < np.take_along_axis(b, first, 1))[:, 0] & differ.any(axis=1)
    return before


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
    """Whether each pair crosses, and where."""
    a, b = first[:, 1] - first[:, 0], second[:, 1] - second[:, 0]
    gap = second[:, 0] - first[:, 0]
    area = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    slanted = area != 0
    safe = np.where(slanted, area, 1.0)
    s = (gap[:, 0] * b[:, 1] - gap[:, 1] * b[:, 0]) / safe
    t = (gap[:, 0] * a[:, 1] - gap[:, 1] * a[:, 0]) / safe
    crossed: Bools = slanted & (s > 0) & (s < 1) & (t > 0) & (t < 1)
    return crossed, first[:, 0] + np.where(crossed, s, 0.0)[:, None] * a


def cut(segments: Floats, parts: Ints) -> tuple[Floats, Ints]:
    """Segments cut into equal parts that share their ends to the last bit; and which segment each part is of.

    >>> cut(np.array([[[0.0, 0.0], [0.0, 3.0]]]), np.array([3]))[0][:, 0].tolist()
    [[0.0, 0.0], [0.0, 1.0], [0.0, 2.0]]
    """
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
        points = (self._parts[0] * self._scale).reshape(-1, 2)
        return cKDTree(points, balanced_tree=False, compact_nodes=False)  # ten times faster for points along curves

    def _length(self, segments: Floats) -> Floats:
        return distance_mm(segments[:, 0], segments[:, 1], self._scale)

    def nearest(self, asked_px: Floats) -> Pairs:
        """The nearest points between each of (n, 2 ends, 2) segments and this set, which is not empty."""
        chunks = [self._nearest(asked_px[at : at + CHUNK]) for at in range(0, len(asked_px), CHUNK)]
        if not chunks:
            return Pairs(np.zeros(0), np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0, np.int64))
        columns = [np.concatenate(c) for c in zip(*[(p.distance_mm, p.here_px, p.there_px, p.segment) for p in chunks])]
        return Pairs(*columns)

    def _nearest(self, asked: Floats) -> Pairs:
        who, which = self._candidates(asked)
        here, there, distance = points_between(asked[who], self.segments_px[which], self.spacing_mm)
        starts = np.flatnonzero(np.diff(who, prepend=-1))
        least = np.minimum.reduceat(distance, starts)[who]
        tied = np.flatnonzero(distance <= least * (1 + TIE))
        keys = np.column_stack([here[tied], there[tied]])
        order = tied[np.lexsort([*keys.T[::-1], who[tied]])]
        first = order[np.flatnonzero(np.diff(who[order], prepend=-1))]
        return Pairs(distance[first], here[first], there[first], which[first])

    def _candidates(self, asked: Floats) -> tuple[Ints, Ints]:
        """Pairs of asked segment and own segment among which the nearest are, by asked segment."""
        ends, back = np.unique(asked.reshape(-1, 2), axis=0, return_inverse=True)
        back = back.reshape(-1)
        length = self._length(asked)
        longest = np.zeros(len(ends))
        np.maximum.at(longest, back, np.repeat(length, 2))
        end, point = self._within_reach(ends * self._scale, longest)
        parent = self._parts[1][point // 2]
        order = np.argsort(end, kind="stable")
        first = np.searchsorted(end[order], np.arange(len(ends) + 1))
        found = np.diff(first)[back]
        slot = np.repeat(first[back], found) + np.arange(found.sum()) - np.repeat(np.cumsum(found) - found, found)
        who = np.repeat(np.arange(len(back)) // 2, found)
        keys = np.unique(who * len(self.segments_px) + parent[order[slot]])
        return keys // len(self.segments_px), keys % len(self.segments_px)

    def _within_reach(self, ends: Floats, lengths: Floats) -> tuple[Ints, Ints]:
        """Pairs of end and point of the tree that may hold the nearest: asks for more until the rest is beyond."""
        todo = np.arange(len(ends))
        number = min(8, self._tree.n)
        found: list[tuple[Ints, Ints]] = []
        while len(todo):
            left = []
            for some in np.array_split(todo, 1 + len(todo) * number // TABLE):
                asked = self._tree.query(ends[some], k=np.arange(1, number + 1), workers=2)
                distance, point = (np.asarray(column) for column in asked)
                reach = self._reach(distance[:, 0], lengths[some])
                done = (distance[:, -1] > reach) | (number == self._tree.n)
                row, column = np.nonzero((distance <= reach[:, None]) & done[:, None])
                found.append((some[row], point[row, column].astype(np.int64)))
                left.append(some[~done])
            todo = np.concatenate(left)
            number = min(4 * number, self._tree.n)
        return np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found])

    def _reach(self, nearest: Floats, lengths: Floats) -> Floats:
        """How far from an end a vertex may lie that matters, given the distance of the nearest vertex."""
        longer = np.maximum(lengths, self._longest)
        reach: Floats = np.maximum(np.sqrt(nearest**2 + longer**2 / 4), (lengths + self._longest) / 2)
        return reach * (1 + 1e-9)

"""The nearest points of triangles in three dimensions, with the pair.

Two triangles are nearest at a corner of one and a point of the other, at points inside an edge of each, or where they
cross. All of these are solved in closed form for every candidate pair. Candidates come from a k-d tree of corners, as
for segments: with l and m the longest sides, a corner lies within √(D² + (l + m)²/3) of a corner of the nearest one.

The surprising thing: a triangle may have no area. One that is a line or a point takes part like any other.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy.spatial import cKDTree

from marginkit.geometry.pairs import BestPairs, Pairs, distance_mm, first_of_each, joined, spread, tree, within_reach
from marginkit.geometry.scene import Bools, Floats, Ints

CHUNK = 4_000  # triangles asked at a time
EDGES = ((0, 1), (1, 2), (2, 0))


def triangles_between(first: Floats, second: Floats, spacing_mm: Floats) -> BestPairs:
    """Nearest points of n pairs of triangles, (n, 3 corners, 3 axes) index units; the first in array order of several.

    >>> one = np.array([[[0.0, 0, 0], [0, 4, 0], [0, 0, 4]]])
    >>> triangles_between(one, one + [2.0, 0, 0], np.array([0.5, 1, 1])).distance.tolist()
    [1.0]
    """
    best = BestPairs(first[:, 0], second[:, 0], spacing_mm)
    for corner in range(3):
        for foot, valid in _feet(first[:, corner], second, spacing_mm):
            best.offer(first[:, corner], foot, valid)
        for foot, valid in _feet(second[:, corner], first, spacing_mm):
            best.offer(foot, second[:, corner], valid)
    for a, b in EDGES:
        for c, d in EDGES:
            here, there, valid = _between_edges(first[:, a], first[:, b], second[:, c], second[:, d], spacing_mm)
            best.offer(here, there, valid)
        for start, end, face in ((first[:, a], first[:, b], second), (second[:, a], second[:, b], first)):
            point, valid = _pierced(start, end, face, spacing_mm)
            best.offer(point, point, valid)
    return best


def point_and_triangle(point: Floats, face: Floats, spacing_mm: Floats) -> BestPairs:
    """Nearest points of n pairs of point, (n, 3), and triangle, (n, 3 corners, 3 axes)."""
    best = BestPairs(point, face[:, 0], spacing_mm)
    for foot, valid in _feet(point, face, spacing_mm):
        best.offer(point, foot, valid)
    return best


def _feet(point: Floats, face: Floats, spacing_mm: Floats) -> list[tuple[Floats, Bools]]:
    """Where the nearest point of each triangle may be: on each edge, or square below."""
    everywhere = np.ones(len(point), bool)
    feet = [(_foot(point, face[:, a], face[:, b], spacing_mm), everywhere) for a, b in EDGES]
    u, v, inside = _weights(point, face, spacing_mm)
    below = face[:, 0] + u[:, None] * (face[:, 1] - face[:, 0]) + v[:, None] * (face[:, 2] - face[:, 0])
    return [*feet, (below, inside)]


def _dot(a: Floats, b: Floats) -> Floats:
    dot: Floats = np.einsum("ij,ij->i", a, b)
    return dot


def _foot(point: Floats, start: Floats, end: Floats, spacing_mm: Floats) -> Floats:
    """Nearest point of each edge; an end of it, to the last bit, where that is nearest."""
    way = (end - start) * spacing_mm
    length = _dot(way, way)
    along = _dot((point - start) * spacing_mm, way)
    share = np.clip(np.divide(along, length, out=np.zeros_like(along), where=length > 0), 0, 1)[:, None]
    return np.where(share == 1, end, start + share * (end - start))


def _weights(point: Floats, face: Floats, spacing_mm: Floats) -> tuple[Floats, Floats, Bools]:
    """Weights of the second and third corner of the point square below, and whether it is inside the triangle."""
    a, b = (face[:, 1] - face[:, 0]) * spacing_mm, (face[:, 2] - face[:, 0]) * spacing_mm
    p = (point - face[:, 0]) * spacing_mm
    aa, ab, bb, pa, pb = _dot(a, a), _dot(a, b), _dot(b, b), _dot(p, a), _dot(p, b)
    size = aa * bb - ab * ab
    broad = size > 1e-20 * aa * bb
    safe = np.where(broad, size, 1.0)
    u, v = (bb * pa - ab * pb) / safe, (aa * pb - ab * pa) / safe
    return u, v, broad & (u >= 0) & (v >= 0) & (u + v <= 1)


def _between_edges(a: Floats, b: Floats, c: Floats, d: Floats, spacing_mm: Floats) -> tuple[Floats, Floats, Bools]:
    """Nearest points of two edges where both lie between the ends."""
    one, other, gap = (b - a) * spacing_mm, (d - c) * spacing_mm, (a - c) * spacing_mm
    aa, ab, bb = _dot(one, one), _dot(one, other), _dot(other, other)
    pa, pb = _dot(one, gap), _dot(other, gap)
    size = aa * bb - ab * ab
    slanted = size > 1e-20 * aa * bb
    safe = np.where(slanted, size, 1.0)
    s, t = (ab * pb - bb * pa) / safe, (aa * pb - ab * pa) / safe
    valid = slanted & (s > 0) & (s < 1) & (t > 0) & (t < 1)
    s, t = np.where(valid, s, 0.0)[:, None], np.where(valid, t, 0.0)[:, None]
    return a + s * (b - a), c + t * (d - c), valid


def _pierced(start: Floats, end: Floats, face: Floats, spacing_mm: Floats) -> tuple[Floats, Bools]:
    """Where an edge goes through a triangle."""
    a, b = face[:, 1] - face[:, 0], face[:, 2] - face[:, 0]
    normal = np.cross(a, b)
    low, high = _dot(normal, start - face[:, 0]), _dot(normal, end - face[:, 0])
    through = low * high < 0
    share = np.where(through, low / np.where(through, low - high, 1.0), 0.0)[:, None]
    point = start + share * (end - start)
    return point, through & _weights(point, face, spacing_mm)[2]


class TriangleSet:
    """A set of triangles that can be asked for the nearest to others.

    triangles_px : (m, 3 corners, 3 axes) index units. spacing_mm : millimetres per index unit.
    """

    def __init__(self, triangles_px: Floats, spacing_mm: Floats) -> None:
        self.triangles_px = triangles_px
        self.spacing_mm = spacing_mm
        self._scale = spacing_mm / spacing_mm.min()
        self._corners, back = np.unique(triangles_px.reshape(-1, 3), axis=0, return_inverse=True)
        order = np.argsort(back.reshape(-1), kind="stable")
        self._of_corner = back.reshape(-1)[order]
        self._owner = order // 3
        self._longest = float(longest_side(triangles_px, self._scale).max(initial=0.0))

    @cached_property
    def _tree(self) -> cKDTree:
        return tree(self._corners * self._scale)

    def nearest(self, asked_px: Floats) -> Pairs:
        """Nearest points between each of (n, 3, 3) triangles and this set, which is not empty."""
        return joined([self._nearest(asked_px[at : at + CHUNK]) for at in range(0, len(asked_px), CHUNK)], 3)

    def _nearest(self, asked: Floats) -> Pairs:
        corners, back = np.unique(asked.reshape(-1, 3), axis=0, return_inverse=True)
        back = back.reshape(-1)
        longest = np.zeros(len(corners))
        np.maximum.at(longest, back, np.repeat(longest_side(asked, self._scale), 3))
        point, own = within_reach(self._tree, corners * self._scale, (longest + self._longest) / np.sqrt(3))
        place, corner = spread(point, own, back, len(corners))
        who, which = self._owners(place // 3, corner)
        known = self.nearest_from_corners(asked).distance_mm
        near = self._gap_at_least(asked[who], which) <= known[who] * (1 + 1e-9) + 1e-9 * self._longest
        who, which = who[near], which[near]
        return first_of_each(who, which, triangles_between(asked[who], self.triangles_px[which], self.spacing_mm))

    def _gap_at_least(self, asked: Floats, which: Ints) -> Floats:
        """A lower bound of the distance in mm between triangles: that of their boxes."""
        low, high = asked.min(axis=1), asked.max(axis=1)
        own_low, own_high = (box[which] for box in self._boxes)
        gap = np.maximum(np.maximum(own_low - high, low - own_high), 0) * self.spacing_mm
        return np.sqrt(_dot(gap, gap))

    @cached_property
    def _boxes(self) -> tuple[Floats, Floats]:
        return self.triangles_px.min(axis=1), self.triangles_px.max(axis=1)

    def nearest_to_points(self, points_px: Floats) -> Pairs:
        """Nearest points between each of (n, 3) points and this set."""
        step = 5 * CHUNK
        return joined([self._nearest_to_points(points_px[at : at + step]) for at in range(0, len(points_px), step)], 3)

    def nearest_from_corners(self, asked_px: Floats) -> Pairs:
        """As ``nearest``, but from the corners of the triangles asked only: fifty times faster, and with l their
        longest side and D the distance at most √(D² + l²/3) - D too far (where they cross: at most l/√3)."""
        corners, back = np.unique(asked_px.reshape(-1, 3), axis=0, return_inverse=True)
        found = self.nearest_to_points(corners)
        distance = found.distance_mm[back.reshape(-1, 3)]
        best = back.reshape(-1, 3)[np.arange(len(asked_px)), np.argmin(distance, axis=1)]
        return Pairs(distance.min(axis=1, initial=np.inf), corners[best], found.there_px[best], found.element[best])

    def _nearest_to_points(self, points: Floats) -> Pairs:
        extra = np.full(len(points), self._longest / np.sqrt(3))
        point, corner = within_reach(self._tree, points * self._scale, extra)
        who, which = self._owners(point, corner)
        return first_of_each(who, which, point_and_triangle(points[who], self.triangles_px[which], self.spacing_mm))

    def _owners(self, who: Ints, corner: Ints) -> tuple[Ints, Ints]:
        """The triangles at some corners, each once for each of those who ask."""
        place, triangle = spread(self._of_corner, self._owner, corner, len(self._corners))
        keys = np.unique(who[place] * len(self.triangles_px) + triangle)
        return keys // len(self.triangles_px), keys % len(self.triangles_px)


def longest_side(triangles: Floats, scale: Floats) -> Floats:
    """(n,) longest side of each triangle."""
    sides = [distance_mm(triangles[:, a], triangles[:, b], scale) for a, b in EDGES]
    longest: Floats = np.max(sides, axis=0)
    return longest

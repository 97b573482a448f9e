"""Corners on the boundary of a tumor that is being painted, and the nearest of them to points of the edge.

The surprising thing: a stroke can only bring points of the edge nearer that are farther from the tumor than from the
stroke's own box, and take away the nearest tumor only of those whose nearest was under it. All others keep theirs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from marginkit.geometry import bits
from marginkit.geometry.lattice import ROUNDING, Lattice
from marginkit.geometry.masks import pixel_beside
from marginkit.geometry.runs import Components
from marginkit.geometry.scene import Floats, Ints

MANY = 20_000  # corners: of more than that only those are put into a tree that can be nearest
SOME = 32


@dataclass(frozen=True)
class Corners:
    """keys : (n,) flat indices of lattice corners, sorted. piece : (n,) piece of specimen that the tumor is in."""

    lattice: Lattice
    keys: Ints
    piece: Ints

    def painted(self, words: bits.Words, first: int, last: int, pieces: Components) -> tuple[Corners, Ints, Ints]:
        """(corners, gone, come): after rows ``first`` to ``last`` - 1 have changed; keys that went and that came."""
        width = self.lattice.shape[1] + 1
        top, bottom = max(0, first - 1), min(len(words), last + 1)
        part = bits.PackedMask(words[top:bottom], (bottom - top, self.lattice.shape[1]))
        found = bits.boundary_vertices(part)
        found[:, 0] += top
        found = found[(found[:, 0] >= first) & (found[:, 0] <= last)]
        new = found @ np.array([width, 1])
        low, high = np.searchsorted(self.keys, [first * width, (last + 1) * width])
        old = self.keys[low:high]
        keys = np.concatenate([self.keys[:low], new, self.keys[high:]])
        piece = np.concatenate([self.piece[:low], _pieces(words, found, pieces), self.piece[high:]])
        gone, come = np.setdiff1d(old, new, assume_unique=True), np.setdiff1d(new, old, assume_unique=True)
        return Corners(self.lattice, keys, piece), gone, come

    def sorted_into(self, words: bits.Words, pieces: Components) -> Corners:
        """The same corners with the pieces of another specimen."""
        return replace(self, piece=_pieces(words, self.vertices(self.keys), pieces))

    def vertices(self, keys: Ints) -> Ints:
        """(n, 2) row and column of keys."""
        return np.stack(np.divmod(keys, self.lattice.shape[1] + 1), axis=1)

    def points_px(self, keys: Ints) -> Floats:
        """(n, 2) index units of keys."""
        return self.lattice.corner_px(self.vertices(keys))

    def nearest(self, points_px: Floats, keys: Ints) -> tuple[Floats, Ints]:
        """(distance in mm, key) of the nearest of some corners to each point."""
        if len(keys) > MANY:
            keys = self._possible(points_px, keys)
        corners = self.points_px(keys)
        found = self.lattice.points(corners).nearest(self.lattice.points(points_px))
        return self.lattice.distance_mm(points_px, corners[found]), keys[found]

    def _possible(self, points_px: Floats, keys: Ints) -> Ints:
        """The corners that can be nearest to one of the points: none of them lies farther than the nearest of some."""
        some, _ = self.nearest(points_px, keys[:: max(SOME, len(keys) // MANY + 1)])
        reach = some.max() / self.lattice.spacing_mm * (1 + 1e-9) + 1e-9
        corners = self.points_px(keys)
        near = ((corners >= points_px.min(0) - reach) & (corners <= points_px.max(0) + reach)).all(axis=1)
        possible: Ints = keys[near]
        return possible

    def tied(self, point_px: Floats, piece: int, least_mm: float) -> Floats:
        """(k, 2) corners of a piece at the least distance from a point, in array order, index units."""
        reach = least_mm / float(self.lattice.spacing_mm[0]) * (1 + 1e-9) + 1e-9
        width = self.lattice.shape[1] + 1
        rows = np.floor([point_px[0] - reach, point_px[0] + reach + 2]).astype(np.int64) * width
        low, high = np.searchsorted(self.keys, rows)
        near = low + np.flatnonzero(self.piece[low:high] == piece)
        corners = self.points_px(self.keys[near])
        distance = self.lattice.distance_mm(point_px[None], corners)
        kept: Floats = corners[distance <= distance.min() * (1 + ROUNDING)]
        return kept


def none(lattice: Lattice) -> Corners:
    """The corners of nothing."""
    return Corners(lattice, np.zeros(0, np.int64), np.zeros(0, np.int64))


def _pieces(words: bits.Words, vertices: Ints, pieces: Components) -> Ints:
    """(n,) piece of each vertex: that of a tumor pixel around it."""
    if pieces.count <= 1 or not len(vertices):
        return np.zeros(len(vertices), np.int64)
    return pieces.at(pixel_beside(bits.PackedMask(words, pieces.runs.shape), vertices))

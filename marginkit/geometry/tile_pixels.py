"""The pixels of single tiles: faces of the specimen in them and between two of them, and the tumor's corners.

The surprising thing: a tile cannot tell whether a tumor pixel at its side has a neighbour. So corners at its side are
always kept: those that lie within the tumor are never nearest to an edge, for the tumor goes on towards it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit.geometry import bits, masks
from marginkit.geometry.bits import Bools, Ints
from marginkit.geometry.runs import Components, components, gaps, runs
from marginkit.geometry.tile_index import HOLE, RIGHT, SEVERAL, WITHIN, TileIndex, TileLabels
from marginkit.geometry.value_runs import among

Fetch = Callable[[int], NDArray[Any]]  # the labels (rows, columns) of a tile by its number


@dataclass(frozen=True, eq=False)
class FaceTable:
    """Faces of the specimen: (n, 2) int64 each but ``piece``, (n,).

    low, high : their two corners, the one of smaller indices first. outside : the pixel behind it. piece : in front.
    """

    low: Ints
    high: Ints
    outside: Ints
    piece: Ints

    @staticmethod
    def joined(tables: list[FaceTable]) -> FaceTable:
        """Several as one."""
        none = np.zeros((0, 2), np.int64)
        tables = [FaceTable(none, none, none, none[:, 0]), *tables]
        names = ("low", "high", "outside", "piece")
        return FaceTable(*(np.concatenate([getattr(table, name) for table in tables]) for name in names))


@dataclass(frozen=True, eq=False)
class TumorTable:
    """Tumor inside the specimen in one tile.

    vertex, piece : (n, 2), (n,) corners on its boundary. pixel, of_pixel : (m, 2), (m,) pixels on it, and their piece.
    """

    vertex: Ints
    piece: Ints
    pixel: Ints
    of_pixel: Ints


@dataclass(frozen=True, eq=False)
class Tile:
    """One tile: its labels, and its place in the index."""

    index: TileIndex
    number: int
    labels: NDArray[Any]

    @cached_property
    def origin(self) -> Ints:
        """Its first pixel."""
        return np.array(self.index.grid.corner(self.number), np.int64)

    @cached_property
    def specimen(self) -> Bools:
        """Which of its pixels are specimen."""
        return among(self.labels, self.index.specimen)

    @cached_property
    def _pieces(self) -> Components:
        return components(runs(bits.pack(self.specimen)), corners=True)

    @cached_property
    def _grounds(self) -> Components:
        return components(gaps(runs(bits.pack(self.specimen))), corners=False)

    def piece(self, pixel: Ints) -> Ints:
        """(n,) piece of each specimen pixel of (n, 2), counted in the tile."""
        return self._label(self.index.piece, lambda: self._pieces, pixel)

    def hole(self, pixel: Ints) -> Bools:
        """(n,) whether each background pixel of (n, 2) is of a hole."""
        found: Bools = self._label(self.index.ground, lambda: self._grounds, pixel) == HOLE
        return found

    def _label(self, kept: TileLabels, parts: Callable[[], Components], pixel: Ints) -> Ints:
        one = int(kept.one[self.number])
        if one != SEVERAL or not len(pixel):
            return np.full(len(pixel), one, np.int64)
        return kept.of_parts(self.number)[parts().at(pixel)]

    def tumor(self, labels: tuple[int, ...]) -> TumorTable:
        """The tumor, whose labels are among those of the specimen."""
        mask = among(self.labels, labels)
        packed = bits.pack(mask)
        vertex = masks.vertices(packed)
        inner = mask.copy()
        for axis in (0, 1):
            along = np.moveaxis(inner, axis, 0)
            whole = np.moveaxis(mask, axis, 0)
            along[[0, -1]] = False
            along[1:-1] &= whole[:-2] & whole[2:]
        pixel = _where(mask & ~inner)
        beside = self.piece(masks.pixel_beside(packed, vertex))
        return TumorTable(vertex + self.origin, beside, pixel + self.origin, self.piece(pixel))


def faces(first: Tile, second: Tile | None, where: int, holes: bool) -> FaceTable:
    """The cut faces of a tile, or between it and the one to its right or below; ``holes``: those towards holes too."""
    if where == WITHIN:
        return FaceTable.joined([_across(first, axis, holes) for axis in (0, 1)])
    assert second is not None
    axis = 1 if where == RIGHT else 0
    last = first.specimen.shape[axis] - 1
    here, there = np.take(first.specimen, last, axis=axis), np.take(second.specimen, 0, axis=axis)
    along = np.flatnonzero(here != there)
    a, b = _line(along, last, axis), _line(along, 0, axis)
    return _table(first, a, second, b, here[along], axis, holes)


def _line(along: Ints, at: int, axis: int) -> Ints:
    """(n, 2) pixels of one row (axis 0) or column."""
    fixed = np.full(len(along), at)
    return np.stack([fixed, along] if axis == 0 else [along, fixed], axis=1)


def _across(tile: Tile, axis: int, holes: bool) -> FaceTable:
    """The faces within a tile across one axis."""
    mask = tile.specimen
    before, behind = (mask[:-1], mask[1:]) if axis == 0 else (mask[:, :-1], mask[:, 1:])
    at = _where(before != behind)
    step = np.array([1 - axis, axis])
    return _table(tile, at, tile, at + step, before[tuple(at.T)], axis, holes)


def _where(mask: Bools) -> Ints:
    """(n, 2) pixels of a mask, in array order."""
    return np.stack(np.divmod(np.flatnonzero(mask), mask.shape[1]), axis=1)


def _table(a_tile: Tile, a: Ints, b_tile: Tile, b: Ints, inside_a: Bools, axis: int, holes: bool) -> FaceTable:
    """Faces between pixels a and b, each counted in its tile; ``inside_a``: a is the specimen."""
    piece, hole = np.empty(len(a), np.int64), np.empty(len(a), bool)
    piece[inside_a], piece[~inside_a] = a_tile.piece(a[inside_a]), b_tile.piece(b[~inside_a])
    hole[inside_a], hole[~inside_a] = b_tile.hole(b[inside_a]), a_tile.hole(a[~inside_a])
    kept = np.ones(len(a), bool) if holes else ~hole
    low = b + b_tile.origin
    outside = np.where(inside_a[:, None], low, a + a_tile.origin)
    return FaceTable(low[kept], (low + np.array([axis, 1 - axis]))[kept], outside[kept], piece[kept])


def frame_faces(tile: Tile) -> FaceTable:
    """The faces of the specimen on the border of the image."""
    grid, (rows, columns) = tile.index.grid, tile.specimen.shape
    sides = [(0, 0, 0), (0, grid.height, rows - 1), (1, 0, 0), (1, grid.width, columns - 1)]
    tables = []
    for axis, line, at in sides:
        if line not in (tile.origin[axis], tile.origin[axis] + tile.specimen.shape[axis]):
            continue
        along = np.flatnonzero(np.take(tile.specimen, at, axis=axis))
        pixel = _line(along, at, axis)
        low = pixel + tile.origin
        low[:, axis] = line
        outside = pixel + tile.origin
        outside[:, axis] = line - 1 if line == 0 else line
        tables.append(FaceTable(low, low + np.array([axis, 1 - axis]), outside, tile.piece(pixel)))
    return FaceTable.joined(tables)

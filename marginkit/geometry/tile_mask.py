"""A mask in tiles that are decoded where they are asked for, and how near its tumor can be to a box at least.

The surprising thing: how far apart two boxes are is never more than how far apart their contents are. Boxes cost
nothing: those of faces are in the index, and the box of a tumor is its tile until that has been decoded.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from marginkit.geometry.bits import Ints
from marginkit.geometry.nearest import Points, squares
from marginkit.geometry.scene import Floats
from marginkit.geometry.tile_index import BELOW, FRAME, OUTER, RIGHT, SEVERAL, TileIndex
from marginkit.geometry.tile_pixels import FaceTable, Fetch, Tile, TumorTable, faces, frame_faces
from marginkit.geometry.value_runs import among


class TooManyTiles(Exception):
    """More tiles can hold the closest pair than are worth a search."""


@dataclass
class TiledMask:
    """The tiles of one image, and its tumor: labels that are specimen too.

    most : TooManyTiles is raised where more would have to be decoded.
    """

    index: TileIndex
    tumor: tuple[int, ...]
    spacing_mm: tuple[float, float]
    fetch: Fetch
    most: int = 1 << 62
    decoded: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._tiles: dict[int, Tile] = {}
        self._tumors: dict[int, TumorTable] = {}
        self.spacing: Floats = np.array(self.spacing_mm, np.float64)
        grid = self.index.grid
        self._held = self._not_surrounded()
        corner = np.stack(np.divmod(self._held, grid.across), axis=1) * (grid.rows, grid.columns)
        ends = np.minimum(corner + np.array([grid.rows, grid.columns]), (grid.height, grid.width))
        self._boxes = np.stack([corner[:, 0], ends[:, 0], corner[:, 1], ends[:, 1]], axis=1)
        self._pieces = self.index.piece.one[self._held]

    def _not_surrounded(self) -> Ints:
        """Tiles with tumor that can have some of its boundary: those that are not among tiles of tumor alone."""
        grid = self.index.grid
        some = self.index.holding(self.tumor)
        others = tuple(value for value in self.index.values.tolist() if value not in self.tumor)
        alone = np.zeros((grid.down + 2, grid.across + 2), bool)
        alone[1:-1, 1:-1] = (some & ~self.index.holding(others)).reshape(grid.down, grid.across)
        for axis in (0, 1):
            alone = alone & np.roll(alone, 1, axis) & np.roll(alone, -1, axis)
        return np.flatnonzero(some & ~alone[1:-1, 1:-1].ravel())

    def tile(self, number: int) -> Tile:
        """A tile; decoded unless the index knows its only value."""
        if number not in self._tiles:
            value = self.index.only_value(number)
            if value is None:
                if len(self.decoded) >= self.most:
                    raise TooManyTiles
                self.decoded.add(number)
                labels = self.fetch(number)
            else:
                labels = np.broadcast_to(np.int64(value), self.index.grid.size(number))
            self._tiles[number] = Tile(self.index, number, labels)
        return self._tiles[number]

    def tumor_in(self, number: int) -> TumorTable:
        """The tumor of one tile."""
        if number not in self._tumors:
            self._tumors[number] = self.tile(number).tumor(self.tumor)
        return self._tumors[number]

    def edge(self, holes: bool) -> Ints:
        """Rows of the index's faces that can be cut; ``holes``: those towards holes are."""
        table, across, ground = self.index.faces, self.index.grid.across, self.index.ground.one
        counts = (ground == OUTER) | (ground == SEVERAL) | holes
        other = table[:, 0] + np.choose(table[:, 1], [0, 1, across, 0])
        kept: Ints = table[(table[:, 1] != FRAME) & (counts[table[:, 0]] | counts[np.minimum(other, len(counts) - 1)])]
        return kept

    def frame(self) -> Ints:
        """Rows of the index's faces that lie on the border of the image."""
        table: Ints = self.index.faces[self.index.faces[:, 1] == FRAME]
        return table

    def faces(self, row: Ints, holes: bool) -> FaceTable:
        """The faces of one row of the index."""
        tile, where = int(row[0]), int(row[1])
        if where == FRAME:
            return frame_faces(self.tile(tile))
        step = {RIGHT: 1, BELOW: self.index.grid.across}.get(where)
        return faces(self.tile(tile), None if step is None else self.tile(tile + step), where, holes)

    def coarse_mm(self, rows: Ints) -> Floats:
        """(n,) least distance between the tile of each row and a tile with tumor.

        Between two tiles lie one tile fewer than their numbers differ by: so a tile with tumor stands for its eight
        neighbours too.
        """
        grid = self.index.grid
        if not len(self._held) or not len(rows):
            return np.full(len(rows), np.inf)
        spread = np.zeros((grid.down + 2, grid.across + 2), bool)
        row, column = np.divmod(self._held, grid.across)
        for down in range(3):
            for right in range(3):
                spread[row + down, column + right] = True
        scale = np.array([grid.rows, grid.columns]) * self.spacing
        here = Points(np.argwhere(spread).astype(np.float64) - 1, scale)
        ask = np.stack(np.divmod(rows[:, 0], grid.across), axis=1).astype(np.float64)
        found = here.nearest(Points(ask, scale))
        return np.sqrt(squares(ask * scale, here.points_px[found] * scale))

    def bounds_mm(self, box: Ints, pieces: Ints) -> Floats:
        """(m,) least distance between a box and what is known of each tile with tumor; inf where no piece is shared."""
        low, high = box[[0, 2]], box[[1, 3]]
        gap = np.maximum(np.maximum(self._boxes[:, [0, 2]] - high, low - self._boxes[:, [1, 3]]), 0)
        away: Floats = np.sqrt(((gap * self.spacing) ** 2).sum(axis=1))
        if SEVERAL not in pieces:
            away[~among(self._pieces, [*pieces.tolist(), SEVERAL])] = np.inf
        return away

    def tightened(self, place: int) -> TumorTable:
        """The tumor of a tile, whose box is as large as that from now on."""
        table = self.tumor_in(int(self._held[place]))
        low, high = table.vertex.min(axis=0), table.vertex.max(axis=0)
        self._boxes[place] = low[0], high[0], low[1], high[1]
        return table

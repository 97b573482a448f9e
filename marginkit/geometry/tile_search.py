"""The tiles that can hold the closest pair of tumor and edge: best first, and nothing that a bound excludes.

The surprising thing: once a pair is known, all that lies in boxes farther apart can stay packed, and the least of those
distances is the proof.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np

from marginkit.geometry.bits import Ints
from marginkit.geometry.nearest import Points, squares
from marginkit.geometry.scene import Floats
from marginkit.geometry.tile_index import BELOW, RIGHT
from marginkit.geometry.tile_mask import TiledMask
from marginkit.geometry.tile_pixels import FaceTable, TumorTable

SLACK = 1e-9  # relative: far above what a bound's own sums can be off
ITS_TILE, ITS_BOX, ITS_FACES = range(3)  # what a bound was taken from, from coarse to fine


def near(mask: TiledMask, rows: Ints, holes: bool, limit_mm: float, slack_mm: float) -> Near:
    """All faces of some rows of the index and all tumor that can be as near to each other as the least distance and a
    slack.

    holes : faces towards holes count. limit_mm : pairs farther apart are not looked for.
    """
    return Near(mask, rows, holes, limit_mm, slack_mm).found()


@dataclass
class Near:
    """What a search has found: faces and tumor, and the bound of all that it left.

    limit_mm : the least distance found, and the slack. bound_mm : no pair that was left out is nearer; inf where none.
    """

    mask: TiledMask
    rows: Ints
    holes: bool
    limit_mm: float
    slack_mm: float
    bound_mm: float = np.inf

    def found(self) -> Near:
        """Itself, after the search."""
        self._tables: dict[int, FaceTable] = {}
        self._used: set[int] = set()
        heap = [(bound, ITS_TILE, k) for k, bound in enumerate(self.mask.coarse_mm(self.rows).tolist())]
        heapq.heapify(heap)
        while heap:
            bound, known, k = heapq.heappop(heap)
            if bound > self.limit_mm * (1 + SLACK):
                self.bound_mm = min(self.bound_mm, bound)
                break
            if known == ITS_FACES:
                self._measure(k)
            else:
                finer = self._boxed(k) if known == ITS_TILE else self._decoded(k)
                if np.isfinite(finer):
                    heapq.heappush(heap, (finer, known + 1, k))
        return self

    def _boxed(self, k: int) -> float:
        """The bound from the box in the index."""
        tile, where = self.rows[k, :2].tolist()
        other = tile + {RIGHT: 1, BELOW: self.mask.index.grid.across}.get(where, 0)
        pieces = self.mask.index.piece.one[[tile, other]]
        return float(self.mask.bounds_mm(self.rows[k, 2:], pieces).min(initial=np.inf))

    def _decoded(self, k: int) -> float:
        """The bound from the faces themselves."""
        table = self.mask.faces(self.rows[k], self.holes)
        if not len(table.piece):
            return float("inf")
        self._tables[k] = table
        return float(self._bounds(table).min(initial=np.inf))

    def _bounds(self, table: FaceTable) -> Floats:
        low, high = table.low.min(axis=0), table.high.max(axis=0)
        return self.mask.bounds_mm(np.array([low[0], high[0], low[1], high[1]]), np.unique(table.piece))

    def _measure(self, k: int) -> None:
        """Look at all tiles with tumor that can be near to some faces, nearest first."""
        table = self._tables[k]
        bounds = self._bounds(table)
        for place in np.argsort(bounds, kind="stable").tolist():
            if bounds[place] > self.limit_mm * (1 + SLACK):
                self.bound_mm = min(self.bound_mm, float(bounds[place]))
                return
            tumor = self.mask.tightened(place)
            bound = float(self._bounds(table)[place])
            if bound > self.limit_mm * (1 + SLACK):
                self.bound_mm = min(self.bound_mm, bound)
                continue
            self._used.add(place)
            self.limit_mm = min(self.limit_mm, self._least_mm(table, tumor) + self.slack_mm)

    def _least_mm(self, table: FaceTable, tumor: TumorTable) -> float:
        """Least distance between faces and tumor of one piece."""
        least = np.inf
        for piece in np.intersect1d(table.piece, tumor.piece).tolist():
            mine = table.piece == piece
            ask = np.unique(np.concatenate([table.low[mine], table.high[mine]]), axis=0).astype(np.float64)
            there = tumor.vertex[tumor.piece == piece].astype(np.float64)
            nearest = there[Points(there, self.mask.spacing).nearest(Points(ask, self.mask.spacing))]
            away = squares(ask * self.mask.spacing, nearest * self.mask.spacing)
            least = min(least, float(np.sqrt(away.min())))
        return least

    @property
    def faces(self) -> FaceTable:
        """The faces found."""
        return FaceTable.joined(list(self._tables.values()))

    @property
    def tumors(self) -> list[TumorTable]:
        """The tumor found, by tiles."""
        return [self.mask.tightened(place) for place in sorted(self._used)]

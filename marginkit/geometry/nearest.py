"""The nearest of a set of points, exactly and the same on every route: of equally near ones the first.

The surprising thing: a k-d tree says which of equally near points it met first, and that depends on how it was built.
On a pixel grid ties are the rule, so both routes here settle them: lengths are compared as sums of squares in one
fixed order of operations, and of equal sums the first point is taken.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from marginkit.geometry import compiled
from marginkit.geometry.scene import Bools, Floats, Ints
from marginkit.geometry.sharing import side_by_side

SLACK = 1e-9  # relative: far above what a tree's own sums can be off
GRID_PAYS = 25  # columns that a scan along a row passes while the tree answers one that asks; an estimate
GRID_STEPS = 1 << 20  # a side of the grid: the kernel's whole numbers hold its cubes
CELL_PX = {2: 64.0, 3: 16.0}  # a compromise between few samples and tight bounds

if TYPE_CHECKING:
    from scipy.spatial import cKDTree


class Points:
    """(n, ndim) points, n > 0, in index units, and the size of those units relative to each other.

    group : (n,) of each point, for ``least``.
    """

    def __init__(self, points_px: Floats, scale: Floats, group: Ints | None = None) -> None:
        self.points_px = np.ascontiguousarray(points_px, np.float64)
        self.scale = np.ascontiguousarray(scale, np.float64)
        self.group = group

    @cached_property
    def _compiled(self) -> compiled.Tree:
        group = None if self.group is None else self.group.astype(np.int32)
        return compiled.Tree(self.points_px, self.scale, group)

    @cached_property
    def _scaled(self) -> Floats:
        scaled: Floats = self.points_px * self.scale
        return scaled

    @cached_property
    def _tree(self) -> cKDTree:
        from scipy.spatial import cKDTree

        return cKDTree(self._scaled, balanced_tree=False, compact_nodes=False)

    def nearest(self, ask: Points) -> Ints:
        """(m,) which point is nearest to each of those that ask.

        >>> here = Points(np.array([[0.0, 0.0], [0.0, 2.0]]), np.ones(2))
        >>> here.nearest(Points(np.array([[5.0, 1.0], [0.0, 1.5]]), np.ones(2))).tolist()
        [0, 1]
        """
        if compiled.kernel() is not None:
            if self._dense(ask):
                low, high = self.points_px.min(axis=0), self.points_px.max(axis=0)
                return compiled.grid_nearest(self.points_px, low, int(high[1] - low[1]) + 1, ask.points_px)
            mine, asked = side_by_side(lambda points: points._compiled, (self, ask))
            return mine.nearest(asked)
        return self._settled(ask._scaled)

    def _dense(self, ask: Points) -> bool:
        """Whether so many ask that rows of a square grid are scanned faster than each is answered."""
        if self.points_px.shape[1] != 2 or not (self.scale == 1).all() or not len(ask.points_px):
            return False
        rows = abs(ask.points_px[-1, 0] - ask.points_px[0, 0]) + 1
        if len(ask.points_px) * GRID_PAYS < rows * (np.ptp(self.points_px[:, 1]) + 1):
            return False
        both = self.points_px, ask.points_px
        return all(compiled.on_grid(points, self.points_px[0], GRID_STEPS / 2) for points in both)

    def within(self, ask: Points, reach: float) -> Ints:
        """Those that ask and have a point at most ``reach`` scaled units away, in their order, and few others."""
        if compiled.kernel() is not None:
            return np.flatnonzero(self._compiled.nearest(ask._compiled, (reach * (1 + SLACK)) ** 2) >= 0)
        away = self._tree.query(ask._scaled, distance_upper_bound=reach * (1 + SLACK) + SLACK, workers=2)[0]
        return np.flatnonzero(np.isfinite(away))

    def least(self, ask: Points, number: int) -> tuple[Ints, Ints]:
        """(number,) nearest asker of each group, and the point that it is nearest to; -1 where a group is empty."""
        if compiled.kernel() is not None:
            return self._compiled.least(ask._compiled, number)
        assert ask.group is not None
        near = np.flatnonzero(_may_be_nearest(self._tree, ask._scaled, ask.group, number))
        found = self._settled(ask._scaled[near])
        square, group = squares(ask._scaled[near], self._scaled[found]), ask.group[near]
        order = np.lexsort((near, square, group))
        first = order[np.flatnonzero(np.diff(group[order], prepend=-1))]
        who, what = np.full(number, -1, np.int64), np.full(number, -1, np.int64)
        who[group[first]], what[group[first]] = near[first], found[first]
        return who, what

    def _settled(self, asked: Floats) -> Ints:
        """Nearest by the k-d tree, ties settled: the more ties, the more neighbours are asked for."""
        out = np.empty(len(asked), np.int64)
        todo, number = np.arange(len(asked)), min(2, self._tree.n)
        while len(todo):
            answer = self._tree.query(asked[todo], k=np.arange(1, number + 1), workers=2)
            away, found = np.asarray(answer[0]), np.asarray(answer[1])
            reach = away[:, :1] * (1 + SLACK)
            done = (away[:, -1] > reach[:, 0]) | (number == self._tree.n)
            square = np.stack([squares(asked[todo], self._scaled[column]) for column in found.T], axis=1)
            least = square.min(axis=1, keepdims=True)
            first = np.where(square == least, found, self._tree.n).min(axis=1)
            out[todo[done]] = first[done]
            todo, number = todo[~done], min(4 * number, self._tree.n)
        return out


def squares(a: Floats, b: Floats) -> Floats:
    """(n,) squared distances of (n, ndim) points, summed from the first axis to the last."""
    total: Floats = (a[:, 0] - b[:, 0]) ** 2
    for axis in range(1, a.shape[1]):
        total += (a[:, axis] - b[:, axis]) ** 2
    return total


def _may_be_nearest(tree: cKDTree, scaled: Floats, group: Ints, number: int) -> Bools:
    """(n,) whether a point's cell can hold its group's nearest point: one point of a cell bounds all of them."""
    side = CELL_PX[scaled.shape[1]]
    cell = np.floor(scaled / side).astype(np.int64)
    keys = np.ravel_multi_index((group, *(cell - cell.min(axis=0)).T), (number, *np.ptp(cell, axis=0) + 1))
    _, first, of_point = np.unique(keys, return_index=True, return_inverse=True)
    sample, _ = tree.query(scaled[first], workers=2)
    least: Floats = np.full(number, np.inf)
    np.minimum.at(least, group[first], sample)
    reach = side * np.sqrt(scaled.shape[1])
    may: Bools = sample - reach <= least[group[first]]
    return may[of_point.ravel()]

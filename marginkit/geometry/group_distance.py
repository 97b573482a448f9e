"""Least distance of each group of points to a set of points, asking the tree for few of them.

A focus has thousands of boundary points, one of which is nearest to the edge. Points are gathered in square cells;
one point of a cell bounds the distance of all of them, and most cells are too far to hold the nearest.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from marginkit.geometry.lattice import Lattice
from marginkit.geometry.scene import Bools, Floats, Ints

CELL_PX = {2: 64.0, 3: 16.0}  # a compromise between few samples and tight bounds


def least_mm(lattice: Lattice, points_px: Floats, group: Ints, number: int, target_px: Floats) -> Floats:
    """(number,) least distance in mm of each group of points to the target; inf for a group without points.

    points_px : (n, ndim), group : (n,) of each point, target_px : (m, ndim), all in index units.
    """
    out: Floats = np.full(number, np.inf)
    tree = lattice.tree(target_px)
    near = _may_be_nearest(tree, lattice.scaled(points_px), group, number)
    _, found = tree.query(lattice.scaled(points_px[near]), workers=2)
    np.minimum.at(out, group[near], lattice.distance_mm(points_px[near], target_px[found]))
    return out


def _may_be_nearest(tree: cKDTree, scaled: Floats, group: Ints, number: int) -> Bools:
    """(n,) whether a point's cell can hold its group's nearest point."""
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

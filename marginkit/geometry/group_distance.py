"""Least distance of each group of points to a set of points."""

from __future__ import annotations

import numpy as np

from marginkit.geometry.lattice import Lattice
from marginkit.geometry.scene import Floats, Ints


def least_mm(lattice: Lattice, points_px: Floats, group: Ints, number: int, target_px: Floats) -> Floats:
    """(number,) least distance in mm of each group of points to the target; inf for a group without points.

    points_px : (n, ndim), group : (n,) of each point, target_px : (m, ndim), all in index units.
    """
    out: Floats = np.full(number, np.inf)
    who, what = lattice.points(target_px).least(lattice.points(points_px, group), number)
    some = who >= 0
    out[some] = lattice.distance_mm(points_px[who[some]], target_px[what[some]])
    return out

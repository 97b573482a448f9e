"""Least distance of each group of points to a set of points."""

from __future__ import annotations

import numpy as np

from marginkit.geometry.lattice import Lattice
from marginkit.geometry.nearest import Points
from marginkit.geometry.scene import Floats


def least_mm(lattice: Lattice, grouped: Points, number: int, target: Points) -> Floats:
    """(number,) least distance in mm of each group of points to the target; inf for a group without points."""
    out: Floats = np.full(number, np.inf)
    who, what = target.least(grouped, number)
    some = who >= 0
    out[some] = lattice.distance_mm(grouped.points_px[who[some]], target.points_px[what[some]])
    return out

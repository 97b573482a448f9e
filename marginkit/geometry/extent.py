"""Greatest distance within a set of points, as staging measures a tumor.

The two points farthest apart lie on the convex hull, so only hull points are compared.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import cdist

from marginkit.geometry.scene import Floats, Ints


def line_ends(vertex: Ints) -> Ints:
    """Those of (n, ndim) lattice points that are first or last on their lattice line along every axis.

    Only they can be corners of the convex hull.

    >>> line_ends(np.array([[0, 0], [0, 1], [0, 2]])).tolist()
    [[0, 0], [0, 2]]
    """
    for axis in reversed(range(vertex.shape[1])):
        others = [vertex[:, a] for a in range(vertex.shape[1]) if a != axis]
        vertex = vertex[np.lexsort([vertex[:, axis], *others])]
        new = (np.diff(np.delete(vertex, axis, axis=1), axis=0) != 0).any(axis=1)
        vertex = vertex[np.concatenate([[True], new]) | np.concatenate([new, [True]])]
    return vertex


def diameter_mm(points_mm: Floats) -> float:
    """Greatest distance between two of (n, ndim) points, mm; 0 for a single point.

    >>> diameter_mm(np.array([[0.0, 0.0], [0.0, 4.0], [3.0, 0.0], [3.0, 4.0]]))
    5.0
    """
    corners = _hull(points_mm)
    best = 0.0
    for first in range(0, len(corners), 1000):
        best = max(best, float(cdist(corners[first : first + 1000], corners).max()))
    return best


def _hull(points: Floats) -> Floats:
    if len(points) <= points.shape[1] + 1:
        return points
    try:
        hull: Floats = points[ConvexHull(points).vertices]
    except QhullError:  # all on one line or plane
        return np.unique(points, axis=0)
    return hull

"""Greatest distance within a set of points, as staging measures a tumor.

The two points farthest apart lie on the convex hull, so only hull points are compared.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from marginkit.geometry.scene import Floats, Ints

MANY = 200  # points: of more than that most are left out at once
FEW = 100_000  # points: a hull of so few is found sooner than SciPy is loaded
PASSES = 64  # over the points of a hull's side: each takes out about half of those that are no corners
STRIP = 256  # corners compared at a time
ROUNDED = 1e-12  # of the greatest square: far more than a sum of products is off
DIRECTIONS = 32  # of the polygon that leaves out what lies well inside


def line_ends(vertex: Ints) -> Ints:
    """Those of (n, ndim) lattice points that are first or last on their lattice line along every axis.

    Only they can be corners of the convex hull.

    >>> line_ends(np.array([[0, 0], [0, 1], [0, 2]])).tolist()
    [[0, 0], [0, 2]]
    """
    for axis in reversed(range(vertex.shape[1])):
        others = [vertex[:, a] for a in range(vertex.shape[1]) if a != axis]
        if axis < vertex.shape[1] - 1 or not _in_order(vertex):
            vertex = vertex[np.lexsort([vertex[:, axis], *others])]
        new = (np.diff(np.delete(vertex, axis, axis=1), axis=0) != 0).any(axis=1)
        vertex = vertex[np.concatenate([[True], new]) | np.concatenate([new, [True]])]
    return vertex


def _in_order(vertex: Ints) -> bool:
    """Whether lattice points of a plane come row by row, as they are found."""
    if vertex.shape[1] != 2:
        return False
    down, right = np.diff(vertex[:, 0]), np.diff(vertex[:, 1])
    return bool(((down > 0) | ((down == 0) & (right > 0))).all())


def diameter_mm(points_mm: Floats) -> float:
    """Greatest distance between two of (n, ndim) points, mm; 0 for a single point.

    >>> diameter_mm(np.array([[0.0, 0.0], [0.0, 4.0], [3.0, 0.0], [3.0, 4.0]]))
    5.0
    """
    corners = _hull(_outermost(points_mm))
    best = 0.0
    for first, second in _far_apart(corners):
        way = corners[first] - corners[second]
        best = max(best, float(np.einsum("ij,ij->i", way, way).max(initial=0.0)))
    return float(np.sqrt(best))


def _far_apart(points: Floats) -> Iterator[tuple[Ints, Ints]]:
    """Pairs of (n, ndim) points, some at a time, among them the farthest: by sums of products, which round a little."""
    centred = points - points.mean(axis=0)
    square = np.einsum("ij,ij->i", centred, centred)
    best = 0.0
    for first in range(0, len(points), STRIP):
        strip = slice(first, first + STRIP)
        apart = square[strip, None] + square[first:] - 2 * (centred[strip] @ centred[first:].T)
        best = max(best, float(apart.max()))
        one, other = np.nonzero(apart >= best - ROUNDED * square.max())
        yield first + one, first + other


def _outermost(points: Floats) -> Floats:
    """Without most of the points that are no corners of the hull, where there are many in 2-D.

    A point inside a polygon of other points is none. The polygon here: the points that reach farthest in 32 directions.
    """
    if points.shape[1] != 2 or len(points) <= MANY:
        return points
    angle = np.arange(DIRECTIONS) * (2 * np.pi / DIRECTIONS)
    way = np.stack([np.cos(angle), np.sin(angle)])
    polygon = points[[int(np.argmax(points @ way[:, k])) for k in range(DIRECTIONS)]]
    inside = np.ones(len(points), np.bool_)
    for a, b in zip(polygon, np.roll(polygon, -1, axis=0)):
        if (a != b).any():  # the same point may be farthest twice
            inside &= (b[0] - a[0]) * (points[:, 1] - a[1]) - (b[1] - a[1]) * (points[:, 0] - a[0]) > 0
    return points[~inside]


def _hull(points: Floats) -> Floats:
    if len(points) <= points.shape[1] + 1:
        return points
    if points.shape[1] == 2 and len(points) <= FEW:
        return flat_hull(points)
    from scipy.spatial import ConvexHull, QhullError

    try:
        hull: Floats = points[ConvexHull(points).vertices]
    except QhullError:  # all on one line or plane
        return np.unique(points, axis=0)
    return hull


def flat_hull(points: Floats) -> Floats:
    """Corners of the convex hull of (n, 2) points (Andrew's monotone chain): sooner than SciPy's is loaded.

    >>> flat_hull(np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0], [1.0, 0.5], [1.0, 0.0]])).tolist()
    [[0.0, 0.0], [2.0, 0.0], [1.0, 1.0]]
    """
    ordered = points[np.lexsort((points[:, 1], points[:, 0]))]
    ordered = ordered[np.append(True, (ordered[1:] != ordered[:-1]).any(axis=1))]
    sides: list[list[float]] = []
    for side in (ordered, ordered[::-1]):
        kept: list[list[float]] = []
        for y, x in _bulging(side).tolist():
            while len(kept) > 1:
                (y0, x0), (y1, x1) = kept[-2:]
                if (y1 - y0) * (x - x0) - (x1 - x0) * (y - y0) > 0:
                    break
                kept.pop()
            kept.append([y, x])
        sides += kept[:-1] if len(kept) > 1 else kept
    return np.array(sides)


def _bulging(side: Floats) -> Floats:
    """The points of one side of a hull, from end to end, without most of those that lie behind their neighbours.

    A point behind the line between the two beside it is no corner, whichever others are taken out with it.
    """
    for _ in range(PASSES):
        back, on = side[1:-1] - side[:-2], side[2:] - side[:-2]
        bulges = np.ones(len(side), np.bool_)
        bulges[1:-1] = back[:, 0] * on[:, 1] - back[:, 1] * on[:, 0] > 0
        if bulges.all():
            break
        side = side[bulges]
    return side

"""Foci that lie within a stated distance of each other count as one.

Histologists call two nests of one tumor one focus when little lies between them; the distance is the user's.
"""

from __future__ import annotations

import numpy as np

from marginkit.geometry.scene import Bools, Floats, Ints


def groups(points_mm: Floats, focus: Ints, piece: Ints, link_mm: float) -> Ints:
    """(k,) group of each focus: foci of one piece whose distance is at most ``link_mm`` share a group.

    points_mm : (n, ndim) boundary points. focus : (n,) owner of each point. piece : (k,) piece of each focus.

    >>> groups(np.array([[0.0, 0.0], [0.0, 1.0], [0.0, 5.0]]), np.array([0, 1, 2]), np.zeros(3, int), 1.0).tolist()
    [0, 0, 1]
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    number = len(piece)
    order = np.argsort(focus, kind="stable")
    parts = np.split(order, np.searchsorted(focus[order], np.arange(1, number)))
    low = np.array([points_mm[part].min(axis=0) for part in parts])
    high = np.array([points_mm[part].max(axis=0) for part in parts])
    pairs = [pair for one in range(number - 1) for pair in _near(one, parts, points_mm, low, high, piece, link_mm)]
    first, second = (np.array(side, np.int64) for side in (zip(*pairs) if pairs else ((), ())))
    graph = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(number, number))
    label: Ints = connected_components(graph, directed=False)[1].astype(np.int64)
    return label


def _near(
    one: int, parts: list[Ints], points: Floats, low: Floats, high: Floats, piece: Ints, link_mm: float
) -> list[tuple[int, int]]:
    """Later foci of the same piece that lie within the link of focus ``one``."""
    gap = np.maximum(np.maximum(low - high[one], low[one] - high), 0)
    may: Bools = (np.sqrt((gap**2).sum(axis=1)) <= link_mm) & (piece == piece[one])
    may[: one + 1] = False
    others = np.flatnonzero(may)
    if not len(others):
        return []
    from scipy.spatial import cKDTree

    tree = cKDTree(points[parts[one]])
    limit = link_mm * (1 + 1e-12)
    return [(one, int(o)) for o in others if np.min(tree.query(points[parts[o]])[0]) <= limit]

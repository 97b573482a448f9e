"""Pairs of nearest points, in two or three dimensions: measuring them, choosing among them, finding candidates.

The surprising thing: of several equally near pairs the first in array order is kept, so a result does not depend on the
order in which a tree happens to visit its points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from marginkit.geometry.scene import Bools, Floats, Ints

TIE = 1e-12  # relative: distances nearer to each other than this are equal
TABLE = 4_000_000  # distances held at a time


@dataclass(frozen=True)
class Pairs:
    """For each element asked, the nearest points; the first in array order (asked point, then other) of several.

    distance_mm : (n,). here_px : (n, ndim) on the element asked. there_px : (n, ndim) on the nearest one of the set.
    element : (n,) which one of the set.
    """

    distance_mm: Floats
    here_px: Floats
    there_px: Floats
    element: Ints


def distance_mm(a_px: Floats, b_px: Floats, spacing_mm: Floats) -> Floats:
    """(n,) distances between (n, ndim) points: taken in index units before they become mm, so that none is lost."""
    way = (a_px - b_px) * spacing_mm
    distance: Floats = np.sqrt(np.einsum("...i,...i->...", way, way))  # three times as fast as a sum along the axis
    return distance


class BestPairs:
    """The nearest pair so far for each of n; better ones, or equal ones earlier in array order, take its place."""

    def __init__(self, here_px: Floats, there_px: Floats, spacing_mm: Floats) -> None:
        self.here, self.there = np.array(here_px), np.array(there_px)
        self._spacing = spacing_mm
        self.distance = distance_mm(self.here, self.there, spacing_mm)

    def offer(self, here_px: Floats, there_px: Floats, valid: Bools | None = None) -> None:
        """Take over those pairs that are better, where ``valid``."""
        distance = distance_mm(here_px, there_px, self._spacing)
        maybe = distance <= self.distance * (1 + TIE)
        at = np.flatnonzero(maybe if valid is None else maybe & valid)
        offered = np.hstack([here_px[at], there_px[at]])
        nearer = distance[at] < self.distance[at] * (1 - TIE)
        taken = nearer | _before(offered, np.hstack([self.here[at], self.there[at]]))
        at = at[taken]
        self.here[at], self.there[at], self.distance[at] = here_px[at], there_px[at], distance[at]


def _before(a: Floats, b: Floats) -> Bools:
    """Whether row a comes before row b in array order."""
    differ = a != b
    first = np.argmax(differ, axis=1)[:, None]
    before: Bools = (np.take_along_axis(a, first, 1) < np.take_along_axis(b, first, 1))[:, 0] & differ.any(axis=1)
    return before


def first_of_each(who: Ints, element: Ints, best: BestPairs) -> Pairs:
    """The best pair for each of those asked; ``who`` is sorted and leaves none out."""
    starts = np.flatnonzero(np.diff(who, prepend=-1))
    least = np.minimum.reduceat(best.distance, starts)[np.cumsum(np.diff(who, prepend=-1) > 0) - 1]
    tied = np.flatnonzero(best.distance <= least * (1 + TIE))
    keys = np.column_stack([best.here[tied], best.there[tied]])
    order = tied[np.lexsort([*keys.T[::-1], who[tied]])]
    first = order[np.flatnonzero(np.diff(who[order], prepend=-1))]
    return Pairs(best.distance[first], best.here[first], best.there[first], element[first])


def joined(chunks: list[Pairs], ndim: int) -> Pairs:
    """Pairs of several chunks, one after the other."""
    if not chunks:
        return Pairs(np.zeros(0), np.zeros((0, ndim)), np.zeros((0, ndim)), np.zeros(0, np.int64))
    columns = [np.concatenate(c) for c in zip(*[(p.distance_mm, p.here_px, p.there_px, p.element) for p in chunks])]
    return Pairs(*columns)


def tree(points: Floats) -> cKDTree:
    """A k-d tree; unbalanced ones are ten times faster for points along curves and surfaces."""
    return cKDTree(points, balanced_tree=False, compact_nodes=False)


def within_reach(of: cKDTree, points: Floats, extra: Floats) -> tuple[Ints, Ints]:
    """Pairs of point and tree point at most √(d² + extra²) apart, where d is the distance to the nearest one.

    Sorted by point. More tree points are asked for until the rest is beyond reach.
    """
    todo = np.arange(len(points))
    number = min(8, of.n)
    found: list[tuple[Ints, Ints]] = []
    while len(todo):
        left = []
        for some in np.array_split(todo, 1 + len(todo) * number // TABLE):
            asked = of.query(points[some], k=np.arange(1, number + 1), workers=2)
            distance, index = (np.asarray(column) for column in asked)
            reach = np.sqrt(distance[:, 0] ** 2 + extra[some] ** 2) * (1 + 1e-9)
            done = (distance[:, -1] > reach) | (number == of.n)
            row, column = np.nonzero((distance <= reach[:, None]) & done[:, None])
            found.append((some[row], index[row, column].astype(np.int64)))
            left.append(some[~done])
        todo = np.concatenate(left)
        number = min(4 * number, of.n)
    who = np.concatenate([f[0] for f in found]) if found else np.zeros(0, np.int64)
    order = np.argsort(who, kind="stable")
    return who[order], np.concatenate([f[1] for f in found])[order] if found else np.zeros(0, np.int64)


def spread(who: Ints, what: Ints, members: Ints, number: int) -> tuple[Ints, Ints]:
    """For each place k of ``members`` the pairs (k, what) of those rows whose ``who`` is ``members[k]``.

    ``who`` is sorted and its values are below ``number``.

    >>> [x.tolist() for x in spread(np.array([0, 0, 1]), np.array([5, 6, 7]), np.array([1, 0, 1]), 2)]
    [[0, 1, 1, 2], [7, 5, 6, 7]]
    """
    first = np.searchsorted(who, np.arange(number + 1))
    found = np.diff(first)[members]
    slot = np.repeat(first[members], found) + np.arange(found.sum()) - np.repeat(np.cumsum(found) - found, found)
    return np.repeat(np.arange(len(members)), found), what[slot]

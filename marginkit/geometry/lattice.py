"""Where the corners and centres of pixels lie, and how far apart.

The surprising thing: the lattice need not be regular. ``ticks`` places its lines in index units of the image, so
that two masks of different spacing are measured on the lattice of both without resampling either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from marginkit.geometry import compiled
from marginkit.geometry.nearest import Points
from marginkit.geometry.scene import Floats, Ints

ROUNDING = 1e-12  # relative: two ways to sum the same squares


def regular_ticks(shape: Sequence[int]) -> tuple[Floats, ...]:
    """Lattice lines of an ordinary pixel grid: half-integers, in index units.

    >>> [line.tolist() for line in regular_ticks((1, 2))]
    [[-0.5, 0.5], [-0.5, 0.5, 1.5]]
    """
    return tuple(np.arange(n + 1, dtype=np.float64) - 0.5 for n in shape)


@dataclass(frozen=True)
class Lattice:
    """Lines of a pixel grid along each axis, in index units of the image, and millimetres per index unit."""

    ticks: tuple[Floats, ...]
    spacing_mm: Floats

    @property
    def ndim(self) -> int:
        """2 or 3."""
        return len(self.ticks)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of pixels along each axis."""
        return tuple(len(t) - 1 for t in self.ticks)

    @cached_property
    def regular(self) -> bool:
        """Whether it is the grid of the image itself."""
        return all(np.array_equal(t, r) for t, r in zip(self.ticks, regular_ticks(self.shape)))

    @cached_property
    def widths_mm(self) -> tuple[Floats, ...]:
        """Size of the pixels along each axis."""
        return tuple(np.diff(t) * s for t, s in zip(self.ticks, self.spacing_mm))

    def corner_px(self, vertex: Ints) -> Floats:
        """(n, ndim) positions of vertices in index units."""
        if compiled.kernel() is not None and vertex.ndim == 2:
            return compiled.positions(vertex, self.ticks)
        return np.stack([line[vertex[:, axis]] for axis, line in enumerate(self.ticks)], axis=1)

    def centre_px(self, pixel: Ints) -> Floats:
        """(n, ndim) centres of pixels in index units; pixels may lie outside the grid by one."""
        columns = []
        for axis, line in enumerate(self.ticks):
            middle = (line[:-1] + line[1:]) / 2
            beyond = (2 * line[0] - middle[0], 2 * line[-1] - middle[-1])
            columns.append(np.concatenate([beyond[:1], middle, beyond[1:]])[pixel[:, axis] + 1])
        return np.stack(columns, axis=1)

    def distance_mm(self, a_px: Floats, b_px: Floats, which: Ints | None = None) -> Floats:
        """(n,) distances of rows, or of the first table to rows ``which`` of the second.

        Differences are taken in index units before they become mm, so that none is lost.
        """
        if compiled.kernel() is not None:
            return compiled.distances_mm(a_px, b_px, self.spacing_mm, which)
        b_px = b_px if which is None else b_px[which]
        total: Floats = np.zeros(max(len(a_px), len(b_px)))
        for axis, spacing_mm in enumerate(self.spacing_mm):
            total += ((a_px[:, axis] - b_px[:, axis]) * spacing_mm) ** 2
        return np.sqrt(total)

    def points(self, points_px: Floats, group: Ints | None = None) -> Points:
        """Points among which the nearest are looked for; (n, ndim), n > 0."""
        return Points(points_px, self.spacing_mm / self.spacing_mm.min(), group)

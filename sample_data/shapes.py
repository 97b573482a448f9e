"""The shapes behind the sample images, and the distances between them in closed form.

A specimen is the intersection of discs, so its outline is made of arcs and is convex. From a point inside a disc the
nearest point of its circle lies on the ray from the centre: the distance is radius less distance from the centre. From
a polygon it is radius less the greatest distance of a vertex from the centre, because that distance is convex.
Lengths are in mm, points are (x, y) from the image's upper left corner; pixel (r, c) covers [c, c + 1] x [r, r + 1].
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.integer]


@dataclass(frozen=True)
class Arc:
    """One side of a specimen: the specimen lies within this disc."""

    name: str
    centre: tuple[float, float]
    radius: float

    def depth(self, x: Floats | float, y: Floats | float) -> Floats:
        """How far inside the disc a point lies, mm; negative outside."""
        return self.radius - np.hypot(x - self.centre[0], y - self.centre[1])

    def margin_mm(self, outline: Floats) -> float:
        """Distance of a polygon inside the specimen to this arc, given as (n, 2) vertices."""
        return float(self.depth(outline[:, 0], outline[:, 1]).min())

    def foot(self, outline: Floats) -> Floats:
        """The point of the arc that is nearest to the polygon."""
        centre = np.array(self.centre)
        ray = outline[self.depth(outline[:, 0], outline[:, 1]).argmin()] - centre
        return centre + self.radius * ray / np.hypot(*ray)


def pixel_centres(shape: tuple[int, int], spacing: float) -> tuple[Floats, Floats]:
    """x and y of every pixel centre, mm, for a picture of (rows, columns)."""
    rows, columns = np.indices(shape)
    return (columns + 0.5) * spacing, (rows + 0.5) * spacing


def depths(arcs: Sequence[Arc], x: Floats | float, y: Floats | float) -> Floats:
    """(arcs, ...) depth of points in each disc; the least one is the depth in the specimen."""
    return np.stack([arc.depth(x, y) for arc in arcs])


def lobed(
    centre: tuple[float, float], radius: float, lobes: Sequence[tuple[int, float, float]], count: int = 96
) -> Floats:
    """A lobulated closed outline, (count, 2) mm, rounded to a micrometre. lobes : (waves, share of radius, phase)."""
    angle = np.arange(count) * 2 * np.pi / count
    reach = radius * (1 + sum(share * np.cos(waves * angle + phase) for waves, share, phase in lobes))
    return np.round(np.stack([centre[0] + reach * np.cos(angle), centre[1] + reach * np.sin(angle)], axis=1), 3)


def inside(outline: Floats, x: Floats, y: Floats) -> Bools:
    """Which points lie inside a polygon, by counting crossings to the right."""
    out = np.zeros(x.shape, bool)
    for (x0, y0), (x1, y1) in zip(outline, np.roll(outline, -1, axis=0)):
        if y0 != y1:
            crosses = (y0 > y) != (y1 > y)
            out ^= crosses & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return out


def band(arc: Arc, others: Sequence[Arc], inner: float = 0.15, outer: float = 0.15, count: int = 720) -> Floats:
    """A polygon along the part of an arc that is the specimen's outline, ``inner`` and ``outer`` mm to its sides."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    x, y = (c + arc.radius * f(angle) for c, f in zip(arc.centre, (np.cos, np.sin)))
    on = depths(others, x, y).min(axis=0) >= 0
    start = int(np.flatnonzero(~on)[0])  # begin where the arc is not outline, so that the run is in one piece
    run = np.roll(angle, -start)[np.roll(on, -start)]
    sides = [(arc.radius + outer, run), (arc.radius - inner, run[::-1])]
    rings = [np.stack([arc.centre[0] + r * np.cos(a), arc.centre[1] + r * np.sin(a)], axis=1) for r, a in sides]
    return np.round(np.concatenate(rings), 3)


def pixel_margins_mm(tumor: Bools, specimen: Bools, sides: Ints, spacing: tuple[float, ...]) -> dict[int, float]:
    """Margin by brute force for each side: closed tumor pixels to the faces whose outer pixel has that label.

    tumor, specimen : bool. sides : int label of each pixel outside. spacing : mm, array order. Any number of axes.
    """
    rim = np.argwhere(tumor & ~_core(tumor)).astype(float)
    found: dict[int, float] = {}
    for axis in range(tumor.ndim):
        for step in (-1, 1):
            beyond = np.roll(np.pad(specimen, 1), -step, axis)[(slice(1, -1),) * tumor.ndim]
            pixel = np.argwhere(specimen & ~beyond)
            outer = pixel + step * (np.arange(tumor.ndim) == axis)
            seen = ((outer >= 0) & (outer < tumor.shape)).all(axis=1)
            labels = sides[tuple(outer[seen].T)]
            low, high = pixel[seen] - 0.5, pixel[seen] + 0.5
            low[:, axis] = high[:, axis] = pixel[seen][:, axis] + step / 2
            for label in np.unique(labels):
                near = _least(low[labels == label], high[labels == label], rim, spacing)
                found[int(label)] = min(near, found.get(int(label), np.inf))
    return found


def _core(mask: Bools) -> Bools:
    padded = np.pad(mask, 1)
    core = mask.copy()
    for axis in range(mask.ndim):
        for step in (-1, 1):
            core &= np.roll(padded, step, axis)[(slice(1, -1),) * mask.ndim]
    return core


def _least(low: Floats, high: Floats, rim: Floats, spacing: tuple[float, ...]) -> float:
    least = np.inf
    for k in range(0, len(low), 64):
        apart = np.maximum(low[k : k + 64, None] - rim - 0.5, rim - 0.5 - high[k : k + 64, None]).clip(0) * spacing
        least = min(least, float(np.sqrt((apart**2).sum(-1).min())))
    return least

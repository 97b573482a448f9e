"""The specimen's outline in short straight steps, each with its distance to the tumor where it is cut edge.

The surprising thing: a profile holds points, not lines, and in no order. So the outline is walked in steps of a pixel,
and each step asks for the bit of cut edge that has its point on it; a step that finds none is not cut edge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from marginkit.records import Floats, Measured
from marginkit.reports._frame import frame, pixel_corners

if TYPE_CHECKING:
    from marginkit.reports._frame import Shape


@dataclass(frozen=True)
class Steps:
    """Short pieces of an outline, ring after ring.

    ends : (n, 2, 2), first and last point of each, (row, column) in level-0 pixel corners.
    distance_mm : (n,) where ``cut``, 0 elsewhere. cut : (n,) bool. ring : (n,) which ring a step belongs to.
    """

    ends: Floats
    distance_mm: Floats
    cut: NDArray[np.bool_]
    ring: NDArray[np.int64]

    def within(self, low: tuple[float, float], high: tuple[float, float]) -> Steps:
        """The steps that lie in a rectangle of level 0, or reach into it."""
        near = ((self.ends.max(1) >= low) & (self.ends.min(1) <= high)).all(1)
        return self.take(near)

    def take(self, chosen: NDArray[np.bool_]) -> Steps:
        """Some of the steps."""
        return Steps(self.ends[chosen], self.distance_mm[chosen], self.cut[chosen], self.ring[chosen])

    @property
    def breaks(self) -> NDArray[np.bool_]:
        """(n,) True where a step does not go on from the one before it."""
        follows = (self.ends[1:, 0] == self.ends[:-1, 1]).all(1) & (self.ring[1:] == self.ring[:-1])
        return np.concatenate([[True], ~follows]) if len(self.ends) else np.zeros(0, bool)

    def runs(self) -> list[Floats]:
        """Steps that follow one another as lines, (row, column)."""
        if not len(self.ends):
            return []
        parts = np.split(self.ends, np.flatnonzero(self.breaks)[1:])
        return [np.vstack([part[:, 0], part[-1:, 1]]) for part in parts]


def steps(case: Measured, outline: Shape, axis: int | None = None, index: int = 0) -> Steps:
    """The steps of a specimen's outline; of a volume, in its plane ``index`` (level 0) across ``axis``."""
    ends, ring = _walked(outline, _step_px(case, axis))
    points, distance_mm, size = _bits(case, axis, index)
    where = frame(case) if axis is None else frame(case).without(axis)
    spacing = np.array(where.spacing_mm)
    owner = _own_bit(ends * spacing, points * spacing, distance_mm, _slack_mm(case, size))
    found = owner < len(points)
    found &= _within(case, ends, points, owner, axis)
    known = np.append(distance_mm, 0.0)
    return Steps(ends, np.where(found, known[owner], 0.0), found, ring)


def _step_px(case: Measured, axis: int | None) -> float:
    """Length of a step: one pixel of the specimen's own mask, so that each face of a pixel is one step."""
    region = case.regions.get("specimen")
    if region is None or region.kind == "polygon":
        return 1.0
    scale, _ = pixel_corners(region, case)
    return float((scale if axis is None else np.delete(scale, axis)).min())


def _walked(outline: Any, step_px: float) -> tuple[Floats, NDArray[np.int64]]:
    """Ends of the steps in (row, column), and the number of the ring."""
    import shapely

    lines = shapely.get_parts(shapely.boundary(shapely.get_parts(outline)))
    lines = shapely.segmentize(shapely.get_parts(lines), step_px)
    points, ring = shapely.get_coordinates(lines, return_index=True)
    points = points[:, ::-1]
    same = ring[1:] == ring[:-1]
    ends = np.stack([points[:-1][same], points[1:][same]], axis=1)
    return ends, ring[1:][same].astype(np.int64)


def _bits(case: Measured, axis: int | None, index: int) -> tuple[Floats, Floats, Floats]:
    """Points (level-0 corners), distances and sizes of the bits of cut edge (in one plane of a volume)."""
    profile = case.result.profile
    points = frame(case).corners(profile.edge_px)
    if axis is None:
        return points, profile.distance_mm, profile.size
    near = np.abs(points[:, axis] - (index + 0.5)) <= 0.5 * max(1.0, frame(case).zoom[axis]) + 1e-6
    return np.delete(points[near], axis, axis=1), profile.distance_mm[near], profile.size[near]


def _slack_mm(case: Measured, size: Floats) -> float:
    """How far a bit's point may lie beside its step: not at all where both are faces of pixels."""
    if case.result.boundary.split("/")[-1] == "pixels":
        return 0.0
    longest = float(size.max(initial=0.0)) if case.result.ndim == 2 else 0.0
    return max(1.5 * max(case.result.spacing_mm), longest)


def _own_bit(ends_mm: Floats, points_mm: Floats, distance_mm: Floats, slack_mm: float) -> NDArray[np.int64]:
    """For each step the bit whose point lies on it, else one at most ``slack_mm`` away; ``len(points_mm)`` for none.

    Of bits with points on one face its own is the nearest to the tumor: the others only share its corners.
    """
    from scipy.spatial import cKDTree

    nothing = len(points_mm)
    if not nothing or not len(ends_mm):
        return np.full(len(ends_mm), nothing)
    tree, middle = cKDTree(points_mm), ends_mm.mean(axis=1)
    reach = np.linalg.norm(ends_mm[:, 1] - ends_mm[:, 0], axis=1) / 2 * (1 + 1e-6)
    away, owner = tree.query(middle, range(1, 9), distance_upper_bound=reach.max() * 1.001)
    distance = np.where(away <= reach[:, None], np.append(distance_mm, np.inf)[owner], np.inf)
    best = np.take_along_axis(owner, distance.argmin(1)[:, None], 1)[:, 0]
    found = np.where(np.isfinite(distance.min(1)), best, nothing)
    lost = found == nothing
    if slack_mm and lost.any():
        away, owner = tree.query(middle[lost], distance_upper_bound=reach.max() + slack_mm)
        found[lost] = np.where(away <= reach[lost] + slack_mm, owner, nothing)
    return found.astype(np.int64)


def _within(
    case: Measured, ends: Floats, points: Floats, owner: NDArray[np.int64], axis: int | None
) -> NDArray[np.bool_]:
    """False for steps on the picture's border that only share a corner with a bit: the tissue goes on there."""
    shape = np.array(case.picture.spatial_shape[-case.result.ndim :], float)
    shape = shape if axis is None else np.delete(shape, axis)
    on_border = (np.isclose(ends, 0).all(1) | np.isclose(ends, shape).all(1)).any(1)
    point = np.vstack([points, np.full((1, 2), np.inf)])[owner]
    corner = np.isclose(ends, point[:, None]).all(2).any(1)
    return np.asarray(~(on_border & corner))

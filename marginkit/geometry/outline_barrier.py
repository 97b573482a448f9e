"""Barriers between outlines: what tumor cannot reach through the specimen without crossing one. The rules are those of
``barrier``, with areas in place of pixels: tumor passes where two parts share more than a point, and where tumor and
barrier are drawn over each other the tumor wins.

The surprising thing: a barrier drawn as a line has a width here, one pixel, so that a line which ends a trifle short of
the edge still holds, as it does when it is drawn into pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon

from marginkit.geometry.polygon import multi, to_corners
from marginkit.geometry.scene import Behind, Bools, Floats, Ints
from marginkit.geometry.tracing import mask_polygon

LINE_PX = 1.0
INWARD_PX = 1e-6


def wall_area(wall: NDArray[np.bool_] | Any) -> MultiPolygon:
    """The area of a barrier: of the pixels of a mask, of a polygon, or of a line one pixel wide."""
    if isinstance(wall, np.ndarray):
        return mask_polygon(wall)
    if "Line" in wall.geom_type:
        return multi(shapely.buffer(wall, LINE_PX / 2))
    return multi(wall if wall.is_valid else shapely.make_valid(wall))


def crossed(wall: MultiPolygon, tumor: MultiPolygon, here_px: Floats, there_px: Floats) -> Bools:
    """For each pair of points (n, 2) index units whether the line between them runs through the wall, not the tumor.

    A line along the wall's border does not: the wall is taken a trifle thinner than it is.
    """
    rest = shapely.buffer(shapely.difference(wall, tumor), -INWARD_PX, join_style="mitre")
    shapely.prepare(rest)
    ends = np.stack([to_corners(here_px), to_corners(there_px)], axis=1)
    through: Bools = np.asarray(shapely.intersects(rest, shapely.linestrings(ends)))
    return through


@dataclass(frozen=True)
class Ground:
    """What a barrier stands in.

    specimen, tumor : tumor inside the specimen. tumor_group : (tumor parts,) parts that touch share one.
    inner_xy : (n, 2) points just inside each bit of the outline, pixel corners.
    """

    specimen: MultiPolygon
    tumor: MultiPolygon
    tumor_group: Ints
    inner_xy: Floats


def behind(ground: Ground, wall: MultiPolygon, is_cut: Bools) -> Behind:
    """Which bits are behind the wall, and whether tumor has broken through it."""
    free = _Parts(shapely.difference(ground.specimen, shapely.difference(wall, ground.tumor)))
    at = free.holding(ground.inner_xy)
    reached = np.isin(at, free.holding(_points(ground.tumor))) & (at >= 0)
    whole = _Parts(ground.specimen)
    shut = np.isin(whole.holding(ground.inner_xy), whole.holding(_points(ground.tumor))) & ~reached
    breached = _on_both_sides(ground, wall) or _fills_gap(ground, wall, is_cut)
    return Behind(shut & (at >= 0) if breached else shut, breached)


class _Parts:
    """The separate parts of an area, to be asked which of them holds a point."""

    def __init__(self, area: Any) -> None:
        self._tree = shapely.STRtree(list(multi(area).geoms))

    def holding(self, xy: Floats) -> Ints:
        """(n,) the part that holds each point, -1 for none."""
        point, part = self._tree.query(shapely.points(xy), predicate="intersects")
        out = np.full(len(xy), -1, np.int64)
        out[point] = part
        return out


def _points(area: MultiPolygon) -> Floats:
    """(n, 2) a point inside each part."""
    points: Floats = shapely.get_coordinates(shapely.point_on_surface(shapely.get_parts(area)))
    return points


def _on_both_sides(ground: Ground, wall: MultiPolygon) -> bool:
    """Whether one focus has tumor on two sides that only the barrier parts."""
    sides = _Parts(shapely.difference(ground.specimen, wall))
    left = multi(shapely.difference(ground.tumor, wall))
    if left.is_empty:
        return False
    points = _points(left)
    part = _Parts(ground.tumor).holding(points)
    whole = _Parts(ground.specimen).holding(points)
    seen = np.unique(np.stack([ground.tumor_group[part], whole, sides.holding(points)], axis=1), axis=0)
    return len(np.unique(seen[:, :2], axis=0)) < len(seen)


def _fills_gap(ground: Ground, wall: MultiPolygon, is_cut: Bools) -> bool:
    """Whether barrier and tumor together part the cut edge where neither does alone: tumor sits in a gap of it."""
    open_ = _Parts(shapely.difference(shapely.difference(ground.specimen, wall), ground.tumor))
    points = ground.inner_xy[is_cut]
    label = open_.holding(points)
    points, label = points[label >= 0], label[label >= 0]
    if not len(points):
        return False
    alone = [_Parts(shapely.difference(ground.specimen, other)).holding(points) for other in (wall, ground.tumor)]
    seen = np.unique(np.stack([*alone, label], axis=1), axis=0)
    return len(np.unique(seen[:, :2], axis=0)) < len(seen)

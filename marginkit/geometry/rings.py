"""Polygons as plain arrays: their sides in index units, which of them belong together, and in which order.

The surprising thing: two parts of a valid polygon may touch in a point. They are then one piece of tissue (or one
focus), as pixels that meet at a corner are, and what they enclose together is a hole, though no ring says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from shapely.geometry import MultiPolygon, Polygon

from marginkit.geometry import neighbours
from marginkit.geometry.polygon import multi, to_index
from marginkit.geometry.scene import Bools, Floats, Ints

TOUCH_PX = 1e-9  # points nearer than this are one: far above the rounding of coordinates, far below anything drawn


@dataclass(frozen=True)
class Sides:
    """Straight sides of polygons. ends_px : (n, 2 ends, 2) index units, tissue on the left in (x, y).

    part : (n,) which polygon. inner : (n,) whether it is of a hole's ring.
    """

    ends_px: Floats
    part: Ints
    inner: Bools


def rounding_px(*geometries: MultiPolygon) -> float:
    """``TOUCH_PX``, or the rounding of the coordinates where that is larger."""
    bounds = np.array([g.bounds for g in geometries if not g.is_empty])
    largest = float(np.abs(bounds).max(initial=0.0))
    return max(TOUCH_PX, 8 * float(np.finfo(np.float64).eps) * largest)


def parts_of(polygon: MultiPolygon) -> NDArray[Any]:
    """The polygons of a MultiPolygon, outer rings counter-clockwise and holes clockwise in (x, y)."""
    parts: NDArray[Any] = np.asarray(shapely.orient_polygons(shapely.get_parts(polygon)), dtype=object)
    return parts


def sides(parts: NDArray[Any]) -> Sides:
    """Every side of the polygons that has a length."""
    rings, part = shapely.get_rings(parts, return_index=True)
    inner = np.diff(part, prepend=-1) == 0
    points, ring = shapely.get_coordinates(rings, return_index=True)
    index = to_index(points)
    moved = (points[:-1, 0] != points[1:, 0]) | (points[:-1, 1] != points[1:, 1])
    side = np.flatnonzero(moved & (ring[:-1] == ring[1:]))
    ends = np.hstack([index[:-1], index[1:]])[side].reshape(-1, 2, 2)
    return Sides(ends, part[ring[side]].astype(np.int64), inner[ring[side]])


def groups(parts: NDArray[Any], reach_mm: float, spacing_mm: Floats, kind: Ints | None = None) -> Ints:
    """(n,) group of each polygon: those at most ``reach_mm`` apart share one, if they are of one ``kind``."""
    number = len(parts)
    if number < 2:
        return np.zeros(number, np.int64)
    scaled = shapely.transform(parts, lambda xy: xy * spacing_mm[::-1])
    first, second = neighbours.near(scaled, reach_mm)
    if kind is not None:
        same = kind[first] == kind[second]
        first, second = first[same], second[same]
    graph = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(number, number))
    label: Ints = connected_components(graph, directed=False)[1].astype(np.int64)
    return label


def ranked(label: Ints, all_sides: Sides) -> Ints:
    """The labels of the parts renumbered by first appearance in array order: topmost vertex, then leftmost."""
    starts = all_sides.ends_px[:, 0]
    of_side = label[all_sides.part]
    order = np.lexsort([starts[:, 1], starts[:, 0]])
    met, first = np.unique(of_side[order], return_index=True)
    rank = np.zeros(int(label.max(initial=-1)) + 1, np.int64)
    rank[met[np.argsort(first)]] = np.arange(len(met))
    return rank[label]


def enclosed(parts: NDArray[Any], label: Ints, all_sides: Sides) -> Bools:
    """Sides that face a void without a way out: those of holes, of parts that lie in one, and those of outer rings
    that enclose a void together, where parts of one group touch each other."""
    out = all_sides.inner.copy()
    voids = _voids_between(parts, label)
    if voids:
        outer = np.flatnonzero(~all_sides.inner)
        middle = all_sides.ends_px[outer].mean(axis=1)[:, ::-1] + 0.5
        near, _ = shapely.STRtree(voids).query(shapely.points(middle), predicate="dwithin", distance=TOUCH_PX)
        out[outer[near]] = True
    rings, _ = shapely.get_rings(parts, return_index=True)
    holes = np.array([Polygon(ring) for ring in rings if not ring.is_ccw] + [Polygon(v.exterior) for v in voids])
    if len(holes):
        lying, _ = neighbours.holding(shapely.point_on_surface(parts), holes)
        out |= np.isin(all_sides.part, lying)
    return out


def _voids_between(parts: NDArray[Any], label: Ints) -> list[Polygon]:
    """What the parts of a group enclose only together."""
    voids: list[Polygon] = []
    for group in np.flatnonzero(np.bincount(label, minlength=1) > 1).tolist():
        union = multi(shapely.multipolygons(parts[label == group]))
        x0, y0, x1, y1 = union.bounds
        around = shapely.box(x0 - 1, y0 - 1, x1 + 1, y1 + 1)
        gaps = shapely.get_parts(shapely.difference(around, union)).tolist()
        voids += [gap for gap in gaps if not shapely.intersects(gap, around.exterior)]
    return voids


def without_slivers(polygon: MultiPolygon, width_px: float) -> MultiPolygon:
    """The parts of a polygon that are wider than that, as the rounding of coordinates is not."""
    return MultiPolygon([part for part in polygon.geoms if part.area > width_px * part.length])

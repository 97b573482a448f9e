"""Polygons that can be measured: checked, repaired where that changes next to nothing, and in a known frame.

The surprising thing: a polygon that crosses itself has no area that one could defend. A small loop where a drawn line
meets its beginning is taken as drawn (the union of what it goes around), with a flag; where that would change the area
by more than 1 %, as in a bow-tie, the polygon is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from shapely.geometry import MultiPolygon, Polygon

from marginkit.errors import OutlineError
from marginkit.geometry.scene import Floats

LARGEST_REPAIR = 0.01  # of the area
WANTED = "a shapely Polygon or MultiPolygon in (x, y) pixel-corner coordinates"


def checked(given: Any, name: str = "outline", *, file: str | None = None) -> tuple[MultiPolygon, tuple[str, ...]]:
    """The polygon as a valid MultiPolygon whose outer rings turn counter-clockwise in (x, y); and the flags it earned.

    Parameters
    ----------
    given : (Multi)Polygon; a third coordinate is dropped. Parts that overlap are united.
    name : what the message calls it, e.g. the argument, or the feature with its number.
    file : the file that it came from.

    Raises
    ------
    TypeError : not a polygon.
    OutlineError : E-GEO-01 empty, not finite, no area, or crossing itself so that the repair changes its area by
        more than 1 %.

    Examples
    --------
    >>> from shapely.geometry import box
    >>> polygon, flags = checked(box(0, 0, 4, 3))
    >>> polygon.area, flags
    (12.0, ())
    """
    if getattr(given, "geom_type", "") not in {"Polygon", "MultiPolygon"}:
        raise TypeError(f"{name}: wanted {WANTED}, got {_kind(given)}")
    flat = shapely.force_2d(given)
    if flat.is_empty:
        raise _refused(name, "is empty", "no ring has a point", "", file)
    if not np.isfinite(shapely.get_coordinates(flat)).all():
        raise _refused(name, "is not finite", "a coordinate is NaN or infinite", "", file)
    parts = [_part(part, name, file) for part in shapely.get_parts(flat).tolist() if not part.is_empty]
    whole = MultiPolygon([polygon for part, _ in parts for polygon in part])
    repaired = any(flag for _, flag in parts)
    if not whole.is_valid:
        whole, repaired = multi(shapely.union_all(shapely.get_parts(whole))), True
    return multi(shapely.orient_polygons(whole)), ("repaired_outline",) if repaired else ()


def _kind(given: Any) -> str:
    return f"a {given.geom_type}" if hasattr(given, "geom_type") else type(given).__name__


def _refused(name: str, what: str, cause: str, remedy: str, file: str | None) -> OutlineError:
    return OutlineError("E-GEO-01", f"{name} {what}", cause=cause, remedy=remedy, file=file)


def _part(part: Polygon, name: str, file: str | None) -> tuple[list[Polygon], bool]:
    """The polygons of one part, and whether it had to be repaired."""
    drawn = drawn_area(part)
    if part.is_valid and drawn > 0:
        return [part], False
    whole = multi(shapely.make_valid(part, method="structure", keep_collapsed=False))
    if whole.area <= 0:
        raise _refused(name, "has no area", "its points lie on one line", "Draw it around the tissue.", file)
    change = abs(whole.area - drawn) / whole.area
    if change > LARGEST_REPAIR:
        raise _refused(
            name,
            "crosses itself",
            f"{shapely.is_valid_reason(part)}; repairing it would change its area by {change:.0%}",
            "Draw it again, or split it where it crosses.",
            file,
        )
    return list(whole.geoms), True


def drawn_area(part: Polygon) -> float:
    """Area by the shoelace formula: outer ring less its holes, whatever they cross.

    >>> drawn_area(Polygon([(0, 0), (2, 2), (2, 0), (0, 2)]))
    0.0
    """
    return ring_area(part.exterior) - sum(ring_area(hole) for hole in part.interiors)


def ring_area(ring: Any) -> float:
    """Area that one closed ring goes around, by the shoelace formula; what it goes around twice counts twice."""
    points = shapely.get_coordinates(ring)
    points = points - points[0]
    return abs(float(np.sum(points[:-1, 0] * points[1:, 1] - points[1:, 0] * points[:-1, 1]))) / 2


def multi(geometry: Any) -> MultiPolygon:
    """The polygons of any geometry as one MultiPolygon; lines and points are dropped."""
    parts: list[Any] = list(shapely.get_parts(geometry).tolist())
    while any(hasattr(part, "geoms") for part in parts):
        parts = [p for part in parts for p in (part.geoms if hasattr(part, "geoms") else [part])]
    return MultiPolygon([p for p in parts if p.geom_type == "Polygon" and not p.is_empty])


def to_index(xy: Floats) -> Floats:
    """(n, 2) (y, x) index units, pixel centres at integers, of (n, 2) (x, y) on pixel corners.

    >>> to_index(np.array([[0.0, 3.0]])).tolist()
    [[2.5, -0.5]]
    """
    out: Floats = xy[:, ::-1] - 0.5
    return out


def to_corners(index: Floats) -> Floats:
    """(n, 2) (x, y) on pixel corners of (n, 2) (y, x) index units; undoes ``to_index``."""
    out: Floats = index[:, ::-1] + 0.5
    return out


def placed(polygon: MultiPolygon, ratio: Sequence[float], origin_px: Sequence[float]) -> MultiPolygon:
    """A polygon of a grid of its own, in pixel corners of the image.

    ratio : (y, x) size of its pixels in pixels of the image. origin_px : (y, x) index of its first pixel's centre.

    >>> from shapely.geometry import box
    >>> placed(MultiPolygon([box(0, 0, 1, 2)]), (4, 4), (1.5, 1.5)).bounds
    (0.0, 0.0, 4.0, 8.0)
    """
    step = np.array(ratio[::-1], np.float64)
    first = np.array(origin_px[::-1], np.float64) + 0.5 - step / 2
    if np.all(step == 1) and not first.any():
        return polygon
    moved = shapely.transform(polygon, lambda xy: first + xy * step)
    return multi(moved)


def within(polygon: MultiPolygon, frame: tuple[float, float, float, float], name: str) -> MultiPolygon:
    """The part of a polygon inside the image ``frame`` (x0, y0, x1, y1); E-GEO-02 where there is none."""
    x0, y0, x1, y1 = polygon.bounds
    if x0 >= frame[0] and y0 >= frame[1] and x1 <= frame[2] and y1 <= frame[3]:
        return polygon
    inside = multi(shapely.intersection(polygon, shapely.box(*frame)))
    if inside.area <= 0:
        raise OutlineError(
            "E-GEO-02",
            f"{name} lies outside the image",
            cause=f"x {x0:g} to {x1:g}, y {y0:g} to {y1:g}; the image is x {frame[0]:g} to {frame[2]:g}, "
            f"y {frame[1]:g} to {frame[3]:g}",
            remedy="Check that both belong to one image and one pyramid level.",
        )
    return multi(shapely.orient_polygons(inside))

"""Outlines of regions as they were measured: a mask along its pixel faces or its contour, a probability along its
½-level, a polygon as it is.

The surprising thing: pieces of tissue are 8-connected, but a valid polygon may not touch itself; so two pixels that
meet at a corner become two polygons that share a point. The area and the outline are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from marginkit.geometry.run_mask import RunMask
from marginkit.records import Region

if TYPE_CHECKING:
    from shapely.geometry import MultiLineString, MultiPolygon


def outline(data: Any) -> MultiPolygon | MultiLineString:
    """The outline of a 2-D mask, probability, polygon or drawn line: (x, y), on the corners of its own pixels."""
    import shapely

    from marginkit.geometry.contour import half_contour
    from marginkit.geometry.tracing import mask_polygon

    if isinstance(data, RunMask):
        return mask_polygon(data)
    if not isinstance(data, np.ndarray):
        parts = list(shapely.get_parts(data))
        return shapely.MultiLineString(parts) if "Line" in data.geom_type else shapely.MultiPolygon(parts)
    return mask_polygon(data) if data.dtype == np.bool_ else half_contour(data)


def as_measured(region: Region, boundary: str) -> Region:
    """The region as its boundary was read: a mask whose contour was measured becomes the smoothed field behind it."""
    if region.kind != "mask" or boundary != "contour":
        return region
    from marginkit.geometry.contour import smoothed

    return Region(smoothed(np.asarray(region.data, bool)), region.spacing_mm, region.origin_px, region.name)


def plane(region: Region, axis: int, index: int) -> Region | None:
    """A 3-D region cut at an index of its own grid; None where it does not reach so far."""
    data = region.data
    if not isinstance(data, np.ndarray) or not 0 <= index < data.shape[axis]:
        return None
    return Region(np.take(data, index, axis))

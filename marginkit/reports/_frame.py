"""Where the pixels of a result lie in the picture: level 0, pixel *corners*, as QuPath and drawing programs count.

The surprising thing: corners of every level scale from the same zero, so a level only multiplies; it is pixel centres
that also shift by half a pixel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from marginkit.geometry.run_mask import RunMask
from marginkit.records import ClosestPair, Floats, Measured, Region
from marginkit.reports import _outlines

if TYPE_CHECKING:
    from shapely.geometry import MultiLineString, MultiPolygon

    Shape: TypeAlias = MultiPolygon | MultiLineString


@dataclass(frozen=True)
class Frame:
    """From index units of the measured grid to corners of level 0.

    zoom : level-0 pixels in one measured pixel, array order. spacing_mm : of level 0, the axes of the result.
    """

    zoom: tuple[float, ...]
    spacing_mm: tuple[float, ...]

    def corners(self, points_px: Any) -> Floats:
        """(…, ndim) index units of the measured grid -> corner coordinates of level 0, array order."""
        return (np.asarray(points_px, np.float64) + 0.5) * self.zoom

    def without(self, axis: int) -> Frame:
        """The frame of a plane across one axis."""
        return Frame(_drop(self.zoom, axis), _drop(self.spacing_mm, axis))


def _drop(values: Sequence[float], axis: int) -> tuple[float, ...]:
    return tuple(value for i, value in enumerate(values) if i != axis)


def frame(case: Measured) -> Frame:
    """The frame of a case; the picture's own grid where it states no pixel size."""
    measured = case.result.spacing_mm
    own = case.picture.spacing_mm
    if own is None or len(own) < len(measured):
        return Frame((1.0,) * len(measured), measured)
    own = own[-len(measured) :]
    zoom = tuple(1.0 if np.isclose(m, s, rtol=1e-9, atol=0) else m / s for m, s in zip(measured, own))
    return Frame(zoom, own)


def pixel_corners(region: Region, case: Measured) -> tuple[Floats, Floats]:
    """(scale, shift): a region's own pixel corners v lie at ``v * scale + shift``, level 0, array order."""
    where = frame(case)
    measured = np.array(case.result.spacing_mm)
    scale = np.ones(len(measured)) if region.spacing_mm is None else np.array(region.spacing_mm) / measured
    origin = np.zeros(len(measured)) if region.origin_px is None else np.array(region.origin_px)
    shift = origin + 0.5 - scale / 2
    return scale * where.zoom, shift * where.zoom


def area(region: Region, case: Measured, axis: int | None = None, index: int = 0) -> Shape | None:
    """The outline of a region, (x, y) on level-0 pixel corners; of a volume, that of one plane across ``axis``.

    ``index`` : of the plane, in level 0. A drawn line is its own outline. None where the region does not reach
    the plane or is empty there.
    """
    import shapely

    scale, shift = pixel_corners(region, case)
    flat: Region | None = region
    if axis is not None:
        own = int(np.floor((index + 0.5 - shift[axis]) / scale[axis]))
        flat = _outlines.plane(region, axis, own)
        scale, shift = np.delete(scale, axis), np.delete(shift, axis)
    if flat is None:
        return None
    found = shapely.transform(_outlines.outline(flat.data), lambda xy: xy * scale[::-1] + shift[::-1])
    return None if found.is_empty else found


def areas(case: Measured, axis: int | None = None, index: int = 0) -> dict[str, Shape]:
    """The outlines of all regions as they were measured, by name; those that are not on the plane are left out."""
    read = case.result.boundary.split("/")
    boundary = {"tumor": read[0], "signal": read[0], "specimen": read[-1]}
    regions = {name: _outlines.as_measured(one, boundary.get(name, "")) for name, one in case.regions.items()}
    found = {name: area(region, case, axis, index) for name, region in regions.items()}
    return {name: shape for name, shape in found.items() if shape is not None}


def barriers(case: Measured) -> dict[str, Region]:
    """The regions that are barriers, by type: those that the result names, and those that call themselves so."""
    types = {barrier.type for barrier in case.result.barriers}
    return {name: region for name, region in case.regions.items() if name in types or name.startswith("barrier")}


def plane_of(case: Measured, pair: ClosestPair, axis: int) -> int:
    """The level-0 plane across ``axis`` that holds a pair's edge point; of a face between two, the tumor's side."""
    edge, tumor = frame(case).corners([pair.edge_px, pair.tumor_px])[:, axis].tolist()
    plane = math.ceil(edge) - 1 if tumor < edge else math.floor(edge)
    return int(min(max(plane, 0), extent(case)[axis] - 1))


def extent(case: Measured) -> tuple[int, ...]:
    """Pixels of level 0 along the axes of the result."""
    return case.picture.spatial_shape[-case.result.ndim :]


def bounds(region: Region, case: Measured) -> tuple[Floats, Floats] | None:
    """Lowest and highest corner of a region, level 0, array order; None where it is empty."""
    if isinstance(region.data, RunMask):
        if not region.data.any():
            return None
        low, high = region.data.box()
    elif isinstance(region.data, np.ndarray):
        inside = region.data if region.data.dtype == np.bool_ else region.data >= 0.5
        axes = range(inside.ndim)
        lines = [np.flatnonzero(inside.any(tuple(a for a in axes if a != axis))) for axis in axes]
        if not len(lines[0]):
            return None
        low, high = np.array([line[0] for line in lines]), np.array([line[-1] + 1 for line in lines])
    else:
        x0, y0, x1, y1 = region.data.bounds
        low, high = np.array([y0, x0]), np.array([y1, x1])
    scale, shift = pixel_corners(region, case)
    return low * scale + shift, high * scale + shift

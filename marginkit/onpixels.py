"""A region as pixels of a picture, for statistics of counts. Never for a distance: regions are measured as they are.

The surprising thing: a pixel belongs to a region if its centre does, so that no count is shared between two regions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit.errors import GridError
from marginkit.records import Picture, Region

Mask = NDArray[np.bool_]


def on_pixels(region: Region, picture: Picture, plane: int | None = None) -> Mask:
    """Which pixels of the picture, or of one plane of it, have their centre in a region; bool, its spatial shape.

    GridError E-GRID-01 where the region has other axes, or its own pixels and the picture's size is not known.
    """
    shape = picture.spatial_shape if plane is None else picture.spatial_shape[-2:]
    if region.kind == "polygon":
        flat = _in_polygons(region.data, shape[-2:])
        return np.array(np.broadcast_to(flat, shape))
    data: NDArray[Any] = np.asarray(region.data)
    mask = data if data.dtype == np.bool_ else data >= 0.5
    if region.spacing_mm is None and mask.shape == shape:
        return mask
    if region.spacing_mm is None or picture.spacing_mm is None or mask.ndim != len(shape):
        cause = f"{mask.shape} on {shape}"
        raise GridError("E-GRID-01", "a region does not lie on the image's pixels", cause=cause, file=picture.name)
    origin = region.origin_px or (0.0,) * mask.ndim
    sizes = zip(shape, origin, region.spacing_mm, picture.spacing_mm[-mask.ndim :])
    places = [np.rint((np.arange(n) - first) * whole / own).astype(np.int64) for n, first, own, whole in sizes]
    found = mask[np.ix_(*[np.clip(p, 0, n - 1) for p, n in zip(places, mask.shape)])]
    for axis, (place, n) in enumerate(zip(places, mask.shape)):
        found[(slice(None),) * axis + ((place < 0) | (place >= n),)] = False
    return found


def _in_polygons(geometry: Any, shape: tuple[int, ...]) -> Mask:
    """Pixel centres in a shapely (Multi)Polygon of pixel corners, (x, y)."""
    from skimage import draw

    filled: Any = draw.polygon
    found = np.zeros(shape, bool)
    for part in getattr(geometry, "geoms", [geometry]):
        own = np.zeros(shape, bool)
        for ring, value in ((part.exterior, True), *((hole, False) for hole in part.interiors)):
            x, y = np.asarray(ring.coords)[:, :2].T
            rows, columns = filled(y - 0.5, x - 0.5, shape)
            own[rows, columns] = value
        found |= own
    return found

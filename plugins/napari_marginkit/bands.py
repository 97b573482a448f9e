"""The bands around the tumor: lines at the distances that the reader asks for, 1 mm and 5 mm unless told otherwise.

The surprising thing: in a plane they are the tumor's own outline, moved out exactly; of a stack they are contours of
the distance in 3-D, drawn plane by plane, and no number is read from either.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from marginkit.records import Floats, Measured, Region
from marginkit.reports._frame import areas

from .asking import Request

COLOURS = ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")  # Okabe and Ito
SIMPLER_PX = (0.25, 1.0)  # what an outline may lose before it is moved; one pixel, and its steps are gone
SIMPLER = 1 / 2000  # the same of the image's shorter side, in between: a quarter of the line's own width
MOST_VOXELS = 4_000_000


def bands(request: Request, case: Measured) -> tuple[Floats, Floats]:
    """((n, 2, ndim) start and vector of each bit of line, (n,) which limit it is of)."""
    ndim = len(request.picture.spatial_shape)
    found = [_flat(case, limit) if case.result.ndim == 2 else _deep(request, limit) for limit in case.limits_mm]
    if case.plane is not None:
        found = [np.insert(one, 0, float(case.plane), axis=2) for one in found]
    pieces = [one if one.size else np.zeros((0, 2, ndim)) for one in found] or [np.zeros((0, 2, ndim))]
    ends = np.concatenate(pieces)
    ends[:, 1] -= ends[:, 0]
    return ends, np.repeat(np.arange(len(pieces)), [len(one) for one in pieces]).astype(np.float64)


def _flat(case: Measured, limit_mm: float) -> Floats:
    """(n, 2, 2) ends in index units (y, x): the tumor's outline moved out, as far as there is specimen."""
    import shapely

    shapes: Any = areas(case)
    tumor, specimen = shapes.get(case.result.region), shapes.get("specimen")
    if tumor is None or specimen is None or tumor.is_empty:
        return np.zeros((0, 2, 2))
    mm = np.array(case.result.spacing_mm[-2:])[::-1]  # (x, y)
    loss_mm = np.clip(SIMPLER * min(case.picture.spatial_shape[-2:]), *SIMPLER_PX) * mm.min()
    placed = [shapely.transform(one, lambda xy: xy * mm) for one in (tumor, specimen)]
    tumor, specimen = shapely.simplify(placed, loss_mm)
    line = shapely.intersection(shapely.boundary(shapely.buffer(tumor, limit_mm)), specimen)
    ends = _ends([shapely.get_coordinates(part) for part in shapely.get_parts(line)])
    turned: Floats = (ends / mm - 0.5)[..., ::-1]
    return turned


def _ends(lines: list[Any]) -> Floats:
    pieces = [np.stack([line[:-1], line[1:]], axis=1) for line in lines if len(line) > 1]
    return np.concatenate(pieces) if pieces else np.zeros((0, 2, 2))


def _deep(request: Request, limit_mm: float) -> Floats:
    """(n, 2, 3) ends in index units (z, y, x), plane by plane; none where a mask lies on a grid of its own."""
    from scipy.ndimage import distance_transform_edt
    from skimage.measure import find_contours

    inputs = request.inputs
    masks = [_mask(one) for one in (inputs.target, inputs.specimen)]
    if any(one is None or one.shape != request.picture.spatial_shape for one in masks) or not masks[0].any():
        return np.zeros((0, 2, 3))
    step = max(1, int(np.ceil((masks[0].size / MOST_VOXELS) ** 0.5)))
    tumor, specimen = (one[:, ::step, ::step] for one in masks)
    sampling = np.array(inputs.spacing_mm) * (1, step, step)
    distance = distance_transform_edt(~tumor, sampling=sampling)
    pieces = []
    for plane in np.flatnonzero((distance <= limit_mm).any(axis=(1, 2))):
        lines: Any = find_contours(distance[plane], limit_mm, mask=specimen[plane])  # type: ignore[no-untyped-call]
        flat = _ends([line * step for line in lines])
        pieces.append(np.insert(flat, 0, float(plane), axis=2))
    return np.concatenate(pieces) if pieces else np.zeros((0, 2, 3))


def _mask(region: Region) -> Any:
    if region.kind == "polygon" or region.spacing_mm is not None or region.origin_px is not None:
        return None
    return np.asarray(region.data) >= 0.5

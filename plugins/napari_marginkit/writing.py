"""Labels as OME-TIFF that keeps its pixel size, shapes as outlines for QuPath. napari's own writers lose both.

The surprising thing: QuPath counts pixels of level 0 from the corner of the first one, (x, y); napari from its
centre, (y, x).
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from marginkit import files, ometiff, units
from marginkit.errors import GridError, OutlineError

from .reading import LABELS
from .vectors import corners


def write_labels(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write a label layer with its pixel size; the file's name.

    AxesError E-AXE-01 neither two nor three axes; PixelError E-PIX-02 labels that do not fit 32 bits.
    """
    pixels = np.asarray(data[0] if meta.get("multiscale") else data)
    name = str(meta.get("name") or "labels")
    with files.write_atomic(path) as stream:
        ometiff.write(stream, pixels, _spacing_mm(meta, pixels.ndim), name, software=LABELS)
    return [path]


def _spacing_mm(meta: dict[str, Any], ndim: int) -> tuple[float, ...] | None:
    """Pixel size of a layer, None where it is in pixels. GridError E-GRID-02 where it is turned or sheared."""
    per_unit = [units.mm_per(str(unit)) for unit in meta.get("units") or ("pixel",) * ndim]
    if any(mm is None for mm in per_unit):
        return None
    turned = not np.allclose(meta.get("shear", 0), 0) or not np.allclose(
        meta.get("affine", np.eye(ndim + 1)), np.eye(ndim + 1)
    )
    if turned:
        raise GridError("E-GRID-02", "a layer with an affine or shear has no pixel size", cause=str(meta.get("name")))
    return tuple(float(s * (mm or 0)) for s, mm in zip(meta["scale"], per_unit))


def write_outlines(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write a shapes layer as GeoJSON annotations in pixels of the layer; the file's name."""
    kinds = meta.get("shape_type", ["polygon"] * len(data))
    kinds = [kinds] * len(data) if isinstance(kinds, str) else list(kinds)
    classes = _classes(meta, len(data))
    features = [_feature(np.asarray(one), kind, name) for one, kind, name in zip(data, kinds, classes)]
    with files.write_atomic(path) as stream:
        whole = {"type": "FeatureCollection", "features": features}
        stream.write(json.dumps(whole, ensure_ascii=False, allow_nan=False).encode() + b"\n")
    return [path]


def _classes(meta: dict[str, Any], count: int) -> list[str]:
    features = meta.get("features")
    for column in ("class", "name"):
        if features is not None and column in features:
            return [str(word) for word in features[column]]
    return [str(meta.get("name") or "Annotation")] * count


def _feature(points: Any, kind: str, name: str) -> dict[str, Any]:
    if points.shape[1] not in (2, 3) or not np.isfinite(points).all():
        raise OutlineError("E-GEO-01", "an outline cannot be written", cause=f"{points.shape[1]} axes or no number")
    planes = np.unique(points[:, 0]) if points.shape[1] == 3 else np.zeros(1)
    if len(planes) > 1:
        raise OutlineError("E-GEO-05", "an outline lies in more than one plane", cause=f"planes {planes[:4].tolist()}")
    xy = corners(points[:, -2:], kind)
    line = kind in ("line", "path")
    ring = xy.tolist() if line else [[*xy.tolist(), xy[0].tolist()]]
    geometry: dict[str, Any] = {"type": "LineString" if line else "Polygon", "coordinates": ring}
    if points.shape[1] == 3:
        geometry["plane"] = {"c": -1, "z": round(float(planes[0])), "t": 0}
    properties = {"objectType": "annotation", "classification": {"name": name}}
    return {"type": "Feature", "geometry": geometry, "properties": properties}

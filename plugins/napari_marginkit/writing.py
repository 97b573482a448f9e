"""Labels as OME-TIFF that keeps its pixel size, shapes as outlines for QuPath. napari's own writers lose both.

The surprising thing: QuPath counts pixels of level 0 from the corner of the first one, (x, y); napari from its
centre, (y, x).
"""

from __future__ import annotations

import io
import json
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from marginkit import files, units
from marginkit.errors import AxesError, GridError, OutlineError, PixelError

from .reading import LABELS
from .vectors import corners

TYPES = (np.uint8, np.uint16, np.int32)


def write_labels(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write a label layer with its pixel size; the file's name. PixelError E-PIX-02 where labels do not fit 32 bits."""
    import tifffile

    pixels = np.asarray(data[0] if meta.get("multiscale") else data)
    if pixels.ndim not in (2, 3):
        raise AxesError("E-AXE-01", "labels with two or three axes are written", cause=f"{pixels.ndim} axes")
    pixels = _narrow(pixels)
    xml = _xml(pixels, _spacing_mm(meta, pixels.ndim), str(meta.get("name") or "labels"))
    memory = io.BytesIO()  # tifffile wants a stream with a name, or this
    with tifffile.TiffWriter(memory, bigtiff=pixels.nbytes > 2**31, byteorder="<", ome=False) as tif:
        tif.write(
            pixels,
            photometric="minisblack",
            compression="zlib",
            rowsperstrip=256,
            description=xml,
            metadata=None,
            software=LABELS,
        )
    with files.write_atomic(path) as stream:
        stream.write(memory.getbuffer())
    return [path]


def _xml(pixels: NDArray[Any], spacing_mm: tuple[float, ...] | None, name: str) -> bytes:
    """OME-XML of labels: nothing but sizes and pixel size."""  # tifffile speaks of light paths
    axes = "ZYX"[-pixels.ndim :]
    sizes = dict(zip(axes, pixels.shape))
    words: dict[str, Any] = {"ID": "Pixels:0", "DimensionOrder": "XYZCT", "Type": pixels.dtype.name}
    words |= {f"Size{axis}": sizes.get(axis, 1) for axis in "XYZCT"}
    for axis, size in zip(axes, spacing_mm or ()):
        words |= {f"PhysicalSize{axis}": f"{size * 1000:.12g}", f"PhysicalSize{axis}Unit": "µm"}
    inner = f'<Channel ID="Channel:0:0" SamplesPerPixel="1"/><TiffData IFD="0" PlaneCount="{sizes.get("Z", 1)}"/>'
    told = " ".join(f"{key}={quoteattr(str(value))}" for key, value in words.items())
    image = f'<Image ID="Image:0" Name={quoteattr(name)}><Pixels {told}>{inner}</Pixels></Image>'
    ome = f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">{image}</OME>'
    return f'<?xml version="1.0" encoding="UTF-8"?>{ome}'.encode()


def _narrow(pixels: Any) -> Any:
    """The same labels in the smallest type that holds them."""
    low, high = (int(pixels.min()), int(pixels.max())) if pixels.size else (0, 0)
    for kind in TYPES:
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return pixels.astype(kind)
    raise PixelError("E-PIX-02", "a label does not fit in 32 bits", cause=f"labels {low} to {high}")


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

"""What a segmenter found, as a file: a mask or probability as OME-TIFF, or outlines as GeoJSON.

The surprising thing: a region found on a coarser level stays on it, with that level's pixel size. Both grids begin at
the same corner, so the file lies right on the image, and nothing pretends to be finer than it was.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit import files, ometiff, rasters
from marginkit.errors import UsageError
from marginkit.records import Picture, Region

OUTLINES = (".geojson", ".json")
LABELS = (".tif", ".tiff")


def save(path: str | Path, classes: Mapping[str, Region], picture: Picture) -> None:
    """Write the regions of one picture, whole or not at all; several classes become labels 1, 2, … in their order.

    Outlines that are to be pixels become those whose middle lies inside (see ``rasters``), with their pixel size.
    UsageError E-USE-11 where the file's name ends with nothing that can be written.
    """
    name = Path(path).name.lower()
    if name.endswith(OUTLINES):
        whole = {"type": "FeatureCollection", "features": list(_features(classes, picture))}
        with files.write_atomic(path) as stream:
            stream.write(json.dumps(whole, ensure_ascii=False, allow_nan=False).encode() + b"\n")
    elif name.endswith(LABELS):
        classes = as_kept(path, classes, picture)
        with files.write_atomic(path) as stream:
            first = next(iter(classes.values()))
            ometiff.write(stream, labels(classes), own_spacing_mm(first, picture), told(classes))
    else:
        raise UsageError(
            "E-USE-11", "no such kind of file", cause=name, remedy="Write .ome.tif or .geojson.", file=name
        )


def as_kept(path: str | Path, classes: Mapping[str, Region], picture: Picture) -> Mapping[str, Region]:
    """The regions as a file of that name holds them: outlines become pixels where it holds pixels."""
    if not Path(path).name.lower().endswith(LABELS):
        return classes
    return {name: rasters.drawn(one, picture) if one.kind == "polygon" else one for name, one in classes.items()}


def shared(path: str | Path, classes: Mapping[str, Region]) -> list[str]:
    """A sentence for each class that lost pixels to a later one, where the file holds labels."""
    if not Path(path).name.lower().endswith(LABELS) or len(classes) < 2:
        return []
    written = np.bincount(labels(classes).ravel(), minlength=len(classes) + 1)
    lost = {name: np.count_nonzero(inside(one)) - written[i] for i, (name, one) in enumerate(classes.items(), 1)}
    return [f"{n:,} pixels of {name} are of a later class too, and have its label" for name, n in lost.items() if n]


def told(classes: Mapping[str, Region]) -> str:
    """The classes in words: their name, or ``1 black, 2 blue``."""
    names = list(classes)
    return names[0] if len(names) == 1 else ", ".join(f"{i} {name}" for i, name in enumerate(names, 1))


def labels(classes: Mapping[str, Region]) -> NDArray[Any]:
    """The pixels of one region as they are, or those of several as labels 1, 2, …; none of them an outline."""
    parts = list(classes.values())
    if len(parts) == 1:
        return np.asarray(parts[0].data)
    out = np.zeros(np.shape(parts[0].data), np.uint8)  # type: ignore[arg-type]
    for label, part in enumerate(parts, 1):
        out[inside(part)] = label
    return out


def inside(region: Region) -> NDArray[np.bool_]:
    """The pixels of a mask, or those of a probability from one half up."""
    data = np.asarray(region.data)
    return data if data.dtype == np.bool_ else data >= 0.5


def own_spacing_mm(region: Region, picture: Picture) -> tuple[float, ...] | None:
    """The pixel size of the region's grid; None where the picture's is not known, or not along every axis."""
    spacing = picture.spacing_mm if region.spacing_mm is None else region.spacing_mm
    ndim = 2 if region.kind == "polygon" else np.ndim(region.data)  # type: ignore[arg-type]
    return None if spacing is None or len(spacing) < ndim else spacing[-ndim:]


def sizes(region: Region, picture: Picture) -> dict[str, Any]:
    """``pixels`` of the region's own grid and ``area_mm2``, None without a scale; of a stack ``volume_mm3`` instead."""
    spacing_mm = own_spacing_mm(region, picture)
    if region.kind == "polygon":
        area_px2: float = region.data.area  # type: ignore[union-attr]
        return {"pixels": round(area_px2), "area_mm2": None if spacing_mm is None else area_px2 * math.prod(spacing_mm)}
    count = int(np.count_nonzero(inside(region)))
    size = None if spacing_mm is None else count * math.prod(spacing_mm)
    if np.ndim(region.data) == 3:  # type: ignore[arg-type]
        return {"pixels": count, "area_mm2": None, "volume_mm3": size}
    return {"pixels": count, "area_mm2": size}


def _features(classes: Mapping[str, Region], picture: Picture) -> Iterator[dict[str, Any]]:
    """Annotations as QuPath reads them, in pixels of level 0 from the corner of the first one, (x, y)."""
    for name, region in classes.items():
        for z, shape in _planes(region, picture):
            geometry = {**_geometry(shape), **({} if z is None else {"plane": {"c": -1, "z": z, "t": 0}})}
            kind = {"objectType": "annotation", "classification": {"name": name}}
            yield {"type": "Feature", "geometry": geometry, "properties": kind}


def _planes(region: Region, picture: Picture) -> Iterator[tuple[int | None, Any]]:
    """(plane, outline) of each plane that holds some of the region."""
    import shapely

    from marginkit.geometry.tracing import mask_polygon

    ratio, shift = _placed(region, picture)
    if region.kind == "polygon":
        found: list[tuple[int | None, Any]] = [(None, region.data)]
    else:
        pixels = inside(region)
        stack: list[tuple[int | None, Any]] = [(None, pixels)] if pixels.ndim == 2 else [*enumerate(pixels)]
        found = [(z, mask_polygon(one)) for z, one in stack if one.any()]
    for z, shape in found:
        if not shape.is_empty:
            yield z, shapely.transform(shape, lambda xy: xy * ratio[::-1] + shift[::-1])


def _placed(region: Region, picture: Picture) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(ratio, shift): the region's pixel corners v, (y, x), lie at ``v * ratio + shift`` in level 0."""
    if region.spacing_mm is None or picture.spacing_mm is None:
        return np.ones(2), np.zeros(2)
    ratio = np.array(region.spacing_mm[-2:]) / np.array(picture.spacing_mm[-2:])
    origin = np.zeros(2) if region.origin_px is None else np.array(region.origin_px[-2:])
    return ratio, origin + 0.5 - ratio / 2


def _geometry(shape: Any) -> dict[str, Any]:
    """A Polygon or MultiPolygon of GeoJSON, outer rings counter-clockwise."""
    import shapely

    parts = shapely.get_parts(shapely.orient_polygons(shape))
    rings = [[np.asarray(ring.coords)[:, :2].tolist() for ring in (one.exterior, *one.interiors)] for one in parts]
    if len(rings) == 1:
        return {"type": "Polygon", "coordinates": rings[0]}
    return {"type": "MultiPolygon", "coordinates": rings}

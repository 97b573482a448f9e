"""Margins, outlines and the cut edge by distance, as GeoJSON that QuPath reads.

The surprising thing: QuPath puts a plane into the *geometry* (``"plane": {"c", "z", "t"}``), wants measurements as one
object of numbers since 0.4, and counts pixels of level 0 from the corner of the first one, (x, y).
"""

from __future__ import annotations

import itertools
import json
import math
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from marginkit.records import Floats, Margin, Measured
from marginkit.reports import _colours
from marginkit.reports._edge import Steps, steps
from marginkit.reports._frame import areas, barriers, frame, plane_of
from marginkit.wording import shown

if TYPE_CHECKING:
    from marginkit.reports._frame import Shape

NAME = "geojson"
FILE = "margins.geojson"
LINE = (0, 0, 0)
SPECIMEN = (230, 159, 0)
DRAWN = {"tumor": ("Tumor", _colours.TUMOR), "signal": ("Signal", _colours.SIGNAL), "specimen": ("Specimen", SPECIMEN)}


def write(case: Measured, stream: Any) -> None:
    """Write a FeatureCollection in UTF-8."""
    whole = {"type": "FeatureCollection", "features": features(case)}
    stream.write(json.dumps(whole, ensure_ascii=False, allow_nan=False).encode("utf-8") + b"\n")


def features(case: Measured) -> list[dict[str, Any]]:
    """The closest pairs, then of each plane that holds one the outlines and the cut edge by distance."""
    found = list(_pairs(case))
    for z in planes(case):
        axis = None if case.result.ndim == 2 else 0
        outlines = areas(case, axis, z)
        found += [_outline(case, name, shape, z) for name, shape in outlines.items()]
        if "specimen" in outlines:
            found += list(_edges(case, outlines["specimen"], axis, z))
    return found


def planes(case: Measured) -> list[int]:
    """Level-0 planes that hold the edge point of a margin; 0, or the plane of the stack, for a result in 2-D."""
    if case.result.ndim == 2:
        return [case.plane or 0]
    return sorted({plane_of(case, margin.closest, 0) for margin in case.result.margins if margin.closest is not None})


def _pairs(case: Measured) -> Iterator[dict[str, Any]]:
    for margin in case.result.margins:
        if margin.closest is None:
            continue
        ends = frame(case).corners([margin.closest.edge_px, margin.closest.tumor_px])
        z = (case.plane or 0) if case.result.ndim == 2 else plane_of(case, margin.closest, 0)
        yield _feature(
            case,
            _line(ends[:, -2:]),
            z,
            name=f"margin {margin.name}: {shown(margin)}",
            kind="Margin",
            colour=LINE,
            numbers=_numbers(margin, ends),
            words={"margin": margin.name, "qualifier": margin.qualifier, "flags": " ".join(margin.flags)},
        )


def _line(ends: Floats) -> dict[str, Any]:
    """A line from edge to tumor; a point where they meet, for a line without length is none."""
    (y0, x0), (y1, x1) = ends.tolist()
    if (y0, x0) == (y1, x1):
        return {"type": "Point", "coordinates": [x0, y0]}
    return {"type": "LineString", "coordinates": [[x0, y0], [x1, y1]]}


def _numbers(margin: Margin, ends: Floats) -> dict[str, float | None]:
    low, high = margin.interval_mm or (None, None)
    numbers: dict[str, float | None] = {
        "Margin mm": margin.value_mm,
        "Margin low mm": low,
        "Margin high mm": high,
        "Unseen mm": margin.unseen_mm,
        "Through tissue mm": margin.closest.through_tissue_mm if margin.closest else None,
    }
    if ends.shape[1] == 3:
        numbers |= {"Edge z px": ends[0, 0] - 0.5, "Tumor z px": ends[1, 0] - 0.5}
    return numbers


def _outline(case: Measured, name: str, shape: Shape, z: int) -> dict[str, Any]:
    kind, colour = DRAWN.get(name, (name, _colours.BARRIER if name in barriers(case) else _colours.OTHER_EDGE))
    if shape.geom_type == "MultiLineString":
        drawn = {"type": "MultiLineString", "coordinates": [_xy(line.coords) for line in shape.geoms]}
        return _feature(case, drawn, z, name=name, kind=kind, colour=colour, numbers={})
    mm2 = shape.area * math.prod(frame(case).spacing_mm[-2:])
    return _feature(case, _polygons(shape), z, name=name, kind=kind, colour=colour, numbers={"Area mm2": mm2})


def _polygons(shape: Shape) -> dict[str, Any]:
    """The geometry; a single polygon as ``Polygon``."""
    import shapely

    parts: Any = shapely.orient_polygons(shape).geoms
    rings = [[_xy(ring.coords) for ring in (part.exterior, *part.interiors)] for part in parts]
    if len(rings) == 1:
        return {"type": "Polygon", "coordinates": rings[0]}
    return {"type": "MultiPolygon", "coordinates": rings}


def _xy(coords: Any) -> list[list[float]]:
    points: list[list[float]] = np.asarray(coords)[:, :2].tolist()
    return points


def _edges(case: Measured, specimen: Shape, axis: int | None, z: int) -> Iterator[dict[str, Any]]:
    """The cut edge by distance, and what is not cut edge."""
    walked = steps(case, specimen, axis, z)
    spacing = np.array(frame(case).spacing_mm[-2:])
    limits = [0.0, *sorted(limit for limit in case.limits_mm if limit > 0), math.inf]
    for low, high in itertools.pairwise(limits):
        chosen = walked.cut & (walked.distance_mm >= low) & (walked.distance_mm < high)
        colour = tuple(int(c) for c in _colours.of_distance(np.array(low), limits[-2] if len(limits) > 2 else 1.0))
        yield from _edge(case, walked.take(chosen), f"Cut edge {_between(low, high)}", colour, z, spacing)
    yield from _edge(case, walked.take(~walked.cut), "Other edge", _colours.OTHER_EDGE, z, spacing)


def _between(low: float, high: float) -> str:
    if math.isinf(high):
        return f"≥ {low:g} mm"
    return f"< {high:g} mm" if low == 0 else f"{low:g} to {high:g} mm"


def _edge(
    case: Measured, chosen: Steps, kind: str, colour: tuple[int, ...], z: int, spacing: Floats
) -> Iterator[dict[str, Any]]:
    if not len(chosen.ends):
        return
    length_mm = float(np.linalg.norm((chosen.ends[:, 1] - chosen.ends[:, 0]) * spacing, axis=1).sum())
    numbers: dict[str, float | None] = {"Length mm": length_mm}
    if chosen.cut.all():
        numbers[f"Nearest {case.result.region} mm"] = float(chosen.distance_mm.min())
    geometry = {"type": "MultiLineString", "coordinates": [_bent(run) for run in chosen.runs()]}
    yield _feature(case, geometry, z, name=kind.lower(), kind=kind, colour=colour, numbers=numbers)


def _bent(points: Floats) -> list[list[float]]:
    """A line without the points that lie on straight pieces of it, (x, y)."""
    along = np.diff(points, axis=0)
    turns = np.abs(along[1:, 0] * along[:-1, 1] - along[1:, 1] * along[:-1, 0]) > 1e-12
    kept = points[np.concatenate([[True], turns, [True]])]
    return _xy(kept[:, ::-1])


def _feature(
    case: Measured,
    geometry: dict[str, Any],
    z: int,
    *,
    name: str,
    kind: str,
    colour: tuple[int, ...],
    numbers: dict[str, float | None],
    words: dict[str, str] | None = None,
) -> dict[str, Any]:
    words = {**(words or {}), **_window(case)}
    placed = {**geometry, "plane": {"c": -1, "z": z, "t": 0}} if "Z" in case.picture.axes else geometry
    return {
        "type": "Feature",
        "id": str(uuid.uuid5(uuid.NAMESPACE_OID, "\n".join((case.case, case.picture.sha256, kind, name, str(z))))),
        "geometry": placed,
        "properties": {
            "objectType": "annotation",
            "name": name,
            "classification": {"name": kind, "color": list(colour)},
            "isLocked": True,
            "measurements": {key: value for key, value in numbers.items() if value is not None},
            "metadata": {key: value for key, value in words.items() if value},
        },
    }


def _window(case: Measured) -> dict[str, str]:
    """Where the picture lies on the scanner's canvas, where it does not fill it: QuPath counts from there too."""
    if case.picture.window_px is None:
        return {}
    y, x, height, width = case.picture.window_px
    return {"window px": f"x {x}, y {y}, width {width}, height {height}"}

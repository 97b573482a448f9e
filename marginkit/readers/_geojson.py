"""GeoJSON as QuPath writes it, and as others write it for QuPath.

The surprising thing: GeoJSON is made for maps, with longitudes and an axis that points north. QuPath counts pixels of
level 0 from the upper left corner. A file that names a coordinate system is therefore refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from marginkit.errors import OutlineError

from ._drawn import Drawn, Kind, called, line, points, refused, ring

GEOMETRIES = ("Polygon", "MultiPolygon", "LineString", "MultiLineString", "Point", "MultiPoint", "GeometryCollection")
FOUND_BY_PROGRAM = ("detection", "cell", "tile", "PathDetectionObject", "PathCellObject", "PathTileObject")


def owns(data: Any) -> bool:
    """Whether parsed JSON looks like GeoJSON or a list of features."""
    if isinstance(data, list):
        return bool(data) and all(isinstance(item, dict) and item.get("type") == "Feature" for item in data)
    return isinstance(data, dict) and data.get("type") in ("Feature", "FeatureCollection", *GEOMETRIES)


def drawn(data: Any, file: str) -> Iterator[Drawn]:
    """Every annotation of parsed GeoJSON."""
    if isinstance(data, dict):
        _refuse_crs(data, file)
    for number, feature in enumerate(_features(data, file), 1):
        yield _feature(feature, number, file)


def _refuse_crs(data: dict[str, Any], file: str) -> None:
    if data.get("crs"):
        raise OutlineError(
            "E-GEO-01",
            "the outlines are on a map",
            cause=f"a coordinate system is named: {data['crs']!r:.120}",
            remedy="Export them in pixels of level 0, (x, y) from the upper left corner.",
            file=file,
        )


def _features(data: Any, file: str) -> list[Any]:
    if isinstance(data, list):
        return data
    if data["type"] == "FeatureCollection":
        features = data.get("features")
        if not isinstance(features, list):
            raise refused("the collection", "has no list of features", f"got {type(features).__name__}", file)
        return features
    return [data if data["type"] == "Feature" else {"type": "Feature", "geometry": data}]


def _feature(feature: Any, number: int, file: str) -> Drawn:
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        raise refused(called("feature", number, ""), "is none", f"{feature!r:.60}", file)
    told = feature.get("properties")
    told = told if isinstance(told, dict) else {}
    group, label = _class(told.get("classification")), _text(told.get("name"))
    where = called("feature", number, group or label)
    geometry = feature.get("geometry")
    if geometry is None:
        return Drawn(where, group, label, "other")
    if not isinstance(geometry, dict) or geometry.get("type") not in GEOMETRIES:
        raise refused(where, "has no known geometry", f"{geometry!r:.60}", file)
    _refuse_crs(feature, file)
    _refuse_crs(geometry, file)
    kind, shape = _geometry(geometry, where, file)
    if kind == "area" and _by_program(feature, told):
        kind = "detection"
    return Drawn(where, group, label, kind, shape, plane=_plane(geometry, where, file))


def _by_program(feature: dict[str, Any], told: dict[str, Any]) -> bool:
    """Whether QuPath calls it a detection; before 0.4 the kind stood in ``id``."""
    return told.get("objectType") in FOUND_BY_PROGRAM or feature.get("id") in FOUND_BY_PROGRAM


def _class(given: Any) -> str:
    """Name of a classification: ``name``, or since QuPath 0.4 ``names``, the derived ones after a colon."""
    if isinstance(given, str):
        return given.strip()
    if not isinstance(given, dict):
        return ""
    names = given.get("names")
    if isinstance(names, list) and names and all(isinstance(n, str) for n in names):
        return ": ".join(n.strip() for n in names)
    return _text(given.get("name"))


def _text(given: Any) -> str:
    return given.strip() if isinstance(given, str) else ""


def _plane(geometry: dict[str, Any], where: str, file: str) -> tuple[int, int]:
    """(z, t) of a geometry; QuPath leaves the plane out where it is the first."""
    plane = geometry.get("plane") or {}
    if not isinstance(plane, dict):
        raise refused(where, "has a plane that is none", f"{plane!r:.60}", file)
    z, t = plane.get("z", 0), plane.get("t", 0)
    if type(z) is not int or type(t) is not int:
        raise refused(where, "has a plane that is none", f"{plane!r:.60}", file)
    return z, t


def _geometry(geometry: dict[str, Any], where: str, file: str) -> tuple[Kind, Any]:
    """What kind of thing it is, and its shape."""
    from shapely.geometry import MultiLineString, MultiPolygon

    name, at = geometry["type"], geometry.get("coordinates")
    if name == "GeometryCollection":
        return "other", None
    if name in ("Point", "MultiPoint"):
        points([at] if name == "Point" else at, where, file)
        return "point", None
    many = at if name.startswith("Multi") else [at]
    if not isinstance(many, list) or not many:
        raise refused(where, "is empty", "no ring has a point", file)
    if name.endswith("LineString"):
        return "line", MultiLineString([line(part, where, file) for part in many])
    return "area", MultiPolygon([_polygon(part, where, file) for part in many])


def _polygon(rings: Any, where: str, file: str) -> Any:
    """The polygon of an outer ring and its holes."""
    from shapely.geometry import Polygon

    if not isinstance(rings, list) or not rings:
        raise refused(where, "is empty", "no ring has a point", file)
    outer, *holes = [ring(item, where, file) for item in rings]
    return Polygon(outer, holes)

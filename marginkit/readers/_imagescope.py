"""Outlines of Aperio ImageScope (XML): pixels of level 0, named by their layer.

The surprising thing: a region with ``NegativeROA="1"`` is a hole in every region of its layer. And an ellipse is
stored as two corners of the box around it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ._drawn import Drawn, Kind, called, line, points, refused, ring
from ._xml import children

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

FREE, RECTANGLE, ELLIPSE, ARROW, RULER = "0", "1", "2", "3", "4"
WORDS = {"": FREE, "Polygon": FREE, "Rectangle": RECTANGLE, "Ellipse": ELLIPSE, "Arrow": ARROW, "Ruler": RULER}
SAGITTA_PX = 0.01  # largest distance between an ellipse and the polygon that stands for it


def owns(root: Element) -> bool:
    """Whether the XML is ImageScope's: layers with regions."""
    return any(children(layer, "Regions") for layer in children(root, "Annotation"))


def drawn(root: Element, file: str) -> Iterator[Drawn]:
    """Every region of every layer, less the holes of its layer."""
    for number, layer in enumerate(children(root, "Annotation"), 1):
        name = layer.get("Name", "").strip()
        regions = [r for part in children(layer, "Regions") for r in children(part, "Region")]
        found = [(_negative(r, file), _region(r, name, number, i, file)) for i, r in enumerate(regions, 1)]
        for negative, item in found:
            if negative and item.kind != "area":
                raise refused(item.where, "is no area", "NegativeROA=1 on something that is none", file)
        holes = tuple(item.shape for negative, item in found if negative)
        kept = [item for negative, item in found if not negative]
        if holes and not any(item.kind == "area" for item in kept):
            raise refused(called("layer", number, name), "has only holes", "every region has NegativeROA=1", file)
        for item in kept:
            area = item.kind == "area"
            yield Drawn(item.where, item.group, item.label, item.kind, item.shape, holes if area else ())


def _negative(region: Element, file: str) -> bool:
    value = region.get("NegativeROA", "0").strip()
    if value not in ("0", "1"):
        raise refused("a region", "is neither area nor hole", f"NegativeROA={value!r}", file)
    return value == "1"


def _region(region: Element, layer: str, layer_number: int, number: int, file: str) -> Drawn:
    label = region.get("Text", "").strip()
    where = f"region {number} of {called('layer', layer_number, layer or label)}"
    told = region.get("Type", "").strip()
    kind, shape = _shape(WORDS.get(told, told), _vertices(region, where, file), where, file)
    return Drawn(where, layer, label, kind, shape)


def _vertices(region: Element, where: str, file: str) -> list[list[float]]:
    found = [v for part in children(region, "Vertices") for v in part]
    try:
        return [[float(v.attrib["X"]), float(v.attrib["Y"])] for v in found]
    except (KeyError, ValueError) as error:
        raise refused(where, "has a vertex that is none", f"{error}", file) from error


def _shape(told: str, at: list[list[float]], where: str, file: str) -> tuple[Kind, Any]:
    from shapely.geometry import MultiLineString, Polygon, box

    if told in (ARROW, RULER):
        return "line", MultiLineString([line(at, where, file)])
    if told == ELLIPSE:
        return "area", _ellipse(*_bounds(at, where, file), where, file)
    if told == RECTANGLE and len(at) == 2:
        return "area", box(*_bounds(at, where, file))
    if told in (FREE, RECTANGLE):
        return "area", Polygon(ring(at, where, file))
    return "other", None


def _bounds(at: list[list[float]], where: str, file: str) -> tuple[float, float, float, float]:
    """(x0, y0, x1, y1) of the box around the points."""
    xy = points(at, where, file)
    (x0, y0), (x1, y1) = xy.min(axis=0).tolist(), xy.max(axis=0).tolist()
    return x0, y0, x1, y1


def _ellipse(x0: float, y0: float, x1: float, y1: float, where: str, file: str) -> Any:
    """The ellipse in a box as a polygon, nowhere farther from it than ``SAGITTA_PX``."""
    from shapely.geometry import Polygon

    radii = (x1 - x0) / 2, (y1 - y0) / 2
    if min(radii) <= 0:
        raise refused(where, "has no area", f"its box is {x1 - x0:g} x {y1 - y0:g}", file)
    count = max(64, math.ceil(math.pi / math.sqrt(2 * min(1.0, SAGITTA_PX / max(radii)))))
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return Polygon(np.stack([(x0 + x1) / 2 + radii[0] * np.cos(angle), (y0 + y1) / 2 + radii[1] * np.sin(angle)], 1))

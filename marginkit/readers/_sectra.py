"""Outlines of Sectra's pathology viewer (JSON): fractions of the slide, named by the user or not at all.

The surprising thing: x and y are both fractions of the slide's *width*. The two exports in the real-data folder, of
one slide, say so: with one unit for both axes an area of 5.33 mm² gives a width of 23.636 mm, and a line of 5.93 mm
gives 23.628 mm, which is the same within the two decimals that Sectra writes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ._drawn import Drawn, called, line, refused, ring

AREAS = ("Area", "Polygon")
LINES = ("Polyline", "Line")


def owns(data: Any) -> bool:
    """Whether parsed JSON is one annotation of Sectra's or a list of them."""
    items = data if isinstance(data, list) else [data]
    return bool(items) and all(isinstance(i, dict) and {"type", "content", "slideId"} <= i.keys() for i in items)


def drawn(data: Any, file: str) -> Iterator[Drawn]:
    """Every annotation."""
    for number, item in enumerate(data if isinstance(data, list) else [data], 1):
        yield _annotation(item, number, file)


def _annotation(item: dict[str, Any], number: int, file: str) -> Drawn:
    from shapely.geometry import MultiLineString, Polygon

    name = item["name"].strip() if isinstance(item.get("name"), str) else ""
    where = called("annotation", number, name)
    if item["type"] in AREAS:
        return Drawn(where, "", name, "area", Polygon(ring(_content(item, where, file), where, file)))
    if item["type"] in LINES:
        return Drawn(where, "", name, "line", MultiLineString([line(_content(item, where, file), where, file)]))
    return Drawn(where, "", name, "other")


def _content(item: dict[str, Any], where: str, file: str) -> list[list[Any]]:
    """The points as [x, y]."""
    content = item["content"]
    if not isinstance(content, list) or not all(isinstance(p, dict) and {"x", "y"} <= p.keys() for p in content):
        raise refused(where, "has no points", f"{content!r:.60}", file)
    return [[p["x"], p["y"]] for p in content]

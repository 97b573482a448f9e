"""Outlines of ASAP (XML): pixels of level 0, named by their group.

The surprising things: ASAP has no holes; projects draw them as a group of their own (``select(..., without=...)``).
And the points of a spline are joined by straight lines here, as ASAP itself does when it writes a mask.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ._drawn import Drawn, called, points, refused, ring
from ._xml import children

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

AREAS = ("Polygon", "Spline", "Rectangle")
POINTS = ("Dot", "PointSet")
NO_GROUP = ("", "None")


def drawn(root: Element, file: str) -> Iterator[Drawn]:
    """Every annotation of an ASAP file."""
    found = [item for part in children(root, "Annotations") for item in children(part, "Annotation")]
    for number, item in enumerate(found, 1):
        yield _annotation(item, number, file)


def _annotation(item: Element, number: int, file: str) -> Drawn:
    from shapely.geometry import Polygon

    label, group = item.get("Name", "").strip(), item.get("PartOfGroup", "").strip()
    group = "" if group in NO_GROUP else group
    where, kind = called("annotation", number, group or label), item.get("Type", "")
    if kind in POINTS:
        return Drawn(where, group, label, "point")
    if kind not in AREAS:
        return Drawn(where, group, label, "other")
    note = "a spline was taken as straight lines between its points" if kind == "Spline" else ""
    return Drawn(where, group, label, "area", Polygon(ring(_ordered(item, where, file), where, file)), note=note)


def _ordered(item: Element, where: str, file: str) -> list[list[float]]:
    """The points in the order that the file numbers them."""
    found = [c for part in children(item, "Coordinates") for c in children(part, "Coordinate")]
    try:
        order = [int(c.get("Order", i)) for i, c in enumerate(found)]
        at = [[float(c.attrib["X"]), float(c.attrib["Y"])] for c in found]
    except (KeyError, ValueError) as error:
        raise refused(where, "has a coordinate that is none", f"{error}", file) from error
    if len(set(order)) != len(order):
        raise refused(where, "has two points of one number", "Order is not unique", file)
    points(at, where, file)
    return [at[i] for i in sorted(range(len(at)), key=order.__getitem__)]

"""Outlines that people drew: QuPath GeoJSON, ASAP XML, ImageScope XML, Sectra JSON.

The surprising thing: none of these files says which slide it belongs to or how large a pixel is. Outlines are taken as
pixels of level 0; whether they lie on the image is checked where they meet it.

Nothing here reads pictures: this is no reader for the shelf.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from marginkit import files
from marginkit.errors import OutlineError

from ._drawn import Drawn, refused
from ._drawnfile import Unit, parse

if TYPE_CHECKING:
    from shapely.geometry import MultiLineString, MultiPolygon

MAX_BYTES = 256 << 20
COUNTED = {"point": "points", "line": "lines", "detection": "detections", "other": "others"}


class OutlineWarning(UserWarning):
    """Something in an annotation file was left out or taken in a way that one should know; one line."""


@dataclass(frozen=True, eq=False)
class NamedOutline:
    """One annotation that can be used.

    name : its class, group or layer; where it has none, its own name; ``""`` where it has neither.
    outline : valid MultiPolygon, or MultiLineString where lines were asked for; (x, y) from the upper left corner of
        the first pixel. unit : ``px`` of level 0; ``fraction`` of the slide's width, both axes; ``mm`` is for callers
        who have scaled it. flags : names from ``marginkit.flags``. label : its own name. plane : (z, t).
    """

    name: str
    outline: MultiPolygon | MultiLineString
    unit: Unit
    flags: tuple[str, ...] = ()
    label: str = ""
    plane: tuple[int, int] = (0, 0)

    @property
    def is_line(self) -> bool:
        """Whether it is a line: a barrier perhaps, never a region."""
        return self.outline.geom_type == "MultiLineString"


def read_regions(path: str | Path, *, lines: bool = False, plane: tuple[int, int] | None = None) -> list[NamedOutline]:
    """The outlines in an annotation file, in its order.

    lines : keep lines too. plane : only what is drawn on this (z, t); without it, more than one plane is refused.

    Points, lines and (where there are annotations) detections are left out with an ``OutlineWarning`` that counts them.

    Raises
    ------
    FileError : E-FILE-07 JSON or XML that is broken or declares entities, E-FILE-09 no annotation file.
    OutlineError : E-GEO-01 an outline that cannot be used, by its number; E-GEO-04 nothing to use; E-GEO-05 more than
        one plane.
    """
    name = Path(path).name
    unit, found = parse(files.read_bounded(path, MAX_BYTES), name)
    items = _on_plane(list(found), plane, name)
    kept = _kept(items, lines, name)
    for note, count in Counter(item.note for item in kept if item.note).items():
        warnings.warn(OutlineWarning(f"{name}: {note} (annotations: {count})"), stacklevel=2)
    return [_outline(item, unit, name) for item in kept]


def select(
    outlines: Iterable[NamedOutline], name: str | None = None, *, without: str | None = None
) -> MultiPolygon | MultiLineString:
    """The union of all outlines of one class or name, in any case of letters; of all where ``name`` is None.

    A MultiPolygon; a MultiLineString only where lines were read and all that is chosen are lines (a barrier).

    without : a class or name to cut out of the areas (the holes of formats that have none).

    Raises
    ------
    OutlineError : E-GEO-03 no outline has the name (it lists the names there are), or nothing is left of it; E-GEO-05
        areas and lines together, more than one plane, or not in pixels.
    """
    from marginkit.geometry.polygon import checked, multi

    items = list(outlines)
    chosen = _named(items, name)
    _refuse_mix(chosen)
    if chosen[0].is_line:
        return _lines(chosen)
    whole = _union(chosen)
    if without is None:
        return whole
    cut = [item for item in _named(items, without) if not item.is_line]
    _refuse_mix([*chosen, *cut])
    left = multi(whole.difference(_union(cut))) if cut else whole
    if left.area <= 0:
        raise OutlineError("E-GEO-03", "nothing is left", cause=f"{name or 'everything'} lies inside {without}")
    return checked(left, name or "outline")[0]


def in_pixels(outlines: Iterable[NamedOutline], width_px: float) -> list[NamedOutline]:
    """The outlines with fractions of the slide's width turned into pixels of level 0; others as they are."""
    import shapely

    if not 0 < width_px < float("inf"):
        raise ValueError(f"width_px: wanted a positive number of pixels, got {width_px!r}")
    return [
        item
        if item.unit != "fraction"
        else replace(item, outline=shapely.transform(item.outline, lambda xy: xy * width_px), unit="px")
        for item in outlines
    ]


def _named(items: Sequence[NamedOutline], name: str | None) -> list[NamedOutline]:
    wanted = None if name is None else name.strip().casefold()
    chosen = [i for i in items if wanted is None or wanted in (i.name.casefold(), i.label.casefold())]
    if chosen and wanted != "":
        return chosen
    names = dict.fromkeys(i.name or "(no name)" for i in items)
    raise OutlineError(
        "E-GEO-03",
        "no outline to take" if name is None else f"no outline is called {name!r}",
        cause=f"there are {', '.join(names)}" if names else "there are none",
        remedy="" if name is None else "Give one of these names.",
    )


def _refuse_mix(chosen: Sequence[NamedOutline]) -> None:
    """E-GEO-05 where outlines cannot be one region."""
    if any(item.unit == "fraction" for item in chosen):
        cause = "they are fractions of the slide's width"
        raise OutlineError("E-GEO-05", "the outlines are not in pixels", cause=cause, remedy="Scale with in_pixels.")
    for what, count in {
        "unit": len({item.unit for item in chosen}),
        "plane": len({item.plane for item in chosen}),
        "kind (areas and lines)": len({item.is_line for item in chosen}),
    }.items():
        if count > 1:
            raise OutlineError("E-GEO-05", f"outlines of more than one {what}", remedy="Choose by class or name.")


def _lines(chosen: Sequence[NamedOutline]) -> MultiLineString:
    from shapely.geometry import MultiLineString

    return MultiLineString([part for item in chosen for part in item.outline.geoms if part.geom_type == "LineString"])


def _union(chosen: Sequence[NamedOutline]) -> MultiPolygon:
    import shapely

    from marginkit.geometry.polygon import multi

    if len(chosen) == 1:
        return multi(chosen[0].outline)
    return multi(shapely.orient_polygons(multi(shapely.union_all([item.outline for item in chosen]))))


def _on_plane(items: list[Drawn], plane: tuple[int, int] | None, name: str) -> list[Drawn]:
    """What is drawn on the plane; E-GEO-05 for more than one without a choice."""
    planes = sorted({item.plane for item in items if item.shape is not None})
    if plane is None and len(planes) <= 1:
        return items
    if plane in planes:
        return [item for item in items if item.plane == plane]
    listed = ", ".join(f"z={z} t={t}" for z, t in planes[:20])
    what = "outlines on more than one plane" if plane is None else f"no outline on plane z={plane[0]} t={plane[1]}"
    raise OutlineError("E-GEO-05", what, cause=f"there are {listed or 'none'}", remedy="Choose a plane.", file=name)


def _kept(items: list[Drawn], lines: bool, name: str) -> list[Drawn]:
    """What can be used; the rest is counted in a warning, or is the reason to refuse."""
    wanted = {"area", "line"} if lines else {"area"}
    if not any(item.kind == "area" for item in items):
        wanted.add("detection")
    kept = [item for item in items if item.kind in wanted]
    left = Counter(COUNTED[item.kind] for item in items if item.kind not in wanted)
    told = ", ".join(f"{count} {what if count > 1 else what[:-1]}" for what, count in left.items())
    if not kept:
        raise OutlineError(
            "E-GEO-04",
            "no outline in it",
            cause=f"it holds only {told}" if told else "it holds nothing",
            remedy="Draw a closed outline around the tissue, and export that.",
            file=name,
        )
    if told:
        warnings.warn(OutlineWarning(f"{name}: left out {told}"), stacklevel=3)
    return kept


def _outline(item: Drawn, unit: Unit, file: str) -> NamedOutline:
    """The annotation, checked, less its holes."""
    from marginkit.geometry.polygon import checked, multi

    name = item.group or item.label
    if item.kind == "line":
        return NamedOutline(name, item.shape, unit, (), item.label, item.plane)
    whole, flags = checked(item.shape, item.where, file=file)
    for hole in item.holes:
        cut, more = checked(hole, f"a hole of {item.where}", file=file)
        whole, flags = multi(whole.difference(cut)), tuple(dict.fromkeys((*flags, *more)))
    if whole.area <= 0:
        raise refused(item.where, "has no area", "the holes of its layer cover it", file)
    outline = checked(whole, item.where, file=file)[0] if item.holes else whole
    return NamedOutline(name, outline, unit, flags, item.label, item.plane)

"""Where a region comes from, as users write it: ``FILE``, ``FILE#part`` or ``SEGMENTER:key=value,...``.

The surprising thing: a file that exists always wins, whatever its name looks like, so that colons, commas and
hashes in file names do no harm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from marginkit import grids, shelf
from marginkit.errors import FileError, ShelfError
from marginkit.records import Picture, Region

OUTLINES = (".geojson", ".json", ".xml")


@dataclass(frozen=True)
class Source:
    """A file with the part that is meant, or a segmenter with its options as written."""

    kind: Literal["file", "segmenter"]
    name: str
    part: str = ""
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_outline(self) -> bool:
        """Whether it is a file of outlines."""
        return self.kind == "file" and Path(self.name).suffix.lower() in OUTLINES


def parse_source(text: str) -> Source:
    """The source that a text means; FileError E-FILE-10 where it is neither a file nor a segmenter.

    >>> parse_source("threshold:above=-300,fill=yes").options
    {'above': '-300', 'fill': 'yes'}
    """
    if Path(text).exists():
        return Source("file", text)
    file, hash_, part = text.rpartition("#")
    if hash_ and Path(file).exists():
        return Source("file", file, part)
    name, _, options = text.partition(":")
    if name.isidentifier() and name in shelf.load("segmenters"):
        return Source("segmenter", name, options=_options(options))
    known = ", ".join(shelf.load("segmenters"))
    raise FileError(
        "E-FILE-10",
        "neither a file nor a segmenter",
        remedy=f"Give an existing file (FILE or FILE#part) or one of {known} (NAME:key=value,...).",
        file=text,
    )


def _options(text: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in text.split(",") if pair.strip()]
    for key, equals, _ in pairs:
        if not equals:
            raise ShelfError("E-SHELF-04", f"option {key!r} has no value", remedy="Write key=value.")
    return {key.strip(): value.strip() for key, _, value in pairs}


def segmenter_options(name: str, given: Mapping[str, str]) -> Any:
    """The segmenter's options with the given texts turned into the types of its ``Options``."""
    kind = shelf.get("segmenters", name).Options
    known = {one.name: one.default for one in fields(kind)}
    hints = {one.name: str(one.type) for one in fields(kind)}
    values = {}
    for key, text in given.items():
        if key not in known:
            raise ShelfError("E-SHELF-05", f"{name} has no option {key!r}", remedy=f"It has {', '.join(known)}.")
        values[key] = _typed(name, key, text, hints[key])
    return kind(**values)


def _typed(name: str, key: str, text: str, hint: str) -> Any:
    try:
        if hint.startswith("bool"):
            return {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}[text.lower()]
        if hint.startswith("int"):
            return int(text)
        if hint.startswith("float"):
            return float(text)
    except (KeyError, ValueError) as error:
        raise ShelfError("E-SHELF-06", f"{name}: {key}={text!r} is no {hint.partition(' ')[0]}") from error
    return text


def region_of(source: Source, picture: Picture, role: str) -> Region:
    """The region of a source, on its own grid or in pixel corners of the picture."""
    if source.kind == "segmenter":
        options = segmenter_options(source.name, source.options)
        found: Region = shelf.get("segmenters", source.name).segment(picture, options)
        return found
    if source.is_outline:
        return _outline(source, role)
    return _mask(source, picture)


def _outline(source: Source, role: str) -> Region:
    from marginkit.readers import polygons

    found = polygons.read_regions(source.name, lines=True) if role == "barrier" else polygons.read_regions(source.name)
    chosen = polygons.select(found, source.part or None)
    told = f"{Path(source.name).name}#{source.part}" if source.part else Path(source.name).name
    flags = tuple(dict.fromkeys(flag for one in found for flag in one.flags))
    return Region(chosen, name=role, maker=told, flags=flags)


def _mask(source: Source, picture: Picture) -> Region:
    from marginkit import opening
    from marginkit.segmenters import masks

    opened = opening.open(source.name, mask=True)
    region = masks.region_from_picture(opened, masks.parse_select(source.part) if source.part else None)
    return grids.place(region, opened, picture)

"""Which program wrote an annotation file, by its content; its name and suffix say nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

from marginkit.errors import FileError

from . import _asap, _geojson, _imagescope, _sectra, _xml
from ._drawn import Drawn

Unit: TypeAlias = Literal["px", "fraction", "mm"]


def parse(data: bytes, name: str) -> tuple[Unit, Iterator[Drawn]]:
    """The unit of an annotation file and what it holds."""
    text = _text(data, name).strip("\0\ufeff \t\r\n")
    if text.startswith("<"):
        return "px", _from_xml(text, name)
    if text.startswith(("{", "[")):
        parsed = _json(text, name)
        if _geojson.owns(parsed):
            return "px", _geojson.drawn(parsed, name)
        if _sectra.owns(parsed):
            return "fraction", _sectra.drawn(parsed, name)
    raise _unknown(f"it begins with {text[:40]!r}", name)


def _from_xml(text: str, name: str) -> Iterator[Drawn]:
    try:
        root = _xml.parse(text, name)
    except FileError as error:
        raise FileError(error.code, "the outlines cannot be read", cause=error.cause, file=name) from error
    if _xml.local(root) == "ASAP_Annotations":
        return _asap.drawn(root, name)
    if _xml.local(root) == "Annotations" and _imagescope.owns(root):
        return _imagescope.drawn(root, name)
    raise _unknown(f"XML of {_xml.local(root)!r:.60}", name)


def _text(data: bytes, name: str) -> str:
    """The text; UTF-8 unless a byte-order mark or the XML itself says otherwise."""
    declared = re.match(rb"""<\?xml[^>]*encoding=["'](iso-8859-1|latin1|windows-1252)["']""", data, re.IGNORECASE)
    encoding = declared[1].decode() if declared else "utf-8-sig"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise _unknown(f"no text in {error.encoding} at byte {error.start}", name) from error


def _json(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        cause = "lists inside lists without end" if isinstance(error, RecursionError) else str(error)
        raise FileError("E-FILE-07", "the outlines cannot be read", cause=cause, file=name) from error


def _unknown(cause: str, name: str) -> FileError:
    known = "QuPath GeoJSON, ASAP XML, ImageScope XML, Sectra JSON"
    return FileError("E-FILE-09", "no annotation file", cause=cause, remedy=f"Known are {known}.", file=name)

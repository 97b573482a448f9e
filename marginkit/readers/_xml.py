"""XML from image files: bounded, without entities, and never half understood."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast
from xml.etree import ElementTree

from marginkit.errors import FileError, SizeError

MAX_CHARS = 64 << 20
MAX_DEPTH = 100
CHUNK = 1 << 16


def parse(text: str, name: str) -> ElementTree.Element:
    """The root element. FileError E-FILE-07 for entities or broken XML: what cannot be read stops the image."""
    if len(text) > MAX_CHARS:
        raise SizeError("E-SIZE-01", "metadata too large", cause=f"{len(text)} characters of XML", file=name)
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise _broken("it declares entities, which are never followed", name)
    parser: ElementTree.XMLPullParser[ElementTree.Element] = ElementTree.XMLPullParser(("start", "end"))
    root: ElementTree.Element | None = None
    depth = 0
    text = text.strip().strip("\0\ufeff")
    try:
        for start in range(0, len(text), CHUNK):
            parser.feed(text[start : start + CHUNK])
            for event, element in cast("Iterator[tuple[str, ElementTree.Element]]", parser.read_events()):
                root = element if root is None else root
                depth += 1 if event == "start" else -1
                if depth > MAX_DEPTH:
                    raise _broken(f"more than {MAX_DEPTH} elements inside each other", name)
        parser.close()
    except ElementTree.ParseError as error:
        raise _broken(f"{error}; an unescaped & or < in a name?", name) from error
    if root is None:
        raise _broken("it is empty", name)
    return root


def local(element: ElementTree.Element) -> str:
    """The element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def children(element: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    """The children of one name, whatever their namespace."""
    return [child for child in element if local(child) == name]


def _broken(cause: str, name: str) -> FileError:
    return FileError(
        "E-FILE-07",
        "the metadata cannot be read",
        cause=cause,
        remedy="Repair them: the pixel size is in there.",
        file=name,
    )

"""A study's palette of inks: colours picked from an image of it, and kept in a file.

The surprising thing: colours are taken with the glass as white, so that a palette holds under another lamp.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from marginkit import files, opening, scaling, shelf
from marginkit.errors import UsageError

WORDS = "Write COLOUR=y,x,height,width, such as blue=210,30,20,10."


def pick(image: str, patches: Sequence[str]) -> dict[str, Any]:
    """Colour to inks, from patches ``blue=y,x,height,width`` of an image. UsageError E-USE-11 where not understood."""
    module = shelf.get("segmenters", "ink")
    picture = opening.uncalibrated(image)
    found: dict[str, Any] = {}
    for text in patches:
        name, sign, box = (part.strip() for part in text.partition("="))
        if not sign or name not in module.COLOURS[1:-1]:
            cause = f"colours are {', '.join(module.COLOURS[1:-1])}"
            raise UsageError("E-USE-11", f"patch {text[:60]!r} not understood", cause=cause, remedy=WORDS)
        found[name] = (*found.get(name, ()), module.picked(picture, scaling.box(box)))
    return found


def save(inks: Mapping[str, Any], path: str | Path) -> None:
    """Write a palette, whole or not at all."""
    text = shelf.get("segmenters", "ink").as_text(inks)
    with files.write_atomic(path) as stream:
        stream.write(text.encode())


def told(inks: Mapping[str, Any]) -> Any:
    """The palette as JSON takes it."""
    return json.loads(shelf.get("segmenters", "ink").as_text(inks))

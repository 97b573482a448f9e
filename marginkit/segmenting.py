"""A region by a segmenter's name: the one way in for scripts, as ``NAME:key=value`` is on the command line."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

from marginkit import shelf
from marginkit.errors import UsageError
from marginkit.records import Picture, Region
from marginkit.sources import typed_options


def segment(picture: Picture, method: str, **options: Any) -> Region:
    """The region that a segmenter finds in an opened picture.

    method : name of a segmenter, such as ``specimen``, ``threshold`` or ``fluorescence``.
    options : fields of its ``Options``; words are turned into the type of the field.

    Raises
    ------
    ShelfError : E-SHELF-02 no segmenter of that name.
    UsageError : E-USE-03 an option that it does not have, or of a wrong type.
    """
    module = shelf.get("segmenters", method)
    known = {f.name for f in fields(module.Options) if f.init}
    if unknown := [key for key in options if key not in known]:
        cause = f"there are {', '.join(sorted(known))}"
        raise UsageError("E-USE-03", f"{method} has no option {unknown[0]!r}", cause=cause)
    region: Region = module.segment(picture, typed_options(module, [(k, _word(v)) for k, v in options.items()]))
    return region


def _word(value: Any) -> str:
    """The value as it would be typed; a float keeps all its digits."""
    if isinstance(value, float) and not math.isfinite(value):
        raise UsageError("E-USE-03", "an option is no number", cause=f"{value}")
    return str(value) if isinstance(value, (str, bool, int, float)) or value is None else repr(value)

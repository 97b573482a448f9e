"""A pixel size that is read off the picture itself: ``ruler``, ``marker:size=10mm``, ``points:y,x,y,x=10mm``.

The surprising thing: it is read anew for every picture. A batch of photographs with a ruler in each has as many pixel
sizes as photographs, and a photograph whose ruler cannot be trusted fails by itself.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from marginkit.errors import AxesError, MarginError, SizeError, UsageError
from marginkit.records import Calibration, Picture

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from marginkit.rulers.scale import Scale

WORDS = ("ruler", "marker", "points")
MOST_PX = 400_000_000
HOW = "Write ruler, ruler:tick=1mm, ruler:tick=1mm,box=y/x/height/width, marker:size=10mm or points:y,x,y,x=10mm."
_POINTS = re.compile(r"([^=]+)=([^=]+)")


def is_scale(text: str) -> bool:
    """Whether a typed pixel size asks for one that is read off the picture."""
    return text.strip().partition(":")[0].strip().lower() in WORDS


def calibration(picture: Picture, text: str) -> Calibration:
    """The calibration that a picture's own ruler, marker or known length gives, as asked for in words.

    UsageError E-USE-11 where the words are not understood; CalibrationError where the picture gives none.
    """
    try:
        taken = scale(picture, text)
    except MarginError as error:
        raise error if error.file else error.about(picture.name) from error
    return Calibration(taken.spacing_mm, taken.source, taken.detail, taken.relative_uncertainty)


def scale(picture: Picture, text: str) -> Scale:
    """The scale as asked for in words, with what to draw of it."""
    from marginkit.rulers import known, markers, reading

    word, _, rest = text.strip().partition(":")
    word = word.strip().lower()
    if word == "points":
        if not (match := _POINTS.fullmatch(rest)):
            raise _not_understood(text)
        return known.between(known.points(match[1]), match[2], _plane(picture))
    options = _options(text, rest, ("tick", "box") if word == "ruler" else ("size",))
    if word == "ruler":
        return reading.read(pixels(picture), options.get("tick", ""), box(options["box"]) if "box" in options else None)
    if "size" not in options:
        raise _not_understood(text)
    return markers.read(pixels(picture), options["size"])


def box(text: str) -> tuple[int, int, int, int]:
    """(y, x, height, width) px of ``10/20/300/400``, or with commas. E-USE-11 where it is none.

    >>> box("10,20,300,400")
    (10, 20, 300, 400)
    """
    words = re.split("[,/]", text)
    if len(words) != 4 or not all(re.fullmatch(r"\s*[0-9]{1,7}\s*", word) for word in words):
        raise UsageError("E-USE-11", f"box {text[:60]!r} not understood", remedy="Write y,x,height,width in pixels.")
    top, left, height, width = (int(word) for word in words)
    return top, left, height, width


def _plane(picture: Picture) -> tuple[int, int]:
    """(height, width) of a picture of one plane; its pixels are not read. AxesError E-AXE-05 where it has more."""
    if any(n != 1 for axis, n in zip(picture.axes, picture.shape) if axis in "TZ"):
        cause = f"axes {picture.axes}, shape {picture.shape}"
        raise AxesError("E-AXE-05", "a length is known in one plane", cause=cause, file=picture.name)
    sizes = dict(zip(picture.axes, picture.shape))
    return sizes["Y"], sizes["X"]


def pixels(picture: Picture) -> NDArray[Any]:
    """All pixels of a picture of one plane, (y, x) or (y, x, 3). AxesError E-AXE-05 where it has more."""
    sizes = dict(zip(picture.axes, picture.shape))
    if any(sizes[axis] != 1 for axis in picture.axes if axis in "TCZ"):
        cause = f"axes {picture.axes}, shape {picture.shape}"
        raise AxesError("E-AXE-05", "a ruler is looked for in one plane", cause=cause, file=picture.name)
    if sizes["Y"] * sizes["X"] > MOST_PX:
        cause = f"{sizes['X']} x {sizes['Y']} pixels, limit {MOST_PX}"
        raise SizeError("E-SIZE-01", "image too large to look for a ruler", cause=cause, file=picture.name)
    whole = picture.read()
    return whole.reshape([n for axis, n in zip(picture.axes, whole.shape) if axis in "YXS"])


def _options(text: str, rest: str, known: tuple[str, ...]) -> dict[str, str]:
    """``key=value`` pairs; E-USE-11 where a key is unknown."""
    found: dict[str, str] = {}
    for part in re.split(r",(?![0-9])", rest) if rest.strip() else []:  # a comma before a digit is a decimal comma
        key, equals, value = part.partition("=")
        if not equals or key.strip() not in known or not value.strip():
            raise _not_understood(text)
        found[key.strip()] = value.strip()
    return found


def _not_understood(text: str) -> UsageError:
    return UsageError("E-USE-11", f"pixel size {text[:60]!r} not understood", remedy=HOW)

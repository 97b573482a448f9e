"""Regions that others segmented: masks, label images and probabilities, taken without a guess.

The surprising thing: ``> 0`` is no way to read a mask. A JPEG turns 0 into 3, an anti-aliased mask has a fringe of
greys, and the label 2 of a label image is not "more tumor" than the label 1. So a file with more than two values is
taken only by the labels that the user names.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from marginkit.errors import AxesError, MarginError, PixelError, SizeError
from marginkit.geometry.run_mask import RunMask
from marginkit.geometry.value_runs import ValueRuns, among
from marginkit.records import Picture, Region

from ._meaning import at_least, grey, meaning, meaning_of_runs

LIMIT_BYTES = 8 << 30
RUNS_FROM_PIXELS = 1 << 26  # a larger mask is never held as an array where its file lets it be read by tiles
_NUMBER = re.compile(r"[0-9]{1,9}")
_LABEL = re.compile(r"-?[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Select:
    """What of a mask file is meant.

    page : number of the plane among its T, C and Z planes in the file's order, from 0; None for all.
    labels : values that make the region; empty for a file of two values. channel : number on C, or of the sample.
    threshold : of a grey mask (JPEG, smoothed) the region is where it is at least this.
    """

    page: int | None = None
    labels: tuple[int, ...] = ()
    channel: int | None = None
    threshold: float | None = None

    def __str__(self) -> str:
        words = [] if self.page is None else [f"page={self.page}"]
        words += [f"label={'+'.join(map(str, self.labels))}"] if self.labels else []
        words += [] if self.channel is None else [f"channel={self.channel}"]
        words += [] if self.threshold is None else [f"threshold={self.threshold:.17g}"]
        return ":".join(words)


def parse_select(text: str) -> Select:
    """The choice in words such as ``page=0:label=0+1:channel=2``; PixelError E-PIX-07 for others.

    >>> parse_select("label=1+4:page=2")
    Select(page=2, labels=(1, 4), channel=None, threshold=None)
    >>> parse_select("")
    Select(page=None, labels=(), channel=None, threshold=None)
    """
    found: dict[str, str] = {}
    for word in text.split(":") if text.strip() else []:
        key, equals, value = (part.strip() for part in word.partition("="))
        if not equals or key not in ("page", "label", "channel", "threshold") or key in found:
            _misread(text, f"{word!r}")
        found[key] = value
    page, channel = _number(found, "page", text), _number(found, "channel", text)
    return Select(page, _labels(found, text), channel, _threshold(found, text))


def _threshold(found: dict[str, str], text: str) -> float | None:
    if "threshold" not in found:
        return None
    try:
        value = float(found["threshold"])
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or "label" in found:
        _misread(text, "threshold wants one number, and no label beside it")
    return value


def _number(found: dict[str, str], key: str, text: str) -> int | None:
    if key in found and not _NUMBER.fullmatch(found[key]):
        _misread(text, f"{key} {found[key]!r} is no number from 0")
    return int(found[key]) if key in found else None


def _labels(found: dict[str, str], text: str) -> tuple[int, ...]:
    words = [word.strip() for word in found["label"].split("+")] if "label" in found else []
    for word in words:
        if not _LABEL.fullmatch(word):
            _misread(text, f"label {word!r} is no whole number")
    return tuple(dict.fromkeys(int(word) for word in words))


def _misread(text: str, cause: str) -> NoReturn:
    remedy = "Write for instance page=0:label=1+2:channel=0."
    raise PixelError("E-PIX-07", f"choice {text!r:.80} not understood", cause=cause, remedy=remedy)


def region_from_picture(picture: Picture, select: Select | None = None) -> Region:
    """The region in a mask file: bool (y, x) or (z, y, x), or a float probability.

    ``picture`` must have been opened as a mask (of a palette the indices count, not the colours). Its own pixel size
    goes with the region; where it has none the region has the grid of the image it belongs to.

    - two values, one of them 0: the other is the region; only 0: nothing is; all 1 or all 255: everything is;
    - ``select.labels``: the union of these; ``select.threshold``: where the value is at least this;
    - float without labels: a probability, in [0, 1].

    Raises
    ------
    PixelError : E-PIX-02 no plain numbers, or a colour image; E-PIX-03 NaN; E-PIX-05 values that could mean anything
        (they are listed), or labels that are not there; E-PIX-06 float outside [0, 1]; E-PIX-07 no such page.
    AxesError : E-AXE-01 more than one channel or time and no choice. SizeError : E-SIZE-01.
    """
    chosen = select or Select()
    try:
        data, axes = _as_runs(picture, chosen) or _as_array(picture, chosen)
    except MarginError as error:
        raise error if error.file else error.about(picture.name) from error
    spacing = picture.spacing_mm
    maker = f"{picture.name} ({chosen})" if str(chosen) else picture.name
    return Region(data, None if spacing is None else spacing[-len(axes) :], maker=maker, flags=picture.flags)


def _as_array(picture: Picture, select: Select) -> tuple[Any, str]:
    """The region pixel by pixel, and its axes."""
    array, axes = _planes(picture, select)
    return meaning(array, select.labels) if select.threshold is None else at_least(array, select.threshold), axes


def _as_runs(picture: Picture, select: Select) -> tuple[Any, str] | None:
    """The region of a whole slide by its runs; None where it is small, or stored so that runs cannot be found."""
    find = getattr(picture.levels[0].read, "value_runs", None)
    if find is None or picture.axes != "YX" or math.prod(picture.shape) < RUNS_FROM_PIXELS or select.channel:
        return None
    if select.page is not None:
        _inside(select.page, 1, "page")
    runs = find()
    return None if runs is None else (runs_meant(runs, select), "YX")


def runs_meant(runs: ValueRuns, select: Select) -> RunMask:
    """The region in a plane of labels by its runs; errors as of ``region_from_picture``."""
    return meaning_of_runs(runs, select.labels, select.threshold)


def pixels_meant(pixels: NDArray[Any], select: Select) -> NDArray[np.bool_]:
    """Which pixels of a part of a plane are in the region; whether the values mean anything only the whole can tell."""
    if select.threshold is not None:
        return at_least(pixels, select.threshold)
    found: NDArray[np.bool_] = among(pixels, select.labels) if select.labels else pixels != 0
    return found


def _planes(picture: Picture, select: Select) -> tuple[NDArray[Any], str]:
    """The pixels meant, as (y, x) or (z, y, x), and their axes."""
    if picture.dtype.kind not in "buif":
        raise PixelError("E-PIX-02", "pixel type not supported", cause=f"{picture.dtype}")
    index = _index(picture, select)
    kept = [axis for axis, at in zip(picture.axes, index) if isinstance(at, slice)]
    whole = tuple(at if isinstance(at, slice) else slice(at, at + 1) for at in index)
    need = math.prod(at.stop - at.start for at in whole) * picture.dtype.itemsize
    if need > LIMIT_BYTES:
        cause = f"{need} bytes, the limit is {LIMIT_BYTES}"
        raise SizeError("E-SIZE-01", "mask larger than the memory limit", cause=cause, remedy="Choose a page.")
    array = picture.levels[0].read(whole)
    array = array[tuple(slice(None) if isinstance(at, slice) else 0 for at in index)]
    if not array.size:
        raise PixelError("E-PIX-06", "empty image", cause=f"shape {array.shape}")
    if "S" in kept:
        array = grey(np.moveaxis(array, kept.index("S"), -1))
        kept.remove("S")
    order = [kept.index(axis) for axis in "ZYX" if axis in kept]
    return array.transpose(order), "".join(axis for axis in "ZYX" if axis in kept)


def _index(picture: Picture, select: Select) -> list[slice | int]:
    """For each axis of the picture all of it, or one position."""
    size = dict(zip(picture.axes, picture.shape))
    at: dict[str, int] = {}
    if select.channel is not None:
        axis = "C" if "C" in size else "S"
        at[axis] = _inside(select.channel, size.get(axis, 1), "channel")
    free = [axis for axis in picture.axes if axis not in "YXS" and axis not in at]
    if select.page is not None:
        page = _inside(select.page, math.prod(size[axis] for axis in free), "page")
        for axis in reversed(free):
            page, at[axis] = divmod(page, size[axis])
    open_axes = [axis for axis in free if axis not in at and axis != "Z"]
    many = {axis: size[axis] for axis in open_axes if size[axis] > 1}
    if many:
        cause = ", ".join(f"{count} along {axis}" for axis, count in many.items())
        raise AxesError("E-AXE-01", "the mask has more than one plane", cause=cause, remedy="Choose page or channel.")
    at |= dict.fromkeys(open_axes, 0)
    return [at.get(axis, slice(0, count)) for axis, count in zip(picture.axes, picture.shape)]


def _inside(number: int, count: int, what: str) -> int:
    if number >= count:
        raise PixelError("E-PIX-07", f"no {what} {number}", cause=f"there are {count}, numbered from 0")
    return number

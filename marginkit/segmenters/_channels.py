"""One channel of a picture as numbers: (y, x) or (z, y, x), as stored or computed from colours.

The surprising thing: a picture with several channels has no "grey". Which channel is meant is asked, never guessed;
only colours (samples of one picture) have a mean and a saturation.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit.errors import AxesError, UsageError
from marginkit.records import Picture

COLOURS = ("red", "green", "blue")
COMPUTED = ("saturation", "grey", "violet")


def channel(
    picture: Picture, name: str, level: int = 0, window: tuple[slice, slice] | None = None
) -> tuple[NDArray[Any], str]:
    """(pixels, the channel's name) of one channel; window : rows and columns of the level, None: all.

    pixels : (y, x) or (z, y, x), native byte order; the stored type, or a float where it is a mean.
    name : of colours ``saturation`` (largest minus smallest of red, green and blue, in counts), ``grey`` (their mean),
        ``violet`` (blue less the larger of red and green, or 0: a surgical pen on skin), ``red``, ``green``, ``blue``;
        of channels their name or number from 0; empty: the only one, or saturation.

    Raises
    ------
    AxesError : E-AXE-02 which channel is meant was not said; E-AXE-03 there are several times.
    UsageError : E-USE-05 no such channel; E-USE-06 no such level.
    """
    if not 0 <= level < len(picture.levels):
        cause = f"levels are 0 to {len(picture.levels) - 1}"
        raise UsageError("E-USE-06", f"no level {level}", cause=cause, file=picture.name)
    pixels = _one_time(picture, picture.read(level) if window is None else _window(picture, level, *window))
    if "S" in picture.axes:
        return _colour(picture, pixels, name)
    return _stored(picture, pixels, name)


def _window(picture: Picture, level: int, rows: slice, columns: slice) -> NDArray[Any]:
    at = {"Y": rows, "X": columns}
    whole = picture.levels[level].shape
    return picture.levels[level].read(tuple(at.get(axis, slice(0, n)) for axis, n in zip(picture.axes, whole)))


def _one_time(picture: Picture, pixels: NDArray[Any]) -> NDArray[Any]:
    """Pixels without T; axes in the order C? S? Z? Y X."""
    order = [i for letter in "TCSZYX" for i, axis in enumerate(picture.axes) if axis == letter]
    pixels = np.transpose(pixels, order)
    if "T" not in picture.axes:
        return pixels
    if pixels.shape[0] != 1:
        cause = f"{pixels.shape[0]} times"
        raise AxesError("E-AXE-03", "more than one time", cause=cause, remedy="Give one time.", file=picture.name)
    first: NDArray[Any] = pixels[0]
    return first


def _colour(picture: Picture, pixels: NDArray[Any], name: str) -> tuple[NDArray[Any], str]:
    if "C" in picture.axes:
        pixels = _chosen(picture, pixels, "", pixels.shape[0])[0]
    wanted = name.lower() or "saturation"
    samples = pixels.shape[0]
    if wanted in COLOURS and samples >= 3:
        return pixels[COLOURS.index(wanted)], wanted
    if wanted not in COMPUTED or samples < 3:
        return _chosen(picture, pixels, "" if wanted in COMPUTED else name, samples)
    colours = pixels[:3]
    narrow = np.float32 if pixels.dtype.itemsize <= 2 else np.float64  # holds the mean of three such numbers
    if wanted == "grey":
        return colours.mean(axis=0, dtype=narrow), wanted
    if wanted == "violet":
        other = np.maximum(colours[0], colours[1])
        return np.where(colours[2] > other, colours[2] - other, colours.dtype.type(0)), wanted
    return np.ptp(colours, axis=0), wanted


def _stored(picture: Picture, pixels: NDArray[Any], name: str) -> tuple[NDArray[Any], str]:
    if "C" in picture.axes:
        return _chosen(picture, pixels, name, pixels.shape[0])
    if name and name.lower() not in ("grey", "0", *(one.lower() for one in picture.channels)):
        raise _missing(picture, name, 1)
    return pixels, name or "grey"


def _chosen(picture: Picture, pixels: NDArray[Any], name: str, count: int) -> tuple[NDArray[Any], str]:
    """One of several along the first axis, by its name or number."""
    if not name and count > 1:
        cause = f"there are {_names(picture, count)}"
        raise AxesError(
            "E-AXE-02", "which channel is meant?", cause=cause, remedy="Give channel=NAME.", file=picture.name
        )
    names = [one.lower() for one in picture.channels]
    at = names.index(name.lower()) if name.lower() in names else int(name or 0) if (name or "0").isdecimal() else -1
    if not 0 <= at < count:
        raise _missing(picture, name, count)
    return pixels[at], name or (picture.channels[at] if at < len(picture.channels) else str(at))


def _missing(picture: Picture, name: str, count: int) -> UsageError:
    return UsageError(
        "E-USE-05", f"no channel {name!r}", cause=f"there are {_names(picture, count)}", file=picture.name
    )


def _names(picture: Picture, count: int) -> str:
    own = [f"{i} ({name})" for i, name in enumerate(picture.channels[:count])]
    numbers = own or [str(i) for i in range(min(count, 20))]
    colours = [*COMPUTED, *COLOURS] if "S" in picture.axes and count >= 3 else []
    return ", ".join([*colours, *numbers])

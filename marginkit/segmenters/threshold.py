"""A region by one threshold on intensity: body in a CT, signal in a fluorescence image, stained tissue on a slide.

The surprising thing: the value that was used, and how it was found, are part of the result (``maker``), because two
automatic thresholds of one image can differ by half of its range.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from marginkit.errors import AxesError, PixelError
from marginkit.records import Picture, Region

NAME = "threshold"
GIVES = ("tissue", "tumor", "signal")
METHODS = ("otsu", "li", "triangle")
LARGEST_SAMPLE = 4_000_000  # values from which an automatic threshold is found


@dataclass(frozen=True)
class Options:
    """Options of the threshold segmenter.

    above, below : keep values at or above, at or below this one, in the image's own counts.
    method : otsu, li or triangle, where no value is given. side : ``above`` or ``below`` the automatic value.
    channel : name or number of the channel. In a colour picture ``saturation`` (default), ``red``, ``green``, ``blue``
        or ``grey``.
    smooth_px : sigma of a Gaussian applied before. fill : holes are filled (in each plane of a stack).
    largest : only the largest connected part. least_px : smaller connected parts are dropped.
    """

    above: float | None = None
    below: float | None = None
    method: Literal["otsu", "li", "triangle"] = "otsu"
    side: Literal["above", "below"] = "above"
    channel: str = ""
    smooth_px: float = 0.0
    fill: bool = False
    largest: bool = False
    least_px: int = 0

    def __post_init__(self) -> None:
        if self.method not in METHODS or self.side not in ("above", "below"):
            raise PixelError(
                "E-SEG-01",
                "unknown threshold method or side",
                cause=f"method {self.method!r}, side {self.side!r}",
                remedy=f"Known are {', '.join(METHODS)}; above, below.",
            )


def segment(picture: Picture, options: Options) -> Region:
    """The region of a picture where the threshold holds; a bool mask on the picture's grid, axes (Z,) Y, X."""
    values, told = plane(picture, options.channel)
    if options.smooth_px > 0:
        from scipy import ndimage

        values = ndimage.gaussian_filter(values.astype(np.float32), options.smooth_px)
    finite = np.isfinite(values) if values.dtype.kind == "f" else None
    mask, how = _cut(values, finite, options, picture.name)
    mask = _cleaned(mask, options)
    flags = ("excluded_values",) if finite is not None and not finite.all() else ()
    return Region(mask, name="", maker=f"threshold {how}{told}", flags=flags)


def plane(picture: Picture, channel: str) -> tuple[NDArray[Any], str]:
    """The values of one channel, axes (Z,) Y, X, and which it was in words."""
    pixels = picture.read()
    axes = picture.axes
    if "T" in axes:
        raise AxesError(
            "E-AXE-02", "a series in time is not segmented", remedy="Choose a time point.", file=picture.name
        )
    if "S" in axes:
        return _colour(pixels, channel or "saturation", picture.name)
    if "C" not in axes:
        return pixels, ""
    names = picture.channels
    count = pixels.shape[axes.index("C")]
    index = (
        names.index(channel) if channel in names else int(channel) if channel.isdecimal() else 0 if count == 1 else -1
    )
    if not 0 <= index < count:
        raise PixelError(
            "E-SEG-02",
            "which channel?",
            cause=f"{count} channels: {', '.join(names) or 'without names'}",
            remedy="Give channel=NAME or its number from 0.",
            file=picture.name,
        )
    return np.take(pixels, index, axes.index("C")), f", channel {names[index] if names else index}"


def _colour(pixels: NDArray[Any], channel: str, name: str) -> tuple[NDArray[Any], str]:
    rgb = pixels[..., :3]
    if channel in ("red", "green", "blue"):
        return rgb[..., ("red", "green", "blue").index(channel)], f", {channel}"
    if channel == "grey":
        return rgb.mean(axis=-1), ", grey"
    if channel == "saturation":
        return (rgb.max(axis=-1) - rgb.min(axis=-1)), ", saturation (largest minus smallest of red, green, blue)"
    raise PixelError(
        "E-SEG-02",
        "which channel?",
        cause=f"a colour picture has no {channel!r}",
        file=name,
        remedy="Give channel=saturation, grey, red, green or blue.",
    )


def _cut(
    values: NDArray[Any], finite: NDArray[np.bool_] | None, options: Options, name: str
) -> tuple[NDArray[np.bool_], str]:
    mask: NDArray[np.bool_] = np.ones(values.shape, bool) if finite is None else finite.copy()
    if options.above is None and options.below is None:
        value = automatic(values[mask] if finite is not None else values.ravel(), options.method, name)
        mask &= values > value if options.side == "above" else values < value
        return mask, f"{options.side} {value:g} ({options.method})"
    told = []
    if options.above is not None:
        mask &= values >= options.above
        told.append(f">= {options.above:g}")
    if options.below is not None:
        mask &= values <= options.below
        told.append(f"<= {options.below:g}")
    return mask, " and ".join(told) + " (given)"


def automatic(values: NDArray[Any], method: str, name: str) -> float:
    """The threshold that a method finds among values; E-PIX-04 where all are one value."""
    from skimage import filters

    if values.size == 0 or values.min() == values.max():
        raise PixelError("E-PIX-04", "constant image", cause="no threshold can be found", file=name)
    step = max(1, values.size // LARGEST_SAMPLE)
    found = getattr(filters, f"threshold_{method}")(values[::step])
    return float(found)


def _cleaned(mask: NDArray[np.bool_], options: Options) -> NDArray[np.bool_]:
    from scipy import ndimage

    if options.largest or options.least_px:
        label, count = ndimage.label(mask, np.ones((3,) * mask.ndim))
        size = np.bincount(label.ravel(), minlength=count + 1)
        size[0] = 0
        keep = size >= max(1, options.least_px)
        if options.largest:
            keep &= np.arange(count + 1) == size.argmax()
        mask = keep[label]
    if options.fill:
        if mask.ndim == 2:
            mask = np.asarray(ndimage.binary_fill_holes(mask), bool)
        else:
            mask = np.stack([np.asarray(ndimage.binary_fill_holes(one), bool) for one in mask])
    return mask

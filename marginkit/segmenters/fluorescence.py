"""Fluorescent signal by a threshold that is found against a named background.

The surprising thing: Otsu on a whole field splits specimen from table, not tumor from specimen, wherever the specimen
glows by itself. ``within=specimen`` asks inside the specimen only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from marginkit import fluorescence
from marginkit.errors import MarginError, PixelError, UsageError
from marginkit.records import Picture, Region
from marginkit.segmenters import _ground
from marginkit.segmenters._channels import channel

NAME = "fluorescence"
GIVES = ("signal", "tumor")


@dataclass(frozen=True)
class Options:
    """How signal is told from background.

    threshold : counts, or ``otsu``, ``li``, ``triangle``, ``ratio`` (x background mean), ``sd`` (background
        mean + SDs), ``half`` (half-maximum), ``hysteresis`` (half-maximum, and what is joined to it above ``sd``).
    ratio, sds : of the methods of these names.
    background : ``tissue`` (the specimen outside the signal) or ``off-tissue``; of ratio, sd, half and hysteresis.
    within : look for the threshold, and the signal, in the whole ``image`` or in the ``specimen`` (by its own glow).
    channel : name or number; empty for the only one.
    smooth_px : sigma of a Gaussian before; min_size_px : smaller pieces are dropped.
    edges : of a pseudo-colour picture take the brightest colour to find edges; it still cannot be quantified.
    """

    threshold: float | Literal["otsu", "li", "triangle", "ratio", "sd", "half", "hysteresis"] = "otsu"
    ratio: float = 2.0
    sds: float = 3.0
    background: Literal["tissue", "off-tissue"] = "tissue"
    within: Literal["image", "specimen"] = "image"
    channel: str = ""
    smooth_px: float = 0.0
    min_size_px: int = 0
    edges: bool = False

    def __post_init__(self) -> None:
        if self.ratio <= 0 or self.sds < 0 or not 0 <= self.smooth_px <= 500 or self.min_size_px < 0:
            cause = "ratio is positive, sds and min_size_px not negative, smooth_px 0 to 500"
            raise UsageError("E-USE-03", "fluorescence: options not understood", cause=cause)


def segment(picture: Picture, options: Options) -> Region:
    """The signal, a mask on the picture's grid; flag ``saturated_signal`` where more than 0.1 % of it is full.

    Raises
    ------
    PixelError : E-PIX-01 pseudo-colour, E-PIX-03 values that are not finite, E-PIX-04 one value everywhere.
    MeasureError : E-MSR-08 no background.
    """
    counts, name = _counts(picture, options)
    if not np.isfinite(counts).all():
        raise PixelError("E-PIX-03", "counts are not finite", cause=f"channel {name}", file=picture.name)
    if counts.min() == counts.max():
        raise PixelError("E-PIX-04", "constant image", cause=f"every pixel is {counts.flat[0]:g}", file=picture.name)
    values = _smoothed(counts, options.smooth_px)
    specimen = _specimen(values)
    inside = specimen if options.within == "specimen" else np.ones(values.shape, bool)
    try:
        background = _background(values, specimen, options)
        found = fluorescence.find_threshold(
            values if inside.all() else values[inside],
            options.threshold,
            _given(background, inside),
            ratio=options.ratio,
            sds=options.sds,
        )
    except MarginError as error:
        raise error if error.file else error.about(picture.name) from error
    mask = found.mask(values) & inside
    mask = _pieces(mask, options.min_size_px)
    full = fluorescence.saturation(counts)
    saturated = full is not None and int((counts[mask] >= full).sum()) > fluorescence.SATURATED * mask.sum()
    against = f", background {background.name}" if background else ""
    told = f"fluorescence {name} {found.told}{against}, within the {options.within}"
    told += f", smoothed by {options.smooth_px:g} px" if options.smooth_px else ""
    return Region(mask, maker=told, flags=("saturated_signal",) if saturated else ())


def _given(background: fluorescence.Background | None, inside: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """The background's mask in the shape of the values among which the threshold is sought."""
    if background is None:
        return None
    return background.mask if inside.all() else background.mask[inside]


def _counts(picture: Picture, options: Options) -> tuple[NDArray[Any], str]:
    """(counts as stored, the channel's name)."""
    if "S" not in picture.axes:
        return channel(picture, options.channel)
    if not options.edges:
        fluorescence.refuse_pseudocolour(picture)
        return channel(picture, options.channel or "red")
    if options.channel:
        return channel(picture, options.channel)
    colours = [channel(picture, one)[0] for one in ("red", "green", "blue")]
    return np.max(colours, axis=0), "pseudo-colour (edges only)"


def _smoothed(counts: NDArray[Any], sigma_px: float) -> NDArray[Any]:
    if not sigma_px:
        return counts
    from scipy import ndimage

    sigma = (0.0,) * (counts.ndim - 2) + (sigma_px, sigma_px)
    return np.asarray(ndimage.gaussian_filter(counts.astype(np.float32), sigma))


def _specimen(values: NDArray[Any]) -> NDArray[np.bool_]:
    """The specimen by its own glow."""
    smooth = _smoothed(values, max(1.0, max(values.shape[-2:]) / 700)).astype(np.float32)
    return np.asarray(smooth > _ground.glow_threshold(smooth, 1.0))


def _background(values: NDArray[Any], specimen: NDArray[np.bool_], options: Options) -> fluorescence.Background | None:
    if options.threshold not in ("ratio", "sd", "half", "hysteresis"):
        return None
    if options.background == "off-tissue":
        if options.within == "specimen":
            raise UsageError("E-USE-03", "off-tissue lies outside the specimen", remedy="Give within=image.")
        return fluorescence.off_tissue(specimen, (1.0,) * values.ndim, 3.0)
    return fluorescence.quiet_tissue(values, specimen)


def _pieces(mask: NDArray[np.bool_], least_px: int) -> NDArray[np.bool_]:
    if least_px < 2:
        return mask
    from scipy import ndimage

    labels, _ = ndimage.label(mask, np.ones((3,) * mask.ndim))
    return np.asarray((np.bincount(labels.ravel()) >= least_px)[labels] & mask)

"""Fluorescent signal by a threshold that is found against a named background.

The surprising thing: Otsu on a whole field splits specimen from table, not tumor from specimen, wherever the specimen
glows by itself. ``within=specimen`` asks inside the specimen only; a measurement, which knows its specimen, does so.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from marginkit import fluorescence
from marginkit.errors import MarginError, UsageError
from marginkit.fluorescence import Background, Threshold
from marginkit.lights import Around, Lit, levels
from marginkit.records import Picture, Region
from marginkit.segmenters import _backgrounds, _counts, _ground, _lightjson, _trend

NAME = "fluorescence"
GIVES = ("signal", "tumor")
SLIDER = "threshold"  # the option that is compared with ``values``
ON_PIXELS = ("background", "dark", "flat", "image", "landmarks")  # options that may name a file


@dataclass(frozen=True)
class Options:
    """How signal is told from background.

    threshold : counts, or ``otsu``, ``li``, ``triangle``, ``ratio`` (x background mean), ``sd`` (background
        mean + SDs), ``half`` (half-maximum), ``hysteresis`` (half-maximum, and what is joined to it above ``sd``).
    ratio, sds : of the methods of these names.
    background : ``tissue`` (the specimen outside the signal), ``ring`` (around the signal, from near_mm to far_mm;
        0: from the specimen's size), ``off-tissue``; or a file: a mask, FILE#label=3, outlines. A file needs measure.
    within : look for the threshold, and the signal, in the whole ``image`` or in the ``specimen`` (that of the
        measurement, or by its own glow); ``auto``: in the specimen where the measurement has one, else in the image.
    channel : name or number; empty for the only one.
    smooth_px : sigma of a Gaussian before; min_size_px : smaller pieces are dropped.
    edges : of a pseudo-colour picture take the brightest colour (or ``channel``: also cyan, magenta, yellow, what two
        colours share) to find edges; it still cannot be quantified.
    dark, flat : counts without light (a number or a file), an even field (a file).
    trend : no flat field was taken; fit the light to the specimen's own glow and divide by it.
    view : ``en-face`` or ``section``: how the specimen was looked at; it is only said.
    peaks : the most sentinel peaks to report, at least apart_mm apart (0: from the specimen's size).
    image : the fluorescence picture, where the measured one is another (white light) on which it is laid by
        ``register``: ``none`` (pixel on pixel), ``translation``, ``rigid``, ``similarity`` or ``affine``, found by
        ``intensity``, ``features`` or ``landmarks`` (a CSV file: y, x of the first, y, x of the second picture).
    """

    threshold: float | Literal["otsu", "li", "triangle", "ratio", "sd", "half", "hysteresis"] = "otsu"
    ratio: float = 2.0
    sds: float = 3.0
    background: str = "tissue"
    near_mm: float = 0.0
    far_mm: float = 0.0
    within: Literal["auto", "image", "specimen"] = "auto"
    channel: str = ""
    smooth_px: float = 0.0
    min_size_px: int = 0
    edges: bool = False
    dark: str = ""
    flat: str = ""
    trend: bool = False
    view: Literal["unsaid", "en-face", "section"] = "unsaid"
    peaks: int = 5
    apart_mm: float = 0.0
    image: str = ""
    register: Literal["none", "translation", "rigid", "similarity", "affine"] = "translation"
    by: Literal["intensity", "features", "landmarks"] = "intensity"
    landmarks: str = ""

    def __post_init__(self) -> None:
        if self.ratio <= 0 or self.sds < 0 or not 0 <= self.smooth_px <= 500 or self.min_size_px < 0:
            cause = "ratio is positive, sds and min_size_px not negative, smooth_px 0 to 500"
            raise UsageError("E-USE-03", "fluorescence: options not understood", cause=cause)
        if min(self.near_mm, self.far_mm, self.peaks, self.apart_mm) < 0 or (self.landmarks != "") != (
            self.by == "landmarks"
        ):
            cause = "near_mm, far_mm, peaks and apart_mm are not negative; by=landmarks goes with landmarks=FILE"
            raise UsageError("E-USE-03", "fluorescence: options not understood", cause=cause)


@dataclass(frozen=True)
class Found:
    """A signal as found: counts as stored, values (corrected, smoothed), where it is and against what."""

    counts: NDArray[Any]
    values: NDArray[Any]
    channel: str
    specimen: NDArray[np.bool_]
    mask: NDArray[np.bool_]
    threshold: Threshold
    background: Background | None
    told: str
    full: int | None

    @property
    def flags(self) -> tuple[str, ...]:
        """``saturated_signal`` where more than 0.1 % of the signal is full."""
        full = 0 if self.full is None else int((self.counts[self.mask] >= self.full).sum())
        return ("saturated_signal",) if full > fluorescence.SATURATED * self.mask.sum() else ()


def segment(picture: Picture, options: Options, around: Around | None = None) -> Region:
    """The signal, a mask on the picture's grid; flag ``saturated_signal`` where more than 0.1 % of it is full.

    around : what is known besides the picture, such as a background that was drawn.

    Raises
    ------
    PixelError : E-PIX-01 pseudo-colour, E-PIX-03 values that are not finite, E-PIX-04 one value everywhere.
    MeasureError : E-MSR-08 no background.
    """
    if named := [name for name in ("dark", "flat", "image") if getattr(options, name)]:
        cause = f"{named[0]} is a matter of measure"
        raise UsageError("E-USE-03", "fluorescence: options do not fit together", cause=cause, file=picture.name)
    found = sought(picture, options, evenly(picture, options, around or Around()))
    return Region(found.mask, maker=found.told, flags=found.flags)


def values(picture: Picture, options: Options) -> NDArray[Any]:
    """What a threshold is compared with: counts of the channel, evened and smoothed where asked."""
    around = evenly(picture, options, Around())
    return _counts.smoothed(_counts.usable(_counts.counts(picture, options, around), around), options.smooth_px)


def plain_counts(picture: Picture, options: Options) -> NDArray[Any]:
    """Counts of the channel, smoothed where asked: what a threshold of several images is sought in."""
    return _counts.smoothed(_counts.counts(picture, options, Around()).raw, options.smooth_px)


def light(picture: Picture, options: Options, around: Around) -> Lit:
    """The signal as levels, so that its boundary has an interval, and its numbers (``signal`` of result.json)."""
    around = evenly(picture, options, around)
    found = sought(picture, options, around)
    with _about(picture):
        grounds = _backgrounds.admissible(found.values, found.specimen, found.mask, options, around)
        mean, _ = fluorescence.mean_sd(found.values, grounds[0].mask)
        value = found.threshold.value if found.threshold.low is None else found.threshold.low
        full = None if found.full is None else found.counts >= found.full
        swept = levels(found.values, found.mask, value, mean, full)
        numbers, notes = _lightjson.numbers(picture, found, grounds, swept, options, around)
    return Lit(Region(swept.data, maker=found.told, flags=found.flags), numbers, notes)


def evenly(picture: Picture, options: Options, around: Around) -> Around:
    """The same, with the trend of the light as (part of) its flat field where one is asked for."""
    if not options.trend:
        return around
    seen = _counts.counts(picture, options, around)
    with _about(picture):
        values = _counts.usable(seen, around)
        light = _trend.light(values, _specimen(values) if around.specimen is None else around.specimen & seen.known)
    dark = 0.0 if around.dark is None else np.asarray(around.dark, np.float64)
    flat = dark + light * (1.0 if around.flat is None else np.asarray(around.flat, np.float64) - dark)
    words = f", uneven light ({light.min():.2f} to {light.max():.2f} of its mean) fitted to the specimen, divided out"
    return replace(around, flat=flat, evened=words)


def sought(picture: Picture, options: Options, around: Around) -> Found:
    """The signal with all that it was found by."""
    seen = _counts.counts(picture, options, around)
    with _about(picture):
        values = _counts.smoothed(_counts.usable(seen, around), options.smooth_px)
        specimen = _specimen(values) if around.specimen is None else around.specimen & seen.known
        within = options.within == "specimen" or (options.within == "auto" and around.specimen is not None)
        inside = specimen if within else seen.known
        background = _before(values, specimen, inside, options, around)
        threshold = fluorescence.find_threshold(
            values,
            options.threshold,
            None if background is None else background.mask,
            ratio=options.ratio,
            sds=options.sds,
            among=None if inside.all() else inside,
        )
    mask = _pieces(threshold.mask(values) & seen.known, options.min_size_px, inside if within else None)
    against = f", background {background.name}" if background else ""
    told = f"fluorescence {seen.name} {threshold.told}{against}, within the {'specimen' if within else 'image'}"
    told += f", smoothed by {options.smooth_px:g} px" if options.smooth_px else ""
    return Found(
        seen.raw, values, seen.name, specimen, mask, threshold, background, told + around.evened + seen.told, seen.full
    )


@contextmanager
def _about(picture: Picture) -> Iterator[None]:
    """Errors that name no file are about this one."""
    try:
        yield
    except MarginError as error:
        raise error if error.file else error.about(picture.name) from error


def _before(
    values: NDArray[Any], specimen: NDArray[np.bool_], inside: NDArray[np.bool_], options: Options, around: Around
) -> Background | None:
    """The background of a threshold that needs one: the signal is not known yet, and Otsu's stands for it."""
    if options.threshold not in ("ratio", "sd", "half", "hysteresis"):
        return None
    first = fluorescence.find_threshold(values, "otsu", among=inside).mask(values) & inside
    signal = first if options.background == "ring" else np.zeros_like(first)
    return _backgrounds.chosen(values, specimen, signal, options, around)


def _specimen(values: NDArray[Any]) -> NDArray[np.bool_]:
    """The specimen by its own glow."""
    smooth = _counts.smoothed(values, max(1.0, max(values.shape[-2:]) / 700)).astype(np.float32)
    return np.asarray(smooth > _ground.glow_threshold(smooth, 1.0))


def _pieces(mask: NDArray[np.bool_], least_px: int, touching: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    """The pieces of at least so many pixels, of which some lie in the specimen where one is asked."""
    if least_px < 2 and touching is None:
        return mask
    from scipy import ndimage

    labels, count = ndimage.label(mask, np.ones((3,) * mask.ndim))
    kept = np.bincount(labels.ravel(), minlength=count + 1) >= least_px
    if touching is not None:
        kept &= np.bincount(labels[touching], minlength=count + 1) > 0
    return np.asarray(kept[labels] & mask)

"""A region by threshold: pixels above or below a value that is given, or found in the histogram.

The surprising thing: a threshold that is found always finds something. Otsu, Li and triangle split any image in two,
also one without tumor; so the value and how it came about are written beside every result. A pixel that is exactly
the value belongs to ``below``, so that above and below one value part an image in two.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from marginkit.errors import PixelError, UsageError
from marginkit.patchwork import Coarse
from marginkit.records import Picture, Region
from marginkit.segmenters._channels import channel
from marginkit.segmenters._levels import around, grid, size, suited

NAME = "threshold"
GIVES = ("tissue", "tumor", "signal")
SLIDER = "above"  # the option that is compared with ``values``
WIDEST_PX = 500
Found: TypeAlias = Literal["otsu", "li", "triangle"]


@dataclass(frozen=True)
class Options:
    """What to take.

    above, below : take pixels above (not above) a value, given or found: ``otsu`` (greatest variance between
        the two classes), ``li`` (least cross-entropy), ``triangle`` (a faint class beside a large one). Both: a band.
        Neither: above otsu.
    channel : of colours ``saturation`` (largest minus smallest of red, green and blue; taken where none is named),
        ``grey`` (their mean), ``violet`` (blue less the larger of red and green), ``red``, ``green`` or ``blue``;
        else a channel's name or number from 0.
    smooth_px : sigma of a Gaussian over the pixels, before; 0 for none.
    fill : fill holes; in a stack those that are closed in 3-D, or with ``planes`` those of each plane.
    largest : keep the largest piece only (8-connected, 26 in a stack).
    min_size_px : drop pieces of fewer pixels.
    level : of the pyramid, 0 the finest; another one has larger pixels, which is honoured in the distances.
    """

    above: float | Found | None = None
    below: float | Found | None = None
    channel: str = ""
    smooth_px: float = 0.0
    fill: bool | Literal["planes"] = False
    largest: bool = False
    min_size_px: int = 0
    level: int = 0

    def __post_init__(self) -> None:
        if self.above is None and self.below is None:
            object.__setattr__(self, "above", "otsu")
        if not 0 <= self.smooth_px <= WIDEST_PX or self.min_size_px < 0 or self.level < 0:
            cause = f"smooth_px is 0 to {WIDEST_PX}, min_size_px and level are not negative"
            raise UsageError("E-USE-03", "threshold: options not understood", cause=cause)


def segment(picture: Picture, options: Options) -> Region:
    """The region: a mask on the picture's grid, or on that of ``options.level``.

    Values that are not finite are left out (flag ``excluded_values``).

    Raises
    ------
    PixelError : E-PIX-03 no finite value, E-PIX-04 one value everywhere and the threshold was to be found in it.
    AxesError, UsageError : the channel or level is not there, or was not said.
    """
    pixels, known, name = _seen(picture, options)
    limits = _limits(picture, pixels if known.all() else pixels[known], options)
    mask, tidied = _tidied(_between(pixels, known, limits), options)
    return Region(
        mask,
        *grid(picture, options.level),
        maker=_told(name, limits, options) + tidied + _where(options.level),
        flags=() if known.all() else ("excluded_values",),
    )


def coarse(picture: Picture, options: Options, pixel_mm: float) -> Coarse | None:
    """The region on a coarser level, to be asked again on that of the options; None of stacks, or where there is none.

    A threshold that is to be found is found on the coarser level; ``moved`` has the same at thresholds as far off as
    that moves when pixels are twice as large.
    """
    level = suited(picture, pixel_mm)
    if level <= options.level or len(picture.spatial_shape) != 2:
        return None
    down, own = picture.levels[level].downsample, picture.levels[options.level].downsample
    ratio = down[0] / own[0], down[1] / own[1]
    sigma_px, least_px = options.smooth_px / ratio[0], round(options.min_size_px / (ratio[0] * ratio[1]))
    less = replace(options, level=level, smooth_px=sigma_px, min_size_px=least_px)
    pixels, known, name = _seen(picture, less)
    limits = _limits(picture, pixels if known.all() else pixels[known], options)
    shape, halo_px = size(picture, options.level), int(4 * options.smooth_px + 0.5)

    def ask(limits: tuple[Limit, ...], rows: slice, columns: slice) -> NDArray[np.bool_]:
        wide = around(rows, shape[0], halo_px), around(columns, shape[1], halo_px)
        seen, held, _ = _seen(picture, options, wide)
        top, left = rows.start - wide[0].start, columns.start - wide[1].start
        found = _between(seen, held, limits)
        return found[top : top + rows.stop - rows.start, left : left + columns.stop - columns.start]

    def found(limits: tuple[Limit, ...], moved: tuple[Coarse, ...] = ()) -> Coarse:
        mask, tidied = _tidied(_between(pixels, known, limits), less)
        flags = () if known.all() else ("excluded_values",)
        told = f"{_told(name, limits, options)} on level {level}{tidied}{_where(options.level)}"
        return Coarse(
            Region(mask, *grid(picture, level), flags=flags),
            shape,
            *grid(picture, options.level),
            ratio,
            partial(ask, limits),
            told,
            halo_px,
            tidied=bool(tidied),
            filled=bool(options.fill),
            moved=moved,
        )

    return found(limits, tuple(map(found, _moved(picture, pixels, known, limits))))


def values(picture: Picture, options: Options) -> NDArray[Any]:
    """What ``above`` and ``below`` are compared with: the channel, smoothed where asked; errors as of ``segment``."""
    pixels, known, _ = _seen(picture, options)
    return pixels if known.all() else np.where(known, pixels, np.nan)


Limit: TypeAlias = tuple[str, float, float | Found]  # above or below, the value, and how it was wanted


def _seen(
    picture: Picture, options: Options, window: tuple[slice, slice] | None = None
) -> tuple[NDArray[Any], NDArray[np.bool_], str]:
    """(pixels of a level or a window of it, smoothed; where they are finite; the channel's name)."""
    pixels, name = channel(picture, options.channel, options.level, window)
    known = np.isfinite(pixels) if pixels.dtype.kind == "f" else np.ones(pixels.shape, bool)
    if window is None and not known.any():
        raise PixelError("E-PIX-03", "no finite value", cause=f"{pixels.size} pixels of {name}", file=picture.name)
    return _smoothed(pixels, known, options.smooth_px) if options.smooth_px else pixels, known, name


def _limits(picture: Picture, values: NDArray[Any], options: Options) -> tuple[Limit, ...]:
    wanted = (("above", options.above), ("below", options.below))
    return tuple((word, _value(picture, values, one), one) for word, one in wanted if one is not None)


def _between(pixels: NDArray[Any], known: NDArray[np.bool_], limits: tuple[Limit, ...]) -> NDArray[np.bool_]:
    mask = known
    with np.errstate(invalid="ignore"):
        for word, value, _ in limits:
            mask = mask & (pixels > value if word == "above" else pixels <= value)
    return mask


def _moved(
    picture: Picture, pixels: NDArray[Any], known: NDArray[np.bool_], limits: tuple[Limit, ...]
) -> tuple[tuple[Limit, ...], ...]:
    """The limits with those that were found a little lower, and a little higher; none where all were given."""
    if not any(isinstance(wanted, str) for _, _, wanted in limits) or min(pixels.shape) < 4 or not known.all():
        return ()
    even = pixels[: len(pixels) // 2 * 2, : pixels.shape[1] // 2 * 2].astype(np.float64)
    larger = (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4
    off = [abs(_value(picture, larger, wanted) - value) for _, value, wanted in limits]
    return tuple(
        tuple((word, value + sign * by, wanted) for (word, value, wanted), by in zip(limits, off)) for sign in (-1, 1)
    )


def _told(name: str, limits: tuple[Limit, ...], options: Options) -> str:
    said = [f"{word} {value:.6g} ({how if isinstance(how, str) else 'given'})" for word, value, how in limits]
    smoothed = f", smoothed by {options.smooth_px:g} px" if options.smooth_px else ""
    return f"threshold {name} {' and '.join(said)}{smoothed}"


def _where(level: int) -> str:
    return "" if level == 0 else f", level {level}"


def _smoothed(pixels: NDArray[Any], known: NDArray[np.bool_], sigma_px: float) -> NDArray[Any]:
    """The pixels under a Gaussian, in each plane; what is not known has no weight."""
    from scipy import ndimage

    sigma = (0.0,) * (pixels.ndim - 2) + (sigma_px, sigma_px)
    weight = ndimage.gaussian_filter(known.astype(np.float64), sigma)
    values = ndimage.gaussian_filter(np.where(known, pixels, 0).astype(np.float64), sigma)
    return np.divide(values, weight, out=np.zeros_like(values), where=weight > 0)


def _value(picture: Picture, values: NDArray[Any], wanted: float | Found) -> float:
    """The threshold itself."""
    if not isinstance(wanted, str):
        return float(wanted)
    low, high = values.min(), values.max()
    if low == high:
        cause = f"every pixel is {low:g}"
        raise PixelError("E-PIX-04", "constant image", cause=cause, remedy="Give the value.", file=picture.name)
    from skimage import filters

    find: dict[str, Any] = {
        "otsu": filters.threshold_otsu,
        "li": filters.threshold_li,
        "triangle": filters.threshold_triangle,
    }
    return float(find[wanted](values))


def _tidied(mask: NDArray[np.bool_], options: Options) -> tuple[NDArray[np.bool_], str]:
    """(mask, what was done to it in words)."""
    from scipy import ndimage

    said = []
    if options.fill:
        flat = options.fill == "planes" and mask.ndim == 3
        mask = np.stack([ndimage.binary_fill_holes(one) for one in mask]) if flat else ndimage.binary_fill_holes(mask)
        said.append("holes of each plane filled" if flat else "holes filled")
    if options.min_size_px > 1 or options.largest:
        labels, count = ndimage.label(mask, np.ones((3,) * mask.ndim))
        sizes = np.bincount(labels.ravel())
        sizes[0] = 0
        keep = sizes >= max(options.min_size_px, 1)
        if options.largest and count:
            keep &= np.arange(len(sizes)) == sizes.argmax()
        mask = keep[labels]
        said.append(f"{int(keep.sum())} of {count} pieces kept")
    return mask, "".join(f", {one}" for one in said)

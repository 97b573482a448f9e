"""What lies around a fluorescence image, and what its signal turned out to be: the two ends of one question.

The surprising thing: the boundary of a signal is known better than its pixels and worse than it looks. Counts pass the
threshold between two pixel centres, but blur moves that place; so the signal travels as levels, ½ at the threshold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from marginkit.records import Floats, Picture, Region

Mask: TypeAlias = NDArray[np.bool_]
QUARTER, HALF, THREE_QUARTERS = 0.25, 0.5, 0.75
SOFT_PX = 0.75  # a quarter to three quarters of a hard edge are then one pixel apart


@dataclass(frozen=True)
class Overlay:
    """A second picture that lies on the first: its pixels fetched for each pixel of the first.

    picture : the second one. matrix : (3, 3), (x, y, 1) of the first in index units to (x, y, 1) of the second.
    told : how it was found, with its residual, as ``signal.registration`` of result.json.
    """

    picture: Picture
    matrix: Floats
    told: Mapping[str, Any]


@dataclass(frozen=True)
class Around:
    """What is known besides the picture; everything on its pixels (of the plane that is measured).

    spacing_mm : one value an axis; None where the pixel size is not known, and then distances are in pixels.
    specimen : where the tissue is. drawn : background drawn by the user, and its name. dark, flat : frames or a number.
    evened : words on a flat field that was not taken but fitted.
    """

    spacing_mm: tuple[float, ...] | None = None
    specimen: Mask | None = None
    drawn: tuple[str, Mask] | None = None
    dark: NDArray[Any] | float | None = None
    flat: NDArray[Any] | None = None
    plane: int | None = None
    overlay: Overlay | None = None
    evened: str = ""


@dataclass(frozen=True)
class Lit:
    """The signal of a picture: its region as levels, its numbers as ``signal`` of result.json, and what to note."""

    region: Region
    numbers: Mapping[str, Any]
    notes: Sequence[str] = field(default=())


def told(numbers: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(name, text) of what a reader wants first of ``signal``: ratios with their background, threshold, saturation."""
    rows = [("threshold", str(numbers["threshold"]["told"]))]
    if numbers["refused"]:
        rows.append(("not quantified", str(numbers["refused"])))
    else:
        rows += [(one.upper(), _ratio(numbers, one)) for one in ("tbr", "cnr") if numbers[one] is not None]
        rows.append(("background", str(numbers["background"])))
        rows.append(("dark, flat field", f"{numbers['dark']}, {numbers['flat']}"))
    full = numbers["saturated"]
    rows.append(("saturated", f"{full['pixels']} pixels, {100 * full['share']:.2g} % of the signal"))
    if numbers["outline_peaks"]:
        first = numbers["outline_peaks"][0]
        where = "" if first["edge_mm"] is None else f", {first['edge_mm']:.2g} mm from it"
        rows.append(("highest peak along the outline", f"{first['counts']:.4g} counts over background{where}"))
    if numbers["registration"]:
        rest = numbers["registration"]["residual_mm"]
        size = "not known" if rest is None else f"{rest:.2g} mm"
        rows.append(("registration", f"{numbers['registration']['method']}, residual {size}"))
    return [*rows, ("view", str(numbers["view"]))]


def _ratio(numbers: Mapping[str, Any], name: str) -> str:
    """A ratio with the range over the admissible backgrounds."""
    span = numbers[f"{name}_range"]
    several = f" ({span[0]:.3g} to {span[1]:.3g} by background)" if span and len(numbers["backgrounds"]) > 1 else ""
    return f"{numbers[name]:.3g}{several}"


@dataclass(frozen=True)
class Levels:
    """Counts turned into levels: 0.25 at the lower, ½ at the threshold, 0.75 at the higher counts of the sweep.

    sweep : its least and greatest counts over all foci.
    """

    data: NDArray[np.float32]
    sweep: tuple[float, float]


def levels(values: NDArray[Any], signal: Mask, threshold: float, mean: float, full: Mask | None) -> Levels:
    """The levels of a signal: how its boundary moves from a quarter to three quarters of each focus's own height.

    values : counts. signal : what is above the threshold (and is wanted). mean : of the background. full : the
    saturated pixels; of a focus that holds some the height is not known, and ``high`` is just below their value.
    What is above the threshold without being wanted, or not joined to what is, has level 0.
    """
    from scipy import ndimage

    around = np.ones((3,) * values.ndim, bool)
    labels, count = ndimage.label(signal, around)
    if not count:
        return Levels(np.zeros(values.shape, np.float32), (threshold, threshold))
    height = _heights(values, labels, count) - mean
    eps = max(1e-6 * abs(threshold), 1e-9)
    low = np.minimum(threshold, mean + QUARTER * height) - eps
    high = np.maximum(threshold, mean + THREE_QUARTERS * height) + eps
    if full is not None and full.any():
        tops = ndimage.mean(values, np.where(full, labels, 0), np.unique(labels[full & signal]))
        of = np.unique(labels[full & signal]) - 1
        high[of] = np.maximum(high[of], np.asarray(tops) - 0.5)
    at = ndimage.distance_transform_edt(~signal, return_distances=False, return_indices=True)
    own = labels[tuple(at)] - 1
    found = _scaled(values, threshold, low[own], high[own])
    joined, _ = ndimage.label((values > low[own]) & (signal | (values <= threshold)), around)
    kept = np.zeros(int(joined.max()) + 1, bool)
    kept[joined[signal]] = True
    kept[0] = False
    near = ndimage.binary_dilation(kept[joined], around)
    found[~near | (~signal & (values > threshold))] = 0
    found = _softened(found, signal)
    return Levels(found, (float(low.min()), float(high.max())))


def _softened(level: NDArray[np.float32], signal: Mask) -> NDArray[np.float32]:
    """The levels under a narrow Gaussian: an edge sharper than a pixel is known no better than a pixel.

    Each pixel stays on its side of one half, so that no small focus is lost and no two are joined.
    """
    from scipy import ndimage

    soft: NDArray[np.float32] = ndimage.gaussian_filter(level, (0.0,) * (level.ndim - 2) + (SOFT_PX,) * 2)
    above, below = (np.nextafter(np.float32(HALF), np.float32(side)) for side in (1, 0))
    return np.asarray(np.where(signal & (level > HALF), np.maximum(soft, above), np.minimum(soft, below)), np.float32)


def _heights(values: NDArray[Any], labels: NDArray[Any], count: int) -> Floats:
    """The 95th percentile of the values of each focus, (count,)."""
    inside = labels > 0
    own, of = values[inside].astype(np.float64), labels[inside]
    order = np.lexsort((own, of))
    sizes = np.bincount(of, minlength=count + 1)[1:]
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    heights: Floats = own[order][first + np.floor(0.95 * (sizes - 1)).astype(int)]
    return heights


def _scaled(values: NDArray[Any], threshold: float, low: Floats, high: Floats) -> NDArray[np.float32]:
    """Piecewise linear: 0.25 at low, ½ at the threshold, 0.75 at high, straight on to 0 and 1."""
    above = values > threshold
    span = np.where(above, high - threshold, threshold - low)
    level = np.clip(HALF + QUARTER * (values - threshold) / span, 0, 1).astype(np.float32)
    level[above] = np.maximum(level[above], np.nextafter(np.float32(HALF), np.float32(1)))
    return level

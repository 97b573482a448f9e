"""Numbers of a fluorescence image: thresholds with their origin, ratios to a named background, saturation, peaks.

The surprising thing: the ratio of tumor to background is a statement about the *background*. Moving the background
changed it five-fold in one study, so every ratio here names its background and carries the range over the others.
Counts are never rescaled; a dark level is subtracted only where it is given, and that is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from marginkit.errors import AxesError, MeasureError, PixelError, UsageError
from marginkit.records import Picture

Mask: TypeAlias = NDArray[np.bool_]
Counts: TypeAlias = NDArray[Any]
Method: TypeAlias = Literal["ratio", "sd", "otsu", "li", "triangle", "half", "hysteresis"]
METHODS: tuple[str, ...] = get_args(Method)
SATURATED = 0.001  # share of the signal above which a flag is raised


@dataclass(frozen=True, slots=True)
class Threshold:
    """A threshold in counts and how it was found; ``low`` of hysteresis, else None. Signal is *above* it."""

    value: float
    method: str
    told: str
    low: float | None = None

    def mask(self, counts: Counts) -> Mask:
        """Where the signal is: above the value; of hysteresis above ``low`` and joined to what is above the value."""
        if self.low is None:
            return np.asarray(counts > self.value)
        from skimage import filters

        join: Any = filters.apply_hysteresis_threshold
        return np.asarray(join(counts, self.low, self.value), bool)


@dataclass(frozen=True, slots=True)
class Background:
    """A named background: what it is, and where."""

    name: str
    mask: Mask


@dataclass(frozen=True, slots=True)
class Signal:
    """The numbers of one region against one background.

    tbr : mean(signal) / mean(background), both less the dark level. cnr : (mean(signal) - mean(background)) divided
    by the SD of the *background*. ``*_range`` : least and greatest over the admissible backgrounds. Counts as stored.
    """

    tbr: float
    cnr: float | None
    tbr_range: tuple[float, float]
    cnr_range: tuple[float, float] | None
    background: str
    backgrounds: Mapping[str, Mapping[str, float | None]]
    counts: Mapping[str, float]
    dark: str
    saturated_px: int
    saturated_share: float
    flags: tuple[str, ...] = ()

    @property
    def sbr(self) -> float:
        """Signal to background: as ``tbr``, by definition, where the region is the signal."""
        return self.tbr

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, as ``signal`` of result.json."""
        return {
            "tbr": self.tbr,
            "sbr": self.sbr,
            "cnr": self.cnr,
            "tbr_range": list(self.tbr_range),
            "cnr_range": None if self.cnr_range is None else list(self.cnr_range),
            "background": self.background,
            "backgrounds": {name: dict(one) for name, one in self.backgrounds.items()},
            "counts": dict(self.counts),
            "dark": self.dark,
            "saturated": {"pixels": self.saturated_px, "share": self.saturated_share},
            "flags": list(self.flags),
        }


@dataclass(frozen=True, slots=True)
class Peak:
    """A peak of the intensity: where (index units), its counts above the background, its distance to the outline."""

    at_px: tuple[int, ...]
    counts: float
    ratio: float
    edge_mm: float


def refuse_pseudocolour(picture: Picture) -> None:
    """Refuses colours as fluorescence (PixelError E-PIX-01); grey stored as three equal colours is let through.

    A colour table or a gain stood between the camera and such a file, and nobody knows which.
    """
    if "S" not in picture.axes or picture.shape[picture.axes.index("S")] < 3:
        return
    pixels = np.moveaxis(picture.read(len(picture.levels) - 1), picture.axes.index("S"), -1)
    if all(np.array_equal(pixels[..., 0], pixels[..., i]) for i in (1, 2)):
        return
    depth = f"{picture.dtype.itemsize * 8}-bit colours"
    remedy = "Open the camera's own file, or find edges only (edges=yes)."
    raise PixelError(
        "E-PIX-01", "a pseudo-colour image cannot be quantified", cause=depth, remedy=remedy, file=picture.name
    )


def find_threshold(
    counts: Counts,
    method: float | str,  # counts, or a name
    background: Mask | None = None,
    *,
    ratio: float = 2.0,
    sds: float = 3.0,
) -> Threshold:
    """The threshold that a method finds.

    counts : any shape, finite. method : a number of counts (fixed), or one of ``METHODS``: ``ratio`` times the mean
    of the background; background mean + ``sds``·SD (``sd``); ``otsu``, ``li``, ``triangle``; ``half``: halfway from
    the background's mean to the maximum (99.9th percentile); ``hysteresis``: high as ``half``, low as ``sd``.

    Raises
    ------
    PixelError : E-PIX-03 not finite, E-PIX-04 one value everywhere. UsageError : E-USE-03. MeasureError : E-MSR-08.
    """
    if not isinstance(method, str):
        return Threshold(float(method), "fixed", f"above {method:g} (given)")
    if method not in METHODS:
        raise UsageError("E-USE-03", f"no threshold {method!r}", cause=f"there are {', '.join(METHODS)} or a number")
    _usable(counts)
    if method in ("otsu", "li", "triangle"):
        from skimage import filters

        value = float(getattr(filters, f"threshold_{method}")(np.asarray(counts).ravel()))
        return Threshold(value, method, f"above {value:.6g} ({method})")
    mean, sd = mean_sd(counts, background)
    half = (mean + float(np.percentile(counts, 99.9))) / 2
    limit = mean + sds * sd
    if method == "hysteresis":
        low = min(limit, half)
        told = f"above {low:.6g} (mean + {sds:g} SD of the background), joined to {half:.6g} (half-maximum)"
        return Threshold(half, method, told, low)
    value, how = {
        "ratio": (ratio * mean, f"{ratio:g} x background mean {mean:.6g}"),
        "sd": (limit, f"background mean {mean:.6g} + {sds:g} x SD {sd:.6g}"),
        "half": (half, f"half-maximum over background mean {mean:.6g}"),
    }[method]
    return Threshold(value, method, f"above {value:.6g} ({how})")


def _usable(counts: Counts) -> None:
    if not counts.size or not np.isfinite(counts).all():
        raise PixelError("E-PIX-03", "counts are not finite", cause=f"{counts.size} pixels")
    if counts.min() == counts.max():
        raise PixelError("E-PIX-04", "constant image", cause=f"every pixel is {counts.flat[0]:g}")


def mean_sd(counts: Counts, background: Mask | None) -> tuple[float, float]:
    """(mean, sample SD) of the counts in a background, float64; MeasureError E-MSR-08 where it is empty."""
    values = counts[background].astype(np.float64) if background is not None else np.zeros(0)
    if values.size < 2:
        remedy = "Draw it, or choose a ring, a label or off-tissue."
        raise MeasureError("E-MSR-08", "no background", cause=f"{values.size} pixels", remedy=remedy)
    return float(values.mean()), float(values.std(ddof=1))


def ring(signal: Mask, spacing_mm: Sequence[float], near_mm: float, far_mm: float, within: Mask) -> Background:
    """The background between two distances (mm, centre to centre) around a signal, within a specimen."""
    from scipy import ndimage

    if not 0 <= near_mm < far_mm:
        raise UsageError("E-USE-03", "no ring", cause=f"from {near_mm:g} to {far_mm:g} mm")
    _alike(signal, within)
    away_mm = ndimage.distance_transform_edt(~signal, tuple(spacing_mm))
    return Background(f"ring {near_mm:g}-{far_mm:g} mm", (away_mm >= near_mm) & (away_mm <= far_mm) & within & ~signal)


def off_tissue(specimen: Mask, spacing_mm: Sequence[float], guard_mm: float = 0.0) -> Background:
    """The background outside the specimen, farther from it than the guard (glow leaks out of tissue)."""
    from scipy import ndimage

    away_mm = ndimage.distance_transform_edt(~specimen, tuple(spacing_mm))
    return Background(f"off-tissue beyond {guard_mm:g} mm", np.asarray((away_mm > guard_mm) & ~specimen))


def quiet_tissue(counts: Counts, specimen: Mask) -> Background:
    """The specimen's own glow: its pixels at or below Otsu's threshold within it, less outliers beyond 3 SD."""
    threshold = find_threshold(counts[specimen], "otsu").value
    mask = specimen & (counts <= threshold)
    for _ in range(5):
        mean, sd = mean_sd(counts, mask)
        mask = specimen & (counts <= threshold) & (np.abs(counts.astype(np.float64) - mean) <= 3 * max(sd, 1e-12))
    return Background("specimen outside the signal (Otsu, 3 SD)", mask)


def saturation(counts: Counts) -> int | None:
    """The value at which the detector is full, or None where nothing shows it.

    The largest value of the type, or of 10, 12 or 14 bits where it is the largest in the image; or a largest value
    that is held by far more pixels than the hundred values below it.
    """
    if counts.dtype.kind not in "ui" or not counts.size:
        return None
    top = int(counts.max())
    if top in {int(np.iinfo(counts.dtype).max), *(2**bits - 1 for bits in (10, 12, 14))}:
        return top
    full = int((counts == top).sum())
    below = int(((counts < top) & (counts >= top - 100)).sum())
    return top if full >= 20 and full > below else None


def quantify(
    counts: Counts, signal: Mask, backgrounds: Sequence[Background], *, dark: Counts | float | None = None
) -> Signal:
    """The numbers of a signal against the first background, with the range over all of them.

    counts : as stored. signal : bool, same shape. dark : counts without light, one number or a frame.

    Raises
    ------
    PixelError : E-PIX-08 a background is not above the dark level. MeasureError : E-MSR-01, E-MSR-08 empty regions.
    """
    _alike(counts, signal, *(one.mask for one in backgrounds))
    if not signal.any() or not backgrounds:
        code, what = ("E-MSR-08", "no background") if signal.any() else ("E-MSR-01", "no signal")
        raise MeasureError(code, what)
    net = counts.astype(np.float64) - (0.0 if dark is None else np.asarray(dark, np.float64))
    _usable(net)
    found = {one.name: _against(net, signal, one) for one in backgrounds}
    first = found[backgrounds[0].name]
    cnrs = [one["cnr"] for one in found.values() if one["cnr"] is not None]
    tbrs = [float(one["tbr"] or 0.0) for one in found.values()]
    full = saturation(counts)
    saturated = 0 if full is None else int((counts[signal] >= full).sum())
    share = saturated / int(signal.sum())
    return Signal(
        tbr=float(first["tbr"] or 0.0),
        cnr=first["cnr"],
        tbr_range=(min(tbrs), max(tbrs)),
        cnr_range=(min(cnrs), max(cnrs)) if cnrs else None,
        background=backgrounds[0].name,
        backgrounds=found,
        counts={"signal_mean": float(counts[signal].mean()), "signal_max": float(counts[signal].max())},
        dark="not subtracted" if dark is None else "subtracted",
        saturated_px=saturated,
        saturated_share=share,
        flags=("saturated_signal",) if share > SATURATED else (),
    )


def _against(net: Counts, signal: Mask, background: Background) -> dict[str, float | None]:
    mean, sd = mean_sd(net, background.mask)
    if mean <= 0:
        cause = f"{background.name}: mean {mean:.6g} after the dark level"
        raise PixelError("E-PIX-08", "the background is not above the dark level", cause=cause)
    own = float(net[signal].mean())
    return {"tbr": own / mean, "cnr": (own - mean) / sd if sd > 0 else None, "mean": mean, "sd": sd}


def sentinel_peaks(
    counts: Counts,
    specimen: Mask,
    background: Background,
    spacing_mm: Sequence[float],
    *,
    apart_mm: float = 1.0,
    within_mm: float | None = None,
    most: int = 10,
) -> tuple[Peak, ...]:
    """The peaks of intensity on a specimen, highest first (van Keulen: the highest marked the closest margin).

    counts, specimen : (y, x) or (z, y, x). apart_mm : peaks nearer than this to a higher one are part of it; counts
    are smoothed with a quarter of it before. within_mm : only peaks so near to the outline (its surface in 3-D).
    """
    from scipy import ndimage

    _alike(counts, specimen, background.mask)
    spacing = np.asarray(spacing_mm, np.float64)
    mean, _ = mean_sd(counts, background.mask)
    smooth = ndimage.gaussian_filter(counts.astype(np.float64), apart_mm / 4 / spacing)
    reach = np.maximum(1, np.round(apart_mm / 2 / spacing)).astype(int)
    top = (ndimage.maximum_filter(smooth, size=tuple(2 * reach + 1)) == smooth) & specimen & (smooth > mean)
    places = np.argwhere(top)
    kept: list[NDArray[np.intp]] = []
    for at in places[np.argsort(-smooth[tuple(places.T)], kind="stable")]:
        if len(kept) == most:
            break
        near = within_mm is None or edge_distance_mm(specimen, at, spacing) <= within_mm
        if near and all(np.linalg.norm((at - other) * spacing) >= apart_mm for other in kept):
            kept.append(at)
    return tuple(_peak(float(smooth[tuple(at)]), mean, at, specimen, spacing) for at in kept)


def _peak(height: float, mean: float, at: NDArray[np.intp], specimen: Mask, spacing: NDArray[np.float64]) -> Peak:
    place = tuple(int(v) for v in at)
    ratio = height / mean if mean > 0 else 0.0
    return Peak(place, height - mean, ratio, edge_distance_mm(specimen, at, spacing))


def edge_distance_mm(specimen: Mask, at: NDArray[np.intp], spacing_mm: NDArray[np.float64]) -> float:
    """Distance from a pixel's centre to the specimen's outline: the border of the nearest pixel outside it.

    What lies beyond the image is taken as outside.
    """
    outside = np.argwhere(~np.pad(specimen, 1)) - 1
    gap = np.maximum(np.abs(outside - at) - 0.5, 0) * spacing_mm
    return float(np.sqrt((gap**2).sum(axis=1).min()))


def _alike(*arrays: NDArray[Any]) -> None:
    if len({one.shape for one in arrays}) > 1:
        raise AxesError("E-AXE-01", "shapes differ", cause=", ".join(str(one.shape) for one in arrays))

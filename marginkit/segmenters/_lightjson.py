"""The numbers of a fluorescent signal as ``signal`` of result.json, and the sentences that go with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from marginkit import fluorescence
from marginkit.fluorescence import Background, Peak
from marginkit.lights import Around, Levels
from marginkit.records import Picture
from marginkit.segmenters import _backgrounds
from marginkit.segmenters._counts import EDGES

RIM = 0.1  # of the specimen's width: peaks so near to its outline are also ranked by themselves
APART = 0.05  # of the specimen's width: peaks nearer than this are one, where no distance was given
VIEWS = {
    "en-face": "en face: the distance is to the outline as seen, which is not a depth",
    "section": "section: the distance is in the plane of the cut",
    "unsaid": "not said (en-face or section): seen en face, the distance to the outline is not a depth",
}
RATIOS = ("tbr", "sbr", "cnr", "tbr_range", "cnr_range")


def numbers(
    picture: Picture, found: Any, grounds: Sequence[Background], swept: Levels, options: Any, around: Around
) -> tuple[dict[str, Any], list[str]]:
    """(numbers, notes): nothing that is quantified of pseudo-colour or of a picture without signal, but why not."""
    said: dict[str, Any] = {
        **dict.fromkeys(RATIOS),
        "background": grounds[0].name,
        "backgrounds": {},
        "counts": {},
        "threshold": _threshold(found, swept),
        "saturated": _saturated(found),
        "dark": "not subtracted" if around.dark is None else "subtracted",
        "flat": "not corrected" if around.flat is None else "fitted" if around.evened else "corrected",
        "flags": list(found.flags),
        "channel": found.channel,
        "view": VIEWS[options.view],
        "peaks": [],
        "outline_peaks": [],
        "registration": None if around.overlay is None else dict(around.overlay.told),
        "refused": _refused(picture, found, around) or None,
    }
    notes = [f"signal: {said['refused']}"] if said["refused"] else []
    if around.overlay is not None:
        notes.append(_registered(around.overlay.told))
    if not said["refused"]:
        dark, flat = around.dark, around.flat
        said |= fluorescence.quantify(found.counts, found.mask, grounds, dark=dark, flat=flat).as_dict()
        said["saturated"] = _saturated(found)
        said["peaks"] = _peaks(found, grounds[0], options, around, None)
        said["outline_peaks"] = _peaks(found, grounds[0], options, around, RIM)
    return said, notes


def _threshold(found: Any, swept: Levels) -> dict[str, Any]:
    one = found.threshold
    low = {} if one.low is None else {"low": one.low}
    return {"value": one.value, "method": one.method, "told": one.told, **low, "sweep": list(swept.sweep)}


def _saturated(found: Any) -> dict[str, Any]:
    of = int(found.mask.sum())
    pixels = 0 if found.full is None else int((found.counts[found.mask] >= found.full).sum())
    return {"pixels": pixels, "share": pixels / of if of else 0.0, "value": found.full}


def _refused(picture: Picture, found: Any, around: Around) -> str:
    """Why nothing is quantified; empty where it is."""
    source = picture if around.overlay is None else around.overlay.picture
    if not found.mask.any():
        return "no signal above the threshold"
    if "S" in source.axes and (found.channel.endswith(EDGES) or not fluorescence.is_grey(source)):
        return f"{source.name} is pseudo-colour ({fluorescence.depth(source)}): edges only, not quantified (E-PIX-01)"
    return ""


def _registered(told: Any) -> str:
    residual = told["residual_mm"]
    size = "not known" if residual is None else f"{residual:.3g} mm"
    return (
        f"registration: {told['method']}, residual {size}; it is not in the interval, --boundary-shift-mm puts it there"
    )


def _peaks(found: Any, background: Background, options: Any, around: Around, rim: float | None) -> list[dict[str, Any]]:
    """Peaks over the whole surface, or within a rim along the outline, highest first."""
    if not options.peaks:
        return []
    size = _backgrounds.spacing(around, found.values.ndim)
    wide = _backgrounds.width(found.specimen, size)
    apart = options.apart_mm or APART * wide
    within = None if rim is None else rim * wide
    peaks = fluorescence.sentinel_peaks(
        found.values, found.specimen, background, size, apart_mm=apart, within_mm=within, most=options.peaks
    )
    return [_peak(one, around) for one in peaks]


def _peak(peak: Peak, around: Around) -> dict[str, Any]:
    """A peak as JSON; mm only where the pixel size is known."""
    size = _backgrounds.spacing(around, len(peak.at_px))
    known = around.spacing_mm is not None and len(around.spacing_mm) == len(peak.at_px)
    return {
        "at_px": list(peak.at_px),
        "at_mm": [float(p * s) for p, s in zip(peak.at_px, size)] if known else None,
        "counts": peak.counts,
        "ratio": peak.ratio if np.isfinite(peak.ratio) else None,
        "edge_mm": peak.edge_mm if around.spacing_mm is not None else None,
    }

"""Millimetres a pixel from a ruler or scale bar in a photograph, or a refusal that says what was missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit.errors import CalibrationError

from . import _meaning, _rulers, _segments
from ._meaning import Meaning
from ._rulers import Ruler
from .scale import Mark, Scale, together

BOX = "Give --ruler y,x,height,width around one of them, or --points with --length."
TYPE = "Give --tick, the distance of neighbouring ticks (such as 1mm), or --points with --length."
NONE = "Give --points with --length, or --pixel-size to the measurement."
MOST_DRIFT, TOLD_DRIFT = 0.10, 0.02
AGREE = 0.02
SMALLEST_PX = 32
END_PX = 0.5  # how far a whole row may be off at its ends together


def read(pixels: NDArray[Any], tick: str = "", box: tuple[int, int, int, int] | None = None) -> Scale:
    """The scale that the ruler in a photograph gives.

    pixels : (y, x) or (y, x, 3). tick : distance of neighbouring ticks as typed; empty: by evidence alone.
    box : (y, x, height, width) px, where to look. Square pixels are assumed, and a ruler in the plane of the specimen.

    Raises
    ------
    CalibrationError : E-CAL-10 no ruler; E-CAL-11 its unit is not known, or not the typed one; E-CAL-12 two rulers
        disagree; E-CAL-13 it is seen too much from the side.
    """
    asked = _meaning.typed(tick) if tick else None
    top, left, part = _part(pixels, box)
    rulers = list(_rulers.find(_segments.ground(part))) if min(part.shape[:2]) >= SMALLEST_PX else []
    if not rulers:
        cause = "no row of ticks with long and short ones in step"
        raise CalibrationError("E-CAL-10", "no ruler found", cause=cause, remedy=NONE)
    found = [(ruler, meaning) for ruler in rulers if (meaning := _said(ruler, rulers, asked))]
    if not found:
        raise _unknown(rulers, asked)
    scales = [_scale(ruler, meaning, (top, left)) for ruler, meaning in found]
    return _agreed(scales, [ruler for ruler, _ in found])


def _part(pixels: NDArray[Any], box: tuple[int, int, int, int] | None) -> tuple[int, int, NDArray[Any]]:
    """(top, left, pixels) of the part to look at."""
    if box is None:
        return 0, 0, pixels
    top, left, height, width = box
    bottom, right = min(top + height, pixels.shape[0]), min(left + width, pixels.shape[1])
    if not (0 <= top < bottom and 0 <= left < right):
        cause = f"{box} in an image of {pixels.shape[0]} x {pixels.shape[1]} (y, x)"
        raise CalibrationError("E-CAL-10", "no part of the image lies in the box", cause=cause)
    return top, left, pixels[top:bottom, left:right]


def _said(ruler: Ruler, rulers: Sequence[Ruler], asked: _meaning.Tick | None) -> Meaning | None:
    """What a ruler's step is; E-CAL-11 where the user's word and the evidence differ."""
    own = _meaning.of(ruler, [other for other in rulers if other is not ruler])
    if asked is None:
        return own
    typed = _meaning.as_typed(ruler, asked)
    if own and typed and abs(own.step_mm / typed.step_mm - 1) > 0.01:
        cause = f"{own.why}, so neighbouring ticks are {own.step_mm:g} mm apart, not {asked.text}"
        raise CalibrationError("E-CAL-11", "the ruler says otherwise", cause=cause, remedy="Leave --tick away.")
    return typed


def _unknown(rulers: Sequence[Ruler], asked: _meaning.Tick | None) -> CalibrationError:
    """The refusal where no ruler's unit is known."""
    seen = "; ".join(_worded(ruler) for ruler in rulers[:3])
    if asked is None:
        return CalibrationError("E-CAL-11", "a ruler, but of which unit", cause=seen, remedy=TYPE)
    cause = f"{asked.text} is typed, but {seen}"
    remedy = "Type the distance of neighbouring ticks, the shortest ones counted."
    return CalibrationError("E-CAL-11", "the tick does not fit the ruler", cause=cause, remedy=remedy)


def _worded(ruler: Ruler) -> str:
    numbers = f", numbered {ruler.numbers.words}" if ruler.numbers else ""
    return f"{ruler.ticks.last + 1} ticks {ruler.step_px:.2f} px apart, each {ruler.pattern.every}th long{numbers}"


def _scale(ruler: Ruler, meaning: Meaning, corner: tuple[int, int]) -> Scale:
    """The scale of one ruler; E-CAL-13 where its step changes too much from end to end."""
    drift = abs(ruler.ticks.drift)
    if drift > MOST_DRIFT:
        cause = f"the ticks' distance changes by {drift:.0%} from end to end"
        remedy = "Photograph it from straight above, or measure a short part with --ruler."
        raise CalibrationError("E-CAL-13", "the ruler is seen from the side", cause=cause, remedy=remedy)
    mm = meaning.step_mm / ruler.step_px
    detail = f"{_worded(ruler)}; {meaning.why}"
    if drift > TOLD_DRIFT:
        detail += f"; perspective: the ticks' distance changes by {drift:.1%} from end to end"
    unsure = together(2 * ruler.ticks.step_sd, drift / 2, END_PX / (ruler.step_px * ruler.ticks.last))
    return Scale((mm, mm), unsure, "ruler", detail, _marks(ruler, corner))


def _agreed(scales: Sequence[Scale], rulers: Sequence[Ruler]) -> Scale:
    """The surest scale, where all agree; E-CAL-12 otherwise."""
    best = scales[int(np.argmax([len(ruler.ticks.number) for ruler in rulers]))]
    spread = 0.0
    for other in scales:
        allowed = max(AGREE, best.relative_uncertainty + other.relative_uncertainty)
        if abs(other.spacing_mm[0] / best.spacing_mm[0] - 1) > allowed:
            cause = (
                f"{best.spacing_mm[0]:.5g} mm per pixel ({best.detail}), but {other.spacing_mm[0]:.5g} ({other.detail})"
            )
            raise CalibrationError("E-CAL-12", "two rulers disagree", cause=cause, remedy=BOX)
        spread = max(spread, abs(other.spacing_mm[0] / best.spacing_mm[0] - 1))
    return replace(best, relative_uncertainty=together(best.relative_uncertainty, spread)) if spread else best


def _marks(ruler: Ruler, corner: tuple[int, int]) -> tuple[Mark, ...]:
    """The row, its ticks and what stands beside it, on the photograph."""
    ticks, lengths = ruler.ticks, ruler.lengths
    places, level = ticks.places_px(), ticks.level_px

    def seen(*points: tuple[float, float]) -> NDArray[np.float64]:
        on_ground = np.stack([ticks.point(u, v) for u, v in points])
        return np.asarray((on_ground + 0.5) / ruler.ground.ratio - 0.5 + np.array(corner), np.float64)

    marks = [Mark(seen((float(places[0]), level), (float(places[-1]), level)), "row")]
    for i, u in enumerate(places.tolist()):
        if lengths.whole_px[i] > 0:
            long = (i - ruler.pattern.first) % ruler.pattern.every == 0
            ends = seen((u, level - lengths.up_px[i]), (u, level + lengths.down_px[i]))
            marks.append(Mark(ends, "long" if long else "tick"))
    for box in (*(ruler.numbers.boxes if ruler.numbers else ()), *((ruler.mm,) if ruler.mm else ())):
        u0, v0 = float(ruler.page.strip.u_px[0]), float(ruler.page.strip.v_px[0])
        left, right, top, bottom = u0 + box.left, u0 + box.right, v0 + box.top, v0 + box.bottom
        marks.append(Mark(seen((left, top), (right, top), (right, bottom), (left, bottom), (left, top)), "text"))
    return tuple(marks)

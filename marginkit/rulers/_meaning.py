"""Which length a step of a ruler is: as typed and not contradicted, or by evidence beside the ticks.

The surprising thing: 1, 5, 10 is no evidence. A pocket ruler with a tick each millimetre and a reticle with one each
tenth of a millimetre look the same, and so do decimal inches. So without a word, numbers or a second unit the
user is asked.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from marginkit import units
from marginkit.errors import CalibrationError

from ._rulers import Ruler

INCH_MM = 25.4
AGREE = 0.015
_SHARE = re.compile(r"\s*([0-9]{1,3})\s*/\s*([0-9]{1,3})\s*([A-Za-z]+)\s*")
ROUND = (1.0, 10.0, 100.0, 0.1, 0.01)


@dataclass(frozen=True)
class Tick:
    """A typed distance of neighbouring ticks, mm, and whether it was typed in inches."""

    length_mm: float
    inches: bool
    text: str


@dataclass(frozen=True)
class Meaning:
    """What a step of a ruler is, mm, and by what evidence, in words."""

    step_mm: float
    why: str


def typed(text: str) -> Tick:
    """The typed tick: ``1mm``, ``0.5 mm``, ``1/16in``. E-CAL-08 where it is none."""
    share = _SHARE.fullmatch(text)
    if share and int(share[2]):
        whole = units.length_mm(f"{share[1]}{share[3]}").value / int(share[2])
        length_mm = units.positive(whole, text)
    else:
        length_mm = units.length_mm(text).value
    inches = bool(re.search(r"in(ch(es)?)?\s*$", text.strip().lower()))
    if not 1e-4 <= length_mm <= 100:
        raise CalibrationError("E-CAL-08", f"tick {text[:40]!r} not believed", cause=f"{length_mm:g} mm")
    return Tick(length_mm, inches, text.strip())


def of(ruler: Ruler, others: Sequence[Ruler]) -> Meaning | None:
    """What a step is by evidence; None where there is none."""
    return _bar(ruler) or _numbered(ruler) or _partner(ruler, others)


def as_typed(ruler: Ruler, tick: Tick) -> Meaning | None:
    """What a step is by the user's word; None where that word cannot be of this ruler, whose rounds it makes odd."""
    whole_mm = tick.length_mm * ruler.pattern.every
    if tick.inches:
        fits = _is_one_of(whole_mm / INCH_MM, (1.0, 0.5, 0.25, 0.125))
        fits = fits and (ruler.pattern.system == "binary" or whole_mm / INCH_MM >= 0.49)
    elif ruler.pattern.system == "binary":
        fits = False
    else:
        fits = _is_one_of(whole_mm, ROUND) or (ruler.pattern.every == 5 and _is_one_of(whole_mm * 2, ROUND))
    return Meaning(tick.length_mm, f"ticks are {tick.text} apart, as typed") if fits else None


def _is_one_of(value: float, allowed: Sequence[float]) -> bool:
    return any(math.isclose(value, one, rel_tol=1e-6) for one in allowed)


def _bar(ruler: Ruler) -> Meaning | None:
    """A bar of ten rounds of ten with ``mm`` beside it and no numbers along it: 10 mm."""
    closed = all(ruler.ends) and ruler.pattern.first == 0 and ruler.ticks.last == 100
    if not (closed and ruler.pattern.every == 10 and ruler.mm and not ruler.beside):
        return None
    return Meaning(0.1, "a bar of 10 x 10 ticks, long at both ends, marked mm and not numbered: 10 mm")


def _numbered(ruler: Ruler) -> Meaning | None:
    """Numbers that rise by one each 20 ticks (half millimetres), or by ten each ten ticks marked ``mm``."""
    numbers = ruler.numbers
    if numbers is None or ruler.pattern.system != "decimal":
        return None
    if ruler.pattern.every == 20 and abs(numbers.by) == 1 and len(ruler.pattern.levels) >= 3:
        return Meaning(0.5, f"{numbers.words} at the longest ticks, ten longer and ten short ticks between: cm")
    if ruler.pattern.every == 10 and abs(numbers.by) == 10 and ruler.mm:
        return Meaning(1.0, f"{numbers.words} at the longest ticks, marked mm")
    return None


def _partner(ruler: Ruler, others: Sequence[Ruler]) -> Meaning | None:
    """Centimetres where another row beside it is in inches: their rounds are as 1 to 2.54."""
    for other in others:
        pair = {ruler.pattern.system, other.pattern.system}
        if pair != {"decimal", "binary"} or not _parallel(ruler, other):
            continue
        metric, inch = (ruler, other) if ruler.pattern.system == "decimal" else (other, ruler)
        if metric.pattern.every not in (10, 20):
            continue
        for part in (1.0, 0.5, 0.25):
            if abs(inch.round_px / part / metric.round_px / 2.54 - 1) <= AGREE:
                whole_mm = 10.0 if ruler is metric else INCH_MM * part
                why = f"a row in inches lies beside one in cm: their rounds are as {part:g} x 2.54 to 1"
                return Meaning(whole_mm / ruler.pattern.every, why)
    return None


def _parallel(one: Ruler, other: Ruler) -> bool:
    return abs(float(one.ticks.strip.line.along @ other.ticks.strip.line.along)) > 0.999

"""Words to millimetres: unit names, decimal commas, TIFF rationals.

The surprising thing: letter case carries meaning (``Mm`` is a million metres), a micro sign has two code points
and at least three broken spellings, and a TIFF resolution counts pixels per unit, so a wrong unit is a wrong
length without any sign of it. Nothing here guesses: what is not understood is an error or None.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from marginkit.errors import CalibrationError

_SYMBOLS_MM = {
    "Gm": 1e12, "Mm": 1e9, "km": 1e6, "hm": 1e5, "dam": 1e4, "m": 1e3, "dm": 100.0, "cm": 10.0, "mm": 1.0,
    "um": 1e-3, "nm": 1e-6, "pm": 1e-9, "fm": 1e-12, "Å": 1e-7, "thou": 0.0254, "mil": 0.0254, "li": 25.4 / 12,
    "in": 25.4, "ft": 304.8, "yd": 914.4, "pt": 25.4 / 72,
}  # fmt: skip
_WORDS_MM = {
    "micron": 1e-3, "microns": 1e-3, "inch": 25.4, "inches": 25.4, "angstrom": 1e-7, "angstroms": 1e-7,
    "foot": 304.8, "feet": 304.8, "meter": 1e3, "metre": 1e3,
    **{
        f"{prefix}{stem}": mm
        for prefix, mm in zip(("deci", "centi", "milli", "micro", "nano", "pico"), (100.0, 10.0, 1.0, 1e-3, 1e-6, 1e-9))
        for stem in ("meter", "metre")
    },
}  # fmt: skip
_MICRO = re.compile("Âµ|Î¼|\N{MICRO SIGN}|\N{GREEK SMALL LETTER MU}|\\\\u00[bB]5|\\\\u03[bB][cC]|\ufffd(?=m$)")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+(?:[eE][+-]?[0-9]{1,4})?")
_LENGTH = re.compile(r"([+-]?[0-9.,]+(?:[eE][+-]?[0-9]{1,4})?)\s*(\D*)")
_TIFF_UNIT_MM = {2: 25.4, 3: 10.0}
_UNKNOWN_RATIONAL = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Number:
    """A number read from text, and whether its decimal point was a comma."""

    value: float
    comma: bool = False


def mm_per(unit: str) -> float | None:
    """Millimetres in one ``unit``; None where the word is no length (``pixel``, ``reference frame``, nothing).

    >>> mm_per("cm"), mm_per("\\\\u00B5m"), mm_per("Millimeters"), mm_per("pixel")
    (10.0, 0.001, 1.0, None)
    """
    word = _MICRO.sub("u", unit.strip()).strip()
    if word in _SYMBOLS_MM:
        return _SYMBOLS_MM[word]
    low = word.lower()
    return _SYMBOLS_MM.get(low, _WORDS_MM.get(low, _WORDS_MM.get(low.removesuffix("s"))))


def number(text: str, *, comma: bool = False) -> Number:
    """A finite number; with ``comma`` also one written with a decimal comma. CalibrationError E-CAL-02 otherwise.

    >>> number("1e-3").value, number("0,25", comma=True)
    (0.001, Number(value=0.25, comma=True))
    """
    word = text.strip()
    if _NUMBER.fullmatch(word) and math.isfinite(float(word)):
        return Number(float(word))
    if comma and _COMMA.fullmatch(word) and math.isfinite(float(word.replace(",", "."))):
        return Number(float(word.replace(",", ".")), comma=True)
    raise CalibrationError("E-CAL-02", "impossible number", cause=f"{text[:60]!r}")


def length_mm(text: str) -> Number:
    """A length such as ``0.5um``, ``0,5 µm`` or ``1e-3 mm``, in mm. E-CAL-08 where the unit is missing or unknown.

    >>> length_mm("5 mm").value
    5.0
    """
    match = _LENGTH.fullmatch(text.strip())
    if not match:
        raise _untyped(text, "not a number and a unit")
    if not match[2].strip():
        raise _untyped(text, "the unit is missing")
    factor = mm_per(match[2])
    if factor is None:
        raise _untyped(text, f"{match[2].strip()!r} is no unit of length")
    found = number(match[1], comma=True)
    return Number(positive(found.value * factor, text), found.comma)


def _untyped(text: str, cause: str) -> CalibrationError:
    return CalibrationError(
        "E-CAL-08",
        f"length {text[:60]!r} not understood",
        cause=cause,
        remedy="Write a number and a unit: 0.5um, 0.1mm, 1cm.",
    )


def positive(value: float, raw: object) -> float:
    """The value; CalibrationError E-CAL-02, showing ``raw``, where it is not finite and above zero."""
    if not (math.isfinite(value) and value > 0):
        raise CalibrationError("E-CAL-02", "impossible pixel size", cause=f"{raw!s:.80}")
    return value


def tiff_mm(pixels: tuple[int, int], unit: int) -> float:
    """Millimetres a pixel from a TIFF resolution: the rational (pixels, units) and the code of ResolutionUnit.

    E-CAL-01 where the unit is none (1) or unknown; E-CAL-02 where the rational cannot be.

    >>> tiff_mm((20000, 1), 3)
    0.0005
    """
    numerator, denominator = pixels
    raw = f"{numerator}/{denominator} pixels, ResolutionUnit {unit}"
    if unit not in _TIFF_UNIT_MM:
        raise CalibrationError("E-CAL-01", "no unit", cause=f"{raw}: the numbers are a ratio, not a size")
    if numerator == _UNKNOWN_RATIONAL and denominator == 1:
        raise CalibrationError("E-CAL-02", "impossible resolution", cause=f"{raw}: the largest number a tag can hold")
    if numerator <= 0 or denominator <= 0:
        raise CalibrationError("E-CAL-02", "impossible resolution", cause=raw)
    return _TIFF_UNIT_MM[unit] * denominator / numerator

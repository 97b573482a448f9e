"""Claims about pixel size -> one Calibration, or a refusal that names the claim.

A file may state its pixel size several times, in several units, and be wrong each time. Nothing is averaged and
nothing is guessed: claims that agree give the first of them, claims that do not are shown to the user.

The surprising thing: the commonest pixel size on earth, 72 dots per inch, is no pixel size. Programs write it when
they know nothing. So do 96 dpi and 1.0; and a dpi in a photo says how to print it, whatever its value.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from marginkit import units
from marginkit.errors import CalibrationError
from marginkit.records import Calibration, Claim, check_spacing

WINDOWS_MM = {
    "slide": (5e-5, 2e-2),
    "microscopy": (1e-5, 1e-1),
    "photo": (1e-3, 5.0),
    "volume": (1e-4, 25.0),
    "unknown": (1e-5, 26.0),
}
USUAL_MM = {"slide": (2e-4, 4e-3), "microscopy": (5e-5, 1e-2), "photo": (1e-2, 0.5), "volume": (0.05, 8.0)}
RATIOS = {
    10.0: "cm and mm confused", 1e3: "µm and mm confused", 1e4: "µm and cm confused", 1e6: "nm and mm confused",
    2.54: "inch and cm confused", 25.4: "inch and mm confused", 25400.0: "inch and µm confused",
}  # fmt: skip
DEFAULT_DPI = (72, 96, 120, 144, 150, 180, 192, 200, 220, 240, 300, 350)
SCREEN_DPI = (72, 96, 144)
PRINT_SOURCES = ("PNG pHYs", "JFIF density", "EXIF resolution")
AGREE = 0.01
SQUARE, OBLONG = 0.005, 0.20
REMEDY = "Give --pixel-size, or draw a ruler in napari."
CONFIRM = "Give --pixel-size, or confirm this one."


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a claim is not simply believed.

    empty : it is only what programs write by default, and so contradicts nothing.
    refuse : it is not used without confirmation; otherwise it is used with a flag that weakens the verdict.
    """

    text: str
    flag: str
    empty: bool = False
    refuse: bool = True


def resolve(
    claims: Sequence[Claim], kind: str, name: str, ndim: int, *, confirm: bool = False
) -> tuple[Calibration | None, CalibrationError | None, tuple[str, ...]]:
    """(calibration, refusal, warnings): exactly one of the first two is None.

    claims : in the order in which they are preferred. kind : of the picture; it decides what is plausible.
    ndim : number of spatial axes. confirm : the user vouches for the first usable claim against every warning.
    """
    try:
        return _resolve(claims, kind, ndim, confirm)
    except CalibrationError as error:
        refusal = CalibrationError(error.code, error.what, cause=error.cause, remedy=error.remedy or REMEDY, file=name)
        return None, refusal, _notes(claims, kind, ndim)


def _resolve(claims: Sequence[Claim], kind: str, ndim: int, confirm: bool) -> tuple[Calibration, None, tuple[str, ...]]:
    usable = [claim for claim in claims if not _problem(claim, ndim)]
    if not usable:
        raise _missing(claims, ndim)
    doubts = {claim: doubt for claim in usable if (doubt := doubt_of(claim, kind))}
    telling = [claim for claim in usable if not (claim in doubts and doubts[claim].empty)]
    chosen = next((c for c in usable if c not in doubts), (telling or usable)[0])
    flags, spread = _agreement(telling, chosen, confirm)
    flags += _trust(chosen, doubts.get(chosen), confirm)
    flags += _shape(chosen, confirm)
    if confirm and any(flag in {"claims_disagree", "screen_default", "implausible_pixel_size"} for flag in flags):
        flags += ("confirmed_by_user",)
    taken = Calibration(_spacing(chosen), chosen.source, chosen.detail, spread, tuple(dict.fromkeys(flags)))
    notes = list(_notes(claims, kind, ndim))
    if spread:
        notes.append(f"pixel sizes differ by {spread:.2%}: {'; '.join(map(_said, telling))}; the first is used")
    return taken, None, tuple(notes)


def typed(text: str, ndim: int) -> Calibration:
    """The pixel size that a user typed: ``0.5um``, or one length an axis in array order, ``5mm,0.1mm,0.1mm``.

    E-CAL-08 where a unit is missing, or where the number of lengths is neither 1 nor ``ndim``.

    >>> typed("0.5um", 2).spacing_mm
    (0.0005, 0.0005)
    """
    words = _split(text)
    if len(words) not in (1, ndim):
        raise CalibrationError(
            "E-CAL-08", f"pixel size {text[:60]!r} not understood", cause=f"{len(words)} lengths for {ndim} axes"
        )
    if len(words) == 1 and ndim == 3:
        raise CalibrationError(
            "E-CAL-08",
            f"pixel size {text[:60]!r} not understood",
            cause="one length for three axes: the distance between planes is rarely that of pixels",
            remedy="Give three: 5mm,0.1mm,0.1mm (plane distance, row, column).",
        )
    numbers = [units.length_mm(word) for word in words]
    spacing_mm = tuple(n.value for n in numbers) * (ndim if len(words) == 1 else 1)
    flags = ["decimal_comma"] if any(n.comma for n in numbers) else []
    if _unequal(spacing_mm) > SQUARE:
        flags.append("anisotropic")
    return Calibration(check_spacing(spacing_mm, ndim), "typed", text.strip(), flags=tuple(flags))


def against(taken: Calibration, claims: Sequence[Claim], kind: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(flags, warnings) of a typed calibration: what is unusual, and which claims of the file it contradicts."""
    flags: list[str] = []
    notes: list[str] = []
    own = Claim(taken.source, taken.spacing_mm, taken.detail)
    if strange := _implausible(own, kind):
        flags.append(strange.flag)
        notes.append(f"typed pixel size {strange.text}")
    for claim in claims:
        usable = not _problem(claim, len(taken.spacing_mm)) and doubt_of(claim, kind) is None
        if usable and _difference(_spacing(claim), taken.spacing_mm) > AGREE:
            flags.append("claims_disagree")
            notes.append(f"the file says otherwise: {_said(claim)}; the typed {_words(taken.spacing_mm)} is used")
    return tuple(dict.fromkeys(flags)), tuple(notes)


def doubt_of(claim: Claim, kind: str) -> Doubt | None:
    """Why a usable claim is not believed without confirmation; None where it is."""
    return _screen(claim, kind) or _implausible(claim, kind) or _one(claim)


def _screen(claim: Claim, kind: str) -> Doubt | None:
    """A default of screens, printers and cameras."""
    spacing = _spacing(claim)[-2:]
    density = "resolution" in claim.source or claim.source in PRINT_SOURCES
    for dpi in DEFAULT_DPI if density else SCREEN_DPI:
        if kind != "volume" and all(math.isclose(s, 25.4 / dpi, rel_tol=2e-3 if density else 1e-4) for s in spacing):
            maker = "screens" if dpi in SCREEN_DPI else "printers and cameras"
            text = f"{_said(claim)} is {dpi} dpi, a default of {maker}, not a pixel size"
            return Doubt(text, "screen_default", empty=True)
    if claim.source in PRINT_SOURCES:
        text = f"{_said(claim)} says how large to print the picture, not how large the specimen is"
        return Doubt(text, "screen_default", empty=True)
    return None


def _one(claim: Claim) -> Doubt | None:
    """1.0 on every axis, in whatever unit."""
    spacing = _spacing(claim)
    if len(set(spacing)) == 1 and any(
        math.isclose(spacing[0], one, rel_tol=1e-9) for one in (1e-3, 1.0, 10.0, 25.4, 1e3)
    ):
        text = f"{_said(claim)} is exactly 1 on every axis, which programs write when they know nothing"
        return Doubt(text, "implausible_pixel_size", refuse=False)
    return None


def _implausible(claim: Claim, kind: str) -> Doubt | None:
    """Outside the window of its kind; the ratio is named where it is a known one."""
    low, high = WINDOWS_MM.get(kind, WINDOWS_MM["unknown"])
    for value in _spacing(claim):
        if not low <= value <= high:
            article = f"of {kind} images" if kind in USUAL_MM else "of images"
            text = f"{_said(claim)} lies outside the {low:g} to {high:g} mm {article}{_recognised(value, kind)}"
            return Doubt(text, "implausible_pixel_size")
    return None


def _recognised(value_mm: float, kind: str) -> str:
    usual = USUAL_MM.get(kind, (2e-4, 1.0))
    for ratio, why in RATIOS.items():
        for factor, word in ((ratio, "too large"), (1 / ratio, "too small")):
            if usual[0] <= value_mm / factor <= usual[1] and (value_mm > usual[1]) == (factor > 1):
                return f" ({ratio:g} times {word}: {why}?)"
    return ""


def _agreement(telling: Sequence[Claim], chosen: Claim, confirm: bool) -> tuple[tuple[str, ...], float]:
    """(flags, greatest relative difference) among the claims that say something; E-CAL-04 above one per cent."""
    pairs = [(_difference(_spacing(a), _spacing(b)), a, b) for a, b in combinations(telling, 2)]
    worst = max(pairs, key=lambda pair: pair[0], default=None)
    if worst is None or worst[0] <= AGREE:
        exact = worst is None or worst[0] < 1e-6
        return (), 0.0 if exact or worst is None else worst[0]
    if confirm:
        return ("claims_disagree",), max(_difference(_spacing(chosen), _spacing(c)) for c in telling)
    cause = f"{_said(worst[1])}, but {_said(worst[2])}"
    raise CalibrationError("E-CAL-04", "the file states two pixel sizes", cause=cause, remedy=CONFIRM)


def _trust(chosen: Claim, doubt: Doubt | None, confirm: bool) -> tuple[str, ...]:
    if doubt is None:
        return ("decimal_comma",) if "decimal comma" in chosen.detail else ()
    if confirm or not doubt.refuse:
        return (doubt.flag,)
    raise CalibrationError("E-CAL-03", "implausible pixel size", cause=doubt.text, remedy=CONFIRM)


def _shape(chosen: Claim, confirm: bool) -> tuple[str, ...]:
    """The flag of pixels that are not square; E-CAL-05 where they are far from it."""
    unequal = _unequal(_spacing(chosen))
    if unequal > OBLONG and not confirm:
        cause = f"{_said(chosen)}: height and width differ by {unequal:.0%}"
        raise CalibrationError("E-CAL-05", "the pixel is far from square", cause=cause, remedy=CONFIRM)
    if unequal > SQUARE:
        return ("anisotropic", "confirmed_by_user") if unequal > OBLONG else ("anisotropic",)
    return ()


def _missing(claims: Sequence[Claim], ndim: int) -> CalibrationError:
    """The refusal where no claim can be used: E-CAL-02 where one is broken, else as its reader says, else E-CAL-01."""
    problems = [f"{claim.source} ({_problem(claim, ndim)})" for claim in claims]
    for code in ("E-CAL-02", "E-CAL-06", "E-CAL-04", "E-CAL-03"):
        if any(code in problem for problem in problems):
            return CalibrationError(code, "no usable pixel size", cause="; ".join(problems), remedy=REMEDY)
    cause = "; ".join(problems) or "the file does not state one"
    return CalibrationError("E-CAL-01", "pixel size missing", cause=cause, remedy=REMEDY)


def _problem(claim: Claim, ndim: int) -> str:
    """Why a claim cannot be used at all; empty where it can."""
    if claim.spacing_mm is None or claim.problem:
        return claim.problem or "it gives no size"
    if len(claim.spacing_mm) != ndim:
        return f"{_words(claim.spacing_mm)}: it gives {len(claim.spacing_mm)} of {ndim} axes"
    try:
        check_spacing(claim.spacing_mm, ndim)
    except CalibrationError as error:
        return f"{error.code}: {error.cause}"
    return ""


def _notes(claims: Sequence[Claim], kind: str, ndim: int) -> tuple[str, ...]:
    """One sentence for each claim that is not believed."""
    notes = []
    for claim in claims:
        if problem := _problem(claim, ndim):
            notes.append(f"{claim.source} not used: {problem}")
        elif doubt := doubt_of(claim, kind):
            notes.append(doubt.text)
    return tuple(notes)


def _spacing(claim: Claim) -> tuple[float, ...]:
    return claim.spacing_mm or ()


def _difference(one: Sequence[float], other: Sequence[float]) -> float:
    """Greatest relative difference of two spacings."""
    return max(abs(a - b) / min(a, b) for a, b in zip(one, other))


def _unequal(spacing_mm: Sequence[float]) -> float:
    """Relative difference of a pixel's height and width."""
    return _difference(spacing_mm[-2:-1], spacing_mm[-1:])


def _words(spacing_mm: Sequence[float]) -> str:
    return f"{' x '.join(f'{s:.6g}' for s in spacing_mm)} mm"


def _said(claim: Claim) -> str:
    return f"{claim.source} {_words(_spacing(claim))}"


def _split(text: str) -> list[str]:
    """Lengths between commas; a comma between two digits with no unit before it is a decimal comma."""
    words: list[str] = []
    for part in text.split(","):
        if words and words[-1].strip() and words[-1].strip()[-1].isdigit():
            words[-1] += f",{part}"
        else:
            words.append(part)
    return words

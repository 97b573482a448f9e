"""Claims about pixel size -> one Calibration, or a refusal that names the claim.

A file may state its pixel size several times, in several units, and be wrong each time. Nothing is averaged and
nothing is guessed: claims that agree give the first of them, claims that do not are shown to the user.

The surprising thing: a file with two pixel sizes that differ by more than a per cent has none, until the user says
which. What makes a single one hard to believe is in ``marginkit.doubts``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations

from marginkit import units
from marginkit.doubts import Doubt, doubt_of, implausible, problem_of, said, spacing_of, worded
from marginkit.errors import CalibrationError
from marginkit.records import Calibration, Claim, check_spacing

AGREE = 0.01
SQUARE, OBLONG = 0.005, 0.20
REMEDY = "Give --pixel-size, or draw a ruler in napari."
CONFIRM = "Give --pixel-size, or confirm this one."
UNSURE = re.compile(r"±|\+/?-")


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
    usable = [claim for claim in claims if not problem_of(claim, ndim)]
    if not usable:
        raise _missing(claims, ndim)
    doubts = {claim: doubt for claim in usable if (doubt := doubt_of(claim, kind))}
    telling = [claim for claim in usable if not (claim in doubts and doubts[claim].empty)]
    chosen = next((c for c in usable if c not in doubts), (telling or usable)[0])
    flags, spread = _agreement(telling, chosen, confirm)
    flags += _trust(chosen, doubts.get(chosen), confirm)
    flags += _shape(chosen, kind, confirm)
    if confirm and any(flag in {"claims_disagree", "screen_default", "implausible_pixel_size"} for flag in flags):
        flags += ("confirmed_by_user",)
    taken = Calibration(spacing_of(chosen), chosen.source, chosen.detail, spread, tuple(dict.fromkeys(flags)))
    notes = list(_notes(claims, kind, ndim))
    if spread:
        notes.append(f"pixel sizes differ by {spread:.2%}: {'; '.join(map(said, telling))}; the first is used")
    return taken, None, tuple(notes)


def typed(text: str, ndim: int) -> Calibration:
    """The pixel size that a user typed: ``0.5um``, or one length an axis in array order, ``5mm,0.1mm,0.1mm``.

    How far it may be off can follow, relative: ``0.5um±1%`` or ``0.5um+-0.01``.
    E-CAL-08 where a unit is missing, or where the number of lengths is neither 1 nor ``ndim``.

    >>> typed("0.5um", 2).spacing_mm
    (0.0005, 0.0005)
    >>> typed("0.5um+-2%", 2).relative_uncertainty
    0.02
    """
    size, *unsure = UNSURE.split(text)
    share = _share(unsure, text)
    words = lengths(size)
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
    flags = (*(("decimal_comma",) if any(n.comma for n in numbers) else ()), *oblong(spacing_mm))
    return Calibration(check_spacing(spacing_mm, ndim), "typed", text.strip(), share, flags)


def oblong(spacing_mm: Sequence[float]) -> tuple[str, ...]:
    """The flag of pixels that are not square, where they are not."""
    return ("anisotropic",) if _unequal(spacing_mm) > SQUARE else ()


def _share(words: Sequence[str], text: str) -> float:
    """A relative uncertainty of ``1%`` or ``0.01``, 0 where none is written; E-CAL-08 where it is none."""
    if not words:
        return 0.0
    number, percent, rest = words[0].strip().partition("%")
    try:
        share = units.number(number, comma=True).value / (100 if percent else 1)
    except CalibrationError:
        share = -1.0
    if len(words) > 1 or rest or not 0 <= share < 1:
        cause, remedy = f"how far off is {words[0].strip()[:40]!r}", "Write it in per cent: 0.5um±1%."
        raise CalibrationError("E-CAL-08", f"pixel size {text[:60]!r} not understood", cause=cause, remedy=remedy)
    return share


def exact(taken: Calibration) -> str:
    """Spacing and uncertainty of a calibration as they would be typed, to the last digit.

    >>> exact(Calibration((0.5, 0.48), "ruler", relative_uncertainty=0.02))
    '0.5mm,0.48mm+-0.02'
    """
    size = ",".join(f"{s!r}mm" for s in taken.spacing_mm)
    return f"{size}+-{taken.relative_uncertainty!r}" if taken.relative_uncertainty else size


def against(taken: Calibration, claims: Sequence[Claim], kind: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(flags, warnings) of a typed calibration: what is unusual, and which claims of the file it contradicts."""
    flags: list[str] = []
    notes: list[str] = []
    own = Claim(taken.source, taken.spacing_mm, taken.detail)
    whose = "the typed" if taken.source == "typed" else f"the {taken.source}'s"
    if strange := implausible(own, kind):
        flags.append(strange.flag)
        notes.append(f"pixel size {strange.text}")
    for claim in claims:
        usable = not problem_of(claim, len(taken.spacing_mm)) and doubt_of(claim, kind) is None
        if usable and _difference(spacing_of(claim), taken.spacing_mm) > AGREE:
            flags.append("claims_disagree")
            notes.append(f"the file says otherwise: {said(claim)}; {whose} {worded(taken.spacing_mm)} is used")
    return tuple(dict.fromkeys(flags)), tuple(notes)


def _agreement(telling: Sequence[Claim], chosen: Claim, confirm: bool) -> tuple[tuple[str, ...], float]:
    """(flags, greatest relative difference) among the claims that say something; E-CAL-04 above one per cent."""
    pairs = [(_difference(spacing_of(a), spacing_of(b)), a, b) for a, b in combinations(telling, 2)]
    worst = max(pairs, key=lambda pair: pair[0], default=None)
    if worst is None or worst[0] <= AGREE:
        exact = worst is None or worst[0] < 1e-6
        return (), 0.0 if exact or worst is None else worst[0]
    if confirm:
        return ("claims_disagree",), max(_difference(spacing_of(chosen), spacing_of(c)) for c in telling)
    cause = f"{said(worst[1])}, but {said(worst[2])}"
    raise CalibrationError("E-CAL-04", "the file states two pixel sizes", cause=cause, remedy=CONFIRM)


def _trust(chosen: Claim, doubt: Doubt | None, confirm: bool) -> tuple[str, ...]:
    if doubt is None:
        return ("decimal_comma",) if "decimal comma" in chosen.detail else ()
    if confirm or not doubt.refuse:
        return (doubt.flag,)
    raise CalibrationError("E-CAL-03", "implausible pixel size", cause=doubt.text, remedy=CONFIRM)


def _shape(chosen: Claim, kind: str, confirm: bool) -> tuple[str, ...]:
    """The flag of pixels that are not square; E-CAL-05 where they are far from it, unless of a volume: its thick
    slices may be seen from the side."""
    unequal = _unequal(spacing_of(chosen))
    if kind == "volume":
        return ("anisotropic",) if unequal > SQUARE else ()
    if unequal > OBLONG and not confirm:
        cause = f"{said(chosen)}: height and width differ by {unequal:.0%}"
        raise CalibrationError("E-CAL-05", "the pixel is far from square", cause=cause, remedy=CONFIRM)
    if unequal > SQUARE:
        return ("anisotropic", "confirmed_by_user") if unequal > OBLONG else ("anisotropic",)
    return ()


def _missing(claims: Sequence[Claim], ndim: int) -> CalibrationError:
    """The refusal where no claim can be used: E-CAL-02 where one is broken, else as its reader says, else E-CAL-01."""
    problems = [f"{claim.source} ({problem_of(claim, ndim)})" for claim in claims]
    for code in ("E-CAL-02", "E-CAL-06", "E-CAL-04", "E-CAL-03"):
        if any(code in problem for problem in problems):
            return CalibrationError(code, "no usable pixel size", cause="; ".join(problems), remedy=REMEDY)
    cause = "; ".join(problems) or "the file does not state one"
    return CalibrationError("E-CAL-01", "pixel size missing", cause=cause, remedy=REMEDY)


def _notes(claims: Sequence[Claim], kind: str, ndim: int) -> tuple[str, ...]:
    """One sentence for each claim that is not believed; fields that claim nothing are only listed with the claims."""
    notes = []
    for claim in claims:
        problem = problem_of(claim, ndim)
        if problem and not problem.startswith("E-CAL-01"):
            notes.append(f"{claim.source} not used: {problem}")
        elif not problem and (doubt := doubt_of(claim, kind)):
            notes.append(doubt.text)
    return tuple(notes)


def _difference(one: Sequence[float], other: Sequence[float]) -> float:
    """Greatest relative difference of two spacings."""
    return max(abs(a - b) / min(a, b) for a, b in zip(one, other))


def _unequal(spacing_mm: Sequence[float]) -> float:
    """Relative difference of a pixel's height and width."""
    return _difference(spacing_mm[-2:-1], spacing_mm[-1:])


def lengths(text: str) -> list[str]:
    """Lengths in a typed pixel size, as written; a comma between digits with no unit before it is a decimal comma."""
    words: list[str] = []
    for part in text.split(","):
        if words and words[-1].strip() and words[-1].strip()[-1].isdigit():
            words[-1] += f",{part}"
        else:
            words.append(part)
    return words

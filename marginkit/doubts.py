"""What makes a claim about pixel size hard to believe: the traps, each with its name.

The surprising thing: the commonest pixel size on earth, 72 dots per inch, is no pixel size. Programs write it when
they know nothing. So do 96 dpi and 1.0; and a dpi in a photo says how to print it, whatever its value.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from marginkit.errors import CalibrationError
from marginkit.records import Claim, check_spacing

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


def doubt_of(claim: Claim, kind: str) -> Doubt | None:
    """Why a usable claim is not believed without confirmation; None where it is."""
    return _screen(claim, kind) or implausible(claim, kind) or _one(claim)


def _screen(claim: Claim, kind: str) -> Doubt | None:
    """A default of screens, printers and cameras."""
    spacing = spacing_of(claim)[-2:]
    density = "resolution" in claim.source or claim.source in PRINT_SOURCES
    for dpi in DEFAULT_DPI if density else SCREEN_DPI:
        if kind != "volume" and all(math.isclose(s, 25.4 / dpi, rel_tol=2e-3 if density else 1e-4) for s in spacing):
            maker = "screens" if dpi in SCREEN_DPI else "printers and cameras"
            text = f"{said(claim)} is {dpi} dpi, a default of {maker}, not a pixel size"
            return Doubt(text, "screen_default", empty=True)
    if claim.source in PRINT_SOURCES:
        text = f"{said(claim)} says how large to print the picture, not how large the specimen is"
        return Doubt(text, "screen_default", empty=True)
    return None


def _one(claim: Claim) -> Doubt | None:
    """1.0 on every axis, in whatever unit."""
    spacing = spacing_of(claim)
    if len(set(spacing)) == 1 and any(
        math.isclose(spacing[0], one, rel_tol=1e-9) for one in (1e-3, 1.0, 10.0, 25.4, 1e3)
    ):
        text = f"{said(claim)} is exactly 1 on every axis, which programs write when they know nothing"
        return Doubt(text, "implausible_pixel_size", refuse=False)
    return None


def implausible(claim: Claim, kind: str) -> Doubt | None:
    """Outside the window of its kind; the ratio is named where it is a known one."""
    low, high = WINDOWS_MM.get(kind, WINDOWS_MM["unknown"])
    for value in spacing_of(claim):
        if not low <= value <= high:
            article = f"of {kind} images" if kind in USUAL_MM else "of images"
            text = f"{said(claim)} lies outside the {low:g} to {high:g} mm {article}{_recognised(value, kind)}"
            return Doubt(text, "implausible_pixel_size")
    return None


def _recognised(value_mm: float, kind: str) -> str:
    usual = USUAL_MM.get(kind, (2e-4, 1.0))
    for ratio, why in RATIOS.items():
        for factor, word in ((ratio, "too large"), (1 / ratio, "too small")):
            if usual[0] <= value_mm / factor <= usual[1] and (value_mm > usual[1]) == (factor > 1):
                return f" ({ratio:g} times {word}: {why}?)"
    return ""


def problem_of(claim: Claim, ndim: int) -> str:
    """Why a claim cannot be used at all; empty where it can."""
    if claim.spacing_mm is None or claim.problem:
        return claim.problem or "it gives no size"
    if len(claim.spacing_mm) != ndim:
        return f"{worded(claim.spacing_mm)}: it gives {len(claim.spacing_mm)} of {ndim} axes"
    try:
        check_spacing(claim.spacing_mm, ndim)
    except CalibrationError as error:
        return f"{error.code}: {error.cause}"
    return ""


def spacing_of(claim: Claim) -> tuple[float, ...]:
    return claim.spacing_mm or ()


def worded(spacing_mm: Sequence[float]) -> str:
    return f"{' x '.join(f'{s:.6g}' for s in spacing_mm)} mm"


def said(claim: Claim) -> str:
    return f"{claim.source} {worded(spacing_of(claim))}"

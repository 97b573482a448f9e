"""What a ruler, a marker or a typed length gives: millimetres a pixel, how sure, and what to draw of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

from marginkit.errors import CalibrationError
from marginkit.records import Floats, check_spacing

Source: TypeAlias = Literal["ruler", "marker", "known length"]
Role: TypeAlias = Literal["row", "tick", "long", "text", "marker", "length"]
FLOOR = 0.002  # least relative uncertainty: what is printed, and where it lies, is no better known


@dataclass(frozen=True)
class Mark:
    """A line to be drawn: (n, 2) points, (y, x) px of the photograph, and what it is."""

    points_px: Floats
    role: Role


@dataclass(frozen=True)
class Scale:
    """Millimetres a pixel of a photograph.

    spacing_mm : (y, x). relative_uncertainty : half the width of an interval that holds 95 %, relative. detail : what
    was found, in words. marks : what was found, to be drawn.
    """

    spacing_mm: tuple[float, float]
    relative_uncertainty: float
    source: Source
    detail: str
    marks: tuple[Mark, ...] = ()

    def __post_init__(self) -> None:
        check_spacing(self.spacing_mm, 2)
        if not (math.isfinite(self.relative_uncertainty) and 0 <= self.relative_uncertainty < 1):
            raise CalibrationError("E-CAL-02", "impossible uncertainty", cause=f"{self.relative_uncertainty!r}")


def together(*shares: float) -> float:
    """Relative uncertainties that do not depend on each other, together, and no less than the floor.

    >>> round(together(0.03, 0.04), 6)
    0.05004
    """
    return math.hypot(FLOOR, *shares)

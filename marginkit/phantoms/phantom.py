"""A specimen with a known answer, and what becomes of it when it is measured."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

from marginkit.errors import MarginError
from marginkit.records import Margins, Qualifier, check_spacing

Kind: TypeAlias = Literal["pixels", "polygon", "probability", "contour", "smooth shape"]

ROUNDING_MM = 1e-9


class Measure(Protocol):
    """``marginkit.measure``, or whatever is put to the test in its place."""

    def __call__(self, tumor: Any, specimen: Any, spacing: tuple[float, ...], /, **options: Any) -> Margins:
        """The margins."""


@dataclass(frozen=True, eq=False)
class Phantom:
    """A specimen whose margin is known without measuring it.

    what : one line. tumor, specimen, spacing, options : arguments of ``measure``; spacing in mm, array order.
    truth_mm, truth_qualifier : the answer, of the margin named ``margin``. tolerance_mm : 0 where the truth is that
    of the pixels or polygons themselves. behind_barrier : the barrier that protects the closest edge.
    flag : a flag that must be raised. interval_holds_truth : whether the interval promises to hold the truth.
    """

    name: str
    kind: Kind
    what: str
    tumor: Any
    specimen: Any
    spacing: tuple[float, ...]
    truth_mm: float
    truth_qualifier: Qualifier = "exact"
    tolerance_mm: float = 0.0
    options: Mapping[str, Any] = field(default_factory=dict)
    margin: str = "all"
    behind_barrier: str | None = None
    flag: str = ""
    interval_holds_truth: bool = False

    def __post_init__(self) -> None:
        check_spacing(self.spacing)
        if not (math.isfinite(self.truth_mm) and self.truth_mm >= 0 and self.tolerance_mm >= 0):
            raise ValueError(f"{self.name}: truth and tolerance are distances in mm")


@dataclass(frozen=True, slots=True)
class Row:
    """One phantom, measured. ``problem`` says what is wrong where ``ok`` is False; then measured may be None."""

    name: str
    kind: Kind
    truth_mm: float
    measured_mm: float | None
    error_mm: float | None
    tolerance_mm: float
    ok: bool
    problem: str = ""


def measured(phantom: Phantom, measure: Measure) -> Row:
    """The phantom measured with ``measure``, beside its truth."""
    known = (phantom.name, phantom.kind, phantom.truth_mm)
    try:
        found = measure(phantom.tumor, phantom.specimen, phantom.spacing, **phantom.options)
    except MarginError as error:
        return Row(*known, None, None, phantom.tolerance_mm, False, str(error))
    problem, value = _problem(phantom, found), _of(phantom, found).value_mm
    error_mm = None if value is None else value - phantom.truth_mm
    return Row(*known, value, error_mm, phantom.tolerance_mm, not problem, problem)


def _of(phantom: Phantom, found: Margins) -> Any:
    return {one.name: one for one in found.margins}[phantom.margin]


def _problem(phantom: Phantom, found: Margins) -> str:
    """What does not agree with the truth; empty where all does."""
    one = _of(phantom, found)
    if one.value_mm is None:
        return str(one.reason)
    if not abs(one.value_mm - phantom.truth_mm) <= phantom.tolerance_mm + ROUNDING_MM:
        return f"{one.value_mm!r} mm is off by more than {phantom.tolerance_mm:g} mm"
    if one.qualifier != phantom.truth_qualifier:
        return f"is {one.qualifier}, should be {phantom.truth_qualifier}"
    if one.behind_barrier != phantom.behind_barrier:
        return f"behind barrier {one.behind_barrier}, should be {phantom.behind_barrier}"
    if phantom.flag and phantom.flag not in (*one.flags, *found.flags):
        return f"flag {phantom.flag} is not raised"
    low, high = one.interval_mm
    if phantom.interval_holds_truth and not low - ROUNDING_MM <= phantom.truth_mm <= high + ROUNDING_MM:
        return f"interval {low!r} to {high!r} mm does not hold the truth"
    return ""

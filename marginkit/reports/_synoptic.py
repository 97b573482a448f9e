"""The block that a pathology form asks for, in its order: status, distance, which margin, other close margins.

The surprising thing: forms ask for centimetres and for millimetres, and a slip between them is a factor of ten; so both
are printed, each with its unit, from one number.
"""

from __future__ import annotations

from collections.abc import Iterator

from marginkit.records import Measured
from marginkit.wording import centimetres, interval, shown


def rows(case: Measured) -> Iterator[tuple[str, str]]:
    """(what is asked, the answer), in the order of the form."""
    first, what = case.result.all, _what(case)
    yield "Margin status", _status(case)
    yield f"Distance of {what} from closest margin (mm)", shown(first)
    if first.value_mm is not None:
        yield f"Distance of {what} from closest margin (cm)", centimetres(first)
        if interval(first):
            yield "Interval of this distance", interval(first)
    yield "Closest margin", closest(case)
    yield f"Margins involved by {what}", involved(case)
    yield "Other close margins", others(case)
    unknown = [m for m in case.result.margins[1:] if m.value_mm is None]
    if unknown:
        yield "Margins that cannot be assessed", "; ".join(f"{m.name}: {m.reason}" for m in unknown)
    yield "Examined", examined(case)


def _what(case: Measured) -> str:
    return "tumor" if case.result.region == "tumor" else "fluorescent signal (not tumor)"


def _status(case: Measured) -> str:
    first, what = case.result.all, _what(case)
    if first.value_mm is None:
        return f"cannot be assessed: {first.reason}"
    if first.qualifier == "touching":
        return f"{what} at the resection edge"
    reach = "; by its interval it may reach it" if first.interval_mm and first.interval_mm[0] == 0 else ""
    planes = "in the plane examined" if case.result.planes == 1 else f"in the {case.result.planes} planes examined"
    return f"no {what} at the resection edge, {planes}{reach}"


def closest(case: Measured) -> str:
    """Name of the margin that has the shortest distance; several where they share it."""
    first = case.result.all
    if first.value_mm is None:
        return "cannot be assessed"
    if len(case.result.margins) == 1:
        return "not named (no margin was given a name)"
    names = [m.name for m in case.result.margins[1:] if m.value_mm == first.value_mm]
    return ", ".join(names) or "a part of the resection edge without a name"


def involved(case: Measured) -> str:
    """Names of the margins that tumor reaches."""
    names = [m.name for m in case.result.margins[1:] if m.qualifier == "touching"]
    if case.result.qualifier == "touching" and not names:
        return "a part of the resection edge without a name"
    return ", ".join(names) or "none"


def others(case: Measured) -> str:
    """Named margins beside the closest one, nearer than the largest limit of the report."""
    first, within_mm = case.result.all, max(case.limits_mm, default=5.0)
    if len(case.result.margins) == 1:
        return "no margin was given a name"
    beside = [m for m in case.result.margins[1:] if m.value_mm is not None and m.qualifier != "touching"]
    beside = [m for m in beside if m.value_mm != first.value_mm]
    near = [m for m in beside if (m.value_mm or 0.0) < within_mm]
    near.sort(key=lambda m: m.value_mm or 0.0)
    return "; ".join(f"{m.name} {shown(m)}" for m in near) or f"none nearer than {within_mm:g} mm"


def examined(case: Measured) -> str:
    """Planes and their spacing."""
    result = case.result
    if result.planes == 1:
        at = "" if case.plane is None else f" (slice {case.plane} of the stack, counted from 0)"
        return f"one plane{at}; in three dimensions the margin can only be smaller"
    gap = result.plane_spacing_mm
    return f"{result.planes} planes" + (f", {gap:g} mm apart" if gap is not None else ", the gap between them unknown")

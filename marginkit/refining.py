"""Coarse to fine: what was segmented on coarse pixels is asked on fine ones where the closest pairs may lie.

The surprising thing: when it ends, nothing is left to add to the interval. Every coarse place is by then so far from
the other boundary that, however its coarse pixels may be off, it cannot hold a closer pair than the one found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from marginkit import units
from marginkit.errors import UsageError
from marginkit.inputs import Inputs
from marginkit.patchwork import Bools, Coarse, Patchwork
from marginkit.records import Floats, Margin, Margins, Region

NEAR = 1.1  # levels of a nominal size are a little off it
PARTS = {"tumor": "target", "signal": "target", "specimen": "specimen"}


@dataclass(frozen=True)
class Refined:
    """A result, the regions that it was measured from, and how fine they are where."""

    result: Margins
    regions: Mapping[str, Region]
    resolution: Mapping[str, Any]

    def notes(self) -> Iterator[str]:
        """How fine each region is, in words."""
        for role, one in self.resolution.items():
            fine_um, coarse_um = (1000 * max(one[key]) for key in ("fine_mm", "coarse_mm"))
            share = one["fine_px"] / one["of_px"]
            yield (
                f"{role}: segmented on pixels of {coarse_um:.3g} µm, and of {fine_um:.3g} µm where closest pairs may "
                f"lie ({share:.1%} of the fine pixels were read). Lengths and areas are as fine as the coarse pixels."
            )


def coarse_mm(text: str, boundary: str, ndim: int) -> float | None:
    """The largest pixel that ``refine``, ``16um``, takes, a tenth more than it says; None where it says nothing.

    CalibrationError E-CAL-08 where it is no length; UsageError E-USE-16 where that cannot be had.
    """
    if not text:
        return None
    if boundary != "pixels" or ndim != 2:
        cause = (
            "of stacks it is not done" if ndim != 2 else f"boundary is {boundary}: its smoothing wants one pixel size"
        )
        raise UsageError("E-USE-16", "refine cannot be had", cause=cause, remedy="Leave refine out.")
    return units.length_mm(text).value * NEAR


def refined(inputs: Inputs, found: Mapping[str, Coarse]) -> Refined:
    """The margins, with each boundary fine wherever a closest pair, of all or of a named margin, may lie.

    found : role to what was found on coarse pixels; not empty. For shapes that are regular at the scale of a coarse
    pixel the values and pairs are those of fine pixels everywhere; flag ``coarse_missed`` where that was seen not to
    hold. Parts ``segmentation`` of the intervals say what a threshold that was found on coarse pixels may be off.
    """
    works = {role: Patchwork(one, tissue=role == "specimen") for role, one in found.items()}
    off_mm = sum(work.off_mm(inputs.spacing_mm) for work in works.values())
    result = _measured(inputs, works)
    while True:
        wanted = {role: _places(role, work, result, off_mm) for role, work in works.items()}
        if not any(one.any() for one in wanted.values()):
            break
        for role, work in works.items():
            work.refine(wanted[role])
        result = _measured(inputs, works)
    moves = list(_moves(inputs, works, result))
    margins = tuple(_widened(margin, [move.get(margin.name, 0.0) for move in moves]) for margin in result.margins)
    missed = ("coarse_missed",) if any(work.missed for work in works.values()) else ()
    return Refined(
        replace(result, margins=margins, flags=(*result.flags, *missed)),
        {role: work.region for role, work in works.items()},
        {role: _resolution(work, inputs.spacing_mm) for role, work in works.items()},
    )


def _measured(inputs: Inputs, works: Mapping[str, Patchwork]) -> Margins:
    regions: dict[str, Any] = {PARTS[role]: work.region for role, work in works.items()}
    return replace(inputs, **regions).measured()


def _places(role: str, work: Patchwork, result: Margins, off_mm: float) -> Bools:
    """The coarse places that may hold a point of a closer pair than the closest known, of any margin."""
    wanted = np.zeros_like(work.fine)
    profile, corners_px = result.profile, None if role == "specimen" else work.unsettled_px()
    for margin in result.margins:
        if margin.value_mm is None:
            continue
        reach_mm = margin.value_mm + off_mm if margin.value_mm else 0.0  # nothing is closer than touching
        own = profile.named.get(margin.name, np.ones(len(profile.size), bool))
        near = own & (profile.distance_mm <= reach_mm)
        if corners_px is None:
            wanted |= work.places(profile.edge_px[near])
        else:
            slack_mm = float(profile.size[near].max(initial=0.0))  # a bit of edge is known by one point of it
            spacing_mm = np.array(result.spacing_mm)
            hit = _within(corners_px * spacing_mm, profile.edge_px[near] * spacing_mm, reach_mm + slack_mm)
            wanted |= work.places(corners_px[hit | _at_frame(work, corners_px, margin, off_mm, spacing_mm)])
    return wanted


def _within(points_mm: Floats, others_mm: Floats, reach_mm: float) -> Bools:
    """(n,) whether any of the others is within reach of each point."""
    from scipy.spatial import cKDTree

    if not len(others_mm) or not len(points_mm):
        return np.zeros(len(points_mm), bool)
    nearest_mm, _ = cKDTree(others_mm).query(points_mm, distance_upper_bound=reach_mm * (1 + 1e-9) + 1e-12)
    return np.asarray(np.isfinite(nearest_mm))


def _at_frame(work: Patchwork, corners_px: Floats, margin: Margin, off_mm: float, spacing_mm: Floats) -> Bools:
    """(n,) whether each corner may be the one nearest to the border of the view, where that decides the qualifier."""
    value_mm, unseen_mm = margin.value_mm or 0.0, margin.unseen_mm
    if unseen_mm is None or not value_mm or unseen_mm > value_mm + off_mm:
        return np.zeros(len(corners_px), bool)
    beyond_px = work.whole_px - 0.5 - corners_px
    border_mm = (np.minimum(corners_px + 0.5, beyond_px) * spacing_mm).min(axis=1)
    return np.asarray(border_mm <= unseen_mm + off_mm)


def _moves(inputs: Inputs, works: Mapping[str, Patchwork], result: Margins) -> Iterator[dict[str, float]]:
    """How far each margin moves with each other threshold of one region, fine in the same places."""
    for role, work in works.items():
        for one in work.found.moved:
            other = Patchwork(one)
            other.refine(work.fine)
            pairs = zip(_measured(inputs, {**works, role: other}).margins, result.margins)
            yield {
                a.name: a.value_mm - b.value_mm for a, b in pairs if a.value_mm is not None and b.value_mm is not None
            }


def _widened(margin: Margin, moves_mm: list[float]) -> Margin:
    """The margin with an interval that holds what thresholds may move it."""
    if margin.value_mm is None or margin.interval_mm is None or not moves_mm:
        return margin
    less_mm, more_mm = min(0.0, *moves_mm), max(0.0, *moves_mm)
    low, high = margin.parts.get("segmentation", (margin.value_mm, margin.value_mm))
    parts = {**margin.parts, "segmentation": (max(0.0, low + less_mm), high + more_mm)}
    whole = (max(0.0, margin.interval_mm[0] + less_mm), margin.interval_mm[1] + more_mm)
    return replace(margin, interval_mm=whole, parts=parts)


def _resolution(work: Patchwork, spacing_mm: tuple[float, ...]) -> dict[str, Any]:
    fine_mm = work.step_px * spacing_mm
    coarse_mm, whole = fine_mm * work.found.ratio, work.found.shape
    read = {"fine_px": work.read_px, "of_px": whole[0] * whole[1]}
    return {"fine_mm": fine_mm.tolist(), "coarse_mm": coarse_mm.tolist(), **read}

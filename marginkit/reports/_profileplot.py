"""The edge profile as plots: along the outline, and how much of the edge is nearer than each distance.

The surprising thing: the outline is a million steps and the plot a thousand pixels; the nearest step of each stretch is
what is drawn, since a near place must not be averaged away.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from marginkit.pages.svg import Axis, Plot, span
from marginkit.records import Floats, Measured
from marginkit.reports._edge import Steps, steps
from marginkit.reports._frame import areas, frame
from marginkit.wording import millimetres, shown

if TYPE_CHECKING:
    from markupsafe import Markup

STRETCHES = 480


def along(case: Measured) -> Markup | None:
    """Distance to the tumor along the outline, 2-D only; None where there is no outline to walk."""
    outline = areas(case, None, case.plane or 0).get("specimen") if case.result.ndim == 2 else None
    walked = None if outline is None else steps(case, outline)
    if walked is None or not walked.cut.any():
        return None
    where_mm, length_mm = _walk(case, walked)
    furthest = float(walked.distance_mm.max())
    x = Axis(0.0, length_mm, "along the specimen's outline, mm")
    plot = Plot(x, span([*_near(case, furthest), furthest], f"distance to {case.result.region}, mm"))
    for run in _runs(walked):
        points = _thinned(where_mm, walked.distance_mm, run, length_mm)
        if walked.cut[run.start]:
            plot.line(points)
        else:
            plot.block(where_mm[run.start], where_mm[run.stop], 0.0, plot.y.stop, "away", "not cut edge")
    _limits(plot, _near(case, furthest), level=True)
    least = int(np.where(walked.cut, walked.distance_mm, np.inf).argmin())
    plot.dots([(float(where_mm[least]), float(walked.distance_mm[least]))], [shown(case.result.all)], "mark")
    told = (
        f"{length_mm:.1f} mm of outline; the cut edge is nearest at {where_mm[least]:.1f} mm, {shown(case.result.all)}."
    )
    return plot.svg("Distance along the outline", f"{told} Grey: outline that is not cut edge.", "along")


def _walk(case: Measured, walked: Steps) -> tuple[Floats, float]:
    """(n + 1,) mm of outline before each step and after the last, and the whole."""
    step_mm = np.linalg.norm((walked.ends[:, 1] - walked.ends[:, 0]) * frame(case).spacing_mm, axis=1)
    where_mm = np.concatenate([[0.0], np.cumsum(step_mm)])
    return where_mm, float(where_mm[-1])


def _runs(walked: Steps) -> list[slice]:
    """Stretches of one ring and one kind."""
    new = (np.diff(walked.ring) != 0) | (walked.cut[1:] != walked.cut[:-1])
    starts = [0, *(np.flatnonzero(new) + 1).tolist(), len(walked.cut)]
    return [slice(a, b) for a, b in pairwise(starts)]


def _thinned(where_mm: Floats, distance_mm: Floats, run: slice, length_mm: float) -> list[tuple[float, float]]:
    """The nearest step of each stretch of a run."""
    place = np.floor(where_mm[run] / length_mm * STRETCHES)
    starts = np.flatnonzero(np.concatenate([[True], np.diff(place) != 0])) + run.start
    stops = np.append(starts[1:], run.stop)
    chosen = [int(a + distance_mm[a:b].argmin()) for a, b in zip(starts, stops)]
    return [(float((where_mm[k] + where_mm[k + 1]) / 2), float(distance_mm[k])) for k in chosen]


def nearer(case: Measured) -> Markup | None:
    """Share of the cut edge that is nearer to the tumor than each distance."""
    profile = case.result.profile
    if not profile.total or not len(profile.distance_mm):
        return None
    order = np.argsort(profile.distance_mm, kind="stable")
    distance_mm, reached = profile.distance_mm[order], 100 * np.cumsum(profile.size[order]) / profile.total
    chosen = np.unique(np.linspace(0, len(order) - 1, STRETCHES).astype(int))
    limits_mm = _near(case, float(distance_mm[-1]))
    x = span([*limits_mm, float(distance_mm[-1])], f"distance to {case.result.region}, mm")
    plot = Plot(x, Axis(0.0, 100.0, "share of the cut edge nearer, %"))
    plot.line([(float(distance_mm[0]), 0.0), *((float(distance_mm[k]), float(reached[k])) for k in chosen)])
    _limits(plot, limits_mm, level=False)
    middle = millimetres(profile.quantile_mm(0.5))
    told = f"The nearest cut edge is at {millimetres(float(distance_mm[0]))}, half of it nearer than {middle}."
    return plot.svg("Share of the cut edge nearer than a distance", told, "nearer")


def slices(case: Measured) -> Markup | None:
    """Least distance in each plane of a stack that was measured by itself."""
    found = [(float(index), one.value_mm) for index, one in case.slices if one.value_mm is not None]
    if len(found) < 2:
        return None
    x = span([index for index, _ in found], "slice, counted from 0", from_zero=False)
    limits_mm = _near(case, max(mm for _, mm in found))
    plot = Plot(x, span([*(mm for _, mm in found), *limits_mm], "least distance in the plane, mm"))
    _limits(plot, limits_mm, level=True)
    plot.line(found)
    plot.dots(found, [f"slice {index:g}: {millimetres(mm)}" for index, mm in found])
    index, least = min(found, key=lambda one: one[1])
    told = f"{len(found)} planes, least {millimetres(least)} in slice {index:g}."
    return plot.svg("Least distance plane by plane", told, "slices")


def _near(case: Measured, furthest_mm: float) -> list[float]:
    """The limits that fit on a plot of distances so far without flattening it."""
    return [mm for mm in case.limits_mm if mm <= 4 * furthest_mm]


def _limits(plot: Plot, limits_mm: list[float], *, level: bool) -> None:
    for mm in limits_mm:
        (plot.level if level else plot.upright)(mm, f"{mm:g} mm")

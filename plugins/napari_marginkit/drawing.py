"""What is drawn of an outcome, as arrays: computed beside the measurement, off the main thread.

The surprising thing: walking the outline of a large specimen takes longer than showing it, so it must not be done
where the brush is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from marginkit.geometry.scene import CLASSES
from marginkit.live import Along, Near
from marginkit.records import Floats, Margin, Measured
from marginkit.reports import _colours
from marginkit.reports._edge import Steps, steps
from marginkit.reports._frame import areas
from marginkit.wording import millimetres, shown

from . import bands, unmeasured
from .asking import Request
from .unmeasured import CUT, OTHER, PAINTED, UNKNOWN, UNSEEN

UNSEEN_COLOUR = "#cc79a7"  # not in the scale of distances
BESIDE_PX = 0.75  # a painted pixel on either side of a step


@dataclass(frozen=True, eq=False)
class Drawing:
    """Arrays in index units of the image.

    edge : (n, 2, 2) start and vector of lines along it, of a stack (n, ndim) points. edge_colours : (n, 4).
    bands : (k, 2, ndim) start and vector of each bit of the lines around the tumor. band_colours : (k, 4).
    pairs : (m, 2, ndim) start and vector from edge to tumor. words : of each pair.
    width_px : of the drawn edge. far_mm : end of the colour scale. ink : (4,) of what is written on the image.
    """

    edge: Floats
    edge_colours: Floats
    bands: Floats
    band_colours: Floats
    pairs: Floats
    words: tuple[str, ...]
    width_px: float
    far_mm: float
    ink: tuple[float, float, float, float]


def draw(request: Request, case: Measured, along: Along | None = None) -> Drawing:
    """The drawing of an outcome. along : its outline with distances, where it is known already."""
    far = _colours.far_mm(case.result.profile.distance_mm)
    kept = told(case)
    level = 0.0 if request.bright else 1.0
    ink = (level, level, level, 1.0)
    wide = width_px(request)
    if along is None:
        edge, colours = _edge(request, case, far, ink, wide)
    else:
        edge, colours = _lines(along, styles(along), wide, far, ink)
    around, limit = bands.bands(request, case)
    return Drawing(
        edge=edge,
        edge_colours=colours,
        bands=around,
        band_colours=np.array([_rgba(one) for one in bands.COLOURS])[limit.astype(int)],
        pairs=_pairs(kept, case, len(request.inputs.spacing_mm)),
        words=tuple(label(margin) for margin in kept),
        width_px=wide,
        far_mm=far,
        ink=ink,
    )


def width_px(request: Request) -> float:
    """Width of the drawn edge: it is seen when the whole image is."""
    return max(1.0, min(request.picture.spatial_shape[-2:]) / 160)


def moved(drawing: Drawing, found: Mapping[str, Near | None], along: Along) -> Drawing:
    """A drawing after a stroke: other pairs and distances, the same scale of colours and bands.

    found : margin name to closest pair, in the order of the margins.
    """
    near = {name: one for name, one in found.items() if one is not None}
    named = [one for name, one in near.items() if name != "all"]
    if near.get("all") in named:
        near.pop("all")
    edge, colours = _lines(along, styles(along), drawing.width_px, drawing.far_mm, drawing.ink)
    pairs = np.array([[one.edge_px, np.subtract(one.tumor_px, one.edge_px)] for one in near.values()]).reshape(-1, 2, 2)
    words = tuple(at_once(one) if name == "all" else f"{name} {at_once(one)}" for name, one in near.items())
    return replace(drawing, edge=edge, edge_colours=colours, pairs=pairs, words=words)


def at_once(near: Near | None) -> str:
    """A distance before its interval is known."""
    if near is None:
        return "—"
    return millimetres(near.value_mm) if near.value_mm else "touching, 0 mm"


def ramp(far_mm: float, count: int = 64) -> Floats:
    """(count, 3) colours of distances from 0 to ``far_mm``, 0 to 1."""
    return _colours.of_distance(np.linspace(0, far_mm, count), far_mm) / 255


def label(margin: Margin) -> str:
    """The words at a closest pair."""
    return shown(margin) if margin.name == "all" else f"{margin.name} {shown(margin)}"


def _rgba(word: str) -> tuple[float, float, float, float]:
    return (int(word[1:3], 16) / 255, int(word[3:5], 16) / 255, int(word[5:7], 16) / 255, 1.0)


def _edge(
    request: Request, case: Measured, far_mm: float, ink: tuple[float, ...], width_px: float
) -> tuple[Floats, Floats]:
    if case.result.ndim == 2 and len(request.picture.spatial_shape) == 2:
        walked = steps(case, areas(case)["specimen"])
        along = Along(walked.ends - 0.5, walked.distance_mm, walked.cut, walked.ring)  # corners to index units
        return _lines(along, kinds(case, walked), width_px, far_mm, ink)
    profile = case.result.profile
    points = _in_stack(profile.edge_px, case)
    colours = _coloured(profile.distance_mm, np.ones(len(points), bool), far_mm)
    if case.result.ndim == 2:
        return points, colours
    aside, style = unmeasured.places(request, case)
    return np.concatenate([points, aside]), np.concatenate([colours, plain(style, ink)])


def _lines(along: Along, style: Any, width_px: float, far_mm: float, ink: tuple[float, ...]) -> tuple[Floats, Floats]:
    """(n, 2, 2) start and vector, and (n, 4) colours, of lines along the outline. style : (n,) as of ``kinds``.

    No line is longer than an eighth of its width, or than one step: a wide outline of a million lines would look the
    same, and take long to draw. A line is as near as the nearest step of it.
    """
    ends, many = along.ends_px, max(1, int(width_px / 8))
    if not len(ends):
        return np.zeros((0, 2, 2)), np.zeros((0, 4))
    breaks = (along.ring[1:] != along.ring[:-1]) | (along.cut[1:] != along.cut[:-1]) | (style[1:] != style[:-1])
    breaks |= (ends[1:, 0] != ends[:-1, 1]).any(axis=1)
    stretch = np.concatenate([[True], breaks])
    place = np.arange(len(ends)) - np.maximum.accumulate(np.where(stretch, np.arange(len(ends)), 0))
    first = np.flatnonzero(place % many == 0)
    last = np.append(first[1:], len(ends)) - 1
    data = np.stack([ends[first, 0], ends[last, 1] - ends[first, 0]], axis=1)
    nearest = np.minimum.reduceat(along.distance_mm, first)
    colours = _coloured(nearest, along.cut[first], far_mm)
    return data, dashed(colours, style[first], ink, max(2, round(2 * width_px / many)))


def styles(along: Along) -> Any:
    """(n,) of each face of a followed outline what ``kinds`` says."""
    found = np.full(len(along.cut), OTHER)
    for name, code in PAINTED.items():
        found[along.kind == CLASSES.index(name)] = code
    found[along.cut] = CUT
    return found


def kinds(case: Measured, walked: Steps) -> Any:
    """(n,) of each step: CUT, OTHER (natural, hole), UNSEEN (frame, section) or UNKNOWN."""
    import shapely

    middle = walked.ends.mean(axis=1)
    found = np.where(walked.cut, CUT, OTHER)
    height, width = case.picture.spatial_shape[-2:]
    border = (middle <= 0).any(1) | (middle >= (height, width)).any(1)
    found[border & ~walked.cut] = UNSEEN
    shapes: Any = areas(case)
    for kind, code in PAINTED.items():
        shape = shapes.get(f"edge {kind}")
        if shape is not None:
            near = shapely.dwithin(shape, shapely.points(middle[:, ::-1]), BESIDE_PX)
            found[near & ~walked.cut] = code
    return found


def dashed(colours: Floats, kind: Any, ink: tuple[float, ...], dash: int) -> Floats:
    """Colours with the unseen edge as dashes and the unknown as dots, so that neither looks like a measured one."""
    at = np.arange(len(colours)) // dash
    colours[kind == UNSEEN] = _rgba(UNSEEN_COLOUR)
    colours[kind == UNKNOWN] = ink
    gap = ((kind == UNSEEN) & (at % 3 == 2)) | ((kind == UNKNOWN) & (at % 2 == 1))
    colours[gap, 3] = 0.0
    return colours


def plain(style: Any, ink: tuple[float, ...]) -> Floats:
    """(n, 4) colours of outline that is no cut edge: grey, unseen or unknown."""
    colours = np.tile(np.append(np.array(_colours.OTHER_EDGE) / 255, 1.0), (len(style), 1))
    colours[style == UNSEEN] = _rgba(UNSEEN_COLOUR)
    colours[style == UNKNOWN] = ink
    return colours


def _coloured(distance_mm: Floats, cut: Any, far_mm: float) -> Floats:
    """(n, 4) colours; grey where the outline is no cut edge."""
    colours = (
        np.where(
            cut[:, None], _colours.of_distance(np.where(cut, distance_mm, 0), far_mm), np.array(_colours.OTHER_EDGE)
        )
        / 255
    )
    return np.concatenate([colours, np.ones((len(colours), 1))], axis=1)


def _in_stack(points: Floats, case: Measured) -> Floats:
    """Points with the plane that they are of, where a stack was measured plane by plane."""
    return points if case.plane is None else np.insert(points, 0, float(case.plane), axis=1)


def told(case: Measured) -> list[Margin]:
    """The margins with a pair; that of the whole edge only where it is none of the named ones."""
    found = [margin for margin in case.result.margins if margin.closest is not None]
    return [m for m in found if m.name != "all" or all(m.closest != other.closest for other in found[1:])]


def _pairs(margins: list[Margin], case: Measured, ndim: int) -> Floats:
    if not margins:
        return np.zeros((0, 2, ndim))
    starts = _in_stack(np.array([m.closest.edge_px for m in margins if m.closest], np.float64), case)
    ends = _in_stack(np.array([m.closest.tumor_px for m in margins if m.closest], np.float64), case)
    return np.stack([starts, ends - starts], axis=1)

"""One window with everything on it: outlines, the cut edge by distance, the closest pairs, a scale bar.

The surprising thing: what is *not* measured is drawn too, dashed and grey; a reader must see where the view ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from marginkit.records import ClosestPair, Floats, Margin, Measured
from marginkit.reports import _colours, _edgelines, _strokes
from marginkit.reports._edge import Steps, steps
from marginkit.reports._frame import areas, barriers, frame
from marginkit.reports._ground import Ground
from marginkit.reports._labels import Labels
from marginkit.reports._strokes import Colour, Pixels
from marginkit.reports._view import RIM_PX, View
from marginkit.wording import shown

if TYPE_CHECKING:
    from marginkit.reports._frame import Shape

KEPT_PX = 16  # around the ends of a pair: no label covers them


@dataclass(frozen=True)
class Plane:
    """What is drawn of one plane, in level-0 corners: the same for every window onto it."""

    tumor: Shape | None
    barriers: tuple[Shape, ...]
    walked: Steps | None
    far_mm: float
    signal: bool


def plane(case: Measured, across: int | None, index: int, far_mm: float) -> Plane:
    """The outlines of a plane of a case."""
    outlines = areas(case, across, index)
    specimen = outlines.get("specimen")
    walked = None if specimen is None else steps(case, specimen, across, index)
    signal = case.result.region == "signal"
    tumor = outlines.get("signal" if signal and "signal" in outlines else "tumor")
    walls = tuple(outlines[name] for name in barriers(case) if name in outlines)
    return Plane(tumor, walls, walked, far_mm, signal)


def draw(case: Measured, ground: Ground, drawn: Plane, view: View, words: bool, marked: View | None = None) -> Pixels:
    """(h, w, 3) uint8 RGB of a view, with labels and scale bar where ``words``; ``marked`` gets a thin frame."""
    canvas, busy = _drawn(case, ground, drawn, view)
    if marked is not None:
        _mark(canvas, view, marked)
        _mark(busy, view, marked)
    if words:
        placed = _labels(case, canvas, busy, view)
        _scale_bar(canvas, placed, view)
        _words(case, placed, view)
    return canvas


def enlarge(case: Measured, ground: Ground, drawn: Plane, view: View) -> Pixels:
    """(h, w, 3) uint8 RGB of a close-up: a scale bar, no labels."""
    canvas, busy = _drawn(case, ground, drawn, view)
    _scale_bar(canvas, _labels(case, canvas, busy, view), view)
    return canvas


def _drawn(case: Measured, ground: Ground, drawn: Plane, view: View) -> tuple[Pixels, Pixels]:
    """The picture with its lines, and an image that is not black where a line is."""
    canvas = ground.read(view)
    bare = canvas.copy()
    for wall in drawn.barriers:
        _outline(canvas, wall, view, _colours.BARRIER)
    if drawn.tumor is not None:
        _outline(canvas, drawn.tumor, view, _colours.SIGNAL if drawn.signal else _colours.TUMOR)
    if drawn.walked is not None:
        near = drawn.walked.within(view.low, view.high)
        _edgelines.other(canvas, near, view)
        _edgelines.cut(canvas, near, drawn.far_mm, view)
    elif view.across is None:
        _edgelines.points(canvas, case, drawn.far_mm, view)
    for margin in reversed(_distinct(case)):
        _pair(canvas, case, margin, view)
    return canvas, canvas ^ bare


def _labels(case: Measured, canvas: Pixels, busy: Pixels, view: View) -> Labels:
    placed = Labels(canvas, np.asarray(busy.any(axis=2)))
    for margin in _distinct(case):
        for x, y in _ends(case, margin, view):
            placed.reserve((x - KEPT_PX, y - KEPT_PX), (x + KEPT_PX, y + KEPT_PX))
    return placed


def _outline(canvas: Pixels, shape: Shape, view: View, colour: Colour) -> None:
    """The rings of an area, or lines."""
    import shapely

    flat = shape if shape.geom_type == "MultiLineString" else shapely.boundary(shape)
    runs = [view.px(shapely.get_coordinates(line)[:, ::-1]) for line in shapely.get_parts(flat)]
    _strokes.lines(canvas, runs, _colours.PAPER, 5)
    _strokes.lines(canvas, runs, colour, 3)


def _distinct(case: Measured) -> list[Margin]:
    """Margins with a pair, without those whose pair another has already shown."""
    found: dict[ClosestPair, Margin] = {}
    for margin in case.result.margins:
        if margin.closest is not None:
            found.setdefault(margin.closest, margin)
    return list(found.values())


def _ends(case: Measured, margin: Margin, view: View) -> Floats:
    """Edge point and tumor point of a margin in a view, (x, y)."""
    assert margin.closest is not None
    corners = frame(case).corners([margin.closest.edge_px, margin.closest.tumor_px])
    return view.px(view.flat(corners))


def _in_plane(case: Measured, margin: Margin, view: View) -> list[bool]:
    """Whether edge point and tumor point lie on the plane of a view."""
    assert margin.closest is not None
    if view.across is None:
        return [True, True]
    corners = frame(case).corners([margin.closest.edge_px, margin.closest.tumor_px])[:, view.across]
    return [bool(view.index - 1e-6 <= z <= view.index + 1 + 1e-6) for z in corners]


def _pair(canvas: Pixels, case: Measured, margin: Margin, view: View) -> None:
    """A line from edge to tumor; an end that lies on another plane is hollow."""
    ends = _ends(case, margin, view)
    first = margin.name == "all"
    _strokes.lines(canvas, [ends], _colours.PAPER, 7 if first else 5)
    _strokes.lines(canvas, [ends], _colours.INK, 3 if first else 2)
    if margin.value_mm == 0:
        _strokes.dot(canvas, ends[0], 15, _colours.PAPER, 6)
        _strokes.dot(canvas, ends[0], 15, _colours.INK, 3)
    for point, here in zip(ends, _in_plane(case, margin, view)):
        _strokes.dot(canvas, point, 7 if first else 5, _colours.PAPER)
        _strokes.dot(canvas, point, 5 if first else 3.5, _colours.INK)
        if not here:
            _strokes.dot(canvas, point, 2.5, _colours.PAPER)


def _mark(canvas: Pixels, view: View, marked: View) -> None:
    (r0, c0), (r1, c1) = marked.low, marked.high
    box = view.px(np.array([[r0, c0], [r0, c1], [r1, c1], [r1, c0], [r0, c0]]))
    _strokes.lines(canvas, [box], _colours.PAPER, 3)
    _strokes.lines(canvas, [box], _colours.INK, 1)


def _words(case: Measured, placed: Labels, view: View) -> None:
    """The value beside each pair, and the names of the margins that it belongs to."""
    for margin in _distinct(case):
        names = [one.name for one in case.result.margins if one.closest == margin.closest and one.name != "all"]
        words = " ".join([*names, shown(margin)])
        first = margin.name == "all"
        anchor = _ends(case, margin, view).mean(0)
        placed.place(words, anchor, 24 if first else 19, 600 if first else 400)


def _scale_bar(canvas: Pixels, placed: Labels, view: View) -> None:
    """A bar of a round length at the corner that covers least."""
    rows, cols = view.size_px
    length_mm = _colours.nice(0.22 * cols * view.mm_per_px)
    length_px = length_mm / view.mm_per_px
    words = f"{length_mm:g} mm" if length_mm >= 0.1 else f"{length_mm * 1000:g} µm"
    width, height = _strokes.text_size(words, 20)
    box = (max(length_px, width) + 24, height + 22)
    if box[0] > cols or box[1] > rows:
        return
    in_px = 2 * RIM_PX if min(rows - box[1], cols - box[0]) > 4 * RIM_PX else 0
    corners = [(x, y) for y in (rows - box[1] - in_px, in_px) for x in (in_px, cols - box[0] - in_px)]
    x, y = min(corners, key=lambda c: placed.busy[int(c[1]) : int(c[1] + box[1]), int(c[0]) : int(c[0] + box[0])].sum())
    _strokes.wash(canvas, (x, y), (x + box[0], y + box[1]))
    left, base = x + (box[0] - length_px) / 2, y + box[1] - 10
    _strokes.lines(canvas, [np.array([[left, base], [left + length_px, base]])], _colours.INK, 5)
    _strokes.write(canvas, words, (x + (box[0] - width) / 2, y + 2), 20)
    placed.reserve((x, y), (x + box[0], y + box[1]))

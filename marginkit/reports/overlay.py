"""The picture of a case: outlines, the cut edge coloured by its distance, the closest pair, a scale, a legend.

The surprising thing: the picture is drawn in millimetres. Pixels that are not square and slices that are thick are
shown as long as they are, and a volume is cut three times through the closest point.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from marginkit.errors import MarginError
from marginkit.records import Floats, Measured
from marginkit.reports import _colours, _panel, _sidebar, _strokes, _view
from marginkit.reports._frame import extent, frame, plane_of
from marginkit.reports._ground import Ground
from marginkit.reports._strokes import Pixels
from marginkit.reports._view import View

NAME = "overlay"
FILE = "overlay.png"
GAP = 14
ENLARGE_BELOW_PX = 220  # a pair that is drawn longer needs no close-up


def write(case: Measured, stream: Any) -> None:
    """Write the picture as PNG."""
    import cv2

    done, packed = cv2.imencode(".png", cv2.cvtColor(draw(case), cv2.COLOR_RGB2BGR))
    if not done:
        raise MarginError("E-OUT-03", "the overlay could not be encoded")
    stream.write(packed.tobytes())


def draw(case: Measured) -> Pixels:
    """(h, w, 3) uint8 RGB: the picture."""
    ground = Ground(case)
    across = None if case.result.ndim == 2 else 0
    far_mm = _colours.far_mm(case.result.profile.distance_mm)
    first = _view.main(case, across, _index(case, 0))
    drawn = _panel.plane(case, across, first.index, far_mm)
    panel = _panel.draw(case, ground, drawn, first, labels=True, scale_bar=True)
    close_up = _close_up(case, ground, drawn, first)
    if close_up is not None:
        _mark(panel, first, close_up.view)
    sheet = panel if across is None else _three(case, ground, panel, first, far_mm)
    other = drawn.walked is not None and not bool(drawn.walked.cut.all())
    beside = _sidebar.fill(
        case, None if close_up is None else close_up.pixels, far_mm, other_edge=other, planes=_planes(case, first)
    )
    return _side_by_side(sheet, beside)


@dataclass(frozen=True)
class _CloseUp:
    view: View
    pixels: Pixels


def _index(case: Measured, axis: int) -> int:
    """The plane to show: that of the closest pair's edge point, else the middle one."""
    if case.result.ndim == 2:
        return case.plane or 0
    pair = case.result.closest
    return extent(case)[axis] // 2 if pair is None else plane_of(case, pair, axis)


def _close_up(case: Measured, ground: Ground, drawn: _panel.Plane, view: View) -> _CloseUp | None:
    """The closest pair enlarged, where it is small in the picture."""
    pair = case.result.closest
    if pair is None:
        return None
    ends = view.flat(frame(case).corners([pair.edge_px, pair.tumor_px]))
    if float(np.linalg.norm(np.diff(view.px(ends), axis=0))) > ENLARGE_BELOW_PX:
        return None
    close = _view.close_up(view, ends, _sidebar.ROOM, 24)
    if close.mm_per_px > view.mm_per_px / 2:
        return None
    return _CloseUp(close, _panel.draw(case, ground, drawn, close, labels=False, scale_bar=True))


def _mark(panel: Pixels, view: View, close: View) -> None:
    """A thin frame around what the close-up shows."""
    (r0, c0), (r1, c1) = close.low, close.high
    box = view.px(np.array([[r0, c0], [r0, c1], [r1, c1], [r1, c0], [r0, c0]]))
    _strokes.lines(panel, [box], _colours.PAPER, 3)
    _strokes.lines(panel, [box], _colours.INK, 1)


def _three(case: Measured, ground: Ground, panel: Pixels, first: View, far_mm: float) -> Pixels:
    """The main plane, beside it the one across x, below it the one across y: all at one scale, edges in line."""
    lower, right = (_orthogonal(case, ground, axis, first, far_mm) for axis in (1, 2))
    right = np.ascontiguousarray(right.transpose(1, 0, 2))
    rows, cols = panel.shape[:2]
    sheet = np.full((rows + GAP + lower.shape[0], cols + GAP + right.shape[1], 3), 255, np.uint8)
    sheet[:rows, :cols] = panel
    sheet[rows + GAP :, :cols] = lower
    sheet[:rows, cols + GAP :] = right
    return sheet


def _orthogonal(case: Measured, ground: Ground, axis: int, first: View, far_mm: float) -> Pixels:
    """The plane across y or x, z downwards; a thin line shows where the main plane lies."""
    view = _view.along(case, axis, _index(case, axis), first)
    drawn = _panel.plane(case, axis, view.index, far_mm)
    canvas = _panel.draw(case, ground, drawn, view, labels=False, scale_bar=False)
    z = first.index + 0.5
    ticks = [np.array([[z, at], [z, to]]) for at, to in _rims(view)]
    for colour, width in ((_colours.PAPER, 5), (_colours.INK, 2)):
        _strokes.lines(canvas, [view.px(tick) for tick in ticks], colour, width)
    return canvas


def _rims(view: View) -> list[tuple[float, float]]:
    """Short pieces at both sides of a view, level 0."""
    reach = 26 / view.zoom[1]
    return [(view.low[1], view.low[1] + reach), (view.high[1] - reach, view.high[1])]


def _planes(case: Measured, view: View) -> list[str]:
    """Which planes are shown, and whether the closest pair lies in one."""
    if case.result.ndim == 2:
        return [] if case.plane is None else [f"plane {case.plane} of the stack"]
    y, x = (_index(case, axis) for axis in (1, 2))
    said = [f"planes z = {view.index}, y = {y} (below), x = {x} (right); ticks mark z = {view.index}"]
    pair = case.result.closest
    if pair is not None:
        edge, tumor = (_level_0(case, point) for point in (pair.edge_px, pair.tumor_px))
        if abs(edge - tumor) > 0.5:
            said.append(f"the closest pair spans planes: edge at z = {edge:g}, tumor at z = {tumor:g} (hollow)")
    return said


def _level_0(case: Measured, point_px: tuple[float, ...]) -> float:
    """z of a point as an index of level 0, where integers are the middles of planes."""
    corners: Floats = frame(case).corners(point_px)
    return float(corners[0] - 0.5)


def _side_by_side(sheet: Pixels, beside: Pixels) -> Pixels:
    rows = max(sheet.shape[0] + 2 * GAP, beside.shape[0])
    whole = np.full((rows, sheet.shape[1] + GAP + beside.shape[1], 3), 255, np.uint8)
    whole[GAP : GAP + sheet.shape[0], GAP : GAP + sheet.shape[1]] = sheet
    whole[: beside.shape[0], GAP + sheet.shape[1] :] = beside
    return whole

"""The picture of a case: outlines, the cut edge coloured by its distance, the closest pair, a scale, a legend.

The surprising thing: the picture is drawn in millimetres. Pixels that are not square and slices that are thick are
shown as long as they are, and a volume is cut three times through the closest point.
"""

from __future__ import annotations

from threading import local
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
CORNER_PX = 240  # of a montage: the close-up goes where there is so much room
ENLARGE_BELOW_PX = 220  # a pair that is drawn longer needs no close-up
_kept = local()  # of each thread, the case drawn last and its picture


def write(case: Measured, stream: Any) -> None:
    """Write the picture as PNG."""
    import cv2

    done, packed = cv2.imencode(".png", cv2.cvtColor(shared(case), cv2.COLOR_RGB2BGR))
    if not done:
        raise MarginError("E-OUT-03", "the overlay could not be encoded")
    stream.write(packed.tobytes())


def shared(case: Measured) -> Pixels:
    """The picture of ``draw``, drawn once for the two reports that show it; who asks second takes it away."""
    last: tuple[Measured, Pixels] | None = getattr(_kept, "last", None)
    _kept.last = None
    if last is not None and last[0] is case:
        return last[1]
    drawn = draw(case)
    _kept.last = (case, drawn)
    return drawn


def draw(case: Measured) -> Pixels:
    """(h, w, 3) uint8 RGB: the picture."""
    ground = Ground(case)
    far_mm = _colours.far_mm(case.result.profile.distance_mm)
    views = _views(case)
    planes = [_panel.plane(case, view.across, view.index, far_mm) for view in views]
    best = max(range(len(views)), key=lambda k: (_pair_px(case, views[k]), -k))
    room = 0 if len(views) == 1 else min(views[1].size_px[0], views[2].size_px[0])
    in_corner = room >= CORNER_PX
    close = _close_up(case, views[best], room if in_corner else _sidebar.ROOM)
    panels = [_panel.draw(case, ground, planes[0], views[0], True, close if best == 0 else None)]
    for k in range(1, len(views)):
        panels.append(_panel.draw(case, ground, planes[k], views[k], False, close if best == k else None))
        _ticks(panels[k], views[k], views[0].index + 0.5)
    enlarged = None if close is None else _panel.enlarge(case, ground, planes[best], close)
    other = any(plane.walked is not None and not plane.walked.cut.all() for plane in planes)
    words = _planes(case, views, close)
    beside = _sidebar.fill(case, None if in_corner else enlarged, far_mm, other_edge=other, planes=words)
    sheet = panels[0] if len(views) == 1 else _montage(panels, enlarged if in_corner else None)
    return _side_by_side(sheet, beside)


def _views(case: Measured) -> list[View]:
    """The plane of the closest pair; of a volume those across z, y and x, at one scale."""
    if case.result.ndim == 2:
        return [_view.main(case, None, case.plane or 0)]
    first = _view.main(case, 0, _index(case, 0))
    return [first, *(_view.along(case, axis, _index(case, axis), first) for axis in (1, 2))]


def _index(case: Measured, axis: int) -> int:
    """The plane of a volume to show: that of the closest pair's edge point, else the middle one."""
    pair = case.result.closest
    return extent(case)[axis] // 2 if pair is None else plane_of(case, pair, axis)


def _ends(case: Measured, view: View) -> Floats | None:
    """The closest pair on the plane of a view, level-0 corners."""
    pair = case.result.closest
    return None if pair is None else view.flat(frame(case).corners([pair.edge_px, pair.tumor_px]))


def _pair_px(case: Measured, view: View) -> float:
    """How long the closest pair is drawn."""
    ends = _ends(case, view)
    return 0.0 if ends is None else round(float(np.linalg.norm(np.diff(view.px(ends), axis=0))), 6)


def _close_up(case: Measured, view: View, side_px: int) -> View | None:
    """The closest pair enlarged, where it is small in the picture."""
    ends = _ends(case, view)
    if ends is None or _pair_px(case, view) > ENLARGE_BELOW_PX:
        return None
    close = _view.close_up(view, ends, side_px, 24)
    return None if close.mm_per_px > view.mm_per_px / 2 else close


def _ticks(panel: Pixels, view: View, z: float) -> None:
    """Short lines at both sides of a plane across y or x, where the main plane lies."""
    ticks = [view.px(np.array([[z, at], [z, to]])) for at, to in _rims(view)]
    for colour, width in ((_colours.PAPER, 5), (_colours.INK, 2)):
        _strokes.lines(panel, ticks, colour, width)


def _rims(view: View) -> list[tuple[float, float]]:
    """Short pieces at both sides of a view, level 0."""
    reach = 26 / view.zoom[1]
    return [(view.low[1], view.low[1] + reach), (view.high[1] - reach, view.high[1])]


def _planes(case: Measured, views: list[View], close: View | None) -> list[str]:
    """Which planes are shown, and whether the closest pair lies in one."""
    if case.result.ndim == 2:
        return [] if case.plane is None else [f"plane {case.plane} of the stack"]
    z, y, x = (view.index for view in views)
    said = [f"planes z = {z}; below y = {y}; right x = {x}; ticks mark z"]
    if close is not None and close.across:
        said.append(f"enlarged: {'zyx'[close.across]} = {close.index}, z downwards")
    pair = case.result.closest
    if pair is not None:
        edge, tumor = (_level_0(case, point) for point in (pair.edge_px, pair.tumor_px))
        if abs(edge - tumor) > 0.5:
            said.append(f"the closest pair spans planes: edge at z = {edge:g}, tumor at z = {tumor:g}, hollow")
    return said


def _level_0(case: Measured, point_px: tuple[float, ...]) -> float:
    """z of a point as an index of level 0, where integers are the middles of planes."""
    corners: Floats = frame(case).corners(point_px)
    return float(corners[0] - 0.5)


def _montage(panels: list[Pixels], corner: Pixels | None) -> Pixels:
    """The main plane, right of it the one across x, below it the one across y, edges in line."""
    panel, lower, right = panels[0], panels[1], panels[2].transpose(1, 0, 2)
    rows, cols = panel.shape[:2]
    sheet = np.full((rows + GAP + lower.shape[0], cols + GAP + right.shape[1], 3), 255, np.uint8)
    sheet[:rows, :cols] = panel
    sheet[rows + GAP :, :cols] = lower
    sheet[:rows, cols + GAP :] = right
    if corner is not None:
        high, wide = corner.shape[:2]
        sheet[rows + GAP : rows + GAP + high, cols + GAP : cols + GAP + wide] = corner
    return sheet


def _side_by_side(sheet: Pixels, beside: Pixels) -> Pixels:
    rows = max(sheet.shape[0] + 2 * GAP, beside.shape[0])
    whole = np.full((rows, sheet.shape[1] + GAP + beside.shape[1], 3), 255, np.uint8)
    whole[GAP : GAP + sheet.shape[0], GAP : GAP + sheet.shape[1]] = sheet
    whole[: beside.shape[0], GAP + sheet.shape[1] :] = beside
    return whole

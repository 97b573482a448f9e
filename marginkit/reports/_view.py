"""A window onto a plane of the picture, in physical aspect: what is drawn, and where it lands.

The surprising thing: pixels need not be square, a panel's are. So the axes of a window have two zooms and one scale.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from marginkit.records import Floats, Measured
from marginkit.reports._frame import bounds, extent, frame

LONGEST_PX = 1500
SHORTEST_PX = 1000
MONTAGE = 0.6  # of these sizes for the largest of three panels
RIM_PX = 10  # of paper around, so that the picture's own border can be seen
PAD = 0.07  # of the longer side, around the specimen


@dataclass(frozen=True)
class View:
    """A rectangle of a plane and the size at which it is drawn.

    across : axis of the result that the plane cuts (3-D), None in 2-D. index : the plane, level 0.
    low, high : corners of the rectangle, level 0, (row, column). mm_per_px : of the drawing, both axes.
    spacing_mm : of level 0, (row, column).
    """

    across: int | None
    index: int
    low: tuple[float, float]
    high: tuple[float, float]
    mm_per_px: float
    spacing_mm: tuple[float, float]

    @property
    def size_px(self) -> tuple[int, int]:
        """Height and width of the drawing."""
        rows, cols = (
            max(1, round((b - a) * s / self.mm_per_px)) for a, b, s in zip(self.low, self.high, self.spacing_mm)
        )
        return rows, cols

    @property
    def zoom(self) -> tuple[float, float]:
        """Drawing pixels in one pixel of level 0, (row, column)."""
        rows, cols = (n / (b - a) for n, a, b in zip(self.size_px, self.low, self.high))
        return rows, cols

    def px(self, corners: Any) -> Floats:
        """(…, 2) level-0 corners (row, column) -> (x, y) pixel corners of the drawing."""
        placed: Floats = (np.asarray(corners, np.float64) - self.low) * self.zoom
        return placed[..., ::-1]

    def flat(self, corners: Any) -> Floats:
        """(…, ndim) level-0 corners seen along the axis that the plane cuts: (…, 2)."""
        points = np.asarray(corners, np.float64)
        return points if self.across is None else np.delete(points, self.across, axis=-1)


def main(case: Measured, across: int | None, index: int) -> View:
    """The whole picture, or the part of it that holds the specimen where that is much smaller."""
    low, high = _window(case)
    spacing = np.array(frame(case).spacing_mm)
    native_px = ((high - low) * spacing).max() / spacing.min()
    size = 1.0 if across is None else MONTAGE
    longest, shortest = LONGEST_PX * size, SHORTEST_PX * size
    zoom = longest / native_px if native_px > longest else math.ceil(shortest / native_px)
    return _rimmed(across, index, low, high, float(spacing.min() / zoom), spacing)


def along(case: Measured, across: int, index: int, scale_of: View) -> View:
    """Another plane of the same volume at the scale of the first."""
    low, high = _window(case)
    return _rimmed(across, index, low, high, scale_of.mm_per_px, np.array(frame(case).spacing_mm))


def _rimmed(across: int | None, index: int, low: Floats, high: Floats, mm_per_px: float, spacing: Floats) -> View:
    if across is not None:
        low, high, spacing = (np.delete(a, across) for a in (low, high, spacing))
    rim = RIM_PX * mm_per_px / spacing
    return View(across, index, _two(low - rim), _two(high + rim), mm_per_px, _two(spacing))


def close_up(view: View, ends: Floats, side_px: int, least_px: float) -> View:
    """A square around two points (level-0 corners, (row, column)) of the same plane, at least ``least_px`` wide."""
    spacing = np.array(view.spacing_mm)
    middle = ends.mean(0)
    span_mm = float(np.linalg.norm((ends[1] - ends[0]) * spacing))
    side_mm = max(2.2 * span_mm, least_px * float(spacing.max()))
    half = side_mm / spacing / 2
    return View(view.across, view.index, _two(middle - half), _two(middle + half), side_mm / side_px, _two(spacing))


def _two(values: Any) -> tuple[float, float]:
    return float(values[0]), float(values[1])


def _window(case: Measured) -> tuple[Floats, Floats]:
    """Lowest and highest corner of what is worth showing, whole pixels of level 0, array order."""
    whole = np.array(extent(case), np.float64)
    boxes = [bounds(region, case) for region in case.regions.values()]
    known = [box for box in boxes if box is not None]
    if not known or "specimen" not in case.regions:
        return np.zeros(len(whole)), whole
    low, high = np.min([box[0] for box in known], 0), np.max([box[1] for box in known], 0)
    spacing = np.array(frame(case).spacing_mm)
    pad = PAD * ((high - low) * spacing).max() / spacing
    low, high = np.floor(np.maximum(low - pad, 0)), np.ceil(np.minimum(high + pad, whole))
    if np.prod((high - low) / whole) > 0.5:
        return np.zeros(len(whole)), whole
    return low, high

"""Where a label goes: near its place, inside the panel, on nothing that matters.

The surprising thing: a label that hides the closest point hides the measurement; so the drawing is asked first how much
of it a box would cover.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit.records import Floats
from marginkit.reports._strokes import Pixels, lines, text_size, wash, write

AROUND = 16
GAP = 4
PRECIOUS = 20  # times worse to cover than a line


class Labels:
    """The labels of one panel, placed one after the other."""

    def __init__(self, canvas: Pixels, drawn: NDArray[np.bool_]) -> None:
        self.canvas = canvas
        self.busy = drawn.astype(np.int32)

    def reserve(self, low: tuple[float, float], high: tuple[float, float]) -> None:
        """Keep labels away from a box, (x, y)."""
        x0, y0, x1, y1 = (max(0, round(v)) for v in (*low, *high))
        self.busy[y0:y1, x0:x1] = PRECIOUS

    def place(self, words: str, anchor: Floats, size: int, weight: int = 400) -> None:
        """Write words near a point (x, y), with a thin line to it where they are not beside it."""
        width, height = text_size(words, size, weight)
        box = (width + 3 * GAP, height + GAP)
        corner = self._best(anchor, box)
        if corner is None:
            return
        low, high = corner, (corner[0] + box[0], corner[1] + box[1])
        nearest = np.clip(anchor, low, high)
        if np.linalg.norm(nearest - anchor) > 2.2 * AROUND:
            lines(self.canvas, [np.array([nearest, anchor])], (255, 255, 255), 4)
            lines(self.canvas, [np.array([nearest, anchor])], (20, 20, 20), 1)
        wash(self.canvas, low, high)
        write(self.canvas, words, (low[0] + 1.5 * GAP, low[1] + GAP / 2), size, weight=weight)
        self.reserve((low[0] - GAP, low[1] - GAP), (high[0] + GAP, high[1] + GAP))

    def _best(self, anchor: Floats, box: tuple[int, int]) -> tuple[float, float] | None:
        """The corner of the box that covers least, and of those the nearest; None where the panel is too small."""
        rows, cols = self.busy.shape
        if box[0] > cols or box[1] > rows:
            return None
        table = np.pad(self.busy.astype(np.int64), ((1, 0), (1, 0))).cumsum(0).cumsum(1)
        return min(_around(anchor, box, (cols, rows)), key=lambda corner: self._cost(table, anchor, corner, box))

    def _cost(self, table: Any, anchor: Floats, corner: tuple[float, float], box: tuple[int, int]) -> tuple[float, ...]:
        x0, y0 = int(corner[0]), int(corner[1])
        x1, y1 = x0 + box[0], y0 + box[1]
        covered = int(table[y1, x1] - table[y0, x1] - table[y1, x0] + table[y0, x0])
        away = float(np.linalg.norm(np.clip(anchor, corner, (x1, y1)) - anchor))
        return (covered / (box[0] * box[1]) * 1200 + away, y0, x0)


def _around(anchor: Floats, box: tuple[int, int], room: tuple[int, int]) -> list[tuple[float, float]]:
    """Corners of boxes at growing distances around a point, moved into the panel."""
    found = []
    for reach, angle in itertools.product((AROUND, 40, 80, 140, 220), np.arange(0, 2 * np.pi, np.pi / 8)):
        middle = anchor + np.array([np.cos(angle) * (reach + box[0] / 2), np.sin(angle) * (reach + box[1] / 2)])
        x, y = (float(np.clip(m - b / 2, 0, n - b)) for m, b, n in zip(middle, box, room))
        found.append((float(int(x)), float(int(y))))
    return found

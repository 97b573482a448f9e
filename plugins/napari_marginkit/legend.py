"""The colours of the cut edge: a scale in mm, with how much edge lies at each distance."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPen
from qtpy.QtWidgets import QSizePolicy, QWidget

from marginkit.records import Floats, Measured
from marginkit.reports import _colours

from .bands import COLOURS
from .drawing import UNSEEN_COLOUR

BARS = 64
SIDE, HIGH, BAND, WORDS = 14, 60, 12, 18
STYLES = {"solid": Qt.PenStyle.SolidLine, "dash": Qt.PenStyle.DashLine, "dot": Qt.PenStyle.DotLine}


class Legend(QWidget):
    """A histogram of the edge profile above the colour scale."""

    def __init__(self) -> None:
        super().__init__()
        self._far, self._colours, self._share = 1.0, np.zeros((BARS, 3)), np.zeros(BARS)
        self._told: list[tuple[str, str, str]] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip("Cut edge by its distance to the tumor, in mm")

    def sizeHint(self) -> QSize:
        """Its height; it is as wide as the panel."""
        return QSize(300, HIGH + BAND + 3 * WORDS + 4)

    def show_scale(self, far_mm: float, colours: Floats, case: Measured) -> None:
        """Show the scale up to ``far_mm`` and the edge of a case on it; hide where there is no edge."""
        profile = case.result.profile
        self._far, self._colours = far_mm, colours
        share, _ = np.histogram(np.minimum(profile.distance_mm, far_mm), BARS, (0, far_mm), weights=profile.size)
        self._told = told(case)
        self._share = share / max(share.max(initial=0), 1e-12)
        unit = "mm" if case.result.ndim == 2 else "mm²"
        below = ", ".join(f"{profile.below(limit):.1f} {unit} nearer than {limit:g} mm" for limit in case.limits_mm)
        self.setToolTip(f"Cut edge by its distance, {profile.total:.1f} {unit} in all: {below}")
        self.setVisible(bool(len(profile.distance_mm)))
        self.update()

    def paintEvent(self, _: Any) -> None:
        """Bars, band of colours, numbers."""
        painter = QPainter(self)
        wide = (self.width() - 2 * SIDE) / BARS
        for i, (share, colour) in enumerate(zip(self._share, self._colours)):
            tint = QColor.fromRgbF(*(float(c) for c in colour))
            left = SIDE + i * wide
            painter.fillRect(QRectF(left, HIGH * (1 - share), wide + 0.5, HIGH * share), tint)
            painter.fillRect(QRectF(left, HIGH + 2, wide + 0.5, BAND), tint)
        painter.setPen(self.palette().windowText().color())
        for tick in _colours.ticks(self._far):
            at = SIDE + (self.width() - 2 * SIDE) * tick / self._far
            last = tick == _colours.ticks(self._far)[-1]
            box = QRectF(min(at - 30, self.width() - 60), HIGH + BAND + 2, 60, WORDS)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, f"{tick:g}{' mm' if last else ''}")
        self._write(painter)
        painter.end()

    def _write(self, painter: QPainter) -> None:
        """The styles of line beneath, in as many rows as they need."""
        left, top = float(SIDE), HIGH + BAND + WORDS + 4
        for style, colour, word in self._told:
            wide = painter.fontMetrics().horizontalAdvance(word) + 34
            if left > SIDE and left + wide > self.width():
                left, top = float(SIDE), top + WORDS
            pen = QPen(QColor(colour) if colour else self.palette().windowText().color(), 3)
            pen.setStyle(STYLES[style])
            painter.setPen(pen)
            painter.drawLine(QPointF(left, top + WORDS / 2), QPointF(left + 18, top + WORDS / 2))
            painter.setPen(self.palette().windowText().color())
            painter.drawText(QRectF(left + 22, top, wide, WORDS), Qt.AlignmentFlag.AlignVCenter, word)
            left += wide


def told(case: Measured) -> list[tuple[str, str, str]]:
    """(style, colour, words) of each kind of line: the bands, and the outline that is no measured edge."""
    unit = "mm" if case.result.ndim == 2 else "mm²"
    lines = [("solid", colour, f"{limit:g} mm") for limit, colour in zip(case.limits_mm, COLOURS)]
    length = case.result.profile.by_class
    unseen = length["frame"] + length["section"]
    rest = length["natural"] + length["hole"]
    lines += [("dash", UNSEEN_COLOUR, f"unseen {unseen:.1f} {unit}")] if unseen else []
    lines += [("dot", "", f"unknown {length['unknown']:.1f} {unit}")] if length["unknown"] else []
    return lines + ([("solid", "#6e6e6e", f"not cut {rest:.1f} {unit}")] if rest else [])

"""Millimetres a pixel from two points whose distance is known."""

from __future__ import annotations

import math

import numpy as np

from marginkit import units
from marginkit.errors import CalibrationError, UsageError

from .scale import Mark, Scale, together

CLICK_PX = 1.0  # how far each point may be off
SHORTEST_PX = 10.0


def points(text: str) -> tuple[float, float, float, float]:
    """(y, x, y, x) px of two points, of ``120,40,120,980``. E-USE-11 where that is no such thing."""
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()
    if len(values) != 4 or not all(math.isfinite(v) and abs(v) < 1e7 for v in values):
        raise UsageError("E-USE-11", f"points {text[:60]!r} not understood", remedy="Write y,x,y,x in pixels.")
    return values[0], values[1], values[2], values[3]


def between(ends: tuple[float, float, float, float], length: str, shape: tuple[int, ...]) -> Scale:
    """The scale of a typed length between two points, (y, x, y, x) px, of an image of this shape.

    The uncertainty is that of points clicked to a pixel. E-CAL-14 where the points lie too near together or outside.

    >>> between((5.0, 10.0, 5.0, 110.0), "10mm", (50, 200)).spacing_mm
    (0.1, 0.1)
    """
    length_mm = units.length_mm(length).value
    first, last = np.array(ends[:2]), np.array(ends[2:])
    inside = all(-0.5 <= v <= n - 0.5 for v, n in zip(ends, (*shape[:2], *shape[:2])))
    apart = float(np.linalg.norm(last - first))
    if not inside or apart < SHORTEST_PX:
        where = f"{apart:.1f} px apart" if inside else f"not both in an image of {shape[0]} x {shape[1]} (y, x)"
        cause = f"the points are {where}"
        raise CalibrationError("E-CAL-14", "points of no use", cause=cause, remedy="Give y,x,y,x of a longer line.")
    mm = length_mm / apart
    detail = f"{length.strip()} over {apart:.2f} px from ({ends[0]:g}, {ends[1]:g}) to ({ends[2]:g}, {ends[3]:g})"
    mark = Mark(np.stack([first, last]), "length")
    return Scale((mm, mm), together(math.sqrt(2) * CLICK_PX / apart), "known length", detail, (mark,))

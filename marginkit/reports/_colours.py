"""Colours that readers with any colour vision tell apart, and round numbers for scales.

The surprising thing: near is bright. The place that matters is small, and yellow on a dark casing is what the eye
finds first on pink tissue, on black fluorescence and on white glass.
"""

from __future__ import annotations

import math

import numpy as np

from marginkit.records import Floats

# viridis (Smith, van der Walt; CC0) at eleven even places, from near (yellow) to far (violet)
_NEAR_TO_FAR = np.array(
    [
        *((253, 231, 37), (189, 223, 38), (122, 209, 81), (68, 191, 112), (34, 168, 132), (33, 145, 140)),
        *((42, 120, 142), (53, 95, 141), (65, 68, 135), (72, 36, 117), (68, 1, 84)),
    ],
    np.float64,
)
TUMOR = (213, 94, 0)  # vermillion (Okabe and Ito)
SIGNAL = (222, 60, 160)  # magenta: in neither the edge colours nor the grey of fluorescence
BARRIER = (86, 180, 233)  # sky blue (Okabe and Ito)
OTHER_EDGE = (110, 110, 110)
INK = (20, 20, 20)
PAPER = (255, 255, 255)


def of_distance(distance_mm: Floats, far_mm: float) -> Floats:
    """(…, 3) RGB of distances, from yellow at 0 to violet at ``far_mm`` and beyond."""
    place = np.clip(np.asarray(distance_mm, np.float64) / far_mm, 0, 1) * (len(_NEAR_TO_FAR) - 1)
    lower = np.minimum(place.astype(int), len(_NEAR_TO_FAR) - 2)
    share = (place - lower)[..., None]
    colours: Floats = _NEAR_TO_FAR[lower] * (1 - share) + _NEAR_TO_FAR[lower + 1] * share
    return colours


def nice(length: float) -> float:
    """The largest of 1, 2, 5 × 10ⁿ that does not exceed ``length``.

    >>> nice(7.3), nice(0.24), nice(1000.0)
    (5.0, 0.2, 1000.0)
    """
    power = 10.0 ** math.floor(math.log10(length) + 1e-12)
    step = next(step for step in (5.0, 2.0, 1.0) if step * power <= length * (1 + 1e-12))
    return float(f"{step * power:.12g}")


def far_mm(distance_mm: Floats) -> float:
    """End of the colour scale: a round number that holds all distances but the farthest few."""
    if not len(distance_mm):
        return 1.0
    wanted = max(float(np.quantile(distance_mm, 0.98)), 1e-6)
    below = nice(wanted)
    steps = (1, 1.5, 2, 2.5, 3, 4, 5)
    return float(f"{next(below * k for k in steps if below * k >= wanted * (1 - 1e-9)):.12g}")


def ticks(far: float) -> list[float]:
    """At most six round places on a scale from 0 to ``far``.

    >>> ticks(10.0), ticks(0.15)
    ([0.0, 2.0, 4.0, 6.0, 8.0, 10.0], [0.0, 0.05, 0.1, 0.15])
    """
    step = 1 / nice(5 / far * (1 + 1e-9))  # 1, 2 or 5 × 10ⁿ again, and not below a fifth
    return [float(f"{k * step:.12g}") for k in range(int(far / step + 1e-9) + 1)]

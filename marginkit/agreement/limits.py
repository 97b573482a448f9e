"""Bias and limits of agreement of two readers (Bland and Altman), each with its confidence interval.

The surprising thing: the limits are estimates too, and of few cases poor ones. So they never stand without an interval:
its variance is s²(1/n + z²/(2(n − 1))) (Bland and Altman 1999, doi:10.1177/096228029900800204), times Student's t.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from marginkit.records import Floats

Z = 1.959963984540054  # of the 95 % that lie between the limits
LEAST = 3


@dataclass(frozen=True, slots=True)
class Limits:
    """Differences first minus second, mm.

    sd_mm : of the differences. within_sd_mm : of one reader about the mean of both, √(mean d²/2). slope : of the
    difference on the mean of both, mm per mm, with its interval: a slope that is not 0 means that the limits of all
    together describe neither small nor large margins.
    """

    n: int
    bias_mm: float
    bias_interval_mm: tuple[float, float]
    sd_mm: float
    within_sd_mm: float
    low_mm: float
    low_interval_mm: tuple[float, float]
    high_mm: float
    high_interval_mm: tuple[float, float]
    slope: tuple[float, float, float] | None


def limits(first_mm: Floats, second_mm: Floats, *, z: float = Z, confidence: float = 0.95) -> Limits | None:
    """Bias and limits of agreement of paired values, (n,) each; None of fewer than three pairs."""
    difference = np.asarray(first_mm, np.float64) - np.asarray(second_mm, np.float64)
    if len(difference) < LEAST:
        return None
    bias, sd = float(difference.mean()), float(difference.std(ddof=1))
    (bias_reach, limit_reach) = _reach(len(difference), sd, z, confidence)
    low, high = bias - z * sd, bias + z * sd
    return Limits(
        n=len(difference),
        bias_mm=bias,
        bias_interval_mm=(bias - bias_reach, bias + bias_reach),
        sd_mm=sd,
        within_sd_mm=math.sqrt(float((difference**2).mean()) / 2),
        low_mm=low,
        low_interval_mm=(low - limit_reach, low + limit_reach),
        high_mm=high,
        high_interval_mm=(high - limit_reach, high + limit_reach),
        slope=_slope(difference, (np.asarray(first_mm) + np.asarray(second_mm)) / 2, confidence),
    )


def _reach(n: int, sd_mm: float, z: float, confidence: float) -> tuple[float, float]:
    """Half the width of the interval of the bias, and of a limit."""
    from scipy.stats import t

    times = float(t.ppf((1 + confidence) / 2, n - 1)) * sd_mm
    return times * math.sqrt(1 / n), times * math.sqrt(1 / n + z * z / (2 * (n - 1)))


def _slope(difference: Floats, mean: Floats, confidence: float) -> tuple[float, float, float] | None:
    """Slope with the ends of its interval; None where the means do not differ or two points say nothing."""
    from scipy.stats import linregress, t

    if np.ptp(mean) == 0 or len(mean) < LEAST:
        return None
    line = linregress(mean, difference)
    reach = float(t.ppf((1 + confidence) / 2, len(mean) - 2)) * float(line.stderr)
    return float(line.slope), float(line.slope) - reach, float(line.slope) + reach

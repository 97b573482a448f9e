"""Intraclass correlation of single readings, in the three forms of Shrout and Fleiss, each with its interval.

The surprising thing: "the ICC" does not exist. Of one and the same table the three forms give 0.17, 0.29 and 0.71; so a
value never leaves here without its form. doi:10.1037/0033-2909.86.2.420
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from marginkit.records import Floats

Form: TypeAlias = Literal["ICC(1,1)", "ICC(2,1)", "ICC(3,1)"]
WORDS: dict[Form, str] = {
    "ICC(1,1)": "one-way random, each case read by other readers",
    "ICC(2,1)": "two-way random, absolute agreement, any such reader",
    "ICC(3,1)": "two-way mixed, consistency, these readers only",
}
LEAST = 3


@dataclass(frozen=True, slots=True)
class Correlation:
    """One form: its value and interval (None where the readings agree to the last digit), of n cases and k readers."""

    form: Form
    value: float
    interval: tuple[float, float] | None
    cases: int
    readers: int


@dataclass(frozen=True, slots=True)
class _Squares:
    """Mean squares of a two-way table: between cases, between readers, error, within cases."""

    cases: float
    readers: float
    error: float
    within: float
    n: int
    k: int


def correlations(values_mm: Floats, confidence: float = 0.95) -> tuple[Correlation, ...]:
    """The three forms of a whole table, (cases, readers); empty where it is too small or all its values are one."""
    table = np.asarray(values_mm, np.float64)
    if table.ndim != 2 or table.shape[0] < LEAST or table.shape[1] < 2 or np.ptp(table) == 0:
        return ()
    squares, tail = _squares(table), (1 + confidence) / 2
    made = (_one(squares, tail), _two(squares, tail), _three(squares, tail))
    return tuple(Correlation(form, value, span, *table.shape) for form, (value, span) in zip(WORDS, made))


def _squares(table: Floats) -> _Squares:
    n, k = table.shape
    mean = table.mean()
    cases = k * ((table.mean(1) - mean) ** 2).sum()
    readers = n * ((table.mean(0) - mean) ** 2).sum()
    within = ((table - table.mean(1, keepdims=True)) ** 2).sum()
    residual = table - table.mean(1, keepdims=True) - table.mean(0) + mean
    error = (residual**2).sum() / ((n - 1) * (k - 1))
    return _Squares(float(cases) / (n - 1), float(readers) / (k - 1), float(error), float(within) / (n * (k - 1)), n, k)


def _quantile(tail: float, above: float, below: float) -> float:
    from scipy.stats import f

    return float(f.ppf(tail, above, below))


def _ratio(s: _Squares, noise: float, freedom: int, tail: float) -> tuple[float, tuple[float, float] | None]:
    """(F − 1) / (F + k − 1) of the cases over a noise with that many degrees of freedom."""
    value = (s.cases - noise) / (s.cases + (s.k - 1) * noise)
    if noise <= 1e-12 * s.cases:
        return value, None
    ratio = s.cases / noise
    ends = (ratio / _quantile(tail, s.n - 1, freedom), ratio * _quantile(tail, freedom, s.n - 1))
    low, high = ((end - 1) / (end + s.k - 1) for end in ends)
    return value, (low, high)


def _one(s: _Squares, tail: float) -> tuple[float, tuple[float, float] | None]:
    return _ratio(s, s.within, s.n * (s.k - 1), tail)


def _three(s: _Squares, tail: float) -> tuple[float, tuple[float, float] | None]:
    return _ratio(s, s.error, (s.n - 1) * (s.k - 1), tail)


def _two(s: _Squares, tail: float) -> tuple[float, tuple[float, float] | None]:
    n, k = s.n, s.k
    value = (s.cases - s.error) / (s.cases + (k - 1) * s.error + k * (s.readers - s.error) / n)
    if s.error <= 1e-12 * max(s.cases, s.readers):
        return value, None
    ratio = s.readers / s.error
    rest = n * (1 + (k - 1) * value) - k * value
    freedom = (k - 1) * (n - 1) * (k * value * ratio + rest) ** 2 / ((n - 1) * (k * value * ratio) ** 2 + rest**2)
    above, below = _quantile(tail, n - 1, freedom), _quantile(tail, freedom, n - 1)
    noise = k * s.readers + (k * n - k - n) * s.error
    low = n * (s.cases - above * s.error) / (above * noise + n * s.cases)
    high = n * (below * s.cases - s.error) / (noise + n * below * s.cases)
    return value, (low, high)

"""Millimetres as words: one place, so that table, picture, verdict and outline file say the same.

The surprising thing: rounding can lie. 0.9996 mm rounds to 1.0 mm, and a policy that wants 1 mm says no; so where
rounding moves a value onto a whole millimetre, the unrounded value stands beside it.
"""

from __future__ import annotations

from marginkit.records import Margin, Verdict

SIGN = {"exact": "", "touching": "", "at_most": "≤ ", "at_least": "≥ "}
RESEARCH = "Research use only"


def millimetres(value_mm: float) -> str:
    """A length to 0.1 mm, with two digits where that would be nothing.

    >>> millimetres(3.2499), millimetres(0.0123), millimetres(0.9996), millimetres(5.0)
    ('3.2 mm', '0.012 mm', '1.0 mm (0.9996)', '5.0 mm')
    """
    if 0 < value_mm < 0.1:
        return f"{value_mm:.2g} mm"
    rounded = round(value_mm, 1)
    hides = rounded != value_mm and rounded == round(value_mm)
    return f"{rounded:.1f} mm ({_unlike(value_mm, rounded)})" if hides else f"{rounded:.1f} mm"


def _unlike(value_mm: float, rounded_mm: float) -> str:
    """The shortest decimal of a value that is not the rounded one."""
    texts = (f"{value_mm:.{digits}f}" for digits in range(2, 16))
    return next((text for text in texts if float(text) != rounded_mm), repr(value_mm))


def shown(margin: Margin) -> str:
    """A margin in words: ``3.2 mm``, ``≤ 3.2 mm``, ``touching, 0 mm`` or ``not assessable``."""
    if margin.value_mm is None:
        return "not assessable"
    if margin.qualifier == "touching":
        return "touching, 0 mm"
    return SIGN[margin.qualifier] + millimetres(margin.value_mm)


def interval(margin: Margin) -> str:
    """The interval in words, with as many digits as tell its ends apart; empty where there is none.

    >>> interval(Margin("all", 3.2, (3.14, 3.35), "exact"))
    '3.1–3.4 mm'
    >>> interval(Margin("all", 3.2, (3.18, 3.21), "exact"))
    '3.18–3.21 mm'
    """
    if margin.interval_mm is None:
        return ""
    low, high = margin.interval_mm
    digits = next((n for n in range(1, 7) if f"{low:.{n}f}" != f"{high:.{n}f}"), None)
    return "" if digits is None else f"{low:.{digits}f}–{high:.{digits}f} mm"


def judged(verdict: Verdict) -> str:
    """A verdict in words: ``R0 (certain)``, ``adequate or inadequate (not assessable)``, ``not assessable``.

    >>> judged(Verdict("uicc-r", "", "not_assessable", "no cut edge in view."))
    'not assessable'
    """
    state = verdict.state.replace("_", " ")
    return f"{verdict.category} ({state})" if verdict.category else state

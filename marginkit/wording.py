"""Millimetres as words: one place, so that table, picture, verdict and outline file say the same.

The surprising thing: rounding can lie. 0.9996 mm rounds to 1.0 mm, and a policy that wants 1 mm says no; so where
rounding moves a value onto a whole millimetre, the unrounded value stands beside it.
"""

from __future__ import annotations

from decimal import Decimal

from marginkit.records import Margin, Verdict

SIGN = {"exact": "", "touching": "", "at_most": "≤ ", "at_least": "≥ "}
RESEARCH = "Research use only"


def millimetres(value_mm: float) -> str:
    """A length to 0.1 mm, with two digits where that would be nothing.

    >>> millimetres(3.2499), millimetres(0.0123), millimetres(0.9996), millimetres(5.0)
    ('3.2 mm', '0.012 mm', '1.0 mm (0.9996)', '5.0 mm')
    """
    shown, space, more = tenths(value_mm).partition(" ")
    return f"{shown} mm{space}{more}"


def tenths(value_mm: float) -> str:
    """The same for a column that is in millimetres: without the unit.

    >>> tenths(3.2499), tenths(0.0068), tenths(0.9996), tenths(0.0)
    ('3.2', '0.0068', '1.0 (0.9996)', '0.0')
    """
    if 0 < value_mm < 0.1:
        return digits(value_mm, 2)
    rounded = round(value_mm, 1)
    return f"{rounded:.1f} ({_unlike(value_mm, rounded)})" if _hides(value_mm) else f"{rounded:.1f}"


def digits(value: float, count: int) -> str:
    """A number with so many digits that say something, and never as a power of ten.

    >>> digits(0.0000674, 2), digits(1234.5, 2)
    ('0.000067', '1200')
    """
    return f"{Decimal(f'{value:.{count}g}'):f}"


def _unlike(value_mm: float, rounded_mm: float) -> str:
    """The shortest decimal of a value that is not the rounded one."""
    texts = (f"{value_mm:.{places}f}" for places in range(2, 16))
    return next((text for text in texts if float(text) != rounded_mm), repr(value_mm))


def shown(margin: Margin) -> str:
    """A margin in words: ``3.2 mm``, ``≤ 3.2 mm``, ``touching, 0 mm`` or ``not assessable``."""
    if margin.value_mm is None:
        return "not assessable"
    if margin.qualifier == "touching":
        return "touching, 0 mm"
    return SIGN[margin.qualifier] + millimetres(margin.value_mm)


def centimetres(margin: Margin) -> str:
    """A margin in centimetres, to the same tenth of a millimetre; empty where there is none.

    >>> centimetres(Margin("all", 3.2499, (3.1, 3.4), "at_most"))
    '≤ 0.32 cm'
    >>> centimetres(Margin("all", 0.9996, (0.9, 1.1), "exact"))
    '0.10 cm (0.09996)'
    """
    if margin.value_mm is None:
        return ""
    value_mm = margin.value_mm
    if 0 < value_mm < 0.1:
        return f"{SIGN[margin.qualifier]}{digits(value_mm / 10, 2)} cm"
    rounded = round(value_mm, 1)
    exact = f" ({value_mm / 10:.12g})" if _hides(value_mm) else ""
    return f"{SIGN[margin.qualifier]}{rounded / 10:.2f} cm{exact}"


def _hides(value_mm: float) -> bool:
    """Whether rounding to 0.1 mm would move the value onto a whole millimetre."""
    rounded = round(value_mm, 1)
    return rounded != value_mm and rounded == round(value_mm)


def interval(margin: Margin) -> str:
    """The interval in words, with as many digits as tell its ends apart; empty where there is none.

    >>> interval(Margin("all", 3.2, (3.14, 3.35), "exact"))
    '3.1–3.4 mm'
    >>> interval(Margin("all", 3.2, (3.18, 3.21), "exact"))
    '3.18–3.21 mm'
    """
    return "" if margin.interval_mm is None else span(*margin.interval_mm)


def span(low_mm: float, high_mm: float) -> str:
    """From one length to another, with as many digits as tell them apart; empty where nothing does.

    >>> span(3.861, 3.907)
    '3.86–3.91 mm'
    """
    low, high = low_mm, high_mm
    places = next((n for n in range(1, 7) if f"{low:.{n}f}" != f"{high:.{n}f}"), None)
    return "" if places is None else f"{low:.{places}f}–{high:.{places}f} mm"


def judged(verdict: Verdict) -> str:
    """A verdict in words: ``R0 (certain)``, ``adequate or inadequate (not assessable)``, ``not assessable``.

    >>> judged(Verdict("uicc-r", "", "not_assessable", "no cut edge in view."))
    'not assessable'
    """
    state = verdict.state.replace("_", " ")
    return f"{verdict.category} ({state})" if verdict.category else state

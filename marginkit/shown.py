"""Millimetres as a reader sees them: to 0.1 mm, and never on the wrong side of a limit.

The surprising thing: 0.96 mm shown as "1.0 mm" beside "inadequate, below 1 mm" reads like a fault of the program, and
beside "adequate" it is one. Where rounding lands on a limit that the value does not have, the value stands beside it.
"""

from __future__ import annotations

from collections.abc import Iterable


def shown_mm(value_mm: float, limits_mm: Iterable[float] = ()) -> str:
    """The distance to 0.1 mm with its unit, and unrounded in parentheses where rounding would mislead.

    That is where the rounded number is a whole millimetre, or reaches or passes one of ``limits_mm``, and the
    distance is or does not.

    >>> shown_mm(4.23), shown_mm(0.9996), shown_mm(1.0)
    ('4.2 mm', '1.0 mm (0.9996)', '1.0 mm')
    """
    rounded = float(f"{value_mm:.1f}")
    misleads = rounded.is_integer() or any(_side(value_mm, limit) != _side(rounded, limit) for limit in limits_mm)
    if rounded == value_mm or not misleads:
        return f"{rounded:.1f} mm"
    return f"{rounded:.1f} mm ({_told_apart(value_mm, rounded)})"


def _side(value_mm: float, limit_mm: float) -> int:
    return (value_mm > limit_mm) - (value_mm < limit_mm)


def _told_apart(value_mm: float, rounded: float) -> str:
    """The shortest decimal that differs from the rounded number on the value's own side."""
    for digits in range(2, 18):
        text = f"{value_mm:.{digits}f}"
        if _side(float(text), rounded) == _side(value_mm, rounded):
            return text
    return repr(value_mm)

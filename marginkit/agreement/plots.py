"""Bland–Altman and scatter plots of two readers.

The surprising thing: a correlation of 0.99 can hide a bias of a centimetre. So the scatter has the line of identity,
not a fitted one, and the differences have their own plot.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from marginkit.agreement.limits import Limits
from marginkit.pages.svg import Axis, Plot, span

if TYPE_CHECKING:
    from markupsafe import Markup

Pairs = Sequence[tuple[str, float, float]]  # case, first and second value


def differences(pairs: Pairs, found: Limits, names: tuple[str, str], key: str) -> Markup:
    """Difference on mean, with bias, limits and the interval of each."""
    points = [((a + b) / 2, a - b) for _, a, b in pairs]
    ends = [*found.low_interval_mm, *found.high_interval_mm, *(d for _, d in points)]
    x = span([m for m, _ in points], "mean of both, mm")
    plot = Plot(x, span(ends, f"{names[0]} − {names[1]}, mm", from_zero=False))
    for low, high in (found.low_interval_mm, found.bias_interval_mm, found.high_interval_mm):
        plot.block(x.start, x.stop, low, high, "between")
    plot.level(found.bias_mm, f"bias {found.bias_mm:.2f}", "mean")
    plot.level(found.low_mm, f"{found.low_mm:.2f}")
    plot.level(found.high_mm, f"{found.high_mm:.2f}")
    plot.dots(points, [f"{case}: {d:+.2f} mm" for (case, *_), (_, d) in zip(pairs, points)])
    told = f"{found.n} pairs, bias {found.bias_mm:.2f} mm, limits {found.low_mm:.2f} to {found.high_mm:.2f} mm."
    return plot.svg(f"Differences of {names[0]} and {names[1]}", told, f"{key}-differences")


def scatter(pairs: Pairs, names: tuple[str, str], key: str) -> Markup:
    """One reader over the other, with the line of identity."""
    both = [value for _, a, b in pairs for value in (a, b)]
    room = span(both, "")
    plot = Plot(Axis(room.start, room.stop, f"{names[1]}, mm"), Axis(room.start, room.stop, f"{names[0]}, mm"))
    plot.line([(room.start, room.start), (room.stop, room.stop)], "mean")
    plot.dots([(b, a) for _, a, b in pairs], [f"{case}: {a:g} and {b:g} mm" for case, a, b in pairs])
    return plot.svg(f"{names[0]} over {names[1]}", f"{len(pairs)} pairs and the line of identity.", f"{key}-scatter")

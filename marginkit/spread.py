"""How the margins of a cohort are spread: quantiles and histograms by margin name, with what is missing.

The surprising thing: an upper bound in a histogram looks like a value. So bounds are drawn in their own colour, on top.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from marginkit.pages.svg import Axis, Plot
from marginkit.wording import millimetres, tenths

if TYPE_CHECKING:
    from markupsafe import Markup

Row = Mapping[str, str]
BOUNDS = ("at_most", "at_least")
MOST = 12  # margin names that get a histogram
BINS = 24


def number(text: str) -> float | None:
    """The finite number that a cell holds; None of anything else.

    >>> number("1.5"), number(""), number("nan")
    (1.5, None, None)
    """
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def value_mm(row: Row) -> float | None:
    """The margin of a row."""
    return number(row.get("value_mm", ""))


def _by_name(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Rows by what they are of, the whole edge first: distances of signal never among those of tumor."""
    found: dict[str, list[Row]] = {named("tumor", "all"): [], named("signal", "all"): []}
    for row in rows:
        if row.get("margin"):
            found.setdefault(named(row.get("region", ""), row["margin"]), []).append(row)
    return {name: one for name, one in found.items() if one}


def named(region: str, margin: str) -> str:
    """What a distance is of.

    >>> named("tumor", "all"), named("signal", "deep")
    ('whole cut edge', 'signal to deep')
    """
    words = "whole cut edge" if margin == "all" else margin
    return f"signal to {words}" if region == "signal" else words


def failed(rows: Sequence[Row], region: str) -> int:
    """Cases that failed, of which a region was wanted: they lack every margin. One that does not say counts too.

    >>> rows = [{"case": c, "status": "failed", "region": r} for c, r in (("a", "tumor"), ("b", "signal"), ("c", ""))]
    >>> failed(rows, "tumor"), failed(rows, "signal")
    (2, 2)
    """
    among = (region, "")
    return len({row["case"] for row in rows if row.get("status") == "failed" and row.get("region", "") in among})


def _of(found: Sequence[Row], rows: Sequence[Row]) -> int:
    """How many cases should have the margin of these rows: those that have a row of it, and those that failed."""
    return len(found) + failed(rows, found[0].get("region", "") or "tumor")


@dataclass(frozen=True)
class Spread:
    """Distances of one margin name: with a value of all, least, quartiles and greatest, how many below each limit.

    spots_mm : empty where no case has a value.
    """

    name: str
    with_value: str
    spots_mm: tuple[float, ...]
    below: tuple[int, ...]

    @property
    def spots(self) -> list[tuple[float | str, str]]:
        """(what it is sorted by, as it is shown) of the quantiles; empty words where there is none."""
        return [(mm, tenths(mm)) for mm in self.spots_mm] or [("", "")] * 5


def told(rows: Sequence[Row], cases: int) -> str:
    """Median, quartiles and range in a sentence, and of how many."""
    import numpy as np

    values = [mm for row in rows if (mm := value_mm(row)) is not None]
    if not values:
        return f"none of {cases} assessable"
    low, q1, middle, q3, high = (millimetres(float(v)) for v in np.quantile(values, (0, 0.25, 0.5, 0.75, 1)))
    return f"median {middle}, quartiles {q1} to {q3}, range {low} to {high}, {len(values)} of {cases} cases"


def table(rows: Sequence[Row], limits_mm: Sequence[float]) -> list[Spread]:
    """How the distances of each margin name are spread, the whole edge first."""
    import numpy as np

    made = []
    for name, found in _by_name(rows).items():
        values = [mm for row in found if (mm := value_mm(row)) is not None]
        spots_mm = tuple(np.quantile(values, (0, 0.25, 0.5, 0.75, 1)).tolist()) if values else ()
        below = tuple(sum(mm < limit for mm in values) for limit in limits_mm)
        made.append(Spread(name, f"{len(values)} of {_of(found, rows)}", spots_mm, below))
    return made


def histograms(rows: Sequence[Row], limits_mm: Sequence[float]) -> list[tuple[str, Markup]]:
    """(margin name, histogram) of the names with two values or more."""
    made = []
    for k, (name, found) in enumerate(list(_by_name(rows).items())[:MOST]):
        values = [(mm, row.get("qualifier") in BOUNDS) for row in found if (mm := value_mm(row)) is not None]
        if len(values) > 1:
            made.append((name, _histogram(values, limits_mm, name, _of(found, rows), f"h{k}")))
    return made


def _histogram(
    values: Sequence[tuple[float, bool]], limits_mm: Sequence[float], name: str, cases: int, key: str
) -> Markup:
    width_mm = _width(max(mm for mm, _ in values))
    bins = int(max(mm for mm, _ in values) / width_mm) + 1
    known, bound = ([0] * bins, [0] * bins)
    for mm, is_bound in values:
        (bound if is_bound else known)[int(mm / width_mm)] += 1
    top = max(a + b for a, b in zip(known, bound))
    stop = max(bins * width_mm, max(limits_mm, default=0.0) * 1.05)
    plot = Plot(Axis(0.0, stop, "distance, mm"), Axis(0.0, top * 1.08, "cases", whole=True))
    for k, (n, m) in enumerate(zip(known, bound)):
        left, right = k * width_mm, (k + 1) * width_mm
        words = f"{left:g} to {right:g} mm: {n + m}"
        if n:
            plot.block(left, right, 0, n, "bar", words)
        if m:
            plot.block(left, right, n, n + m, "bound", f"{words}, {m} of them only bounds")
    for limit in limits_mm:
        plot.upright(limit, f"{limit:g} mm")
    said = f"{len(values)} of {cases} with a value, {sum(is_bound for _, is_bound in values)} of them only bounds."
    return plot.svg(f"Distances of {name}", said, key)


def _width(most_mm: float) -> float:
    """A round width of bins, at most ``BINS`` of them."""
    rough = max(most_mm, 1e-3) / BINS
    power = 10.0 ** math.floor(math.log10(rough))
    return next(k * power for k in (1, 2, 5, 10) if k * power >= rough * (1 - 1e-12))

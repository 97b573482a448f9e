"""The page of an agreement: numbers in words, plots, and every count of what was missed.

The surprising thing: none here; it only arranges.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from marginkit.agreement import plots
from marginkit.agreement.found import Agreement, Group, Pair
from marginkit.agreement.icc import WORDS
from marginkit.agreement.kappa import Kappa
from marginkit.agreement.limits import Limits
from marginkit.agreement.overlap import Overlap
from marginkit.agreement.screening import Screening, Share
from marginkit.pages import shell
from marginkit.wording import RESEARCH

FILE = "agreement.html"


def page(found: Agreement) -> bytes:
    """The page, UTF-8 HTML."""
    groups = [_group(group, k) for k, group in enumerate(found.groups)]
    masks = [(case, *_mask(one)) for case, one in found.masks.items()]
    return shell.render(
        "agreement.html",
        title=f"Agreement of {', '.join(found.readers)}",
        research=RESEARCH,
        reference=found.reference,
        groups=groups,
        masks=masks,
        dice=dice(found),
    )


def dice(found: Agreement) -> str:
    """The overlap of all masks in a sentence; empty where none were given."""
    known = [one.dice for one in found.masks.values() if one is not None]
    if not found.masks:
        return ""
    told = f"median {np.median(known):.3f}, least {min(known):.3f}" if known else "none"
    return f"Dice of {len(known)} pairs of masks: {told}; {len(found.masks) - len(known)} without a partner."


def _mask(one: Overlap | None) -> tuple[str, str, str, str]:
    if one is None:
        return "no partner", "", "", ""
    away = ("" if mm is None else f"{mm:.2f} mm" for mm in (one.mean_mm, one.p95_mm, one.most_mm))
    mean, p95, most = away
    return f"{one.dice:.3f}", mean, p95, most


def _group(group: Group, k: int) -> dict[str, Any]:
    return {
        "name": "closest margin of each case" if group.margin == "all" else f"margin {group.margin}",
        "counts": counts(group),
        "icc": [(f"{one.form}: {WORDS[one.form]}", valued(one.value, one.interval)) for one in group.correlations],
        "pairs": [_pair(pair, f"g{k}p{j}") for j, pair in enumerate(group.pairs)],
    }


def counts(group: Group) -> str:
    """How many cases there are, and how many of them every reader measured."""
    return f"{group.cases} cases, {group.complete} of them with a value of every reader"


def _pair(pair: Pair, key: str) -> dict[str, Any]:
    return {
        "name": f"{pair.readers[0]} and {pair.readers[1]}",
        "rows": rows(pair),
        "screenings": [_screening(one) for one in pair.screenings],
        "verdicts": [(policy, *verdict(one), _matrix(one)) for policy, one in pair.verdicts.items()],
        "differences": None if pair.limits is None else plots.differences(pair.pairs, pair.limits, pair.readers, key),
        "scatter": plots.scatter(pair.pairs, pair.readers, key) if pair.pairs else None,
    }


def rows(pair: Pair) -> list[tuple[str, str]]:
    """The numbers of two readers in words."""
    first, second = pair.readers
    said = [("Pairs", f"{len(pair.pairs)} of {pair.cases} cases")]
    said.append(("Without a value", f"{pair.missing[0]} by {first}, {pair.missing[1]} by {second}"))
    if pair.bounds:
        said.append(("Pairs in which a value is only a bound", f"{pair.bounds}: taken as if it were exact"))
    if pair.limits is None:
        return [*said, ("Limits of agreement", "none: fewer than three pairs")]
    return [*said, *_limits(pair.limits, first, second)]


def _limits(found: Limits, first: str, second: str) -> list[tuple[str, str]]:
    said = [
        (f"Bias ({first} − {second})", spread(found.bias_mm, found.bias_interval_mm)),
        ("Lower limit of agreement", spread(found.low_mm, found.low_interval_mm)),
        ("Upper limit of agreement", spread(found.high_mm, found.high_interval_mm)),
        ("SD of the differences", f"{found.sd_mm:.2f} mm"),
        ("SD of one reader about the mean of both", f"{found.within_sd_mm:.2f} mm"),
    ]
    if found.slope is not None:
        value, low, high = found.slope
        told = f"{value:+.3f} mm per mm (95 % {low:+.3f} to {high:+.3f})"
        grows = " The differences change with the size of the margin." if low > 0 or high < 0 else ""
        said.append(("Slope of the difference on the mean", told + grows))
    return said


def spread(value_mm: float, interval_mm: tuple[float, float]) -> str:
    """A value with its interval, mm."""
    return f"{value_mm:.2f} mm (95 % {interval_mm[0]:.2f} to {interval_mm[1]:.2f})"


def valued(value: float | None, interval: tuple[float, float] | None) -> str:
    """A pure number with its interval."""
    if value is None:
        return "none"
    return f"{value:.3f}" + ("" if interval is None else f" (95 % {interval[0]:.3f} to {interval[1]:.3f})")


def _screening(one: Screening) -> tuple[str, str, str, str]:
    missed = f"{one.missed_close} close and {one.missed_clear} clear not measured, counted as not found"
    left = f"; {one.without_reference} without a reference left out" if one.without_reference else ""
    return f"< {one.limit_mm:g} mm", shared(one.sensitivity), shared(one.specificity), missed + left


def shared(one: Share) -> str:
    """A share with what it was counted from."""
    return f"{one.hits} of {one.of}" + ("" if one.value is None else f", {valued(one.value, one.interval)}")


def verdict(one: Kappa) -> tuple[str, str]:
    """(kappa with its interval, on how many cases both say the same)."""
    weighted = "linearly weighted" if len(one.categories) > 2 else "unweighted"
    kappa = "none: all in one category" if one.value is None else f"{valued(one.value, one.interval)}, {weighted}"
    return kappa, f"{one.same[0]} of {one.of} cases the same; {one.judged} judged by both"


def _matrix(one: Kappa) -> list[tuple[str, tuple[int, ...]]]:
    return [("", ())] if not one.judged else list(zip(one.categories, one.table))

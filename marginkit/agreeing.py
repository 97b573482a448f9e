"""Two or more readers, one statistic page: paired by case and margin name, with nothing dropped in silence.

The surprising thing: margins of one case are not independent, and pooling them makes every interval too narrow. So each
margin name is compared by itself, and the closest margin (``all``) stands first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from marginkit import judging
from marginkit.agreement import readings
from marginkit.agreement.found import Agreement, Group, Pair
from marginkit.agreement.icc import correlations
from marginkit.agreement.kappa import Kappa, kappa
from marginkit.agreement.limits import limits
from marginkit.agreement.overlap import Overlap
from marginkit.agreement.readings import Key, Reader
from marginkit.agreement.screening import screening
from marginkit.errors import AgreementError, UsageError

Source: TypeAlias = str | Path | Mapping[Any, float | None]
BOUNDS = ("at_most", "at_least")


def agree(
    first: Source,
    *others: Source,
    thresholds_mm: Sequence[float] = (1.0, 5.0),
    reference: bool = True,
    names: Sequence[str] = (),
    masks: Mapping[str, Overlap | None] | None = None,
) -> Agreement:
    """Agreement of two or more readers or methods, paired by case and margin name.

    Parameters
    ----------
    first, others : a CSV with ``case``, ``margin``, ``value_mm``; a folder that ``batch`` wrote; or a mapping of case,
        or (case, margin), to mm or None.
    thresholds_mm : a margin nearer than this is close; for sensitivity and specificity.
    reference : whether the first is what the others are judged against.
    names : of the readers, for the output. masks : what ``agreement.overlap`` found, by case.

    Raises
    ------
    AgreementError : a table cannot be used (E-AGR-01 to 03), or fewer than two were given (E-AGR-04).

    Examples
    --------
    >>> a = {"p1": 1.0, "p2": 4.0, "p3": 7.0, "p4": 2.0}
    >>> b = {"p1": 1.5, "p2": 4.5, "p3": 7.5, "p4": None}
    >>> found = agree(a, b).all.pairs[0]
    >>> found.limits.bias_mm, found.cases, found.missing
    (-0.5, 4, (0, 1))
    """
    if not others:
        raise AgreementError("E-AGR-04", "one reader agrees with himself", remedy="Give two tables or more.")
    readers = _named([_reader(source, k) for k, source in enumerate((first, *others))], names)
    margins = sorted({margin for reader in readers for _, margin in reader.readings}, key=lambda m: (m != "all", m))
    if not margins:
        raise AgreementError("E-AGR-01", "no table of readings", cause="none of them has a row")
    groups = tuple(_group(margin, readers, tuple(thresholds_mm), reference) for margin in margins)
    known = tuple(reader.name for reader in readers)
    return Agreement(known, known[0] if reference else "", groups, dict(masks or {}))


def _reader(source: Source, k: int) -> Reader:
    if isinstance(source, Mapping):
        return readings.of_mapping("AB"[k] if k < 2 else f"reader {k + 1}", source)
    return readings.read(source)


def _named(readers: list[Reader], names: Sequence[str]) -> list[Reader]:
    """Readers under names that differ."""
    if len(names) > len(readers):
        raise UsageError("E-USE-20", "more names than readers", cause=f"{len(names)} for {len(readers)} tables")
    wanted = [*names, *(reader.name for reader in readers[len(names) :])]
    twice = {name for name in wanted if wanted.count(name) > 1}
    told = [f"{name} ({k + 1})" if name in twice else name for k, name in enumerate(wanted)]
    return [Reader(name, reader.readings) for name, reader in zip(told, readers)]


def _group(margin: str, readers: list[Reader], thresholds_mm: tuple[float, ...], reference: bool) -> Group:
    keys = sorted({key for reader in readers for key in reader.readings if key[1] == margin})
    table = [[_value(reader, key) for reader in readers] for key in keys]
    complete = [row for row in table if None not in row]
    pairs = tuple(
        _pair(a, b, keys, thresholds_mm if reference and a is readers[0] else ()) for a, b in combinations(readers, 2)
    )
    found = correlations(np.array(complete, np.float64)) if complete else ()
    return Group(margin, len(keys), len(complete), found, pairs)


def _value(reader: Reader, key: Key) -> float | None:
    reading = reader.readings.get(key)
    return None if reading is None else reading.value_mm


def _pair(a: Reader, b: Reader, keys: Sequence[Key], thresholds_mm: tuple[float, ...]) -> Pair:
    first, second = ([_value(reader, key) for key in keys] for reader in (a, b))
    both = [(key, x, y) for key, x, y in zip(keys, first, second) if x is not None and y is not None]
    return Pair(
        readers=(a.name, b.name),
        pairs=tuple((key[0], x, y) for key, x, y in both),
        cases=len(keys),
        missing=(first.count(None), second.count(None)),
        bounds=sum(any(r.readings[key].qualifier in BOUNDS for r in (a, b)) for key, _, _ in both),
        limits=limits(np.array([x for _, x, _ in both]), np.array([y for _, _, y in both])),
        screenings=tuple(screening(first, second, mm) for mm in thresholds_mm),
        verdicts=_verdicts(a, b, keys),
    )


def _verdicts(a: Reader, b: Reader, keys: Sequence[Key]) -> dict[str, Kappa]:
    """Kappa of each policy that both readers know."""
    names = [{p for key in keys if key in r.readings for p in r.readings[key].verdicts} for r in (a, b)]
    found = {}
    for policy in sorted(names[0] & names[1]):
        first, second = ([_category(r, key, policy) for key in keys] for r in (a, b))
        found[policy] = kappa(first, second, _categories(policy, {c for c in (*first, *second) if c}))
    return found


def _category(reader: Reader, key: Key, policy: str) -> str | None:
    reading = reader.readings.get(key)
    return None if reading is None else reading.verdicts.get(policy)


def _categories(policy: str, seen: set[str]) -> list[str]:
    """Categories in their order: as the policy has them, from small margins to large; others by the alphabet."""
    known = judging.policies().get(policy)
    levels = sorted(known.levels, key=lambda level: level.range.low_mm) if known else []
    ordered = list(dict.fromkeys(level.label for level in levels))
    return [*ordered, *sorted(seen - set(ordered))]

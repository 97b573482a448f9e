"""Agreement of two readers on ordered categories: weighted kappa with its interval.

The surprising thing: a case that one reader could not judge is no agreement. It is left out of kappa, which knows only
pairs of categories, and therefore counted beside it, in the share of *all* cases on which both say the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marginkit.records import Floats

Z = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Kappa:
    """Linearly weighted kappa of two readers; of two categories the plain one.

    value, interval : None where all cases fall into one category. same : share of all cases on which both give one and
    the same category. judged : cases that both put into a category. of : all cases. table : counts, first by second.
    """

    categories: tuple[str, ...]
    value: float | None
    interval: tuple[float, float] | None
    same: tuple[int, int]
    judged: int
    table: tuple[tuple[int, ...], ...]

    @property
    def of(self) -> int:
        """All cases, with those that one reader or both could not judge."""
        return self.same[1]


def kappa(first: Sequence[str | None], second: Sequence[str | None], categories: Sequence[str]) -> Kappa:
    """Kappa of paired categories, None where a reader gave none; ``categories`` in their order."""
    place = {name: k for k, name in enumerate(categories)}
    table = np.zeros((len(place), len(place)), np.int64)
    for a, b in zip(first, second, strict=True):
        if a in place and b in place:
            table[place[a], place[b]] += 1
    value, interval = weighted(table)
    counts = tuple(tuple(int(n) for n in row) for row in table)
    return Kappa(tuple(categories), value, interval, (int(np.trace(table)), len(first)), int(table.sum()), counts)


def weighted(
    table: Floats | np.ndarray[tuple[int, int], np.dtype[np.int64]],
) -> tuple[float | None, tuple[float, float] | None]:
    """Linearly weighted kappa of a table of counts, and its interval (Fleiss, Cohen and Everitt 1969).

    doi:10.1037/h0028106
    """
    total, size = float(table.sum()), len(table)
    if total == 0 or size < 2:
        return None, None
    share = np.asarray(table, np.float64) / total
    rows, columns = share.sum(1), share.sum(0)
    steps = np.abs(np.subtract.outer(np.arange(size), np.arange(size)))
    weight = 1 - steps / (size - 1)
    seen, chance = float((weight * share).sum()), float(rows @ weight @ columns)
    if math.isclose(chance, 1.0):
        return None, None
    value = (seen - chance) / (1 - chance)
    means = np.add.outer(weight @ columns, rows @ weight)
    spread = (share * (weight - means * (1 - value)) ** 2).sum() - (value - chance * (1 - value)) ** 2
    reach = Z * math.sqrt(max(float(spread), 0.0) / total) / (1 - chance)
    return value, (max(-1.0, value - reach), min(1.0, value + reach))

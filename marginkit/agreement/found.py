"""What readers were found to agree on: groups by margin name, pairs of readers, and all of it as plain JSON.

The surprising thing: every count of cases that were missed travels with the statistic that could not use them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from marginkit.agreement.icc import WORDS, Correlation
from marginkit.agreement.kappa import Kappa
from marginkit.agreement.limits import Limits
from marginkit.agreement.overlap import Overlap
from marginkit.agreement.screening import Screening, Share

SCHEMA = "marginkit.agreement/1"


@dataclass(frozen=True)
class Pair:
    """Two readers on one margin name.

    pairs : (case, first, second) where both have a value, mm. cases : all. missing : of the first, of the second.
    bounds : pairs in which a value is only a bound. screenings : the second against the first; empty unless the first
    is the reference.
    """

    readers: tuple[str, str]
    pairs: tuple[tuple[str, float, float], ...]
    cases: int
    missing: tuple[int, int]
    bounds: int
    limits: Limits | None
    screenings: tuple[Screening, ...]
    verdicts: Mapping[str, Kappa]

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            **asdict(self),
            "pairs": [{"case": case, "first_mm": x, "second_mm": y} for case, x, y in self.pairs],
            "screenings": [_screening(one) for one in self.screenings],
            "verdicts": {policy: _kappa(one) for policy, one in self.verdicts.items()},
        }


@dataclass(frozen=True)
class Group:
    """All readers on one margin name. complete : cases with a value of every reader."""

    margin: str
    cases: int
    complete: int
    correlations: tuple[Correlation, ...]
    pairs: tuple[Pair, ...]

    def document(self) -> dict[str, Any]:
        """As JSON."""
        whole = {"margin": self.margin, "cases": self.cases, "complete": self.complete}
        icc = [{**asdict(one), "words": WORDS[one.form]} for one in self.correlations]
        return {**whole, "icc": icc, "pairs": [pair.document() for pair in self.pairs]}


@dataclass(frozen=True)
class Agreement:
    """Readers, the reference among them (empty: none), a group a margin name, masks by case (None: one is missing)."""

    readers: tuple[str, ...]
    reference: str
    groups: tuple[Group, ...]
    masks: Mapping[str, Overlap | None]

    @property
    def all(self) -> Group:
        """The closest margin of each case; of tables that lack it, the first margin name."""
        return self.groups[0]

    def document(self) -> dict[str, Any]:
        """As JSON."""
        head = {"schema": SCHEMA, "readers": list(self.readers), "reference": self.reference or None}
        masks = {case: None if one is None else asdict(one) for case, one in self.masks.items()}
        return {**head, "groups": [group.document() for group in self.groups], "masks": masks}


def _screening(one: Screening) -> dict[str, Any]:
    return {**asdict(one), "sensitivity": _share(one.sensitivity), "specificity": _share(one.specificity)}


def _share(one: Share) -> dict[str, Any]:
    return {"value": one.value, **asdict(one)}


def _kappa(one: Kappa) -> dict[str, Any]:
    return {**asdict(one), "same": one.same[0], "of": one.of, "weights": "linear"}

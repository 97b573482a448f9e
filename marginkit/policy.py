"""A policy: a published rule that turns a margin and its context into a category. Data only, read from TOML.

The surprising thing: operator and limit belong together. ``> 1`` and ``>= 1`` are different policies, and the levels
of one must cover every margin from 0 upwards exactly once in every context, which is checked when a policy is built.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from math import inf, isfinite
from pathlib import Path
from typing import Any

from marginkit.errors import PolicyError
from marginkit.records import STATES

LARGEST_FILE = 1 << 16
CONTEXT = ("radiotherapy", "barrier", "macroscopic_residual")
REFERENCES = ("tumor", "reactive zone")
OPERATORS = (">=", "<=", ">", "<", "=")


@dataclass(frozen=True, slots=True)
class Range:
    """Margins from ``low_mm`` to ``high_mm``; each end belongs to it or not."""

    low_mm: float
    low_in: bool
    high_mm: float
    high_in: bool

    def holds(self, value_mm: float) -> bool:
        """Whether a margin is in the range.

        >>> parse_range(">= 1, <= 5").holds(5.0), parse_range("> 5").holds(5.0)
        (True, False)
        """
        above = value_mm > self.low_mm or (self.low_in and value_mm == self.low_mm)
        below = value_mm < self.high_mm or (self.high_in and value_mm == self.high_mm)
        return above and below

    def meets(self, low_mm: float, high_mm: float) -> bool:
        """Whether a margin between ``low_mm`` and ``high_mm``, both included, can be in the range.

        >>> parse_range("> 0, <= 5").meets(0.0, 6.0), parse_range("> 5").meets(0.0, 5.0)
        (True, False)
        """
        reached = high_mm > self.low_mm or (self.low_in and high_mm == self.low_mm)
        left = low_mm < self.high_mm or (self.high_in and low_mm == self.high_mm)
        return reached and left


def parse_range(text: str) -> Range:
    """The range of a text such as ``>= 1, <= 5``, ``> 0`` or ``= 0``; without a lower limit it begins at 0."""
    low_mm, low_in, high_mm, high_in = 0.0, True, inf, True
    for part in text.split(","):
        operator = next((o for o in OPERATORS if part.strip().startswith(o)), None)
        try:
            limit_mm = float(part.strip()[len(operator or "") :])
        except ValueError:
            limit_mm = -1.0
        if operator is None or not isfinite(limit_mm) or limit_mm < 0:
            raise PolicyError(
                "E-POL-01",
                f"margin_mm {text!r} is no range",
                remedy="Write comparisons with >, >=, <, <= or =, in mm: '>= 1, <= 5'.",
            )
        if operator in (">", ">=", "="):
            low_mm, low_in = limit_mm, operator != ">"
        if operator in ("<", "<=", "="):
            high_mm, high_in = limit_mm, operator != "<"
    return Range(low_mm, low_in, high_mm, high_in)


@dataclass(frozen=True, slots=True)
class PolicyLevel:
    """One category of a policy: its label, its range, and the context in which it applies."""

    label: str
    rule: str
    range: Range
    when: Mapping[str, bool] = field(default_factory=dict)

    def applies(self, context: Mapping[str, bool]) -> bool:
        """Whether it is a level in this context."""
        return all(context.get(name) == wanted for name, wanted in self.when.items())


@dataclass(frozen=True, slots=True)
class Policy:
    """A rule with its source.

    domain : organ and histology, in words. states : specimen states that it was made for.
    assume : context that holds unless the user says otherwise. barriers : types that count, empty for all.
    counts_as_mm : kind of barrier -> width of tissue that it counts as.
    """

    id: str
    title: str
    citation: str
    reference: str
    levels: tuple[PolicyLevel, ...]
    note: str = ""
    organ: str = "any"
    histology: str = "any"
    states: tuple[str, ...] = STATES
    assume: Mapping[str, bool] = field(default_factory=dict)
    barriers: tuple[str, ...] = ()
    counts_as_mm: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for context in self.contexts():
            _check_cover(self.id, [level for level in self.levels if level.applies(context)], context)

    @property
    def needs(self) -> tuple[str, ...]:
        """Context that decides which levels apply, without what is assumed."""
        return tuple(name for name in CONTEXT if any(name in level.when for level in self.levels))

    def contexts(self) -> list[dict[str, bool]]:
        """Every context that the policy tells apart."""
        return [dict(zip(self.needs, values)) for values in product((False, True), repeat=len(self.needs))]

    def level(self, value_mm: float, context: Mapping[str, bool]) -> PolicyLevel:
        """The level of a margin."""
        return next(level for level in self.levels if level.applies(context) and level.range.holds(value_mm))


def told(policy: Policy) -> dict[str, Any]:
    """A policy with its citation and domain in plain words, as JSON knows them."""
    levels = []
    for level in policy.levels:
        when = ", ".join(f"{name.replace('_', ' ')} {'yes' if value else 'no'}" for name, value in level.when.items())
        levels.append(f"{level.label}: {level.rule} mm{f' ({when})' if when else ''}")
    return {
        "id": policy.id,
        "title": policy.title,
        "citation": policy.citation,
        "note": policy.note,
        "reference": policy.reference,
        "organ": policy.organ,
        "histology": policy.histology,
        "states": list(policy.states),
        "needs": list(policy.needs),
        "levels": levels,
    }


def _check_cover(name: str, levels: list[PolicyLevel], context: Mapping[str, bool]) -> None:
    """Refuses levels that leave a margin without a category or give it two."""
    where = f" where {', '.join(f'{k} is {v}'.lower() for k, v in context.items())}" if context else ""
    reached_mm, reached_in = 0.0, False
    for level in sorted(levels, key=lambda level: (level.range.low_mm, not level.range.low_in)):
        span = level.range
        if span.low_mm > reached_mm or (span.low_mm == reached_mm and not span.low_in and not reached_in):
            raise PolicyError("E-POL-02", f"policy {name} has a gap", cause=f"before {level.rule} mm{where}")
        if span.low_mm < reached_mm or (span.low_in and reached_in):
            raise PolicyError("E-POL-02", f"policy {name} has overlapping levels", cause=f"{level.rule} mm{where}")
        reached_mm, reached_in = span.high_mm, span.high_in
    if reached_mm != inf:
        raise PolicyError("E-POL-02", f"policy {name} has a gap", cause=f"above {reached_mm:g} mm{where}")


def read_policy(path: str | Path) -> Policy:
    """The policy of a TOML file. PolicyError E-POL-01 where it cannot be read, E-POL-02 for gaps and overlaps."""
    path = Path(path)
    try:
        with path.open("rb") as stream:
            raw = stream.read(LARGEST_FILE + 1)
        if len(raw) > LARGEST_FILE:
            raise PolicyError("E-POL-01", "policy is too long", cause=f"more than {LARGEST_FILE} bytes")
        return _policy(tomllib.loads(raw.decode("utf-8")))
    except PolicyError as error:
        raise error.about(path) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, OSError) as error:
        raise PolicyError("E-POL-01", "policy cannot be read", cause=str(error), file=path) from error
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        told = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
        raise PolicyError("E-POL-01", "policy is incomplete", cause=told, file=path) from error


KNOWN = {"id", "title", "citation", "note", "reference", "domain", "levels", "assume", "barriers", "counts_as_mm"}


def _policy(table: Mapping[str, Any]) -> Policy:
    strange = sorted(set(table) - KNOWN)
    if strange:
        raise PolicyError("E-POL-01", f"unknown keys {strange[:5]}", remedy=f"Known are {', '.join(sorted(KNOWN))}.")
    domain = table.get("domain", {})
    states = tuple(domain.get("states", STATES))
    if table["reference"] not in REFERENCES or not set(states) <= set(STATES):
        raise PolicyError(
            "E-POL-01",
            "unknown reference line or specimen state",
            remedy=f"Known are {', '.join(REFERENCES)}; {', '.join(STATES)}.",
        )
    return Policy(
        id=_word(table["id"]),
        title=_word(table["title"]),
        citation=_word(table["citation"]),
        note=str(table.get("note", "")),
        reference=table["reference"],
        organ=str(domain.get("organ", "any")),
        histology=str(domain.get("histology", "any")),
        states=states,
        levels=tuple(_level(level) for level in table["levels"]),
        assume=_context(table.get("assume", {})),
        barriers=tuple(str(kind) for kind in table.get("barriers", ())),
        counts_as_mm={str(k): float(v) for k, v in table.get("counts_as_mm", {}).items()},
    )


def _word(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"wanted a text, got {value!r}")
    return value


def _level(table: Mapping[str, Any]) -> PolicyLevel:
    rule = _word(table["margin_mm"])
    return PolicyLevel(_word(table["label"]), rule, parse_range(rule), _context(table.get("when", {})))


def _context(table: Mapping[str, Any]) -> dict[str, bool]:
    strange = [name for name, value in table.items() if name not in CONTEXT or not isinstance(value, bool)]
    if strange:
        raise PolicyError(
            "E-POL-01", f"unknown context {strange[:3]}", remedy=f"Known are {', '.join(CONTEXT)}, each true or false."
        )
    return dict(table)

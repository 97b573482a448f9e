"""A policy: a published rule that turns a margin and its context into a category, as checked data.

The surprising thing: a limit is a *place between numbers*. "< 5 mm" ends just before 5 and "> 5 mm" begins just after
it, so the levels of a policy must meet without a gap or an overlap at 5 itself, for every combination of conditions;
a policy that leaves a distance without an answer, or with two, cannot be built.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Literal, TypeAlias, cast

from marginkit.errors import PolicyError

Operator: TypeAlias = Literal["=", ">", ">=", "<", "<="]
Line: TypeAlias = Literal["tumor", "reactive zone"]
Cut: TypeAlias = tuple[float, int]  # (mm, 0): just before that distance; (mm, 1): just after it

OPERATORS: tuple[Operator, ...] = ("=", ">", ">=", "<", "<=")
LINES: tuple[Line, ...] = ("tumor", "reactive zone")
STATES = ("fresh", "fixed", "slide", "in-vivo")
_SHOWN = {"=": "=", ">": ">", ">=": "≥", "<": "<", "<=": "≤"}


def _refuse(code: str, what: str, cause: str = "") -> PolicyError:
    return PolicyError(code, what, cause=cause, remedy="Correct the policy.")


def _check_limit(operator: str | None, mm: float | None, label: str) -> None:
    if operator not in OPERATORS:
        raise _refuse(
            "E-POL-01", f"unknown operator {operator!r}", f"level {label!r}; known are {', '.join(OPERATORS)}"
        )
    if isinstance(mm, bool) or not isinstance(mm, (int, float)) or not math.isfinite(mm) or mm < 0:
        raise _refuse("E-POL-01", "impossible limit", f"level {label!r} has mm = {mm!r}")


@dataclass(frozen=True, slots=True)
class Level:
    """One category of a policy and the distances that belong to it.

    label : the category. operator, mm : one limit; a level between two limits has ``upper_operator`` and ``upper_mm``
        too (``> 1`` and ``<= 5``). conditions : the context under which the level holds, name -> yes or no.
    clear : whether the label says that tumor was cleared, which is only ever known for the planes examined.
    note : a clause that is said with each verdict of this level.

    >>> Level("close", ">=", 1.0, upper_operator="<=", upper_mm=5.0).rule
    '≥ 1 and ≤ 5 mm'
    """

    label: str
    operator: Operator
    mm: float
    upper_operator: Operator | None = None
    upper_mm: float | None = None
    conditions: Mapping[str, bool] = field(default_factory=dict)
    clear: bool = False
    note: str = ""

    def __post_init__(self) -> None:
        if not self.label.strip() or " or " in self.label:
            raise _refuse("E-POL-01", "unusable label", f"{self.label!r} is empty or holds ' or '")
        _check_limit(self.operator, self.mm, self.label)
        if self.upper_operator is not None or self.upper_mm is not None:
            _check_limit(self.upper_operator, self.upper_mm, self.label)
            if self.operator not in {">", ">="} or self.upper_operator not in {"<", "<="}:
                raise _refuse("E-POL-01", "limits do not enclose a range", f"level {self.label!r}: {self.rule}")
        if not self.start < self.end:
            raise _refuse("E-POL-02", "empty level", f"no distance is {self.rule} ({self.label!r})")
        object.__setattr__(self, "conditions", dict(self.conditions))

    @property
    def start(self) -> Cut:
        """Where the level begins."""
        if self.operator in {"<", "<="}:
            return (0.0, 0)
        return (float(self.mm), int(self.operator == ">"))

    @property
    def end(self) -> Cut:
        """Where the level ends."""
        if self.operator in {"<", "<=", "="}:
            return (float(self.mm), int(self.operator != "<"))
        if self.upper_mm is None:
            return (math.inf, 1)
        return (float(self.upper_mm), int(self.upper_operator == "<="))

    @property
    def limited(self) -> bool:
        """Whether some distance does not belong to the level."""
        return self.start > (0.0, 0) or math.isfinite(self.end[0])

    @property
    def rule(self) -> str:
        """The limits in words, e.g. ``≥ 5 mm``."""
        if not self.limited:
            return "any distance"
        upper = "" if self.upper_mm is None else f" and {_SHOWN[str(self.upper_operator)]} {self.upper_mm:g}"
        return f"{_SHOWN[self.operator]} {self.mm:g}{upper} mm"

    def holds(self, value_mm: float) -> bool:
        """Whether the level holds this distance, unrounded."""
        return self.meets(value_mm, value_mm)

    def meets(self, low_mm: float, high_mm: float) -> bool:
        """Whether the level holds a distance of the closed interval from ``low_mm`` to ``high_mm``."""
        return self.start <= (high_mm, 0) and (low_mm, 1) <= self.end

    def fits(self, context: Mapping[str, bool]) -> bool:
        """Whether the level speaks in this context."""
        return all(context[name] == wanted for name, wanted in self.conditions.items())


@dataclass(frozen=True, slots=True)
class Domain:
    """What a policy was made for.

    states : specimen states that it may judge; empty: any. radiotherapy : True where it speaks only of patients who
    have it; None where it does not matter or is a condition of the levels.
    """

    organ: str = ""
    histology: str = ""
    states: tuple[str, ...] = ()
    radiotherapy: bool | None = None

    def __post_init__(self) -> None:
        if strange := [state for state in self.states if state not in STATES]:
            raise _refuse("E-POL-01", f"unknown specimen state {strange[0]!r}", f"known are {', '.join(STATES)}")


@dataclass(frozen=True, slots=True)
class Policy:
    """A published rule as data, checked when built.

    source : where it can be read, e.g. ``doi:10.1038/s41379-019-0278-9``. reference_line : what the distance is
    measured from. needs : context that the levels ask for, e.g. ``radiotherapy``.
    barrier_types : barriers that answer the condition ``barrier``. barrier_mm : what a barrier counts, in mm of
    tissue, by the user's word for it. user_words : categories that only the user can give, e.g. ``R2``.
    origin : ``marginkit``, or the name of the user's file.
    """

    id: str
    title: str
    citation: str
    source: str
    domain: Domain
    levels: tuple[Level, ...]
    reference_line: Line = "tumor"
    needs: tuple[str, ...] = ()
    barrier_types: tuple[str, ...] = ()
    barrier_mm: Mapping[str, float] = field(default_factory=dict)
    user_words: tuple[str, ...] = ()
    note: str = ""
    origin: str = "marginkit"

    def __post_init__(self) -> None:
        if not self.id or not all(c.isascii() and (c.isalnum() or c in "-._") for c in self.id):
            raise _refuse("E-POL-01", "unusable id", f"{self.id!r}: letters, digits, '-', '.' and '_' only")
        if self.reference_line not in LINES:
            raise _refuse(
                "E-POL-01", f"unknown reference line {self.reference_line!r}", f"known are {', '.join(LINES)}"
            )
        if strange := {name for level in self.levels for name in level.conditions} - set(self.needs):
            raise _refuse("E-POL-01", "condition that is not in needs", ", ".join(sorted(strange)))
        if len(self.needs) > 6:
            raise _refuse("E-POL-01", "too many conditions", f"{len(self.needs)}, at most 6")
        for name, mm in self.barrier_mm.items():
            _check_limit(">", mm, name)
        object.__setattr__(self, "barrier_mm", dict(self.barrier_mm))
        for context in self.contexts({}):
            _check_partition(self.levels_in(context), context)

    @property
    def limits_mm(self) -> tuple[float, ...]:
        """Every distance at which the answer changes, ascending, each once."""
        cuts = {cut[0] for level in self.levels for cut in (level.start, level.end)}
        return tuple(sorted(mm for mm in cuts if math.isfinite(mm)))

    def contexts(self, known: Mapping[str, bool | None]) -> Iterator[dict[str, bool]]:
        """Every full context that agrees with what is known."""
        choices = [(True, False) if known.get(name) is None else (cast(bool, known[name]),) for name in self.needs]
        for values in product(*choices):
            yield dict(zip(self.needs, values))

    def levels_in(self, context: Mapping[str, bool]) -> tuple[Level, ...]:
        """The levels that speak in a full context, nearest first."""
        return tuple(level for level in self.levels if level.fits(context))


def _check_partition(levels: tuple[Level, ...], context: Mapping[str, bool]) -> None:
    """Refuses levels that do not follow one another from 0 to infinity without gap or overlap."""
    where = "".join(f", {name} {'yes' if value else 'no'}" for name, value in context.items())
    reached: Cut = (0.0, 0)
    for level in levels:
        if level.start > reached:
            gap = f"nothing between {_place(reached)} and {_place(level.start)}{where}"
            raise _refuse("E-POL-02", "gap between levels", gap)
        if level.start < reached:
            cause = (
                f"{level.label!r} ({level.rule}) begins {_place(level.start)}, levels reached {_place(reached)}{where}"
            )
            raise _refuse("E-POL-02", "levels overlap or are not in ascending order", cause)
        reached = level.end
    if math.isfinite(reached[0]):
        raise _refuse("E-POL-02", "gap between levels", f"nothing {_place(reached)} and beyond{where}")


def _place(cut: Cut) -> str:
    return f"{'just after' if cut[1] else 'at'} {cut[0]:g} mm"

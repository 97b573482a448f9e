"""Margins and a policy to a verdict. Knows operators and context, no thresholds.

The surprising thing: a verdict speaks of an interval, not of a number. It is certain only where both ends of the
interval lie in one level, and context that was not given is never guessed: the verdict names what it would be either
way.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import TypeAlias

from marginkit import sampling
from marginkit.errors import PolicyError
from marginkit.policy import Policy, read_policy
from marginkit.records import Margin, Margins, State, Verdict
from marginkit.wording import millimetres, shown

OWN_FOLDER = Path(__file__).with_name("policies")
Context: TypeAlias = tuple[tuple[str, bool], ...]
SAID = {
    "radiotherapy": ("with radiotherapy", "without radiotherapy"),
    "barrier": ("with a border structure in the margin", "without one"),
    "macroscopic_residual": ("with macroscopic residual tumor", "without macroscopic residual tumor"),
}


def policies(folder: str | Path | None = None) -> dict[str, Policy]:
    """Every policy by id: marginkit's own, those of ``folder``, and of ``policies/`` under MARGINKIT_SHELF.

    Raises
    ------
    PolicyError : E-POL-01, E-POL-02 a file cannot be used; E-POL-03 two policies of one id.
    """
    shelf = os.environ.get("MARGINKIT_SHELF")
    folders = [OWN_FOLDER, *([Path(folder)] if folder else []), *([Path(shelf) / "policies"] if shelf else [])]
    found: dict[str, Policy] = {}
    for file in (file for one in folders for file in sorted(one.glob("*.toml"))):
        policy = read_policy(file)
        if policy.id in found:
            raise PolicyError("E-POL-03", f"two policies are called {policy.id}", file=file)
        found[policy.id] = policy
    return found


def find(policy: str, folder: str | Path | None = None) -> Policy:
    """The policy of that id, or of the TOML file of that name; E-POL-04 lists the ids there are."""
    if policy.endswith(".toml"):
        return read_policy(policy)
    known = policies(folder)
    if policy not in known:
        raise PolicyError("E-POL-04", f"no policy {policy!r}", remedy=f"There are {', '.join(sorted(known))}.")
    return known[policy]


def judge(
    margins: Margins,
    policy: str | Policy,
    *,
    radiotherapy: bool | None = None,
    state: str | None = None,
    margin: str = "all",
    reference: str = "tumor",
    macroscopic_residual: bool | None = None,
) -> Verdict:
    """What a policy says of a margin.

    Parameters
    ----------
    policy : id, TOML file, or a ``Policy``.
    radiotherapy : adjuvant radiotherapy; None where it is not known.
    state : of the specimen; None takes that of the measurement.
    margin : name of the margin to judge.
    reference : what the distance was measured from: ``tumor`` or ``reactive zone``.
    macroscopic_residual : tumor left in the patient, which no image of the specimen shows.

    Returns
    -------
    Verdict. ``certain``, ``indeterminate`` where the interval straddles a limit, ``not_assessable`` where an input
    that decides is missing; then the category names what it would be either way.

    Examples
    --------
    >>> import numpy as np
    >>> from marginkit.measuring import measure
    >>> specimen = np.zeros((40, 40), bool)
    >>> specimen[2:38, 2:38] = True
    >>> tumor = np.zeros_like(specimen)
    >>> tumor[5:9, 18:22] = True
    >>> m = measure(tumor, specimen, (1, 1))
    >>> judge(m, "uicc-r-plus-1mm").category
    'R0'
    >>> judge(m, "sarcoma-cates-2019").reason
    'radiotherapy was not given: without radiotherapy inadequate, with radiotherapy adequate.'
    """
    rule = policy if isinstance(policy, Policy) else find(policy)
    for name, value in (("radiotherapy", radiotherapy), ("macroscopic_residual", macroscopic_residual)):
        if value is not None and not isinstance(value, bool):
            raise TypeError(f"{name}: wanted True, False or None, got {value!r}")
    return _Case(margins, rule, _named(margins, margin), state or margins.state, reference).verdict(
        {"radiotherapy": radiotherapy, "macroscopic_residual": macroscopic_residual}
    )


def _named(margins: Margins, name: str) -> Margin:
    found = next((one for one in margins.margins if one.name == name), None)
    if found is None:
        names = ", ".join(one.name for one in margins.margins)
        raise PolicyError("E-POL-05", f"no margin is called {name!r}", remedy=f"There are {names}.")
    return found


@dataclass(frozen=True)
class _Case:
    """One margin before one policy."""

    margins: Margins
    policy: Policy
    margin: Margin
    state: str | None
    reference: str

    def verdict(self, given: Mapping[str, bool | None]) -> Verdict:
        """The verdict in the context that was given."""
        withheld = self._withheld()
        if withheld:
            return self._said("", "not_assessable", withheld)
        context = {name: self._known(name, given) for name in self.policy.needs}
        missing = [name for name, value in context.items() if value is None]
        answers = {
            tuple(case.items()): self._labels(case)
            for case in self.policy.contexts()
            if all(context[name] in (None, value) for name, value in case.items())
        }
        if len(set(answers.values())) > 1:
            return self._either_way(missing, answers)
        return self._decided(next(iter(answers.values())), list(answers))

    def _said(self, category: str, state: State, reason: str) -> Verdict:
        return Verdict(self.policy.id, category, state, f"{reason}.", self.margin.name)

    def _withheld(self) -> str:
        """Why the policy cannot speak at all; empty where it can."""
        if self.margin.value_mm is None:
            return self.margin.reason
        if self.margins.region == "signal" and self.policy.reference == "tumor":
            return "the distance is that of fluorescent signal, and the policy speaks of tumor"
        if self.policy.reference != self.reference:
            return f"the policy counts from the {self.policy.reference}, and this is from the {self.reference}"
        if self.state is not None and self.state not in self.policy.states:
            return f"the specimen is {self.state}, and the policy was made for {' or '.join(self.policy.states)}"
        kind = self.margin.behind_barrier
        if self.policy.counts_as_mm and kind is not None and kind not in self.policy.counts_as_mm:
            return f"barrier {kind} is none of those that the policy counts: {', '.join(self.policy.counts_as_mm)}"
        return ""

    def _known(self, name: str, given: Mapping[str, bool | None]) -> bool | None:
        if name == "barrier":
            return self._barrier()
        value = given.get(name)
        return self.policy.assume.get(name) if value is None else value

    def _barrier(self) -> bool | None:
        """Whether a barrier that the policy counts lies in the margin; None where none was drawn."""
        if not self.margins.barriers:
            return None
        whole = {one.type for one in self.margins.barriers if not one.breached}
        counts = set(self.policy.barriers) or whole
        return self.margin.behind_barrier in whole & counts

    def _interval(self) -> tuple[float, float]:
        """The interval that the verdict speaks of, with barriers counted as the policy does."""
        assert self.margin.interval_mm is not None
        low, high = self.margin.interval_mm
        if self.margin.qualifier == "at_least":
            high = inf
        if self.margin.qualifier == "touching" and high < self._least_limit():
            high = 0.0  # tumor is at the edge: how far it would be elsewhere within a pixel decides nothing
        extra = self.policy.counts_as_mm.get(self.margin.behind_barrier or "", 0.0)
        return low + extra, high + extra

    def _least_limit(self) -> float:
        limits = [end for level in self.policy.levels for end in (level.range.low_mm, level.range.high_mm)]
        return min((end for end in limits if end > 0), default=inf)

    def _labels(self, context: Mapping[str, bool]) -> tuple[str, ...]:
        """Labels of the levels that the interval meets, from small margins to large."""
        low, high = self._interval()
        levels = [level for level in self.policy.levels if level.applies(context)]
        met = [
            level
            for level in sorted(levels, key=lambda level: (level.range.low_mm, not level.range.low_in))
            if level.range.meets(low, high)
        ]
        return tuple(dict.fromkeys(level.label for level in met))

    def _either_way(self, missing: list[str], answers: Mapping[Context, tuple[str, ...]]) -> Verdict:
        told = []
        for case, labels in answers.items():
            said = ", ".join(SAID[name][0 if value else 1] for name, value in case if name in missing)
            told.append(f"{said} {' or '.join(labels)}")
        category = " or ".join(dict.fromkeys(label for labels in answers.values() for label in labels))
        reason = f"{' and '.join(name.replace('_', ' ') for name in missing)} was not given: {', '.join(told)}"
        return self._said(category, "not_assessable", reason)

    def _decided(self, labels: tuple[str, ...], contexts: list[Context]) -> Verdict:
        """The verdict that holds in every context that is still possible."""
        low, high = self._interval()
        told = "tumor is at the edge" if self.margin.qualifier == "touching" else f"margin {shown(self.margin)}"
        if len(labels) > 1:
            between = f"{millimetres(low)} to {millimetres(high)}" if high < inf else f"from {millimetres(low)}"
            reason = f"{told}, but it may be {between}: a limit lies between"
            return self._said(" or ".join(labels), "indeterminate", reason)
        rules = " and ".join(dict.fromkeys(self._rule(labels[0], context) for context in contexts))
        return self._said(labels[0], "certain", f"{told}, {labels[0]} is {rules}{self._planes()}")

    def _rule(self, label: str, context: Context) -> str:
        """The rule of a label, with the context that it holds in."""
        levels = (level for level in self.policy.levels if level.label == label and level.applies(dict(context)))
        spoken = [(name, value) for name, value in context if self.policy.assume.get(name) != value]
        words = "".join(f" {SAID[name][0 if value else 1]}" for name, value in spoken)
        return f"{next(levels).rule} mm{words}"

    def _planes(self) -> str:
        """What was looked at, since no image shows the whole edge."""
        if self.margins.planes == 1:
            return ", in the one plane examined"
        gap = self.margins.plane_spacing_mm
        apart = "" if gap is None else f", {gap:g} mm apart"
        hidden = sampling.between(self.margins)
        unseen = "" if hidden is None or self.margin.qualifier == "touching" else f"; {sampling.sentence(hidden)}"
        return f", in the {self.margins.planes} planes examined{apart}{unseen}"

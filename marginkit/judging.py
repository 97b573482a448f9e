"""Margins and a policy to a verdict: a category, one sentence, and whether it is certain.

This room knows operators, not thresholds: every limit is data in a policy. The surprising thing: context that was not
given is not guessed. Every context that is still possible is judged, and where they differ the verdict names each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from marginkit.errors import PolicyError
from marginkit.facts import Facts, Told
from marginkit.flags import FLAGS
from marginkit.policy import STATES, Level, Policy
from marginkit.policyfiles import load, policies
from marginkit.records import Margin, Margins, Verdict
from marginkit.shown import shown_mm

__all__ = ["judge", "load", "policies", "shown_mm"]

Answers: TypeAlias = list[tuple[dict[str, bool], list[Level]]]  # for each possible context the levels in question

NOT_ASSESSABLE = "not assessable"
_SAID_ELSEWHERE = {"touching", "single_plane"}
_WORDS = {
    "radiotherapy": ("with radiotherapy", "without radiotherapy"),
    "barrier": ("with an intact border structure in between", "without an intact border structure in between"),
    "tumor_at_edge": ("with tumor itself at the edge", "with only the reactive zone at the edge"),
}


def judge(
    margins: Margins,
    policy: str | Policy,
    *,
    radiotherapy: bool | None = None,
    state: str | None = None,
    margin: str | None = None,
    residual: str | None = None,
    reference: str = "tumor",
    barrier: str | None = None,
    barrier_own_mm: float | None = None,
    context: Mapping[str, bool | None] | None = None,
    folder: str | Path | None = None,
) -> Verdict:
    """What a policy says of a margin.

    Parameters
    ----------
    policy : its id, or the policy itself. folder : where to look for the user's own policies.
    radiotherapy : adjuvant radiotherapy; None: not known, so the verdict says what it would be in either case.
    state : specimen state (``slide``, ``fixed``, ``fresh``, ``in-vivo``), where the margins do not carry it.
    margin : name of a named margin; None: over the whole cut edge.
    residual : the user's own word for residual tumor, ``R2``: it overrides the image in policies that know it.
    reference : what the measured region outlines, ``tumor`` or ``reactive zone``.
    barrier : the user's word for the structure in between: ``none``, a type (``fascia``), or a thickness that the
        policy counts (``thin``). What the image showed comes first: a breached barrier protects nothing.
    barrier_own_mm : thickness of that structure, which is part of the distance.
    context : further conditions by name, e.g. ``{"tumor_at_edge": False}``.

    Raises
    ------
    PolicyError : E-POL-03 no such policy, E-POL-04 an argument that cannot be used.
    TypeError : a condition that is neither True, False nor None.
    """
    chosen = _policy(policy, folder)
    one = _margin(margins, margin)
    _check_words(residual, state, margins.state, reference, barrier_own_mm)
    _check_conditions({**(context or {}), "radiotherapy": radiotherapy})
    if residual is not None and residual in chosen.user_words:
        return Verdict(chosen.id, residual, "certain", f"{residual} is the user's word, not the image's.", one.name)
    told = Told(radiotherapy, state or margins.state, reference, barrier, barrier_own_mm, dict(context or {}))
    return _Case(margins, one, chosen, told).verdict()


def _policy(policy: str | Policy, folder: str | Path | None) -> Policy:
    if isinstance(policy, Policy):
        return policy
    if not isinstance(policy, str):
        raise TypeError(f"policy: wanted an id or a Policy, got {type(policy).__name__}")
    known = policies(folder)
    if policy not in known:
        raise PolicyError("E-POL-03", f"no policy named {policy!r}", cause=f"there are {', '.join(known)}")
    return known[policy]


def _margin(margins: Margins, name: str | None) -> Margin:
    found = {one.name: one for one in margins.margins}
    if (name or "all") not in found:
        raise PolicyError("E-POL-04", f"no margin named {name!r}", cause=f"there are {', '.join(found)}")
    return found[name or "all"]


def _check_words(
    residual: str | None, state: str | None, own: str | None, reference: str, own_mm: float | None
) -> None:
    """Refuses arguments that no policy could use."""
    if residual not in {None, "R2"}:
        raise PolicyError("E-POL-04", f"residual {residual!r}", remedy="Only R2 is the user's word; leave it out else.")
    if state is not None and state not in STATES:
        raise PolicyError("E-POL-04", f"unknown specimen state {state!r}", cause=f"known are {', '.join(STATES)}")
    if None not in (state, own) and state != own:
        raise PolicyError("E-POL-04", "two specimen states", cause=f"measured as {own}, judged as {state}")
    if reference not in {"tumor", "reactive zone"}:
        raise PolicyError("E-POL-04", f"unknown reference {reference!r}", cause="known are tumor, reactive zone")
    if own_mm is not None and not 0 <= own_mm < float("inf"):
        raise PolicyError("E-POL-04", f"impossible thickness of a barrier: {own_mm!r} mm")


def _check_conditions(context: Mapping[str, object]) -> None:
    """Refuses words such as "yes": every text is true to Python, "no" as well."""
    for name, value in context.items():
        if value is not None and not isinstance(value, bool):
            raise TypeError(f"{name}: wanted True, False or None, got {value!r}")


@dataclass(frozen=True, slots=True)
class _Case:
    """One margin under one policy."""

    margins: Margins
    one: Margin
    policy: Policy
    told: Told

    @property
    def facts(self) -> Facts:
        """What is known."""
        return Facts(self.margins, self.one, self.policy, self.told)

    def verdict(self) -> Verdict:
        """The verdict, or what withholds it."""
        if why := self._withheld():
            return self._verdict(NOT_ASSESSABLE, "not_assessable", f"{why}{self._kept()}.")
        low, high = self.facts.interval_mm()
        answers = [(c, self._levels(c, low, high)) for c in self.policy.contexts(self._asked())]
        labels = list(dict.fromkeys(level.label for _, levels in answers for level in levels))
        if len(labels) == 1:
            return self._verdict(labels[0], "certain", self._sentence(self._certain(answers), answers, True))
        labels = [label for label in dict.fromkeys(level.label for level in self.policy.levels) if label in labels]
        return self._verdict(
            " or ".join(labels), "indeterminate", self._sentence(self._either(answers), answers, False)
        )

    def _verdict(self, category: str, state: str, reason: str) -> Verdict:
        return Verdict(self.policy.id, category, state, reason, self.one.name)  # type: ignore[arg-type]

    # What withholds a verdict

    def _withheld(self) -> str:
        """Why there can be no verdict; empty where there can be one."""
        if self.one.value_mm is None:
            return self.one.reason[:1].upper() + self.one.reason[1:]
        if self.margins.region == "signal":
            return "The policy speaks of tumor, and the region is fluorescent signal"
        domain = self.policy.domain
        if self.told.state is not None and domain.states and self.told.state not in domain.states:
            return (
                f"The policy is for specimen state {' or '.join(domain.states)}, and the specimen is {self.told.state}"
            )
        if domain.radiotherapy and self.told.radiotherapy is False:
            return "The policy is for patients with radiotherapy"
        if self.told.reference == "reactive zone" and self.policy.reference_line == "tumor":
            return "The policy measures from the tumor, and the region outlines the reactive zone"
        return self._lacking()

    def _lacking(self) -> str:
        lacks = []
        if self.policy.reference_line == "reactive zone" and self.told.reference != "reactive zone":
            lacks.append("the outline of the reactive zone (reference)")
        if self.policy.barrier_mm and self.facts.barrier_word() is None:
            known = ", ".join(repr(word) for word in ("none", *self.policy.barrier_mm))
            lacks.append(f"the barrier in between and its thickness (barrier: {known})")
        return f"The policy needs {' and '.join(lacks)}" if lacks else ""

    def _kept(self) -> str:
        """The number, which is kept where only the verdict is withheld."""
        if self.one.value_mm is None:
            return ""
        what = "signal-to-edge distance" if self.margins.region == "signal" else "margin"
        most = {"at_most": "at most ", "at_least": "at least "}.get(self.one.qualifier, "")
        return f": no verdict on the {what} of {most}{shown_mm(self.one.value_mm, self.policy.limits_mm)}"

    def _asked(self) -> dict[str, bool | None]:
        """What is known, with conditions that ask for nothing at these distances out of the way."""
        known = self.facts.known()
        return {name: known.get(name) if self._matters(name) else True for name in self.policy.needs}

    def _levels(self, context: Mapping[str, bool], low: float, high: float) -> list[Level]:
        return [level for level in self.policy.levels_in(context) if level.meets(low, high)]

    # Words

    def _sentence(self, answer: str, answers: Answers, certain: bool) -> str:
        levels = [level for _, some in answers for level in some]
        return f"{self._distance()}: {'; '.join([answer, *self._clauses(levels, certain)])}."

    def _distance(self) -> str:
        named = "" if self.one.name == "all" else f" {self.one.name!r}"
        if self.one.qualifier == "touching":
            return f"The margin{named} is 0 mm, {self.told.reference} reaches the edge{self._counted()}"
        limits = self.policy.limits_mm
        most = {"at_most": "at most ", "at_least": "at least "}.get(self.one.qualifier, "")
        low, high = self.facts.measured_mm()
        value = shown_mm(self.one.value_mm or 0.0, limits)
        between = "" if low == high or high == float("inf") else f", {_range(low, high, limits)}"
        return f"The margin{named} is {most}{value}{between}{self._counted()}"

    def _counted(self) -> str:
        if not self.policy.barrier_mm or self.facts.barrier_word() in {None, "none"}:
            return ""
        return f", which with the barrier ({self.facts.barrier_word()}) counts as {_range(*self.facts.interval_mm())}"

    def _certain(self, answers: Answers) -> str:
        level = answers[0][1][0]
        if len(answers) == 1:
            rules = " or ".join(dict.fromkeys(one.rule for one in answers[0][1]))
            given = " ".join(_word(name, value) for name, value in answers[0][0].items() if self._matters(name))
            return f"{level.label} ({rules}{', ' if given else ''}{given})"
        either = (f"{_word(name, True)} or {_word(name, False).split(' ', 1)[0]}" for name in self._open())
        return f"{level.label} {', '.join(either)}"

    def _open(self) -> list[str]:
        """Conditions that matter here and are not known."""
        return [name for name, value in self._asked().items() if value is None]

    def _matters(self, *names: str) -> bool:
        """Whether a condition asks for something at the distances in question."""
        low, high = self.facts.interval_mm()
        return any(name in level.conditions for name in names for level in self.policy.levels if level.meets(low, high))

    def _either(self, answers: Answers) -> str:
        if len(answers) == 1:
            return f"{_options(answers[0][1])}, and the interval holds both"
        shown = ({name: context[name] for name in context if self._matters(name)} for context, _ in answers)
        told = [f"{_words(context)} {_options(levels)}" for context, (_, levels) in zip(shown, answers)]
        return f"{', '.join(told)}, and {' and '.join(self._open()).replace('_', ' ')} is not known"

    def _clauses(self, levels: list[Level], certain: bool) -> list[str]:
        """What else belongs to the sentence."""
        out = []
        if any(level.start > (0.0, 0) for level in levels):
            out.append(self._planes(certain and levels[0].clear))
        out += dict.fromkeys(level.note for level in levels if level.note)
        out += [self._free_edge()] if self._free_edge() else []
        out += [FLAGS[name].sentence.rstrip(".") for name in self._weakening()]
        if self.told.state is None and self.policy.domain.states:
            wanted = " or ".join(self.policy.domain.states)
            out.append(f"the policy is for specimen state {wanted}, which is not known here")
        if self.policy.domain.radiotherapy and self.told.radiotherapy is None:
            out.append("the policy is for patients with radiotherapy, which is not known here")
        return [clause[:1].lower() + clause[1:] for clause in out]

    def _weakening(self) -> list[str]:
        """Flags that weaken a verdict and are not said in other words."""
        names = dict.fromkeys((*self.one.flags, *self.margins.flags))
        return [n for n in names if n in FLAGS and FLAGS[n].weakens and n not in _SAID_ELSEWHERE]

    def _planes(self, clear: bool) -> str:
        count, gap = self.margins.planes, self.margins.plane_spacing_mm
        apart = "" if count == 1 else f", {gap:g} mm apart" if gap is not None else ", the gap between them not known"
        words = f"in the planes examined ({count} plane{'s' if count > 1 else ''}{apart})"
        return f"clear {words}" if clear else words

    def _free_edge(self) -> str:
        """How near the edge is that no listed barrier protects, where the policy asks for one."""
        if "barrier" not in self.policy.needs or self.one.name != "all":
            return ""
        free = [b.free_mm for b in self.margins.barriers if b.type in self.facts.intact() and b.free_mm is not None]
        return f"the nearest edge outside the barrier is {shown_mm(min(free))} from tumor" if free else ""


def _word(name: str, value: bool) -> str:
    words = name.replace("_", " ")
    yes, no = _WORDS.get(name, (f"with {words}", f"without {words}"))
    return yes if value else no


def _words(context: Mapping[str, bool]) -> str:
    return " ".join(_word(name, value) for name, value in context.items())


def _options(levels: list[Level]) -> str:
    return " or ".join(f"{level.label} {'if ' if level.limited else 'at '}{level.rule}" for level in levels)


def _range(low: float, high: float, limits: tuple[float, ...] = ()) -> str:
    """Two distances in words; one where they are the same."""
    shown = shown_mm(low, limits)
    return shown if low == high else f"between {shown} and {shown_mm(high, limits)}"

"""What is known of one margin when a policy asks: the distances it may have, and what lies in between.

The surprising thing: the image's answer about a barrier comes before the user's. A word can name the barrier that the
image shows, never put up one that tumor has broken through.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from marginkit.policy import Policy
from marginkit.records import Margin, Margins


@dataclass(frozen=True, slots=True)
class Told:
    """What the user said beside the image."""

    radiotherapy: bool | None
    state: str | None
    reference: str
    barrier: str | None
    barrier_own_mm: float | None
    more: Mapping[str, bool | None]


@dataclass(frozen=True, slots=True)
class Facts:
    """One margin, the policy that asks and what the user said."""

    margins: Margins
    one: Margin
    policy: Policy
    told: Told

    def interval_mm(self) -> tuple[float, float]:
        """Least and greatest distance that the policy has to answer for."""
        low, high = self.measured_mm()
        word = self.barrier_word()
        if not self.policy.barrier_mm or word in {None, "none"}:
            return low, high
        counts, own = self.policy.barrier_mm[str(word)], self.told.barrier_own_mm
        if low == 0:  # what may lie at the edge has nothing in between
            return 0.0, counts + high
        if own is None:  # the structure's own thickness is part of the distance, and anything up to all of it
            return counts, counts + high
        return counts + max(0.0, low - own), counts + max(0.0, high - own)

    def measured_mm(self) -> tuple[float, float]:
        """Least and greatest distance that the margin may have, unseen tissue included."""
        value = self.one.value_mm or 0.0
        if self.one.qualifier == "touching":
            return 0.0, 0.0
        low, high = self.one.interval_mm or (value, value)
        if self.one.qualifier == "at_most":
            low = min(low, self.one.unseen_mm or 0.0)
        return low, float("inf") if self.one.qualifier == "at_least" else high

    def known(self) -> dict[str, bool | None]:
        """What is known of the context, by name; None where it is not known."""
        return {**self.told.more, "radiotherapy": self.told.radiotherapy, "barrier": self.has_barrier()}

    def intact(self) -> list[str]:
        """Types of barrier, in the image and not breached, that the edge of this margin is behind."""
        value, whole = self.one.value_mm or 0.0, self.one.name == "all"
        return [
            b.type
            for b in self.margins.barriers
            if not b.breached
            and (self.one.behind_barrier == b.type or (whole and (b.free_mm is None or b.free_mm > value)))
        ]

    def has_barrier(self) -> bool | None:
        """Whether a structure that the policy lists lies in between; None: not known."""
        word, listed = self.told.barrier, self.policy.barrier_types
        if not self.margins.barriers:
            return True if word in listed else False if word == "none" else None
        found = self.intact()
        if not found:
            return False
        counting = {kind if kind in listed else word for kind in found if kind in listed or kind == "barrier"}
        if not counting:
            return False
        return True if counting & set(listed) and not self.free_edge_as_near() else None

    def free_edge_as_near(self) -> bool:
        """Whether edge that no barrier protects may be the nearest, within the interval."""
        high = self.measured_mm()[1]
        free = [b.free_mm for b in self.margins.barriers if b.type in self.intact()]
        return self.one.name == "all" and all(mm is not None and mm <= high for mm in free)

    def barrier_word(self) -> str | None:
        """The word under which the policy counts the barrier in between; None: not known."""
        found = self.intact()
        if self.one.qualifier == "touching" or (self.margins.barriers and not found):
            return "none"
        for word in (self.told.barrier, *found):
            if word in self.policy.barrier_mm or (word == "none" and not found):
                return word
        return None

"""How long each tick of a row is, and the pattern of long and short ones.

The surprising thing: this pattern is what tells a ruler from a comb, a blind or a weave. Things that are merely regular
have ticks of one length; rulers mark each fifth and tenth, or each half, quarter and eighth.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from marginkit.records import Floats

from ._ticks import Ticks, strip

System: TypeAlias = Literal["decimal", "binary"]
REACH = 14.0  # how far a tick may stick out, in steps
EXPLAINED = 0.7  # least share of the lengths' variance that a pattern explains
MOST_ASTRAY = 0.15  # share of ticks whose length is rather that of another class
LONGER = 1.2  # least ratio of the longest to the shortest level


@dataclass(frozen=True)
class Pattern:
    """Which ticks of a row are long.

    every : the longest come each so many ticks. first : number of the first of them. system : decimal or binary.
    levels : classes of lengths told apart. explained : share of the variance of the lengths.
    """

    every: int
    first: int
    system: System
    levels: tuple[tuple[int, float], ...]
    explained: float

    @property
    def halves(self) -> bool:
        """Whether every second tick is short: halves of the unit."""
        return self.every == 20


@dataclass(frozen=True)
class Lengths:
    """Length of every place of a row, px: up (towards lower v) and down from its level; 0 where no tick is."""

    up_px: Floats
    down_px: Floats

    @property
    def whole_px(self) -> Floats:
        """Length of every place."""
        return self.up_px + self.down_px


# (ticks to a round, places in it that are longer, from the longest class to the shortest but one)
_ROUNDS: tuple[tuple[int, System, tuple[tuple[int, ...], ...]], ...] = (
    (5, "decimal", ((0,),)),
    (10, "decimal", ((0,),)),
    (10, "decimal", ((0,), (5,))),
    (20, "decimal", ((0,), tuple(range(2, 20, 2)))),
    (20, "decimal", ((0,), (10,), tuple(range(2, 20, 2)))),
    (10, "decimal", ((0,), (2, 4, 6, 8))),
    (4, "binary", ((0,), (2,))),
    (8, "binary", ((0,), (4,), (2, 6))),
    (16, "binary", ((0,), (8,), (4, 12), (2, 6, 10, 14))),
    (32, "binary", ((0,), (16,), (8, 24), (4, 12, 20, 28), tuple(range(2, 32, 4)))),
)


def measure(grey: NDArray[np.float32], ticks: Ticks) -> Lengths:
    """How far each tick goes on both sides of the level at which all are seen."""
    places = ticks.places_px()
    reach = float(np.clip(REACH * ticks.step_px, 12, 600))
    line = ticks.strip.line
    wide = strip(grey, line, float(places[0]) - ticks.step_px, float(places[-1]) + ticks.step_px, reach)
    dark = 255 - wide.dark if ticks.light else wide.dark
    stand = _standing(dark, places - wide.u_px[0], ticks.step_px)
    level = int(np.argmin(np.abs(wide.v_px - ticks.level_px)))
    usual = float(np.median(stand[max(0, level - 1) : level + 2].mean(axis=0)))
    there = stand > 0.4 * usual
    lean = max(2, round(0.35 * ticks.step_px))
    return Lengths(_run(there[level::-1], lean), _run(there[level:], lean))


def _standing(dark: NDArray[np.float32], places: Floats, step: float) -> Floats:
    """(v, tick) how much darker each tick is than the gaps beside it."""
    shifts = np.linspace(-0.15, 0.15, 5) * step
    on = np.stack([_at(dark, places + shift) for shift in shifts]).max(axis=0)
    gaps = np.minimum(_at(dark, places - step / 2), _at(dark, places + step / 2))
    return np.asarray(on - gaps, np.float64)


def _at(dark: NDArray[np.float32], u: Floats) -> NDArray[np.float32]:
    """Values at fractions of columns, between the two nearest."""
    u = np.clip(u, 0, dark.shape[1] - 1.001)
    low = np.floor(u).astype(int)
    part = (u - low).astype(np.float32)
    return np.asarray(dark[:, low] * (1 - part) + dark[:, low + 1] * part, np.float32)


def _run(there: NDArray[np.bool_], start: int) -> Floats:
    """Length of the unbroken run from the first row on; gaps of one row count as none, and it may begin late."""
    from scipy import ndimage

    closed = ndimage.binary_closing(np.pad(there, ((2, 2), (0, 0)), mode="edge"), np.ones((3, 1), bool))[2:-2]
    begun = closed[: start + 1].any(axis=0)
    broken = ~closed
    broken[: np.minimum(start, len(broken) - 1)] &= False
    end = np.where(broken.any(axis=0), broken.argmax(axis=0), len(broken))
    return np.where(begun & (closed[min(start, len(closed) - 1)] | (end > start)), end, 0).astype(np.float64)


def pattern(lengths_px: Floats) -> Pattern | None:
    """The pattern that explains the lengths best; None where none does, as in combs and textures."""
    total = float(np.var(_tamed(lengths_px)))
    if total <= 1e-9:
        return None
    best: Pattern | None = None
    for every, system, classes in _ROUNDS:
        if len(lengths_px) < 1.5 * every + 1 or len(lengths_px) < 12:
            continue
        for first in range(every):
            found = _tried(_tamed(lengths_px), total, every, system, classes, first)
            if found and (
                best is None or found.explained > best.explained + 0.02 * (len(found.levels) - len(best.levels))
            ):
                best = found
    return best


def _tamed(lengths_px: Floats) -> Floats:
    """Lengths with outliers drawn in: digits and hairs lengthen a tick."""
    high = np.percentile(lengths_px, 95) * 1.1
    return np.minimum(lengths_px, high)


def _tried(
    lengths_px: Floats, total: float, every: int, system: System, classes: tuple[tuple[int, ...], ...], first: int
) -> Pattern | None:
    """The pattern with its longest tick at ``first``, if the lengths fit it and fall from class to class."""
    place = (np.arange(len(lengths_px)) - first) % every
    rank = np.full(every, len(classes))
    for i, members in enumerate(classes):
        rank[list(members)] = i
    group = rank[place]
    means = [float(np.median(lengths_px[group == i])) for i in range(len(classes) + 1) if (group == i).any()]
    if len(means) <= len(classes) or any(a < 1.06 * b for a, b in itertools.pairwise(means)):
        return None
    if means[0] < LONGER * means[-1]:
        return None
    if _astray(lengths_px, np.array(means), group) > MOST_ASTRAY:
        return None
    left = float(np.mean((lengths_px - np.array(means)[group]) ** 2))
    explained = 1 - left / total
    if explained < EXPLAINED:
        return None
    counts = tuple((int((group == i).sum()), means[i]) for i in range(len(means)))
    return Pattern(every, first, system, counts, explained)


def _astray(lengths_px: Floats, means: Floats, group: NDArray[np.int64]) -> float:
    """Share of ticks whose length is nearest to that of another class; of the classes, the worst."""
    nearest = np.abs(lengths_px[:, None] - means).argmin(axis=1)
    wrong = nearest != group
    return max(float(wrong.mean()), *(float(wrong[group == i].mean()) / 2 for i in range(len(means))))

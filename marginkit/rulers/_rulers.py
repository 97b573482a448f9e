"""Rows of ticks that are rulers: with a pattern of long ticks, and what stands beside them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from . import _lengths, _numbers, _rows, _segments, _ticks, _words
from ._lengths import Lengths, Pattern
from ._numbers import Numbers
from ._segments import Ground
from ._ticks import Ticks
from ._words import Box, Page

CLOSEST_PX = 2.3  # ticks nearer than this on the photograph alias


@dataclass(frozen=True)
class Ruler:
    """A row of ticks with long ones among them.

    beside : ink that repeats at the long ticks, whether or not it could be read. mm : where that word stands.
    ends : whether the row is seen to begin and to end, each.
    """

    ground: Ground
    ticks: Ticks
    lengths: Lengths
    pattern: Pattern
    page: Page
    numbers: Numbers | None
    beside: bool
    mm: Box | None
    ends: tuple[bool, bool]

    @property
    def step_px(self) -> float:
        """Mean distance of neighbouring ticks on the photograph."""
        return self.ticks.step_px / self.ground.ratio

    @property
    def round_px(self) -> float:
        """Mean distance of neighbouring long ticks on the photograph."""
        return self.step_px * self.pattern.every

    @property
    def rounds(self) -> float:
        """How many rounds of ticks the row has."""
        return self.ticks.last / self.pattern.every


def find(ground: Ground) -> Iterator[Ruler]:
    """The rulers in a picture, the row with the most ticks first."""
    lines = _rows.find(_segments.find(ground), ground.grey.shape)
    for line in lines:
        found = [ruler for ticks in _ticks.find(ground.grey, line) if (ruler := _ruler(ground, ticks)) is not None]
        if found:
            yield max(found, key=lambda ruler: ruler.pattern.explained)


def _ruler(ground: Ground, ticks: Ticks) -> Ruler | None:
    """The ruler that a row of ticks is; None where its ticks have no pattern."""
    if ticks.step_px < CLOSEST_PX * ground.ratio:
        return None
    lengths = _lengths.measure(ground.grey, ticks)
    cut = _trimmed(ticks, lengths)
    if cut is None:
        return None
    ticks, lengths = cut
    pattern = _lengths.pattern(lengths.whole_px)
    if pattern is None:
        return None
    page = _words.page(ground.grey, ticks, ticks.light)
    numbers = _numbers.find(page, ticks, pattern)
    beside = _numbers.repeated(page, ticks, pattern)
    mm = _words.says_mm(page, ticks.step_px)
    return Ruler(ground, ticks, lengths, pattern, page, numbers, beside, mm, _ends(ground, ticks))


def _trimmed(ticks: Ticks, lengths: Lengths) -> tuple[Ticks, Lengths] | None:
    """The row without places at its ends where no tick stands."""
    there = np.flatnonzero(lengths.whole_px > 0)
    if len(there) < _ticks.FEWEST:
        return None
    first, last = int(there[0]), int(there[-1])
    if (first, last) == (0, ticks.last):
        return ticks, lengths
    keep = (ticks.number >= first) & (ticks.number <= last)
    shift = ticks.strip.u_px[0]
    again = _ticks.fitted(ticks.strip, ticks.level_px, ticks.number[keep], ticks.at_px[keep] - shift, ticks.light)
    if again is None or again.last != last - first:
        return None
    return again, Lengths(lengths.up_px[first : last + 1], lengths.down_px[first : last + 1])


def _ends(ground: Ground, ticks: Ticks) -> tuple[bool, bool]:
    """Whether the picture goes on beyond the first and beyond the last tick, so far that another would be seen."""
    places, more = ticks.places_px(), 2.5 * ticks.step_px
    size = np.array(ground.grey.shape)
    beyond = (
        ticks.point(float(places[0]) - more, ticks.level_px),
        ticks.point(float(places[-1]) + more, ticks.level_px),
    )
    first, last = (bool((point >= 0).all() and (point <= size - 1).all()) for point in beyond)
    return first, last

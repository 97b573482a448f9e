"""What a straight line meets: whether it stays in the tissue, and whether it crosses a barrier.

A line is cut where it crosses lattice lines. Each part then lies in one pixel, or runs along the border between two.
The specimen is closed: a part on a border is in the tissue if either side is, and the crossing points themselves need
no test, since they belong to the parts beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from marginkit.geometry.cells import Cells, pyramid
from marginkit.geometry.masks import Mask, pixels_held
from marginkit.geometry.scene import Bools, Floats, Ints

LINES_AT_ONCE = 1 << 14
PARTS_AT_ONCE = 1 << 20


def stays_inside(mask: Mask, ticks: tuple[Floats, ...], start_px: Sequence[float], end_px: Sequence[float]) -> bool:
    """Whether the line from start to end (index units) stays in the closed mask, whose lattice lines are ``ticks``."""
    start, end = np.array([start_px], np.float64), np.array([end_px], np.float64)
    middle = _cut(Parts(np.zeros(1, np.int64), np.zeros(1), np.ones(1)), start, end, ticks).middle(start, end)
    below = [np.searchsorted(ticks[a], middle[:, a], side="right") - 1 for a in range(len(ticks))]
    on_line = [bool(start[0, a] == end[0, a] and start[0, a] in ticks[a]) for a in range(len(ticks))]
    held: Bools = np.zeros(len(middle), bool)
    for step in product(*[(0, 1) if on else (0,) for on in on_line]):
        held |= pixels_held(mask, np.stack([b - s for b, s in zip(below, step)], axis=1))
    return bool(held.all())


def crosses(mask: Mask, ticks: tuple[Floats, ...], start_px: Floats, end_px: Floats) -> Bools:
    """(n,) whether each line from start to end, (n, ndim) index units, passes through a pixel of the mask.

    A line that only runs along the border of the mask does not.
    """
    out: Bools = np.zeros(len(start_px), bool)
    levels = pyramid(mask)
    for first in range(0, len(start_px), LINES_AT_ONCE):
        part = slice(first, first + LINES_AT_ONCE)
        out[part] = _crosses(mask, levels, ticks, start_px[part], end_px[part])
    crossing: Bools = out & np.any(start_px != end_px, axis=1)
    return crossing


def _crosses(mask: Mask, levels: list[Cells], ticks: tuple[Floats, ...], start: Floats, end: Floats) -> Bools:
    """Lines are cut at the borders of large cells; only what lies in a cell with mask in it is cut on."""
    out: Bools = np.zeros(len(start), bool)
    parts = Parts(np.arange(len(start)), np.zeros(len(start)), np.ones(len(start)))
    for level in reversed(levels):
        borders = tuple(ticks_of_axis[:: level.size_px] for ticks_of_axis in ticks)
        parts = _cut(parts, start, end, borders)
        cell = [np.searchsorted(b, m, side="right") - 1 for b, m in zip(borders, parts.middle(start, end).T)]
        within = np.all([(c >= 0) & (c < n) for c, n in zip(cell, level.held.shape)], axis=0)
        parts = parts.take(within & level.held[tuple(np.where(within, c, 0) for c in cell)])
    step = PARTS_AT_ONCE // (levels[0].size_px * len(ticks))
    for at in range(0, len(parts.line), step):
        some = _cut(parts.take(slice(at, at + step)), start, end, ticks)
        out[some.line[_within(mask, ticks, some.middle(start, end))]] = True
    return out


def _within(mask: Mask, ticks: tuple[Floats, ...], middle: Floats) -> Bools:
    """Whether points lie inside the mask: in a pixel of it, or on a border with pixels of it on every side."""
    below = [np.searchsorted(ticks[a], middle[:, a], side="right") - 1 for a in range(len(ticks))]
    on_line = [ticks[a][np.clip(b, 0, len(ticks[a]) - 1)] == middle[:, a] for a, b in enumerate(below)]
    inside: Bools = np.ones(len(middle), bool)
    for step in product((0, 1), repeat=len(ticks)):
        moved = [b - (on & bool(s)) for b, on, s in zip(below, on_line, step)]
        inside &= pixels_held(mask, np.stack(moved, axis=1))
    return inside


@dataclass(frozen=True)
class Parts:
    """Parts of lines: (n,) which line, and the shares of its way at which the part begins and ends."""

    line: Ints
    begin: Floats
    end: Floats

    def take(self, which: Bools | slice) -> Parts:
        """Some of them."""
        return Parts(self.line[which], self.begin[which], self.end[which])

    def middle(self, start_px: Floats, end_px: Floats) -> Floats:
        """(n, ndim) middle of each part, of lines that run from start to end."""
        share = ((self.begin + self.end) / 2)[:, None]
        middle: Floats = start_px[self.line] + share * (end_px - start_px)[self.line]
        return middle


def _cut(parts: Parts, start: Floats, end: Floats, ticks: tuple[Floats, ...]) -> Parts:
    """Parts cut where they cross the lines of a lattice. A crossing has the same share however the line was cut."""
    number = np.arange(len(parts.line))
    owner, at = [number, number], [parts.begin, parts.end]
    way = (end - start)[parts.line]
    ends = [start[parts.line] + share[:, None] * way for share in (parts.begin, parts.end)]
    for axis, ticks_of_axis in enumerate(ticks):
        low = np.searchsorted(ticks_of_axis, np.minimum(ends[0][:, axis], ends[1][:, axis])) - 1  # one more at either
        high = np.searchsorted(ticks_of_axis, np.maximum(ends[0][:, axis], ends[1][:, axis]), side="right") + 1  # end,
        low, high = np.maximum(low, 0), np.minimum(high, len(ticks_of_axis))  # since the ends are rounded
        count = np.where(way[:, axis] == 0, 0, np.maximum(high - low, 0))
        which = np.repeat(number, count)
        crossed = np.repeat(low, count) + np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        share = (ticks_of_axis[crossed] - start[parts.line[which], axis]) / way[which, axis]
        inside = (share > parts.begin[which]) & (share < parts.end[which])
        owner.append(which[inside])
        at.append(share[inside])
    owners, shares = np.concatenate(owner), np.concatenate(at)
    order = np.lexsort((shares, owners))
    owners, shares = owners[order], shares[order]
    kept = (owners[1:] == owners[:-1]) & (np.diff(shares) > 1e-12)
    return Parts(parts.line[owners[:-1][kept]], shares[:-1][kept], shares[1:][kept])

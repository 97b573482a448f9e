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

from marginkit.geometry.bits import PackedMask
from marginkit.geometry.scene import Bools, Floats, Ints

CELL_PX = 8  # bits of a byte: the smallest cells are read off the words
LINES_AT_ONCE = 1 << 14
PARTS_AT_ONCE = 1 << 20


def stays_inside(
    mask: PackedMask, ticks: tuple[Floats, ...], start_px: Sequence[float], end_px: Sequence[float]
) -> bool:
    """Whether the line from start to end (index units) stays in the closed mask, whose lattice lines are ``ticks``."""
    start, end = np.array([start_px], np.float64), np.array([end_px], np.float64)
    middle = _cut(Parts(np.zeros(1, np.int64), np.zeros(1), np.ones(1)), start, end, ticks).middle(start, end)
    below = [np.searchsorted(ticks[a], middle[:, a], side="right") - 1 for a in range(len(ticks))]
    on_line = [bool(start[0, a] == end[0, a] and start[0, a] in ticks[a]) for a in range(len(ticks))]
    held: Bools = np.zeros(len(middle), bool)
    for step in product(*[(0, 1) if on else (0,) for on in on_line]):
        held |= pixels_held(mask, np.stack([b - s for b, s in zip(below, step)], axis=1))
    return bool(held.all())


def crosses(mask: PackedMask, ticks: tuple[Floats, ...], start_px: Floats, end_px: Floats) -> Bools:
    """(n,) whether each line from start to end, (n, ndim) index units, passes through a pixel of the mask.

    A line that only runs along the border of the mask does not.
    """
    out: Bools = np.zeros(len(start_px), bool)
    levels = occupied_cells(mask)
    for first in range(0, len(start_px), LINES_AT_ONCE):
        part = slice(first, first + LINES_AT_ONCE)
        out[part] = _crosses(mask, levels, ticks, start_px[part], end_px[part])
    crossing: Bools = out & np.any(start_px != end_px, axis=1)
    return crossing


def _crosses(mask: PackedMask, levels: list[Bools], ticks: tuple[Floats, ...], start: Floats, end: Floats) -> Bools:
    """Lines are cut at the borders of large cells; only what lies in a cell with mask in it is cut on."""
    out: Bools = np.zeros(len(start), bool)
    parts = Parts(np.arange(len(start)), np.zeros(len(start)), np.ones(len(start)))
    for level in range(len(levels) - 1, -1, -1):
        size = CELL_PX ** (level + 1)
        parts = _cut(parts, start, end, tuple(ticks_of_axis[::size] for ticks_of_axis in ticks))
        cell = [np.searchsorted(t[::size], m, side="right") - 1 for t, m in zip(ticks, parts.middle(start, end).T)]
        within = np.all([(c >= 0) & (c < n) for c, n in zip(cell, levels[level].shape)], axis=0)
        held = within & levels[level][tuple(np.where(within, c, 0) for c in cell)]
        parts = parts.take(held)
    for at in range(0, len(parts.line), PARTS_AT_ONCE // (CELL_PX * len(ticks))):
        some = _cut(parts.take(slice(at, at + PARTS_AT_ONCE // (CELL_PX * len(ticks)))), start, end, ticks)
        out[some.line[_within(mask, ticks, some.middle(start, end))]] = True
    return out


def occupied_cells(mask: PackedMask) -> list[Bools]:
    """Whether cells of 8, 64, 512 … pixels a side hold a pixel of the mask; up to the cell that holds all."""
    octets = mask.words.astype("<u8").view(np.uint8).reshape(*mask.shape[:-1], -1) != 0
    levels = [_gathered(octets, octets.ndim - 1)]
    while max(levels[-1].shape) > 1:
        levels.append(_gathered(levels[-1], octets.ndim))
    return levels


def _gathered(cells: Bools, axes: int) -> Bools:
    """Eight cells taken as one along the first axes."""
    for axis in range(axes):
        cells = np.logical_or.reduceat(cells, np.arange(0, cells.shape[axis], CELL_PX), axis=axis)
    return cells


def _within(mask: PackedMask, ticks: tuple[Floats, ...], middle: Floats) -> Bools:
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


def pixels_held(mask: PackedMask, pixel: Ints) -> Bools:
    """Whether each pixel of (n, ndim) is in the mask; outside the array it is not."""
    inside: Bools = np.all((pixel >= 0) & (pixel < np.array(mask.shape)), axis=1)
    kept = np.where(inside[:, None], pixel, 0)
    row = np.ravel_multi_index(tuple(kept[:, :-1].T), mask.shape[:-1])
    word = mask.words[row, kept[:, -1] // 64]
    held: Bools = inside & ((word >> (kept[:, -1] % 64).astype(np.uint64)) & np.uint64(1)).astype(bool)
    return held

"""What a straight line meets: whether it stays in the tissue, and whether it crosses a barrier.

A line is cut where it crosses lattice lines. Each part then lies in one pixel, or runs along the border between two.
The specimen is closed: a part on a border is in the tissue if either side is, and the crossing points themselves need
no test, since they belong to the parts beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from marginkit.geometry.masks import Mask, pixels_held
from marginkit.geometry.scene import Bools, Floats, Ints

PARTS_AT_ONCE = 1 << 20


def stays_inside(mask: Mask, ticks: tuple[Floats, ...], start_px: Sequence[float], end_px: Sequence[float]) -> bool:
    """Whether the line from start to end (index units) stays in the closed mask, whose lattice lines are ``ticks``."""
    start, end = np.array([start_px], np.float64), np.array([end_px], np.float64)
    _, middle = _parts(start, end, ticks)
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
    span = np.abs(end_px - start_px).sum(axis=1).max(initial=1.0) / min(float(np.diff(t).min()) for t in ticks)
    step = max(1, int(PARTS_AT_ONCE / (span + 2)))
    for first in range(0, len(start_px), step):
        line, middle = _parts(start_px[first : first + step], end_px[first : first + step], ticks)
        hit = _within(mask, ticks, middle)
        out[first + np.unique(line[hit])] = True
    crossing: Bools = out & np.any(start_px != end_px, axis=1)
    return crossing


def _within(mask: Mask, ticks: tuple[Floats, ...], middle: Floats) -> Bools:
    """Whether points lie inside the mask: in a pixel of it, or on a border with pixels of it on every side."""
    below = [np.searchsorted(ticks[a], middle[:, a], side="right") - 1 for a in range(len(ticks))]
    on_line = [ticks[a][np.clip(b, 0, len(ticks[a]) - 1)] == middle[:, a] for a, b in enumerate(below)]
    inside: Bools = np.ones(len(middle), bool)
    for step in product((0, 1), repeat=len(ticks)):
        moved = [b - (on & bool(s)) for b, on, s in zip(below, on_line, step)]
        inside &= pixels_held(mask, np.stack(moved, axis=1))
    return inside


def _parts(start: Floats, end: Floats, ticks: tuple[Floats, ...]) -> tuple[Ints, Floats]:
    """The parts of lines between crossings of lattice lines: which line, and the middle of the part (n, ndim)."""
    number = len(start)
    line = [np.arange(number), np.arange(number)]
    at: list[Floats] = [np.zeros(number), np.ones(number)]
    for axis, ticks_of_axis in enumerate(ticks):
        way = end[:, axis] - start[:, axis]
        low = np.searchsorted(ticks_of_axis, np.minimum(start[:, axis], end[:, axis]), side="right")
        high = np.searchsorted(ticks_of_axis, np.maximum(start[:, axis], end[:, axis]), side="left")
        count = np.where(way == 0, 0, np.maximum(high - low, 0))
        which = np.repeat(np.arange(number), count)
        crossed = np.repeat(low, count) + np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        line.append(which)
        at.append((ticks_of_axis[crossed] - start[which, axis]) / way[which])
    lines, crossings = np.concatenate(line), np.clip(np.concatenate(at), 0, 1)
    order = np.lexsort((crossings, lines))
    lines, crossings = lines[order], crossings[order]
    kept = (lines[1:] == lines[:-1]) & (np.diff(crossings) > 1e-12)
    of_line = lines[:-1][kept]
    middle = ((crossings[:-1] + crossings[1:]) / 2)[kept][:, None]
    middles: Floats = start[of_line] + middle * (end - start)[of_line]
    return of_line, middles

"""Whether a straight line stays in the tissue.

The line is cut where it crosses lattice lines. Each part then lies in one pixel, or runs along the border
between two. The specimen is closed: a part on a border is in the tissue if either side is, and the crossing
points themselves need no test, since they belong to the parts beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from marginkit.geometry.bits import PackedMask
from marginkit.geometry.scene import Bools, Floats, Ints


def stays_inside(
    mask: PackedMask, ticks: tuple[Floats, ...], start_px: Sequence[float], end_px: Sequence[float]
) -> bool:
    """Whether the line from start to end (index units) stays in the closed mask, whose lattice lines are ``ticks``."""
    start, end = np.array(start_px, np.float64), np.array(end_px, np.float64)
    middle = _middles(start, end, ticks)
    below = [np.searchsorted(ticks[a], middle[:, a], side="right") - 1 for a in range(len(start))]
    on_line = [bool(start[a] == end[a] and start[a] in ticks[a]) for a in range(len(start))]
    held: Bools = np.zeros(len(middle), bool)
    for step in product(*[(0, 1) if on else (0,) for on in on_line]):
        held |= pixels_held(mask, np.stack([b - s for b, s in zip(below, step)], axis=1))
    return bool(held.all())


def _middles(start: Floats, end: Floats, ticks: tuple[Floats, ...]) -> Floats:
    """(n, ndim) middle of each part of the line between two crossings of lattice lines."""
    cuts = [np.array([0.0, 1.0])]
    for axis, lines in enumerate(ticks):
        way = end[axis] - start[axis]
        if way != 0:
            low, high = sorted((start[axis], end[axis]))
            between = lines[np.searchsorted(lines, low) : np.searchsorted(lines, high, side="right")]
            cuts.append((between - start[axis]) / way)
    at = np.unique(np.clip(np.concatenate(cuts), 0, 1))
    kept = np.diff(at) > 1e-12
    middle = ((at[:-1] + at[1:]) / 2)[kept][:, None]
    middles: Floats = start + middle * (end - start)
    return middles


def pixels_held(mask: PackedMask, pixel: Ints) -> Bools:
    """Whether each pixel of (n, ndim) is in the mask; outside the array it is not."""
    inside: Bools = np.all((pixel >= 0) & (pixel < np.array(mask.shape)), axis=1)
    kept = np.where(inside[:, None], pixel, 0)
    row = np.ravel_multi_index(tuple(kept[:, :-1].T), mask.shape[:-1])
    word = mask.words[row, kept[:, -1] // 64]
    held: Bools = inside & ((word >> (kept[:, -1] % 64).astype(np.uint64)) & np.uint64(1)).astype(bool)
    return held

"""The margin by brute force: every tumor pixel against every face of the outline, in plain numpy.

No line of marginkit and no distance transform. For images of some 100 x 100 pixels at most. Pixels are closed boxes
[i - 1/2, i + 1/2] times the spacing; a face is a box without thickness.
"""

from collections import Counter
from itertools import product

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


def margin(
    tumor: Bools, specimen: Bools, spacing: tuple[float, ...], *, holes: str = "ignore"
) -> tuple[float, Counter]:
    """(least distance in mm between tumor and cut faces of its piece, number of faces by class); inf where none."""
    inside = tumor & specimen
    pieces = _labels(specimen, corners=True)
    outside = _reaches_border(~specimen)
    counts: Counter = Counter()
    best = np.inf
    for axis in range(specimen.ndim):
        for side in (-1, 1):
            pixel, kinds = _faces(specimen, outside, axis, side, holes)
            counts.update(kinds.tolist())
            cut = pixel[kinds == "cut"]
            low, high = cut - 0.5, cut + 0.5
            low[:, axis] = high[:, axis] = cut[:, axis] + side / 2
            for piece in np.unique(pieces[inside]):
                mine = pieces[tuple(cut.astype(int).T)] == piece
                best = min(best, _gap(low[mine], high[mine], _rim(inside & (pieces == piece)), spacing))
    return float(best), counts


def _gap(low: Floats, high: Floats, pixels: Floats, spacing: tuple[float, ...]) -> float:
    """Least distance of boxes [low, high] to the closed pixels, mm."""
    if not len(low) or not len(pixels):
        return np.inf
    chunks = (slice(k, k + 512) for k in range(0, len(low), 512))
    return min(float(np.sqrt(_squares(low[c], high[c], pixels, spacing).min())) for c in chunks)


def _squares(low: Floats, high: Floats, pixels: Floats, spacing: tuple[float, ...]) -> Floats:
    apart = np.maximum(low[:, None] - (pixels + 0.5)[None], (pixels - 0.5)[None] - high[:, None]).clip(0)
    return ((apart * np.array(spacing)) ** 2).sum(-1)


def _faces(specimen: Bools, outside: Bools, axis: int, side: int, holes: str) -> tuple[Floats, NDArray[np.str_]]:
    """Pixels of the specimen with a face on one side of an axis, and the class of each face."""
    beyond = np.roll(np.pad(specimen, 1), -side, axis)[(slice(1, -1),) * specimen.ndim]
    pixel = np.argwhere(specimen & ~beyond)
    next_to = pixel + side * (np.arange(specimen.ndim) == axis)
    left = (next_to[:, axis] < 0) | (next_to[:, axis] >= specimen.shape[axis])
    free = outside[tuple(next_to.clip(0, np.array(specimen.shape) - 1).T)]
    view = "section" if specimen.ndim == 3 and axis == 0 else "frame"
    kinds = np.where(left, view, np.where(free, "cut", "cut" if holes == "cut" else "hole"))
    return pixel.astype(float), kinds


def _rim(mask: Bools) -> Floats:
    """(n, ndim) pixels of the mask that have a neighbour outside it; no other can be nearest."""
    padded = np.pad(mask, 1)
    core = mask.copy()
    for axis, side in product(range(mask.ndim), (-1, 1)):
        core &= np.roll(padded, side, axis)[(slice(1, -1),) * mask.ndim]
    return np.argwhere(mask & ~core).astype(float)


def _spread(seed: Bools, within: Bools, corners: bool) -> Bools:
    """Everything in ``within`` that is connected to the seed."""
    steps = [s for s in product((-1, 0, 1), repeat=seed.ndim) if any(s) and (corners or sum(map(abs, s)) == 1)]
    reached = seed & within
    while True:
        padded = np.pad(reached, 1)
        grown = reached.copy()
        for step in steps:
            grown |= np.roll(padded, step, tuple(range(seed.ndim)))[(slice(1, -1),) * seed.ndim]
        grown &= within
        if (grown == reached).all():
            return reached
        reached = grown


def _labels(mask: Bools, corners: bool) -> NDArray[np.int64]:
    labels = np.zeros(mask.shape, np.int64)
    while (mask & (labels == 0)).any():
        seed = np.zeros_like(mask)
        seed[tuple(np.argwhere(mask & (labels == 0))[0])] = True
        labels[_spread(seed, mask, corners)] = labels.max() + 1
    return labels


def _reaches_border(mask: Bools) -> Bools:
    """The part of a mask that reaches the border of the array over faces."""
    border = np.ones_like(mask)
    border[(slice(1, -1),) * mask.ndim] = False
    return _spread(border, mask, corners=False)

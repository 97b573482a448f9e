"""Uneven light, from the specimen's own glow, where no flat field was taken.

The surprising thing: Otsu cannot choose the pixels for this, because it splits a specimen lit from one side into its
light and its dark half. The surface is fitted to all of the specimen, and what stands out of it is left out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit.errors import PixelError

BLOCKS = 32  # blocks along the longer side, of which medians are taken
LEAST = 24  # blocks for six coefficients
STANDS_OUT = 3.0  # robust SDs above the surface: signal
ROUNDS = 20
RANGE = 8.0  # brightest over darkest of the surface: more is not a matter of light


def light(values: NDArray[Any], specimen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The light on each pixel as a surface of second order in y and x, mean 1 in the specimen; of the values' shape.

    values : ``(y, x)`` or ``(z, y, x)``, counts above the dark level; one surface for all planes.
    The surface is a robust least-squares fit (soft L1) to medians of blocks of the specimen; blocks far above it are
    signal and are left out, round by round. An offset that was not taken off is seen as light.

    Raises
    ------
    PixelError : E-PIX-08 too little specimen, or a surface that falls to zero or spans more than 8-fold.

    Examples
    --------
    >>> even = light(np.full((64, 64), 7.0), np.ones((64, 64), bool))
    >>> bool(np.allclose(even, 1))
    True
    """
    at, medians = _blocks(values, specimen)
    if len(medians) < LEAST:
        raise _unfit(f"{len(medians)} blocks of specimen, {LEAST} needed")
    height, width = values.shape[-2:]
    y, x = np.mgrid[:height, :width]
    surface = _terms((y + 0.5) / height, (x + 0.5) / width) @ _fitted(at, medians)
    inside = surface[specimen.reshape(-1, height, width).any(axis=0)]
    if inside.min() <= 0 or inside.max() > RANGE * inside.min():
        raise _unfit(f"the surface runs from {inside.min():.4g} to {inside.max():.4g}")
    even = np.clip(surface, inside.min(), inside.max()) / inside.mean()
    return np.broadcast_to(even, values.shape)


def _blocks(values: NDArray[Any], specimen: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """((n, 2) places y, x from 0 to 1, (n,) medians) of blocks that are mostly specimen, over all planes."""
    height, width = values.shape[-2:]
    side = max(1, round(max(height, width) / BLOCKS))
    planes, known = values.reshape(-1, height, width), specimen.reshape(-1, height, width)
    at, medians = [], []
    for top in range(0, height, side):
        for left in range(0, width, side):
            block = (slice(None), slice(top, top + side), slice(left, left + side))
            if known[block].mean() > 0.5:
                at.append(((top + side / 2) / height, (left + side / 2) / width))
                medians.append(np.median(planes[block][known[block]]))
    return np.array(at, np.float64).reshape(-1, 2), np.array(medians, np.float64)


def _fitted(at: NDArray[np.float64], medians: NDArray[np.float64]) -> NDArray[np.float64]:
    """The six coefficients."""
    terms = _terms(at[:, 0], at[:, 1])
    kept, spread = np.ones(len(medians), bool), max(float(medians.std()), 1e-9)
    weights = np.zeros(6)
    for _ in range(ROUNDS):
        weights = _least(terms[kept], medians[kept], weights, spread)
        over = medians - terms @ weights
        spread = max(1.4826 * float(np.median(np.abs(over[kept]))), 1e-3 * float(np.median(medians)), 1e-9)
        now = over <= STANDS_OUT * spread
        if (now == kept).all() or now.sum() < LEAST:
            break
        kept = now
    return weights


def _least(
    terms: NDArray[np.float64], medians: NDArray[np.float64], start: NDArray[np.float64], spread: float
) -> NDArray[np.float64]:
    """The coefficients of the least soft-L1 distance."""
    from scipy.optimize import least_squares

    def off(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(terms @ weights - medians)

    return np.asarray(least_squares(off, start, loss="soft_l1", f_scale=spread).x)


def _terms(y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([np.ones_like(y), y, x, y * y, y * x, x * x], axis=-1)


def _unfit(cause: str) -> PixelError:
    remedy = "Give flat=FILE, or leave trend off."
    return PixelError("E-PIX-08", "no trend of the light can be fitted", cause=cause, remedy=remedy)

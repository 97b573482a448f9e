"""Transparency: what is transparent was not scanned, and must never turn into black tissue or into mask."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def white(dtype: np.dtype[Any]) -> float:
    """The value of white: the largest integer, or 1."""
    return float(np.iinfo(dtype).max) if dtype.kind in "ui" else 1.0


def laid_over(array: NDArray[Any], ground: float, *, associated: bool = False) -> NDArray[Any]:
    """(..., n - 1) colours of an array whose last sample is alpha, laid over a ground of one value.

    associated : the colours are already multiplied by alpha.
    """
    colours, top = array[..., :-1], white(array.dtype)
    share = array[..., -1:].astype(np.float64) / top
    seen = colours * (1.0 if associated else share) + ground * (1 - share)
    return np.clip(np.rint(seen) if array.dtype.kind in "ui" else seen, 0, top).astype(array.dtype)

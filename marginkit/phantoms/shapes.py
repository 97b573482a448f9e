"""Boxes, discs and balls as masks and as the share of each pixel that they cover."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Bools: TypeAlias = NDArray[np.bool_]
Floats: TypeAlias = NDArray[np.float64]


def box(shape: tuple[int, ...], *spans: tuple[int, int]) -> Bools:
    """A mask with pixels ``first`` to ``last - 1`` of each axis set.

    >>> box((2, 4), (0, 1), (1, 3)).astype(int).tolist()
    [[0, 1, 1, 0], [0, 0, 0, 0]]
    """
    mask = np.zeros(shape, bool)
    mask[tuple(slice(*span) for span in spans)] = True
    return mask


def ball(shape: tuple[int, ...], spacing: tuple[float, ...], centre_mm: tuple[float, ...], radius_mm: float) -> Bools:
    """A disc or ball: the pixels whose centres lie in it. Pixel (0, 0)'s centre is at 0 mm."""
    return _depth_mm(shape, spacing, centre_mm, radius_mm) >= 0


def coverage(
    shape: tuple[int, ...], spacing: tuple[float, ...], centre_mm: tuple[float, ...], radius_mm: float
) -> Floats:
    """Share of each pixel that a disc or ball covers, from 8 sampling points an axis."""
    fine = tuple(8 * n for n in shape)
    small = tuple(s / 8 for s in spacing)
    shifted = tuple(c + 7 / 16 * s for c, s in zip(centre_mm, spacing))
    inside = _depth_mm(fine, small, shifted, radius_mm) >= 0
    blocks = inside.reshape(tuple(n for size in shape for n in (size, 8)))
    share: Floats = blocks.mean(axis=tuple(range(1, 2 * len(shape), 2)))
    return share


def _depth_mm(
    shape: tuple[int, ...], spacing: tuple[float, ...], centre_mm: tuple[float, ...], radius_mm: float
) -> Floats:
    axes = (np.arange(n) * s - c for n, s, c in zip(shape, spacing, centre_mm))
    squares = sum(np.meshgrid(*(axis**2 for axis in axes), indexing="ij", sparse=True))
    depth: Floats = radius_mm - np.sqrt(squares)
    return depth

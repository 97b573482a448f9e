"""Boxes, discs and balls as masks and as the share of each pixel that they cover."""

from __future__ import annotations

import math
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
    half = math.hypot(*spacing) / 2
    depth = _depth_mm(shape, spacing, centre_mm, radius_mm)
    share: Floats = (depth > 0).astype(np.float64)
    rim = np.argwhere(np.abs(depth) <= half)
    points = (np.indices((8,) * len(shape)).reshape(len(shape), -1).T + 0.5) / 8 - 0.5
    away = ((rim[:, None] + points) * spacing - np.array(centre_mm)) ** 2
    share[tuple(rim.T)] = (away.sum(-1) <= radius_mm**2).mean(axis=1)
    return share


def _depth_mm(
    shape: tuple[int, ...], spacing: tuple[float, ...], centre_mm: tuple[float, ...], radius_mm: float
) -> Floats:
    axes = (np.arange(n) * s - c for n, s, c in zip(shape, spacing, centre_mm))
    squares = sum(np.meshgrid(*(axis**2 for axis in axes), indexing="ij", sparse=True))
    depth: Floats = radius_mm - np.sqrt(squares)
    return depth

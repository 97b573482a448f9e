"""A picture with few enough pixels to be looked at while something is tried.

The surprising thing: it is a picture like any other, so a segmenter sees no difference; only sizes in pixels have to be
told in its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from marginkit.records import Level, Picture

MOST_PX = 1 << 22
ROWS = 512  # that are read at once


def coarse(picture: Picture, most_px: int = MOST_PX) -> tuple[Picture, tuple[float, float], tuple[float, float]]:
    """(picture of one level, (y, x) its pixels in those of the first, (y, x) index of its first pixel's centre there).

    The finest level that is small enough, or each n-th pixel of the coarsest.
    """
    at = [picture.axes.index(axis) for axis in "YX"]
    sizes = [int(np.prod([n for axis, n in zip(picture.axes, one.shape) if axis in "ZYX"])) for one in picture.levels]
    which = next((i for i, size in enumerate(sizes) if size <= most_px), len(sizes) - 1)
    level, step = picture.levels[which], max(1, int(np.ceil((sizes[which] / most_px) ** 0.5)))
    shape = tuple(-(-n // step) if i in at else n for i, n in enumerate(level.shape))
    ratio = (level.downsample[0] * step, level.downsample[1] * step)
    first = ((level.downsample[0] - 1) / 2, (level.downsample[1] - 1) / 2)
    one = level if step == 1 and level.downsample == (1.0, 1.0) else Level(shape, (1.0, 1.0), _each(level, at, step))
    taken = picture.calibration
    if taken is not None:
        own = (*taken.spacing_mm[:-2], *(s * r for s, r in zip(taken.spacing_mm[-2:], ratio)))
        taken = replace(taken, spacing_mm=own)
    return replace(picture, levels=(one,), shape=shape, calibration=taken), ratio, first


def _each(level: Level, at: list[int], step: int) -> Callable[[tuple[slice, ...]], Any]:
    """Reads each ``step``-th row and column, a few rows at a time."""
    (row, column), shape = at, level.shape

    def read(where: tuple[slice, ...]) -> Any:
        ends = [one.indices(-(-n // step) if i in at else n)[:2] for i, (one, n) in enumerate(zip(where, shape))]
        wanted = [slice(*end) for end in ends]
        wanted[column] = slice(ends[column][0] * step, (ends[column][1] - 1) * step + 1)
        thin = tuple(slice(None, None, step) if i in at else slice(None) for i in range(len(shape)))
        parts = []
        for top in range(ends[row][0], ends[row][1], ROWS):
            bottom = min(top + ROWS, ends[row][1])
            wanted[row] = slice(top * step, (bottom - 1) * step + 1)
            parts.append(level.read(tuple(wanted))[thin])
        return np.concatenate(parts, axis=row)

    return read

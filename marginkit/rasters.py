"""Outlines as pixels, on the grid of a picture: those whose middle lies in the outline.

The surprising thing: a slide has more pixels than memory holds, so an outline is laid on the finest level that can be
held and painted on. Its pixel size goes with it, and all levels begin at the same corner: nothing moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from marginkit.records import Picture, Region

MOST_PX = 64_000_000  # of the level that is taken
Placed: TypeAlias = tuple[tuple[float, ...] | None, tuple[float, ...] | None]


def grid(picture: Picture) -> tuple[tuple[int, ...], Placed]:
    """(shape, (spacing_mm, origin_px)) of the finest level with no more than ``MOST_PX`` pixels, axes (z), y, x.

    Spacing and origin as a Region has them: both None where the level is that of the picture itself.
    """
    for level in picture.levels:
        shape = tuple(n for axis, n in zip(picture.axes, level.shape) if axis in "ZYX")
        if int(np.prod(shape)) <= MOST_PX or level is picture.levels[-1]:
            break
    down = (*(1.0,) * (len(shape) - 2), *level.downsample)
    if picture.spacing_mm is None or max(down) == 1.0 or len(picture.spacing_mm) < len(shape):
        return picture.spatial_shape, (None, None)
    spacing_mm = tuple(d * s for d, s in zip(down, picture.spacing_mm))
    return shape, (spacing_mm, tuple((d - 1) / 2 for d in down))


def drawn(region: Region, picture: Picture) -> Region:
    """An outline as a mask on the picture's ``grid``; in a stack the same on every plane.

    A pixel belongs to it whose middle lies inside; not where the middle lies on the line itself.
    """
    import shapely

    shape, (spacing_mm, origin_px) = grid(picture)
    ratio_y, ratio_x = _ratio(spacing_mm, picture.spacing_mm)
    mask = np.zeros(shape[-2:], bool)
    outline = region.data
    if not outline.is_empty:  # type: ignore[union-attr]
        left, top, right, bottom = outline.bounds  # type: ignore[union-attr]
        rows, columns = _within(top, bottom, ratio_y), _within(left, right, ratio_x)
        x = (np.arange(mask.shape[1])[columns] + 0.5) * ratio_x
        shapely.prepare(outline)
        for row in range(mask.shape[0])[rows]:
            mask[row, columns] = shapely.contains_xy(outline, x, (row + 0.5) * ratio_y)
    return Region(np.broadcast_to(mask, shape).copy(), spacing_mm, origin_px, region.name, region.maker)


def _ratio(spacing_mm: Sequence[float] | None, whole_mm: Sequence[float] | None) -> tuple[float, float]:
    """Pixels of the picture to one of the grid, along y and x."""
    if spacing_mm is None or whole_mm is None:
        return 1.0, 1.0
    return spacing_mm[-2] / whole_mm[-2], spacing_mm[-1] / whole_mm[-1]


def _within(low: float, high: float, ratio: float) -> slice:
    """The pixels that an outline from ``low`` to ``high`` may reach."""
    return slice(max(0, int(low / ratio)), max(0, int(high / ratio) + 1))

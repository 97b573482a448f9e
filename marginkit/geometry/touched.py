"""The pixels that an outline or a line touches."""

from __future__ import annotations

from typing import Any

import numpy as np

from marginkit.geometry.scene import Bools


def pixels(shape_xy: Any, shape: tuple[int, ...]) -> Bools:
    """(h, w) bool, every pixel whose closed square meets the shapely geometry (x, y on pixel corners).

    >>> from shapely.geometry import LineString
    >>> pixels(LineString([(0.5, 0.5), (1.5, 0.5)]), (1, 3)).tolist()
    [[True, True, False]]
    """
    import shapely

    out: Bools = np.zeros(shape, bool)
    left, low, right, high = shape_xy.bounds
    first = max(0, int(np.floor(low)) - 1), max(0, int(np.floor(left)) - 1)
    last = min(shape[0], int(np.ceil(high)) + 1), min(shape[1], int(np.ceil(right)) + 1)
    shapely.prepare(shape_xy)
    columns = np.arange(first[1], last[1])
    lefts = columns.astype(np.float64)
    for row in range(first[0], last[0]):
        squares = shapely.box(lefts, np.full_like(lefts, row), lefts + 1, np.full_like(lefts, row + 1))
        out[row, columns] = shapely.intersects(shape_xy, squares)
    return out

"""Which polygons lie near each other, and which hold a point; equal to asking an STRtree with a predicate.

The surprising thing: such a tree prepares what it is asked with and not what it holds. A tumor that is one large
outline with thousands of holes and islands is then walked round once for each of them: minutes. Here the larger of two
is prepared.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from marginkit.geometry.scene import Ints

Shapes = NDArray[Any]


def near(shapes: Shapes, reach: float) -> tuple[Ints, Ints]:
    """(first, second): every pair of the shapes that is at most ``reach`` apart, once.

    reach : above 0, and wider than a distance that is to count: GEOS does not decide a tie to the last bit the same way
        from both sides.

    >>> boxes = shapely.box([0, 2, 9], 0, [1, 3, 10], 1)
    >>> [one.tolist() for one in near(boxes, 1.0)]
    [[0], [1]]
    """
    low_x, low_y, high_x, high_y = shapely.bounds(shapes).T
    boxes = shapely.box(low_x - reach, low_y - reach, high_x + reach, high_y + reach)
    first, second = shapely.STRtree(shapes).query(boxes)
    once = first < second
    first, second = first[once], second[once]
    size = shapely.get_num_coordinates(shapes)
    turned = size[first] < size[second]
    large, small = np.where(turned, second, first), np.where(turned, first, second)
    shapely.prepare(shapes[np.unique(large)])
    close = shapely.dwithin(shapes[large], shapes[small], reach)
    return first[close], second[close]


def holding(points: Shapes, areas: Shapes) -> tuple[Ints, Ints]:
    """(point, area): every point with every area that holds it or has it on its border."""
    point, area = shapely.STRtree(areas).query(points)
    shapely.prepare(areas[np.unique(area)])
    held = shapely.intersects(areas[area], points[point])
    return point[held], area[held]

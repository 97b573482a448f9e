"""Drawn shapes as geometry: rings of (x, y) pixel corners.

The surprising thing: an ellipse has four corners in napari, those of its box. It is drawn here with so many corners
that it is nowhere off by more than a hundred-thousandth of its radius.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from marginkit.errors import OutlineError
from marginkit.records import Floats

ROUND = 720  # corners of an ellipse: 1 - cos(pi / 720) is 1e-5


def corners(points: Floats, kind: str) -> Floats:
    """(n, 2) corners (x, y) on pixel corners of one shape of napari, whose points are (y, x) on pixel centres."""
    if kind == "ellipse":
        middle, a, b = points.mean(0), (points[1] - points[0]) / 2, (points[3] - points[0]) / 2
        turn = np.linspace(0, 2 * np.pi, ROUND, endpoint=False)[:, None]
        points = middle + np.cos(turn) * a + np.sin(turn) * b
    return np.asarray(points, np.float64)[:, ::-1] + 0.5


def area(rings: list[Floats], name: str) -> tuple[Any, tuple[str, ...]]:
    """(union of the rings as a MultiPolygon, flags). OutlineError E-GEO-01 where one cannot be repaired.

    A ring that crosses itself is repaired where that changes its area by at most one per cent.
    """
    import shapely

    flags: tuple[str, ...] = ()
    parts = []
    for ring in rings:
        if len(ring) < 3:
            raise OutlineError("E-GEO-01", "an outline has fewer than three corners", cause=f"in layer {name}")
        shape: Any = shapely.Polygon(ring)
        if not shape.is_valid:
            whole = shapely.make_valid(shape, method="structure", keep_collapsed=False)
            if abs(whole.area - shape.area) > 0.01 * max(whole.area, 1e-12):
                raise OutlineError("E-GEO-01", "an outline crosses itself", cause=f"in layer {name}")
            shape, flags = whole, ("repaired_outline",)
        parts.append(shape)
    joined = shapely.union_all(parts)
    pieces = [one for one in shapely.get_parts(joined) if one.geom_type in ("Polygon", "MultiPolygon") and one.area > 0]
    return shapely.MultiPolygon([p for one in pieces for p in shapely.get_parts(one)]), flags

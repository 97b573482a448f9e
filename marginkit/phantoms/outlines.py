"""Outlines in (x, y) on pixel corners: the margin is exact."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from marginkit.phantoms.phantom import Phantom
from marginkit.phantoms.shapes import box

if TYPE_CHECKING:
    from shapely.geometry import Polygon


def _polygon(*corners: tuple[float, float]) -> Polygon:
    from shapely.geometry import Polygon

    return Polygon(corners)


def _turned() -> Polygon:
    """A square on its corner, (x, y): centre (50, 50), 20 from centre to corner."""
    return _polygon((50, 30), (70, 50), (50, 70), (30, 50))


def _outline() -> Phantom:
    what = "a square on its corner in a square, both outlines: corner to side, 0.25 pixel finer than the grid"
    specimen = _polygon((5.25, 0), (100, 0), (100, 100), (5.25, 100))
    return Phantom("outline", "polygon", what, _turned(), specimen, (0.1, 0.1), 2.475)


def _outline_slant() -> Phantom:
    what = "slanting edge x + y = 40 of 0.5 mm by 0.5 mm pixels: 40 / √2 pixels from the corner (50, 30)"
    specimen = _polygon((40, 0), (200, 0), (200, 200), (0, 200), (0, 40))
    return Phantom("outline-slant", "polygon", what, _turned(), specimen, (0.5, 0.5), 20 / math.sqrt(2))


def _outline_anisotropic() -> Phantom:
    what = "rows of 0.5 mm, columns of 0.25 mm: 20 columns are nearer than 15 rows"
    specimen = _polygon((10, 15), (120, 15), (120, 120), (10, 120))
    return Phantom("outline-anisotropic", "polygon", what, _turned(), specimen, (0.5, 0.25), 5.0)


def _outline_in_mask() -> Phantom:
    what = "outlined tumor in a mask of tissue: corner to pixel face"
    return Phantom("outline-in-mask", "polygon", what, _turned(), box((100, 100), (10, 95), (5, 95)), (0.1, 0.1), 2.0)


MAKERS = (
    _outline,
    _outline_slant,
    _outline_anisotropic,
    _outline_in_mask,
)

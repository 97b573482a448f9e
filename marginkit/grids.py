"""How a mask lies on its image: on the same pixels, on a level of its pyramid, or on pixels of another size.

The surprising thing: a mask of another shape is never stretched to fit. Either its own pixel size, or a level of the
image of exactly its shape, says how it lies; otherwise it is refused.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from marginkit.errors import GridError
from marginkit.records import Picture, Region

SAME = 0.01  # relative: pixel sizes closer than this are one


def place(region: Region, mask: Picture, picture: Picture) -> Region:
    """The region placed on the picture.

    Raises
    ------
    GridError : E-GRID-04 one shape but different pixel sizes; E-GRID-05 another shape that nothing explains;
        E-GRID-06 the mask's own pixel size makes it larger or smaller than the image.
    """
    own, whole = np.shape(region.data), picture.spatial_shape  # type: ignore[arg-type]
    if len(own) != len(whole):
        raise GridError(
            "E-GRID-01",
            "image and mask differ in axes",
            cause=f"mask {own}, image {whole}",
            file=mask.name,
        )
    if own == whole:
        return _same_shape(region, mask, picture)
    down = _level_of(own, picture)
    if down is None:
        down = _by_pixel_size(own, mask, picture)
    return _finer(region, down, picture)


def _same_shape(region: Region, mask: Picture, picture: Picture) -> Region:
    both = (mask.calibration, picture.calibration)
    if both[0] is not None and both[1] is not None and both[1].source != "typed":
        pairs = zip(both[0].spacing_mm[::-1], both[1].spacing_mm[::-1])  # in plane only, where one knows no plane gap
        if any(abs(own / whole - 1) > SAME for own, whole in pairs):
            raise GridError(
                "E-GRID-04",
                "mask and image have one shape but different pixel sizes",
                cause=f"mask {both[0].spacing_mm} mm, image {both[1].spacing_mm} mm",
                remedy="Correct one of them, or give --pixel-size.",
                file=mask.name,
            )
    return replace(region, spacing_mm=None, origin_px=None)


def _level_of(own: tuple[int, ...], picture: Picture) -> tuple[float, ...] | None:
    """Downsample of the level that has exactly this shape."""
    for level in picture.levels[1:]:
        shape = tuple(n for axis, n in zip(picture.axes, level.shape) if axis in "ZYX")
        if shape == own:
            return (*(1.0,) * (len(own) - 2), *level.downsample)
    return None


def _by_pixel_size(own: tuple[int, ...], mask: Picture, picture: Picture) -> tuple[float, ...]:
    whole = picture.spatial_shape
    if mask.spacing_mm is None or picture.spacing_mm is None:
        raise GridError(
            "E-GRID-05",
            "mask and image differ in shape",
            cause=f"mask {own}, image {whole}, and no pixel size of the mask says how it lies",
            remedy="Give a mask of the image's shape or of one of its levels.",
            file=mask.name,
        )
    down = tuple(m / p for m, p in zip(mask.spacing_mm, picture.spacing_mm))
    for n, d, w in zip(own, down, whole):
        if abs(n * d - w) > max(d, 1.0):
            raise GridError(
                "E-GRID-06",
                "mask and image cover different areas",
                cause=f"mask {own} at {mask.spacing_mm} mm, image {whole} at {picture.spacing_mm} mm",
                file=mask.name,
            )
    return down


def _finer(region: Region, down: tuple[float, ...], picture: Picture) -> Region:
    """The region on pixels ``down`` times as large, both grids beginning at the same corner."""
    own_mm = None if picture.spacing_mm is None else tuple(d * s for d, s in zip(down, picture.spacing_mm))
    return replace(region, spacing_mm=own_mm, origin_px=tuple((d - 1) / 2 for d in down))

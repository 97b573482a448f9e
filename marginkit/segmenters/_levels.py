"""A level of a picture in strips: shrunk for a first look, or gone through at full size in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit.errors import AxesError, UsageError
from marginkit.records import Picture

STRIP_PX = 16_000_000  # pixels read at once
TILE_ROWS = 512  # a multiple of what tiles usually have


def grid(picture: Picture, level: int) -> tuple[tuple[float, ...] | None, tuple[float, ...] | None]:
    """(spacing_mm, origin_px) of a level; None, None for level 0."""
    if level == 0:
        return None, None
    if picture.spacing_mm is None:
        raise picture.refusal or UsageError("E-USE-06", "a coarser level needs a pixel size", file=picture.name)
    ratio = (1.0,) * (len(picture.spatial_shape) - 2) + picture.levels[level].downsample
    spacing = tuple(s * r for s, r in zip(picture.spacing_mm, ratio))
    return spacing, tuple((r - 1) / 2 for r in ratio)


def suited(picture: Picture, pixel_mm: float) -> int:
    """The coarsest level whose pixels are at most this large; 0 where the pixel size is unknown."""
    if picture.spacing_mm is None:
        return 0
    own_mm = max(picture.spacing_mm[-2:])
    fits = [i for i, level in enumerate(picture.levels) if own_mm * max(level.downsample) <= pixel_mm]
    return max(fits, default=0)


def around(window: slice, length: int, halo_px: int) -> slice:
    """The window with so many pixels around it, as far as there are any."""
    return slice(max(0, window.start - halo_px), min(length, window.stop + halo_px))


def is_colour(picture: Picture) -> bool:
    """Whether the picture is one plane of three or four samples."""
    return "S" in picture.axes and picture.shape[picture.axes.index("S")] >= 3


def need_colour(picture: Picture, who: str) -> None:
    """Refuses a picture that is no colour plane: AxesError E-AXE-05."""
    plane = all(n == 1 for axis, n in zip(picture.axes, picture.shape) if axis in "TCZ")
    if not is_colour(picture) or not plane:
        cause = f"axes {picture.axes}, shape {picture.shape}"
        raise AxesError("E-AXE-05", f"{who} wants one plane of colours", cause=cause, file=picture.name)


def size(picture: Picture, level: int) -> tuple[int, int]:
    """(height, width) of a level."""
    shape = dict(zip(picture.axes, picture.levels[level].shape))
    return shape["Y"], shape["X"]


def rgb(picture: Picture, level: int, rows: slice, columns: slice = slice(None)) -> NDArray[Any]:
    """Colours of a window, (y, x, 3) uint8; deeper pixels are divided, a transparent pixel is white."""
    height, width = size(picture, level)
    at = {"Y": slice(*rows.indices(height)[:2]), "X": slice(*columns.indices(width)[:2])}
    pixels = picture.levels[level].read(tuple(at.get(a, slice(None)) for a in picture.axes))
    pixels = np.transpose(pixels, [picture.axes.index(a) for a in sorted(picture.axes, key="TCZYXS".index)])
    pixels = pixels.reshape(pixels.shape[-3:])
    if pixels.dtype != np.uint8:
        whole = float(np.iinfo(pixels.dtype).max) if pixels.dtype.kind == "u" else 1.0
        pixels = (np.clip(pixels / whole, 0, 1) * 255).astype(np.uint8)
    if pixels.shape[-1] == 4:
        return np.where(pixels[..., 3:] > 0, pixels[..., :3], np.uint8(255))
    return np.ascontiguousarray(pixels[..., :3])


def strips(picture: Picture, level: int, step: int = 1, halo: int = 0) -> Iterator[tuple[slice, slice]]:
    """(rows to keep, rows to read) of successive strips; each begins at a multiple of ``step``."""
    height, width = size(picture, level)
    rows = strip_rows(width, step)
    for first in range(0, height, rows):
        last = min(first + rows, height)
        yield slice(first, last), slice(max(0, first - halo), min(height, last + halo))


def strip_rows(width: int, step: int = 1) -> int:
    """Rows of a strip of about ``STRIP_PX`` pixels: whole blocks, and where that can be whole tiles, read only once."""
    rows = STRIP_PX // max(width, 1)
    whole = math.lcm(TILE_ROWS, step)
    return max(1, round(rows / whole)) * whole if rows > whole / 2 else max(step, rows // step * step)


def shrunk(picture: Picture, level: int, step: int) -> NDArray[Any]:
    """The level's colours averaged over blocks of ``step`` squared pixels, (y, x, 3) uint8; the last may be partial."""
    import cv2

    parts = []
    for keep, _ in strips(picture, level, step):
        part = rgb(picture, level, keep)
        if step > 1:
            down, right = -part.shape[0] % step, -part.shape[1] % step
            part = np.pad(part, ((0, down), (0, right), (0, 0)), mode="edge")
            wanted = (part.shape[1] // step, part.shape[0] // step)
            part = np.asarray(cv2.resize(part, wanted, interpolation=cv2.INTER_AREA))
        parts.append(part)
    return np.concatenate(parts)

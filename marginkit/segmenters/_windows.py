"""A picture at the pixel size that a model was made for: which level, and windows of it.

The surprising thing: pixels are averaged over whole blocks only. A model that wants 2.0 µm gets 1.99 µm of a slide with
0.4975 µm pixels, which lie right to the last digit, instead of 2.0 µm that are smeared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit.errors import AxesError, CalibrationError, ModelError
from marginkit.records import Picture, Region
from marginkit.segmenters._levels import is_colour, need_colour, rgb, size, suited


@dataclass(frozen=True)
class Grid:
    """A level in blocks of ``step`` squared of its pixels: shape (y, x) in blocks, ratio: pixels of level 0 in one."""

    level: int
    step: int
    shape: tuple[int, int]
    ratio: tuple[float, float]

    def placed(self, picture: Picture, block: int = 1) -> tuple[tuple[float, ...] | None, tuple[float, ...] | None]:
        """(spacing_mm, origin_px) of a Region on blocks of this grid; (None, None) for level 0 itself."""
        ratio = tuple(r * block for r in self.ratio)
        if ratio == (1.0, 1.0):
            return None, None
        assert picture.spacing_mm is not None  # without it only level 0 is looked at
        spacing = tuple(s * r for s, r in zip(picture.spacing_mm[-2:], ratio))
        return spacing, tuple((r - 1) / 2 for r in ratio)


def channels(picture: Picture, who: str) -> int:
    """Number of channels of a picture of one plane: 3 for colours. AxesError E-AXE-05 where there are more planes."""
    if is_colour(picture):
        need_colour(picture, who)
        return 3
    if any(n != 1 for axis, n in zip(picture.axes, picture.shape) if axis in "TZ"):
        cause = f"axes {picture.axes}, shape {picture.shape}"
        raise AxesError("E-AXE-05", f"{who} wants one plane", cause=cause, file=picture.name)
    return picture.shape[picture.axes.index("C")] if "C" in picture.axes else 1


def grid(picture: Picture, pixel_um: float | None, tolerance: float, model: str) -> Grid:
    """Blocks nearest to ``pixel_um``; level 0 where that is None.

    Raises
    ------
    CalibrationError : the picture has no pixel size. ModelError : E-MOD-05 no block comes within ``tolerance``.
    """
    if pixel_um is None:
        return Grid(0, 1, size(picture, 0), (1.0, 1.0))
    if picture.spacing_mm is None:
        raise picture.refusal or CalibrationError("E-CAL-01", "pixel size missing", file=picture.name)
    level = suited(picture, pixel_um * (1 + tolerance) / 1000)
    down = picture.levels[level].downsample
    own_um = 1000 * np.array(picture.spacing_mm[-2:]) * down
    step = max(1, round(pixel_um / float(own_um.mean())))
    if np.abs(own_um * step / pixel_um - 1).max() > tolerance:
        cause = f"pixels of {own_um.max() * step:.3g} µm, wanted {pixel_um:g} µm ± {tolerance:.0%}"
        raise ModelError("E-MOD-05", "the model was not made for this image", cause=cause, file=model)
    height, width = size(picture, level)
    return Grid(level, step, (-(-height // step), -(-width // step)), (down[0] * step, down[1] * step))


def window(picture: Picture, where: Grid, rows: slice, columns: slice) -> NDArray[Any]:
    """Values of a window of the grid, (y, x, channel): uint8 of colours, float32 counts of channels."""
    import cv2

    step = where.step
    area = slice(rows.start * step, rows.stop * step), slice(columns.start * step, columns.stop * step)
    if is_colour(picture):
        pixels = rgb(picture, where.level, *area)
    else:
        at = dict(zip("YX", area))
        read = picture.levels[where.level].read(tuple(at.get(axis, slice(None)) for axis in picture.axes))
        read = np.transpose(read, [picture.axes.index(a) for a in sorted(picture.axes, key="TZYXC".index)])
        read = read.reshape(read.shape[-3:] if "C" in picture.axes else (*read.shape[-2:], 1))
        pixels = read.astype(np.float32)
    if step == 1:
        return pixels
    down, right = -pixels.shape[0] % step, -pixels.shape[1] % step
    pixels = np.pad(pixels, ((0, down), (0, right), (0, 0)), mode="edge")
    wanted = (pixels.shape[1] // step, pixels.shape[0] // step)
    pixels = np.asarray(cv2.resize(pixels, wanted, interpolation=cv2.INTER_AREA))
    return pixels.reshape(wanted[1], wanted[0], -1)


def resampled(region: Region, picture: Picture, where: Grid) -> NDArray[np.bool_]:
    """Where a region is, on a grid of its picture: whether each of the grid's pixels has its middle in it."""
    middles = [(np.arange(n) + 0.5) * ratio - 0.5 for n, ratio in zip(where.shape, where.ratio)]
    if region.kind == "polygon":
        return _filled(region.data, where)
    data = np.asarray(region.data)
    if data.dtype != np.bool_:
        data = data >= 0.5
    data = data[0] if data.ndim == 3 and len(data) == 1 else data
    step, first = (1.0, 1.0), (0.0, 0.0)
    if region.spacing_mm is not None and picture.spacing_mm is not None:
        own = region.spacing_mm[-2:]
        step = own[0] / picture.spacing_mm[-2], own[1] / picture.spacing_mm[-1]
        first = (region.origin_px[-2], region.origin_px[-1]) if region.origin_px is not None else first
    rows, columns = (np.round((m - o) / s).astype(np.int64) for m, o, s in zip(middles, first, step))
    inside = [(at >= 0) & (at < n) for at, n in zip((rows, columns), data.shape)]
    out = np.zeros(where.shape, bool)
    out[np.ix_(inside[0], inside[1])] = data[np.ix_(rows[inside[0]], columns[inside[1]])]
    return out


def _filled(outline: Any, where: Grid) -> NDArray[np.bool_]:
    """Outlines in pixel corners (x, y), filled."""
    from skimage.draw import polygon2mask

    fill: Any = polygon2mask
    out = np.zeros(where.shape, bool)
    for part in getattr(outline, "geoms", [outline]):
        for ring, inside in [(part.exterior, True), *((hole, False) for hole in part.interiors)]:
            points = np.asarray(ring.coords)[:, 1::-1] / np.array(where.ratio) - 0.5
            out[fill(where.shape, points)] = inside
    return out

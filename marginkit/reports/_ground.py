"""The picture under the drawing: read from the coarsest level that is fine enough, never more of it than is shown.

The surprising thing: libraries disagree by half a pixel about where a shrunken image lies. Here a pixel is the mean of
the block that it covers, and every place is computed from pixel corners.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from marginkit.records import Level, Measured
from marginkit.reports._view import View

Pixels: TypeAlias = NDArray[np.uint8]
Grey: TypeAlias = NDArray[np.floating[Any]]  # single precision does for the eye
NEUTRAL = 238
MOST_PIXELS = 400_000_000  # more of one level than this is not read for a picture: the ground stays neutral
BAND_PIXELS = 4_000_000


class Ground:
    """Draws the picture under views; brightness is set once, by the first view, so that all of them agree."""

    def __init__(self, case: Measured) -> None:
        self.case = case
        self.limits: list[tuple[float, float]] | None = None

    def read(self, view: View) -> Pixels:
        """(h, w, 3) uint8 RGB of a view; neutral grey outside the picture."""
        found = self._reduced(view)
        if found is None:
            return np.full((*view.size_px, 3), NEUTRAL, np.uint8)
        pixels, low, step = found
        return _placed(self._shown(pixels), low, step, view)

    def _reduced(self, view: View) -> tuple[Grey, Grey, Grey] | None:
        """Block means (rows, columns, samples), the level-0 corner of the first, and the level-0 size of a block."""
        letters = self._letters(view)
        level = self._level(view, letters)
        step = np.array([_downsample(level, letter) for letter in letters])
        shape = np.array([level.shape[self.case.picture.axes.index(letter)] for letter in letters])
        low = np.clip(np.floor(np.array(view.low) / step), 0, shape).astype(int)
        high = np.clip(np.ceil(np.array(view.high) / step), 0, shape).astype(int)
        if (high <= low).any() or int(np.prod(high - low)) > MOST_PIXELS:
            return None
        block = np.maximum(1, np.floor(1 / (np.array(view.zoom) * step) + 1e-6)).astype(int)
        rows = max(1, BAND_PIXELS // max(1, int(high[1] - low[1]) * int(block[0]))) * int(block[0])
        bands = [
            _means(
                self._read(level, view, letters, (top, min(top + rows, int(high[0]))), (int(low[1]), int(high[1]))),
                block,
            )
            for top in range(int(low[0]), int(high[0]), rows)
        ]
        return np.concatenate(bands), low * step, step * block

    def _letters(self, view: View) -> str:
        ndim = self.case.result.ndim
        letters = "ZYX"[-ndim:]
        return letters if view.across is None else letters[: view.across] + letters[view.across + 1 :]

    def _level(self, view: View, letters: str) -> Level:
        """The coarsest level that has a pixel for each drawn one."""
        levels = self.case.picture.levels
        fine = [
            level
            for level in levels
            if all(_downsample(level, letter) * zoom <= 1.01 for letter, zoom in zip(letters, view.zoom))
        ]
        return max(fine, key=lambda level: level.downsample) if fine else levels[0]

    def _read(
        self, level: Level, view: View, letters: str, rows: tuple[int, int], cols: tuple[int, int]
    ) -> NDArray[Any]:
        """(rows, columns, samples) as stored."""
        axes = self.case.picture.axes
        ndim = self.case.result.ndim
        hidden = None if view.across is None else "ZYX"[-ndim:][view.across]
        wanted = dict(zip(letters, (slice(*rows), slice(*cols))))
        for axis, n in zip(axes, level.shape):
            if axis in wanted:
                continue
            at = self.case.plane or 0 if axis == "Z" and ndim == 2 else 0
            if axis == hidden:
                at = int((view.index + 0.5) / _downsample(level, axis))
            at = min(at, n - 1)
            wanted[axis] = slice(None) if axis in "CS" else slice(at, at + 1)
        pixels = np.asarray(level.read(tuple(wanted[axis] for axis in axes)))
        order = [axes.index(letter) for letter in letters]
        pixels = np.moveaxis(pixels, order, (0, 1))
        return pixels.reshape(*pixels.shape[:2], -1)

    def _shown(self, pixels: Grey) -> Grey:
        """(rows, columns, 3) in 0…255. Colour of 8 bits is shown as it is; counts are stretched, for the eye only."""
        colour = pixels.shape[2] in (3, 4) and "S" in self.case.picture.axes
        if colour and self.case.picture.dtype == np.uint8:
            return _on_white(pixels)
        pixels = np.nan_to_num(pixels, posinf=0.0, neginf=0.0)
        if self.limits is None:
            self.limits = [_stretch(pixels[..., k]) for k in range(pixels.shape[2])]
        planes = [np.clip((pixels[..., k] - low) / (high - low), 0, 1) for k, (low, high) in enumerate(self.limits)]
        if colour:
            return 255 * np.stack(planes[:3], axis=-1)
        grey: Grey = 255 * np.max(planes, axis=0)
        return np.repeat(grey[..., None], 3, axis=2)


def _downsample(level: Level, letter: str) -> float:
    return {"Y": level.downsample[0], "X": level.downsample[1]}.get(letter, 1.0)


def _means(pixels: NDArray[Any], block: NDArray[np.int64]) -> Grey:
    """Means of blocks; the last ones of pixels that are there."""
    found: Grey = pixels.astype(np.float32)
    for axis, size in enumerate(block.tolist()):
        if size > 1:
            starts = np.arange(0, found.shape[axis], size)
            count = np.diff(np.append(starts, found.shape[axis]))
            found = np.add.reduceat(found, starts, axis) / count.reshape([-1 if a == axis else 1 for a in range(3)])
    return found


def _on_white(pixels: Grey) -> Grey:
    """Colour without its alpha: what was never scanned is white."""
    if pixels.shape[2] == 3:
        return pixels
    share = pixels[..., 3:] / 255
    white: Grey = pixels[..., :3] * share + 255 * (1 - share)
    return white


def _stretch(values: Grey) -> tuple[float, float]:
    low, high = (float(v) for v in np.percentile(values, (0.5, 99.7)))
    if math.isclose(low, high):
        low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else (low - 1.0, low + 1.0)


def _placed(pixels: Grey, low: Grey, step: Grey, view: View) -> Pixels:
    """Blocks where they lie in a view: enlarged ones stay squares, others are interpolated."""
    import cv2

    rows, cols = view.size_px
    # drawing pixel i covers level-0 corners low + (i … i + 1) / zoom; block u covers low + (u … u + 1) · step
    slope = 1 / (np.array(view.zoom) * step)
    start = (np.array(view.low) - low) / step
    if (slope <= 0.67).all():
        row, col = ((start[a] + slope[a] * (np.arange(n) + 0.5)) for a, n in enumerate((rows, cols)))
        inside = ((row >= 0) & (row < pixels.shape[0]))[:, None] & ((col >= 0) & (col < pixels.shape[1]))
        row, col = (np.clip(at.astype(int), 0, n - 1) for at, n in zip((row, col), pixels.shape))
        placed = np.where(inside[..., None], pixels[row[:, None], col], NEUTRAL)
        return np.rint(placed).astype(np.uint8)
    shift = start + slope / 2 - 0.5
    matrix = np.array([[slope[1], 0, shift[1]], [0, slope[0], shift[0]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    grey = (NEUTRAL, NEUTRAL, NEUTRAL)
    eight = np.rint(pixels).astype(np.uint8)
    found = cv2.warpAffine(eight, matrix, (cols, rows), flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=grey)
    return np.asarray(found, np.uint8)

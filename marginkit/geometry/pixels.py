"""The pixels behind an outline: their centres, which the digitisation interval needs, and their number."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marginkit.geometry.scene import Bools, Floats, Ints

CORNERS = np.ones((3, 3), bool)


@dataclass(frozen=True)
class Pixels:
    """A 2-D mask and where it lies in the image.

    ratio : (y, x) size of its pixels in index units of the image. origin_px : centre of its first pixel, index units.
    """

    mask: Bools
    ratio: tuple[float, ...] = (1.0, 1.0)
    origin_px: tuple[float, ...] = (0.0, 0.0)

    @property
    def area_px2(self) -> float:
        """Area of one pixel in pixels of the image."""
        return self.ratio[0] * self.ratio[1]

    def diagonal_mm(self, spacing_mm: Floats) -> float:
        """Diagonal of one pixel."""
        return float(np.hypot(*(np.array(self.ratio) * spacing_mm)))

    def centre_px(self, pixel: Ints) -> Floats:
        """(n, 2) centres of pixels, which may lie beyond the mask, in index units of the image."""
        centre: Floats = np.array(self.origin_px) + pixel * np.array(self.ratio)
        return centre

    def own(self, points_px: Floats) -> Floats:
        """(n, 2) index units of the mask, of points of the image."""
        own: Floats = (points_px - np.array(self.origin_px)) / np.array(self.ratio)
        return own

    def pixel_at(self, points_px: Floats) -> Ints:
        """(n, 2) pixels that hold points of the image; they may lie beyond the mask."""
        pixel: Ints = np.floor(self.own(points_px) + 0.5).astype(np.int64)
        return pixel

    def held(self, pixel: Ints) -> Bools:
        """Whether pixels are in the mask."""
        within = np.all((pixel >= 0) & (pixel < np.array(self.mask.shape)), axis=1)
        held: Bools = within & self.mask[tuple(np.where(within[:, None], pixel, 0).T)]
        return held

    @cached_property
    def _held(self) -> tuple[Bools, Ints]:
        """The part of the mask that holds all of it, and (2,) where that begins."""
        spans = [np.flatnonzero(np.logical_or.reduce(self.mask, axis=1 - axis)) for axis in (0, 1)]
        low, high = ([int(s[end]) if len(s) else end for s in spans] for end in (0, -1))
        return self.mask[low[0] : high[0] + 1, low[1] : high[1] + 1], np.array(low)

    @cached_property
    def boundary(self) -> Ints:
        """(n, 2) pixels of the mask with one of their eight neighbours outside it."""
        held, first = self._held
        core = ndimage.binary_erosion(held, CORNERS)
        return np.argwhere(held & ~core).astype(np.int64) + first

    def around(self, points_px: Floats) -> Ints:
        """(n, 2) pixels of the mask at most two from those that hold some points, each once."""
        pixel = np.unique(self.pixel_at(points_px), axis=0)
        steps = np.argwhere(np.ones((5, 5), bool)) - 2
        window = np.unique((pixel[:, None] + steps).reshape(-1, 2), axis=0)
        return window[self.held(window)]

    @cached_property
    def _labels(self) -> tuple[NDArray[Any], Ints]:
        """Of ``_held``, with a rim of none; and (labels,) pixels of each."""
        label, number = ndimage.label(np.pad(self._held[0], 1), CORNERS)
        return label, np.bincount(label.ravel(), minlength=number + 1).astype(np.int64)

    def counts(self, points_px: Floats, group: Ints, number: int) -> Ints:
        """(number,) pixels of the connected parts of the mask that have points of each group on their contour."""
        label, size = self._labels
        near = surrounding(self.own(points_px))
        top, first = np.array(self.mask.shape) - 1, self._held[1] - 1
        inside = [np.clip(np.clip(pixel, 0, top) - first, 0, np.array(label.shape) - 1) for pixel in near]
        found = np.stack([label[tuple(pixel.T)] for pixel in inside]).max(axis=0)
        pairs = np.unique(np.stack([group, found], axis=1)[found > 0], axis=0)
        return np.bincount(pairs[:, 0], size[pairs[:, 1]], number).astype(np.int64)


def surrounding(points: Floats) -> list[Ints]:
    """The four pixels whose centres surround each point; fewer are distinct where it lies between two, or on one."""
    settled = np.round(points, 9)  # a point on a line of centres or of corners stays on it whatever its rounding
    low, high = np.floor(settled).astype(np.int64), np.ceil(settled).astype(np.int64)
    return [np.stack([y, x], axis=1) for y in (low[:, 0], high[:, 0]) for x in (low[:, 1], high[:, 1])]

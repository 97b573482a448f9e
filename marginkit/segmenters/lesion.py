"""A lesion on skin, in a dermoscopy photograph: what takes more green and blue light than the skin around it.

The surprising thing: experts draw the outline where pigment begins and not half-way to the darkest of it, so the level
is a sixth of the way. Hair and the bars of a ruler are thin and are closed over first; a surgical pen is violet, takes
red light instead, and does not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit.errors import PixelError, UsageError
from marginkit.records import Picture, Region
from marginkit.segmenters._levels import need_colour, shrunk, size

NAME = "lesion"
GIVES = ("tumor",)
LOOK_PX = 800  # longest side of the picture that is looked at
DARK = 60  # of 255: a pixel none of whose colours is brighter shows no skin
NOISE_SDS, MOST = 3.0, 0.5
Plane = NDArray[np.float32]


@dataclass(frozen=True)
class Options:
    """Where the outline runs.

    level : share of the way from skin (0) to the lesion's middle pigment (1) at which the lesion begins; never within
        three standard deviations of the skin unless that is more than half-way.
    hair_px : width of what is taken for hair, per thousand pixels of the longest side; 0: nothing is.
    fill : fill holes.
    """

    level: float = 0.15
    hair_px: float = 16.0
    fill: bool = True

    def __post_init__(self) -> None:
        if not (0 < self.level < 1 and 0 <= self.hair_px <= 100):
            cause = "level is between 0 and 1, hair_px 0 to 100"
            raise UsageError("E-USE-03", "lesion: options not understood", cause=cause)


def segment(picture: Picture, options: Options) -> Region:
    """The chance of lesion: ½ at the level, ¼ and ¾ at half of it and half as much again.

    Raises
    ------
    AxesError : E-AXE-05 no plane of colours. PixelError : E-PIX-04 nothing differs from the skin.
    """
    need_colour(picture, NAME)
    level = len(picture.levels) - 1 if picture.spacing_mm is not None else 0
    while level and max(size(picture, level)) < LOOK_PX:
        level -= 1
    step = max(1, max(size(picture, level)) // LOOK_PX)
    excess, noise = _excess(shrunk(picture, level, step), options.hair_px / 1000)
    core, middle = _core(excess)
    begins = min(max(options.level * middle, NOISE_SDS * noise), MOST * middle)
    if middle <= NOISE_SDS * noise / 2 or not core.any():
        cause = f"the darkest part is {middle:.3f} above skin, which varies by {noise:.3f} (optical density)"
        raise PixelError("E-PIX-04", "no lesion is told from the skin", cause=cause, file=picture.name)
    chance = _chance(excess, core, begins, options.fill)
    told = f"lesion above skin by {begins:.3f} optical density, {begins / middle:.0%} of its middle; skin ± {noise:.3f}"
    if picture.spacing_mm is None:
        height, width = size(picture, 0)
        return Region(_enlarged(chance, step)[:height, :width], maker=told)
    ratio = tuple(d * step for d in picture.levels[level].downsample)
    spacing = tuple(s * r for s, r in zip(picture.spacing_mm[-2:], ratio))
    return Region(chance, spacing, tuple((r - 1) / 2 for r in ratio), maker=told)


def _enlarged(blocks: Plane, step: int) -> Plane:
    import cv2

    return np.asarray(cv2.resize(blocks, (blocks.shape[1] * step, blocks.shape[0] * step)), np.float32)


def _excess(look: NDArray[np.uint8], hair: float) -> tuple[Plane, float]:
    """(optical density above that of skin, its standard deviation on skin)."""
    import cv2

    side = int(max(look.shape[:2]) * hair) | 1
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    bald = cv2.medianBlur(cv2.morphologyEx(look, cv2.MORPH_CLOSE, disk), 5) if side > 1 else look
    density = np.asarray(-np.log10((bald.astype(np.float32) + 1) / 256), np.float32)
    frame = (bald.max(axis=2) < DARK).astype(np.uint8)
    frame = np.asarray(cv2.dilate(frame, np.ones((15, 15), np.uint8)), np.uint8) > 0
    violet = bald[..., 2].astype(np.int16) > bald[..., 0].astype(np.int16) - 8
    pigment: Plane = np.asarray(density[..., 1:].mean(axis=2), np.float32)
    skin, noise = _skin(pigment, ~frame)
    excess = np.where(frame | violet, np.float32(0), pigment - skin).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(excess, (0, 0), max(look.shape[:2]) / 240), np.float32), noise


def _skin(pigment: Plane, where: NDArray[np.bool_]) -> tuple[Plane, float]:
    """(density of skin, its standard deviation): a surface of second order, fitted to what lies near it."""
    height, width = pigment.shape
    y, x = np.mgrid[-0.5 : 0.5 : height * 1j, -0.5 : 0.5 : width * 1j]
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1).reshape(-1, 6)
    picked = np.flatnonzero(where.ravel())[:: max(1, where.size // 20_000)]
    if len(picked) < 100:
        return pigment, 0.0
    values, design = pigment.ravel()[picked].astype(np.float64), terms[picked]
    near = np.ones(len(picked), bool)
    for _ in range(8):
        fitted = np.linalg.lstsq(design[near], values[near], rcond=None)[0]
        off = np.abs(values - design @ fitted)
        sd = 1.4826 * float(np.median(off[near]))
        near = off <= 2 * max(sd, 1e-4)
    return (terms @ fitted).reshape(height, width).astype(np.float32), sd


def _core(excess: Plane) -> tuple[NDArray[np.bool_], float]:
    """(the piece with most pigment above Otsu's value, its median); a piece at the picture's rim counts a fifth."""
    import cv2
    from skimage import filters

    if excess.max() <= 0:
        return np.zeros(excess.shape, bool), 0.0
    find: Any = filters.threshold_otsu
    count, labels, stats, _ = cv2.connectedComponentsWithStats((excess > find(excess)).astype(np.uint8))
    weight = np.bincount(labels.ravel(), excess.ravel(), minlength=count)
    left, top, wide, high = stats[:, :4].T
    rim = (left == 0) | (top == 0) | (left + wide == excess.shape[1]) | (top + high == excess.shape[0])
    weight = weight * np.where(rim, 0.2, 1.0)
    weight[0] = -1
    core = labels == int(weight.argmax())
    return core, float(np.median(excess[core]))


def _chance(excess: Plane, core: NDArray[np.bool_], begins: float, fill: bool) -> Plane:
    """½ at the level; nothing but what is connected with the core at half the level."""
    from scipy import ndimage

    labels, _ = ndimage.label(excess > begins / 2, np.ones((3, 3)))
    kept = np.isin(labels, np.unique(labels[core & (labels > 0)]))
    above, _ = ndimage.label(excess >= begins, np.ones((3, 3)))
    own = np.isin(above, np.unique(above[core & (above > 0)]))
    chance = np.clip(excess / (2 * begins), 0, 1) * kept
    chance = np.where((chance >= 0.5) & ~own, np.float32(0.499), chance)
    if fill:
        chance = np.where(ndimage.binary_fill_holes(own) & ~own, np.float32(1), chance)
    return np.asarray(chance, np.float32)

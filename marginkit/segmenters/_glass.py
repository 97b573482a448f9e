"""Stained tissue on glass: what takes green from white light, without pens and dust.

Optical densities are counted from the colour of the glass in this picture, so that a yellowish lamp is no stain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Floats = NDArray[np.floating]
STAIN = 0.030  # optical density of green above the lesser of red and blue
PALE = 0.17  # share of that threshold at which pale parts (fat) that hang on stained ones count
MARK = 0.20  # density, in the colour that a mark takes most, from which it is one
COAT_PX = 9  # of the first look: ink is a coat of at most this depth on the tissue


def glass_colour(look: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Colour of the empty glass, (3,) float32: the commonest of those bright and nearly neutral."""
    flat = look.reshape(-1, 3)
    light = flat[(flat.min(axis=1) > 200) & (np.ptp(flat, axis=1) < 25) & (flat.min(axis=1) < 254)]
    if len(light) < 0.005 * len(flat):
        return np.array([250, 250, 250], np.float32)
    return np.array([np.bincount(light[:, i], minlength=256).argmax() for i in range(3)], np.float32)


def density(look: NDArray[np.uint8], glass: NDArray[np.float32], sigma_px: float) -> NDArray[np.float32]:
    """Optical density (base 10) of red, green and blue, (y, x, 3); never below 0; colours smoothed before."""
    import cv2

    smooth = cv2.GaussianBlur(look.astype(np.float32), (0, 0), sigma_px) if sigma_px > 0 else look
    ratio = np.maximum(np.asarray(smooth, np.float32), 1) / glass
    return np.asarray(np.maximum(-np.log10(ratio), 0), np.float32)


def stain_of(od: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much more green is taken than the lesser of red and blue; 0 where another colour is taken most."""
    red, green, blue = od[..., 0], od[..., 1], od[..., 2]
    more = green - np.minimum(red, blue)
    most = np.maximum(red, blue)
    other = (most > 1.12 * green + 0.02) | (more < 0.2 * np.maximum(most, green))  # or grey
    return np.where(other, np.float32(0), more)


def red_pen(od: NDArray[np.float32]) -> Mask:
    """Red felt pen, redder than eosin and blood: its saturated core, and its thin fringe joined to that."""
    from skimage import morphology

    red, green, blue = od[..., 0], od[..., 1], od[..., 2]
    rebuild: Any = morphology.reconstruction
    core = opened((green > 0.22) & (blue > 0.67 * green) & (red < 0.21 * green), 40)
    fringe = (green > 0.06) & (blue > 0.63 * green) & (red < 0.45 * green) | core
    near = (grown(core, 30) & fringe) | grown(core, 3)
    return np.asarray(rebuild(core.astype(np.uint8), near.astype(np.uint8)) > 0)


@dataclass(frozen=True)
class Rule:
    """Thresholds for one picture."""

    glass: NDArray[np.float32]
    stain: NDArray[np.float32]  # one number; an array so that it is no public float without a unit
    told: str

    @classmethod
    def of(cls, look: NDArray[np.uint8], sensitivity: float) -> Rule:
        """The rule for a picture at first look."""
        glass = glass_colour(look)
        stain = np.float32(STAIN / sensitivity)
        told = f"stain density above {float(stain):.3g} on glass {'/'.join(str(int(v)) for v in glass)}"
        return cls(glass, np.asarray(stain), told)

    def pixels(self, colours: NDArray[np.uint8], ratio: float) -> Mask:
        """Where a fine pixel is stained or marked. ratio : fine pixels along one of the first look."""
        od = density(colours, self.glass, ratio / 3)
        return np.asarray((stain_of(od) > self.stain / 3) | (od.max(axis=-1) > MARK))

    def decide(self, look: NDArray[np.uint8]) -> Mask:
        """The tissue at first look: stained, its pale parts, plus coats of ink, minus pens."""
        import cv2
        from scipy import ndimage

        od = density(look, self.glass, 1.2)
        pen = red_pen(od)
        tissue = with_core((stain_of(od) > self.stain) & ~pen)
        tissue |= self._pale(look, tissue, grown(pen, 9))
        tissue = without_fringe(tissue, pen)
        marks = ((od.max(axis=-1) > MARK) & ~tissue) | pen
        tissue |= coats(marks & ~pen, tissue)
        round_ = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))
        tissue = cv2.morphologyEx(tissue.astype(np.uint8), cv2.MORPH_CLOSE, round_) > 0
        tissue &= ~pen
        around = closed(tissue, 20) | np.asarray(ndimage.binary_fill_holes(tissue), bool)
        return small_holes_filled(tissue | (marks & around), max(400, tissue.size * 3 // 1000))

    def _pale(self, look: NDArray[np.uint8], tissue: Mask, pen: Mask) -> Mask:
        """Fat and other pale parts that hang on the tissue; a blur's halo around the tissue is not one."""
        od = density(look, self.glass, 3)
        stain = stain_of(od)
        empty = stain[(od.max(axis=-1) < 0.02) & (stain < 0.01)]
        noise = 1.4826 * float(np.median(np.abs(empty - np.median(empty)))) if empty.size else 0.0
        faint = (stain > max(float(self.stain) * PALE, float(np.median(empty)) + 5 * noise)) if empty.size else tissue
        faint = faint & ~pen
        alone = opened(faint & ~grown(tissue | (od.max(axis=-1) > MARK), 7), 120)
        joined = faint & grown(alone, 8)
        return with_seed(joined | tissue, tissue)


def closed(mask: Mask, radius_px: int) -> Mask:
    """The mask closed by a disc."""
    import cv2

    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius_px + 1,) * 2)
    wide = cv2.copyMakeBorder(mask.astype(np.uint8), *(radius_px + 1,) * 4, cv2.BORDER_CONSTANT, value=0)
    inside = slice(radius_px + 1, -radius_px - 1)
    return np.asarray(cv2.morphologyEx(wide, cv2.MORPH_CLOSE, disc)[inside, inside] > 0)


def grown(mask: Mask, radius_px: int) -> Mask:
    """The mask grown by a disc."""
    import cv2

    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius_px + 1,) * 2)
    return np.asarray(cv2.dilate(mask.astype(np.uint8), disc) > 0)


def with_seed(mask: Mask, seed: Mask) -> Mask:
    """The pieces of a mask that hold a pixel of the seed."""
    from scipy import ndimage

    labels, count = ndimage.label(mask, np.ones((3, 3)))
    kept = np.zeros(count + 1, bool)
    kept[labels[seed & mask]] = True
    kept[0] = False
    return kept[labels]


def with_core(mask: Mask) -> Mask:
    """The pieces that are somewhere five pixels thick: no specks, no coloured fringes of a mark; thin strands stay."""
    import cv2

    return with_seed(mask, cv2.erode(mask.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0)


def without_fringe(tissue: Mask, pen: Mask) -> Mask:
    """The tissue without smears of a pen: pieces of which most lies beside it."""
    from scipy import ndimage

    labels, count = ndimage.label(tissue, np.ones((3, 3)))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    beside = np.bincount(labels[grown(pen, 15)], minlength=count + 1)
    keep = beside < 0.5 * sizes
    keep[0] = False
    return keep[labels]


def opened(mask: Mask, least_px: int) -> Mask:
    """Without specks: pieces of fewer pixels; thin strands stay."""
    from scipy import ndimage

    labels, _ = ndimage.label(mask, np.ones((3, 3)))
    return (np.bincount(labels.ravel()) >= least_px)[labels] & mask


def coats(marks: Mask, tissue: Mask) -> Mask:
    """Marks that cling to tissue: few of a piece's pixels are farther from tissue than a coat of ink is deep."""
    from scipy import ndimage

    labels, count = ndimage.label(marks, np.ones((3, 3)))
    if not count or not tissue.any():
        return np.zeros_like(marks)
    far_px = ndimage.distance_transform_edt(~tissue)
    off = np.bincount(labels[far_px > COAT_PX], minlength=count + 1) / np.bincount(labels.ravel(), minlength=count + 1)
    deepest_px = ndimage.maximum(far_px, labels, np.arange(count + 1))
    deep = np.asarray(deepest_px)
    near = (off < 0.25) | (deep <= 2 * COAT_PX) | ((off < 0.6) & (deep <= 6 * COAT_PX))
    near[0] = False
    return near[labels]


def small_holes_filled(mask: Mask, most_px: int) -> Mask:
    """Holes of at most so many pixels filled."""
    from scipy import ndimage

    labels, _ = ndimage.label(~mask)
    return mask | (np.bincount(labels.ravel()) <= most_px)[labels]

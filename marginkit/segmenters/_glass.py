"""Stained tissue on glass: what takes green from white light, without pens and dust.

Optical densities are counted from the colour of the glass in this picture, so that a yellowish lamp is no stain.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Floats = NDArray[np.floating]
STAIN = 0.030  # optical density of green above the lesser of red and blue
MARK = 0.20  # density, in the colour that a mark takes most, from which it is one
COAT_PX = 9  # of the first look: ink is a coat of at most this depth on the tissue


def glass_colour(look: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Colour of the empty glass, (3,) float32: the commonest among bright and nearly neutral colours, not pure white."""
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
    other = np.maximum(red, blue) > 1.12 * green + 0.02
    return np.where(other, np.float32(0), more)


def red_pen(od: NDArray[np.float32]) -> Mask:
    """Where green and blue are both taken strongly and red hardly: felt pen, redder than eosin and blood."""
    red, green, blue = od[..., 0], od[..., 1], od[..., 2]
    return (green > 0.35) & (blue > 0.72 * green) & (red < 0.25 * green)


@dataclass(frozen=True)
class Rule:
    """Thresholds for one picture."""

    glass: NDArray[np.float32]
    stain: NDArray[np.float32]  # one number; an array so that it is no public float without a unit
    told: str

    @classmethod
    def of(cls, look: NDArray[np.uint8], sensitivity: NDArray[np.float32] | float) -> Rule:
        """The rule for a picture at first look."""
        glass = glass_colour(look)
        stain = np.float32(STAIN / sensitivity)
        told = f"stain density above {float(stain):.3g} on glass {'/'.join(str(int(v)) for v in glass)}"
        return cls(glass, np.asarray(stain), told)

    def pixels(self, colours: NDArray[np.uint8], step: int) -> Mask:
        """Where a fine pixel is stained or marked."""
        od = density(colours, self.glass, step / 3)
        return np.asarray((stain_of(od) > self.stain) | (od.max(axis=-1) > MARK))

    def decide(self, look: NDArray[np.uint8]) -> Mask:
        """The tissue at first look: stained, plus coats of ink, minus pens."""
        import cv2

        od = density(look, self.glass, 1.2)
        pen = red_pen(od)
        tissue = opened((stain_of(od) > self.stain) & ~pen)
        marks = ((od.max(axis=-1) > MARK) & ~tissue) | pen
        tissue |= coats(marks, tissue)
        round_ = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))
        closed = cv2.morphologyEx(tissue.astype(np.uint8), cv2.MORPH_CLOSE, round_) > 0
        return small_holes_filled(closed, 400)


def opened(mask: Mask) -> Mask:
    """Without specks: pieces of fewer than 30 pixels; thin strands stay."""
    from scipy import ndimage

    labels, _ = ndimage.label(mask, np.ones((3, 3)))
    return (np.bincount(labels.ravel()) >= 30)[labels] & mask


def coats(marks: Mask, tissue: Mask) -> Mask:
    """Marks that cling to tissue: few of a piece's pixels are farther from tissue than a coat of ink is deep."""
    from scipy import ndimage

    labels, count = ndimage.label(marks, np.ones((3, 3)))
    if not count or not tissue.any():
        return np.zeros_like(marks)
    far_px = ndimage.distance_transform_edt(~tissue)
    off = np.bincount(labels[far_px > COAT_PX], minlength=count + 1) / np.bincount(labels.ravel(), minlength=count + 1)
    near = off < 0.25
    near[0] = False
    return near[labels]


def small_holes_filled(mask: Mask, most_px: int) -> Mask:
    """Holes of at most so many pixels filled."""
    from scipy import ndimage

    labels, _ = ndimage.label(~mask)
    return mask | (np.bincount(labels.ravel()) <= most_px)[labels]

"""What a specimen lies on, and the specimen as what differs from it: photographs on black or on one colour.

The ground is what the picture's border shows. A strip of ruler and a paper label are neutral, straight-edged, and touch
the border; they are left out where the specimen is another piece.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit.segmenters import _glass

Mask = NDArray[np.bool_]
SHADOW = 0.4  # weight of lightness on a plain ground, where the specimen casts a shadow


def border(look: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Colours of the outermost three per cent of the picture, (n, 3)."""
    wide = max(1, min(look.shape[:2]) * 3 // 100)
    inner = np.zeros(look.shape[:2], bool)
    inner[wide:-wide, wide:-wide] = True
    return look[~inner]


def kind(look: NDArray[np.uint8]) -> str:
    """``glass`` where the border or a third of the picture is light, or it is stained; ``dark``; ``plain``."""
    edge = border(look)
    if np.median(edge.max(axis=1)) < 60:
        return "dark"
    light = (look.min(axis=-1) > 200) & (np.ptp(look, axis=-1) < 25)
    if np.median(edge.min(axis=1)) > 190 or light.mean() > 0.3:
        return "glass"
    stained = _glass.stain_of(_glass.density(edge[None], np.full(3, 250, np.float32), 0)) > 2 * _glass.STAIN
    return "glass" if stained.mean() > 0.5 else "plain"


@dataclass(frozen=True)
class Rule:
    """Difference from the ground in CIELAB (ΔE), or brightness on black, and where it is cut."""

    lab: NDArray[np.float32]
    cut: NDArray[np.float32]
    dark: bool
    told: str

    @classmethod
    def of(cls, look: NDArray[np.uint8], ground: str) -> Rule:
        """The rule for a picture at first look."""
        from skimage import filters

        lab = np.median(to_lab(border(look)[None]).reshape(-1, 3), axis=0).astype(np.float32)
        blank = cls(lab, np.asarray(0, np.float32), ground == "dark", "")
        otsu: Any = filters.threshold_otsu
        values = np.sqrt(blank.differing(look, 2.0))  # a root: pale parts of the specimen are not lost to bright ones
        cut = np.float32(max(float(otsu(values)) ** 2 * (0.55 if blank.dark else 0.8), 6 if blank.dark else 9))
        return cls(lab, np.asarray(cut), blank.dark, f"difference from the ground above {cut:.3g} (CIELAB)")

    def differing(self, colours: NDArray[np.uint8], sigma_px: float) -> NDArray[np.float32]:
        """ΔE to the ground, (y, x), smoothed."""
        import cv2

        apart = (to_lab(colours) - self.lab) * np.array([1 if self.dark else SHADOW, 1, 1], np.float32)
        off = np.linalg.norm(apart, axis=-1).astype(np.float32)
        return np.asarray(cv2.GaussianBlur(off, (0, 0), sigma_px) if sigma_px > 0 else off)

    def pixels(self, colours: NDArray[np.uint8], ratio: float) -> Mask:
        """Where a fine pixel differs from the ground. ratio : fine pixels along one of the first look."""
        return np.asarray(self.differing(colours, ratio / 2) > self.cut)

    def decide(self, look: NDArray[np.uint8]) -> Mask:
        """The specimen at first look: differing pixels, thin bridges cut, pieces that are ruler or label left out."""
        import cv2

        mask = self.differing(look, 2.0) > self.cut
        if not self.dark:
            mask &= ~paper(look)
        wide = max(3, max(look.shape[:2]) // 150) | 1
        round_ = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (wide, wide))
        mask = np.asarray(cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, round_)) > 0
        if self.dark:
            mask = np.asarray(cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, round_)) > 0
        return without_paper(mask, look)


def paper(look: NDArray[np.uint8]) -> Mask:
    """Rulers and labels: wide areas, bright and nearly neutral, with the print on them."""
    import cv2

    lab = to_lab(np.asarray(cv2.GaussianBlur(look, (0, 0), 2), np.uint8))
    white = (np.hypot(lab[..., 1], lab[..., 2]) < 18) & (lab[..., 0] > 62)
    wide = max(5, max(look.shape[:2]) // 60) | 1
    square = np.ones((wide, wide), np.uint8)
    closed = cv2.morphologyEx(white.astype(np.uint8), cv2.MORPH_CLOSE, square)
    return np.asarray(cv2.dilate(cv2.morphologyEx(closed, cv2.MORPH_OPEN, square), np.ones((9, 9), np.uint8)) > 0)


def to_lab(colours: NDArray[np.uint8]) -> NDArray[np.float32]:
    """CIELAB of sRGB, float32, L from 0 to 100."""
    import cv2

    return np.asarray(cv2.cvtColor(colours.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)


def without_paper(mask: Mask, look: NDArray[np.uint8]) -> Mask:
    """The mask without pieces that are mostly bright and neutral, unless nothing else is there."""
    from scipy import ndimage

    labels, count = ndimage.label(mask, np.ones((3, 3)))
    if count < 2:
        return mask
    lab = to_lab(look)
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    which = np.arange(1, count + 1)
    pale = (ndimage.median(chroma, labels, which) < 12) & (ndimage.median(lab[..., 0], labels, which) > 60)
    if pale.all():
        return mask
    return np.concatenate([[False], ~pale])[labels]


def glow_threshold(values: NDArray[np.float32], sensitivity: float) -> float:
    """Value between the empty ground and the specimen's faint glow: triangle on a logarithmic scale.

    Logarithms, because a bright tumor would otherwise draw any threshold above the specimen's own glow.
    """
    from skimage import filters

    low, high = np.percentile(values, (0.5, 99.9))
    scale = max(float(high - low) / 1000, 1e-6)
    li: Any = filters.threshold_li
    logs = np.log(np.maximum(values - low, 0) / scale + 1)
    return float(low + (np.exp(li(logs) / sensitivity) - 1) * scale)

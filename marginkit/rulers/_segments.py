"""Short straight edges of a picture, each with its direction: the stuff of ticks.

The surprising thing: a tick is two segments, one on each flank, that point in opposite directions, because a segment
keeps the brighter side on one hand. So one flank of all ticks can be told from the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit.records import Floats

WORK_PX = (1600, 4200)  # the longer side of the picture that is searched: smaller is enlarged, larger is shrunk
MOST_ENLARGED = 4.0
MOST_SEGMENTS = 30_000


@dataclass(frozen=True)
class Ground:
    """The picture as it is searched.

    grey : (y, x) float32, 0 to 255. ratio : its pixels per pixel of the photograph.
    """

    grey: NDArray[np.float32]
    ratio: float


@dataclass(frozen=True)
class Segments:
    """Straight edges: middle (n, 2) and unit direction (n, 2), both (y, x) px, and length (n,) px."""

    middle: Floats
    direction: Floats
    length_px: Floats

    def __getitem__(self, chosen: Any) -> Segments:
        return Segments(self.middle[chosen], self.direction[chosen], self.length_px[chosen])

    def __len__(self) -> int:
        return len(self.length_px)


def ground(pixels: NDArray[Any]) -> Ground:
    """Grey values, 0 to 255, at a size at which ticks can be found; of (y, x) or (y, x, 3) pixels of any depth."""
    import cv2

    values = np.asarray(pixels, np.float32)
    grey = values if values.ndim == 2 else values[..., :3] @ np.array([0.299, 0.587, 0.114], np.float32)
    low, high = (float(v) for v in np.percentile(grey[:: max(1, len(grey) // 1000)], (0.1, 99.9)))
    if pixels.dtype != np.uint8:
        grey = np.clip((grey - low) * (255 / max(high - low, 1e-6)), 0, 255)
    side = max(grey.shape)
    ratio = min(MOST_ENLARGED, WORK_PX[0] / side) if side < WORK_PX[0] else min(1.0, WORK_PX[1] / side)
    if ratio != 1.0:
        way = cv2.INTER_CUBIC if ratio > 1 else cv2.INTER_AREA
        size = (max(1, round(grey.shape[1] * ratio)), max(1, round(grey.shape[0] * ratio)))
        ratio = size[0] / grey.shape[1] if grey.shape[1] >= grey.shape[0] else size[1] / grey.shape[0]
        grey = np.clip(np.asarray(cv2.resize(grey, size, interpolation=way), np.float32), 0, 255)
    return Ground(np.ascontiguousarray(grey, np.float32), ratio)


def find(ground: Ground) -> Segments:
    """The straight edges of a picture, the longest of them where there are very many."""
    import cv2

    found = cv2.createLineSegmentDetector().detect(np.round(ground.grey).astype(np.uint8))[0]
    ends = np.zeros((0, 4)) if found is None else np.asarray(found, np.float64).reshape(-1, 4)
    first, last = ends[:, [1, 0]], ends[:, [3, 2]]
    length = np.linalg.norm(last - first, axis=1)
    keep = length >= 4
    first, last, length = first[keep], last[keep], length[keep]
    if len(length) > MOST_SEGMENTS:
        most = np.argsort(-length, kind="stable")[:MOST_SEGMENTS]
        first, last, length = first[most], last[most], length[most]
    return Segments((first + last) / 2, (last - first) / length[:, None], length)

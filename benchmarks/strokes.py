"""Imitates what a researcher scribbles: short strokes inside each class, off its border."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

COUNT, WIDTH_PX, LENGTH_PX, OFF_PX = 10, 5, 60, 13


def strokes(tumor: NDArray[np.bool_], random: np.random.Generator) -> NDArray[np.uint8]:
    """Ten strokes of 60 x 5 pixels in each class, as labels: 1 other, 2 tumor. A class that is absent gets none."""
    labels = np.zeros(tumor.shape, np.uint8)
    for label, area in ((1, ~tumor), (2, tumor)):
        inner = cv2.erode(area.astype(np.uint8), np.ones((OFF_PX, OFF_PX), np.uint8)) > 0
        ys, xs = np.nonzero(inner)
        for _ in range(COUNT if len(ys) else 0):
            at, turn = random.integers(len(ys)), random.uniform(0, np.pi)
            way = np.array([np.cos(turn), np.sin(turn)]) * LENGTH_PX / 2
            ends = [tuple(int(v) for v in (xs[at], ys[at]) + sign * way) for sign in (-1, 1)]
            line = np.zeros(tumor.shape, np.uint8)
            cv2.line(line, ends[0], ends[1], 1, WIDTH_PX)
            labels[(line > 0) & inner] = label
    return labels

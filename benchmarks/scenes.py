"""Synthetic specimens whose shape does not depend on their size in pixels; only the roughness of outlines does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


def section(size: int) -> tuple[Mask, Mask]:
    """(tumor, specimen) of size x size pixels: half tissue with four holes, twelve foci of tumor."""
    import cv2

    rng = np.random.default_rng(2026)

    def outline(x: float, y: float, radius: float) -> NDArray[np.int32]:
        angle = np.linspace(0, 2 * np.pi, max(64, int(radius * size)), endpoint=False)
        wave = 1 + 0.15 * np.sin(3 * angle + 1) + 0.08 * np.sin(7 * angle + 2)
        reach = radius * size * wave + rng.normal(0, 1.5, len(angle))
        return np.stack([x * size + reach * np.cos(angle), y * size + reach * np.sin(angle)], axis=1).astype(np.int32)

    specimen, tumor = (np.zeros((size, size), np.uint8) for _ in range(2))
    cv2.fillPoly(specimen, [outline(0.5, 0.5, 0.4)], (1,))
    for turn in np.arange(4) * np.pi / 2:
        cv2.fillPoly(specimen, [outline(0.5 + 0.3 * np.cos(turn), 0.5 + 0.3 * np.sin(turn), 0.012)], (0,))
    for turn in np.arange(12) * np.pi / 6:
        centre = 0.5 + 0.17 * np.cos(turn), 0.5 + 0.17 * np.sin(turn)
        cv2.fillPoly(tumor, [outline(*centre, 0.033 * (1 + 0.3 * np.sin(5 * turn)))], (1,))
    return (tumor & specimen).astype(bool), specimen.astype(bool)


def stack(shape: tuple[int, int, int] = (200, 512, 512)) -> tuple[Mask, Mask]:
    """(tumor, specimen): two ellipsoids, one in the other, each with waves on its surface."""
    z, y, x = np.ogrid[tuple(slice(-1, 1, n * 1j) for n in shape)]
    wave = 0.05 * np.sin(9 * x) * np.cos(8 * y) * np.sin(7 * z)
    specimen = (x / 0.85) ** 2 + (y / 0.8) ** 2 + (z / 0.9) ** 2 + wave < 1
    tumor = ((x - 0.2) / 0.4) ** 2 + (y / 0.35) ** 2 + ((z + 0.1) / 0.4) ** 2 + 2 * wave < 1
    return tumor & specimen, specimen

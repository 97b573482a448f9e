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


HOSTILE = ("speckle", "holes", "strands", "concentric", "everywhere")


def hostile(kind: str, size: int = 4096) -> tuple[Mask, Mask]:
    """(tumor, specimen) of size x size pixels that are hard to search: much boundary, or all of it equally far.

    speckle : a quarter of the tumor's pixels dropped, strays put in. holes : a tenth of the specimen's pixels dropped.
    strands : tumor of lines one pixel wide. concentric : every point of the edge is equally far. everywhere : a
    specimen of a chessboard, all of it edge.
    """
    rng = np.random.default_rng(7)
    tumor, specimen = section(size)
    if kind == "speckle":
        tumor = specimen & (tumor & (rng.random(tumor.shape) < 0.75) | (rng.random(tumor.shape) < 1e-4))
    elif kind == "holes":
        specimen = specimen & (tumor | (rng.random(tumor.shape) < 0.9))
    elif kind == "strands":
        tumor = tumor & (np.add.outer(np.arange(size), np.arange(size)) % 8 == 0)
    elif kind == "concentric":
        y, x = np.ogrid[:size, :size]
        away = (y - size / 2) ** 2 + (x - size / 2) ** 2
        tumor, specimen = away < (0.2 * size) ** 2, away < (0.4 * size) ** 2
    else:
        specimen = specimen & (tumor | (np.add.outer(np.arange(size), np.arange(size)) % 2 == 0))
    return tumor, specimen


def foci_stack(shape: tuple[int, int, int] = (200, 512, 512)) -> tuple[Mask, Mask]:
    """(tumor, specimen): an irregular specimen with twelve foci of tumor in it."""
    z, y, x = np.ogrid[tuple(slice(-1, 1, n * 1j) for n in shape)]
    wave = 0.08 * np.sin(9 * x) * np.cos(8 * y) * np.sin(7 * z) + 0.05 * np.sin(23 * x + 5 * z) * np.cos(19 * y)
    specimen = (x / 0.85) ** 2 + (y / 0.8) ** 2 + (z / 0.9) ** 2 + wave < 1
    tumor = np.zeros(shape, bool)
    for k in range(12):
        at = 0.5 * np.sin(0.8 * k), 0.45 * np.cos(2.1 * k), 0.45 * np.sin(1.3 * k + 1)
        size = 0.1 + 0.03 * np.sin(5 * k)
        tumor |= ((z - at[0]) ** 2 + (y - at[1]) ** 2 + (x - at[2]) ** 2) / size**2 + 3 * wave < 1
    return tumor & specimen, specimen

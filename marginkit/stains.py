"""Stains apart: how much of each dye lies on a pixel, from the light that each takes away.

The surprising thing: optical density is kept in 8 bits, 2.4 being 255, because tables and planes of bytes are many
times faster than logarithms of floats, and a photograph has no more to tell. Half a step is 0.005 of density.

Dyes add up in optical density (Beer and Lambert), so a matrix takes them apart: Ruifrok and Johnston 2001 (PMID
11531144) give the colours; Macenko et al. 2009 (doi:10.1109/ISBI.2009.5193250) find two in the image itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from marginkit.errors import PixelError

Matrix: TypeAlias = NDArray[np.float64]
WHOLE = 2.4  # the optical density that is 255
VECTORS = {  # what each takes of red, green and blue
    "haematoxylin": (0.650, 0.704, 0.286),
    "eosin": (0.072, 0.990, 0.105),
    "dab": (0.268, 0.570, 0.776),
}
FAINT = 0.15  # optical density below which a pixel is hardly stained (Macenko et al.)
EXTREME = 1.0  # percentile of angles on either side that is left out (Macenko et al.)
FEWEST = 100
_GREY = np.array([4899, 9617, 1868]) / 16384  # red, green and blue in OpenCV's grey of 16-bit colours


def densities(colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Optical densities of colours (y, x, 3), 255 being 2.4; white is 0, and black as dark as can be told."""
    import cv2

    table = np.round(-np.log10(np.maximum(np.arange(256), 1) / 255) * 255 / WHOLE).astype(np.uint8)
    return np.asarray(cv2.LUT(colours, table), np.uint8)


def matrix(names: Sequence[str]) -> Matrix:
    """Rows of unit length for two or three dyes of ``VECTORS``; what two leave over is perpendicular to both.

    >>> matrix(["haematoxylin", "dab"]).shape
    (3, 3)
    """
    return completed(np.array([VECTORS[name] for name in names]))


def completed(rows: Matrix) -> Matrix:
    """Three rows of unit length, the third perpendicular where there are two."""
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    if len(rows) == 3:
        return rows
    rest = np.cross(rows[0], rows[1])
    return np.vstack([rows, rest / np.linalg.norm(rest)])


def amounts(colours: NDArray[np.uint8], dyes: Matrix, wanted: Sequence[int]) -> NDArray[np.uint8]:
    """Densities (y, x, dye) of some of three dyes in colours (y, x, 3), 255 being 2.4; less than none is 0."""
    return np.stack([amount(colours, dyes, one) for one in wanted], axis=-1)


def amount(colours: NDArray[np.uint8], dyes: Matrix, wanted: int) -> NDArray[np.uint8]:
    """Density (y, x) of one of three dyes, as of ``amounts``.

    A table holds what each colour adds, divided by its weight in OpenCV's grey; so the grey of that is the sum: quicker
    than multiplying by a matrix, in whole numbers throughout, and off by one step at most.
    """
    import cv2

    density = -np.log10(np.maximum(np.arange(256), 1) / 255) * 255 / WHOLE
    adds = density[:, None] * np.linalg.inv(dyes)[:, wanted] / _GREY
    least = min(float(adds.min()), 0.0)
    steps = 65535 / (float(adds.max()) - least)
    table = np.round((adds - least) * steps).astype(np.uint16)[None]
    grey = cv2.cvtColor(cv2.LUT(colours, table), cv2.COLOR_RGB2GRAY)
    above = cv2.subtract(grey, np.array([-least * steps]))
    return np.asarray(cv2.convertScaleAbs(above, alpha=1 / steps), np.uint8)


def estimated(colours: NDArray[np.uint8]) -> Matrix:
    """The two dyes of an image of two, the one that takes more red first, and what is perpendicular.

    PixelError E-PIX-04 where fewer than 100 pixels are stained, or all in one colour.
    """
    density = densities(colours).reshape(-1, 3).astype(np.float64) * (WHOLE / 255)
    stained = density[density.mean(axis=1) > FAINT]
    if len(stained) < FEWEST:
        raise PixelError("E-PIX-04", "too little is stained", cause=f"{len(stained)} pixels", remedy="Name the dyes.")
    spread, axes = np.linalg.eigh(np.cov(stained.T))
    if spread[1] <= 1e-9:
        raise PixelError("E-PIX-04", "one colour only", cause="no second dye", remedy="Name the dyes.")
    plane: Any = axes[:, [2, 1]]
    plane = plane * np.where(plane.sum(axis=0) < 0, -1, 1)
    angles = np.arctan2(stained @ plane[:, 1], stained @ plane[:, 0])
    ends = np.percentile(angles, [EXTREME, 100 - EXTREME])
    rows = np.array([plane @ (np.cos(end), np.sin(end)) for end in ends])
    rows = np.abs(rows)
    return completed(rows[np.argsort(-rows[:, 0])])

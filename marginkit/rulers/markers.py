"""Millimetres a pixel from printed markers of known size: ArUco and AprilTag markers, or a checkerboard.

The surprising thing: the size that counts is the black square's side as printed, not as designed; printers shrink. And
a marker seen from the side has four different sides, which says so.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit import units
from marginkit.errors import CalibrationError
from marginkit.records import Floats

from . import _segments
from .scale import Mark, Scale, together

FAMILIES = (
    "DICT_4X4_250",
    "DICT_5X5_250",
    "DICT_6X6_250",
    "DICT_7X7_250",
    "DICT_APRILTAG_36h11",
    "DICT_ARUCO_ORIGINAL",
)
BOARDS = (
    (9, 6),
    (8, 6),
    (7, 6),
    (8, 5),
    (7, 5),
    (6, 5),
    (7, 4),
    (6, 4),
    (5, 4),
    (4, 4),
    (7, 7),
    (6, 3),
    (5, 3),
    (4, 3),
    (3, 3),
)
CORNER_PX = 0.5  # how far a corner may be off
MOST_SKEW = 0.10  # how far sides of one square may differ
SMALLEST_PX = 12.0


def read(pixels: NDArray[Any], size: str) -> Scale:
    """The scale of markers, or of a checkerboard's squares, whose side is typed.

    pixels : (y, x) or (y, x, 3). size : side of the marker's black square, or of one checkerboard square.
    E-CAL-15 where there is none, E-CAL-12 where markers disagree, E-CAL-13 where they are seen from the side.
    """
    size_mm = units.length_mm(size).value
    ground = _segments.ground(pixels)
    grey = np.round(ground.grey).astype(np.uint8)
    squares, what = _aruco(grey)
    if squares is None:
        squares, what = _board(grey)
    if squares is None:
        remedy = "Give --points with --length, or a ruler."
        raise CalibrationError("E-CAL-15", "no marker found", cause="neither ArUco nor checkerboard", remedy=remedy)
    return _scale(((squares + 0.5) / ground.ratio - 0.5), what, size_mm, size.strip())


def _aruco(grey: NDArray[np.uint8]) -> tuple[Floats | None, str]:
    """((n, 4, 2) corners (y, x), words) of the family with the most markers."""
    import cv2

    best: Floats | None = None
    words = ""
    for family in FAMILIES:
        kinds = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, family))
        settings = cv2.aruco.DetectorParameters()
        settings.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
        settings.errorCorrectionRate = 0.0  # a marker with wrong bits is no marker
        corners, ids, _ = cv2.aruco.ArucoDetector(kinds, settings).detectMarkers(grey)
        if ids is not None and (best is None or len(ids) > len(best)):
            best = np.concatenate([np.asarray(c, np.float64).reshape(1, 4, 2)[..., ::-1] for c in corners])
            words = f"{len(ids)} marker{'s' if len(ids) > 1 else ''} of {family.removeprefix('DICT_').lower()}"
    return best, words


def _board(grey: NDArray[np.uint8]) -> tuple[Floats | None, str]:
    """((n, 4, 2) corners (y, x) of the inner squares, words) of a checkerboard."""
    import cv2

    for columns, rows in BOARDS:
        done, found = cv2.findChessboardCornersSB(grey, (columns, rows), flags=cv2.CALIB_CB_EXHAUSTIVE)
        if done:
            at = np.asarray(found, np.float64).reshape(rows, columns, 2)[..., ::-1]
            squares = np.stack([at[:-1, :-1], at[:-1, 1:], at[1:, 1:], at[1:, :-1]], axis=2).reshape(-1, 4, 2)
            return squares, f"a checkerboard of {columns} x {rows} inner corners"
    return None, ""


def _scale(squares_px: Floats, what: str, size_mm: float, size: str) -> Scale:
    """The scale of squares, (n, 4, 2) corners (y, x) px."""
    sides = np.linalg.norm(squares_px - np.roll(squares_px, -1, axis=1), axis=2)
    diagonals = np.linalg.norm(squares_px[:, :2] - squares_px[:, 2:], axis=2) / np.sqrt(2)
    each = np.sqrt(_area(squares_px))
    if each.min() < SMALLEST_PX:
        cause = f"{what}, {each.min():.1f} px wide"
        raise CalibrationError("E-CAL-15", "the marker is too small", cause=cause, remedy="Take a nearer photograph.")
    skew = float(max(np.ptp(sides, axis=1).max() / each.min(), np.ptp(diagonals, axis=1).max() / each.min()))
    if skew > MOST_SKEW + 2 * CORNER_PX / each.min():
        cause = f"{what}: sides or diagonals of one square differ by {skew:.0%}"
        remedy = "Photograph it from straight above."
        raise CalibrationError("E-CAL-13", "the marker is seen from the side", cause=cause, remedy=remedy)
    spread = float(np.ptp(each) / np.median(each))
    if spread > MOST_SKEW + 2 * CORNER_PX / each.min():
        cause = f"{what}: the largest is {spread:.0%} larger than the smallest"
        raise CalibrationError("E-CAL-12", "markers disagree", cause=cause, remedy="Use markers of one size.")
    mm = size_mm / float(np.median(each))
    detail = f"{what}, side {float(np.median(each)):.2f} px for {size}"
    if skew > 0.02 + 2 * CORNER_PX / each.min():
        detail += f"; perspective: sides or diagonals differ by {skew:.1%}"
    unsure = together(CORNER_PX / float(np.median(each)) / np.sqrt(len(each)), skew / 2, spread / 2)
    marks = tuple(Mark(np.concatenate([square, square[:1]]), "marker") for square in squares_px)
    return Scale((mm, mm), unsure, "marker", detail, marks)


def _area(squares: Floats) -> Floats:
    """Areas of quadrangles, (n, 4, 2)."""
    y, x = squares[..., 0], squares[..., 1]
    pairs = itertools.pairwise((0, 1, 2, 3, 0))
    return np.asarray(np.abs(sum(x[:, a] * y[:, b] - x[:, b] * y[:, a] for a, b in pairs)) / 2, np.float64)

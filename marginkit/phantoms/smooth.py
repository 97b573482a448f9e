"""Smooth shapes: the margin is known by formula, and the allowed error is stated."""

from __future__ import annotations

import math

from marginkit.phantoms.phantom import Phantom
from marginkit.phantoms.shapes import ball, coverage

CONTOUR_PX = 0.17  # worst bias of the linear contour of area coverage, of one boundary


_SHAPE, _PX = (100, 100), (0.1, 0.1)
_OUTER, _INNER = ((4.93, 4.97), 4.2), ((5.81, 5.37), 2.1)  # centre (y, x) and radius, mm


def _disc_truth_mm() -> float:
    """Radius less radius less the distance of the centres."""
    return _OUTER[1] - _INNER[1] - math.dist(_OUTER[0], _INNER[0])


def _disc() -> Phantom:
    what = "disc in a disc, pixel by pixel: within a pixel's diagonal, and the interval holds the truth"
    tumor, specimen = ball(_SHAPE, _PX, *_INNER), ball(_SHAPE, _PX, *_OUTER)
    bound = math.hypot(*_PX)
    return Phantom(
        "disc",
        "smooth shape",
        what,
        tumor,
        specimen,
        _PX,
        _disc_truth_mm(),
        tolerance_mm=bound,
        interval_holds_truth=True,
    )


def _disc_coverage() -> Phantom:
    what = "the same discs as the share of each pixel that they cover"
    tumor, specimen = coverage(_SHAPE, _PX, *_INNER), coverage(_SHAPE, _PX, *_OUTER)
    bound = 2 * CONTOUR_PX * 0.1
    return Phantom("disc-coverage", "probability", what, tumor, specimen, _PX, _disc_truth_mm(), tolerance_mm=bound)


def _disc_contour() -> Phantom:
    what = "the same discs as masks, measured between their smoothed contours"
    tumor, specimen = ball(_SHAPE, _PX, *_INNER), ball(_SHAPE, _PX, *_OUTER)
    options = {"boundary": "contour"}
    truth = _disc_truth_mm()
    return Phantom("disc-contour", "contour", what, tumor, specimen, _PX, truth, tolerance_mm=0.05, options=options)


def _sphere() -> Phantom:
    what = "ball in a ball, slices of 0.4 mm and pixels of 0.2 mm: within a voxel's diagonal"
    shape, spacing, outer, inner = (26, 52, 52), (0.4, 0.2, 0.2), ((4.93, 5.02, 5.11), 4.3), ((5.6, 5.3, 4.9), 1.9)
    tumor, specimen = ball(shape, spacing, *inner), ball(shape, spacing, *outer)
    truth = outer[1] - inner[1] - math.dist(outer[0], inner[0])
    bound = math.hypot(*spacing)
    return Phantom(
        "3d-ball", "smooth shape", what, tumor, specimen, spacing, truth, tolerance_mm=bound, interval_holds_truth=True
    )


def _sphere_coverage() -> Phantom:
    what = "ball in a ball as the share of each voxel that it covers"
    shape, spacing, outer, inner = (40, 40, 40), (0.25, 0.25, 0.25), ((4.9, 5.0, 4.8), 4.1), ((5.3, 5.2, 5.1), 2.0)
    tumor, specimen = coverage(shape, spacing, *inner), coverage(shape, spacing, *outer)
    truth = outer[1] - inner[1] - math.dist(outer[0], inner[0])
    bound = 2 * CONTOUR_PX * 0.25
    return Phantom("3d-ball-coverage", "probability", what, tumor, specimen, spacing, truth, tolerance_mm=bound)


MAKERS = (
    _disc,
    _disc_coverage,
    _disc_contour,
    _sphere,
    _sphere_coverage,
)

"""Measured cases made by hand: squares whose margins anybody can check."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from marginkit.records import (
    Calibration,
    ClosestPair,
    Focus,
    Level,
    Margin,
    Margins,
    Measured,
    Picture,
    Profile,
    Region,
    TumorSize,
    Verdict,
)

SPACING = (0.5, 0.5)


def picture(pixels: Any, axes: str = "YX", spacing_mm: tuple[float, ...] = SPACING, **more: Any) -> Picture:
    """A picture in memory."""
    level = Level(pixels.shape, (1.0, 1.0), lambda part: pixels[part])
    taken = Calibration(spacing_mm, "typed")
    return Picture(
        "square.tif", "TIFF", axes, pixels.shape, pixels.dtype, (level,), calibration=taken, sha256="0" * 64, **more
    )


def square_masks() -> tuple[Any, Any]:
    """Specimen of 20 × 30 pixels from (5, 5); tumor of 6 × 8 pixels, four pixels below its upper edge."""
    specimen = np.zeros((32, 42), bool)
    specimen[5:25, 5:35] = True
    tumor = np.zeros_like(specimen)
    tumor[9:15, 15:23] = True
    return tumor, specimen


def faces(mask: Any) -> Any:
    """Every face between a 2-D mask and the outside: (n, 2, 2), its two ends in index units."""
    padded = np.pad(mask, 1)
    found = []
    for r, c in np.argwhere(mask):
        near = {(-1, 0): 0, (1, 0): 0, (0, -1): 0, (0, 1): 0}
        for dr, dc in near:
            if not padded[r + 1 + dr, c + 1 + dc]:
                middle = np.array([r + dr / 2, c + dc / 2])
                along = np.array([abs(dc) / 2, abs(dr) / 2])
                found.append((middle - along, middle + along))
    return np.array(found)


def box_profile(specimen: Any, low: tuple[float, ...], high: tuple[float, ...], spacing: tuple[float, ...]) -> Profile:
    """The profile of a specimen around a box of tumor [low, high] (index units), by clamping: no distance code."""
    ends = faces(specimen)
    middle = np.clip(
        np.clip(ends[:, 0], low, high), ends[:, 0], ends[:, 1]
    )  # nearest point of a face that is axis-parallel
    tumor = np.clip(middle, low, high)
    size = (np.abs(ends[:, 1] - ends[:, 0]) * spacing).sum(1)
    distance = np.linalg.norm((middle - tumor) * spacing, axis=1)
    by_class = {"cut": float(size.sum()), **dict.fromkeys(("natural", "section", "frame", "hole", "unknown"), 0.0)}
    return Profile(2, distance, size, middle, tumor, by_class)


def pair(tumor_px: tuple[float, ...], edge_px: tuple[float, ...], spacing: tuple[float, ...]) -> ClosestPair:
    """A closest pair of two points."""
    mm = [tuple(p * s for p, s in zip(point, spacing)) for point in (tumor_px, edge_px)]
    return ClosestPair(mm[0], mm[1], tumor_px, edge_px)


def square_case(pixels: Any = None, **more: Any) -> Measured:
    """The squares of ``square_masks``: 4 pixels of 0.5 mm are 2 mm to the upper edge, 10 are 5 mm to the lower one."""
    tumor, specimen = square_masks()
    shown = np.full((*tumor.shape, 3), 200, np.uint8) if pixels is None else pixels
    axes = "YXS" if shown.ndim == 3 else "YX"
    upper = pair((8.5, 14.5), (4.5, 14.5), SPACING)
    lower = pair((14.5, 14.5), (24.5, 14.5), SPACING)
    margins = (
        Margin("all", 2.0, (1.8, 2.5), "exact", upper, focus=1, piece=1, edge_size=50.0),
        Margin("deep", 5.0, (4.8, 5.5), "at_most", lower, focus=1, piece=1, edge_size=15.0, unseen_mm=4.9),
    )
    result = Margins(
        ndim=2,
        spacing_mm=SPACING,
        boundary="pixels",
        margins=margins,
        profile=box_profile(specimen, (8.5, 14.5), (14.5, 22.5), SPACING),
        foci=(Focus(1, 1, 2.0, 0.0, 48, 12.0),),
        size=TumorSize(5.0, 12.0),
        flags=("single_plane",),
        state="slide",
    )
    given: Mapping[str, Any] = {
        "case": "patient 7",
        "picture": picture(shown, axes),
        "result": result,
        "verdicts": (Verdict("sarcoma-cates-2019", "not adequate", "certain", "2.0 mm is less than 5 mm"),),
        "warnings": ("One plane was examined.",),
        "provenance": {"marginkit": "0.1.0", "options": {"limits": (1, 5)}},
        "regions": {"tumor": Region(tumor), "specimen": Region(specimen)},
    }
    return Measured(**{**given, **more})

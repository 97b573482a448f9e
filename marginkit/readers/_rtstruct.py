"""Contours of a radiotherapy structure set (RTSTRUCT) as voxels of the series they were drawn on.

The surprising thing: contours are polygons in mm in the patient, with no grid and no holes. A voxel is inside when its
centre is; a contour inside another takes away. A centre exactly on an outline belongs to one side only. So a contour
that was saved twice would take itself away, and one that crosses another their common part: both are refused.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit.errors import FileError, GridError, OutlineError
from marginkit.records import Floats

from . import _series
from ._dicomfile import quiet, tags

TAGS = ["Modality", "StructureSetROISequence", "ROIContourSequence", "ReferencedFrameOfReferenceSequence"]
DRAWN = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
OFF_PLANE_PX = 0.1
DISPUTED = 0.01  # of the smaller contour: how far one may cross another, as for drawn outlines
REMEDY = "Unite them in the program that drew them."


@dataclass(frozen=True, eq=False, slots=True)
class Contour:
    """One closed contour: (n, 3) mm in the patient, and whether the file says itself that it takes away."""

    points_mm: Floats
    toggles: bool


def rtstruct_names(path: str | Path) -> tuple[str, ...]:
    """Names of the outlined regions, in the order of the file."""
    name = Path(path).name
    with quiet(name):
        return tuple(label for label, _ in _regions(str(path), name)[0].values())


def rtstruct_mask(rs_path: str | Path, series_folder: str | Path, roi: str | None = None) -> NDArray[np.bool_]:
    """The voxels (Z, Y, X) whose centre lies inside a region's contours, on the grid of the series as it is read.

    roi : the region's name; may be left out where there is one only. E-FILE-10 for a name that is not there, or is
    there twice. E-GRID-01 where contours were drawn on another patient frame, outside the series or between planes.
    E-GEO-01 where contours of one plane cross, or are there twice.
    """
    return rtstruct_voxels(rs_path, series_folder, roi)[0]


def rtstruct_voxels(
    rs_path: str | Path, series_folder: str | Path, roi: str | None = None
) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """(voxels as ``rtstruct_mask`` has them, flags): ``contours_skip_planes`` where a plane between has no contour."""
    name = Path(rs_path).name
    with quiet(name):
        regions, places = _regions(str(rs_path), name)
        contours = _chosen(regions, roi, name)
    found = _series.series(str(series_folder))
    if places and found.slices[0].place not in places:
        raise GridError("E-GRID-01", "contours of another series", cause="frames of reference differ", file=name)
    if len(found.slices) < 2:
        raise GridError("E-GRID-01", "the series has one plane", cause="contours need their volume", file=name)
    mask = np.zeros(found.frame.shape(found.shape), np.bool_)
    axis = found.frame.order.index(0)  # of the planes that contours were drawn on
    drawn: dict[int, list[tuple[Floats, bool]]] = defaultdict(list)
    for one in contours:
        plane, ring_px = _on_plane(found.frame.index_px(one.points_mm), mask.shape, axis, name)
        drawn[plane].append((ring_px, one.toggles))
    for plane, rings in drawn.items():
        _fill(mask[(slice(None),) * axis + (plane,)], rings, f"plane {plane}", name)
    skips = len(drawn) < max(drawn) - min(drawn) + 1
    return mask, ("rasterised_contours", *(("contours_skip_planes",) if skips else ()))


def _regions(path: str, name: str) -> tuple[dict[int, tuple[str, list[Contour]]], set[str]]:
    """(number -> (name, contours), frames of reference). Inside ``quiet`` only."""
    found = tags(path, TAGS)
    if found.get("Modality") != "RTSTRUCT":
        raise FileError("E-FILE-09", "not a structure set", cause="its modality is another", file=name)
    rois = list(found.get("StructureSetROISequence") or ())
    regions: dict[int, tuple[str, list[Contour]]] = {int(r.ROINumber): (str(r.get("ROIName", "")), []) for r in rois}
    for item in found.get("ROIContourSequence") or ():
        number = int(item.ReferencedROINumber)
        if number in regions:
            regions[number][1].extend(_contours(item.get("ContourSequence") or (), name))
    return regions, {str(r.ReferencedFrameOfReferenceUID) for r in rois if "ReferencedFrameOfReferenceUID" in r}


def _contours(items: Iterable[Any], name: str) -> list[Contour]:
    """Closed contours; points and open lines have no inside and are left out."""
    found = []
    for item in items:
        if item.get("ContourGeometricType") not in DRAWN:
            continue
        numbers = np.array([float(n) for n in item.get("ContourData") or ()], np.float64)
        if len(numbers) % 3 or len(numbers) < 9 or not np.isfinite(numbers).all():
            raise FileError("E-FILE-06", "a contour is broken", cause=f"{len(numbers)} numbers", file=name)
        found.append(Contour(numbers.reshape(-1, 3), item.get("ContourGeometricType") == DRAWN[1]))
    return found


def _chosen(regions: dict[int, tuple[str, list[Contour]]], roi: str | None, name: str) -> list[Contour]:
    found = [contours for label, contours in regions.values() if roi in (None, label)]
    labels = ", ".join(label for label, _ in regions.values()) or "none"
    if len(found) != 1:
        remedy = "Name one region."
        raise FileError("E-FILE-10", f"{len(found)} regions fit", cause=f"there are {labels}", remedy=remedy, file=name)
    if not found[0]:
        raise FileError("E-FILE-10", "the region has no closed contour", cause=f"there are {labels}", file=name)
    return found[0]


def _on_plane(points_px: Floats, shape: tuple[int, ...], axis: int, name: str) -> tuple[int, Floats]:
    """(plane, ring in its two axes) of one contour; its plane must be one of the series."""
    heights = points_px[:, axis]
    plane = round(float(np.median(heights)))
    if float(np.abs(heights - plane).max()) > OFF_PLANE_PX:
        cause = f"a contour at plane {float(np.median(heights)):.2f}"
        raise GridError("E-GRID-01", "a contour lies between planes", cause=cause, file=name)
    flat = np.delete(points_px, axis, axis=1)
    size = np.delete(np.array(shape), axis)
    if not 0 <= plane < shape[axis] or (flat < -0.5 - 1e-6).any() or (flat > size - 0.5 + 1e-6).any():
        cause = f"at plane {plane} of {shape[axis]}"
        raise GridError("E-GRID-01", "a contour leaves the volume", cause=cause, file=name)
    return plane, flat


def _fill(plane: NDArray[np.bool_], rings: list[tuple[Floats, bool]], where: str, name: str) -> None:
    """Turns every pixel of the plane inside each ring; E-GEO-01 where it is not clear what that would mean."""
    shape = (plane.shape[0], plane.shape[1])
    filled = [(inside(ring, shape), toggles) for ring, toggles in rings]
    for i, (pixels, toggles) in enumerate(filled):
        for others, also in filled[:i]:
            if not (toggles and also):
                _refuse_crossing(pixels, others, where, name)
        plane ^= pixels


def _refuse_crossing(one: NDArray[np.bool_], two: NDArray[np.bool_], where: str, name: str) -> None:
    """Nothing for contours apart or one inside the other; E-GEO-01 where they cross, or nothing is left of both."""
    common, sizes = int((one & two).sum()), (int(one.sum()), int(two.sum()))
    if common and common == sizes[0] == sizes[1]:
        cause = f"on {where}; a contour inside another takes away, so that nothing would be left"
        raise OutlineError("E-GEO-01", "a contour is there twice", cause=cause, remedy=REMEDY, file=name)
    if min(common, min(sizes) - common) > DISPUTED * min(sizes):
        cause = f"on {where}, {common} voxels lie in both of {sizes[0]} and {sizes[1]}"
        raise OutlineError("E-GEO-01", "two contours cross", cause=cause, remedy=REMEDY, file=name)


def inside(ring_px: Floats, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels whose centre lies inside a closed ring (n, 2) of (row, column), even-odd.

    Each row counts the sides that cross it: for a side from row a up to row b, rows a <= r < b. A pixel is turned by
    every crossing at or left of it, so rings that share a side neither overlap nor leave a gap.
    """
    out = np.zeros(shape, np.bool_)
    for (row, column), (to_row, to_column) in zip(ring_px, np.roll(ring_px, -1, axis=0)):
        if row > to_row:
            row, column, to_row, to_column = to_row, to_column, row, column
        rows = np.arange(max(0, int(np.ceil(row))), min(shape[0], int(np.ceil(to_row))))
        if len(rows):
            crossing = column + (rows - row) * ((to_column - column) / (to_row - row))
            out[rows] ^= np.arange(shape[1]) >= crossing[:, None]
    return out

"""DICOM segmentations of a volume as labels: the number of the segment, 0 for none.

The surprising thing: planes without a segment may be left out of the file, at the ends and in the middle. So a plane
is placed by its position, and the labels begin and end where the file does; where that is in the patient says the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit import files
from marginkit.errors import AxesError, CalibrationError, FileError, GridError, PixelError, SizeError
from marginkit.records import Claim, Floats

from ._dicomfile import numbers, quiet, tags, whole
from ._dicomframes import MAX_FRAMES, grouped
from ._patient import Frame, frame
from ._stored import MAX_PIXEL_BYTES

KINDS = {"BINARY": (1,), "LABELMAP": (8, 16)}  # bits of a pixel
UNEVEN = 0.01  # of the distance between planes


@dataclass(frozen=True, eq=False, slots=True)
class Segments:
    """The frames of one file.

    shape : (plane, row, column). frame : turns them to (Z, Y, X). plane, label : (n,), of each frame in stored order;
    the label is 0 where the pixels are labels themselves.
    """

    path: str
    before: files.Stamp
    shape: tuple[int, int, int]
    frame: Frame
    claim: Claim
    plane: NDArray[np.int64]
    label: NDArray[np.int64]


def segmentation(path: str) -> Segments | None:
    """The segmentation in a file; None where it holds something else."""
    name = Path(path).name
    with quiet(name):
        if tags(path, ["Modality"]).get("Modality") != "SEG":
            return None
        return _read(path, tags(path), name)


@lru_cache(maxsize=2)
def labels(found: Segments) -> NDArray[np.uint16]:
    """All labels, (Z, Y, X), read-only; E-PIX-02 where two segments share a voxel."""
    name = Path(found.path).name
    files.still(found.path, found.before)
    with quiet(name):
        pixels = np.asarray(whole(found.path).pixel_array).reshape(-1, *found.shape[1:])
        if len(pixels) != len(found.plane):
            raise PixelError("E-PIX-02", "pixels differ from the header", cause=f"{len(pixels)} frames", file=name)
    files.still(found.path, found.before)
    out = np.zeros(found.shape, np.uint16)
    for plane, label, drawn in zip(found.plane.tolist(), found.label.tolist(), pixels):
        inside = drawn > 0
        if (out[plane][inside] > 0).any():
            raise PixelError("E-PIX-02", "segments overlap", cause="one voxel has one label", file=name)
        out[plane][inside] = label or drawn[inside]
    turned: NDArray[np.uint16] = np.ascontiguousarray(found.frame.apply(out))
    turned.setflags(write=False)
    return turned


def _read(path: str, found: Any, name: str) -> Segments:
    mapped, in_plane = _kind(found, name), (int(found.Rows), int(found.Columns))
    each, shared = _groups(found, name)
    places_mm, turn, size_mm = _geometry(each, shared, name)
    row, column = turn[:3], turn[3:]
    gap_mm, plane = _planes(places_mm, np.cross(row, column), _gap(each[0], shared), name)
    shape = (int(plane.max()) + 1, *in_plane)
    _refuse_size(shape, len(each), name)
    axes_mm = np.stack([np.cross(row, column) * gap_mm, column * size_mm[0], row * size_mm[1]], axis=1)
    turned = frame(axes_mm, places_mm[plane.argmin()], shape, name)
    claim = Claim("DICOM PixelSpacing and ImagePositionPatient", turned.spacing_mm, f"{shape[0]} planes")
    label = np.array([0 if mapped else _label(one, shared, name) for one in each], np.int64)
    if len({*zip(plane.tolist(), label.tolist())}) < len(each):
        cause = "a segment is twice on one plane"
        raise AxesError("E-AXE-01", "more than one volume in the file", cause=cause, file=name)
    return Segments(path, files.stamp(path), shape, turned, claim, plane, label)


def _kind(found: Any, name: str) -> bool:
    """Whether pixels are labels themselves; E-PIX-02 for shares of a voxel."""
    kind, bits = str(found.get("SegmentationType", "")), int(found.get("BitsAllocated", 0))
    if bits not in KINDS.get(kind, ()) or found.get("SamplesPerPixel", 1) != 1:
        remedy = "Save it as a binary segmentation, NIfTI or NRRD."
        raise PixelError("E-PIX-02", "kind of segmentation", cause=f"{kind} of {bits} bits", remedy=remedy, file=name)
    return kind == "LABELMAP"


def _geometry(each: Any, shared: Any, name: str) -> tuple[Floats, Floats, Floats]:
    """(position of each frame, row and column direction of all, pixel size (y, x) of all), mm."""
    places_mm = np.array([_numbers(one, shared, "PlanePosition", "ImagePositionPatient", 3, name) for one in each])
    turns = np.array([_numbers(one, shared, "PlaneOrientation", "ImageOrientationPatient", 6, name) for one in each])
    sizes_mm = np.array([_numbers(one, shared, "PixelMeasures", "PixelSpacing", 2, name) for one in each])
    if not (np.isfinite(places_mm).all() and (sizes_mm > 0).all() and np.isfinite(sizes_mm).all()):
        raise CalibrationError("E-CAL-02", "impossible spacing", cause="a position or size is no number", file=name)
    if not np.abs(turns - turns[0]).max() <= 1e-4 or not np.allclose(sizes_mm, sizes_mm[0], rtol=1e-5):
        raise GridError("E-GRID-02", "the planes do not fit", cause="size or orientation differ", file=name)
    return places_mm, turns[0], sizes_mm[0]


def _refuse_size(shape: tuple[int, int, int], count: int, name: str) -> None:
    """Nothing; E-PIX-06 or E-SIZE-01, for the labels and for the frames that they come from."""
    if min(shape) < 1:
        raise PixelError("E-PIX-06", "empty", cause=f"sizes {shape}", file=name)
    if max(shape[0], count) * shape[1] * shape[2] * 2 > MAX_PIXEL_BYTES:
        cause = f"{' x '.join(map(str, shape))} voxels, {count} frames"
        raise SizeError("E-SIZE-01", "image larger than the memory limit", cause=cause, file=name)


def _groups(found: Any, name: str) -> tuple[Any, Any]:
    """(group of each frame, group shared by all)."""
    count, each = int(found.get("NumberOfFrames", 1) or 1), found.get("PerFrameFunctionalGroupsSequence") or ()
    if not 0 < len(each) == count <= MAX_FRAMES:
        cause = f"{len(each)} positions for {count} frames"
        raise AxesError("E-AXE-01", "frames without a position", cause=cause, file=name)
    shared: Any = found.get("SharedFunctionalGroupsSequence") or ({},)
    return each, shared[0]


def _numbers(own: Any, shared: Any, group: str, key: str, count: int, name: str) -> tuple[float, ...]:
    found = numbers(grouped(own, shared, f"{group}Sequence", key), count)
    if found is None:
        raise AxesError("E-AXE-01", "frames without a position", cause=f"{key} is missing", file=name)
    return found


def _label(own: Any, shared: Any, name: str) -> int:
    number = grouped(own, shared, "SegmentIdentificationSequence", "ReferencedSegmentNumber")
    if number is None or not 0 < int(number) < 1 << 16:
        raise FileError("E-FILE-06", "the DICOM file is broken", cause="a frame of no segment", file=name)
    return int(number)


def _gap(own: Any, shared: Any) -> float | None:
    """Distance between planes as stated, mm; None where it is not."""
    stated = grouped(own, shared, "PixelMeasuresSequence", "SpacingBetweenSlices")
    return None if stated is None or not 0 < abs(float(stated)) < np.inf else abs(float(stated))


def _planes(places_mm: Floats, normal: Floats, stated_mm: float | None, name: str) -> tuple[float, NDArray[np.int64]]:
    """(distance between planes, number of the plane of each frame). Where the distance is not stated, all planes
    must be there."""
    heights = places_mm @ normal
    heights = heights - heights.min()
    levels = np.unique(np.round(heights, 3))
    if stated_mm is None and len(levels) < 2:
        raise AxesError("E-AXE-01", "one plane, and no distance to the next", remedy="Save all planes.", file=name)
    gap_mm = stated_mm or float(levels[-1] / (len(levels) - 1))
    if heights.max() / gap_mm > MAX_FRAMES:
        raise SizeError("E-SIZE-01", "image larger than the memory limit", cause="planes far apart", file=name)
    plane = np.round(heights / gap_mm).astype(np.int64)
    beside_mm = places_mm - places_mm[heights.argmin()] - heights[:, None] * normal
    if np.abs(heights - plane * gap_mm).max() > UNEVEN * gap_mm or np.abs(beside_mm).max() > UNEVEN * gap_mm:
        cause = f"they are not all whole steps of {gap_mm:.4g} mm along their normal"
        raise GridError("E-GRID-02", "the planes are unevenly spaced", cause=cause, file=name)
    return gap_mm, plane

"""NIfTI-1 and NIfTI-2 in one file, packed or not.

The surprising thing: a NIfTI file may say twice where its voxels lie, as a quaternion and as a matrix, and then a
third time how large they are. nibabel reads the header; the voxels are unpacked here, within the header's promise.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from marginkit import files
from marginkit.errors import FileError, GridError, MarginError
from marginkit.records import Claim

from ._patient import LPS_FROM_RAS, Frame, frame
from ._signature import GZIP, unpacked
from ._stored import Stored, checked_shape, checked_size

UNITS = {1: ("metre", 1e3), 2: ("mm", 1.0), 3: ("micron", 1e-3)}


def header(path: str, name: str) -> Stored:
    """What the header says; raises only errors of ours."""
    start = files.head(path)
    raw = unpacked(start)
    try:
        return _stored(raw, start.startswith(GZIP), name)
    except MarginError:
        raise
    except Exception as error:  # nibabel's own family of errors is wide
        raise FileError("E-FILE-06", "the NIfTI header is broken", cause=str(error), file=name) from error


def _stored(raw: bytes, packed: bool, name: str) -> Stored:
    from nibabel.nifti1 import Nifti1Header
    from nibabel.nifti2 import Nifti2Header

    two = raw[4:7] == b"n+2"
    kind: Any = Nifti2Header if two else Nifti1Header
    length = 540 if two else 348
    if len(raw) < length:
        raise FileError("E-FILE-02", "the file is cut short", cause=f"{len(raw)} bytes", file=name)
    found = kind(raw[:length], check=False)
    shape = checked_shape(found.get_data_shape(), name)
    dtype: np.dtype[Any] = found.get_data_dtype()
    vox_offset = float(found["vox_offset"])
    offset = max(length + 4, int(vox_offset)) if math.isfinite(vox_offset) else -1
    checked_size(shape, dtype, offset, name)
    code = int(found["xyzt_units"]) & 7
    unit, factor = UNITS.get(code, ("unknown, taken as mm", 1.0))
    warnings = () if code in UNITS else ("NIfTI unit of length unknown: taken as mm",)
    flat = len(found.get_data_shape()) == 2
    place, claims = _placed(found, shape, factor, unit, flat, name)
    slope, intercept = _scaling(found)
    return Stored(
        "NIfTI", shape, dtype, offset, "file" if packed else "", place, claims, slope, intercept, warnings, flat=flat
    )  # fmt: skip


def _scaling(found: Any) -> tuple[float, float]:
    """(slope, intercept); the standard: a slope of 0, or none, means that there is no scaling."""
    slope, intercept = (float(found[key]) for key in ("scl_slope", "scl_inter"))
    if not math.isfinite(slope) or slope == 0:
        return 1.0, 0.0
    return slope, intercept if math.isfinite(intercept) else 0.0


def _placed(
    found: Any, shape: tuple[int, ...], factor: float, unit: str, flat: bool, name: str
) -> tuple[Frame, tuple[Claim, ...]]:
    """(frame, claims): the matrix where there is one, else the quaternion, else voxel sizes alone.

    flat : the third axis does not exist; what is said of it is replaced by a unit vector across the other two.
    """
    affines = {
        "sform": found.get_sform() if int(found["sform_code"]) > 0 else None,
        "qform": found.get_qform() if int(found["qform_code"]) > 0 else None,
    }
    stated = {key: _frame(value, shape, factor, flat, name) for key, value in affines.items() if value is not None}
    if not stated:
        sizes = np.abs(found["pixdim"][1:4].astype(np.float64))
        sizes[2] = 1.0 if flat else sizes[2]
        place = frame(np.diag(sizes) * factor, np.zeros(3), shape, name)
        return place, (Claim("NIfTI pixdim", place.spacing_mm, f"no orientation; unit {unit}"),)
    claims = tuple(
        Claim("NIfTI affine" if at == 0 else f"NIfTI {key}", place.spacing_mm, f"{key}; unit {unit}")
        for at, (key, place) in enumerate(stated.items())
    )
    places = list(stated.values())
    if len(places) == 2:
        _refuse_two_places(*places, name=name)
    return places[0], claims


def _frame(affine: Any, shape: tuple[int, ...], factor: float, flat: bool, name: str) -> Frame:
    turned = LPS_FROM_RAS @ np.asarray(affine, np.float64)[:3] * factor
    if not flat:
        return frame(turned[:, :3], turned[:, 3], shape, name)
    across = np.cross(turned[:, 0], turned[:, 1])
    turned[:, 2] = across / (np.sqrt((across**2).sum()) or 1.0)
    place = frame(turned[:, :3], turned[:, 3], shape, name)
    if place.order[0] == 2:
        return place
    return frame(np.diag(np.sqrt((turned[:, :3] ** 2).sum(axis=0))), np.zeros(3), shape, name)  # seen from the side


def _refuse_two_places(one: Frame, other: Frame, *, name: str) -> None:
    """Nothing; E-GRID-02 where matrix and quaternion lay the axes differently."""
    same = (one.order, one.flip) == (other.order, other.flip)
    if not same or float(np.abs(np.array(one.direction) - np.array(other.direction)).max()) > 0.01:
        cause = "sform and qform turn the volume differently"
        raise GridError("E-GRID-02", "two orientations in one file", cause=cause, remedy="Remove one.", file=name)

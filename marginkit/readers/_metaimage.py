"""MetaImage: .mha in one file, .mhd with its voxels in the file of the same name beside it.

The surprising thing: the nine numbers of ``TransformMatrix`` are three axes one after the other, not three rows.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from marginkit import files
from marginkit.records import Claim

from ._patient import frame
from ._stored import Stored, checked_shape, checked_size
from ._textheader import MAX_HEADER_BYTES, broken, elsewhere, floats, integers, needed

TYPES = {
    "MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2", "MET_INT": "i4", "MET_UINT": "u4",
    "MET_LONG": "i4", "MET_ULONG": "u4", "MET_LONG_LONG": "i8", "MET_ULONG_LONG": "u8", "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}  # fmt: skip
LAST = "ElementDataFile"
BESIDE = (".raw", ".zraw")


def header(path: str, name: str) -> Stored:
    """What the header says."""
    fields, end = _fields(path, name)
    if needed(fields, "NDims", name) not in {"2", "3"} or fields.get("ElementNumberOfChannels", "1") != "1":
        raise broken(name, "not one value a voxel along 2 or 3 axes")
    shape = checked_shape(integers(needed(fields, "DimSize", name), name), name)
    kind = needed(fields, "ElementType", name)
    if kind not in TYPES or fields.get("BinaryData", "True").lower() != "true" or "HeaderSize" in fields:
        raise broken(name, f"element type {kind}, or voxels as text")
    swapped = fields.get("BinaryDataByteOrderMSB", fields.get("ElementByteOrderMSB", "False")).lower() == "true"
    dtype = np.dtype(TYPES[kind]).newbyteorder(">" if swapped else "<")
    data = _beside(path, fields[LAST], name)
    packed: Literal["", "data"] = "data" if fields.get("CompressedData", "False").lower() == "true" else ""
    offset = 0 if data else end
    checked_size(shape, dtype, offset, name)
    return _placed(fields, shape, dtype, offset, packed, data, name)


def _placed(
    fields: dict[str, str], shape: tuple[int, int, int], dtype: np.dtype[np.generic], offset: int,
    packed: Literal["", "data"], data: str, name: str,
) -> Stored:  # fmt: skip
    ndim = int(fields["NDims"])
    stated = fields.get("ElementSpacing")
    spacing = floats(stated, ndim, name) if stated else [1.0] * ndim
    matrix = next((fields[k] for k in ("TransformMatrix", "Rotation", "Orientation") if k in fields), "")
    axes = np.eye(3)
    axes[:ndim, :ndim] = np.array(floats(matrix, ndim**2, name)).reshape(ndim, ndim).T if matrix else np.eye(ndim)
    origin = next((fields[k] for k in ("Offset", "Position", "Origin") if k in fields), "0 " * ndim)
    place = frame(
        axes * np.array([*spacing, 1.0][:3]), np.array([*floats(origin, ndim, name), 0.0][:3]), shape, name
    )  # fmt: skip
    problem = "" if stated else "E-CAL-01: no ElementSpacing"
    claim = Claim("MetaImage ElementSpacing", None if problem else place.spacing_mm, stated or "", problem)
    return Stored(
        "MetaImage", shape, dtype, offset, packed, place, (claim,), data=data,
        warnings=(f"the checksum covers the header, not {Path(data).name}",) if data else (),
        data_before=files.stamp(data) if data else None, flat=ndim == 2,
    )  # fmt: skip


def _fields(path: str, name: str) -> tuple[dict[str, str], int]:
    """(fields, first byte after the header)."""
    head = files.head(path, MAX_HEADER_BYTES)
    fields: dict[str, str] = {}
    at = 0
    while LAST not in fields:
        end = head.find(b"\n", at)
        key, equals, value = (head[at:end] if end >= 0 else head[at:]).decode("latin-1").partition("=")
        if not equals:
            raise broken(name, "no line ElementDataFile")
        fields[key.strip()] = value.strip()
        at = end + 1 if end >= 0 else len(head)
    return fields, at


def _beside(path: str, stated: str, name: str) -> str:
    """The file of the voxels, from our own path; empty where they lie behind the header."""
    if stated == "LOCAL":
        return ""
    for suffix in BESIDE:
        own = Path(path).with_suffix(suffix)
        if stated == own.name:
            return str(own)
    raise elsewhere(name, stated)

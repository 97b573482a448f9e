"""NRRD in one file (.nrrd), raw or packed, as 3D Slicer and ITK write it.

The surprising thing: the same directions mean opposite sides in different ``space``s, and without a ``space`` they
mean nothing; then only the sizes of voxels are taken.
"""

from __future__ import annotations

import re
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from marginkit import files, units
from marginkit.records import Claim

from ._patient import frame
from ._stored import Stored, checked_shape, checked_size
from ._textheader import MAX_HEADER_BYTES, broken, elsewhere, floats, integers, needed

WORDS = {
    "i1": "signed char|int8|int8_t", "u1": "uchar|unsigned char|uint8|uint8_t",
    "i2": "short|short int|signed short|signed short int|int16|int16_t",
    "u2": "ushort|unsigned short|unsigned short int|uint16|uint16_t",
    "i4": "int|signed int|int32|int32_t", "u4": "uint|unsigned int|uint32|uint32_t",
    "i8": "longlong|long long|long long int|signed long long|signed long long int|int64|int64_t",
    "u8": "ulonglong|unsigned long long|unsigned long long int|uint64|uint64_t",
    "f4": "float", "f8": "double",
}  # fmt: skip
TYPES = {word: code for code, words in WORDS.items() for word in words.split("|")}
SPACES = {
    "left-posterior-superior": (1.0, 1.0, 1.0), "lps": (1.0, 1.0, 1.0),
    "right-anterior-superior": (-1.0, -1.0, 1.0), "ras": (-1.0, -1.0, 1.0),
    "left-anterior-superior": (1.0, -1.0, 1.0), "las": (1.0, -1.0, 1.0),
}  # fmt: skip
VECTOR = re.compile(r"\(([^()]*)\)")
DETACHED = ("data file", "datafile")
SKIPS = ("line skip", "lineskip", "byte skip", "byteskip")


def header(path: str, name: str) -> Stored:
    """What the header says."""
    fields, end = _fields(path, name)
    for key in DETACHED:
        if key in fields:
            raise elsewhere(name, fields[key])
    if any(fields.get(key, "0") != "0" for key in SKIPS):
        raise broken(name, "voxels do not begin behind the header")
    sizes = integers(needed(fields, "sizes", name), name)
    shape = checked_shape(sizes, name)
    if len(sizes) not in (2, 3) or needed(fields, "dimension", name) != str(len(sizes)):
        raise broken(name, f"{fields.get('dimension')} axes with sizes {fields['sizes']}")
    dtype = _dtype(fields, name)
    packed = _packed(needed(fields, "encoding", name), name)
    checked_size(shape, dtype, end, name)
    axes_mm, origin_mm, claim = _axes(fields, len(sizes), name)
    place = frame(axes_mm, origin_mm, shape, name)
    claims = (Claim(claim.source, None if claim.problem else place.spacing_mm, claim.detail, claim.problem),)
    return Stored("NRRD", shape, dtype, end, packed, place, claims, flat=len(sizes) == 2)


def _fields(path: str, name: str) -> tuple[dict[str, str], int]:
    """(fields in small letters, first byte after the header)."""
    head = files.head(path, MAX_HEADER_BYTES)
    blank = re.search(rb"\r?\n\r?\n", head)
    if blank is None:
        raise broken(name, "no blank line behind the header, or its voxels lie elsewhere")
    fields: dict[str, str] = {}
    for line in head[: blank.start()].decode("latin-1").splitlines()[1:]:
        key, colon, value = line.partition(":")
        if not line.startswith("#") and colon and not value.startswith("="):
            fields[key.strip().lower()] = value.strip()
    return fields, blank.end()


def _dtype(fields: dict[str, str], name: str) -> np.dtype[Any]:
    code = TYPES.get(needed(fields, "type", name).lower())
    if code is None:
        raise broken(name, f"type {fields['type']}")
    if code[1] == "1":
        return np.dtype(code)
    order = {"little": "<", "big": ">"}.get(needed(fields, "endian", name).lower())
    if order is None:
        raise broken(name, f"endian {fields['endian']}")
    return np.dtype(order + code)


def _packed(encoding: str, name: str) -> Literal["", "data"]:
    if encoding.lower() == "raw":
        return ""
    if encoding.lower() in {"gzip", "gz"}:
        return "data"
    raise broken(name, f"encoding {encoding}; raw and gzip can be read")


def _axes(fields: dict[str, str], ndim: int, name: str) -> tuple[NDArray[Any], NDArray[Any], Claim]:
    """(axes as columns, origin, claim without its spacing), mm, LPS; of two axes the third is added."""
    space = fields.get("space", "").lower()
    factor, detail, problem = _unit(fields)
    if "space directions" in fields:
        vectors = [floats(v.replace(",", " "), ndim, name) for v in VECTOR.findall(fields["space directions"])]
        if len(vectors) != ndim:
            raise broken(name, f"space directions {fields['space directions']}")
        stated = VECTOR.findall(fields.get("space origin", f"({','.join('0' * ndim)})"))
        axes, origin = np.eye(3), np.zeros(3)
        axes[:ndim, :ndim] = np.array(vectors).T
        origin[:ndim] = floats(stated[0].replace(",", " ") if stated else "", ndim, name)
        signs = np.array(SPACES.get(space, (1.0, 1.0, 1.0)))
        if space not in SPACES:
            detail += "; no space of the patient"
        claim = Claim("NRRD space directions", None, detail, problem)
        return axes * signs[:, None] * factor, origin * signs * factor, claim
    if "spacings" in fields:
        claim = Claim("NRRD spacings", None, detail, problem)
        return np.diag([*floats(fields["spacings"], ndim, name), 1.0][:3]) * factor, np.zeros(3), claim
    return np.eye(3), np.zeros(3), Claim("NRRD spacings", None, "", "E-CAL-01: the header does not state any")


def _unit(fields: dict[str, str]) -> tuple[float, str, str]:
    """(mm per unit, detail, problem). Spaces of the patient are in mm, by habit of all who write them."""
    stated = fields.get("space units", fields.get("units", ""))
    words = set(re.findall(r'"([^"]*)"', stated)) - {""}
    if not words:
        return 1.0, "unit not stated, taken as mm", ""
    factors = [units.mm_per(word) for word in words]
    if len(words) > 1 or factors[0] is None:
        return 1.0, stated, f"E-CAL-01: unit {stated}"
    return factors[0], f"unit {words.pop()}", ""

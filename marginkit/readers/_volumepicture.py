"""A volume as a picture, turned to (Z, Y, X) of the patient."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from marginkit import files
from marginkit.records import Claim, Level, Picture

from . import _metaimage, _nifti, _nrrd, _signature
from ._stored import Stored, pixels
from ._window import ranges


def _header(path: str, name: str) -> Stored:
    head = files.head(path)
    if head.startswith(_signature.NRRD):
        return _nrrd.header(path, name)
    if _signature.is_metaimage(head):
        return _metaimage.header(path, name)
    return _nifti.header(path, name)


def read(path: str, mask: bool) -> Picture:
    """The volume. mask : integers stay integers, else they are scaled as the header says."""
    before = files.stamp(path)
    name = Path(path).name
    stored = _header(path, name)
    whole = stored.frame.shape(stored.shape)
    shape, axes, claims = (whole[1:], "YX", _of_plane(stored.claims)) if stored.flat else (whole, "ZYX", stored.claims)

    def level(slices: tuple[slice, ...]) -> NDArray[Any]:
        wanted = ranges(slices, shape)
        files.still(path, before)
        array = pixels(path, before, stored, mask)
        array = array[0] if stored.flat else array
        return array[tuple(slice(r.start, r.stop, r.step) for r in wanted)].copy()

    return Picture(
        name, stored.format, axes, shape, stored.seen_dtype(mask), (Level(shape, (1.0, 1.0), level),), "volume",
        claims=claims, flags=("orientation_applied",) if stored.frame.turned else (), warnings=stored.warnings,
        origin_mm=None if stored.flat else stored.frame.origin_mm,
        direction=None if stored.flat else stored.frame.direction,
    )  # fmt: skip


def _of_plane(claims: tuple[Claim, ...]) -> tuple[Claim, ...]:
    """The claims without their first axis."""
    return tuple(replace(one, spacing_mm=one.spacing_mm[1:] if one.spacing_mm else None) for one in claims)

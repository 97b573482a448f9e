"""Volumes: NIfTI, NRRD and MetaImage; CT, MR and micro-CT, and masks of them.

The surprising thing: none of these formats promises an order of axes. Every volume is turned to (Z, Y, X) of the
patient, so that an image and its mask lie on one array however each was saved. A header with two axes is a picture
(Y, X): what it says of a third one is nothing that was measured.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from marginkit import files
from marginkit.records import Claim, Level, Picture

from . import _metaimage, _nifti, _nrrd
from ._stored import Stored, pixels
from ._window import ranges

NAME = "volume"
SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".mha", ".mhd")


def claims(head: bytes, name: str) -> int:
    """2 for NIfTI, also inside gzip, NRRD and MetaImage."""
    known = _nifti.is_nifti(head) or head.startswith(_nrrd.MAGIC) or _metaimage.is_metaimage(head)
    return 2 if known else 0


def read(path: str) -> Picture:
    """The volume, values scaled as its header says."""
    return _picture(path, mask=False)


def read_mask(path: str) -> Picture:
    """The volume as labels: integers stay integers."""
    return _picture(path, mask=True)


def _header(path: str, name: str) -> Stored:
    head = files.head(path)
    if head.startswith(_nrrd.MAGIC):
        return _nrrd.header(path, name)
    if _metaimage.is_metaimage(head):
        return _metaimage.header(path, name)
    return _nifti.header(path, name)


def _picture(path: str, mask: bool) -> Picture:
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

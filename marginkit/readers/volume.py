"""Volumes: NIfTI, NRRD and MetaImage; CT, MR and micro-CT, and masks of them.

The surprising thing: none of these formats promises an order of axes. Every volume is turned to (Z, Y, X) of the
patient, so that an image and its mask lie on one array however each was saved. A header with two axes is a picture
(Y, X): what it says of a third one is nothing that was measured.
"""

from __future__ import annotations

from marginkit.records import Picture

from . import _signature

NAME = "volume"
SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".mha", ".mhd")


def claims(head: bytes, name: str) -> int:
    """2 for NIfTI, also inside gzip, NRRD and MetaImage."""
    known = _signature.is_nifti(head) or head.startswith(_signature.NRRD) or _signature.is_metaimage(head)
    return 2 if known else 0


def read(path: str) -> Picture:
    """The volume, values scaled as its header says."""
    from . import _volumepicture

    return _volumepicture.read(path, mask=False)


def read_mask(path: str) -> Picture:
    """The volume as labels: integers stay integers."""
    from . import _volumepicture

    return _volumepicture.read(path, mask=True)

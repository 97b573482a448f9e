"""DICOM: CT and MR series, from a folder or from one file of it; slides; segmentations of both.

The surprising thing: a file of a series is one plane of a volume, so its neighbours of the same series are read with
it. Nothing about the patient leaves this module: no tag beyond a short list is decoded.
"""

from __future__ import annotations

from marginkit.records import Picture

from . import _signature

NAME = "dicom"
SUFFIXES = (".dcm", ".dicom", ".ima")
ZARR = {b"zarr.json", b".zattrs", b".zgroup", b".zarray"}


def claims(head: bytes, name: str) -> int:
    """2 for the signature, and for folders with a file that is called like DICOM; 1 for other plain folders."""
    if not head.startswith(b"folder\n"):
        return 2 if _signature.is_dicom(head) else 0
    names = set(head.lower().split(b"\n")[1:])
    if names & ZARR:
        return 0
    return 2 if any(n.endswith((b".dcm", b".ima")) for n in names) else 1


def read(path: str) -> Picture:
    """The series as a volume (Z, Y, X); a plane by itself as (Y, X); a slide as (Y, X) or (Y, X, S).

    Segmentations are read from their own file only; in a folder of a series they are passed over.
    """
    from . import _dicompicture

    return _dicompicture.read(path)

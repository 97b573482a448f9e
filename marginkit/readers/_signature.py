"""First bytes that tell DICOM and the formats of volumes: by themselves, so that who only asks loads no decoder."""

from __future__ import annotations

import zlib
from contextlib import suppress

GZIP = b"\x1f\x8b"
NRRD = b"NRRD000"
HEADER_STEPS = (348, 192)  # of NIfTI-1, and what NIfTI-2 has more


def is_dicom(head: bytes) -> bool:
    """Whether the first bytes are a DICOM file's."""
    return head[128:132] == b"DICM"


def is_metaimage(head: bytes) -> bool:
    """Whether the first bytes are the keys with which these headers begin."""
    first = head.split(b"\n", 1)[0].replace(b" ", b"")
    return first.startswith((b"ObjectType=", b"NDims=")) and b"DimSize" in head


def is_nifti(head: bytes) -> bool:
    """Whether the first bytes, unpacked where they are packed, are a NIfTI header of one file."""
    head = unpacked(head)
    return head[344:348] == b"n+1\0" or head[4:12] == b"n+2\0\r\n\x1a\n"


def unpacked(head: bytes) -> bytes:
    """A NIfTI header's bytes, as many as can be had; a broken checksum is found when voxels are read, not here."""
    if not head.startswith(GZIP):
        return head
    inflate, out = zlib.decompressobj(31), b""
    with suppress(zlib.error):
        for count in HEADER_STEPS:
            out += inflate.decompress(head if not out else inflate.unconsumed_tail, count)
    return out

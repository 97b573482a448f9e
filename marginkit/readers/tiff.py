"""TIFF in its many dresses: plain, ImageJ, OME-TIFF, QPTIFF, Aperio, BigTIFF, tiled, pyramids.

The surprising thing: no library is asked what a file means, only to unpack one segment. Sizes, units and the list of
what was scanned come from the tags themselves.
"""

from __future__ import annotations

from marginkit.records import Picture

NAME = "tiff"
GENERAL = True
SUFFIXES = (".tif", ".tiff", ".btf", ".tf8", ".qptiff")
MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def claims(head: bytes, name: str) -> int:
    """1 for any TIFF: the reader of one kind of it may know better."""
    return 1 if head[:4] in MAGIC else 0


def read(path: str) -> Picture:
    """The picture: colours of a palette expanded, orientation applied."""
    from . import _tiffpicture

    return _tiffpicture.read(path, indices=False)


def read_mask(path: str) -> Picture:
    """The picture as a mask: of a palette the indices are kept, not the colours."""
    from . import _tiffpicture

    return _tiffpicture.read(path, indices=True)

"""OME-Zarr 0.4 and 0.5: a folder of chunks with axes, units and levels in its attributes.

The surprising thing: a chunk that is not there reads as the fill value, so a folder that was half copied opens as a
picture. Missing chunks are counted and said. Codecs are checked by name before anything is decoded: some run code.
"""

from __future__ import annotations

from marginkit.records import Picture

NAME = "omezarr"
SUFFIXES = (".zarr", ".ome.zarr")


def claims(head: bytes, name: str) -> int:
    """2 for a folder with Zarr metadata."""
    entries = head.split(b"\n")
    return 2 if entries[0] == b"folder" and {b"zarr.json", b".zattrs", b".zgroup"} & set(entries) else 0


def read(path: str) -> Picture:
    """The first multiscale image of the folder."""
    from . import _zarrpicture

    return _zarrpicture.read(path)

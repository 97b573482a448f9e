"""Whole-slide files: Aperio SVS by our own TIFF engine, the other scanners' by OpenSlide.

The surprising thing: a slide may hold tiles that were never scanned, and the scanner's canvas may be far larger than
what is on it. Both are said (``not_scanned``, ``window_px``) and neither is black tissue.
"""

from __future__ import annotations

from dataclasses import replace

from marginkit import files
from marginkit.records import Claim, Picture

from . import tiff

NAME = "slide"
INDEXES = (".mrxs", ".vms", ".vmu")
OWN_TIFF = (".ndpi",)  # offsets beyond 4 GB in a way of its own
CZI = b"ZISRAWFILE"
SUFFIXES = (".svs", ".scn", ".bif", ".czi", *OWN_TIFF, *INDEXES)


def claims(head: bytes, name: str) -> int:
    """1 for a TIFF, where the suffix decides; 2 for the index file of a slide in parts."""
    if name.lower().endswith(INDEXES) or head.startswith(CZI):
        return 2
    return tiff.claims(head, name)


def read(path: str) -> Picture:
    """The slide."""
    from . import _openslide

    if path.lower().endswith((*INDEXES, *OWN_TIFF)) or files.head(path).startswith(CZI):
        return _openslide.read(path)
    picture = tiff.read(path)
    if picture.format != "Aperio SVS":
        return picture
    told = _openslide.claims(_openslide.properties(path))
    # one field read twice is one claim; OpenSlide's reading stands for it where both agree
    own = [c for c in picture.claims if c.source != "Aperio MPP" or not _agree(c.spacing_mm, told)]
    return replace(picture, claims=(*told, *own))


def _agree(spacing_mm: tuple[float, ...] | None, told: tuple[Claim, ...]) -> bool:
    return any(claim.spacing_mm == spacing_mm for claim in told)

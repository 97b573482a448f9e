"""The orientation and the resolution in an EXIF block, and nothing else of it."""

from __future__ import annotations

import io

from marginkit.errors import MarginError
from marginkit.records import Claim


def read(block: bytes, name: str) -> tuple[int, tuple[Claim, ...], tuple[str, ...]]:
    """(orientation, claims, warnings) of an EXIF block (a small TIFF); 1 and nothing where there is none."""
    if not block:
        return 1, (), ()
    from . import _ifd, _orient, _tiffclaims

    try:
        first = _ifd.first(io.BytesIO(block), name)
        claims = tuple(
            Claim("EXIF resolution", claim.spacing_mm, claim.detail, claim.problem)
            for claim in _tiffclaims.resolution(first)
        )
        return _orient.known(first.integer(274, 1)), claims, ()
    except MarginError as error:
        return 1, (), (f"the EXIF block cannot be read ({error.code}): no orientation applied",)

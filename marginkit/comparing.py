"""Masks of two readers, paired by the name of their files, and how far they overlap.

The surprising thing: a mask without its partner is not left out. It is listed with nothing, and so counted.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from marginkit import opening
from marginkit.agreement.overlap import Overlap, overlap
from marginkit.errors import AgreementError, MarginError
from marginkit.fetching import Fetcher
from marginkit.files import litter
from marginkit.pipeline import stem
from marginkit.records import Picture, Region


def masks(first: str | Path, second: str | Path) -> dict[str, Overlap | None]:
    """Case to overlap of two folders of mask files; None where one of the two has no such file.

    Raises
    ------
    AgreementError : E-AGR-05 two masks do not lie on one grid; E-AGR-06 a folder cannot be used.
    MarginError : a mask cannot be read, or has no pixel size.
    """
    left, right = _files(Path(first)), _files(Path(second))
    both = sorted(left.keys() | right.keys())
    return {case: _overlap(left[case], right[case]) if case in left and case in right else None for case in both}


def _files(folder: Path) -> dict[str, Path]:
    """Case to file."""
    if not folder.is_dir():
        raise AgreementError("E-AGR-06", "no folder of masks", cause="it is not there", file=folder)
    found: dict[str, Path] = {}
    for file in sorted(folder.iterdir()):
        if file.is_file() and not litter(file.name):
            case = stem(str(file))
            if case in found:
                raise AgreementError("E-AGR-06", f"two files of case {case!r}", file=file)
            found[case] = file
    return found


def _overlap(first: Path, second: Path) -> Overlap:
    picture = opening.open(str(first), mask=True)
    if picture.spacing_mm is None:
        raise picture.refusal or AgreementError("E-AGR-05", "pixel size missing", file=first)
    one, other = (_mask(file, picture) for file in (first, second))
    try:
        return overlap(one, other, picture.spacing_mm)
    except MarginError as error:
        raise error.about(second) from error


def _mask(file: Path, picture: Picture) -> NDArray[np.bool_]:
    region: Region = Fetcher(picture).region(str(file), "tumor")
    moved = region.origin_px is not None and any(region.origin_px)
    scaled = region.spacing_mm is not None and not np.allclose(region.spacing_mm, picture.spacing_mm or ())
    if not isinstance(region.data, np.ndarray) or moved or scaled:
        raise AgreementError("E-AGR-05", "two masks do not lie on one grid", file=file)
    return np.asarray(region.data >= 0.5, bool)

"""The orientation that EXIF and TIFF store with a picture, by one rule for every reader.

The surprising thing: of two libraries that open the same photo one turns it and the other does not, so an image and
its mask can differ by a quarter turn. Here it is always applied.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit.records import Claim

# orientation -> (flip rows, flip columns, then swap rows and columns)
_STEPS = {
    1: (False, False, False), 2: (False, True, False), 3: (True, True, False), 4: (True, False, False),
    5: (False, False, True), 6: (True, False, True), 7: (True, True, True), 8: (False, True, True),
}  # fmt: skip


def known(orientation: int) -> int:
    """The orientation, or 1 where it is none of the eight."""
    return orientation if orientation in _STEPS else 1


def turns(orientation: int) -> bool:
    """Whether rows become columns."""
    return _STEPS[orientation][2]


def apply(array: NDArray[Any], orientation: int) -> NDArray[Any]:
    """The array as it is meant to be seen; its first two axes are rows and columns as stored."""
    flip_y, flip_x, swap = _STEPS[orientation]
    array = array[:: -1 if flip_y else 1, :: -1 if flip_x else 1]
    return np.ascontiguousarray(array.swapaxes(0, 1) if swap else array)


def stored(rows: range, columns: range, orientation: int, height: int, width: int) -> tuple[range, range]:
    """The rows and columns as stored (of a picture stored with that height and width) of a window as seen."""
    flip_y, flip_x, swap = _STEPS[orientation]
    if swap:
        rows, columns = columns, rows
    if flip_y:
        rows = range(height - rows.stop, height - rows.start)
    if flip_x:
        columns = range(width - columns.stop, width - columns.start)
    return rows, columns


def turned(claim: Claim, orientation: int) -> Claim:
    """The claim after rows and columns changed places, where they did."""
    if claim.spacing_mm is None or not turns(orientation):
        return claim
    return replace(claim, spacing_mm=(*claim.spacing_mm[:-2], claim.spacing_mm[-1], claim.spacing_mm[-2]))

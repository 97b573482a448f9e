"""What the header of a PNG or JPEG says, before any pixel is decoded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit.records import Claim


@dataclass(frozen=True)
class Header:
    """What the header of a PNG or JPEG says.

    samples : as stored, alpha and palette index included. alpha : the last sample is one, or the palette has one.
    """

    format: str
    height: int
    width: int
    samples: int
    dtype: np.dtype[Any]
    alpha: bool = False
    palette: NDArray[np.uint8] | None = field(default=None, repr=False)
    orientation: int = 1
    claims: tuple[Claim, ...] = ()
    warnings: tuple[str, ...] = ()

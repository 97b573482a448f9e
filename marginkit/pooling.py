"""One threshold for a whole cohort, found in the counts of all its images together.

The surprising thing: every image weighs the same, however large it is. Otherwise the one slide among a hundred
photographs would set the threshold for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marginkit import fluorescence, opening, shelf, sources
from marginkit.errors import MarginError, UsageError

EACH = 200_000  # counts taken of an image, evenly spread
METHODS = ("otsu", "li", "triangle")


@dataclass(frozen=True)
class Pooled:
    """A threshold in counts, how it was found, and what each image alone would have given."""

    threshold: float
    method: str
    alone: dict[str, float]

    @property
    def told(self) -> str:
        """The threshold in words."""
        return f"above {self.threshold:.6g} ({self.method} over {len(self.alone)} images, each of one weight)"


def threshold(images: Sequence[str], method: str = "otsu", channel: str = "", smooth_px: float = 0.0) -> Pooled:
    """The threshold over the counts of all images. Counts are as stored; all images must be of one type of counts.

    Raises
    ------
    UsageError : E-USE-03 no such method; E-USE-13 images of several types, or none.
    PixelError : E-PIX-01 pseudo-colour, E-PIX-03 not finite, E-PIX-04 one value everywhere.
    """
    if method not in METHODS:
        raise UsageError("E-USE-03", f"no pooled threshold {method!r}", cause=f"there are {', '.join(METHODS)}")
    module = shelf.get("segmenters", "fluorescence")
    said = [("smooth_px", str(smooth_px)), *([("channel", channel)] if channel else [])]
    options = sources.typed_options(module, said)
    taken, alone, kinds = [], {}, set()
    for name in images:
        picture = opening.uncalibrated(name)
        try:
            counts = module.plain_counts(picture, options).ravel()
            own = counts[np.linspace(0, counts.size - 1, EACH).astype(np.int64)]
            alone[picture.name] = fluorescence.find_threshold(own, method).value
        except MarginError as error:
            raise error if error.file else error.about(picture.name) from error
        kinds.add(str(picture.dtype))
        taken.append(own)
    if len(kinds) != 1:
        cause = f"counts of {', '.join(sorted(kinds)) or 'no image'}"
        raise UsageError("E-USE-13", "one threshold wants images of one kind", cause=cause)
    return Pooled(fluorescence.find_threshold(np.concatenate(taken), method).value, method, alone)

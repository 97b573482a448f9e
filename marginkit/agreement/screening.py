"""How well one reader finds what a reference calls close: sensitivity and specificity at a distance.

The surprising thing: a case without a reading stays in the denominator. A method that fails on the hard cases must not
look better for it: a close margin that was not measured was not found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Share:
    """Hits of a count, with Wilson's interval; None where there is nothing to count."""

    hits: int
    of: int
    interval: tuple[float, float] | None

    @property
    def value(self) -> float | None:
        """Hits over count."""
        return self.hits / self.of if self.of else None


@dataclass(frozen=True, slots=True)
class Screening:
    """Close means nearer than ``limit_mm`` in the reference.

    missed_close, missed_clear : of those, the cases where the reader has no value. without_reference : left out.
    """

    limit_mm: float
    sensitivity: Share
    specificity: Share
    missed_close: int
    missed_clear: int
    without_reference: int


def screening(reference: Sequence[float | None], reader: Sequence[float | None], limit_mm: float) -> Screening:
    """Sensitivity and specificity of values in mm against a reference, None where there is no value."""
    pairs = list(zip(reference, reader, strict=True))
    close = [read for known, read in pairs if known is not None and known < limit_mm]
    clear = [read for known, read in pairs if known is not None and known >= limit_mm]
    return Screening(
        limit_mm,
        share(sum(read is not None and read < limit_mm for read in close), len(close)),
        share(sum(read is not None and read >= limit_mm for read in clear), len(clear)),
        sum(read is None for read in close),
        sum(read is None for read in clear),
        sum(known is None for known, _ in pairs),
    )


def share(hits: int, of: int) -> Share:
    """A share with Wilson's interval.

    >>> [round(end, 3) for end in share(8, 10).interval or ()]
    [0.49, 0.943]
    """
    from scipy.stats import binomtest

    if not of:
        return Share(hits, of, None)
    found = binomtest(hits, of).proportion_ci(method="wilson")
    return Share(hits, of, (float(found.low), float(found.high)))

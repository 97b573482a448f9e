"""Specimens with a known answer: what ``marginkit selftest`` measures here and now.

The surprising thing: there are two truths. Drawn on the pixel grid, a phantom's margin is known exactly, and not a
tenth of a micrometre may be missing. Drawn as a smooth shape, its margin is known by formula and the pixels are not
the shape: then the allowed error is stated, in mm, and the interval must hold the truth.
"""

from __future__ import annotations

from collections.abc import Iterator

from marginkit.phantoms import outlines, pixels, smooth
from marginkit.phantoms.phantom import Measure, Phantom, Row, measured

__all__ = ["Measure", "Phantom", "Row", "phantoms", "selftest"]


def phantoms() -> Iterator[Phantom]:
    """Every phantom, made when asked for."""
    return (make() for make in (*pixels.MAKERS, *outlines.MAKERS, *smooth.MAKERS))


def selftest(measure: Measure) -> list[Row]:
    """Every phantom measured with ``measure`` beside its truth."""
    return [measured(phantom, measure) for phantom in phantoms()]

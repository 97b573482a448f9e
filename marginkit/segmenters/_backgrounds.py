"""The backgrounds that a signal can be held against: the chosen one, and the others that would have been admissible."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit import fluorescence
from marginkit.errors import MarginError, UsageError
from marginkit.fluorescence import Background
from marginkit.lights import Around

WORDS = ("tissue", "ring", "off-tissue")
LEAST_PX = 30  # fewer pixels are no background beside the chosen one
GUARD, NEAR, FAR = 0.02, 0.04, 0.12  # of the specimen's width, where no distance was given
Mask = NDArray[np.bool_]


def spacing(around: Around, ndim: int) -> tuple[float, ...]:
    """Size of a pixel, one value an axis; 1 where it is not known, planes an unknown distance apart far off."""
    own = around.spacing_mm or (1.0,) * ndim
    return (1e6,) * (ndim - len(own)) + own[-ndim:]


def chosen(values: NDArray[Any], specimen: Mask, signal: Mask, options: Any, around: Around) -> Background:
    """The background that was asked for. MeasureError E-MSR-08 where there is none."""
    if options.background not in WORDS:
        if around.drawn is None:
            remedy = f"Give {', '.join(WORDS)}, or a file in measure."
            raise UsageError("E-USE-03", f"no background {options.background!r}", remedy=remedy)
        name, mask = around.drawn
        return Background(name, mask)
    return _of(options.background, values, specimen, signal, options, around)


def admissible(
    values: NDArray[Any], specimen: Mask, signal: Mask, options: Any, around: Around
) -> tuple[Background, ...]:
    """The chosen background first, then all others that have enough pixels."""
    first = chosen(values, specimen, signal, options, around)
    others = []
    for word in WORDS:
        if word == options.background:
            continue
        try:
            one = _of(word, values, specimen, signal, options, around)
        except MarginError:  # there is no such background in this picture
            continue
        if one.mask.sum() >= LEAST_PX:
            others.append(one)
    return (first, *others)


def _of(word: str, values: NDArray[Any], specimen: Mask, signal: Mask, options: Any, around: Around) -> Background:
    size = spacing(around, values.ndim)
    wide = width(specimen, size)
    if word == "off-tissue":
        found = fluorescence.off_tissue(specimen | signal, size, _round(GUARD * wide))
    elif word == "ring":
        near, far = options.near_mm, options.far_mm or _round(options.near_mm + FAR * wide)
        found = fluorescence.ring(signal, size, near or _round(NEAR * wide), far, specimen)
    else:
        found = fluorescence.quiet_tissue(values, specimen)
    unit = found.name if around.spacing_mm else found.name.replace(" mm", " px")
    return Background(unit, found.mask & ~signal)


def width(specimen: Mask, size: tuple[float, ...]) -> float:
    """Diameter of a disc of the specimen's area in the plane where it is largest."""
    planes = specimen.reshape(-1, *specimen.shape[-2:]).sum(axis=(1, 2))
    return float(2 * np.sqrt(planes.max(initial=0) * size[-1] * size[-2] / np.pi))


def _round(length_mm: float) -> float:
    """Two digits: a length that was chosen, not measured."""
    return float(f"{length_mm:.2g}")

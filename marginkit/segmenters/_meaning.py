"""What the values of a mask file mean; everything that could mean two things is refused with the values listed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit.errors import PixelError
from marginkit.geometry.run_mask import RunMask
from marginkit.geometry.value_runs import ValueRuns

SHOWN_VALUES = 20
COUNTED_AT_ONCE = 1 << 20  # pixels: counting wants eight bytes for each
WAYS = "Choose labels (#label=1+2), or a threshold (#threshold=128), or save the mask with two values."


def grey(array: NDArray[Any]) -> NDArray[Any]:
    """One sample of a colour image whose colours are all equal (and whose alpha, if any, is opaque)."""
    count = array.shape[-1]
    colours, alpha = (array[..., : count - 1], array[..., -1]) if count in (2, 4) else (array, None)
    opaque = np.iinfo(array.dtype).max if array.dtype.kind in "ui" else 1
    if any(not np.array_equal(colours[..., 0], colours[..., i]) for i in range(1, colours.shape[-1])):
        remedy = "Choose a channel, or open a palette image as a mask."
        raise PixelError("E-PIX-02", "a colour image is no mask", cause="its channels differ", remedy=remedy)
    if alpha is not None and (alpha != opaque).any():
        raise PixelError("E-PIX-02", "a transparent image is no mask", cause="alpha varies", remedy="Remove alpha.")
    grey: NDArray[Any] = colours[..., 0]
    return grey


def meaning(array: NDArray[Any], labels: tuple[int, ...]) -> NDArray[Any]:
    """The bool mask or the probability that the values mean."""
    if array.dtype.kind == "f":
        _refuse_nan(array)
        if not labels:
            return _probability(array)
    if labels:
        return _labelled(array, labels)
    return array.copy() if array.dtype == np.bool_ else _two_valued(array)


def at_least(array: NDArray[Any], threshold: float) -> NDArray[np.bool_]:
    """Where a grey mask reaches the threshold that the user stated."""
    if array.dtype.kind == "f":
        _refuse_nan(array)
    mask: NDArray[np.bool_] = array >= threshold
    return mask


def _refuse_nan(array: NDArray[Any]) -> None:
    if bad := int(array.size - np.isfinite(array).sum()):
        raise PixelError("E-PIX-03", "the mask is not finite", cause=f"{bad} of {array.size} pixels")


def _probability(array: NDArray[Any]) -> NDArray[Any]:
    low, high = float(array.min()), float(array.max())
    if low < 0 or high > 1:
        cause = f"values from {low:g} to {high:g}, wanted 0 to 1"
        raise PixelError("E-PIX-06", "no probability", cause=cause, remedy="Choose labels, or divide by the largest.")
    return array.astype(np.float64)


def _labelled(array: NDArray[Any], labels: tuple[int, ...]) -> NDArray[np.bool_]:
    """Where any of the labels is; E-PIX-05 where none is and others are."""
    mask = np.zeros(array.shape, bool)
    for label in labels:
        mask |= array == label
    if not mask.any() and array.any():
        wanted = " or ".join(map(str, labels))
        raise PixelError("E-PIX-05", f"no pixel has the label {wanted}", cause=f"values {_listed(_values(array))}")
    return mask


def meaning_of_runs(runs: ValueRuns, labels: tuple[int, ...], threshold: float | None) -> RunMask:
    """The same of a label image by its runs."""
    if threshold is not None:
        return runs.mask(lambda value: value >= threshold)
    values = runs.values()
    if labels:
        if not set(labels) & set(values) and values != [0]:
            wanted = " or ".join(map(str, labels))
            raise PixelError(
                "E-PIX-05", f"no pixel has the label {wanted}", cause=f"values {_listed(np.array(values))}"
            )
        return runs.mask(lambda value: value in labels)
    _refuse_many(np.array(values))
    return runs.mask(bool)


def _two_valued(array: NDArray[Any]) -> NDArray[np.bool_]:
    _refuse_many(_values(array))
    mask: NDArray[np.bool_] = array != 0
    return mask


def _refuse_many(found: NDArray[Any]) -> None:
    """Nothing; E-PIX-05 for other values than 0 and one more."""
    whole = found.size == 1 and int(found[0]) in (1, 255)
    pair = found.size == 2 and int(found[0]) == 0
    if not (whole or pair or not found.any()):
        raise PixelError("E-PIX-05", "the values could mean anything", cause=f"values {_listed(found)}", remedy=WAYS)


def _values(array: NDArray[Any]) -> NDArray[Any]:
    """The different values, sorted."""
    if array.dtype in (np.uint8, np.uint16):
        flat, highest = array.ravel(), array.max(initial=0)
        parts = [flat[first : first + COUNTED_AT_ONCE] for first in range(0, flat.size, COUNTED_AT_ONCE)]
        some = sum(np.count_nonzero(part) for part in parts)
        if highest and some == sum(np.count_nonzero(part == highest) for part in parts):
            return np.array([0, highest] if some < flat.size else [highest])  # nearly every mask
        seen = np.zeros(np.iinfo(array.dtype).max + 1, bool)
        for part in parts:
            seen |= np.bincount(part, minlength=seen.size) > 0
        return np.flatnonzero(seen)
    return np.unique(array)


def _listed(found: NDArray[Any]) -> str:
    """The first values in words.

    >>> _listed(np.arange(30))
    '0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 … 29 (30 values)'
    """
    words = [f"{v:g}" if found.dtype.kind == "f" else str(int(v)) for v in [*found[:SHOWN_VALUES], found[-1]]]
    first = " ".join(words[:-1])
    return first if found.size <= SHOWN_VALUES else f"{first} … {words[-1]} ({found.size} values)"

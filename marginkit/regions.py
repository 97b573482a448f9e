"""Arguments that users hand to ``measure``, checked and turned into regions.

The surprising thing: whole numbers are refused. An array of labels looks like a mask, and a distance code that takes
it measures to the borders between labels without a word; so the caller says which label is meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from marginkit.errors import AxesError, GridError, MeasureError, OutlineError, PixelError
from marginkit.geometry.run_mask import RunMask
from marginkit.geometry.sharing import side_by_side
from marginkit.records import Region

Given: TypeAlias = Any  # an array, a shapely (Multi)Polygon or a Region: checked at run time, here and only here
WANTED = "a bool mask, a float probability in [0, 1] or a shapely (Multi)Polygon"

RANGE_NUMBERS = 1 << 17  # looked at in one go


def as_region(argument: str, given: Given) -> Region:
    """The region that an argument means; refuses what is none, naming the argument.

    >>> as_region("tumor", np.ones((2, 2), int))
    Traceback (most recent call last):
        ...
    TypeError: tumor: wanted a bool mask, a float probability in [0, 1] or a shapely (Multi)Polygon, got an int64 \
array; of a label image say which label is meant, e.g. labels == 1
    """
    if isinstance(given, Region):
        as_region(argument, given.data)
        return given
    if hasattr(given, "geom_type"):
        return _polygon(argument, given)
    if isinstance(given, (str, bytes, Mapping)) or given is None or np.isscalar(given):
        raise TypeError(f"{argument}: wanted {WANTED}, got {type(given).__name__}")
    if isinstance(given, RunMask):
        return Region(given)
    array = given if isinstance(given, np.ndarray) else np.asarray(given)
    return _array(argument, array)


def _polygon(argument: str, given: Any) -> Region:
    if given.geom_type not in {"Polygon", "MultiPolygon"}:
        raise TypeError(f"{argument}: wanted {WANTED}, got a {given.geom_type}")
    if not np.isfinite(given.bounds).all() and not given.is_empty:
        raise OutlineError("E-GEO-01", f"{argument} is not finite", cause="a coordinate is NaN or infinite")
    return Region(given)


def _array(argument: str, array: Any) -> Region:
    if array.ndim not in (2, 3):
        raise AxesError(
            "E-AXE-01",
            f"{argument} has {array.ndim} axes",
            cause=f"shape {array.shape}",
            remedy="Give (y, x) or (z, y, x): no channels, no samples of colour.",
        )
    if array.dtype == np.bool_:
        return Region(array)
    if not np.issubdtype(array.dtype, np.floating):
        raise TypeError(
            f"{argument}: wanted {WANTED}, got an {array.dtype} array; "
            "of a label image say which label is meant, e.g. labels == 1"
        )
    return Region(_probability(argument, array))


def _probability(argument: str, array: Any) -> Any:
    low, high = _range(array)
    if np.isnan(low) or np.isnan(high):
        bad = int(np.isnan(array).sum())
        raise PixelError("E-PIX-03", f"{argument} holds NaN", cause=f"{bad} of {array.size} pixels")
    if low < 0 or high > 1:
        raise PixelError(
            "E-PIX-06",
            f"{argument} is no probability",
            cause=f"values from {low:g} to {high:g}, wanted 0 to 1",
            remedy="Give a bool mask, or divide by the largest possible value.",
        )
    return array


def _range(array: Any) -> tuple[float, float]:
    """Least and greatest number, NaN where one is: both of some rows while they are in the cache."""
    if not array.size or not array.ndim:
        return (float(array), float(array)) if array.size else (0.0, 0.0)
    rows = max(1, RANGE_NUMBERS * len(array) // array.size)
    found = side_by_side(
        lambda at: (array[at : at + rows].min(), array[at : at + rows].max()), range(0, len(array), rows)
    )
    low, high = zip(*found)
    return float(np.min(low)), float(np.max(high))


def is_empty(region: Region) -> bool:
    """Whether nothing is in the region (for a probability: nothing reaches one half)."""
    if region.kind == "polygon":
        return bool(region.data.is_empty)  # type: ignore[union-attr]
    if isinstance(region.data, RunMask):
        return not region.data.any()
    array = np.asarray(region.data)
    return not bool(array.any() if region.kind == "mask" else array.max(initial=0) >= 0.5)


def check_grids(tumor: Region, specimen: Region) -> int:
    """Number of axes of two regions that belong together; refuses those that do not."""
    arrays = [np.shape(r.data) for r in (tumor, specimen) if r.kind != "polygon"]  # type: ignore[arg-type]
    dimensions = {len(shape) for shape in arrays} | ({2} if len(arrays) < 2 else set())
    if len(dimensions) > 1:
        raise GridError(
            "E-GRID-01",
            "tumor and specimen differ in axes",
            cause=f"tumor is {_told(tumor)}, specimen is {_told(specimen)}",
            remedy="Outlines are measured in 2-D: measure slice by slice.",
        )
    if len(arrays) == 2 and arrays[0] != arrays[1] and tumor.spacing_mm is None and specimen.spacing_mm is None:
        raise GridError(
            "E-GRID-02",
            "tumor and specimen differ in shape",
            cause=f"tumor is {_told(tumor)}, specimen is {_told(specimen)}",
            remedy="Give each its own spacing: marginkit.Region(mask, spacing_mm=...).",
        )
    return dimensions.pop()


def _told(region: Region) -> str:
    return "an outline" if region.kind == "polygon" else f"{np.shape(region.data)}"  # type: ignore[arg-type]


def check_filled(tumor: Region, specimen: Region) -> None:
    """Refuses an empty tumor, an empty specimen, and a specimen without any background."""
    if is_empty(specimen):
        raise MeasureError("E-MSR-02", "no tissue", cause="specimen is empty")
    if is_empty(tumor):
        raise MeasureError("E-MSR-01", "no tumor", cause="tumor is empty", remedy="There is no margin to measure.")

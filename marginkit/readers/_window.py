"""Slices of a region, checked."""

from __future__ import annotations

from collections.abc import Sequence

from marginkit.errors import AxesError


def ranges(slices: Sequence[slice], shape: Sequence[int]) -> list[range]:
    """One range an axis, inside the shape. AxesError E-AXE-02 for the wrong number of slices or a step backwards."""
    if len(slices) != len(shape):
        raise AxesError("E-AXE-02", "wrong number of slices", cause=f"{len(slices)} for {len(shape)} axes")
    found = [range(*s.indices(n)) for s, n in zip(slices, shape)]
    if any(r.step < 1 for r in found):
        raise AxesError("E-AXE-02", "steps backwards", remedy="Turn the array after reading.")
    return found

"""What a measurement asks of a binary mask, whether it is kept as bits or as runs; both give the same answer.

The surprising thing: bits are as long as the array, runs as long as the boundary. A slide is measured from runs, an
image in memory from bits, and nothing above this floor knows which.
"""

from __future__ import annotations

from itertools import product
from typing import Any, TypeAlias

import numpy as np

from marginkit.geometry import bits, compiled
from marginkit.geometry.bits import Bools, Faces, Ints, PackedMask
from marginkit.geometry.run_mask import RunMask
from marginkit.geometry.runs import Runs, runs

Mask: TypeAlias = PackedMask | RunMask


def packed(data: Any) -> Mask:
    """An array as bits; a mask of runs as it is."""
    return data if isinstance(data, RunMask) else bits.pack(data)


def runs_of(mask: Mask) -> Runs:
    """Its runs."""
    return mask.runs if isinstance(mask, RunMask) else runs(mask)


def vertices(mask: Mask) -> Ints:
    """(n, ndim) corners on its boundary, in array order."""
    return mask.vertices() if isinstance(mask, RunMask) else bits.boundary_vertices(mask)


def faces_across(mask: Mask, axis: int) -> Faces:
    """Its faces perpendicular to one axis, in array order."""
    return mask.faces(axis) if isinstance(mask, RunMask) else bits.faces_across(mask, axis)


def window(mask: Mask, where: tuple[slice, ...]) -> Bools | RunMask:
    """A window of it: booleans, or runs that are booleans where they are sliced."""
    return mask.crop(where) if isinstance(mask, RunMask) else bits.unpack(mask, where)


def without(mask: Mask, other: Mask) -> Mask:
    """The pixels of a mask that are not in the other."""
    if isinstance(mask, RunMask) or isinstance(other, RunMask):
        return _as_runs(mask) - _as_runs(other)
    return bits.without(mask, other)


def shared(mask: Mask, other: Mask) -> Mask:
    """The pixels that are in both."""
    if isinstance(mask, RunMask) or isinstance(other, RunMask):
        return _as_runs(mask) & _as_runs(other)
    return PackedMask(mask.words & other.words, mask.shape)


def _as_runs(mask: Mask) -> RunMask:
    return mask if isinstance(mask, RunMask) else RunMask(runs(mask))


def pixel_beside(mask: Mask, vertex: Ints) -> Ints:
    """(n, ndim) a pixel of the mask that has each vertex as a corner; -1 where there is none.

    >>> pixel_beside(bits.pack(np.array([[True, False]])), np.array([[1, 1], [0, 2]])).tolist()
    [[0, 0], [-1, -1]]
    """
    if compiled.kernel() is not None and isinstance(mask, PackedMask) and mask.words.flags.c_contiguous:
        return compiled.beside(mask.words, mask.shape, vertex)
    pixel = np.full(vertex.shape, -1, np.int64)
    todo = np.arange(len(pixel))
    for step in product((1, 0), repeat=vertex.shape[1]):
        here = vertex[todo] - np.array(step)
        held = pixels_held(mask, here)
        pixel[todo[held]] = here[held]
        todo = todo[~held]
    return pixel


def pixels_held(mask: Mask, pixel: Ints) -> Bools:
    """Whether each pixel of (n, ndim) is in the mask; outside the array it is not."""
    if isinstance(mask, RunMask):
        return mask.held(pixel)
    inside: Bools = np.all((pixel >= 0) & (pixel < np.array(mask.shape)), axis=1)
    kept = np.where(inside[:, None], pixel, 0)
    row = np.ravel_multi_index(tuple(kept[:, :-1].T), mask.shape[:-1])
    word = mask.words[row, kept[:, -1] // 64]
    held: Bools = inside & ((word >> (kept[:, -1] % 64).astype(np.uint64)) & np.uint64(1)).astype(bool)
    return held

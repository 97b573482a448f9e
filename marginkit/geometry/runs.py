"""Connected components of a mask by its runs: pieces, foci and the outside, without a label image.

A run is an unbroken row of pixels along the last axis. A mask of a hundred million pixels has some hundred
thousand of them, so joining runs costs a thousandth of labelling pixels.

The surprising thing: pieces and foci are joined over corners (8 neighbours in 2-D, 26 in 3-D), so the
background must not be (4 and 6): otherwise a diagonal wall would leak.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from marginkit.geometry.bits import STRIP_BYTES, Bools, Ints, PackedMask, Words, shifted, unpacked_positions


@dataclass(frozen=True)
class Components:
    """Connected components as labelled runs, in array order.

    row, start, stop : (n,) int64; a run covers pixels start to stop - 1 of its row.
    label : (n,) int64, from 0 by first appearance in array order. count : number of components.
    """

    row: Ints
    start: Ints
    stop: Ints
    label: Ints
    count: int
    shape: tuple[int, ...]

    @property
    def pixels(self) -> Ints:
        """(count,) int64 number of pixels of each component."""
        return np.bincount(self.label, self.stop - self.start, self.count).astype(np.int64)

    @property
    def meets_border(self) -> Bools:
        """(count,) whether a component has a pixel on the border of the array."""
        out = np.zeros(self.count, bool)
        on_border = (self.start == 0) | (self.stop == self.shape[-1])
        for axis, index in enumerate(np.unravel_index(self.row, self.shape[:-1])):
            on_border |= (index == 0) | (index == self.shape[axis] - 1)
        out[self.label[on_border]] = True
        return out

    @cached_property
    def _start_keys(self) -> Ints:
        return self.row * (self.shape[-1] + 2) + self.start

    def at(self, pixel: Ints) -> Ints:
        """(n,) label of the component that holds each pixel of (n, ndim); every pixel must be in the mask."""
        row = np.ravel_multi_index(tuple(pixel[:, :-1].T), self.shape[:-1])
        keys = row.astype(np.int64) * (self.shape[-1] + 2) + pixel[:, -1]
        found: Ints = self.label[np.searchsorted(self._start_keys, keys, side="right") - 1]
        return found


def components(mask: PackedMask, *, corners: bool) -> Components:
    """The mask's connected components; ``corners``: pixels that share only a corner are joined.

    >>> from marginkit.geometry.bits import pack
    >>> components(pack(np.eye(2, dtype=bool)), corners=True).count
    1
    >>> components(pack(np.eye(2, dtype=bool)), corners=False).count
    2
    """
    row, start, stop = _runs(mask.words)
    first, second = _joined(row, start, stop, mask.shape, corners)
    graph = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(len(row), len(row)))
    count, label = connected_components(graph, directed=False) if len(row) else (0, np.zeros(0, np.int64))
    return Components(row, start, stop, label.astype(np.int64), int(count), mask.shape)


def background(mask: PackedMask) -> PackedMask:
    """The pixels of the array that are not in the mask."""
    words = ~mask.words
    width = mask.shape[-1]
    words[:, width // 64] &= np.uint64((1 << (width % 64)) - 1)
    return PackedMask(words, mask.shape)


def _runs(words: Words) -> tuple[Ints, Ints, Ints]:
    parts: list[tuple[Ints, Ints, Ints]] = []
    step = max(1, STRIP_BYTES // (8 * words.shape[1]))
    for first in range(0, len(words), step):
        strip = words[first : first + step]
        before = shifted(strip)
        row, start = unpacked_positions(strip & ~before)
        _, stop = unpacked_positions(before & ~strip)
        parts.append((row + first, start, stop))
    rows, starts, stops = zip(*parts)
    return np.concatenate(rows), np.concatenate(starts), np.concatenate(stops)


def _earlier_rows(ndim: int, corners: bool) -> list[tuple[int, ...]]:
    """Steps to neighbouring rows that come earlier in array order."""
    steps = [step for step in product((-1, 0, 1), repeat=ndim - 1) if step < (0,) * (ndim - 1)]
    return steps if corners else [step for step in steps if sum(map(abs, step)) == 1]


def _joined(row: Ints, start: Ints, stop: Ints, shape: tuple[int, ...], corners: bool) -> tuple[Ints, Ints]:
    """Pairs of runs in neighbouring rows that touch."""
    stride = shape[-1] + 2
    starts, stops = row * stride + start, row * stride + stop
    index = np.stack(np.unravel_index(row, shape[:-1]))
    size = np.array(shape[:-1])[:, None]
    found: list[tuple[Ints, Ints]] = [(np.zeros(0, np.int64), np.zeros(0, np.int64))]
    for step in _earlier_rows(len(shape), corners):
        other = index + np.array(step)[:, None]
        here = np.flatnonzero(((other >= 0) & (other < size)).all(axis=0))
        base = np.ravel_multi_index(tuple(other[:, here]), shape[:-1]).astype(np.int64) * stride
        low = np.searchsorted(stops, base + start[here], side="left" if corners else "right")
        high = np.searchsorted(starts, base + stop[here], side="right" if corners else "left")
        number = np.maximum(high - low, 0)
        within = np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number)
        found.append((np.repeat(here, number), np.repeat(low, number) + within))
    firsts, seconds = zip(*found)
    return np.concatenate(firsts), np.concatenate(seconds)

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

from marginkit.geometry import compiled
from marginkit.geometry.bits import Bools, Ints, PackedMask, shifted, strips, unpacked_positions
from marginkit.geometry.sharing import side_by_side


@dataclass(frozen=True)
class Runs:
    """A mask as its runs, in array order.

    row, start, stop : (n,) int64; a run covers pixels start to stop - 1 of its row. shape : of the mask.
    """

    row: Ints
    start: Ints
    stop: Ints
    shape: tuple[int, ...]

    @cached_property
    def start_keys(self) -> Ints:
        """(n,) first pixel of each run, counted through the whole mask with a gap after each row."""
        return self.row * (self.shape[-1] + 2) + self.start

    @cached_property
    def stop_keys(self) -> Ints:
        """(n,) the pixel behind each run, counted alike."""
        return self.row * (self.shape[-1] + 2) + self.stop

    @cached_property
    def row_index(self) -> tuple[Ints, ...]:
        """Index of each run along every axis but the last."""
        return tuple(index.astype(np.int64) for index in np.unravel_index(self.row, self.shape[:-1]))

    def at(self, pixel: Ints) -> Ints:
        """(m,) which run holds each pixel of (m, ndim); every pixel must be in the mask."""
        row = np.ravel_multi_index(tuple(pixel[:, :-1].T), self.shape[:-1])
        keys = row.astype(np.int64) * (self.shape[-1] + 2) + pixel[:, -1]
        return count_upto(self.start_keys, keys) - 1


def count_upto(keys: Ints, query: Ints) -> Ints:
    """For each query how many of the sorted keys are at most as large.

    >>> count_upto(np.array([0, 2, 4]), np.array([2, 3, -1])).tolist()
    [2, 2, 0]
    """
    if compiled.kernel() is not None:
        return compiled.count_upto(keys, query)
    return np.searchsorted(keys, query, side="right").astype(np.int64)


def runs(mask: PackedMask) -> Runs:
    """The runs of a mask.

    >>> from marginkit.geometry.bits import pack
    >>> found = runs(pack(np.array([[True, True, False, True]])))
    >>> found.start.tolist(), found.stop.tolist()
    ([0, 3], [2, 4])
    """
    if compiled.kernel() is not None and mask.words.flags.c_contiguous:
        return Runs(*compiled.runs(mask.words, mask.shape), mask.shape)

    def find(part: slice) -> tuple[Ints, Ints, Ints]:
        strip = mask.words[part]
        row, column = unpacked_positions(strip ^ shifted(strip))  # in each row, starts and stops take turns
        return row[::2] + part.start, column[::2], column[1::2]

    rows, starts, stops = zip(*side_by_side(find, strips(len(mask.words), mask.words.shape[1])))
    return Runs(np.concatenate(rows), np.concatenate(starts), np.concatenate(stops), mask.shape)


def gaps(found: Runs) -> Runs:
    """The runs of everything that is not in the mask."""
    number, width = int(np.prod(found.shape[:-1], dtype=np.int64)), found.shape[-1]
    every = np.arange(number, dtype=np.int64)
    before = np.searchsorted(found.row, every)  # a row's gap at its start goes in front of its runs,
    behind = np.searchsorted(found.row, every, side="right")  # the one at its end behind them
    row = np.insert(found.row, before, every)
    start = np.insert(found.stop, before, 0)
    stop = np.insert(found.start, behind, width)
    kept = start < stop
    return Runs(row[kept], start[kept], stop[kept], found.shape)


@dataclass(frozen=True)
class Components:
    """Connected components.

    label : (n,) int64 of each run, from 0 by first appearance in array order. count : number of components.
    """

    runs: Runs
    label: Ints
    count: int

    @property
    def pixels(self) -> Ints:
        """(count,) int64 number of pixels of each component."""
        return np.bincount(self.label, self.runs.stop - self.runs.start, self.count).astype(np.int64)

    def meets_border(self, first_axis: int = 0) -> Bools:
        """(count,) whether a component has a pixel on the border of the array across one of the axes from the first."""
        out: Bools = np.zeros(self.count, bool)
        on_border = (self.runs.start == 0) | (self.runs.stop == self.runs.shape[-1])
        for index, size in zip(self.runs.row_index[first_axis:], self.runs.shape[first_axis:]):
            on_border |= (index == 0) | (index == size - 1)
        out[self.label[on_border]] = True
        return out

    def at(self, pixel: Ints) -> Ints:
        """(m,) label of the component that holds each pixel of (m, ndim); every pixel must be in the mask."""
        found: Ints = self.label[self.runs.at(pixel)]
        return found


def components(found: Runs, *, corners: bool) -> Components:
    """Connected components of runs; ``corners``: pixels that share only a corner are joined.

    >>> from marginkit.geometry.bits import pack
    >>> diagonal = runs(pack(np.eye(2, dtype=bool)))
    >>> components(diagonal, corners=True).count, components(diagonal, corners=False).count
    (1, 2)
    """
    number = len(found.row)
    if number == 0:
        return Components(found, np.zeros(0, np.int64), 0)
    if compiled.kernel() is not None:
        return Components(found, *compiled.components(found.row, found.start, found.stop, found.shape, corners)[::-1])
    first, second = _joined(found, corners)
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(number, number))
    count, label = connected_components(graph, directed=False)
    return Components(found, label.astype(np.int64), int(count))


def _earlier_rows(ndim: int, corners: bool) -> list[tuple[int, ...]]:
    """Steps to neighbouring rows that come earlier in array order."""
    steps = [step for step in product((-1, 0, 1), repeat=ndim - 1) if step < (0,) * (ndim - 1)]
    return steps if corners else [step for step in steps if sum(map(abs, step)) == 1]


def _joined(found: Runs, corners: bool) -> tuple[Ints, Ints]:
    """Pairs of runs in neighbouring rows that touch."""
    shape = found.shape
    index = np.stack(found.row_index)
    size = np.array(shape[:-1])[:, None]
    pairs: list[tuple[Ints, Ints]] = []
    for step in _earlier_rows(len(shape), corners):
        other = index + np.array(step)[:, None]
        here = np.flatnonzero(((other >= 0) & (other < size)).all(axis=0))
        base = np.ravel_multi_index(tuple(other[:, here]), shape[:-1]).astype(np.int64) * (shape[-1] + 2)
        low = np.searchsorted(found.stop_keys, base + found.start[here], side="left" if corners else "right")
        high = np.searchsorted(found.start_keys, base + found.stop[here], side="right" if corners else "left")
        number = np.maximum(high - low, 0)
        within = np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number)
        pairs.append((np.repeat(here, number), np.repeat(low, number) + within))
    firsts, seconds = zip(*pairs)
    return np.concatenate(firsts), np.concatenate(seconds)

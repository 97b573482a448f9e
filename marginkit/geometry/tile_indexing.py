"""The index of a label image in tiles, from its runs.

The surprising thing: no tile is looked at. Where a run begins and ends says which tiles hold its label, and a component
that crosses a hundred tiles is found once, in the whole image.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marginkit.errors import SizeError
from marginkit.geometry.bits import Ints
from marginkit.geometry.facets import Facets, facets
from marginkit.geometry.runs import Runs, components, gaps
from marginkit.geometry.tile_index import BELOW, FRAME, NONE, RIGHT, SEVERAL, WITHIN, Grid, TileIndex, TileLabels
from marginkit.geometry.value_runs import ValueRuns

MOST_VALUES = 64  # bits of a word


def indexed(found: ValueRuns, tile: tuple[int, int], specimen: tuple[int, ...]) -> TileIndex:
    """The index of a label image in tiles of (rows, columns). SizeError E-SIZE-01 for more than 64 values.

    >>> image = ValueRuns(*(np.array([n]) for n in (0, 1, 3, 7)), (1, 4))  # 0 7 7 0
    >>> index = indexed(image, (1, 2), (7,))
    >>> index.values.tolist(), index.pixels.tolist(), index.holds.tolist(), index.piece.one.tolist()
    ([0, 7], [2, 2], [3, 3], [0, 0])
    """
    grid = Grid(*found.shape, *tile)
    values = np.array(found.values(), np.int64)
    if len(values) > MOST_VALUES:
        cause = f"{len(values)} different values, limit {MOST_VALUES}"
        raise SizeError("E-SIZE-01", "too many labels for an index of tiles", cause=cause)
    mask = found.mask(lambda value: value in specimen)
    pieces = components(mask.runs, corners=True)
    back = components(gaps(mask.runs), corners=False)
    enclosed = (~back.meets_border()).astype(np.int64)  # OUTER or HOLE
    return TileIndex(
        grid,
        specimen,
        values,
        *_values(found, values, grid),
        _labels(mask.runs, pieces.label, grid, corners=True),
        _labels(back.runs, enclosed[back.label], grid, corners=False),
        _boxes(facets(mask, mask.runs), grid),
    )


def _values(found: ValueRuns, values: Ints, grid: Grid) -> tuple[Ints, NDArray[np.uint64]]:
    """(k,) pixels of each value, and (tiles,) which values occur."""
    some = Runs(found.row, found.start, found.stop, found.shape)
    which = np.searchsorted(values, found.value)
    pixels = np.bincount(which, some.stop - some.start, len(values)).astype(np.int64)
    pairs = [_pairs(some, which, grid)]
    if 0 in values:
        zero = int(np.searchsorted(values, 0))
        rest = gaps(found.mask(lambda value: value != 0).runs)
        pixels[zero] = int((rest.stop - rest.start).sum())
        pairs.append(_pairs(rest, np.full(len(rest.row), zero), grid))
    holds = np.zeros(grid.down * grid.across, np.uint64)
    tile, bit = np.concatenate(pairs).T
    np.bitwise_or.at(holds, tile, np.uint64(1) << bit.astype(np.uint64))
    return pixels, holds


def _pairs(found: Runs, label: Ints, grid: Grid) -> Ints:
    """(n, 2) tile and label of runs that meet the tile, each pair once, sorted."""
    across, most = grid.across, int(label.max(initial=0)) + 1
    spans = (found.row // grid.rows * across + found.start // grid.columns) * across
    spans = np.unique((spans + (found.stop - 1) // grid.columns) * most + label)
    spans, label = np.divmod(spans, most)
    first, last = np.divmod(spans, across)
    number = last - first % across + 1
    step = np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number)
    pairs = np.unique((np.repeat(first, number) + step) * most + np.repeat(label, number))
    return np.stack(np.divmod(pairs, most), axis=1)


def _labels(found: Runs, label: Ints, grid: Grid, *, corners: bool) -> TileLabels:
    """Runs that have the label of their component, by tiles."""
    pairs = _pairs(found, label, grid)
    one = np.full(grid.down * grid.across, NONE, np.int64)
    one[pairs[:, 0]] = pairs[:, 1]
    several = np.unique(pairs[1:, 0][pairs[1:, 0] == pairs[:-1, 0]])
    one[several] = SEVERAL
    of_parts = [_of_parts(found, label, grid, int(tile), corners) for tile in several]
    first = np.cumsum([0, *map(len, of_parts)]).astype(np.int64)
    return TileLabels(one, several, first, np.concatenate([np.zeros(0, np.int64), *of_parts]))


def _of_parts(found: Runs, label: Ints, grid: Grid, tile: int, corners: bool) -> Ints:
    """The label of each connected part of one tile."""
    (top, left), (rows, columns) = grid.corner(tile), grid.size(tile)
    some = slice(*np.searchsorted(found.row, (top, top + rows)).tolist())
    start, stop = np.maximum(found.start[some] - left, 0), np.minimum(found.stop[some] - left, columns)
    kept = start < stop
    parts = components(Runs(found.row[some][kept] - top, start[kept], stop[kept], (rows, columns)), corners=corners)
    return label[some][kept][np.unique(parts.label, return_index=True)[1]]


def _boxes(found: Facets, grid: Grid) -> Ints:
    """Which tiles have faces, where, and in which box: see ``TileIndex.faces``."""
    beyond = found.beyond((grid.height, grid.width))
    inside, outside = grid.number(found.inside), grid.number(np.where(beyond[:, None], found.inside, found.outside))
    where = np.where(inside == outside, WITHIN, np.where(found.axis == 1, RIGHT, BELOW))
    where[beyond] = FRAME
    keys = np.minimum(inside, outside) * 4 + where
    order = np.argsort(keys, kind="stable")
    first = np.flatnonzero(np.diff(keys[order], prepend=-1))
    if not len(first):
        return np.zeros((0, 6), np.int64)
    low = found.vertex[order]
    high = low + np.stack([found.axis[order] == 1, found.axis[order] == 0], axis=1)
    ends = np.minimum.reduceat(low, first), np.maximum.reduceat(high, first)
    tile, where = np.divmod(keys[order][first], 4)
    return np.stack([tile, where, ends[0][:, 0], ends[1][:, 0], ends[0][:, 1], ends[1][:, 1]], axis=1)

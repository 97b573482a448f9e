"""A label image by its runs of one value, put together tile by tile; every label is a mask at no further cost.

The surprising thing: a tile knows nothing of its neighbours, so a run that crosses into the next tile is found as two.
They are joined where they touch and have one value, a row of tiles at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from marginkit.errors import SizeError
from marginkit.geometry import compiled
from marginkit.geometry.bits import Ints
from marginkit.geometry.run_mask import RunMask
from marginkit.geometry.runs import Runs

MOST_RUNS = 20_000_000  # some 600 MB: a mask of noise has a boundary as long as its area


FEW_VALUES = 4
SMALL_VALUE = 1 << 16  # below which values are counted, not sorted


@dataclass(frozen=True, eq=False)
class ValueRuns:
    """The runs of a label image that are not 0, in array order.

    row, start, stop, value : (n,) int64; a run covers pixels start to stop - 1. shape : (height, width).
    """

    row: Ints
    start: Ints
    stop: Ints
    value: Ints
    shape: tuple[int, int]

    def values(self) -> list[int]:
        """The different values of the image, sorted; 0 where a pixel has no run."""
        return list(self._values)

    @cached_property
    def _values(self) -> list[int]:
        found = set(_different(self.value).tolist())
        if int((self.stop - self.start).sum()) < self.shape[0] * self.shape[1]:
            found.add(0)
        return sorted(found)

    def mask(self, wanted: Callable[[int], bool]) -> RunMask:
        """The pixels whose value is wanted."""
        kept = [value for value in self.values() if wanted(value)]
        step = self.shape[1] + 2
        chosen = among(self.value, [value for value in kept if value])
        row, start, stop = self.row[chosen], self.start[chosen], self.stop[chosen]
        ends = np.stack([row * step + start, row * step + stop], axis=1).ravel()
        inner = np.flatnonzero(ends[1:-1:2] == ends[2::2]) * 2 + 1  # one value ends where another begins
        found = RunMask.from_ends(np.delete(ends, np.concatenate([inner, inner + 1])), self.shape)
        if 0 not in kept:
            return found
        unwanted = self.mask(lambda value: value != 0 and value not in kept)
        return whole(self.shape) - unwanted


def _different(value: Ints) -> Ints:
    """The different numbers of a list, sorted."""
    if not len(value) or value.min() < 0 or value.max() >= SMALL_VALUE:
        return np.unique(value)
    return np.flatnonzero(np.bincount(value))


def among(value: NDArray[Any], wanted: Sequence[int]) -> NDArray[np.bool_]:
    """Whether each number is among some: of few sooner than NumPy's way, which sorts."""
    if len(wanted) > FEW_VALUES:
        found: NDArray[np.bool_] = np.isin(value, wanted)
        return found
    out = np.zeros(value.shape, bool)
    for one in wanted:
        out |= value == one
    return out


def whole(shape: tuple[int, int]) -> RunMask:
    """The mask that has every pixel."""
    rows = np.arange(shape[0], dtype=np.int64)
    return RunMask(Runs(rows, np.zeros_like(rows), np.full_like(rows, shape[1]), shape))


def overlaid(one: RunMask, other: RunMask) -> ValueRuns:
    """Two masks of one shape as a label image: 1 where the first alone is, 2 where the other alone is, 3 for both.

    >>> masks = [RunMask.of(np.array([row])) for row in ([True, True, False], [False, True, True])]
    >>> overlaid(*masks).value.tolist()
    [1, 3, 2]
    """
    masks = {1: one - other, 2: other - one, 3: one & other}
    runs = ((value, mask.runs) for value, mask in masks.items())
    parts = [Part(found.row, found.start, found.stop, np.full(len(found.row), value)) for value, found in runs]
    return assembled([joined(parts, one.shape[1])], (one.shape[0], one.shape[1]))


@dataclass(frozen=True, eq=False)
class Part:
    """Runs of one row of tiles or of a piece of it: (n,) int64 each."""

    row: Ints
    start: Ints
    stop: Ints
    value: Ints


class Piece(NamedTuple):
    """Columns left to right - 1 of a row of tiles: all of one value, or the pixels (rows, columns) of a tile."""

    left: int
    right: int
    value: int = 0
    tile: NDArray[Any] | None = None


def row_of_tiles(rows: range, pieces: Sequence[Piece], width: int) -> Part:
    """The runs of one row of tiles in array order. pieces : from left to right; what none of them covers is 0.

    >>> found = row_of_tiles(range(5, 6), [Piece(0, 2, tile=np.array([[0, 2]])), Piece(2, 9, 2)], 9)
    >>> found.row.tolist(), found.start.tolist(), found.stop.tolist(), found.value.tolist()
    ([5], [1], [9], [2])
    """
    tiles = [piece.tile for piece in pieces if piece.tile is not None]
    if compiled.kernel() is not None and all(_lies_well(tile, tiles[0].dtype) for tile in tiles):
        dtype = tiles[0].dtype if tiles else np.dtype(np.uint8)
        table = np.array([_addressed(piece) for piece in pieces], np.int64).reshape(-1, 5)
        return Part(*compiled.tile_row(table, rows.start, len(rows), dtype.itemsize, dtype.kind == "i"))
    parts = [
        of_span(piece.value, rows, range(piece.left, piece.right))
        if piece.tile is None
        else of_tile(piece.tile, rows.start, piece.left)
        for piece in pieces
    ]
    return joined(parts, width)


def _lies_well(tile: NDArray[Any], dtype: np.dtype[Any]) -> bool:
    """Whether the kernel can read a tile: whole numbers of the type of the others, each row without gaps."""
    beside = tile.shape[1] < 2 or tile.strides[1] == tile.itemsize
    return tile.dtype == dtype and dtype.kind in "bui" and dtype.isnative and beside


def _addressed(piece: Piece) -> tuple[int, int, int, int, int]:
    tile = piece.tile
    where = (0, 0) if tile is None else (tile.ctypes.data, tile.strides[0])
    return piece.left, piece.right, piece.value, *where


def of_tile(tile: NDArray[Any], top: int, left: int) -> Part:
    """The runs of a tile (rows, columns) whose first pixel is (top, left).

    >>> part = of_tile(np.array([[0, 2, 2, 1]]), 5, 100)
    >>> part.row.tolist(), part.start.tolist(), part.stop.tolist(), part.value.tolist()
    ([5, 5], [101, 103], [103, 104], [2, 1])
    """
    height, width = tile.shape
    begins = np.ones((height, width), bool)
    np.not_equal(tile[:, 1:], tile[:, :-1], out=begins[:, 1:])
    at = np.flatnonzero(begins)
    value = tile[begins].astype(np.int64)
    row, start = np.divmod(at, width)
    stop = np.append(at[1:], height * width) - row * width
    kept = value != 0
    return Part(row[kept] + top, start[kept] + left, stop[kept] + left, value[kept])


def of_span(value: int, rows: range, columns: range) -> Part:
    """The runs of a rectangle of one value."""
    row = np.arange(rows.start, rows.stop, dtype=np.int64)
    if not value:
        row = row[:0]
    return Part(row, *(np.full(len(row), n, np.int64) for n in (columns.start, columns.stop, value)))


def joined(parts: Iterable[Part], width: int) -> Part:
    """The parts of one row of tiles in array order, runs of one value that touch made one."""
    row, start, stop, value = _columns(list(parts))
    order = np.argsort(row * (width + 2) + start, kind="stable")
    row, start, stop, value = row[order], start[order], stop[order], value[order]
    goes_on = (row[1:] == row[:-1]) & (start[1:] == stop[:-1]) & (value[1:] == value[:-1])
    first, last = np.append(True, ~goes_on)[: len(row)], np.append(~goes_on, True)[: len(row)]
    return Part(row[first], start[first], stop[last], value[first])


def assembled(rows: Iterable[Part], shape: tuple[int, int]) -> ValueRuns:
    """The image of its rows of tiles, from the top. SizeError E-SIZE-01 above ``MOST_RUNS``."""
    kept: list[Part] = []
    number = 0
    for part in rows:
        kept.append(part)
        number += len(part.row)
        if number > MOST_RUNS:
            raise too_long()
    return ValueRuns(*_columns(kept), shape)


def too_long() -> SizeError:
    """The error of a mask whose boundary is as long as its area."""
    return SizeError(
        "E-SIZE-01",
        "the boundary of the mask is too long",
        cause=f"more than {MOST_RUNS} runs of pixels",
        remedy="Take single pixels and specks out of it.",
    )


def _columns(parts: list[Part]) -> tuple[Ints, Ints, Ints, Ints]:
    """Row, start, stop and value of all parts, one after the other."""
    none = Part(*(np.zeros(0, np.int64),) * 4)
    names = ("row", "start", "stop", "value")
    row, start, stop, value = (np.concatenate([getattr(p, name) for p in (none, *parts)]) for name in names)
    return row, start, stop, value

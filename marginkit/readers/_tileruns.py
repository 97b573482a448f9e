"""The runs of a label image that is stored in tiles, a row of tiles at a time; what is the same is decoded once.

The surprising thing: most tiles of a slide's mask are all background or all tissue, and equal tiles are packed into
equal bytes. So bytes that were seen before need no decoder, and a slide of 31,000 tiles asks for a thousand.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from marginkit import files
from marginkit.geometry import value_runs
from marginkit.geometry.value_runs import Part, ValueRuns

SHORT_BYTES = 4096  # of a packed tile: a tile of one value is shorter
ROWS_AT_ONCE = 8


class Tiles(Protocol):
    """A label image in tiles of one size; those at its right and lower side may reach beyond it.

    height, width : of the image; rows, columns : of a tile. absent : value of a tile that was never written.
    """

    @property
    def height(self) -> int: ...
    @property
    def width(self) -> int: ...
    @property
    def rows(self) -> int: ...
    @property
    def columns(self) -> int: ...
    @property
    def absent(self) -> int: ...

    def packed(self, row: int) -> Iterator[tuple[int, bytes | None]]:
        """(column, bytes) of each tile of a row of tiles; None for one that was never written."""
        ...

    def decoded(self, data: bytes, row: int, column: int) -> NDArray[Any]:
        """The pixels (y, x) of a tile that lie in the image; FileError E-FILE-05 where it is broken."""
        ...

    def one(self, row: int, column: int) -> bytes | None:
        """The bytes of one tile; None where it was never written."""
        ...


@dataclass(frozen=True)
class OpenTiles:
    """A label image whose tiles are asked for one by one.

    stamp, table_sha256 : what tells that it is still the same: size, time of last change, and where each tile lies.
    """

    tiles: Tiles
    stamp: files.Stamp
    table_sha256: str

    def pixels(self, row: int, column: int) -> NDArray[Any]:
        """The pixels (y, x) of a tile that lie in the image; FileError E-FILE-05 where it is broken."""
        data, tiles = self.tiles.one(row, column), self.tiles
        if data is not None:
            return tiles.decoded(data, row, column)
        shape = tiles.height - row * tiles.rows, tiles.width - column * tiles.columns
        return np.full((min(shape[0], tiles.rows), min(shape[1], tiles.columns)), tiles.absent)


@dataclass
class Tally:
    """What was done: tiles there are, never written, known by their bytes, decoded."""

    tiles: int = 0
    absent: int = 0
    known: int = 0
    decoded: int = 0


def plain(dtype: np.dtype[Any]) -> bool:
    """Whether pixels of this type are whole numbers that a run can hold."""
    return dtype.kind in "bui" and dtype != np.uint64


def read(tiles: Tiles, workers: int | None = None) -> tuple[ValueRuns, Tally]:
    """The runs of an image of ``plain`` numbers, and what it took.

    FileError E-FILE-05 names the first tile that is broken; SizeError E-SIZE-01 for a boundary that is too long.
    """
    across, down = -(-tiles.width // tiles.columns), -(-tiles.height // tiles.rows)
    tally = Tally(tiles=across * down)
    found = value_runs.assembled(_rows(tiles, down, tally, workers), (tiles.height, tiles.width))
    tally.decoded = tally.tiles - tally.absent - tally.known
    return found, tally


def _rows(tiles: Tiles, down: int, tally: Tally, workers: int | None) -> Iterator[Part]:
    """The runs of each row of tiles; a few rows at a time are worked on side by side."""
    seen: dict[bytes, int] = {}  # values of whole tiles of one value, by their bytes
    workers = workers or min(os.cpu_count() or 1, 8)
    with ThreadPoolExecutor(workers) as pool:
        for first in range(0, down, ROWS_AT_ONCE):
            some = range(first, min(first + ROWS_AT_ONCE, down))
            for part, absent, known in pool.map(lambda row: _row(tiles, row, seen), some):
                tally.absent += absent
                tally.known += known
                yield part


def _row(tiles: Tiles, row: int, seen: dict[bytes, int]) -> tuple[Part, int, int]:
    """(runs of one row of tiles, tiles never written, tiles known by their bytes)."""
    tops = range(row * tiles.rows, min((row + 1) * tiles.rows, tiles.height))
    values: list[int] = []  # of each tile, 0 where it has several
    parts: list[Part] = []
    absent = known = 0
    for column, data in tiles.packed(row):
        value: int | None
        if data is None:
            absent += 1
            value = tiles.absent
        elif len(data) <= SHORT_BYTES and data in seen:
            known += 1
            value = seen[data]
        else:
            tile = tiles.decoded(data, row, column)
            part = value_runs.of_tile(tile, tops.start, column * tiles.columns)
            value = part.only_value(tile.shape)
            if value is None:
                parts.append(part)
            elif len(data) <= SHORT_BYTES and tile.shape == (tiles.rows, tiles.columns):
                seen[data] = value
        values.append(value or 0)
    parts += _spans(values, tops, tiles)
    return value_runs.joined(parts, tiles.width), absent, known


def _spans(values: list[int], rows: range, tiles: Tiles) -> Iterator[Part]:
    """The runs of tiles side by side that have one value, together."""
    start = 0
    for column in range(1, len(values) + 1):
        if column == len(values) or values[column] != values[start]:
            if values[start]:
                columns = range(start * tiles.columns, min(column * tiles.columns, tiles.width))
                yield value_runs.of_span(values[start], rows, columns)
            start = column

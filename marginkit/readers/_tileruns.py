"""The runs of a label image that is stored in tiles, a row of tiles at a time; what is the same is decoded once.

The surprising thing: most tiles of a slide's mask are all background or all tissue, and equal tiles are packed into
equal bytes. So bytes that were seen before need no decoder, and a slide of 31,000 tiles asks for a thousand.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit.errors import FileError, MarginError
from marginkit.geometry import value_runs
from marginkit.geometry.sharing import side_by_side
from marginkit.geometry.value_runs import Part, Piece, ValueRuns

from ._labeltiles import Buffer, Tiles

SHORT_BYTES = 4096  # of a packed tile: a tile of one value is shorter
TILES_AT_ONCE = 1 << 12  # whose packed bytes are compared: 16 MB of them at most
OPEN_BYTES = 1 << 24  # of pixels that are decoded together in one thread


@dataclass
class Tally:
    """What was done: tiles there are, never written, known by their bytes, decoded."""

    tiles: int = 0
    absent: int = 0
    known: int = 0
    decoded: int = 0


def read(tiles: Tiles, workers: int | None = None) -> tuple[ValueRuns, Tally]:
    """The runs of an image of ``plain`` numbers, and what it took. workers : 1 for a single thread.

    FileError E-FILE-05 names the first tile that is broken; SizeError E-SIZE-01 for a boundary that is too long.
    """
    reading = _Reading(tiles, workers)
    found = value_runs.assembled(reading.parts(), (tiles.height, tiles.width))
    return found, reading.tally


@dataclass
class _Batch:
    """Some rows of tiles. packed, value : of each tile, row by row; value is None where pixels have to be looked at.

    looked : pixels of tiles that have been decoded already, by their number in the batch.
    """

    rows: range
    packed: list[bytes | None]
    value: list[int | None]
    looked: dict[int, NDArray[Any]]


@dataclass
class _Reading:
    """An image that is being read, a batch of rows of tiles at a time.

    One thread compares packed bytes; all cores decode what is left, a row of tiles each: that lets go of the
    interpreter. seen : the value of tiles by their bytes, None for those that have several. runs : found until now.
    failed : a row that cannot be read; those above it have been begun.
    """

    tiles: Tiles
    workers: int | None
    seen: dict[bytes, int | None] = field(default_factory=dict)
    runs: int = 0
    failed: float = math.inf

    def __post_init__(self) -> None:
        tiles = self.tiles
        self.across, self.down = -(-tiles.width // tiles.columns), -(-tiles.height // tiles.rows)
        self.tally = Tally(tiles=self.across * self.down)
        self._own = threading.local()

    def parts(self) -> Iterator[Part]:
        """The runs of each row of tiles, from the top."""
        at_once = max(1, TILES_AT_ONCE // self.across)
        for first in range(0, self.down, at_once):
            batch = self._told(range(first, min(first + at_once, self.down)))
            for found in self._shared(partial(self._row, batch), batch.rows):
                if isinstance(found, MarginError):
                    raise found
                yield found
        self.tally.decoded = self.tally.tiles - self.tally.absent - self.tally.known

    def _shared(self, function: Callable[[int], Part | MarginError], rows: range) -> list[Part | MarginError]:
        return [function(row) for row in rows] if self.workers == 1 else side_by_side(function, rows)

    def _told(self, rows: range) -> _Batch:
        """What bytes alone say: bytes that come twice are decoded once, to see whether their tile has one value."""
        batch = _Batch(rows, self.tiles.packed(rows, SHORT_BYTES), [], {})
        first: dict[bytes, int] = {}  # whole tiles, by their bytes
        looked = 0
        for at, data in enumerate(batch.packed):
            if not data or data in self.seen:
                continue
            if data in first:
                looked += self._look(batch, data, first[data])
            elif self._whole(rows, at):
                first[data] = at
        absent = batch.packed.count(None)
        nothing = self.tiles.absent if absent else 0
        value_of = self.seen.get
        batch.value = [nothing if data is None else value_of(data) for data in batch.packed]
        self.tally.absent += absent
        self.tally.known += len(batch.value) - batch.value.count(None) - absent - looked
        return batch

    def _whole(self, rows: range, at: int) -> bool:
        """Whether a tile lies in the image with all its pixels."""
        row, column = rows.start + at // self.across, at % self.across
        tiles = self.tiles
        return (row + 1) * tiles.rows <= tiles.height and (column + 1) * tiles.columns <= tiles.width

    def _look(self, batch: _Batch, data: bytes, at: int) -> bool:
        """Whether a tile has one value, which is kept."""
        row, column = batch.rows.start + at // self.across, at % self.across
        self.seen[data] = None
        try:
            pixels = self.tiles.decoded(data, row, column)
        except FileError:  # said when its turn comes: another one may be the first
            return False
        one = bool((pixels == pixels[0, 0]).all())
        if one:
            self.seen[data] = int(pixels[0, 0])
        elif len(batch.looked) * pixels.nbytes < OPEN_BYTES:
            batch.looked[at] = pixels
        return one

    def _row(self, batch: _Batch, row: int) -> Part | MarginError:
        """The runs of one row of tiles, or why there are none; nothing for a row below one that failed."""
        if row > self.failed:
            return value_runs.joined([], self.tiles.width)
        try:
            return self._found(batch, row)
        except MarginError as error:
            self.failed = min(self.failed, row)
            return error

    def _found(self, batch: _Batch, row: int) -> Part:
        tiles = self.tiles
        rows = range(row * tiles.rows, min((row + 1) * tiles.rows, tiles.height))
        parts: list[Part] = []
        pieces: list[Piece] = []
        buffers = self._buffers()
        for piece, at in self._pieces(batch, row):
            if at is not None:
                buffer = next(buffers, None)
                if buffer is None:
                    parts.append(value_runs.row_of_tiles(rows, pieces, tiles.width))
                    self._count(parts[-1])
                    pieces, buffers = [], self._buffers()
                    buffer = next(buffers)
                piece = piece._replace(tile=self._pixels(batch, at, buffer))
            pieces.append(piece)
        parts.append(value_runs.row_of_tiles(rows, pieces, tiles.width))
        self._count(parts[-1])
        return parts[0] if len(parts) == 1 else value_runs.joined(parts, tiles.width)

    def _count(self, part: Part) -> None:
        self.runs += len(part.row)
        if self.runs > value_runs.MOST_RUNS:
            raise value_runs.too_long()

    def _pieces(self, batch: _Batch, row: int) -> Iterator[tuple[Piece, int | None]]:
        """Tiles side by side of one value together, and those to decode with their number in the batch."""
        first = (row - batch.rows.start) * self.across
        at, end, size, width = first, first + self.across, self.tiles.columns, self.tiles.width
        while at < end:
            value, stop = batch.value[at], at + 1
            while value is not None and stop < end and batch.value[stop] == value:
                stop += 1
            if value != 0:
                left, right = (at - first) * size, min((stop - first) * size, width)
                yield Piece(left, right, value or 0), at if value is None else None
            at = stop

    def _pixels(self, batch: _Batch, at: int, buffer: Buffer) -> NDArray[Any]:
        if at in batch.looked:
            return batch.looked[at]
        row, column = batch.rows.start + at // self.across, at % self.across
        data = batch.packed[at] or self.tiles.one(row, column)
        assert data is not None
        return self.tiles.decoded(data, row, column, buffer)

    def _buffers(self) -> Iterator[Buffer]:
        """Memory of this thread for tiles, used again and again: fresh pages cost as much as decoding."""
        if not hasattr(self._own, "buffers"):
            size = self.tiles.tile_bytes
            self._own.buffers = np.empty((max(1, OPEN_BYTES // size), size), np.uint8)
        return iter(self._own.buffers)

"""The tiles (or strips) of a TIFF page as ``_tileruns`` wants them: neighbours in the file are read in one go."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit import files
from marginkit.geometry.value_runs import ValueRuns

from . import _labeltiles, _tiffpixels, _tileruns
from ._tiffpixels import Page

GAP_BYTES = 1 << 16  # between two tiles that are read in one go
BLOCK_BYTES = 1 << 24  # which is read in one go, about


def read(path: str, page: Page, workers: int | None = None) -> tuple[ValueRuns, _tileruns.Tally]:
    """The runs of a page of one sample of whole numbers, and what it took: see ``_tileruns.read``."""
    with _handle(path) as handle:
        return _tileruns.read(_Tiles(handle, page), workers)


@contextmanager
def opened(path: str, page: Page, stamp: files.Stamp) -> Iterator[_labeltiles.OpenTiles]:
    """The page's tiles, to be asked for one by one."""
    table = hashlib.sha256(page.offsets.tobytes() + page.counts.tobytes()).hexdigest()
    with _handle(path) as handle:
        yield _labeltiles.OpenTiles(_Tiles(handle, page), stamp, table)


@contextmanager
def _handle(path: str) -> Iterator[int]:
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    try:
        yield handle
    finally:
        os.close(handle)


@dataclass(frozen=True)
class _Tiles:
    """Tiles of an open file; meets ``_labeltiles.Tiles``."""

    handle: int
    page: Page
    absent: int = 0

    @property
    def height(self) -> int:
        return self.page.height

    @property
    def width(self) -> int:
        return self.page.width

    @property
    def rows(self) -> int:
        return self.page.rows

    @property
    def columns(self) -> int:
        return self.page.columns

    @property
    def tile_bytes(self) -> int:
        return self.page.rows * self.page.columns * self.page.dtype.itemsize

    def decoded(self, data: bytes, row: int, column: int, out: _labeltiles.Buffer | None = None) -> NDArray[Any]:
        page = self.page
        top, left = row * page.rows, column * page.columns
        tile = _tiffpixels.decoded(page, data, row * page.across + column, top, left, out)
        return tile[: page.height - top, : page.width - left, 0]

    def one(self, row: int, column: int) -> bytes | None:
        number = row * self.page.across + column
        offset, count = int(self.page.offsets[number]), int(self.page.counts[number])
        return None if offset <= 0 or count <= 0 else _tiffpixels.bytes_at(self.handle, count, offset)

    def packed(self, rows: range, most: int) -> list[bytes | None]:
        mine = slice(rows.start * self.page.across, rows.stop * self.page.across)
        start, counts = self.page.offsets[mine], self.page.counts[mine]
        there = (start > 0) & (counts > 0)
        found: list[bytes | None] = [b"" if one else None for one in there.tolist()]
        short = np.flatnonzero(there & (counts <= most))
        short = short[np.argsort(start[short], kind="stable")]
        start, stop = start[short], (start + counts)[short]
        apart = (start[1:] - stop[:-1] > GAP_BYTES) | (start[1:] // BLOCK_BYTES != start[:-1] // BLOCK_BYTES)
        for some in np.split(np.arange(len(short)), np.flatnonzero(apart) + 1):
            if len(some):
                base = int(start[some[0]])
                block = _tiffpixels.bytes_at(self.handle, int(stop[some].max()) - base, base)
                ends = zip(short[some].tolist(), (start[some] - base).tolist(), (stop[some] - base).tolist())
                for at, low, high in ends:
                    found[at] = block[low:high]
        return found

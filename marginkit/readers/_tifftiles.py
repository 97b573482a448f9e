"""The tiles (or strips) of a TIFF page as ``_tileruns`` wants them: neighbours in the file are read in one go."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from marginkit import files
from marginkit.geometry.value_runs import ValueRuns

from . import _tiffpixels, _tileruns
from ._tiffpixels import Page

GAP_BYTES = 1 << 16  # between two tiles that are read in one go


def read(path: str, page: Page, workers: int | None = None) -> tuple[ValueRuns, _tileruns.Tally]:
    """The runs of a page of one sample of whole numbers, and what it took: see ``_tileruns.read``."""
    with _handle(path) as handle:
        return _tileruns.read(_Tiles(handle, page), workers)


@contextmanager
def opened(path: str, page: Page, stamp: files.Stamp) -> Iterator[_tileruns.OpenTiles]:
    """The page's tiles, to be asked for one by one."""
    table = hashlib.sha256(page.offsets.tobytes() + page.counts.tobytes()).hexdigest()
    with _handle(path) as handle:
        yield _tileruns.OpenTiles(_Tiles(handle, page), stamp, table)


@contextmanager
def _handle(path: str) -> Iterator[int]:
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    try:
        yield handle
    finally:
        os.close(handle)


@dataclass(frozen=True)
class _Tiles:
    """Tiles of an open file; meets ``_tileruns.Tiles``."""

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

    def decoded(self, data: bytes, row: int, column: int) -> NDArray[Any]:
        page = self.page
        top, left = row * page.rows, column * page.columns
        tile = _tiffpixels.decoded(page, data, row * page.across + column, top, left)
        return tile[: page.height - top, : page.width - left, 0]

    def one(self, row: int, column: int) -> bytes | None:
        number = row * self.page.across + column
        offset, count = int(self.page.offsets[number]), int(self.page.counts[number])
        return None if offset <= 0 or count <= 0 else _tiffpixels.bytes_at(self.handle, count, offset)

    def packed(self, row: int) -> Iterator[tuple[int, bytes | None]]:
        mine = slice(row * self.page.across, (row + 1) * self.page.across)
        offsets, counts = self.page.offsets[mine].tolist(), self.page.counts[mine].tolist()
        at = 0
        while at < len(offsets):
            if offsets[at] <= 0 or counts[at] <= 0:
                yield at, None
                at += 1
                continue
            stop, end = at + 1, offsets[at] + counts[at]
            while stop < len(offsets) and counts[stop] > 0 and end <= offsets[stop] <= end + GAP_BYTES:
                end = offsets[stop] + counts[stop]
                stop += 1
            block = _tiffpixels.bytes_at(self.handle, end - offsets[at], offsets[at])
            base = offsets[at]
            for column in range(at, stop):
                low = offsets[column] - base
                yield column, block[low : low + counts[column]]
            at = stop

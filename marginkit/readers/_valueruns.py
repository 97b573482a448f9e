"""The runs of a label image in a TIFF page, a row of tiles at a time; what is the same is decoded once.

The surprising thing: most tiles of a slide's mask are all background or all tissue, and equal tiles are packed into
equal bytes. So bytes that were seen before need no decoder, and a slide of 31,000 tiles asks for a thousand.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from marginkit.geometry import value_runs
from marginkit.geometry.value_runs import Part, ValueRuns

from . import _tiffpixels
from ._tiffpixels import Page

SHORT_BYTES = 4096  # of a packed tile: a tile of one value is shorter
GAP_BYTES = 1 << 16  # between two tiles that are read in one go
ROWS_AT_ONCE = 8


@dataclass
class Tally:
    """What was done: tiles there are, never written, known by their bytes, decoded."""

    tiles: int = 0
    absent: int = 0
    known: int = 0
    decoded: int = 0


@dataclass
class _Seen:
    """Values of tiles of one value by their bytes."""

    uniform: dict[bytes, int] = field(default_factory=dict)
    mixed: set[bytes] = field(default_factory=set)


def read(path: str, page: Page, workers: int | None = None) -> tuple[ValueRuns, Tally]:
    """The runs of a page of one sample of whole numbers, and what it took.

    FileError E-FILE-05 names the first segment that is broken; SizeError E-SIZE-01 for a boundary that is too long.
    """
    seen, tally = _Seen(), Tally(tiles=page.offsets.size)
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    try:
        found = value_runs.assembled(_rows(handle, page, seen, tally, workers), (page.height, page.width))
    finally:
        os.close(handle)
    tally.decoded = tally.tiles - tally.absent - tally.known
    return found, tally


def _rows(handle: int, page: Page, seen: _Seen, tally: Tally, workers: int | None) -> Iterator[Part]:
    """The runs of each row of tiles; a few rows at a time are worked on side by side."""
    workers = workers or min(os.cpu_count() or 1, 8)
    with ThreadPoolExecutor(workers) as pool:
        for first in range(0, page.down, ROWS_AT_ONCE):
            some = range(first, min(first + ROWS_AT_ONCE, page.down))
            for part, absent, known in pool.map(lambda row: _row(handle, page, row, seen), some):
                tally.absent += absent
                tally.known += known
                yield part


def _row(handle: int, page: Page, row: int, seen: _Seen) -> tuple[Part, int, int]:
    """(runs of one row of tiles, tiles never written, tiles known by their bytes)."""
    first = row * page.across
    tops = range(row * page.rows, min((row + 1) * page.rows, page.height))
    values = [0] * page.across  # of each tile, None where it has several
    parts: list[Part] = []
    absent = known = 0
    mixed: list[int] = []
    for column, data in _packed(handle, page, first):
        left = column * page.columns
        if data is None:
            absent += 1
            continue
        value = seen.uniform.get(data) if len(data) <= SHORT_BYTES else None
        if value is not None:
            known += 1
        else:
            tile = _tiffpixels.decoded(page, data, first + column, tops.start, left)[: len(tops), :, 0]
            tile = tile[:, : page.width - left]
            value = _only_value(tile, page)
            if value is None:
                mixed.append(column)
                parts.append(value_runs.of_tile(tile, tops.start, left))
                continue
            if len(data) <= SHORT_BYTES and tile.shape == (page.rows, page.columns):
                seen.uniform[data] = value
        values[column] = value
    for column in mixed:
        values[column] = 0
    parts += _spans(values, tops, page)
    return value_runs.joined(parts, page.width), absent, known


def _only_value(tile: np.ndarray, page: Page) -> int | None:
    """The value of a tile that has one."""
    value = tile[0, 0]
    return int(value) if (tile == value).all() else None


def _spans(values: list[int], rows: range, page: Page) -> Iterator[Part]:
    """The runs of tiles side by side that have one value, together."""
    start = 0
    for column in range(1, page.across + 1):
        if column == page.across or values[column] != values[start]:
            if values[start]:
                columns = range(start * page.columns, min(column * page.columns, page.width))
                yield value_runs.of_span(values[start], rows, columns)
            start = column


def _packed(handle: int, page: Page, first: int) -> Iterator[tuple[int, bytes | None]]:
    """(column, packed bytes) of each tile of a row, None where it was never written; neighbours are read together."""
    offsets = page.offsets[first : first + page.across].tolist()
    counts = page.counts[first : first + page.across].tolist()
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
        block = _tiffpixels.bytes_at(handle, end - offsets[at], offsets[at])
        base = offsets[at]
        for column in range(at, stop):
            low = offsets[column] - base
            yield column, block[low : low + counts[column]]
        at = stop

"""Pixels of one page of a TIFF file, segment by segment, only those that are asked for.

The surprising thing: a tile that was never written reads as black in most libraries, without a word. Here the table of
segments is counted against the header before anything is decoded.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit.errors import FileError, MarginError, PixelError, SizeError

from . import _tiffdecode
from ._ifd import Ifd
from ._tiffdecode import BITS, COMPRESSION, PHOTOMETRIC, PREDICTOR, Decoder

MAX_SEGMENT_BYTES = 1 << 30
BAND_BYTES = 4 << 20
REFUSED = {5: "CMYK", 8: "CIELab", 9: "ICCLab", 10: "ITULab", 32803: "a colour filter array", 32844: "LogL"}
WIDTH, HEIGHT = 256, 257
STRIPS, SAMPLES, ROWS, STRIP_BYTES, PLANAR, PALETTE = 273, 277, 278, 279, 284, 320
TILE_WIDTH, TILE_LENGTH, TILES, TILE_BYTES, EXTRA, FORMAT = 322, 323, 324, 325, 338, 339

_seeking = Lock()


@dataclass(frozen=True)
class Page:
    """One page's pixels: its size and where each segment lies.

    rows, columns : of a segment. planar : each sample has segments of its own. offsets, counts : (n,) int64.
    missing : number of segments that were never written.
    """

    name: str
    height: int
    width: int
    samples: int
    dtype: np.dtype[Any]
    rows: int
    columns: int
    tiled: bool
    planar: bool
    photometric: int
    compression: int
    offsets: NDArray[np.int64] = field(repr=False)
    counts: NDArray[np.int64] = field(repr=False)
    decode: Decoder = field(repr=False, compare=False)
    missing: int = 0

    @property
    def across(self) -> int:
        """Segments side by side."""
        return math.ceil(self.width / self.columns)

    @property
    def down(self) -> int:
        """Segments one below the other."""
        return math.ceil(self.height / self.rows)

    @property
    def like(self) -> tuple[object, ...]:
        """What two pages share that belong to one stack."""
        return (self.height, self.width, self.samples, self.dtype, self.photometric)


def page(ifd: Ifd, decoder: Callable[[Ifd], Any], sparse: bool = False) -> Page:
    """The page of an IFD. ``decoder`` gives tifffile's page of it; ``sparse``: missing segments are allowed."""
    name = ifd.file.name
    height, width = ifd.integer(HEIGHT, 0), ifd.integer(WIDTH, 0)
    samples = ifd.integer(SAMPLES, 1)
    if height < 1 or width < 1:
        raise PixelError("E-PIX-06", "empty image", cause=f"{width} x {height} pixels", file=name)
    if samples < 1 or samples > 1000:
        raise SizeError("E-SIZE-01", "too many samples a pixel", cause=f"{samples}, limit 1000", file=name)
    tiled = TILES in ifd.tags
    rows = ifd.integer(TILE_LENGTH if tiled else ROWS, height)
    columns = ifd.integer(TILE_WIDTH, width) if tiled else width
    if rows < 1 or columns < 1:
        raise FileError("E-FILE-06", "impossible tiles", cause=f"{columns} x {rows} pixels", file=name)
    rows = rows if tiled else min(rows, height)
    planar = ifd.integer(PLANAR, 1) == 2 and samples > 1
    wanted = math.ceil(height / rows) * math.ceil(width / columns) * (samples if planar else 1)
    offsets, counts = _table(ifd, tiled, wanted)
    dtype = _dtype(ifd)
    compression, inner = ifd.integer(COMPRESSION, 1), 1 if planar else samples
    missing = _missing(ifd, offsets, counts, sparse)
    whole = Page(
        name, height, width, samples, dtype, rows, columns, tiled, planar, _photometric(ifd, dtype), compression,
        offsets, counts, _tiffdecode.choose(ifd, decoder, dtype, columns, inner), missing,
    )  # fmt: skip
    return _bands(whole, ifd)


def _table(ifd: Ifd, tiled: bool, wanted: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(offsets, byte counts) of every segment; E-FILE-04 where the table is too short."""
    offsets = ifd.values(TILES if tiled else STRIPS).astype(np.int64)
    counts = ifd.values(TILE_BYTES if tiled else STRIP_BYTES).astype(np.int64)
    if not counts.size and offsets.size == wanted == 1 and ifd.integer(COMPRESSION, 1) == 1:
        counts = np.array([ifd.file.size - offsets[0]])
    if offsets.size < wanted or counts.size < wanted:
        cause = f"the header asks for {wanted} segments, the table lists {min(offsets.size, counts.size)}"
        raise FileError("E-FILE-04", "part of the image is missing", cause=cause, file=ifd.file.name)
    return offsets[:wanted], counts[:wanted]


def _missing(ifd: Ifd, offsets: NDArray[np.int64], counts: NDArray[np.int64], sparse: bool) -> int:
    """Number of segments never written; an error where the format does not allow any, or the file ends too early."""
    empty = (offsets <= 0) | (counts <= 0)
    if empty.any() and not sparse:
        cause = f"{int(empty.sum())} of {empty.size} segments were never written"
        raise FileError("E-FILE-04", "part of the image is missing", cause=cause, file=ifd.file.name)
    ends = np.where(empty, 0, offsets + counts)
    if (ends > ifd.file.size).any() or (ends < 0).any():
        cause = f"{int((ends > ifd.file.size).sum())} of {empty.size} segments lie beyond its {ifd.file.size} bytes"
        raise ifd.file.cut(cause)
    order = np.argsort(offsets[~empty], kind="stable")
    start, stop = offsets[~empty][order], ends[~empty][order]
    if ((start[1:] < stop[:-1]) & (start[1:] != start[:-1])).any():
        raise FileError("E-FILE-06", "segments overlap", cause="two share some of their bytes", file=ifd.file.name)
    return int(empty.sum())


def _dtype(ifd: Ifd) -> np.dtype[Any]:
    """Native type of a sample; E-PIX-02 for those that are no plain numbers."""
    bits = {int(b) for b in ifd.values(BITS)} or {1}
    kinds = {int(f) for f in ifd.values(FORMAT)} or {1}
    kind = {1: "u", 2: "i", 3: "f", 4: "u"}.get(min(kinds), "")
    width = min(bits)
    if len(bits) > 1 or len(kinds) > 1 or not kind or width > 64 or (kind == "f" and width not in (16, 32, 64)):
        cause = f"SampleFormat {sorted(kinds)}, {sorted(bits)} bits"
        raise PixelError("E-PIX-02", "pixel type not supported", cause=cause, file=ifd.file.name)
    if width == 1:
        return np.dtype(np.bool_)
    return np.dtype(f"{kind}{next(n for n in (1, 2, 4, 8) if 8 * n >= width)}")


def _photometric(ifd: Ifd, dtype: np.dtype[Any]) -> int:
    photometric = ifd.integer(PHOTOMETRIC, 1)
    if photometric in REFUSED or (photometric == 0 and dtype.kind in "if"):
        what = REFUSED.get(photometric, f"MinIsWhite of {dtype}")
        raise PixelError("E-PIX-02", "colours not supported", cause=what, remedy="Export as RGB.", file=ifd.file.name)
    return photometric


def _bands(whole: Page, ifd: Ifd) -> Page:
    """The page; long uncompressed strips are cut into bands, so that a window reads no more than it needs."""
    line = whole.width * (1 if whole.planar else whole.samples) * whole.dtype.itemsize
    plain = whole.compression == 1 and ifd.integer(BITS, 1) in (8, 16, 32, 64) and ifd.integer(PREDICTOR, 1) == 1
    if whole.tiled or not plain or line * whole.rows <= BAND_BYTES or whole.down != 1:
        need = whole.rows * whole.columns * (1 if whole.planar else whole.samples) * whole.dtype.itemsize
        if need > MAX_SEGMENT_BYTES:
            cause = f"one segment needs {need} bytes, limit {MAX_SEGMENT_BYTES}"
            raise SizeError("E-SIZE-01", "segment too large", cause=cause, remedy="Save it in tiles.", file=whole.name)
        return whole
    if (whole.counts < line * whole.height).any():
        raise ifd.file.cut(f"a strip has {int(whole.counts.min())} of {line * whole.height} bytes")
    rows = max(1, BAND_BYTES // line)
    starts = np.arange(0, whole.height, rows, dtype=np.int64)
    offsets = (whole.offsets[:, None] + starts * line).ravel()
    counts = np.tile(np.minimum(rows, whole.height - starts) * line, whole.offsets.size)
    return replace(whole, rows=rows, offsets=offsets, counts=counts)


def read(path: str, item: Page, rows: range, columns: range, fill: float) -> NDArray[Any]:
    """(len(rows), len(columns), samples) pixels of a window of one page; ``fill`` where nothing was scanned."""
    shape = (len(rows), len(columns), item.samples)
    # every pixel is written below unless a segment is missing
    out = np.full(shape, fill, item.dtype) if item.missing else np.empty(shape, item.dtype)
    if not out.size:
        return out
    wanted = list(_segments(item, rows, columns))
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    try:
        workers = min(len(wanted), os.cpu_count() or 1, 8)
        if workers < 2 or len(wanted) < 4:
            for at in wanted:
                _place(handle, item, at, rows, columns, out)
        else:
            with ThreadPoolExecutor(workers) as pool:
                list(pool.map(lambda at: _place(handle, item, at, rows, columns, out), wanted))
    finally:
        os.close(handle)
    return out


def bytes_at(handle: int, count: int, offset: int) -> bytes:
    """Bytes of an open file; safe from several threads."""
    if hasattr(os, "pread"):
        return os.pread(handle, count, offset)
    with _seeking:
        os.lseek(handle, offset, os.SEEK_SET)
        return os.read(handle, count)


def _segments(item: Page, rows: range, columns: range) -> Iterator[tuple[int, int, int, int]]:
    """(index, sample, top, left) of each segment that meets a window."""
    for sample in range(item.samples if item.planar else 1):
        for row in range(rows.start // item.rows, (rows.stop - 1) // item.rows + 1):
            for column in range(columns.start // item.columns, (columns.stop - 1) // item.columns + 1):
                index = (sample * item.down + row) * item.across + column
                yield index, sample, row * item.rows, column * item.columns


def decoded(
    item: Page, data: bytes, index: int, top: int, left: int, out: NDArray[np.uint8] | None = None
) -> NDArray[Any]:
    """(rows, columns, samples) of a segment from its bytes; E-FILE-05 names it where it is broken.

    out : bytes for a whole segment, where its pixels may be put.
    """
    height, count = item.rows if item.tiled else min(item.rows, item.height - top), int(item.counts[index])
    try:
        if len(data) < count:
            raise ValueError(f"{len(data)} of {count} bytes are there")
        array = item.decode(data, index, height, out)
        if array.shape[0] < min(height, item.height - top) or array.shape[1] < min(item.columns, item.width - left):
            raise ValueError(f"it holds {array.shape[1]} x {array.shape[0]} pixels")
    except MarginError:
        raise
    except Exception as error:
        cause = f"segment {index} at row {top}, column {left}: {str(error) or type(error).__name__}"
        raise FileError("E-FILE-05", "part of the image is broken", cause=cause, file=item.name) from error
    return array


def _place(
    handle: int, item: Page, at: tuple[int, int, int, int], rows: range, columns: range, out: NDArray[Any]
) -> None:
    """Decode one segment and copy what the window needs of it."""
    index, sample, top, left = at
    offset, count = int(item.offsets[index]), int(item.counts[index])
    if offset <= 0 or count <= 0:
        return
    array = decoded(item, bytes_at(handle, count, offset), index, top, left)
    y0, x0 = max(rows.start, top), max(columns.start, left)
    y1, x1 = min(rows.stop, top + array.shape[0]), min(columns.stop, left + array.shape[1])
    part = array[y0 - top : y1 - top, x0 - left : x1 - left]
    target = slice(sample, sample + 1) if item.planar else slice(None)
    out[y0 - rows.start : y1 - rows.start, x0 - columns.start : x1 - columns.start, target] = part

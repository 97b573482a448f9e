"""One segment of a TIFF page: from bytes to numbers, whole or not at all.

The surprising thing: a decoder that runs out of data does not always say so. LZW and PackBits return less, JPEG fills
up with grey. Here what is too short is an error.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import _jpeg
from ._ifd import Ifd

BYTE_CODECS = {5: "LZW", 8: "Deflate", 32946: "Deflate", 32773: "PackBits", 50000: "Zstd", 34925: "LZMA"}
JPEG = (6, 7)
JPEG2000 = (33003, 33004, 33005, 34712)
BITS, COMPRESSION, PHOTOMETRIC, FILLORDER, PREDICTOR, JPEG_TABLES = 258, 259, 262, 266, 317, 347

Buffer: TypeAlias = NDArray[np.uint8]
# (data, index, rows, bytes where the pixels may be put) -> (rows, columns, samples)
Decoder = Callable[[bytes, int, int, Buffer | None], NDArray[Any]]


def choose(ifd: Ifd, decoder: Callable[[Ifd], Any], dtype: np.dtype[Any], columns: int, samples: int) -> Decoder:
    """How a segment of this page is decoded."""
    bits, compression = ifd.integer(BITS, 1), ifd.integer(COMPRESSION, 1)
    regular = bits in (8, 16, 32, 64) and ifd.integer(PREDICTOR, 1) in (1, 2) and ifd.integer(FILLORDER, 1) == 1
    line = math.ceil(columns * samples * bits / 8)
    if regular and (compression == 1 or compression in BYTE_CODECS):
        return _Plain(ifd.file.order, dtype, compression, ifd.integer(PREDICTOR, 1), columns, samples)
    tables = ifd.values(JPEG_TABLES).tobytes()
    if compression == 7 and bits == 8 and samples in (1, 3):
        return _Jpeg(tables, ifd.integer(PHOTOMETRIC, 1) == 2, columns, samples)
    return _Other(decoder(ifd).decode, compression, line, columns, tables or None)


@lru_cache
def _codec(compression: int) -> Callable[..., Any]:
    """What unpacks a byte codec; tifffile knows the same, and takes longer to load than a slide's mask to decode."""
    import imagecodecs

    if BYTE_CODECS[compression] == "Deflate":  # libdeflate: several times the speed of zlib
        return imagecodecs.deflate_decode if imagecodecs.DEFLATE.available else imagecodecs.zlib_decode
    found: Callable[..., Any] = getattr(imagecodecs, f"{BYTE_CODECS[compression].lower()}_decode")
    return found


def _expand(data: bytes, compression: int, size: int, out: Buffer | None = None) -> bytes | Buffer:
    """The decompressed bytes, never more than ``size``; ValueError where there are fewer."""
    if compression == 1:
        raw: Any = data[:size]
    else:
        raw = _codec(compression)(data, out=size if out is None else out[:size])
    if len(raw) < size:
        raise ValueError(f"it holds {len(raw)} of {size} bytes")
    return raw if isinstance(raw, np.ndarray) else bytes(raw)


@dataclass(frozen=True)
class _Plain:
    """Whole-byte samples, uncompressed or packed by a byte codec."""

    order: Literal["<", ">"]
    dtype: np.dtype[Any]
    compression: int
    predictor: int
    columns: int
    samples: int

    def __call__(self, data: bytes, index: int, rows: int, out: Buffer | None = None) -> NDArray[Any]:
        size = rows * self.columns * self.samples * self.dtype.itemsize
        stored = np.frombuffer(_expand(data, self.compression, size, out), self.dtype.newbyteorder(self.order))
        array = stored.astype(self.dtype, copy=False).reshape(rows, self.columns, self.samples)
        if self.predictor == 2:
            import imagecodecs

            array = imagecodecs.delta_decode(array.copy(), axis=-2)
        return np.asarray(array)


@dataclass(frozen=True)
class _Jpeg:
    """JPEG of 8 bits, by a decoder that does not fill up what is missing."""

    tables: bytes
    rgb: bool
    columns: int
    samples: int

    def __call__(self, data: bytes, index: int, rows: int, out: Buffer | None = None) -> NDArray[Any]:
        _fits(data, rows, self.columns)
        array = _jpeg.strict(_jpeg.joined(self.tables, data, rgb=self.rgb and self.samples == 3), self.samples)
        if array.shape[0] > rows or array.shape[1] > self.columns:
            array = array[:rows, : self.columns]
        return array


@dataclass(frozen=True)
class _Other:
    """Everything else, by tifffile's decoder, after a look at whether the data are whole."""

    decoder: Callable[..., Any]
    compression: int
    line: int
    columns: int
    tables: bytes | None

    def __call__(self, data: bytes, index: int, rows: int, out: Buffer | None = None) -> NDArray[Any]:
        if self.compression == 1 or self.compression in BYTE_CODECS:
            _expand(data, self.compression, rows * self.line)
        if self.compression in JPEG2000:
            _fits_2000(data, rows, self.columns)
        if self.compression in JPEG:
            if b"\xff\xd9" not in data[-32:]:
                raise ValueError("the JPEG data end early")
            _fits(data, rows, self.columns)
            array, _, _ = self.decoder(data, index, jpegtables=self.tables)
        else:
            array, _, _ = self.decoder(data, index)
        plane: NDArray[Any] = np.asarray(array)[0]
        return plane


def _fits_2000(data: bytes, rows: int, columns: int) -> None:
    """Nothing; ValueError where a JPEG 2000 stream says that it is larger than its tile."""
    at = data.find(b"\xff\x4f\xff\x51", 0, 1000)
    if at < 0 or at + 24 > len(data):
        raise ValueError("no JPEG 2000 header")
    x, y, x0, y0 = (int.from_bytes(data[at + 8 + 4 * i : at + 12 + 4 * i]) for i in range(4))
    if x - x0 > columns or y - y0 > rows:
        raise ValueError(f"the JPEG 2000 is {x - x0} x {y - y0}, the tile {columns} x {rows}")


def _fits(data: bytes, rows: int, columns: int) -> None:
    """Nothing; ValueError where a JPEG stream says that it is larger than its tile, before it is decoded."""
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in (0xC0, 0xC1, 0xC2):
            height, width = int.from_bytes(data[at + 5 : at + 7]), int.from_bytes(data[at + 7 : at + 9])
            if height > rows + 16 or width > columns + 16:
                raise ValueError(f"the JPEG is {width} x {height}, the tile {columns} x {rows}")
            return
        at += 2 + int.from_bytes(data[at + 2 : at + 4])

"""A volume as it lies in a file: a header's promise, and the voxels behind it.

The surprising thing: a header of 348 bytes can promise any size, and a few bytes of gzip unpack to gigabytes. So the
promise is held against the limit first, and never more than the promise is unpacked.
"""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from marginkit import files
from marginkit.errors import AxesError, FileError, MarginError, PixelError, SizeError
from marginkit.records import Claim

from ._patient import Frame
from ._signature import GZIP

MAX_PIXEL_BYTES = 4 << 30
MAX_OFFSET = 64 << 20


@dataclass(frozen=True)
class Stored:
    """What a header says.

    shape : stored order, the fastest axis first. dtype : with its byte order. offset : of the voxels, in bytes of the
    file, or of what it unpacks to where ``packed`` is ``file``. slope, intercept : stored value -> value.
    claims : in array order (Z, Y, X). data, data_before : the file of the voxels and its stamp, where it is another.
    flat : the header has two axes only; the third, of one element, was added here and has no size.
    """

    format: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    offset: int
    packed: Literal["", "file", "data"]
    frame: Frame
    claims: tuple[Claim, ...]
    slope: float = 1.0
    intercept: float = 0.0
    warnings: tuple[str, ...] = ()
    data: str = ""
    data_before: files.Stamp | None = None
    flat: bool = False

    @property
    def scaled(self) -> bool:
        """Whether values differ from stored values."""
        return (self.slope, self.intercept) != (1.0, 0.0)

    def seen_dtype(self, mask: bool) -> np.dtype[Any]:
        """Type of the values: labels stay integers where slope and intercept are."""
        if not self.scaled:
            return self.dtype.newbyteorder("=")
        whole = mask and self.dtype.kind in "ui" and self.slope.is_integer() and self.intercept.is_integer()
        return np.dtype(np.int64 if whole else np.float64)


def checked_shape(sizes: Iterable[int], name: str) -> tuple[int, int, int]:
    """Three sizes: axes of one element after the third are dropped, a missing third is one plane."""
    found = [int(n) for n in sizes]
    while len(found) > 3 and found[-1] == 1:
        found.pop()
    found += [1] * (3 - len(found) if len(found) == 2 else 0)
    if len(found) != 3:
        cause = f"sizes {' x '.join(map(str, found))}"
        raise AxesError("E-AXE-01", "not a volume of three axes", cause=cause, remedy="Save one volume.", file=name)
    if min(found) < 1:
        raise PixelError("E-PIX-06", "empty", cause=f"sizes {' x '.join(map(str, found))}", file=name)
    return found[0], found[1], found[2]


def checked_size(shape: tuple[int, ...], dtype: np.dtype[Any], offset: int, name: str) -> None:
    """Nothing; E-SIZE-01 where the promise is above the limit, E-PIX-02 for types that are no numbers."""
    if dtype.kind not in "uif" or dtype.itemsize > 8:
        raise PixelError("E-PIX-02", "voxels are not plain numbers", cause=str(dtype), file=name)
    need = math.prod(shape) * dtype.itemsize
    if need > MAX_PIXEL_BYTES or not 0 <= offset <= MAX_OFFSET:
        cause = f"{' x '.join(map(str, shape))} voxels after {offset} bytes, limit {MAX_PIXEL_BYTES} bytes"
        raise SizeError("E-SIZE-01", "image larger than the memory limit", cause=cause, file=name)


@lru_cache(maxsize=2)
def pixels(path: str, before: files.Stamp, stored: Stored, mask: bool) -> NDArray[Any]:
    """All voxels (Z, Y, X), native, read-only; the last two volumes are kept, because they are asked for in parts."""
    name = Path(path).name
    need = math.prod(stored.shape) * stored.dtype.itemsize
    data = _bytes(stored.data or path, stored, need, name)
    if len(data) < need:
        cause = f"{len(data)} of {need} bytes"
        raise FileError("E-FILE-02", "the file is cut short", cause=cause, remedy="Copy it again.", file=name)
    files.still(path, before)
    if stored.data_before is not None:
        files.still(stored.data, stored.data_before)
    array = np.frombuffer(data, stored.dtype, math.prod(stored.shape)).reshape(stored.shape, order="F")
    array = stored.frame.apply(array)
    if stored.scaled:
        wide = stored.seen_dtype(mask)
        array = array.astype(wide) * wide.type(stored.slope) + wide.type(stored.intercept)
    array = np.ascontiguousarray(array, stored.seen_dtype(mask))
    array.setflags(write=False)
    return array


def _bytes(path: str, stored: Stored, need: int, name: str) -> bytes:
    """Up to ``need`` bytes of voxels; of packed ones the end is reached, so that their checksum is."""
    try:
        with files.open_regular(path) as stream:
            if stored.packed == "file":
                with gzip.GzipFile(fileobj=stream, mode="rb") as unpacked:
                    unpacked.seek(stored.offset)
                    return unpacked.read(need + 1)
            stream.seek(stored.offset)
            return _unpacked(stream, need) if stored.packed else stream.read(need)
    except MarginError:
        raise
    except EOFError as error:
        raise FileError("E-FILE-02", "the file is cut short", cause=str(error), file=name) from error
    except (OSError, zlib.error) as error:
        raise FileError("E-FILE-05", "part of the image is broken", cause=str(error), file=name) from error


def _unpacked(stream: BinaryIO, need: int) -> bytes:
    """Bytes of a zlib or gzip stream; EOFError where it does not end."""
    begin = stream.tell()
    if stream.read(2) == GZIP:
        stream.seek(begin)
        with gzip.GzipFile(fileobj=stream, mode="rb") as unpacked:
            return unpacked.read(need + 1)
    stream.seek(begin)
    inflate, out = zlib.decompressobj(), bytearray()
    while len(out) <= need and not inflate.eof:
        block = inflate.unconsumed_tail or stream.read(1 << 20)
        if not block:
            raise EOFError("the packed voxels have no end")
        out += inflate.decompress(block, need + 1 - len(out))
    return bytes(out)

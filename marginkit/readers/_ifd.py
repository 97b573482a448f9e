"""The tags of a TIFF file, read by hand, with every offset checked before anything is believed.

The surprising thing: libraries follow a TIFF's offsets in good faith. A loop, a table beyond the end of the file or a
page list of a million entries then costs minutes or gigabytes, and a missing tile becomes a black one. This walk
reads tags only, no pixels, and is where such files stop.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from marginkit.errors import FileError, SizeError

MAX_PAGES = 100_000
MAX_TAGS = 1_000
MAX_VALUES_BYTES = 1 << 28
_TYPES = {
    1: "u1", 2: "S1", 3: "u2", 4: "u4", 5: "u4", 6: "i1", 7: "u1", 8: "i2", 9: "i4", 10: "i4", 11: "f4", 12: "f8",
    13: "u4", 16: "u8", 17: "i8", 18: "u8",
}  # fmt: skip
_PAIRS = (5, 10)
SUBIFDS = 330


@dataclass(frozen=True, slots=True)
class Tag:
    """Where a tag's values lie: its type, number of values and offset in the file."""

    type: int
    count: int
    offset: int

    @property
    def nbytes(self) -> int:
        """Size of the values in the file."""
        return self.count * np.dtype(_TYPES[self.type]).itemsize * (2 if self.type in _PAIRS else 1)


@dataclass(frozen=True)
class Ifd:
    """One page: its tags by number, and its SubIFDs (levels of a pyramid)."""

    file: Tiff = field(repr=False)
    offset: int
    tags: dict[int, Tag] = field(repr=False)
    sub: tuple[Ifd, ...] = ()

    def values(self, code: int) -> NDArray[Any]:
        """The values of a tag, native byte order; (n, 2) for rationals; empty where there is none."""
        tag = self.tags.get(code)
        if tag is None:
            return np.empty(0, np.int64)
        raw = self.file.bytes_at(tag.offset, tag.nbytes)
        values = np.frombuffer(raw, np.dtype(_TYPES[tag.type]).newbyteorder(self.file.order))
        values = values.astype(values.dtype.newbyteorder("="))
        return values.reshape(-1, 2) if tag.type in _PAIRS else values

    def integer(self, code: int, default: int) -> int:
        """The first value of a tag as an integer."""
        values = self.values(code)
        return int(values.flat[0]) if values.size and values.dtype.kind in "iu" else default

    def rational(self, code: int) -> tuple[int, int] | None:
        """The first value of a rational tag; a tag of plain numbers gives (number, 1)."""
        values = self.values(code)
        if not values.size or values.dtype.kind not in "iu":
            return None
        return (int(values.flat[0]), int(values.flat[1]) if values.ndim == 2 else 1)

    def text(self, code: int) -> str:
        """The text of a tag: UTF-8, or Latin-1 where it is not."""
        tag = self.tags.get(code)
        if tag is None or tag.type not in (1, 2, 7):
            return ""
        raw = self.file.bytes_at(tag.offset, tag.nbytes).rstrip(b"\0")
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            return raw.decode("latin-1")


@dataclass
class Tiff:
    """An open TIFF file: byte order, size of its offsets, pages."""

    stream: BinaryIO
    name: str
    size: int = 0
    order: Literal["<", ">"] = "<"
    big: bool = False
    pages: tuple[Ifd, ...] = ()

    def bytes_at(self, offset: int, count: int) -> bytes:
        """Bytes of the file; FileError E-FILE-02 where it ends before them."""
        if offset < 0 or offset + count > self.size:
            raise self.cut(f"{count} bytes are wanted at {offset}, the file has {self.size}")
        if count > MAX_VALUES_BYTES:
            raise SizeError("E-SIZE-01", "tag too large", cause=f"{count} bytes", file=self.name)
        self.stream.seek(offset)
        return self.stream.read(count)

    def cut(self, cause: str) -> FileError:
        """The error of a file that ends too early."""
        return FileError("E-FILE-02", "the file is cut short", cause=cause, remedy="Copy it again.", file=self.name)


def walk(stream: BinaryIO, name: str) -> Tiff:
    """The file's pages with their tags. FileError E-FILE-02, -06, -10; SizeError E-SIZE-01."""
    file = Tiff(stream, name, stream.seek(0, os.SEEK_END))
    first = _header(file)
    file.pages = tuple(_chain(file, first, set(), 0))
    if not file.pages:
        raise FileError("E-FILE-10", "a TIFF without pages", cause="the first page's offset is 0", file=name)
    return file


def first(stream: BinaryIO, name: str) -> Ifd:
    """The first page alone, without its SubIFDs and without those that follow."""
    file = Tiff(stream, name, stream.seek(0, os.SEEK_END))
    tags, _ = _tags(file, _header(file))
    return Ifd(file, 0, tags)


def _header(file: Tiff) -> int:
    """Offset of the first page; sets byte order and kind."""
    head = file.bytes_at(0, 8)
    file.order = ">" if head[:2] == b"MM" else "<"
    magic = struct.unpack(f"{file.order}H", head[2:4])[0]
    if head[:2] not in (b"II", b"MM") or magic not in (42, 43):
        raise FileError("E-FILE-09", "not a TIFF file", cause=f"it begins with {head[:4]!r}", file=file.name)
    file.big = magic == 43
    if file.big:
        return int(struct.unpack(f"{file.order}Q", file.bytes_at(8, 8))[0])
    return int(struct.unpack(f"{file.order}I", head[4:8])[0])


def _chain(file: Tiff, offset: int, seen: set[int], depth: int) -> list[Ifd]:
    """The pages linked from one offset."""
    pages = []
    while offset:
        page, offset = _page(file, offset, seen, depth)
        pages.append(page)
    return pages


def _page(file: Tiff, offset: int, seen: set[int], depth: int) -> tuple[Ifd, int]:
    """(the page at an offset, offset of the next)."""
    if offset in seen:
        raise FileError("E-FILE-06", "the pages run in a circle", cause=f"offset {offset} comes twice", file=file.name)
    seen.add(offset)
    if len(seen) > MAX_PAGES:
        raise SizeError("E-SIZE-01", "too many pages", cause=f"more than {MAX_PAGES}", file=file.name)
    tags, following = _tags(file, offset)
    page = Ifd(file, offset, tags)
    return Ifd(file, offset, tags, _sub(file, page, seen, depth)), following


def _tags(file: Tiff, offset: int) -> tuple[dict[int, Tag], int]:
    """(the tags of the page at an offset, offset of the next page)."""
    width, number = (8, "Q") if file.big else (2, "H")
    count = struct.unpack(f"{file.order}{number}", file.bytes_at(offset, width))[0]
    if count > MAX_TAGS:
        raise SizeError("E-SIZE-01", "too many tags", cause=f"{count} in one page, limit {MAX_TAGS}", file=file.name)
    entry, link = (20, "Q") if file.big else (12, "I")
    start = offset + width
    raw = file.bytes_at(start, count * entry + struct.calcsize(link))
    tags = dict(filter(None, (_tag(file, raw, i * entry, start) for i in range(count))))
    return tags, int(struct.unpack(f"{file.order}{link}", raw[count * entry :])[0])


def _tag(file: Tiff, raw: bytes, at: int, start: int) -> tuple[int, Tag] | None:
    """(number, tag); None for types that no standard knows."""
    code, kind, count = struct.unpack_from(f"{file.order}HH{'Q' if file.big else 'I'}", raw, at)
    if kind not in _TYPES:
        return None
    room, link, here = (8, "Q", 12) if file.big else (4, "I", 8)
    tag = Tag(kind, count, start + at + here)
    if tag.nbytes > room:
        tag = Tag(kind, count, struct.unpack_from(f"{file.order}{link}", raw, at + here)[0])
        if tag.offset + tag.nbytes > file.size:
            raise file.cut(f"tag {code} lies beyond the end")
    return code, tag


def _sub(file: Tiff, page: Ifd, seen: set[int], depth: int) -> tuple[Ifd, ...]:
    """The pages that a page's SubIFDs tag points to."""
    offsets = page.values(SUBIFDS)
    if offsets.size and depth > 3:
        raise FileError("E-FILE-06", "pages inside pages inside pages", cause="four levels deep", file=file.name)
    return tuple(_page(file, int(o), seen, depth + 1)[0] for o in offsets if o)

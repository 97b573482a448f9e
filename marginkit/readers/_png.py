"""PNG: chunks, checked one by one, and pixels that keep their depth.

The surprising thing: a common library reads 16-bit colour PNG as 8 bits without a word, and expands a palette's
indices, which in a mask are the labels.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit.errors import FileError
from marginkit.geometry import compiled
from marginkit.records import Claim

from . import _exif
from ._header import Header

MAGIC = b"\x89PNG\r\n\x1a\n"
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def header(data: bytes, name: str) -> Header:
    """The header. FileError E-FILE-02 where the file ends early, E-FILE-05 where a checksum is wrong."""
    found: dict[bytes, bytes] = {}
    for kind, body in _chunks(data, name):
        found.setdefault(kind, body)
    ihdr = found.get(b"IHDR", b"")
    if len(ihdr) != 13 or b"IDAT" not in found:
        raise FileError("E-FILE-06", "the PNG is broken", cause="no header or no pixels", file=name)
    width, height = int.from_bytes(ihdr[:4]), int.from_bytes(ihdr[4:8])
    bits, colour = ihdr[8], ihdr[9]
    if colour not in SAMPLES or not width or not height:
        raise FileError("E-FILE-06", "the PNG is broken", cause=f"colour type {colour}, {width} x {height}", file=name)
    orientation, claims, notes = _exif.read(found.get(b"eXIf", b""), name)
    palette, alpha = _palette(found) if colour == 3 else (None, colour in (4, 6))
    dtype = np.dtype(np.bool_ if bits == 1 and colour == 0 else np.uint16 if bits == 16 else np.uint8)
    if b"tRNS" in found and colour in (0, 2):
        notes = (*notes, "one colour is marked as transparent; the mark is ignored")
    if b"iCCP" in found:
        notes = (*notes, "a colour profile is present and not applied")
    every = (*_phys(found.get(b"pHYs", b"")), *claims)
    return Header("PNG", height, width, SAMPLES[colour], dtype, alpha, palette, orientation, every, notes)


def decode(data: bytes) -> NDArray[Any]:
    """All pixels: indices of a palette, booleans of one bit, 8 or 16 bits else; native byte order."""
    bits, colour = data[24], data[25]
    if colour == 3 or (bits < 8 and colour == 0):
        import io

        from PIL import Image

        with Image.open(io.BytesIO(data)) as image:
            return np.asarray(image)
    import imagecodecs

    grey = _plain_grey(data) if bits == 8 and colour == 0 else None
    return np.asarray(imagecodecs.png_decode(data)) if grey is None else grey


def _plain_grey(data: bytes) -> NDArray[np.uint8] | None:
    """Grey pixels of 8 bits, a sixth of the usual time, which masks are made of; None where a library has to do it.

    Interlaced files and broken ones are left to the library; without the kernel also such as have rows that were
    predicted from the mean of two pixels or one of three.
    """
    import imagecodecs

    width, height, interlaced = int.from_bytes(data[16:20]), int.from_bytes(data[20:24]), data[28]
    if interlaced:
        return None
    body = b"".join(part for kind, part in _chunks(data, "") if kind == b"IDAT")
    rows = np.empty((height, width + 1), np.uint8)
    try:
        found = imagecodecs.deflate_decode(body, out=rows.reshape(-1).data)
    except imagecodecs.DeflateError:
        return None
    if len(found) != rows.size:
        return None
    return _added_up(rows) if compiled.kernel() is None else compiled.unfilter(rows)


def _added_up(rows: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """The pixels of rows that are as they are (filter 0), the sum of what is left of a pixel (1) or added to the row
    above (2)."""
    way, pixels = rows[:, 0], rows[:, 1:]
    if way.max() > 2:
        return None
    for row in np.flatnonzero(way == 1).tolist():
        if pixels[row].any():  # nothing to add up in a row of zeros
            np.add.accumulate(pixels[row], out=pixels[row])
    for row in np.flatnonzero(way == 2).tolist():
        if row:
            pixels[row] += pixels[row - 1]
    return pixels


def _chunks(data: bytes, name: str) -> Iterator[tuple[bytes, bytes]]:
    """(kind, body) of every chunk up to the end mark."""
    at = len(MAGIC)
    while True:
        size, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        body, crc = data[at + 8 : at + 8 + size], data[at + 8 + size : at + 12 + size]
        if len(crc) < 4:
            raise FileError("E-FILE-02", "the file is cut short", cause="the PNG has no end mark", file=name)
        if zlib.crc32(kind + body) != int.from_bytes(crc):
            raise FileError("E-FILE-05", "part of the image is broken", cause=f"checksum of {kind!r}", file=name)
        yield kind, body
        if kind == b"IEND":
            return
        at += 12 + size


def _palette(found: dict[bytes, bytes]) -> tuple[NDArray[np.uint8], bool]:
    """((256, 3 or 4) colours, whether they have alpha); entries that are not there are white."""
    table = np.full((256, 4), 255, np.uint8)
    colours = np.frombuffer(found.get(b"PLTE", b""), np.uint8)
    colours = colours[: colours.size // 3 * 3].reshape(-1, 3)[:256]
    table[: len(colours), :3] = colours
    alpha = np.frombuffer(found.get(b"tRNS", b""), np.uint8)[:256]
    table[: len(alpha), 3] = alpha
    return (table, True) if alpha.size else (table[:, :3].copy(), False)


def _phys(body: bytes) -> tuple[Claim, ...]:
    """The claim of a pHYs chunk: pixels a metre, or only their ratio."""
    if len(body) != 9:
        return ()
    x, y, unit = int.from_bytes(body[:4]), int.from_bytes(body[4:8]), body[8]
    detail = f"{x} x {y} pixels {'a metre' if unit == 1 else 'without unit'}"
    if unit != 1:
        return (Claim("PNG pHYs", None, detail, "E-CAL-01: no unit"),)
    if not x or not y:
        return (Claim("PNG pHYs", None, detail, "E-CAL-02: not above zero"),)
    return (Claim("PNG pHYs", (1000 / y, 1000 / x), detail),)

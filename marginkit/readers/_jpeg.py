"""JPEG: markers up to the pixels, and whether the pixels end where they should.

The surprising thing: a JPEG that was cut in the middle decodes without complaint in most libraries, and the rest is
grey. The one used here says what its decoder only warns of.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit.errors import FileError, PixelError
from marginkit.records import Claim

from . import _exif
from ._header import Header

MAGIC = b"\xff\xd8\xff"
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
BASELINE = (0xC0, 0xC1, 0xC2)
SCAN = 0xDA


def header(data: bytes, name: str) -> Header:
    """The header. FileError E-FILE-02 where the file ends early; PixelError E-PIX-02 for CMYK."""
    markers = _markers(data, name)
    frame = next((body for marker, body in markers if marker in FRAMES), b"")
    if len(frame) < 6:
        raise FileError("E-FILE-06", "the JPEG is broken", cause="no frame header", file=name)
    bits, height, width, samples = frame[0], int.from_bytes(frame[1:3]), int.from_bytes(frame[3:5]), frame[5]
    if samples not in (1, 3):
        cause = "CMYK" if samples == 4 else f"{samples} samples"
        raise PixelError("E-PIX-02", "colours not supported", cause=cause, remedy="Export as RGB.", file=name)
    if not height or not width:
        raise PixelError("E-PIX-06", "empty image", cause=f"{width} x {height} pixels", file=name)
    if len(data) < height * width // 512:
        # each 8 x 8 block of pixels costs a bit at the least
        cause = f"{len(data)} bytes for {width} x {height} pixels"
        raise FileError("E-FILE-02", "the file is cut short", cause=cause, remedy="Copy it again.", file=name)
    exif = next((body[6:] for marker, body in markers if marker == 0xE1 and body.startswith(b"Exif\0\0")), b"")
    orientation, claims, notes = _exif.read(exif, name)
    if any(marker == 0xE2 and body.startswith(b"ICC_PROFILE") for marker, body in markers):
        notes = (*notes, "a colour profile is present and not applied")
    jfif = next((body for marker, body in markers if marker == 0xE0 and body.startswith(b"JFIF\0")), b"")
    dtype = np.dtype(np.uint8 if bits <= 8 else np.uint16)
    every = (*_density(jfif), *claims)
    return Header("JPEG", height, width, samples, dtype, orientation=orientation, claims=every, warnings=notes)


def decode(data: bytes) -> NDArray[Any]:
    """All pixels, as stored (orientation is not applied). ValueError where the data are corrupt."""
    markers = _markers(data, "")
    frame = next(body for marker, body in markers if marker in FRAMES)
    if frame[0] != 8 or not any(marker in BASELINE for marker, _ in markers):
        import imagecodecs

        return np.asarray(imagecodecs.jpeg_decode(data))
    return strict(data, frame[5])


def strict(data: bytes, samples: int) -> NDArray[Any]:
    """(y, x, samples) uint8 of a whole JPEG of 1 or 3 samples; ValueError where the decoder only warns elsewhere."""
    import simplejpeg  # type: ignore[import-untyped]

    return np.asarray(simplejpeg.decode_jpeg(data, "GRAY" if samples == 1 else "RGB", strict=True))


def joined(tables: bytes, data: bytes, *, rgb: bool) -> bytes:
    """A JPEG with its tables, which TIFF keeps apart; ``rgb`` says that the samples are no YCbCr."""
    head = tables[2:-2] if tables.startswith(b"\xff\xd8") and tables.endswith(b"\xff\xd9") else b""
    adobe = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00" if rgb else b""
    return data[:2] + adobe + head + data[2:]


def _markers(data: bytes, name: str) -> list[tuple[int, bytes]]:
    """(marker, body) up to the first scan; E-FILE-02 where no end mark follows it."""
    found, at = [], 2
    while True:
        while data[at : at + 2] == b"\xff\xff":
            at += 1
        if data[at : at + 1] != b"\xff" or at + 4 > len(data):
            raise FileError("E-FILE-02", "the file is cut short", cause="the JPEG ends in its header", file=name)
        marker, size = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        found.append((marker, data[at + 4 : at + 2 + size]))
        at += 2 + size
        if marker == SCAN:
            break
    if data.find(b"\xff\xd9", at) < 0:
        raise FileError("E-FILE-02", "the file is cut short", cause="the JPEG has no end mark", file=name)
    return found


def _density(body: bytes) -> tuple[Claim, ...]:
    """The claim of a JFIF header; none where it gives only a ratio."""
    if len(body) < 12 or body[7] not in (1, 2):
        return ()
    x, y, unit_mm = int.from_bytes(body[8:10]), int.from_bytes(body[10:12]), {1: 25.4, 2: 10.0}[body[7]]
    detail = f"{x} x {y} dots {'an inch' if body[7] == 1 else 'a cm'}"
    if not x or not y:
        return (Claim("JFIF density", None, detail, "E-CAL-02: not above zero"),)
    return (Claim("JFIF density", (unit_mm / y, unit_mm / x), detail),)

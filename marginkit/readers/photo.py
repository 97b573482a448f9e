"""PNG and JPEG: photographs, thumbnails, masks.

The surprising thing: the dots per inch in these files say how large to print them. They are listed as claims, so that
they can be refused by name, and are never taken without the user's word.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from marginkit import files
from marginkit.errors import FileError, MarginError, PixelError, SizeError
from marginkit.records import Level, Picture

from . import _colour, _jpeg, _orient, _png
from ._header import Header
from ._window import ranges

NAME = "photo"
SUFFIXES = (".png", ".jpg", ".jpeg", ".jpe")
MAX_FILE_BYTES = 1 << 30
MAX_PIXEL_BYTES = 4 << 30


def claims(head: bytes, name: str) -> int:
    """2 for the signatures of PNG and JPEG."""
    return 2 if head.startswith((_png.MAGIC, _jpeg.MAGIC)) else 0


def read(path: str) -> Picture:
    """The photograph: colours of a palette expanded, transparency over white, orientation applied."""
    return _picture(path, mask=False)


def read_mask(path: str) -> Picture:
    """The photograph as a mask: indices of a palette kept, transparency over zero."""
    return _picture(path, mask=True)


def _picture(path: str, mask: bool) -> Picture:
    before = files.stamp(path)
    name = Path(path).name
    head = _header(files.read_bounded(path, MAX_FILE_BYTES), name)
    colours = head.samples - (head.alpha and head.palette is None)
    colour = colours == 3 or (head.palette is not None and not mask)
    size = (head.width, head.height) if _orient.turns(head.orientation) else (head.height, head.width)
    shape = (*size, 3) if colour else size
    if head.height * head.width * head.samples * head.dtype.itemsize > MAX_PIXEL_BYTES:
        cause = f"{head.width} x {head.height} pixels, limit {MAX_PIXEL_BYTES} bytes"
        raise SizeError("E-SIZE-01", "image larger than the memory limit", cause=cause, file=name)
    level = Level(shape, (1.0, 1.0), Source(path, before, shape, mask))
    flags = ("orientation_applied",) if head.orientation > 1 else ()
    notes = (*head.warnings, *(("transparent pixels count as not scanned",) if head.alpha and not mask else ()))
    return Picture(
        name, head.format, "YXS" if colour else "YX", shape, head.dtype, (level,), "photo",
        claims=tuple(_orient.turned(claim, head.orientation) for claim in head.claims), flags=flags, warnings=notes,
    )  # fmt: skip


@dataclass(frozen=True)
class Source:
    """The pixels of a photograph; called with slices it gives a region, after decoding the whole once."""

    path: str
    before: files.Stamp
    shape: tuple[int, ...]
    mask: bool

    def __call__(self, slices: tuple[slice, ...]) -> NDArray[Any]:
        """The pixels of a region; of a mask read-only, since what becomes of it is another array anyway."""
        wanted = ranges(slices, self.shape)
        files.still(self.path, self.before)
        whole = _pixels(self.path, self.before, self.mask)
        part = whole[tuple(slice(r.start, r.stop, r.step) for r in wanted)]
        return part if self.mask else part.copy()


def _header(data: bytes, name: str) -> Header:
    """The header of either format; only errors of ours come out."""
    try:
        return _png.header(data, name) if data.startswith(_png.MAGIC) else _jpeg.header(data, name)
    except MarginError:
        raise
    except (IndexError, ValueError) as error:
        raise FileError("E-FILE-02", "the file is cut short", cause=str(error), file=name) from error


@lru_cache(maxsize=2)
def _pixels(path: str, before: files.Stamp, mask: bool) -> NDArray[Any]:
    """All pixels as seen, read-only; the last two photographs are kept, because they are asked for in parts."""
    name = Path(path).name
    data = files.read_bounded(path, MAX_FILE_BYTES)
    head = _header(data, name)
    try:
        array = _png.decode(data) if data.startswith(_png.MAGIC) else _jpeg.decode(data)
    except Exception as error:
        raise FileError("E-FILE-05", "part of the image is broken", cause=str(error), file=name) from error
    array = array.reshape(array.shape[0], array.shape[1], -1)
    if array.shape != (head.height, head.width, head.samples):
        cause = f"the header says {(head.height, head.width, head.samples)}, decoded {array.shape}"
        raise PixelError("E-PIX-02", "pixels differ from the header", cause=cause, file=name)
    array = _seen(array, head, mask)
    files.still(path, before)
    array = _orient.apply(array, head.orientation)
    array.setflags(write=False)
    return array


def _seen(array: NDArray[Any], head: Header, mask: bool) -> NDArray[Any]:
    """Palette and transparency resolved; (y, x) or (y, x, 3)."""
    ground = 0.0 if mask else _colour.white(head.dtype)
    if head.palette is not None:
        if mask:
            return array[..., 0]
        array = head.palette[array[..., 0]]
        return _colour.laid_over(array, ground) if head.alpha else array
    if head.alpha:
        array = _colour.laid_over(array, ground)
    return array[..., 0] if array.shape[-1] == 1 else array

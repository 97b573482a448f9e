"""TIFF in its many dresses: plain, ImageJ, OME-TIFF, QPTIFF, Aperio, BigTIFF, tiled, pyramids.

The surprising thing: no library is asked what a file means, only to unpack one segment. Sizes, units and the list of
what was scanned come from the tags themselves.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from marginkit import files
from marginkit.errors import FileError, MarginError, PixelError
from marginkit.geometry.value_runs import ValueRuns
from marginkit.records import Level, Picture

from . import _colour, _ifd, _labeltiles, _openslide, _orient, _tiffpixels, _tifftiles
from ._ifd import Ifd
from ._tifflayout import Layout, layout
from ._tiffpixels import EXTRA, PALETTE, Page
from ._window import ranges

NAME = "tiff"
GENERAL = True
SUFFIXES = (".tif", ".tiff", ".btf", ".tf8", ".qptiff")
MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
ORIENTATION = 274
_QUIET = logging.NullHandler()  # our own errors say what is wrong
MIN_IS_WHITE, RGB, PALETTE_COLOUR, YCBCR = 0, 2, 3, 6
JPEG_LIKE = (6, 7, 33003, 33004, 33005, 34712, 50001, 50002)


def claims(head: bytes, name: str) -> int:
    """1 for any TIFF: the reader of one kind of it may know better."""
    return 1 if head[:4] in MAGIC else 0


def read(path: str) -> Picture:
    """The picture: colours of a palette expanded, orientation applied."""
    return _open(path, indices=False)


def read_mask(path: str) -> Picture:
    """The picture as a mask: of a palette the indices are kept, not the colours."""
    return _open(path, indices=True)


def _open(path: str, indices: bool) -> Picture:
    before = files.stamp(path)
    name = Path(path).name
    try:
        with files.open_regular(path) as stream, ExitStack() as library:
            file = _ifd.walk(stream, name)
            if _openslide.owns(file.pages[0]):
                return _openslide.read(path)
            found = layout(file)
            decoder = _decoder(stream, library)
            sources = [_source(path, before, n, found, decoder, indices) for n in range(len(found.levels))]
        return _picture(name, found, sources)
    except MarginError:
        raise
    except Exception as error:  # the decoder library meets tags that it does not expect
        raise FileError(
            "E-FILE-06", "the TIFF is broken", cause=files.without_folders(str(error), path), file=name
        ) from error


def _decoder(stream: BinaryIO, opened: ExitStack) -> Callable[[Ifd], Any]:
    """What gives tifffile's page of an IFD; the library is loaded for the first that our own decoders leave to it."""

    @cache
    def library() -> Any:
        import tifffile

        logging.getLogger("tifffile").addHandler(_QUIET)
        stream.seek(0)
        return opened.enter_context(tifffile.TiffFile(stream, _multifile=False))

    def page(ifd: Ifd) -> Any:
        import tifffile

        file = library()
        file.filehandle.seek(ifd.offset)
        return tifffile.TiffPage(file, index=0)

    return page


@dataclass(frozen=True)
class Source:
    """Where the pixels of one level come from; called with slices it reads them.

    axes, shape : as seen, after orientation. pages : one a plane, in the order of ``lead``.
    colour : the samples are a colour (axis S); else samples are channels (axis C), where there is more than one.
    alpha : of the fourth sample: 0 none, 1 associated (colours are already multiplied by it), 2 not.
    mask : what was not scanned becomes 0, not white.
    """

    path: str
    before: files.Stamp
    number: int
    axes: str
    shape: tuple[int, ...]
    lead: tuple[int, ...]
    pages: tuple[Page, ...] = field(repr=False)
    orientation: int
    colour: bool
    alpha: int
    mask: bool
    palette: NDArray[np.uint8] | None = field(repr=False, default=None)
    kept: dict[str, ValueRuns] = field(repr=False, compare=False, default_factory=dict)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Native type of the pixels."""
        return self.pages[0].dtype if self.palette is None else np.dtype(np.uint8)

    def __reduce__(self) -> tuple[object, ...]:
        """Decoders do not travel between processes: the level is opened again where it is read."""
        return Again, (self.path, self.before, self.number, self.mask)

    def __call__(self, slices: tuple[slice, ...]) -> NDArray[Any]:
        """The pixels of a region, native byte order."""
        wanted = ranges(slices, self.shape)
        files.still(self.path, self.before)
        lead = wanted[: len(self.lead)]
        rest = [r for axis, r in zip(self.axes, wanted) if axis not in "YX"][len(lead) :]
        rows, columns = (wanted[self.axes.index(axis)] for axis in "YX")
        out = [
            self._plane(int(np.ravel_multi_index(at, self.lead)) if at else 0, rows, columns) for at in _product(lead)
        ]
        files.still(self.path, self.before)
        if not out:
            return np.empty([len(r) for r in wanted], self.dtype)
        # a single plane is not copied: fresh memory costs more than decoding
        array = (out[0] if len(out) == 1 else np.stack(out)).reshape(*map(len, lead), *out[0].shape)
        return array[..., rest[0].start : rest[0].stop : rest[0].step] if self.colour else self._channels(array, rest)

    def value_runs(self) -> ValueRuns | None:
        """The level as runs of one value, found tile by tile; None where its pixels are no plain labels."""
        if not self._labels:
            return None
        if "runs" not in self.kept:
            files.still(self.path, self.before)
            self.kept["runs"] = _tifftiles.read(self.path, self.pages[0])[0]
            files.still(self.path, self.before)
        return self.kept["runs"]

    @contextmanager
    def label_tiles(self) -> Iterator[_labeltiles.OpenTiles | None]:
        """The level's tiles, to be asked for one by one; None where its pixels are no plain labels."""
        if not self._labels:
            yield None
            return
        files.still(self.path, self.before)
        with _tifftiles.opened(self.path, self.pages[0], self.before) as tiles:
            yield tiles
        files.still(self.path, self.before)

    @property
    def _labels(self) -> bool:
        """Whether this is one plane of whole numbers as they were stored."""
        page = self.pages[0]
        plain = page.samples == 1 and _labeltiles.plain(page.dtype) and page.photometric != MIN_IS_WHITE
        return plain and not (self.lead or self.colour or self.palette is not None or self.orientation != 1)

    def _channels(self, array: NDArray[Any], rest: list[range]) -> NDArray[Any]:
        """Samples that are channels stand before Y and X."""
        if not rest:
            return array[..., 0]
        picked = array[..., rest[0].start : rest[0].stop : rest[0].step]
        return np.ascontiguousarray(np.moveaxis(picked, -1, -3))

    def _plane(self, number: int, rows: range, columns: range) -> NDArray[Any]:
        """(rows, columns, samples) of one plane as seen."""
        page = self.pages[number]
        bare = (range(rows.start, _end(rows)), range(columns.start, _end(columns)))
        stored = _orient.stored(*bare, self.orientation, page.height, page.width)
        top = _colour.white(page.dtype)
        ground = top if self.colour and self.palette is None and not self.mask else 0.0
        array = _tiffpixels.read(self.path, page, *stored, fill=ground)
        if page.photometric == MIN_IS_WHITE:
            array = ~array if page.dtype == np.bool_ else np.iinfo(page.dtype).max - array
        array = _orient.apply(array, self.orientation)[:: rows.step, :: columns.step]
        if self.palette is not None:
            return np.asarray(self.palette[array[..., 0]])
        if self.alpha:
            return _colour.laid_over(array[..., :4], ground, associated=self.alpha == 1)
        return array[..., :3] if self.colour else array


@dataclass(frozen=True)
class Again:
    """A level that came from another process; called with slices it opens the file and reads."""

    path: str
    before: files.Stamp
    number: int
    mask: bool

    def __call__(self, slices: tuple[slice, ...]) -> NDArray[Any]:
        """The pixels of a region."""
        files.still(self.path, self.before)
        return _open(self.path, self.mask).levels[self.number].read(slices)


def _product(lead: list[range]) -> list[tuple[int, ...]]:
    """Every index of the leading axes, last one fastest."""
    found: list[tuple[int, ...]] = [()]
    for values in lead:
        found = [(*at, value) for at in found for value in values]
    return found


def _end(values: range) -> int:
    """One beyond the last value."""
    return values[-1] + 1 if len(values) else values.start


def _source(
    path: str,
    before: files.Stamp,
    number: int,
    found: Layout,
    decoder: Callable[[Ifd], Any],
    indices: bool,
) -> Source:
    """The source of one level."""
    planes = found.levels[number]
    first = planes[0].ifd
    pages = tuple(_shifted(_tiffpixels.page(p.ifd, decoder, found.sparse), p.shift, first) for p in planes)
    page = pages[0]
    colour = page.photometric in (RGB, YCBCR)
    if (colour and page.samples < 3) or (page.photometric == YCBCR and page.compression not in JPEG_LIKE):
        cause = f"PhotometricInterpretation {page.photometric}, compression {page.compression}, {page.samples} samples"
        raise PixelError("E-PIX-02", "colours not supported", cause=cause, remedy="Export as RGB.", file=page.name)
    palette = _palette(first, page) if page.photometric == PALETTE_COLOUR and not indices else None
    orientation = _orient.known(first.integer(ORIENTATION, 1))
    seen = (page.width, page.height) if _orient.turns(orientation) else (page.height, page.width)
    colour = colour or palette is not None
    inner = "C" if not colour and page.samples > 1 else ""
    if inner and "C" in found.axes:
        raise PixelError(
            "E-PIX-02", "channels twice", cause=f"{page.samples} samples on {len(pages)} pages", file=page.name
        )
    axes = f"{found.axes}{inner}YX{'S' if colour else ''}"
    shape = (*found.lead, *([page.samples] if inner else []), *seen, *([3] if colour else []))
    extra = first.values(EXTRA)
    alpha = int(extra[0]) if colour and extra.size and page.samples > 3 and int(extra[0]) in (1, 2) else 0
    return Source(path, before, number, axes, shape, found.lead, pages, orientation, colour, alpha, indices, palette)


def _shifted(page: Page, shift: int, ifd: Ifd) -> Page:
    if not shift:
        return page
    if (page.offsets + page.counts + shift > ifd.file.size).any():
        raise ifd.file.cut(f"a plane lies {shift} bytes behind the first")
    return replace(page, offsets=page.offsets + shift)


def _palette(ifd: Ifd, page: Page) -> NDArray[np.uint8]:
    """(n, 3) colours of a palette."""
    table = ifd.values(PALETTE)
    if table.size % 3 or table.size < 3 << page.dtype.itemsize * 8 or page.dtype.kind not in "ub":
        raise PixelError("E-PIX-02", "broken palette", cause=f"{table.size} values", file=page.name)
    colours = table.reshape(3, -1).T
    # 8-bit tables written as if they were 16-bit
    return (colours if colours.max() < 256 else colours >> 8).astype(np.uint8)


def _picture(name: str, found: Layout, sources: list[Source]) -> Picture:
    first = sources[0]
    y, x = first.axes.index("Y"), first.axes.index("X")
    levels = tuple(Level(s.shape, (first.shape[y] / s.shape[y], first.shape[x] / s.shape[x]), s) for s in sources)
    missing = sum(page.missing for page in first.pages)
    notes = list(found.warnings)
    if missing:
        notes.append(f"{missing} of {sum(p.offsets.size for p in first.pages)} tiles were never scanned")
    if first.colour and first.pages[0].samples > 3 and first.palette is None:
        notes.append("transparent pixels count as not scanned" if first.alpha else "samples beyond the third left out")
    flags = [
        flag for flag, is_so in (("not_scanned", missing > 0), ("orientation_applied", first.orientation > 1)) if is_so
    ]
    claimed = tuple(_orient.turned(claim, first.orientation) for claim in found.claims)
    return Picture(
        name, found.format, first.axes, first.shape, first.dtype, levels, found.kind, found.channels, claimed,
        flags=tuple(flags), warnings=tuple(notes),
    )  # fmt: skip

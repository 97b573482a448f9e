"""DICOM slides and their segmentations: one file, many tiles on one matrix; only tiles that are asked for are decoded.

The surprising thing: a slide's tiles may come in any order and with gaps, and in a segmentation one place may hold
a tile for each segment. Segmentations are read as labels: the number of the segment, 0 for none.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit import files
from marginkit.errors import AxesError, FileError, PixelError, SizeError
from marginkit.records import Claim

from ._dicomfile import numbers, quiet, tags
from ._dicomframes import grouped
from ._stored import MAX_PIXEL_BYTES

MAX_FRAMES = 4_000_000


@dataclass(frozen=True, eq=False, slots=True)
class Tiled:
    """The tiles of one file.

    shape : of the matrix (rows, columns). tile : (rows, columns) of each. top, left, label : (n,), of each frame;
    labels are 0 in images. segments : whether it is a segmentation. signed : of the stored values.
    """

    path: str
    before: files.Stamp
    shape: tuple[int, int]
    tile: tuple[int, int]
    samples: int
    bits: int
    signed: bool
    segments: bool
    top: NDArray[np.int64]
    left: NDArray[np.int64]
    label: NDArray[np.int64]
    claims: tuple[Claim, ...]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the pixels: stored type, or that of labels."""
        return np.dtype("u2" if self.segments else f"{'i' if self.signed else 'u'}{self.bits // 8}")

    @property
    def complete(self) -> bool:
        """Whether every place of the matrix has a tile."""
        down, across = _count(self.shape, self.tile)
        return len(set(zip(self.top.tolist(), self.left.tolist()))) >= down * across

    def read(self, rows: range, columns: range) -> NDArray[Any]:
        """(rows, columns) or (rows, columns, 3) of a region; white, or 0 without colour, where there is no tile."""
        height, width = _end(rows) - rows.start, _end(columns) - columns.start
        extra = (3,) if self.samples == 3 else ()
        out = np.full((height, width, *extra), np.iinfo(self.dtype).max if extra else 0, self.dtype)
        wanted = np.flatnonzero(
            (self.top < _end(rows)) & (self.top + self.tile[0] > rows.start)
            & (self.left < _end(columns)) & (self.left + self.tile[1] > columns.start)
        )  # fmt: skip
        if height and width and len(wanted):
            self._fill(out, rows.start, columns.start, wanted)
        return out[:: rows.step, :: columns.step]

    def _fill(self, out: NDArray[Any], top: int, left: int, wanted: NDArray[np.int64]) -> None:
        name = Path(self.path).name
        files.still(self.path, self.before)
        with quiet(name), files.open_regular(self.path) as stream:
            from pydicom.pixels.utils import iter_pixels

            for frame, array in zip(wanted.tolist(), iter_pixels(stream, indices=wanted.tolist())):
                if array.shape[:2] != self.tile or array.ndim != (3 if self.samples == 3 else 2):
                    raise PixelError("E-PIX-02", "a tile differs from the header", cause=str(array.shape), file=name)
                y, x = int(self.top[frame]) - top, int(self.left[frame]) - left
                target = out[max(y, 0) : max(y + self.tile[0], 0), max(x, 0) : max(x + self.tile[1], 0)]
                part = array[max(-y, 0) :, max(-x, 0) :][: target.shape[0], : target.shape[1]]
                self._lay(target, part, int(self.label[frame]), name)
        files.still(self.path, self.before)

    def _lay(self, target: NDArray[Any], part: NDArray[Any], label: int, name: str) -> None:
        if not self.segments:
            target[...] = part
            return
        if (target[part > 0] > 0).any():
            raise PixelError("E-PIX-02", "segments overlap", cause="one pixel has one label", file=name)
        target[part > 0] = label


def is_tiled(found: Any) -> bool:
    """Whether a data set is a slide, or a segmentation of one."""
    return "TotalPixelMatrixRows" in found and "TotalPixelMatrixColumns" in found


def tiled(path: str) -> Tiled | None:
    """The tiles of a file; None where it is no slide."""
    name = Path(path).name
    with quiet(name):
        found = tags(path)
        return _tiled(path, found, name) if is_tiled(found) else None


def _tiled(path: str, found: Any, name: str) -> Tiled:
    shape = (int(found.TotalPixelMatrixRows), int(found.TotalPixelMatrixColumns))
    tile = (int(found.Rows), int(found.Columns))
    samples, bits = int(found.get("SamplesPerPixel", 1)), int(found.BitsAllocated)
    segments = found.get("Modality") == "SEG"
    before = files.stamp(path)
    _refuse_odd(found, (*shape, *tile), samples, bits, segments, name)
    count = int(found.get("NumberOfFrames", 1) or 1)
    if not 0 < count <= min(MAX_FRAMES, before.size * 8):
        raise SizeError("E-SIZE-01", "more tiles than the file can hold", cause=str(count), file=name)
    top, left, label = _places(found, shape, tile, count, segments, name)
    signed = bool(found.get("PixelRepresentation", 0))
    return Tiled(path, before, shape, tile, samples, bits, signed, segments, top, left, label, _claims(found, shape))


def _refuse_odd(
    found: Any, sizes: tuple[int, ...], samples: int, bits: int, segments: bool, name: str
) -> None:  # fmt: skip
    """Nothing; an error for what cannot be read as one picture."""
    if min(sizes) < 1:
        raise PixelError("E-PIX-06", "empty", cause=f"sizes {sizes}", file=name)
    if sizes[2] * sizes[3] * samples * bits // 8 > MAX_PIXEL_BYTES:
        raise SizeError("E-SIZE-01", "a tile larger than the memory limit", cause=f"sizes {sizes}", file=name)
    kind = (samples, bits, str(found.get("SegmentationType", "BINARY")))
    if (segments and kind != (1, 1, "BINARY")) or (not segments and (samples not in (1, 3) or bits not in (8, 16))):
        raise PixelError("E-PIX-02", "type of the pixels", cause=f"{samples} samples of {bits} bits", file=name)
    if samples == 1 and found.get("PhotometricInterpretation") != "MONOCHROME2":
        raise PixelError("E-PIX-02", "only MONOCHROME2 and colours can be read", file=name)
    layers = int(found.get("TotalPixelMatrixFocalPlanes", 1) or 1), int(found.get("NumberOfOpticalPaths", 1) or 1)
    if layers != (1, 1):
        cause = f"{layers[0]} focal planes, {layers[1]} optical paths"
        raise AxesError("E-AXE-01", "more than one picture in the slide", cause=cause, file=name)


def _places(
    found: Any, shape: tuple[int, int], tile: tuple[int, int], count: int, segments: bool, name: str
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """(top, left, label) of every frame: in order where the file says that it is full, else as each frame says."""
    frames = found.get("PerFrameFunctionalGroupsSequence") or ()
    if len(frames) == 0 and not segments:
        down, across = _count(shape, tile)
        if down * across != count:
            cause = f"{count} tiles for {down} x {across} places"
            raise FileError("E-FILE-06", "the DICOM file is broken", cause=cause, file=name)
        row, column = np.divmod(np.arange(count), across)
        return row * tile[0], column * tile[1], np.zeros(count, np.int64)
    if len(frames) != count:
        raise FileError("E-FILE-06", "the DICOM file is broken", cause=f"{len(frames)} places of {count}", file=name)
    shared: Any = found.get("SharedFunctionalGroupsSequence") or ({},)
    out = np.array([_place(frame, shared[0], segments) for frame in frames], np.int64)
    low, high = out[:, :2].min(), (out[:, :2] - np.array(shape)).max()
    if low < 0 or high >= 0 or not 0 <= out[:, 2].min() <= out[:, 2].max() < 1 << 16:
        raise FileError("E-FILE-06", "the DICOM file is broken", cause="a tile outside of the matrix", file=name)
    if not segments and len(np.unique(out, axis=0)) < count:
        raise AxesError("E-AXE-01", "more than one picture in the slide", cause="two tiles at one place", file=name)
    return out[:, 0], out[:, 1], out[:, 2]


def _place(frame: Any, shared: Any, segments: bool) -> tuple[int, int, int]:
    """(top, left, label) of one frame; its positions begin at 1. What segment it is of may be said once for all."""
    place = frame.PlanePositionSlideSequence[0]
    label = int(grouped(frame, shared, "SegmentIdentificationSequence", "ReferencedSegmentNumber")) if segments else 0
    top, left = place.RowPositionInTotalImagePixelMatrix, place.ColumnPositionInTotalImagePixelMatrix
    return int(top) - 1, int(left) - 1, label


def _claims(found: Any, shape: tuple[int, int]) -> tuple[Claim, ...]:
    """The pixel size by the measures, and by the size of what was imaged."""
    shared: Any = found.get("SharedFunctionalGroupsSequence") or ({},)
    measures: Any = shared[0].get("PixelMeasuresSequence") or ({},)
    spacing_mm = numbers(measures[0].get("PixelSpacing"), 2)
    problem = "" if spacing_mm else "E-CAL-01: no PixelSpacing"
    stated = [Claim("DICOM PixelSpacing", spacing_mm, "PixelMeasuresSequence", problem)]
    height_mm, width_mm = (found.get(f"ImagedVolume{side}") for side in ("Height", "Width"))
    if height_mm and width_mm:
        size_mm = (float(height_mm) / shape[0], float(width_mm) / shape[1])
        stated.append(Claim("DICOM ImagedVolume", size_mm, f"{height_mm} x {width_mm} mm"))
    return tuple(stated)


def _count(shape: tuple[int, int], tile: tuple[int, int]) -> tuple[int, int]:
    """Tiles (down, across) that cover a matrix."""
    return -(-shape[0] // tile[0]), -(-shape[1] // tile[1])


def _end(wanted: range) -> int:
    return wanted[-1] + 1 if len(wanted) else wanted.start

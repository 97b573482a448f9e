"""The images of a DICOM series or slide as their whole headers: for an object that must name what it was made from.

The surprising thing: these headers name the patient. This is the one place of marginkit that reads them, and it is
asked only when a DICOM file is to be written (``--dicom-seg``); nothing of them is shown, or written anywhere else.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit import files
from marginkit.errors import AxesError, FileError, UsageError

from . import _series
from ._dicomfile import quiet
from ._dicomtiles import tiled
from ._signature import is_dicom


@dataclass(frozen=True, eq=False, slots=True)
class SourceImages:
    """The headers of what a picture was read from, without pixels, and how an array of the picture lies on them.

    headers : one for each plane, or a single one of many frames. pixel_mm : (y, x) of stored planes, gap_mm : between
    them; None of a slide. frames : number of the frame of each plane, where there is a single file. found : the
    series; None of a slide.
    """

    headers: tuple[Any, ...]
    pixel_mm: tuple[float, ...] | None = None
    gap_mm: float | None = None
    frames: tuple[int, ...] | None = None
    found: _series.Series | None = None

    def stored(self, array: NDArray[Any]) -> NDArray[Any]:
        """An array of the picture, (Z, Y, X) or (Y, X), as (plane, row, column) in the order of the headers' frames."""
        if self.found is None:
            return array[None]
        turn = self.found.frame
        back = array[tuple(slice(None, None, -1 if flip else 1) for flip in turn.flip)]
        back = back.transpose(np.argsort(turn.order))
        return np.ascontiguousarray(back if self.frames is None else back[np.argsort(self.frames)])


def read(path: str) -> SourceImages:
    """The headers of a DICOM series (folder, or a file of it) or slide.

    Raises
    ------
    UsageError : E-USE-15 it is no DICOM. AxesError : E-AXE-01 a plane by itself, or planes in some files of many.
    FileError, MissingExtraError : as of the reader.
    """
    name, folder = Path(path).name, os.path.isdir(path)
    if not folder and not is_dicom(files.head(path, 132)):
        remedy = "Give the DICOM series or slide as the image."
        raise UsageError("E-USE-15", "DICOM SEG refers to DICOM images", cause="this is none", remedy=remedy, file=name)
    if not folder and tiled(path):
        return SourceImages((_header(path),))
    found = _series.series(path)
    if len(found.slices) == 1:
        raise AxesError("E-AXE-01", "one plane, and no distance to the next", remedy="Give the series.", file=name)
    gap_mm, y_mm, x_mm = (found.frame.spacing_mm[found.frame.order.index(axis)] for axis in range(3))
    if all(one.frame is None for one in found.slices):
        return SourceImages(tuple(_header(one.path) for one in found.slices), (y_mm, x_mm), gap_mm, None, found)
    if len(found.paths) > 1:
        cause = f"{len(found.paths)} files, some with several frames"
        raise AxesError("E-AXE-01", "planes of several kinds of file", cause=cause, file=name)
    frames = tuple(int(one.frame or 0) for one in found.slices)
    return SourceImages((_header(found.slices[0].path),), (y_mm, x_mm), gap_mm, frames, found)


def _header(path: str) -> Any:
    name = Path(path).name
    with quiet(name) as pydicom, files.open_regular(path) as stream:
        header = pydicom.dcmread(stream, stop_before_pixels=True)
        lacking = [word for word in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID") if word not in header]
    if lacking:
        cause = f"{', '.join(lacking)} missing"
        raise FileError("E-FILE-06", "the DICOM file cannot be referred to", cause=cause, file=name)
    return header

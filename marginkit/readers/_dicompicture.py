"""DICOM as a picture: a series, a segmentation or a slide."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit.records import Level, Picture

from . import _dicomsegments, _dicomtiles, _series
from ._patient import Frame
from ._window import ranges


def read(path: str) -> Picture:
    """The series as a volume (Z, Y, X); a plane by itself as (Y, X); a slide as (Y, X) or (Y, X, S).

    Segmentations are read from their own file only; in a folder of a series they are passed over.
    """
    name = Path(path).name
    if not Path(path).is_dir() and (slide := _dicomtiles.tiled(path)):
        return _slide(name, slide)
    if not Path(path).is_dir() and (segments := _dicomsegments.segmentation(path)):
        return _segmentation(name, segments)
    found = _series.series(path)
    return _picture(name, found, alone=Path(path).is_dir() or len(found.paths) == 1)


def _picture(name: str, found: _series.Series, alone: bool) -> Picture:
    flat = len(found.slices) == 1
    shape = found.shape[1:] if flat else found.frame.shape(found.shape)

    def level(slices: tuple[slice, ...]) -> NDArray[Any]:
        wanted = ranges(slices, shape)
        array = _series.voxels(found)[0] if flat else _series.voxels(found)
        return array[tuple(slice(r.start, r.stop, r.step) for r in wanted)].copy()

    turned = ("orientation_applied",) if _turned(found.frame) else ()
    flags = (*(("unknown_plane_gap",) if found.uneven else ()), *turned)
    beside = () if alone else (f"{len(found.paths)} files of its series were read; the checksum covers the one named",)
    return Picture(
        name, "DICOM", "YX" if flat else "ZYX", shape, found.dtype, (Level(shape, (1.0, 1.0), level),), "volume",
        claims=(found.claim,), flags=flags, warnings=beside,
        origin_mm=None if flat else found.frame.origin_mm, direction=None if flat else found.frame.direction,
    )  # fmt: skip


def _segmentation(name: str, found: _dicomsegments.Segments) -> Picture:
    shape = found.frame.shape(found.shape)

    def level(slices: tuple[slice, ...]) -> NDArray[Any]:
        wanted = ranges(slices, shape)
        return _dicomsegments.labels(found)[tuple(slice(r.start, r.stop, r.step) for r in wanted)].copy()

    return Picture(
        name, "DICOM segmentation", "ZYX", shape, np.dtype(np.uint16), (Level(shape, (1.0, 1.0), level),), "volume",
        claims=(found.claim,), flags=("orientation_applied",) if _turned(found.frame) else (),
        origin_mm=found.frame.origin_mm, direction=found.frame.direction,
    )  # fmt: skip


def _turned(place: Frame) -> bool:
    """Whether (plane, row, column) is not (Z, Y, X) already."""
    return place.order != (0, 1, 2) or any(place.flip)


def _slide(name: str, found: _dicomtiles.Tiled) -> Picture:
    colour = found.samples == 3
    shape = (*found.shape, 3) if colour else found.shape

    def level(slices: tuple[slice, ...]) -> NDArray[Any]:
        rows, columns, *rest = ranges(slices, shape)
        array = found.read(rows, columns)
        return array[..., rest[0].start : rest[0].stop : rest[0].step] if rest else array

    flags = () if found.segments or found.complete else ("not_scanned",)
    kind = "DICOM segmentation" if found.segments else "DICOM slide"
    return Picture(
        name, kind, "YXS" if colour else "YX", shape, found.dtype, (Level(shape, (1.0, 1.0), level),), "slide",
        claims=found.claims, flags=flags,
    )  # fmt: skip

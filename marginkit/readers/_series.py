"""A DICOM series as one volume: planes sorted along their normal, the gap taken from their positions.

The surprising thing: neither file names nor ``InstanceNumber`` nor ``SliceThickness`` say where a plane lies. Only
``ImagePositionPatient`` does; slices may be thinner or thicker than the distance between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit import files
from marginkit.errors import AxesError, CalibrationError, FileError, GridError, PixelError, SizeError
from marginkit.records import Claim, Floats

from ._dicomfile import Slice, kind, plane, quiet, tags, whole
from ._dicomframes import frames
from ._dicomtiles import is_tiled
from ._patient import Frame, frame
from ._signature import is_dicom
from ._stored import MAX_PIXEL_BYTES

MAX_FILES = 20_000
UNEVEN = 0.01
CALLED_SO = (".dcm", ".dicom", ".ima")
ONE = "Name the file, or one of the series, that you mean."


@dataclass(frozen=True, slots=True)
class Series:
    """Planes in order along their normal, and the frame that turns (plane, row, column) to (Z, Y, X)."""

    slices: tuple[Slice, ...]
    frame: Frame
    claim: Claim
    uneven: bool

    @property
    def shape(self) -> tuple[int, int, int]:
        """(plane, row, column)."""
        return (len(self.slices), *self.slices[0].shape)

    @property
    def paths(self) -> set[str]:
        """The files that hold the planes."""
        return {one.path for one in self.slices}

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the values: stored integers, wider ones where intercepts are whole, else float64."""
        first = self.slices[0]
        scalings = [n for s in self.slices for n in (s.slope, s.intercept)]
        if all((s.slope, s.intercept) == (1.0, 0.0) for s in self.slices):
            return np.dtype(f"{'i' if first.signed else 'u'}{first.bits // 8}")
        return np.dtype(np.int64 if all(n.is_integer() for n in scalings) else np.float64)


def members(path: str) -> list[str]:
    """DICOM files of a folder; of a file: itself and those beside it."""
    folder = Path(path) if Path(path).is_dir() else Path(path).parent
    found = sorted(p for p in folder.iterdir() if p.is_file() and not files.litter(p.name))
    if len(found) > MAX_FILES:
        raise SizeError("E-SIZE-01", "too many files", cause=f"more than {MAX_FILES}", file=Path(path).name)
    return [str(p) for p in found if _belongs(p)]


def _belongs(path: Path) -> bool:
    """Whether a file is DICOM; E-FILE-06 for one that is called so and is not, because a plane may be lost with it."""
    if not path.is_symlink() and path.stat().st_size > 132 and is_dicom(files.head(path, 132)):
        return True
    if path.suffix.lower() in CALLED_SO:
        raise _lost(path, "it is a link" if path.is_symlink() else "the signature of DICOM is missing")
    return False


def _lost(path: str | Path, cause: str) -> FileError:
    remedy = "Copy it again, or take it away if it is not of the series."
    return FileError("E-FILE-06", "a file of the series cannot be read", cause=cause, remedy=remedy, file=path)


def series(path: str) -> Series:
    """The one series of a folder, or the series that a file belongs to."""
    name = Path(path).name
    paths = members(path)
    if not paths:
        raise FileError("E-FILE-09", "no reader knows this file", cause="no DICOM file in it", file=name)
    own = None if Path(path).is_dir() else _series_of(path)
    found: list[Slice] = []
    without: dict[str, str] = {}  # files that hold no image -> what they say that they are
    for member in paths:
        with quiet(Path(member).name):
            there = tags(member)
            if own is not None and str(there.get("SeriesInstanceUID", own)) != own:
                continue
            if is_tiled(there):
                raise AxesError("E-AXE-01", "a folder of slides", cause=Path(member).name, remedy=ONE, file=name)
            planes = _planes(member, there)
            found.extend(planes)
            if not planes:
                without[member] = kind(there)
    _refuse_lost(found, without)
    return _sorted(found, name)


def _series_of(path: str) -> str:
    with quiet(Path(path).name):
        return str(tags(path, ["SeriesInstanceUID"]).get("SeriesInstanceUID", ""))


def _planes(path: str, found: Any) -> list[Slice]:
    """The planes of one file; none where it holds no image, or labels only. Inside ``quiet`` only."""
    if found.get("Modality") == "SEG":
        return []
    if int(found.get("NumberOfFrames", 1) or 1) > 1:
        return frames(path, found)
    one = plane(path, found)
    return [one] if one else []


def _refuse_lost(found: list[Slice], without: dict[str, str]) -> None:
    """Nothing; E-FILE-06 for a file without image that says it is one, or says nothing: it was cut short."""
    kinds = {one.kind for one in found}
    for path, said in without.items():
        if not said or said in kinds:
            raise _lost(path, "it ends before its image")


def _sorted(found: list[Slice], name: str) -> Series:
    """The series of planes in any order; refuses what is not one stack."""
    if not found:
        raise FileError("E-FILE-09", "no image in the DICOM files", file=name)
    _refuse_mixture(found, name)
    first = found[0]
    if len(found) == 1:
        return _single(first, name)
    if first.orientation is None or any(s.position_mm is None for s in found):
        raise AxesError("E-AXE-01", "planes without a position", cause="ImagePositionPatient is missing", file=name)
    row, column = np.array(first.orientation[:3]), np.array(first.orientation[3:])
    normal = np.cross(row, column)
    ordered = sorted(found, key=lambda s: float(normal @ np.array(s.position_mm)))
    places = np.array([s.position_mm for s in ordered], np.float64)
    heights = places @ normal
    if float(np.diff(heights).min()) < 1e-3:
        cause = "two planes at one position: several times, echoes or copies"
        raise AxesError("E-AXE-01", "more than one volume in the series", cause=cause, file=name)
    step = (places[-1] - places[0]) / (len(places) - 1)
    uneven = _uneven(places, step)
    y_mm, x_mm = first.spacing_mm or (1.0, 1.0)
    axes_mm = np.stack([step, column * y_mm, row * x_mm], axis=1)
    turned = frame(axes_mm, places[0], (len(ordered), *first.shape), name)
    return Series(tuple(ordered), turned, _claim(first, turned, np.diff(heights), uneven), uneven)


def _claim(first: Slice, turned: Frame, gaps: Floats, uneven: bool) -> Claim:
    source = "DICOM PixelSpacing and ImagePositionPatient"
    problem = first.problem
    if uneven:
        problem = problem or f"E-CAL-06: gaps between planes from {gaps.min():.4g} to {gaps.max():.4g} mm"
    return Claim(source, None if problem else turned.spacing_mm, f"{len(gaps) + 1} planes", problem)


def _single(only: Slice, name: str) -> Series:
    """A plane by itself: nothing is turned, there is no gap."""
    y_mm, x_mm = only.spacing_mm or (1.0, 1.0)
    flat = frame(np.array([[0, 0, x_mm], [0, y_mm, 0], [1.0, 0, 0]]), np.zeros(3), (1, *only.shape), name)
    claim = Claim("DICOM PixelSpacing", None if only.problem else (y_mm, x_mm), "one plane", only.problem)
    return Series((only,), flat, claim, False)


def _uneven(places: Floats, step: Floats) -> bool:
    """Whether a plane lies elsewhere than equal steps put it."""
    expected = places[0] + np.arange(len(places))[:, None] * step
    return bool(np.sqrt(((places - expected) ** 2).sum(axis=1)).max() > UNEVEN * np.sqrt((step**2).sum()))


def _refuse_mixture(found: list[Slice], name: str) -> None:
    first = found[0]
    count = len({s.series for s in found})
    if count > 1:
        raise AxesError("E-AXE-01", "more than one series in the folder", cause=str(count), remedy=ONE, file=name)
    if first.spacing_mm and not all(0 < n < np.inf for n in first.spacing_mm):
        cause = f"PixelSpacing {first.spacing_mm[0]:g}, {first.spacing_mm[1]:g}"
        raise CalibrationError("E-CAL-02", "impossible spacing", cause=cause, file=name)
    for other in found[1:]:
        alike = (other.shape, other.bits, other.signed, other.place) == (
            first.shape, first.bits, first.signed, first.place,
        )  # fmt: skip
        pairs = ((first.spacing_mm, other.spacing_mm), (first.orientation, other.orientation))
        if not alike or any(not _same(one, two) for one, two in pairs):
            cause = (
                f"{Path(other.path).name} differs from {Path(first.path).name} in size, type, spacing or orientation"
            )
            raise GridError("E-GRID-02", "the planes of the series do not fit", cause=cause, file=name)
    if first.bits not in (8, 16, 32):
        raise PixelError("E-PIX-02", "type of the pixels", cause=f"{first.bits} bits", file=name)
    if len(found) * first.shape[0] * first.shape[1] * 8 > MAX_PIXEL_BYTES:
        raise SizeError("E-SIZE-01", "image larger than the memory limit", cause=f"{len(found)} planes", file=name)
    if min(first.shape) < 1:
        raise PixelError("E-PIX-06", "empty", file=name)


def _same(one: tuple[float, ...] | None, two: tuple[float, ...] | None) -> bool:
    if one is None or two is None:
        return one is two
    return bool(np.allclose(one, two, rtol=1e-5, atol=1e-4, equal_nan=True))


@lru_cache(maxsize=1)
def _decoded(path: str, before: files.Stamp) -> NDArray[Any]:
    """Stored values of one file; the last is kept, because its frames are asked for one by one."""
    with quiet(Path(path).name):
        return np.asarray(whole(path).pixel_array)


@lru_cache(maxsize=2)
def voxels(found: Series) -> NDArray[Any]:
    """All values, (Z, Y, X), read-only; the last two series are kept, because they are asked for in parts."""
    out = np.empty(found.shape, found.dtype)
    for number, one in enumerate(found.slices):
        name = Path(one.path).name
        files.still(one.path, one.before)
        array = _decoded(one.path, one.before)
        array = array if one.frame is None else array[one.frame]
        if array.shape != one.shape:
            cause = f"the header says {one.shape}, decoded {array.shape}"
            raise PixelError("E-PIX-02", "pixels differ from the header", cause=cause, file=name)
        scaled = (one.slope, one.intercept) != (1.0, 0.0)
        wide = found.dtype.type
        out[number] = array.astype(found.dtype) * wide(one.slope) + wide(one.intercept) if scaled else array
        files.still(one.path, one.before)
    turned = np.ascontiguousarray(found.frame.apply(out))
    turned.setflags(write=False)
    return turned

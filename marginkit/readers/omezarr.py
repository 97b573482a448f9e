"""OME-Zarr 0.4 and 0.5: a folder of chunks with axes, units and levels in its attributes.

The surprising thing: a chunk that is not there reads as the fill value, so a folder that was half copied opens as a
picture. Missing chunks are counted and said. Codecs are checked by name before anything is decoded: some run code.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit import files
from marginkit.errors import AxesError, FileError, MarginError, PixelError
from marginkit.geometry.value_runs import ValueRuns
from marginkit.records import Level, Picture

from . import _labeltiles, _ngff, _zarrkeys, _zarrtiles
from ._window import ranges

NAME = "omezarr"
SUFFIXES = (".zarr", ".ome.zarr")


def claims(head: bytes, name: str) -> int:
    """2 for a folder with Zarr metadata."""
    entries = head.split(b"\n")
    return 2 if entries[0] == b"folder" and {b"zarr.json", b".zattrs", b".zgroup"} & set(entries) else 0


def read(path: str) -> Picture:
    """The first multiscale image of the folder."""
    name = Path(path).resolve().name
    files.inside(path)
    image = _ngff.multiscale(Path(path), name)
    arrays = [_array(Path(path), dataset, name) for dataset in image.datasets]
    first = arrays[0]
    keep = _kept(image.axes, first.shape, name)
    axes = "".join(image.axes[i] for i in keep)
    shape = tuple(first.shape[i] for i in keep)
    y, x = axes.index("Y"), axes.index("X")
    levels = []
    for dataset, array in zip(image.datasets, arrays):
        size = tuple(array.shape[i] for i in keep)
        if len(array.shape) != len(image.axes) or array.dtype.newbyteorder("=") != first.dtype.newbyteorder("="):
            raise FileError("E-FILE-10", "levels of mixed types", cause=f"level {dataset!r}", file=name)
        source = Source(path, dataset, size, tuple(keep), len(image.axes), name)
        levels.append(Level(size, (shape[y] / size[y], shape[x] / size[x]), source))
    missing, total = _zarrkeys.missing(Path(path) / image.datasets[0], first)
    dtype = np.dtype(first.dtype).newbyteorder("=")
    notes = list(image.warnings)
    if missing:
        notes.append(f"{missing} of {total} chunks are not there and read as the fill value {first.fill_value!r}")
    channels = image.channels if "C" in axes and len(image.channels) == shape[axes.index("C")] else ()
    return Picture(
        name, f"OME-Zarr {image.version}", axes, shape, dtype, tuple(levels), "unknown", channels,
        _ngff.claims(image, [a.shape for a in arrays], keep),
        flags=("not_scanned",) if missing else (), warnings=tuple(notes),
    )  # fmt: skip


@dataclass(frozen=True)
class Source:
    """The pixels of one level; called with slices it reads the chunks that they meet."""

    path: str
    dataset: str
    shape: tuple[int, ...]
    keep: tuple[int, ...]
    ndim: int
    name: str
    kept: dict[str, ValueRuns] = field(repr=False, compare=False, default_factory=dict)

    def __reduce__(self) -> tuple[object, ...]:
        """Runs that were found do not travel between processes."""
        return Source, (self.path, self.dataset, self.shape, self.keep, self.ndim, self.name)

    def __call__(self, slices: tuple[slice, ...]) -> NDArray[Any]:
        """The pixels of a region, native byte order."""
        return self._window(_array(Path(self.path), self.dataset, self.name), slices)

    def value_runs(self) -> ValueRuns | None:
        """The level as runs of one value, found chunk by chunk; None where it is no plane of plain labels."""
        chunks = self._chunks()
        if chunks is None:
            return None
        if "runs" not in self.kept:
            self.kept["runs"] = _zarrtiles.read(*chunks)[0]
        return self.kept["runs"]

    @contextmanager
    def label_tiles(self) -> Iterator[_labeltiles.OpenTiles | None]:
        """The level's chunks, to be asked for one by one; None where it is no plane of plain labels."""
        chunks = self._chunks()
        yield None if chunks is None else _zarrtiles.opened(*chunks)

    def _chunks(self) -> tuple[Path, Any, tuple[int, int], _zarrtiles.Window, str] | None:
        """The folder, the array, its axes, and what gives a window of it."""
        array = _array(Path(self.path), self.dataset, self.name)
        if len(self.keep) != 2 or not _labeltiles.plain(array.dtype):
            return None
        plane = (self.keep[0], self.keep[1])
        return Path(self.path) / self.dataset, array, plane, lambda where: self._window(array, where), self.name

    def _window(self, stored: Any, slices: tuple[slice, ...]) -> NDArray[Any]:
        wanted = dict(zip(self.keep, ranges(slices, self.shape)))
        index: list[Any] = [0] * self.ndim
        for axis, r in wanted.items():
            index[axis] = slice(r.start, r.stop, r.step)
        try:
            array = np.asarray(stored[tuple(index)])
        except MarginError:
            raise
        except Exception as error:
            cause = files.without_folders(f"level {self.dataset!r}: {error}", self.path)
            raise FileError("E-FILE-05", "part of the image is broken", cause=cause, file=self.name) from error
        return array.astype(array.dtype.newbyteorder("="), copy=False)


def _array(folder: Path, dataset: str, name: str) -> Any:
    """The Zarr array of a level, opened for reading only, after its codecs were looked at."""
    _ngff.check_codecs(folder / dataset, name)
    import zarr

    try:
        array = zarr.open_array(zarr.storage.LocalStore(folder / dataset, read_only=True), mode="r")
    except Exception as error:
        raise FileError(
            "E-FILE-06", "the Zarr array is broken", cause=f"level {dataset!r}: {error}", file=name
        ) from error
    if array.dtype.kind not in "buif":
        raise PixelError("E-PIX-02", "pixel type not supported", cause=str(array.dtype), file=name)
    return array


def _kept(axes: str, shape: Sequence[int], name: str) -> list[int]:
    """The axes that are kept: all but T, C and Z of size 1."""
    if len(axes) != len(shape):
        raise AxesError("E-AXE-01", "axes do not fit", cause=f"axes {axes}, array of shape {tuple(shape)}", file=name)
    if min(shape) < 1:
        raise PixelError("E-PIX-06", "empty image", cause=f"shape {tuple(shape)}", file=name)
    return [i for i, (axis, n) in enumerate(zip(axes, shape)) if axis in "YX" or n > 1]

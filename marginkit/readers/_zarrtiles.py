"""The chunks (or shards) of a Zarr array as ``_tileruns`` wants them: files that may be missing.

The surprising thing: what a missing chunk holds is asked of zarr once, not read from the metadata, for Zarr 2 allows
a fill value of null. Chunks at the right and lower side are stored whole, so that their bytes say as much as others'.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from marginkit import files
from marginkit.errors import SizeError
from marginkit.geometry.value_runs import ValueRuns

from . import _labeltiles, _tileruns, _zarrkeys

MAX_CHUNK_BYTES = 1 << 30
Window = Callable[[tuple[slice, slice]], NDArray[Any]]


def read(
    folder: Path, array: Any, plane: tuple[int, int], window: Window, name: str
) -> tuple[ValueRuns, _tileruns.Tally]:
    """The runs of an array whose other axes have one element, and what it took: see ``_tileruns.read``.

    plane : which of its axes are y and x. window : gives pixels (y, x) of it, or says what is broken.
    """
    return _tileruns.read(_checked(_Chunks(folder, array, plane, window), name))


def opened(folder: Path, array: Any, plane: tuple[int, int], window: Window, name: str) -> _labeltiles.OpenTiles:
    """The array's chunks, to be asked for one by one."""
    found = sorted(file for file in folder.rglob("*") if file.is_file())
    stamps = [(file.relative_to(folder).as_posix(), files.stamp(file)) for file in found]
    table = hashlib.sha256(repr([(path, stamp.size, stamp.mtime_ns) for path, stamp in stamps]).encode()).hexdigest()
    latest = max((stamp.mtime_ns for _, stamp in stamps), default=0)
    whole = files.Stamp(sum(stamp.size for _, stamp in stamps), latest)
    return _labeltiles.OpenTiles(_checked(_Chunks(folder, array, plane, window), name), whole, table)


def _checked(tiles: _Chunks, name: str) -> _Chunks:
    """The same; SizeError E-SIZE-01 where one of them is too large."""
    need = tiles.rows * tiles.columns * tiles.array.dtype.itemsize
    if need > MAX_CHUNK_BYTES:
        cause = f"one chunk needs {need} bytes, limit {MAX_CHUNK_BYTES}"
        raise SizeError("E-SIZE-01", "chunk too large", cause=cause, remedy="Save it in smaller chunks.", file=name)
    return tiles


@dataclass(frozen=True)
class _Chunks:
    """Chunks of a folder; meets ``_labeltiles.Tiles``."""

    folder: Path
    array: Any
    plane: tuple[int, int]
    window: Window

    @property
    def height(self) -> int:
        return int(self.array.shape[self.plane[0]])

    @property
    def width(self) -> int:
        return int(self.array.shape[self.plane[1]])

    @property
    def rows(self) -> int:
        return self._chunk[0]

    @property
    def columns(self) -> int:
        return self._chunk[1]

    @cached_property
    def _chunk(self) -> tuple[int, int]:
        """Pixels of what lies in one file."""
        size = self.array.shards or self.array.chunks
        return int(size[self.plane[0]]), int(size[self.plane[1]])

    @cached_property
    def _there(self) -> set[str]:
        """Names of the files below the folder; one walk is quicker than asking for each."""
        return _zarrkeys.there(self.folder)

    @cached_property
    def _name(self) -> Callable[..., str]:
        return _zarrkeys.namer(self.array)

    @cached_property
    def absent(self) -> int:
        for row in range(-(-self.height // self.rows)):
            for column in range(-(-self.width // self.columns)):
                if self._key(row, column) not in self._there:
                    top, left = row * self.rows, column * self.columns
                    return int(self.window((slice(top, top + 1), slice(left, left + 1)))[0, 0])
        return 0

    def _key(self, row: int, column: int) -> str:
        at = [0] * len(self.array.shape)
        at[self.plane[0]], at[self.plane[1]] = row, column
        return self._name(*at)

    def one(self, row: int, column: int) -> bytes | None:
        key = self._key(row, column)
        if key not in self._there:
            return None
        with open(f"{self.folder}/{key}", "rb") as file:
            return file.read()

    @property
    def tile_bytes(self) -> int:
        return self.rows * self.columns * int(self.array.dtype.itemsize)

    def packed(self, rows: range, most: int) -> list[bytes | None]:
        found = [self.one(row, column) for row in rows for column in range(-(-self.width // self.columns))]
        return [b"" if data is not None and len(data) > most else data for data in found]

    def decoded(self, data: bytes, row: int, column: int, out: _labeltiles.Buffer | None = None) -> NDArray[Any]:
        top, left = row * self.rows, column * self.columns
        low, right = min(top + self.rows, self.height), min(left + self.columns, self.width)
        return self.window((slice(top, low), slice(left, right)))

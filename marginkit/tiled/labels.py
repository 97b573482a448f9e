"""The labels that a search looks at: those of one mask, or a mask of the tumor laid over one of the specimen.

The surprising thing: two masks need no tiles of one size. The tiles of the specimen's mask count, and the tumor's
pixels in one of them are put together from whichever tiles of its own mask hold them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from marginkit import grids
from marginkit.errors import MarginError
from marginkit.geometry.run_mask import RunMask
from marginkit.geometry.value_runs import ValueRuns, overlaid
from marginkit.records import Picture, Region
from marginkit.segmenters.masks import Select, pixels_meant, region_from_picture, runs_meant

TISSUE, STRAY, INSIDE = 1, 2, 3  # of two masks: specimen alone, tumor alone, both
KEPT_TILES = 32  # of the tumor's mask: those beside a tile are asked for again by the next one


@dataclass(frozen=True)
class OpenLabels:
    """A label image whose tiles can be asked for.

    tile : (rows, columns) of one. state : what tells that it is still the same. pixels : of the tile in a row and
    column of tiles, as far as they lie in the image. runs : of the whole image.
    """

    tile: tuple[int, int]
    state: dict[str, Any]
    pixels: Callable[[int, int], NDArray[Any]]
    runs: Callable[[], ValueRuns]


class Labels(Protocol):
    """Where tumor and specimen are.

    picture : whose grid and pixel size count. tumor, specimen : labels. tumor_name : of a mask of its own.
    """

    @property
    def picture(self) -> Picture: ...
    @property
    def tumor(self) -> tuple[int, ...]: ...
    @property
    def specimen(self) -> tuple[int, ...]: ...
    @property
    def tumor_name(self) -> str: ...

    def regions(self) -> tuple[Region, Region]:
        """Tumor and specimen, to be measured whole."""
        ...

    def opened(self) -> Any:
        """Context of ``OpenLabels``; of None where there are no tiles of plain labels."""
        ...


@contextmanager
def _tiles(picture: Picture) -> Iterator[Any]:
    """The tiles of a picture; None where it is no plane of labels in tiles."""
    found = getattr(picture.levels[0].read, "label_tiles", None)
    if found is None or picture.axes != "YX":
        yield None
        return
    with found() as tiles:
        yield tiles


def _state(tiles: Any) -> dict[str, Any]:
    return {"bytes": tiles.stamp.size, "mtime_ns": tiles.stamp.mtime_ns, "table_sha256": tiles.table_sha256}


def _runs(picture: Picture) -> ValueRuns:
    source: Any = picture.levels[0].read
    found: ValueRuns = source.value_runs()
    return found


@dataclass(frozen=True)
class OneMask:
    """Labels of one mask; meets ``Labels``."""

    picture: Picture
    tumor: tuple[int, ...]
    specimen: tuple[int, ...]
    tumor_name: str = ""

    def regions(self) -> tuple[Region, Region]:
        tumor, specimen = (
            region_from_picture(self.picture, Select(labels=labels)) for labels in (self.tumor, self.specimen)
        )
        return tumor, specimen

    @contextmanager
    def opened(self) -> Iterator[OpenLabels | None]:
        with _tiles(self.picture) as tiles:
            if tiles is None:
                yield None
                return
            size = (tiles.tiles.rows, tiles.tiles.columns)
            yield OpenLabels(size, _state(tiles), tiles.pixels, lambda: _runs(self.picture))


@dataclass(frozen=True)
class TwoMasks:
    """A mask of the tumor and one of the specimen; meets ``Labels``. select, tumor_select : what of them is meant."""

    picture: Picture
    select: Select
    tumor_picture: Picture
    tumor_select: Select
    tumor: tuple[int, ...] = (STRAY, INSIDE)
    specimen: tuple[int, ...] = (TISSUE, INSIDE)

    @property
    def tumor_name(self) -> str:
        return self.tumor_picture.name

    def regions(self) -> tuple[Region, Region]:
        tumor = region_from_picture(self.tumor_picture, self.tumor_select)
        specimen = region_from_picture(self.picture, self.select)
        return grids.place(tumor, self.tumor_picture, self.picture), grids.place(specimen, self.picture, self.picture)

    @contextmanager
    def opened(self) -> Iterator[OpenLabels | None]:
        whole = any(
            select.page is not None or select.channel is not None for select in (self.select, self.tumor_select)
        )
        if whole or self.picture.shape != self.tumor_picture.shape:
            yield None
            return
        with ExitStack() as stack:
            tiles, others = (stack.enter_context(_tiles(one)) for one in (self.picture, self.tumor_picture))
            if tiles is None or others is None:
                yield None
                return
            grids.same_pixels(self.tumor_picture, self.picture)
            state = {
                "specimen_mask": {**_state(tiles), "select": str(self.select)},
                "tumor_mask": {**_state(others), "select": str(self.tumor_select)},
            }
            size = (tiles.tiles.rows, tiles.tiles.columns)
            other = _Window(others)

            def pixels(row: int, column: int) -> NDArray[Any]:
                specimen = pixels_meant(tiles.pixels(row, column), self.select)
                top, left = row * size[0], column * size[1]
                ends = top + specimen.shape[0], left + specimen.shape[1]
                window = other.pixels(range(top, ends[0]), range(left, ends[1]))
                tumor = pixels_meant(window, self.tumor_select)
                return specimen * np.uint8(TISSUE) + tumor * np.uint8(STRAY)

            yield OpenLabels(size, state, pixels, self._overlaid)

    def _overlaid(self) -> ValueRuns:
        return overlaid(_mask(self.picture, self.select), _mask(self.tumor_picture, self.tumor_select))


def _mask(picture: Picture, select: Select) -> RunMask:
    try:
        return runs_meant(_runs(picture), select)
    except MarginError as error:
        raise error if error.file else error.about(picture.name) from error


class _Window:
    """Any window of a mask in tiles."""

    def __init__(self, tiles: Any) -> None:
        self._tiles = tiles.tiles
        self._pixels = lru_cache(KEPT_TILES)(tiles.pixels)

    def pixels(self, rows: range, columns: range) -> NDArray[Any]:
        """(len(rows), len(columns)) pixels, from the tiles that hold them."""
        high, wide = self._tiles.rows, self._tiles.columns
        lines = [
            np.concatenate(
                [
                    self._part(row, column, rows, columns)
                    for column in range(columns[0] // wide, columns[-1] // wide + 1)
                ],
                axis=1,
            )
            for row in range(rows[0] // high, rows[-1] // high + 1)
        ]
        return np.concatenate(lines)

    def _part(self, row: int, column: int, rows: range, columns: range) -> NDArray[Any]:
        """What one tile has of a window."""
        top, left = row * self._tiles.rows, column * self._tiles.columns
        inside = (
            slice(max(rows.start - top, 0), rows.stop - top),
            slice(max(columns.start - left, 0), columns.stop - left),
        )
        found: NDArray[Any] = self._pixels(row, column)[inside]
        return found

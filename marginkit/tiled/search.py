"""The search for the closest pair in single tiles, and a measurement of everything where tiles cannot tell."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from marginkit import measuring
from marginkit.errors import FileError, MarginError, MeasureError
from marginkit.geometry import tile_indexing, tile_pair
from marginkit.geometry.tile_index import TileIndex
from marginkit.geometry.tile_mask import TiledMask, TooManyTiles
from marginkit.records import Calibration, Margin
from marginkit.tiled import indexfile
from marginkit.tiled.labels import Labels, OpenLabels
from marginkit.tiled.margin import of_pair

FEW_TILES = 256  # of so many a search pays even where it decodes them all; an estimate
NO_TILES = "the mask is no plane of labels in tiles"


@dataclass(frozen=True)
class Found:
    """A margin and its proof.

    name : of the mask; tumor_name : of the tumor's, where it has one of its own.
    margin : as of a measurement; of a search without what it does not ask for: focus, piece, length of the edge,
    whether the line leaves the tissue, and the distance to the image's border unless the tumor is as near to it.
    outside_mm2 : tumor that lies in no specimen.
    bound_mm : no pair in tiles that were left packed is nearer; None where none was left.
    tiles, decoded : of the mask, and those that were decoded for this answer; of two masks those of the specimen's.
    index : ``read``, ``made`` (the whole mask was read for it, once) or ``none``. whole : why everything was measured
    instead; empty where it was not.
    """

    name: str
    margin: Margin
    calibration: Calibration
    outside_mm2: float
    bound_mm: float | None = None
    tiles: int = 0
    decoded: int = 0
    index: Literal["read", "made", "none"] = "none"
    whole: str = ""
    notes: tuple[str, ...] = ()
    tumor_name: str = ""


@dataclass(frozen=True)
class Indexed:
    """An index of tiles that is kept in a file.

    tiles : of which it tells. index : ``read`` where it was there, or ``made``.
    """

    name: str
    file: str
    tiles: int
    index: Literal["read", "made"]
    notes: tuple[str, ...] = ()


@dataclass
class Search:
    """What was asked. path : of the index."""

    labels: Labels
    calibration: Calibration
    holes: Literal["ignore", "cut"]
    path: Path
    notes: tuple[str, ...] = ()

    def closest(self) -> Found:
        """The closest pair, from as few tiles as prove it. Errors as of ``marginkit.measure``."""
        with self.labels.opened() as tiles:
            return self._whole(NO_TILES) if tiles is None else self._searched(tiles)

    def indexed(self) -> Indexed:
        """The index alone, made where it is not there as the mask is now.

        MeasureError E-MSR-12 where the mask can have none, FileError E-FILE-11 where it cannot be kept.
        """
        with self.labels.opened() as tiles:
            if tiles is None:
                raise MeasureError("E-MSR-12", "no index of tiles", cause=NO_TILES, file=self.labels.picture.name)
            made, how = self._index(tiles, must_keep=True)
            return Indexed(self.labels.picture.name, str(self.path), len(made.holds), how, self._notes())

    def _notes(self) -> tuple[str, ...]:
        return (*self.labels.picture.warnings, *self.notes)

    def _whole(self, why: str) -> Found:
        """The answer from a measurement of everything."""
        found = measuring.measure(
            *self.labels.regions(),
            self.calibration.spacing_mm,
            holes=self.holes,
            relative_uncertainty=self.calibration.relative_uncertainty,
        )
        return self._found(found.margins[0], outside_mm2=found.outside, whole=why)

    def _found(self, margin: Margin, *, outside_mm2: float, **more: Any) -> Found:
        made = Found(self.labels.picture.name, margin, self.calibration, outside_mm2)
        return replace(made, notes=self._notes(), tumor_name=self.labels.tumor_name, **more)

    def _searched(self, tiles: OpenLabels) -> Found:
        """The answer from single tiles, or from a measurement of everything where they cannot give it."""
        try:
            index, how = self._index(tiles)
        except MarginError as error:
            if error.code != "E-SIZE-01":
                raise
            return self._whole(error.cause)
        tumor, specimen = self.labels.tumor, self.labels.specimen
        inside = tuple(label for label in tumor if label in specimen)
        spacing_mm = (self.calibration.spacing_mm[0], self.calibration.spacing_mm[1])
        if not index.count(inside):
            return self._whole("no tile has tumor in the specimen")
        across, most = index.grid.across, max(FEW_TILES, len(index.holds) // 20)
        searched = TiledMask(index, inside, spacing_mm, lambda number: tiles.pixels(*divmod(number, across)), most)
        try:
            pair = tile_pair.closest(searched, self.holes == "cut")
        except TooManyTiles:
            return self._whole(f"more than {most} of {len(index.holds)} tiles can hold the closest pair")
        if pair is None:
            return self._whole("no cut edge on a piece that holds tumor")
        stray = index.count(tuple(set(tumor) - set(specimen)))
        return self._found(
            of_pair(pair, spacing_mm, self.calibration.relative_uncertainty),
            outside_mm2=stray * float(np.prod(spacing_mm)),
            bound_mm=pair.bound_mm if np.isfinite(pair.bound_mm) else None,
            tiles=len(index.holds),
            decoded=len(searched.decoded),
            index=how,
        )

    def _index(self, tiles: OpenLabels, *, must_keep: bool = False) -> tuple[TileIndex, Literal["read", "made"]]:
        """The index of the mask as it is now, and whether it was there."""
        if os.path.exists(self.path):
            try:
                return indexfile.read(self.path, tiles.state, self.labels.specimen), "read"
            except FileError as error:
                if error.code not in ("E-FILE-06", "E-FILE-15"):
                    raise
                self.notes = (*self.notes, f"{error}; it is made again")
        made = tile_indexing.indexed(tiles.runs(), tiles.tile, self.labels.specimen)
        try:
            indexfile.write(self.path, made, tiles.state)
        except FileError as error:
            if must_keep:
                raise
            self.notes = (*self.notes, f"the index of tiles was not kept: {error}")
        return made, "made"

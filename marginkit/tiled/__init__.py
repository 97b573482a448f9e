"""The margin and its closest pair from a label mask in tiles, without measuring, or even decoding, the whole mask.

The surprising thing: nothing is estimated. An index of what lies in which tile, made once and kept beside the mask,
lets a few tiles prove that no other can hold a nearer pair; the answer is that of ``measure()``, to the last bit.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from marginkit import measuring, opening
from marginkit.errors import CalibrationError, FileError, MarginError
from marginkit.geometry import tile_indexing, tile_pair
from marginkit.geometry.tile_index import TileIndex
from marginkit.geometry.tile_mask import TiledMask, TooManyTiles
from marginkit.records import Calibration, Margin, Picture
from marginkit.segmenters.masks import Select, region_from_picture
from marginkit.tiled import indexfile
from marginkit.tiled.margin import of_pair

FEW_TILES = 256  # of so many a search pays even where it decodes them all; an estimate


@dataclass(frozen=True)
class Found:
    """A margin and its proof.

    margin : as of a measurement; of a search without what it does not ask for: focus, piece, length of the edge,
    whether the line leaves the tissue, and the distance to the image's border unless the tumor is as near to it.
    outside_mm2 : tumor that lies in no specimen.
    bound_mm : no pair in tiles that were left packed is nearer; None where none was left.
    tiles, decoded : of the mask, and those that were decoded for this answer. index : ``read``, ``made`` (the whole
    mask was read for it, once) or ``none``. whole : why everything was measured instead; empty where it was not.
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


def closest(
    mask: str | Path,
    *,
    tumor: tuple[int, ...],
    specimen: tuple[int, ...],
    pixel_size: str | None = None,
    confirm: bool = False,
    holes: Literal["ignore", "cut"] = "ignore",
    index: str | Path | None = None,
) -> Found:
    """The margin of a label mask and its closest pair, from as few tiles as prove it.

    Parameters
    ----------
    mask : TIFF in tiles or strips, or OME-Zarr, of one plane of whole numbers.
    tumor, specimen : the labels of the tumor, and of the specimen (with those of the tumor in it).
    pixel_size, confirm : as in ``marginkit.open``. holes : as in ``marginkit.measure``.
    index : where the index of tiles is kept; None: beside the mask, as its name with ``.tiles``.

    Returns
    -------
    Found. An index that is missing, broken or of another state of the mask is made, which reads the mask once. Where
    it cannot decide (more than 64 labels, no plain labels, no cut edge), or where too many tiles are in question,
    everything is measured, and ``whole`` says so.

    Raises
    ------
    CalibrationError : no pixel size. FileError E-FILE-09 : ``index`` is another file. As ``marginkit.measure`` else.

    Examples
    --------
    >>> import tempfile
    >>> from tifffile import imwrite
    >>> labels = np.zeros((64, 64), np.uint8)
    >>> labels[8:56, 8:56] = 1
    >>> labels[20:30, 20:30] = 2
    >>> folder = tempfile.TemporaryDirectory()
    >>> imwrite(f"{folder.name}/mask.tif", labels, tile=(16, 16))
    >>> found = closest(f"{folder.name}/mask.tif", tumor=(2,), specimen=(1, 2), pixel_size="0.5mm")
    >>> found.margin.value_mm, found.margin.closest.edge_px, found.index
    (6.0, (7.5, 19.5), 'made')
    >>> folder.cleanup()
    """
    picture = opening.open(mask, pixel_size=pixel_size, confirm=confirm, mask=True)
    if picture.calibration is None:
        raise picture.refusal or CalibrationError("E-CAL-01", "pixel size missing", file=picture.name)
    job = _Job(mask, picture, picture.calibration, tumor, specimen, holes)
    opened = getattr(picture.levels[0].read, "label_tiles", None)
    if opened is None or picture.axes != "YX":
        return job.whole("the mask is no plane of labels in tiles")
    with opened() as tiles:
        if tiles is None:
            return job.whole("the mask is no plane of labels in tiles")
        return job.searched(tiles, Path(index) if index is not None else indexfile.beside(mask))


@dataclass
class _Job:
    """What was asked."""

    mask: str | Path
    picture: Picture
    calibration: Calibration
    tumor: tuple[int, ...]
    specimen: tuple[int, ...]
    holes: Literal["ignore", "cut"]
    notes: tuple[str, ...] = ()

    def whole(self, why: str) -> Found:
        """The answer from a measurement of everything."""
        tumor, specimen = (
            region_from_picture(self.picture, Select(labels=labels)) for labels in (self.tumor, self.specimen)
        )
        found = measuring.measure(
            tumor,
            specimen,
            self.calibration.spacing_mm,
            holes=self.holes,
            relative_uncertainty=self.calibration.relative_uncertainty,
        )
        return self._found(found.margins[0], outside_mm2=found.outside, whole=why)

    def _found(self, margin: Margin, *, outside_mm2: float, **more: Any) -> Found:
        made = Found(self.picture.name, margin, self.calibration, outside_mm2)
        return replace(made, notes=(*self.picture.warnings, *self.notes), **more)

    def searched(self, tiles: Any, path: Path) -> Found:
        """The answer from single tiles, or from a measurement of everything where they cannot give it."""
        try:
            index, how = self._index(tiles, path)
        except MarginError as error:
            if error.code != "E-SIZE-01":
                raise
            return self.whole(error.cause)
        inside = tuple(label for label in self.tumor if label in self.specimen)
        spacing_mm = (self.calibration.spacing_mm[0], self.calibration.spacing_mm[1])
        if not index.count(inside):
            return self.whole("no tile has tumor in the specimen")
        across, most = index.grid.across, max(FEW_TILES, len(index.holds) // 20)
        searched = TiledMask(index, inside, spacing_mm, lambda number: tiles.pixels(*divmod(number, across)), most)
        try:
            pair = tile_pair.closest(searched, self.holes == "cut")
        except TooManyTiles:
            return self.whole(f"more than {most} of {len(index.holds)} tiles can hold the closest pair")
        if pair is None:
            return self.whole("no cut edge on a piece that holds tumor")
        stray = index.count(tuple(set(self.tumor) - set(self.specimen)))
        return self._found(
            of_pair(pair, spacing_mm, self.calibration.relative_uncertainty),
            outside_mm2=stray * float(np.prod(spacing_mm)),
            bound_mm=pair.bound_mm if np.isfinite(pair.bound_mm) else None,
            tiles=len(index.holds),
            decoded=len(searched.decoded),
            index=how,
        )

    def _index(self, tiles: Any, path: Path) -> tuple[TileIndex, Literal["read", "made"]]:
        """The index of the mask as it is now, and whether it was there."""
        state = {"bytes": tiles.stamp.size, "mtime_ns": tiles.stamp.mtime_ns, "table_sha256": tiles.table_sha256}
        if os.path.exists(path):
            try:
                return indexfile.read(path, state, self.specimen), "read"
            except FileError as error:
                if error.code not in ("E-FILE-06", "E-FILE-15"):
                    raise
                self.notes = (*self.notes, f"{error}; it is made again")
        find: Callable[[], Any] = getattr(self.picture.levels[0].read, "value_runs")  # noqa: B009 - of a reader's source
        made = tile_indexing.indexed(find(), (tiles.tiles.rows, tiles.tiles.columns), self.specimen)
        try:
            indexfile.write(path, made, state)
        except FileError as error:
            self.notes = (*self.notes, f"the index of tiles was not kept: {error}")
        return made, "made"

"""A source to a region that lies on the picture: opened, selected or segmented, placed, and noted for the record.

The surprising thing: what was read is noted where it is read. So the record of a case cannot name a file that was not
used, nor forget one that was.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from marginkit import files, grids, opening, outlined, shelf, sources
from marginkit.errors import AxesError, GridError, MarginError, PixelError, ShelfError, plain
from marginkit.readers import structures
from marginkit.records import Picture, Region
from marginkit.sources import FileSource, SegmenterSource

if TYPE_CHECKING:
    from marginkit.patchwork import Coarse

OUTLINES = (".geojson", ".json", ".xml")
MAY_BE_EMPTY = ("tumor", "signal")
MEASURED = (*MAY_BE_EMPTY, "specimen")


@dataclass
class Fetcher:
    """Fetches regions for one picture.

    plane : the plane of a stack that is measured; None where all are.
    coarse_mm : pixels on which tumor, signal and specimen are segmented first; None: on those of the segmenter.
    coarse : role to what was found so, ready to be asked on finer pixels.
    inputs : role, name and digest of each file that was read. notes : what one should know of them.
    """

    picture: Picture
    plane: int | None = None
    image: str = ""  # path of the picture: contours of a structure set lie on the grid of its series
    inputs: list[dict[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    coarse_mm: float | None = None
    coarse: dict[str, Coarse] = field(default_factory=dict)
    _opened: dict[str, Picture] = field(default_factory=dict)

    def region(self, text: str, role: str, *, lines: bool = False) -> Region:
        """The region that a source means, named after its role.

        lines : open lines are wanted too (barriers). UsageError where the source is not understood; otherwise
        whatever error the file or the segmenter has.
        """
        source = sources.parse(text, shelf.load("segmenters"))
        if isinstance(source, SegmenterSource):
            found = self._segmented(source, role)
        elif _is_outline(source.path):
            found = self._outlined(source, role, lines)
        elif structures.is_structure_set(source.path):
            found = structures.region(source.path, self.image, source.select or None)
            self._note(role, source, files.sha256(source.path))
        else:
            found = self._masked(source, role)
        if role not in MEASURED and found.kind == "probability":
            found = replace(found, data=np.asarray(found.data) >= 0.5)  # what is only asked for where it lies
        return replace(found if self.plane is None else at_plane(found, self.plane, self.picture), name=role)

    def _segmented(self, source: SegmenterSource, role: str) -> Region:
        """What a segmenter finds; ShelfError E-SHELF-06 where somebody else's fails or gives what is no such region."""
        segmenter = shelf.get("segmenters", source.segmenter)
        options = sources.typed_options(segmenter, source.options)
        try:
            found: Region = self._coarsely(segmenter, options, role) or segmenter.segment(self.picture, options)
        except MarginError:
            raise
        except Exception as error:
            if segmenter.__name__.startswith("marginkit."):
                raise
            raise _failed(source, f"{type(error).__name__}: {error}") from error
        if not isinstance(found, Region):
            raise _failed(source, f"it gave no Region but {type(found).__name__}")
        shape, whole = getattr(found.data, "shape", None), self.picture.spatial_shape
        if shape not in (None, whole) and found.spacing_mm is None:
            raise _failed(source, f"its region has shape {shape}, the image {whole}")
        return found

    def _coarsely(self, segmenter: Any, options: Any, role: str) -> Region | None:
        """What a segmenter finds on coarse pixels; None, and a note, where that is not to be had."""
        if self.coarse_mm is None or role not in MEASURED:
            return None
        found = segmenter.coarse(self.picture, options, self.coarse_mm) if hasattr(segmenter, "coarse") else None
        if found is None:
            why = "there is no coarser level" if hasattr(segmenter, "coarse") else "it knows one pixel size"
            self.notes.append(f"{role}: {segmenter.NAME} was not used on coarse pixels, {why}.")
            return None
        region: Region = replace(found.region, name=role)
        self.coarse[role] = replace(found, region=region)
        return region

    def _outlined(self, source: FileSource, role: str, lines: bool) -> Region:
        digest = files.sha256(source.path)
        found, notes = outlined.region(source.path, source.select, self.picture, self.plane, lines=lines)
        self._note(role, source, digest)
        self.notes += [f"{role}: {note}" for note in notes]
        return replace(found, maker=plain(source.name))

    def _masked(self, source: FileSource, role: str) -> Region:
        if source.path not in self._opened:
            self._opened[source.path] = opening.open(source.path, mask=True)
        opened = self._opened[source.path]
        self._note(role, source, opened.sha256)
        found = self._selected(opened, source.select, role)
        placed = grids.place(found, opened, self.picture, flat=self.plane is not None)
        return replace(placed, maker=plain(found.maker))

    def _selected(self, opened: Picture, select: str, role: str) -> Region:
        """The region of a mask file. A label that is nowhere in the file is a region with nothing in it, and a note:
        a label image of a case without tumor has no pixel of that label."""
        from marginkit.segmenters import masks

        chosen = masks.parse_select(select) if select else None
        try:
            return masks.region_from_picture(opened, chosen)
        except PixelError as error:
            if error.code != "E-PIX-05" or chosen is None or not chosen.labels or role not in MAY_BE_EMPTY:
                raise
            self.notes.append(f"{role}: {error}")
            return Region(np.zeros(self.picture.spatial_shape, bool), maker=f"{opened.name} ({chosen})")

    def _note(self, role: str, source: FileSource, digest: str) -> None:
        self.inputs.append({"role": role, "name": plain(Path(source.path).resolve().name), "sha256": digest})


def _failed(source: SegmenterSource, cause: str) -> ShelfError:
    return ShelfError("E-SHELF-06", f"segmenter {source.segmenter!r} failed", cause=cause, remedy="Ask its author.")


def _is_outline(path: str) -> bool:
    """Whether a file holds outlines: by its suffix, or where that says nothing by its first sign."""
    if path.lower().endswith(OUTLINES):
        return True
    return os.path.isfile(path) and files.head(path, 64).lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"<", b"[")


def at_plane(region: Region, plane: int, picture: Picture) -> Region:
    """One plane of a region of a stack, by the plane's index in the picture; outlines are of every plane.

    AxesError E-AXE-04 where the region does not reach that plane.
    """
    if region.kind == "polygon" or np.ndim(region.data) == 2:  # type: ignore[arg-type]
        return region
    data = np.asarray(region.data)
    index = _own_index(region, plane, picture)
    if not 0 <= index < data.shape[0]:
        cause = f"{region.name or 'the region'} has {data.shape[0]} planes, from 0"
        raise AxesError("E-AXE-04", f"no slice {plane}", cause=cause, file=picture.name)
    spacing = None if region.spacing_mm is None else region.spacing_mm[-2:]
    origin = None if region.origin_px is None else region.origin_px[-2:]
    return replace(region, data=data[index], spacing_mm=spacing, origin_px=origin)


def _own_index(region: Region, plane: int, picture: Picture) -> int:
    """Index in the region's own grid of a plane of the picture."""
    if region.spacing_mm is None or picture.spacing_mm is None:
        return plane
    if len(picture.spacing_mm) != 3 or len(region.spacing_mm) != 3:
        raise GridError("E-GRID-01", "planes cannot be matched", cause="the gap between planes is not known")
    first = 0.0 if region.origin_px is None else region.origin_px[0]
    return round((plane - first) * picture.spacing_mm[0] / region.spacing_mm[0])

"""A case of a batch opened to be painted on, and the masks that come of it.

The surprising thing: what was drawn as an outline becomes pixels here, for it is pixels that a brush changes. A mask
that nobody painted on is not kept: only what was corrected wins over the segmenter.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from marginkit import files, ometiff, pipeline, rasters, reading, saving
from marginkit.batch.case import BY_HAND, HAND, corrected
from marginkit.errors import MarginError, UsageError
from marginkit.fetching import Fetcher
from marginkit.pipeline import Job
from marginkit.records import Outcome, Picture, Region

Mask: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True)
class Opened:
    """A case to be corrected: its picture and, by role, the mask of what was found, on a grid of its own.

    problem : why there is no more than the picture, or no region; None where all is there.
    """

    picture: Picture
    regions: Mapping[str, Region]
    problem: MarginError | None = None


def opened(job: Job, root: str | Path) -> Opened:
    """A case with what was found in it, corrections included, as masks that can be painted on.

    MarginError where not even the picture can be opened with a pixel size.
    """
    job = corrected(job, Path(root))
    picture, _ = reading.read(job.image, pixel_size=job.pixel_size, confirm=job.confirm, axes=job.axes, plane=job.plane)
    empty = {role: _empty(picture) for role in (job.role, "specimen")}
    try:
        found, _ = pipeline.segmented(job, Fetcher(picture, None, job.image))
    except MarginError as error:
        return Opened(picture, empty, error)
    return Opened(picture, {role: painted(found[role], picture) for role in empty})


def _empty(picture: Picture) -> Region:
    shape, placed = rasters.grid(picture)
    return Region(np.zeros(shape, bool), *placed)


def painted(region: Region, picture: Picture) -> Region:
    """The region as a mask on a grid that begins at the picture's corner, so that its file lies right on it."""
    if region.kind == "polygon":
        return rasters.drawn(region, picture)
    mask = saving.inside(region)
    if region.spacing_mm is None or picture.spacing_mm is None:
        return replace(region, data=mask)
    ratio = np.array(region.spacing_mm) / np.array(picture.spacing_mm[-mask.ndim :])
    origin = (0.0,) * mask.ndim if region.origin_px is None else region.origin_px
    if np.allclose(origin, (ratio - 1) / 2, atol=1e-6) and _explained(mask.shape, picture):
        return replace(region, data=mask)
    return replace(region, data=_nearest(mask, ratio, origin, picture), spacing_mm=None, origin_px=None)


def _explained(shape: tuple[int, ...], picture: Picture) -> bool:
    """Whether a file of that shape says by itself how it lies: a typed pixel size explains levels only."""
    stated = picture.calibration is not None and picture.calibration.source != "typed"
    levels = [tuple(n for axis, n in zip(picture.axes, level.shape) if axis in "ZYX") for level in picture.levels]
    return stated or shape in [level[-len(shape) :] for level in levels]


def _nearest(mask: Mask, ratio: Any, origin_px: Sequence[float], picture: Picture) -> Mask:
    """The mask on the picture's own pixels: whether the middle of each lies in it."""
    whole = picture.spatial_shape[-mask.ndim :]
    at = [np.floor((np.arange(n) - o) / r + 0.5).astype(np.int64) for n, o, r in zip(whole, origin_px, ratio)]
    there = [(one >= 0) & (one < n) for one, n in zip(at, mask.shape)]
    out = np.zeros(whole, bool)
    out[np.ix_(*there)] = mask[np.ix_(*(one[ok] for one, ok in zip(at, there)))]
    return out


def correct(root: str | Path, case: str, role: str, mask: NDArray[Any], like: Region, picture: Picture) -> Path:
    """Keep a mask that was corrected by hand, on the grid of ``like``; the file that the next run takes.

    GridError where it would not lie on the picture as it was painted. FileError E-FILE-12.
    """
    if role not in BY_HAND:
        raise UsageError("E-USE-14", f"{role} cannot be corrected", cause=f"known are {', '.join(BY_HAND)}")
    region = replace(like, data=np.asarray(mask) != 0)
    spacing = saving.own_spacing_mm(region, picture)
    folder = files.make_folder(Path(root) / "cases" / files.safe_case_name(case) / HAND)
    path = folder / f"{role}.ome.tif"
    stream = io.BytesIO()
    ometiff.write(stream, np.asarray(region.data), spacing, role)
    with files.write_atomic(path) as out:
        out.write(stream.getvalue())
    return path


def take_back(root: str | Path, case: str) -> list[str]:
    """Take the corrections of a case away; the regions that had one."""
    folder = Path(root) / "cases" / files.safe_case_name(case) / HAND
    gone = []
    for role in BY_HAND:
        path = folder / f"{role}.ome.tif"
        if path.is_file():
            path.unlink()
            gone.append(role)
    return gone


def measured(job: Job, root: str | Path) -> Outcome:
    """What the next run will find for a case, with its corrections; nothing is written."""
    return pipeline.run(corrected(job, Path(root)))


def kept(root: str | Path, case: str) -> tuple[str, ...]:
    """Regions of a case that were corrected by hand."""
    folder = Path(root) / "cases" / files.safe_case_name(case) / HAND
    return tuple(role for role in BY_HAND if (folder / f"{role}.ome.tif").is_file())

"""How a mask lies on its image: by its place in the patient, on the same pixels, on a level, or by its pixel size.

The surprising thing: a mask of another shape is never stretched to fit. Something in the files must say how it lies,
and two masks of one shape may still lie in different places; otherwise it is refused.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from marginkit.errors import GridError
from marginkit.records import Calibration, Floats, Picture, Region

SAME = 0.01  # relative: pixel sizes closer than this are one
NEAR_PX = 0.05  # places closer than this are one: headers round
TURNED = 1e-3  # of a unit vector


def place(region: Region, mask: Picture, picture: Picture, *, flat: bool = False) -> Region:
    """The region placed on the picture.

    flat : one plane of a stack is measured, so that a mask of one plane fits too.

    Raises
    ------
    GridError : E-GRID-01 other axes; E-GRID-04 one shape but different pixel sizes; E-GRID-05 another shape that
        nothing explains; E-GRID-06 the mask's own pixel size makes it larger or smaller than the image; E-GRID-07
        turned against the image in the patient.
    """
    region = _without_single_plane(region, len(picture.spatial_shape))
    own, whole = np.shape(region.data), picture.spatial_shape  # type: ignore[arg-type]
    if flat and len(own) == 2:
        whole = whole[-2:]
    if len(own) != len(whole):
        raise GridError(
            "E-GRID-01", "image and mask differ in axes", cause=f"mask {own}, image {whole}", file=mask.name
        )
    if _in_patient(mask) and _in_patient(picture) and len(own) == 3 and len(picture.spacing_mm or ()) == 3:
        return _by_place(region, mask, picture)
    if own == whole:
        return _same_shape(region, mask, picture)
    return _finer(region, _level_of(own, picture) or _by_pixel_size(own, whole, mask, picture), picture)


def _without_single_plane(region: Region, ndim: int) -> Region:
    """A stack of one plane as a plane, where the image is one."""
    shape = np.shape(region.data)  # type: ignore[arg-type]
    if ndim == 2 and len(shape) == 3 and shape[0] == 1:
        return replace(region, data=np.asarray(region.data)[0])
    return region


def _in_patient(picture: Picture) -> bool:
    """Whether the file says where in the patient its voxels lie, in the millimetres that are used."""
    stated = picture.calibration is not None and picture.calibration.source != "typed"
    return picture.origin_mm is not None and picture.direction is not None and stated


def _by_place(region: Region, mask: Picture, picture: Picture) -> Region:
    """The region where its header says it lies; on the image's own grid where that is the same."""
    if np.abs(np.array(mask.direction) - np.array(picture.direction)).max() > TURNED:
        raise GridError(
            "E-GRID-07",
            "mask and image are turned against each other",
            cause=f"axes (Z, Y, X) of the mask {_told(mask)}, of the image {_told(picture)}",
            remedy="Resample the mask to the image.",
            file=mask.name,
        )
    own, whole = np.array(mask.spacing_mm), np.array(picture.spacing_mm)
    shape = np.asarray(region.data).shape
    shift: Floats = np.array(picture.direction) @ (np.array(mask.origin_mm) - np.array(picture.origin_mm)) / whole
    end = shift + (np.array(shape) - 1) * own / whole
    last = np.array(picture.spatial_shape) - 1
    if shape == picture.spatial_shape and np.abs([shift, end - last]).max() <= NEAR_PX:
        return replace(region, spacing_mm=None, origin_px=None)
    return replace(region, spacing_mm=tuple(own.tolist()), origin_px=tuple(shift.tolist()))


def _told(picture: Picture) -> str:
    rows = [", ".join(f"{value:.3g}" for value in row) for row in picture.direction or ()]
    return f"({'; '.join(rows)})"


def _same_shape(region: Region, mask: Picture, picture: Picture) -> Region:
    same_pixels(mask, picture)
    return replace(region, spacing_mm=None, origin_px=None)


def same_pixels(mask: Picture, picture: Picture) -> None:
    """Nothing; GridError E-GRID-04 where a mask of the picture's shape states another pixel size."""
    own, whole = _stated(mask), _stated(picture)
    if own is not None and whole is not None:
        pairs = zip(own.spacing_mm[::-1], whole.spacing_mm[::-1])  # in plane only, where one knows no plane gap
        if any(abs(a / b - 1) > SAME for a, b in pairs):
            raise GridError(
                "E-GRID-04",
                "mask and image have one shape but different pixel sizes",
                cause=f"mask {_size(own)} ({own.source}), image {_size(whole)} ({whole.source})",
                remedy="Correct one of them, or give --pixel-size.",
                file=mask.name,
            )


def _stated(picture: Picture) -> Calibration | None:
    """The calibration that a file states; None where it was typed or is not known."""
    taken = picture.calibration
    return None if taken is None or taken.source == "typed" else taken


def _size(taken: Calibration) -> str:
    return f"{' x '.join(f'{s:.6g}' for s in taken.spacing_mm)} mm"


def _level_of(own: tuple[int, ...], picture: Picture) -> tuple[float, ...] | None:
    """Downsample of the level that has exactly this shape."""
    for level in picture.levels[1:]:
        shape = tuple(n for axis, n in zip(picture.axes, level.shape) if axis in "ZYX")
        if shape[-len(own) :] == own:
            return (*(1.0,) * (len(own) - 2), *level.downsample)
    return None


def _by_pixel_size(own: tuple[int, ...], whole: tuple[int, ...], mask: Picture, picture: Picture) -> tuple[float, ...]:
    """Pixels of the image in one of the mask, by the pixel sizes that both state."""
    one, other = _stated(mask), _stated(picture)
    if one is None or other is None or min(len(one.spacing_mm), len(other.spacing_mm)) < len(own):
        raise GridError(
            "E-GRID-05",
            "mask and image differ in shape",
            cause=f"mask {own}, image {whole}, and no pixel sizes say how one lies on the other",
            remedy="Give a mask of the image's shape or of one of its levels.",
            file=mask.name,
        )
    down = tuple(m / p for m, p in zip(one.spacing_mm[-len(own) :], other.spacing_mm[-len(own) :]))
    if any(abs(n * d - w) > max(d, 1.0) for n, d, w in zip(own, down, whole)):
        raise GridError(
            "E-GRID-06",
            "mask and image cover different areas",
            cause=f"mask {own} of {_size(one)}, image {whole} of {_size(other)}",
            remedy="Give a mask of the whole image.",
            file=mask.name,
        )
    return down


def _finer(region: Region, down: tuple[float, ...], picture: Picture) -> Region:
    """The region on pixels ``down`` times as large, both grids beginning at the same corner."""
    assert picture.spacing_mm is not None
    own_mm = tuple(d * s for d, s in zip(down, picture.spacing_mm[-len(down) :]))
    return replace(region, spacing_mm=own_mm, origin_px=tuple((d - 1) / 2 for d in down))

"""The picture of a case with the pixel size that the measurement needs: of all axes, or of a plane.

The surprising thing: a stack whose planes are an unknown distance apart can be measured all the same, plane by plane.
Only a distance *across* planes needs the gap, and it is never guessed.
"""

from __future__ import annotations

from dataclasses import replace

from marginkit import calibrate, opening
from marginkit.errors import AxesError, CalibrationError, plain
from marginkit.records import Picture


def read(
    image: str, *, pixel_size: str | None, confirm: bool, axes: str | None, plane: int | None
) -> tuple[Picture, int | None]:
    """(picture, plane): a calibrated picture, and the plane to be measured, None for all of it.

    A picture of one plane is measured in that plane. Of a stack whose plane gap is unknown the calibration has two
    values, and the flag ``unknown_plane_gap`` is raised unless one plane was asked for.

    Raises
    ------
    CalibrationError : why there is no pixel size. AxesError : E-AXE-04 no such plane, E-AXE-05 the image is no stack.
    """
    picture = opening.uncalibrated(image, axes=axes)
    chosen = _plane(picture, plane)
    ndim = len(picture.spatial_shape)
    if pixel_size:
        taken = opening.calibrated(picture, pixel_size, ndim=_axes_typed(pixel_size, ndim, chosen))
    else:
        taken = opening.calibrated(picture, confirm=confirm)
        if taken.calibration is None and ndim == 3:
            flat = opening.calibrated(picture, confirm=confirm, ndim=2)
            taken = taken if flat.calibration is None else flat
    if taken.calibration is None:
        raise taken.refusal or CalibrationError("E-CAL-01", "pixel size missing", file=taken.name)
    unknown_gap = len(taken.calibration.spacing_mm) < ndim and chosen is None
    flags = (*taken.flags, "unknown_plane_gap") if unknown_gap else taken.flags
    return replace(taken, name=plain(taken.name), flags=flags), chosen  # a name may hold what no output can


def _plane(picture: Picture, plane: int | None) -> int | None:
    stack = len(picture.spatial_shape) == 3
    count = picture.spatial_shape[0] if stack else 1
    if plane is None:
        return 0 if stack and count == 1 else None
    if not stack:
        raise AxesError("E-AXE-05", "the image is no stack", cause=f"axes {picture.axes}", file=picture.name)
    if not 0 <= plane < count:
        cause = f"the stack has slices 0 to {count - 1}"
        raise AxesError("E-AXE-04", f"no slice {plane}", cause=cause, file=picture.name)
    return plane


def _axes_typed(text: str, ndim: int, plane: int | None) -> int:
    """The number of axes that a typed pixel size is of: for a stack two lengths are of the plane alone."""
    count = len(calibrate.lengths(text))
    return 2 if ndim == 3 and (count == 2 or (count == 1 and plane is not None)) else ndim

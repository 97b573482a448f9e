"""An outline file on its picture: the class that is meant, in pixels of level 0, on the plane that is measured.

The surprising thing: an outline file says neither which image it belongs to nor how large that is. Outlines of another
image, or of another level, would be measured without a word; so outlines that do not lie on the picture are refused.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from marginkit.errors import OutlineError, plain
from marginkit.records import Picture, Region

if TYPE_CHECKING:
    from marginkit.readers.polygons import NamedOutline

SLACK = 0.01  # of the picture's size: drawing programs let an outline reach a little beyond the border


def region(path: str, name: str, picture: Picture, plane: int | None, *, lines: bool) -> tuple[Region, tuple[str, ...]]:
    """(region, notes): the union of the areas of one class, or of all where ``name`` is empty.

    lines : lines are taken too; the region is then a MultiLineString where the class is drawn as lines.

    Raises
    ------
    OutlineError : E-GEO-03 no such class, with those there are; E-GEO-05 another plane, or areas and lines of one
        class; E-GEO-06 outside the picture. FileError : the file cannot be used.
    """
    from marginkit.readers import polygons

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found, notes = _read(path, lines, plane)
        found = polygons.in_pixels(found, picture.spatial_shape[-1])
    try:
        data: Any = polygons.select(found, name or None)
    except OutlineError as error:
        raise error if error.file else error.about(path) from error
    _check_on(picture, data, path)
    flags = tuple(dict.fromkeys(flag for one in found for flag in one.flags))
    return Region(data, flags=flags), (*(plain(str(one.message)) for one in caught), *notes)


def _read(path: str, lines: bool, plane: int | None) -> tuple[list[NamedOutline], tuple[str, ...]]:
    """(outlines, notes): those of the plane; those without a plane of their own are of every plane."""
    from marginkit.readers import polygons

    try:
        found = polygons.read_regions(path, lines=lines)
    except OutlineError as error:
        if error.code != "E-GEO-05" or plane is None:
            raise
        return polygons.read_regions(path, lines=lines, plane=(plane, 0)), ()
    drawn = {one.plane for one in found}
    if plane is None or drawn <= {(plane, 0)}:
        return found, ()
    if drawn <= {(0, 0)}:
        return found, (f"the outlines say no plane: they are used for slice {plane}",)
    return polygons.read_regions(path, lines=lines, plane=(plane, 0)), ()  # refused, with the planes there are


def _check_on(picture: Picture, shape: Any, path: str) -> None:
    """Nothing; E-GEO-06 where the shape reaches beyond the picture."""
    height, width = picture.spatial_shape[-2:]
    x0, y0, x1, y1 = shape.bounds
    beyond_px = max(-x0 / width, -y0 / height, (x1 - width) / width, (y1 - height) / height)
    if beyond_px > SLACK:
        raise OutlineError(
            "E-GEO-06",
            "the outlines do not lie on the image",
            cause=f"x {x0:.6g} to {x1:.6g}, y {y0:.6g} to {y1:.6g}; the image has {width} x {height} pixels",
            remedy="Give outlines of this image, in pixels of its finest level.",
            file=path,
        )

"""From regions, each on its own grid, to a scene whose boundary is known better than a pixel.

The surprising thing: in a mix, what is a mask stays a mask. Its outline is that of its closed pixels, and the result
carries their digitisation, while the other side is measured to its contour or to the polygon itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from shapely.geometry import MultiPolygon

from marginkit.geometry import contour
from marginkit.geometry.crossings import settled
from marginkit.geometry.pixels import Pixels
from marginkit.geometry.polygon import checked, placed
from marginkit.geometry.scene import Scene
from marginkit.geometry.segment_scene import Frame, segment_scene
from marginkit.geometry.surface_scene import surface_scene
from marginkit.geometry.tracing import mask_polygon

if TYPE_CHECKING:
    from marginkit.geometry.build import Ground


@dataclass(frozen=True)
class Drawn:
    """The outline of a region in pixel corners of the image, how it was read, and the pixels behind it."""

    polygon: MultiPolygon
    boundary: str
    pixels: Pixels | None
    flags: tuple[str, ...] = ()


def subpixel_scene(
    tumor: Ground,
    specimen: Ground,
    spacing_mm: tuple[float, ...],
    boundary: Literal["pixels", "contour"],
    holes: Literal["ignore", "cut"],
    link_mm: float,
    level: float = 0.5,
) -> Scene:
    """The scene of a tumor and a specimen of which at least one is no mask, or whose contour was asked for.

    level : of the tumor's probability at which it is measured.
    """
    if len(spacing_mm) == 3:
        return surface_scene(tumor, specimen, spacing_mm, boundary, holes, link_mm, level)
    if boundary == "contour" and tumor.kind == "mask" and _one_grid(tumor, specimen):
        drawn, stray_px2 = _within_specimen(tumor, specimen)
    else:
        drawn, stray_px2 = _drawn(tumor, boundary, "tumor", level), 0.0
    tissue = _drawn(specimen, boundary, "specimen")
    return segment_scene(
        drawn.polygon,
        tissue.polygon,
        spacing_mm,
        frame=_frame(tumor, specimen),
        holes=holes,
        link_mm=link_mm,
        tumor_boundary=drawn.boundary,
        specimen_boundary=tissue.boundary,
        tumor_pixels=drawn.pixels,
        specimen_pixels=tissue.pixels,
        stray_px2=stray_px2,
        flags=tuple(dict.fromkeys((*drawn.flags, *tissue.flags))),
    )


def _drawn(ground: Ground, boundary: str, name: str, level: float = 0.5) -> Drawn:
    """The outline; drawn once for all levels of the other region."""
    if (boundary, level) not in ground.drawn:
        ground.drawn[boundary, level] = _draw(ground, boundary, name, level)
    found: Drawn = ground.drawn[boundary, level]
    return found


def _draw(ground: Ground, boundary: str, name: str, level: float) -> Drawn:
    if ground.kind == "polygon":
        polygon, flags = checked(ground.data, name)
        return Drawn(placed(polygon, ground.ratio, ground.origin_px), "polygon", None, flags)
    if ground.kind == "probability":
        return Drawn(_placed(contour.half_contour(ground.data, level), ground), "contour", None)
    if boundary == "contour":
        return Drawn(_placed(contour.mask_contour(ground.data), ground), "contour", _pixels(ground))
    return Drawn(_placed(mask_polygon(ground.data), ground), "pixels", _pixels(ground))


def _placed(polygon: MultiPolygon, ground: Ground) -> MultiPolygon:
    return placed(polygon, ground.ratio, ground.origin_px)


def _pixels(ground: Ground) -> Pixels:
    return Pixels(ground.data, ground.ratio, ground.origin_px)


def _one_grid(tumor: Ground, specimen: Ground) -> bool:
    """Whether both are arrays on the same pixels."""
    return (
        specimen.kind != "polygon"
        and np.shape(tumor.data) == np.shape(specimen.data)
        and (tumor.ratio, tumor.origin_px) == (specimen.ratio, specimen.origin_px)
    )


def _within_specimen(tumor: Ground, specimen: Ground) -> tuple[Drawn, float]:
    """Contour of the tumor's pixels inside the specimen, touching kept; and the area of the others."""
    tissue = specimen.data if specimen.kind == "mask" else specimen.data >= contour.HALF
    field = contour.smoothed(tissue) if specimen.kind == "mask" else settled(specimen.data, contour.HALF)
    if specimen.kind == "mask" and ("contour", contour.HALF) not in specimen.drawn:
        outline = _placed(contour.half_contour(field), specimen)  # from the field that is here already
        specimen.drawn["contour", contour.HALF] = Drawn(outline, "contour", _pixels(specimen))
    inside = tumor.data & tissue
    polygon = _placed(contour.tumor_contour(inside, tissue, field), tumor)
    pixels = Pixels(inside, tumor.ratio, tumor.origin_px)
    return Drawn(polygon, "contour", pixels), float(np.count_nonzero(tumor.data & ~tissue)) * pixels.area_px2


def _frame(tumor: Ground, specimen: Ground) -> Frame | None:
    """Borders of the image (x0, y0, x1, y1): where the specimen's array ends; of an outline, where the tumor's does."""
    if specimen.kind != "polygon":
        return _extent(specimen)
    on_image = tumor.kind != "polygon" and set(tumor.ratio) == {1.0} and not any(tumor.origin_px)
    return _extent(tumor) if on_image else None


def _extent(ground: Ground) -> Frame:
    shape = np.shape(ground.data)
    low = [o + 0.5 - r / 2 for o, r in zip(ground.origin_px, ground.ratio)]
    high = [a + n * r for a, n, r in zip(low, shape, ground.ratio)]
    return low[1], low[0], high[1], high[0]

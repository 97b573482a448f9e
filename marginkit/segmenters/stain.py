"""What a dye stains: colours taken apart into dyes, and a threshold on one; for markers of tumor.

The surprising thing: a threshold found in the histogram looks at stained tissue only. With the glass in it, Otsu parts
glass from tissue, whatever the marker does.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from marginkit import stains
from marginkit.errors import PixelError, UsageError
from marginkit.patchwork import Coarse
from marginkit.records import Picture, Region
from marginkit.segmenters import _windows
from marginkit.segmenters._levels import around, need_colour, shrunk, size, suited

NAME = "stain"
GIVES = ("tumor", "tissue", "signal")
STRIP_PX = 16_000_000
CACHED_PX = 500_000
LOOK_PX = 1024  # longest side of the picture in which dyes are looked for
STEP = stains.WHOLE / 255  # optical density of one of the 256 that are told apart
BRIGHT = int(255 * 10**-stains.FAINT)  # a stained pixel is darker in one colour at least
Dye = Literal["haematoxylin", "eosin", "dab"]
PARTNERS: dict[str, tuple[str, str]] = {
    "haematoxylin": ("haematoxylin", "eosin"),
    "eosin": ("haematoxylin", "eosin"),
    "dab": ("haematoxylin", "dab"),
}


@dataclass(frozen=True)
class Options:
    """Which dye, and how much of it.

    dye : ``dab`` (brown; with haematoxylin), ``haematoxylin`` or ``eosin`` (with each other).
    above : optical density, or ``otsu``: found among stained pixels.
    dyes : ``published`` colours (Ruifrok and Johnston), or ``estimated`` from the image (Macenko et al.).
    pixel_um : of the pixels that are looked at; the image's own where it has no size.
    smooth_px : sigma of a Gaussian over these, before. fill : fill holes. min_area_mm2 : drop smaller pieces.
    threads : strips at once.
    """

    dye: Dye = "dab"
    above: float | Literal["otsu"] = "otsu"
    dyes: Literal["published", "estimated"] = "published"
    pixel_um: float = 1.0
    smooth_px: float = 2.0
    fill: bool = False
    min_area_mm2: float = 0.0
    threads: int = 2

    def __post_init__(self) -> None:
        fine = (
            1 <= self.threads <= 64
            and self.pixel_um > 0
            and 0 <= self.smooth_px <= 100
            and 0 <= self.min_area_mm2 < np.inf
        )
        if not fine or (not isinstance(self.above, str) and not 0 <= self.above < stains.WHOLE):
            cause = f"above is 0 to {stains.WHOLE}, smooth_px 0 to 100, pixel_um positive, min_area_mm2 not negative"
            raise UsageError("E-USE-03", "stain: options not understood", cause=cause)


def segment(picture: Picture, options: Options) -> Region:
    """A mask of what is stained, on pixels of about ``pixel_um``.

    Raises
    ------
    PixelError : E-PIX-04 nothing is stained, or all alike, where something is to be found in the image.
    AxesError : E-AXE-05 no plane of colours. CalibrationError : ``min_area_mm2`` without a pixel size.
    """
    where = _pixels(picture, options)
    dyes, at = _dyes(picture, options)
    amount, counts = _amounts(picture, where, dyes, at, options.smooth_px, options.threads)
    above = otsu(counts, picture.name) * STEP if isinstance(options.above, str) else options.above
    spacing, origin = where.placed(picture)
    mask = _tidied(amount > above / STEP, options, spacing or picture.spacing_mm)
    return Region(mask, spacing, origin, maker=_told(options, above))


def coarse(picture: Picture, options: Options, pixel_mm: float) -> Coarse | None:
    """The mask on a coarser level, to be asked again on pixels of the options; None where there is no such level.

    Otsu's value is found on the coarser level; ``moved`` has the same at values as far off as that moves when pixels
    are twice as large.
    """
    fine, level = _pixels(picture, options), suited(picture, pixel_mm)
    if level <= fine.level:
        return None
    down = picture.levels[level].downsample
    where = _windows.Grid(level, 1, size(picture, level), down)
    ratio = down[0] / fine.ratio[0], down[1] / fine.ratio[1]
    dyes, at = _dyes(picture, options)
    amount, counts = _amounts(picture, where, dyes, at, options.smooth_px / ratio[0], options.threads)
    above, off = (options.above, 0.0) if not isinstance(options.above, str) else _found(amount, counts, picture.name)
    spacing, origin = where.placed(picture)
    halo_px = int(np.ceil(4 * options.smooth_px))

    def ask(above: float, rows: slice, columns: slice) -> NDArray[np.bool_]:
        wide = around(rows, fine.shape[0], halo_px), around(columns, fine.shape[1], halo_px)
        seen = _smoothed(_windows.window(picture, fine, *wide), options.smooth_px)
        top, left = rows.start - wide[0].start, columns.start - wide[1].start
        seen = seen[top : top + rows.stop - rows.start, left : left + columns.stop - columns.start]
        return measured(seen, dyes, at)[0] > above / STEP

    def found(above: float, moved: tuple[Coarse, ...] = ()) -> Coarse:
        return Coarse(
            Region(_tidied(amount > above / STEP, options, spacing), spacing, origin),
            fine.shape,
            *fine.placed(picture),
            ratio,
            partial(ask, above),
            f"{_told(options, above)} on level {level}",
            halo_px,
            tidied=options.fill or options.min_area_mm2 > 0,
            filled=options.fill,
            moved=moved,
        )

    return found(above, (found(above - off), found(above + off)) if off else ())


def _pixels(picture: Picture, options: Options) -> _windows.Grid:
    """The pixels that are looked at."""
    need_colour(picture, NAME)
    if options.min_area_mm2 and picture.spacing_mm is None:
        raise picture.refusal or UsageError("E-USE-06", "min_area_mm2 needs a pixel size", file=picture.name)
    own_um = 1000 * max(picture.spacing_mm[-2:]) if picture.spacing_mm is not None else 0.0
    return _windows.grid(picture, None if picture.spacing_mm is None else max(options.pixel_um, own_um), 0.5, NAME)


def _told(options: Options, above: float) -> str:
    how = options.above if isinstance(options.above, str) else "given"
    return f"stain {options.dye}, colours {options.dyes}, above {above:.3f} optical density ({how})"


def _found(amount: NDArray[np.uint8], counts: NDArray[np.int64], name: str) -> tuple[float, float]:
    """(optical density of Otsu, how far it moves when pixels are twice as large)."""
    import cv2

    found = otsu(counts, name) * STEP
    height, width = (n // 2 for n in amount.shape)
    larger = cv2.resize(amount[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)
    stained = np.bincount(larger[larger > 0], minlength=256)
    return found, abs(otsu(stained.astype(np.int64), name) * STEP - found) if (stained > 0).sum() > 1 else 0.0


def _dyes(picture: Picture, options: Options) -> tuple[stains.Matrix, int]:
    """(matrix, row of the wanted dye). An estimated dye is the one nearer to the published colour."""
    names = PARTNERS[options.dye]
    at = names.index(options.dye)
    published = stains.matrix(names)
    if options.dyes == "published":
        return published, at
    level = len(picture.levels) - 1 if picture.spacing_mm is not None else 0
    look = shrunk(picture, level, max(1, max(size(picture, level)) // LOOK_PX))
    try:
        found = stains.estimated(look)
    except PixelError as error:
        raise error.about(picture.name) from error
    swapped = found[[1, 0, 2]]
    nearer = max((found, swapped), key=lambda rows: float((rows[:2] * published[:2]).sum()))
    return nearer, at


def _amounts(
    picture: Picture, where: _windows.Grid, dyes: stains.Matrix, at: int, sigma_px: float, threads: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """(densities of the dye on the grid, their histogram over stained pixels), strip by strip."""
    height, width = where.shape
    out = np.empty(where.shape, np.uint8)
    rows = max(16, STRIP_PX // max(1, width * where.step**2))

    def strip(first: int) -> NDArray[np.int64]:
        last = min(first + rows, height)
        halo = int(np.ceil(4 * sigma_px))
        top = max(0, first - halo)
        pixels = _windows.window(picture, where, slice(top, min(height, last + halo)), slice(0, width))
        out[first:last], counts = measured(_smoothed(pixels, sigma_px)[first - top : last - top], dyes, at)
        return counts

    with ThreadPoolExecutor(threads) as pool:
        return out, np.sum(list(pool.map(strip, range(0, height, rows))), axis=0)


def _smoothed(pixels: NDArray[Any], sigma_px: float) -> NDArray[Any]:
    import cv2

    if not sigma_px:
        return pixels
    side = 2 * int(np.ceil(4 * sigma_px)) + 1
    return np.asarray(cv2.GaussianBlur(pixels, (side, side), sigma_px, borderType=cv2.BORDER_REPLICATE))


def measured(colours: NDArray[np.uint8], dyes: stains.Matrix, at: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """(densities of a dye, their histogram over stained pixels), a few rows at a time, which stay in the cache."""
    import cv2

    out = np.empty(colours.shape[:2], np.uint8)
    counts = np.zeros(256, np.int64)
    rows = max(1, CACHED_PX // max(1, colours.shape[1]))
    for first in range(0, len(colours), rows):
        part = np.ascontiguousarray(colours[first : first + rows])
        found = out[first : first + rows]
        found[:] = stains.amount(part, dyes, at)
        red, green, blue = cv2.split(part)
        stained = cv2.threshold(cv2.min(cv2.min(red, green), blue), BRIGHT, 255, cv2.THRESH_BINARY_INV)[1]
        here = cv2.calcHist([cv2.bitwise_and(found, stained)], [0], None, [256], (0, 256)).ravel().astype(np.int64)
        here[0] -= stained.size - cv2.countNonZero(stained)  # those that are not stained were counted as 0
        counts += here
    return out, counts


def otsu(counts: NDArray[np.int64], name: str) -> float:
    """The value between two densities that parts the classes best: the middle of a gap where there is one."""
    from skimage.filters import threshold_otsu

    if (counts > 0).sum() < 2:
        cause = f"{int(counts.sum())} stained pixels, {int((counts > 0).sum())} densities"
        raise PixelError("E-PIX-04", "nothing to part", cause=cause, remedy="Give above=DENSITY.", file=name)
    find: Any = threshold_otsu
    below = int(find(hist=(counts, np.arange(256))))
    above = below + 1 + int(np.flatnonzero(counts[below + 1 :])[0])
    return (below + above) / 2


def _tidied(mask: NDArray[np.bool_], options: Options, spacing_mm: Any) -> NDArray[np.bool_]:
    from scipy import ndimage

    if options.fill:
        mask = np.asarray(ndimage.binary_fill_holes(mask), np.bool_)
    if not options.min_area_mm2:
        return mask
    import cv2

    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    keep = stats[:, cv2.CC_STAT_AREA] * spacing_mm[-1] * spacing_mm[-2] >= options.min_area_mm2
    keep[0] = False
    return np.asarray(keep[labels], np.bool_)

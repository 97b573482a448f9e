"""The specimen: tissue on glass, a specimen in a photograph, or one that glows faintly in fluorescence.

The surprising thing: brightness finds dust, pen and the slide's own edge as readily as tissue. On glass it is the
*colour* of the stains that counts: haematoxylin and eosin take away green; dust and shadow take all colours alike; pens
take others. Marks that cling to tissue as a thin coat are margin ink and belong to the specimen, others do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from marginkit.errors import PixelError, UsageError
from marginkit.patchwork import Coarse
from marginkit.records import Picture, Region
from marginkit.segmenters import _glass, _ground
from marginkit.segmenters._channels import channel
from marginkit.segmenters._levels import around, grid, is_colour, need_colour, rgb, shrunk, size, suited

NAME = "specimen"
GIVES = ("tissue",)
FIRST_LOOK_PX = 1500  # longest side of the picture on which the decisions are made
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Options:
    """What the specimen lies on.

    ground : ``glass`` (stained tissue, light behind), ``dark`` or ``plain`` (a photograph on black, on one colour),
        ``fluorescence`` (the specimen's own glow), or found from the picture: ``auto``.
    channel : of fluorescence: the channel's name or number; empty for the only one.
    sensitivity : factor of the sensitivity, 1; larger finds paler tissue, smaller leaves more out.
    min_share : pieces smaller than this share of the largest are left out.
    largest : keep the largest piece only. fill : fill all holes; ``auto`` fills those of photographs (glare).
    pixel_um : the outline is found on the coarsest level whose pixels are at most this large.
    """

    ground: Literal["auto", "glass", "dark", "plain", "fluorescence"] = "auto"
    channel: str = ""
    sensitivity: float = 1.0
    min_share: float = 0.01
    largest: bool = False
    fill: bool | Literal["auto"] = "auto"
    pixel_um: float = 8.0

    def __post_init__(self) -> None:
        if not (0.1 <= self.sensitivity <= 10 and 0 <= self.min_share <= 1 and self.pixel_um > 0):
            cause = "sensitivity is 0.1 to 10, min_share 0 to 1, pixel_um positive"
            raise UsageError("E-USE-03", "specimen: options not understood", cause=cause)


def segment(picture: Picture, options: Options) -> Region:
    """The specimen as a mask on the picture's grid, or on that of a coarser level (its own spacing).

    Nothing that looks like tissue: an empty mask, not an error. Flag ``several_pieces`` where there are.

    Raises
    ------
    PixelError : E-PIX-04 one value everywhere. AxesError : E-AXE-05 no plane of colours.
    """
    if options.ground == "fluorescence" or (options.ground == "auto" and not is_colour(picture)):
        return _glowing(picture, options)
    mask, count, _, told = _decided(picture, options, suited(picture, options.pixel_um / 1000))
    return _region(picture, mask, suited(picture, options.pixel_um / 1000), count, told)


def coarse(picture: Picture, options: Options, pixel_mm: float) -> Coarse | None:
    """The specimen on a coarser level, whose outline is to be asked again on that of the options.

    The first look is taken on the coarser level, so that the finer one is not read for it. None where there is no
    coarser one, of a specimen that glows, or where the finer one is small enough for a first look.
    """
    fine, level = suited(picture, options.pixel_um / 1000), suited(picture, pixel_mm)
    step = _step(picture, fine)
    if not is_colour(picture) or options.ground == "fluorescence" or level <= fine or step == 1:
        return None
    mask, count, rule, told = _decided(picture, options, level)
    down, own = picture.levels[level].downsample, picture.levels[fine].downsample
    halo_px, shape = 4 * step, size(picture, fine)

    def ask(rows: slice, columns: slice) -> Mask:
        wide = around(rows, shape[0], halo_px), around(columns, shape[1], halo_px)
        top, left = rows.start - wide[0].start, columns.start - wide[1].start
        found: Mask = rule.pixels(rgb(picture, fine, *wide), step)
        return found[top : top + rows.stop - rows.start, left : left + columns.stop - columns.start]

    return Coarse(
        _region(picture, mask, level, count, told),
        shape,
        *grid(picture, fine),
        (down[0] / own[0], down[1] / own[1]),
        ask,
        _region(picture, mask, fine, count, f"{told} on level {level}").maker,
        halo_px,
        keeps="outline",
        filled=options.fill is True or (options.fill == "auto" and not isinstance(rule, _glass.Rule)),
    )


def _step(picture: Picture, level: int) -> int:
    """Pixels of a level along one of the first look."""
    return -(-max(size(picture, level)) // FIRST_LOOK_PX)


def _decided(picture: Picture, options: Options, level: int) -> tuple[Mask, int, Any, str]:
    """(mask of a level, number of pieces, the rule for its pixels, all in words)."""
    need_colour(picture, NAME)
    step = _step(picture, level)
    look = shrunk(picture, level, step)
    if (look == look[0, 0]).all():
        cause = f"every pixel is {tuple(look[0, 0].tolist())}"
        raise PixelError("E-PIX-04", "constant image", cause=cause, file=picture.name)
    ground = _ground.kind(look) if options.ground == "auto" else options.ground
    rule: Any = _glass.Rule.of(look, options.sensitivity) if ground == "glass" else _ground.Rule.of(look, ground)
    fill = options.fill if options.fill != "auto" else ground != "glass"
    mask, count = pieces(rule.decide(look), options.min_share, options.largest, fill)
    mask = mask if step == 1 else refined(picture, level, step, mask, rule)
    return mask, count, rule, f"specimen on {ground}, {rule.told}"


def _region(picture: Picture, mask: Mask, level: int, count: int, told: str) -> Region:
    flags = ("several_pieces",) if count > 1 else ()
    where = f", level {level}" if level else ""
    return Region(mask, *grid(picture, level), maker=f"{told}, {count} pieces{where}", flags=flags)


def pieces(mask: Mask, min_share: float, largest: bool, fill: bool) -> tuple[Mask, int]:
    """(mask, number of pieces): without the small ones, holes filled where asked; 2-D or 3-D."""
    from scipy import ndimage

    if fill:
        mask = np.asarray(ndimage.binary_fill_holes(mask), bool)
    labels, count = ndimage.label(mask, np.ones((3,) * mask.ndim))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    if not count:
        return mask, 0
    keep = (sizes >= max(1, min_share * sizes.max())) & (np.arange(count + 1) > 0)
    if largest:
        keep &= np.arange(count + 1) == sizes.argmax()
    return keep[labels], int(keep.sum())


def refined(picture: Picture, level: int, step: int, coarse: Mask, rule: Any) -> Mask:
    """The coarse mask on the level's own pixels; within one coarse pixel of its outline each pixel is asked again."""
    import cv2

    height, width = size(picture, level)
    square = np.ones((3, 3), np.uint8)
    inner, outer = (f(coarse.astype(np.uint8), square) > 0 for f in (cv2.erode, cv2.dilate))
    out = np.repeat(np.repeat(inner, step, 0), step, 1)[:height, :width]
    tile, halo = 64, 4 * step
    for y in range(0, coarse.shape[0], tile):
        for x in range(0, coarse.shape[1], tile):
            asked = (outer & ~inner)[y : y + tile, x : x + tile]
            if not asked.any():
                continue
            top, left = y * step, x * step
            rows, columns = (slice(max(0, v - halo), v + tile * step + halo) for v in (top, left))
            own = rule.pixels(rgb(picture, level, rows, columns), step)[top - rows.start :, left - columns.start :]
            here = out[top : top + tile * step, left : left + tile * step]
            fine = np.repeat(np.repeat(asked, step, 0), step, 1)[: here.shape[0], : here.shape[1]]
            here |= fine & own[: here.shape[0], : here.shape[1]]
    return out


def _glowing(picture: Picture, options: Options) -> Region:
    """The specimen by its own fluorescence: what is brighter than the empty ground, glowing spots included."""
    from scipy import ndimage

    level = suited(picture, options.pixel_um / 1000) if "Z" not in picture.axes else 0
    pixels, name = channel(picture, options.channel, level)
    values = np.where(np.isfinite(pixels), pixels, 0).astype(np.float32)
    if values.min() == values.max():
        cause = f"every pixel is {values.flat[0]:g}"
        raise PixelError("E-PIX-04", "constant image", cause=cause, file=picture.name)
    sigma_px = max(1.0, max(values.shape[-2:]) / 700)
    values = ndimage.gaussian_filter(values, (*(1.0,) * (values.ndim - 2), sigma_px, sigma_px))
    value = _ground.glow_threshold(values, options.sensitivity)
    mask, count = pieces(values > value, options.min_share, options.largest, options.fill is not False)
    return _region(picture, mask, level, count, f"specimen by its glow, {name} above {value:.6g}")

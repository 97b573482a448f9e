"""The specimen: tissue on glass, a specimen in a photograph, or one that glows faintly in fluorescence.

The surprising thing: brightness finds dust, pen and the slide's own edge as readily as tissue. On glass it is the
*colour* of the stains that counts: haematoxylin and eosin take away green; dust and shadow take all colours alike; pens
take others. Marks that cling to tissue as a thin coat are margin ink and belong to the specimen, others do not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, partial
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
LOOK_UM = (
    8.0  # they are made on pixels as large as this, where the pyramid has them, however fine the outline is wanted
)
LOOK_PIXELS = 64  # of the first look along a window in which pixels are asked again
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
    level, look = suited(picture, options.pixel_um / 1000), _looked(picture, options)
    return _region(picture, look.on(level), level, look.count, look.told)


def coarse(picture: Picture, options: Options, pixel_mm: float) -> Coarse | None:
    """The specimen on a coarser level, to be asked again on that of the options; both by the same first look.

    None where no level is coarser, at most as coarse as the first look, or of a specimen that glows.
    """
    if options.ground == "fluorescence" or not is_colour(picture):
        return None
    fine, look_mm = suited(picture, options.pixel_um / 1000), max(options.pixel_um, LOOK_UM) / 1000
    level = suited(picture, min(pixel_mm, look_mm))
    if level <= fine:
        return None
    look = _looked(picture, options)
    down, own = picture.levels[level].downsample, picture.levels[fine].downsample
    return Coarse(
        _region(picture, look.on(level), level, look.count, look.told),
        size(picture, fine),
        *grid(picture, fine),
        (down[0] / own[0], down[1] / own[1]),
        partial(look.asked, fine),
        _region(picture, look.mask, fine, look.count, f"{look.told}, first on level {level}").maker,
        look.halo_px(fine),
    )


@dataclass(frozen=True, eq=False)
class _Look:
    """What was decided at first look, on blocks of ``step`` squared pixels of a level: mask, number of pieces, rule."""

    picture: Picture
    level: int
    step: int
    mask: Mask
    count: int
    rule: Any
    told: str

    def ratio(self, level: int) -> tuple[float, float]:
        """Pixels of a level along one of the first look."""
        own, other = (self.picture.levels[one].downsample for one in (self.level, level))
        return self.step * own[0] / other[0], self.step * own[1] / other[1]

    def halo_px(self, level: int) -> int:
        """Pixels of a level that are smoothed over, to each side."""
        return math.ceil(4 * max(self.ratio(level)))

    @cached_property
    def _sure(self) -> tuple[Mask, Mask]:
        """(where all, where any of the pixels around are in the mask)."""
        import cv2

        square = np.ones((3, 3), np.uint8)
        inner, outer = (f(self.mask.astype(np.uint8), square) > 0 for f in (cv2.erode, cv2.dilate))
        return inner, outer

    def on(self, level: int) -> Mask:
        """The mask on a level; where that is finer, each pixel near the outline is asked again."""
        if self.ratio(level) == (1.0, 1.0):
            return self.mask
        height, width = size(self.picture, level)
        out = np.zeros((height, width), bool)
        side = [max(1, round(LOOK_PIXELS * ratio)) for ratio in self.ratio(level)]
        for top in range(0, height, side[0]):
            for left in range(0, width, side[1]):
                window = slice(top, min(top + side[0], height)), slice(left, min(left + side[1], width))
                out[window] = self.asked(level, *window)
        return out

    def asked(self, level: int, rows: slice, columns: slice) -> Mask:
        """The mask in a window of a level: within a pixel of the first look of its outline each pixel is asked."""
        ratio = self.ratio(level)
        at = [
            np.minimum((np.arange(one.start, one.stop) + 0.5) // by, n - 1).astype(np.int64)
            for one, by, n in zip((rows, columns), ratio, self.mask.shape)
        ]
        inner, outer = (one[np.ix_(*at)] for one in self._sure)
        if not (outer & ~inner).any():
            return inner
        wide = [around(s, n, self.halo_px(level)) for s, n in zip((rows, columns), size(self.picture, level))]
        own = self.rule.pixels(rgb(self.picture, level, *wide), max(ratio))
        top, left = rows.start - wide[0].start, columns.start - wide[1].start
        found: Mask = inner | (outer & own[top : top + len(at[0]), left : left + len(at[1])])
        return found


def _looked(picture: Picture, options: Options) -> _Look:
    """The first look, on the level of the options or one of pixels of at most ``LOOK_UM``, whichever is coarser."""
    need_colour(picture, NAME)
    level = suited(picture, max(options.pixel_um, LOOK_UM) / 1000)
    step = -(-max(size(picture, level)) // FIRST_LOOK_PX)
    look = shrunk(picture, level, step)
    if (look == look[0, 0]).all():
        cause = f"every pixel is {tuple(look[0, 0].tolist())}"
        raise PixelError("E-PIX-04", "constant image", cause=cause, file=picture.name)
    ground = _ground.kind(look) if options.ground == "auto" else options.ground
    rule: Any = _glass.Rule.of(look, options.sensitivity) if ground == "glass" else _ground.Rule.of(look, ground)
    fill = options.fill if options.fill != "auto" else ground != "glass"
    mask, count = pieces(rule.decide(look), options.min_share, options.largest, fill)
    return _Look(picture, level, step, mask, count, rule, f"specimen on {ground}, {rule.told}")


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

"""Surgical ink on the specimen's outline, by colour.

The surprising thing: most of what is coloured like ink is none. Felt pen lies on the glass beyond the specimen, nuclei
are blue, blood is red. So only a coat that lies along the outline counts; a stroke that leaves it is pen. And colours
mix: blue over yellow reads green, so green that touches both is left ``unassigned``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from marginkit.errors import PixelError, UsageError
from marginkit.records import Picture, Region
from marginkit.segmenters import _glass, _windows, specimen
from marginkit.segmenters._inkcolours import (
    COLOURS,
    PALETTE,
    Ink,
    agreed,
    as_text,
    black_cores,
    brown,
    chosen,
    classify,
    from_told,
    patch,
    unmixed,
)
from marginkit.segmenters._levels import need_colour, rgb, shrunk, size

NAME = "ink"
GIVES = ("ink",)
CLASSES = COLOURS
Mask: TypeAlias = NDArray[np.bool_]
Colour: TypeAlias = Literal["all", "black", "blue", "green", "yellow", "orange", "red", "unassigned"]
LEAST_CORE = 0.15  # share of a coat of black that is truly black
FEWEST_PEN_PX = 50  # fewer are specks
SHARE_OF_SPECIMEN = 0.03  # of its mean diameter: depth where the pixel size is unknown, and the most it can be


@dataclass(frozen=True)
class Options:
    """What counts as ink.

    colour : one colour, or ``all`` assigned ones. depth_mm : ink lies within this of the outline; without a pixel
        size 3 % of the specimen's diameter. sensitivity : larger finds paler ink.
    palette : own colours as ``blue=215/25+yellow=45/30``: hue and tolerance in degrees; others keep theirs. Or a
        palette file (see ``marginkit palette``).
    pixel_um : found on pixels of about this size, averaged from finer ones.
    """

    colour: Colour = "all"
    depth_mm: float = 0.7
    sensitivity: float = 1.0
    palette: str = ""
    pixel_um: float = 8.0

    def __post_init__(self) -> None:
        if not (self.depth_mm > 0 and 0.1 <= self.sensitivity <= 10 and self.pixel_um > 0):
            cause = "depth_mm and pixel_um are positive, sensitivity 0.1 to 10"
            raise UsageError("E-USE-03", "ink: options not understood", cause=cause)
        chosen(self.palette)


@dataclass(frozen=True)
class Inks:
    """The inks of one specimen.

    masks : pixels of each colour that is there, ``unassigned`` among them. zones : the strip along the outline that
    each marks: names of margins. length_px : of outline per colour, and ``none``: not inked; in pixels of ``region``'s
    grid. specimen : its mask. spacing_mm, origin_px : of the grid, as in Region. pixel_mm : side of its pixels, None
    where the image has no pixel size. pen_px : pixels of pen left out. brown :
    whether most of the yellow is brown.
    """

    masks: Mapping[str, Mask]
    zones: Mapping[str, Mask]
    length_px: Mapping[str, float]
    specimen: Mask
    spacing_mm: tuple[float, ...] | None
    origin_px: tuple[float, ...] | None
    pixel_mm: float | None
    pen_px: int
    brown: bool
    told: str

    @property
    def flags(self) -> tuple[str, ...]:
        """Names from ``marginkit.flags``."""
        raised = {
            "uninked_edge": self.length_px.get("none", 0.0) > 0,
            "ink_unassigned": self.length_px.get("unassigned", 0.0) > 0,
            "brown_ink": self.brown,
            "pen_left_out": self.pen_px >= FEWEST_PEN_PX,
        }
        return tuple(name for name, there in raised.items() if there)

    def lengths_mm(self) -> dict[str, float]:
        """Outline that each colour covers, and ``none``, in mm; nothing where there is no pixel size."""
        if self.pixel_mm is None:
            return {}
        return {name: length * self.pixel_mm for name, length in self.length_px.items()}


def segment(picture: Picture, options: Options) -> Region:
    """The pixels of ink, of one colour or of all that are assigned; flag ``uninked_edge`` where outline is bare."""
    inks = find(picture, options)
    wanted = [c for c in inks.masks if c != "unassigned"] if options.colour == "all" else [options.colour]
    mask = np.zeros(inks.specimen.shape, bool)
    for colour in wanted:
        mask |= inks.masks.get(colour, False)
    return Region(mask, inks.spacing_mm, inks.origin_px, maker=f"{inks.told}, {options.colour}", flags=inks.flags)


def named(inks: Inks, names: Mapping[str, str]) -> dict[str, Region]:
    """Regions by margin name, from ``{"blue": "superior"}``: the strips of outline that the inks mark.

    UsageError E-USE-10 where a colour that is named is not on the specimen.
    """
    if missing := [colour for colour in names if colour not in inks.zones]:
        cause = f"found {', '.join(inks.zones) or 'none'}"
        remedy = "Look at segment --what ink, or change palette and sensitivity."
        raise UsageError("E-USE-10", f"no {missing[0]} ink on the outline", cause=cause, remedy=remedy)
    return {
        name: Region(inks.zones[colour], inks.spacing_mm, inks.origin_px, name, f"{inks.told}, {colour}")
        for colour, name in names.items()
    }


def find(picture: Picture, options: Options, own: Region | None = None) -> Inks:
    """The inks on the outline of the specimen. own : the specimen, where it was drawn or found otherwise."""
    need_colour(picture, NAME)
    where = _grid(picture, options)
    look = np.ascontiguousarray(_windows.window(picture, where, *(slice(0, n) for n in where.shape)))
    if own is None:
        own = specimen.segment(picture, specimen.Options("glass", pixel_um=options.pixel_um))
    whole = filled(_windows.resampled(own, picture, where))
    spacing, origin = where.placed(picture)
    pixel_mm = None if picture.spacing_mm is None else float(np.mean(spacing or picture.spacing_mm[-2:]))
    depth_px = _depth_px(options, whole, pixel_mm)
    palette = {**PALETTE, **chosen(options.palette)}
    labels = classify(look, _glass.glass_colour(look), palette, options.sensitivity)
    labels, pen_px = on_outline(labels, whole, depth_px)
    labels = without_pale_black(labels, black_cores(look, _glass.glass_colour(look)), depth_px)
    labels = unmixed(agreed(labels, depth_px / 2), depth_px / 2)
    masks = {colour: labels == i for i, colour in enumerate(COLOURS, 1) if (labels == i).any()}
    zones, length_px = along(labels, whole, depth_px)
    depth = f"{depth_px:.3g} px" if pixel_mm is None else f"{depth_px * pixel_mm:.3g} mm"
    told = f"ink within {depth} of the outline"
    yellow = masks.get("yellow", np.zeros(whole.shape, bool))
    dried = int(yellow.sum()) < 2 * int((yellow & brown(look, _glass.glass_colour(look))).sum())
    return Inks(masks, zones, length_px, whole, spacing, origin, pixel_mm, pen_px, dried, told)


def picked(picture: Picture, box: tuple[int, int, int, int]) -> Ink:
    """The colour of a patch of ink, (y, x, height, width) px. PixelError where it shows none, or lies outside."""
    need_colour(picture, NAME)
    height, width = size(picture, 0)
    top, left = box[:2]
    if not (top < height and left < width and min(box[2:]) > 0):
        cause = f"{box} in an image of {height} x {width} (y, x)"
        raise PixelError("E-PIX-04", "the patch lies outside", cause=cause, file=picture.name)
    coarsest = len(picture.levels) - 1 if picture.spacing_mm is not None else 0
    look = shrunk(picture, coarsest, max(1, max(size(picture, coarsest)) // 1024))
    try:
        colours = rgb(picture, 0, slice(top, top + box[2]), slice(left, left + box[3]))
        return patch(colours, _glass.glass_colour(look))
    except PixelError as error:
        raise error.about(picture.name) from error


def _grid(picture: Picture, options: Options) -> _windows.Grid:
    """Pixels of about ``pixel_um``; the image's own where they are coarser, or of no known size."""
    if picture.spacing_mm is None:
        return _windows.grid(picture, None, 0, NAME)
    return _windows.grid(picture, max(options.pixel_um, 1000 * max(picture.spacing_mm[-2:])), 0.5, NAME)


def filled(mask: Mask) -> Mask:
    """The mask without holes."""
    from scipy import ndimage

    return np.asarray(ndimage.binary_fill_holes(mask), bool)


def _depth_px(options: Options, whole: Mask, pixel_mm: float | None) -> float:
    most_px = max(3.0, SHARE_OF_SPECIMEN * 2 * float(np.sqrt(whole.sum() / np.pi)))
    return most_px if pixel_mm is None else min(max(2.0, options.depth_mm / pixel_mm), most_px)


def on_outline(labels: NDArray[np.uint8], whole: Mask, depth_px: float) -> tuple[NDArray[np.uint8], int]:
    """(labels of ink that lies along the outline, pixels of pen left out).

    Marks that a stroke joins are one; where a fifth of it lies beyond the depth outside the specimen it is pen.
    """
    from scipy import ndimage

    marks = labels > 0
    if not whole.any():
        return np.zeros_like(labels), int(marks.sum())
    outside_px = ndimage.distance_transform_edt(~whole)
    inside_px = ndimage.distance_transform_edt(np.pad(whole, 1))[1:-1, 1:-1]
    joined, count = ndimage.label(_glass.grown(marks, max(2, round(depth_px / 4))), np.ones((3, 3)))
    sizes = np.maximum(np.bincount(joined[marks], minlength=count + 1), 1)
    off = np.bincount(joined[marks & (outside_px > depth_px)], minlength=count + 1) / sizes
    pen = (off > 0.2)[joined] & marks
    near = marks & ~pen & (outside_px <= depth_px) & (inside_px <= depth_px)
    rim = (outside_px <= 3) & (inside_px <= 3)
    coat = _glass.with_seed(_glass.grown(near, 1), rim & near) & near
    coat &= dense(coat, depth_px)
    return np.where(coat, labels, 0).astype(np.uint8), int(pen.sum())


def dense(coat: Mask, depth_px: float) -> Mask:
    """Where the coat is no speck: its pieces, a sixth of the depth apart at most, of more pixels than the depth is."""
    from scipy import ndimage

    labels, count = ndimage.label(_glass.grown(coat, max(1, round(depth_px / 6))), np.ones((3, 3)))
    enough = np.bincount(labels[coat], minlength=count + 1) >= max(10.0, 1.5 * depth_px)
    enough[0] = False
    return enough[labels]


def without_pale_black(labels: NDArray[np.uint8], cores: Mask, depth_px: float) -> NDArray[np.uint8]:
    """The labels without coats of black in which hardly a pixel is truly black: dark nuclei and folds at the edge."""
    from scipy import ndimage

    black = labels == COLOURS.index("black") + 1
    pieces, count = ndimage.label(_glass.grown(black, max(1, round(depth_px / 6))), np.ones((3, 3)))
    sizes = np.maximum(np.bincount(pieces[black], minlength=count + 1), 1)
    pale = np.bincount(pieces[black & cores], minlength=count + 1) < LEAST_CORE * sizes
    return np.where(black & pale[pieces], 0, labels).astype(np.uint8)


def along(labels: NDArray[np.uint8], whole: Mask, depth_px: float) -> tuple[dict[str, Mask], dict[str, float]]:
    """(zones, outline lengths in px): each bit of outline to the ink within half the depth of it."""
    from scipy import ndimage

    length_px = dict.fromkeys((*COLOURS, "none"), 0.0)
    zone = np.zeros_like(labels)
    if labels.any():
        away_px = ndimage.distance_transform_edt(labels == 0)
        rim_px = np.where(whole, ndimage.distance_transform_edt(whole), ndimage.distance_transform_edt(~whole))
        zone = np.where((away_px <= depth_px / 2) & (rim_px <= depth_px), _votes(labels, depth_px / 3), 0)
        zone = zone.astype(np.uint8)
    for bit_px, label in zip(*_bits(whole, zone)):
        length_px["none" if label == 0 else COLOURS[label - 1]] += float(bit_px)
    zones = {colour: zone == i for i, colour in enumerate(COLOURS, 1) if (zone == i).any()}
    return zones, {name: value for name, value in length_px.items() if value > 0}


def _votes(labels: NDArray[np.uint8], reach_px: float) -> NDArray[np.uint8]:
    """The colour that holds most of the ink around each pixel; ``unassigned`` where it holds less than 60 %."""
    from scipy import ndimage

    here = [ndimage.gaussian_filter((labels == i).astype(np.float64), reach_px) for i in range(1, len(COLOURS) + 1)]
    known = np.stack(here[:-1])
    total = np.maximum(known.sum(axis=0), 1e-12)
    clear = (known.max(axis=0) >= 0.6 * total) & (total > here[-1])
    return np.where(clear, known.argmax(axis=0) + 1, len(COLOURS)).astype(np.uint8)


def _bits(whole: Mask, zone: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Lengths in px of the outline's bits, and the zone in which each lies; the frame of the image is no outline."""
    from skimage import measure

    lengths, labels = [np.zeros(0)], [np.zeros(0, np.uint8)]
    for line in measure.find_contours(whole.astype(np.float32), 0.5):  # type: ignore[no-untyped-call]
        middle = np.round((line[1:] + line[:-1]) / 2).astype(int)
        lengths.append(np.linalg.norm(np.diff(line, axis=0), axis=1))
        labels.append(zone[middle[:, 0], middle[:, 1]])
    return np.concatenate(lengths), np.concatenate(labels)


__all__ = [
    "COLOURS",
    "GIVES",
    "NAME",
    "Ink",
    "Inks",
    "Options",
    "as_text",
    "find",
    "from_told",
    "named",
    "picked",
    "segment",
]

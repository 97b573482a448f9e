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

from marginkit.errors import UsageError
from marginkit.records import Picture, Region
from marginkit.segmenters import _glass, specimen
from marginkit.segmenters._inkcolours import COLOURS, PALETTE, Ink, agreed, classify, from_text, unmixed
from marginkit.segmenters._levels import grid, need_colour, rgb, suited

NAME = "ink"
GIVES = ("ink",)
CLASSES = COLOURS
Mask: TypeAlias = NDArray[np.bool_]
Colour: TypeAlias = Literal["all", "black", "blue", "green", "yellow", "orange", "red", "unassigned"]
SHARE_OF_SPECIMEN = 0.03  # of its mean diameter: depth where the pixel size is unknown, and the most it can be


@dataclass(frozen=True)
class Options:
    """What counts as ink.

    colour : one colour, or ``all`` assigned ones. depth_mm : ink lies within this of the outline; without a pixel
        size 3 % of the specimen's diameter. sensitivity : larger finds paler ink.
    palette : own colours as ``blue=215/25+yellow=45/30``: hue and tolerance in degrees; others keep theirs.
    pixel_um : found on the coarsest level whose pixels are at most this large.
    """

    colour: Colour = "all"
    depth_mm: float = 0.5
    sensitivity: float = 1.0
    palette: str = ""
    pixel_um: float = 8.0

    def __post_init__(self) -> None:
        if not (self.depth_mm > 0 and 0.1 <= self.sensitivity <= 10 and self.pixel_um > 0):
            cause = "depth_mm and pixel_um are positive, sensitivity 0.1 to 10"
            raise UsageError("E-USE-03", "ink: options not understood", cause=cause)
        from_text(self.palette)


@dataclass(frozen=True)
class Inks:
    """The inks of one specimen.

    masks : pixels of each colour that is there, ``unassigned`` among them. zones : the strip along the outline that
    each marks: names of margins. length_px : of outline per colour, and ``none``: not inked; in pixels of ``region``'s
    grid. specimen : its mask. spacing_mm, origin_px : of the grid, as in Region. pen_px : pixels of pen left out.
    """

    masks: Mapping[str, Mask]
    zones: Mapping[str, Mask]
    length_px: Mapping[str, float]
    specimen: Mask
    spacing_mm: tuple[float, ...] | None
    origin_px: tuple[float, ...] | None
    pen_px: int
    told: str


def segment(picture: Picture, options: Options) -> Region:
    """The pixels of ink, of one colour or of all that are assigned; flag ``uninked_edge`` where outline is bare."""
    inks = find(picture, options)
    wanted = [c for c in inks.masks if c != "unassigned"] if options.colour == "all" else [options.colour]
    mask = np.zeros(inks.specimen.shape, bool)
    for colour in wanted:
        mask |= inks.masks.get(colour, False)
    flags = ("uninked_edge",) if inks.length_px.get("none", 0.0) > 0 else ()
    return Region(mask, inks.spacing_mm, inks.origin_px, maker=f"{inks.told}, {options.colour}", flags=flags)


def named(picture: Picture, names: Mapping[str, str], options: Options | None = None) -> dict[str, Region]:
    """Regions by margin name, from ``{"blue": "superior"}``: the strips of outline that the inks mark.

    UsageError E-USE-10 where a colour that is named is not on the specimen.
    """
    inks = find(picture, options or Options())
    if missing := [colour for colour in names if colour not in inks.zones]:
        cause = f"found {', '.join(inks.zones) or 'none'}"
        remedy = "Look at segment --what ink, or change palette and sensitivity."
        raise UsageError("E-USE-10", f"no {missing[0]} ink on the outline", cause=cause, remedy=remedy)
    return {
        name: Region(inks.zones[colour], inks.spacing_mm, inks.origin_px, name, f"{inks.told}, {colour}")
        for colour, name in names.items()
    }


def find(picture: Picture, options: Options, own: Mask | None = None) -> Inks:
    """The inks on the outline of the specimen. own : the specimen on the same grid, where it was drawn."""
    need_colour(picture, NAME)
    level = suited(picture, options.pixel_um / 1000)
    look = rgb(picture, level, slice(None))
    if own is None:
        found = specimen.segment(picture, specimen.Options("glass", pixel_um=options.pixel_um))
        own = np.asarray(found.data)
    whole = filled(own)
    spacing, origin = grid(picture, level)
    depth_px = _depth_px(picture, options, whole, level)
    palette = {**PALETTE, **from_text(options.palette)}
    labels = classify(look, _glass.glass_colour(look), palette, options.sensitivity)
    labels, pen_px = on_outline(labels, whole, depth_px)
    labels = unmixed(agreed(labels, depth_px / 2), depth_px / 2)
    masks = {colour: labels == i for i, colour in enumerate(COLOURS, 1) if (labels == i).any()}
    zones, length_px = along(labels, whole, depth_px)
    told = f"ink within {depth_px:.3g} px of the outline"
    return Inks(masks, zones, length_px, whole, spacing, origin, pen_px, told)


def filled(mask: Mask) -> Mask:
    """The mask without holes."""
    from scipy import ndimage

    return np.asarray(ndimage.binary_fill_holes(mask), bool)


def _depth_px(picture: Picture, options: Options, whole: Mask, level: int) -> float:
    most_px = max(3.0, SHARE_OF_SPECIMEN * 2 * float(np.sqrt(whole.sum() / np.pi)))
    if picture.spacing_mm is None:
        return most_px
    own_mm = max(picture.spacing_mm[-2:]) * max(picture.levels[level].downsample)
    return min(max(2.0, options.depth_mm / own_mm), most_px)


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


__all__ = ["COLOURS", "GIVES", "NAME", "Ink", "Inks", "Options", "find", "named", "segment"]

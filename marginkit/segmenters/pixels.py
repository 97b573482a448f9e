"""Tumor, or any class that was scribbled, by a pixel classifier that ``marginkit train`` made.

The surprising thing: it works on blocks of two by two of the model's pixels, and its probability lies on that grid. The
margin follows the ½-level between block centres, and its interval the levels to either side.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit.classifier import features, model
from marginkit.classifier.features import ALIGN_PX, BLOCK_PX, HALO_PX
from marginkit.classifier.model import Card, Model
from marginkit.errors import CalibrationError, ModelError, UsageError, plain
from marginkit.records import Picture, Region
from marginkit.segmenters import _windows
from marginkit.segmenters._levels import shrunk, size
from marginkit.segmenters._training import Scribbles, train
from marginkit.segmenters._windows import Grid

NAME = "pixels"
GIVES = ("tumor", "tissue", "signal")
TILE_PX = 2048
OVERVIEW_PX = 1024
STRANGE = 0.3  # share of pixels in tints that the training images did not have: another stain


@dataclass(frozen=True)
class Options:
    """Which classifier.

    model : the file that ``marginkit train`` wrote. target : the class that is wanted; empty: ``tumor``, or the second
    of two. min_area_mm2 : smaller islands are left out of the value; the interval keeps them. threads : tiles at once.
    """

    model: str = ""
    target: str = ""
    min_area_mm2: float = 0.0
    threads: int = 2

    def __post_init__(self) -> None:
        if not (1 <= self.threads <= 64 and 0 <= self.min_area_mm2 < np.inf):
            cause = "threads is 1 to 64, min_area_mm2 is not negative"
            raise UsageError("E-USE-03", "pixels: options not understood", cause=cause)


def segment(picture: Picture, options: Options) -> Region:
    """The probability of one class, float32, on blocks of two by two of the model's pixels.

    Raises
    ------
    UsageError : E-USE-03 no model was named, or no such class.
    ModelError : E-MOD-01 the file is no model, E-MOD-02 its card cannot be used, E-MOD-05 the image is not of the kind
        that it was trained on: channels, pixel size, colours.
    CalibrationError : the model wants a pixel size and the image has none.
    """
    if not options.model:
        raise UsageError(
            "E-USE-03",
            "pixels: no model",
            remedy="Give model=FILE; scribbles make one (marginkit train, or Train in napari).",
        )
    trained = model.read(options.model)
    target = _target(trained.card, options.target)
    where = fitting(picture, trained, options.model)
    name = plain(Path(options.model).name)
    told = f"pixels {name}, {trained.card.classes[target]} of {', '.join(trained.card.classes)}"
    found = probability(picture, trained, target, where, options.threads)
    if options.min_area_mm2:
        if picture.spacing_mm is None:
            raise picture.refusal or CalibrationError("E-CAL-01", "pixel size missing", file=picture.name)
        spacing_mm, _ = where.placed(picture, BLOCK_PX)
        if spacing_mm is not None:
            _doubt_small(found, options.min_area_mm2 / (spacing_mm[0] * spacing_mm[1]))
    return placed(picture, found, where, told)


def placed(picture: Picture, chance: NDArray[Any], where: Grid, maker: str) -> Region:
    """Blocks of a grid as a region of the picture; of one without a pixel size on the picture's own pixels."""
    if picture.spacing_mm is None:
        return Region(_enlarged(chance, where.shape), maker=maker)
    spacing_mm, origin_px = where.placed(picture, BLOCK_PX)
    return Region(chance, spacing_mm, origin_px, maker=maker)


def _doubt_small(chance: NDArray[np.float32], fewest: float) -> None:
    """Islands of fewer blocks become just less likely than not: within the interval, not within the value."""
    import cv2

    _, labels, stats, _ = cv2.connectedComponentsWithStats((chance >= 0.5).astype(np.uint8), connectivity=8)
    small = stats[:, cv2.CC_STAT_AREA] < fewest
    small[0] = False
    chance[small[labels]] = np.float32(0.499)


def _enlarged(blocks: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
    """The blocks on the picture's own pixels, linear between them: without a pixel size no other grid can be told."""
    import cv2

    whole = cv2.resize(blocks, (blocks.shape[1] * BLOCK_PX, blocks.shape[0] * BLOCK_PX))
    return np.ascontiguousarray(whole[: shape[0], : shape[1]])


def _target(card: Card, wanted: str) -> int:
    name = wanted or ("tumor" if "tumor" in card.classes else card.classes[1] if len(card.classes) == 2 else "")
    if name not in card.classes:
        cause = f"there are {', '.join(card.classes)}"
        raise UsageError("E-USE-03", f"pixels: no class {name!r}", cause=cause, remedy="Give target=CLASS.")
    return card.classes.index(name)


def fitting(picture: Picture, trained: Model, name: str) -> Grid:
    """The grid on which the model can look at the picture; E-MOD-05 where it was not made for it."""
    card = trained.card
    have, wanted = _windows.channels(picture, NAME), 3 if card.colours else len(card.ranges)
    if have != wanted or (have == 3 and card.colours != ("S" in picture.axes)):
        cause = f"{picture.name} has {have} channels, the model takes {wanted}{' colours' if card.colours else ''}"
        raise ModelError("E-MOD-05", "the model was not made for this image", cause=cause, file=name)
    where = _windows.grid(picture, card.pixel_um, card.pixel_tolerance, name)
    if card.colours:
        _check_colours(picture, trained, where, name)
    return where


def _check_colours(picture: Picture, trained: Model, where: Grid, name: str) -> None:
    """Refuses a picture whose tints are not those of the training images: another stain, another lamp."""
    coarsest = len(picture.levels) - 1 if picture.spacing_mm is not None else 0
    seen = model.tints(shrunk(picture, coarsest, max(1, max(size(picture, coarsest)) // OVERVIEW_PX)))
    strange = float(seen[~trained.colours].sum())
    if strange > STRANGE:
        cause = f"{strange:.0%} of {picture.name} has colours that its training images did not have"
        remedy = "Train with images of this stain."
        raise ModelError("E-MOD-05", "the model was not made for this image", cause=cause, remedy=remedy, file=name)


def probability(picture: Picture, trained: Model, target: int, where: Grid, threads: int = 2) -> NDArray[Any]:
    """The probability of a class on blocks of the grid, tile by tile; not one bit depends on the tiles."""
    shape = tuple(-(-n // BLOCK_PX) for n in where.shape)
    out = np.zeros(shape, np.float32)

    def one(tile: tuple[slice, slice]) -> None:
        planes, inner = tile_features(picture, where, trained.card, *tile)
        scores = trained.forest.scores([np.ascontiguousarray(plane[inner]) for plane in planes])
        blocks = tuple(slice(s.start // BLOCK_PX, -(-s.stop // BLOCK_PX)) for s in tile)
        out[blocks] = trained.forest.chance(scores, target)

    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(one, tiles(where.shape)):
            pass
    return out


def tiles(shape: tuple[int, int], side: int = TILE_PX) -> Iterator[tuple[slice, slice]]:
    """Windows that cover a grid, each beginning on a multiple of ``ALIGN_PX``."""
    assert side % ALIGN_PX == 0
    for top in range(0, shape[0], side):
        for left in range(0, shape[1], side):
            yield slice(top, min(top + side, shape[0])), slice(left, min(left + side, shape[1]))


def tile_features(
    picture: Picture, where: Grid, card: Card, rows: slice, columns: slice
) -> tuple[list[NDArray[np.uint8]], tuple[slice, slice]]:
    """(planes, window): the features of a tile with what surrounds it, and where in them the tile lies."""
    wide = tuple(
        slice(max(0, one.start - HALO_PX), min(length, one.stop + HALO_PX))
        for one, length in zip((rows, columns), where.shape)
    )
    channels = as_channels(_windows.window(picture, where, *wide), card.colours, card.ranges)
    inner = tuple(
        slice((one.start - around.start) // BLOCK_PX, -(-(one.stop - around.start) // BLOCK_PX))
        for one, around in zip((rows, columns), wide)
    )
    return features.compute(channels, card.features), (inner[0], inner[1])


def as_channels(
    pixels: NDArray[Any], colours: bool, ranges: tuple[tuple[float, float], ...]
) -> tuple[NDArray[np.uint8], ...]:
    """8-bit planes of pixels (y, x, channel): colours with their stains, or counts within the trained ranges."""
    if colours:
        return features.with_stains(np.ascontiguousarray(pixels))
    spread = [(pixels[..., i] - low) * (255 / (high - low)) for i, (low, high) in enumerate(ranges)]
    return tuple(np.clip(np.round(one), 0, 255).astype(np.uint8) for one in spread)


__all__ = ["GIVES", "NAME", "Options", "Scribbles", "segment", "train"]

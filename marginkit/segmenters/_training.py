"""Makes a pixel classifier from scribbles: features where somebody drew, a forest over them, and a card.

The surprising thing: a block that was drawn over in two classes teaches neither. And however often a picture is
repeated, its pixels are sampled in the same way, so that the same scribbles give the same model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit.classifier import features, forest, model
from marginkit.classifier.features import BLOCK_PX, HALO_PX, Feature
from marginkit.classifier.model import Card, Model
from marginkit.errors import MissingExtraError, ModelError, PixelError
from marginkit.records import Picture
from marginkit.segmenters import _windows
from marginkit.segmenters._levels import is_colour, shrunk, size
from marginkit.segmenters._windows import Grid

USUAL_UM = 1.0  # tumor and stroma differ on this scale; finer costs time and tells no more
TOLERANCE = 0.25
TILE_PX = 512
MOST_PX = 40_000  # blocks of a class
FEWEST_PX = 50
COMMON = 1e-3  # share of a training image that a tint must have to count as seen


@dataclass(frozen=True, eq=False)
class Scribbles:
    """A picture and what was drawn on it.

    labels : (y, x) whole numbers, 0 where nothing was drawn, 1, 2, … for the classes. ratio : pixels of the picture's
    level 0 in one of them, (y, x).
    """

    picture: Picture
    labels: NDArray[Any]
    ratio: tuple[float, float] = (1.0, 1.0)


def train(drawn: Sequence[Scribbles], classes: Sequence[str], *, pixel_um: float | None = None, seed: int = 0) -> Model:
    """The classifier that scribbles teach.

    pixel_um : size of the pixels that it looks at; None: 1 µm, or the coarsest pixel of the pictures, or their own
    pixels where none has a size.

    Raises
    ------
    ModelError : E-MOD-05 the pictures differ in kind, E-MOD-06 too few pixels of a class were drawn.
    PixelError : E-PIX-02 a label beyond the classes. MissingExtraError : E-EXTRA-01 scikit-learn is not installed.
    """
    _check_installed()
    wanted_um = _pixel_um(drawn, pixel_um)
    colours, channels = _kind(drawn)
    ranges = () if colours else _ranges(drawn)
    every = features.every(3 + len(features.STAINS) if colours else len(ranges))
    values, labels = [], []
    for one in drawn:
        where = _windows.grid(one.picture, wanted_um, TOLERANCE, "the model")
        for planes, known in _sampled(one, where, every, colours, ranges, len(classes)):
            values.append(planes)
            labels.append(known)
    pixels, known = np.concatenate(values), np.concatenate(labels)
    chosen = _evenly(known, classes, seed)
    grown, kept = forest.fit(pixels[chosen], known[chosen], seed=seed)
    counts = np.bincount(known, minlength=len(classes))
    card = Card(
        classes=tuple(classes),
        colours=colours,
        channels=channels,
        ranges=ranges,
        pixel_um=wanted_um,
        pixel_tolerance=TOLERANCE,
        features=tuple(every[i] for i in kept),
        log_odds_step=grown.log_odds_step,
        trained_px=tuple(int(count) for count in counts),
        images=tuple(sorted(one.picture.sha256 for one in drawn)),
        version=_version(),
    )
    return Model(card, grown, _tints(drawn) if colours else np.ones((model.BINS, model.BINS), bool))


def _check_installed() -> None:
    try:
        import sklearn  # type: ignore[import-untyped]  # noqa: F401
    except ImportError as error:
        remedy = 'Install it: pip install "marginkit[train]".'
        raise MissingExtraError("E-EXTRA-01", "scikit-learn is not installed", remedy=remedy) from error


def _pixel_um(drawn: Sequence[Scribbles], given_um: float | None) -> float | None:
    sizes = [one.picture.spacing_mm for one in drawn]
    known = [1000 * max(size[-2:]) for size in sizes if size is not None]
    if len(known) < len(sizes):
        if known or given_um is not None:
            cause = f"{len(known)} of {len(sizes)} images have a pixel size"
            raise ModelError("E-MOD-05", "the images differ in kind", cause=cause, remedy="Give --pixel-size.")
        return None
    return given_um or max(USUAL_UM, *known)


def _kind(drawn: Sequence[Scribbles]) -> tuple[bool, tuple[str, ...]]:
    """(colours or not, names of channels); E-MOD-05 where the pictures differ."""
    kinds = {(is_colour(one.picture), _windows.channels(one.picture, "training")) for one in drawn}
    if len(kinds) > 1:
        cause = ", ".join(sorted(f"{count} {'colours' if rgb else 'channels'}" for rgb, count in kinds))
        raise ModelError("E-MOD-05", "the images differ in kind", cause=cause)
    return next(iter(kinds))[0], drawn[0].picture.channels


def _ranges(drawn: Sequence[Scribbles]) -> tuple[tuple[float, float], ...]:
    """Counts that become 0 and 255, per channel: from the least to the 99.9th percentile of all pictures."""
    found = []
    for one in drawn:
        level = len(one.picture.levels) - 1
        whole = Grid(level, 1, size(one.picture, level), (1.0, 1.0))
        pixels = _windows.window(one.picture, whole, *(slice(0, n) for n in whole.shape))
        flat = pixels.reshape(-1, pixels.shape[-1])
        if not np.isfinite(flat).all():
            raise PixelError("E-PIX-03", "values that are not finite", cause=one.picture.name, file=one.picture.name)
        found.append((flat.min(axis=0), np.percentile(flat, 99.9, axis=0)))
    low = np.min([pair[0] for pair in found], axis=0)
    high = np.maximum(np.max([pair[1] for pair in found], axis=0), low + 1)
    return tuple((float(a), float(b)) for a, b in zip(low, high))


def _sampled(
    one: Scribbles,
    where: Grid,
    every: Sequence[Feature],
    colours: bool,
    ranges: tuple[tuple[float, float], ...],
    count: int,
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
    """(values, classes) of the blocks that were drawn over, tile by tile."""
    from marginkit.segmenters import pixels

    y, x, known = _blocks(one, where, count)
    side = TILE_PX // BLOCK_PX
    tiles = (y // side) * (1 << 20) + x // side
    for tile in np.unique(tiles):
        here = tiles == tile
        top, left = int(y[here][0] // side) * TILE_PX, int(x[here][0] // side) * TILE_PX
        first = max(0, top - HALO_PX), max(0, left - HALO_PX)
        last = tuple(min(n, start + TILE_PX + HALO_PX) for n, start in zip(where.shape, (top, left)))
        wide = slice(first[0], last[0]), slice(first[1], last[1])
        window = _windows.window(one.picture, where, *wide)
        planes = features.compute(pixels.as_channels(window, colours, ranges), every)
        at = y[here] - first[0] // BLOCK_PX, x[here] - first[1] // BLOCK_PX
        yield np.stack([plane[at] for plane in planes], axis=1), known[here]


def _blocks(one: Scribbles, where: Grid, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """(y, x, class) of blocks of the model's grid that were drawn over in one class."""
    labels = np.asarray(one.labels)
    if labels.size and int(labels.max()) > count:
        cause = f"label {int(labels.max())}, and {count} classes"
        raise PixelError("E-PIX-02", "a label has no class", cause=cause, remedy="Name all classes.")
    y, x = np.nonzero(labels > 0)
    spread = [
        ((at + 0.5) * own / ratio / BLOCK_PX).astype(np.int64) for at, own, ratio in zip((y, x), one.ratio, where.ratio)
    ]
    limits = [-(-n // BLOCK_PX) - 1 for n in where.shape]
    spread = [np.minimum(at, limit) for at, limit in zip(spread, limits)]
    block = np.unique(np.stack([*spread, labels[y, x].astype(np.int64) - 1], axis=1), axis=0)
    _, inverse, times = np.unique(block[:, :2], axis=0, return_inverse=True, return_counts=True)
    block = block[times[inverse.ravel()] == 1]
    return block[:, 0], block[:, 1], block[:, 2]


def _evenly(known: NDArray[np.int64], classes: Sequence[str], seed: int) -> NDArray[np.int64]:
    """Which samples are taken: all of a class, or so many of them at random."""
    random = np.random.default_rng(seed)
    chosen = []
    for label, name in enumerate(classes):
        own = np.flatnonzero(known == label)
        if len(own) < FEWEST_PX:
            cause = f"{len(own)} blocks of 2 x 2 pixels of {name}, wanted {FEWEST_PX} or more"
            raise ModelError("E-MOD-06", "too little was drawn", cause=cause, remedy="Draw more strokes.")
        chosen.append(own if len(own) <= MOST_PX else np.sort(random.choice(own, MOST_PX, replace=False)))
    return np.sort(np.concatenate(chosen))


def _tints(drawn: Sequence[Scribbles]) -> NDArray[np.bool_]:
    """The tints of the training images, and their neighbours."""
    from scipy import ndimage

    seen = np.zeros((model.BINS, model.BINS), bool)
    for one in drawn:
        level = len(one.picture.levels) - 1
        step = max(1, max(size(one.picture, level)) // 1024)
        seen |= model.tints(shrunk(one.picture, level, step)) >= COMMON
    return np.asarray(ndimage.binary_dilation(seen, np.ones((3, 3), bool)), np.bool_)


def _version() -> str:
    from marginkit import __version__

    return __version__

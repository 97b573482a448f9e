"""The word ``mm`` beside a row of ticks.

The surprising thing: nobody has to read. Two letters that are alike and have three stems each are ``mm``, upright,
mirrored or upside down; ``cm``, ``in`` and numbers are not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marginkit.records import Floats

from ._ticks import Strip, Ticks, strip

AROUND = 25.0  # how far from the row a word may stand, in steps
HEIGHT = (1.4, 12.0)  # of a letter, in steps
ALIKE = 0.45


@dataclass(frozen=True)
class Page:
    """What stands beside a row: the straightened picture and what is inked in it.

    strip : ticks are bright. stand : (v, u) how much darker than around it, in contrasts of the ticks.
    """

    strip: Strip
    stand: NDArray[np.float32]

    @property
    def ink(self) -> NDArray[np.bool_]:
        """(v, u) what is as dark as ticks."""
        return self.stand > 0.5


@dataclass(frozen=True)
class Box:
    """A piece of ink on a page: top, left, bottom, right (one past), in rows and columns of the page."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        """Rows."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Columns."""
        return self.right - self.left

    def joined(self, other: Box) -> Box:
        """The box around both."""
        return Box(
            min(self.top, other.top), min(self.left, other.left),
            max(self.bottom, other.bottom), max(self.right, other.right),
        )  # fmt: skip


def page(grey: NDArray[np.float32], ticks: Ticks, light: bool) -> Page:
    """The straightened surroundings of a row, and the ink in them."""
    import cv2

    places = ticks.places_px()
    step = ticks.step_px
    wide = strip(grey, ticks.strip.line, float(places[0]) - 15 * step, float(places[-1]) + 15 * step, AROUND * step)
    dark = 255 - wide.dark if light else wide.dark
    here = int(np.argmin(np.abs(wide.v_px - ticks.level_px)))
    columns = np.clip(np.round(places - wide.u_px[0]).astype(int), 0, dark.shape[1] - 1)
    gaps = np.clip(columns + round(step / 2), 0, dark.shape[1] - 1)
    contrast = float(np.median(dark[here, columns]) - np.median(dark[here, gaps]))
    ground = cv2.GaussianBlur(dark, (0, 0), 5 * step)
    stand = (dark - np.asarray(ground, np.float32)) / max(contrast, 1.0)
    return Page(Strip(wide.line, wide.u_px, wide.v_px, dark), stand)


def boxes(ink: NDArray[np.bool_], step_px: float) -> list[Box]:
    """Pieces of ink of a letter's size, from left to right."""
    low, high = HEIGHT[0] * step_px, HEIGHT[1] * step_px
    return [b for b in pieces(ink) if low <= b.height <= high and b.width <= 2.5 * high]


def pieces(ink: NDArray[np.bool_]) -> list[Box]:
    """All pieces of ink, from left to right."""
    import cv2

    _, _, stats, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8), connectivity=8)
    return sorted((Box(y, x, y + h, x + w) for x, y, w, h, _ in stats[1:].tolist()), key=lambda b: b.left)


def says_mm(page: Page, step_px: float) -> Box | None:
    """Where ``mm`` stands; None where it does not. Letters may be paler than ticks, or darker and run together."""
    for level in (0.5, 0.3, 0.8, 1.2):
        ink = page.stand > level
        bits = pieces(ink)
        for seed in boxes(ink, step_px):
            word = _word(seed, bits)
            if _is_mm(ink, word) and _alone(word, bits):
                return word
    return None


def _alone(word: Box, bits: list[Box]) -> bool:
    """Whether nothing stands right before or after a word on its line: it is no part of a row of numbers."""
    near = 0.8 * word.height
    for bit in bits:
        level = min(bit.bottom, word.bottom) - max(bit.top, word.top) > 0.3 * word.height
        outside = bit.right <= word.left or bit.left >= word.right
        if level and outside and bit.left - word.right < near and word.left - bit.right < near:
            return False
    return True


def _word(seed: Box, bits: list[Box]) -> Box:
    """The box of a letter with all that stands beside it on its line, piece by piece: letters may be broken."""
    slack, gap = 0.15 * seed.height, 0.45 * seed.height
    level = [b for b in bits if b.top >= seed.top - slack and b.bottom <= seed.bottom + slack]
    word = seed
    while word.width <= 5 * seed.height:
        near = [b for b in level if b.left - word.right <= gap and word.left - b.right <= gap]
        wider = word
        for bit in near:
            wider = wider.joined(bit)
        if wider == word:
            break
        word = wider
    return word


def _is_mm(ink: NDArray[np.bool_], box: Box) -> bool:
    """Whether a word has two like halves of three stems."""
    if not 1.5 <= box.width / box.height <= 4.5:
        return False
    word = ink[box.top : box.bottom, box.left : box.right]
    runs = (np.diff(np.pad(word, ((0, 0), (1, 1))).astype(np.int8), axis=1) == 1).sum(axis=1)
    if (runs == 6).mean() < 0.08 or (runs > 6).mean() > 0.2:
        return False
    return _alike(word.astype(np.float64)) >= ALIKE


def _alike(word: Floats) -> float:
    """Greatest correlation of a word's left half with its right half, shifted a little."""
    width = word.shape[1]
    half = int(0.42 * width)
    left = word[:, :half]
    best = -1.0
    for start in range(int(0.45 * width), width - half + 1):
        right = word[:, start : start + half]
        if left.std() > 0 and right.std() > 0:
            best = max(best, float(np.corrcoef(left.ravel(), right.ravel())[0, 1]))
    return best

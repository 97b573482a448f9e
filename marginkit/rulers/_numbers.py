"""Numbers beside the long ticks of a ruler: where they begin and by how much they rise.

The surprising thing: no digit is trusted by itself. What is asked is which *sequence* fits all the numbers together,
and by how much better than every other sequence; three numbers of twelve pixels' height are enough for that.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from marginkit.records import Floats

from ._lengths import Pattern
from ._ticks import Ticks
from ._words import Box, Page, boxes

TALL, WIDE = 24, 18  # templates, px a digit
FEWEST = 3  # numbers in a sequence
FIT, AHEAD = 0.6, 0.06  # least mean correlation, and least lead over any other sequence
LARGEST = 40
FACES = (
    ("uni", 400, 1),
    ("uni", 400, 3),
    ("uni", 400, 5),
    ("sans", 400, 1),
    ("sans", 700, 1),
)  # name, weight, bolder px


@dataclass(frozen=True)
class Numbers:
    """Numbers that stand at the long ticks.

    first : of the lowest numbered long tick in view. by : how much they rise from one to the next (negative: fall).
    seen : how many were read. fit : mean correlation with the digits. boxes : where they stand on the page.
    turned : whether they stand on their heads in the page.
    """

    first: int
    by: int
    seen: int
    fit: float
    boxes: tuple[Box, ...]
    turned: bool

    @property
    def words(self) -> str:
        """Such as ``3, 4 … 10``."""
        ends = (self.first, self.first + self.by, self.first + self.by * (self.seen - 1))
        low, high = (ends[0], ends[2])
        return f"{min(low, high)} to {max(low, high)}"


def find(page: Page, ticks: Ticks, pattern: Pattern) -> Numbers | None:
    """The numbers at a row's long ticks; None where there are none or they cannot be told."""
    places = ticks.places_px()[pattern.first :: pattern.every] - page.strip.u_px[0]
    pitch = ticks.step_px * pattern.every
    best: Numbers | None = None
    ink = page.ink
    for line in _lines(page, places, pitch, ticks.step_px):
        for turned in (False, True):
            found = _sequence(ink, line, turned)
            if found is not None and (best is None or found.fit > best.fit):
                best = found
    return best


def repeated(page: Page, ticks: Ticks, pattern: Pattern) -> bool:
    """Whether ink of a letter's size repeats at the long ticks: numbers, read or not."""
    places = ticks.places_px()[pattern.first :: pattern.every] - page.strip.u_px[0]
    lines = _lines(page, places, ticks.step_px * pattern.every, ticks.step_px)
    return any(len(line) >= max(FEWEST, 0.4 * len(places)) for line in lines)


def _lines(page: Page, places: Floats, pitch: float, step: float) -> list[dict[int, Box]]:
    """Bands of ink that repeats at the long ticks: number of the long tick -> box of the ink there."""
    letters = boxes(page.ink, step)
    found: list[dict[int, Box]] = []
    for seed in letters:
        level = [
            b for b in letters
            if abs(b.top - seed.top) <= 0.2 * seed.height and abs(b.bottom - seed.bottom) <= 0.2 * seed.height
        ]  # fmt: skip
        line = _at_places(level, places, pitch)
        if len(line) >= FEWEST and line not in found:
            found.append(line)
    found.sort(key=lambda line: (-len(line), -next(iter(line.values())).height))
    return found[:6]


def _at_places(level: list[Box], places: Floats, pitch: float) -> dict[int, Box]:
    """Ink of one band gathered at each place; a band that has as much ink elsewhere gives nothing."""
    line: dict[int, Box] = {}
    astray = 0
    for box in level:
        middle = (box.left + box.right) / 2
        nearest = int(np.argmin(np.abs(places - middle)))
        if abs(places[nearest] - middle) > 0.3 * pitch or box.width > 0.6 * pitch:
            astray += 1
            continue
        line[nearest] = line[nearest].joined(box) if nearest in line else box
    usual = np.median([b.height for b in line.values()]) if line else 0
    near = {
        i: b for i, b in line.items()
        if abs((b.left + b.right) / 2 - places[i]) <= 0.25 * pitch and b.width <= 3.2 * usual
    }  # fmt: skip
    return near if astray <= len(near) // 2 else {}


def _sequence(ink: NDArray[np.bool_], line: dict[int, Box], turned: bool) -> Numbers | None:
    """The sequence that fits best, where it fits well and clearly better than any other."""
    index = np.array(sorted(line))
    crops = [ink[b.top : b.bottom, b.left : b.right] for b in (line[i] for i in index)]
    if turned:
        crops = [crop[::-1, ::-1] for crop in crops]
    table = np.stack([_against_all(crop) for crop in crops])
    tried: list[tuple[float, int, int]] = []
    for by in (1, -1, 10, -10):
        low = int(index[0])
        for first in range(0, LARGEST * abs(by) + 1, abs(by)):
            values = first + by * (index - low)
            if values.min() < 0 or values.max() > LARGEST * abs(by) or (values % abs(by)).any():
                continue
            columns = values if abs(by) == 1 else np.where(values == 0, 0, LARGEST + values // 10)
            tried.append((float(table[np.arange(len(index)), columns].mean()), first, by))
    tried.sort(reverse=True)
    if not tried or tried[0][0] < FIT or (len(tried) > 1 and tried[0][0] - tried[1][0] < AHEAD):
        return None
    fit, first, by = tried[0]
    return Numbers(first, by, len(index), fit, tuple(line[i] for i in index), turned)


def _against_all(crop: NDArray[np.bool_]) -> Floats:
    """Correlation of a piece of ink with every number of ``_values``, less where one is wider than the other."""
    import cv2

    found = np.full(len(_values()), -1.0)
    for digits, (index, aspect, shapes) in _shapes().items():
        size = (WIDE * digits, TALL)
        seen = np.asarray(cv2.resize(crop.astype(np.float32), size, interpolation=cv2.INTER_AREA), np.float64).ravel()
        if seen.std() < 1e-6:
            continue
        alike = shapes @ ((seen - seen.mean()) / seen.std()) / seen.size
        squeezed = np.abs(np.log(crop.shape[1] / crop.shape[0] / aspect))
        np.maximum.at(found, index, alike - 0.5 * np.maximum(0.0, squeezed - 0.25))
    return found


@lru_cache(maxsize=1)
def _values() -> tuple[int, ...]:
    """The numbers that are known: to LARGEST, then the tens to ten times that."""
    return (*range(LARGEST + 1), *range(10, 10 * LARGEST + 1, 10))


@lru_cache(maxsize=1)
def _shapes() -> dict[int, tuple[NDArray[np.int64], Floats, Floats]]:
    """By count of digits: index of the number, width over height, and template (mean 0, deviation 1) of each."""
    index: dict[int, list[int]] = {}
    aspect: dict[int, list[float]] = {}
    shapes: dict[int, list[Floats]] = {}
    for at, value in enumerate(_values()):
        for face, weight, thick in FACES:
            digits = len(str(value))
            cut = _drawn(str(value), face, weight, thick)
            index.setdefault(digits, []).append(at)
            aspect.setdefault(digits, []).append(cut.shape[1] / cut.shape[0])
            shapes.setdefault(digits, []).append(_template(cut, digits))
    return {d: (np.array(index[d]), np.array(aspect[d]), np.stack(shapes[d])) for d in index}


def _drawn(text: str, face: str, weight: int, thick: int) -> NDArray[np.float32]:
    """A number as it looks, cut to its ink."""
    import cv2

    canvas = np.zeros((120, 300, 3), np.uint8)
    cv2.putText(canvas, text, (20, 90), (255, 255, 255), cv2.FontFace(face), 70, weight)
    ink = cv2.dilate(canvas[..., 0], np.ones((thick, thick), np.uint8)) > 127
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.float32)


def _template(cut: NDArray[np.float32], digits: int) -> Floats:
    import cv2

    small = np.asarray(cv2.resize(cut, (WIDE * digits, TALL), interpolation=cv2.INTER_AREA), np.float64).ravel()
    return np.asarray((small - small.mean()) / small.std(), np.float64)

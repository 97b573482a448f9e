"""Lines and words on pixels: each with a casing, so that it reads on any ground.

The surprising thing: OpenCV 5 has fonts of its own that know ≤, µ and most scripts; the old Hershey letters are ASCII.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from marginkit.errors import plain
from marginkit.records import Floats

Pixels: TypeAlias = NDArray[np.uint8]
Colour: TypeAlias = tuple[int, int, int]
SHIFT = 4  # OpenCV takes coordinates in sixteenths of a pixel


def fixed(points: Floats) -> NDArray[np.int32]:
    """(x, y) pixel corners as OpenCV's fixed point, whose integers are pixel centres."""
    return np.rint((np.asarray(points) - 0.5) * (1 << SHIFT)).astype(np.int32)


def lines(canvas: Pixels, runs: Sequence[Floats], colour: Colour, width: int) -> None:
    """Draw open lines, (x, y) each."""
    import cv2

    whole = [fixed(thinned(run)).reshape(-1, 1, 2) for run in runs if len(run) > 1]
    if whole:
        cv2.polylines(canvas, whole, False, colour, width, cv2.LINE_AA, SHIFT)


def dot(canvas: Pixels, point: Floats, radius: float, colour: Colour, width: int = -1) -> None:
    """Draw a disk, or a ring of a width."""
    import cv2

    x, y = fixed(point).tolist()
    cv2.circle(canvas, (x, y), int(radius * (1 << SHIFT)), colour, width, cv2.LINE_AA, SHIFT)


def thinned(run: Floats, least_px: float = 0.7) -> Floats:
    """A line without the points that follow another within a part of a pixel."""
    if len(run) < 16:  # nothing to gain
        return run
    place = np.floor(_arc(run) / least_px)
    kept = np.concatenate([[True], np.diff(place) != 0])
    kept[-1] = True
    found: Floats = run[kept]
    return found


def _arc(run: Floats) -> Floats:
    """Length of a line up to each of its points."""
    steps = np.linalg.norm(np.diff(run, axis=0), axis=1)
    return np.concatenate([[0.0], np.cumsum(steps)])


def dashes(run: Floats, on: float, off: float) -> list[Floats]:
    """A line cut into dashes by its length."""
    place = _arc(run)
    if place[-1] <= on:
        return [run]
    starts = np.arange(0.0, place[-1], on + off)
    stops = np.minimum(starts + on, place[-1])
    heads, tails = (np.stack([np.interp(at, place, run[:, k]) for k in (0, 1)], axis=1) for at in (starts, stops))
    first, last = np.searchsorted(place, starts, "right"), np.searchsorted(place, stops, "left")
    return [np.vstack([heads[k : k + 1], run[first[k] : last[k]], tails[k : k + 1]]) for k in range(len(starts))]


@cache
def _font() -> Any:
    import cv2

    return cv2.FontFace("sans")


def text_size(words: str, size: int, weight: int = 400) -> tuple[int, int]:
    """Width and height of a line of words."""
    import cv2

    _, _, width, _ = cv2.getTextSize((1, 1), plain(words), (0, 0), _font(), size, weight)
    return int(width), round(size * 1.3)


def write(
    canvas: Pixels, words: str, place: tuple[float, float], size: int, colour: Colour = (20, 20, 20), weight: int = 400
) -> None:
    """Write a line of words; ``place`` is the upper left corner of its box."""
    import cv2

    x, y = round(place[0]), round(place[1] + size * 1.02)
    cv2.putText(canvas, plain(words), (x, y), colour, _font(), size, weight)


def shortened(words: str, size: int, room_px: int, weight: int = 400) -> str:
    """Words cut to a width, with an ellipsis."""
    if text_size(words, size, weight)[0] <= room_px:
        return words
    while words and text_size(words + "…", size, weight)[0] > room_px:
        words = words[:-1]
    return words + "…"


def wrapped(words: str, size: int, room_px: int, most: int) -> list[str]:
    """Words in at most ``most`` lines of a width."""
    found: list[str] = []
    for word in words.split():
        if found and text_size(f"{found[-1]} {word}", size)[0] <= room_px:
            found[-1] += f" {word}"
        else:
            found.append(word)
    if len(found) > most:
        found = [*found[: most - 1], " ".join(found[most - 1 :])]
    return [shortened(line, size, room_px) for line in found]


def wash(canvas: Pixels, low: tuple[float, float], high: tuple[float, float], share: float = 0.86) -> None:
    """Whiten a box, so that words on it read."""
    x0, y0, x1, y1 = (max(0, round(v)) for v in (*low, *high))
    box = canvas[y0:y1, x0:x1]
    box[...] = np.rint(box * (1 - share) + 255 * share).astype(np.uint8)

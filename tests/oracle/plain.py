"""The definitions, in plain loops over pixels: slow, short, and written without a line of marginkit.

Boxes are tuples of (low, high) an axis in index units; pixel i covers [i - 1/2, i + 1/2].
"""

from dataclasses import dataclass
from itertools import product
from math import inf, sqrt

import numpy as np
from scipy import ndimage

Box = tuple[tuple[float, float], ...]


def box(pixel: tuple[int, ...]) -> Box:
    return tuple((i - 0.5, i + 0.5) for i in pixel)


def gap(a: Box, b: Box, spacing: tuple[float, ...]) -> float:
    """Distance of two closed boxes in mm."""
    total = 0.0
    for (a0, a1), (b0, b1), s in zip(a, b, spacing):
        total += (max(0.0, b0 - a1, a0 - b1) * s) ** 2
    return sqrt(total)


@dataclass
class Face:
    box: Box
    kind: str
    piece: int
    outside: tuple[int, ...]
    size: float


def faces(specimen: np.ndarray, spacing: tuple[float, ...], holes: str = "ignore") -> list[Face]:
    ndim = specimen.ndim
    pieces, _ = ndimage.label(specimen, np.ones((3,) * ndim))
    back, _ = ndimage.label(~specimen)
    sides = [back.take(i, axis) for axis in range(ndim) for i in (0, -1)]
    reaching = {int(v) for side in sides for v in np.unique(side)} - {0}
    found = []
    for pixel in zip(*(i.tolist() for i in np.nonzero(specimen))):
        for axis, step in product(range(ndim), (-1, 1)):
            other = tuple(i + step * (a == axis) for a, i in enumerate(pixel))
            beyond = not 0 <= other[axis] < specimen.shape[axis]
            if not beyond and specimen[other]:
                continue
            at = pixel[axis] + step / 2
            shape = tuple((at, at) if a == axis else side for a, side in enumerate(box(pixel)))
            if beyond:
                kind = "section" if ndim == 3 and axis == 0 else "frame"
            else:
                kind = "cut" if int(back[other]) in reaching or holes == "cut" else "hole"
            size = float(np.prod([s for a, s in enumerate(spacing) if a != axis]))
            found.append(Face(shape, kind, int(pieces[pixel]), other, size))
    return found


@dataclass
class Answer:
    value: float
    centres: float
    by_kind: dict[str, float]
    distances: list[tuple[float, float]]  # of each cut face in pieces with tumor: distance, size
    unseen: float


def measure(tumor: np.ndarray, specimen: np.ndarray, spacing: tuple[float, ...], holes: str = "ignore") -> Answer:
    """Every tumor pixel against every face of its piece."""
    pieces, _ = ndimage.label(specimen, np.ones((3,) * specimen.ndim))
    pixels = [p for p in zip(*(i.tolist() for i in np.nonzero(tumor & specimen)))]
    value = centres = unseen = inf
    by_kind = dict.fromkeys(("cut", "section", "frame", "hole"), 0.0)
    distances = []
    for face in faces(specimen, spacing, holes):
        by_kind[face.kind] += face.size
        mine = [p for p in pixels if pieces[p] == face.piece]
        if not mine:
            continue
        nearest = min(gap(face.box, box(p), spacing) for p in mine)
        if face.kind in ("frame", "section"):
            unseen = min(unseen, nearest)
        if face.kind != "cut":
            continue
        value = min(value, nearest)
        distances.append((nearest, face.size))
        centre = tuple((i, i) for i in face.outside)
        centres = min(centres, min(gap(centre, tuple((i, i) for i in p), spacing) for p in mine))
    return Answer(value, centres, by_kind, distances, unseen)

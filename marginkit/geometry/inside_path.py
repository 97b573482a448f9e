"""The way through the tissue where the straight line leaves it.

A minimum-cost path over pixels (scikit-image) finds which way round; it zigzags, so it is pulled straight: from each
point on to the farthest later point that a straight line inside the tissue reaches, and then its turns are moved to
the pixel corners around which a taut string would bend.

The surprising thing: the length is an upper bound. It is the shortest of all ways near the one that was found; that no
other way round is shorter rests on the path over pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from marginkit.geometry.run_mask import RunMask
from marginkit.geometry.scene import Bools, Floats, Ints

Inside: TypeAlias = Callable[[Floats, Floats], bool]
LARGEST = 4_000_000  # pixels searched at once; beyond it every k-th pixel is looked at


def length_mm(
    tissue: Bools | RunMask,
    tumor: Bools | RunMask,
    end: Ints,
    end_px: Floats,
    origin_px: Floats,
    spacing_mm: Floats,
    inside: Inside,
) -> float | None:
    """Length in mm of a short way through tissue from the tumor to a point of the edge; None where none was found.

    tissue, tumor : masks of a window. end : the pixel of tissue at the edge point, in the window. end_px : the edge
    point; origin_px : centre of the window's first pixel; both in index units. inside : whether a straight line
    between two points (index units) stays in the tissue.
    """
    path = _pixels(tissue, tumor, end, spacing_mm)
    if path is None:
        return None
    points = np.concatenate([path + origin_px, end_px[None]])
    straight = _pulled(points, inside)
    if straight is None:
        return None
    return float(_lengths(_taut(straight, spacing_mm, inside), spacing_mm).sum())


def _lengths(points: Floats, spacing_mm: Floats) -> Floats:
    lengths: Floats = np.sqrt(((np.diff(points, axis=0) * spacing_mm) ** 2).sum(axis=1))
    return lengths


def _taut(points: Floats, spacing_mm: Floats, inside: Inside) -> Floats:
    """The path with each turn moved to the pixel corner nearby that makes it shortest, until none helps."""
    pixel = points[0].copy()
    for _ in range(50):
        points[0] = pixel + np.clip(points[1] - pixel, -0.5, 0.5)  # where the path leaves the tumor pixel
        before = float(_lengths(points, spacing_mm).sum())
        for turn in range(1, len(points) - 1):
            points[turn] = _best_turn(points[turn - 1 : turn + 2], spacing_mm, inside)
        if float(_lengths(points, spacing_mm).sum()) > before - 1e-9:
            break
    return points


def _best_turn(three: Floats, spacing_mm: Floats, inside: Inside) -> Floats:
    """Where between its two neighbours a turn makes the way shortest: itself, or a pixel corner within 3 pixels."""
    steps = np.stack(np.meshgrid(*[np.arange(-3, 4)] * three.shape[1], indexing="ij"), axis=-1)
    corners = np.floor(three[1]) + 0.5 + steps.reshape(-1, three.shape[1])
    ways = np.stack([np.broadcast_to(three[0], corners.shape), corners, np.broadcast_to(three[2], corners.shape)])
    length = np.sqrt(((np.diff(ways, axis=0) * spacing_mm) ** 2).sum(axis=2)).sum(axis=0)
    present = float(_lengths(three, spacing_mm).sum())
    for candidate in np.argsort(length, kind="stable"):
        if length[candidate] >= present - 1e-12:
            break
        if inside(three[0], corners[candidate]) and inside(corners[candidate], three[2]):
            best: Floats = corners[candidate]
            return best
    unmoved: Floats = three[1]
    return unmoved


def _pixels(tissue: Bools | RunMask, tumor: Bools | RunMask, end: Ints, spacing_mm: Floats) -> Floats | None:
    """(n, ndim) pixels of a cheapest way from the tumor to ``end``."""
    from skimage.graph import MCP_Geometric

    stride = int(np.ceil((tissue.size / LARGEST) ** (1 / tissue.ndim)))
    phase = tuple(slice(int(e) % stride, None, stride) for e in end)
    cost = np.where(tissue[phase], 1.0, -1.0)
    starts = np.argwhere(tumor[phase] & tissue[phase])
    finish = tuple(int(e) // stride for e in end)
    if not len(starts):
        return None
    search = MCP_Geometric(cost, sampling=tuple(spacing_mm.tolist()))
    reached, _ = search.find_costs(starts.tolist(), [finish])
    if not np.isfinite(reached[finish]):
        return None
    path: Floats = np.array(search.traceback(finish), np.float64) * stride + [float(p.start) for p in phase]
    return path


def _pulled(points: Floats, inside: Inside) -> Floats | None:
    """The turning points of the path pulled straight, both ends included; None if a step of it leaves the tissue."""
    kept, here = [0], 0
    while here < len(points) - 1:
        last = _farthest(points, here, inside)
        if last is None:
            return None
        kept.append(last)
        here = last
    return points[kept]


def _farthest(points: Floats, here: int, inside: Inside) -> int | None:
    """A late point that can be seen from ``here``: doubling steps, then halving."""
    if not inside(points[here], points[here + 1]):
        return None
    good, step = here + 1, 2
    while here + step < len(points) and inside(points[here], points[here + step]):
        good, step = here + step, step * 2
    bad = min(here + step, len(points))
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if inside(points[here], points[middle]) else (good, middle)
    return good

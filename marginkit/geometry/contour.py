"""Where a boundary is known better than a pixel: half-level contours of probabilities and of smoothed masks.

A probability is sampled at pixel centres and read by linear interpolation. Beyond the image nothing is known: there the
last samples go on as they are, so that the contour meets the border of the image squarely and closes along it.

A mask is smoothed first: a Gaussian of ``SIGMA_PX`` pixels along each axis takes the stairs off its outline. A pixel
that this carries to the wrong side of one half is put back as far on its own side, and none comes nearer to one half
than ``KEPT_APART``. So the contour never passes a pixel centre: no focus vanishes, no two pieces merge, no hole opens
or closes. On smooth shapes of a few pixels the distance between two such contours is biased by less than 0.2 pixel.

The surprising thing: smoothing draws tumor back from an edge that it touches with a tip only. So where a tumor pixel
meets a pixel outside the specimen, tumor takes the specimen's own values there, and both contours pass through the
same point; where they meet at a corner only, a wedge is added that reaches it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from scipy import ndimage
from shapely.geometry import MultiPolygon, Polygon

from marginkit.geometry.crossings import rings
from marginkit.geometry.polygon import multi
from marginkit.geometry.scene import Bools, Floats, Ints
from marginkit.geometry.sharing import side_by_side
from marginkit.geometry.tracing import assembled

SIGMA_PX = 1.0
REACH_PX = 4  # of the Gaussian
BAND_PX = 128  # rows smoothed at a time
KEPT_APART = 0.05
HALF = 0.5


def half_contour(field: Any, level: float = HALF) -> MultiPolygon:
    """Where a (h, w) field in [0, 1] reaches one half (or another level), by linear interpolation; (x, y) on corners.

    Diagonal neighbours above the level are joined, as pieces of tissue are 8-connected.

    >>> half_contour(np.array([[0.0, 1.0, 0.0]])).bounds
    (1.0, 0.0, 2.0, 1.0)
    """
    samples = field if isinstance(field, np.ndarray) and field.dtype.kind == "f" else np.asarray(field, np.float64)
    points, ends = rings(samples, level)
    return assembled(*_distinct(_on_image(points, samples.shape), ends))


def _on_image(points: Floats, shape: tuple[int, ...]) -> Floats:
    """Points in (x, y) pixel corners, from (y, x) index units.

    For one step the last samples go on, so half of it may stand for the half pixel up to the border; whatever lies
    beyond is laid flat on the border.
    """
    xy = np.empty(points.shape)
    for axis, top in enumerate(np.array(shape) - 1.0):
        index = points[:, axis]
        before, behind = np.flatnonzero(index < 0), np.flatnonzero(index > top)
        out = xy[:, 1 - axis]
        np.add(index, 0.5, out=out)
        out[before] = np.maximum(index[before] / 2, -0.5) + 0.5
        out[behind] = np.minimum(top + (index[behind] - top) / 2, top + 0.5) + 0.5
    return xy


def _distinct(points: Floats, ends: Ints) -> tuple[Floats, Ints]:
    """The points of unclosed rings that differ from the one before, and the ends of those rings that have three."""
    if not len(ends):
        return points, ends
    number = np.diff(ends, prepend=0)
    before = np.roll(points, 1, axis=0)
    before[ends - number] = points[ends - 1]
    moved = (points[:, 0] != before[:, 0]) | (points[:, 1] != before[:, 1])
    left = np.add.reduceat(moved, ends - number, dtype=np.int64)
    rings_kept = left > 2
    if not rings_kept.all():
        moved &= np.repeat(rings_kept, number)
    return points if moved.all() else points[moved], np.cumsum(left[rings_kept])


def mask_contour(mask: Bools) -> MultiPolygon:
    """The half-level contour of a smoothed (h, w) mask, (x, y) on pixel corners."""
    return half_contour(smoothed(mask))


def smoothed(mask: Bools) -> Floats:
    """The mask smoothed, every pixel still on its own side of one half, at least ``KEPT_APART`` from it.

    Where all pixels within ``REACH_PX`` are alike nothing is to be smoothed: most of a 2-D mask.
    """
    if mask.ndim != 2:
        return _smoothed(mask)
    height = len(mask)
    out = np.zeros(mask.shape)  # memory that is never written costs nothing
    alike = _smoothed(np.ones((2 * REACH_PX + 1,) * 2, bool))[REACH_PX, REACH_PX]  # one, but for rounding

    def fill(top: int) -> None:
        bottom, first = min(top + BAND_PX, height), max(top - REACH_PX, 0)
        rows = mask[first : bottom + REACH_PX]
        some, every = np.logical_or.reduce(rows), np.logical_and.reduce(rows)
        if not some.any():
            return
        first_column, last = np.flatnonzero(some)[[0, -1]].tolist()
        held = slice(first_column, last + 1)
        out[top:bottom, held] = np.where(some[held], alike, 0.0)
        for left, right in _spans(some, every):
            start = max(left - REACH_PX, 0)
            near = _smoothed(rows[:, start : right + REACH_PX])
            out[top:bottom, left:right] = near[top - first : bottom - first, left - start : right - start]

    side_by_side(fill, range(0, height, BAND_PX))
    return out


def _smoothed(mask: Bools) -> Floats:
    soft = ndimage.gaussian_filter(mask.astype(np.float64), SIGMA_PX, mode="nearest", truncate=REACH_PX / SIGMA_PX)
    apart = np.maximum(np.abs(soft - HALF), KEPT_APART)
    return np.where(mask, HALF + apart, HALF - apart)


def _spans(some: Bools, every: Bools) -> list[tuple[int, int]]:
    """(first, stop) of columns within reach of pixels that differ, given which columns have some and which have all."""
    mixed = some & ~every
    turned = some[1:] != some[:-1]
    mixed[1:] |= turned
    mixed[:-1] |= turned
    column = np.flatnonzero(mixed)
    if not len(column):
        return []
    gap = np.flatnonzero(np.diff(column) > 2 * REACH_PX)
    left = np.maximum(column[np.append(0, gap + 1)] - REACH_PX, 0)
    right = np.minimum(column[np.append(gap, len(column) - 1)] + REACH_PX + 1, len(some))
    return list(zip(left.tolist(), right.tolist()))


def tumor_contour(tumor: Bools, specimen: Bools, field: Floats) -> MultiPolygon:
    """Contour of a smoothed (h, w) tumor mask that reaches the specimen's contour wherever its pixels do.

    tumor : inside the specimen. specimen : mask. field : what the specimen's contour is drawn from, at least one half
        where ``specimen`` is set and below elsewhere.
    """
    own = smoothed(tumor)
    if not _meets_outside(tumor, specimen):
        return half_contour(own)
    outside = ~specimen
    for step in ((0, 1), (1, 0)):
        for here, there in (_pairs(step), _pairs(step)[::-1]):
            meets = tumor[here] & outside[there]
            if not meets.any():
                continue
            own[here][meets] = field[here][meets]
            own[there][meets] = field[there][meets]
    drawn = half_contour(own)
    wedges = _wedges(tumor, outside, own, field)
    return multi(shapely.union_all([drawn, *wedges])) if wedges else drawn


def _meets_outside(tumor: Bools, specimen: Bools) -> bool:
    """Whether a pixel of the tumor has one outside the specimen among its eight neighbours; some rows at a time."""
    for top in range(0, len(tumor), BAND_PX):
        rows = slice(max(top - 1, 0), top + BAND_PX + 1)
        near, all_inside = tumor[rows], specimen[rows].copy()
        if not near.any():
            continue
        for axis in (0, 1):  # a pixel, the one before it and the one behind it
            line, before = np.moveaxis(all_inside, axis, 0), np.moveaxis(all_inside.copy(), axis, 0)
            line[1:] &= before[:-1]
            line[:-1] &= before[1:]
        if (near & ~all_inside).any():
            return True
    return False


def _pairs(step: tuple[int, int]) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Slices of an image and of itself shifted by a step."""
    here = tuple(slice(None, -s or None) for s in step)
    there = tuple(slice(s, None) for s in step)
    return (here[0], here[1]), (there[0], there[1])


def _wedges(tumor: Bools, outside: Bools, own: Floats, field: Floats) -> list[Polygon]:
    """Triangles from tumor to the specimen's contour where a tumor pixel meets the outside at a corner only."""
    between = ~tumor & ~outside
    wedges = []
    for rows in (1, -1):
        for columns in (1, -1):
            flip = (slice(None, None, rows), slice(None, None, columns))
            t, o, b = tumor[flip], outside[flip], between[flip]
            meets = t[:-1, :-1] & o[1:, 1:]
            if not meets.any():
                continue
            corner = np.argwhere(meets & b[:-1, 1:] & b[1:, :-1])
            wedges += [_wedge(at, rows, columns, own, field) for at in _unflipped(corner, tumor.shape, rows, columns)]
    return wedges


def _unflipped(at: Ints, shape: tuple[int, ...], rows: int, columns: int) -> list[Ints]:
    """Pixel indices of the image, from those of the image turned over."""
    size = np.array(shape) - 1
    turn = np.array([rows, columns])
    return list(np.where(turn > 0, at, size - at))


def _wedge(pixel: Ints, rows: int, columns: int, own: Floats, field: Floats) -> Polygon:
    """From the tumor's crossings in a cell between centres to the middle of the specimen's contour in it."""
    corner = [pixel + np.array(step) for step in ((0, 0), (0, columns), (rows, 0), (rows, columns))]
    tumor = [_crossing(corner[0], corner[k], own) for k in (1, 2)]
    edge = [_crossing(corner[3], corner[k], field) for k in (1, 2)]
    points = np.array([tumor[0], (edge[0] + edge[1]) / 2, tumor[1], pixel])
    return Polygon(points[:, ::-1] + 0.5)


def _crossing(a: Ints, b: Ints, values: Floats) -> Floats:
    """Where between two pixel centres the values pass one half, (y, x) index units."""
    low, high = float(values[tuple(a)]), float(values[tuple(b)])
    point: Floats = a + (b - a) * ((HALF - low) / (high - low))
    return point

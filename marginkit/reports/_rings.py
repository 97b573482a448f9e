"""Outlines of regions as polygons: a mask along its pixel faces, a probability along its ½-level, a polygon as it is.

The surprising thing: pieces of tissue are 8-connected, but a valid polygon may not touch itself; so two pixels that
meet at a corner become two polygons that share a point. The area and the outline are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from marginkit.records import Floats, Region

if TYPE_CHECKING:
    from shapely.geometry import MultiLineString, MultiPolygon

Ints: TypeAlias = NDArray[np.int64]
STEP = np.array([[0, 1], [1, 0], [0, -1], [-1, 0]])  # right, down, left, up in (row, column): each a right turn further


def outline(data: Any) -> MultiPolygon | MultiLineString:
    """The outline of a 2-D mask, probability, polygon or drawn line: (x, y), on the corners of its own pixels."""
    import shapely

    if not isinstance(data, np.ndarray):
        parts = list(shapely.get_parts(data))
        return shapely.MultiLineString(parts) if "Line" in data.geom_type else shapely.MultiPolygon(parts)
    if data.dtype == np.bool_:
        return _of_mask(data)
    return _of_probability(data)


def plane(region: Region, axis: int, index: int) -> Region | None:
    """A 3-D region cut at an index of its own grid; None where it does not reach so far."""
    data = region.data
    if not isinstance(data, np.ndarray) or not 0 <= index < data.shape[axis]:
        return None
    return Region(np.take(data, index, axis))


def _of_probability(data: Floats) -> MultiPolygon:
    import shapely
    from skimage.measure import find_contours

    found = find_contours(np.pad(data, 1), 0.5)  # type: ignore[no-untyped-call]
    rings = [ring[:, ::-1] - 0.5 for ring in found]
    area = shapely.build_area(shapely.multilinestrings([shapely.linestrings(ring) for ring in rings]))
    return shapely.MultiPolygon(list(shapely.get_parts(area)))


def _of_mask(mask: NDArray[np.bool_]) -> MultiPolygon:
    import shapely
    from scipy import ndimage

    rows, cols = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return shapely.MultiPolygon()
    top, left = int(rows[0]), int(cols[0])
    small = np.pad(mask[top : rows[-1] + 1, left : cols[-1] + 1], 1)
    labels, count = ndimage.label(small)
    shells: list[Any] = [None] * (count + 1)
    holes: list[list[Any]] = [[] for _ in range(count + 1)]
    for vertices, owner in _rings(small, labels):
        ring = shapely.linearrings(vertices[:, ::-1] + (left - 1, top - 1))
        if shapely.is_ccw(ring):  # in (x, y) with y down a shell, kept on the right, runs counter-clockwise by sign
            shells[owner] = ring
        else:
            holes[owner].append(ring)
    return shapely.MultiPolygon([shapely.Polygon(shells[k], holes[k]) for k in range(1, count + 1)])


def _rings(mask: NDArray[np.bool_], labels: NDArray[Any]) -> list[tuple[Floats, int]]:
    """Every ring: its corners in (row, column) of the pixel corners, and the label of the pixels on its right."""
    start, heading, owner = _directed_faces(mask, labels)
    following = _following(start, heading, mask.shape[1] + 1)
    turns = (heading[following] != heading).tolist()
    onward, seen = following.tolist(), [False] * len(start)
    rings = []
    for first in range(len(onward)):
        corners, face = [], first
        while not seen[face]:
            seen[face] = True
            if turns[face]:
                corners.append(onward[face])
            face = onward[face]
        if corners:
            loops = _simple_loops(list(map(tuple, start[corners].tolist())))
            rings += [(np.array([*loop, loop[0]], np.float64), int(owner[first])) for loop in loops]
    return rings


def _simple_loops(ring: list[tuple[int, ...]]) -> list[list[tuple[int, ...]]]:
    """A ring that meets itself at corners, as rings that do not: a shell and the holes that touch it."""
    if len(set(ring)) == len(ring):
        return [ring]
    loops: list[list[tuple[int, ...]]] = []
    path: list[tuple[int, ...]] = []
    place: dict[tuple[int, ...], int] = {}
    for vertex in ring:
        if vertex in place:
            back = place[vertex]
            loops.append(path[back:])
            for gone in path[back:]:
                del place[gone]
            del path[back:]
        place[vertex] = len(path)
        path.append(vertex)
    return [*loops, path]


def _directed_faces(mask: NDArray[np.bool_], labels: NDArray[Any]) -> tuple[Ints, Ints, Ints]:
    """Each face as a step along pixel corners, mask on its right: start (n, 2), heading, label of its pixel."""
    shifts = ((1, 0), (0, -1), (-1, 0), (0, 1))  # where the inner pixel's outside neighbour is, seen backwards
    corner = ((0, 0), (0, 1), (1, 1), (1, 0))  # of the inner pixel: where the step starts
    starts, headings, owners = [], [], []
    for heading, (shift, offset) in enumerate(zip(shifts, corner)):
        inner = np.argwhere(mask & ~np.roll(mask, shift, (0, 1)))
        starts.append(inner + offset)
        headings.append(np.full(len(inner), heading))
        owners.append(labels[inner[:, 0], inner[:, 1]])
    return np.concatenate(starts), np.concatenate(headings), np.concatenate(owners)


def _following(start: Ints, heading: Ints, width: int) -> Ints:
    """For each face the next of its ring: a right turn where there is one, else straight on, else left."""
    key = (start[:, 0] * width + start[:, 1]) * 4 + heading
    order = np.argsort(key)
    ends = start + STEP[heading]
    at = (ends[:, 0] * width + ends[:, 1]) * 4
    found = np.full(len(start), -1)
    for turn in (3, 0, 1):
        wanted = at + (heading + turn) % 4
        place = np.minimum(np.searchsorted(key, wanted, sorter=order), len(key) - 1)
        there = order[place]
        found = np.where(key[there] == wanted, there, found)  # the last to speak is the right turn
    return found

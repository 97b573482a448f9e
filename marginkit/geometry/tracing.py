"""The exact outline of a mask: every pixel a closed square, as a polygon.

The surprising thing: pixels that meet only at a corner are one piece of tissue, but a valid polygon may not touch
itself there. Rings are split where they pass a corner twice; what comes out is valid, and touches where the mask does.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon

from marginkit.geometry import compiled, neighbours
from marginkit.geometry.bits import Faces
from marginkit.geometry.compiled import kernel
from marginkit.geometry.masks import faces_across, packed
from marginkit.geometry.run_mask import RunMask
from marginkit.geometry.scene import Bools, Floats, Ints

EAST, SOUTH, WEST, NORTH = range(4)  # ways of a side when y points down


def mask_polygon(mask: Bools | RunMask) -> MultiPolygon:
    """The union of the closed pixels of a 2-D mask, (x, y) on pixel corners; only true corners are vertices.

    >>> mask_polygon(np.array([[True, True], [False, True]])).area
    3.0
    """
    held = packed(mask)
    start, end, way = _sides([faces_across(held, axis) for axis in range(2)], mask.shape[1])
    if not len(start):
        return MultiPolygon()
    chain = _next_side(start, end, way)
    rings = [simple for ring in followed(chain) for simple in _split(_corners(ring, start, way))]
    corner, width = np.concatenate(rings), mask.shape[1] + 1
    points = np.stack([corner % width, corner // width], axis=1).astype(np.float64)
    return assembled(points, np.cumsum([len(ring) for ring in rings]))


def walked(found: Sequence[Faces], width: int) -> tuple[Ints, Ints, Ints, Ints]:
    """(order, ring, start, end): which face comes next along the outline, the ring that it is of, and its vertices as
    flat indices, as they are walked; of the faces of a 2-D mask across its two axes, numbered one after the other."""
    start, end, way = _sides(found, width)
    rings = followed(_next_side(start, end, way)) if len(start) else []
    order = np.concatenate([np.zeros(0, np.int64), *rings])
    ring = np.repeat(np.arange(len(rings)), [len(one) for one in rings])
    return order, ring, start[order], end[order]


def _sides(found: Sequence[Faces], width: int) -> tuple[Ints, Ints, Ints]:
    """Start and end vertex (as flat index) and way of each side of a pixel on the boundary, pixel to the left."""
    width = width + 1
    starts, ends, ways = [], [], []
    for face in found:
        step = 1 if face.axis == 0 else width
        first = face.vertex[:, 0] * width + face.vertex[:, 1]
        after = face.inside[:, face.axis] == face.vertex[:, face.axis]
        forward = after if face.axis == 0 else ~after
        starts.append(np.where(forward, first, first + step))
        ends.append(np.where(forward, first + step, first))
        ways.append(np.where(forward, EAST, WEST) if face.axis == 0 else np.where(forward, SOUTH, NORTH))
    return np.concatenate(starts), np.concatenate(ends), np.concatenate(ways).astype(np.int64)


def _next_side(start: Ints, end: Ints, way: Ints) -> Ints:
    """The side that follows each side; where four meet, the one that turns around the same pixel."""
    key = start * 4 + way
    order = np.argsort(key)
    turned = end * 4 + (way + 1) % 4
    out = np.full(len(start), -1, np.int64)
    for wanted in (turned, end * 4 + way, end * 4 + (way + 3) % 4):
        at = np.minimum(np.searchsorted(key[order], wanted), len(order) - 1)
        found = (key[order[at]] == wanted) & (out < 0)
        out[found] = order[at[found]]
    return out


def followed(chain: Ints) -> list[Ints]:
    """The members of each ring, in order, by following a chain of what comes after what."""
    if kernel() is not None:
        member, ends = compiled.followed(chain)
        return [member[a:b] for a, b in pairwise([0, *ends.tolist()])]
    follow = chain.tolist()
    seen = bytearray(len(follow))
    rings = []
    for first in range(len(follow)):
        ring = []
        side = first
        while not seen[side]:
            seen[side] = 1
            ring.append(side)
            side = follow[side]
        if ring:
            rings.append(np.array(ring, np.int64))
    return rings


def _corners(ring: Ints, start: Ints, way: Ints) -> Ints:
    """Vertices of a ring at which it turns."""
    turns = way[ring] != np.roll(way[ring], 1)
    corners: Ints = start[ring[turns]]
    return corners


def _split(ring: Ints) -> list[Ints]:
    """The ring as rings that pass no vertex twice."""
    if len(np.unique(ring)) == len(ring):
        return [ring]
    out: list[Ints] = []
    path: list[int] = []
    place: dict[int, int] = {}
    for vertex in ring.tolist():
        if vertex in place:
            loop = path[place[vertex] :]
            out.append(np.array(loop, np.int64))
            for gone in loop:
                del place[gone]
            del path[len(path) - len(loop) :]
        place[vertex] = len(path)
        path.append(vertex)
    return [*out, np.array(path, np.int64)]


def signed_areas(points: Floats, ends: Ints) -> Floats:
    """Area of each unclosed ring, positive where it turns counter-clockwise in (x, y).

    points : (n, 2) of one ring after the other. ends : where each ends.

    >>> signed_areas(np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 3.0]]), np.array([3])).tolist()
    [3.0]
    """
    number = np.diff(ends, prepend=0)
    first = ends - number
    x, y = (points - np.repeat(points[first], number, axis=0)).T
    turned = x[:-1] * y[1:] - x[1:] * y[:-1]  # the side back to a ring's first point, which is 0, spans none
    turned[ends[:-1] - 1] = 0.0
    areas: Floats = np.add.reduceat(np.append(turned, 0.0), first) / 2
    return areas


def assembled(points: Floats, ends: Ints) -> MultiPolygon:
    """A MultiPolygon of simple rings that do not cross: counter-clockwise are outer rings, clockwise are holes.

    points : (n, 2) (x, y) of one unclosed ring after the other. ends : where each ends.
    """
    if not len(ends):
        return MultiPolygon()
    areas = signed_areas(points, ends)
    ring = np.repeat(np.arange(len(ends)), np.diff(ends, prepend=0))
    rings: NDArray[Any] = np.asarray(shapely.linearrings(points, indices=ring))
    shells, holes = np.flatnonzero(areas > 0), np.flatnonzero(areas < 0)
    owner = np.arange(len(shells))
    if len(holes):
        first = ends[holes - 1] * (holes > 0)
        owner = np.concatenate([owner, _owners(rings[shells], (points[first] + points[first + 1]) / 2)])
    order = np.argsort(owner, kind="stable")
    parts: NDArray[Any] = np.asarray(
        shapely.polygons(rings[np.concatenate([shells, holes])[order]], indices=owner[order])
    )
    return MultiPolygon(shapely.multipolygons(parts))


def _owners(shells: NDArray[Any], middles: Floats) -> Ints:
    """For each hole the smallest outer ring around it.

    Asked of the middle of its first side: an island inside the hole may touch the hole's corners, never its sides.
    """
    if len(shells) == 1:
        return np.zeros(len(middles), np.int64)
    discs: NDArray[Any] = np.asarray(shapely.polygons(shells))
    hole, shell = neighbours.holding(np.asarray(shapely.points(middles)), discs)
    size: Floats = np.asarray(shapely.area(discs))[shell]
    order = np.lexsort((size, hole))
    _, first = np.unique(hole[order], return_index=True)
    owner: Ints = shell[order][first]
    return owner

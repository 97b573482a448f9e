"""The exact outline of a mask: every pixel a closed square, as a polygon.

The surprising thing: pixels that meet only at a corner are one piece of tissue, but a valid polygon may not touch
itself there. Rings are split where they pass a corner twice; what comes out is valid, and touches where the mask does.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from shapely.geometry import MultiPolygon, Polygon

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
    width = mask.shape[1] + 1
    return assembled([np.stack([ring % width, ring // width], axis=1).astype(np.float64) for ring in rings])


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
        return compiled.followed(chain)
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


def signed_area(ring: Floats) -> float:
    """Area of an unclosed (n, 2) ring, positive where it turns counter-clockwise in (x, y)."""
    x, y = (ring - ring[0]).T
    return float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) / 2


def assembled(rings: list[Floats]) -> MultiPolygon:
    """A MultiPolygon of simple rings that do not cross: counter-clockwise are outer rings, clockwise are holes."""
    areas = [signed_area(ring) for ring in rings]
    shells = [ring for ring, area in zip(rings, areas) if area > 0]
    holes = [ring for ring, area in zip(rings, areas) if area < 0]
    owned: list[list[Floats]] = [[] for _ in shells]
    if holes:
        for owner, hole in zip(_owners(shells, holes).tolist(), holes):
            owned[owner].append(hole)
    return MultiPolygon([Polygon(shell, own) for shell, own in zip(shells, owned)])


def _owners(shells: list[Floats], holes: list[Floats]) -> Ints:
    """For each hole the smallest outer ring around it.

    Asked of the middle of its first side: an island inside the hole may touch the hole's corners, never its sides.
    """
    discs = np.array([Polygon(shell) for shell in shells], dtype=object)
    middles = shapely.points([(hole[0] + hole[1]) / 2 for hole in holes])
    hole, shell = neighbours.holding(middles, discs)
    size: Floats = np.asarray(shapely.area(discs))[shell]
    order = np.lexsort((size, hole))
    _, first = np.unique(hole[order], return_index=True)
    owner: Ints = shell[order][first]
    return owner

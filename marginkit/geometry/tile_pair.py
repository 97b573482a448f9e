"""The closest pair of a mask in tiles: the value, interval and pair that a measurement of the whole mask gives.

The surprising thing: the pair itself is not enough. Ties go to the first point in array order, and the interval asks
for pixel centres up to two diagonals farther away; so the search goes on until nothing can be within that.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from marginkit.geometry.bits import Ints
from marginkit.geometry.lattice import ROUNDING, Lattice
from marginkit.geometry.scene import Floats
from marginkit.geometry.tile_mask import TiledMask
from marginkit.geometry.tile_pixels import FaceTable, TumorTable
from marginkit.geometry.tile_search import near as near_in

AS_NEAR = 1e-9  # relative: the same length summed in two ways


@dataclass(frozen=True)
class TilePair:
    """The closest pair of tumor and cut edge.

    low_mm, high_mm : of the interval that digitisation leaves. edge_px, tumor_px : (y, x) in index units.
    unseen_mm : distance to the image's border, where tumor is as near to it. bound_mm : no pair in tiles that were left
    packed is nearer; inf where none was left. tied : other pairs are as near.
    """

    distance_mm: float
    low_mm: float
    high_mm: float
    edge_px: tuple[float, float]
    tumor_px: tuple[float, float]
    unseen_mm: float | None
    bound_mm: float
    tied: bool


def closest(mask: TiledMask, holes: bool) -> TilePair | None:
    """The closest pair; None where no cut edge lies on a piece with tumor. ``holes``: their outline is cut."""
    lattice = Lattice((np.zeros(1), np.zeros(1)), mask.spacing)
    diagonal_mm = float(np.sqrt((np.array([mask.spacing_mm] * 2) ** 2).sum(axis=1)).mean())
    near = near_in(mask, mask.edge(holes), holes, np.inf, 2 * diagonal_mm * (1 + AS_NEAR))
    pieces = [_Piece.of(near.faces, near.tumors, one, lattice) for one in np.unique(near.faces.piece).tolist()]
    found = [piece for piece in pieces if piece is not None]
    if not found:
        return None
    least = min(float(piece.face_mm.min()) for piece in found)
    edge, tumor, others = min((piece.pair(least) for piece in found), key=lambda pair: tuple(pair[0][0].tolist()))
    value = float(lattice.distance_mm(edge, tumor)[0])
    centres = min(piece.centres_mm(least, diagonal_mm) for piece in found)
    unseen = near_in(mask, mask.frame(), holes, value * (1 + AS_NEAR), 0.0) if value else None
    hidden = None if unseen is None else _least_mm(unseen.faces, unseen.tumors, lattice, value * (1 + AS_NEAR))
    low, high = min(max(0.0, centres - diagonal_mm), value), max(centres, value)
    return TilePair(
        value,
        low,
        high,
        (float(edge[0, 0]), float(edge[0, 1])),
        (float(tumor[0, 0]), float(tumor[0, 1])),
        hidden,
        near.bound_mm,
        others or sum(bool((piece.face_mm <= least * (1 + ROUNDING)).any()) for piece in found) > 1,
    )


def _least_mm(faces: FaceTable, tumors: list[TumorTable], lattice: Lattice, reach_mm: float) -> float | None:
    """Least distance of faces to the tumor of their piece; None above the reach."""
    pieces = [_Piece.of(faces, tumors, one, lattice) for one in np.unique(faces.piece).tolist()]
    least = min((float(piece.face_mm.min()) for piece in pieces if piece is not None), default=np.inf)
    return least if least <= reach_mm else None


@dataclass(frozen=True, eq=False)
class _Piece:
    """Faces and tumor of one piece of the specimen.

    face_px : (n, 2) the corner of each face that is nearest to tumor, and face_mm how near. vertex : (m, 2) corners of
    the tumor in array order. pixel : of the tumor, keys as ``_keys`` makes them, sorted. outside : (n, 2) of each face.
    """

    lattice: Lattice
    face_px: Floats
    face_mm: Floats
    outside: Ints
    vertex: Ints
    pixel: Ints

    @classmethod
    def of(cls, faces: FaceTable, tumors: list[TumorTable], piece: int, lattice: Lattice) -> _Piece | None:
        """The faces and the tumor of one piece; None where it has no tumor."""
        parts = [table.vertex[table.piece == piece] for table in tumors]
        if not sum(map(len, parts)):
            return None
        vertex = _ordered(np.concatenate(parts))
        pixel = np.concatenate([table.pixel[table.of_pixel == piece] for table in tumors])
        mine = faces.piece == piece
        corners = np.stack([faces.low[mine], faces.high[mine]])
        asked = _ordered(corners.reshape(-1, 2))
        of_corner = np.searchsorted(_keys(asked), _keys(corners.reshape(-1, 2))).reshape(2, -1)
        points, edge = _px(vertex), _px(asked)
        owner = lattice.points(points).nearest(lattice.points(edge))
        distance = lattice.distance_mm(edge, points, owner)
        best = np.argmin(distance[of_corner], axis=0)
        point = of_corner[best, np.arange(corners.shape[1])]
        return cls(lattice, edge[point], distance[point], faces.outside[mine], vertex, np.unique(_keys(pixel)))

    def pair(self, least_mm: float) -> tuple[Floats, Floats, bool]:
        """(1, 2) edge point and (1, 2) tumor point, each the first that is so near, and whether others are.

        The edge point is at infinity where none is.
        """
        points = self.face_px[self.face_mm <= least_mm * (1 + ROUNDING)]
        if not len(points):
            return np.full((1, 2), np.inf), np.full((1, 2), np.inf), False
        edge = points[np.lexsort(points.T[::-1])[:1]]
        distance = self.lattice.distance_mm(edge, _px(self.vertex))
        tied = np.flatnonzero(distance <= distance.min() * (1 + ROUNDING))
        return edge, _px(self.vertex[tied[:1]]), len(tied) > 1 or bool((points != edge).any())

    def centres_mm(self, least_mm: float, diagonal_mm: float) -> float:
        """Least distance between centres of tumor pixels and of pixels behind the faces near the least one."""
        outside = self.outside[self.face_mm <= least_mm + diagonal_mm * (1 + AS_NEAR)].astype(np.float64)
        if not len(outside):
            return float("inf")
        pixels = [self.vertex - np.array(step) for step in product((1, 0), repeat=2)]
        inside = np.concatenate([p[np.isin(_keys(p), self.pixel)] for p in pixels]).astype(np.float64)
        found = self.lattice.points(inside).nearest(self.lattice.points(outside))
        return float(self.lattice.distance_mm(outside, inside[found]).min())


def _px(vertex: Ints) -> Floats:
    """Corners in index units."""
    return vertex.astype(np.float64) - 0.5


def _keys(pixel: Ints) -> Ints:
    """(n,) one number a pixel or corner, in array order; none is below -1."""
    keys: Ints = (pixel[:, 0] + 1) * (1 << 31) + pixel[:, 1] + 1
    return keys


def _ordered(corner: Ints) -> Ints:
    """Corners in array order, each once."""
    row, column = np.divmod(np.unique(_keys(corner)), 1 << 31)
    return np.stack([row - 1, column - 1], axis=1)

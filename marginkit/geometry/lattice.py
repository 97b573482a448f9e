"""Exact margins between masks: closed pixels of the tumor, faces of the specimen.

Tumor and faces are unions of boxes whose corners lie on one lattice of pixel corners. Along each axis the gap
between two such boxes is reached at a corner of each, so the least distance between pixels and faces is the least
distance between *vertices*. Only vertices on the tumor's boundary and on the specimen's faces matter, and a k-d
tree finds the nearest among them. No distance transform is needed, and none could say 0.

The surprising thing: the lattice need not be regular. ``ticks`` places its lines, so that two masks of different
spacing are measured on the lattice of both without resampling either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from marginkit.geometry import bits, extent, linked, sight
from marginkit.geometry.runs import Components, background, components
from marginkit.geometry.scene import (
    CUT,
    FRAME,
    HOLE,
    SECTION,
    Bools,
    Closest,
    Floats,
    FociTable,
    Ints,
    Nearest,
    Outline,
)

ROUNDING = 1e-12  # relative: two ways to sum the same squares


@dataclass(frozen=True)
class FaceTable:
    """Faces of the specimen, all axes in one table.

    axis : (n,) uint8, perpendicular to the face. vertex, inside, outside : (n, ndim) int64, see ``bits.Faces``.
    """

    axis: NDArray[np.uint8]
    vertex: Ints
    inside: Ints
    outside: Ints

    def corners(self, ndim: int) -> Ints:
        """(2^(ndim-1), n, ndim) vertices of each face, smallest indices first."""
        out = []
        for step in product((0, 1), repeat=ndim - 1):
            shift = np.array([np.insert(step, axis, 0) for axis in range(ndim)], np.int64)
            out.append(self.vertex + shift[self.axis])
        return np.stack(out)


def regular_ticks(shape: Sequence[int]) -> tuple[Floats, ...]:
    """Lattice lines of an ordinary pixel grid: half-integers, in index units."""
    return tuple(np.arange(n + 1) - 0.5 for n in shape)


class LatticeScene:
    """A tumor mask and a specimen mask on one lattice; meets ``scene.Scene``."""

    def __init__(
        self,
        tumor: bits.PackedMask,
        specimen: bits.PackedMask,
        spacing_mm: Sequence[float],
        *,
        ticks: tuple[Floats, ...] | None = None,
        pixel_mm: tuple[Sequence[float], Sequence[float]] | None = None,
        holes: Literal["ignore", "cut"] = "ignore",
        link_mm: float = 0.0,
    ) -> None:
        """tumor, specimen : same shape. ticks : lattice lines an axis, in index units of the image.

        pixel_mm : pixel sizes of tumor and specimen, where they differ from ``spacing_mm``.
        """
        self._tumor = tumor
        self._specimen = specimen
        self._shape = tumor.shape
        self._spacing = np.array(spacing_mm, np.float64)
        self._ticks = ticks or regular_ticks(tumor.shape)
        self._pixel_mm = np.array(pixel_mm or (spacing_mm, spacing_mm), np.float64)
        self._holes = holes
        self._link_mm = link_mm
        self._inside = bits.PackedMask(tumor.words & specimen.words, tumor.shape)

    # What the scene is made of

    @property
    def ndim(self) -> int:
        """2 or 3."""
        return len(self._shape)

    @property
    def spacing_mm(self) -> tuple[float, ...]:
        """Millimetres per index unit, array order."""
        return tuple(self._spacing.tolist())

    @property
    def boundary(self) -> str:
        """How the boundary was read."""
        return "pixels"

    @cached_property
    def _pieces(self) -> Components:
        return components(self._specimen, corners=True)

    @cached_property
    def _foci(self) -> Components:
        return components(self._inside, corners=True)

    @cached_property
    def _faces(self) -> FaceTable:
        parts = bits.faces(self._specimen)
        axis = np.concatenate([np.full(len(part.vertex), part.axis, np.uint8) for part in parts])
        vertex = np.concatenate([part.vertex for part in parts])
        inside = np.concatenate([part.inside for part in parts])
        return FaceTable(axis, vertex, inside, np.concatenate([part.outside for part in parts]))

    @cached_property
    def outline(self) -> Outline:
        """Every face of the specimen."""
        return Outline(self._face_sizes(), self._face_kinds(), self._piece_at(self._faces.inside))

    def _piece_at(self, pixel: Ints) -> Ints:
        return np.zeros(len(pixel), np.int64) if self._pieces.count == 1 else self._pieces.at(pixel)

    def _face_sizes(self) -> Floats:
        size = np.ones(len(self._faces.axis))
        for axis in range(self.ndim):
            widths = np.append(np.diff(self._ticks[axis]), 1.0) * self._spacing[axis]
            across = self._faces.axis == axis
            size *= np.where(across, 1.0, widths[self._faces.vertex[:, axis]])
        return size

    def _face_kinds(self) -> NDArray[np.uint8]:
        faces = self._faces
        kind = np.full(len(faces.axis), CUT, np.uint8)
        limit = np.array(self._shape)
        beyond = ((faces.outside < 0) | (faces.outside >= limit)).any(axis=1)
        kind[beyond] = FRAME
        if self.ndim == 3:
            kind[beyond & (faces.axis == 0)] = SECTION
        if self._holes == "ignore":
            kind[self._enclosed(~beyond)] = HOLE
        return kind

    def _enclosed(self, within: Bools) -> Ints:
        """Indices of faces towards background that does not reach the border of the array."""
        back = components(background(self._specimen), corners=False)
        enclosed = ~back.meets_border
        if not enclosed.any():
            return np.zeros(0, np.int64)
        here = np.flatnonzero(within)
        return here[enclosed[back.at(self._faces.outside[here])]]

    # The tumor

    def _cell_sizes(self, runs: Components) -> Floats:
        """(runs,) mm² or mm³ of each run."""
        if self._regular:
            return (runs.stop - runs.start) * float(np.prod(self._spacing))
        lines = self._ticks[-1] * self._spacing[-1]
        size = lines[runs.stop] - lines[runs.start]
        for axis, index in enumerate(np.unravel_index(runs.row, self._shape[:-1])):
            size = size * (np.diff(self._ticks[axis]) * self._spacing[axis])[index]
        return size

    @cached_property
    def _regular(self) -> bool:
        return all(np.array_equal(t, r) for t, r in zip(self._ticks, regular_ticks(self._shape)))

    def _total(self, mask: bits.PackedMask) -> float:
        if self._regular:
            return mask.count * float(np.prod(self._spacing))
        return float(self._cell_sizes(components(mask, corners=True)).sum())

    @cached_property
    def tumor_outside(self) -> float:
        """Tumor outside every piece: mm² in 2-D, mm³ in 3-D."""
        return self._total(bits.PackedMask(self._tumor.words & ~self._specimen.words, self._shape))

    @cached_property
    def specimen_size(self) -> float:
        """mm² in 2-D, mm³ in 3-D."""
        return self._total(self._specimen)

    @property
    def tumor_meets_frame(self) -> bool:
        """Whether a pixel of tumor lies on a border of the array that counts as frame."""
        foci = self._foci
        index = np.unravel_index(foci.row, self._shape[:-1])
        sides = [(foci.start == 0) | (foci.stop == self._shape[-1])]
        sides += [(index[a] == 0) | (index[a] == self._shape[a] - 1) for a in range(self.ndim == 3, self.ndim - 1)]
        return bool(np.any(sides))

    @cached_property
    def _vertices(self) -> Ints:
        return bits.boundary_vertices(self._inside)

    @cached_property
    def _vertex_pixel(self) -> Ints:
        """(n, ndim) a tumor pixel at each vertex. All tumor pixels around one are of the same focus."""
        pixel = np.full(self._vertices.shape, -1, np.int64)
        todo = np.arange(len(pixel))
        for step in product((1, 0), repeat=self.ndim):
            here = self._vertices[todo] - np.array(step)
            held = sight.pixels_held(self._inside, here)
            pixel[todo[held]] = here[held]
            todo = todo[~held]
        return pixel

    @cached_property
    def _group(self) -> Ints:
        """(components,) focus of each connected component of the tumor, after linking."""
        raw = self._foci
        if self._link_mm <= 0 or raw.count < 2:
            return np.arange(raw.count)
        return linked.groups(self._points(self._vertices), self._raw_focus, self._raw_piece, self._link_mm)

    @cached_property
    def _raw_piece(self) -> Ints:
        first = np.unique(self._foci.label, return_index=True)[1]
        index = np.unravel_index(self._foci.row[first], self._shape[:-1])
        return self._piece_at(np.stack([*index, self._foci.start[first]], axis=1))

    @cached_property
    def _raw_focus(self) -> Ints:
        one = self._foci.count == 1
        return np.zeros(len(self._vertices), np.int64) if one else self._foci.at(self._vertex_pixel)

    @cached_property
    def _vertex_focus(self) -> Ints:
        focus: Ints = self._group[self._raw_focus]
        return focus

    @cached_property
    def foci(self) -> FociTable:
        """The tumor's connected parts, by first appearance in array order."""
        number = int(self._group.max()) + 1 if len(self._group) else 0
        of_run = self._group[self._foci.label]
        size = np.bincount(of_run, self._cell_sizes(self._foci), number)
        if self._regular:
            pixels = np.bincount(of_run, self._foci.stop - self._foci.start, number).astype(np.int64)
        else:
            pixels = np.maximum(np.rint(size / np.prod(self._pixel_mm[0])), 1).astype(np.int64)
        piece = np.zeros(number, np.int64)
        piece[self._group] = self._raw_piece
        return FociTable(size, pixels, piece)

    def tumor_extent_mm(self) -> float:
        """Greatest distance between two points of the tumor."""
        return extent.diameter_mm(self._points(self._vertices))

    # Distances

    def _index_units(self, vertex: Ints) -> Floats:
        """(n, ndim) positions of vertices in index units."""
        return np.stack([self._ticks[axis][vertex[:, axis]] for axis in range(self.ndim)], axis=1)

    def _points(self, vertex: Ints) -> Floats:
        """(n, ndim) positions of vertices in mm."""
        return self._index_units(vertex) * self._spacing

    def _scaled(self, points_px: Floats) -> Floats:
        """Index units times relative spacing: with square pixels these are exact half-integers."""
        return points_px * (self._spacing / self._spacing.min())

    def _distance(self, a_px: Floats, b_px: Floats) -> Floats:
        """Exact to rounding: differences are taken in index units before they become millimetres."""
        return np.sqrt((((a_px - b_px) * self._spacing) ** 2).sum(axis=1))

    @cached_property
    def _tumor_points(self) -> Floats:
        return self._index_units(self._vertices)

    @cached_property
    def _trees(self) -> dict[int, tuple[cKDTree, Ints]]:
        """By piece that holds tumor: a tree of tumor vertices, and which they are."""
        if self._foci.count == 0:
            return {}
        piece = self.foci.piece[self._vertex_focus]
        out = {}
        for one in np.unique(piece):
            which = np.flatnonzero(piece == one)
            out[int(one)] = (_tree(self._scaled(self._tumor_points[which])), which)
        return out

    def nearest(self, selected: Bools) -> Nearest:
        """Nearest tumor for each selected face, from the corners of the face."""
        which = np.flatnonzero(selected)
        out = Nearest(
            np.full(len(which), np.inf),
            np.zeros((len(which), self.ndim)),
            np.zeros((len(which), self.ndim)),
            np.full(len(which), -1, np.int64),
        )
        piece = self.outline.piece[which]
        for one in self._trees:
            here = np.flatnonzero(piece == one)
            if len(here):
                self._fill(out, here, which[here], one)
        return out

    def _fill(self, out: Nearest, at: Ints, faces: Ints, piece: int) -> None:
        """Nearest tumor vertex of one piece for some of its faces, written to rows ``at`` of ``out``."""
        table = FaceTable(self._faces.axis[faces], self._faces.vertex[faces], faces, faces)
        corners = table.corners(self.ndim)
        lattice = tuple(n + 1 for n in self._shape)
        keys = np.ravel_multi_index(tuple(np.moveaxis(corners, -1, 0)), lattice)
        unique, back = np.unique(keys, return_inverse=True)
        edge = self._index_units(np.stack(np.unravel_index(unique, lattice), axis=1))
        tree, members = self._trees[piece]
        _, found = tree.query(self._scaled(edge), workers=2)
        owner = members[found]
        distance = self._distance(edge, self._tumor_points[owner])
        back = back.reshape(keys.shape)
        best = np.argmin(distance[back], axis=0)
        vertex = back[best, np.arange(len(faces))]
        out.distance_mm[at] = distance[vertex]
        out.edge_px[at] = edge[vertex]
        out.tumor_px[at] = self._tumor_points[owner[vertex]]
        out.focus[at] = self._vertex_focus[owner[vertex]]

    def closest(self, selected: Bools, nearest: Nearest) -> Closest | None:
        """The closest pair of a selection; ties go to the first edge point, then the first tumor point."""
        if not len(nearest.distance_mm) or not np.isfinite(least := float(nearest.distance_mm.min())):
            return None
        bit = np.flatnonzero(nearest.distance_mm <= least * (1 + ROUNDING))
        points = nearest.edge_px[bit]
        first = int(np.lexsort(points.T[::-1])[0])
        edge = points[first]
        tree, members = self._trees[int(self.outline.piece[np.flatnonzero(selected)[bit[first]]])]
        reach = least / float(self._spacing.min()) * (1 + 1e-9) + 1e-9
        ball = members[np.array(tree.query_ball_point(self._scaled(edge), reach), np.int64)]
        distance = self._distance(edge[None], self._tumor_points[ball])
        ball = np.sort(ball[distance <= distance.min() * (1 + ROUNDING)])
        return Closest(
            distance_mm=float(self._distance(edge[None], self._tumor_points[ball[:1]])[0]),
            edge_px=tuple(edge.tolist()),
            tumor_px=tuple(self._tumor_points[ball[0]].tolist()),
            bit=int(bit[first]),
            focus=int(self._vertex_focus[ball[0]]),
            tied=len(ball) > 1 or bool((points != edge).any()),
        )

    def focus_margins_mm(self, selected: Bools, nearest: Nearest) -> Floats:
        """(k,) distance of each focus to the selected faces of its piece; inf where there is none."""
        out = np.full(len(self.foci.piece), np.inf)
        if len(out) == 1:
            out[0] = nearest.distance_mm.min(initial=np.inf)
            return out
        which = np.flatnonzero(selected)
        for piece, (_, members) in self._trees.items():
            faces = which[self.outline.piece[which] == piece]
            if len(faces):
                table = FaceTable(self._faces.axis[faces], self._faces.vertex[faces], faces, faces)
                edge = self._index_units(np.unique(table.corners(self.ndim).reshape(-1, self.ndim), axis=0))
                _, found = _tree(self._scaled(edge)).query(self._scaled(self._tumor_points[members]), workers=2)
                distance = self._distance(edge[found], self._tumor_points[members])
                np.minimum.at(out, self._vertex_focus[members], distance)
        return out

    def focus_gaps_mm(self, main: int) -> Floats:
        """(k,) distance of each focus to focus ``main``."""
        out = np.full(len(self.foci.piece), np.inf)
        points, focus = self._tumor_points, self._vertex_focus
        target = points[focus == main]
        _, found = _tree(self._scaled(target)).query(self._scaled(points), workers=2)
        np.minimum.at(out, focus, self._distance(points, target[found]))
        out[main] = 0.0
        return out

    # The interval

    def _centres(self, pixel: Ints) -> Floats:
        """(n, ndim) centres of pixels in index units; pixels may lie outside the array by one."""
        out = np.empty(pixel.shape)
        for axis, ticks in enumerate(self._ticks):
            middle = (ticks[:-1] + ticks[1:]) / 2
            ends = (2 * ticks[0] - middle[0], 2 * ticks[-1] - middle[-1])
            out[:, axis] = np.concatenate([ends[:1], middle, ends[1:]])[pixel[:, axis] + 1]
        return out

    def centre_distance_mm(self, selected: Bools, nearest: Nearest) -> float | None:
        """c of the digitisation interval, from pixel centres across the selected faces."""
        least = float(nearest.distance_mm.min(initial=np.inf))
        if not np.isfinite(least):
            return None
        within = nearest.distance_mm <= least + self.pixel_diagonal_mm * (1 + 1e-9)
        faces = np.flatnonzero(selected)[within]
        piece = self.outline.piece[faces]
        best = np.inf
        for one in np.unique(piece):
            outside = self._centres(self._faces.outside[faces[piece == one]])
            inside = self._tumor_centres(int(one))
            _, found = _tree(self._scaled(inside)).query(self._scaled(outside), workers=2)
            best = min(best, float(self._distance(outside, inside[found]).min()))
        return best

    def _tumor_centres(self, piece: int) -> Floats:
        """Centres of the tumor's boundary pixels in one piece: those around its boundary vertices."""
        members = self._vertices[self._trees[piece][1]]
        found = []
        for step in product((1, 0), repeat=self.ndim):
            pixel = members - np.array(step)
            found.append(pixel[sight.pixels_held(self._inside, pixel)])
        return self._centres(np.concatenate(found))

    @property
    def pixel_diagonal_mm(self) -> float:
        """g of the digitisation interval; the mean of the two where the masks have different pixels."""
        return float(np.sqrt((self._pixel_mm**2).sum(axis=1)).mean())

    # Places

    def stays_inside(self, start_px: Sequence[float], end_px: Sequence[float]) -> bool:
        """Whether the straight line between two points of the closed specimen stays in it."""
        return sight.stays_inside(self._specimen, self._ticks, start_px, end_px)

    def in_region(self, region: object) -> Bools:
        """For each face whether it touches a pixel of a mask, or has its midpoint in a polygon."""
        if isinstance(region, np.ndarray):
            return self._touches(region)
        from shapely import intersects_xy

        corners = self._faces.corners(self.ndim)
        middle = np.mean([self._index_units(corner) for corner in corners], axis=0)
        inside: Bools = np.asarray(intersects_xy(region, middle[:, 1] + 0.5, middle[:, 0] + 0.5))
        return inside

    def _touches(self, region: Bools) -> Bools:
        out = region[tuple(self._faces.inside.T)]
        beyond = ((self._faces.outside < 0) | (self._faces.outside >= np.array(self._shape))).any(axis=1)
        kept = np.where(beyond[:, None], 0, self._faces.outside)
        touched: Bools = out | (region[tuple(kept.T)] & ~beyond)
        return touched


def _tree(points: Floats) -> cKDTree:
    return cKDTree(points, balanced_tree=False, compact_nodes=False)

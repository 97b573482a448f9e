"""Exact margins between masks: closed pixels of the tumor, faces of the specimen.

Tumor and faces are unions of boxes whose corners lie on one lattice of pixel corners. Along each axis the gap
between two such boxes is reached at a corner of each, so the least distance between pixels and faces is the least
distance between *vertices*. Only vertices on the tumor's boundary and on the specimen's faces matter, and a tree
finds the nearest among them. No distance transform is needed, and none could say 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from marginkit.geometry import barrier, extent, group_distance, inside_path, masks, sight, touched
from marginkit.geometry.drawn import in_region, pixels_in
from marginkit.geometry.facets import Facets, facets, kinds, lattice_keys, sizes
from marginkit.geometry.lattice import ROUNDING, Lattice, regular_ticks
from marginkit.geometry.lattice_tumor import LatticeTumor, run_sizes
from marginkit.geometry.nearest import Points
from marginkit.geometry.run_mask import LARGEST_PIXELS, RunMask, too_large
from marginkit.geometry.runs import Components, components, count_upto
from marginkit.geometry.scene import Behind, Bools, Closest, Floats, FociTable, Ints, Nearest, Outline


class LatticeScene:
    """A tumor mask and a specimen mask on one lattice; meets ``scene.Scene``."""

    boundary = "pixels"

    def __init__(
        self,
        tumor: masks.Mask,
        specimen: masks.Mask,
        spacing_mm: Sequence[float],
        *,
        ticks: tuple[Floats, ...] | None = None,
        pixel_mm: tuple[Sequence[float], Sequence[float]] | None = None,
        holes: Literal["ignore", "cut"] = "ignore",
        link_mm: float = 0.0,
    ) -> None:
        """Tumor and specimen have the same shape.

        ticks : lattice lines an axis, in index units of the image, where they are not those of the image.
        pixel_mm : pixel sizes of tumor and specimen, where they differ from ``spacing_mm``.
        """
        self._lattice = Lattice(ticks or regular_ticks(tumor.shape), np.array(spacing_mm, np.float64))
        self._specimen = specimen
        self._pixel_mm: Floats = np.array(pixel_mm or (spacing_mm, spacing_mm), np.float64)
        self._holes = holes
        self._beyond = 0.0
        nothing = np.zeros(0, np.int64)
        nowhere = self._lattice.points(np.zeros((0, len(tumor.shape))))
        self._last_edge_points: tuple[Ints, tuple[Points, Ints]] = (nothing, (nowhere, nothing))
        self._stray = masks.without(tumor, specimen)
        inside = tumor if self._stray.count == 0 else masks.shared(tumor, specimen)
        self._tumor = LatticeTumor(inside, self._pieces, self._lattice, self._pixel_mm[0], link_mm)

    @property
    def ndim(self) -> int:
        """2 or 3."""
        return self._lattice.ndim

    @property
    def spacing_mm(self) -> tuple[float, ...]:
        """Millimetres per index unit, array order."""
        return tuple(self._lattice.spacing_mm.tolist())

    @cached_property
    def _pieces(self) -> Components:
        return components(masks.runs_of(self._specimen), corners=True)

    @cached_property
    def outline(self) -> Outline:
        """Every face of the specimen."""
        faces = self._faces
        one = self._pieces.count <= 1
        piece = np.zeros(len(faces.axis), np.int64) if one else self._pieces.at(faces.inside)
        kind, self.leaves_stack = kinds(faces, self._pieces.runs, self._holes)
        return Outline(sizes(faces, self._lattice), kind, piece)

    @cached_property
    def _faces(self) -> Facets:
        return facets(self._specimen, self._pieces.runs)

    @property
    def foci(self) -> FociTable:
        """The tumor's connected parts, by first appearance in array order."""
        return self._tumor.foci

    @cached_property
    def tumor_outside(self) -> float:
        """Tumor outside every piece: mm² in 2-D, mm³ in 3-D."""
        return self._size(self._stray) + self._beyond

    def add_tumor_total(self, total: float) -> None:
        """Say how large the whole tumor is (mm² or mm³): what the lattice does not reach is outside."""
        rest = total - self._size(self._stray) - float(self.foci.size.sum())
        self._beyond = rest if rest > 1e-9 * total else 0.0

    @cached_property
    def specimen_size(self) -> float:
        """mm² in 2-D, mm³ in 3-D."""
        return self._size(self._specimen)

    def _size(self, mask: masks.Mask) -> float:
        if self._lattice.regular:
            return mask.count * float(np.prod(self._lattice.spacing_mm))
        return float(run_sizes(masks.runs_of(mask), self._lattice).sum())

    @property
    def tumor_meets_frame(self) -> bool:
        """Whether tumor reaches a border of the array that counts as frame."""
        return self._tumor.meets_side

    def tumor_extent_mm(self) -> float:
        """Greatest distance between two points of the tumor."""
        return extent.diameter_mm(
            self._lattice.corner_px(extent.line_ends(self._tumor.vertices)) * self._lattice.spacing_mm
        )

    def nearest(self, selected: Bools) -> Nearest:
        """Nearest tumor for each selected face, from the corners of the face."""
        which = np.flatnonzero(selected)
        shape = (len(which), self.ndim)
        piece = self.outline.piece[which]
        if len(which) and int(piece[0]) in self._tumor.by_piece and (piece == piece[0]).all():
            return self._nearest(which, int(piece[0]))
        out = Nearest(np.full(len(which), np.inf), np.zeros(shape), np.zeros(shape), np.full(len(which), -1, np.int64))
        for one in self._tumor.by_piece:
            here = np.flatnonzero(piece == one)
            if len(here):
                out.put(here, self._nearest(which[here], one))
        return out

    def _nearest(self, faces: Ints, piece: int) -> Nearest:
        """Nearest tumor vertex of one piece for some of its faces; of corners that are equally near the first."""
        asked, of_corner = self._edge_points(faces)
        points, members = self._tumor.by_piece[piece]
        owner = members.take(points.nearest(asked))
        distance = self._lattice.distance_mm(asked.points_px, self._tumor.points_px, owner)
        point, least = of_corner[0], distance[of_corner[0]]
        for corner in of_corner[1:]:
            nearer = distance[corner] < least
            point = np.where(nearer, corner, point)
            least = np.where(nearer, distance[corner], least)
        tumor = owner.take(point)  # which is several times as fast as an index, for rows of two numbers
        edge_px, tumor_px = asked.points_px.take(point, axis=0), self._tumor.points_px.take(tumor, axis=0)
        return Nearest(least, edge_px, tumor_px, self._tumor.focus.take(tumor))

    @property
    def pieces(self) -> Components:
        """The specimen's connected parts."""
        return self._pieces

    def _edge_points(self, faces: Ints) -> tuple[Points, Ints]:
        """(m, ndim) corners of some faces without repeats, index units; and which one each face's corners are."""
        asked, answer = self._last_edge_points
        if not np.array_equal(asked, faces):
            answer = self._find_edge_points(faces)
            self._last_edge_points = (faces, answer)
        return answer

    def _find_edge_points(self, faces: Ints) -> tuple[Points, Ints]:
        corners = count_upto(self._edge_keys, self._faces.corner_keys(self._lattice.shape, faces)) - 1
        used = np.zeros(len(self._edge_keys), np.bool_)
        used[corners] = True
        if used.all():
            return self._lattice.points(self._lattice.corner_px(self._edge_vertices)), corners
        some = self._lattice.corner_px(self._edge_vertices[used])
        return self._lattice.points(some), (np.cumsum(used) - 1)[corners]

    @cached_property
    def _edge_vertices(self) -> Ints:
        """(m, ndim) corners of all faces, in array order: the boundary vertices of the specimen."""
        return masks.vertices(self._specimen)

    @cached_property
    def _edge_keys(self) -> Ints:
        """(m,) place of each of them in the whole lattice."""
        return lattice_keys(self._edge_vertices, self._lattice.shape)

    def closest(self, selected: Bools, nearest: Nearest) -> Closest | None:
        """The closest pair of a selection; ties go to the first edge point, then to the first tumor point."""
        least = float(nearest.distance_mm.min(initial=np.inf))
        if not np.isfinite(least):
            return None
        bit = np.flatnonzero(nearest.distance_mm <= least * (1 + ROUNDING))
        points = nearest.edge_px[bit]
        first = int(np.lexsort(points.T[::-1])[0])
        edge = points[first : first + 1]
        tumor = self._tied_tumor(edge, least, int(self.outline.piece[np.flatnonzero(selected)[bit[first]]]))
        chosen = self._tumor.points_px[tumor[:1]]
        return Closest(
            distance_mm=float(self._lattice.distance_mm(edge, chosen)[0]),
            edge_px=tuple(edge[0].tolist()),
            tumor_px=tuple(chosen[0].tolist()),
            bit=int(bit[first]),
            focus=int(self._tumor.focus[tumor[0]]),
            tied=len(tumor) > 1 or bool((points != edge).any()),
        )

    def _tied_tumor(self, edge: Floats, least_mm: float, piece: int) -> Ints:
        """Tumor vertices at the least distance from one edge point, in array order."""
        _, members = self._tumor.by_piece[piece]
        points = self._tumor.points_px[members]
        ball = np.flatnonzero(
            np.abs((points[:, 0] - edge[0, 0]) * self._lattice.spacing_mm[0]) <= least_mm * (1 + 1e-9)
        )
        distance = self._lattice.distance_mm(edge, points[ball])
        tied: Ints = members[ball[distance <= distance.min() * (1 + ROUNDING)]]
        return tied

    def focus_margins_mm(self, selected: Bools, nearest: Nearest) -> Floats:
        """(k,) distance of each focus to the selected faces of its piece; inf where there is none."""
        number = len(self.foci.piece)
        out: Floats = np.full(number, np.inf)
        if number == 1:
            out[0] = nearest.distance_mm.min(initial=np.inf)
            return out
        which = np.flatnonzero(selected)
        for piece, (grouped, _) in self._tumor.by_piece.items():
            faces = which[self.outline.piece[which] == piece]
            if len(faces):
                edge, _ = self._edge_points(faces)
                out = np.minimum(out, group_distance.least_mm(self._lattice, grouped, number, edge))
        return out

    def focus_gaps_mm(self, main: int) -> Floats:
        """(k,) distance of each focus to focus ``main``."""
        number = len(self.foci.piece)
        if number == 1:
            return np.zeros(1)
        points, focus = self._tumor.points_px, self._tumor.focus
        target = self._lattice.points(points[focus == main])
        if len(self._tumor.by_piece) > 1:
            return group_distance.least_mm(self._lattice, self._lattice.points(points, focus), number, target)
        [(grouped, _)] = self._tumor.by_piece.values()
        return group_distance.least_mm(self._lattice, grouped, number, target)

    def centre_distance_mm(self, selected: Bools, nearest: Nearest) -> float | None:
        """c of the digitisation interval, from pixel centres across the selected faces.

        Only faces within a pixel diagonal of the least distance can hold it.
        """
        least = float(nearest.distance_mm.min(initial=np.inf))
        if not np.isfinite(least):
            return None
        near = nearest.distance_mm <= least + self.pixel_diagonal_mm * (1 + 1e-9)
        faces = np.flatnonzero(selected)[near]
        piece = self.outline.piece[faces]
        reach = least + 2 * self.pixel_diagonal_mm
        return min(self._centre_distance(faces[piece == one], one, reach) for one in set(piece.tolist()))

    def _centre_distance(self, faces: Ints, piece: int, reach: float) -> float:
        outside = self._lattice.centre_px(self._faces.outside[faces])
        inside = self._tumor.centres_px(piece, outside, reach)
        found = self._lattice.points(inside).nearest(self._lattice.points(outside))
        return float(self._lattice.distance_mm(outside, inside[found]).min())

    @property
    def pixel_diagonal_mm(self) -> float:
        """g of the digitisation interval; the mean of the two where the masks have different pixels."""
        return float(np.sqrt((self._pixel_mm**2).sum(axis=1)).mean())

    def stays_inside(self, start_px: Sequence[float], end_px: Sequence[float]) -> bool:
        """Whether the straight line between two points of the closed specimen stays in it."""
        return sight.stays_inside(self._specimen, self._lattice.ticks, start_px, end_px)

    def through_tissue_mm(self, selected: Bools, closest: Closest) -> float | None:
        """Length of the way from tumor to the edge point inside the tissue; None where none was found.

        Only on the image's own grid: masks of different spacing are not searched.
        """
        if not self._lattice.regular:
            return None
        bit = int(np.flatnonzero(selected)[closest.bit])
        end = self._faces.inside[bit]
        held = self._pieces.runs.at(end[None])
        rows = self._window(int(self._pieces.label[held[0]]))
        return inside_path.length_mm(
            masks.window(self._specimen, rows),
            masks.window(self._tumor.mask, rows),
            end - np.array([r.start for r in rows]),
            np.array(closest.edge_px),
            np.array([float(r.start) for r in rows]),
            self._lattice.spacing_mm,
            lambda a, b: self.stays_inside(a.tolist(), b.tolist()),
        )

    def _window(self, piece: int) -> tuple[slice, ...]:
        """Where one piece of the specimen lies."""
        found, mine = self._pieces.runs, self._pieces.label == piece
        sides = [slice(int(i[mine].min()), int(i[mine].max()) + 1) for i in found.row_index]
        return (*sides, slice(int(found.start[mine].min()), int(found.stop[mine].max())))

    def behind(self, wall: NDArray[np.bool_] | Any, is_cut: Bools) -> Behind:
        """Which bits tumor cannot reach without crossing a barrier, and whether it has broken through."""
        mask = self._on_lattice(wall)
        return barrier.behind(self._specimen, self._tumor.mask, self._tumor.parts, mask, self._faces.inside, is_cut)

    def crossed(self, wall: NDArray[np.bool_] | Any, nearest: Nearest) -> Bools:
        """For each pair of points whether the straight line between them crosses a barrier."""
        mask = masks.without(self._on_lattice(wall), self._tumor.mask)
        return sight.crosses(mask, self._lattice.ticks, nearest.edge_px, nearest.tumor_px)

    def _on_lattice(self, wall: NDArray[np.bool_] | Any) -> masks.Mask:
        """A barrier as pixels of the lattice: of an outline all that it touches, so that it has no leak."""
        if not isinstance(wall, (np.ndarray, RunMask)):
            if np.prod(self._lattice.shape, dtype=np.int64) > LARGEST_PIXELS:
                raise too_large(self._lattice.shape)
            wall = touched.pixels(wall, self._lattice.shape[-2:])
        if self._lattice.regular:
            return masks.packed(wall)
        index = np.indices(self._lattice.shape).reshape(self.ndim, -1).T
        return masks.packed(pixels_in(wall, self._lattice, index).reshape(self._lattice.shape))

    def middles_px(self) -> Floats:
        """(n, ndim) the middle of each face, index units."""
        middle: Floats = np.mean([self._lattice.corner_px(corner) for corner in self._faces.corners()], axis=0)
        return middle

    def in_region(self, region: NDArray[np.bool_] | Any) -> Bools:
        """For each face whether it touches a pixel of a mask, or has its midpoint in a polygon."""
        return in_region(self._faces, self._lattice, region)

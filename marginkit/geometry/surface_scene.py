"""Margins in a stack whose boundaries are known better than a voxel: distances between triangles.

The surprising thing: the margin is exact, the profile nearly. For each bit of surface the distance is first taken from
its corners to the tumor's triangles, which overstates it by at most 0.06 voxel (longest side of a bit) from three
voxels on; nearer bits, and all that could hold the margin, are solved exactly, triangle against triangle.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marginkit.errors import GridError
from marginkit.geometry import barrier, extent, linked, sight
from marginkit.geometry.bits import pack
from marginkit.geometry.fields import Fields, fields
from marginkit.geometry.isosurface import Surface, isosurface, voxel_surface
from marginkit.geometry.lattice import regular_ticks
from marginkit.geometry.nearest_triangles import TriangleSet, longest_side
from marginkit.geometry.pairs import TIE, Pairs, tree
from marginkit.geometry.rings import TOUCH_PX
from marginkit.geometry.runs import components, runs
from marginkit.geometry.scene import (
    CUT,
    FRAME,
    HOLE,
    SECTION,
    Behind,
    Bools,
    Closest,
    Floats,
    FociTable,
    Ints,
    Nearest,
    Outline,
)

if TYPE_CHECKING:
    from marginkit.geometry.build import Ground

CORNERS = np.ones((3, 3, 3), bool)
EXACT_WITHIN = 3.0  # times the longest side of a bit


def surface_scene(
    tumor: Ground,
    specimen: Ground,
    spacing_mm: Sequence[float],
    boundary: Literal["pixels", "contour"],
    holes: Literal["ignore", "cut"] = "ignore",
    link_mm: float = 0.0,
    level: float = 0.5,
) -> SurfaceScene:
    """The scene of two stacks (z, y, x) of which at least one is a probability, or whose contour was asked for.

    level : of the tumor's probability at which it is measured.

    Raises
    ------
    GridError : E-GRID-04, the two do not share their voxels.
    """
    grids = [(np.shape(ground.data), ground.ratio, ground.origin_px) for ground in (tumor, specimen)]
    if grids[0] != grids[1]:
        raise GridError(
            "E-GRID-04",
            "tumor and specimen do not share their voxels",
            cause=f"shapes {grids[0][0]} and {grids[1][0]}, sizes {grids[0][1]} and {grids[1][1]}",
            remedy="Give both on one grid, or measure masks with boundary='pixels'.",
        )
    names = [_read(ground.kind, boundary) for ground in (tumor, specimen)]
    drawn = fields(np.asarray(tumor.data), np.asarray(specimen.data), boundary == "contour", level)
    masks = tumor.kind == "mask", specimen.kind == "mask"
    return SurfaceScene(drawn, names, masks, grids[0][1:], spacing_mm, holes, link_mm)


def _read(kind: str, boundary: str) -> str:
    return "pixels" if kind == "mask" and boundary == "pixels" else "contour"


class SurfaceScene:
    """A tumor and a specimen made of triangles; meets ``scene.Scene``. Made by ``surface_scene``."""

    ndim = 3
    flags: tuple[str, ...] = ()

    def __init__(
        self,
        drawn: Fields,
        names: Sequence[str],
        masks: tuple[bool, bool],
        grid: tuple[tuple[float, ...], tuple[float, ...]],
        spacing_mm: Sequence[float],
        holes: Literal["ignore", "cut"],
        link_mm: float,
    ) -> None:
        """names : how tumor and specimen were read. masks : whether they were masks."""
        self.spacing_mm = tuple(float(s) for s in spacing_mm)
        self._mm: Floats = np.array(self.spacing_mm)
        self._drawn = drawn
        self._names = tuple(names)
        self._masks = masks
        self._ratio, self._origin = (np.array(part, np.float64) for part in grid)
        self._holes = holes
        self._link_mm = link_mm

    @property
    def boundary(self) -> str:
        """How the boundaries were read."""
        return self._names[0] if self._names[0] == self._names[1] else "/".join(self._names)

    # --- the specimen's surface

    @cached_property
    def _tissue(self) -> Surface:
        field = self._drawn.tissue_field
        return voxel_surface(self._drawn.tissue) if field is None else isosurface(field)

    @cached_property
    def bits_px(self) -> Floats:
        """(n, 3 corners, 3) the bits of the surface, index units of the image."""
        return self._on_image(self._tissue.triangles_px)

    def _on_image(self, own: Floats | Ints) -> Floats:
        placed: Floats = self._origin + own * self._ratio
        return placed

    @cached_property
    def _pieces(self) -> Ints:
        return ndimage.label(self._drawn.tissue, CORNERS)[0].astype(np.int64)

    @cached_property
    def outline(self) -> Outline:
        """Every triangle of the specimen's surface."""
        piece = self._pieces[tuple(self._tissue.inside.T)] - 1
        return Outline(self._tissue.areas_mm2(self._mm * self._ratio), self._kinds, piece)

    @cached_property
    def _kinds(self) -> NDArray[np.uint8]:
        triangles, shape = self._tissue.triangles_px, self._drawn.tissue.shape
        kinds = np.full(len(triangles), CUT, np.uint8)
        if self._holes == "ignore":
            kinds[self._enclosed()] = HOLE
        for axis, size in enumerate(shape):
            on_border = np.any([np.all(triangles[:, :, axis] == at, axis=1) for at in (-0.5, size - 0.5)], axis=0)
            kinds[on_border] = FRAME if axis else SECTION
        return kinds

    def _enclosed(self) -> Bools:
        """Triangles towards background that does not reach the border of the array."""
        back = ndimage.label(np.pad(~self._drawn.tissue, 1, constant_values=True))[0]
        enclosed: Bools = back[tuple(self._tissue.outside.T + 1)] != back[0, 0, 0]
        return enclosed

    @cached_property
    def specimen_size(self) -> float:
        """mm³."""
        return float(self._tissue.volumes_px3().sum() * self._voxel_mm3)

    @property
    def _voxel_mm3(self) -> float:
        return float(np.prod(self._mm * self._ratio))

    # --- the tumor

    @cached_property
    def _tumor(self) -> Surface:
        field = self._drawn.tumor_field
        return voxel_surface(self._drawn.inside) if field is None else isosurface(field, self._drawn.level)

    @cached_property
    def _foci(self) -> tuple[Ints, Ints, Ints]:
        """Connected part of each voxel (0: none); focus of each part; piece of each part."""
        label, number = ndimage.label(self._drawn.inside, CORNERS)
        first = np.unique(label, return_index=True)[1][-number:] if number else np.zeros(0, np.int64)
        piece = self._pieces.ravel()[first] - 1
        focus = np.arange(number)
        if self._link_mm > 0 and number > 1:
            points = self._on_image(self._tumor.triangles_px).reshape(-1, 3) * self._mm
            of_point = np.repeat(label[tuple(self._tumor.inside.T)] - 1, 3)
            focus = linked.groups(points, of_point.astype(np.int64), piece.astype(np.int64), self._link_mm)
        return label.astype(np.int64), focus.astype(np.int64), piece.astype(np.int64)

    def _focus_at(self, voxel: Ints) -> Ints:
        label, focus, _ = self._foci
        at: Ints = focus[label[tuple(voxel.T)] - 1]
        return at

    @cached_property
    def foci(self) -> FociTable:
        """The tumor's connected parts, by first appearance in array order."""
        label, focus, piece_of = self._foci
        number = int(focus.max(initial=-1)) + 1
        volume = np.bincount(self._focus_at(self._tumor.inside), self._tumor.volumes_px3(), number)
        voxels = np.bincount(label.ravel(), minlength=len(focus) + 1)[1:]
        counts = np.bincount(focus, voxels, number) if self._masks[0] else np.zeros(number)
        piece = np.zeros(number, np.int64)
        piece[focus] = piece_of
        return FociTable((volume * self._voxel_mm3).astype(np.float64), counts.astype(np.int64), piece)

    @property
    def tumor_outside(self) -> float:
        """Tumor outside every piece, mm³, by its voxels."""
        return self._drawn.stray * self._voxel_mm3

    @cached_property
    def tumor_meets_frame(self) -> bool:
        """Whether tumor reaches a bit of class frame."""
        return bool((self.nearest(self.outline.kind == FRAME).distance_mm == 0).any())

    def tumor_extent_mm(self) -> float:
        """Greatest distance between two points of the tumor."""
        return extent.diameter_mm(self._on_image(self._tumor.triangles_px).reshape(-1, 3) * self._mm)

    @cached_property
    def _soup(self) -> tuple[Floats, Ints]:
        """(m, 3, 3) triangles of the tumor, index units of the image, with spikes as flat ones; and their focus."""
        spikes = self._drawn.spikes[:, [0, 1, 1]]
        triangles = self._on_image(np.concatenate([self._tumor.triangles_px, spikes]))
        return triangles, self._focus_at(np.concatenate([self._tumor.inside, self._drawn.spike_voxel]))

    @cached_property
    def _sets(self) -> dict[int, tuple[TriangleSet, Ints]]:
        """By piece that holds tumor: its triangles as a set, and the focus of each."""
        triangles, focus = self._soup
        piece = self.foci.piece[focus]
        pieces = np.unique(piece).tolist()
        return {p: (TriangleSet(triangles[piece == p], self._mm), focus[piece == p]) for p in pieces}

    # --- distances

    def nearest(self, selected: Bools) -> Nearest:
        """Nearest tumor for each selected bit; see the top of this module for how near to exact."""
        which = np.flatnonzero(selected)
        n = len(which)
        out = Nearest(np.full(n, np.inf), np.zeros((n, 3)), np.zeros((n, 3)), np.full(n, -1, np.int64))
        piece = self.outline.piece[which]
        for one, (tumor, focus) in self._sets.items():
            here = np.flatnonzero(piece == one)
            if len(here):
                bits = self.bits_px[which[here]]
                self._fill(out, here, _solved(tumor, bits), focus)
                self._fill_covered(out, here, which[here])
        return out

    def _fill(self, out: Nearest, at: Ints, pairs: Pairs, focus: Ints) -> None:
        touching = np.abs(pairs.here_px - pairs.there_px).max(axis=1, initial=0.0) <= TOUCH_PX
        out.distance_mm[at] = np.where(touching, 0.0, pairs.distance_mm)
        out.edge_px[at] = pairs.here_px
        out.tumor_px[at] = np.where(touching[:, None], pairs.here_px, pairs.there_px)
        out.focus[at] = focus[pairs.element]

    def _fill_covered(self, out: Nearest, at: Ints, bits: Ints) -> None:
        """Bits inside the tumor, where its surface lies beyond the specimen's by a part of a voxel, have distance 0."""
        centre = self._tissue.triangles_px[bits].mean(axis=1)
        covered = self._covered(centre)
        out.distance_mm[at[covered]] = 0.0
        out.edge_px[at[covered]] = out.tumor_px[at[covered]] = self._on_image(centre[covered])

    def _covered(self, own: Floats) -> Bools:
        """Whether points of the specimen's surface lie inside the tumor: its samples are then above the specimen's."""
        drawn = self._drawn
        if drawn.tumor_field is None:
            voxel = np.rint(own).astype(np.int64)
            within = np.all((np.abs(own - voxel) < 0.5 - 1e-9) & (voxel < np.array(drawn.inside.shape)), axis=1)
            held: Bools = within & drawn.inside[tuple(np.where(within[:, None], voxel, 0).T)]
            return held
        tissue = drawn.tissue.astype(np.float64) if drawn.tissue_field is None else drawn.tissue_field
        above = _sampled(drawn.tumor_field, own) - drawn.level
        covered: Bools = (above > 1e-6) & (above > _sampled(tissue, own) - 0.5 + 1e-6)
        return covered

    def closest(self, selected: Bools, nearest: Nearest) -> Closest | None:
        """The closest pair of a selection, solved exactly; the first in array order of several."""
        rough = float(nearest.distance_mm.min(initial=np.inf))
        if not np.isfinite(rough):
            return None
        which = np.flatnonzero(selected)
        longest = longest_side(self.bits_px[which], self._mm)
        maybe = np.flatnonzero(nearest.distance_mm <= rough * (1 + TIE) + longest / np.sqrt(3))
        exact = self._exactly(which[maybe], nearest.take(maybe))
        least = float(exact.distance_mm.min())
        tied = np.flatnonzero(exact.distance_mm <= least * (1 + TIE))
        pairs = np.hstack([exact.edge_px[tied], exact.tumor_px[tied]])
        first = int(np.lexsort(pairs.T[::-1])[0])
        chosen = int(tied[first])
        return Closest(
            distance_mm=least,
            edge_px=tuple(exact.edge_px[chosen].tolist()),
            tumor_px=tuple(exact.tumor_px[chosen].tolist()),
            bit=int(maybe[chosen]),
            focus=int(exact.focus[chosen]),
            tied=bool(np.abs(pairs - pairs[first]).max() > TOUCH_PX),
        )

    def _exactly(self, bits: Ints, rough: Nearest) -> Nearest:
        """The same bits, triangle against triangle; those that touch already do."""
        out = rough.take(np.arange(len(bits)))
        piece = self.outline.piece[bits]
        for one, (tumor, focus) in self._sets.items():
            here = np.flatnonzero((piece == one) & (rough.distance_mm > 0))
            if len(here):
                self._fill(out, here, tumor.nearest(self.bits_px[bits[here]]), focus)
        return out

    def focus_margins_mm(self, selected: Bools, nearest: Nearest) -> Floats:
        """(k,) distance of each focus to the selected bits of its piece; inf where there is none."""
        out: Floats = np.full(len(self.foci.piece), np.inf)
        which = np.flatnonzero(selected)
        for piece, (tumor, focus) in self._sets.items():
            bits = which[self.outline.piece[which] == piece]
            if len(bits):
                edge = TriangleSet(self.bits_px[bits], self._mm)
                out = np.minimum(out, self._least(edge, tumor.triangles_px, focus))
        known = nearest.focus >= 0
        np.minimum.at(out, nearest.focus[known], nearest.distance_mm[known])
        return np.where(out <= TOUCH_PX * self._mm.min(), 0.0, out)

    def focus_gaps_mm(self, main: int) -> Floats:
        """(k,) distance of each focus to focus ``main``."""
        triangles, focus = self._soup
        others = focus != main
        target = TriangleSet(triangles[~others], self._mm)
        out = self._least(target, triangles[others], focus[others])
        out[main] = 0.0
        return out

    def _least(self, target: TriangleSet, triangles: Floats, focus: Ints) -> Floats:
        """(k,) exact least distance of the triangles of each focus to a set; inf where it has none."""
        out: Floats = np.full(len(self.foci.piece), np.inf)
        if not len(triangles):
            return out
        rough = target.nearest_from_corners(triangles).distance_mm
        np.minimum.at(out, focus, rough)
        maybe = rough <= out[focus] * (1 + TIE) + longest_side(triangles, self._mm) / np.sqrt(3)
        np.minimum.at(out, focus[maybe], target.nearest(triangles[maybe]).distance_mm)
        return out

    # --- voxels behind the surfaces

    @property
    def pixel_diagonal_mm(self) -> float:
        """g of the digitisation interval: the mean of both sides, where one that is no mask counts 0."""
        diagonal = float(np.sqrt(((self._mm * self._ratio) ** 2).sum()))
        return diagonal * sum(self._masks) / 2

    def centre_distance_mm(self, selected: Bools, nearest: Nearest) -> float | None:
        """c of the digitisation interval: the centres of whichever is a mask to the other's surface.

        A mask read by its smoothed contour is no better known than by its voxels, so it has one too.
        """
        least = float(nearest.distance_mm.min(initial=np.inf))
        if not np.isfinite(least) or not any(self._masks):
            return None
        near = nearest.distance_mm <= least + 2 * self.pixel_diagonal_mm * (1 + 1e-9)
        bits = np.flatnonzero(selected)[near]
        piece = self.outline.piece[bits]
        return min(self._centre_distance(bits[piece == p], p) for p in np.unique(piece).tolist())

    def _centre_distance(self, bits: Ints, piece: int) -> float:
        outside = self._on_image(np.unique(self._tissue.outside[bits], axis=0))
        if not self._masks[0]:
            return float(self._sets[piece][0].nearest_to_points(outside).distance_mm.min())
        held = self._drawn.inside & (self._pieces == piece + 1)
        rim = held & ~ndimage.binary_erosion(self._drawn.inside, CORNERS)
        centres = self._on_image(np.argwhere(rim if rim.any() else held).astype(np.int64))
        if self._masks[1]:
            return float(np.min(tree(centres * self._mm).query(outside * self._mm)[0]))
        return float(TriangleSet(self.bits_px[bits], self._mm).nearest_to_points(centres).distance_mm.min())

    # --- places

    def in_region(self, region: Any) -> Bools:
        """For each bit whether the voxel on either side of it is in a mask, or its middle in a polygon (each slice)."""
        middle = self.bits_px.mean(axis=1)
        if not isinstance(region, np.ndarray):
            from shapely import intersects_xy

            inside: Bools = np.asarray(intersects_xy(region, middle[:, 2] + 0.5, middle[:, 1] + 0.5))
            return inside
        sides = [self._on_image(side) for side in (self._tissue.inside, self._tissue.outside)]
        touched: Bools = _held(region, sides[0]) | _held(region, sides[1])
        return touched

    def stays_inside(self, start_px: Sequence[float], end_px: Sequence[float]) -> bool:
        """Whether the straight line between two points stays in the specimen, looked at every 1/20 of a voxel."""
        ends = (np.array([start_px, end_px], np.float64) - self._origin) / self._ratio
        steps = max(2, int(np.abs(ends[1] - ends[0]).max() * 20))
        points = ends[0] + np.linspace(0, 1, steps + 1)[1:-1, None] * (ends[1] - ends[0])
        if self._drawn.tissue_field is None:
            ticks = regular_ticks(self._drawn.tissue.shape)
            return sight.stays_inside(pack(self._drawn.tissue), ticks, ends[0].tolist(), ends[1].tolist())
        return bool((_sampled(self._drawn.tissue_field, points) >= 0.5 - 1e-3).all())

    def through_tissue_mm(self, selected: Bools, closest: Closest) -> float | None:
        """None: ways through tissue are searched between voxels only."""
        return None

    def behind(self, wall: NDArray[np.bool_] | Any, is_cut: Bools) -> Behind:
        """Which bits tumor cannot reach without crossing a barrier, by voxels, and whether it has broken through."""
        tumor, tissue = pack(self._drawn.inside), pack(self._drawn.tissue)
        foci = components(runs(tumor), corners=True)
        return barrier.behind(tissue, tumor, foci, pack(wall), self._tissue.inside, is_cut)

    def crossed(self, wall: NDArray[np.bool_] | Any, nearest: Nearest) -> Bools:
        """For each pair of points whether the straight line between them crosses the barrier's voxels."""
        mask = pack(np.asarray(wall) & ~self._drawn.inside)
        return sight.crosses(mask, regular_ticks(self._drawn.tissue.shape), nearest.edge_px, nearest.tumor_px)


def _solved(tumor: TriangleSet, bits: Floats) -> Pairs:
    """Nearest tumor for some bits: from their corners, and exactly for those that are near."""
    rough = tumor.nearest_from_corners(bits)
    longest = longest_side(bits, tumor.spacing_mm)
    near = np.flatnonzero(rough.distance_mm <= EXACT_WITHIN * longest)
    exact = tumor.nearest(bits[near])
    for whole, part in zip(_columns(rough), _columns(exact)):
        whole[near] = part
    return rough


def _sampled(field: Floats, own: Floats) -> Floats:
    """Samples between voxel centres, by linear interpolation."""
    value: Floats = ndimage.map_coordinates(field, own.T, order=1, mode="nearest")
    return value


def _columns(pairs: Pairs) -> tuple[NDArray[Any], ...]:
    return pairs.distance_mm, pairs.here_px, pairs.there_px, pairs.element


def _held(region: Bools, points_px: Floats) -> Bools:
    """Whether points lie in voxels of a mask on the image's grid."""
    at = np.rint(points_px).astype(np.int64)
    within = np.all((at >= 0) & (at < np.array(region.shape)), axis=1)
    held: Bools = within & region[tuple(np.where(within[:, None], at, 0).T)]
    return held

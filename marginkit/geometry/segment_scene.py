"""Exact margins between outlines: polygons, half-level contours and, in a mix, the outline of pixels.

The surprising thing: tumor is an area, yet only its sides are asked for distances. It is first cut to the specimen,
so no part of the specimen's outline can lie deeper in the tumor than on its sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import LineString, MultiPolygon

from marginkit.geometry import extent, inside_path, neighbours, outline_barrier, rings
from marginkit.geometry.nearest_segments import SegmentSet, cut, points_between
from marginkit.geometry.pairs import TIE
from marginkit.geometry.pixels import Pixels, surrounding
from marginkit.geometry.polygon import multi, to_corners, within
from marginkit.geometry.scene import CUT, FRAME, HOLE, Behind, Bools, Closest, Floats, FociTable, Ints, Nearest, Outline

MOST_BITS = 200_000  # of an outline without pixels; longer ones get longer bits
LARGEST_WINDOW = 4_000_000  # pixels searched for a way through tissue
Frame = tuple[float, float, float, float]


def segment_scene(
    tumor: MultiPolygon,
    specimen: MultiPolygon,
    spacing_mm: Sequence[float],
    *,
    shape: Sequence[int] | None = None,
    frame: Frame | None = None,
    holes: Literal["ignore", "cut"] = "ignore",
    link_mm: float = 0.0,
    tumor_boundary: str = "polygon",
    specimen_boundary: str = "polygon",
    tumor_pixels: Pixels | None = None,
    specimen_pixels: Pixels | None = None,
    stray_px2: float = 0.0,
    flags: tuple[str, ...] = (),
) -> SegmentScene:
    """The scene of a tumor and a specimen that are valid MultiPolygons in (x, y) on pixel corners.

    Parameters
    ----------
    spacing_mm : (y, x) millimetres per index unit.
    shape : (h, w) of the image, or frame : its borders (x0, y0, x1, y1); sides that lie on them are of class frame,
        and a specimen drawn beyond is cut off there. None: the image is not known, nothing is frame.
    holes : ``cut`` counts the outline of holes as cut edge.
    link_mm : foci of one piece at most this far apart count as one.
    tumor_boundary, specimen_boundary : 'pixels', 'contour' or 'polygon': how each was read.
    tumor_pixels, specimen_pixels : the masks that the outlines come from, where they come from masks; also where
        these were smoothed, since smoothing does not tell where in a pixel the boundary was.
    stray_px2 : tumor outside the specimen that ``tumor`` does not contain, in pixels of the image.
    flags : names from ``marginkit.flags`` that the outlines earned.

    Raises
    ------
    OutlineError : E-GEO-02, the specimen lies outside the image.
    """
    borders = frame or (None if shape is None else (0.0, 0.0, float(shape[1]), float(shape[0])))
    seen = specimen if borders is None else within(specimen, borders, "specimen")
    out = SegmentScene(tumor, seen, spacing_mm, borders, holes, link_mm)
    out.read_as(tumor_boundary, specimen_boundary, tumor_pixels, specimen_pixels, stray_px2)
    out.flags = flags
    return out


class SegmentScene:
    """A tumor and a specimen made of straight sides; meets ``scene.Scene``. Made by ``segment_scene``."""

    ndim = 2
    flags: tuple[str, ...] = ()

    def __init__(
        self,
        tumor: MultiPolygon,
        specimen: MultiPolygon,
        spacing_mm: Sequence[float],
        frame: Frame | None,
        holes: Literal["ignore", "cut"],
        link_mm: float,
    ) -> None:
        self.spacing_mm = tuple(float(s) for s in spacing_mm)
        self._mm: Floats = np.array(self.spacing_mm)
        self._tumor = tumor
        self._specimen = specimen
        self._frame = frame
        self._holes = holes
        self._link_mm = link_mm
        self._touch_px = rings.rounding_px(tumor, specimen)
        self._parts = rings.parts_of(specimen)
        self.read_as("polygon", "polygon")

    def read_as(
        self,
        tumor: str,
        specimen: str,
        tumor_pixels: Pixels | None = None,
        specimen_pixels: Pixels | None = None,
        stray_px2: float = 0.0,
    ) -> None:
        """Say where the outlines come from, before the first question."""
        self.boundary = tumor if tumor == specimen else f"{tumor}/{specimen}"
        self._stray_px2 = stray_px2
        self._read = (tumor, specimen)
        self._tumor_pixels = tumor_pixels
        self._specimen_pixels = specimen_pixels

    @property
    def _touch_mm(self) -> float:
        return self._touch_px * float(self._mm.min())

    # --- the specimen's outline

    @cached_property
    def _sides(self) -> rings.Sides:
        return rings.sides(self._parts)

    @cached_property
    def _piece(self) -> Ints:
        """(parts,) piece of each part of the specimen."""
        return rings.ranked(rings.groups(self._parts, self._touch_mm, self._mm), self._sides)

    @cached_property
    def _cut(self) -> tuple[Floats, Ints]:
        """Bits of the outline, (n, 2, 2) index units, and the side that each is of."""
        unit = np.ones(2) if self._specimen_pixels is None else np.array(self._specimen_pixels.ratio)
        way = (self._sides.ends_px[:, 1] - self._sides.ends_px[:, 0]) / unit
        length = np.sqrt((way**2).sum(axis=1))
        if self._specimen_pixels is None:
            length = length / max(1.0, float(length.sum()) / MOST_BITS)
        return cut(self._sides.ends_px, np.maximum(np.rint(length), 1).astype(np.int64))

    @property
    def bits_px(self) -> Floats:
        """(n, 2 ends, 2) the bits of the outline, index units."""
        return self._cut[0]

    @cached_property
    def outline(self) -> Outline:
        """Every bit of the specimen's outline, at most about a pixel long."""
        side = self._cut[1]
        way = (self._sides.ends_px[:, 1] - self._sides.ends_px[:, 0]) * self._mm
        size = np.sqrt((way**2).sum(axis=1))[side] / np.bincount(side, minlength=1)[side]
        return Outline(size, self._kinds[side], self._piece[self._sides.part][side])

    @cached_property
    def _kinds(self) -> NDArray[np.uint8]:
        """(sides,) class of each side."""
        kinds = np.full(len(self._sides.part), CUT, np.uint8)
        if self._holes == "ignore":
            kinds[rings.enclosed(self._parts, self._piece, self._sides)] = HOLE
        if self._frame is not None:
            corners = self._sides.ends_px[:, :, ::-1] + 0.5
            for at, border in enumerate(self._frame):
                kinds[np.all(np.abs(corners[:, :, at % 2] - border) <= self._touch_px, axis=1)] = FRAME
        return kinds

    @property
    def specimen_size(self) -> float:
        """mm²."""
        return float(self._specimen.area * np.prod(self._mm))

    # --- the tumor

    @cached_property
    def _inside(self) -> MultiPolygon:
        """Tumor inside the specimen."""
        if shapely.covers(self._specimen, self._tumor):
            return self._tumor
        return rings.without_slivers(multi(shapely.intersection(self._tumor, self._specimen)), self._touch_px)

    @cached_property
    def _tumor_parts(self) -> NDArray[Any]:
        return rings.parts_of(self._inside)

    @cached_property
    def _tumor_sides(self) -> rings.Sides:
        return rings.sides(self._tumor_parts)

    @cached_property
    def _piece_of_part(self) -> Ints:
        """(tumor parts,) the piece of specimen that holds each."""
        points = shapely.point_on_surface(self._tumor_parts)
        part, holder = neighbours.holding(points, self._parts)
        out = np.zeros(len(points), np.int64)
        out[part] = self._piece[holder]
        return out

    @cached_property
    def _focus_of_part(self) -> Ints:
        """(tumor parts,) the focus of each."""
        if not len(self._tumor_parts):
            return np.zeros(0, np.int64)
        reach_mm = max(self._link_mm * (1 + TIE), self._touch_mm)
        group = rings.groups(self._tumor_parts, reach_mm, self._mm, self._piece_of_part)
        return rings.ranked(group, self._tumor_sides)

    @cached_property
    def _focus(self) -> Ints:
        """(tumor sides,) the focus that owns each."""
        focus: Ints = self._focus_of_part[self._tumor_sides.part]
        return focus

    @cached_property
    def foci(self) -> FociTable:
        """The tumor's connected parts, by first appearance in array order."""
        number = int(self._focus_of_part.max(initial=-1)) + 1
        area_px2 = np.bincount(self._focus_of_part, shapely.area(self._tumor_parts), number).astype(np.float64)
        piece = np.zeros(number, np.int64)
        piece[self._focus_of_part] = self._piece_of_part
        return FociTable(area_px2 * np.prod(self._mm), self._pixel_counts(area_px2), piece)

    def _pixel_counts(self, area_px2: Floats) -> Ints:
        pixels = self._tumor_pixels
        if pixels is None:
            return np.zeros(len(area_px2), np.int64)
        if self._read[0] == "pixels":
            return np.maximum(np.rint(area_px2 / pixels.area_px2), 1).astype(np.int64)
        return pixels.counts(self._tumor_sides.ends_px[:, 0], self._focus, len(area_px2))

    @cached_property
    def tumor_outside(self) -> float:
        """Tumor outside every piece, mm²."""
        rest = self._tumor.area - self._inside.area
        stray = rest if rest > 1e-9 * self._tumor.area else 0.0
        return float((stray + self._stray_px2) * np.prod(self._mm))

    @cached_property
    def tumor_meets_frame(self) -> bool:
        """Whether tumor reaches a bit of class frame."""
        return bool((self.nearest(self.outline.kind == FRAME).distance_mm == 0).any())

    def tumor_extent_mm(self) -> float:
        """Greatest distance between two points of the tumor."""
        return extent.diameter_mm(self._tumor_sides.ends_px[:, 0] * self._mm)

    # --- distances

    @cached_property
    def _sets(self) -> dict[int, tuple[SegmentSet, Ints]]:
        """By piece that holds tumor: its sides as a set, and which of them they are."""
        piece = self.foci.piece[self._focus]
        members = {int(one): np.flatnonzero(piece == one) for one in np.unique(piece)}
        return {one: (SegmentSet(self._tumor_sides.ends_px[m], self._mm), m) for one, m in members.items()}

    def nearest(self, selected: Bools) -> Nearest:
        """Nearest tumor for each selected bit."""
        which = np.flatnonzero(selected)
        n = len(which)
        out = Nearest(np.full(n, np.inf), np.zeros((n, 2)), np.zeros((n, 2)), np.full(n, -1, np.int64))
        piece = self.outline.piece[which]
        for one, (tumor, members) in self._sets.items():
            here = np.flatnonzero(piece == one)
            pairs = tumor.nearest(self.bits_px[which[here]])
            touching = np.abs(pairs.here_px - pairs.there_px).max(axis=1, initial=0.0) <= self._touch_px
            out.distance_mm[here] = np.where(touching, 0.0, pairs.distance_mm)
            out.edge_px[here] = pairs.here_px
            out.tumor_px[here] = np.where(touching[:, None], pairs.here_px, pairs.there_px)
            out.focus[here] = self._focus[members[pairs.element]]
        return out

    def closest(self, selected: Bools, nearest: Nearest) -> Closest | None:
        """The closest pair of a selection; ties go to the first edge point, then to the first tumor point."""
        least = float(nearest.distance_mm.min(initial=np.inf))
        if not np.isfinite(least):
            return None
        bit = np.flatnonzero(nearest.distance_mm <= least * (1 + TIE))
        pairs = np.hstack([nearest.edge_px[bit], nearest.tumor_px[bit]])
        first = int(np.lexsort(pairs.T[::-1])[0])
        edge = nearest.edge_px[bit[first]]
        piece = int(self.outline.piece[np.flatnonzero(selected)[bit[first]]])
        tumor, focus, several = self._tied_tumor(nearest, int(bit[first]), least, piece)
        elsewhere = np.abs(pairs[:, :2] - edge).max() > self._touch_px
        return Closest(
            distance_mm=least,
            edge_px=tuple(edge.tolist()),
            tumor_px=tuple(tumor.tolist()),
            bit=int(bit[first]),
            focus=focus,
            tied=several or bool(elsewhere),
        )

    def _tied_tumor(self, nearest: Nearest, bit: int, least: float, piece: int) -> tuple[Floats, int, bool]:
        """The first tumor point at the least distance from one edge point, its focus, and whether there are others."""
        if least == 0:
            return nearest.tumor_px[bit], int(nearest.focus[bit]), False
        tumor, members = self._sets[piece]
        edge = np.broadcast_to(nearest.edge_px[bit], (len(members), 2, 2))
        best = points_between(edge, tumor.segments_px, self._mm)
        points = best.there
        tied = np.flatnonzero(best.distance <= best.distance.min() * (1 + TIE))
        first = tied[np.lexsort(points[tied].T[::-1])[0]]
        several = np.abs(points[tied] - points[first]).max() > self._touch_px
        return points[first], int(self._focus[members[first]]), bool(several)

    def focus_margins_mm(self, selected: Bools, nearest: Nearest) -> Floats:
        """(k,) distance of each focus to the selected bits of its piece; inf where there is none."""
        out: Floats = np.full(len(self.foci.piece), np.inf)
        which = np.flatnonzero(selected)
        for piece, (tumor, members) in self._sets.items():
            bits = which[self.outline.piece[which] == piece]
            if len(bits):
                pairs = SegmentSet(self.bits_px[bits], self._mm).nearest(tumor.segments_px)
                touching = np.abs(pairs.here_px - pairs.there_px).max(axis=1) <= self._touch_px
                np.minimum.at(out, self._focus[members], np.where(touching, 0.0, pairs.distance_mm))
        known = nearest.focus >= 0
        np.minimum.at(out, nearest.focus[known], nearest.distance_mm[known])
        return out

    def focus_gaps_mm(self, main: int) -> Floats:
        """(k,) distance of each focus to focus ``main``."""
        out: Floats = np.full(len(self.foci.piece), np.inf)
        target = SegmentSet(self._tumor_sides.ends_px[self._focus == main], self._mm)
        np.minimum.at(out, self._focus, target.nearest(self._tumor_sides.ends_px).distance_mm)
        out[main] = 0.0
        return out

    # --- pixels behind the outlines

    @property
    def pixel_diagonal_mm(self) -> float:
        """g of the digitisation interval: the mean of both sides, where one that is no mask counts 0."""
        both = (self._tumor_pixels, self._specimen_pixels)
        return sum(0.0 if pixels is None else pixels.diagonal_mm(self._mm) for pixels in both) / 2

    def centre_distance_mm(self, selected: Bools, nearest: Nearest) -> float | None:
        """c of the digitisation interval: the centres of whichever is a mask to the other's boundary.

        A mask read by its smoothed contour is no better known than by its pixels, so it has one too.
        """
        least = float(nearest.distance_mm.min(initial=np.inf))
        if not np.isfinite(least) or (self._tumor_pixels is None and self._specimen_pixels is None):
            return None
        near = np.flatnonzero(nearest.distance_mm <= least + 2 * self.pixel_diagonal_mm * (1 + 1e-9))
        bits = np.flatnonzero(selected)[near]
        piece = self.outline.piece[bits]
        return min(self._centre_distance(bits[piece == p], nearest.take(near[piece == p]), p) for p in np.unique(piece))

    def _centre_distance(self, bits: Ints, nearest: Nearest, piece: int) -> float:
        edge = self.bits_px[bits]
        if self._specimen_pixels is not None:
            edge = _as_segments(self._outside_centres(edge, self._specimen_pixels))
        tumor = self._sets[piece][0]
        if self._tumor_pixels is not None:
            centres = self._tumor_centres(nearest, piece, self._tumor_pixels)
            if not len(centres):  # the outline cuts off every centre: none is farther than half a diagonal
                return float(nearest.distance_mm.min()) + self._tumor_pixels.diagonal_mm(self._mm) / 2
            tumor = SegmentSet(_as_segments(centres), self._mm)
        return float(tumor.nearest(edge).distance_mm.min())

    def _outside_centres(self, bits: Floats, pixels: Pixels) -> Floats:
        """Centres of the pixels outside the specimen across some bits; tissue is on a bit's left in (x, y)."""
        middle = bits.mean(axis=1)
        if self._read[1] == "contour":
            pixel = np.concatenate(surrounding(pixels.own(middle)))
            return pixels.centre_px(np.unique(pixel[~pixels.held(pixel)], axis=0))
        way = bits[:, 1] - bits[:, 0]
        outward = np.sign(np.stack([-way[:, 1], way[:, 0]], axis=1)) * np.array(pixels.ratio) / 2
        return pixels.centre_px(pixels.pixel_at(middle + outward))

    def _tumor_centres(self, nearest: Nearest, piece: int, pixels: Pixels) -> Floats:
        """Centres of tumor pixels in one piece: of its boundary, and where the specimen's outline cuts through it."""
        pixel = np.concatenate([pixels.boundary, pixels.around(nearest.tumor_px)])
        centres = pixels.centre_px(np.unique(pixel, axis=0))
        tissue = shapely.multipolygons(self._parts[self._piece == piece])
        shapely.prepare(tissue)
        inside: Floats = centres[shapely.intersects_xy(tissue, centres[:, 1] + 0.5, centres[:, 0] + 0.5)]
        return inside

    # --- places

    def in_region(self, region: Any) -> Bools:
        """For each bit whether its middle lies in a polygon, or between pixel centres one of which is in a mask."""
        middle = self.bits_px.mean(axis=1)
        if not isinstance(region, np.ndarray):
            shapely.prepare(region)
            inside: Bools = np.asarray(shapely.intersects_xy(region, middle[:, 1] + 0.5, middle[:, 0] + 0.5))
            return inside
        drawn = Pixels(region)
        touched: Bools = np.any([drawn.held(pixel) for pixel in surrounding(middle)], axis=0)
        return touched

    def stays_inside(self, start_px: Sequence[float], end_px: Sequence[float]) -> bool:
        """Whether the straight line between two points of the closed specimen stays in it."""
        line = LineString(to_corners(np.array([start_px, end_px], np.float64)))
        if line.length <= self._touch_px:
            return True
        left = [part for part in shapely.get_parts(shapely.difference(line, self._specimen)) if part.length > 0]
        points = [shapely.line_interpolate_point(part, share, normalized=True) for part in left for share in (0.3, 0.6)]
        return all(shapely.distance(point, self._specimen) <= self._touch_px for point in points)

    def through_tissue_mm(self, selected: Bools, closest: Closest) -> float | None:
        """Length of a short way from tumor to the edge point inside the tissue; None where none was found.

        Found between pixel centres and pulled straight, so that it is at most about a pixel too long.
        """
        bit = int(np.flatnonzero(selected)[closest.bit])
        tissue = shapely.multipolygons(self._parts[self._piece == self.outline.piece[bit]])
        low = np.floor(np.array(tissue.bounds[:2])).astype(np.int64)[::-1]
        high = np.ceil(np.array(tissue.bounds[2:])).astype(np.int64)[::-1]
        if int(np.prod(high - low)) > LARGEST_WINDOW:
            return None
        held, tumor = (_centres_inside(area, low, high) for area in (tissue, self._inside))
        end = np.clip(np.floor(self._inner_px[bit] + 0.5).astype(np.int64) - low, 0, high - low - 1)
        held[tuple(end)] = True
        return inside_path.length_mm(
            held,
            tumor,
            end,
            np.array(closest.edge_px),
            low.astype(np.float64),
            self._mm,
            lambda a, b: self.stays_inside(a.tolist(), b.tolist()),
        )

    @property
    def _inner_px(self) -> Floats:
        """(n, 2) a point just inside each bit; tissue is on a bit's left in (x, y)."""
        way = self.bits_px[:, 1] - self.bits_px[:, 0]
        inward = np.stack([way[:, 1], -way[:, 0]], axis=1) / np.sqrt((way**2).sum(axis=1))[:, None]
        inner: Floats = self.bits_px.mean(axis=1) + inward * outline_barrier.INWARD_PX
        return inner

    def behind(self, wall: Any, is_cut: Bools) -> Behind:
        """Which bits tumor cannot reach without crossing a barrier, and whether it has broken through."""
        ground = outline_barrier.Ground(
            specimen=self._specimen,
            tumor=self._inside,
            tumor_group=rings.groups(self._tumor_parts, self._touch_mm, self._mm),
            inner_xy=to_corners(self._inner_px),
        )
        return outline_barrier.behind(ground, outline_barrier.wall_area(wall), is_cut)

    def crossed(self, wall: Any, nearest: Nearest) -> Bools:
        """For each pair of points whether the straight line between them crosses a barrier."""
        area = outline_barrier.wall_area(wall)
        return outline_barrier.crossed(area, self._inside, nearest.edge_px, nearest.tumor_px)


def _centres_inside(area: MultiPolygon, low: Ints, high: Ints) -> Bools:
    """Mask of the pixels from ``low`` up to ``high`` (y, x) whose centre lies in an area."""
    y, x = np.mgrid[low[0] : high[0], low[1] : high[1]] + 0.5
    shapely.prepare(area)
    inside: Bools = np.asarray(shapely.intersects_xy(area, x.ravel(), y.ravel())).reshape(x.shape)
    return inside


def _as_segments(points: Floats) -> Floats:
    """(n, 2 ends, 2) segments without length."""
    return np.stack([points, points], axis=1)

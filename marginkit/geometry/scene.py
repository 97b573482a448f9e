"""What every way of measuring answers, whatever the tumor and the specimen are made of.

A *scene* holds one tumor and one specimen. It cuts the specimen's outline into *bits* (a pixel face, a
contour segment, a piece of a polygon's side, a triangle), gives each bit a default class, and answers
distance questions for any selection of bits. ``marginkit.measuring`` asks; it never looks inside.

The surprising thing: points are given in *index units* of the scene's own grid (pixel centres are
integers, array order); millimetres are index units times the spacing. Polygons, which arrive in (x, y) on
pixel corners, have been turned into (y - 1/2, x - 1/2) at the border.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]

CLASSES = ("cut", "natural", "section", "frame", "hole", "unknown")
CUT, NATURAL, SECTION, FRAME, HOLE, UNKNOWN = range(6)


@dataclass(frozen=True)
class Outline:
    """Every bit of the specimen's outline.

    size : (n,) float64, mm in 2-D, mm² in 3-D.
    kind : (n,) uint8, index into ``CLASSES``: the class that geometry alone gives (cut, section, frame, hole).
    piece : (n,) int64, id of the piece of specimen, from 0, by first appearance in array order.
    """

    size: Floats
    kind: NDArray[np.uint8]
    piece: Ints


@dataclass(frozen=True)
class Nearest:
    """For each selected bit of the outline the nearest point of tumor in the same piece.

    Bits of pieces without tumor have distance ``inf``, focus -1 and points of 0.

    distance_mm : (n,) float64. The least distance between the bit and the tumor; 0 where they meet.
    edge_px, tumor_px : (n, ndim) float64, index units: the two points that realise it.
    focus : (n,) int64, the focus that owns the tumor point.
    """

    distance_mm: Floats
    edge_px: Floats
    tumor_px: Floats
    focus: Ints

    def take(self, which: Bools | Ints) -> Nearest:
        """The same for some of the bits."""
        if which.dtype == np.bool_ and which.all():
            return self
        return Nearest(self.distance_mm[which], self.edge_px[which], self.tumor_px[which], self.focus[which])

    def put(self, at: Ints, part: Nearest) -> None:
        """Write what was found for some of the bits."""
        self.distance_mm[at], self.focus[at] = part.distance_mm, part.focus
        self.edge_px[at], self.tumor_px[at] = part.edge_px, part.tumor_px


@dataclass(frozen=True)
class Closest:
    """The closest pair of a selection of bits; the first in array order (edge, then tumor) where several tie."""

    distance_mm: float
    edge_px: tuple[float, ...]
    tumor_px: tuple[float, ...]
    bit: int  # index into the selection
    focus: int
    tied: bool


@dataclass(frozen=True)
class FociTable:
    """Connected parts of the tumor inside the specimen (8-connected in 2-D, 26 in 3-D), linked where asked.

    size : (k,) mm² in 2-D, mm³ in 3-D. pixels : (k,) int64, 0 where the tumor is a polygon.
    piece : (k,) int64.
    """

    size: Floats
    pixels: Ints
    piece: Ints


@dataclass(frozen=True)
class Behind:
    """Of each bit of outline whether it is behind a barrier, and whether tumor has broken through that barrier."""

    bits: Bools
    breached: bool


class Scene(Protocol):
    """A tumor and a specimen that can be measured."""

    @property
    def ndim(self) -> int:
        """2 or 3."""

    @property
    def spacing_mm(self) -> tuple[float, ...]:
        """Millimetres per index unit, array order."""

    @property
    def outline(self) -> Outline:
        """Every bit of the specimen's outline."""

    @property
    def foci(self) -> FociTable:
        """The tumor's connected parts."""

    @property
    def boundary(self) -> str:
        """How the boundary was read: 'pixels', 'contour', 'polygon', or two of them joined by '/'."""

    @property
    def tumor_outside(self) -> float:
        """Tumor outside every piece: mm² in 2-D, mm³ in 3-D."""

    @property
    def specimen_size(self) -> float:
        """mm² in 2-D, mm³ in 3-D."""

    @property
    def pixel_diagonal_mm(self) -> float:
        """g of the digitisation interval; 0 where nothing is made of pixels."""

    @property
    def tumor_meets_frame(self) -> bool:
        """Whether tumor reaches a bit of class frame."""

    def in_region(self, region: Any) -> Bools:
        """For each bit of the outline whether it lies in ``region`` (a mask on the scene's grid or a polygon)."""

    def nearest(self, selected: Bools) -> Nearest:
        """Nearest tumor for each selected bit; ``selected`` is one bool a bit of the outline."""

    def closest(self, selected: Bools, nearest: Nearest) -> Closest | None:
        """The closest pair of a selection, given its ``nearest``; None where no bit shares a piece with tumor."""

    def focus_margins_mm(self, selected: Bools, nearest: Nearest) -> Floats:
        """(k,) distance of each focus to the selected bits of its piece; inf where there is none."""

    def focus_gaps_mm(self, main: int) -> Floats:
        """(k,) distance of each focus to focus ``main``."""

    def centre_distance_mm(self, selected: Bools, nearest: Nearest) -> float | None:
        """c of the digitisation interval: least distance between the centre of a tumor pixel and that of a pixel
        outside, across a selected bit. Where only one of the two is made of pixels, that one's centres to the
        other's boundary. None where neither is, or where a boundary is known better than a pixel."""

    def stays_inside(self, start_px: Sequence[float], end_px: Sequence[float]) -> bool:
        """Whether the straight line between two points of the closed specimen stays in it."""

    def through_tissue_mm(self, selected: Bools, closest: Closest) -> float | None:
        """Length of the way from the tumor to the pair's edge point inside the tissue; None where none was found."""

    def behind(self, wall: Any, is_cut: Bools) -> Behind:
        """Which bits of the outline tumor cannot reach without crossing a barrier (a mask on the scene's grid, a
        polygon or a line), and whether tumor has broken through it."""

    def crossed(self, wall: Any, nearest: Nearest) -> Bools:
        """For each pair of points whether the straight line between them crosses the barrier."""

    def tumor_extent_mm(self) -> float:
        """Greatest distance between two points of the tumor."""

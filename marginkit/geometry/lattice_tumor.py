"""The tumor's side of a lattice scene: its foci, and the corners of its boundary pixels by focus and piece."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np

from marginkit.geometry import linked, masks
from marginkit.geometry.lattice import Lattice
from marginkit.geometry.nearest import Points
from marginkit.geometry.run_mask import RunMask
from marginkit.geometry.runs import Components, Runs, components
from marginkit.geometry.scene import Floats, FociTable, Ints


def run_sizes(found: Runs, lattice: Lattice) -> Floats:
    """(runs,) area in mm² (volume in mm³) of each run."""
    if lattice.regular:
        return (found.stop - found.start).astype(np.float64) * np.prod(lattice.spacing_mm)
    lines = lattice.ticks[-1] * lattice.spacing_mm[-1]
    size: Floats = lines[found.stop] - lines[found.start]
    for widths, index in zip(lattice.widths_mm, found.row_index):
        size = size * widths[index]
    return size


@dataclass(frozen=True)
class LatticeTumor:
    """The tumor inside the specimen.

    mask : tumor and specimen. pieces : of the specimen. pixel_mm : size of the tumor's own pixels.
    """

    mask: masks.Mask
    pieces: Components
    lattice: Lattice
    pixel_mm: Floats
    link_mm: float

    @cached_property
    def parts(self) -> Components:
        """Connected components, before linking."""
        return components(masks.runs_of(self.mask), corners=True)

    @cached_property
    def vertices(self) -> Ints:
        """(n, ndim) corners on the boundary, in array order."""
        return masks.vertices(self.mask)

    @cached_property
    def points_px(self) -> Floats:
        """(n, ndim) the same in index units."""
        return self.lattice.corner_px(self.vertices)

    @cached_property
    def _part(self) -> Ints:
        """(n,) component of each vertex; all tumor pixels around a vertex are of the same one."""
        if self.parts.count == 1:
            return np.zeros(len(self.vertices), np.int64)
        if isinstance(self.mask, RunMask):
            return self.parts.label[self.mask.run_beside(self.vertices)]
        return self.parts.at(masks.pixel_beside(self.mask, self.vertices))

    @cached_property
    def _piece_of_part(self) -> Ints:
        first = np.unique(self.parts.label, return_index=True)[1]
        found = self.parts.runs
        index = [along[first] for along in found.row_index]
        return self.pieces.at(np.stack([*index, found.start[first]], axis=1))

    @cached_property
    def _focus_of_part(self) -> Ints:
        if self.link_mm <= 0 or self.parts.count < 2:
            return np.arange(self.parts.count)
        points_mm = self.points_px * self.lattice.spacing_mm
        return linked.groups(points_mm, self._part, self._piece_of_part, self.link_mm)

    @cached_property
    def focus(self) -> Ints:
        """(n,) focus that owns each vertex."""
        focus: Ints = self._focus_of_part[self._part]
        return focus

    @cached_property
    def foci(self) -> FociTable:
        """The foci, by first appearance in array order."""
        number = int(self._focus_of_part.max(initial=-1)) + 1
        of_run = self._focus_of_part[self.parts.label]
        size: Floats = np.bincount(of_run, run_sizes(self.parts.runs, self.lattice), number).astype(np.float64)
        if self.lattice.regular:
            pixels = np.bincount(of_run, self.parts.runs.stop - self.parts.runs.start, number)
        else:
            pixels = np.maximum(np.rint(size / np.prod(self.pixel_mm)), 1)
        piece = np.zeros(number, np.int64)
        piece[self._focus_of_part] = self._piece_of_part
        return FociTable(size, pixels.astype(np.int64), piece)

    @cached_property
    def by_piece(self) -> dict[int, tuple[Points, Ints]]:
        """By piece that holds tumor: its tumor vertices, grouped by focus, and which of all vertices they are."""
        if not len(self.vertices):
            return {}
        piece = self.foci.piece[self.focus]
        members = {one: np.flatnonzero(piece == one) for one in np.flatnonzero(np.bincount(piece)).tolist()}
        return {
            one: (self.lattice.points(self.points_px[which], self.focus[which]), which)
            for one, which in members.items()
        }

    def centres_px(self, piece: int, around_px: Floats, reach_mm: float) -> Floats:
        """Centres of the boundary pixels of one piece that have a vertex within ``reach_mm`` of one of some points."""
        points, members = self.by_piece[piece]
        reach = reach_mm / float(self.lattice.spacing_mm.min())
        vertices = self.vertices[members[self.lattice.points(around_px).within(points, reach)]]
        pixels = [vertices - np.array(step) for step in product((1, 0), repeat=self.lattice.ndim)]
        return self.lattice.centre_px(np.concatenate([p[masks.pixels_held(self.mask, p)] for p in pixels]))

    @property
    def meets_side(self) -> bool:
        """Whether a pixel lies on a side of the array (in 3-D: not its first or last slice)."""
        found, shape = self.parts.runs, self.parts.runs.shape
        index = found.row_index
        sides = [(found.start == 0) | (found.stop == shape[-1])]
        sides += [(index[a] == 0) | (index[a] == shape[a] - 1) for a in range(len(shape) == 3, len(shape) - 1)]
        return bool(np.any(sides))

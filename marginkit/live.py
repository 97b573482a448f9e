"""Margins while somebody paints: what a stroke changed is looked at again, and nothing else.

The surprising thing: the specimen is the dear half, and it does not change under a brush on the tumor. Its edge is
put into trees once; a stroke then costs the boundary of the tumor in the painted rows. Value and pair are those of
``measure``, to the last bit; interval, profile and verdicts are asked of ``measure`` when the brush rests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

import numpy as np

from marginkit.errors import AxesError, GridError
from marginkit.geometry import bits, classed
from marginkit.geometry.lattice import Lattice, regular_ticks
from marginkit.geometry.lattice_scene import ROUNDING, LatticeScene
from marginkit.geometry.masks import pixels_held
from marginkit.geometry.scene import CUT, Bools, Floats, Ints
from marginkit.records import check_spacing


@dataclass(frozen=True)
class Near:
    """The closest pair of a margin, index units (y, x), and its length."""

    value_mm: float
    edge_px: tuple[float, ...]
    tumor_px: tuple[float, ...]


class Live:
    """A specimen mask with its edge, and a tumor mask of the same shape that is being painted; 2-D."""

    def __init__(
        self,
        tumor: Bools,
        specimen: Bools,
        spacing: Sequence[float],
        *,
        edge: Any = None,
        names: Any = None,
        holes: Literal["ignore", "cut"] = "ignore",
    ) -> None:
        """``edge``, ``names`` and ``holes`` as of ``measure``. E-AXE-01 not 2-D; E-GRID-02 the shapes differ."""
        if np.ndim(specimen) != 2:
            raise AxesError("E-AXE-01", "margins are followed in a plane", cause=f"{np.ndim(specimen)} axes")
        if tumor.shape != specimen.shape:
            cause = f"tumor is {tumor.shape}, specimen is {specimen.shape}"
            raise GridError("E-GRID-02", "tumor and specimen differ in shape", cause=cause)
        self._specimen = bits.pack(specimen)
        spacing_mm = check_spacing(spacing, 2)
        blank = bits.PackedMask(np.zeros_like(self._specimen.words), self._specimen.shape)
        scene = LatticeScene(blank, self._specimen, spacing_mm, holes=holes)
        self._lattice = Lattice(regular_ticks(specimen.shape), np.array(spacing_mm))
        self._edge = _Edge(scene, self._lattice, edge, names)
        self._words = blank.words.copy()
        self._vertices = np.zeros((0, 2), np.int64)
        self._piece = np.zeros(0, np.int64)
        self._away = {name: np.zeros(0) for name in self._edge.trees}
        self.paint(0, tumor)

    def again(self, tumor: Bools) -> Live:
        """The same specimen with another tumor mask of its shape; nothing of the edge is computed again."""
        other = object.__new__(Live)
        other.__dict__ = {**self.__dict__, "_words": self._words.copy(), "_away": dict(self._away)}
        other.paint(0, tumor)
        return other

    def paint(self, first_row: int, rows: Bools) -> None:
        """Take new rows of the tumor mask, from ``first_row`` on, (n, width)."""
        last = first_row + len(rows)
        part = slice(first_row, last)
        self._words[part] = bits.pack(rows).words & self._specimen.words[part]
        vertices = self._boundary(first_row, last)
        piece = self._piece_of(vertices)
        low, high = np.searchsorted(self._vertices[:, 0], [first_row, last + 1])
        for name in self._away:
            away = self._edge.away(name, self._lattice.corner_px(vertices), piece)
            self._away[name] = np.concatenate([self._away[name][:low], away, self._away[name][high:]])
        self._vertices = np.concatenate([self._vertices[:low], vertices, self._vertices[high:]])
        self._piece = np.concatenate([self._piece[:low], piece, self._piece[high:]])

    def margins(self) -> dict[str, Near | None]:
        """``all`` and each name to its closest pair; None where no cut edge of it shares a piece with tumor."""
        return {name: self._closest(name) for name in self._away}

    def _boundary(self, first: int, last: int) -> Ints:
        """Boundary vertices of the tumor on the lattice lines ``first`` to ``last``, in array order."""
        top, bottom = max(0, first - 1), min(len(self._words), last + 1)
        words = self._words[top:bottom]
        found = bits.boundary_vertices(bits.PackedMask(words, (len(words), self._specimen.shape[1])))
        found[:, 0] += top
        kept: Ints = found[(found[:, 0] >= first) & (found[:, 0] <= last)]
        return kept

    def _piece_of(self, vertices: Ints) -> Ints:
        """Piece of specimen of each vertex: that of a tumor pixel around it."""
        if self._edge.pieces.count <= 1 or not len(vertices):
            return np.zeros(len(vertices), np.int64)
        tumor = bits.PackedMask(self._words, self._specimen.shape)
        pixel = np.full(vertices.shape, -1, np.int64)
        for step in product((0, 1), repeat=2):
            here = vertices - np.array(step)
            held = pixels_held(tumor, here)
            pixel[held] = here[held]
        return self._edge.pieces.at(pixel)

    def _closest(self, name: str) -> Near | None:
        """Of equally near pairs the first edge point, then the first tumor point."""
        away = self._away[name]
        least = float(away.min(initial=np.inf))
        if not np.isfinite(least):
            return None
        tied = np.flatnonzero(away <= least * (1 + ROUNDING))
        tumor = self._lattice.corner_px(self._vertices[tied])
        pairs = [self._edge.tied(name, int(self._piece[k]), point, least) for k, point in zip(tied, tumor)]
        edge, ends = np.concatenate(pairs), np.repeat(tumor, [len(p) for p in pairs], axis=0)
        first = np.lexsort([ends[:, 1], ends[:, 0], edge[:, 1], edge[:, 0]])[:1]
        value = float(self._lattice.distance_mm(edge[first], ends[first])[0])
        return Near(value, tuple(edge[first[0]].tolist()), tuple(ends[first[0]].tolist()))


class _Edge:
    """The cut edge of a specimen: by name and piece the corners of its faces, in trees."""

    def __init__(self, scene: LatticeScene, lattice: Lattice, edge: Any, names: Any) -> None:
        self.pieces = scene.pieces
        self._lattice = lattice
        cut = classed.classes(scene, edge) == CUT
        chosen: Mapping[str, Bools] = {"all": cut, **{k: cut & v for k, v in classed.named(scene, names).items()}}
        self.trees = {name: self._by_piece(scene, which) for name, which in chosen.items()}

    def _by_piece(self, scene: LatticeScene, selected: Bools) -> dict[int, tuple[Any, Floats]]:
        faces = np.flatnonzero(selected)
        piece = scene.outline.piece[faces]
        found = {int(one): scene.edge_points_px(faces[piece == one]) for one in np.unique(piece)}
        return {one: (self._lattice.tree(points), points) for one, points in found.items()}

    def away(self, name: str, tumor_px: Floats, piece: Ints) -> Floats:
        """(n,) mm from each tumor point to the nearest edge point of its piece; inf where it has none."""
        out = np.full(len(tumor_px), np.inf)
        for one, (tree, points) in self.trees[name].items():
            here = np.flatnonzero(piece == one)
            if len(here):
                _, found = tree.query(self._lattice.scaled(tumor_px[here]))
                out[here] = self._lattice.distance_mm(points[found], tumor_px[here])
        return out

    def tied(self, name: str, piece: int, tumor_px: Floats, least_mm: float) -> Floats:
        """(n, 2) edge points at the least distance from one tumor point."""
        tree, points = self.trees[name][piece]
        reach = least_mm / float(self._lattice.spacing_mm.min()) * (1 + 1e-9) + 1e-9
        ball = points[tree.query_ball_point(self._lattice.scaled(tumor_px), reach)]
        distance = self._lattice.distance_mm(ball, tumor_px[None])
        kept: Floats = ball[distance <= distance.min() * (1 + ROUNDING)]
        return kept

"""The faces of a specimen that is being painted: only those of the painted rows are found again.

The surprising thing: what a face is by geometry alone (cut, frame, hole) can change far from the brush, where a stroke
opens a hole or closes a bay. So it is asked anew of the runs of the whole mask, which are few; what was drawn over the
faces, and the faces themselves, are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np

from marginkit.geometry import bits, classed, facets, tracing
from marginkit.geometry.drawn import in_region
from marginkit.geometry.facets import Codes, Facets
from marginkit.geometry.lattice import Lattice
from marginkit.geometry.runs import Components, Runs, components, runs
from marginkit.geometry.scene import CUT, Bools, Floats, Ints, Outline

SILENT = 255  # a face of which nothing was drawn


@dataclass(frozen=True)
class Drawn:
    """What a user drew over an outline: classes and names as of ``measure``."""

    edge: Any = None
    names: Any = None

    def over(self, faces: Facets, lattice: Lattice) -> tuple[Codes, Mapping[str, Bools]]:
        """(n,) class that was drawn over each face (``SILENT`` for none; unknown where cut edge is restricted), and
        name to (n,) whether the face bears it."""
        restricts = not isinstance(self.edge, Mapping | None) and not _coded(self.edge)
        asked = _Faces(faces, lattice, CUT if restricts else SILENT)
        said = classed.classes(asked, self.edge)
        said[said == CUT] = SILENT if restricts else CUT
        return said, classed.named(asked, self.names)

    def kinds(self, plain: Codes, said: Codes) -> Codes:
        """(n,) class of each face, from that of geometry alone and from what was drawn."""
        heard = said != SILENT
        if not isinstance(self.edge, Mapping | None) and not _coded(self.edge):
            heard &= plain == CUT
        out: Codes = np.where(heard, said, plain)
        return out


def _coded(edge: Any) -> bool:
    return isinstance(edge, np.ndarray) and np.issubdtype(edge.dtype, np.integer)


@dataclass(frozen=True)
class _Faces:
    """Some faces, for ``classed`` to ask."""

    faces: Facets
    lattice: Lattice
    kind: int

    @property
    def outline(self) -> Outline:
        number = len(self.faces.axis)
        return Outline(np.zeros(number), np.full(number, self.kind, np.uint8), np.zeros(number, np.int64))

    def in_region(self, region: Any) -> Bools:
        return in_region(self.faces, self.lattice, region)


@dataclass(frozen=True)
class Rim:
    """The outline of a 2-D specimen mask.

    faces : as of ``facets``; ``across`` of them are perpendicular to the rows' axis. said, names : see ``Drawn.over``.
    kind : (n,) class of each. piece : (n,) of the specimen. keys : (m,) the corners of all faces as flat indices, each
    once, in array order. of_face : (2, n) which of the corners are those of a face.
    """

    lattice: Lattice
    drawn: Drawn
    holes: Literal["ignore", "cut"]
    runs: Runs
    faces: Facets
    said: Codes
    names: Mapping[str, Bools] = field(default_factory=dict)

    @cached_property
    def across(self) -> int:
        """How many faces are perpendicular to the first axis: they come first."""
        return int(np.count_nonzero(self.faces.axis == 0))

    @cached_property
    def pieces(self) -> Components:
        """Connected parts of the specimen."""
        return components(self.runs, corners=True)

    @cached_property
    def piece(self) -> Ints:
        """(n,) piece of each face."""
        one = self.pieces.count <= 1
        return np.zeros(len(self.faces.axis), np.int64) if one else self.pieces.at(self.faces.inside)

    @cached_property
    def kind(self) -> Codes:
        """(n,) class of each face."""
        return self.drawn.kinds(facets.kinds(self.faces, self.runs, self.holes)[0], self.said)

    @cached_property
    def _corners(self) -> tuple[Ints, Ints]:
        keys = self.faces.corner_keys(self.lattice.shape)
        unique, back = np.unique(keys, return_inverse=True)
        return unique, back.reshape(keys.shape)

    @property
    def keys(self) -> Ints:
        """(m,) corners of the faces as flat indices of the lattice, sorted."""
        return self._corners[0]

    @property
    def of_face(self) -> Ints:
        """(2, n) index of both corners of each face, the one of smaller indices first."""
        return self._corners[1]

    @cached_property
    def points_px(self) -> Floats:
        """(m, 2) corners in index units."""
        return self.lattice.corner_px(np.stack(np.divmod(self.keys, self.lattice.shape[1] + 1), axis=1))

    @cached_property
    def piece_of_corner(self) -> Ints:
        """(m,) piece of each corner; all faces that meet in one are of the same."""
        out = np.zeros(len(self.keys), np.int64)
        out[self.of_face] = self.piece
        return out

    @cached_property
    def walk(self) -> tuple[Ints, Ints, Ints, Ints]:
        """(order, ring, start, end) of the faces as one walks along the outline; see ``tracing.walked``."""
        cut, table = self.across, self.faces
        both = [slice(None, cut), slice(cut, None)]
        parts = [bits.Faces(axis, table.vertex[part], table.inside[part]) for axis, part in enumerate(both)]
        return tracing.walked(parts, self.lattice.shape[1])

    def painted(self, words: bits.Words, first: int, last: int) -> Rim:
        """The outline after the rows ``first`` to ``last`` - 1 of the mask have changed. words : of the new mask."""
        top, bottom = max(0, first - 1), min(len(words), last + 1)
        part = bits.PackedMask(words[top:bottom], (bottom - top, self.lattice.shape[1]))
        level = bits.faces_across(part, 0)
        line = level.vertex[:, 0] + top
        kept = (line >= first) & (line <= last)
        down = np.array([top, 0])
        level = bits.Faces(0, level.vertex[kept] + down, level.inside[kept] + down)
        found = runs(bits.PackedMask(words[first:last], (last - first, self.lattice.shape[1])))
        spliced = _spliced_runs(self.runs, found, first, last)
        rows = Runs(found.row + first, found.start, found.stop, self.lattice.shape)
        new = facets.joined([level, facets.ends(rows)])
        said, names = self.drawn.over(new, self.lattice)
        seam = self._seam(first, last)
        many = len(level.vertex)

        def put(old: Any, fresh: Any) -> Any:
            a, b, c, d = seam
            return np.concatenate([old[:a], fresh[:many], old[b:c], fresh[many:], old[d:]])

        old = self.faces
        faces = Facets(
            put(old.axis, new.axis),
            put(old.vertex, new.vertex),
            put(old.inside, new.inside),
            put(old.outside, new.outside),
        )
        named = {name: put(self.names.get(name, np.zeros(len(old.axis), bool)), names[name]) for name in names}
        return Rim(self.lattice, self.drawn, self.holes, spliced, faces, put(self.said, said), named)

    def _seam(self, first: int, last: int) -> tuple[int, int, int, int]:
        """Where the faces of some rows lie in the table: from and to, of either axis."""
        rows = self.faces.vertex[:, 0]
        level = np.searchsorted(rows[: self.across], [first, last + 1])
        upright = self.across + np.searchsorted(rows[self.across :], [first, last])
        return int(level[0]), int(level[1]), int(upright[0]), int(upright[1])

    def redrawn(self, drawn: Drawn) -> Rim:
        """The same faces with other classes and names drawn over them."""
        said, names = drawn.over(self.faces, self.lattice)
        other = Rim(self.lattice, drawn, self.holes, self.runs, self.faces, said, names)
        for kept in ("pieces", "piece", "_corners", "points_px", "piece_of_corner", "walk", "across"):
            if kept in self.__dict__:
                other.__dict__[kept] = self.__dict__[kept]
        return other


def blank(lattice: Lattice, drawn: Drawn, holes: Literal["ignore", "cut"]) -> Rim:
    """The outline of nothing; painted rows make it that of a mask."""
    none = np.zeros(0, np.int64)
    faces = Facets(np.zeros(0, np.uint8), *(np.zeros((0, 2), np.int64) for _ in range(3)))
    said, names = drawn.over(faces, lattice)
    return Rim(lattice, drawn, holes, Runs(none, none, none, lattice.shape), faces, said, names)


def _spliced_runs(old: Runs, new: Runs, first: int, last: int) -> Runs:
    low, high = np.searchsorted(old.row, [first, last])
    row = np.concatenate([old.row[:low], new.row + first, old.row[high:]])
    start = np.concatenate([old.start[:low], new.start, old.start[high:]])
    stop = np.concatenate([old.stop[:low], new.stop, old.stop[high:]])
    return Runs(row, start, stop, old.shape)

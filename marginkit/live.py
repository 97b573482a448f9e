"""Margins while somebody paints: what a stroke changed is looked at again, and nothing else.

The surprising thing: of every corner of the outline its nearest tumor is remembered. Fresh tumor can only bring it
nearer, tumor that is erased matters only to those that had it nearest, and a stroke on the specimen adds and takes
faces of the painted rows. Values, pairs and the distance of every face are those of ``measure``; interval and verdicts
are asked of ``measure`` when the brush rests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from marginkit.errors import AxesError, GridError
from marginkit.geometry import bits, corners, rim
from marginkit.geometry.lattice import ROUNDING, Lattice, regular_ticks
from marginkit.geometry.rim import Drawn
from marginkit.geometry.scene import CUT, Bools, Floats, Ints
from marginkit.records import check_spacing

NOWHERE, UNASKED = -1, -2  # of a corner of the outline: no tumor in its piece; not known yet


@dataclass(frozen=True)
class Near:
    """The closest pair of a margin, index units (y, x), and its length."""

    value_mm: float
    edge_px: tuple[float, ...]
    tumor_px: tuple[float, ...]


@dataclass(frozen=True)
class Along:
    """The outline as one walks along it, face by face.

    ends_px : (n, 2, 2) index units, start and end of each face. distance_mm : (n,) to the tumor, inf where the piece
    holds none. cut : (n,) cut edge of a piece that holds tumor. ring : (n,) which ring a face is of. kind : (n,) index
    into ``CLASSES``.
    """

    ends_px: Floats
    distance_mm: Floats
    cut: Bools
    ring: Ints
    kind: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, np.uint8))


class Live:
    """A tumor mask and a specimen mask of one shape that are being painted; 2-D."""

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
        self._shape = specimen.shape
        lattice = Lattice(regular_ticks(specimen.shape), np.array(check_spacing(spacing, 2)))
        self._lattice = lattice
        self._specimen = bits.pack(specimen).words
        self._tumor = bits.pack(tumor).words
        self._inside = np.zeros_like(self._tumor)
        self._rim = rim.blank(lattice, Drawn(edge, names), holes)
        self._corners = corners.none(lattice)
        self._distance_mm: Floats = np.zeros(0)
        self._owner: Ints = np.zeros(0, np.int64)
        self._follow_specimen(0, len(self._specimen))

    def paint(self, first_row: int, rows: Bools) -> bool:
        """Take new rows of the tumor mask, from ``first_row`` on, (n, width); whether they differ from the old."""
        changed = _put(self._tumor, first_row, rows)
        if changed is not None:
            self._follow_tumor(*changed, np.zeros(0, np.int64))
        return changed is not None

    def paint_specimen(self, first_row: int, rows: Bools) -> bool:
        """Take new rows of the specimen mask, (n, width); whether they differ from the old."""
        changed = _put(self._specimen, first_row, rows)
        if changed is not None:
            self._follow_specimen(*changed)
        return changed is not None

    def redraw(self, edge: Any, names: Any) -> None:
        """Take other classes and names of the edge; no distance changes."""
        self._rim = self._rim.redrawn(Drawn(edge, names))

    def masks(self) -> tuple[Bools, Bools]:
        """(tumor, specimen) as they are now; arrays of their own."""
        whole = tuple(slice(0, n) for n in self._shape)
        tumor, specimen = (bits.unpack(bits.PackedMask(w, self._shape), whole) for w in (self._tumor, self._specimen))
        return tumor, specimen

    def margins(self) -> dict[str, Near | None]:
        """``all`` and each name to its closest pair; None where no cut edge of it shares a piece with tumor."""
        cut = self._rim.kind == CUT
        chosen = {"all": cut, **{name: cut & bears for name, bears in self._rim.names.items()}}
        at_ends = self._distance_mm[self._rim.of_face]
        nearer = at_ends.argmin(axis=0)
        distance = np.take_along_axis(at_ends, nearer[None], 0)[0]
        return {name: self._closest(np.flatnonzero(which), nearer, distance) for name, which in chosen.items()}

    def along(self) -> Along:
        """The outline with its distances, in the order of a walk."""
        order, ring, start, end = self._rim.walk
        width = self._shape[1] + 1
        ends = np.stack([np.stack(np.divmod(keys, width), axis=1) for keys in (start, end)], axis=1) - 0.5
        distance = self._distance_mm[self._rim.of_face].min(axis=0)[order]
        kind = self._rim.kind[order]
        return Along(ends, distance, (kind == CUT) & np.isfinite(distance), ring, kind)

    def _closest(self, faces: Ints, nearer: Ints, distance_mm: Floats) -> Near | None:
        """Of equally near pairs the first edge point, then the first tumor point."""
        away = distance_mm[faces]
        least = float(away.min(initial=np.inf))
        if not np.isfinite(least):
            return None
        tied = faces[away <= least * (1 + ROUNDING)]
        corner = int(self._rim.of_face[nearer[tied], tied].min())
        edge = self._rim.points_px[corner]
        tumor = self._corners.tied(edge, int(self._rim.piece_of_corner[corner]), least)[0]
        value = float(self._lattice.distance_mm(edge[None], tumor[None])[0])
        return Near(value, tuple(edge.tolist()), tuple(tumor.tolist()))

    def _follow_tumor(self, first: int, last: int, disturbed: Ints) -> None:
        """Find the tumor of some rows again. disturbed : pieces of which no distance can be kept."""
        part = slice(first, last)
        self._inside[part] = self._tumor[part] & self._specimen[part]
        self._corners, gone, come = self._corners.painted(self._inside, first, last, self._rim.pieces)
        lost = np.isin(self._owner, gone) | np.isin(self._rim.piece_of_corner, disturbed)
        self._owner[lost] = UNASKED
        self._bring_nearer(come)
        self._ask(np.flatnonzero(self._owner == UNASKED))

    def _follow_specimen(self, first: int, last: int) -> None:
        old, before = self._rim, self._corners
        self._rim = old.painted(self._specimen, first, last)
        at = np.minimum(np.searchsorted(old.keys, self._rim.keys), max(len(old.keys) - 1, 0))
        kept = np.flatnonzero(old.keys[at] == self._rim.keys) if len(old.keys) else np.zeros(0, np.int64)
        distance, owner = np.full(len(self._rim.keys), np.inf), np.full(len(self._rim.keys), UNASKED)
        distance[kept], owner[kept] = self._distance_mm[at[kept]], self._owner[at[kept]]
        self._distance_mm, self._owner = distance, owner
        disturbed = np.zeros(0, np.int64)
        if max(old.pieces.count, self._rim.pieces.count) > 1:
            # every corner of tumor before its pixels change: those that go are not asked for a piece
            part = slice(first, last)
            self._inside[part] &= self._specimen[part]
            self._corners, gone, _ = before.painted(self._inside, first, last, self._rim.pieces)
            self._corners = self._corners.sorted_into(self._inside, self._rim.pieces)
            self._owner[np.isin(self._owner, gone)] = UNASKED
            _, mine, theirs = np.intersect1d(self._corners.keys, before.keys, True, True)
            pairs = [
                np.stack([old.piece_of_corner[at[kept]], self._rim.piece_of_corner[kept]]),
                np.stack([before.piece[theirs], self._corners.piece[mine]]),
            ]
            disturbed = _mixed(np.concatenate(pairs, axis=1))
        self._follow_tumor(first, last, disturbed)

    def _bring_nearer(self, come: Ints) -> None:
        """Let corners of tumor that came be the nearest where they are."""
        at = np.searchsorted(self._corners.keys, come)
        for piece in np.unique(self._corners.piece[at]).tolist():
            mine = come[self._corners.piece[at] == piece]
            box = self._corners.points_px(mine)
            points = self._rim.points_px
            beside = np.maximum(np.maximum(box.min(0) - points, points - box.max(0)), 0)
            reached = (((beside * self._lattice.spacing_mm) ** 2).sum(axis=1) < self._distance_mm**2) & (
                self._rim.piece_of_corner == piece
            )
            here = np.flatnonzero(reached & (self._owner != UNASKED))
            if not len(here):
                continue
            distance, owner = self._corners.nearest(points[here], mine)
            nearer = distance < self._distance_mm[here]
            self._distance_mm[here[nearer]], self._owner[here[nearer]] = distance[nearer], owner[nearer]

    def _ask(self, which: Ints) -> None:
        """Find the nearest tumor of some corners of the outline among all of their piece."""
        piece = self._rim.piece_of_corner[which]
        for one in np.unique(piece).tolist():
            here = which[piece == one]
            mine = self._corners.keys[self._corners.piece == one]
            if len(mine):
                found = self._corners.nearest(self._rim.points_px[here], mine)
                self._distance_mm[here], self._owner[here] = found
            else:
                self._distance_mm[here], self._owner[here] = np.inf, NOWHERE


def _put(words: bits.Words, first: int, rows: Bools) -> tuple[int, int] | None:
    """The rows that changed, from and to, after they were written; None where none did."""
    new = bits.pack(rows).words
    changed = np.flatnonzero((words[first : first + len(new)] != new).any(axis=1))
    if not len(changed):
        return None
    low, high = int(changed[0]), int(changed[-1]) + 1
    words[first + low : first + high] = new[low:high]
    return first + low, first + high


def _mixed(pairs: Ints) -> Ints:
    """Of (2, n) old and new pieces of the same corners the new ones that are not one old piece and that alone."""
    old, new = np.unique(pairs, axis=1)
    several = (np.bincount(old, minlength=1)[old] > 1) | (np.bincount(new, minlength=1)[new] > 1)
    mixed: Ints = np.unique(new[several])
    return mixed

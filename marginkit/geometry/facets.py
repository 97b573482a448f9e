"""The faces of a specimen mask: where, how large, and what geometry alone can say of each.

A face towards background that reaches the border of the array is taken for cut; a face on that border hides what
lies beyond (frame), and in a stack the first and last slice are section faces; background that does not reach the
border is a hole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from marginkit.geometry import bits, masks
from marginkit.geometry.lattice import Lattice
from marginkit.geometry.runs import Runs, components, gaps
from marginkit.geometry.scene import CUT, FRAME, HOLE, SECTION, Bools, Floats, Ints

Codes = NDArray[np.uint8]


@dataclass(frozen=True)
class Facets:
    """Faces of a mask, all axes in one table.

    axis : (n,) uint8, perpendicular to the face. vertex : (n, ndim) int64, its corner of smallest indices.
    inside, outside : (n, ndim) int64, the pixels on its two sides.
    """

    axis: Codes
    vertex: Ints
    inside: Ints
    outside: Ints

    def corners(self, which: Ints | slice = slice(None)) -> Ints:
        """(2^(ndim-1), n, ndim) vertices of some of the faces, smallest indices first."""
        ndim = self.vertex.shape[1]
        vertex, across = self.vertex[which], self.axis[which]
        out = np.empty((2 ** (ndim - 1), *vertex.shape), np.int64)
        for place, step in zip(out, product((0, 1), repeat=ndim - 1)):
            shift = np.array([np.insert(step, axis, 0) for axis in range(ndim)], np.int64)
            for axis in range(ndim):
                np.add(vertex[:, axis], shift[across, axis] if shift[:, axis].any() else 0, out=place[:, axis])
        return out

    def corner_keys(self, shape: tuple[int, ...], which: Ints | slice = slice(None)) -> Ints:
        """(2^(ndim-1), n) places, in the lattice of an array of that shape, of the corners of some of the faces."""
        across, first = self.axis[which], lattice_keys(self.vertex[which], shape)
        steps = lattice_keys(np.eye(len(shape), dtype=np.int64), shape)
        out = np.empty((2 ** (len(shape) - 1), len(first)), np.int64)
        for keys, step in zip(out, product((0, 1), repeat=len(shape) - 1)):
            away = np.array([np.delete(steps, axis) @ np.array(step) for axis in range(len(shape))])
            np.add(first, away[across], out=keys)
        return out

    def beyond(self, shape: tuple[int, ...]) -> Bools:
        """(n,) whether the other side lies outside an array of that shape."""
        out: Bools = np.zeros(len(self.axis), bool)
        for axis, size in enumerate(shape):
            out |= (self.outside[:, axis] < 0) | (self.outside[:, axis] >= size)
        return out


def lattice_keys(vertex: Ints, shape: tuple[int, ...]) -> Ints:
    """(n,) place of each vertex, in array order, in the lattice of corners of an array.

    >>> lattice_keys(np.array([[0, 3], [1, 0]]), (2, 3)).tolist()
    [3, 4]
    """
    keys = vertex[:, 0].copy()
    for axis, pixels in enumerate(shape[1:], start=1):
        keys *= pixels + 1
        keys += vertex[:, axis]
    return keys


def facets(mask: masks.Mask, found: Runs) -> Facets:
    """Every face of the mask, given its runs: their ends are the faces across the last axis."""
    return joined([*(masks.faces_across(mask, axis) for axis in range(len(mask.shape) - 1)), ends(found)])


def joined(parts: Sequence[bits.Faces]) -> Facets:
    """The faces across each axis in one table."""
    return Facets(
        np.concatenate([np.full(len(part.vertex), part.axis, np.uint8) for part in parts]),
        np.concatenate([part.vertex for part in parts]),
        np.concatenate([part.inside for part in parts]),
        np.concatenate([part.outside for part in parts]),
    )


def ends(found: Runs) -> bits.Faces:
    """The faces at both ends of each run, in array order."""
    both = np.stack([found.start, found.stop], axis=1).ravel()
    vertex = np.stack([*(np.repeat(index, 2) for index in found.row_index), both], axis=1)
    inside = vertex.copy()
    inside[1::2, -1] -= 1
    return bits.Faces(len(found.shape) - 1, vertex, inside)


def sizes(faces: Facets, lattice: Lattice) -> Floats:
    """(n,) length of each face in mm, in 3-D its area in mm²."""
    if lattice.regular:
        each: Floats = np.array([np.prod(np.delete(lattice.spacing_mm, axis)) for axis in range(lattice.ndim)])
        return each[faces.axis]
    size: Floats = np.ones(len(faces.axis))
    for axis, widths in enumerate(lattice.widths_mm):
        along = np.flatnonzero(faces.axis != axis)
        size[along] *= widths[faces.vertex[along, axis]]
    return size


def kinds(faces: Facets, specimen: Runs, holes: Literal["ignore", "cut"]) -> tuple[Codes, Bools]:
    """(n,) class of each face by geometry alone, as codes of ``scene.CLASSES``; and (n,) which of the cut ones face
    background that leaves a stack through its first or last slice only: a lumen, perhaps."""
    kind = np.full(len(faces.axis), CUT, np.uint8)
    through: Bools = np.zeros(len(kind), bool)
    beyond = faces.beyond(specimen.shape)
    kind[beyond] = FRAME
    if len(specimen.shape) == 3:
        kind[beyond & (faces.axis == 0)] = SECTION
    if holes == "ignore":
        _void(faces, specimen, np.flatnonzero(~beyond), kind, through)
    return kind, through


def _void(faces: Facets, specimen: Runs, within: Ints, kind: Codes, through: Bools) -> None:
    """Mark the faces ``within`` the array whose background does not reach its border, or only the ends of a stack."""
    back = components(gaps(specimen), corners=False)
    enclosed, aside = ~back.meets_border(), ~back.meets_border(len(specimen.shape) - 2)
    if not aside.any():
        return
    label = back.at(faces.outside[within])
    kind[within[enclosed[label]]] = HOLE
    through[within[(aside & ~enclosed)[label]]] = True

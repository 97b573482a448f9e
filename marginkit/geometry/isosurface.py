"""Surfaces in three dimensions as triangles: half-level of a field by marching cubes, and the faces of voxels.

The cubes say how the surface is woven; where it lies is computed anew from the samples, since scikit-image keeps
positions in single precision. Beyond the array the last samples go on, and the surface is closed along its border.

The surprising thing: the two pads that do this are laid flat. What marching cubes makes in them comes to lie on the
border plane, half a voxel beyond the last centres, as the cap of what is cut there.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from skimage.measure import marching_cubes

from marginkit.geometry.bits import faces, pack
from marginkit.geometry.contour import HALF
from marginkit.geometry.crossings import settled
from marginkit.geometry.scene import Bools, Floats, Ints

APART = 1e-3  # for weaving only: no sample nearer to the level, lest single precision loses on which edge it is crossed


@dataclass(frozen=True)
class Surface:
    """Triangles of a closed surface, corners counter-clockwise as (z, y, x) seen from one fixed side.

    triangles_px : (n, 3 corners, 3 axes) index units. inside, outside : (n, 3) the samples on both sides of one of its
    corners; ``outside`` may lie beyond the array.
    """

    triangles_px: Floats
    inside: Ints
    outside: Ints

    def volumes_px3(self) -> Floats:
        """(n,) signed volume between each triangle and the origin; over a closed surface they add to its volume."""
        a, b, c = np.moveaxis(self.triangles_px - self.triangles_px[:1, :1], 1, 0)
        volume: Floats = (np.cross(a, b) * c).sum(axis=1) / 6
        return volume

    def areas_mm2(self, spacing_mm: Floats) -> Floats:
        """(n,) area of each triangle."""
        corner = self.triangles_px * spacing_mm
        normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
        area: Floats = np.sqrt((normal**2).sum(axis=1)) / 2
        return area


def isosurface(field: Any, level: float = HALF) -> Surface:
    """The surface of where a (d, h, w) field in [0, 1] reaches a level, by linear interpolation along voxel edges."""
    samples = np.pad(np.pad(settled(field, level), 1, mode="edge"), 1)
    if not (samples > level).any():
        return Surface(np.zeros((0, 3, 3)), np.zeros((0, 3), np.int64), np.zeros((0, 3), np.int64))
    sign = np.where(samples > level, 1.0, -1.0)
    woven = level + sign * np.maximum(np.abs(samples - level), APART)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # scikit-image 0.26 sets shapes in a way NumPy 2.5 disowns
        vertices, triangles, *_ = marching_cubes(woven, level)  # type: ignore[no-untyped-call]
    position, inside, outside = _placed(vertices.astype(np.float64), samples, level)
    index = _on_image(position - 2, np.shape(field))
    surface = Surface(index[triangles], *_sides(triangles, inside - 2, outside - 2, np.shape(field)))
    return _turned_out(surface)


def _placed(vertices: Floats, samples: Floats, level: float) -> tuple[Floats, Ints, Ints]:
    """Vertices where the samples pass the level, and the samples inside and outside (-9 for a vertex on no edge)."""
    low = np.floor(vertices)
    loose = vertices != low
    on_edge = loose.sum(axis=1) == 1
    axis = np.argmax(loose, axis=1)
    a = low.astype(np.int64)
    b = a.copy()
    b[np.arange(len(a)), axis] += on_edge
    from_, to = samples[tuple(a.T)], samples[tuple(b.T)]
    share = np.divide(level - from_, to - from_, out=np.zeros_like(from_), where=on_edge)
    position = np.where(on_edge[:, None], a + (b - a) * share[:, None], vertices)
    first = (from_ > level)[:, None]
    known = on_edge[:, None]
    return position, np.where(known, np.where(first, a, b), -9), np.where(known, np.where(first, b, a), -9)


def _on_image(index: Floats, shape: tuple[int, ...]) -> Floats:
    """Index units of the array: half of the first pad is the half voxel up to the border, the rest is laid on it."""
    top = np.array(shape) - 1.0
    index = np.where(index < 0, np.maximum(index / 2, -0.5), index)
    return np.where(index > top, np.minimum(top + (index - top) / 2, top + 0.5), index)


def _sides(triangles: Ints, inside: Ints, outside: Ints, shape: tuple[int, ...]) -> tuple[Ints, Ints]:
    """Samples on both sides of each triangle, from the first of its corners that lies on a voxel edge."""
    known = inside[:, 0] > -9
    corner = np.argmax(known[triangles], axis=1)
    first = triangles[np.arange(len(triangles)), corner]
    top = np.array(shape) - 1
    return np.clip(inside[first], 0, top), np.clip(outside[first], -1, top + 1)


def _turned_out(surface: Surface) -> Surface:
    """The surface without triangles that have no area, turned so that its volume is positive."""
    kept = surface.areas_mm2(np.ones(3)) > 0
    out = Surface(surface.triangles_px[kept], surface.inside[kept], surface.outside[kept])
    if out.volumes_px3().sum() >= 0:
        return out
    return Surface(out.triangles_px[:, ::-1], out.inside, out.outside)


def voxel_surface(mask: Bools) -> Surface:
    """The faces of the voxels of a (d, h, w) mask, two triangles each."""
    parts = []
    for face in faces(pack(mask)):
        u, v = np.delete(np.eye(3), face.axis, axis=0)
        corner = face.vertex - 0.5
        behind = (face.inside[:, face.axis] == face.vertex[:, face.axis])[:, None, None]
        ring = np.stack([corner, corner + u, corner + u + v, corner + v], axis=1)
        ring = np.where(behind ^ (face.axis == 1), ring[:, ::-1], ring)
        for three in ((0, 1, 2), (0, 2, 3)):
            parts.append((ring[:, three], face.inside, face.outside))
    triangles, inside, outside = (np.concatenate(column) for column in zip(*parts))
    return Surface(triangles, inside, outside)

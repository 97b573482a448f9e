"""From a tumor and a specimen, each on its own grid, to the scene that measures them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from marginkit.geometry.bits import pack
from marginkit.geometry.lattice_scene import LatticeScene
from marginkit.geometry.masks import packed
from marginkit.geometry.run_mask import RunMask
from marginkit.geometry.scene import Floats, Ints, Scene

Boundary = Literal["pixels", "contour"]
Holes = Literal["ignore", "cut"]
SAME_LINE = 1e-9  # of an index unit: two lattice lines nearer than this are one


@dataclass(frozen=True)
class Ground:
    """A region and where it lies: mask, probability or polygon.

    ratio : size of its pixels in index units of the image. origin_px : centre of its first pixel, index units.
    """

    data: Any
    kind: str
    ratio: tuple[float, ...]
    origin_px: tuple[float, ...]
    drawn: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)  # outlines, each found once

    @property
    def ticks(self) -> tuple[Floats, ...]:
        """Its lattice lines in index units of the image."""
        return tuple(
            origin + (np.arange(n + 1) - 0.5) * ratio
            for n, ratio, origin in zip(self.data.shape, self.ratio, self.origin_px)
        )


def scene(
    tumor: Ground,
    specimen: Ground,
    spacing_mm: tuple[float, ...],
    boundary: Boundary,
    holes: Holes,
    link_mm: float,
    level: float = 0.5,
) -> Scene:
    """The scene of a tumor and a specimen.

    level : of a tumor's probability at which its boundary lies.
    """
    if boundary == "pixels" and tumor.kind == specimen.kind == "mask":
        return _lattice(tumor, specimen, spacing_mm, holes, link_mm)
    from marginkit.geometry.subpixel import subpixel_scene

    tumor, specimen = _as_array(tumor), _as_array(specimen)
    return subpixel_scene(tumor, specimen, spacing_mm, boundary, holes, link_mm, level)


def _as_array(ground: Ground) -> Ground:
    """The region with a mask of runs as an array. SizeError E-SIZE-01 for that of a whole slide."""
    return replace(ground, data=np.asarray(ground.data)) if isinstance(ground.data, RunMask) else ground


def _on_image(ground: Ground) -> bool:
    return all(r == 1 for r in ground.ratio) and all(o == 0 for o in ground.origin_px)


def _lattice(
    tumor: Ground, specimen: Ground, spacing_mm: tuple[float, ...], holes: Holes, link_mm: float
) -> LatticeScene:
    if _on_image(tumor) and _on_image(specimen) and tumor.data.shape == specimen.data.shape:
        return LatticeScene(packed(tumor.data), packed(specimen.data), spacing_mm, holes=holes, link_mm=link_mm)
    pixels = [tuple(r * s for r, s in zip(ground.ratio, spacing_mm)) for ground in (tumor, specimen)]
    if _on_one_grid(tumor, specimen):
        both, ticks = (packed(tumor.data), packed(specimen.data)), specimen.ticks
        return LatticeScene(
            *both, spacing_mm, ticks=ticks, pixel_mm=(pixels[0], pixels[1]), holes=holes, link_mm=link_mm
        )
    tumor, specimen = _as_array(tumor), _as_array(specimen)
    ticks = tuple(_merged(a, b) for a, b in zip(tumor.ticks, specimen.ticks))
    masks = pack(_Spread(tumor, ticks)), pack(_Spread(specimen, ticks))
    out = LatticeScene(*masks, spacing_mm, ticks=ticks, pixel_mm=(pixels[0], pixels[1]), holes=holes, link_mm=link_mm)
    out.add_tumor_total(float(np.count_nonzero(tumor.data) * np.prod(pixels[0])))
    return out


def _on_one_grid(tumor: Ground, specimen: Ground) -> bool:
    """Whether both have the same pixels, other than the image's: a coarser level, as it is."""
    same = tumor.data.shape == specimen.data.shape
    return same and tumor.ratio == specimen.ratio and tumor.origin_px == specimen.origin_px


def _merged(tumor: Floats, specimen: Floats) -> Floats:
    """The lines of both, each once, as far as the specimen's image reaches: beyond it nothing was seen."""
    lines = np.sort(np.concatenate([specimen, tumor[(tumor > specimen[0]) & (tumor < specimen[-1])]]))
    distinct: Floats = lines[np.concatenate([[True], np.diff(lines) > SAME_LINE])]
    return distinct


class _Spread:
    """A mask seen on a finer lattice, made row by row when sliced; False where the mask does not reach."""

    def __init__(self, ground: Ground, ticks: tuple[Floats, ...]) -> None:
        self._data = ground.data
        self._index = [_owners(line, own) for line, own in zip(ticks, ground.ticks)]
        self.shape = tuple(len(index) for index in self._index)

    def __getitem__(self, rows: slice) -> Any:
        index = [self._index[0][rows], *self._index[1:]]
        out = np.asarray(self._data)[np.ix_(*[np.maximum(i, 0) for i in index])]
        for axis, i in enumerate(index):
            out[(slice(None),) * axis + (i < 0,)] = False
        return out


def _owners(ticks: Floats, own: Floats) -> Ints:
    """For each cell between ``ticks`` the pixel between ``own`` lines that holds it, -1 where none does."""
    middle = (ticks[:-1] + ticks[1:]) / 2
    index = np.searchsorted(own, middle) - 1
    return np.where((middle < own[0]) | (middle > own[-1]), -1, index).astype(np.int64)

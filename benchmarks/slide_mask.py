"""Makes the label mask of a whole slide, tile by tile: 0 outside, 1 tissue, 2 tumor.

    python benchmarks/slide_mask.py FILE.tif [WIDTH HEIGHT] [--coarse]
    python benchmarks/slide_mask.py FOLDER.zarr [WIDTH HEIGHT]

An irregular piece of tissue with four holes and twelve foci, outlines rough by a pixel and a half; 0.25 µm a pixel,
tiles of 512, deflate. 100,000 x 80,000 pixels take some 11 MB and a minute. The outline is a polygon: only tiles that
it passes are drawn. ``--coarse`` adds levels, each a quarter as wide, as a scanner would.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray

TILE, UM = 512, 0.25
Tile = NDArray[np.uint8]
Outline = NDArray[np.float64]


def outlines(width: int, height: int) -> list[tuple[int, Outline]]:
    """(label, corners (x, y)) in the order in which they are painted."""
    random = np.random.default_rng(2026)
    size = min(width, height)

    def ring(x: float, y: float, radius: float) -> Outline:
        angle = np.linspace(0, 2 * np.pi, max(64, int(radius * size / 2)), endpoint=False)
        wave = 1 + 0.15 * np.sin(3 * angle + 1) + 0.08 * np.sin(7 * angle + 2)
        reach = radius * size * wave + random.normal(0, 1.5, len(angle))
        return np.stack([x * width + reach * np.cos(angle), y * height + reach * np.sin(angle)], axis=1)

    found = [(1, ring(0.5, 0.5, 0.4))]
    turns = np.arange(12) * np.pi / 6
    found += [(0, ring(0.5 + 0.24 * np.cos(t), 0.5 + 0.28 * np.sin(t), 0.012)) for t in turns[::3]]
    found += [
        (2, ring(0.5 + 0.13 * np.cos(t), 0.5 + 0.17 * np.sin(t), 0.033 * (1 + 0.3 * np.sin(5 * t)))) for t in turns
    ]
    return found


class Drawing:
    """The label image, drawn where it is asked for."""

    def __init__(self, width: int, height: int) -> None:
        self.rings = [(label, np.rint(ring).astype(np.int64)) for label, ring in outlines(width, height)]
        self.boxes = [(ring.min(0), ring.max(0)) for _, ring in self.rings]
        self.near = [self._tiles_near(ring) for _, ring in self.rings]

    @staticmethod
    def _tiles_near(ring: NDArray[np.int64]) -> set[tuple[int, int]]:
        """Tiles (row, column) that the outline may pass."""
        step = np.linspace(0, 1, 1 + int(np.abs(np.roll(ring, -1, 0) - ring).max()) // 64 + 1)
        points = (ring[:, None] + (np.roll(ring, -1, 0) - ring)[:, None] * step[:, None]).reshape(-1, 2)
        found = np.unique(np.concatenate([(points + s) // TILE for s in (-66, 66)] + [points // TILE]), axis=0)
        spread = {(int(y) + a, int(x) + b) for x, y in found for a in (-1, 0, 1) for b in (-1, 0, 1)}
        return spread

    def tile(self, row: int, column: int) -> Tile:
        """One tile of 512 pixels; pixels beyond the picture are 0 only where nothing reaches them."""
        corner = np.array([column * TILE, row * TILE])
        out: Tile = np.zeros((TILE, TILE), np.uint8)
        for (label, ring), (low, high), near in zip(self.rings, self.boxes, self.near):
            if (high < corner).any() or (low > corner + TILE).any():
                continue
            if (row, column) in near:
                cv2.fillPoly(out, [(ring - corner).astype(np.int32)], (label,))
            elif cv2.pointPolygonTest(ring.astype(np.int32), tuple(map(float, corner + TILE // 2)), False) > 0:
                out[:] = label
        return out


def tiles(drawing: Drawing, width: int, height: int, step: int = 1) -> Iterator[Tile]:
    """The tiles of a level in order; of a coarser one every ``step``-th pixel."""
    for row in range(-(-height // (TILE * step))):
        for column in range(-(-width // (TILE * step))):
            if step == 1:
                yield drawing.tile(row, column)
                continue
            out = np.zeros((TILE, TILE), np.uint8)
            part = TILE // step
            for a in range(step):
                for b in range(step):
                    fine = drawing.tile(row * step + a, column * step + b)
                    out[a * part : (a + 1) * part, b * part : (b + 1) * part] = fine[::step, ::step]
            yield out


def write_tiff(path: str, width: int, height: int, *, coarse: bool = False, compression: str = "zlib") -> None:
    """A BigTIFF of tiles, with coarser levels where asked."""
    drawing = Drawing(width, height)
    per_cm = 1e4 / UM
    kind = {"dtype": np.uint8, "tile": (TILE, TILE), "photometric": "minisblack", "compression": compression}
    where = {"resolution": (per_cm, per_cm), "resolutionunit": "CENTIMETER", "metadata": None}
    steps = [4, 16, 64] if coarse else []
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        file.write(tiles(drawing, width, height), shape=(height, width), subifds=len(steps), **kind, **where)
        for step in steps:
            size = (-(-height // step), -(-width // step))
            file.write(tiles(drawing, width, height, step), shape=size, subfiletype=1, metadata=None, **kind)


def write_zarr(path: str, width: int, height: int) -> None:
    """An OME-Zarr 0.5 of one level; chunks without tissue are left out."""
    import zarr

    group = zarr.open_group(path, mode="w", zarr_format=3)
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "yx"]
    level = {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [UM, UM]}]}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": [level]}]}
    array = group.create_array(
        "0", shape=(height, width), chunks=(TILE, TILE), dtype=np.uint8, fill_value=0, dimension_names=["y", "x"]
    )
    drawing = Drawing(width, height)
    across = -(-width // TILE)
    for number, tile in enumerate(tiles(drawing, width, height)):
        if tile.any():
            y, x = (n * TILE for n in divmod(number, across))
            array[y : y + TILE, x : x + TILE] = tile[: height - y, : width - x]


def main(words: list[str]) -> None:
    """Write what the name says."""
    path, *sizes = [word for word in words if not word.startswith("--")]
    width, height = map(int, sizes or ("100000", "80000"))
    write: Callable[..., None] = write_zarr if path.endswith(".zarr") else write_tiff
    write(path, width, height, **({"coarse": True} if "--coarse" in words else {}))


if __name__ == "__main__":
    main(sys.argv[1:])

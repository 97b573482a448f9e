"""Tiles a second from a slide in JPEG tiles: marginkit beside its decoder alone, OpenSlide and tifffile with zarr.

    python benchmarks/reading.py [SIDE]

600 aligned tiles of 512 px in random order, then a whole level; one thread and two, in the same run, page cache warm.
Every reader must give the pixels of the decoder alone. OpenSlide's colours may differ by rounding: its decoder is
another one, so it is compared within 3 grey levels.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import openslide
import tifffile
import zarr
from numpy.typing import NDArray
from segmentation import row, table, tile, turns

import marginkit as mk

EDGE, TILES, QUALITY, UM = 512, 600, 85, 0.25
At = tuple[int, int]
Read = Callable[[At], NDArray[np.uint8]]


def slide(path: Path, side: int) -> None:
    """A tiled TIFF of stained blobs, each tile cut from another place of one larger picture."""
    large, random = tile(2048), np.random.default_rng(1)

    def tiles() -> Iterator[NDArray[np.uint8]]:
        for _ in range((-(-side // EDGE)) ** 2):
            y, x = random.integers(0, 2048 - EDGE, 2)
            yield large[y : y + EDGE, x : x + EDGE]

    per_cm = 1e4 / UM
    tifffile.imwrite(
        path, tiles(), shape=(side, side, 3), dtype=np.uint8, tile=(EDGE, EDGE), photometric="rgb",
        compression="jpeg", compressionargs={"level": QUALITY},
        resolution=(per_cm, per_cm), resolutionunit="CENTIMETER",
    )  # fmt: skip


def decoder(path: Path) -> Read:
    """The decoder alone on the bytes of a tile: the floor."""
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        assert isinstance(page, tifffile.TiffPage)
        offsets, counts, tables = page.dataoffsets, page.databytecounts, page.jpegtables
        across = -(-page.imagewidth // EDGE)
    handle = os.open(path, os.O_RDONLY)

    def read(at: At) -> NDArray[np.uint8]:
        index = at[0] // EDGE * across + at[1] // EDGE
        data = os.pread(handle, counts[index], offsets[index])
        return imagecodecs.jpeg8_decode(data, tables=tables, colorspace="YCBCR", outcolorspace="RGB")

    return read


def readers(path: Path) -> dict[str, Read]:
    """How each gives the tile whose upper left corner is at (y, x)."""
    level = mk.open(str(path)).levels[0]
    ours = openslide.OpenSlide(str(path))
    array: Any = zarr.open(tifffile.imread(path, aszarr=True), mode="r")
    return {
        "decoder alone": decoder(path),
        "marginkit": lambda at: level.read((slice(at[0], at[0] + EDGE), slice(at[1], at[1] + EDGE), slice(None))),
        "openslide": lambda at: np.asarray(ours.read_region(at[::-1], 0, (EDGE, EDGE)))[..., :3],
        "tifffile + zarr": lambda at: array[at[0] : at[0] + EDGE, at[1] : at[1] + EDGE],
    }


def main(side: int) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "slide.tif"
        slide(path, side)
        random = np.random.default_rng(2)
        places = [(int(y) * EDGE, int(x) * EDGE) for y, x in random.integers(0, side // EDGE, (TILES, 2))]
        ways = readers(path)
        for at in places[:20]:
            true = ways["decoder alone"](at)
            for name, way in ways.items():
                limit = 3 if name == "openslide" else 0
                assert np.abs(way(at).astype(int) - true).max() <= limit, name

        def all_tiles(way: Read, threads: int) -> None:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(way, places))

        table("tiles of 512 px", "1 thread, MB/s", "2 threads, MB/s", "of the decoder alone, 2 threads")
        runs = [lambda way=way, n=n: all_tiles(way, n) for way in ways.values() for n in (1, 2)]
        spent = turns(*runs)
        megabytes = TILES * EDGE * EDGE * 3 / 1e6
        for number, name in enumerate(ways):
            one, two = spent[2 * number : 2 * number + 2]
            row(name, f"{megabytes / one:.0f}", f"{megabytes / two:.0f}", f"{100 * spent[1] / two:.0f} %")
        print()
        picture = mk.open(str(path))
        whole = turns(
            lambda: all_of(ways["decoder alone"], side), lambda: picture.levels[0].read((slice(None),) * 3), times=1
        )
        print(f"Whole level of {side:,} px: {100 * whole[0] / whole[1]:.0f} % of the decoder alone, both on all cores.")


def all_of(way: Read, side: int) -> NDArray[np.uint8]:
    """A whole level, put together from tiles that threads decode."""
    out = np.empty((side, side, 3), np.uint8)

    def put(at: At) -> None:
        out[at[0] : at[0] + EDGE, at[1] : at[1] + EDGE] = way(at)[: side - at[0], : side - at[1]]

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(put, [(y, x) for y in range(0, side, EDGE) for x in range(0, side, EDGE)]))
    return out


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)

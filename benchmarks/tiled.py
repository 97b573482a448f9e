"""The label mask of a whole slide on disk, from its path to the distance of every point of its edge: whole processes.

    python benchmarks/tiled.py [WIDTH HEIGHT | MASK.tif] [--turns=3]

marginkit reads the mask by tiles and gives the whole result; the peer reads it by strips of tiles (tifffile with zarr),
finds boundary pixels (OpenCV) and asks a k-d tree (SciPy) for the distance at each edge pixel, from centre to centre:
what an expert would put together for a mask that no transform can hold. ``MASK.tif`` is one that slide_mask.py made
before. All take turns, page cache warm. Peak memory and CPU seconds (user and system, all threads) are what the system
says of the process. The peer's least distance must be the upper end of marginkit's interval.

A third way asks for the closest pair alone (``marginkit closest``): once without an index of tiles, which makes it, and
then with it; it must give what the whole result gives. The peer has no way to ask for less.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

UM = 0.25
# memory that a virtual machine took back is dear to get again: so it is kept, which favours the peer
HEAP_KEPT = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 36)}


def ours(path: str) -> dict[str, Any]:
    """The whole result of marginkit, what was decoded, and the seconds inside the process."""
    started = time.perf_counter()
    from marginkit import measure, opening
    from marginkit.readers import _tifftiles
    from marginkit.segmenters.masks import parse_select, region_from_picture

    loaded = time.perf_counter()
    picture = opening.open(path, mask=True)
    source: Any = picture.levels[0].read
    source.kept["runs"], tally = _tifftiles.read(source.path, source.pages[0])
    tumor, specimen = (region_from_picture(picture, parse_select(f"label={label}")) for label in ("2", "1+2"))
    read = time.perf_counter()
    found = measure(tumor, specimen, (UM / 1000, UM / 1000), holes="cut")  # the peer does not tell holes apart
    assert found.interval_mm is not None
    return {
        "width": picture.shape[1],
        "height": picture.shape[0],
        "least_mm": found.interval_mm[1],
        "value_mm": found.value_mm,
        "points": len(found.profile.distance_mm),
        "decoded": tally.decoded,
        "tiles": tally.tiles,
        "loading_s": loaded - started,
        "reading_s": read - loaded,
        "measuring_s": time.perf_counter() - read,
    }


def closest(path: str) -> dict[str, Any]:
    """The closest pair alone: seconds of the call that makes the index, and the middle of those that have it."""
    from marginkit import tiled

    with tempfile.TemporaryDirectory() as folder:
        seconds, worked = [], []
        for _ in range(8):
            started, before = time.perf_counter(), time.process_time()
            found = tiled.closest(
                path, tumor=(2,), specimen=(1, 2), holes="cut", index=Path(folder) / "mask.tiles", confirm=True
            )
            seconds.append(time.perf_counter() - started)
            worked.append(time.process_time() - before)
        kept_bytes = (Path(folder) / "mask.tiles").stat().st_size
    assert found.margin.interval_mm is not None
    return {
        "value_mm": found.margin.value_mm,
        "least_mm": found.margin.interval_mm[1],
        "bound_mm": found.bound_mm,
        "decoded": found.decoded,
        "tiles": found.tiles,
        "index_bytes": kept_bytes,
        "making_s": seconds[0],
        "making_cpu_s": worked[0],
        "call_s": statistics.median(seconds[1:]),
        "call_cpu_s": statistics.median(worked[1:]),
    }


def peer(path: str) -> dict[str, Any]:
    """The least distance by strips, erosion and a k-d tree."""
    import cv2
    import numpy as np
    import tifffile
    import zarr
    from scipy.spatial import cKDTree

    started, before = time.perf_counter(), time.process_time()
    array: Any = zarr.open(tifffile.imread(path, aszarr=True, level=0), mode="r")
    height, rows = array.shape[0], 2048  # four rows of tiles, each decoded once
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    edge, tumor = [], []
    kept, first = array[:0], 0  # the last two rows of the strip before: its last one was not done
    for top in range(0, height, rows):
        strip = np.concatenate([kept, array[top : min(height, top + rows)]])
        done = slice(1 if first else 0, len(strip) if top + rows >= height else len(strip) - 1)
        for wanted, points in ((strip == 0, edge), (strip == 2, tumor)):
            part = wanted.view(np.uint8)
            rim = part & (cv2.erode(part, cross, borderType=cv2.BORDER_REPLICATE) == 0)
            y, x = np.divmod(np.flatnonzero(rim[done]), strip.shape[1])
            points.append(np.stack([y + first + done.start, x], axis=1))
        kept, first = strip[-2:], min(height, top + rows) - 2
    tree = cKDTree(np.concatenate(tumor), balanced_tree=False, compact_nodes=False)
    found, _ = tree.query(np.concatenate(edge), workers=2)
    least_mm = float(found.min()) * UM / 1000
    spent = {"call_s": time.perf_counter() - started, "call_cpu_s": time.process_time() - before}
    return {"least_mm": least_mm, "points": len(found), **spent}


def once(route: str, path: str) -> dict[str, Any]:
    """One whole process: what it found, its seconds and its peak memory."""
    around = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}  # as when installed
    around |= HEAP_KEPT
    words = [sys.executable, __file__, "--route", route, path]
    started = time.perf_counter()
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=around)
    return {**json.loads(done.stdout), "process_s": time.perf_counter() - started}


def _tables(ways: dict[str, list[dict[str, Any]]], size_mb: float) -> None:
    """Print what the ways took."""

    def middle(route: str, key: str) -> float:
        return statistics.median(one[key] for one in ways[route])

    def row(name: str, route: str, keys: tuple[str, str], other: tuple[str, str], *more: str) -> None:
        taken = [middle(route, key) for key in keys]
        ratios = [middle("peer", key) / one for key, one in zip(other, taken)]
        cells = [f"{one:.3g}" for pair in zip(taken, ratios) for one in pair]
        print(f"| {' | '.join([name, *cells, *more])} |")

    def tiles(one: dict[str, Any]) -> str:
        return f"{one['decoded']} of {one['tiles']} ({one['decoded'] / one['tiles']:.2%})"

    mine, pair = ways["ours"][0], ways["closest"][0]
    print(f"{mine['width']:,} x {mine['height']:,} px, {size_mb:.1f} MB, margin {mine['value_mm']!r} mm\n")
    print("| whole process | s | peer ÷ it | CPU s | peer ÷ it | peak MB | points | tiles decoded |")
    print("|---|---|---|---|---|---|---|---|")
    keys = ("process_s", "cpu_s")
    for route, name, decoded in (("ours", "marginkit", tiles(mine)), ("peer", "strips + boundary + k-d tree", "all")):
        row(name, route, keys, keys, f"{middle(route, 'peak_mb'):.0f}", f"{ways[route][0]['points']:,}", decoded)
    inside = [f"{middle('ours', f'{part}_s'):.2f} s {part}" for part in ("loading", "reading", "measuring")]
    print(f"\nOf marginkit's time: {', '.join(inside)}.\n")
    print("| the closest pair, imports done | s | peer ÷ it | CPU s | peer ÷ it | tiles decoded |")
    print("|---|---|---|---|---|---|")
    other = ("call_s", "call_cpu_s")
    row(f"marginkit, index there ({pair['index_bytes']:,} bytes)", "closest", other, other, tiles(pair))
    row("marginkit, index made by the call", "closest", ("making_s", "making_cpu_s"), other, tiles(mine))
    row("strips + boundary + k-d tree", "peer", other, other, "all")
    print(f"\nProof: no pair in the tiles left packed is nearer than {pair['bound_mm']!r} mm.")


def main(words: list[str]) -> None:
    """Print the table, or one route as JSON."""
    if words[:1] == ["--route"]:
        found = {"ours": ours, "closest": closest, "peer": peer}[words[1]](words[2])
        found["cpu_s"] = time.process_time()
        found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return print(json.dumps(found))
    from slide_mask import write_tiff

    turns = next((int(word.partition("=")[2]) for word in words if word.startswith("--turns=")), 3)
    words = [word for word in words if not word.startswith("--")]
    with tempfile.TemporaryDirectory() as folder:
        path = words[0] if len(words) == 1 else str(Path(folder) / "mask.tif")
        if len(words) != 1:
            write_tiff(path, *map(int, words or ("100000", "80000")))
        ways: dict[str, list[dict[str, Any]]] = {"ours": [], "closest": [], "peer": []}
        for _ in range(turns):
            for route, found in ways.items():
                found.append(once(route, path))
        mine, other = ways["ours"][0], ways["peer"][0]
        pair = ways["closest"][0]
        assert (pair["value_mm"], pair["least_mm"]) == (mine["value_mm"], mine["least_mm"]), (pair, mine)
        assert abs(mine["least_mm"] - other["least_mm"]) <= 1e-9 * other["least_mm"], (mine, other)
        _tables(ways, Path(path).stat().st_size / 1e6)
    return None


if __name__ == "__main__":
    main(sys.argv[1:])

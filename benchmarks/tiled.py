"""The label mask of a whole slide on disk, from its path to the distance of every point of its edge: whole processes.

    python benchmarks/tiled.py [WIDTH HEIGHT | MASK.tif] [--turns=3]

marginkit reads the mask by tiles and gives the whole result; the peer reads it by strips of tiles (tifffile with zarr),
finds boundary pixels (OpenCV) and asks a k-d tree (SciPy) for the distance at each edge pixel, from centre to centre:
what an expert would put together for a mask that no transform can hold. ``MASK.tif`` is one that slide_mask.py made
before. Both take turns, page cache warm. Peak
memory is what the system says of the process. The peer's least distance must be the upper end of marginkit's interval.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

UM = 0.25


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


def peer(path: str) -> dict[str, Any]:
    """The least distance by strips, erosion and a k-d tree."""
    import cv2
    import numpy as np
    import tifffile
    import zarr
    from scipy.spatial import cKDTree

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
    return {"least_mm": float(found.min()) * UM / 1000, "points": len(found)}


def once(route: str, path: str) -> dict[str, Any]:
    """One whole process: what it found, its seconds and its peak memory."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, __file__, "--route", route, path], capture_output=True, text=True, check=True
    )
    return {**json.loads(done.stdout), "process_s": time.perf_counter() - started}


def main(words: list[str]) -> None:
    """Print the table, or one route as JSON."""
    if words[:1] == ["--route"]:
        found = {"ours": ours, "peer": peer}[words[1]](words[2])
        found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return print(json.dumps(found))
    from slide_mask import write_tiff

    turns = next((int(word.partition("=")[2]) for word in words if word.startswith("--turns=")), 3)
    words = [word for word in words if not word.startswith("--")]
    with tempfile.TemporaryDirectory() as folder:
        path = words[0] if len(words) == 1 else str(Path(folder) / "mask.tif")
        if len(words) != 1:
            write_tiff(path, *map(int, words or ("100000", "80000")))
        ways: dict[str, list[dict[str, Any]]] = {"ours": [], "peer": []}
        for _ in range(turns):
            for route, found in ways.items():
                found.append(once(route, path))
        mine, other = ways["ours"][0], ways["peer"][0]
        assert abs(mine["least_mm"] - other["least_mm"]) <= 1e-9 * other["least_mm"], (mine, other)
        middle = {route: statistics.median(one["process_s"] for one in found) for route, found in ways.items()}
        inside = [statistics.median(one[f"{part}_s"] for one in ways["ours"]) for part in ("reading", "measuring")]
        size_mb = Path(path).stat().st_size / 1e6
        print(f"{mine['width']:,} x {mine['height']:,} px, {size_mb:.1f} MB, margin {mine['value_mm']!r} mm\n")
        print("| whole process | s | peer ÷ it | peak MB | points | tiles decoded |")
        print("|---|---|---|---|---|---|")
        share = f"{mine['decoded']} of {mine['tiles']} ({mine['decoded'] / mine['tiles']:.1%})"
        for route, name, tiles in (("ours", "marginkit", share), ("peer", "strips + boundary + k-d tree", "all")):
            peak = max(one["peak_mb"] for one in ways[route])
            ratio = middle["peer"] / middle[route]
            points = ways[route][0]["points"]
            print(f"| {name} | {middle[route]:.2f} | {ratio:.1f} | {peak:.0f} | {points:,} | {tiles} |")
        print(f"\nOf marginkit's time {inside[0]:.2f} s read the mask and {inside[1]:.2f} s measured it.")
    return None


if __name__ == "__main__":
    main(sys.argv[1:])

"""The label mask of a whole slide on disk, from its path to the distance of every point of its edge: whole processes.

    python benchmarks/tiled.py [WIDTH HEIGHT | MASK.tif] [--turns=3] [--zarr=FOLDER]

marginkit reads the mask by tiles and gives the whole result; the peer reads it by strips of tiles (tifffile with zarr),
finds boundary pixels (OpenCV) and asks a k-d tree (SciPy) for the distance at each edge pixel, from centre to centre:
what an expert would put together for a mask that no transform can hold. ``MASK.tif`` is one that slide_mask.py made
before. All take turns, page cache warm; marginkit once more with the mask's pages dropped from the cache before (those
of Python and its libraries stay), where the system lets a file's reader ask for that. Peak memory and CPU seconds (user
and system, all threads) are what the system says of the process. The peer's least distance must be the upper end of
marginkit's interval.

A third way asks for the closest pair alone (``marginkit closest``): once without an index of tiles, which makes it, and
then with it; it must give what the whole result gives. The peer has no way to ask for less.

At last ``marginkit measure`` is asked for the same mask once on the command line, as TIFF and as OME-Zarr (with
``--zarr=FOLDER`` one that slide_mask.py made before).
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

    loaded, loaded_cpu = time.perf_counter(), time.process_time()
    picture = opening.open(path, mask=True)
    source: Any = picture.levels[0].read
    source.kept["runs"], tally = _tifftiles.read(source.path, source.pages[0])
    tumor, specimen = (region_from_picture(picture, parse_select(f"label={label}")) for label in ("2", "1+2"))
    read, read_cpu = time.perf_counter(), time.process_time()
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
        "loading_cpu_s": loaded_cpu,
        "reading_cpu_s": read_cpu - loaded_cpu,
        "measuring_cpu_s": time.process_time() - read_cpu,
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


def _around() -> dict[str, str]:
    """The environment of a process: compiled modules are kept, as when installed."""
    return {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"} | HEAP_KEPT


def once(route: str, path: str) -> dict[str, Any]:
    """One whole process: what it found, its seconds and its peak memory."""
    words = [sys.executable, __file__, "--route", route, path]
    started = time.perf_counter()
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=_around())
    return {**json.loads(done.stdout), "process_s": time.perf_counter() - started}


def cold(path: str) -> dict[str, Any] | None:
    """The whole result with the mask's pages dropped from the cache before; None where the system cannot be asked."""
    if not hasattr(os, "posix_fadvise"):
        return None
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)  # pages that are not written yet are not dropped
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(handle)
    return once("ours", path)


def commanded(path: str) -> dict[str, Any]:
    """``marginkit measure`` of a mask on the command line: its margin, seconds and peak memory."""
    words = [sys.executable, "-m", "marginkit", "measure", path, "--tumor", f"{path}#label=2", "--holes", "cut"]
    words += ["--specimen", f"{path}#label=1+2", "--confirm-pixel-size", "--json"]
    with tempfile.TemporaryFile() as told:
        started = time.perf_counter()
        process = subprocess.Popen(words, stdout=told, stderr=subprocess.DEVNULL, env=_around())
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        assert status == 0, status
        told.seek(0)
        found = json.load(told)["margins"][0]
    return {
        "value_mm": found["value_mm"],
        "process_s": seconds,
        "cpu_s": used.ru_utime + used.ru_stime,
        "peak_mb": used.ru_maxrss / 1024,
    }


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
    names = {"ours": "marginkit"}
    if "cold" in ways:
        names["cold"] = f"marginkit, mask read from disk ({middle('cold', 'read_mb'):.0f} MB)"
    for route, name in {**names, "peer": "strips + boundary + k-d tree"}.items():
        decoded = "all" if route == "peer" else tiles(mine)
        row(name, route, keys, keys, f"{middle(route, 'peak_mb'):.0f}", f"{ways[route][0]['points']:,}", decoded)
    parts = ("loading", "reading", "measuring")
    inside = [f"{middle('ours', f'{part}_s'):.2f} ({middle('ours', f'{part}_cpu_s'):.2f}) {part}" for part in parts]
    print(f"\nOf marginkit's seconds (CPU seconds): {', '.join(inside)}.\n")
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
        found["read_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_inblock * 512 / 1e6
        found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return print(json.dumps(found))
    from slide_mask import write_tiff, write_zarr

    options = dict(word.removeprefix("--").partition("=")[::2] for word in words if word.startswith("--"))
    words = [word for word in words if not word.startswith("--")]
    with tempfile.TemporaryDirectory() as folder:
        path = words[0] if len(words) == 1 else str(Path(folder) / "mask.tif")
        size = tuple(map(int, words if len(words) == 2 else ("100000", "80000")))
        if len(words) != 1:
            write_tiff(path, *size)
        ways: dict[str, list[dict[str, Any]]] = {"ours": [], "closest": [], "peer": []}
        for _ in range(int(options.get("turns", "3"))):
            for route, found in ways.items():
                if route != "cold":
                    found.append(once(route, path))
            first = cold(path)
            if first is not None:
                ways = {**ways, "cold": [*ways.get("cold", []), first]}
        mine, other = ways["ours"][0], ways["peer"][0]
        pair = ways["closest"][0]
        assert (pair["value_mm"], pair["least_mm"]) == (mine["value_mm"], mine["least_mm"]), (pair, mine)
        assert abs(mine["least_mm"] - other["least_mm"]) <= 1e-9 * other["least_mm"], (mine, other)
        _tables(ways, Path(path).stat().st_size / 1e6)
        store = options.get("zarr", "")
        if not store:
            store = str(Path(folder) / "mask.zarr")
            write_zarr(store, mine["width"], mine["height"])
        _commands({"TIFF": commanded(path), "OME-Zarr": commanded(store)}, mine["value_mm"])
    return None


def _commands(found: dict[str, dict[str, Any]], value_mm: float) -> None:
    """Print what the command line took."""
    print("\n| `marginkit measure --json`, one run | s | CPU s | peak MB |")
    print("|---|---|---|---|")
    for name, one in found.items():
        assert one["value_mm"] == value_mm, one
        print(f"| {name} | {one['process_s']:.3g} | {one['cpu_s']:.3g} | {one['peak_mb']:.0f} |")


if __name__ == "__main__":
    main(sys.argv[1:])

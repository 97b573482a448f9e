"""Every table of docs/benchmarks.md, one after the other, each peer in the same run; on quiet cores some half an hour.

    python benchmarks                    all of them
    python benchmarks distance tiled     some

Memory that was used once is kept for the next turn, which favours the peers. What the tables hang on is printed first:
processor, load, versions. Needs the development tools (dependency groups dev and viewer), xvfb-run for the viewer.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

HERE = Path(__file__).resolve().parent
KEPT = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "68719476736"}  # of glibc
TABLES = {
    "distance": ["distance.py"],
    "startup": ["startup.py"],
    "contours": ["contours.py"],
    "tiled": ["tiled.py", "--turns=1"],
    "reading": ["reading.py"],
    "batch": ["batch.py", "overhead"],
    "segmentation": ["segmentation.py", "speed"],
    "refine": ["segmentation.py", "refine"],
    "live": ["live.py"],
    "live_viewer": ["live_viewer.py"],
}
FRESH = ("startup", "tiled", "batch", "live_viewer")  # whole processes, as users start them
PACKAGES = ("numpy", "scipy", "opencv-python-headless", "edt", "pykdtree", "simpleitk", "scikit-image", "contourpy")
PACKAGES += ("shapely", "tifffile", "imagecodecs", "zarr", "openslide-python", "dask", "napari", "PySide6-Essentials")


def machine() -> str:
    """Processor, cores, load and versions."""
    names = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores{load}; {', '.join(_versions())}."


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def _versions() -> list[str]:
    found = [f"Python {platform.python_version()}"]
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} absent")
    return found


def run(name: str) -> int:
    """Exit code of one benchmark, in a process of its own."""
    script, *words = TABLES[name]
    command = [sys.executable, str(HERE / script), *words]
    if name == "live_viewer" and not os.environ.get("DISPLAY"):
        if not shutil.which("xvfb-run"):
            print("left out: no display, and no xvfb-run", flush=True)
            return 0
        command = ["xvfb-run", "-a", "-s", "-screen 0 1600x1000x24", *command]
    path = os.pathsep.join(str(HERE.parent / part) for part in (".", "plugins"))
    kept = {} if name in FRESH else KEPT
    return subprocess.call(command, env={**os.environ, "PYTHONPATH": path, **kept})


def main(words: list[str]) -> int:
    """Run all benchmarks, or those that are named."""
    if words[:1] in (["--help"], ["-h"]) or not set(words) <= set(TABLES):
        print(f"{__doc__}\nTables: {', '.join(TABLES)}")
        return 0 if words[:1] in (["--help"], ["-h"]) else 2
    print(machine(), flush=True)
    failed = []
    for name in words or TABLES:
        print(f"\n## {' '.join(['python', f'benchmarks/{TABLES[name][0]}', *TABLES[name][1:]])}\n", flush=True)
        if run(name):
            failed.append(name)
    if failed:
        print(f"\nfailed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

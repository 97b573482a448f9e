"""Time and memory of one measurement against the usual routes, each in the same run.

    python benchmarks/distance.py                 the table of docs/benchmarks.md
    python benchmarks/distance.py 1000 4000       some sizes only

marginkit finds the whole result: the margin, its interval, the closest pair, the profile along the whole edge, edge
classes, pieces, foci. The peers find the distance at each edge pixel and nothing else. They measure from centre to
centre, which is the upper end of marginkit's interval: that both agree there is checked in every row.
Peers and marginkit take turns in one process; the first turn is dropped and the median of the others is taken.
Needs: pip install edt
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scenes import Mask, section, stack

import marginkit as mk

SPACING = {2: (0.00025, 0.00025), 3: (1.5, 0.4, 0.4)}
LARGEST_FOR_SCIPY = 110_000_000  # pixels; beyond it SciPy's transform needs more memory than the machine has


def outside_edge(specimen: Mask) -> Mask:
    """Pixels outside the specimen that share a side with it."""
    from scipy import ndimage

    if specimen.ndim == 3:
        return ndimage.binary_dilation(specimen) & ~specimen
    import cv2

    grown = cv2.dilate(specimen.view(np.uint8), cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)))
    return (grown > 0) & ~specimen


def with_edt(tumor: Mask, specimen: Mask) -> float:
    import edt

    at = outside_edge(specimen)
    return float(edt.edt(~tumor, anisotropy=SPACING[tumor.ndim], parallel=2)[at].min())


def with_scipy(tumor: Mask, specimen: Mask) -> float:
    from scipy import ndimage

    return float(ndimage.distance_transform_edt(~tumor, SPACING[tumor.ndim])[outside_edge(specimen)].min())


def with_tree(tumor: Mask, specimen: Mask) -> float:
    """The expert's route: boundary pixels and a k-d tree."""
    from scipy import ndimage
    from scipy.spatial import cKDTree

    if tumor.ndim == 2:
        import cv2

        core = cv2.erode(tumor.view(np.uint8), cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))) > 0
    else:
        core = ndimage.binary_erosion(tumor)
    spacing = np.array(SPACING[tumor.ndim])
    tree = cKDTree(np.argwhere(tumor & ~core) * spacing, balanced_tree=False, compact_nodes=False)
    return float(tree.query(np.argwhere(outside_edge(specimen)) * spacing, workers=2)[0].min())


def with_marginkit(tumor: Mask, specimen: Mask) -> float:
    got = mk.measure(tumor, specimen, SPACING[tumor.ndim], holes="cut")  # the peers do not tell holes from the outside
    assert got.interval_mm is not None
    return got.interval_mm[1]


def made(name: str) -> tuple[Mask, Mask]:
    return stack() if name == "stack" else section(int(name))


def peak(name: str) -> tuple[float, float]:
    """MB of both masks, and MB that measuring adds to them in a fresh process."""
    lines = subprocess.run(
        [sys.executable, __file__, "--peak", name], capture_output=True, text=True, check=True
    ).stdout.split()
    return float(lines[0]), float(lines[1])


def print_peak(name: str) -> None:
    """Measure once in this process and print MB of the masks and MB above them (Linux)."""
    with_marginkit(*section(64))  # loads what measuring needs
    tumor, specimen = made(name)
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak of making the masks
    before = status_mb("VmRSS")
    with_marginkit(tumor, specimen)
    print((tumor.nbytes + specimen.nbytes) / 2**20, status_mb("VmHWM") - before)


def status_mb(field: str) -> float:
    return float(Path("/proc/self/status").read_text().partition(f"{field}:")[2].split()[0]) / 1024


def timed(route: Callable[[Mask, Mask], float], tumor: Mask, specimen: Mask) -> tuple[float, float]:
    start = time.perf_counter()
    value = route(tumor, specimen)
    return time.perf_counter() - start, value


def row(name: str) -> str:
    """One line of the table."""
    tumor, specimen = made(name)
    routes = {"marginkit": with_marginkit, "tree": with_tree, "edt": with_edt, "scipy": with_scipy}
    if tumor.size > LARGEST_FOR_SCIPY:
        del routes["scipy"]
    turns = 6 if tumor.size <= LARGEST_FOR_SCIPY else 4
    seconds: dict[str, list[float]] = {route: [] for route in routes}
    for turn in range(turns):
        for route, function in routes.items():
            if route == "scipy" and turn > 2:
                continue
            took, value = timed(function, tumor, specimen)
            seconds[route].append(took)
            if route == "marginkit":
                mine = value
            assert abs(value - mine) <= 1e-3 * mine, f"{route}: {value}, marginkit: {mine}"
    median = {route: float(np.median(times[1:])) for route, times in seconds.items()}
    masks, extra = peak(name)
    size = "512 x 512 x 200" if name == "stack" else f"{name} x {name}"
    ratios = [f"{median[r] / median['marginkit']:.1f}" if r in median else "-" for r in ("tree", "edt", "scipy")]
    return f"| {size} | {median['marginkit'] * 1e3:.0f} | {' | '.join(ratios)} | {masks:.0f} | {extra / masks:.0%} |"


def main(words: list[str]) -> None:
    if words[:1] == ["--help"]:
        return print(__doc__)
    if words[:1] == ["--peak"]:
        return print_peak(words[1])
    print(
        "| pixels | marginkit ms | boundary + k-d tree ÷ marginkit | edt ÷ marginkit | SciPy ÷ marginkit "
        "| masks MB | memory above masks |"
    )
    print("|---|---|---|---|---|---|---|")
    for name in words or ["1000", "4000", "10000", "20000", "stack"]:
        print(row(name), flush=True)
    return None


if __name__ == "__main__":
    main(sys.argv[1:])

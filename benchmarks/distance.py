"""Time and memory of exact distances against the usual routes, all in the same run, by turns.

    python benchmarks/distance.py                      every table of docs/benchmarks.md
    python benchmarks/distance.py 2d 1000 4000         sections of these sizes
    python benchmarks/distance.py hostile|3d|memory    the other tables, one at a time
    python benchmarks/distance.py alone 10000          edge turn after turn, without peers between them: caches are warm

Two rows are marginkit's: *edge* answers what the peers answer (each point of the edge and its nearest tumor point),
*measure* the whole result (margin, interval, closest pair, profile, classes, pieces, foci). Both are timed with the
compiled kernel and without it, and their answers are checked to be the same. Peers find the distance at each edge pixel
from centre to centre, which is the upper end of marginkit's interval: that is checked too. The first turn is
dropped; the median of the others counts. What takes longer than three seconds is run twice only.
Needs: pip install edt pykdtree simpleitk
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scenes import HOSTILE, Mask, foci_stack, hostile, section, stack

import marginkit as mk
from marginkit.geometry import bits, compiled, sharing
from marginkit.geometry.lattice import Lattice, regular_ticks

SPACING = {2: (0.00025, 0.00025), 3: (1.5, 0.4, 0.4)}
LARGEST_FOR_SCIPY = 110_000_000  # pixels; beyond it SciPy's transform needs more memory than the machine has
ROUNDED_PX = 1e-3  # of a pixel: what SimpleITK's single precision makes of a distance of one
TURNS = 3
LONG_S = 3.0  # what takes longer is run twice only


def cross(mask: Mask, grown: bool) -> Mask:
    """The mask grown or shrunk by the pixels that share a side."""
    import cv2
    from scipy import ndimage

    if mask.ndim == 3:
        return ndimage.binary_dilation(mask) if grown else ndimage.binary_erosion(mask)
    change = cv2.dilate if grown else cv2.erode
    out: Mask = change(mask.view(np.uint8), cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))).view(bool)
    return out


def outside_edge(specimen: Mask) -> Mask:
    """Pixels outside the specimen that share a side with it."""
    return cross(specimen, True) & ~specimen


def points(mask: Mask) -> Any:
    flat = np.flatnonzero(mask)
    return np.stack(np.unravel_index(flat, mask.shape), axis=1) * np.array(SPACING[mask.ndim])


def with_edt(tumor: Mask, specimen: Mask) -> float:
    import edt

    at = outside_edge(specimen)
    spacing = SPACING[tumor.ndim]
    relative = tuple(s / spacing[-1] for s in spacing)  # in mm its float32 loses digits
    return float(edt.edt(~tumor, anisotropy=relative, parallel=2)[at].min()) * spacing[-1]


def with_scipy(tumor: Mask, specimen: Mask) -> float:
    from scipy import ndimage

    return float(ndimage.distance_transform_edt(~tumor, SPACING[tumor.ndim])[outside_edge(specimen)].min())


def with_sitk(tumor: Mask, specimen: Mask) -> float:
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(tumor.view(np.uint8))
    image.SetSpacing(SPACING[tumor.ndim][::-1])
    away = sitk.SignedMaurerDistanceMap(image, squaredDistance=False, useImageSpacing=True)
    return float(sitk.GetArrayViewFromImage(away)[outside_edge(specimen)].min())


def with_cv2(tumor: Mask, specimen: Mask) -> float:
    import cv2

    away = cv2.distanceTransform((~tumor).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return float(away[outside_edge(specimen)].min()) * SPACING[2][0]


def with_ckdtree(tumor: Mask, specimen: Mask) -> float:
    """The expert's route: boundary pixels and a k-d tree."""
    from scipy.spatial import cKDTree

    tree = cKDTree(points(tumor & ~cross(tumor, False)), balanced_tree=False, compact_nodes=False)
    return float(tree.query(points(outside_edge(specimen)), workers=2)[0].min())


def with_pykdtree(tumor: Mask, specimen: Mask) -> float:
    from pykdtree.kdtree import KDTree

    return float(KDTree(points(tumor & ~cross(tumor, False))).query(points(outside_edge(specimen)))[0].min())


def with_edge(tumor: Mask, specimen: Mask) -> float:
    """Each point of the specimen's edge and its nearest tumor point; the least distance between pixels."""
    lattice = Lattice(regular_ticks(tumor.shape), np.array(SPACING[tumor.ndim]))
    of, ask = (lattice.corner_px(bits.boundary_vertices(bits.pack(mask))) for mask in (tumor, specimen))
    return float(lattice.distance_mm(ask, of, lattice.points(of).nearest(lattice.points(ask))).min())


def with_measure(tumor: Mask, specimen: Mask) -> float:
    got = mk.measure(tumor, specimen, SPACING[tumor.ndim], holes="cut")  # the peers do not tell holes from the outside
    assert got.interval_mm is not None
    return got.interval_mm[1]


PEERS = {
    "cKDTree": with_ckdtree,
    "pykdtree": with_pykdtree,
    "OpenCV precise": with_cv2,
    "edt": with_edt,
    "SimpleITK": with_sitk,
    "SciPy": with_scipy,
}
OWN = {"edge": with_edge, "measure": with_measure}


def made(name: str) -> tuple[Mask, Mask]:
    """The masks of a row."""
    if name in HOSTILE:
        return hostile(name)
    return {"stack": stack, "foci": foci_stack}[name]() if not name.isdigit() else section(int(name))


def timed(route: Callable[[Mask, Mask], float], *masks: Mask) -> tuple[float, float]:
    start = time.perf_counter()
    value = route(*masks)
    return time.perf_counter() - start, value


def rows(name: str) -> str:
    """The lines of one pair of masks: milliseconds of marginkit, and of each peer how many times longer it took."""
    tumor, specimen = made(name)
    peers = {k: v for k, v in PEERS.items() if tumor.size <= LARGEST_FOR_SCIPY or k != "SciPy"}
    if tumor.ndim == 3:
        del peers["OpenCV precise"]
    seconds: dict[str, list[float]] = {}
    values: dict[str, float] = {}
    for turn in range(TURNS):
        for own, route in OWN.items():
            seconds.setdefault(own, []).append((got := timed(route, tumor, specimen))[0])
            values[own] = got[1]
            if turn > 1 and min(seconds[f"{own}, NumPy"]) > LONG_S:
                continue
            with compiled.switched_off():
                seconds.setdefault(f"{own}, NumPy", []).append((other := timed(route, tumor, specimen))[0])
            assert got[1] == other[1], f"{own}: {got[1]} with the kernel, {other[1]} without"
        for peer, route in peers.items():
            if turn > 1 and min(seconds[peer]) > LONG_S:
                continue
            took, value = timed(route, tumor, specimen)
            seconds.setdefault(peer, []).append(took)
            most = max(1e-5 * value, ROUNDED_PX * SPACING[tumor.ndim][-1])
            assert abs(value - values["measure"]) <= most, f"{peer}: {value}, marginkit {values['measure']}"
    median = {route: float(np.median(times[1:])) for route, times in seconds.items()}
    lines = []
    for own in (f"{route}{how}" for route in OWN for how in ("", ", NumPy")):
        ratios = [f"{median[p] / median[own]:.1f}" if p in median else "-" for p in PEERS]
        lines.append(f"| {name} | {own} | {median[own] * 1e3:.0f} | {' | '.join(ratios)} |")
    return "\n".join(lines)


def peak(name: str, route: str) -> tuple[float, float]:
    """MB of both masks, and MB that a route adds to them in a fresh process."""
    command = [sys.executable, __file__, "--peak", name, route]
    plain = {key: word for key, word in os.environ.items() if not key.startswith("MALLOC_")}  # kept memory hides a peak
    lines = subprocess.run(command, capture_output=True, text=True, check=True, env=plain).stdout.split()
    return float(lines[0]), float(lines[1])


def print_peak(name: str, route: str) -> None:
    """Run a route once in this process and print MB of the masks and MB above them (Linux)."""
    function = {**OWN, **PEERS}[route]
    function(*section(64))  # loads what it needs
    tumor, specimen = made(name)
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak of making the masks
    before = status_mb("VmRSS")
    function(tumor, specimen)
    print((tumor.nbytes + specimen.nbytes) / 2**20, status_mb("VmHWM") - before)


def status_mb(field: str) -> float:
    return float(Path("/proc/self/status").read_text().partition(f"{field}:")[2].split()[0]) / 1024


def memory() -> None:
    print("| pixels | masks MB | edge | measure | cKDTree | edt |")
    print("|---|---|---|---|---|---|")
    for name in ("4000", "10000", "20000", "foci"):
        found = [peak(name, route) for route in ("edge", "measure", "cKDTree", "edt")]
        print(f"| {name} | {found[0][0]:.0f} | {' | '.join(f'{extra:.0f}' for _, extra in found)} |", flush=True)


def alone(name: str) -> None:
    """Print the least milliseconds of fifteen turns, on one thread and on all."""
    masks, every = made(name), sharing.threads
    for threads in (1, every):
        sharing.threads = threads
        edge = min(timed(with_edge, *masks)[0] for _ in range(15))
        packing = min(timed(lambda *both: len([bits.pack(mask) for mask in both]), *masks)[0] for _ in range(15))
        print(f"{name}: {1e3 * edge:.0f} ms on {threads} threads, of that packing {1e3 * packing:.0f}", flush=True)


def main(words: list[str]) -> None:
    if words[:1] == ["--help"]:
        return print(__doc__)
    if words[:1] == ["--peak"]:
        return print_peak(*words[1:])
    if words[:1] == ["alone"]:
        for name in words[1:] or ["10000", "20000"]:
            alone(name)
        return None
    tables = {"2d": ["1000", "4000", "10000", "20000"], "hostile": list(HOSTILE), "3d": ["foci", "stack"], "memory": []}
    for table in words[:1] or tables:
        if table == "memory":
            memory()
            continue
        print(f"| {table} | marginkit | ms | {' | '.join(f'{peer} ÷ it' for peer in PEERS)} |")
        print("|---" * (3 + len(PEERS)) + "|")
        for name in words[1:] or tables[table]:
            print(rows(name), flush=True)
    return None


if __name__ == "__main__":
    main(sys.argv[1:])

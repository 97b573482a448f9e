"""Sub-pixel contours against the usual routes, by turns in one process.

    python benchmarks/contours.py                the tables of docs/benchmarks.md
    python benchmarks/contours.py 2000 4000      some sizes only

Two probabilities (smoothed sections, float32). *contours*: the half-level rings of both. *least*: rings and the least
distance between them. *every bit*: rings, then the nearest tumor segment of every segment of the specimen's contour,
with the pair of points. Peers answer the same from the same arrays; contourpy is not asked for pairs.
Every least distance is checked to agree (of vertices alone: to 0.1 px). The last line is the error on 300 analytic
pairs of discs whose coverage is known, the truth being a formula.
Needs: pip install contourpy
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from scenes import section

from marginkit.geometry import rings
from marginkit.geometry.contour import half_contour
from marginkit.geometry.nearest_segments import SegmentSet

Field = NDArray[np.float32]
TURNS = 4


def fields(size: int) -> tuple[Field, Field]:
    """(tumor, specimen) probabilities."""
    import cv2

    soft = [cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.5) for mask in section(size)]
    return np.clip(soft[0], 0, 1), np.clip(soft[1], 0, 1)


def segments(field: Field) -> NDArray[np.float64]:
    return rings.sides(rings.parts_of(half_contour(field))).ends_px


def mine(tumor: Field, specimen: Field) -> float:
    found = SegmentSet(segments(tumor), np.ones(2)).nearest(segments(specimen))
    return float(found.distance_mm.min())


def by_contourpy(field: Field) -> list[NDArray[np.float64]]:
    from contourpy import contour_generator

    return list(contour_generator(z=field).lines(0.5))


def by_scikit_image(field: Field) -> list[NDArray[np.float64]]:
    from skimage.measure import find_contours

    return [ring[:, ::-1] for ring in find_contours(field, 0.5)]


def least(draw: Callable[[Field], list[Any]]) -> Callable[[Field, Field], float]:
    """shapely's distance between two sets of lines."""

    def route(tumor: Field, specimen: Field) -> float:
        both = [shapely.multilinestrings([shapely.linestrings(ring) for ring in draw(f)]) for f in (tumor, specimen)]
        return float(shapely.distance(*both))

    return route


def every_vertex(tumor: Field, specimen: Field) -> float:
    """The nearest tumor segment of every vertex, with an STRtree."""
    lines = by_contourpy(tumor)
    tree = shapely.STRtree(np.concatenate([shapely.linestrings(np.stack([r[:-1], r[1:]], axis=1)) for r in lines]))
    points = shapely.points(np.concatenate(by_contourpy(specimen)))
    _, distance = tree.query_nearest(points, return_distance=True, all_matches=False)
    return float(distance.min())


def row(size: int) -> str:
    tumor, specimen = fields(size)
    routes: dict[str, Callable[[Field, Field], float]] = {
        "mine": mine,
        "contourpy": least(by_contourpy),
        "scikit-image": least(by_scikit_image),
        "STRtree": every_vertex,
    }
    seconds: dict[str, list[float]] = {name: [] for name in routes}
    drawn = []
    for _ in range(TURNS):
        for name, route in routes.items():
            start = time.perf_counter()
            value = route(tumor, specimen)
            seconds[name].append(time.perf_counter() - start)
            if name == "mine":
                truth = value
            slack = 0.1 if name == "STRtree" else 1e-3  # from vertices alone, and in float32 coordinates
            assert abs(value - truth) < slack, f"{name}: {value}, marginkit: {truth}"
        start = time.perf_counter()
        half_contour(tumor), half_contour(specimen)
        drawn.append(time.perf_counter() - start)
    median = {name: float(np.median(times[1:])) for name, times in seconds.items()}
    ratios = " | ".join(f"{median[n] / median['mine']:.1f}" for n in routes if n != "mine")
    return f"| {size} x {size} | {np.median(drawn[1:]) * 1e3:.0f} | {median['mine'] * 1e3:.0f} | {ratios} |"


def accuracy(number: int = 300, size: int = 280, fine: int = 16) -> tuple[float, float, float]:
    """(bias, RMS, greatest) error in pixels of the margin of a disc in a disc, from maps of area coverage."""
    rng = np.random.default_rng(2026)
    steps = (np.arange(fine) + 0.5) / fine - 0.5
    y, x = (axis.ravel() for axis in np.mgrid[:size, :size])

    def coverage(centre: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
        away = np.hypot(y - centre[0], x - centre[1])
        share = (away < radius).astype(np.float64)
        near = np.flatnonzero(np.abs(away - radius) < 1)
        inner = (y[near, None, None] + steps[:, None] - centre[0]) ** 2 + (x[near, None, None] + steps - centre[1]) ** 2
        share[near] = (inner < radius**2).mean(axis=(1, 2))
        return share.reshape(size, size)

    errors = []
    for k in range(number):
        centre, radius, margin = size / 2 + rng.uniform(-0.5, 0.5, 2), rng.uniform(15, 40), rng.uniform(5, 50)
        turn, off = rng.uniform(0, 2 * np.pi), rng.uniform(0, 5) if k % 2 else 10_000.0  # as good as a straight edge
        outer = coverage(centre + off * np.array([np.sin(turn), np.cos(turn)]), radius + margin + off)
        pair = half_contour(coverage(centre, radius)), half_contour(outer)
        errors.append(shapely.distance(pair[0].boundary, pair[1].boundary) - margin)
    return float(np.mean(errors)), float(np.sqrt(np.mean(np.square(errors)))), float(np.abs(errors).max())


def main(words: list[str]) -> None:
    if words[:1] == ["--help"]:
        return print(__doc__)
    print("| pixels | contours ms | every bit ms | contourpy + shapely, least ÷ every bit ", end="")
    print("| scikit-image + shapely, least ÷ every bit | contourpy + STRtree, every vertex ÷ every bit |")
    print("|---|---|---|---|---|---|")
    for size in words or ["1000", "4000", "10000"]:
        print(row(int(size)), flush=True)
    bias, spread, worst = accuracy()
    print(f"\n300 discs in discs: bias {bias:+.3f} px, RMS {spread:.3f} px, greatest {worst:.3f} px")
    return None


if __name__ == "__main__":
    main(sys.argv[1:])

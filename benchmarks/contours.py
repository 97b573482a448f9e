"""Sub-pixel contours against the usual routes, by turns in one process.

    python benchmarks/contours.py                the tables of docs/benchmarks.md
    python benchmarks/contours.py 2000 4000      some sizes only

Two probabilities (smoothed sections, float32). *contours*: the half-level rings of both. *least*: rings and the least
distance between them. *every bit*: rings, then the nearest tumor segment of every segment of the specimen's contour,
with the pair of points. Peers answer the same from the same arrays; contourpy is not asked for pairs.
Every least distance is checked to agree (of vertices alone: to 0.1 px). A peer that takes longer than LONG_S is run
once, the others by turns, and the first turn is dropped. *one read*: NumPy's greatest number of both maps.

The last table is the error on analytic pairs of discs whose coverage is known, the truth being a formula; and how far
from its circle the contour of the smaller disc lies, at most inwards and outwards, on average. A least distance picks
the outward end of the one and the inward end of the other, the more surely the more of the edge is equally far.
Needs: pip install contourpy
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from scenes import section

from marginkit.geometry import rings
from marginkit.geometry.contour import half_contour
from marginkit.geometry.nearest_segments import SegmentSet

Field = NDArray[np.float32]
TURNS = 6
LONG_S = 2.0


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
        "read": lambda *both: float(max(field.max() for field in both)),
        "contours": lambda *both: float(len([half_contour(field) for field in both])),
        "mine": mine,
        "contourpy": least(by_contourpy),
        "scikit-image": least(by_scikit_image),
        "STRtree": every_vertex,
    }
    seconds: dict[str, list[float]] = {name: [] for name in routes}
    truth = mine(tumor, specimen)
    for _ in range(TURNS):
        for name, route in routes.items():
            if seconds[name] and seconds[name][0] > LONG_S:
                continue
            start = time.perf_counter()
            value = route(tumor, specimen)
            seconds[name].append(time.perf_counter() - start)
            slack = 0.1 if name == "STRtree" else 1e-3  # from vertices alone, and in float32 coordinates
            if name not in ("read", "contours"):
                assert abs(value - truth) < slack, f"{name}: {value}, marginkit: {truth}"
    median = {name: float(np.median(times[1:] or times)) for name, times in seconds.items()}
    own = " | ".join(f"{median[name] * 1e3:.1f}" for name in ("read", "contours", "mine"))
    ratios = " | ".join(f"{median[n] / median['mine']:.1f}" for n in ("contourpy", "scikit-image", "STRtree"))
    return f"| {size} x {size} | {own} | {ratios} |"


@dataclass(frozen=True)
class Errors:
    """Of the margins of some discs, and of the contour of each disc from its circle, in pixels."""

    margin: list[float]
    inward: list[float]
    outward: list[float]

    def row(self, name: str) -> str:
        error = np.array(self.margin)
        figures = error.mean(), np.sqrt(np.mean(error**2)), np.abs(error).max()
        reach = np.mean(self.inward), np.mean(self.outward)
        return f"| {name} | " + " | ".join(f"{x:+.3f}" for x in (*figures, *reach)) + " |"


def coverage(centre: NDArray[np.float64], radius: float, fine: int, size: int) -> NDArray[np.float64]:
    """Share of each pixel that a disc covers, from fine x fine points a pixel."""
    y, x = (axis.ravel() for axis in np.mgrid[:size, :size])
    steps = (np.arange(fine) + 0.5) / fine - 0.5
    away = np.hypot(y - centre[0], x - centre[1])
    share = (away < radius).astype(np.float64)
    near = np.flatnonzero(np.abs(away - radius) < 1)
    inner = (y[near, None, None] + steps[:, None] - centre[0]) ** 2 + (x[near, None, None] + steps - centre[1]) ** 2
    share[near] = (inner < radius**2).mean(axis=(1, 2))
    return share.reshape(size, size)


def accuracy(number: int, straight: bool, fine: int = 16, size: int = 280) -> Errors:
    """Discs before a straight edge, or in a disc whose middle is up to 5 pixels from theirs."""
    rng = np.random.default_rng(2026)
    out = Errors([], [], [])
    for _ in range(number):
        centre, radius, margin = size / 2 + rng.uniform(-0.5, 0.5, 2), rng.uniform(15, 40), rng.uniform(5, 50)
        turn, off = rng.uniform(0, 2 * np.pi), 10_000.0 if straight else rng.uniform(0, 5)  # as good as straight
        beside = centre + off * np.array([np.sin(turn), np.cos(turn)])
        inner, outer = (
            half_contour(coverage(*disc, fine, size)) for disc in ((centre, radius), (beside, radius + margin + off))
        )
        out.margin.append(shapely.distance(inner.boundary, outer.boundary) - margin)
        away = np.hypot(*(shapely.get_coordinates(inner) - 0.5 - centre[::-1]).T) - radius
        out.inward.append(away.min())
        out.outward.append(away.max())
    return out


def main(words: list[str]) -> None:
    if words[:1] == ["--help"]:
        return print(__doc__)
    print("| pixels | one read ms | contours ms | every bit ms | contourpy + shapely, least ÷ every bit ", end="")
    print("| scikit-image + shapely, least ÷ every bit | contourpy + STRtree, every vertex ÷ every bit |")
    print("|---|---|---|---|---|---|---|")
    for size in words or ["1000", "4000", "10000"]:
        print(row(int(size)), flush=True)
    print("\n| 150 discs | points a pixel | bias px | RMS px | greatest px | contour of one: inward px | outward px |")
    print("|---|---|---|---|---|---|---|")
    for fine in (16, 64):
        for name, straight in (("before a straight edge", True), ("in a disc", False)):
            print(accuracy(150, straight, fine).row(f"{name} | {fine} x {fine}"), flush=True)
    return None


if __name__ == "__main__":
    main(sys.argv[1:])

"""How often the interval of a signal-to-edge distance holds the truth, and how well signal is found on real fields.

    python benchmarks/fluorescence.py                        drawn specimens of known blur, background, saturation
    python benchmarks/fluorescence.py figures REAL_DATA_FOLDER    Dice on tissue maps made by others

Drawn: an ellipse of tissue with one or two round tumors, blurred by a Gaussian, with shot and read noise, digitised and
cut at the camera's full well. The truth is the distance between the shapes, worked out from their formulas.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from shapely.geometry import Polygon

import marginkit as mk
from marginkit import lights
from marginkit.records import Level, Picture
from marginkit.segmenters import fluorescence

SIDE, MM = 72, 0.05
SEEDS = 200
FULL = 4095
FINE = 3  # each pixel is the mean of so many squared samples


@dataclass(frozen=True)
class Drawn:
    """counts as a camera sees them; tissue as pixels and as an outline; truth_mm from the formulas."""

    counts: NDArray[np.uint16]
    tissue: NDArray[np.bool_]
    outline: Polygon
    truth_mm: float
    saturated: bool


def grid(fine: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """y, x of samples in index units, where integers are the middles of pixels."""
    at = (np.arange(SIDE * fine) + 0.5) / fine - 0.5
    return np.meshgrid(at, at, indexing="ij")


def ellipse(middle: NDArray[Any], half: NDArray[Any], turn: float, count: int) -> NDArray[np.float64]:
    """Points (y, x) of an ellipse."""
    t = np.linspace(0, 2 * np.pi, count, endpoint=False)
    own = np.stack([half[0] * np.sin(t), half[1] * np.cos(t)], 1)
    turned = own @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return np.asarray(turned + middle)


def inside(y: NDArray[Any], x: NDArray[Any], middle: NDArray[Any], half: NDArray[Any], turn: float) -> NDArray[Any]:
    dy, dx = y - middle[0], x - middle[1]
    own_y = dy * np.cos(turn) - dx * np.sin(turn)
    own_x = dy * np.sin(turn) + dx * np.cos(turn)
    return (own_y / half[0]) ** 2 + (own_x / half[1]) ** 2 <= 1


def draw(seed: int) -> Drawn:
    """A specimen whose every number is known: blur 0.5 to 3 pixels, TBR 2 to 10, up to twice the full well."""
    import cv2

    random = np.random.default_rng(seed)
    blur_px = random.uniform(0.5, 3)
    off, glow = random.uniform(50, 200), random.uniform(150, 400)
    middle, half = np.array([SIDE / 2] * 2) + random.uniform(-2, 2, 2), random.uniform(0.35, 0.44, 2) * SIDE
    turn = random.uniform(0, np.pi)
    rim = ellipse(middle, half, turn, 4000)
    peak = glow * random.uniform(2, 10)
    saturated = bool(random.random() < 0.3)
    peak = random.uniform(1.05, 2.0) * FULL if saturated else min(peak, 0.85 * FULL)
    y, x = grid(FINE)
    seen = np.where(inside(y, x, middle, half, turn), off + glow, off)
    nearest = []
    for i in range(int(random.integers(1, 3))):
        radius = random.uniform(max(4.0, 2.5 * blur_px), 9)
        at = middle + random.uniform(-0.15, 0.15, 2) * SIDE + 6 * i
        gap = np.hypot(*(rim - at).T).min() - radius
        if gap < 1 and i:
            continue
        radius = radius if gap >= 1 else max(3.0, radius + gap - 1)
        nearest.append(np.hypot(*(rim - at).T).min() - radius)
        seen = np.where(np.hypot(y - at[0], x - at[1]) <= radius, np.maximum(seen, off + peak), seen)
    soft = cv2.GaussianBlur(seen, (0, 0), blur_px * FINE)
    pixels = soft.reshape(SIDE, FINE, SIDE, FINE).mean(axis=(1, 3))
    noisy = random.poisson(pixels * 4) / 4 + random.normal(0, 5, pixels.shape)
    counts = np.clip(noisy.round(), 0, FULL).astype(np.uint16)
    rows, columns = grid(1)
    tissue = inside(rows, columns, middle, half, turn)
    outline = Polygon(ellipse(middle, half, turn, 400)[:, ::-1] + 0.5)
    return Drawn(counts, tissue, outline, float(min(nearest)) * MM, saturated)


def picture(counts: NDArray[Any]) -> Picture:
    """Counts as an opened picture."""
    level = Level(counts.shape, (1.0, 1.0), lambda at: counts[at])
    return Picture("drawn", "drawn", "YX", counts.shape, counts.dtype, (level,), "microscopy")


def measured(drawn: Drawn, threshold: str, specimen: Any) -> mk.records.Margins:
    """The signal-to-edge distance, as ``marginkit measure`` finds it."""
    around = lights.Around(spacing_mm=(MM, MM), specimen=drawn.tissue)
    options = fluorescence.Options(threshold=threshold, peaks=0)  # type: ignore[arg-type]
    lit = fluorescence.light(picture(drawn.counts), options, around)
    return mk.measure(lit.region, specimen, (MM, MM), region="signal")


def covered(threshold: str, outline: bool, seeds: int = SEEDS) -> tuple[float, int, float, float]:
    """(share of seeds whose interval holds the truth, refused, median |value - truth| mm, median width in mm).

    A seed that is refused (the threshold leaves no background) is none whose interval holds the truth.
    """
    held, off, wide, refused = [], [], [], 0
    for seed in range(seeds):
        drawn = draw(seed)
        try:
            found = measured(drawn, threshold, drawn.outline if outline else drawn.tissue)
        except mk.MarginError:
            refused += 1
            held.append(False)
            continue
        assert found.interval_mm is not None
        assert found.value_mm is not None
        low, high = found.interval_mm
        held.append(low <= drawn.truth_mm <= high)
        off.append(abs(found.value_mm - drawn.truth_mm))
        wide.append(high - low)
    return float(np.mean(held)), refused, float(np.median(off)), float(np.median(wide))


def table(title: str, *rows: tuple[object, ...]) -> None:
    print()
    for words in (title.split("|"), ["---"] * (title.count("|") + 1), *rows):
        print("| " + " | ".join(str(word).strip() for word in words) + " |", flush=True)


def coverage() -> None:
    """The share of drawn specimens whose interval holds the truth."""
    rows = []
    for threshold in ("half", "otsu", "hysteresis", "ratio"):
        for outline in (True, False):
            share, refused, off, wide = covered(threshold, outline)
            specimen = "outline" if outline else "mask"
            rows.append((threshold, specimen, f"{100 * share:.1f} %", refused, f"{off:.3f}", f"{wide:.3f}"))
    print(f"{SEEDS} drawn specimens of {SIDE} x {SIDE} pixels, {MM} mm a pixel")
    table("threshold | specimen | truth in interval | refused | median error mm | median width mm", *rows)


FIELDS = ("11472_51360", "15206_60541")
WAYS = ("otsu", "li", "triangle")
SMOOTH_PX = 16.0  # a nest of tumor cells, not a cell: chosen on the first field


def maps(folder: Path) -> None:
    """Dice of the cytokeratin signal (cyan of the composite) on the tumor of a trained tissue classifier's map."""
    import tifffile

    rows = []
    for field in FIELDS:
        start = str(folder / "fluor-lung-tissue-maps" / f"Set4_1-6plex_{field}_")
        truth = tifffile.imread(f"{start}binary_seg_maps.tif")[0] == 0
        opened = mk.open(f"{start}composite_image.jpg")
        own = []
        for way in WAYS:
            options = {"threshold": way, "edges": True, "channel": "cyan", "smooth_px": SMOOTH_PX}
            found = np.asarray(mk.segment(opened, "fluorescence", **options).data)
            own.append(f"{2 * (found & truth).sum() / (found.sum() + truth.sum()):.3f}")
        rows.append((field, *own))
    table(f"field | {' | '.join(f'Dice, {way}' for way in WAYS)}", *rows)


if __name__ == "__main__":
    if sys.argv[1:2] == ["figures"]:
        maps(Path(sys.argv[2]))
    else:
        coverage()

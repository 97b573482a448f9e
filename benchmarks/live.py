"""How long a brush stroke takes until its margin is known, beside a full measurement of the same masks.

PYTHONPATH=. python benchmarks/live.py [SIDE ...]
"""

import sys
import time

import numpy as np

import marginkit
from marginkit.live import Live

SPACING_MM = (0.01, 0.01)
STROKES, BRUSH_PX = 40, 60


def scene(side: int) -> tuple[np.ndarray, np.ndarray]:
    """(tumor, specimen): a round tumor off the middle of a wavy specimen."""
    y, x = np.ogrid[:side, :side]
    middle = side / 2
    angle = np.arctan2(y - middle, x - middle)
    specimen = np.hypot(y - middle, x - middle) < side * (0.42 + 0.02 * np.cos(40 * angle))
    return np.hypot(y - middle, x - 1.2 * middle) < 0.2 * side, specimen


def main(side: int) -> None:
    """One size: the strokes walk along the outline of the tumor, and every one is compared with the whole."""
    tumor, specimen = scene(side)
    names = np.indices((2, 2)).sum(0).repeat(side // 2, 0).repeat(side // 2, 1) + 1
    begun = time.perf_counter()
    live = Live(tumor, specimen, SPACING_MM, names=names)
    ready_s = time.perf_counter() - begun
    spent, full = [], []
    for turn in np.linspace(0, 2 * np.pi, STROKES, endpoint=False):
        row = int(side / 2 + 0.2 * side * np.sin(turn))
        column = int(0.6 * side + 0.2 * side * np.cos(turn))
        rows = slice(row - BRUSH_PX, row + BRUSH_PX)
        tumor[rows, column - BRUSH_PX : column + BRUSH_PX] = True
        begun = time.perf_counter()
        live.paint(rows.start, tumor[rows])
        found = live.margins()
        spent.append(time.perf_counter() - begun)
        if len(full) < 3:
            begun = time.perf_counter()
            result = marginkit.measure(tumor, specimen, SPACING_MM, names=names)
            full.append(time.perf_counter() - begun)
            whole = {margin.name: margin.value_mm for margin in result.margins}
            assert whole == {name: near and near.value_mm for name, near in found.items()}
    median, worst = 1000 * np.median(spent), 1000 * max(spent)
    told = f"stroke {median:6.1f} ms (worst {worst:.1f})   measure {1000 * min(full):7.1f} ms   ready {ready_s:.2f} s"
    print(f"{side:6d}²  {told}")


if __name__ == "__main__":
    for word in sys.argv[1:] or ("4000", "10000"):
        main(int(word))

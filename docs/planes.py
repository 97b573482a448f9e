"""What planes miss, thrown a thousand times: prints the table of docs/sampling.md. python docs/planes.py

A flat resection edge; below it a tumor made of balls, so that its distance in a plane and in space is exact:
a ball of radius r whose centre lies c below the edge has the margin c − r, and c − √(r² − d²) in a plane d beside it.
"""

import numpy as np
from numpy.typing import NDArray

GAPS_MM = (0.5, 2.0, 5.0, 10.0)
TIMES = 1000
SEEN_CLEAR_MM = 1.0


def tumor(draw: np.random.Generator, buds: int) -> NDArray[np.float64]:
    """(n, 3) position along the planes' normal, depth of the centre, radius, mm.

    A ball of 15 mm with buds of 0.5 to 2 mm on it, the whole 0.2 to 4 mm below the edge.
    """
    radius = draw.uniform(0.5, 2.0, buds)
    angle = draw.uniform(-0.5, 0.5, buds)
    balls = np.array([(0.0, 0.0, 15.0), *((15 * np.sin(a), -15 * np.cos(a), r) for a, r in zip(angle, radius))])
    balls[:, 1] += draw.uniform(0.2, 4.0) - (balls[:, 1] - balls[:, 2]).min()
    return balls


def least_mm(balls: NDArray[np.float64], planes_mm: NDArray[np.float64]) -> float:
    """Least distance to the edge in planes at these positions; infinite where none meets the tumor."""
    beside = planes_mm[:, None] - balls[:, 0]
    square = balls[:, 2] ** 2 - beside**2
    return float(np.where(square >= 0, balls[:, 1] - np.sqrt(np.maximum(square, 0)), np.inf).min())


def row(gap_mm: float, buds: int, draw: np.random.Generator) -> str:
    """A line of the table: how much too large the margin looks, and how often tumor within 1 mm looks farther."""
    excess, close, hidden = [], 0, 0
    for _ in range(TIMES):
        balls = tumor(draw, buds)
        true_mm = float((balls[:, 1] - balls[:, 2]).min())
        seen_mm = least_mm(balls, np.arange(-40, 40, gap_mm) + draw.uniform(0, gap_mm))
        excess.append(seen_mm - true_mm)
        close += true_mm < SEEN_CLEAR_MM
        hidden += true_mm < SEEN_CLEAR_MM <= seen_mm
    middle, most = np.quantile(excess, (0.5, 0.95))
    shape = f"{buds} buds" if buds else "smooth"
    return f"| {gap_mm:g} mm | {shape} | {middle:.2f} | {most:.2f} | {hidden} of {close} |"


def table() -> str:
    """The table, as Markdown."""
    draw = np.random.default_rng(2026)
    head = "| planes apart | tumor | too large by, mm (median) | 95 %, mm | under 1 mm, seen as 1 mm or more |"
    return "\n".join([head, "|---|---|---|---|---|", *(row(gap, buds, draw) for buds in (0, 5) for gap in GAPS_MM)])


if __name__ == "__main__":
    print(table())

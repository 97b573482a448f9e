"""Where ticks may stand: lines that many parallel short edges cross side by side.

The surprising thing: the line must not be fitted to the ticks' middles. Long ticks stick out, and drag it along; the
line wanted is the one that the most ticks cross.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from marginkit.records import Floats

from ._segments import Segments

FEWEST = 16  # flanks in a row
SAMPLES = 700
SKEW = 0.26  # sine of the most that ticks may lean on their row
SPREAD_DEG = 2.5


@dataclass(frozen=True)
class Line:
    """A line that ticks may cross.

    origin, along, across : (2,) (y, x) px; unit vectors along the row and along the ticks.
    at_px : (n,) where edges cross it, sorted. flank : (n,) bool, which of the two flanks. reach_px : their half length.
    """

    origin: Floats
    along: Floats
    across: Floats
    at_px: Floats
    flank: Floats
    reach_px: float


def find(segments: Segments, shape: tuple[int, int], most: int = 12) -> list[Line]:
    """The lines crossed by the most parallel edges, in order; each edge belongs to the first line that it crosses."""
    draw = np.random.default_rng(0)
    lines: list[Line] = []
    for subset in _subsets(segments, shape):
        left = subset
        for _ in range(3):
            line = _best(segments[left], draw)
            if line is None:
                break
            lines.append(line[0])
            left = left[~line[1]]
    lines.sort(key=lambda one: -len(one.at_px))
    return _distinct(lines)[:most]


def _subsets(segments: Segments, shape: tuple[int, int]) -> Iterator[np.ndarray]:
    """Indices of parallel edges: of the whole picture, then of windows half its size."""
    turn = np.degrees(np.arctan2(segments.direction[:, 0], segments.direction[:, 1])) % 180
    for window in _windows(segments.middle, shape):
        for angle in _peaks(turn[window]):
            away = np.abs((turn[window] - angle + 90) % 180 - 90)
            chosen = window[away <= SPREAD_DEG]
            if len(chosen) >= FEWEST:
                yield chosen


def _windows(middle: Floats, shape: tuple[int, int]) -> Iterator[np.ndarray]:
    yield np.arange(len(middle))
    half_y, half_x = shape[0] / 2, shape[1] / 2
    for top in (0.0, 0.25, 0.5):
        for left in (0.0, 0.25, 0.5):
            place = middle - np.array([top * shape[0], left * shape[1]])
            yield np.flatnonzero((place >= 0).all(axis=1) & (place[:, 0] <= half_y) & (place[:, 1] <= half_x))


def _peaks(turn_deg: Floats, most: int = 4) -> list[float]:
    """The commonest directions."""
    counts = np.bincount(turn_deg.astype(int) % 180, minlength=180).astype(float)
    smooth = np.stack([np.roll(counts, shift) for shift in (-2, -1, 0, 1, 2)]).sum(axis=0)
    found: list[float] = []
    for _ in range(most):
        top = int(np.argmax(smooth))
        if smooth[top] < FEWEST:
            break
        near = np.abs((turn_deg - top - 0.5 + 90) % 180 - 90) <= 2.5
        around = (turn_deg[near] - top - 0.5 + 90) % 180 - 90
        found.append(top + 0.5 + float(np.median(around)))
        smooth[(np.arange(-4, 5) + top) % 180] = 0
    return found


def _best(segments: Segments, draw: np.random.Generator) -> tuple[Line, np.ndarray] | None:
    """(line, which edges cross it) of the line that the most edges cross; None where too few do."""
    if len(segments) < FEWEST:
        return None
    sign = np.where(segments.direction @ segments.direction[0] < 0, -1.0, 1.0)
    across = (segments.direction * sign[:, None]).mean(axis=0)
    across /= np.linalg.norm(across)
    normal = np.array([-across[1], across[0]])
    u, v = segments.middle @ normal, segments.middle @ across
    reach = segments.length_px / 2
    first, second = draw.integers(0, len(u), (2, SAMPLES * 4))
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = (v[second] - v[first]) / (u[second] - u[first])
    fine = np.isfinite(slope) & (np.abs(slope) <= SKEW)
    slope, first = slope[fine][:SAMPLES], first[fine][:SAMPLES]
    if not len(slope):
        return None
    level = v[first] - slope * u[first]
    counts = _crossed(u, v, reach, slope, level)
    top = int(np.argmax(counts))
    slope_1, level_1 = _tuned(u, v, reach, float(slope[top]), float(level[top]))
    hit = np.abs(v - slope_1 * u - level_1) <= reach
    if hit.sum() < FEWEST:
        return None
    along = normal + slope_1 * across
    stretch = float(np.linalg.norm(along))
    order = np.argsort(u[hit], kind="stable")
    flank = sign[hit][order] > 0
    origin = across * level_1
    return Line(origin, along / stretch, across, u[hit][order] * stretch, flank, float(np.median(reach[hit]))), hit


def _crossed(u: Floats, v: Floats, reach: Floats, slope: Floats, level: Floats) -> Floats:
    """How many edges each line crosses."""
    counts = np.zeros(len(slope))
    for start in range(0, len(slope), 64):
        part = slice(start, start + 64)
        off = np.abs(v - slope[part, None] * u - level[part, None])
        counts[part] = (off <= reach).sum(axis=1)
    return counts


def _tuned(u: Floats, v: Floats, reach: Floats, slope: float, level: float) -> tuple[float, float]:
    """The line turned and shifted a little so that more edges cross it, in the middle of all that do as well."""
    centre = float(np.median(u[np.abs(v - slope * u - level) <= reach]))
    level += slope * centre
    step = float(np.median(reach))
    span = max(float(np.ptp(u)), 1.0)
    for shrink in (1.0, 0.3):
        turns = slope + np.linspace(-4, 4, 17) * shrink * step / span
        shifts = level + np.linspace(-1.5, 1.5, 13) * shrink * step
        grid_s, grid_l = (g.ravel() for g in np.meshgrid(turns, shifts))
        counts = _crossed(u - centre, v, reach, grid_s, grid_l)
        best = counts >= counts.max() * 0.995
        slope, level = float(grid_s[best].mean()), float(grid_l[best].mean())
    return slope, level - slope * centre


def _distinct(lines: list[Line]) -> list[Line]:
    """Lines without those that repeat an earlier one."""
    kept: list[Line] = []
    for line in lines:
        middle = line.origin + line.along * np.median(line.at_px)
        for other in kept:
            away = middle - other.origin
            parallel = abs(float(line.along @ other.along)) > 0.995
            off = away - (away @ other.along) * other.along
            inside = other.at_px[0] <= away @ other.along <= other.at_px[-1]
            if parallel and inside and np.linalg.norm(off) <= 0.5 * (line.reach_px + other.reach_px):
                break
        else:
            kept.append(line)
    return kept

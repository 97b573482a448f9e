"""A row of ticks along a line: where each stands, how far apart they are, how well they keep step.

The surprising thing: the level at which a row is cut decides what is seen. Near the base every tick is there, farther
out only the long ones. So the row is cut at many levels, and the one with the most ticks in step is taken.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from marginkit.records import Floats

from ._rows import Line

FEWEST = 12  # ticks in step
MOST_OFF = 0.12  # rms distance of ticks from their places, in periods
MOST_DRIFT = 0.25
AHEAD = 12  # places beyond the end of a run that are looked at
SHORTEST_PX = 60  # of a row on the searched picture
MISSED = 3  # ticks that may be missing in one place, less one
CLOSEST_PX = 4.0  # ticks nearer than this on the searched picture cannot be told apart


@dataclass(frozen=True)
class Strip:
    """The picture along a line: ``dark[v, u]`` at ``origin + u_px[u] * along + v_px[v] * across``; ticks are high."""

    line: Line
    u_px: Floats
    v_px: Floats
    dark: NDArray[np.float32]


@dataclass(frozen=True)
class Ticks:
    """A row of ticks in step.

    strip : ticks are bright in it. level_px : v at which all are seen. number : (n,) place of each in the row, from
    0; some may be missing. at_px : (n,) u of each. fit : coefficients of u by number, highest power first.
    off_px : rms distance from their places. step_sd : standard error of the mean step, relative to it. light : whether
    the ticks are lighter than their ground.
    """

    strip: Strip
    level_px: float
    number: NDArray[np.int64]
    at_px: Floats
    fit: Floats
    off_px: float
    step_sd: float
    light: bool

    @property
    def last(self) -> int:
        """Number of the last tick."""
        return int(self.number[-1])

    @property
    def step_px(self) -> float:
        """Mean distance of neighbouring ticks."""
        return float(np.polyval(self.fit, self.last) - np.polyval(self.fit, 0)) / self.last

    @property
    def drift(self) -> float:
        """By how much of itself the step changes from the first tick to the last."""
        slope = np.polyder(self.fit)
        return float(np.polyval(slope, self.last) - np.polyval(slope, 0)) / self.step_px

    def places_px(self) -> Floats:
        """u of every tick of the row, seen or not."""
        return np.asarray(np.polyval(self.fit, np.arange(self.last + 1)), np.float64)

    def point(self, u_px: float, v_px: float) -> Floats:
        """(y, x) on the searched picture."""
        line = self.strip.line
        return line.origin + u_px * line.along + v_px * line.across


def strip(grey: NDArray[np.float32], line: Line, first_px: float, last_px: float, reach_px: float) -> Strip:
    """The picture straightened along a line, dark is high; beyond the picture its border goes on."""
    import cv2

    u, v = np.arange(first_px, last_px + 1), np.arange(-reach_px, reach_px + 1)
    points = line.origin + u[None, :, None] * line.along + v[:, None, None] * line.across
    seen = cv2.remap(
        grey,
        points[..., 1].astype(np.float32),
        points[..., 0].astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return Strip(line, u, v, 255 - np.asarray(seen, np.float32))


def find(grey: NDArray[np.float32], line: Line) -> list[Ticks]:
    """The ticks that cross a line, read as dark and as light: gaps between ticks are as regular as ticks."""
    span = line.at_px[-1] - line.at_px[0]
    first, last = _clipped(grey.shape, line, line.at_px[0] - 0.3 * span - 20, line.at_px[-1] + 0.3 * span + 20)
    if last - first < SHORTEST_PX:
        return []
    seen = strip(grey, line, first, last, float(np.clip(2.5 * line.reach_px, 6, 120)))
    best = []
    for light in (False, True):
        turned = replace(seen, dark=255 - seen.dark) if light else seen
        tried = [_in_step(turned, level, profile, light) for level, profile in _profiles(turned, line.reach_px)]
        fine = [ticks for ticks in tried if ticks is not None]
        if fine:
            best.append(max(fine, key=_worth))
    return best


def _worth(ticks: Ticks) -> float:
    """How many ticks keep step; a row that runs on into noise has more of them, which keep it badly."""
    return len(ticks.number) * (1 - 4 * ticks.off_px / ticks.step_px)


def _clipped(shape: tuple[int, ...], line: Line, first: float, last: float) -> tuple[float, float]:
    """The part of the line that lies in the picture."""
    for axis in (0, 1):
        slope = float(line.along[axis])
        if abs(slope) > 1e-9:
            ends = sorted((edge - line.origin[axis]) / slope for edge in (0.0, shape[axis] - 1.0))
            first, last = max(first, float(ends[0])), min(last, float(ends[1]))
    return first, last


def _profiles(seen: Strip, reach_px: float) -> list[tuple[float, Floats]]:
    """(level, darkness along it, evened out) at many levels."""
    from scipy import ndimage

    half = max(1, round(0.12 * reach_px))
    smooth = ndimage.uniform_filter1d(seen.dark, 2 * half + 1, axis=0, mode="nearest")
    rows = range(half, len(seen.v_px) - half, half)
    return [(float(seen.v_px[r]), smooth[r].astype(np.float64)) for r in rows]


def _in_step(seen: Strip, level_px: float, profile: Floats, light: bool) -> Ticks | None:
    """The longest run of peaks in step along one level."""
    peaks, height = _peaks(profile)
    if len(peaks) < FEWEST:
        return None
    usual = float(np.percentile(height, 70))
    clear = peaks[height >= 0.3 * usual]
    if len(clear) < FEWEST:
        return None
    step = _common_gap(clear)
    if step < CLOSEST_PX:
        return None
    chain = _chain(clear, step)
    if len(chain) < FEWEST:
        return None
    at, number = clear[chain], np.zeros(len(chain), np.int64)
    number[1:] = np.cumsum(np.maximum(1, np.round(np.diff(at) / step)))
    number, at = _grown(number, at, peaks[height >= 0.15 * usual])
    return fitted(seen, level_px, number, at, light)


def _peaks(profile: Floats) -> tuple[Floats, Floats]:
    """(places of peaks to a fraction of a pixel, how far each stands out)."""
    from scipy import ndimage, signal

    even = ndimage.gaussian_filter1d(profile, 0.7)
    found, how = signal.find_peaks(even, prominence=2.0)
    before, here, after = even[found - 1], even[found], even[found + 1]
    bend = before - 2 * here + after
    shift = np.clip(np.where(bend < 0, (before - after) / (2 * np.minimum(bend, -1e-9)), 0.0), -0.5, 0.5)
    return np.asarray(found + shift, np.float64), np.asarray(how["prominences"], np.float64)


def _grown(number: NDArray[np.int64], at: Floats, peaks: Floats) -> tuple[NDArray[np.int64], Floats]:
    """The chain carried on beyond both ends, over places where ticks are hidden, as long as it stays in step."""
    for _ in range(2):  # at the end, then turned round at the beginning
        while True:
            last = slice(-20, None)
            slope, base = np.polyfit(number[last], at[last], 1)
            ahead = number[-1] + np.arange(1, AHEAD + 1)
            nearest = _nearest(peaks, slope * ahead + base)
            hit = np.flatnonzero(np.abs(nearest - slope * ahead - base) <= 0.2 * abs(slope))
            runs = [i for i in hit if np.isin(np.arange(i - 3, i + 1), [-1, *hit]).sum() >= 3]
            if not runs:
                break
            hit = hit[hit <= runs[-1]]
            number, at = np.append(number, ahead[hit]), np.append(at, nearest[hit])
        number, at, peaks = -number[::-1], -at[::-1], -peaks[::-1]
    return number - number[0], at


def _nearest(peaks: Floats, wanted: Floats) -> Floats:
    """The peak nearest to each wanted place."""
    after = np.clip(np.searchsorted(peaks, wanted), 1, len(peaks) - 1)
    left, right = peaks[after - 1], peaks[after]
    return np.where(wanted - left <= right - wanted, left, right)


def _common_gap(at: Floats) -> float:
    """The commonest gap of neighbours."""
    gaps = np.diff(at)
    near = np.abs(np.log(gaps[:, None] / gaps[None, :])) <= 0.1
    votes = near.sum(axis=1)
    return float(np.median(gaps[near[int(np.argmax(votes))]]))


def _chain(at: Floats, step: float) -> list[int]:
    """The longest chain of peaks whose gaps are one step, or a few where peaks are missing."""
    length = np.ones(len(at))
    parent = np.full(len(at), -1)
    for i in range(1, len(at)):
        first = int(np.searchsorted(at, at[i] - (MISSED + 0.3) * step))
        gaps = (at[i] - at[first:i]) / step
        whole = np.maximum(np.round(gaps), 1)
        off = np.abs(gaps - whole)
        gain = length[first:i] + 1 - 0.8 * (whole - 1) - off
        gain[off > np.where(whole > 1, 0.3, 0.25)] = -1
        if len(gain) and gain.max() > 1:
            parent[i] = first + int(np.argmax(gain))
            length[i] = gain.max()
    chain = [int(np.argmax(length))]
    while parent[chain[-1]] >= 0:
        chain.append(int(parent[chain[-1]]))
    return chain[::-1]


def fitted(seen: Strip, level_px: float, number: NDArray[np.int64], at: Floats, light: bool) -> Ticks | None:
    """The ticks that keep step, with the curve that they keep; None where they do not."""
    at = at + seen.u_px[0]
    for _ in range(4):
        if len(at) < FEWEST:
            return None
        number = number - number[0]
        fit = np.polyfit(number, at, 2)
        off = np.abs(np.polyval(fit, number) - at)
        step = (at[-1] - at[0]) / max(number[-1], 1)
        keep = off <= max(3 * float(np.sqrt(np.mean(off**2))), 0.05 * step)
        if keep.all():
            break
        number, at = number[keep], at[keep]
    number = number - number[0]
    fit = np.polyfit(number, at, 2)
    off_px = float(np.sqrt(np.mean((np.polyval(fit, number) - at) ** 2)))
    line_cov = np.polyfit(number, at, 1, cov=True)[1]
    step = (at[-1] - at[0]) / max(number[-1], 1)
    found = Ticks(seen, level_px, number, at, fit, off_px, float(np.sqrt(line_cov[0, 0])) / step, light)
    seen_share = len(at) / (number[-1] + 1)
    regular = off_px <= MOST_OFF * step and abs(found.drift) <= MOST_DRIFT and seen_share >= 0.7
    return found if regular else None

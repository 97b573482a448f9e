"""A mask found on coarse pixels, asked again on fine ones where that matters: one mask on the fine grid, as runs.

The surprising thing: a coarse pixel that is split into fine ones is the same closed pixel. So coarse and fine places
stand in one mask, nothing is resampled, and what the coarse rest costs is the length of its outline.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from marginkit.geometry.run_mask import RunMask, unpaired
from marginkit.geometry.runs import Runs
from marginkit.records import Floats, Region

PLACE_PX = 512  # side of a place that is asked at once, fine pixels
Bools: TypeAlias = NDArray[np.bool_]
Ints: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Coarse:
    """What a segmenter found on coarse pixels, with its parameters fixed, so that it can be asked for any window.

    region : mask, (y, x) bool, on the coarse grid. shape, spacing_mm, origin_px : of the fine grid, as of a Region.
    ratio : (y, x) fine pixels along a coarse one; need not be whole.
    ask : the fine mask of a window (rows, columns) of the fine grid, equal to that of the whole grid.
    halo_px : fine pixels around a window that are read too. maker : as of the region on the fine grid.
    tidied : the coarse decision settles which pieces are kept (and, with ``filled``, that their holes are); fine pixels
        decide within one coarse pixel of the outline. Otherwise they stand alone.
    moved : the same at thresholds that are as far off as one that was found may be.
    """

    region: Region
    shape: tuple[int, int]
    spacing_mm: tuple[float, ...] | None
    origin_px: tuple[float, ...] | None
    ratio: tuple[float, float]
    ask: Callable[[slice, slice], Bools]
    maker: str
    halo_px: int = 0
    tidied: bool = False
    filled: bool = False
    moved: tuple[Coarse, ...] = ()


class Patchwork:
    """The mask of a ``Coarse`` on its fine grid: coarse at first, fine in the places that were asked for.

    region : as it is now. step_px : (y, x) pixels of the image along a fine one. fine : the places that were asked.
    read_px : fine pixels read so far. missed : whether a place showed more than a coarse pixel of what was not seen
    coarse; with ``tissue`` that is a cut into it, else a part that sticks out of it.
    """

    def __init__(self, found: Coarse, *, tissue: bool = False) -> None:
        import cv2

        self.found, self._tissue = found, tissue
        self._mask: Bools = np.asarray(found.region.data, np.bool_)
        square = np.ones((3, 3), np.uint8)
        self._deep, self._near = (f(self._mask.astype(np.uint8), square) > 0 for f in (cv2.erode, cv2.dilate))
        self._lines = [_lines(*one) for one in zip(self._mask.shape, found.ratio, found.shape)]
        self._side = [max(1, round(PLACE_PX / ratio)) for ratio in found.ratio]
        self._origin_px = np.array(found.origin_px or (0.0, 0.0))
        self.step_px = 1 + 2 * self._origin_px  # both grids begin at the image's own corner
        self.fine: Bools = np.zeros([-(-n // side) for n, side in zip(self._mask.shape, self._side)], bool)
        self._base, self._changes = self._as_runs(), np.zeros(0, np.int64)
        self.read_px, self.missed, self.region = 0, False, self._placed(self._base)

    def _placed(self, mask: RunMask) -> Region:
        found, kept = self.found, self.found.region
        return Region(mask, found.spacing_mm, found.origin_px, kept.name, found.maker, kept.flags)

    @property
    def whole_px(self) -> Floats:
        """(height, width) of the fine grid in pixels of the image."""
        whole: Floats = self.step_px * self.found.shape
        return whole

    def off_mm(self, spacing_mm: tuple[float, ...]) -> float:
        """How far the coarse outline may be off: the diagonal of a coarse pixel, and of a fine one for its rounding.

        spacing_mm : of the image.
        """
        fine_mm = self.step_px * spacing_mm
        return float(np.hypot(*(fine_mm * self.found.ratio)) + np.hypot(*fine_mm))

    def unsettled_px(self) -> Floats:
        """(n, 2) corners of the outline within one coarse pixel of a coarse place, index units of the image."""
        corner = self.region.data.vertices()  # type: ignore[union-attr]
        settled = np.logical_and.reduce([self.fine[place] for place in self._around(corner)])
        unsettled: Floats = (corner[~settled] - 0.5) * self.step_px + self._origin_px
        return unsettled

    def places(self, points_px: Floats) -> Bools:
        """The coarse places within one coarse pixel of points (n, 2), index units of the image."""
        wanted: Bools = np.zeros_like(self.fine)
        for place in self._around((points_px - self._origin_px) / self.step_px + 0.5):
            wanted[place] = True
        return wanted & ~self.fine

    def _around(self, corner: NDArray[Any]) -> Iterator[tuple[Ints, ...]]:
        """(row, column) of the places one coarse pixel up or down, left or right of corners (n, 2) of the fine grid."""
        ways = [
            [np.clip(np.searchsorted(line, at + off, "right") - 1, 0, len(line) - 2) // side for off in (-ratio, ratio)]
            for line, at, ratio, side in zip(self._lines, np.transpose(corner), self.found.ratio, self._side)
        ]
        yield from itertools.product(*ways)

    def refine(self, wanted: Bools) -> None:
        """Ask places on the fine grid."""
        with ThreadPoolExecutor(2) as pool:
            found = list(pool.map(self._asked, np.argwhere(wanted).tolist()))
        ends, read, beyond = zip(*found) if found else ((), (), ())
        self._changes = unpaired(np.sort(np.concatenate([self._changes, *ends])))
        self.region = self._placed(self._base ^ RunMask.from_ends(self._changes, self.found.shape))
        self.fine, self.read_px, self.missed = self.fine | wanted, self.read_px + sum(read), self.missed or any(beyond)

    def _asked(self, place: list[int]) -> tuple[Ints, int, bool]:
        """(where rows change between coarse and fine, pixels read, whether coarse pixels missed something) of a place.

        Which pieces touch the coarse ones is seen with one coarse pixel around the place.
        """
        pad = int(self.found.tidied)
        own = [slice(at * side, min((at + 1) * side, n)) for at, side, n in zip(place, self._side, self._mask.shape)]
        wide = [slice(max(s.start - pad, 0), min(s.stop + pad, n)) for s, n in zip(own, self._mask.shape)]
        rows, columns = (slice(int(line[s.start]), int(line[s.stop])) for line, s in zip(self._lines, wide))
        mask, deep, near = (self._split(one, wide) for one in (self._mask, self._deep, self._near))
        fine, beyond = self._decided(self.found.ask(rows, columns), mask, deep, near)
        inner = tuple(
            slice(int(line[s.start] - line[w.start]), int(line[s.stop] - line[w.start]))
            for line, s, w in zip(self._lines, own, wide)
        )
        runs, step = RunMask.of((fine ^ mask)[inner]).runs, self.found.shape[1] + 2
        left = columns.start + inner[1].start
        ends = (runs.row + rows.start + inner[0].start) * step + np.stack([runs.start, runs.stop]) + left
        read = [min(s.stop - s.start + 2 * self.found.halo_px, n) for s, n in zip((rows, columns), self.found.shape)]
        return ends.T.ravel(), math.prod(read), bool(beyond[inner].any())

    def _decided(self, fine: Bools, mask: Bools, deep: Bools, near: Bools) -> tuple[Bools, Bools]:
        """(the mask of a window, what of it the coarse one missed by more than its pixel)."""
        beyond = (deep & ~fine) if self._tissue else (fine & ~near)
        if not self.found.tidied:
            return fine, beyond
        beyond &= with_seed(~fine, ~mask, 4) if self._tissue else with_seed(fine, mask)
        kept = with_seed(deep | (near & fine), mask)
        return (~with_seed(~kept, ~mask, 4) if self.found.filled else kept), beyond

    def _split(self, coarse: Bools, own: list[slice]) -> Bools:
        """A window of a coarse mask on the fine grid."""
        height, width = (np.diff(line)[s] for line, s in zip(self._lines, own))
        return np.repeat(np.repeat(coarse[tuple(own)], height, 0), width, 1)

    def _as_runs(self) -> RunMask:
        """The coarse mask on the fine grid."""
        own = RunMask.of(self._mask).runs
        lines, columns = self._lines
        owner = np.repeat(np.arange(len(lines) - 1), np.diff(lines))  # coarse row of each fine one
        first = np.searchsorted(own.row, np.arange(len(lines)))
        count = np.diff(first)[owner]
        which = np.repeat(first[owner] - np.cumsum(count) + count, count) + np.arange(count.sum())
        row = np.repeat(np.arange(len(owner)), count)
        return RunMask(Runs(row, columns[own.start[which]], columns[own.stop[which]], self.found.shape))


def _lines(count: int, ratio: float, whole: int) -> Ints:
    """(count + 1,) fine pixel at which each coarse one begins, and the end: the last reaches the grid's.

    >>> _lines(3, 2.5, 7).tolist()
    [0, 2, 5, 7]
    """
    lines: Ints = np.minimum(np.rint(np.arange(count + 1) * ratio), whole).astype(np.int64)
    lines[-1] = whole
    return lines


def with_seed(mask: Bools, seed: Bools, connectivity: int = 8) -> Bools:
    """The pieces of a mask that hold a pixel of the seed; 4 for what is outside."""
    import cv2

    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=connectivity)
    kept = np.zeros(count, bool)
    kept[labels[seed & mask]] = True
    kept[0] = False
    return np.asarray(kept[labels], np.bool_)

"""Which square cells of a mask hold a pixel of it, from small cells to the one that holds all.

Whoever looks for the mask along a line, or in a window, looks into a cell only where this says that there is something.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marginkit.geometry.masks import Mask
from marginkit.geometry.run_mask import RunMask
from marginkit.geometry.scene import Bools

FACTOR = 8  # bits of a byte: the smallest cells are read off the words
RUN_CELL_PX = 64  # smallest cells of a mask of runs: their number does not follow the boundary


@dataclass(frozen=True)
class Cells:
    """Cells of ``size_px`` pixels a side; held : whether each has a pixel of the mask."""

    size_px: int
    held: Bools


def pyramid(mask: Mask) -> list[Cells]:
    """Cells of a mask, each level eight times as large as the one before, the first one smallest.

    >>> from marginkit.geometry.bits import pack
    >>> [(level.size_px, level.held.tolist()) for level in pyramid(pack(np.eye(9, dtype=bool)))]
    [(8, [[True, False], [False, True]]), (64, [[True]])]
    """
    levels = [_of_runs(mask) if isinstance(mask, RunMask) else _of_words(mask.words, mask.shape)]
    while max(levels[-1].held.shape) > 1:
        held = levels[-1].held
        levels.append(Cells(levels[-1].size_px * FACTOR, _gathered(held, held.ndim)))
    return levels


def _of_words(words: np.ndarray, shape: tuple[int, ...]) -> Cells:
    octets = words.astype("<u8", copy=False).view(np.uint8).reshape(*shape[:-1], -1) != 0
    return Cells(FACTOR, _gathered(octets, octets.ndim - 1)[..., : -(-shape[-1] // FACTOR)])


def _of_runs(mask: RunMask) -> Cells:
    """Runs that begin and end, counted along the row of cells: where more have begun than ended, one lies."""
    height, width = (-(-n // RUN_CELL_PX) for n in mask.shape)
    open_runs = np.zeros((height, width + 1), np.int32)
    row = mask.runs.row // RUN_CELL_PX
    np.add.at(open_runs, (row, mask.runs.start // RUN_CELL_PX), 1)
    np.add.at(open_runs, (row, (mask.runs.stop - 1) // RUN_CELL_PX + 1), -1)
    return Cells(RUN_CELL_PX, np.cumsum(open_runs, axis=1)[:, :-1] > 0)


def _gathered(cells: Bools, axes: int) -> Bools:
    """``FACTOR`` cells taken as one along the first axes."""
    for axis in range(axes):
        cells = np.logical_or.reduceat(cells, np.arange(0, cells.shape[axis], FACTOR), axis=axis)
    return cells

"""A mask that is its runs: memory follows the length of the boundary, not the area.

A slide of 100,000 x 80,000 pixels is a gigabyte as bits and a few megabytes as runs. Everything that a measurement
asks of a mask (corners, faces, single pixels, what two masks share) can be answered from where its rows change.

The surprising thing: two rows differ exactly where one of them changes an odd number of times; so the exclusive or of
two masks is their ends sorted together, with equal ends taken away in pairs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit.errors import SizeError
from marginkit.geometry.bits import Bools, Faces, Ints
from marginkit.geometry.runs import Runs, count_upto

LARGEST_PIXELS = 1 << 31  # of a window that is asked for as an array


@dataclass(frozen=True, eq=False)
class RunMask:
    """A 2-D binary mask by its runs: none touches the next, in array order.

    As an array (``numpy.asarray``) it has a byte a pixel; SizeError E-SIZE-01 above ``LARGEST_PIXELS``.

    >>> mask = RunMask.of(np.array([[True, True, False], [False, True, False]]))
    >>> mask.count, mask.shape, mask.held(np.array([[0, 1], [1, 0]])).tolist()
    (3, (2, 3), [True, False])
    """

    runs: Runs

    @classmethod
    def of(cls, mask: Bools) -> RunMask:
        """The runs of an array."""
        height, width = mask.shape
        closed = np.zeros((height, width + 2), bool)
        closed[:, 1:-1] = mask
        row, column = np.nonzero(closed[:, 1:] != closed[:, :-1])
        return cls(Runs(row[::2].astype(np.int64), *_pairs(column.astype(np.int64)), (height, width)))

    @classmethod
    def from_ends(cls, keys: Ints, shape: tuple[int, ...]) -> RunMask:
        """The mask whose rows change at ``keys``, sorted: row * (width + 2) + column, starts and stops by turns."""
        row, column = np.divmod(keys, shape[-1] + 2)
        return cls(Runs(row[::2], *_pairs(column), shape))

    @property
    def shape(self) -> tuple[int, ...]:
        """(height, width)."""
        return self.runs.shape

    @property
    def ndim(self) -> int:
        """2."""
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype[np.bool_]:
        """Of the mask as an array."""
        return np.dtype(np.bool_)

    @property
    def size(self) -> int:
        """Pixels of the whole array."""
        return int(np.prod(self.shape, dtype=np.int64))

    @cached_property
    def count(self) -> int:
        """Pixels in the mask."""
        return int((self.runs.stop - self.runs.start).sum())

    def any(self) -> bool:
        """Whether a pixel is in the mask."""
        return len(self.runs.row) > 0

    @cached_property
    def ends(self) -> Ints:
        """(2n,) where rows change, sorted: row * (width + 2) + column."""
        return np.stack([self.runs.start_keys, self.runs.stop_keys], axis=1).ravel()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """The mask as booleans."""
        found = self.window(tuple(slice(0, n) for n in self.shape))
        return found if dtype is None else found.astype(dtype)

    def __and__(self, other: RunMask) -> RunMask:
        return self._combined(other, 2)

    def __or__(self, other: RunMask) -> RunMask:
        return self._combined(other, 1)

    def __sub__(self, other: RunMask) -> RunMask:
        return self ^ (self & other)

    def __xor__(self, other: RunMask) -> RunMask:
        return RunMask.from_ends(unpaired(merged(self.ends, other.ends)), self.shape)

    def _combined(self, other: RunMask, least: int) -> RunMask:
        """The pixels that are in at least so many of the two masks."""
        keys = np.concatenate([self.ends, other.ends])
        step = np.tile(np.array([1, -1]), len(keys) // 2)
        order = np.argsort(keys, kind="stable")
        keys, depth = keys[order], np.cumsum(step[order])
        last = np.append(keys[1:] != keys[:-1], True)[
            : len(keys)
        ]  # of several changes at one place only what they leave counts
        keys, inside = keys[last], depth[last] >= least
        return RunMask.from_ends(keys[inside != np.append(False, inside[:-1])[: len(inside)]], self.shape)

    def held(self, pixel: Ints) -> Bools:
        """(n,) whether each pixel of (n, 2) is in the mask; outside the array it is not."""
        within: Bools = np.all((pixel >= 0) & (pixel < np.array(self.shape)), axis=1)
        keys = pixel[:, 0] * (self.shape[-1] + 2) + pixel[:, 1]
        inside: Bools = within & (count_upto(self.ends, keys) % 2 == 1)
        return inside

    def run_beside(self, vertex: Ints) -> Ints:
        """(n,) a run that has each corner of (n, 2) as a corner or on a side; -1 where there is none.

        >>> RunMask.of(np.array([[True, False, False]])).run_beside(np.array([[1, 1], [0, 2]])).tolist()
        [0, -1]
        """
        out = np.full(len(vertex), -1, np.int64)
        todo = np.arange(len(vertex))
        for up in (0, 1):
            keys = (vertex[todo, 0] - up) * (self.shape[-1] + 2) + vertex[todo, 1]
            run = count_upto(self.runs.start_keys, keys) - 1
            meets = (run >= 0) & (self.runs.stop_keys[run] >= keys)
            out[todo[meets]] = run[meets]
            todo = todo[~meets]
        return out

    def vertices(self) -> Ints:
        """(n, 2) corners on the boundary, in array order: see ``bits.boundary_vertices``."""
        step = self.shape[-1] + 2
        above, below = self.ends + step, self.ends
        both = merged(above, below)
        differ = unpaired(both)
        keys = _spread(differ[::2], differ[1::2] + 1)
        turns = both[1:][both[1:] == both[:-1]]  # where both rows change alike there is a corner too
        keys = once(merged(keys, turns))
        return np.stack(np.divmod(keys, step), axis=1)

    def faces(self, axis: int) -> Faces:
        """The faces across one axis, in array order: see ``bits.faces_across``."""
        step = self.shape[-1] + 2
        if axis == 1:
            vertex = np.stack(np.divmod(self.ends, step), axis=1)
            inside = vertex.copy()
            inside[1::2, 1] -= 1
            return Faces(1, vertex, inside)
        differ = unpaired(merged(self.ends, self.ends + step))
        keys = _spread(differ[::2], differ[1::2])
        vertex = np.stack(np.divmod(keys, step), axis=1)
        inside = vertex.copy()
        inside[:, 0] -= count_upto(self.ends, keys) % 2 == 0
        return Faces(0, vertex, inside)

    def window(self, window: tuple[slice, ...]) -> Bools:
        """A window as booleans, every k-th pixel where its slices have steps; E-SIZE-01 where it is too large."""
        rows, columns = (range(*s.indices(n)) for s, n in zip(window, self.shape))
        if len(rows) * len(columns) > LARGEST_PIXELS:
            raise too_large((len(rows), len(columns)))
        out: Bools = np.zeros((len(rows), len(columns)), bool)
        for at, row in enumerate(rows):
            for start, stop in self._in_row(row):
                low, high = (-(-(end - columns.start) // columns.step) for end in (start, stop))
                out[at, max(low, 0) : max(high, 0)] = True
        return out

    __getitem__ = window

    def crop(self, window: tuple[slice, ...]) -> RunMask:
        """A window as a mask of its own; slices without steps."""
        rows, columns = (range(*s.indices(n)) for s, n in zip(window, self.shape))
        found = self.runs
        start, stop = np.maximum(found.start, columns.start), np.minimum(found.stop, columns.stop)
        kept = (found.row >= rows.start) & (found.row < rows.stop) & (start < stop)
        shape = (len(rows), len(columns))
        return RunMask(
            Runs(found.row[kept] - rows.start, start[kept] - columns.start, stop[kept] - columns.start, shape)
        )

    def _in_row(self, row: int) -> Iterator[tuple[int, int]]:
        low, high = self._rows_at[row : row + 2].tolist()
        return zip(self.runs.start[low:high].tolist(), self.runs.stop[low:high].tolist())

    @cached_property
    def _rows_at(self) -> Ints:
        """(height + 1,) first run of each row."""
        return np.searchsorted(self.runs.row, np.arange(self.shape[0] + 1)).astype(np.int64)

    def middle(self) -> tuple[float, float]:
        """(y, x) of the middle of its area, in pixel centres."""
        found = self.runs
        length = found.stop - found.start
        total = max(self.count, 1)
        y = float((found.row * length).sum()) / total
        return y, float((length * (found.start + found.stop - 1)).sum()) / 2 / total

    def box(self) -> tuple[Ints, Ints]:
        """Lowest pixel and one beyond the highest, (y, x), of a mask that is not empty."""
        found = self.runs
        low = np.array([found.row[0], found.start.min()])
        return low, np.array([found.row[-1] + 1, found.stop.max()])


def too_large(shape: tuple[int, ...]) -> SizeError:
    """The error of a mask that cannot be held as an array."""
    return SizeError(
        "E-SIZE-01",
        "a mask of this size cannot be held as an array",
        cause=f"{' x '.join(map(str, shape))} pixels, limit {LARGEST_PIXELS}",
        remedy="Slides are measured from masks on one grid, with boundary pixels.",
    )


def _pairs(ends: Ints) -> tuple[Ints, Ints]:
    return np.ascontiguousarray(ends[::2]), np.ascontiguousarray(ends[1::2])


def merged(one: Ints, other: Ints) -> Ints:
    """Two sorted lists as one."""
    return np.sort(np.concatenate([one, other]), kind="stable")  # which merges what is sorted


def once(keys: Ints) -> Ints:
    """Sorted keys, each once."""
    return keys[np.append(True, keys[1:] != keys[:-1])] if len(keys) else keys


def unpaired(keys: Ints) -> Ints:
    """Sorted keys without those that come twice; none may come three times.

    >>> unpaired(np.array([1, 4, 4, 6])).tolist()
    [1, 6]
    """
    same = keys[1:] == keys[:-1]
    twice = np.append(same, False) | np.append(False, same)
    return keys[~twice] if len(keys) else keys


def _spread(start: Ints, stop: Ints) -> Ints:
    """Every number from each start up to its stop, in order, each once; spans may share an end."""
    length = stop - start
    keys = np.repeat(start - np.cumsum(length) + length, length) + np.arange(length.sum())
    return once(keys)

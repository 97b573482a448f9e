"""A level of a picture as napari wants it: an array that reads what is looked at, axes in napari's order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit.records import Level


@dataclass(frozen=True, eq=False)
class LazyLevel:
    """One channel of a level: (z, y, x) or (y, x), colours last; pixels are read when indexed.

    channel : index on C, None where there is none. A picture's times are refused before.
    """

    level: Level
    axes: str
    dtype: np.dtype[Any]
    channel: int | None = None

    @property
    def order(self) -> str:
        """The axes that are left, in napari's order."""
        return "".join(axis for axis in "TZYXS" if axis in self.axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Size along ``order``."""
        return tuple(self.level.shape[self.axes.index(axis)] for axis in self.order)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.order)

    @property
    def size(self) -> int:
        """Number of values."""
        return int(np.prod(self.shape))

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        whole = self[(slice(None),) * self.ndim]
        return whole if dtype is None else whole.astype(dtype)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        wanted = dict(zip(self.order, _full(key, self.ndim)))
        steps = {axis: _bounds(one, self.level.shape[self.axes.index(axis)]) for axis, one in wanted.items()}
        if self.channel is not None:
            steps["C"] = slice(self.channel, self.channel + 1)
        pixels = self.level.read(tuple(steps.get(axis, slice(0, 1)) for axis in self.axes))
        kept = [self.axes.index(axis) for axis in self.order]
        rest = [i for i in range(len(self.axes)) if i not in kept]
        flat = np.transpose(pixels, [*rest, *kept])[(0,) * len(rest)]
        found: NDArray[Any] = flat[tuple(_inner(one) for one in wanted.values())]
        return found


def _full(key: Any, ndim: int) -> tuple[Any, ...]:
    """An index with one entry an axis."""
    words = key if isinstance(key, tuple) else (key,)
    if Ellipsis in words:
        at = words.index(Ellipsis)
        words = (*words[:at], *(slice(None),) * (ndim - len(words) + 1), *words[at + 1 :])
    return (*words, *(slice(None),) * (ndim - len(words)))


def _bounds(one: Any, size: int) -> slice:
    """The part of an axis that has to be read for an index."""
    if isinstance(one, slice):
        start, stop, step = one.indices(size)
        return slice(start, max(start, stop)) if step > 0 else slice(0, size)
    at = range(size)[int(one)]
    return slice(at, at + 1)


def _inner(one: Any) -> Any:
    """What is left of an index once its part was read."""
    if isinstance(one, slice):
        return slice(None, None, one.step) if (one.step or 1) > 0 else one
    return 0

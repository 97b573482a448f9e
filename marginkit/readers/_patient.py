"""The frame of the patient: how a volume lies in it, and the array turned to lie along it.

The surprising thing: files store volumes in any of 48 orders of axes and directions, and an image and its mask need
not share one. Every volume leaves the readers as (Z, Y, X) with Z nearest to superior, Y to posterior, X to left, so
that image, mask and contours of one patient lie on one array. Nothing is resampled.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit.errors import CalibrationError, GridError
from marginkit.records import Floats

OBLIQUE = 1e-3
LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0])


@dataclass(frozen=True, slots=True)
class Frame:
    """How a stored array becomes (Z, Y, X).

    order : stored axes that become Z, Y and X. flip : whether each is turned round.
    spacing_mm : (Z, Y, X). origin_mm : (x, y, z) of the first voxel's centre after turning, LPS.
    direction : unit vectors (x, y, z) of Z, Y and X.
    """

    order: tuple[int, int, int]
    flip: tuple[bool, bool, bool]
    spacing_mm: tuple[float, float, float]
    origin_mm: tuple[float, float, float]
    direction: tuple[tuple[float, float, float], ...]

    @property
    def turned(self) -> bool:
        """Whether the order is another than stored x, y, z with ascending directions."""
        return self.order != (2, 1, 0) or any(self.flip)

    def shape(self, stored: tuple[int, ...]) -> tuple[int, ...]:
        """The shape (Z, Y, X) of a stored shape."""
        return tuple(stored[axis] for axis in self.order)

    def apply(self, array: NDArray[Any]) -> NDArray[Any]:
        """A (Z, Y, X) view of an array with stored axes."""
        turned: NDArray[Any] = array.transpose(self.order)[tuple(slice(None, None, -1 if f else 1) for f in self.flip)]
        return turned

    def index_px(self, points_mm: Floats) -> Floats:
        """(n, 3) patient points (x, y, z) as array positions (Z, Y, X); pixel centres are integers."""
        axes = np.array(self.direction) * np.array(self.spacing_mm)[:, None]
        return np.asarray(np.linalg.solve(axes.T, (points_mm - np.array(self.origin_mm)).T).T)


def frame(axes_mm: NDArray[Any], origin_mm: NDArray[Any], shape: tuple[int, ...], name: str) -> Frame:
    """The frame of a stored array.

    axes_mm : (3, 3), column i is the step along stored axis i, LPS. origin_mm : (3,), first stored voxel's centre.
    E-CAL-02 where a step is nothing or not finite; E-GRID-02 where axes are not at right angles.
    """
    axes_mm, origin_mm = np.asarray(axes_mm, np.float64), np.asarray(origin_mm, np.float64)
    lengths = np.sqrt((axes_mm**2).sum(axis=0))
    if not (np.isfinite(axes_mm).all() and np.isfinite(origin_mm).all() and (lengths > 0).all()):
        cause = f"steps of {', '.join(f'{n:g}' for n in lengths)} mm"
        raise CalibrationError("E-CAL-02", "impossible spacing", cause=cause, file=name)
    units = axes_mm / lengths
    skew = float(np.abs(units.T @ units - np.eye(3)).max())
    if skew > OBLIQUE:
        cause = f"the cosine between two axes is {skew:.4f}"
        remedy = "Resample it to a rectangular grid."
        raise GridError("E-GRID-02", "the volume is sheared", cause=cause, remedy=remedy, file=name)
    order = max(permutations(range(3)), key=lambda p: abs(units[2, p[0]]) + abs(units[1, p[1]]) + abs(units[0, p[2]]))
    flip = _three([bool(units[2 - at, axis] < 0) for at, axis in enumerate(order)])
    for axis, turned in zip(order, flip):
        origin_mm = origin_mm + (axes_mm[:, axis] * (shape[axis] - 1) if turned else 0.0)
    rows = [units[:, axis] * (-1.0 if turned else 1.0) + 0.0 for axis, turned in zip(order, flip)]
    return Frame(
        _three(order), flip, _three(lengths[list(order)].tolist()), _three(origin_mm.tolist()),
        tuple(_three(row.tolist()) for row in rows),
    )  # fmt: skip


def _three(values: Any) -> Any:
    """A tuple of three, which numpy cannot promise to the type checker."""
    one, two, three = values
    return one, two, three

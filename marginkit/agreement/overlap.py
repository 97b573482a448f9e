"""How far two masks agree: Dice, and the distances between their surfaces.

The surprising thing: overlap says nothing of a margin. Two masks with a Dice of 0.98 can differ by centimetres at one
spot, and the margin is one spot; so the greatest distance stands beside the mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit.errors import AgreementError
from marginkit.records import Floats, check_spacing


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two masks of one case. Distances are between the centres of border pixels, symmetric; None where one is empty.

    dice : twice the common pixels over the pixels of both; 1 where both are empty. mean_mm : average over both
    surfaces. p95_mm, most_mm : 95th percentile and maximum (Hausdorff).
    """

    dice: float
    mean_mm: float | None
    p95_mm: float | None
    most_mm: float | None


def overlap(first: NDArray[np.bool_], second: NDArray[np.bool_], spacing_mm: tuple[float, ...]) -> Overlap:
    """Dice and surface distances of two masks on one grid, 2-D or 3-D. AgreementError E-AGR-05 where grids differ."""
    if first.shape != second.shape:
        cause = f"shapes {first.shape} and {second.shape}"
        raise AgreementError("E-AGR-05", "two masks do not lie on one grid", cause=cause)
    spacing = check_spacing(spacing_mm, first.ndim)
    both = int(first.sum()) + int(second.sum())
    dice = 2 * int((first & second).sum()) / both if both else 1.0
    if not (first.any() and second.any()):
        return Overlap(dice, None, None, None)
    part = _window(first | second)
    there, back = _to(first[part], second[part], spacing), _to(second[part], first[part], spacing)
    away = np.concatenate([there, back])
    p95_mm = max(float(np.percentile(one, 95)) for one in (there, back))
    return Overlap(dice, float(away.mean()), p95_mm, float(away.max()))


def _window(mask: NDArray[np.bool_]) -> tuple[slice, ...]:
    """The part of the grid that holds the mask, and a pixel around."""
    found = []
    for axis in range(mask.ndim):
        used = np.flatnonzero(mask.any(axis=tuple(a for a in range(mask.ndim) if a != axis)))
        found.append(slice(max(0, int(used[0]) - 1), int(used[-1]) + 2))
    return tuple(found)


def _to(mask: NDArray[np.bool_], other: NDArray[np.bool_], spacing_mm: tuple[float, ...]) -> Floats:
    """Distance of each border pixel of a mask to the nearest one of the other."""
    from scipy.ndimage import distance_transform_edt

    field: Any = distance_transform_edt(~_border(other), sampling=spacing_mm)
    distance: Floats = field[_border(mask)]
    return distance


def _border(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels of a mask with a neighbour across a face that is outside."""
    from scipy.ndimage import binary_erosion

    inner: NDArray[np.bool_] = binary_erosion(mask)
    return mask & ~inner

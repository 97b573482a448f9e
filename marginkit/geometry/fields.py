"""Tumor and specimen of a stack as fields whose half-level surfaces meet where the tumor meets the edge.

The surprising thing: tumor beyond the specimen is not cut away by geometry. Where tumor goes on outside, both fields
are made to pass one half at the same point, which is what the cut would do.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from marginkit.geometry.contour import HALF, smoothed
from marginkit.geometry.crossings import settled
from marginkit.geometry.scene import Bools, Floats, Ints


@dataclass(frozen=True)
class Fields:
    """Tumor and specimen as masks and as what their surfaces are drawn from (None: from the voxels themselves).

    inside : tumor in the specimen. stray : number of tumor voxels outside. spikes : (k, 2 ends, 3) index units, from
    centres of tumor voxels to the specimen's surface, where they meet the outside only along an edge or at a corner.
    """

    inside: Bools
    tissue: Bools
    tumor_field: Floats | None
    tissue_field: Floats | None
    level: float
    stray: int
    spikes: Floats
    spike_voxel: Ints


def fields(tumor: Any, specimen: Any, contour: bool, level: float) -> Fields:
    """The fields of two (d, h, w) arrays, masks or probabilities. contour : read masks smoothed, not as voxels."""
    is_mask = tumor.dtype == np.bool_, specimen.dtype == np.bool_
    tissue = specimen if is_mask[1] else specimen >= HALF
    set_ = tumor if is_mask[0] else tumor >= level
    inside, stray = set_ & tissue, set_ & ~tissue
    tissue_field = settled(specimen, HALF) if not is_mask[1] else smoothed(specimen) if contour else None
    other = tissue.astype(np.float64) if tissue_field is None else tissue_field
    tumor_field, spikes, voxel = None, np.zeros((0, 2, 3)), np.zeros((0, 3), np.int64)
    if not is_mask[0]:
        tumor_field = settled(tumor, level)
        tumor_field[stray] = np.minimum(tumor_field, other + (level - HALF))[stray]
        _meet(tumor_field, other + (level - HALF), inside, stray)
    elif contour:
        tumor_field, level = smoothed(inside), HALF
        _meet(tumor_field, other, inside, ~tissue)
        spikes, voxel = _spikes(inside, tissue, other)
    return Fields(inside, tissue, tumor_field, tissue_field, level, int(np.count_nonzero(stray)), spikes, voxel)


def _meet(field: Floats, other: Floats, here: Bools, there: Bools) -> None:
    """Give ``field`` the other's values where voxels of ``here`` and ``there`` share a face."""
    for axis in range(field.ndim):
        low = (slice(None),) * axis + (slice(None, -1),)
        high = (slice(None),) * axis + (slice(1, None),)
        for a, b in ((low, high), (high, low)):
            meets = here[a] & there[b]
            field[a][meets] = other[a][meets]
            field[b][meets] = other[b][meets]


def _spikes(inside: Bools, tissue: Bools, field: Floats) -> tuple[Floats, Ints]:
    """From tumor voxels to the specimen's surface beside a voxel outside that they meet by an edge or corner only."""
    voxel = np.argwhere(inside).astype(np.int64)
    shape = np.array(inside.shape)
    spikes, owners = [np.zeros((0, 2, 3))], [np.zeros((0, 3), np.int64)]
    for step in product((-1, 0, 1), repeat=3):
        if np.abs(step).sum() < 2:
            continue
        out = voxel + step
        held = np.all((out >= 0) & (out < shape), axis=1)
        mine, out = voxel[held], out[held]
        mine, out = (rows[~tissue[tuple(out.T)]] for rows in (mine, out))
        for axis in np.flatnonzero(step):
            beside = out.copy()
            beside[:, axis] -= step[axis]
            open_ = tissue[tuple(beside.T)]
            spikes.append(_to_surface(mine[open_], beside[open_], out[open_], field))
            owners.append(mine[open_])
            mine, out = mine[~open_], out[~open_]
    return np.concatenate(spikes), np.concatenate(owners)


def _to_surface(voxel: Ints, beside: Ints, out: Ints, field: Floats) -> Floats:
    low, high = field[tuple(beside.T)], field[tuple(out.T)]
    first = np.where(np.any(out < beside, axis=1)[:, None], out, beside)  # the corner as the surface has it, bit by bit
    last = np.where(np.any(out < beside, axis=1)[:, None], beside, out)
    from_, to = field[tuple(first.T)], field[tuple(last.T)]
    share = np.where(low != high, (HALF - from_) / (to - from_), 0.5)[:, None]
    return np.stack([voxel.astype(np.float64), first + (last - first) * share], axis=1)

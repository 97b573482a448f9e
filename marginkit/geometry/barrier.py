"""What lies behind a barrier: edge that tumor cannot reach through the specimen without crossing it.

Tumor moves from pixel to pixel over faces, never over corners, so that a barrier one pixel thin and diagonal holds.
Where tumor and barrier are drawn over each other the tumor wins: it is there.

The surprising thing: edge that is made of barrier (a capsule that lines the specimen, the cut end of a fascia) is
behind it, since tumor gets there only through it; unless the barrier is breached, when nothing of it is trusted.
"""

from __future__ import annotations

import numpy as np

from marginkit.geometry.masks import Mask, pixels_held, runs_of, without
from marginkit.geometry.runs import Components, components
from marginkit.geometry.scene import Behind, Bools, Ints


def behind(specimen: Mask, tumor: Mask, foci: Components, barrier: Mask, at: Ints, is_cut: Bools) -> Behind:
    """Which faces are behind the barrier.

    tumor : inside the specimen; foci : its components. at : (n, ndim) the specimen's pixel at each face.
    is_cut : (n,) which of them are cut edge.
    """
    solid = without(barrier, tumor)
    free = _connected(without(specimen, solid))
    whole = _connected(specimen)
    wall = pixels_held(solid, at)
    shut = _reached(whole, foci, at) & ~_reached(free, foci, at, ~wall)
    breached = _on_both_sides(specimen, tumor, foci, barrier, whole) or _fills_gap(specimen, tumor, barrier, at[is_cut])
    return Behind(shut & ~wall if breached else shut, breached)


def _connected(mask: Mask) -> Components:
    return components(runs_of(mask), corners=False)


def _starts(found: Components) -> Ints:
    """(n, ndim) first pixel of each run."""
    return np.stack([*found.runs.row_index, found.runs.start], axis=1)


def _reached(parts: Components, foci: Components, at: Ints, in_parts: Bools | None = None) -> Bools:
    """(n,) whether pixels lie in a part that holds tumor; ``in_parts``: which of them lie in any part at all."""
    holds: Bools = np.zeros(parts.count, bool)
    holds[parts.at(_starts(foci))] = True
    which = np.ones(len(at), bool) if in_parts is None else in_parts
    out: Bools = np.zeros(len(at), bool)
    out[which] = holds[parts.at(at[which])]
    return out


def _on_both_sides(specimen: Mask, tumor: Mask, foci: Components, barrier: Mask, whole: Components) -> bool:
    """Whether one focus has tumor on two sides that only the barrier parts."""
    sides = _connected(without(specimen, barrier))
    outside_barrier = runs_of(without(tumor, barrier))
    start = np.stack([*outside_barrier.row_index, outside_barrier.start], axis=1)
    if not len(start):
        return False
    seen = np.unique(np.stack([foci.at(start), whole.at(start), sides.at(start)], axis=1), axis=0)
    return len(np.unique(seen[:, :2], axis=0)) < len(seen)


def _fills_gap(specimen: Mask, tumor: Mask, barrier: Mask, cut_at: Ints) -> bool:
    """Whether barrier and tumor together part the cut edge where neither does alone: tumor sits in a gap of it."""
    open_ = without(without(specimen, barrier), tumor)
    here = cut_at[pixels_held(open_, cut_at)]
    if not len(here):
        return False
    alone = [without(specimen, other) for other in (barrier, tumor)]
    labels = [_connected(mask).at(here) for mask in (*alone, open_)]
    seen = np.unique(np.stack(labels, axis=1), axis=0)
    return len(np.unique(seen[:, :2], axis=0)) < len(seen)

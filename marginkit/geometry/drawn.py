"""Which faces of a mask lie in what somebody drew: a mask on the image's grid, or a polygon."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit.geometry.facets import Facets
from marginkit.geometry.lattice import Lattice
from marginkit.geometry.run_mask import RunMask
from marginkit.geometry.scene import Bools, Ints


def in_region(faces: Facets, lattice: Lattice, region: NDArray[np.bool_] | Any) -> Bools:
    """(n,) whether each face touches a pixel of a mask, or has its midpoint in a polygon ((x, y), pixel corners)."""
    if isinstance(region, (np.ndarray, RunMask)):
        return pixels_in(region, lattice, faces.inside) | pixels_in(region, lattice, faces.outside)
    from shapely import intersects_xy

    middle = np.mean([lattice.corner_px(corner) for corner in faces.corners()], axis=0)
    inside: Bools = np.asarray(intersects_xy(region, middle[:, -1] + 0.5, middle[:, -2] + 0.5))
    return inside


def pixels_in(region: Bools | RunMask, lattice: Lattice, pixel: Ints) -> Bools:
    """(n,) whether pixels of the lattice have their centre in a mask on the image's grid."""
    at = pixel if lattice.regular else np.rint(lattice.centre_px(pixel)).astype(np.int64)
    if isinstance(region, RunMask):
        return region.held(at)
    within = np.all((at >= 0) & (at < np.array(region.shape)), axis=1)
    held: Bools = within & region[tuple(np.where(within[:, None], at, 0).T)]
    return held

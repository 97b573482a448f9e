"""Outline of a stack that nothing is measured to: where it was not seen, is not known, or was not cut.

The surprising thing: the first and last plane of a stack are two whole discs of it. They are hatched, so that one looks
through them at the edge that was measured.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from marginkit.geometry import build, classed
from marginkit.geometry.lattice_scene import LatticeScene
from marginkit.geometry.scene import CLASSES
from marginkit.records import Floats, Measured, Region

from .asking import Request

CUT, OTHER, UNSEEN, UNKNOWN = range(4)
PAINTED = {"natural": OTHER, "hole": OTHER, "section": UNSEEN, "frame": UNSEEN, "unknown": UNKNOWN}
HATCH = {OTHER: 4, UNSEEN: 12, UNKNOWN: 2}  # one row of faces of so many is drawn
MOST = 20_000


def places(request: Request, case: Measured) -> tuple[Floats, Any]:
    """((n, 3) index units, (n,) OTHER, UNSEEN or UNKNOWN) of faces of a stack, thinned; none of outlines."""
    nothing = np.zeros((0, 3)), np.zeros(0, np.int64)
    if not any(case.result.profile.by_class[name] for name in PAINTED):
        return nothing
    specimen = _ground(request, request.inputs.specimen)
    if specimen is None:
        return nothing
    found = build.scene(specimen, specimen, request.inputs.spacing_mm, "pixels", request.inputs.holes, 0.0)
    assert isinstance(found, LatticeScene)
    style = np.array([PAINTED.get(name, CUT) for name in CLASSES])[classed.classes(found, request.inputs.edge)]
    middle = found.middles_px()
    row = np.floor(middle.sum(axis=1)).astype(np.int64)  # diagonals, whichever way a face looks
    shown = np.zeros(len(row), bool)
    for kind, every in HATCH.items():
        shown |= (style == kind) & (row % every == 0)
    at = np.flatnonzero(shown)
    at = at[:: max(1, -(-len(at) // MOST))]
    return middle[at], style[at]


def _ground(request: Request, region: Region) -> build.Ground | None:
    if region.kind == "polygon":
        return None
    spacing = request.inputs.spacing_mm
    ratio = tuple(a / b for a, b in zip(region.spacing_mm or spacing, spacing))
    return build.Ground(np.asarray(region.data) >= 0.5, "mask", ratio, region.origin_px or (0.0,) * len(spacing))

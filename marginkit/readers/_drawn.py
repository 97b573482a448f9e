"""What an annotation file holds, before it is trusted: areas, lines and points with their names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from marginkit.errors import OutlineError
from marginkit.geometry.scene import Floats

Kind: TypeAlias = Literal["area", "line", "point", "detection", "other"]
MAX_POINTS = 1 << 24  # in one ring


@dataclass(frozen=True, eq=False)
class Drawn:
    """One annotation as stored.

    where : what a message calls it, e.g. ``feature 3 (Tumor)``. group : its class or group. label : its own name.
    kind : ``area`` and ``line`` can be used; ``detection`` is an area that a program found, cell by cell.
    shape : the shapely geometry, not yet checked; None of what is only counted.
    holes : areas to take out of it. plane : (z, t).
    note : what was taken in a way that one should know; empty mostly.
    """

    where: str
    group: str
    label: str
    kind: Kind
    shape: Any = None
    holes: tuple[Any, ...] = ()
    plane: tuple[int, int] = (0, 0)
    note: str = ""


def refused(where: str, what: str, cause: str, file: str, remedy: str = "") -> OutlineError:
    """E-GEO-01 for one annotation."""
    return OutlineError("E-GEO-01", f"{where} {what}", cause=cause, remedy=remedy, file=file)


def called(what: str, number: int, name: str) -> str:
    """What messages call an annotation; numbers begin at 1.

    >>> called("feature", 3, "Tumor")
    'feature 3 (Tumor)'
    """
    return f"{what} {number} ({name})" if name else f"{what} {number}"


def points(given: Any, where: str, file: str) -> Floats:
    """(n, 2) float64 (x, y) of a list of positions; a third coordinate is dropped."""
    if not isinstance(given, list) or not given:
        raise refused(where, "has no points", f"got {type(given).__name__}", file)
    if len(given) > MAX_POINTS:
        raise refused(where, "has too many points", f"{len(given)}, limit {MAX_POINTS}", file)
    for position in given:
        numbers = isinstance(position, (list, tuple)) and len(position) >= 2
        if not numbers or any(type(v) not in (int, float) for v in position[:2]):
            raise refused(where, "has a point that is none", f"{position!r:.60}", file)
    try:
        xy = np.array([position[:2] for position in given], np.float64)
    except OverflowError as error:
        raise refused(where, "is not finite", str(error), file) from error
    if not np.isfinite(xy).all():
        raise refused(where, "is not finite", "a coordinate is NaN or infinite", file)
    return xy


def ring(given: Any, where: str, file: str) -> Floats:
    """(n, 2) points of a ring, as stored: open or closed; E-GEO-01 for fewer than three different ones."""
    xy = points(given, where, file)
    if len(np.unique(xy, axis=0)) < 3:
        raise refused(where, "has no area", f"its ring has {len(xy)} points, wanted three different ones", file)
    return xy


def line(given: Any, where: str, file: str) -> Floats:
    """(n, 2) points of a line; E-GEO-01 for fewer than two different ones."""
    xy = points(given, where, file)
    if len(np.unique(xy, axis=0)) < 2:
        raise refused(where, "has no length", f"its line has {len(xy)} points, wanted two different ones", file)
    return xy

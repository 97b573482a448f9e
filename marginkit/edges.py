"""What the user said of the resection edge, as the measurement takes it: classes, restriction, names, sectors.

The surprising thing: directions are those of the *picture*, up and right on the screen. A picture does not know which
side of a patient it shows, so the anatomical name of each direction is the user's word.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from marginkit.errors import UsageError
from marginkit.geometry.run_mask import RunMask
from marginkit.geometry.scene import CLASSES
from marginkit.records import Region, check_spacing

if TYPE_CHECKING:
    from shapely.geometry import Polygon

DIRECTIONS = {"up": 0.0, "right": 90.0, "down": 180.0, "left": 270.0}  # degrees, clockwise on the screen
COMPASS = {word: 45.0 * i for i, word in enumerate(("n", "ne", "e", "se", "s", "sw", "w", "nw"))}
CLOCK = {f"{hour}h": 30.0 * (hour % 12) for hour in range(1, 13)}
STEP_DEG = 15.0  # of the corners of a wedge far outside: fine enough that no side comes near the specimen
_NEXT_CLASS = re.compile(r",(?=\s*(?:" + "|".join(CLASSES) + r")\s*=)")


def sources(text: str) -> dict[str, str]:
    """Class to source; the class is empty where one source restricts the cut edge.

    text : ``SRC``, or ``CLASS=SRC,CLASS=SRC``; a comma parts them only where a class follows, so that file names and
        options may have commas.

    >>> sources("natural=skin.tif, section=threshold:above=3,fill=yes")
    {'natural': 'skin.tif', 'section': 'threshold:above=3,fill=yes'}
    >>> sources("edge.tif")
    {'': 'edge.tif'}
    """
    parts = [part.partition("=") for part in _NEXT_CLASS.split(text)]
    if parts[0][0].strip() not in CLASSES:
        return {"": text}
    names = [name.strip() for name, _, _ in parts]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError("E-USE-07", f"edge class {twice[0]!r} is given twice", remedy="Give one source a class.")
    return {name: source.strip() for name, (_, _, source) in zip(names, parts)}


def as_edge(drawn: Mapping[str, Any]) -> Any:
    """The ``edge`` argument of a measurement, of the regions that ``sources`` names; None where there are none."""
    return drawn.get("", dict(drawn)) if drawn else None


def directions(text: str) -> dict[str, float]:
    """Margin name to direction in degrees, clockwise from up, of ``up=superior,right=lateral,225=deep``.

    Also by the compass (``n``, ``ne`` …) and by the clock (``12h``, ``3h`` …).

    UsageError E-USE-08 where it says something else.

    >>> directions("up=superior, down=inferior")
    {'superior': 0.0, 'inferior': 180.0}
    >>> directions("12h=superior, 3h=medial, sw=deep")
    {'superior': 0.0, 'medial': 90.0, 'deep': 225.0}
    """
    found: dict[str, float] = {}
    for part in text.split(","):
        word, _, name = (one.strip() for one in part.partition("="))
        degrees = _degrees(word.lower())
        if degrees is None or not name or name in found or degrees in found.values():
            remedy = f"Write DIRECTION=NAME with {', '.join(DIRECTIONS)}, n, ne …, 12h, 3h … or degrees from up."
            raise UsageError("E-USE-08", "sectors not understood", cause=f"{part.strip()!r}", remedy=remedy)
        found[name] = degrees
    return found


def _degrees(word: str) -> float | None:
    known = {**DIRECTIONS, **COMPASS, **CLOCK}
    if word in known:
        return known[word]
    try:
        value = float(word)
    except ValueError:
        return None
    return value % 360 if math.isfinite(value) else None


def sectors(text: str, specimen: Region, spacing_mm: Sequence[float]) -> dict[str, Polygon]:
    """Margin name to wedge: the part of the plane that is nearer to its direction than to any other.

    Wedges meet in the middle of the specimen's area and are given in (x, y) pixel corners. Angles are true: they are
    taken in mm. Of a stack the wedges hold in every plane.

    >>> import numpy as np
    >>> wedge = sectors("up=superior,down=inferior", Region(np.ones((4, 6), bool)), (1, 1))["superior"]
    >>> wedge.bounds[3], wedge.bounds[1] < -100
    (2.0, True)
    """
    from shapely.geometry import Polygon

    given = sorted(directions(text).items(), key=lambda one: one[1])
    flat = check_spacing(spacing_mm)[-2:]
    middle, reach_mm = _middle(specimen, flat)
    found = {}
    for i, (name, at) in enumerate(given):
        before, after = given[i - 1][1], given[(i + 1) % len(given)][1]
        start = at - ((at - before) % 360 or 360) / 2
        stop = at + ((after - at) % 360 or 360) / 2
        found[name] = Polygon(_wedge(middle, start, stop, reach_mm, flat))
    return found


def _wedge(
    middle: tuple[float, float], start_deg: float, stop_deg: float, reach_mm: float, spacing_mm: Sequence[float]
) -> list[tuple[float, float]]:
    """Corners (x, y) of a wedge; of one that goes all the way round, a closed ring around the middle."""
    count = max(2, math.ceil((stop_deg - start_deg) / STEP_DEG) + 1)
    turn = np.radians(np.linspace(start_deg, stop_deg, count))
    x = middle[1] + reach_mm * np.sin(turn) / spacing_mm[1]
    y = middle[0] - reach_mm * np.cos(turn) / spacing_mm[0]
    rim = list(zip(x.tolist(), y.tolist()))
    return rim[:-1] if stop_deg - start_deg >= 360 else [(middle[1], middle[0]), *rim]


def _middle(specimen: Region, spacing_mm: Sequence[float]) -> tuple[tuple[float, float], float]:
    """((y, x) of the middle of the specimen's area in pixel corners of the image, a length beyond all of it in mm)."""
    if specimen.kind == "polygon":
        shape: Any = specimen.data
        x0, y0, x1, y1 = shape.bounds
        return (shape.centroid.y, shape.centroid.x), 100 * math.hypot(
            (y1 - y0) * spacing_mm[0], (x1 - x0) * spacing_mm[1]
        )
    own = specimen.spacing_mm[-2:] if specimen.spacing_mm else tuple(spacing_mm)
    origin = specimen.origin_px[-2:] if specimen.origin_px else (0.0, 0.0)
    if isinstance(specimen.data, RunMask):
        at, size = list(specimen.data.middle()), specimen.data.shape
    else:
        at, size = _middle_of(np.asarray(specimen.data) >= 0.5)
    y, x = (o + i * m / s + 0.5 for o, i, m, s in zip(origin, at, own, spacing_mm))
    return (y, x), 100 * math.hypot(size[0] * own[0], size[1] * own[1])


def _middle_of(inside: NDArray[np.bool_]) -> tuple[list[float], tuple[int, ...]]:
    """((y, x) of the middle of an array's area in pixel centres, (height, width))."""
    flat = inside if inside.ndim == 2 else inside.sum(axis=0)
    total = max(int(flat.sum()), 1)
    at = [float((flat.sum(axis=1 - a) * np.arange(n)).sum() / total) for a, n in enumerate(flat.shape)]
    return at, flat.shape


def with_names(drawn: Mapping[str, Any], wedges: Mapping[str, Any]) -> dict[str, Any] | None:
    """The ``names`` argument of a measurement; None where nothing is named. E-USE-07 where a name is given twice."""
    twice = sorted(set(drawn) & set(wedges))
    if twice or "all" in {*drawn, *wedges}:
        cause = "by a region and by a sector" if twice else "it is the name of the whole edge"
        raise UsageError("E-USE-07", f"margin {(twice or ['all'])[0]!r} is named twice", cause=cause)
    return {**drawn, **wedges} or None

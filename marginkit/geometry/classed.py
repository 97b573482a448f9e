"""The class and the names of each bit of outline, from geometry and from what the user drew.

The surprising thing: a drawn edge has no thickness here. A bit belongs to a mask if a pixel on either side of it does,
so an edge painted three pixels thick, twice, or with gaps inside the tissue selects the same bits once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from marginkit.errors import GridError, MeasureError
from marginkit.geometry.run_mask import RunMask
from marginkit.geometry.scene import CLASSES, CUT, UNKNOWN, Bools, Outline

Codes = NDArray[np.uint8]


class Outlined(Protocol):
    """An outline in bits that can be asked where they lie; a scene is one."""

    @property
    def outline(self) -> Outline:
        """Every bit of the outline."""

    def in_region(self, region: Any) -> Bools:
        """(n,) whether each bit lies in a mask or polygon."""


def classes(scene: Outlined, edge: Any) -> Codes:
    """(n,) class code of each bit of the outline, as an index into ``scene.CLASSES``.

    edge : None; a bool mask or polygon (cut edge outside it becomes unknown); a mapping of class to region; or an
        integer array with 1 + the code of the class, 0 where nothing is said.
    """
    kinds: Codes = scene.outline.kind.copy()
    if edge is None:
        return kinds
    for name, region in _classed(edge).items():
        if name not in CLASSES:
            raise MeasureError("E-MSR-04", f"edge class {name!r} is unknown", remedy=f"Known are {', '.join(CLASSES)}.")
        kinds[scene.in_region(drawn("edge", region))] = CLASSES.index(name)
    if not isinstance(edge, Mapping) and not _is_coded(edge):
        kinds[(kinds == CUT) & ~scene.in_region(drawn("edge", edge))] = UNKNOWN
    return kinds


def _is_coded(edge: Any) -> bool:
    return isinstance(edge, np.ndarray) and np.issubdtype(edge.dtype, np.integer)


def _classed(edge: Any) -> Mapping[str, Any]:
    """Class to region, empty for a region that restricts."""
    if isinstance(edge, Mapping):
        return edge
    if not _is_coded(edge):
        return {}
    found = np.unique(edge)
    strange = found[(found < 0) | (found > len(CLASSES))].tolist()
    if strange:
        raise MeasureError(
            "E-MSR-04",
            f"edge codes {strange} are unknown",
            remedy="Known are 0 as found, " + ", ".join(f"{i + 1} {name}" for i, name in enumerate(CLASSES)) + ".",
        )
    return {CLASSES[code - 1]: edge == code for code in found.tolist() if code}


def named(scene: Outlined, names: Any) -> dict[str, Bools]:
    """Name to (n,) whether each bit of the outline bears it.

    names : None, a label array (labels become names), or a mapping of name to region.
    """
    if names is None:
        return {}
    if isinstance(names, Mapping):
        return {str(name): scene.in_region(drawn("names", region)) for name, region in names.items()}
    if not isinstance(names, np.ndarray) or not np.issubdtype(names.dtype, np.integer):
        raise TypeError(f"names: wanted a label array or a mapping of name to region, got {type(names).__name__}")
    return {str(label): scene.in_region(names == label) for label in np.unique(names).tolist() if label}


def drawn(argument: str, region: Any, *, lines: bool = False) -> Any:
    """A bool mask or polygon (or, where that makes sense, a line) that the user drew; refuses what is neither."""
    if getattr(region, "spacing_mm", None) is not None:
        raise GridError(
            "E-GRID-03", f"{argument} has a pixel size of its own", remedy="Give it on the grid of the image."
        )
    data = getattr(region, "data", region) if hasattr(region, "maker") else region
    if isinstance(data, (np.ndarray, RunMask)):
        if data.dtype != np.bool_:
            raise TypeError(f"{argument}: wanted a bool mask or a polygon, got an {data.dtype} array")
        return data
    drawable = {"Polygon", "MultiPolygon"} | ({"LineString", "MultiLineString"} if lines else set())
    if getattr(data, "geom_type", "") not in drawable:
        raise TypeError(f"{argument}: wanted a bool mask or a polygon, got {type(data).__name__}")
    return data

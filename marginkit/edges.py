"""What the user drew of the resection edge, as the measurement takes it.

A source written as ``cut=FILE#Cut,natural=FILE#Skin`` classes the outline; a source alone restricts the cut edge to
what lies in it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from marginkit.geometry.scene import CLASSES


def sources(text: str) -> dict[str, str]:
    """Class to source; the class is empty where a source restricts the cut edge.

    >>> sources("natural=skin.tif,section=labels.tif#label=2")
    {'natural': 'skin.tif', 'section': 'labels.tif#label=2'}
    >>> sources("edge.tif")
    {'': 'edge.tif'}
    """
    parts = [part.partition("=") for part in text.split(",")]
    if all(equals and name.strip() in CLASSES for name, equals, _ in parts):
        return {name.strip(): source.strip() for name, _, source in parts}
    return {"": text}


def classed(text: str, drawn: Callable[[str], Any]) -> Any:
    """The ``edge`` argument of a measurement: a region that restricts, or a mapping of class to region.

    drawn : gives the region of one source.

    >>> classed("natural=skin.tif", str.upper), classed("edge.tif", str.upper)
    ({'natural': 'SKIN.TIF'}, 'EDGE.TIF')
    """
    found = {kind: drawn(source) for kind, source in sources(text).items()}
    return found.get("", found)

"""What the user drew of the resection edge, as the measurement takes it.

A source written as ``cut=FILE#Cut,natural=FILE#Skin`` classes the outline; a source alone restricts the cut edge to
what lies in it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from marginkit.geometry.scene import CLASSES


def classed(text: str, drawn: Callable[[str], Any]) -> Any:
    """The ``edge`` argument of a measurement: a region that restricts, or a mapping of class to region.

    drawn : gives the region of one source.

    >>> classed("natural=skin.tif,section=block.tif", str.upper)
    {'natural': 'SKIN.TIF', 'section': 'BLOCK.TIF'}
    >>> classed("edge.tif", str.upper)
    'EDGE.TIF'
    """
    parts = [part.partition("=") for part in text.split(",")]
    if all(equals and name.strip() in CLASSES for name, equals, _ in parts):
        return {name.strip(): drawn(source.strip()) for name, _, source in parts}
    return drawn(text)

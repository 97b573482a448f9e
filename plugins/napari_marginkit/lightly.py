"""What napari and vispy do again for our layers each time that they change, done once.

The surprising thing: for new data vispy makes the function that passes colours on anew, takes it for another one and
compiles the shader again, which takes longer than the drawing. napari paints the thumbnail of vectors line by line, all
black, and draws each digit when it is first seen.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

SAMPLES = 2048  # dots in a thumbnail, at least two of each line
DIGITS = "0123456789.,touching"  # of every length, and of the words for none; others are drawn seldom


def lighten_lines(layer: Any) -> None:
    """Let a layer of vectors that is in the viewer be changed cheaply; all that it shows stays as it was."""
    layer._update_thumbnail = partial(_paint_thumbnail, layer)
    node = _node(layer)
    if hasattr(node, "_build_color_transform"):
        node._build_color_transform = partial(_same, node._build_color_transform, {})
    _paint_thumbnail(layer)


def ready_digits(layer: Any) -> None:
    """Have the digits of a layer of points with words drawn, so that no stroke has to wait until one is."""
    font: Any = getattr(getattr(_node(layer), "text", None), "_font", None)
    for digit in DIGITS if font is not None else ():
        font[digit]


def _node(layer: Any) -> Any:
    """What draws a layer; it listens to it. None where nothing draws it, or napari does so otherwise."""
    owners = (one[0]() for one in layer.events.set_data.callbacks if isinstance(one, tuple))
    return next((owner.node for owner in owners if hasattr(owner, "node")), None)


def _same(build: Any, kept: dict[Any, Any], colours: Any) -> Any:
    """The function that was made first for colours of that kind; those that are mapped are left to vispy."""
    kind = (colours.ndim, colours.shape[-1])
    if kind == (2, 1):
        return build(colours)
    if kind not in kept:
        kept[kind] = build(colours)
    return kept[kind]


def _paint_thumbnail(layer: Any) -> None:
    """Dots along the lines that are seen, in their full colours, on black."""
    picture = np.zeros(layer._thumbnail_shape, np.uint8)
    lines = layer._view_data[:, :, -2:]
    if len(lines):
        along = np.linspace(0, 1, max(2, SAMPLES // len(lines)))[:, None, None]
        dots = (lines[:, 0] + along * lines[:, 1] * layer.length).reshape(-1, 2)
        low, side = dots.min(axis=0), max(float(np.ptp(dots, axis=0).max()), 1e-9)
        at = ((dots - low) * ((min(picture.shape[:2]) - 1) / side)).astype(np.int64)
        colours = np.tile(layer.edge_color[layer._view_indices], (len(along), 1))
        picture[at[:, 0], at[:, 1]] = np.rint(colours * 255)
    layer.thumbnail = picture

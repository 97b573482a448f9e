"""Layers to paint and draw on, in the place of an image.

The surprising thing: a label layer with several levels cannot be painted in napari, and one of a whole slide does not
fit in memory. So a large image gets one coarser level, whose pixels lie exactly on those of the image.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import pictures, placing

LARGEST_PX = 8192  # along an axis of a plane


def step(image: Any) -> int:
    """How many pixels of the image one pixel of a painted layer covers, along both axes of a plane."""
    return max(1, -(-max(pictures.spatial_shape(image)[-2:]) // LARGEST_PX))


def labels(viewer: Any, image: Any, look: dict[str, Any]) -> Any:
    """A new, empty label layer on an image, added to the viewer."""
    factor = step(image)
    steps = np.ones(image.ndim)
    steps[-2:] = factor
    shape = tuple(-(-n // int(f)) for n, f in zip(pictures.spatial_shape(image), steps))
    place = placing.transform_of(image)
    shift = np.asarray(image.rotate) @ (np.asarray(image.scale) * (steps - 1) / 2)
    place |= {"scale": np.asarray(image.scale) * steps, "translate": np.asarray(image.translate) + shift}
    return viewer.add_labels(np.zeros(shape, np.uint8), **place, **look)


def shapes(viewer: Any, image: Any, **keywords: Any) -> Any:
    """A new, empty shapes layer on an image, added to the viewer."""
    width = max(1.0, min(pictures.spatial_shape(image)[-2:]) / 200)
    return viewer.add_shapes(ndim=image.ndim, edge_width=width, **{**placing.transform_of(image), **keywords})

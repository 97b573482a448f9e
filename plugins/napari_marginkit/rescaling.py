"""A scale given to an image and to all that lies on it, and taken back again.

The surprising thing: a scale is undone long after it was given, when more has been drawn. What is new by then goes back
with the image, so that it stays on the pixels that it was drawn on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from marginkit.errors import CalibrationError
from marginkit.records import Floats, Picture

from . import pictures, placing
from .pictures import KEY
from .reading import NO_SCALE

OWN = ("picture", "calibration", "raw")


@dataclass(frozen=True, eq=False)
class Was:
    """How a layer was. held : of its metadata, what is of the scale."""

    layer: Any
    place: Mapping[str, Any]
    held: Mapping[str, Any] | None
    name: str


@dataclass(frozen=True, eq=False)
class Before:
    """An image and what lay on it, before they were given a scale. matrix : of the image to its world."""

    image: Any
    layers: tuple[Was, ...]
    matrix: Floats


def apply(viewer: Any, image: Any, picture: Picture) -> tuple[list[str], Before]:
    """Give an image and all that lies on it a scale; (names of the layers that could not follow, how it was)."""
    assert picture.calibration is not None
    if len(picture.calibration.spacing_mm) != image.ndim:
        raise CalibrationError("E-CAL-08", "a length for each axis is wanted", cause=f"{image.ndim} axes")
    follow = [layer for layer in viewer.layers if layer is image or _follows(layer, picture)]
    raw = {layer: pictures.raw(layer) for layer in follow if layer is image or pictures.kept(layer) is not None}
    before = Before(image, tuple(map(_was, follow)), placing.world(image)[0])
    left = placing.calibrate(image, follow, picture.calibration.spacing_mm)
    left += [layer.name for layer in viewer.layers if layer not in follow]
    for layer in follow:
        if layer in raw:
            pictures.take(layer, picture, raw[layer])
        if layer.name not in left:
            layer.name = layer.name.removesuffix(f" ({NO_SCALE})")
    viewer.reset_view()
    return left, before


def undo(viewer: Any, before: Before) -> bool:
    """Give an image and all that lies on it the scale that it had; whether the image is still there."""
    image = before.image
    if image not in viewer.layers:
        return False
    change = before.matrix @ np.linalg.inv(placing.world(image)[0])
    units = placing.units_of([image])
    known = {was.layer for was in before.layers}
    later = [one for one in viewer.layers if one not in known and type(one).__name__ != "Image"]
    new = [one for one in later if one.ndim == image.ndim and placing.units_of([one]) == units]
    for was in before.layers:
        if was.layer in viewer.layers:
            _put_back(was)
    for layer in new:
        placing.move(layer, change, image.units)
    viewer.reset_view()
    return True


def _was(layer: Any) -> Was:
    held = layer.metadata.get(KEY)
    own = {key: held[key] for key in OWN if key in held} if isinstance(held, Mapping) else None
    return Was(layer, placing.transform_of(layer), own, layer.name)


def _put_back(was: Was) -> None:
    layer = was.layer
    for key, value in was.place.items():
        setattr(layer, key, value)
    if pictures.kept(layer) is not None:
        held = {key: value for key, value in layer.metadata[KEY].items() if key not in OWN}
        layer.metadata = {**layer.metadata, KEY: {**held, **(was.held or {})}}
    if layer.name == was.name.removesuffix(f" ({NO_SCALE})"):
        layer.name = was.name


def _follows(layer: Any, picture: Picture) -> bool:
    """Whether a layer is of that picture: another channel of it, or drawn. An image of another file is not."""
    known = pictures.kept(layer)
    if known is not None:
        return bool(picture.sha256) and known.sha256 == picture.sha256
    return type(layer).__name__ != "Image"

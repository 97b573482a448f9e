"""The bundled samples as layers, ready to be measured; their known answer stands in the menu."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit import opening, samples
from marginkit.records import Picture

from . import reading, roles

NAMES = {1: "superior", 2: "deep", 3: "inferior"}
SKIN, NATURAL = 4, 2  # the label of the skin in the sample; the code of natural edge


def excision() -> list[reading.LayerData]:
    """Skin excision on a slide: superior margin inked blue, deep black; the skin is no cut edge."""
    picture = _open("he.ome.tif")
    sides = _pixels("he_margins.ome.tif")
    named = np.where(np.isin(sides, list(NAMES)), sides, 0)
    return [
        *reading.layers(picture, "excision"),
        _labels(picture, "he_specimen.ome.tif", roles.SPECIMEN),
        _labels(picture, "he_tumor.ome.tif", roles.TUMOR),
        _layer(picture, np.where(sides == SKIN, NATURAL, 0), roles.EDGE),
        _layer(picture, named, roles.NAMES, names=NAMES),
    ]


def fluorescence() -> list[reading.LayerData]:
    """Slice of a fresh specimen in near-infrared; its tumor is the region of signal."""
    picture = _open("fluorescence.ome.tif")
    specimen = _labels(picture, "fluorescence_specimen.ome.tif", roles.SPECIMEN)
    signal = _labels(picture, "fluorescence_tumor.ome.tif", roles.SIGNAL)
    return [*reading.layers(picture, "fluorescence"), specimen, signal]


def stack() -> list[reading.LayerData]:
    """Piece of a limb as CT; planes 3 mm apart."""
    picture = _open("stack.ome.tif")
    specimen = _labels(picture, "stack_specimen.ome.tif", roles.SPECIMEN)
    return [*reading.layers(picture, "stack"), specimen, _labels(picture, "stack_tumor.ome.tif", roles.TUMOR)]


def _open(name: str) -> Picture:
    return opening.uncalibrated(samples.folder() / name)


def _pixels(name: str) -> NDArray[Any]:
    picture = opening.open(samples.folder() / name, mask=True)
    return np.squeeze(picture.read(), tuple(i for i, axis in enumerate(picture.axes) if axis not in "ZYX"))


def _labels(picture: Picture, name: str, role: str) -> reading.LayerData:
    return _layer(picture, (_pixels(name) != 0).astype(np.uint8), role)


def _layer(picture: Picture, pixels: NDArray[Any], role: str, **more: Any) -> reading.LayerData:
    shared = reading.common(opening.calibrated(picture))
    return pixels.astype(np.uint8), {**shared, **roles.look(role, **more)}, "labels"

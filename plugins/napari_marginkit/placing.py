"""Where a layer lies: its whole transform (scale, translate, rotate, affine, units) in millimetres.

The surprising thing: napari draws layers of different units side by side and stores what is drawn in the wrong one
a thousand times off (0.9.2). So layers of more than one unit are refused, and nothing is read from world coordinates.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from marginkit import units
from marginkit.errors import CalibrationError, GridError
from marginkit.records import Floats

SQUARE = 1e-6  # cosine between axes that still counts as a right angle
TURNED = 1e-6  # of a rotation between two layers
MM = "mm"


@dataclass(frozen=True, eq=False)
class Place:
    """Index units of a layer to mm: ``matrix @ index + offset``. shape : of its pixels; None for drawn layers."""

    name: str
    matrix: Floats
    offset: Floats

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.offset)

    @property
    def spacing_mm(self) -> tuple[float, ...]:
        """Size of a pixel along each of its axes."""
        return tuple(float(s) for s in np.linalg.norm(self.matrix, axis=0))

    def onto(self, other: Place) -> tuple[Floats, Floats]:
        """(matrix, offset) from this layer's index units to those of another."""
        if self.ndim != other.ndim:
            raise GridError(
                "E-GRID-01",
                "layers differ in axes",
                cause=f"{self.name} has {self.ndim}, {other.name} has {other.ndim}",
                remedy="Draw on a layer with the axes of the image.",
            )
        matrix = np.linalg.solve(other.matrix, self.matrix)
        offset = np.linalg.solve(other.matrix, self.offset - other.offset)
        return _clean(matrix), _clean(offset)


def _clean(values: Any) -> Floats:
    """Without the noise of a matrix inverse: whole and half numbers are exact."""
    halves: Floats = np.round(values * 2) / 2
    return np.where(np.isclose(values, halves, rtol=0, atol=1e-9), halves, values)


def unit_mm(layer: Any) -> tuple[float, ...] | None:
    """Millimetres in the unit of each axis; None where one of them is no length (``pixel``)."""
    found = [units.mm_per(str(unit)) for unit in layer.units]
    return None if any(mm is None for mm in found) else tuple(float(mm or 0) for mm in found)


def world(layer: Any) -> tuple[Floats, Floats]:
    """(matrix, offset) from index units of a layer to its own world, whatever its unit."""
    count = layer.ndim
    offset = np.array(layer.data_to_world(np.zeros(count)), np.float64)
    columns = [np.array(layer.data_to_world(one), np.float64) - offset for one in np.eye(count)]
    return np.stack(columns, axis=1), offset


def place(layer: Any) -> Place:
    """The place of a layer in mm.

    CalibrationError E-CAL-01 where its unit is no length; GridError E-GRID-02 where it is sheared.
    """
    per_unit = unit_mm(layer)
    if per_unit is None:
        raise CalibrationError(
            "E-CAL-01", "no scale", cause=f"layer {layer.name} is in pixels", remedy="Calibrate the image first."
        )
    matrix, offset = world(layer)
    scaled = np.array(per_unit)[:, None] * matrix
    _refuse_shear(layer.name, scaled)
    return Place(layer.name, scaled, np.array(per_unit) * offset)


def pixels(layer: Any) -> Place:
    """The place of a layer in its own world, for pictures without a scale. E-GRID-02 where it is sheared."""
    matrix, offset = world(layer)
    _refuse_shear(layer.name, matrix)
    return Place(layer.name, matrix, offset)


def _refuse_shear(name: str, matrix: Floats) -> None:
    sizes = np.linalg.norm(matrix, axis=0)
    if not np.isfinite(matrix).all() or (sizes <= 0).any():
        raise GridError("E-GRID-02", "the layer has no size", cause=f"{name} is flattened by its transform")
    cosines = (matrix / sizes).T @ (matrix / sizes) - np.eye(len(sizes))
    if np.abs(cosines).max() > SQUARE:
        raise GridError(
            "E-GRID-02",
            "the layer is sheared",
            cause=f"the axes of {name} do not meet at right angles",
            remedy="Distances would be wrong: remove the shear.",
        )


def grid_on(own: Place, image: Place) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """(ratio, origin_px) of a layer of pixels on the image's: size of its pixel, place of its first pixel's centre.

    GridError E-GRID-07 where it is turned or mirrored against the image: pixels would have to be resampled.
    """
    matrix, offset = own.onto(image)
    ratio = np.diag(matrix)
    if np.abs(matrix - np.diag(ratio)).max() > TURNED * np.abs(matrix).max() or (ratio <= 0).any():
        raise GridError(
            "E-GRID-07",
            "a layer is turned against the image",
            cause=f"{own.name} and {image.name}",
            remedy="Draw an outline, or give both layers one rotation.",
        )
    return tuple(ratio.tolist()), tuple(offset.tolist())


def units_of(layers: Iterable[Any]) -> tuple[str, ...]:
    """The different units of all axes of all layers, in order of appearance."""
    return tuple(dict.fromkeys(str(unit) for layer in layers for unit in layer.units))


def refuse_mixed(layers: Iterable[Any]) -> None:
    """GridError E-GRID-03 where layers have more than one unit."""
    found = units_of(layers)
    if len(found) > 1:
        raise GridError(
            "E-GRID-03",
            "layers of different units",
            cause=", ".join(found),
            remedy="What is drawn now would be stored wrong: press 'Millimetres everywhere'.",
        )


def to_millimetres(layers: Iterable[Any]) -> list[str]:
    """Give every layer whose unit is a length millimetres, without moving it. Names of those left in pixels."""
    left = []
    for layer in list(layers):
        per_unit = unit_mm(layer)
        if per_unit is None:
            left.append(layer.name)
        elif set(per_unit) != {1.0} or units_of([layer]) != ("millimeter",):
            _set_world(layer, *(np.array(per_unit)[:, None] * np.eye(layer.ndim), np.zeros(layer.ndim)))
    return left


def _set_world(layer: Any, matrix: Floats, offset: Floats) -> None:
    """Put a layer's world through ``matrix @ world + offset`` and call the result millimetres."""
    old, at = world(layer)
    new, moved = matrix @ old, matrix @ at + offset
    diagonal = np.diag(new)
    whole = np.eye(layer.ndim + 1)
    layer.affine, layer.rotate, layer.shear = whole, np.eye(layer.ndim), np.zeros(layer.ndim * (layer.ndim - 1) // 2)
    if np.allclose(new, np.diag(diagonal), rtol=0, atol=1e-12 * np.abs(new).max()) and (diagonal > 0).all():
        layer.scale, layer.translate = diagonal, moved
    else:
        layer.scale, layer.translate = np.ones(layer.ndim), np.zeros(layer.ndim)
        whole[:-1, :-1], whole[:-1, -1] = new, moved
        layer.affine = whole
    layer.units = (MM,) * layer.ndim


def move(layer: Any, matrix: Floats, units: Any) -> None:
    """Put a layer's world through ``matrix``, and call the result by these units."""
    _set_world(layer, matrix, np.zeros(layer.ndim))
    layer.units = units


def calibrate(image: Any, layers: Iterable[Any], spacing_mm: tuple[float, ...]) -> list[str]:
    """Give the image a pixel of ``spacing_mm`` and keep every layer of its axes on the same pixels of it.

    Layers of other axes, and those whose unit is a length while the image's is not, stay; their names are returned.
    """
    old, _ = world(image)
    _refuse_shear(image.name, old)
    turned = old / np.linalg.norm(old, axis=0)
    change = (turned * np.array(spacing_mm)) @ np.linalg.inv(old)
    own, left = units_of([image]), []
    for layer in list(layers):
        if layer.ndim == image.ndim and units_of([layer]) == own:
            _set_world(layer, change, np.zeros(image.ndim))
        else:
            left.append(layer.name)
    return left


def transform_of(layer: Any) -> dict[str, Any]:
    """What a new layer is given to lie exactly where ``layer`` lies."""
    return {
        "scale": layer.scale,
        "translate": layer.translate,
        "rotate": layer.rotate,
        "shear": layer.shear,
        "affine": layer.affine.affine_matrix,
        "units": layer.units,
        "axis_labels": layer.axis_labels,
    }

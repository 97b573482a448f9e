"""Scribbles in files to a trained classifier: a label image, or outlines of classes, with their picture.

The surprising thing: a label image says 1 and 2, not what they are. The classes are told by the user, in the order of
the labels; outlines carry their own names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit import grids, opening, outlined, shelf
from marginkit.errors import MarginError, OutlineError, PixelError, UsageError
from marginkit.records import Picture, Region

USUAL = ("other", "tumor")
OUTLINES = (".geojson", ".json", ".xml")
COARSEST_PX = 8192  # outlines are put on pixels as fine as this many along the longer side
LINE_PX = 3


@dataclass(frozen=True)
class Pair:
    """A picture's file, and that of what was drawn on it."""

    image: str
    scribbles: str


def train(
    pairs: Sequence[Pair],
    *,
    classes: Sequence[str] = USUAL,
    pixel_um: float | None = None,
    pixel_size: str | None = None,
    confirm: bool = False,
    seed: int = 0,
) -> Any:
    """The classifier (``marginkit.classifier.model.Model``) that scribbles in files teach.

    classes : names of the labels 1, 2, …, or of the classes in an outline file. pixel_um : size of the pixels that it
    looks at. pixel_size, confirm : as of ``measure``, for the pictures.

    Raises
    ------
    UsageError : E-USE-13 fewer than two classes. ModelError, PixelError : as of the segmenter ``pixels``.
    GridError, OutlineError, FileError : the scribbles do not lie on their picture, or cannot be read.
    """
    if len(set(classes)) != len(classes) or len(classes) < 2 or not all(classes):
        raise UsageError("E-USE-13", "two or more different classes are wanted", cause=", ".join(classes) or "none")
    module = shelf.get("segmenters", "pixels")
    drawn = []
    for pair in pairs:
        picture = opening.open(pair.image, pixel_size=pixel_size, confirm=confirm)
        labels, ratio = _labels(pair.scribbles, picture, classes)
        drawn.append(module.Scribbles(picture, labels, ratio))
    return module.train(drawn, list(classes), pixel_um=pixel_um, seed=seed)


def _labels(path: str, picture: Picture, classes: Sequence[str]) -> tuple[NDArray[Any], tuple[float, float]]:
    """(labels, pixels of level 0 in one of them)."""
    if path.lower().endswith(OUTLINES):
        return _drawn(path, picture, classes)
    opened = opening.open(path, mask=True)
    found = opened.read()
    labels = found.reshape([n for n in found.shape if n != 1] or [1])
    if labels.ndim != 2 or labels.dtype.kind not in "ui":
        cause = f"axes {opened.axes}, {labels.dtype}"
        raise PixelError("E-PIX-02", "scribbles are whole numbers on one plane", cause=cause, file=path)
    placed = grids.place(Region(labels > 0), opened, picture)
    if placed.spacing_mm is None or picture.spacing_mm is None:
        return labels, (1.0, 1.0)
    ratio = [own / whole for own, whole in zip(placed.spacing_mm, picture.spacing_mm[-2:])]
    return labels, (ratio[0], ratio[1])


def _drawn(path: str, picture: Picture, classes: Sequence[str]) -> tuple[NDArray[np.uint8], tuple[float, float]]:
    """Areas filled and lines drawn, class by class; a class that is not in this file is left out."""
    import cv2
    import shapely

    height, width = picture.spatial_shape[-2:]
    step = max(1, -(-max(height, width) // COARSEST_PX))
    labels = np.zeros((-(-height // step), -(-width // step)), np.uint8)
    missing: list[MarginError] = []
    for label, name in enumerate(classes, 1):
        try:
            data: Any = outlined.region(path, name, picture, None, lines=True)[0].data
        except OutlineError as error:
            if error.code != "E-GEO-03":
                raise
            missing.append(error)
            continue
        for part in shapely.get_parts(data):
            rings = [part] if part.geom_type == "LineString" else [part.exterior, *part.interiors]
            points = [np.round(np.asarray(ring.coords)[:, :2] / step - 0.5).astype(np.int32) for ring in rings]
            if part.geom_type == "LineString":
                cv2.polylines(labels, points, False, label, max(1, LINE_PX // step))
            else:
                cv2.fillPoly(labels, points, label)
    if len(missing) == len(classes):
        raise missing[0]
    return labels, (float(step), float(step))


def save(model: Any, path: str | Path) -> None:
    """Write a model, whole or not at all."""
    from marginkit import files

    with files.write_atomic(path) as stream:
        model.write(stream)

"""A layer as marginkit's picture: the file that was opened, or an image of somebody else with its claim.

The surprising thing: a layer that another reader calls "1 micrometre" is a claim like any other. It goes through the
same doubts as a tag of a file, and what is taken is written beside the numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from marginkit import opening, samples
from marginkit.errors import AxesError, CalibrationError, plain
from marginkit.records import Claim, Level, Picture

from . import placing

KEY = "marginkit"
REMEDY = "In Calibrate find a ruler, draw a known length, or type the size of a pixel."
SAME = 1e-6  # relative: the scale of a layer and of its calibration


def metadata(picture: Picture, raw: Picture, **more: Any) -> dict[str, Any]:
    """What is kept in ``layer.metadata``: the picture, where its pixel size comes from, the picture before that."""
    return {KEY: {"picture": picture, "calibration": told(picture), "raw": raw, **more}}


def told(picture: Picture) -> str:
    """Pixel size and source in words; why there is none."""
    taken = picture.calibration
    if taken is None:
        return str(here(picture).refusal or "no scale")
    size = " × ".join(f"{s:.6g}" for s in taken.spacing_mm)
    return f"{size} mm a pixel, from {taken.source}{f' ({taken.detail})' if taken.detail else ''}"


def here(picture: Picture) -> Picture:
    """The picture with a refusal that says what can be done in the viewer, not on the command line."""
    error = picture.refusal
    if error is None:
        return picture
    why = CalibrationError(error.code, error.what, cause=error.cause, remedy=REMEDY, file=error.file)
    return replace(picture, refusal=why)


def raw(layer: Any) -> Picture:
    """The picture of a layer before anything was decided of its pixel size."""
    return kept(layer, "raw") or foreign(layer)


def kept(layer: Any, which: str = "picture") -> Picture | None:
    """The picture that a layer was made from by marginkit; None for others."""
    held = layer.metadata.get(KEY)
    found = held.get(which) if isinstance(held, Mapping) else None
    return found if isinstance(found, Picture) and found.spatial_shape == spatial_shape(layer) else None


def path_of(layer: Any) -> str:
    """The file of an image layer, that of a sample its bundled image; empty where there is none."""
    source, known = getattr(layer, "source", None), kept(layer)
    path = getattr(source, "path", None)
    if path:
        return str(path)
    sample = known is not None and (getattr(source, "sample", None) or ("",))[0] == KEY
    return str(samples.folder() / known.name) if known is not None and sample else ""


def level0(layer: Any) -> Any:
    """The finest pixels of a layer, not yet read."""
    return layer.data[0] if getattr(layer, "multiscale", False) else layer.data


def spatial_shape(layer: Any) -> tuple[int, ...]:
    """Size of a layer of pixels without the samples of its colours."""
    return tuple(int(n) for n in level0(layer).shape[: layer.ndim])


def picture_of(layer: Any, *, confirm: bool = False, pixel_size: str | None = None) -> Picture:
    """The picture of a layer, calibrated as the layer is, or with the refusal that says why it is not."""
    return here(_picture_of(layer, confirm, pixel_size))


def _picture_of(layer: Any, confirm: bool, pixel_size: str | None) -> Picture:
    known = kept(layer)
    if pixel_size:
        return opening.calibrated(raw(layer), pixel_size)
    if known is not None and not confirm:
        return known if _unmoved(layer, known) else replace(known, calibration=None, refusal=_changed(layer, known))
    return opening.calibrated(raw(layer), confirm=confirm)


def calibrated(layer: Any) -> Picture:
    """The picture of a layer with its calibration; raises the refusal where there is none."""
    picture = picture_of(layer)
    if picture.calibration is None:
        raise picture.refusal or CalibrationError("E-CAL-01", "no scale", cause=layer.name)
    return picture


def foreign(layer: Any) -> Picture:
    """A layer that marginkit did not open, with its scale as a claim."""
    if layer.ndim not in (2, 3):
        cause = f"layer {layer.name} has {layer.ndim}"
        raise AxesError("E-AXE-01", "an image has two or three axes", cause=cause, remedy="Take one time and channel.")
    pixels = level0(layer)
    axes = "ZYX"[-layer.ndim :] + ("S" if getattr(layer, "rgb", False) else "")
    shape = tuple(int(n) for n in pixels.shape)
    level = Level(shape, (1.0, 1.0), lambda where: np.asarray(pixels[where]))
    claims = (_claim(layer),)
    return Picture(plain(layer.name), "napari layer", axes, shape, np.dtype(pixels.dtype), (level,), claims=claims)


def _claim(layer: Any) -> Claim:
    detail = ", ".join(f"{s:g} {u}" for s, u in zip(layer.scale, layer.units))
    if placing.unit_mm(layer) is None:
        return Claim("napari layer", None, detail, "it is in pixels")
    return Claim("napari layer", placing.place(layer).spacing_mm, detail)


def _unmoved(layer: Any, picture: Picture) -> bool:
    """Whether a layer still has the scale of its calibration."""
    if picture.spacing_mm is None or placing.unit_mm(layer) is None:
        return picture.spacing_mm is None
    own = placing.place(layer).spacing_mm[-len(picture.spacing_mm) :]
    return bool(np.allclose(own, picture.spacing_mm, rtol=SAME, atol=0))


def _changed(layer: Any, picture: Picture) -> CalibrationError:
    return CalibrationError(
        "E-CAL-04",
        "the scale of the layer is not its calibration",
        cause=f"layer {layer.name} has {_claim(layer).detail}, the file {told(picture)}",
        remedy="Calibrate it again.",
    )


def take(layer: Any, picture: Picture, raw: Picture) -> None:
    """Write a picture with its calibration into a layer's metadata."""
    held = layer.metadata.get(KEY)
    layer.metadata = {**layer.metadata, **metadata(picture, raw, **_rest(held))}


def _rest(held: Any) -> dict[str, Any]:
    return (
        {k: v for k, v in held.items() if k not in ("picture", "calibration", "raw")}
        if isinstance(held, Mapping)
        else {}
    )

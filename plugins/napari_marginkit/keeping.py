"""A case on disk, whole: layers, form, calibration and palette, to be gone on with another day.

The surprising thing: no path is written. The image is known by its name and its SHA-256 and is looked for beside the
case file; the layers lie in one folder beside it, each named after its content, so that a case that is written over
stays whole until the very last step.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from marginkit import files, ometiff
from marginkit.errors import FileError, MarginError

from . import pictures, placing, roles
from .asking import Form
from .showing import ROLE

SCHEMA, SUFFIX, FOLDER = "marginkit.case/1", ".marginkit.json", ".layers"
ASKED, PALETTE = "asked", "palette"  # what an image's metadata holds besides
MOST_PX = 1 << 30  # of a pyramid of labels
LAYERS = ("target", "specimen", "edge", "names", "barrier")
PLAIN = ("role", "target_labels", "specimen_labels", "sectors", "state", "boundary", "holes", "radiotherapy", "case")


@dataclass(frozen=True)
class Kept:
    """What was written, and the names of layers that cannot be kept."""

    path: Path
    left: tuple[str, ...]


def note(image: Any, key: str, value: Any) -> None:
    """Keep something with an image layer, for the case file."""
    held = image.metadata.get(pictures.KEY)
    image.metadata = {**image.metadata, pictures.KEY: {**(held if isinstance(held, Mapping) else {}), key: value}}


def noted(layer: Any, key: str) -> Any:
    """What was kept with a layer; None where nothing was."""
    held = layer.metadata.get(pictures.KEY)
    return held.get(key) if isinstance(held, Mapping) else None


def save(layers: Any, image: Any, path: str | Path) -> Kept:
    """Write the case of an image layer. FileError E-FILE-12 where the image is no file or nothing can be written.

    layers : all of the viewer's. path : ends in ``.marginkit.json``, which is added where it does not.
    """
    target = Path(str(path).removesuffix(SUFFIX) + SUFFIX).expanduser()
    own = _image(image)
    form = noted(image, ASKED)
    form = form if isinstance(form, Form) and form.image is image else Form(image, None, None)
    kept = [layer for layer in layers if layer.ndim == image.ndim and _kind(layer)]
    left = [one.name for one in layers if one not in kept and not _ours(one) and not _of_file(one, own["sha256"])]
    folder = target.with_name(target.name.removesuffix(SUFFIX) + FOLDER)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        told = [_layer(layer, folder) for layer in kept]
    except OSError as error:
        raise FileError("E-FILE-12", "the case cannot be written", cause=str(error.strerror), file=target) from error
    whole = {
        "schema": SCHEMA,
        "marginkit": version("marginkit"),
        "image": own,
        "layers": told,
        "form": _form(form, kept),
        "palette": noted(image, PALETTE) or {},
    }
    with files.write_atomic(target) as stream:
        stream.write(json.dumps(whole, ensure_ascii=False, allow_nan=False, indent=1).encode() + b"\n")
    wanted = {one["file"] for one in told if "file" in one}
    for old in folder.glob("*.ome.tif"):
        if old.name not in wanted:
            old.unlink(missing_ok=True)
    return Kept(target, tuple(left))


def _image(image: Any) -> dict[str, Any]:
    picture = pictures.kept(image)
    source = getattr(image.source, "path", None)
    digest = picture.sha256 if picture is not None else files.sha256(source) if source else ""
    if not digest:
        remedy = "Save it as a file, open that, and keep the case then."
        raise FileError("E-FILE-12", "the image is no file", cause=image.name, remedy=remedy)
    name = Path(source).name if source else picture.name if picture is not None else ""
    told = {"file": name, "sha256": digest, "layer": image.name, "calibration": None}
    try:
        taken = pictures.picture_of(image).calibration
    except MarginError:
        taken = None
    if taken is not None:
        told["calibration"] = {
            "spacing_mm": list(taken.spacing_mm),
            "source": taken.source,
            "detail": taken.detail,
            "relative_uncertainty": taken.relative_uncertainty,
            "asked": taken.asked,
        }
    return told | {"sample": image.source.sample[1]} if getattr(image.source, "sample", None) else told


def _ours(layer: Any) -> bool:
    return bool(noted(layer, "role") == ROLE)


def _of_file(layer: Any, digest: str) -> bool:
    known = pictures.kept(layer)
    return known is not None and known.sha256 == digest


def _kind(layer: Any) -> str:
    """How a layer is kept; empty where it is not."""
    name = type(layer).__name__.lower()
    if _ours(layer) or name not in ("labels", "shapes", "points", "image"):
        return ""
    if getattr(layer, "multiscale", False) and (name != "labels" or pictures.level0(layer).size > MOST_PX):
        return ""
    made = name != "image" or (pictures.kept(layer) is None and bool(roles.role_of(layer) or _maker(layer)))
    return name if made and not getattr(layer, "rgb", False) else ""


def _maker(layer: Any) -> str:
    return str(noted(layer, "maker") or "")


def _layer(layer: Any, folder: Path) -> dict[str, Any]:
    place = placing.transform_of(layer)
    told: dict[str, Any] = {
        "kind": _kind(layer),
        "name": layer.name,
        "role": roles.role_of(layer),
        "maker": _maker(layer),
        "names": {str(label): name for label, name in roles.names_of(layer).items()},
        "visible": bool(layer.visible),
        "opacity": float(layer.opacity),
        "place": {key: _plain(value) for key, value in place.items()},
    }
    if told["kind"] == "points":
        return told | _points(layer)
    return told | (_shapes(layer) if told["kind"] == "shapes" else _pixels(layer, folder))


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else [str(word) for word in value]


def _pixels(layer: Any, folder: Path) -> dict[str, Any]:
    memory = io.BytesIO()
    ometiff.write(memory, np.asarray(pictures.level0(layer)), None, layer.name)
    digest = hashlib.sha256(memory.getvalue()).hexdigest()
    name = f"{re.sub(r'[^A-Za-z0-9]+', '-', layer.name).strip('-')[:40] or 'layer'}-{digest[:12]}.ome.tif"
    if not (folder / name).exists() or files.sha256(folder / name) != digest:
        with files.write_atomic(folder / name) as stream:
            stream.write(memory.getvalue())
    levels = [list(map(int, one.shape)) for one in layer.data] if getattr(layer, "multiscale", False) else []
    return {"file": name, "sha256": digest, **({"levels": levels} if levels else {})}


def _table(layer: Any) -> dict[str, list[str]]:
    return {str(column): [_word(value) for value in layer.features[column]] for column in layer.features}


def _points(layer: Any) -> dict[str, Any]:
    return {
        "points": np.asarray(layer.data, np.float64).tolist(),
        "features": _table(layer),
        "size": np.asarray(layer.size, np.float64).tolist(),
        "symbol": [str(one) for one in layer.symbol],
        "face_color": np.asarray(layer.face_color).tolist(),
        "border_color": np.asarray(layer.border_color).tolist(),
    }


def _shapes(layer: Any) -> dict[str, Any]:
    return {
        "shapes": [
            {"type": str(kind), "points": np.asarray(one).tolist()} for one, kind in zip(layer.data, layer.shape_type)
        ],
        "features": _table(layer),
        "edge_width": [float(one) for one in layer.edge_width],
        "edge_color": np.asarray(layer.edge_color).tolist(),
        "face_color": np.asarray(layer.face_color).tolist(),
    }


def _word(value: Any) -> str:
    return "" if value is None or value != value else str(value)


def _form(form: Form, kept: list[Any]) -> dict[str, Any]:
    told = {name: kept.index(one) if (one := getattr(form, name)) in kept else None for name in LAYERS}
    chosen = {name: getattr(form, name) for name in PLAIN}
    return {**told, **chosen, "policies": list(form.policies), "limits_mm": list(form.limits_mm)}

"""A kept case as layers again: nothing in the file is run, and nothing outside its own folder is read.

The surprising thing: the file is somebody else's. Every name in it is a plain name, every layer has to have the bytes
that it had, and the image has to be the very one that was measured.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from marginkit import files, opening, samples, shelf
from marginkit.errors import FileError, MarginError
from marginkit.records import STATES, Calibration, Picture

from . import keeping, pictures, roles, segmented
from .keeping import FOLDER, LAYERS, SCHEMA, SUFFIX

LARGEST_BYTES = 1 << 27
MOST_LEVELS = 20
FORM = "form"
PLACE = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
SAMPLES = {"excision": "he.ome.tif", "fluorescence": "fluorescence.ome.tif", "stack": "stack.ome.tif"}
LayerData = tuple[Any, dict[str, Any], str]


def is_case(path: str | Path) -> bool:
    """Whether a name is that of a case file."""
    return str(path).endswith(SUFFIX)


def read(path: str | Path) -> list[LayerData]:
    """The layers of a case file, its image first.

    FileError E-FILE-10 where it is no case file or was tampered with; E-FILE-14 where its image or a layer is missing,
    or is no longer the same.
    """
    from . import reading

    target = Path(path)
    told = _told(target)
    try:
        raw = opening.uncalibrated(_beside(target, told["image"]))
        if raw.sha256 != str(told["image"]["sha256"]):
            remedy = "Put the image of the case beside it."
            raise FileError(
                "E-FILE-14", "not the image of this case", cause="its SHA-256", file=raw.name, remedy=remedy
            )
        picture = _calibrated(raw, told["image"]["calibration"])
        images = reading.layers(raw, picture=picture)
        _note(images, told, picture)
        case = str(target.resolve())
        folder = target.with_name(target.name.removesuffix(SUFFIX) + FOLDER)
        found = [_layer(one, folder, (case, i)) for i, one in enumerate(told["layers"])]
        chosen = next((i for i, one in enumerate(images) if one[1]["name"] == told["image"]["layer"]), 0)
        images[chosen][1]["metadata"][pictures.KEY][FORM] = (case, _form(told[FORM]))
    except MarginError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise _broken(target, f"{type(error).__name__}: {error}"[:200]) from error
    return [*images, *found]


def _broken(path: Path, cause: str) -> FileError:
    return FileError("E-FILE-10", "the case file is broken", cause=cause, file=path, remedy="Keep the case again.")


def _told(path: Path) -> dict[str, Any]:
    with files.open_regular(path) as stream:
        text = stream.read(LARGEST_BYTES + 1)
    if len(text) > LARGEST_BYTES:
        raise _broken(path, f"more than {LARGEST_BYTES >> 20} MiB")
    try:
        told = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _broken(path, "it is no JSON") from error
    if not isinstance(told, dict) or told.get("schema") != SCHEMA:
        schema = told.get("schema") if isinstance(told, dict) else None
        cause = f"its schema is {str(schema)[:60]!r}, this version reads {SCHEMA!r}"
        raise FileError("E-FILE-10", "not a case file of this version", cause=cause, file=path)
    return told


def _name(word: Any) -> str:
    """A plain file name. ValueError where it could lead elsewhere."""
    name = str(word)
    if not name or name in (".", "..") or any(sign in name for sign in "/\\\0:"):
        raise ValueError(f"{name[:60]!r} is no plain name")
    return name


def _beside(case: Path, image: Mapping[str, Any]) -> Path:
    """Where the image is: beside the case, or among the bundled samples."""
    beside = case.with_name(_name(image["file"]))
    if beside.exists():
        return beside
    if image.get("sample") in SAMPLES:
        return Path(str(samples.folder())) / SAMPLES[image["sample"]]
    cause, remedy = f"{beside.name} is not beside the case file", "Put both into one folder."
    raise FileError("E-FILE-14", "the image is missing", cause=cause, file=case, remedy=remedy)


def _calibrated(raw: Picture, told: Mapping[str, Any] | None) -> Picture:
    """The picture with the calibration that the case has; what the file says of itself is weighed as ever."""
    if told is None:
        return opening.calibrated(raw)
    taken = Calibration(
        tuple(float(s) for s in told["spacing_mm"]),
        str(told["source"]),
        str(told["detail"]),
        float(told["relative_uncertainty"]),
        asked=str(told.get("asked", "")),
    )
    if len(taken.spacing_mm) != len(raw.spatial_shape):
        raise ValueError(f"{len(taken.spacing_mm)} sizes of a pixel for {len(raw.spatial_shape)} axes")
    return opening.retaken(raw, taken)[0]


def _note(images: list[LayerData], told: Mapping[str, Any], picture: Picture) -> None:
    for one in images:
        held = one[1]["metadata"][pictures.KEY]
        held[keeping.PALETTE] = told["palette"] and _palette(told["palette"])
        held["calibration"] = pictures.told(picture)


def _palette(told: Any) -> Any:
    """The palette of inks, checked."""
    module = shelf.get("segmenters", "ink")
    return json.loads(module.as_text(module.from_told(told)))


def _form(told: Mapping[str, Any]) -> dict[str, Any]:
    """The form with every word checked; layers by their number in the case."""
    allowed = {
        "role": ("tumor", "signal"),
        "state": (None, *STATES),
        "boundary": ("pixels", "contour"),
        "holes": ("ignore", "cut"),
        "radiotherapy": (None, True, False),
    }
    for key, words in allowed.items():
        if told[key] not in words:
            raise ValueError(f"{key} is {str(told[key])[:60]!r}")
    words = ("target_labels", "specimen_labels", "sectors", "case")
    return {
        **{key: None if told[key] is None else int(told[key]) for key in LAYERS},
        **{key: told[key] for key in allowed},
        **{key: str(told[key]) for key in words},
        "policies": tuple(str(one) for one in told["policies"]),
        "limits_mm": tuple(float(one) for one in told["limits_mm"]),
    }


def _layer(told: Mapping[str, Any], folder: Path, number: tuple[str, int]) -> LayerData:
    kind, role = str(told["kind"]), str(told["role"])
    held = {"role": role, "maker": str(told["maker"]), "kept": number}
    names = {int(label): str(name) for label, name in told["names"].items()}
    look: dict[str, Any] = roles.look(role, names) if kind == "labels" and role in roles.COLOURS else {}
    place = {key: told["place"][key] for key in PLACE}
    look |= {
        **{key: np.array(value, np.float64) for key, value in place.items() if key not in ("units", "axis_labels")},
        "units": tuple(map(str, place["units"])),
        "axis_labels": tuple(map(str, place["axis_labels"])),
        "name": str(told["name"]),
        "visible": bool(told["visible"]),
        "opacity": float(told["opacity"]),
        "metadata": {pictures.KEY: {**held, **({"names": names} if names else {})}},
    }
    if kind in DRAWN:
        return DRAWN[kind](told, look)
    if kind not in ("labels", "image"):
        raise ValueError(f"a layer of kind {kind[:60]!r}")
    pixels = _pixels(folder / _name(told["file"]), str(told["sha256"]))
    if kind == "image":
        colours = segmented.clear(role) if role in roles.COLOURS else "magma"
        look |= {"contrast_limits": (0, 1), "colormap": colours}
    elif pixels.dtype.kind not in "iub":
        raise ValueError("labels are whole numbers")
    elif told.get("levels"):
        return _pyramid(pixels, told["levels"]), {**look, "multiscale": True}, kind
    return pixels, look, kind


def _pyramid(pixels: Any, shapes: Any) -> list[Any]:
    """The levels of labels, each pixel of a coarser one the first of those that it covers."""
    if not isinstance(shapes, list) or tuple(shapes[0]) != pixels.shape or len(shapes) > MOST_LEVELS:
        raise ValueError("levels that are not those of the labels")
    steps = [[max(1, round(whole / int(part))) for whole, part in zip(pixels.shape, one)] for one in shapes]
    return [pixels[tuple(slice(None, None, step) for step in each)] for each in steps]


def _pixels(path: Path, digest: str) -> Any:
    """The pixels of a layer, from the very bytes that were written."""
    import tifffile

    with files.open_regular(path) as stream:
        content = stream.read()
    if hashlib.sha256(content).hexdigest() != digest:
        raise FileError("E-FILE-14", "a layer is not what was kept", cause="its SHA-256", file=path)
    with tifffile.TiffFile(io.BytesIO(content)) as tif:
        return np.asarray(tif.series[0].asarray())


def _shapes(told: Mapping[str, Any], look: dict[str, Any]) -> LayerData:
    ndim = len(look["scale"])
    data = [np.array(one["points"], np.float64).reshape(-1, ndim) for one in told["shapes"]]
    if any(not np.isfinite(one).all() for one in data):
        raise ValueError("a corner that is no number")
    look |= {"ndim": ndim, "features": _table(told)}
    if data:
        look |= {
            "shape_type": [str(one["type"]) for one in told["shapes"]],
            "edge_width": [float(one) for one in told["edge_width"]],
            "edge_color": np.array(told["edge_color"], np.float64),
            "face_color": np.array(told["face_color"], np.float64),
        }
    else:
        look |= {"edge_color": "#56b4e9", "face_color": "transparent"}
    return data, look, "shapes"


def _points(told: Mapping[str, Any], look: dict[str, Any]) -> LayerData:
    ndim = len(look["scale"])
    data = np.array(told["points"], np.float64).reshape(-1, ndim)
    if not np.isfinite(data).all():
        raise ValueError("a point that is no number")
    look |= {"ndim": ndim, "features": _table(told)}
    if len(data):
        look |= {key: np.array(told[key], np.float64) for key in ("size", "face_color", "border_color")}
        look["symbol"] = [str(one) for one in told["symbol"]]
    return data, look, "points"


def _table(told: Mapping[str, Any]) -> dict[str, list[str]]:
    return {str(column): [str(word) for word in words] for column, words in told["features"].items()}


DRAWN = {"shapes": _shapes, "points": _points}

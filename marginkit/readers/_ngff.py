"""The attributes of OME-Zarr: axes, levels, scales, and which codecs its arrays ask for.

The surprising thing: a level's name is a path, and Zarr 2 knows a codec that unpickles. Both come from the file, so
both are checked against what is allowed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marginkit import files, units
from marginkit.errors import AxesError, CalibrationError, FileError
from marginkit.records import Claim

MAX_JSON_BYTES = 16 << 20
EXACT_PX = 200
CODECS = {
    "blosc", "zstd", "gzip", "zlib", "bz2", "lzma", "lz4", "crc32c", "crc32", "shuffle", "delta", "bytes",
    "transpose", "sharding_indexed", "bitround", "fixedscaleoffset", "packbits",
}  # fmt: skip
LETTERS = {"t": "T", "time": "T", "c": "C", "channel": "C", "z": "Z", "y": "Y", "x": "X"}


@dataclass(frozen=True)
class Multiscale:
    """One multiscale image: axes as letters, levels, and the scale of each level (units in ``units``)."""

    version: str
    axes: str
    units: tuple[str, ...]
    datasets: tuple[str, ...]
    scales: tuple[tuple[float, ...] | None, ...]
    channels: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def multiscale(folder: Path, name: str) -> Multiscale:
    """The first multiscale image. FileError E-FILE-07, -08, -10; AxesError E-AXE-01."""
    attributes = _attributes(folder, name)
    fields = attributes.get("ome", attributes)
    images = fields.get("multiscales") if isinstance(fields, dict) else None
    if not images:
        raise FileError(
            "E-FILE-10", "no image in this folder", cause=_what(fields), remedy="Give an image's folder.", file=name
        )
    try:
        return _multiscale(fields, images, name)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, (FileError, AxesError)):
            raise
        cause = f"multiscales: {type(error).__name__} {error}"
        raise FileError("E-FILE-07", "the metadata cannot be read", cause=cause, file=name) from error


def _what(fields: Mapping[str, Any]) -> str:
    if "plate" in fields:
        return "it is a plate of many images"
    return "a collection of images" if "bioformats2raw.layout" in fields else "no multiscales in its attributes"


def _multiscale(fields: Mapping[str, Any], images: Sequence[Mapping[str, Any]], name: str) -> Multiscale:
    image = images[0]
    axes, per = _axes(image, name)
    datasets = tuple(_inside(str(dataset["path"]), name) for dataset in image["datasets"])
    whole = _scale(image.get("coordinateTransformations"), len(axes))
    scales = []
    for dataset in image["datasets"]:
        own = _scale(dataset.get("coordinateTransformations"), len(axes))
        scales.append(None if own is None else tuple(a * b for a, b in zip(own, whole or (1.0,) * len(axes))))
    notes = (f"{len(images)} images in the folder: the first is shown",) if len(images) > 1 else ()
    channels = tuple(str(c.get("label", "")) for c in fields.get("omero", {}).get("channels", []))
    version = str(fields.get("version", image.get("version", "0.4")))
    return Multiscale(version, axes, per, datasets, tuple(scales), channels, notes)


def _axes(image: Mapping[str, Any], name: str) -> tuple[str, tuple[str, ...]]:
    """(letters, unit of each axis); E-AXE-01 where a name is unknown, comes twice, or x stands before y."""
    given = image.get("axes") or list("tczyx")
    words = [axis if isinstance(axis, str) else str(axis.get("name", "")) for axis in given]
    kinds = ["" if isinstance(axis, str) else str(axis.get("type", "")) for axis in given]
    letters = "".join(LETTERS.get(w.lower(), LETTERS.get(k.lower(), "?")) for w, k in zip(words, kinds))
    spatial = "".join(letter for letter in letters if letter in "ZYX")
    if "?" in letters or len(set(letters)) != len(letters) or spatial not in ("YX", "ZYX"):
        raise AxesError(
            "E-AXE-01", "axes not understood", cause=f"{words}", remedy="Name them t, c, z, y, x.", file=name
        )
    return letters, tuple("" if isinstance(axis, str) else str(axis.get("unit", "")) for axis in given)


def _scale(steps: Any, count: int) -> tuple[float, ...] | None:
    """The product of the scales of a list of transformations; None where there is none."""
    found: tuple[float, ...] | None = None
    for step in steps or []:
        if step.get("type") == "scale":
            values = tuple(float(v) for v in step["scale"])
            if len(values) != count:
                raise ValueError(f"a scale of {len(values)} numbers for {count} axes")
            found = values if found is None else tuple(a * b for a, b in zip(found, values))
    return found


def _inside(path: str, name: str) -> str:
    """The path of a level; E-FILE-08 where it leads elsewhere."""
    parts = re.split(r"[/\\]", path)
    if not path or ".." in parts or ":" in path or path[0] in "/\\~":
        raise FileError("E-FILE-08", "a level leads out of the folder", cause=repr(path), file=name)
    return path


def _json(path: Path, name: str) -> dict[str, Any]:
    """A JSON object; empty where the file is not there."""
    if not path.is_file():
        return {}
    try:
        found = json.loads(files.read_bounded(path, MAX_JSON_BYTES))
    except (ValueError, RecursionError) as error:
        if isinstance(error, FileError):
            raise
        raise FileError("E-FILE-07", "the metadata cannot be read", cause=f"{path.name}: {error}", file=name) from error
    return found if isinstance(found, dict) else {}


def _attributes(folder: Path, name: str) -> dict[str, Any]:
    """The folder's attributes, Zarr 3 (zarr.json) or 2 (.zattrs)."""
    third = _json(folder / "zarr.json", name).get("attributes")
    return third if isinstance(third, dict) and third else _json(folder / ".zattrs", name)


def check_codecs(array: Path, name: str) -> None:
    """Nothing; FileError E-FILE-06 where there is no array, E-PIX-02-like refusal of codecs that are not listed."""
    meta = _json(array / "zarr.json", name) or _json(array / ".zarray", name)
    if not meta:
        raise FileError(
            "E-FILE-04", "part of the image is missing", cause=f"level {array.name!r} is not there", file=name
        )
    unknown = sorted(_codecs(meta) - CODECS)
    if unknown:
        raise FileError("E-FILE-06", "codec not allowed", cause=", ".join(unknown), remedy="Save with zstd.", file=name)


def _codecs(meta: Mapping[str, Any]) -> set[str]:
    """The names of every codec that an array's metadata ask for, also inside a shard."""
    found: set[str] = set()
    steps = [meta.get("compressor"), *(meta.get("filters") or []), *(meta.get("codecs") or [])]
    for step in steps:
        if isinstance(step, dict):
            found.add(str(step.get("id", step.get("name", "?"))).removeprefix("numcodecs.").lower())
            inner = step.get("configuration")
            if isinstance(inner, dict):
                found |= _codecs({"codecs": [*(inner.get("codecs") or []), *(inner.get("index_codecs") or [])]})
    return found


def claims(image: Multiscale, shapes: Sequence[Sequence[int]], keep: Sequence[int]) -> tuple[Claim, ...]:
    """The claim of each level's scale, brought to level 0 by the ratio of the sizes."""
    spatial = [i for i in keep if image.axes[i] in "ZYX"]
    found = []
    for number, (scale, shape) in enumerate(zip(image.scales, shapes)):
        if scale is None or (number and min(shape[i] for i in spatial[-2:]) < EXACT_PX):
            continue  # the ratio of small sizes is too coarse to contradict anything
        ratio = [shapes[0][i] / shape[i] for i in spatial]
        source = "OME-Zarr scale" + (f" of level {number}" if number else "")
        detail = ", ".join(f"{image.axes[i].lower()} {scale[i]!r} {image.units[i] or 'without unit'}" for i in spatial)
        found.append(_claim(source, detail, [scale[i] for i in spatial], [image.units[i] for i in spatial], ratio))
    return tuple(found)


def _claim(source: str, detail: str, scale: Sequence[float], words: Sequence[str], ratio: Sequence[float]) -> Claim:
    factors = [units.mm_per(word) for word in words]
    if None in factors:
        return Claim(source, None, detail, "E-CAL-01: no unit of length")
    try:
        spacing = [units.positive(s * (f or 0.0) / r, detail) for s, f, r in zip(scale, factors, ratio)]
    except CalibrationError as error:
        return Claim(source, None, detail, f"{error.code}: {error.cause}")
    return Claim(source, tuple(spacing), detail)

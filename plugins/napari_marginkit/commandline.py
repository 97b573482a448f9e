"""The command line that measures again what the panel has measured, from the files that were exported.

The surprising thing: what is drawn is exported as GeoJSON and read from there as it was drawn, never as pixels; so the
number is the same to the last digit.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from marginkit import edges, files, opening
from marginkit.records import Region

from . import writing
from .asking import Request

DRAWN = "regions.geojson"
ROUND = 1e-9


def parts(request: Request) -> dict[str, Region]:
    """Word of the command line -> region: ``--tumor``, ``--edge natural``, ``--name deep``, ``--barrier fascia``."""
    inputs, options = request.inputs, request.options
    given = inputs.edge if isinstance(inputs.edge, Mapping) else {"": inputs.edge} if inputs.edge is not None else {}
    wedges = edges.directions(options["sectors"]) if options["sectors"].strip() else {}
    found = {f"--{inputs.region}": inputs.target, "--specimen": inputs.specimen}
    found |= {f"--edge {kind}".strip(): one for kind, one in given.items()}
    found |= {f"--name {name}": one for name, one in (inputs.names or {}).items() if name not in wedges}
    return found | {f"--barrier {kind}": one for kind, one in (inputs.barrier or {}).items()}


def write(request: Request, folder: Path) -> tuple[dict[str, str], list[Path]]:
    """(word of the command line -> source, files written); a region that no file can hold has no source."""
    sources, written, drawn = {}, [], []
    for word, region in parts(request).items():
        name = word.removeprefix("--")
        if region.kind == "polygon":
            drawn.append(_feature(request, region, name))
            sources[word] = f"{DRAWN}#{name}"
        elif _on_corner(request, region):
            path = folder / f"{files.safe_case_name(name)}.ome.tif"
            _mask(request, region, path, name)
            written.append(path)
            sources[word] = path.name
    if drawn:
        with files.write_atomic(folder / DRAWN) as stream:
            stream.write(json.dumps({"type": "FeatureCollection", "features": drawn}).encode() + b"\n")
        written.append(folder / DRAWN)
    return sources, written


def _on_corner(request: Request, region: Region) -> bool:
    """Whether a region's grid begins at the corner of the image, as that of every mask file does."""
    if region.origin_px is None:
        return True
    own = np.array(region.spacing_mm or request.inputs.spacing_mm) / np.array(request.inputs.spacing_mm)
    return bool(np.allclose(region.origin_px, (own - 1) / 2, rtol=0, atol=ROUND))


def _mask(request: Request, region: Region, path: Path, name: str) -> None:
    pixels: Any = np.asarray(region.data)
    data = pixels if region.kind == "probability" else pixels.astype(np.uint8)
    spacing = region.spacing_mm or request.inputs.spacing_mm
    writing.write_labels(str(path), data, {"scale": spacing, "units": ("mm",) * data.ndim, "name": name})


def _feature(request: Request, region: Region, name: str) -> dict[str, Any]:
    import shapely

    shape: Any = region.data
    if shape.geom_type == "MultiLineString":  # a file's outlines have to lie on the image
        height, width = request.picture.spatial_shape[-2:]
        shape = shapely.intersection(shape, shapely.box(0, 0, width, height))
    properties = {"objectType": "annotation", "classification": {"name": name}}
    return {"type": "Feature", "geometry": json.loads(shapely.to_geojson(shape)), "properties": properties}


def words(request: Request, sources: Mapping[str, str], folder: Path) -> list[str]:
    """The words of the command line; none where a region is in no file or the image is none."""
    if not request.source or set(sources) != set(parts(request)):
        return []
    return ["marginkit", "measure", seen_from(folder, request.source), *_regions(sources), *_options(request)]


def line(request: Request, sources: Mapping[str, str], folder: Path) -> str:
    """The command line, to be run in the folder of the sources; empty where there is none."""
    return shlex.join(words(request, sources, folder))


def seen_from(folder: Path, file: str) -> str:
    """A file's path from a folder, so that both can be moved together; whole where only the root is above both."""
    here, there = folder.resolve(), Path(file).resolve()
    shared = [one for one in here.parents if one in there.parents and one.parent != one]
    return Path(os.path.relpath(there, here)).as_posix() if shared else str(there)


def _regions(sources: Mapping[str, str]) -> Iterator[str]:
    for word, source in sources.items():
        option, _, name = word.partition(" ")
        yield from (option, f"{name}={source}" if name else source)


def _options(request: Request) -> Iterator[str]:
    options, radiotherapy = request.options, request.radiotherapy
    yield from _scale(request)
    if options["sectors"].strip():
        yield from ("--sectors", options["sectors"].strip())
    if options["state"]:
        yield from ("--state", options["state"])
    for policy in request.policies:
        yield from ("--policy", policy)
    if radiotherapy is not None:
        yield from ("--radiotherapy", "yes" if radiotherapy else "no")
    yield from ("--limits", ",".join(f"{one:g}" for one in request.limits_mm))
    for key, usual in (("boundary", "pixels"), ("holes", "ignore")):
        if options[key] != usual:
            yield from (f"--{key}", options[key])
    yield from ("--case", request.case)


def lost(request: Request) -> str:
    """What the command line cannot say of the scale; empty where it says everything."""
    taken = request.picture.calibration
    if taken is None or taken.asked or "--pixel-size" not in _scale(request):
        return ""
    return f"The line gives the scale as a typed one; that it is from {taken.source} ({taken.detail}) is lost."


def _scale(request: Request) -> tuple[str, ...]:
    """The pixel size, where the file alone does not decide it."""
    taken = request.picture.calibration
    plain = replace(request.picture, calibration=None, refusal=None, flags=(), warnings=())
    return () if taken is None else opening.retaken(plain, taken)[1]

"""A fluorescent signal in its case: with the specimen, and the files that its options name, on the picture's pixels.

The surprising thing: a signal cannot be found by itself. Threshold and ratios hang on the specimen and a background, so
these are fetched first, and every file among the options is noted like any other input.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit import files, fluorescence, opening, shelf, sources
from marginkit.errors import FileError, GridError, MarginError, UsageError, plain
from marginkit.fetching import Fetcher
from marginkit.lights import Around, Lit, Overlay
from marginkit.onpixels import on_pixels
from marginkit.records import Picture, Region
from marginkit.sources import SegmenterSource

Mask = NDArray[np.bool_]
WORDS = ("tissue", "ring", "off-tissue")


@dataclass(frozen=True)
class Light:
    """A segmenter that asks for light, with its options."""

    module: Any
    options: Any


def asked(text: str) -> Light | None:
    """The segmenter that a source means, if it is one that finds a signal in its case (it has ``light``)."""
    known = shelf.load("segmenters")
    source = sources.parse(text, known)
    if not isinstance(source, SegmenterSource) or not hasattr(known[source.segmenter], "light"):
        return None
    module = known[source.segmenter]
    return Light(module, sources.typed_options(module, source.options))


def files_of(text: str) -> list[str]:
    """Paths of the files that a source's options name; none for any other source."""
    try:
        light = asked(text)
    except MarginError:  # said when the case is measured
        return []
    if light is None:
        return []
    named = [str(getattr(light.options, name)) for name in light.module.ON_PIXELS]
    found = [sources.parse(one, ()) for one in named if one and one not in WORDS and not _is_number(one)]
    return [one.path for one in found if isinstance(one, sources.FileSource)]


def rooted(text: str, base: Path) -> str:
    """A source whose options name files, with those that are in a folder seen from there."""
    name, colon, words = text.partition(":")
    if not colon or not hasattr(shelf.load("segmenters").get(name), "light"):
        return text
    module = shelf.get("segmenters", name)
    pairs = [word.partition("=") for word in words.split(",")]
    seen = [(k, s, _seen(v, base) if k.strip() in module.ON_PIXELS else v) for k, s, v in pairs]
    return f"{name}:{','.join(''.join(one) for one in seen)}"


def _seen(text: str, base: Path) -> str:
    file, hash_, part = text.partition("#")
    there = file not in WORDS and (base / file).is_file()
    return f"{base / file}{hash_}{part}" if there else text


def lit(light: Light, fetcher: Fetcher, specimen: Region) -> Lit:
    """The signal of the fetcher's picture. MarginError where it, or one of the files, cannot be used."""
    picture, options = fetcher.picture, light.options
    overlay = _overlay(fetcher, options) if options.image else None
    around = Around(
        spacing_mm=_spacing(fetcher),
        specimen=on_pixels(specimen, picture, fetcher.plane),
        drawn=_drawn(fetcher, options),
        dark=_dark(fetcher, options),
        flat=_frame(fetcher, options, "flat"),
        plane=fetcher.plane,
        overlay=overlay,
    )
    found: Lit = light.module.light(picture, options, around)
    fetcher.notes += found.notes
    return found


def _spacing(fetcher: Fetcher) -> tuple[float, ...] | None:
    own = fetcher.picture.spacing_mm
    return own if own is None or fetcher.plane is None else own[-2:]


def _drawn(fetcher: Fetcher, options: Any) -> tuple[str, Mask] | None:
    """The background that was drawn, under the name of its file."""
    if options.background in WORDS:
        return None
    source = sources.parse(options.background, ())
    region = fetcher.region(options.background, "background")
    return plain(source.name), on_pixels(region, fetcher.picture, fetcher.plane)


def _dark(fetcher: Fetcher, options: Any) -> NDArray[Any] | float | None:
    if options.dark and _is_number(options.dark):
        return float(options.dark)
    return _frame(fetcher, options, "dark")


def _frame(fetcher: Fetcher, options: Any, role: str) -> NDArray[Any] | None:
    """The frame that an option names, (y, x) or as the counts; None where it names none."""
    path = str(getattr(options, role))
    if not path:
        return None
    if options.image:
        cause = f"{role} is a file of image={os.path.basename(options.image)}'s pixels"
        raise UsageError("E-USE-03", "fluorescence: options do not fit together", cause=cause)
    frame = _opened(fetcher, path, role)
    pixels = np.squeeze(frame.read())
    shape = fetcher.picture.spatial_shape
    if pixels.shape == shape and fetcher.plane is not None and len(shape) == 3:
        pixels = pixels[fetcher.plane]
    wanted = shape if fetcher.plane is None else shape[-2:]
    if pixels.shape not in (wanted, wanted[-2:]):
        cause = f"{pixels.shape}, the image {wanted}"
        raise GridError("E-GRID-05", f"the {role} frame has another shape", cause=cause, file=frame.name)
    return np.array(np.broadcast_to(pixels, wanted))


def _opened(fetcher: Fetcher, path: str, role: str) -> Picture:
    if not os.path.exists(path):
        raise FileError("E-FILE-01", f"no such file for {role}", file=path)
    picture = opening.open(path)
    fetcher.inputs.append({"role": role, "name": plain(picture.name), "sha256": picture.sha256})
    return picture


def _overlay(fetcher: Fetcher, options: Any) -> Overlay:
    """The fluorescence picture laid on the fetcher's, which is another (white light)."""
    from marginkit import registering

    second = _opened(fetcher, options.image, "fluorescence image")
    if not options.edges:
        fluorescence.refuse_pseudocolour(second)
    points = None
    if options.landmarks:
        points = registering.read_landmarks(options.landmarks)
        digest = files.sha256(options.landmarks)
        name = plain(os.path.basename(options.landmarks))
        fetcher.inputs.append({"role": "landmarks", "name": name, "sha256": digest})
    found = registering.register(fetcher.picture, second, model=options.register, by=options.by, landmarks=points)
    return Overlay(second, found.matrix, found.as_dict())


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False

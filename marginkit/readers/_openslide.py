"""Slides of the scanners that OpenSlide knows: regions read when asked for, the part that holds the picture, claims.

The surprising thing: OpenSlide opens any tiled TIFF as *generic-tiff* and turns its resolution tags, 96 dpi included,
into micrometres per pixel. So generic TIFF never comes here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from marginkit import files, units
from marginkit.errors import CalibrationError, FileError, MissingExtraError, SizeError
from marginkit.records import Claim, Level, Picture

from . import _colour
from ._ifd import Ifd
from ._window import ranges

if TYPE_CHECKING:
    from openslide import OpenSlide

DESCRIPTION, MAKE, SOFTWARE = 270, 271, 305
MARKS = ("MedScan", "Hamamatsu", "NanoZoomer", "Ventana", "iScan", "<SlideInfo", "Philips", "Leica", "SCN400")
FORMATS = {
    "hamamatsu": "Hamamatsu", "leica": "Leica SCN", "mirax": "MIRAX", "philips": "Philips TIFF", "sakura": "Sakura",
    "trestle": "Trestle", "ventana": "Ventana", "zeiss": "Zeiss CZI", "dicom": "DICOM slide", "aperio": "Aperio SVS",
}  # fmt: skip
REGION_BYTES = 1 << 30


def owns(first: Ifd) -> bool:
    """Whether a TIFF's first page names a scanner whose tags only its own reader understands."""
    text = "".join(first.text(code)[:2000] for code in (MAKE, SOFTWARE, DESCRIPTION))
    return any(mark in text for mark in MARKS) and "<OME" not in text


def properties(path: str) -> Mapping[str, str]:
    """OpenSlide's properties of a slide; empty where it does not know the file."""
    import openslide

    try:
        with openslide.OpenSlide(path) as slide:
            return dict(slide.properties)
    except openslide.OpenSlideError:
        return {}


def read(path: str) -> Picture:
    """The slide, cropped to the part of the canvas that holds it, where the file states one."""
    name = Path(path).name
    before = files.stamp(path)
    with _open(path, name) as slide:
        facts = dict(slide.properties)
        sizes, canvas = slide.level_dimensions, slide.dimensions
    if facts.get("openslide.vendor", "generic-tiff") == "generic-tiff":
        raise FileError("E-FILE-09", "no reader knows this file", cause="OpenSlide sees no scanner's mark", file=name)
    y, x, height, width = window = _window(facts, canvas)
    levels = []
    for number, (across, down) in enumerate(sizes):
        ratio = (canvas[1] / down, canvas[0] / across)
        shape = (max(1, round(height / ratio[0])), max(1, round(width / ratio[1])), 3)
        exact = (height / shape[0], width / shape[1]) if number else (1.0, 1.0)
        levels.append(Level(shape, exact, Region(path, before, number, shape, (y, x), ratio)))
    cropped = window != (0, 0, canvas[1], canvas[0])
    return Picture(
        name, FORMATS.get(facts["openslide.vendor"], facts["openslide.vendor"]), "YXS", levels[0].shape,
        np.dtype(np.uint8), tuple(levels), "slide", claims=claims(facts), window_px=window if cropped else None,
        warnings=("the canvas is larger than what was scanned: cropped to the scanned part",) if cropped else (),
    )  # fmt: skip


@dataclass(frozen=True)
class Region:
    """The pixels of one level; called with slices it reads them.

    corner_px : (y, x) of the picture on the canvas of level 0. ratio : (y, x) of level 0's size to this one's.
    """

    path: str
    before: files.Stamp
    level: int
    shape: tuple[int, ...]
    corner_px: tuple[int, int]
    ratio: tuple[float, float]

    def __call__(self, slices: tuple[slice, ...]) -> NDArray[Any]:
        """(y, x, 3) uint8; what was not scanned is white."""
        import openslide

        rows, columns, samples = ranges(slices, self.shape)
        files.still(self.path, self.before)
        height, width = (r[-1] + 1 - r[0] if len(r) else 0 for r in (rows, columns))
        if height * width * 4 > REGION_BYTES:
            raise SizeError("E-SIZE-01", "region too large", cause=f"{height} x {width}", remedy="Read it in parts.")
        if not height or not width:
            return np.empty((len(rows), len(columns), len(samples)), np.uint8)
        at = [round(c + r.start * f) for c, r, f in zip(self.corner_px, (rows, columns), self.ratio)]
        name = Path(self.path).name
        with _open(self.path, name) as slide:
            try:
                region = np.asarray(slide.read_region((at[1], at[0]), self.level, (width, height)))
            except openslide.OpenSlideError as error:
                cause = files.without_folders(str(error), self.path)
                raise FileError("E-FILE-05", "part of the image is broken", cause=cause, file=name) from error
        seen = _colour.laid_over(region, 255.0)
        return np.asarray(seen[:: rows.step, :: columns.step, samples.start : samples.stop : samples.step])


def _open(path: str, name: str) -> OpenSlide:
    try:
        import openslide
    except ImportError as error:
        raise MissingExtraError("E-EXTRA-01", "OpenSlide is not installed", cause=str(error), file=name) from error
    try:
        return openslide.OpenSlide(path)
    except openslide.OpenSlideError as error:
        raise FileError(
            "E-FILE-06", "the slide is broken", cause=files.without_folders(str(error), path), file=name
        ) from error


def _window(facts: Mapping[str, str], canvas: tuple[int, int]) -> tuple[int, int, int, int]:
    """(y, x, height, width) of the scanned part; the whole canvas where none is stated or it does not fit."""
    try:
        x, y, width, height = (int(facts[f"openslide.bounds-{word}"]) for word in ("x", "y", "width", "height"))
    except (KeyError, ValueError):
        return 0, 0, canvas[1], canvas[0]
    fits = x >= 0 and y >= 0 and width > 0 and height > 0 and x + width <= canvas[0] and y + height <= canvas[1]
    return (y, x, height, width) if fits else (0, 0, canvas[1], canvas[0])


def claims(facts: Mapping[str, str]) -> tuple[Claim, ...]:
    """The claim of ``openslide.mpp-x`` and ``-y``. The objective's power is none."""
    x, y = facts.get("openslide.mpp-x"), facts.get("openslide.mpp-y")
    power = facts.get("openslide.objective-power")
    if x is None or y is None:
        if power is None:
            return ()
        return (Claim("objective power", None, f"{power}x", "E-CAL-01: a magnification is not a pixel size"),)
    raw = {key: facts[key] for key in ("aperio.MPP", "tiff.XResolution", "tiff.YResolution") if key in facts}
    detail = ", ".join([f"mpp-x={x}", f"mpp-y={y}", *(f"{key}={value}" for key, value in raw.items())])
    detail += " (decimal comma)" if any("," in value for value in raw.values()) else ""
    try:
        spacing_mm = tuple(units.positive(units.number(word, comma=True).value, detail) / 1000 for word in (y, x))
    except CalibrationError as error:
        return (Claim("OpenSlide mpp", None, detail, f"{error.code}: {error.cause}"),)
    return (Claim("OpenSlide mpp", spacing_mm, detail),)

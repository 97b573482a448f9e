"""Any image that marginkit opens as a layer: pyramid, colours, pixel size in mm and its source.

The surprising thing: a file without a trustworthy pixel size becomes a layer in pixels whose name says so. No unit is
invented, for a number with a unit is believed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from marginkit import opening
from marginkit.errors import AxesError, MarginError
from marginkit.records import Picture

from . import pictures, restoring
from .lazy import LazyLevel

WHOLE_BYTES = 1 << 28  # a picture of one level and at most this is read at once
NO_SCALE = "no scale"
LABELS = "marginkit labels"  # what the writer notes as software
COLOURS = ("gray", "magenta", "green", "cyan", "yellow", "red", "blue")
LayerData = tuple[Any, dict[str, Any], str]


def get_reader(path: str | list[str]) -> Callable[[str], list[LayerData]] | None:
    """The reader of one file or folder; None, fast, where marginkit has none."""
    if not isinstance(path, str):
        return None
    if restoring.is_case(path):
        return read
    try:
        opening.choose(path)
    except MarginError:
        return None
    return read


def read(path: str) -> list[LayerData]:
    """The layers of a file: one, or one a channel; of a kept case all of its layers."""
    if restoring.is_case(path):
        return restoring.read(path)
    raw = opening.uncalibrated(path)
    return [_labels(raw)] if _is_labels(path) else layers(raw)


def layers(raw: Picture, name: str = "", picture: Picture | None = None) -> list[LayerData]:
    """The layers of a picture that is not yet calibrated. AxesError E-AXE-03 where it holds several times.

    picture : the same, calibrated, where its file alone does not decide that.
    """
    picture = opening.calibrated(raw) if picture is None else picture
    times = picture.shape[picture.axes.index("T")] if "T" in picture.axes else 1
    if times > 1:
        raise AxesError("E-AXE-03", "more than one time", cause=f"{times} times", file=picture.name)
    count = picture.shape[picture.axes.index("C")] if "C" in picture.axes else 1
    return [_layer(picture, raw, name or Path(picture.name).name, i, count) for i in range(count)]


def _layer(picture: Picture, raw: Picture, name: str, channel: int, count: int) -> LayerData:
    axes = picture.axes.replace("T", "")
    chosen = channel if "C" in axes else None
    levels = [LazyLevel(level, picture.axes, picture.dtype, chosen) for level in picture.levels]
    rgb = "S" in axes and picture.shape[picture.axes.index("S")] in (3, 4)
    keywords = {
        **common(picture),
        "metadata": pictures.metadata(picture, raw, state=None),
        "name": _named(picture, name, channel, count),
        "rgb": rgb,
    }
    if count > 1:
        keywords |= {"colormap": COLOURS[channel % len(COLOURS)], "blending": "additive"}
    if len(levels) > 1:
        return levels, {**keywords, "multiscale": True}, "image"
    small = levels[0].size * picture.dtype.itemsize <= WHOLE_BYTES
    data = levels[0][...] if small else levels[0]
    return data[..., 0] if "S" in axes and not rgb and small else data, {**keywords, "multiscale": False}, "image"


def common(picture: Picture) -> dict[str, Any]:
    """What every layer of a picture shares: place, units, axis names."""
    axes = [axis.lower() for axis in "ZYX" if axis in picture.axes]
    keywords: dict[str, Any] = {"axis_labels": tuple(axes)}
    if picture.spacing_mm is not None and len(picture.spacing_mm) == len(axes):
        keywords |= {"scale": picture.spacing_mm, "units": ("mm",) * len(axes)}
    return keywords


def _named(picture: Picture, name: str, channel: int, count: int) -> str:
    words = [name] if count == 1 else [name, picture.channels[channel] if picture.channels else f"channel {channel}"]
    return " · ".join(words) + ("" if picture.spacing_mm else f" ({NO_SCALE})")


def _is_labels(path: str) -> bool:
    """Whether a file is a label layer that marginkit wrote."""
    import tifffile

    try:
        with tifffile.TiffFile(path) as tif:
            return bool(tif.pages[0].tags.valueof(305) == LABELS)  # type: ignore[union-attr]
    except (tifffile.TiffFileError, OSError, ValueError, KeyError, IndexError):
        return False


def _labels(raw: Picture) -> LayerData:
    picture = opening.calibrated(raw)
    pixels = LazyLevel(picture.levels[0], picture.axes, picture.dtype, 0 if "C" in picture.axes else None)[...]
    name = picture.name.removesuffix(".tif").removesuffix(".ome")
    return pixels, {**common(picture), "name": name + ("" if picture.spacing_mm else f" ({NO_SCALE})")}, "labels"

"""OME-XML: axes, order of planes, channels and pixel size of the first image.

The surprising thing: one unescaped ``&`` in a name makes the XML unreadable, and with it the pixel size; libraries then
go on with a plain TIFF. Here such a file stops.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from xml.etree.ElementTree import Element

from marginkit import units
from marginkit.errors import CalibrationError, FileError
from marginkit.records import Claim

from ._xml import children, local, parse

AXES = "TCZ"
WORDS = {"microscopy": ("Objective", "ObjectiveSettings", "LightPath", "Detector")}


@dataclass(frozen=True)
class Ome:
    """The first image of an OME-XML block.

    sizes : of T, C and Z, C without the samples of colour. samples : 3 for colour, else 1.
    order : page number of each plane, in (T, C, Z) order.
    """

    width: int
    height: int
    sizes: Mapping[str, int]
    samples: int
    order: tuple[int, ...]
    channels: tuple[str, ...]
    claims: tuple[Claim, ...]
    kind: str
    images: int


def read(text: str, name: str) -> Ome:
    """The first image. FileError E-FILE-07 where the XML is broken, E-FILE-08 where planes lie in other files."""
    root = parse(text, name)
    if children(root, "BinaryOnly"):
        raise _elsewhere(name, "its metadata")
    images = children(root, "Image")
    pixels = children(images[0], "Pixels") if images else []
    if not pixels:
        raise FileError("E-FILE-07", "the metadata cannot be read", cause="OME-XML without Pixels", file=name)
    return _image(root, images[0], pixels[0], len(images), name)


def _image(root: Element, image: Element, pixels: Element, images: int, name: str) -> Ome:
    try:
        size = {axis: int(pixels.get(f"Size{axis}", "1")) for axis in "XYZCT"}
        channels = children(pixels, "Channel")
        samples = int(channels[0].get("SamplesPerPixel", "1")) if channels else 1
    except ValueError as error:
        raise FileError("E-FILE-07", "the metadata cannot be read", cause=f"OME-XML: {error}", file=name) from error
    if min(size.values()) < 1 or samples < 1 or size["C"] % samples:
        raise FileError("E-FILE-07", "the metadata cannot be read", cause=f"OME-XML sizes {size}", file=name)
    size["C"] //= samples
    kind = "microscopy" if any(local(e) in WORDS["microscopy"] for e in (*root.iter(), *image)) else "unknown"
    order = _order(pixels, size, name)
    names = tuple(c.get("Name") or c.get("ID") or "" for c in channels)
    return Ome(
        size["X"],
        size["Y"],
        {a: size[a] for a in AXES},
        samples,
        order,
        names,
        _claims(pixels, size["Z"]),
        kind,
        images,
    )


def _order(pixels: Element, size: Mapping[str, int], name: str) -> tuple[int, ...]:
    """Page of each plane in (T, C, Z) order; E-FILE-04 where the file does not list them all."""
    dims = [a for a in pixels.get("DimensionOrder", "XYZCT")[2:] if a in AXES]
    if sorted(dims) != sorted(AXES):
        raise FileError("E-FILE-07", "the metadata cannot be read", cause=f"DimensionOrder {dims}", file=name)
    total = prod(size[a] for a in AXES)
    pages: dict[tuple[int, ...], int] = {}
    blocks = children(pixels, "TiffData")
    _one_file(blocks, name)
    following = 0
    for block in blocks or [Element("TiffData")]:
        start = {a: _number(block, f"First{a}", 0, name) for a in AXES}
        page = _number(block, "IFD", following, name)
        alone = "IFD" in block.attrib
        count = _number(block, "PlaneCount", 1 if alone else total, name)
        at = _flat(start, dims, size)
        for step in range(max(0, min(count, total - at))):
            pages[_plane(at + step, dims, size)] = page + step
        following = page + count
    planes = [(t, c, z) for t in range(size["T"]) for c in range(size["C"]) for z in range(size["Z"])]
    lost = [plane for plane in planes if plane not in pages]
    if lost:
        cause = f"{len(lost)} of {total} planes are not in the list, the first is (T, C, Z) = {lost[0]}"
        raise FileError("E-FILE-04", "part of the image is missing", cause=cause, file=name)
    return tuple(pages[plane] for plane in planes)


def _flat(start: Mapping[str, int], dims: Sequence[str], size: Mapping[str, int]) -> int:
    flat, step = 0, 1
    for axis in dims:
        flat += start[axis] * step
        step *= size[axis]
    return flat


def _plane(flat: int, dims: Sequence[str], size: Mapping[str, int]) -> tuple[int, ...]:
    at = {}
    for axis in dims:
        flat, at[axis] = divmod(flat, size[axis])
    return tuple(at[axis] for axis in AXES)


def _number(block: Element, key: str, default: int, name: str) -> int:
    text = block.get(key)
    if text is None:
        return default
    if not text.strip().isdecimal():
        raise FileError("E-FILE-07", "the metadata cannot be read", cause=f"{key} {text!r}", file=name)
    return int(text)


def _one_file(blocks: Sequence[Element], name: str) -> None:
    """Nothing; E-FILE-08 where the planes lie in more than one file. One renamed file is still one file."""
    files = {child.get("FileName") or child.text for block in blocks for child in children(block, "UUID")}
    if len(files) > 1:
        raise _elsewhere(name, f"planes in {len(files)} files")


def _elsewhere(name: str, what: str) -> FileError:
    return FileError(
        "E-FILE-08",
        "the image lies in several files",
        cause=f"the OME-XML names {what}",
        remedy="Save it as one OME-TIFF.",
        file=name,
    )


def _claims(pixels: Element, depth: int) -> tuple[Claim, ...]:
    """The claim of PhysicalSize; units by the schema (µm where none is given)."""
    axes = "ZYX" if depth > 1 else "YX"
    given = [axis for axis in axes if pixels.get(f"PhysicalSize{axis}") is not None]
    if not given:
        return ()
    words = {
        axis: (pixels.get(f"PhysicalSize{axis}", ""), pixels.get(f"PhysicalSize{axis}Unit", "µm")) for axis in given
    }
    detail = ", ".join(f"PhysicalSize{axis} {value} {unit}" for axis, (value, unit) in words.items())
    source = "OME PhysicalSize"
    try:
        return (Claim(source, tuple(_length_mm(*words[axis]) for axis in given), detail),)
    except CalibrationError as error:
        return (Claim(source, None, detail, f"{error.code}: {error.cause}"),)


def _length_mm(value: str, unit: str) -> float:
    factor = units.mm_per(unit)
    if factor is None:
        raise CalibrationError("E-CAL-01", "no length", cause=f"unit {unit!r} is no length")
    return units.positive(units.number(value).value * factor, f"{value} {unit}")

"""What the pages of a TIFF file mean: planes, channels, levels, or something else that is left alone.

The surprising thing: pages of one size may be planes, channels, times or masks. Where nothing says which, they are
channels here, because a channel can never pass for depth.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from marginkit.errors import FileError
from marginkit.records import Claim

from . import _ome, _tiffclaims
from ._ifd import Ifd, Tiff
from ._tiffdecode import BITS, COMPRESSION, PHOTOMETRIC
from ._tiffpixels import FORMAT, HEIGHT, SAMPLES, TILES, WIDTH
from ._xml import children, parse

DESCRIPTION, SUBFILE, SOFTWARE = 270, 254, 305
GDAL = (42112, 42113)
REDUCED = 1


@dataclass(frozen=True)
class Plane:
    """One plane: its page, and how many bytes its pixels lie behind those of the page."""

    ifd: Ifd
    shift: int = 0


@dataclass(frozen=True)
class Layout:
    """The meaning of a file's pages.

    axes, lead : letters and sizes of the axes before Y and X. levels : planes of each level in that order.
    sparse : tiles may be missing. left_out : pages that are no part of the picture.
    """

    format: str
    axes: str
    lead: tuple[int, ...]
    levels: tuple[tuple[Plane, ...], ...]
    kind: str = "unknown"
    channels: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()
    warnings: tuple[str, ...] = field(default=())
    sparse: bool = False


def layout(file: Tiff) -> Layout:
    """The meaning of a file's pages, by what its first description says."""
    first = file.pages[0]
    text = first.text(DESCRIPTION)
    if text.startswith("ImageJ="):
        return _imagej(file, text)
    if "<OME" in text[:2000] and text.rstrip("\0 \r\n").endswith("OME>"):
        return _ome_tiff(file, text)
    if "PerkinElmer-QPI" in text[:400]:
        return _qptiff(file, text)
    if text.startswith("Aperio"):
        return _pyramid(
            file, [p for p in file.pages if TILES in p.tags], "Aperio SVS", "slide", _tiffclaims.aperio(text)
        )
    shaped = _shaped(text)
    if shaped is not None:
        found = _known_axes(file, *shaped)
        if found is not None:
            return found
    return _pyramid(file, list(file.pages), "BigTIFF" if file.big else "TIFF", "unknown", [])


def size(ifd: Ifd) -> tuple[int, int]:
    """(height, width) of a page."""
    return ifd.integer(HEIGHT, 0), ifd.integer(WIDTH, 0)


def _type(ifd: Ifd) -> tuple[int, ...]:
    return tuple(ifd.integer(code, 1) for code in (SAMPLES, BITS, FORMAT, PHOTOMETRIC))


def _stack(pages: Sequence[Ifd]) -> list[Ifd]:
    """The pages like the first one."""
    return [p for p in pages if size(p) == size(pages[0]) and _type(p) == _type(pages[0])]


def _smaller(whole: Ifd, part: Ifd) -> bool:
    """Whether a page can be a level of a pyramid below ``whole``: same type, smaller, same shape up to a pixel."""
    (height, width), (h, w) = size(whole), size(part)
    if _type(whole) != _type(part) or not (0 < h < height or 0 < w < width) or h < 1 or w < 1:
        return False
    return abs(height / h - width / w) <= (height / h) / h + (width / w) / w + 0.02 * (height / h)


def _levels(pages: Sequence[Ifd], stack: Sequence[Ifd]) -> list[list[Ifd]]:
    """The coarser levels: SubIFDs of the stack, or groups of as many smaller pages."""
    if all(p.sub for p in stack):
        depth = min(len(p.sub) for p in stack)
        groups = [[p.sub[k] for p in stack] for k in range(depth)]
    else:
        sizes: dict[tuple[int, int], list[Ifd]] = {}
        for page in pages:
            if page not in stack and page.integer(SUBFILE, 0) in (0, REDUCED):
                sizes.setdefault(size(page), []).append(page)
        groups = [g for g in sizes.values() if all(p.integer(SUBFILE, 0) == REDUCED or TILES in p.tags for p in g)]
    fitting = [g for g in groups if len(g) == len(stack) and all(_smaller(stack[0], p) for p in g)]
    return sorted(fitting, key=lambda g: size(g[0]), reverse=True)


def _build(
    format: str,
    axes: str,
    lead: Sequence[int],
    stack: Sequence[Plane],
    coarse: Sequence[Sequence[Ifd]],
    claims: list[Claim],
) -> Layout:
    """The layout of a stack with its levels; axes of size 1 are left out, claims of the levels are added."""
    first = stack[0].ifd
    ratios = [(g[0], (size(first)[0] / size(g[0])[0], size(first)[1] / size(g[0])[1])) for g in coarse]
    kept = [(a, n) for a, n in zip(axes, lead) if n > 1]
    levels = (tuple(stack), *(tuple(Plane(p) for p in g) for g in coarse))
    every = (*claims, *_tiffclaims.levels(first, ratios))
    return Layout(format, "".join(a for a, _ in kept), tuple(n for _, n in kept), levels, claims=every)


def _left_out(file: Tiff, used: int) -> tuple[str, ...]:
    rest = len(file.pages) - used
    return (f"{rest} page(s) of another size or type left out (label, thumbnail …)",) if rest > 0 else ()


def _pyramid(file: Tiff, pages: list[Ifd], format: str, kind: str, claims: list[Claim]) -> Layout:
    """Pages without further meaning: those of the first one's size are channels, smaller ones levels."""
    if not pages:
        raise FileError("E-FILE-10", "a slide without tiles", cause="no page is tiled", file=file.name)
    stack = _stack(pages)
    coarse = _levels(pages, stack)
    claims = [*claims, *_tiffclaims.resolution(stack[0])]
    found = _build(format, "C", (len(stack),), [Plane(p) for p in stack], coarse, claims)
    from_chain = 0 if stack[0].sub else sum(map(len, coarse))
    notes = list(_left_out(file, len(stack) + from_chain))
    names: tuple[str, ...] = ()
    if len(stack) > 1:
        names = tuple(f"page {i}" for i in range(len(stack)))
        notes.append(f"{len(stack)} pages of one size without meaning: taken as channels, not as planes or times")
    sparse = kind == "slide" or any(code in stack[0].tags for code in GDAL)
    return replace(found, kind=kind, channels=names, warnings=tuple(notes), sparse=sparse)


def _virtual(file: Tiff, count: int) -> list[Plane]:
    """``count`` planes; where the file has one page for many, the pixels follow each other uncompressed."""
    stack = _stack(file.pages)
    if len(stack) >= count:
        return [Plane(p) for p in stack[:count]]
    first = stack[0]
    height, width = size(first)
    plane = height * width * first.integer(SAMPLES, 1) * first.integer(BITS, 1) // 8
    offsets = first.values(273)
    if len(stack) != 1 or first.integer(COMPRESSION, 1) != 1 or not offsets.size or first.integer(BITS, 1) % 8:
        cause = f"{count} planes are promised, {len(stack)} are there"
        raise FileError("E-FILE-04", "part of the image is missing", cause=cause, file=file.name)
    if int(offsets[0]) + plane * count > file.size:
        raise file.cut(f"{count} planes of {plane} bytes do not fit")
    return [Plane(first, i * plane) for i in range(count)]


def _imagej(file: Tiff, text: str) -> Layout:
    fields = _tiffclaims.imagej_fields(text)
    lead = tuple(_count(fields.get(key, "1")) for key in ("frames", "slices", "channels"))
    images = _count(fields["images"]) if "images" in fields else len(_stack(file.pages))
    named = math.prod(lead) == images
    stack = _virtual(file, images)
    claims = _tiffclaims.imagej(stack[0].ifd, fields, planes=named and lead[1] > 1)
    found = _build("ImageJ TIFF", "TZC" if named else "C", lead if named else (images,), stack, (), claims)
    notes = () if named else (f"{images} images are not {lead} frames, slices and channels: taken as channels",)
    return replace(found, warnings=(*notes, *_left_out(file, images)))


def _count(text: str) -> int:
    return int(text) if text.isdecimal() and 0 < int(text) < 1_000_000 else 1


def _ome_tiff(file: Tiff, text: str) -> Layout:
    ome = _ome.read(text, file.name)
    if max(ome.order) >= len(file.pages):
        cause = f"page {max(ome.order)} is named, the file has {len(file.pages)}"
        raise FileError("E-FILE-04", "part of the image is missing", cause=cause, file=file.name)
    stack = [file.pages[i] for i in ome.order]
    if any(size(p) != (ome.height, ome.width) or _type(p) != _type(stack[0]) for p in stack):
        cause = f"the OME-XML says {ome.width} x {ome.height}, a page {size(stack[0])[1]} x {size(stack[0])[0]}"
        raise FileError("E-FILE-10", "pages of mixed sizes", cause=cause, file=file.name)
    coarse = _levels(stack, stack)
    claims = [*ome.claims, *_tiffclaims.resolution(stack[0])]
    found = _build("OME-TIFF", "TCZ", tuple(ome.sizes.values()), [Plane(p) for p in stack], coarse, claims)
    notes = (f"{ome.images} images in the file: the first is shown",) if ome.images > 1 else ()
    names = ome.channels if len(ome.channels) == ome.sizes["C"] and ome.sizes["C"] > 1 else ()
    return replace(found, kind=ome.kind, channels=names, warnings=notes)


def _qptiff(file: Tiff, text: str) -> Layout:
    kinds = {p.offset: _child(p.text(DESCRIPTION), "ImageType", file.name) for p in file.pages}
    pages = [p for p in file.pages if kinds[p.offset] in ("FullResolution", "ReducedResolution", "")]
    if not pages:
        raise FileError("E-FILE-10", "a slide without tiles", cause="no page of full resolution", file=file.name)
    stack = _stack(pages)
    # the tags carry more digits than the rounded text
    claims = [*_tiffclaims.resolution(stack[0]), *_tiffclaims.qptiff(text, file.name)]
    found = _build("QPTIFF", "C", (len(stack),), [Plane(p) for p in stack], _levels(pages, stack), claims)
    names = tuple(_child(p.text(DESCRIPTION), "Name", file.name) for p in stack) if len(stack) > 1 else ()
    used = sum(map(len, found.levels))
    return replace(found, kind="slide", channels=names, warnings=_left_out(file, used), sparse=True)


def _child(text: str, tag: str, name: str) -> str:
    """The text of one child of a page's XML description; empty where there is none."""
    if not text.lstrip("\ufeff").startswith("<"):
        return ""
    found = children(parse(text, name), tag)
    return (found[0].text or "").strip() if found else ""


def _shaped(text: str) -> tuple[str, tuple[int, ...]] | None:
    """(axes, shape) of a description in JSON, as tifffile writes it."""
    try:
        fields = json.loads(text) if text.startswith("{") and len(text) < 1 << 20 else {}
    except (ValueError, RecursionError):
        return None
    axes, shape = fields.get("axes"), fields.get("shape")
    if not (isinstance(axes, str) and isinstance(shape, list) and all(isinstance(n, int) for n in shape)):
        return None
    return (axes, tuple(shape)) if len(axes) == len(shape) else None


def _known_axes(file: Tiff, axes: str, shape: tuple[int, ...]) -> Layout | None:
    """The layout of named axes; None where they do not fit the pages."""
    lead_axes = axes.split("YX", 1)[0]
    lead = shape[: len(lead_axes)]
    if "YX" not in axes or set(lead_axes) - set("TCZ") or len(set(lead_axes)) != len(lead_axes):
        return None
    if shape[len(lead) : len(lead) + 2] != size(file.pages[0]) or min(shape) < 1:
        return None
    stack = _virtual(file, math.prod(lead))
    coarse = _levels(file.pages, [p.ifd for p in stack]) if not stack[-1].shift else []
    found = _build("TIFF", lead_axes, lead, stack, coarse, _tiffclaims.resolution(stack[0].ifd))
    return replace(found, warnings=_left_out(file, len({p.ifd.offset for p in stack}) + sum(map(len, coarse))))

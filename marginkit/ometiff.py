"""Masks, labels and probabilities as OME-TIFF that keeps its pixel size: tiled, and with coarser levels where large.

The surprising thing: tifffile's own OME-XML carries a new random UUID each time, so the same mask would never be the
same bytes twice; this one holds nothing but sizes, names and the pixel size.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, BinaryIO
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from marginkit.errors import AxesError, PixelError

TILE_PX = 512
FINEST_PX = 4096  # a longer side gets coarser levels, each half as fine, down to this
NARROW = (np.uint8, np.uint16, np.int32)
SOFTWARE = "marginkit"


def write(
    stream: BinaryIO, pixels: NDArray[Any], spacing_mm: tuple[float, ...] | None, name: str, *, software: str = SOFTWARE
) -> None:
    """Write bool, labels or a probability, (y, x) or (z, y, x), as OME-TIFF.

    spacing_mm : in the order of the axes; None where it is not known, and then none is written. name : of the channel.

    Raises
    ------
    AxesError : E-AXE-01 neither two nor three axes. PixelError : E-PIX-02 a label that does not fit 32 bits.
    """
    import tifffile

    if pixels.ndim not in (2, 3):
        cause = f"{pixels.ndim} axes"
        raise AxesError("E-AXE-01", "masks and labels with two or three axes are written", cause=cause)
    pixels = narrow(pixels)
    finer = [] if pixels.ndim == 3 else list(_coarser(pixels))
    memory = io.BytesIO()  # tifffile wants a stream whose name is a path, or this
    with tifffile.TiffWriter(memory, bigtiff=pixels.nbytes > 2**31, byteorder="<", ome=False) as tif:
        kind: dict[str, Any] = {"photometric": "minisblack", "compression": "zlib", "metadata": None}
        if max(pixels.shape[-2:]) > TILE_PX:
            kind["tile"] = (TILE_PX, TILE_PX)
        description = _xml(pixels, spacing_mm, name)
        tif.write(pixels, description=description, subifds=len(finer) or None, software=software, **kind)
        for level in finer:
            tif.write(level, subfiletype=1, software=software, **kind)
    stream.write(memory.getbuffer())


def _coarser(pixels: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Every second pixel of the level before: labels have no mean."""
    while max(pixels.shape) > FINEST_PX:
        pixels = np.ascontiguousarray(pixels[::2, ::2])
        yield pixels


def narrow(pixels: NDArray[Any]) -> NDArray[Any]:
    """The same values in the smallest type that holds them: floats as float32, labels as 8, 16 or 32 bits."""
    if pixels.dtype.kind == "f":
        return pixels.astype(np.float32, copy=False)
    if pixels.dtype == np.bool_:
        return pixels.view(np.uint8)
    low, high = (int(pixels.min()), int(pixels.max())) if pixels.size else (0, 0)
    for kind in NARROW:
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return pixels.astype(kind, copy=False)
    raise PixelError("E-PIX-02", "a label does not fit in 32 bits", cause=f"labels {low} to {high}")


def _xml(pixels: NDArray[Any], spacing_mm: tuple[float, ...] | None, name: str) -> bytes:
    axes = "ZYX"[-pixels.ndim :]
    sizes = dict(zip(axes, pixels.shape))
    kind = "float" if pixels.dtype.kind == "f" else pixels.dtype.name
    words: dict[str, Any] = {"ID": "Pixels:0", "DimensionOrder": "XYZCT", "Type": kind}
    words |= {f"Size{axis}": sizes.get(axis, 1) for axis in "XYZCT"}
    for axis, size in zip(axes, spacing_mm or ()):
        words |= {f"PhysicalSize{axis}": f"{size * 1000:.12g}", f"PhysicalSize{axis}Unit": "µm"}
    channel = f'<Channel ID="Channel:0:0" Name={quoteattr(name)} SamplesPerPixel="1"/>'
    inner = f'{channel}<TiffData IFD="0" PlaneCount="{sizes.get("Z", 1)}"/>'
    told = " ".join(f"{key}={quoteattr(str(value))}" for key, value in words.items())
    image = f'<Image ID="Image:0" Name={quoteattr(name)}><Pixels {told}>{inner}</Pixels></Image>'
    ome = f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">{image}</OME>'
    return f'<?xml version="1.0" encoding="UTF-8"?>{ome}'.encode()

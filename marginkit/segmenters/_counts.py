"""Counts of a fluorescence picture: one channel of one plane, or of a second picture laid on the first.

The surprising thing: laid on another picture, counts are fetched twice. As stored, from the nearest pixel, for what is
counted (saturation); and between pixels for where the boundary runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit import fluorescence
from marginkit.errors import AxesError, PixelError
from marginkit.lights import Around, Overlay
from marginkit.records import Picture
from marginkit.segmenters._channels import channel

MIXED = {"cyan": ("green", "blue"), "magenta": ("red", "blue"), "yellow": ("red", "green")}
EDGES = "pseudo-colour (edges only)"


@dataclass(frozen=True)
class Counts:
    """raw : as stored. between : for boundaries. known : where there is a picture. full : the saturated value."""

    raw: NDArray[Any]
    between: NDArray[Any]
    known: NDArray[np.bool_]
    name: str
    full: int | None
    told: str = ""


def counts(picture: Picture, options: Any, around: Around) -> Counts:
    """The counts on the pixels of the picture, of the plane that is measured.

    PixelError E-PIX-01 pseudo-colour, E-PIX-03 not finite, E-PIX-04 one value everywhere. AxesError E-AXE-05.
    """
    source = picture if around.overlay is None else around.overlay.picture
    own, name = _channel(source, options)
    if not np.isfinite(own).all():
        raise PixelError("E-PIX-03", "counts are not finite", cause=f"channel {name}", file=source.name)
    if own.min() == own.max():
        raise PixelError("E-PIX-04", "constant image", cause=f"every pixel is {own.flat[0]:g}", file=source.name)
    full = fluorescence.saturation(own)
    if around.overlay is not None:
        return _laid(own, name, full, picture, around.overlay)
    own = own if around.plane is None or own.ndim == 2 else own[around.plane]
    return Counts(own, own, np.ones(own.shape, bool), name, full)


def usable(seen: Counts, around: Around) -> NDArray[Any]:
    """The counts in which a boundary is sought: less the dark level and over the flat field where these are given."""
    if around.dark is None and around.flat is None:
        return seen.between
    return fluorescence.corrected(seen.between, around.dark, around.flat)


def smoothed(values: NDArray[Any], sigma_px: float) -> NDArray[Any]:
    """The values under a Gaussian in each plane."""
    if not sigma_px:
        return values
    from scipy import ndimage

    sigma = (0.0,) * (values.ndim - 2) + (sigma_px, sigma_px)
    return np.asarray(ndimage.gaussian_filter(values.astype(np.float32), sigma))


def _channel(picture: Picture, options: Any) -> tuple[NDArray[Any], str]:
    """(counts as stored, the channel's name)."""
    if "S" not in picture.axes:
        return channel(picture, options.channel)
    if not options.edges:
        fluorescence.refuse_pseudocolour(picture)
        return channel(picture, options.channel or "red")
    if options.channel.lower() in MIXED:
        two = [channel(picture, one)[0] for one in MIXED[options.channel.lower()]]
        return np.min(two, axis=0), f"{options.channel.lower()} of pseudo-colour (edges only)"
    if options.channel:
        return channel(picture, options.channel)
    colours = [channel(picture, one)[0] for one in ("red", "green", "blue")]
    return np.max(colours, axis=0), EDGES


def _laid(own: NDArray[Any], name: str, full: int | None, picture: Picture, overlay: Overlay) -> Counts:
    import cv2

    if own.ndim != 2 or len(picture.spatial_shape) != 2:
        cause = f"{own.ndim} axes on {len(picture.spatial_shape)}"
        raise AxesError("E-AXE-05", "only a plane can be laid on a plane", cause=cause, file=overlay.picture.name)
    height, width = picture.spatial_shape
    warp = overlay.matrix[:2].astype(np.float64)

    def fetched(pixels: NDArray[Any], how: int) -> NDArray[Any]:
        flags = how | cv2.WARP_INVERSE_MAP
        return np.asarray(cv2.warpAffine(pixels, warp, (width, height), flags=flags, borderMode=cv2.BORDER_CONSTANT))

    known = fetched(np.ones(own.shape, np.uint8), cv2.INTER_NEAREST) > 0
    stored = own if own.dtype in (np.uint8, np.uint16, np.int16, np.float32, np.float64) else own.astype(np.float64)
    raw = fetched(stored, cv2.INTER_NEAREST)
    between = fetched(own.astype(np.float32), cv2.INTER_LINEAR)
    return Counts(raw, between, known, name, full, f", of {overlay.picture.name} laid on {picture.name}")

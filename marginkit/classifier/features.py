"""What a pixel looks like, near and far: smoothed values, edges, ridges and texture on six scales, as 8-bit planes.

The surprising thing: every step is on whole numbers, or on floats that hold whole numbers exactly. So a picture taken
tile by tile gives, to the last bit, what it gives at once, wherever a tile begins (on a multiple of ``ALIGN_PX``).

Features come on blocks of two by two pixels: hardly one that tells tumor from tissue is finer. Scales halve by the mean
of such blocks, so that a coarse pixel lies right on those that it stands for. Stains: Ruifrok and Johnston 2001 (PMID
11531144).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from marginkit import stains

Plane: TypeAlias = NDArray[np.uint8]
Kind: TypeAlias = Literal["value", "gradient", "texture", "ridge", "valley", "along", "across"]
KINDS: tuple[Kind, ...] = ("value", "gradient", "texture", "ridge", "valley", "along", "across")
SCALES = 6
ALIGN_PX = 1 << (SCALES - 1)
BLOCK_PX = 2  # of the grid on which features come
HALO_PX = 6 * ALIGN_PX  # farther than anything that a feature sees
STAINS = ("haematoxylin", "eosin")


@dataclass(frozen=True, order=True)
class Feature:
    """One plane: the scale (0 the finest, each twice as coarse), the channel's number, and what of it."""

    scale: int
    channel: int
    kind: Kind


def every(channels: int) -> tuple[Feature, ...]:
    """All features of so many channels; those beyond ``value`` of every channel but colours that say little."""
    shaped = [1, 3] if channels == 5 else range(channels)  # of red, green, blue and two stains: green, haematoxylin
    kinds = {channel: KINDS if channel in shaped else KINDS[:1] for channel in range(channels)}
    return tuple(Feature(s, c, kind) for s in range(SCALES) for c in range(channels) for kind in kinds[c])


def with_stains(colours: NDArray[np.uint8]) -> tuple[Plane, ...]:
    """Red, green, blue, haematoxylin and eosin of (y, x, 3) colours; optical density 2.4 is 255."""
    import cv2

    apart = stains.amounts(colours, stains.matrix(("haematoxylin", "eosin", "dab")), (0, 1))
    return tuple(np.ascontiguousarray(plane) for plane in (*cv2.split(colours), *cv2.split(apart)))


def compute(planes: Sequence[Plane], wanted: Sequence[Feature]) -> list[Plane]:
    """The wanted features of channels of one shape (y, x), each a plane of half that shape, rounded up."""
    shape = tuple(-(-n // BLOCK_PX) for n in planes[0].shape)
    pyramid = _Pyramid(list(planes))
    return [_on_blocks(pyramid.plane(one), one.scale, shape) for one in wanted]


@dataclass
class _Pyramid:
    """Channels on every scale, made when first asked for."""

    finest: list[Plane]
    _made: dict[tuple[int, int], Plane] = field(default_factory=dict)
    _kinds: dict[Feature, Plane] = field(default_factory=dict)

    def channel(self, scale: int, channel: int) -> Plane:
        if scale == 0:
            return self.finest[channel]
        if (scale, channel) not in self._made:
            self._made[scale, channel] = _halved(self.channel(scale - 1, channel))
        return self._made[scale, channel]

    def plane(self, one: Feature) -> Plane:
        if one not in self._kinds:
            made = _OF[one.kind](self.channel(one.scale, one.channel))
            for name, plane in made.items():
                self._kinds[Feature(one.scale, one.channel, name)] = plane
        return self._kinds[one]


def _smooth(plane: Any) -> Any:
    import cv2

    return cv2.GaussianBlur(plane, (5, 5), 0)


def _value(plane: Plane) -> dict[Kind, Plane]:
    return {"value": _smooth(plane)}


def _texture(plane: Plane) -> dict[Kind, Plane]:
    """How far pixels lie off their surroundings, on average."""
    import cv2

    return {"texture": _smooth(cv2.absdiff(plane, _smooth(plane)))}


def _gradient(plane: Plane) -> dict[Kind, Plane]:
    import cv2

    steps = [cv2.convertScaleAbs(cv2.Sobel(plane, cv2.CV_16S, *way), alpha=0.5) for way in ((1, 0), (0, 1))]
    return {"gradient": _smooth(cv2.addWeighted(steps[0], 0.5, steps[1], 0.5, 0))}


def _ridges(plane: Plane) -> dict[Kind, Plane]:
    """Eigenvalues of the Hessian: the larger where it is a valley, the smaller where it is a ridge."""
    import cv2

    xx, yy, xy = (cv2.Sobel(plane, cv2.CV_32F, *way) for way in ((2, 0), (0, 2), (1, 1)))
    off = _length(xx - yy, 2 * xy)
    valley, ridge = xx + yy + off, off - (xx + yy)
    return {"valley": _smooth(_byte(valley / 8)), "ridge": _smooth(_byte(ridge / 8))}


def _tensor(plane: Plane) -> dict[Kind, Plane]:
    """Roots of the structure tensor's eigenvalues: how much changes along and across the local direction."""
    import cv2

    x, y = (cv2.Sobel(plane, cv2.CV_16S, *way).astype(np.int32) >> 2 for way in ((1, 0), (0, 1)))
    parts = (x * x, y * y, x * y // 2 + 32768)  # each within 16 bits, on which OpenCV smooths exactly
    xx, yy, xy = (_smooth(one.astype(np.uint16)).astype(np.int32) for one in parts)
    low = [(one >> 6).astype(np.float32) for one in (xx, yy, 2 * (xy - 32768))]
    off = _length(low[0] - low[1], 2 * low[2])
    both = low[0] + low[1]
    return {"across": _byte(6 * np.sqrt(both + off)), "along": _byte(6 * np.sqrt(np.maximum(both - off, 0)))}


def _length(x: Any, y: Any) -> Any:
    """Root of the sum of two squares: of whole numbers below 2**24, so exact up to the root, which rounds alike."""
    return np.sqrt(x * x + y * y)


def _byte(values: Any) -> Plane:
    return np.asarray(np.clip(values, 0, 255), np.uint8)


_OF: dict[Kind, Callable[[Plane], dict[Kind, Plane]]] = {
    "value": _value,
    "gradient": _gradient,
    "texture": _texture,
    "ridge": _ridges,
    "valley": _ridges,
    "along": _tensor,
    "across": _tensor,
}


def _halved(plane: Plane) -> Plane:
    """Means of blocks of two by two; at an odd end the last pixel counts twice."""
    import cv2

    down, right = plane.shape[0] % 2, plane.shape[1] % 2
    if down or right:
        plane = np.pad(plane, ((0, down), (0, right)), mode="edge")
    half = (plane.shape[1] // 2, plane.shape[0] // 2)
    return np.asarray(cv2.resize(plane, half, interpolation=cv2.INTER_AREA), np.uint8)


def _on_blocks(plane: Plane, scale: int, shape: tuple[int, ...]) -> Plane:
    """The plane on the blocks' grid: the mean of finer pixels, linear between coarser ones."""
    import cv2

    if scale <= 1:
        return _halved(plane) if scale == 0 else plane
    step = 1 << (scale - 1)
    whole = cv2.resize(plane, (plane.shape[1] * step, plane.shape[0] * step), interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(whole[: shape[0], : shape[1]])

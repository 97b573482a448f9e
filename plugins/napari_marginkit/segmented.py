"""A region as a layer in its image's place, painted labels of its role changed in one step of undo.

The surprising thing: a region may lie on a coarser grid than its image; its layer then has larger pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from marginkit.records import Region

from . import pictures, placing, roles

ROLE = {"tissue": roles.SPECIMEN, "tumor": roles.TUMOR, "signal": roles.SIGNAL}


def put(viewer: Any, wish: Any, region: Region) -> Any:
    """The region as a layer in the image's place; painted labels of that role are replaced in one step of undo."""
    role = ROLE[wish.what]
    place = place_of(wish.place, wish.spacing, region)
    if region.kind != "mask":
        held = {pictures.KEY: {"role": role, "maker": region.maker or wish.maker}}
        look = {"colormap": clear(role), "contrast_limits": (0, 1), "opacity": 0.6}
        return viewer.add_image(np.asarray(region.data), name=role, metadata=held, **look, **place)
    look = roles.look(role)
    look["metadata"][pictures.KEY]["maker"] = region.maker or wish.maker
    return put_labels(viewer, role, np.asarray(region.data).astype(np.uint8), {**look, **place})


def clear(role: str) -> Any:
    """The colours of a probability: from nothing to the colour of its role, so that the image is seen beneath."""
    from napari.utils.colormaps import Colormap

    rgb = rgb_of(role)
    return Colormap([[*rgb, 0.0], [*rgb, 1.0]], name=f"chance of {role}")


def rgb_of(role: str) -> list[float]:
    """The colour of a role, 0 to 1."""
    colour = roles.COLOURS[role][1]
    return [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]


def put_labels(viewer: Any, role: str, pixels: Any, keywords: Mapping[str, Any]) -> Any:
    """Labels as the layer of a role; one on the same grid is changed in one step of undo instead.

    keywords : of a label layer, its place and ``metadata`` among them.
    """
    mine = (one for one in viewer.layers if roles.role_of(one) == role)
    old = next((one for one in mine if on_grid(one, pixels.shape, keywords)), None)
    if old is None:
        return viewer.add_labels(pixels, **keywords)
    changed = np.nonzero(np.asarray(old.data) != pixels)
    if len(changed[0]):
        old.data_setitem(changed, pixels[changed])
    old.metadata = {**old.metadata, **keywords["metadata"]}
    return old


def on_grid(layer: Any, shape: tuple[int, ...], place: Mapping[str, Any]) -> bool:
    """Whether a layer is of labels on exactly this grid."""
    if type(layer).__name__ != "Labels" or np.shape(layer.data) != shape:
        return False
    now = placing.transform_of(layer)
    return all(np.array_equal(now[key], place[key]) for key in now)


def place_of(image: Mapping[str, Any], spacing: tuple[float, ...], region: Region) -> dict[str, Any]:
    """Where a region on a grid of its own lies: a multiple of the image's pixel, from its first pixel's centre."""
    place = dict(image)
    if region.spacing_mm is None and region.origin_px is None:
        return place
    ratio = np.array(region.spacing_mm or spacing) / np.array(spacing)
    return place_at(place, ratio, np.array(region.origin_px or (0.0,) * len(ratio)))


def place_at(image: Mapping[str, Any], ratio: Any, origin: Any) -> dict[str, Any]:
    """Where pixels lie of which one is ``ratio`` of the image's, the first centred at ``origin``, index units of it."""
    shift = np.asarray(image["rotate"]) @ (np.asarray(image["scale"]) * origin)
    return {**image, "scale": np.asarray(image["scale"]) * ratio, "translate": np.asarray(image["translate"]) + shift}

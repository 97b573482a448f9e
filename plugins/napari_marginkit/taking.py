"""Layers as marginkit's regions, on the pixels of one image: frozen copies, so that painting on changes nothing.

The surprising thing: of a label layer with several labels nothing is taken unless the user says which; a drawn line
has no area and can only be a barrier.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit.errors import OutlineError, PixelError, UsageError
from marginkit.geometry.scene import CLASSES
from marginkit.geometry.sharing import side_by_side
from marginkit.records import Region

from . import pictures, roles, vectors
from .placing import Place, grid_on, place

LINES = ("line", "path")
STRIP_BYTES = 1 << 20  # of pixels that are looked at together: they stay in the cache


def region(layer: Any, image: Place, *, name: str, labels: str = "") -> Region:
    """The region of a label, shapes or image layer. labels : ``1`` or ``1+2``; empty: the only one."""
    if _drawn(layer):
        shape, flags = vectors.area([ring for ring, _, _ in _rings(layer, image, lines=False)], layer.name)
        return Region(shape, name=name, maker=_maker(layer), flags=flags)
    return _placed(layer, image, _mask(layer, labels), name)


def edge(layer: Any, image: Place) -> Any:
    """The ``edge`` argument: class to region; the region alone where shapes have no class and so restrict the edge."""
    if not _drawn(layer):
        pixels = _whole(layer)
        codes = _values(pixels)
        if codes and not 1 <= codes[0] <= codes[-1] <= len(CLASSES):
            cause = f"label {codes[-1]} in {layer.name}"
            raise PixelError("E-PIX-05", "no such class of edge", cause=cause, remedy=f"Classes are {_told_classes()}.")
        kinds = {code: CLASSES[code - 1] for code in codes}  # 0: as found
        return {kind: _placed(layer, image, pixels == code, kind) for code, kind in kinds.items()} or None
    found = by_word(layer, image, ("class",))
    strange = sorted(set(found) - {"", *CLASSES})
    if strange:
        cause = f"{strange[0]!r} in {layer.name}"
        raise UsageError("E-USE-07", "no such class of edge", cause=cause, remedy=f"Classes are {_told_classes()}.")
    return found[""] if set(found) == {""} else {kind: one for kind, one in found.items() if kind} or None


def _told_classes() -> str:
    return ", ".join(f"{code} {name}" for code, name in enumerate(CLASSES, 1))


def names(layer: Any, image: Place) -> dict[str, Region]:
    """Margin name to region: labels by their names, shapes by their feature ``name``."""
    if _drawn(layer):
        return {word or layer.name: one for word, one in by_word(layer, image, ("name",)).items()}
    pixels, known = _whole(layer), roles.names_of(layer)
    found: dict[str, NDArray[np.bool_]] = {}
    for label in _values(pixels):
        name, mask = known.get(label, f"label {label}"), pixels == label
        found[name] = found[name] | mask if name in found else mask
    return {name: _placed(layer, image, mask, name) for name, mask in found.items()}


def barriers(layer: Any, image: Place) -> dict[str, Region]:
    """Barrier type to region: labels by their names, shapes by their feature ``type`` or ``name``; lines too."""
    if _drawn(layer):
        found = by_word(layer, image, ("type", "name"), lines=True)
        return {word or "barrier": one for word, one in found.items()}
    pixels, known = _whole(layer), roles.names_of(layer)
    return {
        (name := known.get(label, "barrier" if label == 1 else f"barrier {label}")): _placed(
            layer, image, pixels == label, name
        )
        for label in _values(pixels)
    }


def by_word(layer: Any, image: Place, columns: Iterable[str], *, lines: bool = False) -> dict[str, Region]:
    """Word of the first feature column that there is -> region of its shapes. Lines of a word become a line region."""
    import shapely

    words = _words(layer, columns)
    groups: dict[str, list[tuple[Any, str]]] = {}
    for ring, kind, at in _rings(layer, image, lines=lines):
        groups.setdefault(words[at], []).append((ring, kind))
    found = {}
    for word, drawn in groups.items():
        if any(kind in LINES for _, kind in drawn):
            rings = [np.vstack([ring, ring[:1]]) if kind not in LINES else ring for ring, kind in drawn]
            data: Any = shapely.MultiLineString(rings)
            found[word] = Region(data, name=word, maker=_maker(layer))
        else:
            shape, flags = vectors.area([ring for ring, _ in drawn], layer.name)
            found[word] = Region(shape, name=word, maker=_maker(layer), flags=flags)
    return found


def _words(layer: Any, columns: Iterable[str]) -> list[str]:
    table = layer.features
    column = next((one for one in columns if one in table), None)
    if column is None:
        return [""] * len(layer.data)
    return ["" if word is None or word != word else str(word).strip() for word in table[column]]


def _rings(layer: Any, image: Place, *, lines: bool) -> list[tuple[Any, str, int]]:
    """(corners in the image's pixel corners (x, y), kind, number) of each shape."""
    matrix, offset = place(layer).onto(image)
    if len(offset) != 2:
        raise OutlineError("E-GEO-05", "outlines are measured in 2-D", cause=f"{layer.name} has {len(offset)} axes")
    found = []
    for at, (points, kind) in enumerate(zip(layer.data, layer.shape_type)):
        if kind in LINES and not lines:
            cause = f"a {kind} in {layer.name}"
            raise OutlineError("E-GEO-01", "a line has no area", cause=cause, remedy="Draw a polygon.")
        moved = np.asarray(points, np.float64) @ matrix.T + offset
        found.append((vectors.corners(moved, kind), kind, at))
    return found


def _placed(layer: Any, image: Place, data: NDArray[Any], name: str) -> Region:
    ratio, origin = grid_on(place(layer), image)
    same = set(ratio) == {1.0} and set(origin) == {0.0}
    spacing = tuple(r * s for r, s in zip(ratio, image.spacing_mm))
    return Region(
        data, spacing_mm=None if same else spacing, origin_px=None if same else origin, name=name, maker=_maker(layer)
    )


def _maker(layer: Any) -> str:
    held = layer.metadata.get(pictures.KEY)
    made = str(held.get("maker", "")) if isinstance(held, Mapping) else ""
    return made or f"napari layer {layer.name}"


def _drawn(layer: Any) -> bool:
    return hasattr(layer, "shape_type")


def _whole(layer: Any) -> NDArray[Any]:
    return np.asarray(pictures.level0(layer))


def _values(pixels: NDArray[Any]) -> list[int]:
    """The labels that are there, without 0, in order."""
    if pixels.dtype.kind not in "iub":
        raise PixelError("E-PIX-02", "labels are whole numbers", cause=f"{pixels.dtype}")
    if pixels.dtype.itemsize == 1 and pixels.dtype.kind in "ub":
        found = np.flatnonzero(np.bincount(pixels.view(np.uint8).ravel(), minlength=1))
    else:
        found = np.unique(pixels)
    return [int(label) for label in found if label != 0]


def _mask(layer: Any, labels: str) -> NDArray[Any]:
    pixels = _whole(layer)
    if labels.strip():
        wanted = _parsed(labels)
        return np.isin(pixels, wanted) if len(wanted) > 1 else pixels == wanted[0]
    if pixels.dtype == np.bool_:
        return pixels.copy()
    if pixels.dtype.kind == "f":
        return pixels.astype(np.float64)
    mask = _only(pixels)
    if mask is None:
        shown = ", ".join(map(str, _values(pixels)[:8]))
        cause = f"labels {shown} in {layer.name}"
        raise PixelError(
            "E-PIX-05", "which label is meant?", cause=cause, remedy="Write it beside the layer: 2, or 1+2."
        )
    return mask


def _only(pixels: NDArray[Any]) -> NDArray[np.bool_] | None:
    """Where the one label is that is not 0; None where there are several. Strip by strip on all cores, because the
    window stands still meanwhile."""
    mask = np.empty(pixels.shape, bool)
    rows = max(1, STRIP_BYTES // max(1, pixels[:1].nbytes))
    strips = [slice(first, first + rows) for first in range(0, len(pixels), rows)]

    def label(strip: slice) -> Any:
        """The label of a strip, 0 where there is none; None where there are several."""
        part = pixels[strip]
        np.not_equal(part, 0, out=mask[strip])
        there, top = np.count_nonzero(mask[strip]), part.max(initial=0)
        return top if there == (np.count_nonzero(part == top) if top else 0) else None

    found = set(side_by_side(label, strips)) - {0}
    return mask if len(found) < 2 and None not in found else None


def _parsed(labels: str) -> list[int]:
    try:
        return [int(word) for word in labels.split("+")]
    except ValueError as error:
        raise UsageError("E-USE-03", f"labels {labels!r} not understood", remedy="Write 2, or 1+2.") from error

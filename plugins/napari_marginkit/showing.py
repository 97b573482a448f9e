"""An outcome as layers: the cut edge coloured by distance, and the closest pairs with their words.

The surprising thing: layers are changed in place where they are there already, and only what differs: a new layer would
take the selection, and with it the brush, away from whoever is painting. napari slices a layer, makes its mesh and
paints its thumbnail anew at each setting, so all of a layer is set first and refreshed once; while one paints,
thumbnails and bands are left until the brush rests.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np

from marginkit.records import Floats, Measured

from . import placing
from .asking import Request
from .drawing import Drawing
from .lightly import lighten_lines, ready_digits
from .pictures import KEY

EDGE, PAIRS, ENDS, BANDS = "cut edge by distance", "closest pairs", "margins", "bands around the tumor"
ROLE = "result"
ON_TOP = "translucent_no_depth"  # of a stack too: bands and edge would hide what is written behind them
BESIDE = 5.0  # widths of the drawn edge between a line and its words
LATER = "thumbnail is old"  # in the metadata


def show(viewer: Any, request: Request, drawing: Drawing, case: Measured) -> None:
    """Show a drawing, or change the one that is shown. The layers that were selected stay selected."""
    if shown_case(viewer) is None:
        viewer.canvas.overlays.scale_bar.visible = True  # once: who hides it then does not want it
    with _selection(viewer):
        _lines(viewer, request, BANDS, drawing.bands, drawing.band_colours, drawing.width_px / 3)
        layer = _draw(viewer, request, drawing)
    layer.metadata[KEY].update(outcome=case, request=request)
    for one in viewer.layers:
        if _ours(one) and one.metadata[KEY].pop(LATER, False):
            one.refresh(data_displayed=False, highlight=False)


def move(viewer: Any, request: Request, drawing: Drawing) -> None:
    """Show edge and pairs right after a stroke; the outcome that is kept with them comes when the brush rests."""
    with _selection(viewer):
        _draw(viewer, request, drawing)


def _draw(viewer: Any, request: Request, drawing: Drawing) -> Any:
    if drawing.edge.ndim == 3:
        _lines(viewer, request, EDGE, drawing.edge, drawing.edge_colours, drawing.width_px)
    else:
        _points(viewer, request, EDGE, drawing.edge, drawing.edge_colours, 1.0)
    ink = np.tile(drawing.ink, (len(drawing.pairs), 1))
    _lines(viewer, request, PAIRS, drawing.pairs, ink, drawing.width_px / 2, ON_TOP)
    return _ends(viewer, request, drawing)


def shown_case(viewer: Any) -> tuple[Request, Measured] | None:
    """The request and the outcome that are shown; None where nothing is."""
    layer = next((one for one in viewer.layers if _ours(one, ENDS)), None)
    held = {} if layer is None else layer.metadata[KEY]
    return (held["request"], held["outcome"]) if "outcome" in held else None


def clear(viewer: Any) -> None:
    """Take the drawn result away, because it is no longer that of what is seen."""
    for layer in [one for one in viewer.layers if _ours(one)]:
        viewer.layers.remove(layer)


@contextmanager
def _selection(viewer: Any) -> Iterator[None]:
    chosen, active = set(viewer.layers.selection), viewer.layers.selection.active
    yield
    kept = {one for one in chosen if one in viewer.layers}
    if kept != set(viewer.layers.selection):
        viewer.layers.selection = kept
    if active is not viewer.layers.selection.active and active in viewer.layers:
        viewer.layers.selection.active = active


def _ours(layer: Any, name: str = "") -> bool:
    held = layer.metadata.get(KEY)
    return (
        isinstance(held, dict)
        and held.get("role") == ROLE
        and held.get("part") in ((name,) if name else (EDGE, PAIRS, ENDS, BANDS))
    )


def _old(viewer: Any, request: Request, name: str, kind: type[Any], ndim: int) -> Any:
    """The layer of a part that is there already; None where there is none that lies where the image does."""
    found = next((one for one in viewer.layers if _ours(one, name)), None)
    if found is None:
        return None
    now = placing.transform_of(found)
    if (
        isinstance(found, kind)
        and found.ndim == ndim
        and all(np.array_equal(now[key], request.transform[key]) for key in now)
    ):
        return found
    viewer.layers.remove(found)
    return None


def _keywords(request: Request, part: str) -> dict[str, Any]:
    return {**request.transform, "name": part, "metadata": {KEY: {"role": ROLE, "part": part}}}


def _lines(
    viewer: Any,
    request: Request,
    part: str,
    data: Floats,
    colours: Floats,
    width_px: float,
    blending: str = "translucent",
) -> None:
    from napari.layers import Vectors

    layer = _old(viewer, request, part, Vectors, data.shape[-1])
    if layer is None:
        layer = Vectors(data, edge_width=width_px, vector_style="line", blending=blending, **_keywords(request, part))
        viewer.add_layer(layer)
        lighten_lines(layer)
    wanted: dict[str, Any] = {"data": data, "edge_width": width_px, **({"edge_color": colours} if len(data) else {})}
    _set(layer, {name: value for name, value in wanted.items() if not np.array_equal(getattr(layer, name), value)})


def _set(layer: Any, changes: Mapping[str, Any]) -> None:
    """Set several properties of a layer, and have it sliced and drawn once; its thumbnail waits."""
    if not changes:
        return
    with layer.events.blocker_all(), getattr(layer, "_block_refresh", nullcontext)():
        for name, value in changes.items():
            setattr(layer, name, value)
    layer.refresh(thumbnail=False, highlight=False, extent=False)
    layer.metadata[KEY][LATER] = True


def _points(
    viewer: Any,
    request: Request,
    part: str,
    points: Floats,
    colours: Floats,
    size_px: float,
    words: list[str] | None = None,
) -> Any:
    from napari.layers import Points

    layer = _old(viewer, request, part, Points, points.shape[-1])
    if layer is None:
        nothing = np.zeros((0, points.shape[-1]))
        look = {"border_width": 0.1, "blending": ON_TOP} if part == ENDS else {"border_width": 0}
        layer = Points(nothing, **look, **_keywords(request, part))
        layer.editable = False
        viewer.add_layer(layer)
    _set(layer, {} if np.array_equal(layer.data, points) else {"data": points})
    if words is not None and list(layer.features.get("label", ())) != words:
        layer.features = {"label": words}  # which napari writes at once, at the points that it has sliced
    if (np.asarray(layer.size) != size_px).any():
        layer.size = size_px
    if len(points) and not np.array_equal(layer.face_color, colours):
        layer.face_color = colours
    return layer


def _ends(viewer: Any, request: Request, drawing: Drawing) -> Any:
    """Both ends of each pair as rings, and its words where its line does not cross them."""
    start, along = drawing.pairs[:, 0], drawing.pairs[:, 1]
    points = np.concatenate([start, start + along, beside(drawing.pairs, BESIDE * drawing.width_px)])
    words = [""] * (2 * len(start)) + list(drawing.words)
    seen = np.array([0.0 if word else 1.0 for word in words])
    white = np.ones((len(points), 4)) * np.stack([np.ones(len(points))] * 3 + [seen], axis=1)
    layer = _points(viewer, request, ENDS, points, white, 1.5 * drawing.width_px, words)
    if len(points) and not np.array_equal(layer.border_color, white * (0, 0, 0, 1)):
        layer.border_color = white * (0, 0, 0, 1)
    text = {"string": "{label}", "size": 12, "color": drawing.ink, "anchor": "center", "blending": ON_TOP}
    if layer.metadata[KEY].get("text") != text:
        layer.text, layer.metadata[KEY]["text"] = text, text
        ready_digits(layer)
    return layer


def beside(pairs: Floats, away_px: float) -> Floats:
    """(n, ndim) where the words of pairs are centred: over a level line, beyond the tumor's end of another.

    pairs : (n, 2, ndim) start and vector from edge to tumor.
    """
    start, along = pairs[:, 0], pairs[:, 1]
    level = np.abs(along[:, -1]) > 2 * np.abs(along[:, -2])
    points: Floats = start + np.where(level[:, None], along / 2, along)
    points[:, -2] += np.where(~level & (along[:, -2] > 0), away_px, -away_px)
    return points

"""An outcome as layers: the cut edge coloured by distance, and the closest pairs with their words.

The surprising thing: layers are changed in place where they are there already. A new layer would take the selection,
and with it the brush, away from whoever is painting.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from marginkit.records import Floats, Margin, Measured
from marginkit.reports import _colours
from marginkit.reports._edge import steps
from marginkit.reports._frame import areas
from marginkit.wording import shown

from .asking import Request
from .pictures import KEY

EDGE, PAIRS, ENDS = "cut edge by distance", "closest pairs", "margins"
ROLE = "result"


def show(viewer: Any, request: Request, case: Measured) -> None:
    """Draw an outcome, or redraw it. The layers that were selected stay selected."""
    with _selection(viewer):
        _edge(viewer, request, case)
        _pairs(viewer, request, case)


def clear(viewer: Any) -> None:
    """Take the drawn result away, because it is no longer that of what is seen."""
    for layer in [one for one in viewer.layers if _ours(one)]:
        viewer.layers.remove(layer)


@contextmanager
def _selection(viewer: Any) -> Iterator[None]:
    chosen, active = set(viewer.layers.selection), viewer.layers.selection.active
    yield
    viewer.layers.selection = {one for one in chosen if one in viewer.layers}
    if active is not None and active in viewer.layers:
        viewer.layers.selection.active = active


def _ours(layer: Any, name: str = "") -> bool:
    held = layer.metadata.get(KEY)
    return (
        isinstance(held, dict)
        and held.get("role") == ROLE
        and held.get("part") in ((name,) if name else (EDGE, PAIRS, ENDS))
    )


def _old(viewer: Any, name: str, ndim: int) -> Any:
    found = next((one for one in viewer.layers if _ours(one, name)), None)
    if found is not None and found.ndim != ndim:
        viewer.layers.remove(found)
        return None
    return found


def _keywords(request: Request, part: str) -> dict[str, Any]:
    return {**request.transform, "name": part, "metadata": {KEY: {"role": ROLE, "part": part}}}


def far_mm(case: Measured) -> float:
    """End of the colour scale."""
    return _colours.far_mm(case.result.profile.distance_mm)


def ramp(far: float, count: int = 64) -> Floats:
    """(count, 3) colours of distances from 0 to ``far``, 0 to 1."""
    return _colours.of_distance(np.linspace(0, far, count), far) / 255


def _coloured(distance_mm: Floats, cut: Any, far: float) -> Floats:
    colours = np.where(cut[:, None], _colours.of_distance(distance_mm, far), np.array(_colours.OTHER_EDGE)) / 255
    return np.concatenate([colours, np.ones((len(colours), 1))], axis=1)


def _edge(viewer: Any, request: Request, case: Measured) -> None:
    far = far_mm(case)
    profile = case.result.profile
    flat = case.result.ndim == 2 and len(request.inputs.spacing_mm) == 2
    if flat:
        walked = steps(case, areas(case)["specimen"])
        starts = walked.ends[:, 0] - 0.5  # corners to index units
        data = np.stack([starts, walked.ends[:, 1] - walked.ends[:, 0]], axis=1)
        colours, width = _coloured(walked.distance_mm, walked.cut, far), _width(request)
        _redraw(viewer, request, EDGE, data, colours, width)
        return
    points = _in_stack(profile.edge_px, case)
    colours = _coloured(profile.distance_mm, np.ones(len(points), bool), far)
    _repoint(viewer, request, EDGE, points, colours, [""] * len(points), 1.0)


def _in_stack(points: Floats, case: Measured) -> Floats:
    """Points with the plane that they are of, where a stack was measured plane by plane."""
    if case.plane is None or not len(points):
        return points
    return np.insert(points, 0, float(case.plane), axis=1)


def _width(request: Request) -> float:
    """Width of the drawn edge in pixels of the image: a share of its height."""
    return max(1.0, min(request.picture.spatial_shape[-2:]) / 160)


def _pairs(viewer: Any, request: Request, case: Measured) -> None:
    found = [margin for margin in case.result.margins if margin.closest is not None]
    kept = [m for i, m in enumerate(found) if not any(_one(m, other) for other in found[i + 1 :]) or m.name != "all"]
    ends = np.array([(m.closest.edge_px, m.closest.tumor_px) for m in kept if m.closest], np.float64)
    ends = ends.reshape(len(kept), 2, case.result.ndim)
    ends = np.stack([_in_stack(ends[:, i], case) for i in (0, 1)], axis=1) if len(kept) else ends
    if not len(kept):
        ends = np.zeros((0, 2, len(request.inputs.spacing_mm)))
    lines = np.stack([ends[:, 0], ends[:, 1] - ends[:, 0]], axis=1)
    ink = 0.0 if request.bright else 1.0
    _redraw(viewer, request, PAIRS, lines, np.tile([ink, ink, ink, 1.0], (len(lines), 1)), _width(request) / 2)
    words = [word for margin in kept for word in ("", label(margin), "")]
    white = np.tile([[1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 0.0], [1.0, 1.0, 1.0, 1.0]], (len(kept), 1))
    points = np.stack([ends[:, 0], ends.mean(1), ends[:, 1]], axis=1).reshape(-1, ends.shape[-1])
    _repoint(viewer, request, ENDS, points, white, words, 1.5 * _width(request))


def _one(margin: Margin, other: Margin) -> bool:
    """Whether two margins have one closest pair."""
    return margin.closest == other.closest


def label(margin: Margin) -> str:
    """The words at a closest pair."""
    return shown(margin) if margin.name == "all" else f"{margin.name} {shown(margin)}"


def _redraw(viewer: Any, request: Request, part: str, data: Floats, colours: Floats, width: float) -> None:
    from napari.layers import Vectors

    layer = _old(viewer, part, data.shape[-1])
    if layer is not None:
        viewer.layers.remove(layer)  # vectors of another number cannot take colours in place
    drawn = Vectors(
        data,
        edge_color=colours if len(data) else "black",
        edge_width=width,
        vector_style="line",
        **_keywords(request, part),
    )
    viewer.add_layer(drawn)


def _repoint(
    viewer: Any, request: Request, part: str, points: Floats, colours: Floats, words: list[str], size: float
) -> None:
    from napari.layers import Points

    layer = _old(viewer, part, points.shape[-1])
    if layer is not None:
        viewer.layers.remove(layer)
    text = {
        "string": "{label}",
        "size": 12,
        "color": "black" if request.bright else "white",
        "anchor": "center",
        "translation": [-14 if axis == points.shape[-1] - 2 else 0 for axis in range(points.shape[-1])],
    }
    drawn = Points(
        points,
        features={"label": words},
        text=text if any(words) else None,
        face_color=colours if len(points) else "white",
        border_color=_borders(words) if any(words) else "black",
        border_width=0.1 if any(words) else 0,
        size=size,
        **_keywords(request, part),
    )
    drawn.editable = False
    viewer.add_layer(drawn)


def _borders(words: list[str]) -> Floats:
    """Black rings around the ends; none around the middle, which only carries the words."""
    return np.array([[0.0, 0.0, 0.0, 0.0 if word else 1.0] for word in words])

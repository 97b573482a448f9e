"""Undo and redo of drawn layers: edge classes, margin names, barriers, outlines, a known length.

The surprising thing: napari has a history for labels and none for shapes, where Ctrl+Z does nothing at all. So the same
keys are given to the drawn layers that mean something here, and to no other layer.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np

from . import roles

RULER = "known length"
MOST = 100  # steps that are kept of a layer
DONE = ("added", "removed", "changed")  # what napari says of an edit that is finished
_turn = count()


@dataclass(frozen=True, eq=False)
class Drawn:
    """All shapes of a layer at one time."""

    points: tuple[Any, ...]
    looks: dict[str, list[Any]]
    features: Any

    def same(self, other: Drawn) -> bool:
        """Whether nothing was moved, added, removed or renamed in between."""
        if len(self.points) != len(other.points) or self.looks["shape_type"] != other.looks["shape_type"]:
            return False
        moved = (not np.array_equal(a, b) for a, b in zip(self.points, other.points))
        return not any(moved) and bool(self.features.equals(other.features))


def drawn(layer: Any) -> Drawn:
    """The shapes of a layer as they are now."""
    looks: dict[str, list[Any]] = {
        "shape_type": [str(one) for one in layer.shape_type],
        "edge_width": [float(one) for one in layer.edge_width],
        "z_index": [int(one) for one in layer.z_index],
        "edge_color": list(np.array(layer.edge_color)),
        "face_color": list(np.array(layer.face_color)),
    }
    return Drawn(tuple(np.array(one) for one in layer.data), looks, layer.features.copy())


class History:
    """What was done on one layer of shapes; the layer is not kept alive by it."""

    def __init__(self, layer: Any) -> None:
        self._layer = weakref.ref(layer)
        self._past: list[Drawn] = []
        self._future: list[Drawn] = []
        self._now = drawn(layer)
        self._turning = False
        self.turn = -1  # when it was last changed
        layer.events.data.connect(self._edited)
        layer.events.features.connect(self._edited)
        _bind(layer)

    def _edited(self, event: Any) -> None:
        """Keep what was before an edit; of one that goes on nothing is kept."""
        layer = self._layer()
        if layer is None or self._turning or str(getattr(event, "action", DONE[0])) not in DONE:
            return
        now = drawn(layer)
        if now.same(self._now):
            self._now = now
            return
        self._past = [*self._past[1 - MOST :], self._now]
        self._future, self._now = [], now
        self.turn = next(_turn)

    def undo(self) -> bool:
        """Take the last edit back; whether there was one."""
        self._finish()
        return self._step(self._past, self._future)

    def redo(self) -> bool:
        """Do the edit again that was taken back last; whether there was one."""
        return self._step(self._future, self._past)

    def _finish(self) -> None:
        """End a shape that is being drawn: it is the edit to take back."""
        if (layer := self._layer()) is not None:
            mode, layer.mode = layer.mode, "pan_zoom"
            layer.mode = mode

    def _step(self, source: list[Drawn], other: list[Drawn]) -> bool:
        layer = self._layer()
        if layer is None or not source:
            return False
        other.append(self._now)
        self._now = source.pop()
        self._turning = True
        try:
            _show(layer, self._now)
        finally:
            self._turning = False
        self.turn = next(_turn)
        return True


def _show(layer: Any, wanted: Drawn) -> None:
    """Make a layer hold exactly these shapes; what is drawn next looks as it would have."""
    defaults = layer.feature_defaults.copy()
    layer.selected_data = set()
    layer.remove(list(range(len(layer.data))))
    if wanted.points:
        layer.add(list(wanted.points), **wanted.looks)
    layer.features = wanted.features.copy()
    if len(defaults.columns):
        layer.feature_defaults = defaults
    layer.refresh()


_known: weakref.WeakKeyDictionary[Any, History] = weakref.WeakKeyDictionary()


def follow(layers: Iterable[Any]) -> None:
    """Keep a history of the drawn layers among these that have a role; those that have one keep it."""
    for layer in layers:
        drawn_on = hasattr(layer, "shape_type") and (roles.role_of(layer) or layer.name == RULER)
        if drawn_on and layer not in _known:
            _known[layer] = History(layer)


def inserted(event: Any) -> None:
    """Follow a layer that was added to a viewer."""
    follow([event.value])


def back(viewer: Any, *, redo: bool = False) -> str:
    """Undo on the layer that is chosen, or else on the drawn layer that was changed last; its name, empty for none.

    Of labels it is napari's own undo.
    """
    active = viewer.layers.selection.active
    if hasattr(active, "selected_label"):
        return _labels(active, redo)
    histories = sorted(((one, _known[one]) for one in viewer.layers if one in _known), key=lambda pair: -pair[1].turn)
    first = [pair for pair in histories if pair[0] is active]
    for layer, history in first or histories:
        if history.redo() if redo else history.undo():
            return str(layer.name)
    return ""


def _labels(layer: Any, redo: bool) -> str:
    before = len(layer._redo_history if redo else layer._undo_history)
    (layer.redo if redo else layer.undo)()
    return str(layer.name) if before else ""


def _bind(layer: Any) -> None:
    """Give a drawn layer the keys that napari gives to labels."""
    from app_model.types import KeyCode, KeyMod

    keys = KeyMod.CtrlCmd | KeyCode.KeyZ
    layer.bind_key(keys, lambda one: _press(one, redo=False), overwrite=True)
    layer.bind_key(keys | KeyMod.Shift, lambda one: _press(one, redo=True), overwrite=True)


def _press(layer: Any, *, redo: bool) -> None:
    if (history := _known.get(layer)) is not None:
        _ = history.redo() if redo else history.undo()

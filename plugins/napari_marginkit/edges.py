"""The panel of edges: classes, names and barriers of the outline, painted or drawn.

The surprising thing: nothing has to be painted exactly. A stretch of edge has the class and name of the pixel on
either side of it, so a broad stroke along the outline is enough.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtWidgets import QLineEdit

from marginkit.geometry.scene import CLASSES

from . import blank, pictures, roles, undoing
from .forms import LayerChoice, Message, Panel, Words, beside, button, form
from .inking import Inks

TOLD = {
    "cut": "where the surgeon cut",
    "natural": "skin, mucosa, a surface that was never cut",
    "section": "first or last plane, face of a block",
    "frame": "border of the view",
    "hole": "lumen, tear, vacuole",
    "unknown": "not to be measured to",
}
COMMON = "superior, inferior, medial, lateral, deep, superficial"


class Edges(Panel):
    """Paint classes, paint names, draw barriers."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self.image = LayerChoice(self.viewer, ["image"], required=True)
        self.kind = Words({f"{kind}: {TOLD[kind]}": code for code, kind in enumerate(CLASSES, 1)})
        self.kind.setMinimumContentsLength(14)
        self.name, self.barrier = QLineEdit(), QLineEdit("fascia")
        self.name.setPlaceholderText(COMMON)
        self.names = Message()
        paint_kind = button("Paint", self.paint_class, "Paint this class along the outline")
        paint_name = button("Paint", self.paint_name, "Paint this margin along the outline")
        draw_kind = button("Draw", self.draw_class, "Draw this class as a region that holds that part of the outline")
        draw_name = button("Draw", self.draw_name, "Draw this margin as a region that holds that part of the outline")
        draw = button("Draw", self.draw_barrier, "Draw the barrier as a line; a double click ends it")
        rows = (
            ("Image", self.image, "The layers are made in its place."),
            (
                "Class",
                beside(self.kind, paint_kind, draw_kind),
                "What is not painted is taken as found: cut where tissue ends.",
            ),
            ("Margin", beside(self.name, paint_name, draw_name), f"Name of a margin: {COMMON} …"),
            ("Barrier", beside(self.barrier, draw), "Type of barrier: fascia, periosteum, capsule …"),
        )
        self.rows.addWidget(self.units)
        self.rows.addLayout(form(rows))
        self.inks = Inks(self.viewer, self.image)
        undo = button(
            "Undo", self.undo, "Take the last edit of the chosen layer back, or of what was drawn last (Ctrl+Z)"
        )
        redo = button("Redo", self.redo, "Do it again (Ctrl+Shift+Z)")
        self.rows.addWidget(beside(undo, redo))
        self.rows.addWidget(self.names)
        self.rows.addWidget(self.message)
        self.rows.addWidget(self.inks)
        self.rows.addStretch(1)
        self.name.returnPressed.connect(self.paint_name)
        self.viewer.layers.events.inserted.connect(self.look)
        self.look()

    def detach(self) -> None:
        """Cut every tie to the viewer."""
        if not self.closed:
            self.inks.detach()
            self.viewer.layers.events.inserted.disconnect(self.look)
        super().detach()

    def look(self, _: Any = None) -> None:
        """Say which margins have a name."""
        layer = self._layer(roles.NAMES)
        known = {} if layer is None else roles.names_of(layer)
        told = ", ".join(f"{label} {name}" for label, name in sorted(known.items()))
        self.names.say(f"Named margins: {told or 'none yet'}")

    def undo(self) -> None:
        """Take the last edit back."""
        name = undoing.back(self.viewer)
        self.message.say(f"Undone: {name}." if name else "Nothing to undo.")

    def redo(self) -> None:
        """Do the last edit again that was taken back."""
        name = undoing.back(self.viewer, redo=True)
        self.message.say(f"Done again: {name}." if name else "Nothing to do again.")

    def paint_class(self) -> None:
        """Paint the chosen class."""
        layer = self._painted(roles.EDGE)
        if layer is not None:
            self._brush(layer, self.kind.value())
            self.message.say(f"Paint along the outline: {CLASSES[self.kind.value() - 1]}.")

    def paint_name(self) -> None:
        """Paint the margin of the name that is written; a new name gets the next label."""
        name = self.name.text().strip()
        if not name or name == "all":
            self.message.say("Write the name of a margin; 'all' is that of the whole edge.", "error")
            return
        layer = self._painted(roles.NAMES)
        if layer is None:
            return
        known = roles.names_of(layer)
        label = next((one for one, word in known.items() if word == name), max(known, default=0) + 1)
        if label > 255:
            self.message.say("A layer holds at most 255 names.", "error")
            return
        held = {**layer.metadata[pictures.KEY], "names": {**known, label: name}}
        layer.metadata = {**layer.metadata, pictures.KEY: held}
        self._brush(layer, label)
        self.message.say(f"Paint along the outline: {name}.")
        self.look()

    def draw_class(self) -> None:
        """Draw regions of the chosen class."""
        self._draw(roles.EDGE, "class", CLASSES[self.kind.value() - 1])

    def draw_name(self) -> None:
        """Draw regions of the margin that is written."""
        name = self.name.text().strip()
        if not name or name == "all":
            self.message.say("Write the name of a margin; 'all' is that of the whole edge.", "error")
            return
        self._draw(roles.NAMES, "name", name)

    def _draw(self, role: str, column: str, word: str) -> None:
        """Draw polygons; where the same was painted before, Margins asks which of the two counts."""
        image = self.image.layer()
        if image is None:
            self.message.say("Open an image.", "error")
            return
        layer = self._layer(role, drawn=True)
        if layer is None:
            held = {pictures.KEY: {"role": role}}
            look = {"name": role, "edge_color": "#56b4e9", "face_color": "#56b4e940", "metadata": held}
            layer = blank.shapes(self.viewer, image, features={column: np.empty(0, object)}, **look)
        layer.feature_defaults = {column: [word]}
        self.viewer.layers.selection.active = layer
        layer.mode = "add_polygon"
        painted = self._layer(role) is not None
        also = " It was painted too: choose one of the two layers in Margins." if painted else ""
        self.message.say(f"Draw around that part of the outline: {word}.{also}")

    def draw_barrier(self) -> None:
        """Draw lines of the type that is written."""
        image = self.image.layer()
        kind = self.barrier.text().strip()
        if image is None or not kind:
            self.message.say("Open an image." if image is None else "Write the type of the barrier.", "error")
            return
        layer = self._layer(roles.BARRIER, drawn=True)
        if layer is None:
            held = {pictures.KEY: {"role": roles.BARRIER}}
            look = {"name": roles.BARRIER, "edge_color": "#56b4e9", "face_color": "transparent", "metadata": held}
            layer = blank.shapes(self.viewer, image, features={"type": np.empty(0, object)}, **look)
        layer.feature_defaults = {"type": [kind]}
        self.viewer.layers.selection.active = layer
        layer.mode = "add_path"
        self.message.say(f"Draw the {kind} as a line.")

    def _layer(self, role: str, *, drawn: bool = False) -> Any:
        kind = "Shapes" if drawn else "Labels"
        found = (one for one in self.viewer.layers if roles.role_of(one) == role)
        return next((one for one in found if type(one).__name__ == kind), None)

    def _painted(self, role: str) -> Any:
        image = self.image.layer()
        if image is None:
            self.message.say("Open an image.", "error")
            return None
        return self._layer(role) or blank.labels(self.viewer, image, roles.look(role))

    def _brush(self, layer: Any, label: int) -> None:
        self.viewer.layers.selection.active = layer
        layer.selected_label = label
        layer.brush_size = max(4, min(layer.data.shape[-2:]) // 60)
        layer.mode = "paint"

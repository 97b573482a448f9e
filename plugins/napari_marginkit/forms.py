"""Parts of forms: a choice among layers, a message beside its field, choices with words, a notice of mixed units.

The surprising thing: napari hands a plugin a proxy of the viewer and lets layers be renamed, moved and removed at any
time. So a choice holds the layer itself, not its name, and forgets it when it goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from qtpy import QtCore
from qtpy.compat import isalive
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from marginkit.errors import MarginError

from . import placing, roles, undoing
from .showing import ROLE

Signal: Any = vars(QtCore)["Signal"]  # a name that qtpy gives to that of the binding
NONE = "—"
NARROWEST_PX = 360  # of a panel
TINT = {"error": "#d55e00", "good": "#009e73", "": "palette(text)"}


class LayerChoice(QComboBox):
    """A choice among the viewer's layers of some kinds; the first of a role is chosen at first."""

    changed = Signal()

    def __init__(self, viewer: Any, kinds: Iterable[str], role: Iterable[str] = (), *, required: bool = False) -> None:
        super().__init__()
        self._viewer, self._kinds, self._role, self._required = viewer, tuple(kinds), tuple(role), required
        self._layers: list[Any] = []
        self._touched = False
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(12)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        events = viewer.layers.events
        for event in (events.inserted, events.removed, events.reordered):
            event.connect(self._refill)
        self._refill()
        self.activated.connect(self._chosen)

    def layer(self) -> Any:
        """The chosen layer; None where none is."""
        index = self.currentIndex() - (0 if self._required else 1)
        return self._layers[index] if 0 <= index < len(self._layers) else None

    def choose(self, layer: Any) -> None:
        """Choose a layer."""
        if layer in self._layers:
            self._touched = True
            self.setCurrentIndex(self._layers.index(layer) + (0 if self._required else 1))
            self.changed.emit()

    def detach(self) -> None:
        """Stop listening to the viewer."""
        events = self._viewer.layers.events
        for event in (events.inserted, events.removed, events.reordered):
            event.disconnect(self._refill)

    def _chosen(self, _: int) -> None:
        self._touched = True
        self.changed.emit()

    def _fits(self, layer: Any) -> bool:
        held = layer.metadata.get("marginkit")
        ours = isinstance(held, Mapping) and held.get("role") == ROLE
        return type(layer).__name__.lower() in self._kinds and not ours

    def _refill(self, _: Any = None) -> None:
        before = self.layer()
        self._layers = [layer for layer in self._viewer.layers if self._fits(layer)]
        for layer in self._layers:
            layer.events.name.disconnect(self._rename)
            layer.events.name.connect(self._rename)
        keep = before if before in self._layers and (self._touched or before is not None) else self._first()
        self.blockSignals(True)
        self.clear()
        self.addItems([*([] if self._required else [NONE]), *(layer.name for layer in self._layers)])
        at = self._layers.index(keep) + (0 if self._required else 1) if keep in self._layers else 0
        self.setCurrentIndex(at)
        self.blockSignals(False)
        if self.layer() is not before:
            self.changed.emit()

    def _first(self) -> Any:
        if self._touched and not self._required:
            return None
        if not self._role:
            return self._layers[0] if self._required and self._layers else None
        return next((layer for role in self._role for layer in self._layers if roles.role_of(layer) == role), None)

    def _rename(self, _: Any = None) -> None:
        for i, layer in enumerate(self._layers):
            self.setItemText(i + (0 if self._required else 1), layer.name)


class Message(QLabel):
    """A line that says what is, or what is wrong; nothing blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.hide()

    def say(self, text: str, kind: str = "") -> None:
        """Show a text; an empty one hides the line. kind : ``error``, ``good`` or nothing."""
        self.setText(text)
        self.setStyleSheet(f"color: {TINT[kind]};" if kind else "")
        self.setVisible(bool(text))

    def fail(self, error: MarginError) -> None:
        """Show an error."""
        self.say(str(error), "error")


class Words(QComboBox):
    """A choice among words, each with its value."""

    def __init__(self, choices: Mapping[str, Any]) -> None:
        super().__init__()
        for word, value in choices.items():
            self.addItem(word, value)

    def value(self) -> Any:
        """The chosen value."""
        return self.currentData()


class Checks(QPushButton):
    """Several of a list, behind one button."""

    changed = Signal()

    def __init__(self, what: str, choices: Mapping[str, str]) -> None:
        super().__init__()
        self._what = what
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        for word, told in choices.items():
            action = menu.addAction(word)
            action.setCheckable(True)
            action.setToolTip(told)
            action.toggled.connect(self._toggled)
        self.setMenu(menu)
        self._toggled()

    def values(self) -> tuple[str, ...]:
        """The chosen ones, in the order of the list."""
        return tuple(action.text() for action in self.menu().actions() if action.isChecked())

    def choose(self, words: Iterable[str]) -> None:
        """Choose exactly these."""
        wanted = set(words)
        for action in self.menu().actions():
            action.setChecked(action.text() in wanted)

    def _toggled(self, _: bool = False) -> None:
        chosen = self.values()
        self.setText(", ".join(chosen) if 0 < len(chosen) < 2 else f"{len(chosen)} {self._what}" if chosen else NONE)
        self.changed.emit()


class UnitsNotice(QWidget):
    """Says when the viewer's layers have different units, and offers one."""

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self._viewer = viewer
        self._text = Message()
        self._button = QPushButton("Millimetres everywhere")
        self._button.setToolTip("Rewrites scale and unit of every layer whose unit is a length; nothing moves.")
        self._button.clicked.connect(self._convert)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._text, 1)
        layout.addWidget(self._button)
        for event in (viewer.layers.events.inserted, viewer.layers.events.removed):
            event.connect(self.look)
        self.look()

    def detach(self) -> None:
        """Stop listening to the viewer."""
        for event in (self._viewer.layers.events.inserted, self._viewer.layers.events.removed):
            event.disconnect(self.look)

    def look(self, _: Any = None) -> None:
        """Look at the units again."""
        for layer in self._viewer.layers:
            layer.events.units.disconnect(self.look)
            layer.events.units.connect(self.look)
        found = placing.units_of(self._viewer.layers)
        mixed = len(found) > 1
        text = f"Layers of different units ({', '.join(found)}): what is drawn would be stored wrong."
        self._text.say(text if mixed else "", "error")
        self._button.setVisible(mixed and any(unit != "pixel" for unit in found))
        self.setVisible(mixed)

    def _convert(self) -> None:
        left = placing.to_millimetres(self._viewer.layers)
        self.look()
        if left:
            self._text.say(f"Without a unit: {', '.join(left)}. Calibrate or remove them.", "error")
        self._viewer.reset_view()


def form(rows: Iterable[tuple[str, QWidget, str]]) -> QFormLayout:
    """A form of (label, field, tooltip)."""
    layout = QFormLayout()
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
    for label, field, tip in rows:
        field.setToolTip(tip)
        layout.addRow(label, field)
    return layout


def beside(*widgets: QWidget) -> QWidget:
    """Widgets in one row; the first is wide."""
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    for i, widget in enumerate(widgets):
        layout.addWidget(widget, 1 if i == 0 else 0)
    return row


def button(text: str, pressed: Callable[[], Any], tip: str) -> QPushButton:
    """A push button."""
    made = QPushButton(text)
    made.setToolTip(tip)
    made.clicked.connect(lambda: pressed())
    return made


class Panel(QScrollArea):
    """A plugin's widget: scrolls where the dock is low, and listens to no layer once it is gone."""

    _docked = _detached = False

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.viewer = viewer
        self._detached = self._docked = False
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.body = QWidget()
        self.body.installEventFilter(self)
        self.rows = QVBoxLayout(self.body)
        self.setWidget(self.body)
        self.units = UnitsNotice(viewer)
        undoing.follow(viewer.layers)
        viewer.layers.events.inserted.connect(
            undoing.inserted
        )  # and stays: the history is the layer's, not the panel's
        self.message = Message()

    def minimumSizeHint(self) -> QtCore.QSize:
        """As wide as its rows need: opened below a narrower panel it would be cut at the right."""
        wide = self.body.minimumSizeHint().width() + self.verticalScrollBar().sizeHint().width()
        return QtCore.QSize(max(NARROWEST_PX, wide), super().minimumSizeHint().height())

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Hear of rows that need another width."""
        if watched is self.body and event.type() == QtCore.QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return bool(super().eventFilter(watched, event))

    @property
    def closed(self) -> bool:
        """Whether it is gone; Qt also takes it away with its window, and asks nobody."""
        alive: Callable[[object], bool] = isalive  # qtpy does not say its types
        return self._detached or not alive(self)

    def event(self, event: Any) -> bool:
        """Hear of being taken out of its dock: napari closes docks without closing what is in them."""
        if event.type() == QtCore.QEvent.Type.ParentChange:
            if self._docked and self.parent() is None:
                self.detach()
            self._docked = self.parent() is not None
        return bool(super().event(event))

    def closeEvent(self, event: Any) -> None:
        """Stop listening: layers outlive the panel."""
        self.detach()
        super().closeEvent(event)

    def detach(self) -> None:
        """Cut every tie to the viewer."""
        if self.closed:
            return
        self._detached = True
        self.units.detach()
        for choice in self.findChildren(LayerChoice):
            choice.detach()

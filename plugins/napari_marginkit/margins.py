"""The panel of margins: choose layers, see each margin with its interval and verdicts, watch it move while painting."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QAbstractItemView, QCheckBox, QLineEdit, QProgressBar, QTableWidget, QTableWidgetItem

from marginkit import judging
from marginkit.errors import MarginError
from marginkit.live import Near
from marginkit.records import STATES, Failed, Margin, Measured
from marginkit.wording import interval, millimetres, shown

from . import keeping, pictures, roles, showing
from .asking import Form, Request, freeze
from .drawing import ramp
from .filling import fill, limits
from .forms import Checks, LayerChoice, Message, Panel, Words, beside, button, form
from .legend import Legend
from .strokes import Strokes
from .working import Answer, Runner, work

SETTLE_MS = 120  # after the last stroke
WIDEST_PX = 130  # of a verdict in the table; longer ones take two lines
REGIONS = ("labels", "shapes", "image")
DRAWN = ("labels", "shapes")
KNOWN = {"not known": None, "no": False, "yes": True}
TIPS = {
    "target": "What the distance is measured from. Label: 1, or 1+2; empty where there is only one.",
    "specimen": "All tissue, tumor included; its outline is the edge.",
    "edge": "Optional: labels 1 cut, 2 natural, 3 section, 4 frame, 5 hole, 6 unknown painted along the outline; "
    "or shapes with a feature 'class'.",
    "sectors": "Optional: up, right, down, left, by the compass n, ne …, by the clock 12h, 3h …, or degrees clockwise "
    "from up, each with a name.",
}


class MarginsPanel(Panel):
    """Choose layers, measure, read the table; a row leads the camera to its closest pair."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self.outcome: Measured | None = None
        self.request: Request | None = None
        self._asked: Request | None = None
        self._heard: list[tuple[Any, Any]] = []
        self._strokes = Strokes()
        self._runner = Runner(self._work, self._answered, self._idle)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SETTLE_MS)
        self._timer.timeout.connect(self._settled)
        self._choices()
        self._layout()
        self._listen()
        fill(self)

    def _choices(self) -> None:
        viewer = self.viewer
        self.image = LayerChoice(viewer, ["image"], required=True)
        self.target = LayerChoice(viewer, REGIONS, [roles.TUMOR, roles.SIGNAL])
        self.target_labels, self.specimen_labels = _short(), _short()
        self.role = Words({"tumor": "tumor", "signal": "signal"})
        self.specimen = LayerChoice(viewer, REGIONS, [roles.SPECIMEN])
        self.edge = LayerChoice(viewer, DRAWN, [roles.EDGE])
        self.names = LayerChoice(viewer, DRAWN, [roles.NAMES])
        self.barrier = LayerChoice(viewer, DRAWN, [roles.BARRIER])
        self.sectors = QLineEdit()
        self.sectors.setPlaceholderText("up=superior, 6h=inferior, e=lateral")
        self.state = Words({"not known": None, **{state: state for state in STATES}})
        self.policies = Checks("policies", {key: policy.title for key, policy in judging.policies().items()})
        self.radiotherapy = Words(KNOWN)
        self.limits = QLineEdit("1, 5")
        self.live = QCheckBox("while painting")
        self.live.setChecked(True)

    def _layout(self) -> None:
        rows = (
            ("Image", self.image, "Its pixels and its calibration are those of the measurement."),
            ("Tumor or signal", beside(self.target, self.target_labels, self.role), TIPS["target"]),
            ("Specimen", beside(self.specimen, self.specimen_labels), TIPS["specimen"]),
            ("Edge classes", self.edge, TIPS["edge"]),
            ("Margin names", self.names, "Optional: a label or shape for each named margin."),
            ("Directions", self.sectors, TIPS["sectors"]),
            ("Barrier", self.barrier, "Optional: fascia, capsule … as lines or labels."),
            ("Specimen state", self.state, "Policies are made for some states only."),
            ("Policies", self.policies, "Published rules that turn a margin into a category."),
            ("Limits, mm", self.limits, "Bands around the tumor, and how much edge lies nearer: 1, 5."),
            ("Radiotherapy", self.radiotherapy, "Adjuvant radiotherapy, which some policies ask for."),
        )
        self.scale = Message()
        self.headline = Message()
        self.headline.setStyleSheet("font-size: 18px;")
        self.table = _table()
        self.table.cellClicked.connect(lambda row, _: self.go_to(row))
        self.legend = Legend()
        self.reason, self.warnings = Message(), Message()
        self.measure_button = button("Measure", self.measure, "Measure now (Ctrl+M)")
        self.measure_button.setShortcut("Ctrl+M")
        self.cancel_button = button("Cancel", self.cancel, "Drop the answer that is being computed")
        self.bar = QProgressBar()
        self.bar.setRange(0, 0)
        self.rows.addWidget(self.units)
        self.rows.addLayout(form(rows))
        self.rows.addWidget(self.scale)
        self.rows.addWidget(beside(self.measure_button, self.cancel_button, self.live))
        for widget in (self.bar, self.message, self.headline, self.table, self.legend, self.reason, self.warnings):
            self.rows.addWidget(widget)
        self.rows.addStretch(1)
        self._idle(True)
        self._clear("")

    def _listen(self) -> None:
        for choice in (self.image, self.target, self.specimen, self.edge, self.names, self.barrier):
            choice.changed.connect(self._rewire)
        for field in (self.target_labels, self.specimen_labels, self.sectors, self.limits):
            field.editingFinished.connect(self.touched)
        for words in (self.role, self.state, self.radiotherapy):
            words.currentIndexChanged.connect(self.touched)
        self.policies.changed.connect(self.touched)
        self.viewer.layers.events.inserted.connect(self._opened)
        self._rewire()

    def form(self) -> Form:
        """What the panel says now."""
        return Form(
            image=self.image.layer(),
            target=self.target.layer(),
            specimen=self.specimen.layer(),
            role=self.role.value(),
            edge=self.edge.layer(),
            names=self.names.layer(),
            barrier=self.barrier.layer(),
            target_labels=self.target_labels.text(),
            specimen_labels=self.specimen_labels.text(),
            sectors=self.sectors.text(),
            state=self.state.value(),
            policies=self.policies.values(),
            radiotherapy=self.radiotherapy.value(),
            limits_mm=limits(self.limits.text()),
        )

    def _opened(self, _: Any) -> None:
        fill(self)

    def measure(self) -> None:
        """Ask for the margins of what is seen now."""
        self._ask(again=True)

    def cancel(self) -> None:
        """Drop the answer that is awaited."""
        self._timer.stop()
        self._runner.drop()
        self._asked = None
        self._stale("cancelled")

    def touched(self, _: Any = None) -> None:
        """Something that the result hangs on may have changed."""
        if self.closed:
            return
        if self.live.isChecked() and (self.request is not None or self._asked is not None):
            self._timer.start()
        elif self.outcome is not None:
            self._stale("changed since it was measured")

    def _settled(self) -> None:
        if not self.closed:
            self._ask(again=False)

    def _ask(self, *, again: bool) -> None:
        try:
            wanted = self.form()
            request = freeze(wanted, self.viewer.layers)
        except MarginError as error:
            self._runner.drop()
            self._asked = None
            self._clear(error)
            return
        if not again and request.same(self._asked):
            return
        keeping.note(wanted.image, keeping.ASKED, wanted)
        self._asked = request
        self._strokes.asked()
        self._runner.ask(request)

    def _stroke(self, event: Any) -> None:
        """Hear of a stroke on the tumor; napari tells of some before their pixels are written."""
        value = event.value
        QTimer.singleShot(0, lambda: self._follow(value))

    def _follow(self, value: Any) -> None:
        """Show the margins right after a stroke, before all else is asked for."""
        layer = None if self.closed else self.target.layer()
        if self.closed or layer is None or self.outcome is None or not self.live.isChecked():
            return
        found = self._strokes.painted(layer, self.target_labels.text(), value)
        if found is None or found.get("all") is None or self.request is None:
            return
        self.headline.say(f"{self.role.value()} to cut edge: {at_once(found['all'])} …")
        for row, margin in enumerate(self.outcome.result.margins):
            words = [at_once(found.get(margin.name)).removesuffix(" mm"), *["…"] * (self.table.columnCount() - 2)]
            for column, word in enumerate(words, 1):
                if (item := self.table.item(row, column)) is not None:
                    item.setText(word)
        showing.move_pairs(self.viewer, self.request, self.outcome, found)

    def _work(self, request: Request) -> tuple[Answer, Any]:
        """Off the main thread: the answer, and what follows strokes from it on."""
        found = work(request)
        return found, None if isinstance(found, Failed) else self._strokes.prepared(request)

    def _answered(self, request: Request, answered: tuple[Answer, Any]) -> None:
        if self.closed or request is not self._asked:
            return
        answer, live = answered
        self._strokes.answered(live)
        if isinstance(answer, Failed):
            self._clear(answer.error)
            return
        self.request, (self.outcome, drawing) = request, answer
        self.message.say("")
        self._fill(self.outcome, drawing.far_mm)
        showing.show(self.viewer, request, drawing, self.outcome)

    def _idle(self, idle: bool) -> None:
        if self.closed:
            return
        self.bar.setVisible(not idle)
        self.cancel_button.setEnabled(not idle)

    def _clear(self, why: MarginError | str) -> None:
        """No number without a measurement: table and drawing go."""
        self.outcome = None
        self.table.setRowCount(0)
        self.table.hide()
        self.legend.hide()
        for line in (self.headline, self.reason, self.warnings):
            line.say("")
        if isinstance(why, MarginError):
            showing.clear(self.viewer)
            self.message.fail(why)
        else:
            self.message.say(why)

    def _stale(self, why: str) -> None:
        self.message.say(f"The numbers are of an earlier state: {why}." if self.outcome else why.capitalize(), "error")

    def _fill(self, case: Measured, far_mm: float) -> None:
        everything = case.result.all
        self.headline.say(f"{case.result.region} to cut edge: {shown(everything)}")
        self.headline.setStyleSheet("font-size: 18px;")
        policies = list(dict.fromkeys(verdict.policy for verdict in case.verdicts))
        heads = ["margin", "mm", "interval", "qualifier", *(one.replace("-", "-\n", 1) for one in policies)]
        self.table.setColumnCount(len(heads))
        self.table.setHorizontalHeaderLabels(heads)
        self.table.setRowCount(len(case.result.margins))
        for row, margin in enumerate(case.result.margins):
            for column, (word, tip) in enumerate(_cells(case, margin, policies)):
                item = QTableWidgetItem(word)
                item.setToolTip(tip)
                self.table.setItem(row, column, item)
        self.table.resizeColumnsToContents()
        for column in range(4, len(heads)):
            self.table.setColumnWidth(column, min(self.table.columnWidth(column), WIDEST_PX))
        self.table.resizeRowsToContents()
        height = self.table.horizontalHeader().height() + sum(
            self.table.rowHeight(row) for row in range(self.table.rowCount())
        )
        self.table.setFixedHeight(min(height + 20, 320))
        self.table.show()
        self.legend.show_scale(far_mm, ramp(far_mm), case)
        self.reason.say("\n".join(f"{v.policy}: {v.reason}" for v in case.verdicts if v.margin == "all"))
        self.warnings.say("\n".join(case.warnings))

    def go_to(self, row: int) -> None:
        """Lead the camera to the closest pair of a row; of a stack also to its plane."""
        if self.outcome is None or self.request is None:
            return
        margin = self.outcome.result.margins[row]
        verdicts = [v for v in self.outcome.verdicts if v.margin == margin.name]
        self.reason.say(
            "\n".join([*([margin.reason] if margin.reason else []), *(f"{v.policy}: {v.reason}" for v in verdicts)])
        )
        if margin.closest is None:
            return
        ends = np.array([margin.closest.edge_px, margin.closest.tumor_px])
        if self.outcome.plane is not None:
            ends = np.insert(ends, 0, float(self.outcome.plane), axis=1)
        aim(self.viewer, self.request.world(ends), max(self.request.world(np.eye(ends.shape[1])).std(), 1e-9))

    def _rewire(self) -> None:
        """Listen to the layers that are chosen, and to no other."""
        self._unwire()
        chosen = (self.image, self.target, self.specimen, self.edge, self.names, self.barrier)
        for layer in {id(one): one for one in (choice.layer() for choice in chosen) if one is not None}.values():
            for name in ("paint", "data", "set_data", "scale", "translate", "rotate", "affine", "units", "features"):
                emitter = getattr(layer.events, name, None)
                if emitter is not None and not (name == "set_data" and type(layer).__name__ == "Image"):
                    emitter.connect(self.touched)
                    self._heard.append((emitter, self.touched))
            if layer is self.target.layer() and hasattr(layer.events, "paint"):
                layer.events.paint.connect(self._stroke)
                self._heard.append((layer.events.paint, self._stroke))
        target = self.target.layer()
        if target is not None and roles.role_of(target) in (roles.TUMOR, roles.SIGNAL):
            self.role.setCurrentText(roles.role_of(target))
        self._say_scale()
        self.touched()

    def _say_scale(self) -> None:
        image = self.image.layer()
        if image is None:
            self.scale.say("Open an image.")
            return
        try:
            picture = pictures.picture_of(image)
        except MarginError as error:
            self.scale.fail(error)
            return
        known = picture.calibration is not None
        self.scale.say(
            f"Scale: {pictures.told(picture)}" if known else f"No scale. {pictures.told(picture)}",
            "" if known else "error",
        )

    def _unwire(self) -> None:
        for emitter, callback in self._heard:
            emitter.disconnect(callback)
        self._heard = []

    def detach(self) -> None:
        """Cut every tie: what is still computed is dropped."""
        self._timer.stop()
        self._runner.drop()
        self._unwire()
        if not self.closed:
            self.viewer.layers.events.inserted.disconnect(self._opened)
        super().detach()


def aim(viewer: Any, ends: Any, least: float) -> None:
    """Put two points of the world in the middle, a third of the canvas apart."""
    middle = ends.mean(0)
    for axis in range(len(middle) - 2):
        viewer.dims.set_point(axis, float(ends[0, axis]))
    camera = viewer.scene.camera
    camera.center = tuple(middle[-3:]) if viewer.dims.ndisplay == 3 else (0.0, *middle[-2:])
    apart = max(float(np.linalg.norm(ends[1, -2:] - ends[0, -2:])), 20 * least)
    camera.zoom = min(viewer.canvas.size) / (3 * apart)


def at_once(near: Near | None) -> str:
    """A distance as the table shows it, before its interval is known."""
    if near is None:
        return "—"
    return millimetres(near.value_mm) if near.value_mm else "touching, 0 mm"


def _cells(case: Measured, margin: Margin, policies: list[str]) -> list[tuple[str, str]]:
    """(word, tooltip) of each column."""
    exact = "" if margin.value_mm is None else f"{margin.value_mm!r} mm"
    parts = "\n".join(f"{part}: {low:.4g} to {high:.4g} mm" for part, (low, high) in margin.parts.items())
    cells = [
        (margin.name, f"{margin.edge_size:.1f} mm{'²' if case.result.ndim == 3 else ''} of cut edge"),
        (shown(margin).removesuffix(" mm"), exact or margin.reason),
        (interval(margin), parts),
        (margin.qualifier.replace("_", " "), margin.reason),
    ]
    said = {(verdict.policy, verdict.margin): verdict for verdict in case.verdicts}
    for policy in policies:
        verdict = said[policy, margin.name]
        sure = verdict.state == "certain"
        cells.append(
            (
                verdict.category if sure else f"{verdict.category or '?'} ({verdict.state.replace('_', ' ')})",
                verdict.reason,
            )
        )
    return cells


def _table() -> QTableWidget:
    table = QTableWidget()
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.verticalHeader().hide()
    table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    table.setTextElideMode(Qt.TextElideMode.ElideNone)
    return table


def _short() -> QLineEdit:
    field = QLineEdit()
    field.setPlaceholderText("label")
    field.setMaximumWidth(48)
    return field

"""The panel of margins: choose layers, see each margin with its interval and verdicts, watch it move while painting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QAbstractItemView, QCheckBox, QLineEdit, QTableWidget, QTableWidgetItem

from marginkit import judging
from marginkit.errors import MarginError
from marginkit.live import Live
from marginkit.records import STATES, Failed, Margin, Measured
from marginkit.wording import interval, shown

from . import keeping, pictures, roles, showing
from .asking import Form, Request, freeze, redrawn
from .drawing import Drawing, at_once, moved, ramp
from .filling import fill, limits
from .forms import Checks, LayerChoice, Message, Words, beside, button, form
from .legend import Legend
from .strokes import Followed, Part, Strokes
from .waiting import WaitingPanel
from .working import Answer, Runner, follow, work

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


@dataclass(frozen=True, eq=False)
class Ask:
    """What the worker is asked: a request, or with ``rest`` the same with the masks as strokes have left them.

    before : the request whose answer is shown; an equal one needs no other.
    """

    request: Request
    before: Request | None = None
    rest: bool = False


@dataclass(frozen=True, eq=False)
class Got:
    """What it answers: the request as it was measured, its answer (None: that is shown already), what follows strokes
    from there on, and how many edits had come before."""

    request: Request
    answer: Answer | None
    live: Live | None
    count: int


class MarginsPanel(WaitingPanel):
    """Choose layers, measure, read the table; a row leads the camera to its closest pair."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer, self._work, self._answered)
        self.outcome: Measured | None = None
        self.request: Request | None = None
        self._drawing: Drawing | None = None
        self._asked: Request | None = None
        self._whole = self._replaced = False  # what waits to be measured: all of it, or only drawn classes and names
        self._outlined = False  # shapes were moved, and nobody has looked yet
        self._unexplained: set[Part] = set()  # parts that were refreshed for a reason that nobody told
        self._heard: list[tuple[Any, Any]] = []
        self._strokes = Strokes()
        self._follower = Runner(partial(follow, self._strokes), self._followed, lambda _: None)
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
        self._whole = True
        self._wait()

    def _wait(self) -> None:
        if self.live.isChecked() and (self.request is not None or self._asked is not None):
            self._timer.start()
        elif self.outcome is not None:
            self._stale("changed since it was measured")

    def _settled(self) -> None:
        if self.closed:
            return
        if self._follower.busy:  # what a stroke did is shown first: measuring takes every core
            self._timer.start()
            return
        if self._whole or self._replaced or not self._strokes.follows or self.request is None:
            self._ask(again=False)
            return
        for part, layer, labels in self._parts():
            if part in self._unexplained:
                self._strokes.looked_at(part, layer, labels, whole=True)
        self._unexplained = set()
        self._runner.ask(Ask(self.request, rest=True))

    def _ask(self, *, again: bool) -> None:
        other = self._whole or self._strokes.repainted or bool(self._unexplained)
        known = None if again or other else self.request
        try:
            wanted = self.form()
            request = freeze(wanted, self.viewer.layers, known)
        except MarginError as error:
            self._runner.drop()
            self._asked = None
            self._clear(error)
            return
        self._whole = self._replaced = False
        self._unexplained = set()
        before = None if again or self.outcome is None or self._strokes.changed else self.request
        keeping.note(wanted.image, keeping.ASKED, wanted)
        self._asked = request
        self._strokes.asked({part: layer for part, layer, _ in self._parts()}, request)
        self._runner.ask(Ask(request, before))

    def _parts(self) -> list[tuple[Part, Any, str]]:
        """The label layers whose strokes are followed, with what is written beside them."""
        both: list[tuple[Part, Any, str]] = [
            ("target", self.target.layer(), self.target_labels.text()),
            ("specimen", self.specimen.layer(), self.specimen_labels.text()),
        ]
        return [one for one in both if hasattr(one[1], "selected_label")]

    def _stroke(self, layer: Any, event: Any) -> None:
        """Hear of a stroke; napari tells of some before their pixels are written."""
        value = event.value
        QTimer.singleShot(0, lambda: self._painted(layer, value))

    def _painted(self, layer: Any, value: Any) -> None:
        """Follow a stroke, before all else is asked for."""
        if self.closed:
            return
        found = [self._strokes.painted(part, one, text, value) for part, one, text in self._parts() if one is layer]
        if any(found):
            self._follow()

    def _refreshed(self, layer: Any, _: Any) -> None:
        """Hear that pixels were shown anew: an undone stroke is found again, and anything else when the brush rests."""
        if self.closed:
            return
        stroke = self._strokes.turned(layer)
        for part, one, text in self._parts():
            if one is layer and not (stroke and self._strokes.painted(part, one, text, stroke)):
                self._unexplained.add(part)
                self._strokes.looked_at(part, one, text, whole=False)
        self._follow()

    def _reshaped(self, _: Any = None) -> None:
        """Hear that classes or names of the edge were moved: of one move napari tells several times, half done."""
        if not self.closed and not self._outlined:
            self._outlined = True
            QTimer.singleShot(0, self._redraw)

    def _redraw(self) -> None:
        """Follow classes or names whose shapes were moved."""
        if self.closed:
            return
        if self.request is not None and self._strokes.follows:
            try:
                self._strokes.redrawn(*redrawn(self.form(), self.request))
            except MarginError:
                self._whole = True  # which says why
        self._outlined, self._replaced = False, True
        self._follow()

    def _follow(self) -> None:
        if self._strokes.follows and self.live.isChecked() and self.outcome is not None:
            self._follower.ask(self._drawing)
        self._wait()

    def _followed(self, before: Drawing, got: tuple[Followed, Drawing] | None) -> None:
        """Show margins and edge right after a stroke."""
        if self.closed or self.outcome is None or self.request is None or self._drawing is None:
            return
        if got is None:
            self.touched()
            return
        found, drawing = got
        if not found.changed:
            return
        near = found.margins
        self.headline.say(f"{self.role.value()} to cut edge: {at_once(near.get('all'))} …")
        for row, margin in enumerate(self.outcome.result.margins):
            value = at_once(near[margin.name]).removesuffix(" mm") if margin.name in near else "…"
            words = [value, *["…"] * (self.table.columnCount() - 2)]
            for column, word in enumerate(words, 1):
                if (item := self.table.item(row, column)) is not None:
                    item.setText(word)
        if before is not self._drawing:  # which has another scale of colours
            drawing = moved(self._drawing, near, found.along)
        showing.move(self.viewer, self.request, drawing)

    def _work(self, asked: Ask) -> Got | None:
        """Off the main thread: the answer, and what follows strokes from it on; None where that fails."""
        if asked.rest:
            if not self._strokes.changed and not self._strokes.waits:
                return Got(asked.request, None, None, self._strokes.count)
            now = self._strokes.settled(asked.request)
            return now and Got(now[0], work(now[0], now[1]), None, now[2])
        count = self._strokes.count
        if asked.request.same(asked.before):
            return Got(asked.request, None, None, count)
        live = self._strokes.prepared(asked.request)
        found = work(asked.request, None if live is None else live.along())
        return Got(asked.request, found, None if isinstance(found, Failed) else live, count)

    def _answered(self, asked: Ask, got: Got | None) -> None:
        if self.closed or (not asked.rest and asked.request is not self._asked):
            return
        if got is None:
            self._ask(again=True)
            return
        if got.answer is None:
            return
        if asked.rest and not self._strokes.resting(got.count):
            return  # the brush is at it again
        if not asked.rest:
            self._strokes.answered(got.live)
        if isinstance(got.answer, Failed):
            self._clear(got.answer.error)
            return
        self._asked = self.request = got.request
        self._strokes.held(rest=asked.rest)
        self.outcome, self._drawing = got.answer
        self.message.say("")
        self._fill(self.outcome, self._drawing.far_mm)
        showing.show(self.viewer, self.request, self._drawing, self.outcome)
        if self._strokes.waits:
            self._follow()

    def _idle(self, idle: bool) -> None:
        super()._idle(idle)
        if not self.closed:
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
            for name, heard in self._ears(layer).items():
                if (emitter := getattr(layer.events, name, None)) is not None:
                    emitter.connect(heard)
                    self._heard.append((emitter, heard))
        target = self.target.layer()
        if target is not None and roles.role_of(target) in (roles.TUMOR, roles.SIGNAL):
            self.role.setCurrentText(roles.role_of(target))
        self._say_scale()
        self.touched()

    def _ears(self, layer: Any) -> dict[str, Callable[[Any], None]]:
        """What to do at each event of a chosen layer."""
        placed = ("data", "scale", "translate", "rotate", "affine", "units", "features")
        ears: dict[str, Callable[[Any], None]] = dict.fromkeys((*placed, "paint", "set_data"), self.touched)
        if type(layer).__name__ == "Image":
            del ears["set_data"]
        others = [choice.layer() for choice in (self.target, self.specimen, self.barrier)]
        drawn = [choice.layer() for choice in (self.edge, self.names)]
        if any(layer is one for _, one, _ in self._parts()) and not any(layer is one for one in drawn):
            ears["paint"] = lambda event: self._stroke(layer, event)
            ears["set_data"] = lambda event: self._refreshed(layer, event)
        elif hasattr(layer, "shape_type") and not any(layer is one for one in others):
            ears |= dict.fromkeys(("data", "set_data", "features"), self._reshaped)
        return ears

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
        self._follower.drop()
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

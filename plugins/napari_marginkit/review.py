"""The panel of review: a batch's cases, the worst first; correct a mask, measure again, accept, next.

The surprising thing: it writes no result. What is painted is kept beside its case, and the next run of the batch, with
the same words, puts the new number into the tables.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtWidgets import QAbstractItemView, QFileDialog, QLineEdit, QTableWidget, QTableWidgetItem

from marginkit.batch import correcting, review
from marginkit.batch.review import Entry
from marginkit.errors import FileError, MarginError
from marginkit.pipeline import Job
from marginkit.wording import shown

from . import placing, reading, reviewing, roles, showing
from .forms import Message, beside, button, form
from .reviewing import Case, Done, Got, Load, Measure, Not, Open, Queue, Shown, Wish, answered
from .segmented import place_of
from .waiting import WaitingPanel

HEADS = ("case", "state", "margin", "hand", "verdicts", "look at")
TIPS = {
    "cohort": "The CSV, folder or pattern that was given to marginkit batch.",
    "folder": "The folder that was given as --out.",
    "options": 'What else was given, such as --tumor "{stem}_mask.png" --specimen specimen --policy dcis-2mm.',
}


class Review(WaitingPanel):
    """Load a batch, open a case, paint, measure again, accept."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer, answered, self._answered)
        self.entries: list[Entry] = []
        self.jobs: dict[str, Job] = {}
        self.case: Case | None = None
        self._root = ""
        self._dropped = ""
        self._wish: Wish | None = None
        self.cohort, self.folder, self.options = QLineEdit(), QLineEdit(), QLineEdit()
        self.options.setPlaceholderText("--tumor … --specimen … --policy …, as in the batch")
        self.table = _table()
        self.table.cellDoubleClicked.connect(lambda row, _: self.open(row))
        self.headline, self.notes = Message(), Message()
        self.headline.setStyleSheet("font-size: 18px;")
        self._layout()
        self._idle(True)

    def _layout(self) -> None:
        rows = (
            ("Cohort", beside(self.cohort, button("…", self._browse_cohort, "Choose a CSV")), TIPS["cohort"]),
            ("Results", beside(self.folder, button("…", self._browse_folder, "Choose a folder")), TIPS["folder"]),
            ("Options", self.options, TIPS["options"]),
        )
        self.rows.addWidget(self.units)
        self.rows.addLayout(form(rows))
        self.load_button = button("Load", self.load, "Read the results: failed and doubtful cases come first")
        self.open_button = _keyed("Open", self.open, "Ctrl+Shift+O", "Open the chosen case, in place of the one before")
        self.measure_button = _keyed(
            "Measure again", self.measure, "Ctrl+Shift+M", "Keep what was painted beside the case, and measure with it"
        )
        self.accept_button = _keyed(
            "Accept, next", self.accept, "Ctrl+Return", "It is right as it is; open the next that was not accepted"
        )
        self.skip_button = _keyed("Next", self.skip, "Ctrl+Shift+N", "Open the next without accepting this one")
        self.back_button = button("Take back", self.take_back, "Take the case's corrections away, and open it anew")
        self.cancel_button = button("Cancel", self.cancel, "Drop the answer that is awaited")
        self.rows.addWidget(beside(self.load_button, self.cancel_button))
        for widget in (self.bar, self.message, self.table):
            self.rows.addWidget(widget)
        self.rows.addWidget(beside(self.open_button, self.skip_button, self.back_button))
        self.rows.addWidget(beside(self.measure_button, self.accept_button))
        self.rows.addWidget(self.headline)
        self.rows.addWidget(self.notes)
        self.rows.addStretch(1)

    def _browse_cohort(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, "Cohort", "", "Cohort (*.csv)")
        if chosen:
            self.cohort.setText(chosen)

    def _browse_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Folder with results")
        if chosen:
            self.folder.setText(chosen)

    def load(self) -> None:
        """Read the queue anew."""
        if not self.cohort.text().strip() or not self.folder.text().strip():
            self.message.say("Choose the cohort and the folder of its results.", "error")
            return
        root = str(Path(self.folder.text().strip()).expanduser())
        self._ask(Load(str(Path(self.cohort.text().strip()).expanduser()), root, self.options.text()))

    def open(self, row: int | None = None) -> None:
        """Open the case of a row, or the chosen one."""
        row = self.table.currentRow() if row is None else row
        if not 0 <= row < len(self.entries):
            self.message.say("Choose a case in the table.", "error")
            return
        name = self.entries[row].case
        if self._would_lose(name):
            return
        self.table.selectRow(row)
        self._ask(Open(self.jobs[name], self._root))

    def _would_lose(self, name: str) -> bool:
        """Whether painted work would be lost by opening a case; asked for twice, it is dropped."""
        if self.case is None or self._dropped == name:
            return False
        try:
            painted = self.case.painted(self.viewer.layers)
        except MarginError:
            return False
        if painted:
            own = self.case.job.name
            self.message.say(
                f"{own} was painted on and not measured. Measure again, or open once more to drop it.", "error"
            )
            self._dropped = name
        return bool(painted)

    def measure(self) -> None:
        """Keep what was painted, and measure the case with it."""
        if self.case is None:
            self.message.say("Open a case first.", "error")
            return
        try:
            painted = self.case.painted(self.viewer.layers)
            place = reviewing.place_of(self.case.images[0])
        except MarginError as error:
            self.message.fail(error)
            return
        self._ask(Measure(self.case.job, self._root, self.case.picture, place, painted))

    def accept(self) -> None:
        """Note that the case is right as it is, and open the next."""
        try:
            if self.case is None:
                raise FileError("E-FILE-14", "nothing to accept", cause="no case is open", remedy="Open a case first.")
            if self.case.painted(self.viewer.layers):
                raise FileError("E-FILE-14", "painted on since it was measured", remedy="Measure again, then accept.")
            review.accept(self._root, self.case.job.name)
        except MarginError as error:
            self.message.fail(error)
            return
        self._replace(self.case.job.name, accepted=True)
        self.skip()

    def skip(self) -> None:
        """Open the next case that was not accepted."""
        names = [entry.case for entry in self.entries]
        here = names.index(self.case.job.name) if self.case is not None and self.case.job.name in names else -1
        order = [*range(here + 1, len(names)), *range(here)]
        row = next((row for row in order if not self.entries[row].accepted), None)
        if row is None:
            self.message.say("That was the last: every other case is accepted. Run the batch again.", "good")
        else:
            self.open(row)

    def take_back(self) -> None:
        """Take the corrections of the open case away."""
        if self.case is None:
            self.message.say("Open a case first.", "error")
            return
        gone = correcting.take_back(self._root, self.case.job.name)
        self._replace(self.case.job.name, hand=(), accepted=False)
        self.message.say(f"Taken back: {', '.join(gone)}." if gone else "It was not corrected.")
        self._ask(Open(self.case.job, self._root))

    def cancel(self) -> None:
        """Drop the answer that is awaited."""
        self._runner.drop()
        self._wish = None
        self.message.say("cancelled", "error")

    def _ask(self, wish: Wish) -> None:
        self._wish = wish
        self._runner.ask(wish)

    def _answered(self, wish: Wish, got: Got) -> None:
        if self.closed or wish is not self._wish:
            return
        if isinstance(got, Not):
            self.message.fail(got.error)
            self._failed(wish)
        elif isinstance(got, Queue) and isinstance(wish, Load):
            self._root, self.jobs = wish.root, dict(got.jobs)
            self._fill(got.entries)
            doubtful = sum(entry.state != "measured" and not entry.accepted for entry in got.entries)
            self.message.say(f"{len(got.entries)} cases, {doubtful} to look at.", "good")
        elif isinstance(got, Shown) and isinstance(wish, Open):
            self._show(wish.job, got)
        elif isinstance(got, Done) and isinstance(wish, Measure):
            self._measured(wish, got)

    def _failed(self, wish: Wish) -> None:
        self.headline.say("")
        if isinstance(wish, Measure) and self.case is not None and self.case.job is wish.job:
            showing.clear(self.viewer)
            self._kept(wish)
        elif isinstance(wish, Open):
            self._clear()

    def _clear(self) -> None:
        """Take away what the case before had put into the viewer."""
        showing.clear(self.viewer)
        for layer in [] if self.case is None else [*self.case.labels.values(), *self.case.images]:
            if layer in self.viewer.layers:
                self.viewer.layers.remove(layer)
        self.case = None
        self.headline.say("")
        self.notes.say("")

    def _show(self, job: Job, shown: Shown) -> None:
        self._clear()
        self._dropped = ""
        opened = shown.opened
        found = reading.layers(shown.raw, job.name, opened.picture)
        images = [self.viewer.add_image(data, **keywords) for data, keywords, _ in found]
        image, spacing = images[0], opened.picture.spacing_mm or ()
        if len(spacing) != image.ndim:
            spacing = (1.0,) * image.ndim
        where, labels = placing.transform_of(image), {}
        for role in ("specimen", job.role):
            region = opened.regions[role]
            look = {**roles.look(role), **place_of(where, spacing, region)}
            labels[role] = self.viewer.add_labels(np.asarray(region.data).astype(np.uint8), **look)
        labels[job.role].selected_label = labels["specimen"].selected_label = 1
        labels[job.role].mode = "paint"
        self.viewer.layers.selection.active = labels[job.role]
        self.viewer.reset_view()
        self.case = Case(job, shown, images, labels)
        entry = next((entry for entry in self.entries if entry.case == job.name), None)
        self.headline.say(job.name)
        self.headline.setStyleSheet("font-size: 18px;")
        self.notes.say("" if entry is None else "\n".join(word for word in (entry.why, entry.verdicts) if word))
        if opened.problem is None:
            self.message.say("")
        else:
            self.message.say(f"{opened.problem} Paint what is missing.", "error")

    def _kept(self, wish: Measure) -> None:
        if self.case is not None:
            self.case.keep(dict(wish.painted))
            kept = correcting.kept(self._root, self.case.job.name)
            self._replace(self.case.job.name, hand=kept)

    def _measured(self, wish: Measure, done: Done) -> None:
        if self.case is None or self.case.job is not wish.job:
            return
        self._kept(wish)
        showing.show(self.viewer, done.request, done.drawing, done.case)
        everything = done.case.result.all
        before = next((entry.value for entry in self.entries if entry.case == wish.job.name), "")
        was = f" (in the table: {before})" if before and before != shown(everything) else ""
        self.headline.say(f"{wish.job.role} to cut edge: {shown(everything)}{was}")
        self.headline.setStyleSheet("font-size: 18px;")
        verdicts = [
            f"{v.policy}, {v.margin}: {v.category or '?'} ({v.state.replace('_', ' ')})" for v in done.case.verdicts
        ]
        self.notes.say("\n".join([*verdicts, *done.case.warnings]))
        self.message.say("Run the batch again to have it in the tables." if wish.painted else "", "good")

    def _replace(self, name: str, **changes: Any) -> None:
        for row, entry in enumerate(self.entries):
            if entry.case == name:
                self.entries[row] = replace(entry, **changes)
                self._write(row)

    def _fill(self, entries: list[Entry]) -> None:
        self.entries = list(entries)
        self.table.setRowCount(len(entries))
        for row in range(len(entries)):
            self._write(row)
        self.table.resizeColumnsToContents()
        if entries:
            self.table.selectRow(0)

    def _write(self, row: int) -> None:
        entry = self.entries[row]
        state = "accepted" if entry.accepted else entry.state
        for column, word in enumerate(
            (entry.case, state, entry.value, ", ".join(entry.hand), entry.verdicts, entry.why)
        ):
            item = QTableWidgetItem(word)
            item.setToolTip(word)
            self.table.setItem(row, column, item)

    def _idle(self, idle: bool) -> None:
        super()._idle(idle)
        if not self.closed:
            self.cancel_button.setEnabled(not idle)


def _keyed(text: str, pressed: Any, keys: str, tip: str) -> Any:
    """A button with its keys in its tooltip."""
    made = button(text, pressed, f"{tip} ({keys})")
    made.setShortcut(keys)
    return made


def _table() -> QTableWidget:
    table = QTableWidget(0, len(HEADS))
    table.setHorizontalHeaderLabels(HEADS)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.verticalHeader().hide()
    table.setMinimumHeight(180)
    return table

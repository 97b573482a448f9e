"""The panel of export: the shown result as files, the same as the command line writes, and the masks it was made of.

The surprising thing: what is exported is what was measured, not what is painted by now. The case file beneath is the
other way round: it keeps what is seen, to go on with.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QApplication, QCheckBox, QFileDialog, QLineEdit

from marginkit import files, pipeline
from marginkit.errors import FileError, MarginError
from marginkit.records import Measured

from . import commandline, showing
from .asking import Request
from .casefile import CaseFile
from .forms import Panel, beside, button, form

NO_LINE = "No command line: the image is no file, or a layer lies on a grid of its own."


@dataclass(frozen=True)
class Written:
    """The files written, and the command line that measures from them; empty where there is none.

    lost : a sentence on what the line does not give; empty where it gives everything.
    """

    paths: list[Path]
    line: str
    lost: str = ""


class Export(Panel):
    """Choose a folder, write the shown case into it; keep the case itself."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self.folder, self.case, self.line = QLineEdit(), QLineEdit(), QLineEdit()
        self.case.setPlaceholderText("as the image")
        self.line.setReadOnly(True)
        self.line.setPlaceholderText("after writing")
        self.masks = QCheckBox("regions too: OME-TIFF with pixel size, GeoJSON")
        self.masks.setChecked(True)
        copy = button("Copy", self.copy, "Copy the command line")
        self.rows.addLayout(
            form(
                (
                    ("Folder", beside(self.folder, button("…", self.browse, "Choose a folder")), "Where files go."),
                    ("Case", self.case, "Name of the case; a folder of that name is made."),
                    ("", self.masks, "Tumor, specimen, edges: what the number was measured from."),
                )
            )
        )
        self.rows.addWidget(button("Write", self.write, "Result, picture and outlines of what is shown"))
        self.rows.addWidget(self.message)
        told = "Run in the case's folder, it gives the same numbers, but for what is said after writing."
        self.rows.addLayout(form((("Command", beside(self.line, copy), told),)))
        self.kept = CaseFile(self.viewer)
        self.rows.addSpacing(16)
        self.rows.addWidget(self.kept)
        self.rows.addStretch(1)

    def browse(self) -> None:
        """Ask for a folder."""
        chosen = QFileDialog.getExistingDirectory(self, "Folder for results")
        if chosen:
            self.folder.setText(chosen)

    def copy(self) -> None:
        """The command line on the clipboard."""
        QApplication.clipboard().setText(self.line.text())

    def write(self) -> None:
        """Write the case that is shown."""
        try:
            written = write(
                showing.shown_case(self.viewer), self.folder.text(), self.case.text(), self.masks.isChecked()
            )
        except MarginError as error:
            self.message.fail(error)
            return
        names = ", ".join(path.name for path in written.paths)
        self.message.say(f"Written to {written.paths[0].parent}: {names}\n{written.lost}".rstrip(), "good")
        self.line.setText(written.line)
        self.line.setCursorPosition(0)
        self.line.setPlaceholderText(NO_LINE if self.masks.isChecked() else "needs the regions")


def write(shown: tuple[Request, Measured] | None, folder: str, name: str, masks: bool) -> Written:
    """What was written. FileError E-FILE-12 where nothing is shown, no folder is given, or it is already there."""
    if shown is None:
        raise FileError("E-FILE-12", "nothing is measured", remedy="Measure first.")
    if not folder.strip():
        raise FileError("E-FILE-12", "no folder is given", remedy="Choose one.")
    request, case = shown
    case = replace(case, case=files.safe_case_name(name.strip() or case.case))
    target = Path(folder).expanduser() / case.case
    if target.exists():
        raise FileError("E-FILE-12", "the case is already there", file=target, remedy="Give it another name.")
    written = pipeline.write(case, target)
    if not masks:
        return Written(written, "")
    sources, regions = commandline.write(request, target)
    line = commandline.line(replace(request, case=case.case), sources, target)
    return Written(written + regions, line, commandline.lost(request) if line else "")

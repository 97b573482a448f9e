"""The panel of export: the shown result as files, the same as the command line writes, and the masks it was made of.

The surprising thing: what is exported is what was measured, not what is painted by now.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtWidgets import QCheckBox, QFileDialog, QLineEdit

from marginkit import files, pipeline
from marginkit.errors import FileError, MarginError
from marginkit.records import Measured

from . import showing, writing
from .asking import Request
from .forms import Panel, beside, button, form


class Export(Panel):
    """Choose a folder, write the shown case into it."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self.folder, self.case = QLineEdit(), QLineEdit()
        self.case.setPlaceholderText("as the image")
        self.masks = QCheckBox("masks too, as OME-TIFF with pixel size")
        self.masks.setChecked(True)
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
        self.rows.addStretch(1)

    def browse(self) -> None:
        """Ask for a folder."""
        chosen = QFileDialog.getExistingDirectory(self, "Folder for results")
        if chosen:
            self.folder.setText(chosen)

    def write(self) -> None:
        """Write the case that is shown."""
        try:
            written = write(
                showing.shown_case(self.viewer), self.folder.text(), self.case.text(), self.masks.isChecked()
            )
        except MarginError as error:
            self.message.fail(error)
            return
        names = ", ".join(path.name for path in written)
        self.message.say(f"Written to {written[0].parent}: {names}", "good")


def write(shown: tuple[Request, Measured] | None, folder: str, name: str, masks: bool) -> list[Path]:
    """The files written. FileError E-FILE-12 where nothing is shown, no folder is given, or it is already there."""
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
    return written + (_masks(request, target) if masks else [])


def _masks(request: Request, folder: Path) -> list[Path]:
    """The regions that are masks, each on its own grid. Outlines are in the GeoJSON already."""
    written = []
    for name, region in request.regions.items():
        if region.kind == "polygon" or region.origin_px is not None:
            continue
        path = folder / f"{files.safe_case_name(name)}.ome.tif"
        pixels: Any = region.data
        spacing = region.spacing_mm or request.inputs.spacing_mm
        labels = np.asarray(pixels >= 0.5 if region.kind == "probability" else pixels).astype(np.uint8)
        writing.write_labels(str(path), labels, {"scale": spacing, "units": ("mm",) * labels.ndim, "name": name})
        written.append(path)
    return written

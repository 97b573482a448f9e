"""A row of the export panel: keep the case in a file, open one that was kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QFileDialog, QLineEdit, QVBoxLayout, QWidget

from marginkit.errors import FileError, MarginError
from marginkit.pipeline import stem

from . import keeping, pictures
from .forms import LayerChoice, Message, beside, button, form

TELL = "Layers, form, calibration and palette, beside the image; the image itself is not copied."


class CaseFile(QWidget):
    """Keep and open cases."""

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self._viewer = viewer
        self.image = LayerChoice(viewer, ["image"], required=True)
        self.path, self.message = QLineEdit(), Message()
        self.path.setPlaceholderText("beside the image")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        path = beside(self.path, button("…", self.browse, "Choose a case file"))
        layout.addLayout(form((("Image", self.image, "The image of the case."), ("Case file", path, TELL))))
        keep = button("Keep the case", self.keep, "Write layers and form, to go on another day (Ctrl+Alt+S)")
        keep.setShortcut("Ctrl+Alt+S")
        layout.addWidget(beside(keep, button("Open a case", self.open, "Layers and form as they were kept")))
        layout.addWidget(self.message)

    def browse(self) -> None:
        """Ask for a case file."""
        chosen, _ = QFileDialog.getOpenFileName(self, "Case", "", f"Case (*{keeping.SUFFIX})")
        if chosen:
            self.path.setText(chosen)

    def keep(self) -> None:
        """Write the case."""
        image = self.image.layer()
        if image is None:
            self.message.say("Open an image.", "error")
            return
        try:
            kept = keeping.save(self._viewer.layers, image, self._target(image))
        except MarginError as error:
            self.message.fail(error)
            return
        left = f" Not kept: {', '.join(kept.left)}." if kept.left else ""
        self.path.setText(str(kept.path))
        self.message.say(f"Kept in {kept.path.name}.{left}", "good")

    def _target(self, image: Any) -> str:
        typed = self.path.text().strip()
        if typed:
            return typed
        source = getattr(image.source, "path", None)
        if not source:
            remedy = "Write the path of a case file."
            raise FileError("E-FILE-12", "no folder is known", cause=f"{image.name} is no file", remedy=remedy)
        return str(Path(source).with_name(stem(Path(source).name)))

    def open(self) -> None:
        """Open the case file that is written, beside what is there."""
        from . import restoring

        typed = self.path.text().strip()
        if not restoring.is_case(typed):
            self.message.say(f"Choose a file that ends in {keeping.SUFFIX}.", "error")
            return
        try:
            found = restoring.read(Path(typed).expanduser())
        except MarginError as error:
            self.message.fail(error)
            return
        images = [data for data in found if data[2] == "image" and pictures.KEY in data[1]["metadata"]]
        for data, keywords, kind in found:
            getattr(self._viewer, f"add_{kind}")(data, **keywords)
        self._viewer.reset_view()
        self.message.say(f"{len(found) - len(images)} layers on {images[0][1]['name']}.", "good")

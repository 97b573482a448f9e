"""The panel of training: scribbles become a classifier, and its probability a layer with its uncertainty beside it.

The surprising thing: the model is only in memory until it is saved; the file then serves ``pixels:model=FILE``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from qtpy.QtWidgets import QLineEdit

from marginkit import shelf, training
from marginkit.errors import MarginError
from marginkit.records import Picture, Region

from . import blank, pictures, placing, roles, segmented
from .forms import LayerChoice, beside, button, form
from .waiting import WaitingPanel
from .working import attempt

SCRIBBLES, UNSURE = "scribbles", "uncertainty"
COLOURS: dict[int | None, str] = {
    1: "#56b4e9",
    2: "#d55e00",
    3: "#009e73",
    4: "#cc79a7",
    None: "#999999",
    0: "#00000000",
}


@dataclass(frozen=True, eq=False)
class Lesson:
    """Scribbles on a picture, frozen. ratio : pixels of the picture in one of the scribbles."""

    picture: Picture
    labels: Any
    ratio: tuple[float, float]
    classes: tuple[str, ...]
    spacing: tuple[float, ...]
    place: Mapping[str, Any]


def learned(lesson: Lesson) -> tuple[Any, Region] | MarginError:
    """The model and the probability of its last class on the picture; never raises."""
    return attempt(lambda: _learned(lesson), "training failed")


def _learned(lesson: Lesson) -> tuple[Any, Region]:
    module = shelf.get("segmenters", "pixels")
    drawn = [module.Scribbles(lesson.picture, lesson.labels, lesson.ratio)]
    model = module.train(drawn, list(lesson.classes))
    where = module.fitting(lesson.picture, model, "the model")
    chance = module.probability(lesson.picture, model, len(lesson.classes) - 1, where)
    return model, module.placed(lesson.picture, chance, where, f"pixels, {lesson.classes[-1]}")


class Train(WaitingPanel):
    """Scribble on each class, train, look where the classifier is unsure, scribble there."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer, learned, self._learned)
        self.model: Any = None
        self.image = LayerChoice(self.viewer, ["image"], required=True)
        self.classes, self.file = QLineEdit(", ".join(training.USUAL)), QLineEdit()
        self.file.setPlaceholderText("model.npz")
        rows = (
            ("Image", self.image, "What is scribbled on; its pixel size becomes part of the model."),
            ("Classes", self.classes, "Names of labels 1, 2, …; the last is the one that is shown."),
            ("Model file", beside(self.file, button("Save", self.save, "Write the model")), "Where the model goes."),
        )
        self.rows.addWidget(self.units)
        self.rows.addLayout(form(rows))
        scribble = button("Scribble", self.scribble, "A layer to scribble on: label 1 the first class, 2 the second")
        self.rows.addWidget(beside(button("Train", self.run, "Train and show the probability"), scribble))
        for widget in (self.bar, self.message):
            self.rows.addWidget(widget)
        self.rows.addStretch(1)

    def scribble(self) -> None:
        """Make the layer of scribbles, or lead back to it."""
        from napari.utils.colormaps import DirectLabelColormap

        image = self.image.layer()
        if image is None:
            self.message.say("Open an image.", "error")
            return
        layer = self._scribbles()
        if layer is None:
            colours = DirectLabelColormap(color_dict=COLOURS)
            look = {"name": SCRIBBLES, "colormap": colours, "metadata": {pictures.KEY: {"role": SCRIBBLES}}}
            layer = blank.labels(self.viewer, image, look)
        self.viewer.layers.selection.active = layer
        layer.mode, layer.selected_label = "paint", 1
        self.message.say("Label 1 is the first class, label 2 the second; a few strokes on each.")

    def _scribbles(self) -> Any:
        return next((one for one in self.viewer.layers if roles.role_of(one) == SCRIBBLES), None)

    def run(self) -> None:
        """Train on what is scribbled now."""
        image, drawn = self.image.layer(), self._scribbles()
        if image is None or drawn is None:
            self.message.say("Scribble on an image first.", "error")
            return
        try:
            placing.refuse_mixed(self.viewer.layers)
            picture = pictures.picture_of(image)
        except MarginError as error:
            self.message.fail(error)
            return
        step = float(blank.step(image))
        classes = tuple(word.strip() for word in self.classes.text().split(",") if word.strip())
        if len(set(classes)) < 2 or len(set(classes)) != len(classes):
            self.message.say("Write two or more different classes.", "error")
            return
        spacing = picture.spacing_mm or (1.0,) * image.ndim
        lesson = Lesson(picture, drawn.data.copy(), (step, step), classes, spacing, placing.transform_of(image))
        self._runner.ask(lesson)

    def _learned(self, lesson: Lesson, answer: tuple[Any, Region] | MarginError) -> None:
        if self.closed:
            return
        if isinstance(answer, MarginError):
            self.message.fail(answer)
            return
        self.model, region = answer
        chance = np.asarray(region.data)
        place = segmented.place_of(lesson.place, lesson.spacing, region)
        self._show(f"chance of {lesson.classes[-1]}", chance, "magma", place, region.maker)
        self._show(UNSURE, 1 - np.abs(2 * chance - 1), "gray", place, "", visible=False)
        self.message.say(f"{lesson.classes[-1]}: {(chance >= 0.5).mean():.1%} of the image", "good")

    def _show(self, name: str, data: Any, colormap: str, place: Any, maker: str, visible: bool = True) -> None:
        for old in [one for one in self.viewer.layers if one.name == name]:
            self.viewer.layers.remove(old)
        look = {"colormap": colormap, "opacity": 0.5, "contrast_limits": (0, 1), "visible": visible}
        held = {pictures.KEY: {"role": name, "maker": maker}}
        self.viewer.add_image(data, name=name, metadata=held, **look, **place)

    def save(self) -> None:
        """Write the model that was trained last."""
        if self.model is None or not self.file.text().strip():
            self.message.say("Train first." if self.model is None else "Write the name of a file.", "error")
            return
        try:
            training.save(self.model, self.file.text().strip())
        except MarginError as error:
            self.message.fail(error)
            return
        self.message.say("Written; Segment takes it as pixels with model = this file.", "good")

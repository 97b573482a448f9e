"""The panel of segmentation: every segmenter on the shelf, with a form made of its options, shown as they change.

The surprising thing: no segmenter is known here. A new one is a file on the shelf; its fields, defaults and words
become the form.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QCheckBox, QComboBox, QFormLayout, QLineEdit, QWidget

from marginkit import flags, segmenting, shelf, sources
from marginkit.errors import GridError, MarginError
from marginkit.lights import Around
from marginkit.records import Picture

from . import pictures, placing, preview
from .forms import LayerChoice, Words, beside, button, form
from .preview import Preview
from .segmented import ROLE, on_grid, put
from .waiting import WaitingPanel
from .working import attempt

SETTLE_MS = 250
LIKELY = {True: "pixels", False: "threshold"}  # for a tumor, by whether the image has colours: H&E shows none by itself
GROUND = "Fluorescence: a layer that marks the background, instead of the one that the option names."


@dataclass(frozen=True, eq=False)
class Wish:
    """A segmentation that is asked for, frozen.

    place : keywords of a layer on the image's pixels. ground : name and mask of the background, where it is a layer.
    """

    picture: Picture
    method: segmenting.Method
    what: str
    maker: str
    spacing: tuple[float, ...]
    place: Mapping[str, Any]
    ground: tuple[str, Any] | None = None


def segmented(wish: Wish) -> segmenting.Found | MarginError:
    """What was found, or why there is nothing; never raises."""
    return attempt(lambda: _segmented(wish), f"segmenter {wish.method.name} failed")


def _segmented(wish: Wish) -> segmenting.Found:
    if wish.ground is not None:
        return against(wish, *wish.ground)
    return segmenting.classes(wish.picture, wish.method, wish.what)


def against(wish: Wish, name: str, mask: Any) -> segmenting.Found:
    """What was found against a background that is a layer, with the ratio of the two."""
    module, spacing = wish.method.module, wish.picture.spacing_mm
    options = replace(wish.method.options, background=f"layer {name}")
    around = Around(spacing, drawn=(name, mask))
    region = module.segment(wish.picture, options, around)
    numbers = module.light(wish.picture, options, around).numbers
    told = [f"{word.upper()} {numbers[word]:.2f}" for word in ("tbr", "cnr") if numbers.get(word) is not None]
    spread = numbers.get("tbr_range")
    told += [f"TBR {spread[0]:.2f} to {spread[1]:.2f} over the other backgrounds too"] if spread else []
    notes = tuple(flags.sentence(flag) for flag in region.flags)
    return segmenting.Found({wish.what: region}, region.maker, (*notes, *([", ".join(told)] if told else [])))


class Segment(WaitingPanel):
    """Choose what to find and how; see it; keep it as a layer that can be painted on."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer, segmented, self._found)
        self._shelf = shelf.load("segmenters")
        self._fields: dict[str, QWidget] = {}
        self._seen: tuple[Any, ...] = ()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SETTLE_MS)
        self._timer.timeout.connect(self.run)
        self.image = LayerChoice(self.viewer, ["image"], required=True)
        self.what = Words({what: what for what in self._gives()})
        self.method = QComboBox()
        self.live = QCheckBox("as options change")
        self.ground = LayerChoice(self.viewer, ["labels", "shapes"])
        self.ground_row = beside(self.ground)
        self.options = QFormLayout()
        self.rows.addWidget(self.units)
        self.rows.addLayout(
            form(
                (
                    ("Image", self.image, "What is segmented."),
                    ("Find", self.what, "Tissue becomes the specimen."),
                    ("Method", self.method, "Every segmenter that is installed."),
                )
            )
        )
        self.rows.addLayout(form((("Background", self.ground_row, GROUND),)))
        self.preview = Preview(self.viewer, self._previewed, self._threshold)
        find = button("Find", self.run, "Segment; a layer of the same role is replaced, undo brings it back")
        for widget in (self.preview, beside(find, self.live), self.bar, self.message):
            self.rows.addWidget(widget)
        self.rows.addLayout(self.options)  # last: some have many, and what is said must be seen
        self.rows.addStretch(1)
        self.what.currentIndexChanged.connect(self._methods)
        self.method.currentIndexChanged.connect(self._form)
        self.image.changed.connect(self._touched)
        self.ground.changed.connect(self._touched)
        self._methods()

    def _gives(self) -> list[str]:
        return [what for what in ROLE if any(what in one.GIVES for one in self._shelf.values())]

    def _methods(self, _: int = 0) -> None:
        self.method.blockSignals(True)
        self.method.clear()
        self.method.addItems([name for name, one in self._shelf.items() if self.what.value() in one.GIVES])
        image = self.image.layer()
        likely = LIKELY[bool(getattr(image, "rgb", False))]
        self.method.setCurrentText(segmenting.USUAL.get(self.what.value(), likely))
        self.method.blockSignals(False)
        self._form()

    def segmenter(self) -> Any:
        """The chosen segmenter; None where there is none."""
        return self._shelf.get(self.method.currentText())

    def _form(self, _: int = 0) -> None:
        """The form of the chosen segmenter, made of its options."""
        while self.options.rowCount():
            self.options.removeRow(0)
        self._fields = {}
        segmenter = self.segmenter()
        if segmenter is None:
            return
        self.ground_row.setEnabled(hasattr(segmenter, "light"))
        self.preview.setVisible(hasattr(segmenter, "SLIDER"))
        self.preview.clear()
        hints, words = get_type_hints(segmenter.Options), _words(segmenter.Options)
        for one in (f for f in fields(segmenter.Options) if f.init):
            widget = _field(hints[one.name], one.default, self._touched)
            widget.setToolTip(words.get(one.name, one.name))
            self._fields[one.name] = widget
            self.options.addRow(one.name.replace("_", " "), widget)
        self._touched()

    def words(self) -> tuple[tuple[str, str], ...]:
        """(option, word) of each field that is filled in."""
        said = {key: w.currentText() if isinstance(w, QComboBox) else w.text() for key, w in self._fields.items()}  # type: ignore[attr-defined, unused-ignore]
        return tuple((key, word.strip()) for key, word in said.items() if word.strip())

    def set_option(self, name: str, word: str) -> None:
        """Fill in a field."""
        field = self._fields[name]
        if isinstance(field, QComboBox):
            field.setCurrentText(word)
        else:
            field.setText(word)  # type: ignore[attr-defined, unused-ignore]
        self._touched()

    def _touched(self, _: Any = None) -> None:
        if self.closed:
            return
        now = self._tried()
        if now != self._seen:
            self._seen = now
            self.preview.again()
        if self.live.isChecked():
            self._timer.start()

    def _tried(self) -> tuple[Any, ...]:
        """What the slider's values hang on: everything but the threshold."""
        slider = getattr(self.segmenter(), "SLIDER", "")
        return self.image.layer(), self.ground.layer(), tuple(one for one in self.words() if one[0] != slider)

    def _threshold(self, value: float) -> None:
        """Take a threshold from the slider."""
        self.set_option(self.segmenter().SLIDER, f"{value:.9g}")

    def _previewed(self) -> preview.Wish | None:
        """What the slider is of; None, with the reason in words, where there is nothing."""
        image, segmenter = self.image.layer(), self.segmenter()
        if image is None or not hasattr(segmenter, "SLIDER"):
            self.message.say("Open an image.", "error")
            return None
        try:
            words = dict(self.words())
            typed = words.pop(segmenter.SLIDER, "")
            options = sources.typed_options(segmenter, tuple(words.items()))
            placing.refuse_mixed(self.viewer.layers)
            ground = self._ground(image)
            picture = pictures.picture_of(image)
        except MarginError as error:
            self.message.fail(error)
            return None
        place, mask = placing.transform_of(image), None if ground is None else ground[1]
        return preview.Wish(picture, segmenter, options, ROLE[self.what.value()], typed, place, mask)

    def run(self) -> None:
        """Segment with what the form says now."""
        image, segmenter = self.image.layer(), self.segmenter()
        if image is None or segmenter is None:
            self.message.say("Open an image." if image is None else "No method finds that.", "error")
            return
        try:
            options = sources.typed_options(segmenter, self.words())
            picture = pictures.picture_of(image)
            placing.refuse_mixed(self.viewer.layers)
            ground = self._ground(image) if hasattr(segmenter, "light") else None
        except MarginError as error:
            self.message.fail(error)
            return
        maker = sources.SegmenterSource(segmenter.NAME, self.words()).name
        spacing = picture.spacing_mm or (1.0,) * image.ndim
        place = placing.transform_of(image)
        method = segmenting.Method(segmenter.NAME, segmenter, options)
        self._runner.ask(Wish(picture, method, self.what.value(), maker, spacing, place, ground))

    def _ground(self, image: Any) -> tuple[str, Any] | None:
        """Name and mask of the layer that is the background. GridError E-GRID-07 where it lies on other pixels."""
        layer = self.ground.layer()
        if layer is None:
            return None
        shape, place, now = pictures.spatial_shape(image), placing.transform_of(image), placing.transform_of(layer)
        drawn = hasattr(layer, "to_labels")
        fits = all(np.array_equal(now[key], place[key]) for key in now) if drawn else on_grid(layer, shape, place)
        if not fits:
            remedy = "Draw it on a layer in the image's place."
            raise GridError("E-GRID-07", "the background lies on other pixels", cause=layer.name, remedy=remedy)
        mask = np.asarray(layer.to_labels(shape) if drawn else layer.data) != 0
        return layer.name, mask

    def _found(self, wish: Wish, answer: segmenting.Found | MarginError) -> None:
        if self.closed:
            return
        if isinstance(answer, MarginError):
            self.message.fail(answer)
            return
        found = answer.regions[wish.what]
        self.preview.done()
        layer = put(self.viewer, wish, found)
        share = float(np.mean(np.asarray(found.data) >= 0.5)) if found.kind != "polygon" else 0.0
        told = f"{layer.name}: {share:.1%} of the image, by {found.maker or wish.maker}"
        self.message.say("\n".join([told, *answer.warnings]), "good")

    def detach(self) -> None:
        """Cut every tie; what is still computed is dropped."""
        self._timer.stop()
        if not self.closed:
            self.preview.detach()
        super().detach()


def _field(hint: Any, default: Any, touched: Any) -> QWidget:
    """A field for a type: a choice where there are few words, else a line with the default in grey."""
    words = _choices(hint)
    if words:
        box = QComboBox()
        box.addItems(words)
        box.setCurrentText(_word(default))
        box.currentIndexChanged.connect(touched)
        return box
    line = QLineEdit()
    line.setPlaceholderText(_word(default) or "—")
    line.textEdited.connect(touched)
    return line


def _choices(hint: Any) -> list[str]:
    """The words that a type allows, where they are few; empty where it takes a number or a text."""
    found: list[str] = []
    for one in _union(hint):
        literals = [str(word) for word in get_args(one)] if get_origin(one) is Literal else []
        if one is bool:
            found += ["no", "yes"]
        elif literals:
            found += literals
        else:
            return []
    return found


def _union(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _word(default: Any) -> str:
    if isinstance(default, bool):
        return "yes" if default else "no"
    return "" if default is None else str(default)


def _words(options: type[Any]) -> dict[str, str]:
    """Option to its paragraph in the docstring of the options."""
    known = {f.name for f in fields(options)}
    found: dict[str, str] = {}
    names: list[str] = []
    for line in (options.__doc__ or "").splitlines():
        head, sign, rest = line.strip().partition(" : ")
        said = [word.strip() for word in head.split(",")]
        if sign and set(said) <= known:
            names = said
            found |= dict.fromkeys(said, rest)
        elif names and line.strip():
            found |= {name: f"{found[name]} {line.strip()}" for name in names}
    return found

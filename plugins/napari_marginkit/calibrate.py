"""The panel of calibration: what the file claims, and the three ways to a scale: believe it, type it, draw a length.

The surprising thing: every way ends at marginkit's own check. What is typed or drawn is compared with what the file
says, and where they differ by more than a per cent the result carries it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtWidgets import QLineEdit

from marginkit import opening, scaling, units
from marginkit.errors import CalibrationError, MarginError
from marginkit.records import Calibration, Picture
from marginkit.rulers import known
from marginkit.rulers.scale import together

from . import pictures, placing, rescaling
from .forms import LayerChoice, Message, beside, button, form
from .undoing import RULER
from .waiting import WaitingPanel
from .working import attempt

RULED = "ruler found"
TYPED = "Size of one pixel with its unit; of a stack three: plane distance, row, column."
CONFIRM = "Take what the file says against every doubt; the result says so."
FIND = "Look for a ruler or a scale bar, and show what was found"
USE = "Use the line and the length beside it"
MOST = 50  # scales that can be taken back
DRAW = "Draw a line along a ruler or anything whose length is known"


class Calibrate(WaitingPanel):
    """Choose an image, see its claims, give it a scale; every layer on it follows."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer, found_ruler, self._ruled)
        self.image = LayerChoice(self.viewer, ["image"], required=True)
        self.state, self.claims = Message(), Message()
        self.typed, self.length, self.tick = QLineEdit(), QLineEdit(), QLineEdit()
        self.tick.setPlaceholderText("distance of its ticks, if not evident: 1mm")
        self.typed.setPlaceholderText("0.5um, or 3mm,0.8mm,0.8mm")
        self.length.setPlaceholderText("10mm")
        self.believe = button("Believe it", self.confirm, CONFIRM)
        self.undo_button = button("Undo", self.undo, "Take the last scale back; what was drawn stays on its pixels")
        self.undo_button.setEnabled(False)
        self._past: list[rescaling.Before] = []
        self.claims.setToolTip("Every statement of pixel size in the file, and why it is not believed.")
        image = (("Image", self.image, "All layers that lie on this image follow it."),)
        rows = (
            ("Pixel size", beside(self.typed, button("Take", self.take_typed, "Use the typed size of a pixel")), TYPED),
            ("Ruler", beside(self.tick, button("Find", self.find_ruler, FIND)), "A ruler or scale bar in the picture."),
            ("Known length", beside(self.length, button("Draw", self.draw, DRAW)), "How long the drawn line is: 10mm."),
            ("", beside(button("Take the drawn length", self.take_drawn, USE), self.undo_button), ""),
        )
        self.rows.addWidget(self.units)
        self.rows.addLayout(form(image))
        for widget in (self.claims, self.state, self.believe):
            self.rows.addWidget(widget)
        self.rows.addLayout(form(rows))
        self.rows.addWidget(self.bar)
        self.rows.addWidget(self.message)
        self.rows.addStretch(1)
        self.image.changed.connect(self.look)
        self.typed.returnPressed.connect(self.take_typed)
        self.tick.returnPressed.connect(self.find_ruler)
        self.length.returnPressed.connect(self.take_drawn)
        self.look()

    def look(self) -> None:
        """Say what the image claims and what is taken."""
        image = self.image.layer()
        self.believe.setEnabled(image is not None)
        if image is None:
            self.claims.say("")
            self.state.say("Open an image.")
            return
        try:
            picture = pictures.picture_of(image)
        except MarginError as error:
            self.state.fail(error)
            return
        said = "\n".join(map(_told, picture.claims)) or "nothing"
        self.claims.say(f"The file says:\n{said}")
        self.believe.setEnabled(any(claim.spacing_mm for claim in picture.claims))
        known = picture.calibration is not None
        told = "\n".join((f"Scale: {pictures.told(picture)}", *picture.warnings))
        self.state.say(told if known else f"No scale. {pictures.told(picture)}", "" if known else "error")

    def confirm(self) -> None:
        """Take the first usable claim of the file against every doubt."""
        self._take(lambda image: pictures.picture_of(image, confirm=True))

    def take_typed(self) -> None:
        """Take the typed size of a pixel."""
        self._take(lambda image: _calibrated(image, self.typed.text()))

    def find_ruler(self) -> None:
        """Look for a ruler in the picture."""
        image = self.image.layer()
        if image is None:
            self.message.say("Open an image.", "error")
            return
        try:
            raw = pictures.raw(image)
        except MarginError as error:
            self.message.fail(error)
            return
        tick = self.tick.text().strip()
        self._runner.ask((image, raw, f"ruler:tick={tick}" if tick else "ruler"))

    def _ruled(self, wish: Any, answer: Any) -> None:
        """Take the scale of the ruler that was found, and show its marks; the image may be gone meanwhile."""
        image, _, _ = wish
        if self.closed or image not in self.viewer.layers:
            return
        if isinstance(answer, MarginError):
            self.message.fail(answer)
            return
        picture, marks = answer
        self.image.choose(image)
        self._take(lambda _: picture)
        if "Taken" in self.message.text() and len(marks):
            for old in [one for one in self.viewer.layers if one.name == RULED]:
                self.viewer.layers.remove(old)
            look = {"name": RULED, "edge_color": "#d55e00", "edge_width": _wide(image) / 2, "vector_style": "line"}
            self.viewer.add_vectors(marks, **{**placing.transform_of(image), **look})
            assert picture.calibration is not None
            self.message.say(f"Taken: {picture.calibration.detail}. Look at the marks.", "good")

    def draw(self) -> None:
        """A layer to draw one line on, in the image's own place."""
        image = self.image.layer()
        if image is None:
            return
        ruler = self._ruler()
        if ruler is None:
            place = {**placing.transform_of(image), "name": RULER, "edge_color": "#d55e00", "face_color": "transparent"}
            ruler = self.viewer.add_shapes(ndim=image.ndim, edge_width=_wide(image), **place)
        self.viewer.layers.selection.active = ruler
        ruler.mode = "add_line"
        self.message.say("Draw a line along something whose length is known, then write the length.")

    def take_drawn(self) -> None:
        """Take the length of the last drawn line."""
        self._take(self._drawn)

    def _drawn(self, image: Any) -> Picture:
        ruler = self._ruler()
        if ruler is None or not len(ruler.data):
            raise CalibrationError("E-CAL-01", "no line is drawn", remedy="Press Draw, and draw one.")
        matrix, offset = placing.pixels(ruler).onto(placing.pixels(image))
        return known_length(image, np.asarray(ruler.data[-1], np.float64) @ matrix.T + offset, self.length.text())

    def _ruler(self) -> Any:
        return next((one for one in self.viewer.layers if one.name == RULER and hasattr(one, "shape_type")), None)

    def _take(self, way: Any) -> None:
        image = self.image.layer()
        if image is None:
            return
        try:
            picture = way(image)
            if picture.calibration is None:
                raise picture.refusal or CalibrationError("E-CAL-01", "no scale", cause=image.name)
            left, before = rescaling.apply(self.viewer, image, picture)
        except MarginError as error:
            self.message.fail(error)
            return
        self._past = [*self._past[-MOST:], before]
        self.undo_button.setEnabled(True)
        self.message.say(
            f"Taken. Not moved, for they do not lie on it: {', '.join(left)}." if left else "Taken.", "good"
        )
        self.look()
        self.units.look()

    def undo(self) -> None:
        """Take the last scale back, of what was drawn since then too."""
        if not self._past:
            self.message.say("Nothing to undo.")
            return
        before = self._past.pop()
        self.undo_button.setEnabled(bool(self._past))
        if not rescaling.undo(self.viewer, before):
            self.message.say("The image of that scale is gone.", "error")
            return
        self.image.choose(before.image)
        self.message.say(f"{before.image.name}: as it was before.", "good")
        self.look()
        self.units.look()


def found_ruler(wish: tuple[Any, Picture, str]) -> tuple[Picture, Any] | MarginError:
    """The picture with its ruler's scale, and (n, 2, 2) start and vector of what to draw of it; never raises."""
    return attempt(lambda: _found_ruler(wish), "the ruler cannot be read", CalibrationError, "E-CAL-10")


def _found_ruler(wish: tuple[Any, Picture, str]) -> tuple[Picture, Any]:
    _, raw, words = wish
    marks = scaling.scale(raw, words).marks
    picture = opening.calibrated(raw, words)
    lines = [np.stack([m.points_px[:-1], np.diff(m.points_px, axis=0)], axis=1) for m in marks if len(m.points_px) > 1]
    return picture, np.concatenate(lines) if lines else np.zeros((0, 2, 2))


def known_length(image: Any, line_px: Any, length: str) -> Picture:
    """The picture of an image calibrated by a drawn line of known length; its pixels keep their shape.

    line_px : (2 or more, ndim) ends in pixels of the image. length : as typed, ``10mm``. E-CAL-02 where the image is a
    stack; E-CAL-14 where the line is too short or leaves the image. On square pixels it is what ``points:…`` gives.
    """
    if image.ndim != 2:
        cause = f"{image.ndim} axes"
        raise CalibrationError("E-CAL-02", "the line cannot be used", cause=cause, remedy="Type the size of a pixel.")
    shape = np.linalg.norm(placing.pixels(image).matrix, axis=0)  # height and width of a pixel, to scale
    if np.allclose(shape / shape[-1], 1, rtol=0, atol=1e-9):
        ends = ",".join(repr(round(float(one), 3)) for one in (*line_px[0], *line_px[-1]))
        return _calibrated(image, f"points:{ends}={length.strip()}")
    length_mm = units.length_mm(length).value
    length_px = float(np.hypot(*((line_px[-1] - line_px[0]) * shape / shape[-1])))
    if length_px < known.SHORTEST_PX:
        cause = f"it is {length_px:.1f} pixels long"
        raise CalibrationError("E-CAL-14", "points of no use", cause=cause, remedy="Draw a longer line.")
    share = together(2**0.5 * known.CLICK_PX / length_px)
    sizes = tuple(length_mm / length_px * ratio for ratio in shape / shape[-1])
    taken = Calibration(sizes, RULER, f"{length.strip()} over {length_px:.2f} pixels", share)
    return opening.retaken(pictures.raw(image), taken)[0]


def _calibrated(image: Any, words: str) -> Picture:
    return pictures.picture_of(image, pixel_size=words.strip() or "0")


def _wide(image: Any) -> float:
    return max(1.0, min(pictures.spatial_shape(image)[-2:]) / 200)


def _told(claim: Any) -> str:
    size = "" if claim.spacing_mm is None else " × ".join(f"{s:.6g}" for s in claim.spacing_mm) + " mm"
    return f"{claim.source}: {size or claim.detail}" + (f" — {claim.problem}" if claim.problem else "")

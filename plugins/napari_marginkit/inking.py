"""Inks: their colours picked from the image, and the margins that they name.

The surprising thing: blue over yellow reads green, so a colour is picked from the case at hand, and what is ambiguous
names no margin. The palette goes into the case file with everything else.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from marginkit import shelf
from marginkit.errors import MarginError, UsageError
from marginkit.records import Picture, Region

from . import keeping, pictures, placing, roles, taking
from .forms import LayerChoice, Message, Words, beside, button, form
from .segmented import place_of, put_labels
from .waiting import waiting_bar
from .working import Runner, attempt

PATCH = 300  # a picked patch has this share of the image's shorter side, to either side of the click
PICK = "Click on this ink in the image"
MAP = "blue=superior, black=deep"


@dataclass(frozen=True, eq=False)
class Wish:
    """Inks that are asked for, frozen. palette : as of a palette file; empty for the usual colours."""

    picture: Picture
    specimen: Region | None
    names: Mapping[str, str]
    palette: str
    place: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Zones:
    """A label a margin on the grid of the inks, and the length of outline that each colour covers in words."""

    region: Region
    names: Mapping[int, str]
    told: str


def zones(wish: Wish) -> Zones | MarginError:
    """The margins that the inks name; never raises."""
    return attempt(lambda: _zones(wish), "inks cannot be found")


def _zones(wish: Wish) -> Zones:
    module = shelf.get("segmenters", "ink")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "palette.json"
        file.write_text(wish.palette)
        found = module.find(wish.picture, module.Options(palette=str(file) if wish.palette else ""), wish.specimen)
    regions = module.named(found, wish.names)
    labels = np.zeros(found.specimen.shape, np.uint8)
    for label, one in enumerate(regions.values(), 1):
        labels[np.asarray(one.data)] = label
    size = found.pixel_mm or 1.0
    lengths = ", ".join(f"{colour} {length * size:.1f} mm" for colour, length in found.length_px.items() if length)
    return Zones(
        Region(labels, found.spacing_mm, found.origin_px, maker=found.told), dict(enumerate(regions, 1)), lengths
    )


def parsed(text: str) -> dict[str, str]:
    """Colour to margin name, from ``blue=superior, black=deep``. UsageError E-USE-10 where it says something else."""
    colours = shelf.get("segmenters", "ink").COLOURS[:-1]
    found: dict[str, str] = {}
    for part in text.split(","):
        colour, _, name = (word.strip() for word in part.partition("="))
        if colour not in colours or not name or colour in found or name in (*found.values(), "all"):
            remedy = f"Write COLOUR=NAME with {', '.join(colours)}, each once."
            raise UsageError("E-USE-10", "inks not understood", cause=f"{part.strip()[:60]!r}", remedy=remedy)
        found[colour] = name
    return found


class Inks(QWidget):
    """Pick colours, name margins by them."""

    def __init__(self, viewer: Any, image: LayerChoice) -> None:
        super().__init__()
        self._viewer, self._image, self._awaited = viewer, image, ""
        self._runner = Runner(zones, self._found, self._idle)
        self._module = shelf.get("segmenters", "ink")
        self.colour = Words({word: word for word in self._module.COLOURS[1:-1]})
        self.map, self.message, self.bar = QLineEdit(), Message(), waiting_bar()
        self.map.setPlaceholderText(MAP)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        pick = button("Pick", self.pick, "Then click on that ink in the image")
        find = button("Name", self.name_margins, "Find the inks along the outline; each names a margin")
        tip = "Which margin each ink marks. There is no convention: say it for this case."
        layout.addLayout(form((("Ink colour", beside(self.colour, pick), PICK), ("Inks", beside(self.map, find), tip))))
        layout.addWidget(self.bar)
        layout.addWidget(self.message)
        self.map.returnPressed.connect(self.name_margins)

    def palette_of(self, image: Any) -> dict[str, Any]:
        """The colours that were picked on an image."""
        told = keeping.noted(image, keeping.PALETTE)
        return self._module.from_told(told) if told else {}

    def pick(self) -> None:
        """Wait for a click on the chosen ink."""
        image = self._image.layer()
        if image is None:
            self.message.say("Open an image.", "error")
            return
        self._stop()
        self._awaited = self.colour.value()
        self._viewer.layers.selection.active = image
        image.mode = "pan_zoom"
        self._viewer.mouse_drag_callbacks.append(self._clicked)
        self.message.say(f"Click on {self._awaited} ink in the image.")

    def _stop(self) -> None:
        if self._clicked in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.remove(self._clicked)

    def _clicked(self, _: Any, event: Any) -> None:
        """Take the colour under a click."""
        image, colour = self._image.layer(), self._awaited
        self._stop()
        if image is None:
            return
        try:
            placing.refuse_mixed(self._viewer.layers)
            ink = self._module.picked(pictures.picture_of(image), _box(image, event.position))
        except MarginError as error:
            self.message.fail(error)
            return
        known = self.palette_of(image)
        known[colour] = (*known.get(colour, ()), ink)
        keeping.note(image, keeping.PALETTE, json.loads(self._module.as_text(known)))
        self.message.say(
            f"{colour}: hue {ink.hue_deg:.0f}° ± {ink.tolerance_deg:.0f}°; pick again to widen it.", "good"
        )

    def name_margins(self) -> None:
        """Find the inks and name margins by them."""
        image = self._image.layer()
        if image is None:
            self.message.say("Open an image.", "error")
            return
        try:
            placing.refuse_mixed(self._viewer.layers)
            names = parsed(self.map.text())
            picture = pictures.calibrated(image)
            own = self._specimen(image)
        except MarginError as error:
            self.message.fail(error)
            return
        picked = self.palette_of(image)
        text = self._module.as_text(picked) if picked else ""
        self._runner.ask(Wish(picture, own, names, text, placing.transform_of(image)))

    def _specimen(self, image: Any) -> Region | None:
        layer = next((one for one in self._viewer.layers if roles.role_of(one) == roles.SPECIMEN), None)
        return None if layer is None else taking.region(layer, placing.place(image), name="specimen")

    def _found(self, wish: Wish, answer: Zones | MarginError) -> None:
        if isinstance(answer, MarginError):
            self.message.fail(answer)
            return
        put(self._viewer, wish, answer)
        several = sum(roles.role_of(one) == roles.NAMES for one in self._viewer.layers) > 1
        which = " There are two layers of names: choose one in Margins." if several else ""
        self.message.say(f"Outline by ink: {answer.told}.{which}", "good")

    def _idle(self, idle: bool) -> None:
        self.bar.setVisible(not idle)

    def detach(self) -> None:
        """Cut every tie."""
        self._stop()
        self._runner.drop()


def _box(image: Any, position: Any) -> tuple[int, int, int, int]:
    """(y, x, height, width) px around a place of the world."""
    y, x = (round(float(one)) for one in image.world_to_data(position[-image.ndim :])[-2:])
    height, width = pictures.spatial_shape(image)[-2:]
    reach = max(2, min(height, width) // PATCH)
    top, left = max(0, y - reach), max(0, x - reach)
    return top, left, max(0, min(height, y + reach + 1) - top), max(0, min(width, x + reach + 1) - left)


def put(viewer: Any, wish: Wish, found: Zones) -> Any:
    """The named margins as a label layer; on the same grid the old one is changed in one step of undo.

    A name keeps the label that it has there, so that undone pixels bear the names that they had.
    """
    old = next((one for one in viewer.layers if roles.role_of(one) == roles.NAMES), None)
    known = {} if old is None else roles.names_of(old)
    names, of = numbered(found.names, known)
    look = roles.look(roles.NAMES, names)
    place = place_of(wish.place, wish.picture.spacing_mm or (), found.region)
    look["metadata"][pictures.KEY]["maker"] = found.region.maker
    return put_labels(viewer, roles.NAMES, of[np.asarray(found.region.data)], {**look, **place})


def numbered(found: Mapping[int, str], known: Mapping[int, str]) -> tuple[dict[int, str], Any]:
    """(label to name of all that are known now, (256,) uint8 from a label of ``found`` to that).

    >>> numbered({1: "deep"}, {1: "superior"})[0]
    {1: 'superior', 2: 'deep'}
    """
    label = {name: number for number, name in known.items()}
    of = np.zeros(256, np.uint8)
    for number, name in found.items():
        of[number] = label.setdefault(name, max(label.values(), default=0) + 1)
    return {number: name for name, number in label.items()}, of

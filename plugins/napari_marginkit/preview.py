"""A slider for a threshold: what lies above it is coloured while it is dragged, and nothing is computed meanwhile.

The surprising thing: the values are shown as a picture whose contrast begins and ends at the threshold. Moving that is
the graphics card's work, on any number of pixels; the segmenter is asked once, when the slider is let go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QSlider, QVBoxLayout, QWidget

from marginkit import fluorescence
from marginkit.errors import MarginError
from marginkit.records import Picture

from . import roles
from .coarse import coarse
from .forms import Message, beside, button
from .pictures import KEY
from .segmented import place_at, rgb_of
from .showing import ROLE
from .waiting import waiting_bar
from .working import Runner, attempt

NAME = "threshold preview"
STEPS = 4096
EDGE = 1 / 200  # of the span of values, to either side of the threshold
TIP = "Show what lies above, and drag the slider; let go, and it is written above."


@dataclass(frozen=True, eq=False)
class Wish:
    """Values that are asked for, frozen. ground : mask of the background on the image's pixels, where it is a layer."""

    picture: Picture
    module: Any
    options: Any
    role: str
    typed: str
    place: Mapping[str, Any]
    ground: Any = None


@dataclass(frozen=True, eq=False)
class Values:
    """What a threshold is compared with. start : where the slider begins. mean, sd : of the background, or None."""

    pixels: Any
    place: Mapping[str, Any]
    start: float
    mean: float | None
    sd: float | None

    @property
    def ends(self) -> tuple[float, float]:
        """The least and the greatest value."""
        return float(np.nanmin(self.pixels)), float(np.nanmax(self.pixels))

    def told(self, threshold: float) -> str:
        """A threshold in words."""
        words = f"{threshold:.6g}"
        if self.mean:
            words += f" = {threshold / self.mean:.2f} × background"
        if self.mean is not None and self.sd:
            words += f", mean {(threshold - self.mean) / self.sd:+.1f} SD"
        return words


def values(wish: Wish) -> Values | MarginError:
    """The values of a wish, on few enough pixels; never raises."""
    return attempt(lambda: _values(wish), "nothing to preview")


def _values(wish: Wish) -> Values:
    small, ratio, first = coarse(wish.picture)
    options = wish.options
    if getattr(options, "smooth_px", 0):
        options = replace(options, smooth_px=options.smooth_px / ratio[0])
    pixels = wish.module.values(small, replace(options, level=0) if hasattr(options, "level") else options)
    mean = sd = None
    if wish.ground is not None:
        rows, columns = (np.rint(f + np.arange(n) * r).astype(int) for f, n, r in zip(first, pixels.shape[-2:], ratio))
        among = pixels[wish.ground[..., rows[:, None], columns]]
        if among.size:
            mean, sd = float(np.nanmean(among)), float(np.nanstd(among))
    lead = (1.0,) * (pixels.ndim - 2)
    place = place_at(wish.place, np.array([*lead, *ratio]), np.array([0.0] * len(lead) + [*first]))
    return Values(pixels, place, _start(wish.typed, pixels), mean, sd)


def _start(typed: str, pixels: Any) -> float:
    """The threshold that is typed, or else Otsu's."""
    try:
        return float(typed)
    except ValueError:
        return fluorescence.find_threshold(pixels[np.isfinite(pixels)], "otsu").value


class Preview(QWidget):
    """A button, a slider and the value."""

    def __init__(self, viewer: Any, wanted: Callable[[], Wish | None], chosen: Callable[[float], None]) -> None:
        """``wanted`` gives what to show now, None where it has said why not; ``chosen`` takes a threshold let go."""
        super().__init__()
        self._viewer, self._wanted, self._chosen = viewer, wanted, chosen
        self._values: Values | None = None
        self._role = ""
        self._hidden: list[Any] = []  # what was found before, while a preview is looked at
        self._runner = Runner(values, self._found, self._idle)
        self.slider, self.told, self.message, self.bar = (
            QSlider(Qt.Orientation.Horizontal),
            QLabel(),
            Message(),
            waiting_bar(),
        )
        self.told.setWordWrap(True)
        self.slider.setRange(0, STEPS)
        self.slider.setEnabled(False)
        self.slider.setToolTip("Threshold, in the values of the image")
        self.button = button("Preview", self.start, TIP)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (beside(self.slider, self.button), self.told, self.bar, self.message):
            layout.addWidget(widget)
        self.slider.valueChanged.connect(self._moved)
        self.slider.sliderReleased.connect(self._released)
        viewer.layers.events.removed.connect(self._removed)

    def start(self) -> None:
        """Fetch the values of what the form says now."""
        wish = self._wanted()
        if wish is not None:
            self.message.say("")
            self._runner.ask(wish)

    def again(self) -> None:
        """Fetch the values once more, where they are shown and hang on something that has changed."""
        if self._values is not None:
            self.start()

    @property
    def layer(self) -> Any:
        """The layer of the preview; None where there is none."""
        return next((one for one in self._viewer.layers if _is_preview(one)), None)

    @property
    def value(self) -> float:
        """The threshold where the slider stands."""
        low, high = self._values.ends if self._values is not None else (0.0, 1.0)
        at = low + (high - low) * self.slider.value() / STEPS
        whole = self._values is not None and self._values.pixels.dtype.kind in "iu" and high - low >= STEPS
        return float(round(at)) if whole else float(f"{at:.6g}")

    def _found(self, wish: Wish, answer: Values | MarginError) -> None:
        if isinstance(answer, MarginError):
            self.clear()
            self.message.fail(answer)
            return
        self.clear()
        self._values, self._role = answer, wish.role
        low, high = answer.ends
        self._viewer.add_layer(_layer(answer, wish.role))
        self.slider.setEnabled(True)
        self.slider.blockSignals(True)
        self.slider.setValue(round(STEPS * (answer.start - low) / max(high - low, 1e-300)))
        self.slider.blockSignals(False)
        self._show()

    def _moved(self, _: int) -> None:
        """Follow the slider; what is not dragged is let go at once."""
        self._show()
        if not self.slider.isSliderDown():
            self._released()

    def _show(self) -> None:
        """Show what lies above."""
        layer, known = self.layer, self._values
        if layer is None or known is None:
            return
        for other in self._viewer.layers:
            if other.visible and roles.role_of(other) == self._role:
                other.visible = False
                self._hidden.append(other)
        low, high = known.ends
        middle = np.floor(self.value) + 0.5 if known.pixels.dtype.kind in "iu" else self.value
        layer.contrast_limits = (middle - EDGE * (high - low), middle + EDGE * (high - low))
        if not layer.visible:
            layer.visible = True
        self.told.setText(f"above {known.told(self.value)}")

    def _released(self) -> None:
        if self._values is not None:
            self._chosen(self.value)

    def done(self) -> None:
        """The segmenter has answered: its own layer is looked at again."""
        if (layer := self.layer) is not None:
            layer.visible = False
        self._show_hidden()

    def clear(self) -> None:
        """Take the preview away."""
        self._values = None
        self.slider.setEnabled(False)
        self.told.setText("")
        if (layer := self.layer) is not None:
            self._viewer.layers.remove(layer)
        self._show_hidden()

    def _show_hidden(self) -> None:
        for other in self._hidden:
            other.visible = True
        self._hidden = []

    def _removed(self, event: Any) -> None:
        if _is_preview(event.value):
            self._values = None
            self.slider.setEnabled(False)
            self.told.setText("")

    def _idle(self, idle: bool) -> None:
        self.bar.setVisible(not idle)

    def detach(self) -> None:
        """Cut every tie."""
        self._runner.drop()
        self._viewer.layers.events.removed.disconnect(self._removed)
        self.clear()


def _is_preview(layer: Any) -> bool:
    held = layer.metadata.get(KEY)
    return isinstance(held, dict) and held.get("part") == NAME


def _layer(found: Values, role: str) -> Any:
    """The values as a layer of two colours: none, and that of the role."""
    from napari.layers import Image
    from napari.utils.colormaps import Colormap

    two = Colormap([[0, 0, 0, 0], [*rgb_of(role), 1]], controls=[0, 0.5, 1], interpolation="zero", name=NAME)
    low, high = found.ends
    held = {KEY: {"role": ROLE, "part": NAME}}
    limits = (low, max(high, low + 1e-9))
    look = {"colormap": two, "contrast_limits": limits, "opacity": 0.6, "name": NAME, "metadata": held}
    layer = Image(found.pixels, **look, **found.place)
    layer.contrast_limits_range = (low - (high - low), high + (high - low))
    return layer

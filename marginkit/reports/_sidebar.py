"""The words beside the picture: value, verdicts, legend, source of the millimetres.

The surprising thing: a picture travels alone. Cut out and pasted into a slide, it must still say what the number is,
where its millimetres come from and that it is for research.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from marginkit import flags
from marginkit.records import Margin, Measured
from marginkit.reports import _colours, _strokes
from marginkit.reports._edgelines import DASH_PX
from marginkit.reports._frame import barriers
from marginkit.reports._strokes import Colour, Pixels
from marginkit.wording import RESEARCH, interval, shown

WIDTH = 440
PAD = 22
ROOM = WIDTH - 2 * PAD
GREY = (90, 90, 90)
TALLEST = 4000


class Sidebar:
    """A strip of paper that is filled from the top."""

    def __init__(self) -> None:
        self.canvas: Pixels = np.full((TALLEST, WIDTH, 3), 255, np.uint8)
        self.y = PAD

    def text(self, words: str, size: int, colour: Colour = _colours.INK, weight: int = 400, most: int = 1) -> None:
        """Words in at most ``most`` lines."""
        for line in _strokes.wrapped(words, size, ROOM, most) if most > 1 else [words]:
            line = _strokes.shortened(line, size, ROOM, weight)
            _strokes.write(self.canvas, line, (PAD, self.y), size, colour, weight)
            self.y += round(size * 1.36)

    def gap(self, height: int = 14) -> None:
        """Some white."""
        self.y += height

    def picture(self, pixels: Pixels) -> None:
        """An image, with a thin frame."""
        rows, cols = pixels.shape[:2]
        self.canvas[self.y : self.y + rows, PAD : PAD + cols] = pixels
        x, y = PAD, self.y
        frame = np.array([[x, y], [x + cols, y], [x + cols, y + rows], [x, y + rows], [x, y]])
        _strokes.lines(self.canvas, [frame], GREY, 1)
        self.y += rows

    def done(self) -> Pixels:
        """The part that was filled."""
        return self.canvas[: min(self.y + PAD, TALLEST)]


def fill(case: Measured, close_up: Pixels | None, far_mm: float, *, other_edge: bool, planes: Sequence[str]) -> Pixels:
    """The strip of a case."""
    bar = Sidebar()
    bar.text(case.case, 26, weight=600)
    bar.text(case.picture.name, 18, GREY)
    bar.gap()
    _headline(bar, case)
    _named(bar, case)
    _verdicts(bar, case)
    if close_up is not None:
        bar.gap()
        bar.picture(close_up)
        bar.gap(4)
        bar.text("closest pair, enlarged", 18, GREY)
    bar.gap()
    _scale(bar, case, far_mm)
    _legend(bar, case, other_edge)
    bar.gap()
    for line in planes:
        bar.text(line, 18, GREY, most=2)
    bar.text(_calibration(case), 18, GREY, most=3)
    bar.text(RESEARCH, 18, weight=600)
    return bar.done()


def _headline(bar: Sidebar, case: Measured) -> None:
    margin = case.result.all
    bar.text("signal-to-edge distance" if case.result.region == "signal" else "margin", 20, GREY)
    fits = (size for size in (44, 38, 32, 27, 22) if _strokes.text_size(shown(margin), size, 600)[0] <= ROOM)
    bar.text(shown(margin), next(fits, 22), weight=600)
    if margin.reason:
        bar.text(margin.reason, 20, most=3)
    if interval(margin):
        bar.text(f"interval {interval(margin)}", 20)
    for sentence in _caveats(margin, case):
        bar.text(sentence, 18, GREY, most=3)


def _caveats(margin: Margin, case: Measured) -> list[str]:
    """Why the value is a bound, and what else weakens it."""
    raised = dict.fromkeys((*margin.flags, *case.result.flags))
    known = [flags.FLAGS[name] for name in raised if name in flags.FLAGS]
    return [flag.sentence for flag in known if flag.weakens or flag.name == "line_leaves_tissue"]


def _named(bar: Sidebar, case: Measured) -> None:
    named = case.result.margins[1:]
    if not named:
        return
    bar.gap()
    for margin in named[:12]:
        value = shown(margin)
        width, _ = _strokes.text_size(value, 20)
        name = _strokes.shortened(margin.name, 20, ROOM - width - 12)
        _strokes.write(bar.canvas, value, (PAD + ROOM - width, bar.y), 20)
        bar.text(name, 20)


def _verdicts(bar: Sidebar, case: Measured) -> None:
    judged = [verdict for verdict in case.verdicts if verdict.margin == "all"]
    if judged:
        bar.gap()
    for verdict in judged[:6]:
        bar.text(f"{verdict.policy}: {verdict.category or 'not assessable'}", 19, most=2)


def _scale(bar: Sidebar, case: Measured, far_mm: float) -> None:
    """The colours of the cut edge with their millimetres."""
    bar.text(f"cut edge, distance to {case.result.region} in mm", 19)
    bar.gap(6)
    share = (np.arange(ROOM) + 0.5) / ROOM
    strip = np.rint(_colours.of_distance(share, 1.0)).astype(np.uint8)
    bar.canvas[bar.y : bar.y + 18, PAD : PAD + ROOM] = strip
    bar.y += 18
    beyond = len(case.result.profile.distance_mm) and case.result.profile.distance_mm.max() > far_mm * (1 + 1e-9)
    places = _colours.ticks(far_mm)
    for place in places:
        x = PAD + ROOM * place / far_mm
        words = f"{place:g}" if place < far_mm * (1 - 1e-9) or not beyond else f"≥{place:g}"
        width, _ = _strokes.text_size(words, 17)
        _strokes.lines(bar.canvas, [np.array([[x, bar.y], [x, bar.y + 6]])], _colours.INK, 1)
        _strokes.write(bar.canvas, words, (min(max(x - width / 2, PAD), PAD + ROOM - width), bar.y + 6), 17)
    bar.y += 34


def _legend(bar: Sidebar, case: Measured, other_edge: bool) -> None:
    signal = case.result.region == "signal"
    if case.regions:
        _entry(bar, case.result.region, _colours.SIGNAL if signal else _colours.TUMOR, dashed=False)
    for name in list(barriers(case))[:4]:
        _entry(bar, name if name.startswith("barrier") else f"barrier: {name}", _colours.BARRIER, dashed=False)
    if other_edge:
        classes = [name for name, size in case.result.profile.by_class.items() if size and name != "cut"]
        other = ", ".join(
            [*classes, *([f"piece without {case.result.region}"] if "several_pieces" in case.result.flags else [])]
        )
        _entry(bar, f"outline that is not cut edge{': ' if other else ''}{other}", _colours.OTHER_EDGE, dashed=True)


def _entry(bar: Sidebar, words: str, colour: Colour, *, dashed: bool) -> None:
    middle = bar.y + 13
    line = np.array([[PAD, middle], [PAD + 44, middle]], np.float64)
    _strokes.lines(bar.canvas, _strokes.dashes(line, *DASH_PX) if dashed else [line], colour, 3)
    for row in _strokes.wrapped(words, 18, ROOM - 56, 2):
        _strokes.write(bar.canvas, row, (PAD + 56, bar.y), 18)
        bar.y += 25


def _calibration(case: Measured) -> str:
    """The pixel size and who says so."""
    spacing = case.result.spacing_mm
    shares = [1000 * s for s in spacing]
    unit = "µm"
    if min(spacing) >= 0.1:
        shares, unit = list(spacing), "mm"
    taken = case.picture.calibration
    source = f", {taken.source}" if taken is not None else ""
    return f"pixel {' × '.join(f'{share:.4g}' for share in shares)} {unit}{source}"

"""Plots as inline SVG: axes with round ticks, lines, dots, bars. Nothing but numbers and escaped words.

The surprising thing: a plot is read aloud too. Each has a title and a sentence that says what the eye would see.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from marginkit.errors import plain

if TYPE_CHECKING:
    from markupsafe import Markup

InAxis: TypeAlias = float  # in the unit that the label of an axis names
Point: TypeAlias = tuple[InAxis, InAxis]
WIDTH, HEIGHT = 720, 280
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 16, 48


@dataclass(frozen=True, slots=True)
class Axis:
    """From ``start`` to ``stop`` in the unit that ``label`` names."""

    start: InAxis
    stop: InAxis
    label: str

    def place(self, value: InAxis) -> float:
        """0 at its start, 1 at its stop."""
        return (value - self.start) / (self.stop - self.start)

    def ticks(self) -> list[float]:
        """Four to eleven round places.

        >>> Axis(0.0, 10.0, "mm").ticks()
        [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
        """
        rough = (self.stop - self.start) / 5
        power = 10.0 ** math.floor(math.log10(rough))
        step = min((power * k for k in (1, 2, 5, 10)), key=lambda s: abs(s - rough))
        first, last = math.ceil(self.start / step - 1e-9), math.floor(self.stop / step + 1e-9)
        return [float(f"{k * step:.12g}") for k in range(first, last + 1)]


def span(values: Iterable[InAxis], label: str, *, from_zero: bool = True) -> Axis:
    """An axis that holds all values with a little room; one unit long where there are none."""
    found = list(values)
    low, high = (min(found), max(found)) if found else (0.0, 1.0)
    low = min(low, 0.0) if from_zero else low
    room = (high - low) * 0.04 or 0.5
    return Axis(low if from_zero and low == 0 else low - room, high + room, label)


@dataclass
class Plot:
    """A drawing that is filled from the back to the front; points are in the units of the axes."""

    x: Axis
    y: Axis
    parts: list[str] = field(default_factory=list)

    def line(self, points: Sequence[Point], look: str = "line") -> None:
        """A line through the points."""
        if len(points) > 1:
            self.parts.append(f'<polyline class="{look}" points="{" ".join(self._at(*p) for p in points)}"/>')

    def dots(self, points: Iterable[Point], words: Iterable[str] = (), look: str = "dot") -> None:
        """Dots, each with words that show when it is pointed at."""
        for (x, y), said in zip(points, [*words] or _endless()):
            cx, cy = self._at(x, y).split(",")
            title = f"<title>{_text(said)}</title>" if said else ""
            self.parts.append(f'<circle class="{look}" cx="{cx}" cy="{cy}" r="4">{title}</circle>')

    def level(self, y: InAxis, words: str = "", look: str = "limit") -> None:
        """A line across, with words at its right end."""
        self.line([(self.x.start, y), (self.x.stop, y)], look)
        self._words(self.x.stop, y, words, "end", -5)

    def upright(self, x: InAxis, words: str = "", look: str = "limit") -> None:
        """A line upwards, with words at its top."""
        self.line([(x, self.y.start), (x, self.y.stop)], f"{look} upright")
        lower = 14 * (
            sum("upright" in part for part in self.parts) % 2
        )  # two that lie close do not write on each other
        self._words(x, self.y.stop, words, "start", 12 + lower, 4)

    def block(self, x0: InAxis, x1: InAxis, y0: InAxis, y1: InAxis, look: str, words: str = "") -> None:
        """A rectangle."""
        (left, bottom), (right, top) = ((float(v) for v in self._at(*p).split(",")) for p in ((x0, y0), (x1, y1)))
        title = f"<title>{_text(words)}</title>" if words else ""
        size = f'x="{left}" y="{top}" width="{right - left:.1f}" height="{bottom - top:.1f}"'
        self.parts.append(f'<rect class="{look}" {size}>{title}</rect>')

    def svg(self, title: str, told: str, key: str) -> Markup:
        """The drawing; ``told`` says in a sentence what it shows, ``key`` is unique in its page."""
        from markupsafe import Markup

        names = f"<title id='{key}-t'>{_text(title)}</title><desc id='{key}-d'>{_text(told)}</desc>"
        head = f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="{key}-t {key}-d">'
        return Markup(head + names + "".join([*self._axes(), *self.parts]) + "</svg>")

    def _axes(self) -> Iterable[str]:
        for tick in self.x.ticks():
            x = float(self._at(tick, self.y.start).split(",")[0])
            yield f'<line class="grid" x1="{x}" x2="{x}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
            yield f'<text class="tick" x="{x}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{tick:g}</text>'
        for tick in self.y.ticks():
            y = float(self._at(self.x.start, tick).split(",")[1])
            yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>'
            yield f'<text class="tick" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>'
        middle, upper = (LEFT + WIDTH - RIGHT) / 2, (TOP + HEIGHT - BOTTOM) / 2
        yield f'<text class="axis" x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">{_text(self.x.label)}</text>'
        turned = f'transform="translate(16 {upper}) rotate(-90)"'
        yield f'<text class="axis" {turned} text-anchor="middle">{_text(self.y.label)}</text>'

    def _at(self, x: float, y: float) -> str:
        right = LEFT + self.x.place(x) * (WIDTH - LEFT - RIGHT)
        down = HEIGHT - BOTTOM - self.y.place(y) * (HEIGHT - TOP - BOTTOM)
        return f"{right:.1f},{down:.1f}"

    def _words(self, x: float, y: float, words: str, anchor: str, down: float, aside: float = 0.0) -> None:
        if words:
            at_x, at_y = (float(v) for v in self._at(x, y).split(","))
            place = f'x="{at_x + aside:.1f}" y="{at_y + down:.1f}" text-anchor="{anchor}"'
            self.parts.append(f'<text class="note" {place}>{_text(words)}</text>')


def _endless() -> Iterable[str]:
    while True:
        yield ""


def _text(words: str) -> str:
    from markupsafe import escape

    return str(escape(plain(words)))

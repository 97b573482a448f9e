"""What strokes do to the margins and to the coloured edge, at once; interval and verdicts come when the brush rests.

The surprising thing: of a layer of 10,000 squared only the rows under the brush, or of what undo has put back, leave
the main thread. An edit that cannot be followed says so, and
then everything is frozen and measured anew.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, Literal, TypeAlias

import numpy as np

from marginkit import edges
from marginkit.errors import MarginError
from marginkit.live import Along, Live, Near
from marginkit.records import Region

from .asking import Request
from .turning import Turns

Part: TypeAlias = Literal["target", "specimen"]


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of a label layer as they are now. labels : as written beside it; only : the label that it had, if one."""

    part: Part
    first: int
    pixels: Any
    labels: str
    only: int | None

    def mask(self) -> Any:
        """The region in these rows; None where it is not plain which label is meant."""
        if self.labels.strip():
            words = [word.strip() for word in self.labels.split("+")]
            return np.isin(self.pixels, [int(word) for word in words]) if all(map(str.isdigit, words)) else None
        mask = self.pixels != 0
        if self.only is None:
            return None if mask.any() else mask
        return mask if np.array_equal(mask, self.pixels == self.only) else None


@dataclass(frozen=True, eq=False)
class Redrawn:
    """Other classes and names of the edge, as of ``measure``."""

    edge: Any
    names: Any


Edit: TypeAlias = Rows | Redrawn


@dataclass(frozen=True, eq=False)
class Followed:
    """What edits have led to: margins and outline, and whether anything changed. live : that was asked."""

    live: Live
    margins: Mapping[str, Near | None]
    along: Along
    changed: bool


class Strokes:
    """Follows the label layers of a request from its answer on.

    ``prepared``, ``followed`` and ``settled`` run off the main thread, all else on it.
    """

    def __init__(self) -> None:
        self._live: Live | None = None
        self._lock = Lock()  # who writes the masks, and who copies them
        self._since: list[Edit] = []
        self._todo: deque[Edit] = deque()
        self._heard: dict[Part, tuple[int, int]] = {}
        self._only: dict[Part, int | None] = {}
        self._sectors: frozenset[str] = frozenset()  # margin names that hang on the middle of the specimen
        self._loose: frozenset[str] = frozenset()
        self._turns = Turns()
        self._painted_at = self._asked_at = self._held_at = 0  # of ``count``
        self.count = 0
        self.changed = False  # since the last full answer

    @property
    def follows(self) -> bool:
        """Whether there is something that can be followed."""
        return self._live is not None

    @property
    def repainted(self) -> bool:
        """Whether pixels may be others than those of the request whose answer is shown."""
        return self._painted_at > self._held_at

    @property
    def waits(self) -> bool:
        """Whether there are edits that nobody has followed yet."""
        return bool(self._todo)

    def prepared(self, request: Request) -> Live | None:
        """What follows strokes from a request on; None where only the full measurement can."""
        tumor, specimen, inputs = request.inputs.target, request.inputs.specimen, request.inputs
        plain = all(one.kind == "mask" and one.spacing_mm is None for one in (tumor, specimen))
        if not plain or inputs.boundary != "pixels" or np.ndim(specimen.data) != 2:  # type: ignore[arg-type]
            return None
        mask: Any = tumor.data
        whole: Any = specimen.data
        try:
            edge = {"edge": inputs.edge, "names": inputs.names, "holes": inputs.holes}
            return Live(mask, whole, inputs.spacing_mm, **edge)
        except (MarginError, TypeError, ValueError):
            return None

    def asked(self, layers: Mapping[Part, Any], request: Request) -> None:
        """The layers were frozen: what is painted from now on is not in the answer."""
        self._since, self._heard = [], {}
        self.count += 1
        self._asked_at = self.count
        text = str(request.options.get("sectors", ""))
        self._sectors, self._loose = frozenset(edges.directions(text)) if text.strip() else frozenset(), frozenset()
        for part, layer in layers.items():
            region: Region = getattr(request.inputs, part)
            self._only[part] = _only(layer.data, region.data) if hasattr(layer, "selected_label") else None
            self._turns.look(layer)

    def answered(self, live: Live | None) -> None:
        """Follow from an answer on, and first what was painted meanwhile."""
        with self._lock:
            self._live, self.changed = live, False
            self._todo.clear()
            self._todo.extend(self._since)
        self._since = []

    def held(self, *, rest: bool) -> None:
        """The answer of a request is shown: of that with the masks as they are now, or of the one asked for last."""
        self._held_at = self.count if rest else self._asked_at

    def resting(self, count: int) -> bool:
        """Whether a full answer is of what is seen now: no edit came since so many. Then nothing is open."""
        self.changed &= count != self.count
        return count == self.count

    def turned(self, layer: Any) -> list[Any] | None:
        """The stroke, as napari's paint event tells one, that was undone or done again since this was asked last; None
        where there was none."""
        return self._turns.look(layer)

    def painted(self, part: Part, layer: Any, labels: str, value: Any) -> bool:
        """Take a stroke; whether there was anything in it. value : of napari's paint event."""
        rows = [_rows(atom[0][0], len(layer.data)) for atom in value]
        rows = [one for one in rows if one[0] < one[1]]
        if not rows:
            return False
        first, last = min(one[0] for one in rows), max(one[1] for one in rows)
        old = self._heard.get(part, (first, last))
        self._heard[part] = (min(old[0], first), max(old[1], last))
        self._take(part, layer, labels, first, last)
        return True

    def looked_at(self, part: Part, layer: Any, labels: str, *, whole: bool) -> bool:
        """Take the rows where strokes were once more, or all rows, for something may have undone them."""
        first, last = (0, len(layer.data)) if whole else self._heard.get(part, (0, 0))
        if first < last:
            self._take(part, layer, labels, first, last)
        return first < last

    def redrawn(self, edge: Any, names: Any) -> None:
        """Take other classes and names."""
        self._add(Redrawn(edge, names))

    def _take(self, part: Part, layer: Any, labels: str, first: int, last: int) -> None:
        pixels = np.array(layer.data[first:last])
        self._add(Rows(part, first, pixels, labels, self._only.get(part)))
        self._painted_at = self.count

    def _add(self, edit: Edit) -> None:
        self.count += 1
        self._since.append(edit)
        if self._live is not None:
            self._todo.append(edit)

    def followed(self) -> Followed | None:
        """What the edits that wait have led to; None where they cannot be followed."""
        with self._lock:
            live = self._live
            if live is None or not self._caught_up(live):
                return None
            found = {name: near for name, near in live.margins().items() if name not in self._loose}
            return Followed(live, found, live.along(), self.changed)

    def _caught_up(self, live: Live) -> bool:
        """Apply the edits that wait; whether all could be."""
        while self._todo:
            edit = self._todo.popleft()
            done = _apply(live, edit)
            if done is None:
                return False
            self.changed |= done
            if done and isinstance(edit, Rows) and edit.part == "specimen":
                self._loose = self._sectors
        return True

    def settled(self, request: Request) -> tuple[Request, Along, int] | None:
        """(request with the masks as they are now, its outline, how many edits that are); None where an edit cannot
        be followed."""
        inputs, count = request.inputs, self.count
        with self._lock:
            live = self._live
            if live is None or not self._caught_up(live):
                return None
            tumor, specimen = (
                replace(old, data=now) for old, now in zip((inputs.target, inputs.specimen), live.masks())
            )
            if self._sectors:
                wedges = edges.sectors(str(request.options["sectors"]), specimen, inputs.spacing_mm)
                inputs = replace(inputs, names={**(inputs.names or {}), **wedges})
                live.redraw(inputs.edge, inputs.names)
                self._loose = frozenset()
            along = live.along()
        regions = {**request.regions, inputs.region: tumor, "specimen": specimen}
        return replace(request, inputs=replace(inputs, target=tumor, specimen=specimen), regions=regions), along, count


def _apply(live: Live, edit: Edit) -> bool | None:
    """Whether an edit changed anything; None where it cannot be followed."""
    if isinstance(edit, Redrawn):
        live.redraw(edit.edge, edit.names)
        return True
    mask = edit.mask()
    if mask is None:
        return None
    return (live.paint if edit.part == "target" else live.paint_specimen)(edit.first, mask)


def _only(pixels: Any, mask: Any) -> int | None:
    """The label of the pixels of a mask, of the first of them; None where there are none."""
    if not isinstance(mask, np.ndarray) or not isinstance(pixels, np.ndarray) or mask.shape != pixels.shape:
        return None
    at = int(mask.argmax())
    return int(pixels.flat[at]) if mask.flat[at] else None


def _rows(index: Any, height: int) -> tuple[int, int]:
    """First row that an index means, and the one after the last; napari gives a slice or every row by itself."""
    if isinstance(index, slice):
        first, last, _ = index.indices(height)
        return first, max(first, last)
    at = np.asarray(index)
    return (int(at.min()), int(at.max()) + 1) if at.size else (0, 0)

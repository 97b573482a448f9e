"""What a brush stroke does to the margins, at once: value and pair, while interval and verdicts are still asked for.

The surprising thing: of a layer of 10,000 squared only the rows under the brush are looked at. All else comes when the
brush rests, from the same full measurement as ever; a stroke that cannot be followed waits for that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from marginkit.errors import MarginError
from marginkit.live import Live, Near

from .asking import Request


class Strokes:
    """Follows one label layer from the last answer on. ``prepared`` runs off the main thread, all else on it."""

    def __init__(self) -> None:
        self._made: tuple[Request, Live] | None = None
        self._live: Live | None = None
        self._rows: list[tuple[int, int]] = []

    def prepared(self, request: Request) -> Live | None:
        """What follows strokes from a request on; None where only the full measurement can."""
        tumor, specimen, inputs = request.inputs.target, request.inputs.specimen, request.inputs
        plain = all(one.kind == "mask" and one.spacing_mm is None for one in (tumor, specimen))
        if not plain or inputs.boundary != "pixels" or np.ndim(specimen.data) != 2:  # type: ignore[arg-type]
            return None
        mask: Any = tumor.data
        try:
            if self._made is not None and request.same_but_target(self._made[0]):
                live = self._made[1].again(mask)
            else:
                whole: Any = specimen.data
                edge = {"edge": inputs.edge, "names": inputs.names, "holes": inputs.holes}
                live = Live(mask, whole, inputs.spacing_mm, **edge)
        except (MarginError, TypeError, ValueError):
            return None
        self._made = request, live
        return live

    def asked(self) -> None:
        """The layers were frozen: what is painted from now on is not in the answer."""
        self._rows = []

    def answered(self, live: Live | None) -> None:
        """Follow from an answer on."""
        self._live = live

    def painted(self, layer: Any, labels: str, value: Any) -> Mapping[str, Near | None] | None:
        """The margins after a stroke; None where it cannot be followed. value : of napari's paint event."""
        self._rows += [_rows(atom[0][0], len(layer.data)) for atom in value]
        self._rows = [one for one in self._rows if one[0] < one[1]]
        if self._live is None or not self._rows:
            return None
        first, last = min(one[0] for one in self._rows), max(one[1] for one in self._rows)
        mask = _mask(np.asarray(layer.data[first:last]), labels)
        if mask is None:
            return None
        self._live.paint(first, mask)
        self._rows = []
        return self._live.margins()


def _rows(index: Any, height: int) -> tuple[int, int]:
    """First row that an index means, and the one after the last; napari gives a slice or every row by itself."""
    if isinstance(index, slice):
        first, last, _ = index.indices(height)
        return first, max(first, last)
    at = np.asarray(index)
    return (int(at.min()), int(at.max()) + 1) if at.size else (0, 0)


def _mask(pixels: Any, labels: str) -> Any:
    """The tumor in some rows; None where it is not plain which label is meant."""
    if labels.strip():
        words = labels.split("+")
        return np.isin(pixels, [int(word) for word in words]) if all(word.strip().isdigit() for word in words) else None
    mask = pixels != 0
    seen = pixels[mask]
    return mask if not len(seen) or seen.min() == seen.max() else None

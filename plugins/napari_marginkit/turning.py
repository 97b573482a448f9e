"""What napari's undo and redo of labels have put back: read off its two lists of steps.

The surprising thing: napari says nothing of an undone stroke but that the layer is to be shown anew, as after any other
change of its pixels. But a step that was undone lies in the list of those to be done again, and was not there before;
one that was done again is gone from it. So only the rows of that step have to be looked at, not all pixels.
"""

from __future__ import annotations

import weakref
from typing import Any


class Turns:
    """The steps of label layers that could be done again when each was last looked at."""

    def __init__(self) -> None:
        self._undone: weakref.WeakKeyDictionary[Any, list[Any]] = weakref.WeakKeyDictionary()

    def look(self, layer: Any) -> list[Any] | None:
        """The one step, a list of edits, that was undone or done again since the last look.

        None at the first look, where there was no such step or more than one, and where napari keeps its steps
        otherwise.
        """
        done, undone = (list(getattr(layer, name, ())) for name in ("_undo_history", "_redo_history"))
        before, self._undone[layer] = self._undone.get(layer), undone
        if before is None:
            return None
        come = [step for step in undone if not any(step is old for old in before)]
        gone = [step for step in before if not any(step is now for now in undone)]
        again = [step for step in gone if done and _reversed(step, done[-1])]
        found = come + again
        return list(found[0]) if len(found) == 1 else None


def _reversed(step: list[Any], other: list[Any]) -> bool:
    """Whether two lists hold the same edits, the last of one first: so napari moves a step from list to list."""
    return len(step) == len(other) and all(a is b for a, b in zip(reversed(step), other))

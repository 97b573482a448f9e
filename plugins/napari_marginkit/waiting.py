"""A panel that has one thing done off the main thread: a bar moves meanwhile, and closing it drops the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtWidgets import QProgressBar

from .forms import Panel
from .working import Runner


def waiting_bar() -> QProgressBar:
    """A bar that moves without an end in sight; hidden."""
    bar = QProgressBar()
    bar.setRange(0, 0)
    bar.hide()
    return bar


class WaitingPanel(Panel):
    """A panel with a runner; ``bar`` is to be put where it shall be seen."""

    def __init__(self, viewer: Any, function: Callable[[Any], Any], done: Callable[[Any, Any], None]) -> None:
        """``function`` and ``done`` as of ``Runner``."""
        super().__init__(viewer)
        self.bar = waiting_bar()
        self._runner = Runner(function, done, self._idle)

    def _idle(self, idle: bool) -> None:
        if not self.closed:
            self.bar.setVisible(not idle)

    def detach(self) -> None:
        """Cut every tie; what is still worked on is dropped."""
        self._runner.drop()
        super().detach()

"""One worker at a time: the newest question waits, older answers to waiting questions are never asked for.

The surprising thing: a thread cannot be stopped. What is cancelled is the answer: it is dropped when it comes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

from marginkit.errors import MarginError, MeasureError
from marginkit.live import Along
from marginkit.records import Failed, Measured

from .asking import Request, answer
from .drawing import Drawing, draw, moved
from .strokes import Followed, Strokes

Answer: TypeAlias = tuple[Measured, Drawing] | Failed
Got = TypeVar("Got")


def attempt(
    function: Callable[[], Got], fault: str, kind: type[MarginError] = MeasureError, code: str = "E-MSR-05"
) -> Got | MarginError:
    """What a function gives, or the reason why not: never raises, for a worker of napari 0.9.2 that does takes the
    viewer with it. fault, kind, code : of the error that says what was no refusal of ours."""
    try:
        return function()
    except MarginError as error:
        return error
    except Exception as error:
        return kind(code, fault, cause=f"{type(error).__name__}: {error}")


def work(request: Request, along: Along | None = None) -> Answer:
    """The outcome of a request with its drawing, or why there is none; never raises. along : as of ``draw``."""
    outcome = answer(request)
    if isinstance(outcome, Failed):
        return outcome
    try:
        return outcome, draw(request, outcome, along)
    except Exception as error:  # a number whose edge cannot be drawn is not shown either
        cause = f"{type(error).__name__}: {error}"
        return Failed(request.case, MeasureError("E-MSR-05", "the result cannot be drawn", cause=cause))


def follow(strokes: Strokes, drawing: Drawing) -> tuple[Followed, Drawing] | None:
    """What strokes have led to, with the drawing of it; None where they cannot be followed."""
    found = strokes.followed()
    if found is None:
        return None
    return found, moved(drawing, found.margins, found.along) if found.changed else drawing


class Runner:
    """Answers requests off the main thread and calls back on it; never for a request that was dropped."""

    def __init__(
        self, function: Callable[[Any], Any], done: Callable[[Any, Any], None], idle: Callable[[bool], None]
    ) -> None:
        """``function`` is pure and never raises; ``done`` gets request and answer; ``idle`` whether nothing runs."""
        self._work, self._done, self._idle = function, done, idle
        self._running: Any = None
        self._request: Any = None
        self._waiting: Any = None
        self._wanted = True

    @property
    def busy(self) -> bool:
        """Whether a request is being answered."""
        return self._running is not None

    def ask(self, request: Any) -> None:
        """Answer a request; one that waits is replaced."""
        if self._running is not None:
            self._waiting = request
            return
        self._start(request)

    def drop(self) -> None:
        """Forget what is asked: no answer will come."""
        self._waiting, self._wanted = None, False

    def _start(self, request: Any) -> None:
        from napari.qt.threading import create_worker

        self._request, self._wanted = request, True
        worker: Any = create_worker(self._boxed, request, _start_thread=False)
        worker.returned.connect(self._returned)
        self._running = worker
        self._idle(False)
        worker.start()

    def _boxed(self, request: Any) -> tuple[Any]:
        """An answer that is an error, in a box: the worker would raise what it returns, and PyQt6 would abort."""
        return (self._work(request),)

    def _returned(self, boxed: tuple[Any]) -> None:
        (outcome,) = boxed
        request, wanted = self._request, self._wanted
        self._running = self._request = None
        waiting, self._waiting = self._waiting, None
        if wanted and request is not None:
            self._done(request, outcome)
        if waiting is not None:
            self._start(waiting)
        else:
            self._idle(True)

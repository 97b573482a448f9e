"""What is shown: results on stdout, progress and messages on stderr, as much as the other end takes."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from marginkit.errors import plain

if TYPE_CHECKING:
    from rich.table import Table


def say(text: str) -> None:
    """A line on stderr."""
    put(sys.stderr, plain(text) + "\n")


def put(stream: TextIO, text: str) -> None:
    """Write, unless the reader at the other end has gone: that changes no result."""
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        _hush(stream)


def _hush(stream: TextIO) -> None:
    """Send what follows nowhere, so that Python's last flush does not complain either."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


@contextmanager
def progress(text: str) -> Iterator[None]:
    """Show on stderr that something is going on, where somebody looks."""
    if not sys.stderr.isatty():
        say(text)
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(plain(text)):
        yield


def print_json(document: Any) -> None:
    """One JSON document on stdout, in ASCII so that every console and every parser reads it."""
    put(sys.stdout, json.dumps(document, allow_nan=False, indent=1) + "\n")


def print_table(table: Table, below: list[str] | None = None) -> None:
    """A table on stdout, as wide as the terminal, or wide enough to lose nothing in a pipe; then lines below it."""
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    with console.capture() as words:
        console.print(table)
        for line in below or []:
            console.print(plain(line), markup=False)
    put(sys.stdout, "".join(f"{line.rstrip()}\n" for line in words.get().splitlines()))


@contextmanager
def counting(total: int) -> Iterator[Callable[[int, int], None]]:
    """Show on stderr how far a batch is, with time left, where somebody looks."""
    if not sys.stderr.isatty():
        yield lambda done, count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    with Progress(BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task("cases", total=total)
        yield lambda done, count: bar.update(task, completed=done, total=count)

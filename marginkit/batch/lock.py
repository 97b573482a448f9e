"""The output folder, held by one run alone.

The surprising thing: the lock is the open file, not its content. The system lets go of it when the process dies, so
that nothing has to be cleaned up after a crash; what is written in the file only tells a second user who is at work.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from marginkit.errors import FileError, RunError

LOCK = ".lock"
_held: list[int] = []  # locks of this process; a forked worker has them too, and must let go of them


@contextmanager
def held(root: Path, note: Callable[[str], None] = lambda text: None) -> Iterator[None]:
    """The folder, made where it is not there. FileError E-FILE-12 where not, RunError E-RUN-01 where in use.

    note : told who left the folder without an end, by a kill or a power cut.
    """
    import fcntl

    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = os.open(root / LOCK, os.O_CREAT | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except OSError as error:
        cause = error.strerror or type(error).__name__
        raise FileError("E-FILE-12", "the folder cannot be written", cause=cause, file=root) from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            remedy = "Wait for it, or choose another folder."
            raise RunError("E-RUN-01", "another run writes here", cause=_who(root), remedy=remedy, file=root) from error
        if os.fstat(lock).st_size:
            note(f"an earlier run did not come to its end ({_who(root)}); going on from what it left")
        told = {
            "pid": os.getpid(),
            "host": platform.node(),
            "since": datetime.now().astimezone().isoformat("T", "seconds"),
        }
        os.ftruncate(lock, 0)
        os.pwrite(lock, json.dumps(told).encode(), 0)
        _held.append(lock)
        try:
            yield
        finally:
            os.ftruncate(lock, 0)  # what is still in it after a run was left by a kill
    finally:
        if lock in _held:
            _held.remove(lock)
        os.close(lock)


def let_go() -> None:
    """In a worker that was forked: close what its parent holds, so that a worker that outlives it blocks nobody."""
    while _held:
        os.close(_held.pop())


def _who(root: Path) -> str:
    try:
        told = json.loads((root / LOCK).read_text()[:1000])
        return f"process {int(told['pid'])} on {str(told['host'])[:100]} since {str(told['since'])[:40]}"
    except (OSError, ValueError, KeyError, TypeError):
        return "it does not say which"

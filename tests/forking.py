"""Batches whose workers begin in no time, and batches that are killed.

The surprising thing: nothing is forked from the process of the tests. It has threads of Qt and OpenMP, and what they
held at that moment is held for ever in a fork. A server that has none of them is forked instead.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from contextlib import suppress
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

from marginkit import batch, files
from marginkit.batch.workers import PRELOADED, StartMethod
from marginkit.pipeline import Job

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload([__name__, *PRELOADED])


def forked(cases: list[Job], out: Path, **more: Any) -> batch.Report:
    """A run with one worker, unless ``workers`` says otherwise."""
    return batch.run(cases, out, workers=more.pop("workers", 1), start="forkserver", **more)


def apart(cases: list[Job], out: Path, start: StartMethod) -> None:
    """A run with two workers, in a process without threads."""
    child = SERVER.Process(target=batch.run, args=(cases, out), kwargs={"workers": 2, "start": start})
    child.start()
    child.join()
    assert child.exitcode == 0


def killed_at(step: int, cases: list[Job], out: Path) -> bool:
    """Whether a run that is killed, whole, at the n-th step of writing, anywhere in it, was killed."""
    count = SERVER.Value("i", 0)  # is unlinked with its last name here
    child = SERVER.Process(target=_killing_itself, args=(step, count, cases, out))
    child.start()
    child.join()
    assert child.exitcode in (0, -signal.SIGKILL)
    return child.exitcode != 0


def _killing_itself(step: int, count: Synchronized[int], cases: list[Job], out: Path) -> None:
    os.setsid()

    def commit(name: str) -> None:
        with count.get_lock():
            count.value += 1
            if count.value == step:
                os.killpg(0, signal.SIGKILL)

    files.commit = commit
    batch.run(cases, out, workers=1, start="fork")


def killed_after(seconds: float, cases: list[Job], out: Path) -> bool:
    """Whether a run with two workers that is killed, whole, after some time was still at it."""
    child = SERVER.Process(target=_in_a_group, args=(cases, out))
    child.start()
    time.sleep(seconds)
    with suppress(ProcessLookupError):
        os.killpg(child.pid or 0, signal.SIGKILL)
    child.join()
    return child.exitcode != 0


def _in_a_group(cases: list[Job], out: Path) -> None:
    os.setsid()
    batch.run(cases, out, workers=2, start="fork")

"""A batch on this machine: worker processes, of which one may die, run out of memory, or be stopped.

The surprising thing: when a process dies, nobody can tell which of the cases under way killed it. So each of these is
measured once more alone; the one that kills its process again is lost, the others are not. A case that needs more
memory than a worker's share is tried once more alone as well, with all there is. A decoder that hangs cannot be asked
to stop: the case's process has an alarm, and dies of it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from marginkit.batch.case import failed, one
from marginkit.batch.journal import Before, Line
from marginkit.batch.lock import let_go
from marginkit.errors import RunError
from marginkit.pipeline import Job

StartMethod: TypeAlias = Literal["spawn", "fork", "forkserver"]
Case: TypeAlias = tuple[Job, Before | None]
SHARE = 0.8  # of the machine's memory
LEAST_BYTES = 512 << 20  # of one worker: imports alone take a third of it
ALARM: int | None = int(signal.SIGALRM) if hasattr(signal, "SIGALRM") else None  # not on Windows
# what every case needs, for a server that imports it once for all workers
PRELOADED = [__name__, "cv2", "jinja2", "shapely", "scipy.ndimage", "marginkit.judging"]
PRELOADED += ["marginkit.geometry.contour", "marginkit.geometry.neighbours", "marginkit.segmenters.threshold"]
PRELOADED += [f"marginkit.readers.{name}" for name in ("dicom", "omezarr", "photo", "slide", "volume", "_tiffpicture")]
PRELOADED += [f"marginkit.reports.{name}" for name in ("geojson", "overlay", "page", "resultjson", "table")]
LOOK_S = 0.05  # how often Ctrl-C is looked for
STOPPING = "stopping after the cases that are under way; once more to stop now"


@dataclass(frozen=True)
class Limits:
    """How many processes, how they begin, what they may take together, and who is told. case_minutes : 0 for any."""

    workers: int = 0
    start: StartMethod = "spawn"
    memory_bytes: int = 0
    case_minutes: float = 0.0
    note: Callable[[str], None] = lambda text: None

    @property
    def count(self) -> int:
        """Processes."""
        return self.workers or os.cpu_count() or 1

    @property
    def all_bytes(self) -> int:
        """Memory that all may take together."""
        return self.memory_bytes or int(SHARE * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def measured(todo: Sequence[Case], root: Path, limits: Limits) -> Generator[list[Line]]:
    """The outcomes of cases as they come, some at a time.

    KeyboardInterrupt after what was under way is measured; at once when interrupted again.
    """
    engine = _Engine(root, limits)
    waiting = iter(todo)
    count = min(limits.count, max(1, len(todo)))
    with engine.heeding():
        while not engine.asked and (first := list(_next(waiting, 2 * count))):
            yield from engine.pooled(first, waiting, count)
            while engine.again and not engine.asked:
                yield [engine.alone(engine.again.pop(0))]
        if engine.asked:
            raise KeyboardInterrupt


class _Engine:
    """Pools of one batch. again : cases that are to be measured once more, alone. asked : how often it was stopped."""

    def __init__(self, root: Path, limits: Limits) -> None:
        self.root = str(root)
        self.limits = limits
        self.again: list[Case] = []
        self.asked = 0
        self.said = False

    @contextmanager
    def heeding(self) -> Iterator[None]:
        """Ctrl-C is heeded wherever it comes: in the middle of a line of the journal, say."""
        before = signal.getsignal(signal.SIGINT)
        if threading.current_thread() is not threading.main_thread() or before is not signal.default_int_handler:
            yield
            return
        signal.signal(signal.SIGINT, self._ask)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
            self._heed()

    def _ask(self, *_: object) -> None:
        self.asked += 1

    def _heed(self) -> None:
        if self.asked and not self.said:  # not where the signal comes: that may be within another print
            self.said = True
            self.limits.note(STOPPING)

    def _look(self) -> None:
        """Between waits: say that it is being stopped, or KeyboardInterrupt."""
        self._heed()
        if self.asked > 1:
            raise KeyboardInterrupt

    def pooled(self, first: list[Case], more: Iterator[Case], count: int) -> Generator[list[Line]]:
        """Outcomes of ``first`` and then of ``more``, until there are none or a process died."""
        broken = False
        with _pool(count, self.limits, self.limits.all_bytes // count) as pool, _killed_on_fault(pool):
            running: dict[Future[Line], Case] = {self._submit(pool, case): case for case in first}
            while running:
                lines = []
                for future in self._done(running):
                    case = running.pop(future)
                    try:
                        line = future.result()
                    except BrokenProcessPool:
                        broken = True
                        self.again.append(case)
                        continue
                    if line.get("error_code") == "E-FILE-05" and count > 1:
                        self.again.append(case)
                    else:
                        lines.append(line)
                if not broken and not self.asked:
                    for new in _next(more, 2 * count - len(running)):
                        running[self._submit(pool, new)] = new
                if lines:
                    yield lines

    def _done(self, running: dict[Future[Line], Case]) -> set[Future[Line]]:
        """Those that came to their end; of a batch that is being stopped, those that have not begun are taken away."""
        while True:
            done = wait(running, timeout=LOOK_S, return_when=FIRST_COMPLETED).done
            self._look()
            if self.asked:
                for future in [one for one in running if one not in done and one.cancel()]:
                    del running[future]
            if done or not running:
                return done

    def alone(self, case: Case) -> Line:
        """The outcome of a case with all memory to itself."""
        with _pool(1, self.limits, self.limits.all_bytes) as pool, _killed_on_fault(pool):
            future = self._submit(pool, case)
            children = list(pool._processes.values())
            while not wait([future], timeout=LOOK_S).done:
                self._look()
        try:
            return future.result()
        except BrokenProcessPool:  # how it ended is known to all only when the pool has come to its end
            return self._lost(case[0], children)

    def _submit(self, pool: ProcessPoolExecutor, case: Case) -> Future[Line]:
        return pool.submit(_timed, *case, self.root, self.limits.case_minutes)

    def _lost(self, job: Job, children: Sequence[multiprocessing.process.BaseProcess]) -> Line:
        how = _ended(children)
        if how != f"signal {ALARM}":
            return lost(job, how)
        remedy = "Look at the file; give it more time, or a coarser level."
        cause = f"it took longer than {self.limits.case_minutes:g} min"
        return failed(job, RunError("E-RUN-07", "the case was stopped", cause=cause, remedy=remedy, file=job.image))


def lost(job: Job, how: str) -> Line:
    """The outcome of a case that took its process with it."""
    remedy = "Look at the file; give the batch more memory."
    return failed(job, RunError("E-RUN-04", f"the worker died on this case ({how})", remedy=remedy, file=job.image))


def _timed(job: Job, before: Before | None, root: str, minutes: float) -> Line:
    """The outcome of a case, in a process that dies where it takes too long."""
    if not minutes or ALARM is None:
        return one(job, before, root)
    signal.signal(ALARM, signal.SIG_DFL)  # ends the process whatever code it is in
    signal.setitimer(signal.ITIMER_REAL, 60 * minutes)
    try:
        return one(job, before, root)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _ended(children: Sequence[multiprocessing.process.BaseProcess]) -> str:
    """How the last process ended."""
    for child in children:
        child.join(5)
        code = child.exitcode
        if code:
            return f"signal {-code}" if code < 0 else f"exit code {code}"
    return "a crash, or out of memory"


def _next(queue: Iterator[Case], count: int) -> Iterator[Case]:
    return (case for _, case in zip(range(count), queue))


def _pool(workers: int, limits: Limits, memory_bytes: int) -> ProcessPoolExecutor:
    context = multiprocessing.get_context(limits.start)
    if limits.start == "forkserver":  # what all workers import is imported once
        context.set_forkserver_preload(PRELOADED)
    share = max(LEAST_BYTES, memory_bytes)
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(share,))


def _begin(memory_bytes: int) -> None:
    """What a worker does first: leave Ctrl-C to its parent, and never take more memory than its share."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    let_go()
    with suppress(ImportError, ValueError, OSError):
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        most = memory_bytes if hard == resource.RLIM_INFINITY else min(memory_bytes, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


@contextmanager
def _killed_on_fault(pool: ProcessPoolExecutor) -> Iterator[None]:
    """Workers are killed when what asks them fails or is stopped: a pool waits for the last of them, which may hang."""
    try:
        yield
    except BaseException:
        for process in list((pool._processes or {}).values()):
            process.kill()
        raise

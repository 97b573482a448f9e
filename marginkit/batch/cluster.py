"""A batch on a running Dask cluster, without a change of the cohort.

The surprising thing: nothing but names travels. Workers read images from, and write cases into, the same folders as
this process; the cluster needs a file system that all of them see.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

from marginkit.batch.case import one
from marginkit.batch.journal import Line
from marginkit.batch.workers import Case, lost
from marginkit.errors import MissingExtraError, RunError

AHEAD = 4  # cases handed out per thread of the cluster
PATIENCE_S = 30


def measured(todo: Sequence[Case], root: Path, scheduler: str) -> Generator[list[Line]]:
    """The outcomes of cases as they come. A worker that dies has its cases measured elsewhere.

    RunError E-RUN-06 where no scheduler answers, or it has no workers; MissingExtraError E-EXTRA-01.
    """
    distributed = _distributed()
    client = _client(distributed, scheduler)
    try:
        yield from _through(distributed, client, iter(todo), str(root.resolve()))
    finally:
        client.close()


def _distributed() -> Any:
    try:
        import distributed
    except ImportError as error:
        remedy = 'Install it: pip install "marginkit[cluster]".'
        raise MissingExtraError("E-EXTRA-01", "Dask is not installed", remedy=remedy) from error
    return distributed


def _client(distributed: Any, scheduler: str) -> Any:
    remedy = "Start one: dask scheduler, and dask worker on each machine."
    try:
        client = distributed.Client(scheduler, timeout=PATIENCE_S, set_as_default=False)
        client.wait_for_workers(1, timeout=PATIENCE_S)
    except (OSError, ValueError, TimeoutError) as error:
        cause = f"{type(error).__name__}: {' '.join(str(error).split())[:100]}"
        raise RunError("E-RUN-06", f"no cluster at {scheduler[:100]}", cause=cause, remedy=remedy) from error
    return client


def _through(distributed: Any, client: Any, waiting: Iterator[Case], root: str) -> Generator[list[Line]]:
    """Hands out some cases ahead of those that are done, so that ten thousand do not lie in the scheduler."""
    running: dict[str, Case] = {}

    def submit(case: Case) -> Any:
        future = client.submit(one, *case, root, pure=False, retries=0)
        running[future.key] = case
        return future

    ahead = AHEAD * max(1, sum(client.nthreads().values()))
    first = [submit(case) for _, case in zip(range(ahead), waiting)]
    done = distributed.as_completed(first)
    for future in done:
        case = running.pop(future.key)
        error = future.exception()
        if error is None:
            yield [future.result()]
        else:
            yield [lost(case[0], f"{type(error).__name__} on the cluster")]
        future.release()
        for _, new in zip(range(1), waiting):
            done.add(submit(new))

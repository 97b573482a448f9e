"""Work shared out among the cores: NumPy, SciPy and the compiled kernel let go of the interpreter while they work."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import lru_cache
from itertools import pairwise
from typing import TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")

threads = os.cpu_count() or 1


@lru_cache(maxsize=1)
def _pool(number: int) -> ThreadPoolExecutor:
    """Threads that are kept: starting them takes as long as a small image."""
    return ThreadPoolExecutor(number, thread_name_prefix="marginkit")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not survive in a child


def side_by_side(function: Callable[[Item], Answer], items: Sequence[Item]) -> list[Answer]:
    """The function of each item, in their order, on all cores. The function must not call this one.

    The thread that asks works too: what is small is done before another has woken up.
    """
    if len(items) < 2 or threads < 2:
        return [function(item) for item in items]
    answers: dict[int, Answer] = {}
    todo = iter(range(len(items)))

    def work() -> None:
        for k in todo:
            answers[k] = function(items[k])

    others = [_pool(threads - 1).submit(work) for _ in range(min(threads, len(items)) - 1)]
    try:
        work()
    finally:
        wait([other for other in others if not other.cancel()])
    for other in others:
        if not other.cancelled():
            other.result()
    return [answers[k] for k in range(len(items))]


def shares(total: int, least: int = 1) -> list[slice]:
    """A few equal parts of 0 to ``total`` for each thread, none of them much smaller than ``least``.

    >>> shares(5, least=5)
    [slice(0, 5, None)]
    """
    number = max(1, min(4 * threads, total // max(1, least)))
    ends = [total * k // number for k in range(number + 1)]
    return [slice(a, b) for a, b in pairwise(ends) if a < b]

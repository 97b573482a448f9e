"""Many cases: every one gets exactly one outcome, a crash costs one case, and a second run does only what is missing.

The surprising thing: the journal is the truth, and a line of it is written only after a case's files are whole on the
disk. A case is done if the journal holds its key, and the key is made of the content of all its files, its options and
the version; whatever else lies in the folder means nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from marginkit.batch import cluster, results, workers
from marginkit.batch.journal import JOURNAL, Journal, swept
from marginkit.batch.lock import held
from marginkit.batch.results import PARQUET, RESULTS, SUMMARY
from marginkit.batch.workers import Limits, StartMethod
from marginkit.errors import RunError
from marginkit.pipeline import Job

Tell = Callable[[int, int], None]


@dataclass(frozen=True)
class Report:
    """What a batch came to: cases in all, taken over from before, and failed; and how many there are of what.

    counts : ``failed E-CAL-01``, ``exact``, ``sarcoma-cates-2019: adequate (certain)`` … to the number of cases.
    written : names of files in the output folder. notes : sentences for the user.
    """

    cases: int
    resumed: int
    failed: int
    counts: dict[str, int]
    written: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass
class _Run:
    """How far a run is."""

    total: int
    tell: Tell
    done: int = 0
    resumed: int = 0
    notes: list[str] = field(default_factory=list)


def run(
    jobs: Sequence[Job],
    out: str | Path,
    *,
    workers: int = 0,
    scheduler: str = "",
    resume: bool = True,
    overwrite: bool = False,
    start: StartMethod = "spawn",
    memory_bytes: int = 0,
    case_minutes: float = 60.0,
    tell: Tell = lambda done, total: None,
    note: Callable[[str], None] = lambda text: None,
) -> Report:
    """Measure every job into ``out``: ``cases/ID/…``, ``results.csv``, ``summary.json``, ``journal.jsonl``.

    workers : processes; 0 for as many as there are cores. scheduler : address of a running Dask scheduler, whose
    workers see the same folders. resume : take over what is done and unchanged. overwrite : also where the folder holds
    results of something else. start : how processes begin. memory_bytes : that all workers together may take; 0: four
    fifths of the machine. case_minutes : after which a case is stopped and failed (E-RUN-07), except on a cluster; 0:
    never. tell : called with (done, all) after each case. note : called with sentences meanwhile.

    Raises
    ------
    FileError : E-FILE-12 the folder cannot be written. MissingExtraError : the scheduler needs ``marginkit[cluster]``.
    RunError : E-RUN-01 another run holds the folder; E-RUN-02 its journal is of a newer version; E-RUN-03 it holds
        results of something else; E-RUN-06 no scheduler answers. KeyboardInterrupt : after what was running.
    """
    root = Path(out)
    with held(root, note):
        _check_ours(root, overwrite)
        journal = Journal(root, resume=resume)
        state = _Run(len(jobs), tell)
        todo = [(job, journal.before(job.name)) for job in jobs]
        limits = Limits(workers, start, memory_bytes, case_minutes, note)
        lines = cluster.measured(todo, root, scheduler) if scheduler else _local(todo, root, limits)
        with closing(lines), journal.appending() as append:
            for some in lines:
                append(some)
                state.resumed += sum(line.get("same", False) for line in some)
                state.done += len(some)
                tell(state.done, state.total)
        swept(root)  # after workers that died
        names = [job.name for job in jobs]
        counts, failed, written, notes = results.write(root, names, journal)
        journal.compact(names)
    return Report(len(jobs), state.resumed, failed, counts, written, notes)


_local = workers.measured


def _check_ours(root: Path, overwrite: bool) -> None:
    """Refuses a folder with results that no run of ours left."""
    if not overwrite and (root / RESULTS).exists() and not (root / JOURNAL).exists():
        remedy = "Choose another folder, or give --overwrite."
        raise RunError(
            "E-RUN-03", f"{RESULTS} is already there", cause="no journal beside it", remedy=remedy, file=root
        )


__all__ = ["JOURNAL", "PARQUET", "RESULTS", "SUMMARY", "Limits", "Report", "run"]

"""Many cases: every one gets exactly one outcome, a crash costs one case, and a second run does only what is missing.

The surprising thing: the journal is the truth, and a line of it is written only after a case's files are whole on the
disk. A case is done if the journal holds its key, and the key is made of the content of all its files, its options and
the version; whatever else lies in the folder means nothing.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import multiprocessing
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import marginkit
from marginkit import files, pipeline, shelf, sources
from marginkit.errors import FileError, MarginError
from marginkit.pipeline import Job
from marginkit.records import Failed
from marginkit.sources import FileSource

JOURNAL = "journal.jsonl"
RESULTS = "results.csv"
FIRST = ("case", "status", "error_code", "error")
Line = dict[str, Any]


@dataclass(frozen=True)
class Report:
    """What a batch came to: cases in all, taken over from before, and failed; and how many there are of what.

    counts : ``failed E-CAL-01``, ``exact``, ``sarcoma-cates-2019: adequate (certain)`` … to the number of cases.
    """

    cases: int
    resumed: int
    failed: int
    counts: Mapping[str, int]


def run(
    jobs: Sequence[Job], out: str | Path, *, workers: int = 0, resume: bool = True, tell: Callable[[int, int], None]
) -> Report:
    """Measure every job into ``out``: ``cases/ID/…``, ``results.csv``, ``journal.jsonl``.

    workers : processes; 0 for as many as there are cores. tell : called with (done, all) after each case.

    Raises
    ------
    FileError : E-FILE-12 the folder cannot be written; E-FILE-13 another run holds it.
    """
    root = Path(out)
    with _held(root):
        _swept(root)
        before = dict(_journal(root / JOURNAL)) if resume else {}
        keys = [_key(job) for job in jobs]
        known = [before.get(job.name) for job in jobs]
        done: dict[str, Line] = {
            job.name: line
            for job, key, line in zip(jobs, keys, known)
            if line and line["key"] == key and _whole(root, line)
        }
        todo = [(job, key) for job, key in zip(jobs, keys) if job.name not in done]
        resumed = len(done)
        with _appending(root / JOURNAL, list(done.values())) as append:
            for line in _measured(todo, root, workers or os.cpu_count() or 1):
                append(line)
                done[line["case"]] = line
                tell(len(done), len(jobs))
        ordered = [done[job.name] for job in jobs]
        _write_results(root / RESULTS, ordered)
    return Report(len(jobs), resumed, sum(line["status"] == "failed" for line in ordered), _counts(ordered))


def _counts(lines: Sequence[Line]) -> dict[str, int]:
    """How many cases failed of what cause, have which qualifier and which verdict, the most frequent first."""
    found: Counter[str] = Counter()
    for line in lines:
        if line["status"] == "failed":
            found[f"failed {line['error_code']}"] += 1
            continue
        whole = next(row for row in line["rows"] if row["margin"] == "all")
        found[whole["qualifier"].replace("_", " ")] += 1
        found.update(one for one in whole["verdicts"].split("; ") if one)
    return dict(found.most_common())


# One case, in a worker


def one(job: Job, key: str, root: str) -> Line:
    """Measure a case, write its files, and say what became of it."""
    line: Line = {"case": job.name, "key": key}
    try:
        outcome = pipeline.run(job)
        if not isinstance(outcome, Failed):
            written = pipeline.write(outcome, Path(root) / "cases" / outcome.case)
            rows = [row for row in shelf.get("reports", "table").rows(outcome) if row["slice"] == outcome.plane]
            return {**line, "status": "measured", "rows": rows, "files": [str(p.relative_to(root)) for p in written]}
        error: MarginError = outcome.error
    except MarginError as caught:
        error = caught
    except MemoryError as caught:
        error = FileError("E-FILE-05", "not enough memory for this case", cause=str(caught), file=job.image)
    return {**line, "status": "failed", "error_code": error.code, "error": str(error)}


def _measured(todo: Sequence[tuple[Job, str]], root: Path, workers: int) -> Iterator[Line]:
    """The outcome of each job as it comes; a worker that dies costs the case it was at."""
    waiting = list(todo)
    while waiting:
        lost: list[tuple[Job, str]] = []
        with _pool(min(workers, len(waiting))) as pool:
            running: dict[Future[Line], tuple[Job, str]] = {}
            queue = iter(waiting)
            for case in _next(queue, 2 * workers):
                running[pool.submit(one, *case, str(root))] = case
            while running:
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    case = running.pop(future)
                    try:
                        yield future.result()
                    except BrokenProcessPool:
                        lost.append(case)
                        continue
                    if not lost:
                        for new in _next(queue, 1):
                            running[pool.submit(one, *new, str(root))] = new
        for case in lost:  # one of these killed the worker: each gets one by itself
            yield _alone(case, root)
        waiting = list(queue)


def _next(queue: Iterator[tuple[Job, str]], count: int) -> Iterator[tuple[Job, str]]:
    return (case for _, case in zip(range(count), queue))


def _pool(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


def _alone(case: tuple[Job, str], root: Path) -> Line:
    job, key = case
    with _pool(1) as pool:
        try:
            return pool.submit(one, job, key, str(root)).result()
        except BrokenProcessPool:
            error = FileError(
                "E-RUN-01", "the process died on this case", cause="a crash, or out of memory", file=job.image
            )
            return {"case": job.name, "key": key, "status": "failed", "error_code": error.code, "error": str(error)}


# Keys and journal


def _key(job: Job) -> str:
    """Digest of what decides a case's result: content of its files, options, version."""
    said = asdict(job)
    said["files"] = {name: _digest(name) for name in sorted(set(_files(job)))}
    said["marginkit"] = marginkit.__version__
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()


def _files(job: Job) -> Iterator[str]:
    yield job.image
    known = shelf.load("segmenters")
    for text in (job.tumor, job.signal, job.specimen, job.edge, *job.names.values(), *job.barriers.values()):
        if text:
            source = sources.parse(text, known)
            if isinstance(source, FileSource):
                yield source.path


def _digest(path: str) -> str:
    try:
        return files.folder_sha256(path) if os.path.isdir(path) else files.sha256(path)
    except MarginError as error:
        return str(error)


def _journal(path: Path) -> Iterator[tuple[str, Line]]:
    """The lines of a journal; a torn last line, or one that is none of ours, is left out."""
    if not path.is_file():
        return
    for text in path.read_text("utf-8", errors="replace").splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict) and {"case", "key", "status"} <= set(line):
            yield line["case"], line


def _swept(root: Path) -> None:
    """Take away what a killed run left half written; nobody else writes here now."""
    for folder in (root, *(root / "cases").glob("*")):
        for partial in folder.glob(".*.partial"):
            partial.unlink(missing_ok=True)


def _whole(root: Path, line: Mapping[str, Any]) -> bool:
    """Whether all files of a measured case are still there; a failed case is tried again."""
    return line["status"] == "measured" and all((root / name).is_file() for name in line["files"])


class _appending:
    """A journal begun anew with lines taken over, then grown by one durable line at a time."""

    def __init__(self, path: Path, lines: Sequence[Line]) -> None:
        with files.write_atomic(path) as stream:
            for line in lines:
                stream.write(_text(line))
        self._path = path

    def __enter__(self) -> Callable[[Line], None]:
        self._stream = open(self._path, "ab")
        return self._append

    def _append(self, line: Line) -> None:
        self._stream.write(_text(line))
        self._stream.flush()
        os.fsync(self._stream.fileno())

    def __exit__(self, *_: object) -> None:
        self._stream.close()


def _text(line: Line) -> bytes:
    return (json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8")


class _held:
    """The output folder, made and held by this run alone."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def __enter__(self) -> None:
        import fcntl

        try:
            self._root.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self._root / ".lock", os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            cause = error.strerror or type(error).__name__
            raise FileError("E-FILE-12", "the folder cannot be written", cause=cause, file=self._root) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise FileError("E-FILE-13", "another run is writing here", file=self._root) from error

    def __exit__(self, *_: object) -> None:
        os.close(self._lock)


def _write_results(path: Path, lines: Sequence[Line]) -> None:
    """One row a case and margin; of a failed case one row with its error."""
    table = shelf.get("reports", "table")
    columns = [*FIRST, *(name for name in table.COLUMNS if name not in FIRST)]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\r\n")
    writer.writeheader()
    for line in lines:
        head = {name: line.get(name, "") for name in FIRST}
        for row in line.get("rows", [{}]):
            whole = {**row, **head}
            writer.writerow({name: table.cell(whole.get(name)) for name in columns})
    with files.write_atomic(path) as stream:
        stream.write(text.getvalue().encode("utf-8"))

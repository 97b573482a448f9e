"""What a batch costs beside a plain pool of processes, and what ten thousand cases do to memory and open files.

    python benchmarks/batch.py overhead [CASES]      per case, beside ProcessPoolExecutor in the same run
    python benchmarks/batch.py many [CASES]          memory and open files meanwhile; 10,000 by default

Overhead: a case that does nothing but wait (0 or 50 ms) and writes no files, so that what is left is the journal, the
keys and the queue. Both ways hash the same input file in the worker.
"""

from __future__ import annotations

import functools
import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from marginkit import batch, pipeline
from marginkit.batch import case
from marginkit.pipeline import Job

WORKERS = 2


def waiting(seconds: float, job: Job, root: str) -> dict[str, Any]:
    """In place of a measurement."""
    time.sleep(seconds)
    row = {"margin": "all", "qualifier": "exact", "verdicts": "", "value_mm": 1.0}
    return {"status": "measured", "rows": [row], "files": []}


def plain(seconds: float, image: str) -> str:
    """What the plain pool does with a case: the hash of its file, and the wait."""
    digest = hashlib.sha256(Path(image).read_bytes()).hexdigest()
    time.sleep(seconds)
    return digest


def small(folder: Path) -> str:
    """A specimen of 20 x 30 pixels in three channels: the image, the tumor, the specimen."""
    specimen = np.zeros((32, 42), np.uint8)
    specimen[5:25, 5:35] = 1
    tumor = np.zeros_like(specimen)
    tumor[9:15, 15:23] = 1
    size = {f"PhysicalSize{a}{b}": v for a in "XY" for b, v in (("", 500.0), ("Unit", "µm"))}
    path = folder / "small.ome.tif"
    tifffile.imwrite(path, np.stack([specimen * 90, tumor, specimen]), photometric="minisblack",
                     metadata={"axes": "CYX", **size})  # fmt: skip
    return str(path)


def cases(image: str, count: int) -> list[Job]:
    said = {"tumor": "threshold:channel=1,above=0.5", "specimen": "threshold:channel=2,above=0.5"}
    return [Job(image=image, case=f"c{i:05}", **said) for i in range(count)]


def timed(way: Callable[[], object]) -> float:
    start = time.perf_counter()
    way()
    return time.perf_counter() - start


def overhead(count: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        image = small(folder)
        print("| a case takes | marginkit, ms a case over the ideal | plain pool, ms | share of the ideal rate |")
        print("| --- | --- | --- | --- |")
        for seconds in (0.0, 0.05):
            number = count if seconds == 0 else max(40, count // 2)
            case._measured = functools.partial(waiting, seconds)
            ideal = seconds * number / WORKERS
            jobs = cases(image, number)
            out = folder / f"out{seconds}"
            # forked: the pool begins with what this process has loaded, as the plain one does
            own = timed(lambda jobs=jobs, out=out: batch.run(jobs, out, workers=WORKERS, start="fork")) - ideal

            def pooled(number: int = number, seconds: float = seconds) -> None:
                with ProcessPoolExecutor(WORKERS) as pool:
                    list(pool.map(functools.partial(plain, seconds), [image] * number))

            bare = timed(pooled) - ideal
            share = f"{ideal / (ideal + own):.1%}" if ideal else "-"
            print(
                f"| {seconds * 1e3:g} ms | {own / number * 1e3:.2f} | {bare / number * 1e3:.2f} | {share} |", flush=True
            )


def held(pid: int) -> tuple[int, int]:
    """(resident MiB, open files) of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    kib = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    return kib // 1024, len(os.listdir(f"/proc/{pid}/fd"))


def children() -> list[int]:
    return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


def many(count: int) -> None:
    """Whole measurements; of the reports only the table of results, since ten thousand pictures show nothing more."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        jobs = cases(small(folder), count)
        pipeline.write = lambda outcome, where: []
        marks = sorted({count // 20, count // 4, count // 2, count * 3 // 4, count})
        print("| cases | this process, MiB | open files | workers, MiB | open files |")
        print("| --- | --- | --- | --- | --- |")

        def tell(done: int, total: int) -> None:
            while marks and done >= marks[0]:
                marks.pop(0)
                own, pools = held(os.getpid()), [held(pid) for pid in children()]
                print(f"| {done:,} | {own[0]} | {own[1]} | {max((p[0] for p in pools), default=0)} | "
                      f"{max((p[1] for p in pools), default=0)} |", flush=True)  # fmt: skip

        taken = timed(lambda: batch.run(jobs, folder / "out", workers=WORKERS, start="fork", tell=tell))
        print(f"\n{count:,} cases in {taken:.0f} s, {taken / count * 1e3 * WORKERS:.1f} ms of a worker each")


if __name__ == "__main__":
    what = sys.argv[1] if len(sys.argv) > 1 else "overhead"
    if what == "many":
        many(int(sys.argv[2]) if len(sys.argv) > 2 else 10_000)
    else:
        overhead(int(sys.argv[2]) if len(sys.argv) > 2 else 2_000)

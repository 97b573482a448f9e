"""A batch on a real Dask scheduler with two workers in processes of their own, one of which is killed meanwhile."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from marginkit import batch
from marginkit.errors import RunError

from .test_batch import content, jobs, table

pytest.importorskip("distributed")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the lock of a folder is POSIX")
ROOT = str(Path(__file__).resolve().parents[1])
SCHEDULER = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
WORKER = [sys.executable, "-m", "distributed.cli.dask_worker", "--nthreads", "1", "--no-dashboard"]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """(address, worker processes). Without a nanny, so that a worker that is killed stays dead."""
    environment = {**os.environ, "PYTHONPATH": ROOT}
    told = tmp_path / "scheduler.txt"
    started: list[subprocess.Popen[bytes]] = []
    with told.open("wb") as log:
        started.append(subprocess.Popen([*SCHEDULER, "--no-dashboard"], stderr=log, stdout=log, env=environment))
        try:
            address = _address(told)
            for number in range(2):
                folder = tmp_path / f"worker{number}"
                words = [*WORKER, address, "--no-nanny", "--local-directory", str(folder)]
                started.append(subprocess.Popen(words, stderr=log, stdout=log, env=environment))
            yield address, started[1:]
        finally:
            for one in started:
                one.kill()
                one.wait()


def _address(told: Path) -> str:
    for _ in range(300):
        if found := re.search(r"tcp://127\.0\.0\.1:\d+", told.read_text(errors="replace")):
            return found[0]
        time.sleep(0.1)
    raise AssertionError(told.read_text())


def test_a_cluster_gives_the_same_bytes_though_a_worker_is_killed(
    tmp_path: Path, cluster: tuple[str, list[subprocess.Popen[bytes]]]
) -> None:
    cases = jobs(tmp_path, 8)
    (tmp_path / "broken.tif").write_bytes(b"II*\0 not a picture")
    cases[3] = type(cases[3])(image=str(tmp_path / "broken.tif"), tumor=cases[0].tumor, specimen=cases[0].specimen)
    address, processes = cluster
    killed: list[int] = []

    def tell(done: int, total: int) -> None:
        if done == 2:
            processes[0].send_signal(signal.SIGKILL)
            killed.append(done)

    report = batch.run(cases, tmp_path / "out", scheduler=address, tell=tell)
    assert killed
    assert (report.cases, report.failed) == (8, 1)
    batch.run(cases, tmp_path / "calm", workers=1)
    assert content(tmp_path / "out") == content(tmp_path / "calm")
    assert (tmp_path / "out" / batch.JOURNAL).read_bytes() == (tmp_path / "calm" / batch.JOURNAL).read_bytes()
    again = batch.run(cases, tmp_path / "out", scheduler=address)
    assert again.resumed == 7
    assert len(table(tmp_path / "out")) == len(table(tmp_path / "calm"))


def test_no_scheduler_is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from marginkit.batch import cluster as module

    monkeypatch.setattr(module, "PATIENCE_S", 1)
    for address in ("tcp://127.0.0.1:9", "nonsense://x"):
        with pytest.raises(RunError, match="E-RUN-06"):
            batch.run(jobs(tmp_path, 1), tmp_path / "out", scheduler=address)

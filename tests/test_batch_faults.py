"""A batch under faults: killed at each step of writing, stopped by hand, out of disk and memory, in many orders."""

from __future__ import annotations

import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from marginkit import batch, files
from marginkit.batch import case, workers
from marginkit.batch.journal import Line
from marginkit.errors import FileError, RunError
from marginkit.pipeline import Job

from .casefiles import SPECIMEN, TUMOR, square_file
from .forking import apart, forked, killed_after, killed_at
from .test_batch import content, jobs, table

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="fork and the lock of a folder are POSIX")
ROOT = str(Path(__file__).resolve().parents[1])


def here(todo: Sequence[workers.Case], root: Path, limits: workers.Limits) -> Iterator[list[Line]]:
    """In place of a pool: in this process."""
    return ([case.one(*one, str(root))] for one in todo)


def test_F01_killed_at_every_step_of_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = jobs(tmp_path, 1)
    forked(cases, tmp_path / "calm")
    calm = content(tmp_path / "calm")
    journal = (tmp_path / "calm" / batch.JOURNAL).read_bytes()
    monkeypatch.setattr(batch, "_local", here)
    step = 1
    while killed_at(step, cases, tmp_path / "out"):
        partial = {name: data for name, data in content(tmp_path / "out").items() if ".partial" not in name}
        assert partial.items() <= calm.items(), step  # what is there is whole
        batch.run(cases, tmp_path / "out")
        assert content(tmp_path / "out") == calm, step
        assert (tmp_path / "out" / batch.JOURNAL).read_bytes() == journal, step
        shutil.rmtree(tmp_path / "out")
        step += 1
    assert step > 30  # each file of the case, the journal, the table, the summary, the page


def test_F01_killed_at_random_moments(tmp_path: Path) -> None:
    """``MARGINKIT_KILLS=200`` for a long night; each folder is killed until its run comes through."""
    cases, moments = jobs(tmp_path, 3), random.Random(5)
    forked(cases, tmp_path / "calm")
    calm, journal = content(tmp_path / "calm"), (tmp_path / "calm" / batch.JOURNAL).read_bytes()
    begun = time.perf_counter()
    forked(cases, tmp_path / "timed", workers=2)
    whole = time.perf_counter() - begun
    left = int(os.environ.get("MARGINKIT_KILLS", "5"))
    while left > 0:
        while left > 0 and killed_after(moments.uniform(0, whole), cases, tmp_path / "out"):
            left -= 1
        forked(cases, tmp_path / "out")
        assert content(tmp_path / "out") == calm
        assert (tmp_path / "out" / batch.JOURNAL).read_bytes() == journal
        shutil.rmtree(tmp_path / "out")


@pytest.mark.parametrize("start", ["spawn", "fork", "forkserver"])
def test_F16_any_start_method_gives_the_same_bytes(tmp_path: Path, start: Any) -> None:
    cases = jobs(tmp_path, 2)
    forked(cases, tmp_path / "calm")
    apart(cases, tmp_path / "out", start)
    assert content(tmp_path / "out") == content(tmp_path / "calm")


def test_F13_many_workers_in_another_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order of cases is the cohort's; language and clock leave no trace."""
    cases = jobs(tmp_path, 5)
    forked(cases, tmp_path / "one")
    monkeypatch.setenv("LANG", "tr_TR.UTF-8")
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    batch.run(cases, tmp_path / "seven", workers=7)  # begun anew: a server knows neither
    assert content(tmp_path / "seven") == content(tmp_path / "one")
    shuffled = random.Random(0).sample(cases, 5)
    forked(shuffled, tmp_path / "shuffled", workers=3)
    assert [row["case"] for row in table(tmp_path / "shuffled")] == [job.name for job in shuffled]
    assert sorted(map(str, table(tmp_path / "shuffled"))) == sorted(map(str, table(tmp_path / "one")))


def outcome(cases: list[Job], out: Path) -> str:
    """``done``, or the code of the error."""
    try:
        forked(cases, out)
    except FileError as error:
        return error.code
    return "done"


def test_F03_a_full_disk_at_any_write_of_the_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cases, out = jobs(tmp_path, 2), tmp_path / "out"
    forked(cases[:1], out)
    before = content(out)
    steps: list[str] = []
    for fail_at in range(1, 60):
        steps.clear()

        def commit(name: str, fail_at: int = fail_at) -> None:
            steps.append(name)
            if len(steps) == fail_at:
                raise OSError(28, "No space left on device")

        monkeypatch.setattr(files, "commit", commit)
        monkeypatch.setattr(workers, "measured", lambda *_: iter([]))
        code = outcome(cases[:1], out)
        if code == "done":
            break
        assert code == "E-FILE-12"
        after = content(out)
        assert set(before) <= set(after)
        assert not [name for name in after if "partial" in name]
    assert fail_at > 5
    monkeypatch.undo()
    assert forked(cases, out).resumed == 1


def test_F03_a_full_disk_under_the_journal_says_how_much_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def commit(name: str) -> None:
        if name == "journal":
            raise OSError(28, "No space left on device")

    cases, out = jobs(tmp_path, 1), tmp_path / "out"
    monkeypatch.setattr(files, "commit", commit)
    with pytest.raises(FileError, match="bytes were to be written") as caught:
        forked(cases, out)
    assert caught.value.code == "E-FILE-12"
    monkeypatch.undo()
    assert forked(cases, out).failed == 0


def test_F04_a_disk_that_says_no_only_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(handle: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(FileError, match="E-FILE-12"), files.write_atomic(tmp_path / "a") as stream:
        stream.write(b"x")
    assert list(tmp_path.iterdir()) == []


def test_F05_who_holds_the_folder_is_told(tmp_path: Path) -> None:
    from marginkit.batch.lock import held

    with held(tmp_path / "out"), pytest.raises(RunError, match=f"process {os.getpid()} on .* since"):
        forked(jobs(tmp_path, 1), tmp_path / "out")
    told: list[str] = []
    forked(jobs(tmp_path, 1), tmp_path / "out", note=told.append)
    assert told == []  # that run came to its end
    assert killed_at(3, jobs(tmp_path, 1), tmp_path / "out2")
    forked(jobs(tmp_path, 1), tmp_path / "out2", note=told.append)
    assert [text.partition(" (process ")[0] for text in told] == ["an earlier run did not come to its end"]
    forked(jobs(tmp_path, 1), tmp_path / "out2", note=told.append)
    assert len(told) == 1


def test_F08_where_all_fail_older_results_stay(tmp_path: Path) -> None:
    cases, out = jobs(tmp_path, 2), tmp_path / "out"
    forked(cases, out)
    before = (out / batch.RESULTS).read_bytes()
    bad = [replace(job, image=job.image + ".gone") for job in cases]
    report = forked(bad, out)
    assert (report.failed, report.written) == (2, ("failed.csv",))
    assert (out / batch.RESULTS).read_bytes() == before
    with (out / "failed.csv").open(newline="") as stream:
        assert [row["status"] for row in csv.DictReader(stream)] == ["failed", "failed"]
    fresh = forked(bad, tmp_path / "fresh")
    assert fresh.written[0] == batch.RESULTS


def test_F11_a_journal_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / batch.JOURNAL).write_text('{"schema": "marginkit.journal", "version": 2}\n')
    with pytest.raises(RunError, match="E-RUN-02"):
        forked(jobs(tmp_path, 1), out)


def test_F12_results_of_something_else_are_kept(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / batch.RESULTS).write_text("mine\n")
    with pytest.raises(RunError, match="E-RUN-03"):
        forked(jobs(tmp_path, 1), out)
    assert (out / batch.RESULTS).read_text() == "mine\n"
    assert forked(jobs(tmp_path, 1), out, overwrite=True).cases == 1


STOPPED = """
import sys, pathlib
from marginkit import batch
from marginkit.pipeline import Job
folder = pathlib.Path(sys.argv[1])
said = {"tumor": sys.argv[2], "specimen": sys.argv[3], "pixel_size": "0.5mm"}
jobs = [Job(image=str(folder / f"c{i}.ome.tif"), **said) for i in range(12)]
note = lambda text: print(text, flush=True)
try:
    batch.run(jobs, folder / "out", workers=1, start="fork", tell=lambda done, total: note(done), note=note)
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize("times", [1, 2])
def test_F02_stopped_by_hand(tmp_path: Path, times: int) -> None:
    cases = [replace(job, policies=()) for job in jobs(tmp_path, 12)]
    (tmp_path / "run.py").write_text(STOPPED)
    words = [sys.executable, str(tmp_path / "run.py"), str(tmp_path), TUMOR, SPECIMEN]
    environment = {**os.environ, "PYTHONPATH": ROOT}
    heed = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler)}  # CI may ignore Ctrl-C
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "text": True, "start_new_session": True, "env": environment}
    with subprocess.Popen(words, **pipes, **heed) as child:
        assert child.stdout is not None
        try:
            child.stdout.readline()
            for _ in range(times):
                os.killpg(child.pid, signal.SIGINT)
                time.sleep(0.03)
            said, _ = child.communicate(timeout=100)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
    assert child.returncode == 130
    assert "stopping after the cases" in said
    report = forked(cases, tmp_path / "out")
    assert 1 <= report.resumed < 12
    forked(cases, tmp_path / "calm")
    assert content(tmp_path / "out") == content(tmp_path / "calm")


def test_F02_a_wait_is_never_broken_off_in_its_midst(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would keep its locks; the pool's thread waited for them, and Ctrl-C pressed twice hung for ever."""
    wait, whole = workers.wait, []

    def interrupted(*words: Any, **options: Any) -> Any:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
        answer = wait(*words, **options)
        whole.append(len(answer.done))
        return answer

    monkeypatch.setattr(workers, "wait", interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    told: list[str] = []
    try:
        with pytest.raises(KeyboardInterrupt):
            forked(jobs(tmp_path, 3), tmp_path / "out", note=told.append)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert whole == [0]
    assert told == [workers.STOPPING]


GREEDY = '''
"""A segmenter that wants very much memory, or trips over itself."""
from dataclasses import dataclass
import numpy as np
NAME, GIVES = "greedy", ("tissue",)

@dataclass(frozen=True)
class Options:
    """gb : how much."""
    gb: float = 0.0

def segment(picture, options):
    np.ones(int(options.gb * 1e9), np.uint8)
    raise ZeroDivisionError("own fault")
'''


def test_F09_memory_is_shared_and_faults_cost_one_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shelf" / "segmenters").mkdir(parents=True)
    (tmp_path / "shelf" / "segmenters" / "greedy.py").write_text(GREEDY)
    monkeypatch.setenv("MARGINKIT_SHELF", str(tmp_path / "shelf"))
    cases = jobs(tmp_path, 4)
    cases[1] = replace(cases[1], specimen="greedy:gb=30")
    cases[2] = replace(cases[2], specimen="greedy")
    report = batch.run(cases, tmp_path / "out", workers=2, memory_bytes=4 << 30)
    codes = [row["error_code"] for row in table(tmp_path / "out")]
    assert codes == ["", "E-SHELF-06" if codes[1] == "E-SHELF-06" else "E-FILE-05", "E-SHELF-06", ""]
    assert report.failed == 2


def test_a_fault_of_our_own_costs_one_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from marginkit import pipeline

    run = pipeline.run
    monkeypatch.setattr(pipeline, "run", lambda job: 1 / 0 if job.name == "c1" else run(job))
    monkeypatch.setattr(batch, "_local", here)
    report = batch.run(jobs(tmp_path, 3), tmp_path / "out")
    assert report.failed == 1
    row = table(tmp_path / "out")[1]
    assert row["error_code"] == "E-RUN-05"
    assert "ZeroDivisionError" in row["error"]


def test_masks_corrected_by_hand_win_and_are_recorded(tmp_path: Path) -> None:
    """The square case has 2 mm; with a tumor of one row more it has 1.5 mm."""
    cases, out = jobs(tmp_path, 2), tmp_path / "out"
    forked(cases, out)
    wider = np.zeros((32, 42), np.uint8)
    wider[8:15, 15:23] = 1  # one pixel of 0.5 mm nearer to the upper edge
    hand = out / "cases" / "c1" / "hand"
    hand.mkdir()
    size = {f"PhysicalSize{a}{b}": v for a in "XY" for b, v in (("", 500.0), ("Unit", "µm"))}
    tifffile.imwrite(hand / "tumor.ome.tif", wider, metadata={"axes": "YX", **size})
    report = forked(cases, out)
    assert report.resumed == 1
    assert [row["value_mm"] for row in table(out)] == ["2.0", "1.5"]
    told = json.loads((out / "cases" / "c1" / "result.json").read_text())
    assert any("corrected by hand" in text for text in told["warnings"])
    assert "hand" not in json.dumps(json.loads((out / "cases" / "c0" / "result.json").read_text()))
    assert forked(cases, out).resumed == 2
    (hand / "tumor.ome.tif").unlink()
    forked(cases, out)
    assert [row["value_mm"] for row in table(out)] == ["2.0", "2.0"]


def test_F06_the_key_covers_every_file_that_decides(tmp_path: Path) -> None:
    (job,) = jobs(tmp_path, 1)
    for name in ("edge.tif", "rules.toml", "scan.mhd", "scan.raw", "net.onnx", "net.json", "other.txt"):
        (tmp_path / name).write_bytes(b"first")
    job = replace(
        job,
        edge=f"natural={tmp_path / 'edge.tif'}",
        policies=(str(tmp_path / "rules.toml"),),
        names={"deep": str(tmp_path / "scan.mhd"), "flat": f"onnx:model={tmp_path / 'net.onnx'}"},
    )
    before = case.key(job)
    (tmp_path / "other.txt").write_bytes(b"other")
    assert case.key(job) == before
    for name in ("edge.tif", "rules.toml", "scan.mhd", "scan.raw", "net.onnx", "net.json"):
        (tmp_path / name).write_bytes(b"other")
        assert case.key(job) != before, name
        (tmp_path / name).write_bytes(b"first")
        assert case.key(job) == before, name


def test_the_summary_and_the_parquet_table_say_what_the_csv_says(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    cases = jobs(tmp_path, 3)
    cases[1] = replace(cases[1], image=cases[1].image + ".gone")
    report = forked(cases, tmp_path / "out")
    assert report.written == ("results.csv", "results.parquet", "summary.json", "report.html")
    whole = parquet.read_table(tmp_path / "out" / "results.parquet").to_pylist()
    rows = table(tmp_path / "out")
    assert [row["case"] for row in whole] == [row["case"] for row in rows]
    assert [row["value_mm"] for row in whole] == [2.0, None, 2.0]
    told = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (told["cases"], told["failed"]) == (3, 1)
    assert told["margins"]["all"] == {
        "cases": 2, "least_mm": 2.0, "lower_quartile_mm": 2.0, "median_mm": 2.0, "upper_quartile_mm": 2.0,
        "greatest_mm": 2.0,
    }  # fmt: skip
    assert list(told["failures"].values()) == [{"cases": 1, "first": ["c1.ome.tif"]}]


def test_an_unusual_pixel_size_is_an_error_in_a_batch_until_confirmed(tmp_path: Path) -> None:
    image = square_file(tmp_path, "c0.ome.tif")
    pixels = tifffile.imread(image)
    size = {f"PhysicalSize{a}{b}": v for a in "XY" for b, v in (("", 1.0), ("Unit", "mm"))}
    tifffile.imwrite(image, pixels, photometric="minisblack", metadata={"axes": "CYX", **size})
    job = Job(image=str(image), tumor=TUMOR, specimen=SPECIMEN)
    report = forked([job], tmp_path / "out")
    assert report.counts == {"failed E-CAL-03": 1}
    assert forked([replace(job, confirm=True)], tmp_path / "out").failed == 0


class Cohorts(RuleBasedStateMachine):
    """Add, change, spoil, kill, resume: what is left is a function of the inputs alone."""

    def __init__(self) -> None:
        super().__init__()
        import tempfile

        self.folder = Path(tempfile.mkdtemp())
        self.known: dict[str, Job] = {}
        self.made: dict[Job, list[dict[str, str]]] = {}

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @rule(number=st.integers(0, 2))
    def add(self, number: int) -> None:
        self.known[f"c{number}"] = jobs(self.folder, number + 1)[number]

    @precondition(lambda self: self.known)
    @rule(data=st.data(), policy=st.sampled_from(["uicc-r", "dcis-2mm"]))
    def change_policy(self, data: st.DataObject, policy: str) -> None:
        name = data.draw(st.sampled_from(sorted(self.known)))
        self.known[name] = replace(self.known[name], policies=(policy,))

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def spoil(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.known)))
        Path(self.known[name].image).write_bytes(b"II*\0spoilt")

    @precondition(lambda self: self.out.exists())
    @rule(cut=st.integers(1, 400))
    def tear_the_journal(self, cut: int) -> None:
        whole = (self.out / batch.JOURNAL).read_bytes()
        (self.out / batch.JOURNAL).write_bytes(whole[: max(0, len(whole) - cut)])

    @precondition(lambda self: (self.out / "cases").exists())
    @rule(data=st.data())
    def lose_a_file(self, data: st.DataObject) -> None:
        found = sorted((self.out / "cases").rglob("*.*"))
        if found:
            data.draw(st.sampled_from(found)).unlink()

    @precondition(lambda self: self.known)
    @rule(step=st.integers(1, 60))
    def kill(self, step: int) -> None:
        killed_at(step, list(self.known.values()), self.out)

    @precondition(lambda self: self.known)
    @rule(count=st.integers(1, 3))
    def resume(self, count: int) -> None:
        cases = list(self.known.values())
        shutil.rmtree(self.folder / "calm", ignore_errors=True)
        calm = forked(cases, self.folder / "calm")
        again = forked(cases, self.out, workers=count)
        assert again.counts == calm.counts
        if calm.failed < calm.cases:
            assert table(self.out) == table(self.folder / "calm")
            for job in cases:
                own, other = (root / "cases" / job.name for root in (self.out, self.folder / "calm"))
                for file in other.glob("*.*") if other.exists() else ():
                    assert (own / file.name).read_bytes() == file.read_bytes()

    @invariant()
    def results_are_whole(self) -> None:
        if (self.out / batch.RESULTS).exists():
            assert (self.out / batch.RESULTS).read_bytes().endswith(b"\r\n")


Cohorts.TestCase.settings = settings(
    max_examples=3, stateful_step_count=6, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
test_the_state_of_a_batch = Cohorts.TestCase

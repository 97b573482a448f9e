"""A batch survives: one outcome a case, resume, a killed run, a worker that dies, a folder that is in use."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from marginkit import batch
from marginkit.errors import RunError
from marginkit.pipeline import Job

from .casefiles import SPECIMEN, TUMOR, square_file

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the lock of a folder is POSIX")


def jobs(folder: Path, count: int) -> list[Job]:
    return [
        Job(
            image=str(square_file(folder, f"c{i}.ome.tif")),
            tumor=TUMOR,
            specimen=SPECIMEN,
            policies=("dcis-2mm",),
            pixel_size="0.5mm",
        )
        for i in range(count)
    ]


def quiet(done: int, total: int) -> None:
    """No progress."""


def table(out: Path) -> list[dict[str, str]]:
    with (out / batch.RESULTS).open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def content(out: Path) -> dict[str, bytes]:
    kept = [path for path in sorted(out.rglob("*")) if path.is_file() and path.name not in {batch.JOURNAL, ".lock"}]
    return {str(path.relative_to(out)): path.read_bytes() for path in kept}


def test_every_case_has_one_outcome_and_any_number_of_workers_gives_the_same_bytes(tmp_path: Path) -> None:
    cases = jobs(tmp_path, 3)
    (tmp_path / "broken.tif").write_bytes(b"II*\0 not a picture")
    cases.insert(1, replace(cases[0], image=str(tmp_path / "broken.tif")))
    reports = [batch.run(cases, tmp_path / f"out{n}", workers=n, tell=quiet) for n in (1, 2)]
    assert [(r.cases, r.resumed, r.failed) for r in reports] == [(4, 0, 1)] * 2
    assert reports[0].counts["dcis-2mm: inadequate or adequate (indeterminate)"] == 3
    rows = table(tmp_path / "out1")
    assert [(row["case"], row["status"]) for row in rows] == [
        ("c0", "measured"), ("broken", "failed"), ("c1", "measured"), ("c2", "measured"),
    ]  # fmt: skip
    assert rows[1]["error"].startswith("broken.tif: ")
    assert rows[1]["error_code"].startswith("E-FILE")
    assert [row["region"] for row in rows] == ["tumor"] * 4
    assert [row["value_mm"] for row in rows if row["status"] == "measured"] == ["2.0"] * 3
    assert content(tmp_path / "out1") == content(tmp_path / "out2")


def test_resume_does_only_what_changed(tmp_path: Path) -> None:
    cases, out = jobs(tmp_path, 3), tmp_path / "out"
    batch.run(cases, out, workers=2, tell=quiet)
    first = content(out)
    assert batch.run(cases, out, workers=2, tell=quiet).resumed == 3
    assert content(out) == first
    (out / "cases" / "c1" / "overlay.png").unlink()
    cases[2] = replace(cases[2], policies=("uicc-r",))
    assert batch.run(cases, out, workers=2, tell=quiet).resumed == 1
    assert (out / "cases" / "c1" / "overlay.png").read_bytes() == first["cases/c1/overlay.png"]
    assert batch.run(cases, out, workers=2, resume=False, tell=quiet).resumed == 0


def test_a_torn_journal_costs_the_torn_line(tmp_path: Path) -> None:
    cases, out = jobs(tmp_path, 2), tmp_path / "out"
    batch.run(cases, out, workers=1, tell=quiet)
    whole = (out / batch.JOURNAL).read_bytes()
    (out / batch.JOURNAL).write_bytes(whole[: len(whole) - 40])
    assert batch.run(cases, out, workers=1, tell=quiet).resumed == 1


def test_a_journal_line_that_changed_on_the_disk_costs_that_case(tmp_path: Path) -> None:
    cases, out = jobs(tmp_path, 3), tmp_path / "out"
    batch.run(cases, out, workers=1, tell=quiet)
    first, calm = (out / batch.JOURNAL).read_bytes(), content(out)
    for old, new in ((b'"value_mm": ', b'"value_mm": 1'), (b'"c1"', b'"c0"'), (b'"crc32": "', b'"crc32": "0')):
        lines = first.splitlines(keepends=True)
        assert old in lines[2]
        lines[2] = lines[2].replace(old, new, 1)
        (out / batch.JOURNAL).write_bytes(b"".join(lines))
        assert batch.run(cases, out, workers=1, tell=quiet).resumed == 2
        assert content(out) == calm


def test_what_a_killed_worker_left_half_written_is_taken_away(tmp_path: Path) -> None:
    cases, out = jobs(tmp_path, 2), tmp_path / "out"

    def half(done: int, total: int) -> None:
        (out / "cases" / "c0" / ".overlay.png.77.partial").touch()

    batch.run(cases, out, workers=1, tell=half)
    batch.run(cases, tmp_path / "calm", workers=1, tell=quiet)
    assert content(out) == content(tmp_path / "calm")


RUN = """
import sys, pathlib
from marginkit import batch
from marginkit.pipeline import Job
if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    said = {"tumor": sys.argv[2], "specimen": sys.argv[3], "pixel_size": "0.5mm"}
    jobs = [Job(image=str(folder / f"c{i}.ome.tif"), **said) for i in range(6)]
    batch.run(jobs, folder / "killed", workers=2, tell=lambda done, total: print(done, flush=True))
"""


def test_F01_killed_and_resumed_equals_the_undisturbed_run(tmp_path: Path) -> None:
    cases = [replace(job, policies=()) for job in jobs(tmp_path, 6)]
    batch.run(cases, tmp_path / "calm", workers=2, tell=quiet)
    script = tmp_path / "run.py"
    script.write_text(RUN)
    words = [sys.executable, str(script), str(tmp_path), TUMOR, SPECIMEN]
    with subprocess.Popen(words, stdout=subprocess.PIPE, start_new_session=True) as child:
        assert child.stdout is not None
        child.stdout.readline()  # one case is in the journal
        os.killpg(child.pid, signal.SIGKILL)
    time.sleep(0.2)
    report = batch.run(cases, tmp_path / "killed", workers=2, tell=quiet)
    assert report.resumed >= 1
    assert content(tmp_path / "killed") == content(tmp_path / "calm")


DIES = '''
"""A segmenter that takes its process with it."""
import os
from dataclasses import dataclass
NAME, GIVES = "dies", ("tissue",)

@dataclass(frozen=True)
class Options:
    """None."""

def segment(picture, options):
    os._exit(9)
'''


HANGS = (
    DIES.replace('"dies"', '"hangs"').replace("import os", "import os, time").replace("os._exit(9)", "time.sleep(600)")
)


def test_E14_a_case_that_hangs_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shelf" / "segmenters").mkdir(parents=True)
    (tmp_path / "shelf" / "segmenters" / "hangs.py").write_text(HANGS)
    monkeypatch.setenv("MARGINKIT_SHELF", str(tmp_path / "shelf"))
    cases = jobs(tmp_path, 3)
    cases[1] = replace(cases[1], specimen="hangs")
    report = batch.run(cases, tmp_path / "out", workers=2, case_minutes=0.1, tell=quiet)
    assert (report.cases, report.failed) == (3, 1)
    (row,) = [row for row in table(tmp_path / "out") if row["status"] == "failed"]
    assert (row["case"], row["error_code"]) == ("c1", "E-RUN-07")
    assert "longer than 0.1 min" in row["error"]


def test_a_worker_that_dies_costs_its_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shelf" / "segmenters").mkdir(parents=True)
    (tmp_path / "shelf" / "segmenters" / "dies.py").write_text(DIES)
    monkeypatch.setenv("MARGINKIT_SHELF", str(tmp_path / "shelf"))
    cases = jobs(tmp_path, 5)
    cases[2] = replace(cases[2], specimen="dies")
    report = batch.run(cases, tmp_path / "out", workers=2, tell=quiet)
    assert (report.cases, report.failed) == (5, 1)
    assert [row["error_code"] for row in table(tmp_path / "out")] == ["", "", "E-RUN-04", "", ""]


def test_a_batch_that_is_broken_off_does_not_wait_for_a_case_that_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shelf" / "segmenters").mkdir(parents=True)
    (tmp_path / "shelf" / "segmenters" / "hangs.py").write_text(HANGS)
    monkeypatch.setenv("MARGINKIT_SHELF", str(tmp_path / "shelf"))
    cases = jobs(tmp_path, 2)
    cases[1] = replace(cases[1], specimen="hangs")

    def full(done: int, total: int) -> None:
        raise OSError(28, "No space left on device")

    begun = time.monotonic()
    with pytest.raises(OSError, match="No space"):
        batch.run(cases, tmp_path / "out", workers=2, tell=full)
    assert time.monotonic() - begun < 100  # the case sleeps for 600 s


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    import fcntl

    out = tmp_path / "out"
    out.mkdir()
    with (out / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(RunError, match="E-RUN-01"):
            batch.run(jobs(tmp_path, 1), out, tell=quiet)


def test_command_line_says_three_where_cases_failed(tmp_path: Path) -> None:
    square_file(tmp_path, "good.ome.tif")
    (tmp_path / "bad.tif").write_bytes(b"nothing")
    rows = ["image,tumor,specimen", f'good.ome.tif,"{TUMOR}","{SPECIMEN}"', f'bad.tif,"{TUMOR}","{SPECIMEN}"']
    (tmp_path / "cohort.csv").write_text("\n".join(rows) + "\n")
    words = [
        sys.executable,
        "-m",
        "marginkit",
        "batch",
        "cohort.csv",
        "--out",
        "out",
        "--workers",
        "1",
        "--pixel-size",
        "0.5mm",
    ]
    done = subprocess.run([*words, "--json"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 3
    said = json.loads(done.stdout)
    assert (said["cases"], said["resumed"], said["failed"], said["out"]) == (2, 0, 1, "out")
    assert said["counts"]["exact"] == 1
    dry = subprocess.run([*words, "--dry-run"], cwd=tmp_path, capture_output=True, text=True)
    assert (dry.returncode, dry.stderr) == (0, "2 cases, nothing wrong with the cohort\n")

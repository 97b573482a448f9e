"""The files that the page on extending shows work from the command line, in a folder that the environment names."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_docs import BLOCK, FILE, ROOT


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """The page's files, as it names them."""
    page = (ROOT / "docs" / "extending.md").read_text()
    shown = [(found[1], text) for _, text in BLOCK.findall(page) if (found := FILE.match(text))]
    for name, text in shown:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert sorted(Path(name).parts[1] for name, _ in shown) == ["policies", "readers", "reports", "segmenters"]
    return tmp_path / "shelf"


def test_reader_segmenter_policy_and_report_in_one_command(shelf: Path) -> None:
    values = np.zeros((40, 60), int)
    values[4:36, 4:56] = 1
    values[10:20, 20:40] = 5
    field = shelf.parent / "field.txt"
    field.write_text("\n".join(["GRID 0.5 mm", *(" ".join(map(str, row)) for row in values)]))
    words = ["measure", "field.txt", "--tumor", "brightest:share=0.1", "--specimen", "threshold:above=0", "--state"]
    words += ["slide", "--policy", "our-study", "--radiotherapy", "no", "--out", "out"]
    done = subprocess.run(
        [sys.executable, "-m", "marginkit", *words],
        cwd=shelf.parent, env={**os.environ, "MARGINKIT_SHELF": str(shelf)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "our-study, all: wide (certain)" in " ".join(done.stdout.split())
    assert (shelf.parent / "out" / "sentence.txt").read_text() == "field: exact 3.0 mm, pixel size from GRID line.\n"

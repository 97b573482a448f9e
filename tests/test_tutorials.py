"""A tutorial works as it stands: its blocks, Python and commands, run in order in one empty folder."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from test_docs import BLOCK, ROOT

TUTORIALS = sorted((ROOT / "docs").glob("tutorial-*.md"))


def test_there_is_one_for_each_kind_of_user() -> None:
    kinds = {page.stem.removeprefix("tutorial-") for page in TUTORIALS}
    assert kinds == {"slide", "fluorescence", "stack", "script", "qupath"}


@pytest.mark.parametrize("page", TUTORIALS, ids=lambda p: p.stem)
def test_a_tutorial_runs_from_top_to_bottom(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for kind, text in BLOCK.findall(page.read_text()):
        if kind == "python":
            exec(compile(text, page.name, "exec"), names)
        for line in text.replace("\\\n", " ").splitlines() if kind == "console" else ():
            command(line)


def command(line: str) -> None:
    """Run a command of a tutorial as a user would."""
    first, *words = shlex.split(line)
    assert first == "marginkit", line
    done = subprocess.run([sys.executable, "-m", "marginkit", *words], capture_output=True, text=True)
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("page", [*TUTORIALS, ROOT / "docs" / "index.md"], ids=lambda p: p.stem)
def test_each_says_what_it_is_not(page: Path) -> None:
    assert "Research use only" in page.read_text()

"""Every code block of README and docs runs, and what the docs name exists."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ALONE = [page for page in PAGES if not page.stem.startswith("tutorial-")]  # tests/test_tutorials.py runs those whole
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# (shelf/[\w/-]+\.\w+)\n")


def blocks(page: Path, language: str) -> list[str]:
    return [text for kind, text in BLOCK.findall(page.read_text()) if kind == language]


@pytest.mark.parametrize("page", ALONE, ids=lambda p: p.name)
def test_python_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for kind, text in BLOCK.findall(page.read_text()):
        if file := FILE.match(text):  # a file that the page shows whole
            Path(file[1]).parent.mkdir(parents=True, exist_ok=True)
            Path(file[1]).write_text(text)
        elif kind == "python":
            exec(compile(text, page.name, "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_block_has_a_language_that_is_run(page: Path) -> None:
    assert {kind for kind, _ in BLOCK.findall(page.read_text())} <= {"python", "console", "toml"}


def commands() -> list[str]:
    lines = [line for page in ALONE for text in blocks(page, "console") for line in text.splitlines()]
    return sorted({line.partition("#")[0].strip() for line in lines if line.strip()})


@pytest.mark.parametrize("command", commands())
def test_console_blocks_run(command: str, tmp_path: Path) -> None:
    words = command.split()
    if words[:2] == ["python3", "run.py"]:
        text = (ROOT / "run.py").read_text()
        assert f"python3 run.py {words[2]}" in text  # CI runs `test`, and `demo` is run below by its own name
        if words[2] != "demo":
            return
        words = ["marginkit", "demo"]
    if words[0] == "python" and words[1].startswith("benchmarks"):  # minutes long: it must be there, and say how to run
        file = ROOT / words[1]
        text = (file / "__main__.py" if file.is_dir() else file).read_text()
        compile(text, words[1], "exec")
        assert f"python {words[1]}" in text.partition("import")[0]
        return
    assert words[0] == "marginkit", command
    if any(
        word in {"IMAGE", "MASK", "SRC", "DIR", "PHOTO", "A.csv"} for word in words
    ):  # a pattern: its options must exist
        text = run(tmp_path, words[1], "--help").stdout
        assert all(word in text for word in words if word.startswith("--")), command
        return
    assert run(tmp_path, *words[1:]).returncode == 0


def run(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", "marginkit", *words], cwd=folder, capture_output=True, text=True)


def test_linked_files_exist() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links {target}"

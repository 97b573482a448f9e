"""The script for QuPath, run by Groovy with a stand-in for QuPath, which no package client can bring."""

import json
import os
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from marginkit import samples

ROOT = Path(__file__).resolve().parents[1]


def ran(project: Path, drawn: Path, times: int) -> str:
    """What the script prints when it is run on the bundled slide; marginkit is found on the path."""
    program = shutil.which("groovy")
    if program is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("groovy is absent")
    java = Path(shutil.which("java") or "/usr/bin/java").resolve().parents[1]
    surrounding = {**os.environ, "JAVA_HOME": str(java), "PATH": f"{project / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    (project / "bin").mkdir()
    command = project / "bin" / "marginkit"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m marginkit "$@"\n')
    command.chmod(0o755)
    image, script = samples.folder() / "he.ome.tif", ROOT / "docs" / "marginkit.groovy"
    words = [program, ROOT / "tests" / "qupath.groovy", image, project, drawn, script, str(times)]
    done = subprocess.run(list(map(str, words)), env=surrounding, capture_output=True, text=True, cwd=project)
    assert done.returncode == 0, done.stderr
    return done.stdout


def objects(project: Path, *classes: str) -> Path:
    """Those annotations of the bundled slide, with ids as QuPath gives them."""
    features = json.loads((samples.folder() / "he.geojson").read_text())["features"]
    chosen = [one for one in features if one["properties"]["classification"]["name"] in classes]
    file = project / "objects.geojson"
    file.write_text(json.dumps({"features": [{**one, "id": str(uuid.uuid4())} for one in chosen]}))
    return file


def test_the_margin_comes_back_and_again_without_doubling(tmp_path: Path) -> None:
    said = ran(tmp_path, objects(tmp_path, "Tumor", "skin"), 2)
    first, second = (json.loads(line.split(" ", 1)[1]) for line in said.splitlines() if line.startswith("OBJECTS"))
    assert first == second
    assert {"skin": 1, "Tumor": 2, "Specimen": 1, "Margin": 1}.items() <= first.items()
    assert "1.7 mm" in said
    assert (tmp_path / "marginkit" / "1" / "report.html").is_file()


def test_without_a_tumor_it_says_why_and_brings_nothing(tmp_path: Path) -> None:
    said = ran(tmp_path, objects(tmp_path, "skin"), 1)
    assert 'OBJECTS {"skin":1}' in said
    assert "marginkit stopped (1)" in said

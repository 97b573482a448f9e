"""What must not leave a file: the pictures beside the scan, and what its header says of a patient."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from marginkit import cli

NAMES = ("DOE-JOHN-1961", "Z9Y8X7W6")
APERIO = (
    "Aperio Image Library v11.2.1\r\n600x800 (64x64) JPEG/RGB|AppMag = 20|MPP = 0.5"
    "|Filename = {0}|Title = {1}|User = {0}"
)
MAGENTA = (255, 0, 255)  # of no tissue, and of no palette of ours


def slide(path: Path) -> None:
    """An SVS with thumbnail, label, macro and a page without a name, each full of magenta."""
    scan = np.full((600, 800, 3), 240, np.uint8)
    scan[100:500, 150:650] = (200, 120, 180)
    scan[250:350, 350:450] = (110, 60, 130)
    planted = np.empty((120, 90, 3), np.uint8)
    planted[:] = MAGENTA
    said = APERIO.format(*NAMES)
    with tifffile.TiffWriter(path) as out:
        out.write(scan, tile=(64, 64), photometric="rgb", description=said, metadata=None)
        out.write(planted, photometric="rgb", description=said, metadata=None)  # thumbnail
        out.write(planted, photometric="rgb", subfiletype=1, description=f"label {NAMES[0]}", metadata=None)
        out.write(planted, photometric="rgb", subfiletype=9, description=f"macro {NAMES[1]}", metadata=None)
        out.write(planted, photometric="rgb", metadata=None)


def measured(folder: Path) -> str:
    """What the command line said of the slide; its files are in ``folder/out``."""
    slide(folder / "case 7.svs")
    words = [
        "measure",
        str(folder / "case 7.svs"),
        "--tumor",
        "stain:dye=haematoxylin",
        "--specimen",
        "specimen:pixel_um=1",
    ]
    done = CliRunner().invoke(
        cli.app(), [*words, "--state", "slide", "--confirm-pixel-size", "--out", str(folder / "out")]
    )
    assert done.exit_code == 0, done.output
    shown = CliRunner().invoke(cli.app(), ["info", str(folder / "case 7.svs"), "--json"])
    assert shown.exit_code == 0
    return done.output + shown.output


def test_G08_G09_label_macro_and_names_are_in_no_output(tmp_path: Path) -> None:
    said = measured(tmp_path)
    written = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert {path.suffix for path in written} >= {".json", ".csv", ".geojson", ".png", ".html"}
    for name in NAMES:
        assert name not in said
        for path in written:
            assert name.encode() not in path.read_bytes(), path.name
    for path in written:
        if path.suffix == ".png":
            picture = cv2.imread(str(path))
            assert picture is not None
            assert not (picture == MAGENTA[::-1]).all(axis=-1).any(), path.name


@pytest.mark.skipif(sys.platform == "win32", reason="modes of files are POSIX")
def test_G13_files_are_as_private_as_the_user_wants_and_none_is_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setenv("TMPDIR", str(elsewhere))
    monkeypatch.setattr("tempfile.tempdir", None)
    before = os.umask(0o077)
    try:
        measured(tmp_path)
    finally:
        os.umask(before)
    written = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert written
    assert {stat.S_IMODE(path.stat().st_mode) for path in written} == {0o600}
    assert not list(elsewhere.iterdir())

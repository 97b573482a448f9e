"""``marginkit segment``: what it says, writes and refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from marginkit import cli, opening


def call(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = cli.code_of(["segment", *(str(word) for word in words)])
    out, err = capsys.readouterr()
    return code, out, err


def glow(folder: Path) -> Path:
    """A 16-bit field, 200 x 300, background 100 counts, a spot of 40 x 50 pixels at 5000."""
    pixels = np.full((200, 300), 100, np.uint16)
    pixels[60:100, 70:120] = 5000
    cv2.imwrite(str(folder / "field.png"), pixels)
    return folder / "field.png"


def document(out: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(out)
    return found


def test_json_has_the_promised_keys_and_the_true_area(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "signal.ome.tif"
    words = ("--what", "signal", "--method", "fluorescence:threshold=li", "--pixel-size", "0.01mm", "--out", file)
    code, out, err = call(capsys, glow(tmp_path), *words, "--json")
    told = document(out)
    assert code == 0
    assert {"what", "method", "options", "out", "classes"} <= set(told)
    assert (told["what"], told["method"], told["options"]["threshold"]) == ("signal", "fluorescence", "li")
    assert told["classes"]["signal"]["pixels"] == 2000
    assert told["classes"]["signal"]["area_mm2"] == pytest.approx(0.2, rel=1e-12)
    opened = opening.open(file, mask=True)
    assert opened.spacing_mm == pytest.approx((0.01, 0.01))
    assert opened.read().sum() == 2000
    assert "looking for signal" in err


def test_without_a_pixel_size_it_works_in_pixels_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--what", "signal", "--out", tmp_path / "signal.geojson", "--json")
    code, out, err = call(capsys, glow(tmp_path), *words)
    assert code == 0
    assert document(out)["classes"]["signal"] == {"pixels": 2000, "area_mm2": None}
    assert "E-CAL-01" in err
    assert "Areas are in pixels" in err


def test_ink_has_every_colour_with_its_length(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pixels = np.full((400, 500, 3), 245, np.uint8)
    pixels[100:300, 100:400] = (150, 60, 130)[::-1]
    pixels[97:104, 150:350] = (20, 60, 200)[::-1]
    cv2.imwrite(str(tmp_path / "he.png"), pixels)
    words = ("--what", "ink", "--pixel-size", "20um", "--out", tmp_path / "ink.tif", "--json")
    code, out, _ = call(capsys, tmp_path / "he.png", *words)
    classes = document(out)["classes"]
    assert code == 0
    assert list(classes) == ["black", "blue", "green", "yellow", "orange", "red", "unassigned"]
    assert classes["blue"]["pixels"] == pytest.approx(1400, rel=0.1)
    assert classes["blue"]["outline_px"] == pytest.approx(200, rel=0.15)
    assert [classes[name]["pixels"] for name in ("green", "yellow", "orange", "red")] == [0, 0, 0, 0]
    assert set(np.unique(opening.open(tmp_path / "ink.tif", mask=True).read())) <= {0, 2, 7}


def test_a_table_for_the_eye(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, glow(tmp_path), "--what", "signal", "--out", tmp_path / "s.ome.tif")
    assert code == 0
    assert "2,000" in out
    assert "otsu" in out
    assert "wrote s.ome.tif" in out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--what", "gold", "--out", "x.tif"), 2, "none of tissue"),
        (("--what", "tumor", "--out", "x.tif"), 2, "E-USE-12"),
        (("--what", "signal", "--out", "x.png"), 2, "E-USE-11"),
        (("--what", "ink", "--out", "x.tif"), 1, "E-AXE-05"),
        (("--what", "signal", "--out", "no/such/folder/x.tif"), 1, "E-FILE-12"),
    ],
)
def test_what_cannot_be_is_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    got, out, err = call(capsys, glow(tmp_path), *words)
    assert (got, out) == (code, "")
    assert said in err
    assert "Traceback" not in err
    assert sorted(one.name for one in tmp_path.iterdir()) == ["field.png"]


def test_classes_of_a_file_become_labels_in_the_order_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The square holds the disc: whose label a pixel of both has is said."""
    from shapely.geometry import Point, box, mapping

    shapes = {"Specimen": box(2, 3, 42, 43), "Tumor": Point(20.5, 20.5).buffer(5.2, quad_segs=64)}
    kinds = {name: {"objectType": "annotation", "classification": {"name": name}} for name in shapes}
    features = [
        {"type": "Feature", "geometry": mapping(one), "properties": kinds[name]} for name, one in shapes.items()
    ]
    drawn = tmp_path / "drawn.geojson"
    drawn.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    image, file = glow(tmp_path), tmp_path / "labels.ome.tif"
    words = ("--what", "tumor", "--method", drawn, "--classes", "Specimen, Tumor", "--out", file, "--json")
    code, out, err = call(capsys, image, *words)
    assert code == 0
    found = opening.open(file, mask=True).read()
    y, x = np.mgrid[: found.shape[0], : found.shape[1]] + 0.5
    disc = np.hypot(y - 20.5, x - 20.5) < 5.2
    square = (np.abs(x - 22) < 20) & (np.abs(y - 23) < 20)
    assert np.array_equal(found, np.where(disc, 2, square * 1))
    assert list(document(out)["classes"]) == ["Specimen", "Tumor"]
    assert f"{np.count_nonzero(disc)} pixels of Specimen are of a later class too" in err


@pytest.mark.parametrize("words", [("--method", "threshold"), ("--method", "field.png#label=1"), ()])
def test_classes_are_those_of_a_whole_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    image = glow(tmp_path)
    monkeypatch.chdir(tmp_path)
    code, _, err = call(capsys, image, "--what", "signal", *words, "--classes", "a,b", "--out", "x.tif")
    assert (code, "E-USE-16" in err) == (2, True)


def test_outlines_of_a_file_become_a_mask_that_measures_within_half_a_pixel(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from marginkit import samples

    image, drawn = samples.folder() / "he.ome.tif", f"{samples.folder() / 'he.geojson'}#Tumor"
    file = tmp_path / "tumor.ome.tif"
    code, out, _ = call(capsys, image, "--what", "tumor", "--method", drawn, "--out", file, "--json")
    told = document(out)
    assert code == 0
    assert told["method"] == "he.geojson#Tumor"
    opened = opening.open(file, mask=True)
    assert told["classes"]["tumor"]["pixels"] == np.count_nonzero(opened.read())
    values = []
    for tumor in (drawn, str(file)):
        assert cli.code_of(["measure", str(image), "--tumor", tumor, "--specimen", "specimen", "--json"]) == 0
        values.append(document(capsys.readouterr().out)["margins"][0]["value_mm"])
    assert opened.spacing_mm is not None
    assert values[0] == pytest.approx(values[1], abs=np.hypot(*opened.spacing_mm) / 2 + 1e-9)
    outlines = tmp_path / "back.geojson"
    assert call(capsys, image, "--what", "tumor", "--method", f"{file}", "--out", outlines)[0] == 0
    assert json.loads(outlines.read_text())["features"][0]["properties"]["classification"] == {"name": "tumor"}

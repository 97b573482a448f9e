"""A case kept and opened again, and the command line that says the same; what a stranger's case file cannot do."""

import json
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import tifffile
from napari_marginkit import commandline, export, keeping, restoring, showing

from marginkit.errors import MarginError

SAMPLES = Path(__file__).parents[2] / "sample_data"


def panel(viewer: Any, name: str) -> Any:
    return viewer.window.add_plugin_dock_widget("marginkit", name)[1]


def measured(one: Any, qtbot: Any) -> Any:
    one.measure()
    qtbot.waitUntil(lambda: not one._timer.isActive() and not one._runner.busy, timeout=20_000)
    assert one.outcome is not None, one.message.text()
    return one.outcome.result


def on_disk(viewer: Any, folder: Path) -> Any:
    """The excision opened from a folder, with its layers; the tumor moved, a barrier drawn."""
    shutil.copy(SAMPLES / "he.ome.tif", folder / "he.ome.tif")
    (image,) = viewer.open(str(folder / "he.ome.tif"), plugin="marginkit")
    viewer.open_sample("marginkit", "excision")
    viewer.layers.remove("excision")
    viewer.layers["tumor"].data_setitem((np.array([478]), np.array([350])), 1)
    edges = panel(viewer, "Edges")
    edges.draw_barrier()
    viewer.layers["barrier"].add_paths([[445.0, -1.0], [445.0, 900.0]])
    return image


@pytest.fixture
def case(viewer: Any, qtbot: Any, tmp_path: Path) -> tuple[Any, Path, Any]:
    """(panel of margins, case file, result)."""
    image = on_disk(viewer, tmp_path)
    one = panel(viewer, "Margins")
    one.policies.choose(["uicc-r-plus-1mm"])
    one.radiotherapy.setCurrentText("no")
    one.limits.setText("0.5, 2")
    result = measured(one, qtbot)
    kept = keeping.save(viewer.layers, image, tmp_path / "first")
    assert kept.left == ()
    return one, kept.path, result


def test_a_case_is_kept_whole_and_measures_the_same_when_it_is_opened(viewer: Any, qtbot: Any, case: Any) -> None:
    one, path, before = case
    assert path.name == "first.marginkit.json"
    pixels = {name: viewer.layers[name].data.copy() for name in ("tumor", "specimen", "edge classes", "margin names")}
    request = one.request
    viewer.layers.clear()
    one.policies.choose([])
    one.limits.setText("1, 5")
    viewer.open(str(path), plugin="marginkit")
    for name, data in pixels.items():
        assert np.array_equal(viewer.layers[name].data, data)
    assert one.policies.values() == ("uicc-r-plus-1mm",)
    after = measured(one, qtbot)
    assert after.margins == before.margins
    assert one.request.same(request)
    assert [barrier.type for barrier in after.barriers] == ["fascia"]
    assert one.outcome.limits_mm == (0.5, 2.0)


def test_a_case_kept_over_another_leaves_no_layer_behind(viewer: Any, case: Any) -> None:
    _, path, _ = case
    image = viewer.layers["he.ome.tif"]
    before = {one.name for one in path.with_name("first.layers").iterdir()}
    viewer.layers["tumor"].data_setitem((np.array([470]), np.array([350])), 1)
    keeping.save(viewer.layers, image, path)
    after = {one.name for one in path.with_name("first.layers").iterdir()}
    assert len(after) == len(before) == 4
    assert len(after & before) == 3


def test_points_and_labels_of_several_levels_are_kept(viewer: Any, case: Any) -> None:
    _, path, _ = case
    image = viewer.layers["he.ome.tif"]
    where = {"scale": image.scale, "units": image.units}
    marks = viewer.add_points([[10.0, 20.0], [30.5, 40.0]], features={"what": ["a", "b"]}, size=[3.0, 7.0], **where)
    viewer.add_points(np.zeros((0, 2)), name="none", **where)
    fine = np.random.default_rng(7).integers(0, 3, (601, 800)).astype(np.uint8)
    viewer.add_labels([fine, fine[::2, ::2], fine[::4, ::4]], name="pyramid", **where)
    assert keeping.save(viewer.layers, image, path).left == ()
    viewer.layers.clear()
    viewer.open(str(path), plugin="marginkit")
    again, pyramid = viewer.layers[marks.name], viewer.layers["pyramid"]
    assert np.array_equal(again.data, marks.data)
    assert list(again.features["what"]) == ["a", "b"]
    assert list(again.size) == [3.0, 7.0]
    assert again.scale == pytest.approx(image.scale)
    assert len(viewer.layers["none"].data) == 0
    assert pyramid.multiscale
    assert [one.shape for one in pyramid.data] == [(601, 800), (301, 400), (151, 200)]
    assert np.array_equal(pyramid.data[2], fine[::4, ::4])


def test_the_export_panel_keeps_and_opens(viewer: Any, case: Any) -> None:
    _, path, _ = case
    kept = panel(viewer, "Export").kept
    kept.keep()
    assert kept.path.text() == str(path.with_name("he.marginkit.json"))
    viewer.layers.clear()
    kept.open()
    assert "layers on he.ome.tif" in kept.message.text()
    assert {"tumor", "specimen", "barrier"} <= {layer.name for layer in viewer.layers}


def test_the_command_line_of_an_export_gives_the_same_numbers(
    viewer: Any, case: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _, before = case
    form = panel(viewer, "Export")
    form.folder.setText(str(tmp_path))
    form.case.setText("case 1")
    form.write()
    words = shlex.split(form.line.text())
    assert words[:2] == ["marginkit", "measure"]
    monkeypatch.chdir(tmp_path / "case 1")
    ran = subprocess.run([sys.executable, "-m", *words, "--json"], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert {m["name"]: m["value_mm"] for m in told["margins"]} == {m.name: m.value_mm for m in before.margins}
    assert [m["behind_barrier"] for m in told["margins"]] == [m.behind_barrier for m in before.margins]
    assert [v["category"] for v in told["verdicts"]] == [v.category for v in one.outcome.verdicts]
    assert set(told["profile"]["below_mm"]) == {"0.5", "2"}


def test_the_command_line_of_a_drawn_scale_gives_the_same_interval(
    viewer: Any, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line gave a typed scale, and with it a narrower interval."""
    pixels = viewer.open_sample("marginkit", "excision")[0].data
    viewer.layers.clear()
    (tmp_path / "images").mkdir()
    PIL.Image.fromarray(np.asarray(pixels)).save(tmp_path / "images" / "photo.png")
    viewer.open(str(tmp_path / "images" / "photo.png"), plugin="marginkit")
    for name in ("tumor", "specimen"):
        viewer.add_labels(tifffile.imread(SAMPLES / f"he_{name}.ome.tif"), name=name)
    calibrate = panel(viewer, "Calibrate")
    calibrate.draw()
    viewer.layers["known length"].add_lines([[550.25, 100.0], [550.75, 500.5]])
    calibrate.length.setText("1 cm")
    calibrate.take_drawn()
    assert "Taken" in calibrate.message.text()
    before = measured(panel(viewer, "Margins"), qtbot)
    low, high = before.all.parts["calibration"]
    assert high / low == pytest.approx(1 + 2 * (2**0.5 / 400.5), rel=2e-3)
    request, case = showing.shown_case(viewer)
    written = export.write((request, case), str(tmp_path / "results"), "one", True)
    assert written.lost == ""
    words = shlex.split(written.line)
    assert words[2] == "../../images/photo.png"
    monkeypatch.chdir(tmp_path / "results" / "one")
    ran = subprocess.run([sys.executable, "-m", *words, "--json"], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert told["margins"][0]["interval_mm"] == list(before.all.interval_mm)
    assert told["image"]["calibration"]["source"] == "known length"
    kept = keeping.save(viewer.layers, viewer.layers["photo.png"], tmp_path / "images" / "photo")
    again = restoring.read(kept.path)[0][1]["metadata"]["marginkit"]["picture"].calibration
    assert again == request.picture.calibration


def test_an_export_says_what_its_command_line_does_not_know(viewer: Any, case: Any, tmp_path: Path) -> None:
    request, measured = showing.shown_case(viewer)
    assert export.write((request, measured), str(tmp_path), "plain", True).lost == ""
    drawn = replace(request.picture.calibration, source="known length", detail="by eye", relative_uncertainty=0.02)
    unsure = replace(request, picture=replace(request.picture, calibration=drawn))
    written = export.write((unsure, measured), str(tmp_path), "drawn", True)
    assert written.lost.endswith("that it is from known length (by eye) is lost.")
    assert "--pixel-size 0.025mm,0.025mm+-0.02" in written.line


def test_a_file_that_shares_no_folder_is_named_whole(tmp_path: Path) -> None:
    assert commandline.seen_from(tmp_path / "a" / "b", str(tmp_path / "c.tif")) == "../../c.tif"
    assert commandline.seen_from(tmp_path, "/c.tif") == "/c.tif"


def test_a_strangers_case_file_reads_nothing_outside_its_folder(case: Any, tmp_path: Path) -> None:
    _, path, _ = case
    told = json.loads(path.read_text())

    def refused(**changes: Any) -> str:
        (tmp_path / "other.marginkit.json").write_text(json.dumps({**told, **changes}))
        shutil.copytree(path.with_name("first.layers"), tmp_path / "other.layers", dirs_exist_ok=True)
        with pytest.raises(MarginError) as caught:
            restoring.read(tmp_path / "other.marginkit.json")
        return str(caught.value)

    first, *rest = told["layers"]
    assert "no plain name" in refused(image={**told["image"], "file": "../secret.tif"})
    assert "no plain name" in refused(layers=[{**first, "file": "/etc/hostname"}, *rest])
    assert "SHA-256" in refused(image={**told["image"], "sha256": "0" * 64})
    assert "SHA-256" in refused(layers=[{**first, "sha256": "0" * 64}, *rest])
    assert "is not beside" in refused(image={**told["image"], "file": "absent.tif"})
    assert "E-FILE-10" in refused(form={**told["form"], "holes": "__import__('os')"})
    assert "E-FILE-10" in refused(schema="marginkit.case/99")
    assert "E-FILE-10" in refused(layers=[{**first, "kind": "surface"}])
    assert "E-FILE-10" in refused(layers=[{**first, "levels": [[1, 1]]}])


@pytest.mark.parametrize("text", ["", "[]", "{", '{"schema": "marginkit.case/1"}', "null", "[" * 100_000])
def test_what_is_no_case_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.marginkit.json").write_text(text)
    with pytest.raises(MarginError, match="E-FILE-"):
        restoring.read(tmp_path / "a.marginkit.json")


def test_an_image_that_is_no_file_is_not_kept(viewer: Any, tmp_path: Path) -> None:
    image = viewer.add_image(np.ones((40, 40)))
    with pytest.raises(MarginError, match="E-FILE-12"):
        keeping.save(viewer.layers, image, tmp_path / "a")

"""The review panel over a real batch: open, paint, measure again, accept, and the batch run again takes it."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari_marginkit import roles

from marginkit import batch
from marginkit.batch import review

from ..casefiles import SPECIMEN, TUMOR
from ..forking import forked
from ..test_batch import jobs

WORDS = f"--tumor {TUMOR} --specimen {SPECIMEN} --policy dcis-2mm --pixel-size 0.5mm"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two cases in doubt, one that is cut short; measured."""
    cases = jobs(tmp_path, 3)
    (tmp_path / "c2.ome.tif").write_bytes((tmp_path / "c2.ome.tif").read_bytes()[:300])
    (tmp_path / "cohort.csv").write_text("image\n" + "".join(f"c{i}.ome.tif\n" for i in range(3)))
    forked(cases, tmp_path / "out")
    return tmp_path


@pytest.fixture
def panel(viewer: Any, folder: Path, qtbot: Any) -> Any:
    one = viewer.window.add_plugin_dock_widget("marginkit", "Review")[1]
    one.cohort.setText(str(folder / "cohort.csv"))
    one.folder.setText(str(folder / "out"))
    one.options.setText(WORDS)
    one.load()
    settled(one, qtbot)
    return one


def settled(one: Any, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: not one._runner.busy, timeout=30_000)


def column(one: Any, at: int) -> list[str]:
    return [one.table.item(row, at).text() for row in range(one.table.rowCount())]


def opened(one: Any, row: int, qtbot: Any) -> None:
    one.open(row)
    settled(one, qtbot)


def test_the_queue_shows_the_worst_first(panel: Any) -> None:
    assert column(panel, 0) == ["c2", "c0", "c1"]
    assert column(panel, 1) == ["failed", "in doubt", "in doubt"]
    assert column(panel, 2) == ["", "2.0 mm", "2.0 mm"]
    assert "E-FILE" in column(panel, 5)[0]
    assert panel.message.text() == "3 cases, 3 to look at."


def test_a_session_of_review(viewer: Any, folder: Path, panel: Any, qtbot: Any) -> None:
    opened(panel, 1, qtbot)
    assert [layer.name.partition(" ")[0] for layer in viewer.layers] == ["c0", "c0", "c0", roles.SPECIMEN, roles.TUMOR]
    tumor = viewer.layers[roles.TUMOR]
    assert viewer.layers.selection.active is tumor
    assert tumor.mode == "paint"
    assert {str(unit) for layer in viewer.layers for unit in layer.units} == {"millimeter"}
    assert np.flatnonzero(tumor.data.any(1))[0] == 9

    tumor.data_setitem((np.array([7, 8]), np.array([15, 15])), 1)
    panel.accept()
    assert "painted on since it was measured" in panel.message.text()
    panel.measure()
    settled(panel, qtbot)
    assert panel.headline.text() == "tumor to cut edge: 1.0 mm (in the table: 2.0 mm)"
    assert "dcis-2mm, all: inadequate (certain)" in panel.notes.text()
    assert column(panel, 3) == ["", "tumor", ""]
    assert {"cut edge by distance", "closest pairs"} <= {layer.name for layer in viewer.layers}
    assert sorted(path.name for path in (folder / "out/cases/c0/hand").iterdir()) == ["tumor.ome.tif"]

    panel.accept()
    settled(panel, qtbot)
    assert column(panel, 1) == ["failed", "accepted", "in doubt"]
    assert panel.case.job.name == "c1"
    assert [layer.name.partition(" ")[0] for layer in viewer.layers] == ["c1", "c1", "c1", roles.SPECIMEN, roles.TUMOR]
    calm = (folder / "out/cases/c1/result.json").read_bytes()

    assert forked(jobs_again(folder), folder / "out").resumed == 1
    with (folder / "out" / batch.RESULTS).open(newline="") as stream:
        values = {row["case"]: row["value_mm"] for row in csv.DictReader(stream)}
    assert values == {"c0": "1.0", "c1": "2.0", "c2": ""}
    assert json.loads((folder / "out/cases/c0/result.json").read_text())["provenance"]["options"]["by_hand"] == [
        "tumor"
    ]
    assert (folder / "out/cases/c1/result.json").read_bytes() == calm

    panel.load()
    settled(panel, qtbot)
    assert column(panel, 0) == ["c2", "c1", "c0"]
    assert column(panel, 1) == ["failed", "in doubt", "accepted"]


def jobs_again(folder: Path) -> Any:
    """The batch's jobs, without writing their images anew."""
    given = review.defaults(WORDS)
    return [replace(given, image=str(folder / f"c{i}.ome.tif")) for i in range(3)]


def test_a_case_that_cannot_be_opened_says_why_and_leaves_no_layer(viewer: Any, panel: Any, qtbot: Any) -> None:
    opened(panel, 1, qtbot)
    opened(panel, 0, qtbot)
    assert "E-FILE" in panel.message.text()
    assert not viewer.layers
    panel.measure()
    assert panel.message.text() == "Open a case first."
    panel.accept()
    assert "no case is open" in panel.message.text()


def test_work_is_not_lost_by_opening_another(viewer: Any, panel: Any, qtbot: Any) -> None:
    opened(panel, 1, qtbot)
    viewer.layers[roles.TUMOR].data_setitem((np.array([7]), np.array([15])), 1)
    panel.open(2)
    assert "painted on and not measured" in panel.message.text()
    assert panel.case.job.name == "c0"
    opened(panel, 2, qtbot)
    assert panel.case.job.name == "c1"


def test_a_correction_is_taken_back(viewer: Any, folder: Path, panel: Any, qtbot: Any) -> None:
    opened(panel, 1, qtbot)
    viewer.layers[roles.TUMOR].data_setitem((np.array([7]), np.array([15])), 1)
    panel.measure()
    settled(panel, qtbot)
    panel.take_back()
    settled(panel, qtbot)
    assert not list((folder / "out/cases/c0/hand").glob("*.tif"))
    assert np.flatnonzero(viewer.layers[roles.TUMOR].data.any(1))[0] == 9
    assert column(panel, 3) == ["", "", ""]


@pytest.mark.parametrize("harm", ["removed", "moved"])
def test_C10_a_layer_that_is_gone_or_moved_is_refused(viewer: Any, panel: Any, qtbot: Any, harm: str) -> None:
    opened(panel, 1, qtbot)
    if harm == "removed":
        del viewer.layers[roles.TUMOR]
    else:
        viewer.layers[roles.TUMOR].translate = (1.0, 0.0)
    panel.measure()
    assert "E-GRID-08" in panel.message.text()
    assert not panel._runner.busy


def test_H05_pressed_twice_renamed_and_closed_meanwhile(viewer: Any, panel: Any, qtbot: Any) -> None:
    opened(panel, 1, qtbot)
    viewer.layers[roles.TUMOR].name = "something else"
    panel.measure()
    panel.measure()
    settled(panel, qtbot)
    assert panel.headline.text() == "tumor to cut edge: 2.0 mm"
    panel.measure()
    viewer.window.remove_dock_widget("all")
    settled(panel, qtbot)
    assert panel.closed


def test_a_stack_is_reviewed(viewer: Any, tmp_path: Path, qtbot: Any) -> None:
    from ..casefiles import stack_file

    image = stack_file(tmp_path)
    given = replace(review.defaults(f"--tumor {TUMOR} --specimen {SPECIMEN}"), image=str(image), confirm=True)
    forked([given], tmp_path / "out")
    (tmp_path / "cohort.csv").write_text(f"image,confirm\n{image.name},yes\n")
    one = viewer.window.add_plugin_dock_widget("marginkit", "Review")[1]
    one.cohort.setText(str(tmp_path / "cohort.csv"))
    one.folder.setText(str(tmp_path / "out"))
    one.options.setText(f"--tumor {TUMOR} --specimen {SPECIMEN}")
    one.load()
    settled(one, qtbot)
    opened(one, 0, qtbot)
    assert viewer.layers[roles.TUMOR].data.shape == (5, 32, 42)
    one.measure()
    settled(one, qtbot)
    assert one.headline.text().startswith("tumor to cut edge: 1.0 mm")


@pytest.mark.parametrize(
    ("cohort", "out", "options", "said"),
    [
        ("", "", "", "Choose the cohort"),
        ("cohort.csv", "nowhere", WORDS, "E-FILE-14"),
        ("cohort.csv", "out", "--tumour x", "E-USE-14"),
        ("nothing.csv", "out", WORDS, "E-COH-01"),
    ],
)
def test_what_is_wrong_stands_in_the_panel(
    viewer: Any, folder: Path, qtbot: Any, cohort: str, out: str, options: str, said: str
) -> None:
    one = viewer.window.add_plugin_dock_widget("marginkit", "Review")[1]
    one.cohort.setText(str(folder / cohort) if cohort else "")
    one.folder.setText(str(folder / out) if out else "")
    one.options.setText(options)
    one.load()
    settled(one, qtbot)
    assert said in one.message.text()
    assert one.table.rowCount() == 0

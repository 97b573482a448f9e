"""The panel of margins in a real viewer: known answers, painting, clicking, and what goes wrong meanwhile (H05)."""

import time
from typing import Any

import numpy as np
import pytest
from napari_marginkit import showing, working
from napari_marginkit.asking import answer
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from .test_files import ANSWERS


def opened(viewer: Any, sample: str = "excision") -> Any:
    """The panel beside a sample."""
    viewer.open_sample("marginkit", sample)
    return viewer.window.add_plugin_dock_widget("marginkit", "Margins")[1]


def measured(panel: Any, qtbot: Any) -> Any:
    panel.measure()
    settle(panel, qtbot)
    assert panel.outcome is not None, panel.message.text()
    return panel.outcome.result


def settle(panel: Any, qtbot: Any) -> None:
    qtbot.waitUntil(
        lambda: not panel._timer.isActive() and not panel._runner.busy and not panel._follower.busy, timeout=20_000
    )


@pytest.mark.parametrize(("sample", "case"), [("excision", "he"), ("fluorescence", "fluorescence")])
def test_samples_have_their_known_answer(viewer: Any, qtbot: Any, sample: str, case: str) -> None:
    result = measured(opened(viewer, sample), qtbot)
    known = ANSWERS[case]["margins"]
    assert result.value_mm == pytest.approx(known["all"]["pixel_mm"], rel=1e-9)
    for name, margin in result.named.items():
        assert margin.value_mm == pytest.approx(known[name]["pixel_mm"], rel=1e-9)
        assert margin.qualifier == "exact"
    assert set(result.named) == ({"superior", "deep", "inferior"} if case == "he" else set())


def test_a_stack_is_measured_in_3d_and_drawn_in_it(viewer: Any, qtbot: Any) -> None:
    panel = opened(viewer, "stack")
    result = measured(panel, qtbot)
    assert result.value_mm == pytest.approx(ANSWERS["stack"]["margins"]["tumor"]["pixel_mm"])
    assert viewer.layers[showing.PAIRS].ndim == 3
    viewer.dims.ndisplay = 3
    panel.go_to(0)


def test_the_table_says_margin_interval_qualifier_and_verdicts(viewer: Any, qtbot: Any) -> None:
    panel = opened(viewer)
    panel.policies.choose(["uicc-r-plus-1mm", "sarcoma-cates-2019"])
    panel.radiotherapy.setCurrentText("no")
    bar = viewer.canvas.overlays.scale_bar
    assert not bar.visible
    measured(panel, qtbot)
    assert bar.visible
    bar.visible = False
    measured(panel, qtbot)
    assert not bar.visible  # hidden by the user, it stays hidden
    table = panel.table
    heads = [table.horizontalHeaderItem(i).text() for i in range(table.columnCount())]
    rows = {table.item(r, 0).text(): [table.item(r, c).text() for c in range(1, len(heads))] for r in range(4)}
    assert heads[:4] == ["margin", "mm", "interval", "qualifier"]
    assert rows["deep"] == ["1.7", "1.7–1.8 mm", "exact", "inadequate", "R0"]
    assert rows["inferior"][3:] == ["adequate", "R0"]
    assert panel.headline.text() == "tumor to cut edge: 1.7 mm"


def test_the_drawn_pair_is_as_long_as_the_number_says(viewer: Any, qtbot: Any) -> None:
    panel = opened(viewer)
    result = measured(panel, qtbot)
    layer = viewer.layers[showing.PAIRS]
    lengths = np.linalg.norm(layer.data[:, 1] * layer.scale, axis=1)
    assert sorted(lengths) == pytest.approx(sorted(m.value_mm for m in result.named.values()), rel=1e-9)
    edge = viewer.layers[showing.EDGE]
    at = np.array(edge.data_to_world(layer.data[np.argmin(lengths), 0] + 0.5))  # from pixel centres to corners
    assert at == pytest.approx(ANSWERS["he"]["margins"]["deep"]["edge_point_mm"], abs=0.1)
    assert {str(unit) for one in viewer.layers for unit in one.units} == {"millimeter"}


def test_painting_moves_the_number_and_undo_moves_it_back(viewer: Any, qtbot: Any) -> None:
    panel = opened(viewer)
    before = measured(panel, qtbot).value_mm
    tumor = viewer.layers["tumor"]
    viewer.layers.selection.active = tumor
    tumor.brush_size = 4
    tumor.paint((495, 400), 1)
    settle(panel, qtbot)
    after = panel.outcome.result.value_mm
    assert after < before
    assert viewer.layers.selection.active is tumor
    full = answer(panel._asked)
    assert full.result.value_mm == after
    assert np.array_equal(panel._asked.inputs.target.data, tumor.data == 1)
    tumor.undo()
    settle(panel, qtbot)
    assert panel.outcome.result.value_mm == before


def test_moving_a_corner_moves_the_number(viewer: Any, qtbot: Any) -> None:
    panel = opened(viewer)
    like = viewer.layers["tumor"]
    box = np.array([[200.0, 300], [200, 400], [300, 400], [300, 300]])
    drawn = viewer.add_shapes([box], shape_type="polygon", name="drawn", scale=like.scale, units=like.units)
    panel.target.choose(drawn)
    before = measured(panel, qtbot).value_mm
    drawn.data = [np.where(box == 300, 340, box)]
    settle(panel, qtbot)
    assert panel.outcome.result.value_mm < before


def test_a_click_on_a_row_leads_the_camera_to_its_pair(viewer: Any, qtbot: Any) -> None:
    panel = opened(viewer)
    measured(panel, qtbot)
    row = next(r for r in range(4) if panel.table.item(r, 0).text() == "superior")
    panel.table.show()
    at = panel.table.visualItemRect(panel.table.item(row, 0)).center()
    QTest.mouseClick(panel.table.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(at.x(), at.y()))
    pair = panel.outcome.result.named["superior"].closest
    middle = (np.array(pair.edge_mm) + np.array(pair.tumor_mm)) / 2
    assert np.array(viewer.scene.camera.center)[-2:] == pytest.approx(middle, abs=1e-6)


def test_an_image_without_scale_shows_no_number(viewer: Any, qtbot: Any) -> None:
    viewer.add_image(np.ones((40, 40), np.float32), name="photo")
    viewer.add_labels(np.pad(np.ones((30, 30), np.uint8), 5), name="specimen")
    viewer.add_labels(np.pad(np.ones((10, 10), np.uint8), 15), name="tumor")
    panel = viewer.window.add_plugin_dock_widget("marginkit", "Margins")[1]
    assert "No scale" in panel.scale.text()
    panel.measure()
    assert "E-CAL-01" in panel.message.text()
    assert panel.outcome is None
    assert " mm" not in panel.headline.text()
    assert panel.table.isHidden()


def test_layers_of_two_units_stop_the_numbers_until_one_click(viewer: Any, qtbot: Any) -> None:
    panel = opened(viewer)
    before = measured(panel, qtbot).value_mm
    tumor = viewer.layers["tumor"]
    viewer.add_image(np.ones((9, 9)), scale=(100, 100), units=("um", "um"), name="other")
    assert panel.units.isVisibleTo(panel)
    panel.measure()
    assert "E-GRID-03" in panel.message.text()
    assert panel.outcome is None
    panel.units._button.click()
    assert not panel.units.isVisibleTo(panel)
    assert measured(panel, qtbot).value_mm == before
    viewer.reset_view()
    viewer.layers.selection = {tumor}
    tumor.mode, tumor.selected_label, tumor.brush_size = "paint", 1, 4
    had = int(tumor.data.sum())
    canvas = viewer.window._qt_viewer.canvas
    QTest.mouseClick(canvas.native, Qt.MouseButton.LeftButton, pos=QPoint(*(int(n) // 2 for n in canvas.size[::-1])))
    tumor.mode = "pan_zoom"
    assert int(tumor.data.sum()) >= had  # inside the tumor, or a new spot; never a thousand times away
    settle(panel, qtbot)
    assert panel.outcome.result.value_mm <= before


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers that take a while."""

    def later(request: Any) -> Any:
        time.sleep(0.4)
        return answer(request)

    monkeypatch.setattr(working, "answer", later)


@pytest.mark.usefixtures("slow")
def test_H05_a_layer_deleted_and_another_painted_during_a_run(viewer: Any, qtbot: Any) -> None:
    panel = opened(viewer)
    panel.live.setChecked(False)
    panel.measure()
    viewer.layers["specimen"].data[:] = 0
    viewer.layers.remove("tumor")
    settle(panel, qtbot)
    assert panel.outcome.result.value_mm == pytest.approx(ANSWERS["he"]["margins"]["all"]["pixel_mm"])


@pytest.mark.usefixtures("slow")
def test_H05_run_pressed_twice_gives_the_later_state_whole(viewer: Any, qtbot: Any) -> None:
    panel = opened(viewer)
    seen: list[Any] = []
    panel._runner._done = lambda asked, got: (seen.append((got.request, got.answer[0])), panel._answered(asked, got))
    panel.measure()
    viewer.layers["tumor"].paint((495, 400), 1)
    panel.measure()
    panel.measure()
    settle(panel, qtbot)
    request, outcome = seen[-1]
    assert panel.outcome is outcome
    assert np.array_equal(request.inputs.target.data, viewer.layers["tumor"].data == 1)
    assert outcome.result.value_mm == answer(request).result.value_mm


@pytest.mark.usefixtures("slow")
def test_H05_cancel_drops_the_answer(viewer: Any, qtbot: Any) -> None:
    panel = opened(viewer)
    panel.measure()
    assert panel.cancel_button.isEnabled()
    panel.cancel()
    settle(panel, qtbot)
    assert panel.outcome is None
    assert showing.PAIRS not in viewer.layers
    assert panel.message.text() == "Cancelled"


@pytest.mark.usefixtures("slow")
def test_H05_panel_closed_during_a_run(viewer: Any, qtbot: Any) -> None:
    panel = opened(viewer)
    panel.measure()
    panel.close()
    qtbot.waitUntil(lambda: not panel._runner.busy, timeout=5000)
    assert panel.outcome is None
    viewer.layers["tumor"].paint((495, 400), 1)
    viewer.add_labels(np.zeros((5, 5), np.uint8))


def test_names_of_layers_follow_and_removed_layers_are_forgotten(viewer: Any, qtbot: Any) -> None:
    panel = opened(viewer)
    viewer.layers["tumor"].name = "lesion"
    assert panel.target.currentText() == "lesion"
    viewer.layers.remove("lesion")
    assert panel.target.layer() is None
    panel.measure()
    assert "choose a tumor" in panel.message.text()


def test_a_stroke_moves_the_number_before_the_brush_rests(viewer: Any, qtbot: Any) -> None:
    viewer.open_sample("marginkit", "excision")
    panel = viewer.window.add_plugin_dock_widget("marginkit", "Margins")[1]
    panel.measure()
    qtbot.waitUntil(lambda: panel.outcome is not None, timeout=20_000)
    before = panel.headline.text()
    tumor = viewer.layers["tumor"]
    tumor.brush_size = 14
    tumor.paint((478, 350), 1)
    qtbot.waitUntil(lambda: panel.headline.text().endswith("…"), timeout=5000)
    quick = [panel.table.item(row, 1).text() for row in range(4)]
    assert panel.table.item(0, 2).text() == "…"
    drawn, edge = viewer.layers[showing.PAIRS].data.copy(), viewer.layers[showing.EDGE].data.copy()
    qtbot.waitUntil(
        lambda: not panel._timer.isActive() and not panel._runner.busy and not panel._follower.busy, timeout=20_000
    )
    assert [panel.table.item(row, 1).text() for row in range(4)] == quick
    assert np.array_equal(viewer.layers[showing.PAIRS].data, drawn)
    assert np.array_equal(viewer.layers[showing.EDGE].data, edge)
    tumor.undo()
    qtbot.waitUntil(lambda: panel.headline.text() == before, timeout=20_000)


def followed(panel: Any, qtbot: Any, edit: Any) -> tuple[list[str], Any, Any]:
    """What an edit shows at once, before the full answer: first column of numbers, pairs, edge."""
    panel._timer.setInterval(3000)
    edit()
    qtbot.waitUntil(lambda: panel.headline.text().endswith("…"), timeout=2500)
    layers = panel.viewer.layers
    quick = [panel.table.item(row, 1).text() for row in range(panel.table.rowCount())]
    return quick, layers[showing.PAIRS].data.copy(), layers[showing.EDGE].data.copy()


@pytest.mark.parametrize("kind", ["specimen", "undo", "fill", "erase"])
def test_edits_are_followed_at_once_and_agree_with_the_full_answer(viewer: Any, qtbot: Any, kind: str) -> None:
    panel = opened(viewer)
    measured(panel, qtbot)
    tumor, specimen = viewer.layers["tumor"], viewer.layers["specimen"]
    tumor.brush_size = specimen.brush_size = 30
    edge = panel.outcome.result.named["deep"].closest.edge_px
    if kind == "undo":
        tumor.paint((478, 350), 1)
        settle(panel, qtbot)
    edit = {
        "specimen": lambda: specimen.paint(edge, 0),
        "undo": tumor.undo,
        "fill": lambda: tumor.fill(tuple(int(n) for n in np.argwhere(tumor.data == 1)[0]), 0),
        "erase": lambda: tumor.paint(panel.outcome.result.all.closest.tumor_px, 0),
    }[kind]
    quick, pairs, drawn = followed(panel, qtbot, edit)
    if kind == "fill":
        tumor.undo()
        qtbot.waitUntil(lambda: panel.table.item(0, 1).text() != "—", timeout=2500)
        quick, pairs = [panel.table.item(r, 1).text() for r in range(4)], viewer.layers[showing.PAIRS].data.copy()
    panel.measure()  # everything frozen and measured anew
    settle(panel, qtbot)
    assert [panel.table.item(row, 1).text() for row in range(panel.table.rowCount())] == quick
    assert np.array_equal(viewer.layers[showing.PAIRS].data, pairs)
    assert np.array_equal(viewer.layers[showing.EDGE].data, drawn)
    request = panel._asked
    assert np.array_equal(request.inputs.target.data, tumor.data == 1)
    assert np.array_equal(request.inputs.specimen.data, specimen.data == 1)


def test_a_moved_name_is_followed_at_once(viewer: Any, qtbot: Any) -> None:
    panel = opened(viewer)
    height, width = viewer.layers["tumor"].data.shape
    upper = np.array([[0, 0], [0, width], [height / 2, width], [height / 2, 0]], float)
    like = viewer.layers["tumor"]
    drawn = viewer.add_shapes(
        [upper], shape_type="polygon", features={"name": ["upper"]}, scale=like.scale, units=like.units, name="parts"
    )
    panel.names.choose(drawn)
    measured(panel, qtbot)
    lower = upper + np.array([height / 2, 0])
    quick, pairs, _ = followed(panel, qtbot, lambda: setattr(drawn, "data", [lower]))
    panel.measure()
    settle(panel, qtbot)
    assert [panel.table.item(row, 1).text() for row in range(panel.table.rowCount())] == quick
    assert np.array_equal(viewer.layers[showing.PAIRS].data, pairs)


def test_a_second_label_is_not_followed_but_asked_for(viewer: Any, qtbot: Any) -> None:
    panel = opened(viewer)
    measured(panel, qtbot)
    tumor = viewer.layers["tumor"]
    tumor.brush_size = 10
    tumor.paint((300, 300), 2)
    settle(panel, qtbot)
    assert "E-PIX-05" in panel.message.text()
    assert panel.outcome is None


def test_pixels_changed_without_a_stroke_are_found_when_the_brush_rests(viewer: Any, qtbot: Any) -> None:
    panel = opened(viewer)
    before = measured(panel, qtbot).value_mm
    tumor = viewer.layers["tumor"]
    tumor.data[490:500, 395:405] = 1
    tumor.refresh()
    qtbot.waitUntil(lambda: panel.outcome.result.value_mm != before, timeout=20_000)
    settle(panel, qtbot)
    assert panel.outcome.result.value_mm == answer(panel._asked).result.value_mm < before


def test_what_is_drawn_after_a_stroke_is_what_the_layers_hold(viewer: Any, qtbot: Any) -> None:
    panel = opened(viewer)
    measured(panel, qtbot)
    tumor = viewer.layers["tumor"]
    tumor.brush_size = 30
    edge = viewer.layers[showing.EDGE]
    before = edge.edge_color.copy()
    followed(panel, qtbot, lambda: tumor.paint((478, 350), 1))
    assert not np.array_equal(edge.edge_color, before)
    for layer in (edge, viewer.layers[showing.PAIRS]):
        mesh = viewer.window._qt_viewer.canvas.layer_to_visual[layer].node.mesh_data
        corners = mesh.get_vertices().reshape(-1, 4, 2)
        assert corners[:, :2].mean(axis=1)[:, ::-1] == pytest.approx(layer.data[:, 0], abs=1e-3)
        assert corners[:, 2:].mean(axis=1)[:, ::-1] == pytest.approx(layer.data.sum(axis=1), abs=1e-3)
        assert np.allclose(mesh.get_face_colors(), layer.edge_color.repeat(2, axis=0))
    text = viewer.window._qt_viewer.canvas.layer_to_visual[viewer.layers[showing.ENDS]].node.text.text
    assert [word for word in text if word] == [word for word in viewer.layers[showing.ENDS].features["label"] if word]

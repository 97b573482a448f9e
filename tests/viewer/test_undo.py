"""Undo after edits of the plugin: drawn edges, barriers and lengths, scales, named margins."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from napari.layers import Shapes
from napari_marginkit import inking, pictures, placing, roles, undoing
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from marginkit.records import Region

BOX = [[-1.0, -1.0], [-1.0, 900.0], [300.0, 900.0], [300.0, -1.0]]


def panel(viewer: Any, name: str) -> Any:
    return viewer.window.add_plugin_dock_widget("marginkit", name)[1]


def told(layer: Any) -> list[Any]:
    return [[np.asarray(one).tolist() for one in layer.data], list(layer.shape_type), layer.features.to_dict("list")]


@pytest.fixture
def edges(viewer: Any) -> Any:
    viewer.open_sample("marginkit", "excision")
    del viewer.layers["margin names"], viewer.layers["edge classes"]
    return panel(viewer, "Edges")


def test_drawn_margins_are_undone_and_done_again_whole(viewer: Any, edges: Any) -> None:
    edges.name.setText("upper")
    edges.draw_name()
    layer = viewer.layers["margin names"]
    states = [told(layer)]
    layer.add_polygons(BOX)
    states.append(told(layer))
    edges.name.setText("lower")
    edges.draw_name()
    layer.add_ellipses([[400.0, 0.0], [400.0, 900.0], [700.0, 900.0], [700.0, 0.0]])
    states.append(told(layer))
    layer.remove([0])
    states.append(told(layer))
    assert [state[2].get("name") for state in states] == [[], ["upper"], ["upper", "lower"], ["lower"]]
    for state in reversed(states[:-1]):
        edges.undo()
        assert "Undone: margin names" in edges.message.text()
        assert told(layer) == state
    edges.undo()
    assert edges.message.text() == "Nothing to undo."
    for state in states[1:]:
        edges.redo()
        assert told(layer) == state
    edges.undo()
    assert layer.feature_defaults["name"][0] == "lower"  # what is drawn next has the name that was written
    layer.add_polygons(BOX)
    edges.redo()
    assert edges.message.text() == "Nothing to do again."


def test_the_number_follows_an_undone_edge(viewer: Any, edges: Any, qtbot: Any) -> None:
    margins = panel(viewer, "Margins")
    edges.kind.setCurrentIndex(5)
    edges.draw_class()
    layer = viewer.layers["edge classes"]
    layer.add_polygons([[300.0, -1.0], [300.0, 900.0], [700.0, 900.0], [700.0, -1.0]])
    margins.measure()
    qtbot.waitUntil(lambda: margins.outcome is not None and not margins._runner.busy, timeout=20_000)
    assert margins.outcome.result.value_mm > 3
    edges.undo()
    qtbot.waitUntil(lambda: margins.outcome.result.value_mm < 2, timeout=20_000)
    edges.redo()
    qtbot.waitUntil(lambda: margins.outcome.result.value_mm > 3, timeout=20_000)


def test_the_keys_of_labels_undo_a_shape_that_was_drawn_by_hand(make_napari_viewer: Any) -> None:
    viewer = make_napari_viewer(show=True)
    viewer.open_sample("marginkit", "excision")
    edges = panel(viewer, "Edges")
    edges.draw_barrier()
    layer = viewer.layers["barrier"]
    layer.mode = "add_line"
    canvas = viewer.window._qt_viewer.canvas.native
    middle = QPoint(canvas.width() // 2, canvas.height() // 2)
    for step in (0, 60):
        start = middle + QPoint(0, step)
        QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=start)
        QTest.mouseMove(canvas, start + QPoint(40, 10))
        QTest.mouseMove(canvas, start + QPoint(80, 20))
        QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=start + QPoint(80, 20))
    assert len(layer.data) == 2
    assert list(layer.features["type"]) == ["fascia", "fascia"]
    QTest.keyClick(canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert len(layer.data) == 1
    assert layer.mode == "add_line"
    QTest.keyClick(canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    assert len(layer.data) == 2
    tumor = viewer.layers["tumor"]
    viewer.layers.selection.active = tumor
    before = tumor.data.copy()
    tumor.paint((478, 350), 1)
    QTest.keyClick(canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert np.array_equal(tumor.data, before)  # napari's own history, as ever
    assert len(layer.data) == 2


def test_a_moved_corner_is_one_step(viewer: Any, edges: Any) -> None:
    edges.draw_barrier()
    layer = viewer.layers["barrier"]
    layer.add_paths([[445.0, -1.0], [445.0, 900.0]])
    for row in (440.0, 430.0, 420.0):  # as while it is dragged: napari tells of the end alone
        layer._data_view.edit(0, np.array([[row, -1.0], [445.0, 900.0]]))
    layer.events.data(value=layer.data, action="changed", data_indices=(0,), vertex_indices=((0,),))
    viewer.layers.selection.active = viewer.layers["excision"]
    edges.undo()
    assert layer.data[0][0, 0] == 445.0


def test_other_peoples_shapes_keep_their_keys() -> None:
    strange = Shapes([np.array(BOX)], shape_type="polygon", name="notes")
    undoing.follow([strange])
    assert not strange.keymap


def test_a_scale_is_taken_back_with_all_that_lies_on_it(viewer: Any) -> None:
    image = viewer.add_image(np.ones((60, 80), np.float32), name="photo")
    old = viewer.add_labels(np.ones((60, 80), np.uint8), name="specimen")
    one = panel(viewer, "Calibrate")
    assert not one.undo_button.isEnabled()
    for size in ("0.5mm", "0.25mm"):
        one.typed.setText(size)
        one.take_typed()
    new = viewer.add_labels(np.ones((60, 80), np.uint8), name="tumor", **placing.transform_of(image))
    one.undo()
    assert pictures.picture_of(image).spacing_mm == (0.5, 0.5)
    assert [one.scale.tolist() for one in (image, old, new)] == [[0.5, 0.5]] * 3
    assert "Scale: 0.5 × 0.5 mm" in one.state.text()
    one.undo()
    assert pictures.picture_of(image).calibration is None
    assert [one.scale.tolist() for one in (image, old, new)] == [[1.0, 1.0]] * 3
    assert placing.units_of(viewer.layers) == ("pixel",)
    assert "No scale" in one.state.text()
    assert not one.undo_button.isEnabled()
    one.typed.setText("0.5mm")
    one.take_typed()
    viewer.layers.remove(image)
    one.undo()
    assert "is gone" in one.message.text()


def test_undone_inks_bear_the_names_that_they_had(viewer: Any) -> None:
    image = viewer.add_image(np.ones((9, 9)), scale=(0.5, 0.5), units=("mm", "mm"))
    wish: Any = SimpleNamespace(place=placing.transform_of(image), picture=SimpleNamespace(spacing_mm=(0.5, 0.5)))
    first, second = np.zeros((9, 9), np.uint8), np.zeros((9, 9), np.uint8)
    first[0], second[8] = 1, 1
    layer = inking.put(viewer, wish, inking.Zones(Region(first), {1: "superior"}, ""))
    assert inking.put(viewer, wish, inking.Zones(Region(second), {1: "deep"}, "")) is layer
    assert {roles.names_of(layer)[label] for label in np.unique(layer.data[8])} == {"deep"}
    layer.undo()
    assert {roles.names_of(layer)[label] for label in np.unique(layer.data[0])} == {"superior"}

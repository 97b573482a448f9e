"""What undo and redo have put back is found by its rows, and masks that nobody painted on are not copied again."""

from typing import Any

import numpy as np
import pytest
from napari.layers import Labels
from napari_marginkit import taking
from napari_marginkit.asking import answer
from napari_marginkit.strokes import Strokes
from napari_marginkit.turning import Turns

from .test_margins import measured, opened, settle


def rows_of(step: Any) -> set[int]:
    return {row for edit in step for row in np.arange(20)[edit[0][0]].ravel().tolist()}


def stroke(layer: Any, row: int) -> None:
    with layer.block_history():
        layer.paint((row, 3), 1)
        layer.paint((row, 6), 1)


def test_the_step_that_was_undone_or_done_again() -> None:
    layer, turns = Labels(np.zeros((20, 20), np.uint8)), Turns()
    layer.brush_size = 1
    stroke(layer, 4)
    layer.paint((9, 3), 1)
    assert turns.look(layer) is None  # the first look
    assert turns.look(layer) is None  # nothing was undone
    layer.undo()
    assert rows_of(turns.look(layer)) == {9}
    layer.undo()
    assert rows_of(turns.look(layer)) == {4}
    layer.redo()
    assert rows_of(turns.look(layer)) == {4}
    stroke(layer, 12)  # what could be done again is forgotten
    layer.undo()
    assert rows_of(turns.look(layer)) == {12}
    layer.data[15:17] = 1
    layer.refresh()
    assert turns.look(layer) is None
    layer.redo()
    assert rows_of(turns.look(layer)) == {12}
    layer.undo()
    layer.undo()
    assert turns.look(layer) is None  # more than one


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Heights of the parts of label layers that are copied, on the main thread."""
    found: list[int] = []
    take, mask = Strokes._take, taking._mask

    def taken(self: Any, part: Any, layer: Any, labels: str, first: int, last: int) -> None:
        found.append(last - first)
        take(self, part, layer, labels, first, last)

    def masked(layer: Any, labels: str) -> Any:
        found.append(len(layer.data))
        return mask(layer, labels)

    monkeypatch.setattr(Strokes, "_take", taken)
    monkeypatch.setattr(taking, "_mask", masked)
    return found


def test_undo_and_redo_look_at_the_rows_of_the_stroke_alone(viewer: Any, qtbot: Any, copies: list[int]) -> None:
    panel = opened(viewer)
    before = measured(panel, qtbot).value_mm
    tumor = viewer.layers["tumor"]
    tumor.brush_size = 30
    tumor.paint((478, 350), 1)
    settle(panel, qtbot)
    painted = panel.outcome.result.value_mm
    assert painted < before
    panel.measure()  # from here on no stroke has been heard of
    settle(panel, qtbot)
    copies.clear()
    for turn, value in ((tumor.undo, before), (tumor.redo, painted), (tumor.undo, before)):
        turn()
        settle(panel, qtbot)
        assert panel.outcome.result.value_mm == value == answer(panel.request).result.value_mm
        assert np.array_equal(panel.request.inputs.target.data, tumor.data == 1)
    assert copies
    assert max(copies) <= 31


def test_a_moved_name_copies_no_mask(viewer: Any, qtbot: Any, copies: list[int]) -> None:
    panel = opened(viewer)
    height, width = viewer.layers["tumor"].data.shape
    like, box = viewer.layers["tumor"], np.array([[0, 0], [0, width], [height / 2, width], [height / 2, 0]], float)
    drawn = viewer.add_shapes([box], shape_type="polygon", features={"name": ["upper"]}, scale=like.scale, units="mm")
    panel.names.choose(drawn)
    measured(panel, qtbot)
    masks = panel.request.inputs.target.data, panel.request.inputs.specimen.data
    copies.clear()
    drawn.data = [box + np.array([height / 2, 0])]
    settle(panel, qtbot)
    assert copies == []
    assert panel.request.inputs.target.data is masks[0]
    assert panel.request.inputs.specimen.data is masks[1]
    assert panel.outcome.result.margins == answer(panel.request).result.margins
    like.brush_size = 30
    like.paint((478, 350), 1)
    drawn.data = [box]  # at once after a stroke: now the masks are others
    settle(panel, qtbot)
    assert np.array_equal(panel.request.inputs.target.data, like.data == 1)
    assert panel.outcome.result.margins == answer(panel.request).result.margins


def test_a_stack_is_measured_again_after_a_stroke(viewer: Any, qtbot: Any) -> None:
    panel = opened(viewer, "stack")
    before = measured(panel, qtbot).value_mm
    tumor = viewer.layers[panel.target.layer().name]
    edge = np.rint(panel.outcome.result.closest.edge_px).astype(int)
    tumor.brush_size = 3
    tumor.paint(tuple(edge), 1)
    settle(panel, qtbot)
    assert np.array_equal(panel.request.inputs.target.data, tumor.data != 0)
    assert panel.outcome.result.value_mm == 0 < before


def test_labels_beside_a_drawn_specimen_are_measured_again_after_a_stroke(viewer: Any, qtbot: Any) -> None:
    """A drawn outline is not followed while one paints: after each stroke all is measured."""
    panel = opened(viewer)
    tumor, old = panel.target.layer(), panel.specimen.layer()
    rows, columns = (np.flatnonzero((old.data != 0).any(axis=axis)) for axis in (1, 0))
    top, bottom, left, right = rows[0] - 0.5, rows[-1] + 0.5, columns[0] - 0.5, columns[-1] + 0.5
    box = viewer.add_shapes([[top, left], [top, right], [bottom, right], [bottom, left]], shape_type="polygon")
    box.scale, box.units = old.scale, old.units
    panel.specimen.setCurrentText(box.name)
    before = measured(panel, qtbot).value_mm
    assert panel.specimen.layer() is box
    tumor.brush_size = 5
    row, column = np.rint(panel.outcome.result.closest.edge_px).astype(int)
    tumor.paint((row - 8, column), 1)
    settle(panel, qtbot)
    assert 0 < panel.outcome.result.value_mm <= 8 * 0.025 < before  # the edge is eight pixels away
    assert panel.outcome.result.margins == answer(panel.request).result.margins
    assert np.array_equal(panel.request.inputs.target.data, tumor.data == 1)
    tumor.undo()
    settle(panel, qtbot)
    assert panel.outcome.result.value_mm == before

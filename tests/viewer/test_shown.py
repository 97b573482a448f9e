"""What is drawn of a result: bands, unseen and unknown edge, inks picked and named, backgrounds, rulers."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import shapely
from napari.layers import Image, Labels
from napari_marginkit import bands, drawing, keeping, pictures, roles, showing, unmeasured
from napari_marginkit.asking import Form, answer, freeze
from napari_marginkit.legend import told
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from marginkit import edges
from marginkit.records import Measured

from .test_files import ANSWERS

MM = {"scale": (0.5, 0.48), "units": ("mm", "mm")}


def panel(viewer: Any, name: str) -> Any:
    return viewer.window.add_plugin_dock_widget("marginkit", name)[1]


def answered(form: Form) -> tuple[Any, Measured]:
    request = freeze(form)
    case = answer(request)
    assert isinstance(case, Measured), case
    return request, case


def test_bands_lie_at_their_distance_from_the_tumor_within_the_specimen() -> None:
    tumor, specimen = np.zeros((80, 160), np.uint8), np.zeros((80, 160), np.uint8)
    specimen[4:76, 8:152], tumor[30:40, 60:90] = 1, 1
    image = Image(np.ones((80, 160)), name="image", **MM)
    form = Form(image, Labels(tumor, **MM), Labels(specimen, **MM), limits_mm=(1.0, 5.0, 50.0))
    lines, limit = bands.bands(*answered(form))
    assert set(limit) == {0.0, 1.0}  # 50 mm lies outside the specimen
    box = shapely.box(59.5 * 0.48, 29.5 * 0.5, 89.5 * 0.48, 39.5 * 0.5)
    for which, limit_mm in enumerate((1.0, 5.0)):
        ends = np.concatenate([lines[limit == which, 0], lines[limit == which].sum(1)]) * (0.5, 0.48)
        away = shapely.distance(shapely.points(ends[:, ::-1]), box)
        assert away == pytest.approx(np.full(len(away), limit_mm), abs=0.05)


def test_bands_of_a_stack_lie_at_their_distance_in_3d() -> None:
    place = {"scale": (2.0, 0.5, 0.5), "units": ("mm",) * 3}
    tumor, specimen = np.zeros((9, 60, 60), np.uint8), np.zeros((9, 60, 60), np.uint8)
    specimen[1:8, 4:56, 4:56], tumor[4, 30, 30] = 1, 1
    form = Form(Image(np.ones(tumor.shape), name="i", **place), Labels(tumor, **place), Labels(specimen, **place))
    lines, limit = bands.bands(*answered(form))
    far = lines[limit == 1]
    away = np.linalg.norm((far[:, 0] - (4, 30, 30)) * place["scale"], axis=1)
    assert away == pytest.approx(np.full(len(away), 5.0), abs=0.05)
    assert set(far[:, 0, 0]) == {2.0, 3.0, 4.0, 5.0, 6.0}


def test_unseen_and_unknown_edge_look_unlike_measured_edge() -> None:
    tumor, specimen, kinds = (np.zeros((60, 60), np.uint8) for _ in range(3))
    specimen[:50, 5:55], tumor[20:30, 20:30] = 1, 1  # the upper border is the end of the view
    kinds[:, 50:], kinds[45:, :20] = 6, 2  # right side unknown, some of the lower natural
    image = Image(np.ones((60, 60)), name="image", scale=(0.5, 0.5), units=("mm", "mm"))
    layers = [Labels(one, scale=(0.5, 0.5), units=("mm", "mm")) for one in (tumor, specimen, kinds)]
    request, case = answered(Form(image, layers[0], layers[1], edge=layers[2]))
    drawn = drawing.draw(request, case)
    middle = drawn.edge[:, 0] + drawn.edge[:, 1] / 2
    top, right = middle[:, 0] < 0, (middle[:, 1] > 54) & (middle[:, 0] > 0)
    unseen = drawing._rgba(drawing.UNSEEN_COLOUR)[:3]
    assert np.allclose(drawn.edge_colours[top & (middle[:, 1] < 49), :3], unseen)
    assert set(drawn.edge_colours[top, 3]) == {0.0, 1.0}
    assert np.allclose(drawn.edge_colours[right, :3], drawn.ink[:3])
    assert set(drawn.edge_colours[right, 3]) == {0.0, 1.0}
    words = [word for _, _, word in told(case)]
    length = case.result.profile.by_class
    assert length["frame"] > 0
    assert f"unseen {length['frame']:.1f} mm" in words
    assert f"unknown {length['unknown']:.1f} mm" in words
    assert words[:2] == ["1 mm", "5 mm"]


def test_unseen_and_unknown_edge_of_a_stack_is_drawn_where_it_lies() -> None:
    place = {"scale": (2.0, 0.5, 0.5), "units": ("mm",) * 3}
    tumor, specimen, kinds = (np.zeros((6, 40, 40), np.uint8) for _ in range(3))
    specimen[:, 4:36, 4:36], tumor[2:4, 15:25, 15:25] = 1, 1
    kinds[:, :, 34:], kinds[:, :6] = 6, 2
    image = Image(np.ones(tumor.shape), name="i", **place)
    layers = [Labels(one, **place) for one in (tumor, specimen, kinds)]
    request, case = answered(Form(image, layers[0], layers[1], edge=layers[2]))
    where, style = unmeasured.places(request, case)
    caps, right, top = where[style == 2], where[style == 3], where[style == 1]
    assert set(caps[:, 0]) == {-0.5, 5.5}  # first and last plane: section
    assert right[:, 2].min() >= 34
    assert right[:, 2].max() == 35.5
    assert (top[:, 1].min(), top[:, 1].max() <= 5) == (3.5, True)
    whole = 6 * 32  # faces of one side
    assert whole / 8 < (top[:, 1] == 3.5).sum() < whole / 2
    drawn = drawing.draw(request, case)
    assert len(drawn.edge) == len(drawn.edge_colours) == len(case.result.profile.edge_px) + len(where)
    assert np.allclose(drawn.edge_colours[-len(where) :][style == 2][:, :3], drawing._rgba(drawing.UNSEEN_COLOUR)[:3])


def test_words_stand_where_their_line_does_not_cross_them() -> None:
    level, up, down = [[50.0, 10.0], [4.0, 40.0]], [[90.0, 50.0], [-30.0, 2.0]], [[10.0, 50.0], [30.0, 2.0]]
    assert showing.beside(np.array([level, up, down]), 5.0).tolist() == [[47.0, 30.0], [55.0, 52.0], [45.0, 52.0]]


def test_inks_are_picked_by_a_click_and_name_margins(viewer: Any, qtbot: Any) -> None:
    viewer.open_sample("marginkit", "excision")
    viewer.layers.remove("margin names")
    one = panel(viewer, "Edges")
    image = viewer.layers["excision"]
    inks = one.inks
    inks.colour.setCurrentText("blue")
    inks.pick()
    viewer.reset_view()
    ink = _inked(image)
    for callback in list(viewer.mouse_drag_callbacks):
        callback(viewer, SimpleNamespace(position=image.data_to_world(ink)))
    assert "blue: hue" in inks.message.text()
    assert list(keeping.noted(image, keeping.PALETTE)["inks"]) == ["blue"]
    assert not [c for c in viewer.mouse_drag_callbacks if c == inks._clicked]
    inks.map.setText("blue=superior, black=all")
    inks.name_margins()
    assert "E-USE-10" in inks.message.text()
    inks.map.setText("blue=superior, black=deep")
    inks.name_margins()
    qtbot.waitUntil(lambda: roles.NAMES in viewer.layers, timeout=20_000)
    assert roles.names_of(viewer.layers[roles.NAMES]) == {1: "superior", 2: "deep"}
    margins = panel(viewer, "Margins")
    margins.measure()
    qtbot.waitUntil(lambda: margins.outcome is not None, timeout=20_000)
    known = ANSWERS["he"]["margins"]
    for name, margin in margins.outcome.result.named.items():
        assert margin.value_mm == pytest.approx(known[name]["pixel_mm"], abs=0.1)


def _inked(image: Any) -> tuple[int, int]:
    """A pixel that is bluest."""
    red, green, blue = np.moveaxis(np.asarray(image.data[..., :3], np.int64), -1, 0)
    score = blue - red - abs(green - (blue + red) // 2)
    y, x = np.unravel_index(np.argmax(score), score.shape)
    return int(y), int(x)


def test_a_drawn_margin_and_class_are_measured(viewer: Any, qtbot: Any) -> None:
    viewer.open_sample("marginkit", "excision")
    del viewer.layers["margin names"], viewer.layers["edge classes"]
    one = panel(viewer, "Edges")
    one.name.setText("upper")
    one.draw_name()
    viewer.layers["margin names"].add_polygons([[-1.0, -1.0], [-1.0, 900.0], [300.0, 900.0], [300.0, -1.0]])
    one.kind.setCurrentIndex(5)
    one.draw_class()
    viewer.layers["edge classes"].add_polygons([[-1.0, -1.0], [-1.0, 200.0], [700.0, 200.0], [700.0, -1.0]])
    margins = panel(viewer, "Margins")
    margins.sectors.setText("6h=lower, ne=aside")
    margins.measure()
    qtbot.waitUntil(lambda: margins.outcome is not None, timeout=20_000)
    result = margins.outcome.result
    assert set(result.named) == {"upper", "lower", "aside"}
    assert result.profile.by_class["unknown"] > 0


def test_directions_by_clock_and_compass_are_those_in_degrees() -> None:
    assert edges.directions("12h=a, 1h=b, 9h=c") == {"a": 0.0, "b": 30.0, "c": 270.0}
    assert edges.directions("n=a, nw=b, e=c") == {"a": 0.0, "b": 315.0, "c": 90.0}


def test_a_background_that_is_a_layer_moves_the_threshold(viewer: Any, qtbot: Any) -> None:
    viewer.open_sample("marginkit", "fluorescence")
    image, specimen = viewer.layers["fluorescence"], viewer.layers["specimen"].data > 0
    dim, bright = (np.zeros(image.data.shape, np.uint8) for _ in range(2))
    inside = np.where(specimen & (viewer.layers["signal"].data == 0), image.data, 0)
    dim[(inside > 0) & (inside < np.quantile(inside[inside > 0], 0.2))] = 1
    bright[inside > np.quantile(inside[inside > 0], 0.8)] = 1
    where = {"scale": image.scale, "units": image.units, "axis_labels": image.axis_labels}
    del viewer.layers["signal"]
    grounds = [viewer.add_labels(one, name=name, **where) for one, name in ((dim, "dim"), (bright, "bright"))]
    other = viewer.add_labels(dim[:9], name="elsewhere", **where)
    one = panel(viewer, "Segment")
    one.what.setCurrentText("signal")
    one.method.setCurrentText("fluorescence")
    one.set_option("threshold", "ratio")
    found = []
    for ground in grounds:
        one.ground.choose(ground)
        one.message.say("")
        one.run()
        qtbot.waitUntil(lambda: bool(one.message.text()), timeout=20_000)
        assert f"background {ground.name}" in one.message.text(), one.message.text()
        assert "TBR" in one.message.text()
        found.append(int((viewer.layers["signal"].data > 0).sum()))
    assert found[0] > found[1]
    one.ground.choose(other)
    one.run()
    assert "E-GRID-07" in one.message.text()


def test_a_ruler_is_found_and_its_marks_are_shown(viewer: Any, qtbot: Any, shared_data: Path) -> None:
    photo = sorted((shared_data / "ruler-photo").glob("*angle0.JPG"))
    if not photo:
        pytest.skip("no photograph of a ruler")
    viewer.open(str(photo[0]), plugin="marginkit")
    one = panel(viewer, "Calibrate")
    one.find_ruler()
    qtbot.waitUntil(lambda: bool(one.message.text()), timeout=60_000)
    assert "Taken: " in one.message.text()
    assert len(viewer.layers["ruler found"].data) > 10
    assert pictures.picture_of(viewer.layers[0]).calibration.source == "ruler"


def test_a_stroke_beside_a_layer_in_micrometres_lands_where_it_was_made(make_napari_viewer: Any) -> None:
    viewer = make_napari_viewer(show=True)
    viewer.open_sample("marginkit", "excision")
    viewer.add_image(np.ones((9, 9)), scale=(100, 100), units=("um", "um"), name="other")
    notice = panel(viewer, "Margins").units
    assert notice.isVisibleTo(notice.parent())
    notice._button.click()
    tumor = viewer.layers["tumor"]
    tumor.data = np.zeros_like(tumor.data)
    viewer.layers.selection.active = tumor
    tumor.mode, tumor.selected_label, tumor.brush_size = "paint", 1, 10
    viewer.scene.camera.center = tumor.data_to_world((300, 400))
    viewer.scene.camera.zoom = 20
    canvas = viewer.window._qt_viewer.canvas.native
    middle = QPoint(canvas.width() // 2, canvas.height() // 2)
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=middle)
    tumor.mode = "pan_zoom"
    painted = np.argwhere(tumor.data)
    assert len(painted) > 20
    assert painted.mean(0) == pytest.approx([300, 400], abs=4)


def test_the_bands_follow_the_limits_of_the_panel(viewer: Any, qtbot: Any) -> None:
    viewer.open_sample("marginkit", "excision")
    margins = panel(viewer, "Margins")
    margins.limits.setText("2, 1")
    margins.measure()
    assert "E-USE-14" in margins.message.text()
    margins.limits.setText("1")
    margins.measure()
    qtbot.waitUntil(lambda: margins.outcome is not None, timeout=20_000)
    assert len(viewer.layers[showing.BANDS].data) > 50
    assert len(np.unique(viewer.layers[showing.BANDS].edge_color, axis=0)) == 1

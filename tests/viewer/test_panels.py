"""Segment, edges, export: from an image to a measured, exported case in a real viewer."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari_marginkit import blank, coarse, keeping, preview, roles, segment, segmented

import marginkit
from marginkit import segmenting, shelf

from .test_files import ANSWERS


def panel(viewer: Any, name: str) -> Any:
    return viewer.window.add_plugin_dock_widget("marginkit", name)[1]


def found(one: Any, qtbot: Any) -> None:
    one.run()
    qtbot.waitUntil(lambda: not one._runner.busy, timeout=20_000)


def test_the_form_of_a_segmenter_is_made_of_its_options(viewer: Any) -> None:
    viewer.open_sample("marginkit", "fluorescence")
    one = panel(viewer, "Segment")
    one.what.setCurrentText("signal")
    one.method.setCurrentText("threshold")
    options = shelf.get("segmenters", "threshold").Options
    assert set(one._fields) == set(options.__dataclass_fields__)
    assert one._fields["channel"].toolTip().startswith("of colours")
    one.set_option("above", "nonsense")
    one.run()
    assert "E-USE-03" in one.message.text()


def test_a_specimen_is_found_painted_on_and_found_again(viewer: Any, qtbot: Any) -> None:
    viewer.open_sample("marginkit", "fluorescence")
    known = viewer.layers["specimen"].data > 0
    del viewer.layers["specimen"], viewer.layers["signal"]
    one = panel(viewer, "Segment")
    one.what.setCurrentText("tissue")
    one.method.setCurrentText("threshold")
    one.set_option("above", "triangle")
    found(one, qtbot)
    layer = viewer.layers[roles.SPECIMEN]
    overlap = ((layer.data > 0) & known).sum() / ((layer.data > 0) | known).sum()
    assert overlap > 0.9
    assert layer.scale == pytest.approx(viewer.layers["fluorescence"].scale)
    assert layer.metadata["marginkit"]["maker"].startswith("threshold")
    before = layer.data.copy()
    one.set_option("above", "1e6")
    found(one, qtbot)
    assert viewer.layers[roles.SPECIMEN] is layer
    assert not layer.data.any()
    layer.undo()
    assert np.array_equal(layer.data, before)


def test_options_are_tried_while_they_change(viewer: Any, qtbot: Any) -> None:
    viewer.open_sample("marginkit", "fluorescence")
    one = panel(viewer, "Segment")
    one.what.setCurrentText("signal")
    assert one.method.currentText() == "fluorescence"  # the usual one
    one.method.setCurrentText("threshold")
    one.live.setChecked(True)
    one.set_option("above", "2000")
    qtbot.waitUntil(lambda: not one._timer.isActive() and not one._runner.busy, timeout=20_000)
    few = int(viewer.layers["signal"].data.sum())
    one.set_option("above", "1000")
    qtbot.waitUntil(lambda: not one._timer.isActive() and not one._runner.busy, timeout=20_000)
    assert int(viewer.layers["signal"].data.sum()) > few


def shown(viewer: Any, layer: Any) -> np.ndarray:
    """Which pixels of a layer are seen to be coloured, as the graphics card draws them, with all else hidden."""
    for one in viewer.layers:
        one.visible = one is layer
    layer.opacity = 1
    viewer.window.resize(1400, 1200)
    viewer.reset_view()
    picture = viewer.screenshot(canvas_only=True, flash=False)
    camera, size = viewer.scene.camera, np.array(picture.shape[:2])
    at = []
    for axis, count in enumerate(layer.data.shape):
        world = np.arange(count) * layer.scale[axis] + layer.translate[axis]
        place = (world - camera.center[axis + 1]) * camera.zoom + size[axis] / 2
        at.append(np.clip(np.floor(place).astype(int), 0, size[axis] - 1))
    return picture[np.ix_(*at)][..., 0] > 100


@pytest.mark.parametrize("method", ["threshold", "fluorescence"])
def test_the_slider_shows_what_the_segmenter_then_finds(make_napari_viewer: Any, qtbot: Any, method: str) -> None:
    viewer = make_napari_viewer(show=True)
    viewer.open_sample("marginkit", "fluorescence")
    del viewer.layers["signal"]
    one = panel(viewer, "Segment")
    one.what.setCurrentText("signal")
    one.method.setCurrentText(method)
    one.preview.start()
    qtbot.waitUntil(lambda: one.preview.layer is not None, timeout=20_000)
    slider = segment.shelf.get("segmenters", method).SLIDER
    assert one._fields[slider].text() == ""  # nothing is chosen yet
    one.preview.slider.setSliderDown(True)
    one.preview.slider.setValue(preview.STEPS // 8)
    assert one._fields[slider].text() == ""
    assert roles.SIGNAL not in viewer.layers
    seen = shown(viewer, one.preview.layer)
    one.preview.slider.setSliderDown(False)
    typed = float(one._fields[slider].text())
    assert f"above {typed:g}" in one.preview.told.text()
    found(one, qtbot)
    assert not one.preview.layer.visible
    mask = viewer.layers[roles.SIGNAL].data > 0
    assert 0.01 < mask.mean() < 0.5
    assert (mask != seen).mean() < 0.002  # a screenshot is off by a pixel at borders
    assert np.array_equal(one.preview.layer.data > typed, mask)
    one.preview.slider.setValue(preview.STEPS // 4)
    assert not viewer.layers[roles.SIGNAL].visible
    found(one, qtbot)
    assert viewer.layers[roles.SIGNAL].visible
    one.what.setCurrentText("tissue")
    assert one.preview.layer is None


def test_the_slider_tells_its_value_against_the_background_that_is_a_layer(viewer: Any, qtbot: Any) -> None:
    viewer.open_sample("marginkit", "fluorescence")
    image = viewer.layers["fluorescence"]
    ground = np.zeros(image.data.shape, np.uint8)
    ground[200:260, 100:160] = 1
    where = {"scale": image.scale, "units": image.units, "axis_labels": image.axis_labels}
    one = panel(viewer, "Segment")
    one.what.setCurrentText("signal")
    one.method.setCurrentText("fluorescence")
    one.ground.choose(viewer.add_labels(ground, name="ground", **where))
    one.preview.start()
    qtbot.waitUntil(lambda: one.preview.layer is not None, timeout=20_000)
    mean = image.data[ground > 0].mean()
    assert f"{one.preview.value / mean:.2f} × background" in one.preview.told.text()
    assert keeping_leaves_out(viewer)
    one.set_option("smooth_px", "3")
    qtbot.waitUntil(
        lambda: one.preview._values is not None and one.preview._values.pixels.dtype == np.float32, timeout=20_000
    )
    viewer.layers.remove(one.preview.layer)
    assert not one.preview.slider.isEnabled()


def keeping_leaves_out(viewer: Any) -> bool:
    return not keeping._kind(viewer.layers[preview.NAME]) and keeping._ours(viewer.layers[preview.NAME])


def test_a_large_picture_is_tried_on_each_nth_pixel_in_its_own_place() -> None:
    pixels = np.arange(40 * 50, dtype=np.uint16).reshape(40, 50)
    level = marginkit.records.Level((40, 50), (1.0, 1.0), lambda where: pixels[where])
    picture = marginkit.records.Picture("a", "x", "YX", (40, 50), np.dtype(np.uint16), (level,))
    small, ratio, first = coarse.coarse(picture, most_px=200)
    assert (small.shape, ratio, first) == ((10, 13), (4.0, 4.0), (0.0, 0.0))
    assert np.array_equal(small.read(), pixels[::4, ::4])
    assert np.array_equal(small.levels[0].read((slice(2, 5), slice(3, 9))), pixels[8:20:4, 12:36:4])
    coarser = marginkit.records.Level((20, 25), (2.0, 2.0), lambda where: pixels[::2, ::2][where])
    small, ratio, first = coarse.coarse(replace(picture, levels=(level, coarser)), most_px=500)
    assert (small.shape, ratio, first) == ((20, 25), (2.0, 2.0), (0.5, 0.5))
    assert np.array_equal(small.read(), pixels[::2, ::2])


def test_a_region_of_another_level_lies_on_its_image(viewer: Any) -> None:
    viewer.open_sample("marginkit", "fluorescence")
    image = viewer.layers["fluorescence"]
    picture = marginkit.open(Path(__file__).parents[2] / "sample_data" / "fluorescence.ome.tif")
    wish = segment.Wish(
        picture,
        segmenting.choose("tumor", "threshold"),
        "tumor",
        "x",
        (0.05, 0.05),
        segment.placing.transform_of(image),
    )
    region = marginkit.Region(np.ones((240, 300), bool), spacing_mm=(0.1, 0.1), origin_px=(0.5, 0.5))
    layer = segmented.put(viewer, wish, region)
    assert np.array(layer.data_to_world((-0.5, -0.5))) == pytest.approx(np.array(image.data_to_world((-0.5, -0.5))))
    assert np.array(layer.data_to_world((239.5, 299.5))) == pytest.approx(image.data_to_world((479.5, 599.5)))


@pytest.mark.parametrize("keywords", [{}, {"rotate": 30.0, "translate": (3.0, 5.0)}])
def test_a_layer_to_paint_on_a_large_image_lies_on_its_pixels(viewer: Any, keywords: dict[str, Any]) -> None:
    pixels = np.broadcast_to(np.zeros((), np.uint8), (200, 20_000))
    image = viewer.add_image(pixels, scale=(0.5, 0.5), units=("mm", "mm"), contrast_limits=(0, 1), **keywords)
    layer = blank.labels(viewer, image, roles.look(roles.EDGE))
    assert blank.step(image) == 3
    assert max(layer.data.shape) <= blank.LARGEST_PX
    assert np.array(layer.data_to_world((-0.5, -0.5))) == pytest.approx(np.array(image.data_to_world((-0.5, -0.5))))
    far = np.array(layer.data.shape) - 0.5
    assert np.array(layer.data_to_world(far)) == pytest.approx(np.array(image.data_to_world(far * 3 + 1)))


def test_painted_classes_and_names_and_a_drawn_barrier_are_measured(viewer: Any, qtbot: Any) -> None:
    viewer.open_sample("marginkit", "excision")
    sides = {label: viewer.layers["margin names"].data == label for label in (1, 2, 3)}
    skin = viewer.layers["edge classes"].data == 2
    del viewer.layers["margin names"], viewer.layers["edge classes"]
    one = panel(viewer, "Edges")
    one.kind.setCurrentIndex(1)
    one.paint_class()
    painted = viewer.layers["edge classes"]
    assert (painted.mode, painted.selected_label) == ("paint", 2)
    painted.data_setitem(np.nonzero(skin), 2)
    for name, side in (("superior", 1), ("deep", 2), ("inferior", 3)):
        one.name.setText(name)
        one.paint_name()
        layer = viewer.layers["margin names"]
        assert layer.selected_label == side
        layer.data_setitem(np.nonzero(sides[side]), side)
    assert one.names.text() == "Named margins: 1 superior, 2 deep, 3 inferior"
    one.draw_barrier()
    barrier = viewer.layers["barrier"]
    barrier.add_paths([[445.0, -1.0], [445.0, 900.0]])  # right across, between tumor and deep margin
    margins = panel(viewer, "Margins")
    margins.measure()
    qtbot.waitUntil(lambda: margins.outcome is not None, timeout=20_000)
    result = margins.outcome.result
    assert {name: m.value_mm for name, m in result.named.items()} == pytest.approx(
        {name: ANSWERS["he"]["margins"][name]["pixel_mm"] for name in ("superior", "deep", "inferior")}
    )
    assert [one.type for one in result.barriers] == ["fascia"]
    assert result.named["deep"].behind_barrier == "fascia"
    assert result.named["superior"].behind_barrier is None


def test_what_is_shown_is_written_and_can_be_opened_again(viewer: Any, qtbot: Any, tmp_path: Path) -> None:
    viewer.open_sample("marginkit", "excision")
    one = panel(viewer, "Export")
    one.folder.setText(str(tmp_path))
    one.write()
    assert "nothing is measured" in one.message.text()
    margins = panel(viewer, "Margins")
    margins.policies.choose(["uicc-r-plus-1mm"])
    margins.measure()
    qtbot.waitUntil(lambda: margins.outcome is not None, timeout=20_000)
    one.case.setText("case 1")
    one.write()
    assert "Written" in one.message.text()
    told = json.loads((tmp_path / "case 1" / "result.json").read_text())
    assert told["margins"][0]["value_mm"] == margins.outcome.result.value_mm
    assert told["image"]["name"] == "he.ome.tif"
    assert told["verdicts"][0]["category"] == "R0"
    assert (tmp_path / "case 1" / "overlay.png").stat().st_size > 10_000
    mask = marginkit.open(tmp_path / "case 1" / "tumor.ome.tif", mask=True)
    assert mask.spacing_mm == pytest.approx((0.025, 0.025))
    assert np.array_equal(mask.read() > 0, viewer.layers["tumor"].data > 0)
    one.write()
    assert "already there" in one.message.text()


def test_H05_a_panel_that_was_taken_away_does_nothing_more(viewer: Any, qtbot: Any) -> None:
    viewer.open_sample("marginkit", "fluorescence")
    del viewer.layers["signal"]
    dock, one = viewer.window.add_plugin_dock_widget("marginkit", "Segment")
    one.live.setChecked(True)
    qtbot.waitUntil(lambda: not one._timer.isActive() and not one._runner.busy, timeout=20_000)
    viewer.window.remove_dock_widget(dock)
    assert one.closed
    viewer.layers.clear()
    viewer.open_sample("marginkit", "excision")
    qtbot.wait(600)
    assert not one._timer.isActive()
    assert not one._runner.busy
    assert roles.SIGNAL not in viewer.layers


def test_a_segmenter_that_refuses_says_so_beside_its_form(viewer: Any, qtbot: Any) -> None:
    viewer.open_sample("marginkit", "excision")
    one = panel(viewer, "Segment")
    one.what.setCurrentText("tumor")
    one.method.setCurrentText("stain")
    one.method.setCurrentText("fluorescence")
    one.run()
    qtbot.waitUntil(lambda: bool(one.message.text()), timeout=20_000)
    assert "E-PIX-01" in one.message.text()
    assert not one._runner.busy


def test_a_panel_is_as_wide_as_its_rows_need(make_napari_viewer: Any, qtbot: Any) -> None:
    viewer = make_napari_viewer(show=True)
    viewer.open_sample("marginkit", "excision")
    panel(viewer, "Calibrate")
    for name in ("Margins", "Export", "Edges", "Segment"):
        one = panel(viewer, name)
        qtbot.waitUntil(lambda one=one: one.viewport().width() >= one.body.minimumSizeHint().width(), timeout=5_000)  # type: ignore[misc]


def test_a_tumor_on_a_stained_slide_is_not_guessed(viewer: Any, qtbot: Any) -> None:
    viewer.open_sample("marginkit", "excision")
    del viewer.layers["tumor"]
    one = panel(viewer, "Segment")
    one.what.setCurrentText("tumor")
    found(one, qtbot)
    assert "no model" in one.message.text()
    assert roles.TUMOR not in viewer.layers

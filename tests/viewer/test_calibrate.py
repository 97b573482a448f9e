"""The panel of calibration, on a slide without a scale and on phantoms."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari_marginkit import pictures


def opened(viewer: Any) -> Any:
    return viewer.window.add_plugin_dock_widget("marginkit", "Calibrate")[1]


def phantom(viewer: Any, **keywords: Any) -> Any:
    image = viewer.add_image(np.ones((60, 60), np.float32), name="photo", **keywords)
    specimen, tumor = np.zeros((60, 60), np.uint8), np.zeros((60, 60), np.uint8)
    specimen[4:56, 4:56] = 1
    tumor[12:16, 28:33] = 1
    viewer.add_labels(specimen, name="specimen", **keywords)
    viewer.add_labels(tumor, name="tumor", **keywords)
    return image


def test_from_an_image_without_scale_to_a_measured_case(viewer: Any, qtbot: Any) -> None:
    image = phantom(viewer)
    panel = opened(viewer)
    assert "No scale" in panel.state.text()
    assert "--pixel-size" not in panel.state.text()
    assert not panel.believe.isEnabled()
    panel.confirm()
    assert "E-CAL-01" in panel.message.text()
    panel.typed.setText("0.5")
    panel.take_typed()
    assert "the unit is missing" in panel.message.text()
    assert {str(unit) for layer in viewer.layers for unit in layer.units} == {"pixel"}
    panel.typed.setText("0.5mm")
    panel.take_typed()
    assert "Taken" in panel.message.text()
    assert pictures.calibrated(image).calibration.source == "typed"
    margins = viewer.window.add_plugin_dock_widget("marginkit", "Margins")[1]
    margins.measure()
    qtbot.waitUntil(lambda: margins.outcome is not None, timeout=10_000)
    assert margins.outcome.result.value_mm == pytest.approx(4.0)
    assert margins.outcome.picture.calibration.detail == "0.5mm"


def test_a_drawn_line_of_known_length(viewer: Any, qtbot: Any) -> None:
    image = phantom(viewer)
    panel = opened(viewer)
    panel.draw()
    ruler = viewer.layers["known length"]
    assert ruler.mode == "add_line"
    ruler.add_lines([[10.0, 5.0], [40.0, 45.0]])  # 50 pixels
    panel.length.setText("25mm")
    panel.take_drawn()
    taken = pictures.calibrated(image).calibration
    assert taken is not None
    assert taken.spacing_mm == pytest.approx((0.5, 0.5))
    assert (taken.source, taken.detail) == ("known length", "25mm over 50.00 px from (10, 5) to (40, 45)")
    assert taken.asked == "points:10.0,5.0,40.0,45.0=25mm"
    assert taken.relative_uncertainty == pytest.approx((2 / 50**2 + 0.002**2) ** 0.5)  # each end off by a pixel
    assert ruler.scale == pytest.approx([0.5, 0.5])
    assert "implausible" not in " ".join(pictures.calibrated(image).flags)
    panel.typed.setText("30mm")
    panel.take_typed()
    assert "implausible_pixel_size" in pictures.calibrated(image).flags
    panel.length.setText("50mm")  # the same line, said to be twice as long
    panel.take_drawn()
    assert pictures.calibrated(image).spacing_mm == pytest.approx((1, 1))
    assert viewer.layers["tumor"].scale == pytest.approx([1, 1])
    assert "implausible_pixel_size" not in pictures.calibrated(image).flags


def test_a_drawn_line_on_pixels_that_are_not_square_keeps_their_shape(viewer: Any) -> None:
    image = phantom(viewer, scale=(2.0, 1.0))
    panel = opened(viewer)
    panel.draw()
    viewer.layers["known length"].add_lines([[10.0, 5.0], [25.0, 45.0]])  # 30 and 40 of the pixel's width
    panel.length.setText("25mm")
    panel.take_drawn()
    taken = pictures.calibrated(image).calibration
    assert taken is not None
    assert taken.spacing_mm == pytest.approx((1.0, 0.5))
    assert (taken.source, taken.detail) == ("known length", "25mm over 50.00 pixels")
    assert "anisotropic" in taken.flags


def test_another_slide_in_the_viewer_does_not_get_this_scale(viewer: Any, shared_data: Path) -> None:
    slide = str(shared_data / "he-svs" / "tcga-cr-7395-01a-01-ts1.svs")
    (first,) = viewer.open(slide, plugin="marginkit")
    phantom(viewer)
    panel = opened(viewer)
    panel.image.choose(first)
    panel.typed.setText("0.5um")
    panel.take_typed()
    assert first.name == "tcga-cr-7395-01a-01-ts1.svs"
    assert first.scale == pytest.approx([0.0005, 0.0005])
    assert {str(unit) for unit in viewer.layers["photo"].units} == {"pixel"}
    assert "photo" in panel.message.text()


def test_a_scale_that_was_changed_by_hand_is_doubted(viewer: Any) -> None:
    viewer.open_sample("marginkit", "fluorescence")
    image = viewer.layers["fluorescence"]
    image.scale = (0.06, 0.06)
    picture = pictures.picture_of(image)
    assert picture.calibration is None
    assert "E-CAL-04" in str(picture.refusal)

"""Scribbles in a viewer become a probability on the image, and a model that the segmenter takes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import marginkit


def test_scribbles_become_a_probability_and_a_model(viewer: Any, qtbot: Any, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    viewer.open_sample("marginkit", "fluorescence")
    known = viewer.layers["signal"].data > 0
    image = viewer.layers["fluorescence"]
    del viewer.layers["signal"], viewer.layers["specimen"]
    one = viewer.window.add_plugin_dock_widget("marginkit", "Train")[1]
    one.run()
    assert "Scribble" in one.message.text()
    one.scribble()
    drawn = viewer.layers["scribbles"]
    drawn.data_setitem(np.nonzero(known & (np.indices(known.shape)[0] % 9 == 0)), 2)
    drawn.data_setitem(np.nonzero(~known & (np.indices(known.shape)[0] % 9 == 0)), 1)
    one.run()
    qtbot.waitUntil(lambda: not one._runner.busy, timeout=30_000)
    assert one.model is not None, one.message.text()
    chance = viewer.layers["chance of tumor"]
    corner = np.array(image.data_to_world((-0.5, -0.5)))
    assert np.array(chance.data_to_world((-0.5, -0.5))) == pytest.approx(corner)
    whole = chance.data.repeat(2, 0).repeat(2, 1)[: known.shape[0], : known.shape[1]] >= 0.5
    assert (whole & known).sum() / (whole | known).sum() > 0.9
    assert viewer.layers["uncertainty"].data.max() <= 1
    one.file.setText(str(tmp_path / "model.npz"))
    one.save()
    picture = marginkit.open(Path(__file__).parents[2] / "sample_data" / "fluorescence.ome.tif")
    again = marginkit.segment(picture, "pixels", model=str(tmp_path / "model.npz"), target="tumor")
    assert np.array_equal(again.data, chance.data)


def test_scribbles_on_an_image_without_a_scale(viewer: Any, qtbot: Any) -> None:
    """It ended with a bare AssertionError."""
    pytest.importorskip("sklearn")
    pixels = np.random.default_rng(3).integers(0, 40, (121, 160)).astype(np.uint8)
    pixels[40:80, 50:110] += 150
    image = viewer.add_image(pixels, name="photo")
    one = viewer.window.add_plugin_dock_widget("marginkit", "Train")[1]
    one.scribble()
    drawn = np.zeros(pixels.shape, np.uint8)
    drawn[10:20, 10:150], drawn[50:70, 60:100] = 1, 2
    viewer.layers["scribbles"].data = drawn
    one.run()
    qtbot.waitUntil(lambda: not one._runner.busy, timeout=30_000)
    assert one.model is not None, one.message.text()
    chance = viewer.layers["chance of tumor"]
    assert chance.data.shape == pixels.shape
    assert chance.scale.tolist() == image.scale.tolist()
    assert (chance.data[46:74, 56:104] >= 0.5).all()
    assert (chance.data[:24] < 0.5).all()

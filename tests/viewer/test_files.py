"""Reading, samples, writing, manifest."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.layers import Image, Labels, Layer, Shapes
from napari_marginkit import reading, writing
from npe2 import PluginManifest

import marginkit
from marginkit.readers import polygons

ANSWERS = json.loads((Path(__file__).parents[2] / "sample_data" / "answers.json").read_text())


def test_the_manifest_is_valid_and_all_it_names_can_be_imported() -> None:
    manifest = PluginManifest.from_distribution("marginkit")
    manifest.validate_imports()
    assert manifest.name == "marginkit"


def test_a_slide_has_its_pyramid_its_pixel_size_and_the_source(shared_data: Path) -> None:
    path = str(shared_data / "he-svs" / "cmu-1-small-region.svs")
    read = reading.get_reader(path)
    assert read is not None
    (layer,) = [Layer.create(*one) for one in read(path)]
    assert isinstance(layer, Image)
    assert layer.rgb
    assert layer.scale == pytest.approx([0.000499, 0.000499])
    assert [str(unit) for unit in layer.units] == ["millimeter", "millimeter"]
    assert "0.499" in layer.metadata["marginkit"]["calibration"]


def test_a_slide_without_a_pixel_size_says_so_and_has_no_unit(shared_data: Path) -> None:
    (one,) = reading.read(str(shared_data / "he-svs" / "tcga-cr-7395-01a-01-ts1.svs"))
    layer: Any = Layer.create(*one)
    assert layer.multiscale
    assert layer.name.endswith("(no scale)")
    assert {str(unit) for unit in layer.units} == {"pixel"}
    assert "E-CAL-01" in layer.metadata["marginkit"]["calibration"]
    low, high = np.asarray(layer.data[-1]), np.asarray(layer.data[0][1000:1004, 2000:2003])
    assert low.ndim == 3
    assert high.shape == (4, 3, 3)


def test_lazy_levels_are_indexed_as_arrays_are() -> None:
    level = reading.LazyLevel(marginkit.open(_sample("stack.ome.tif")).levels[0], "ZYX", np.dtype("int16"))
    whole = level[...]
    assert np.array_equal(level[3], whole[3])
    assert np.array_equal(level[2:9:3, 5, ::-1], whole[2:9:3, 5, ::-1])
    assert np.array_equal(level[..., -1], whole[..., -1])
    assert np.array_equal(np.asarray(level), whole)


def _sample(name: str) -> str:
    return str(Path(__file__).parents[2] / "sample_data" / name)


def test_what_is_no_image_is_left_to_others(tmp_path: Path) -> None:
    (tmp_path / "notes.tif").write_text("not an image")
    assert reading.get_reader(str(tmp_path / "notes.tif")) is None
    assert reading.get_reader(str(tmp_path / "absent.tif")) is None
    assert reading.get_reader(["a.tif", "b.tif"]) is None


def test_labels_keep_their_pixel_size_on_disk_and_come_back_as_labels(tmp_path: Path) -> None:
    data = np.zeros((20, 30), np.int64)
    data[3:9, 4:12], data[10:15, 20:25] = 2, 300
    layer = Labels(data, scale=(250, 500), units=("um", "um"), name="tumor")
    path = tmp_path / "tumor.ome.tif"
    assert writing.write_labels(str(path), *layer.as_layer_data_tuple()[:2]) == [str(path)]
    picture = marginkit.open(path, confirm=True)
    assert picture.spacing_mm == pytest.approx((0.25, 0.5))
    (back,) = reading.read(str(path))
    assert back[2] == "labels"
    assert np.array_equal(back[0], data)
    assert back[0].dtype == np.uint16


def test_labels_in_pixels_stay_without_a_scale(tmp_path: Path) -> None:
    layer = Labels(np.eye(9, dtype=np.uint8))
    writing.write_labels(str(tmp_path / "a.ome.tif"), *layer.as_layer_data_tuple()[:2])
    assert marginkit.open(tmp_path / "a.ome.tif").spacing_mm is None


def test_a_stack_of_labels_keeps_the_distance_of_its_planes(tmp_path: Path) -> None:
    layer = Labels(np.ones((3, 8, 9), np.uint8), scale=(3, 0.8, 0.8), units=("mm",) * 3)
    writing.write_labels(str(tmp_path / "a.ome.tif"), *layer.as_layer_data_tuple()[:2])
    assert marginkit.open(tmp_path / "a.ome.tif").spacing_mm == pytest.approx((3, 0.8, 0.8))


def test_outlines_reach_qupath_on_pixel_corners(tmp_path: Path) -> None:
    box = [[1.5, 2.5], [1.5, 12.5], [6.5, 12.5], [6.5, 2.5]]  # rows 2 to 6, columns 3 to 12
    layer = Shapes([box, [[0, 0], [0, 8], [8, 8], [8, 0]]], shape_type=["polygon", "ellipse"])
    layer.features = {"class": ["tumor", "ball"]}
    writing.write_outlines(str(tmp_path / "a.geojson"), *layer.as_layer_data_tuple()[:2])
    tumor = polygons.select(polygons.read_regions(tmp_path / "a.geojson"), "tumor")
    assert tumor.bounds == (3, 2, 13, 7)
    ball = polygons.select(polygons.read_regions(tmp_path / "a.geojson"), "ball")
    assert ball.area == pytest.approx(np.pi * 16, rel=1e-4)
    assert (ball.centroid.x, ball.centroid.y) == pytest.approx((4.5, 4.5))


def test_the_manifest_is_valid_and_each_panel_is_where_napari_users_look_for_it(viewer: Any) -> None:
    from napari._app_model import get_app_model

    done = subprocess.run([sys.executable, "-m", "npe2", "validate", "marginkit"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    menus = get_app_model().menus
    wanted = {"measure": "margins", "segment": "segment", "classify": "train", "annotate": "edges"}
    for menu, panel in wanted.items():
        found = {item.command.id for item in menus.get_menu(f"napari/layers/{menu}") if hasattr(item, "command")}
        assert f"marginkit.{panel}" in found

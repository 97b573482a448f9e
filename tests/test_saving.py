"""Masks and outlines as files: the same pixels, pixel size and place when they are read again."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import shapely
import tifffile
from numpy.typing import NDArray
from shapely.affinity import rotate, translate
from shapely.geometry import Point, box, shape

import marginkit as mk
from marginkit import ometiff, opening, pipeline, rasters, saving, segmenting
from marginkit.errors import MarginError, PixelError, UsageError
from marginkit.pipeline import Job
from marginkit.records import Region

UM = 2.0


def written(pixels: NDArray[np.generic], spacing_mm: tuple[float, ...] | None = None, name: str = "tumor") -> bytes:
    memory = io.BytesIO()
    ometiff.write(memory, pixels, spacing_mm, name)
    return memory.getvalue()


def slide(folder: Path, levels: int = 3, size: int = 1024) -> Path:
    """A white pyramid with a dark square from (256, 128) to (512, 640), y and x, in pixels of 2 um."""
    pixels = np.full((size, size, 3), 245, np.uint8)
    pixels[256:512, 128:640] = (150, 60, 130)
    path = folder / "slide.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as tif:
        size_um = {"PhysicalSizeX": UM, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": UM, "PhysicalSizeYUnit": "µm"}
        tif.write(pixels, subifds=levels - 1, tile=(256, 256), photometric="rgb", metadata={"axes": "YXS", **size_um})
        for level in range(1, levels):
            step = 2**level
            tif.write(pixels[::step, ::step], subfiletype=1, tile=(256, 256), photometric="rgb")
    return path


@pytest.mark.parametrize("shape", [(7, 9), (3, 7, 9), (600, 1500)])
@pytest.mark.parametrize("kind", [np.bool_, np.uint8, np.uint16, np.int32, np.float32])
def test_what_is_written_is_read_back(tmp_path: Path, shape: tuple[int, ...], kind: type[np.generic]) -> None:
    pixels = (np.random.default_rng(3).random(shape) * (2 if kind is np.bool_ else 250)).astype(kind)
    spacing_mm = (0.01, 0.003, 0.002)[-len(shape) :]
    (tmp_path / "m.ome.tif").write_bytes(written(pixels, spacing_mm))
    opened = opening.open(tmp_path / "m.ome.tif", mask=True, confirm=True)
    assert np.array_equal(opened.read().reshape(shape), pixels)
    assert opened.spacing_mm == pytest.approx(spacing_mm, rel=1e-12)
    assert opened.calibration is not None
    assert opened.calibration.source == "OME PhysicalSize"


def test_the_same_mask_is_the_same_bytes() -> None:
    mask = np.eye(40, dtype=bool)
    assert written(mask, (1.0, 1.0)) == written(mask, (1.0, 1.0))


def test_without_a_pixel_size_none_is_written(tmp_path: Path) -> None:
    (tmp_path / "m.ome.tif").write_bytes(written(np.eye(9, dtype=bool)))
    assert opening.open(tmp_path / "m.ome.tif").spacing_mm is None


def test_a_large_mask_has_coarser_levels_of_the_same_labels(tmp_path: Path) -> None:
    mask = np.zeros((5000, 9000), np.uint8)
    mask[1000:4000, 2000:7000] = 3
    (tmp_path / "m.ome.tif").write_bytes(written(mask, (0.001, 0.001)))
    opened = opening.open(tmp_path / "m.ome.tif", mask=True)
    assert [level.shape for level in opened.levels] == [(5000, 9000), (2500, 4500), (1250, 2250)]
    assert np.array_equal(opened.read(1), mask[::2, ::2])
    assert np.array_equal(opened.read(2), mask[::4, ::4])


def test_a_label_of_more_than_32_bits_is_refused() -> None:
    with pytest.raises(PixelError, match="E-PIX-02"):
        written(np.full((2, 2), 2**40))


def test_tissue_found_on_a_coarse_level_lies_right_in_both_kinds_of_file(tmp_path: Path) -> None:
    picture = mk.open(slide(tmp_path))
    region = mk.segment(picture, "specimen", ground="glass", pixel_um=8.0)
    assert region.spacing_mm == pytest.approx((0.008, 0.008))
    saving.save(tmp_path / "t.ome.tif", {"tissue": region}, picture)
    saving.save(tmp_path / "t.geojson", {"tissue": region}, picture)
    again = opening.open(tmp_path / "t.ome.tif", mask=True)
    assert again.spacing_mm == pytest.approx((0.008, 0.008))
    feature = json.loads((tmp_path / "t.geojson").read_text())["features"][0]
    found = shape(feature["geometry"])
    truth = box(128, 256, 640, 512)  # x, y, in pixel corners of level 0; the coarse pixels are 4 of them
    assert found.symmetric_difference(truth).area <= truth.length * 8
    assert feature["properties"]["classification"] == {"name": "tissue"}
    mm2 = saving.sizes(region, picture)["area_mm2"]
    assert mm2 == pytest.approx(found.area * (UM / 1000) ** 2, rel=1e-12)


@pytest.mark.parametrize("suffix", ["ome.tif", "geojson"])
def test_a_saved_segmentation_measures_like_the_segmenter_itself(tmp_path: Path, suffix: str) -> None:
    path = slide(tmp_path)
    picture = mk.open(path)
    tumor = np.zeros((1024, 1024), bool)
    tumor[350:400, 300:350] = True
    (tmp_path / "tumor.ome.tif").write_bytes(written(tumor, (0.002, 0.002)))
    region = mk.segment(picture, "specimen", pixel_um=8.0)
    saving.save(tmp_path / f"t.{suffix}", {"tissue": region}, picture)
    values = []
    for specimen in ("specimen:pixel-um=8", str(tmp_path / f"t.{suffix}")):
        case = pipeline.measured(Job(str(path), specimen, tumor=str(tmp_path / "tumor.ome.tif")))
        values.append(case.result.value_mm)
    assert values[0] == pytest.approx(values[1], abs=1e-12)
    assert values[0] == pytest.approx((350 - 256) * UM / 1000, abs=0.017)  # two coarse pixels


def test_several_classes_are_labels_in_their_order(tmp_path: Path) -> None:
    path = slide(tmp_path)
    picture = mk.open(path)
    one, two = np.zeros((1024, 1024), bool), np.zeros((1024, 1024), bool)
    one[:10], two[20:25] = True, True
    saving.save(tmp_path / "l.tif", {"black": Region(one), "blue": Region(two)}, picture)
    opened = opening.open(tmp_path / "l.tif", mask=True)
    assert np.bincount(opened.read().ravel()).tolist() == [1024 * 1009, 10240, 5120]
    assert b'Name="1 black, 2 blue"' in (tmp_path / "l.tif").read_bytes()


def test_holes_and_planes_in_geojson(tmp_path: Path) -> None:
    path = tmp_path / "stack.ome.tif"
    stack = np.zeros((3, 20, 20), np.uint8)
    stack[1:, 5:15, 5:15] = 1
    stack[1, 8:10, 8:12] = 0
    path.write_bytes(written(stack, (1.0, 1.0, 1.0)))
    picture = mk.open(path, pixel_size="1mm,1mm,1mm")
    saving.save(tmp_path / "s.json", {"tumor": Region(stack > 0)}, picture)
    features = json.loads((tmp_path / "s.json").read_text())["features"]
    assert [one["geometry"]["plane"]["z"] for one in features] == [1, 2]
    assert [shapely.area(shape(one["geometry"])) for one in features] == [92, 100]
    assert saving.sizes(Region(stack > 0), picture) == {"pixels": 192, "area_mm2": None, "volume_mm3": 192.0}


def test_an_unknown_kind_of_file_is_wrong_usage(tmp_path: Path) -> None:
    picture = mk.open(slide(tmp_path))
    with pytest.raises(UsageError, match="E-USE-11"):
        saving.save(tmp_path / "t.png", {"tissue": Region(np.ones((2, 2), bool))}, picture)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["slide.ome.tif"]


@pytest.mark.parametrize(
    ("what", "method", "words"),
    [
        ("tumor", "", "which method"),
        ("tissue", "ink", "ink gives no tissue"),
        ("tissue", "specimen:colour=3", "no option 'colour'"),
        ("tissue", "a b", "not understood"),
    ],
)
def test_methods_that_do_not_fit_are_wrong_usage(what: str, method: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        segmenting.choose(what, method)


def test_no_such_method_is_told() -> None:
    with pytest.raises(MarginError, match="E-SHELF-02"):
        segmenting.choose("tissue", "nonesuch:a=1")


def polygons() -> list[shapely.Polygon]:
    """Outlines of all kinds on a picture of 1024 x 1024 pixels: turned, with a hole, a disc, beyond the border."""
    disc = Point(500.3, 420.7).buffer(180, quad_segs=64)
    square = rotate(box(200.2, 300.9, 640.4, 480.1), 31)
    return [disc, square, disc.difference(square), box(-5, 900.5, 300.25, 1030), translate(square, 0.5, 0.5)]


@pytest.mark.parametrize("outline", polygons())
@pytest.mark.parametrize("most_px", [1 << 20, 1 << 18, 1 << 16])
def test_outlines_become_the_pixels_whose_middle_lies_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outline: shapely.Polygon, most_px: int
) -> None:
    """On each level that may be taken; the oracle asks of every pixel by itself, in pixels of level 0."""
    monkeypatch.setattr(rasters, "MOST_PX", most_px)
    picture = mk.open(slide(tmp_path))
    saving.save(tmp_path / "o.ome.tif", {"tumor": Region(outline)}, picture)
    opened = opening.open(tmp_path / "o.ome.tif", mask=True)
    pixels, step = opened.read() != 0, 1024 // opened.levels[0].shape[0]
    assert pixels.size == most_px
    assert opened.spacing_mm == pytest.approx((step * UM / 1000,) * 2, rel=1e-12)
    y, x = (np.mgrid[: pixels.shape[0], : pixels.shape[1]] + 0.5) * step
    assert np.array_equal(pixels, shapely.contains_xy(outline, x, y))
    seen = outline.intersection(box(0, 0, 1024, 1024))
    assert (
        abs(pixels.sum() * step**2 - seen.area) <= seen.length * step / 2
    )  # digitisation: half a pixel along the outline


def test_a_mask_that_became_an_outline_becomes_the_same_mask(tmp_path: Path) -> None:
    """Half a pixel anywhere would show."""
    mask = np.random.default_rng(5).random((40, 60)) > 0.6
    (tmp_path / "p.ome.tif").write_bytes(written(np.zeros((40, 60), np.uint8), (0.5, 0.5)))
    picture = mk.open(tmp_path / "p.ome.tif")
    saving.save(tmp_path / "m.geojson", {"tumor": Region(mask)}, picture)
    found = shapely.union_all(
        [shape(one["geometry"]) for one in json.loads((tmp_path / "m.geojson").read_text())["features"]]
    )
    saving.save(tmp_path / "again.ome.tif", {"tumor": Region(found)}, picture)
    assert np.array_equal(opening.open(tmp_path / "again.ome.tif", mask=True).read() != 0, mask)


def test_outlines_of_several_classes_become_labels_with_the_pixel_size(tmp_path: Path) -> None:
    picture = mk.open(slide(tmp_path))
    classes = {"tumor": Region(box(10, 20, 30, 60)), "specimen": Region(box(100, 100, 200, 150))}
    saving.save(tmp_path / "l.tif", classes, picture)
    opened = opening.open(tmp_path / "l.tif", mask=True)
    assert np.bincount(opened.read().ravel())[1:].tolist() == [800, 5000]
    assert opened.spacing_mm == pytest.approx((0.002, 0.002), rel=1e-12)


def test_outlines_on_a_stack_lie_on_every_plane(tmp_path: Path) -> None:
    (tmp_path / "s.ome.tif").write_bytes(written(np.zeros((3, 20, 30), np.uint8), (2.0, 0.5, 0.5)))
    picture = mk.open(tmp_path / "s.ome.tif", confirm=True)
    saving.save(tmp_path / "m.ome.tif", {"tumor": Region(box(3, 4, 9, 14))}, picture)
    assert opening.open(tmp_path / "m.ome.tif", mask=True).read().sum(axis=(1, 2)).tolist() == [60] * 3

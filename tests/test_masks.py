"""Masks, labels and probabilities: the region is what the maker put in, or the file is refused with its values."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

import marginkit.opening as mk
from marginkit import shelf
from marginkit.errors import AxesError, PixelError, SizeError
from marginkit.records import Calibration, Level, Picture
from marginkit.segmenters.masks import Select, parse_select, region_from_picture

TRUTH = np.zeros((24, 32), bool)
TRUTH[4:15, 6:20] = True


def picture(array: Any, axes: str = "YX", spacing_mm: tuple[float, ...] | None = None) -> Picture:
    """A picture in memory; the file formats have tests of their own."""
    array = np.asarray(array)
    level = Level(array.shape, (1.0, 1.0), lambda slices: array[slices])
    taken = None if spacing_mm is None else Calibration(spacing_mm, "test")
    return Picture("m.tif", "TIFF", axes, array.shape, array.dtype, (level,), calibration=taken)


def taken(array: Any, text: str = "", axes: str = "YX") -> Any:
    return region_from_picture(picture(array, axes), parse_select(text)).data


@pytest.mark.parametrize("high", [1, 255, 7])
@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "i4", "u8"])
def test_two_values_are_a_mask(high: int, dtype: str) -> None:
    data = taken(TRUTH.astype(dtype) * np.dtype(dtype).type(high))
    assert data.dtype == np.bool_
    np.testing.assert_array_equal(data, TRUTH)


def test_bool_volume_and_its_spacing_and_maker() -> None:
    volume = np.stack([TRUTH, ~TRUTH, TRUTH])
    region = region_from_picture(picture(volume, "ZYX", (2.0, 0.5, 0.25)))
    np.testing.assert_array_equal(region.data, volume)
    assert (region.spacing_mm, region.maker, region.kind) == ((2.0, 0.5, 0.25), "m.tif", "mask")
    plane = region_from_picture(picture(volume, "ZYX", (2.0, 0.5, 0.25)), parse_select("page=1"))
    np.testing.assert_array_equal(plane.data, ~TRUTH)
    assert (plane.spacing_mm, plane.maker) == ((0.5, 0.25), "m.tif (page=1)")
    assert region_from_picture(picture(TRUTH)).spacing_mm is None


@pytest.mark.parametrize(("value", "share"), [(0, 0), (1, 1), (255, 1)])
def test_one_value_is_nothing_or_everything(value: int, share: int) -> None:
    assert taken(np.full((3, 4), value, np.uint8)).mean() == share


@pytest.mark.parametrize("values", [[7], [1, 2], [-1, 0], [128], [0, 1, 2], [0, 1, 255]])
def test_values_that_could_mean_anything_are_listed(values: list[int]) -> None:
    array = np.resize(np.array(values, np.int16), (5, 6))
    listed = " ".join(map(str, values))
    with pytest.raises(PixelError, match=rf"^m\.tif: .* \(E-PIX-05\): values {listed}\. Choose labels"):
        taken(array)


def test_labels_are_united_in_any_type() -> None:
    labels = np.arange(6).reshape(2, 3)
    for dtype in ("u1", "i4", "u8", "f4"):
        np.testing.assert_array_equal(taken(labels.astype(dtype), "label=0+1+4"), [[1, 1, 0], [0, 1, 0]])
    np.testing.assert_array_equal(taken(labels, "label=5+99"), [[0, 0, 0], [0, 0, 1]])
    np.testing.assert_array_equal(taken(labels.astype("i2") - 3, "label=-3"), [[1, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(taken(TRUTH, "label=0"), ~TRUTH)


def test_label_that_is_not_there() -> None:
    with pytest.raises(PixelError, match=r"no pixel has the label 8 or 300 \(E-PIX-05\): values 0 1 2 3 4 5"):
        taken(np.arange(6, dtype=np.uint8).reshape(2, 3), "label=8+300")
    assert not taken(np.zeros((2, 3), np.uint8), "label=1").any()


def test_float_is_a_probability_or_refused() -> None:
    ramp = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    region = region_from_picture(picture(ramp))
    assert region.kind == "probability"
    np.testing.assert_array_equal(region.data, ramp)
    with pytest.raises(PixelError, match=r"E-PIX-06\): values from 0 to 255"):
        taken(ramp * 255)
    with pytest.raises(PixelError, match=r"E-PIX-06\): values from -1 to -0.5"):
        taken(-(ramp + 1) / 2)
    for bad in (np.nan, np.inf):
        with pytest.raises(PixelError, match=r"E-PIX-03\): 1 of 12 pixels"):
            taken(np.where(ramp == 1, np.float32(bad), ramp))


def test_pages_and_channels_of_five_axes() -> None:
    stack = np.zeros((2, 3, 4, 5, 6), np.uint8)  # T C Z Y X
    stack[1, 2, 3, 0, 0] = 1
    assert taken(stack, "page=23", "TCZYX").tolist() == stack[1, 2, 3].astype(bool).tolist()
    assert taken(stack, "page=7:channel=2", "TCZYX").sum() == 1  # T and Z are left: 1 * 4 + 3
    assert taken(stack[1:], "channel=2", "TCZYX").shape == (4, 5, 6)
    with pytest.raises(AxesError, match=r"more than one plane \(E-AXE-01\): 2 along T, 3 along C"):
        taken(stack, "", "TCZYX")
    with pytest.raises(PixelError, match=r"no page 24 \(E-PIX-07\): there are 24"):
        taken(stack, "page=24", "TCZYX")
    with pytest.raises(PixelError, match=r"no channel 1 \(E-PIX-07\): there are 1"):
        taken(TRUTH, "channel=1")
    assert taken(np.moveaxis(stack[1, 2], 0, -1), "", "YXZ").shape == (4, 5, 6)


def test_colour_is_no_mask_unless_all_channels_are_equal() -> None:
    grey = np.repeat(TRUTH[..., None].astype(np.uint8) * 255, 3, axis=-1)
    np.testing.assert_array_equal(taken(grey, "", "YXS"), TRUTH)
    opaque = np.concatenate([grey, np.full((*TRUTH.shape, 1), 255, np.uint8)], axis=-1)
    np.testing.assert_array_equal(taken(opaque, "", "YXS"), TRUTH)
    red = grey.copy()
    red[..., 1] = 0
    with pytest.raises(PixelError, match=r"E-PIX-02\): its channels differ"):
        taken(red, "", "YXS")
    np.testing.assert_array_equal(taken(red, "channel=0", "YXS"), TRUTH)
    opaque[0, 0, 3] = 9
    with pytest.raises(PixelError, match=r"E-PIX-02\): alpha varies"):
        taken(opaque, "", "YXS")


def test_types_sizes_and_empty() -> None:
    with pytest.raises(PixelError, match="E-PIX-02"):
        taken(np.zeros((2, 2), np.complex64))
    with pytest.raises(PixelError, match="E-PIX-06"):
        taken(np.zeros((0, 2), np.uint8))
    huge = Level((1 << 20, 1 << 20), (1.0, 1.0), lambda slices: pytest.fail("nothing should be read"))
    one = Picture("m.tif", "TIFF", "YX", huge.shape, np.dtype(np.uint8), (huge,))
    with pytest.raises(SizeError, match=r"^m\.tif: mask larger"):
        region_from_picture(one)


@pytest.mark.parametrize(
    ("text", "select"),
    [
        ("", Select()),
        ("page=0:label=0+1:channel=2", Select(0, (0, 1), 2)),
        ("threshold=1234567.5", Select(threshold=1234567.5)),
        (" label = 4 + 4 + -1 ", Select(None, (4, -1))),
    ],
)
def test_choices_in_words(text: str, select: Select) -> None:
    assert parse_select(text) == select
    assert parse_select(str(select)) == select


@pytest.mark.parametrize(
    "text",
    [
        "Tumor",
        "page",
        "page=",
        "page=-1",
        "page=1.5",
        "label=",
        "label=1+",
        "label=a",
        "z=1",
        "page=1:page=1",
        ":",
        "threshold=nan",
        "threshold=1:label=1",
    ],
)
def test_choices_not_understood(text: str) -> None:
    with pytest.raises(PixelError, match="E-PIX-07"):
        parse_select(text)


# Files


def opened(path: Path, text: str = "") -> Any:
    return region_from_picture(mk.open(path, mask=True), parse_select(text))


def test_B04_palette_indices_are_kept(tmp_path: Path) -> None:
    labels = np.zeros((8, 9), np.uint8)
    labels[2:4, 3:7], labels[5, 5] = 1, 2
    image = Image.fromarray(labels, "P")
    image.putpalette([0, 0, 0, 0, 0, 0, 255, 0, 0])  # 0 and 1 are both black
    image.save(tmp_path / "a.png")
    np.testing.assert_array_equal(opened(tmp_path / "a.png", "label=1").data, labels == 1)
    table = np.zeros((3, 256), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", labels, photometric="palette", colormap=table)
    np.testing.assert_array_equal(opened(tmp_path / "a.tif", "label=2").data, labels == 2)


def test_B13_jpeg_mask_lists_its_values(tmp_path: Path) -> None:
    Image.fromarray(TRUTH.astype(np.uint8) * 255).save(tmp_path / "m.jpg", quality=75)
    with Image.open(tmp_path / "m.jpg") as other:
        found = np.unique(np.asarray(other))
    assert found.size > 2, "the case is none"
    with pytest.raises(PixelError, match=r"^m\.jpg: .*E-PIX-05") as caught:
        opened(tmp_path / "m.jpg")
    assert f"values {found[0]} {found[1]} " in str(caught.value)


def test_B13_antialiased_mask_lists_its_values(tmp_path: Path) -> None:
    Image.fromarray(TRUTH.astype(np.uint8) * 255).resize((61, 47), Image.Resampling.BILINEAR).save(tmp_path / "m.png")
    with pytest.raises(PixelError, match=r"E-PIX-05\): values 0 .* 255.*Choose labels"):
        opened(tmp_path / "m.png")


def test_B13_grey_mask_by_a_stated_threshold(tmp_path: Path) -> None:
    Image.fromarray(TRUTH.astype(np.uint8) * 255).save(tmp_path / "m.jpg", quality=90)
    region = opened(tmp_path / "m.jpg", "threshold=128")
    np.testing.assert_array_equal(region.data, TRUTH)
    assert region.maker == "m.jpg (threshold=128)"
    assert taken(np.array([[1, 2, 3]], np.uint8), "threshold=2").tolist() == [[False, True, True]]
    with pytest.raises(PixelError, match="E-PIX-03"):
        taken(np.array([[0.1, np.nan]]), "threshold=0.5")


def test_one_bit_png_and_multipage_tiff(tmp_path: Path) -> None:
    Image.fromarray(TRUTH).save(tmp_path / "a.png")
    np.testing.assert_array_equal(opened(tmp_path / "a.png").data, TRUTH)
    pages = np.stack([TRUTH, ~TRUTH]).astype(np.uint8)
    metadata = {"axes": "ZYX", "spacing": 0.5, "unit": "mm"}
    tifffile.imwrite(tmp_path / "a.tif", pages, imagej=True, resolution=(4, 4), metadata=metadata)
    region = opened(tmp_path / "a.tif")
    np.testing.assert_array_equal(region.data, pages.astype(bool))
    assert region.spacing_mm == pytest.approx((0.5, 0.25, 0.25))
    np.testing.assert_array_equal(opened(tmp_path / "a.tif", "page=1").data, ~TRUTH)


def test_masks_are_no_segmenter() -> None:
    assert "masks" not in shelf.load("segmenters")

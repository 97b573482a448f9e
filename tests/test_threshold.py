"""Thresholds, given and found, on grey, colour, channels and stacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from cases import picture

import marginkit
from marginkit import shelf
from marginkit.errors import AxesError, MarginError, PixelError, UsageError
from marginkit.opening import open as open_picture
from marginkit.records import Level, Picture, Segmenter
from marginkit.segmenters import threshold
from marginkit.segmenters.threshold import Options, segment


def ramp(dtype: Any = np.int16) -> Any:
    """Five by five: the value counts pixels, from -12."""
    return (np.arange(25).reshape(5, 5) - 12).astype(dtype)


def mask(region: Any) -> Any:
    assert region.data.dtype == np.bool_
    return region.data


def test_it_stands_on_the_shelf() -> None:
    module = shelf.get("segmenters", "threshold")
    assert isinstance(module, Segmenter)
    assert module.Options() == Options(above="otsu")


@pytest.mark.parametrize("dtype", [np.int16, np.float32, ">i2", ">f8"])
def test_B01_above_and_below_a_value_part_the_image(dtype: Any) -> None:
    image = picture(ramp(dtype))
    above, below = (mask(segment(image, Options(**{side: 3.0}))) for side in ("above", "below"))
    assert int(above.sum()) == 9  # 4 to 12
    assert np.array_equal(above, ~below)


def test_a_band() -> None:
    region = segment(picture(ramp()), Options(above=-1, below=2))
    assert sorted(ramp()[mask(region)].tolist()) == [0, 1, 2]
    assert region.maker == "threshold grey above -1 (given) and below 2 (given)"
    assert region.spacing_mm is None


@pytest.mark.parametrize("found", ["otsu", "li", "triangle"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float64])
def test_two_values_are_parted_whatever_the_method(found: Any, dtype: Any) -> None:
    pixels = np.full((20, 20), 10, dtype)
    pixels[5:9, 5:12] = 200
    image = picture(pixels)
    assert np.array_equal(mask(segment(image, Options(above=found))), pixels == 200)
    assert np.array_equal(mask(segment(image, Options(below=found))), pixels == 10)


def test_otsu_is_the_value_of_greatest_variance_between_classes() -> None:
    rng = np.random.default_rng(7)
    pixels = np.concatenate([rng.normal(60, 9, 3000), rng.normal(150, 20, 1000)]).astype(np.uint8).reshape(50, 80)
    region = segment(picture(pixels), Options(above="otsu"))

    def between(t: int) -> float:
        low, high = pixels[pixels <= t], pixels[pixels > t]
        return float(low.size * high.size * (low.mean() - high.mean()) ** 2)

    best = max(range(int(pixels.min()), int(pixels.max())), key=between)
    assert np.array_equal(mask(region), pixels > best)
    assert region.maker == f"threshold grey above {best} (otsu)"


def test_B09_a_constant_image_has_no_threshold() -> None:
    image = picture(np.full((4, 4), 7, np.uint8))
    with pytest.raises(PixelError, match="constant image"):
        segment(image, Options())
    assert mask(segment(image, Options(above=3))).all()


def test_B07_values_that_are_not_finite_are_left_out_and_flagged() -> None:
    pixels = ramp(np.float32)
    pixels[0] = (np.nan, np.inf, -np.inf, np.nan, np.nan)
    for options in (Options(above=-100), Options(below=100)):
        region = segment(picture(pixels), options)
        assert not mask(region)[0].any()
        assert mask(region)[1:].all()
        assert region.flags == ("excluded_values",)
    assert int(mask(segment(picture(pixels), Options(above="otsu"))).sum()) in range(8, 13)
    with pytest.raises(PixelError, match="E-PIX-03"):
        segment(picture(np.full((3, 3), np.nan)), Options(above=0))


def blobs() -> Any:
    """A ring with a hole, a block beside its corner (8-connected), and one pixel far away."""
    pixels = np.zeros((12, 16), np.uint8)
    pixels[1:6, 1:6] = 9
    pixels[3, 3] = 0
    pixels[6:8, 6:8] = 9
    pixels[10, 14] = 9
    return pixels


def test_holes_pieces_and_their_least_size() -> None:
    image = picture(blobs())
    assert int(mask(segment(image, Options(above=5))).sum()) == 24 + 4 + 1
    assert int(mask(segment(image, Options(above=5, fill=True))).sum()) == 25 + 4 + 1
    assert int(mask(segment(image, Options(above=5, min_size_px=2))).sum()) == 24 + 4
    largest = segment(image, Options(above=5, largest=True, fill=True))
    assert int(mask(largest).sum()) == 25 + 4  # a corner joins: a piece is 8-connected
    assert largest.maker.endswith("above 5 (given), holes filled, 1 of 2 pieces kept")
    assert not mask(segment(image, Options(above=5, min_size_px=99))).any()
    assert not mask(segment(image, Options(above=50, largest=True))).any()


def test_a_stack_is_filled_and_parted_in_three_dimensions() -> None:
    pixels = np.zeros((5, 6, 6), np.int16)
    pixels[0:5, 1:5, 1:5] = 100
    pixels[1:4, 2:4, 2:4] = -900  # closed in: a void
    pixels[0, 0, 0] = 100  # joined at a corner to (0, 1, 1)
    region = segment(picture(pixels, "ZYX", (5.0, 1.0, 1.0)), Options(above=0, fill=True, largest=True))
    assert int(mask(region).sum()) == 5 * 16 + 1
    pixels[0, 2, 2] = -900  # the void opens through the first plane: it is outside now
    opened = segment(picture(pixels, "ZYX", (5.0, 1.0, 1.0)), Options(above=0, fill=True))
    assert int(mask(opened).sum()) == 5 * 16 + 1 - 12 - 1


def test_holes_of_each_plane_can_be_filled() -> None:
    pixels = np.zeros((3, 5, 5), np.uint8)
    pixels[:, 1:4, 1:4] = 9
    pixels[:, 2, 2] = 0  # a channel through all planes: no hole in 3-D, one in each plane
    image = picture(pixels, "ZYX", (1.0, 1.0, 1.0))
    assert int(mask(segment(image, Options(above=5, fill=True))).sum()) == 24
    assert int(mask(segment(image, Options(above=5, fill="planes"))).sum()) == 27


def test_smoothing_takes_away_single_pixels_and_knows_no_unknown_ones() -> None:
    pixels = np.zeros((9, 9))
    pixels[4, 4] = 10
    pixels[:, 6:] = 10
    found = mask(segment(picture(pixels), Options(above=5, smooth_px=1)))
    assert found[:, 7:].all()
    assert not found[4, 4]
    pixels[:, 6:] = np.nan
    beside = segment(picture(pixels), Options(below=5, smooth_px=1))
    assert mask(beside)[:, :6].all()
    assert not mask(beside)[:, 6:].any()
    assert beside.maker == "threshold grey below 5 (given), smoothed by 1 px"


def colours() -> Any:
    """White glass, pink tissue, black dirt."""
    pixels = np.full((3, 3, 3), 255, np.uint8)
    pixels[1] = (200, 100, 150)
    pixels[2] = 0
    return pixels


def test_tissue_is_coloured_or_dark() -> None:
    image = picture(colours(), "YXS")
    coloured = segment(image, Options(above=50))
    assert mask(coloured).all(axis=1).tolist() == [False, True, False]
    assert "saturation" in coloured.maker
    dark = segment(image, Options(below=200, channel="grey"))
    assert mask(dark).all(axis=1).tolist() == [False, True, True]
    green = segment(image, Options(above=100, channel="Green"))
    assert mask(green).all(axis=1).tolist() == [True, False, False]
    assert np.array_equal(mask(segment(image, Options(above=100, channel="1"))), mask(green))
    with pytest.raises(UsageError, match=r"no channel 'hue' .* saturation, grey, violet, red"):
        segment(image, Options(channel="hue"))


def test_C02_planar_colours_are_the_same_picture() -> None:
    planar = picture(np.moveaxis(colours(), -1, 0), "SYX")
    for name in ("grey", "saturation", "red"):
        one, two = (segment(p, Options(above=120, channel=name)) for p in (planar, picture(colours(), "YXS")))
        assert np.array_equal(one.data, two.data)


def test_of_several_channels_one_is_asked_for() -> None:
    pixels = np.stack([np.full((4, 4), 3), ramp()[:4, :4]]).astype(np.int16)
    image = picture(pixels, "CYX", channels=("DAPI", "Cy3"))
    with pytest.raises(AxesError, match=r"which channel is meant\? \(E-AXE-02\): there are 0 \(DAPI\), 1 \(Cy3\)"):
        segment(image, Options(above=0))
    for name in ("1", "cy3"):
        assert np.array_equal(mask(segment(image, Options(above=0, channel=name))), pixels[1] > 0)
    for name in ("2", "FITC", "-1"):
        with pytest.raises(UsageError, match="E-USE-05"):
            segment(image, Options(above=0, channel=name))


def test_C02_times_and_channels_in_any_order() -> None:
    pixels = np.zeros((1, 2, 3, 4, 5), np.uint8)
    pixels[0, 1, :, 2, 3] = 9
    order = (2, 1, 0, 3, 4)  # stored as Z C T Y X
    image = picture(pixels.transpose(order), "ZCTYX", (1.0, 1.0, 1.0))
    found = mask(segment(image, Options(above=5, channel="1")))
    assert np.argwhere(found).tolist() == [[z, 2, 3] for z in range(3)]
    several = picture(np.zeros((2, 4, 5), np.uint8), "TYX")
    with pytest.raises(AxesError, match="E-AXE-03"):
        segment(several, Options(above=5))


def test_a_coarser_level_keeps_its_own_grid() -> None:
    pixels = ramp()[:4, :4]
    small = pixels[::2, ::2]
    levels = (
        Level(pixels.shape, (1.0, 1.0), lambda part: pixels[part]),
        Level(small.shape, (2.0, 2.0), lambda part: small[part]),
    )
    plain = picture(pixels)
    image = Picture("p.tif", "TIFF", "YX", pixels.shape, pixels.dtype, levels, calibration=plain.calibration)
    region = segment(image, Options(above=-5, level=1))
    assert region.data.shape == (2, 2)  # type: ignore[union-attr]
    assert region.spacing_mm == (1.0, 1.0)
    assert region.origin_px == (0.5, 0.5)
    with pytest.raises(UsageError, match="levels are 0 to 1"):
        segment(image, Options(level=2))
    bare = Picture("p.tif", "TIFF", "YX", pixels.shape, pixels.dtype, levels)
    with pytest.raises(MarginError, match="needs a pixel size"):
        segment(bare, Options(above=0, level=1))


@pytest.mark.parametrize(
    "wrong", [{"min_size_px": -1}, {"level": -1}, {"smooth_px": -1.0}, {"smooth_px": np.nan}, {"smooth_px": 1e9}]
)
def test_options_that_cannot_be(wrong: Any) -> None:
    with pytest.raises(UsageError, match="E-USE-03"):
        Options(**wrong)


def test_tissue_of_a_real_slide_by_its_saturation(shared_data: Path) -> None:
    image = open_picture(shared_data / "he-svs" / "cmu-1-small-region.svs")
    options = Options(above="otsu", channel="saturation", fill=True, min_size_px=10_000)
    found = mask(threshold.segment(image, options))
    assert 0.3 < found.mean() < 0.95
    read = image.read().astype(float)
    inside, outside = read[found].mean(axis=0), read[~found].mean(axis=0)
    assert inside[1] < outside[1] - 30  # tissue takes green out of the light


def test_violet_is_blue_less_the_larger_of_the_others(tmp_path: Path) -> None:
    """A pen (90, 80, 190) has 100; skin and black ticks have none, and nothing wraps round below zero."""
    colours = np.array([[[90, 80, 190], [230, 190, 170], [20, 20, 21], [255, 0, 254]]], np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", np.repeat(colours, 3, 0), photometric="rgb")
    image = marginkit.open(tmp_path / "a.tif")
    for above, wanted in ((99, [True, False, False, False]), (0, [True, False, True, False]), (100, [False] * 4)):
        found = marginkit.segment(image, "threshold", channel="violet", above=float(above))
        assert np.asarray(found.data)[0].tolist() == wanted

"""Fluorescence: ratios by hand, thresholds where the truth was drawn, refusals, peaks."""

from pathlib import Path

import numpy as np
import pytest
from test_specimen import dice, disc, picture

import marginkit as mk
from marginkit import fluorescence as fl

SHAPE = (200, 300)
TISSUE, TUMOR = disc(SHAPE, (100, 150), 80), disc(SHAPE, (100, 190), 20)


def glowing(seed: int = 0) -> np.ndarray:
    """Counts: 100 off tissue, 300 in it, 1500 in the tumor; noise of SD 10."""
    counts = np.full(SHAPE, 100.0)
    counts[TISSUE], counts[TUMOR] = 300, 1500
    return (counts + np.random.default_rng(seed).normal(0, 10, SHAPE)).round().astype(np.uint16)


def test_ratios_by_hand() -> None:
    counts = np.array([[10, 14, 12, 12], [100, 110, 90, 100]], np.uint16)
    here = fl.Background("drawn", np.array([[True] * 4, [False] * 4]))
    other = fl.Background("two", np.array([[True, True, False, False], [False] * 4]))
    got = fl.quantify(counts, ~here.mask, [here, other], dark=2.0)
    assert got.tbr == got.sbr == pytest.approx(98 / 10)
    assert got.cnr == pytest.approx(88 / np.std([10, 14, 12, 12], ddof=1))
    assert got.cnr_range == pytest.approx((88 / np.std([10, 14], ddof=1), got.cnr))
    assert got.dark == "subtracted"
    assert fl.quantify(counts, ~here.mask, [here]).tbr == pytest.approx(100 / 12)


def test_the_range_over_backgrounds_is_shown() -> None:
    counts = glowing()
    near = fl.ring(TUMOR, (0.1, 0.1), 0.5, 2.0, TISSUE)
    off = fl.off_tissue(TISSUE, (0.1, 0.1), 0.5)
    got = fl.quantify(counts, TUMOR, [near, off])
    assert got.background == "ring 0.5-2 mm"
    assert got.tbr == pytest.approx(5, rel=0.01)
    assert got.tbr_range == pytest.approx((5, 15), rel=0.01)


def test_a_background_below_the_dark_level_is_refused() -> None:
    with pytest.raises(mk.MarginError, match="E-PIX-08"):
        fl.quantify(glowing(), TUMOR, [fl.off_tissue(TISSUE, (1, 1))], dark=500.0)
    with pytest.raises(mk.MarginError, match="E-MSR-08"):
        fl.quantify(glowing(), TUMOR, [fl.Background("drawn", np.zeros(SHAPE, bool))])


@pytest.mark.parametrize("method", ["otsu", "li", "ratio", "sd", "half", "hysteresis", 900])
def test_each_threshold_finds_the_drawn_tumor(method: str | int) -> None:
    region = mk.segment(picture(glowing(), "YX"), "fluorescence", threshold=method, within="specimen", sds=5)
    assert dice(np.asarray(region.data), TUMOR) > 0.97
    assert "above" in region.maker


def test_thresholds_have_their_stated_value() -> None:
    counts = np.array([8.0, 12, 10, 10, 100, 200])
    back = np.array([1, 1, 1, 1, 0, 0], bool)
    sd = np.std([8, 12, 10, 10], ddof=1)
    assert float(fl.find_threshold(counts, "ratio", back, ratio=3).value) == 30
    assert float(fl.find_threshold(counts, "sd", back).value) == pytest.approx(10 + 3 * sd)
    assert float(fl.find_threshold(counts, "half", back).value) == pytest.approx((10 + np.percentile(counts, 99.9)) / 2)
    assert fl.find_threshold(counts, 50).mask(counts).tolist() == [False] * 4 + [True] * 2


def test_hysteresis_keeps_only_what_is_joined_to_the_peak() -> None:
    counts = np.array([[10, 11, 9, 10, 50, 400, 50, 10, 50, 50, 9, 11]], float)
    back = counts < 20
    mask = fl.find_threshold(counts, "hysteresis", back).mask(counts)
    assert mask[0].tolist() == [False] * 4 + [True] * 3 + [False] * 5


def test_B03_pseudo_colour_is_refused_but_edges_may_be_found(shared_data: Path) -> None:
    image = mk.open(shared_data / "fgs-mouse-lung-gfp" / "30-2A1f.jpg")
    with pytest.raises(mk.MarginError, match="E-PIX-01"):
        mk.segment(image, "fluorescence", threshold="otsu")
    region = mk.segment(image, "fluorescence", threshold="otsu", edges=True)
    assert 0.002 < np.asarray(region.data).mean() < 0.05


def test_B03_grey_in_three_equal_colours_is_let_through() -> None:
    grey = (glowing() // 8).astype(np.uint8)
    region = mk.segment(picture(np.stack([grey] * 3, -1)), "fluorescence", within="specimen")
    assert dice(np.asarray(region.data), TUMOR) > 0.97


@pytest.mark.parametrize("full", [4095, 65535, 40000])
def test_B08_saturated_signal_is_counted_and_flagged(full: int) -> None:
    counts = np.minimum(glowing().astype(int) * 60, full).astype(np.uint16)
    counts[TUMOR] = full
    counts[90:100, 190] = full - 3000
    got = fl.quantify(counts, TUMOR, [fl.ring(TUMOR, (1, 1), 5, 20, TISSUE)])
    assert fl.saturation(counts) == full
    assert got.saturated_px == TUMOR.sum() - 10
    assert got.flags == ("saturated_signal",)


def test_an_unsaturated_image_is_not_called_saturated() -> None:
    assert fl.saturation(glowing()) is None


def test_B09_constant_image_is_refused() -> None:
    with pytest.raises(mk.MarginError, match="E-PIX-04"):
        mk.segment(picture(np.full((20, 20), 7, np.uint16), "YX"), "fluorescence")


def test_sentinel_peaks_are_ranked_and_placed() -> None:
    y, x = np.indices(SHAPE)
    counts = 100.0 + 0 * y
    for (py, px), height in {(100, 215): 1000, (100, 120): 500, (50, 150): 700}.items():
        counts += height * np.exp(-((y - py) ** 2 + (x - px) ** 2) / (2 * 5.0**2))
    tissue = np.zeros(SHAPE, bool)
    tissue[20:180, 70:230] = True
    peaks = fl.sentinel_peaks(counts, tissue, fl.off_tissue(tissue, (1, 1)), (0.1, 0.1), apart_mm=0.8)
    assert [p.at_px for p in peaks[:3]] == [(100, 215), (50, 150), (100, 120)]
    assert peaks[0].edge_mm == pytest.approx(1.45)  # from column 215 to the border between 229 and 230
    assert peaks[1].edge_mm == pytest.approx(3.05)
    near = fl.sentinel_peaks(counts, tissue, fl.off_tissue(tissue, (1, 1)), (0.1, 0.1), apart_mm=0.8, within_mm=2)
    assert near[0].at_px == (100, 215)
    assert all(p.edge_mm <= 2 for p in near)


def test_a_stack_is_one_signal() -> None:
    counts = np.stack([glowing(s) for s in range(4)])
    region = mk.segment(picture(counts, "ZYX"), "fluorescence", within="specimen", threshold="half")
    assert dice(np.asarray(region.data), np.stack([TUMOR] * 4)) > 0.97

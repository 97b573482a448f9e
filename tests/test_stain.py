"""Dyes apart and a threshold on one: against colours made by Beer and Lambert's law, and against scikit-image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from skimage.color import rgb2hed

import marginkit as mk
from marginkit import stains
from marginkit.errors import MarginError, PixelError
from marginkit.segmenters import stain

H, E, D = (np.array(stains.VECTORS[name]) for name in ("haematoxylin", "eosin", "dab"))
H, E, D = (one / np.linalg.norm(one) for one in (H, E, D))


def mixed(amounts: NDArray[Any], dyes: tuple[NDArray[Any], ...]) -> NDArray[np.uint8]:
    """Colours of amounts (y, x, dye) in optical density."""
    return np.round(255 * 10 ** -(amounts @ np.array(dyes))).clip(0, 255).astype(np.uint8)


def marker(side: int = 200) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """(colours, where it is brown): glass, a blue disk, a brown disk in it with blue below."""
    y, x = np.mgrid[:side, :side]
    tissue, tumor = (np.hypot(y - side / 2, x - side / 2) < r * side for r in (0.45, 0.2))
    clean = np.stack([0.4 * tissue, 0.7 * tumor], axis=-1)
    return mixed(clean + np.random.default_rng(0).uniform(0, 0.1, clean.shape), (H, D)), tumor


def slide(path: Path, pixels: NDArray[np.uint8], um: float | None = 1.0) -> Path:
    told = {} if um is None else {f"PhysicalSize{a}{b}": v for a in "XY" for b, v in (("", um), ("Unit", "µm"))}
    tifffile.imwrite(path, pixels, photometric="rgb", metadata={"axes": "YXS", **told})
    return path


def test_amounts_that_were_mixed_come_apart() -> None:
    random = np.random.default_rng(0)
    amounts = random.uniform(0, 0.6, (40, 50, 2))
    found = stains.amounts(mixed(amounts, (H, D)), stains.matrix(["haematoxylin", "dab"]), (0, 1)) * stains.WHOLE / 255
    assert np.abs(found - amounts).max() < 0.05
    assert np.abs((found - amounts).mean()) < 0.005


def test_it_agrees_with_scikit_image() -> None:
    """Their three dyes and natural logarithms: one factor between the two scales, for each dye."""
    random = np.random.default_rng(1)
    colours = mixed(random.uniform(0, 0.5, (60, 60, 3)), (H, E, D))
    ours = stains.amounts(colours, stains.matrix(["haematoxylin", "eosin", "dab"]), (0, 1, 2)).astype(float)
    theirs = rgb2hed(colours)
    for dye in range(3):
        inside = ours[..., dye] > 10
        ratio = ours[..., dye][inside] / theirs[..., dye][inside]
        assert np.abs(ratio / np.median(ratio) - 1).mean() < 0.05
        assert np.corrcoef(ours[..., dye].ravel(), theirs[..., dye].ravel())[0, 1] > 0.995


@pytest.mark.parametrize("dyes", ["published", "estimated"])
def test_the_brown_disk_is_found_whatever_the_glass(tmp_path: Path, dyes: str) -> None:
    colours, tumor = marker()
    for side in (0, 300):
        wide = np.pad(colours, ((side, side), (side, side), (0, 0)), constant_values=250)
        region = mk.segment(mk.open(slide(tmp_path / "a.ome.tif", wide)), "stain", dyes=dyes, smooth_px=0.0)
        assert np.array_equal(np.asarray(region.data), np.pad(tumor, side))
        assert "dab" in region.maker
        assert "otsu" in region.maker


def test_the_colours_of_two_dyes_are_found_in_the_image() -> None:
    """Dyes that are a little off the published ones, each alone in places and mixed in others."""
    own = np.add([H, E], [(0.05, -0.08, 0.05), (0.0, -0.1, 0.12)])
    own /= np.linalg.norm(own, axis=1, keepdims=True)
    random = np.random.default_rng(2)
    amounts = random.uniform(0.2, 1.0, (100, 100, 2))
    amounts[:20, :, 0] = amounts[80:, :, 1] = 0
    colours = np.round(255 * 10 ** -(amounts @ own)).astype(np.uint8)
    found = stains.estimated(colours)
    assert (found[:2] * own).sum(axis=1) == pytest.approx([1, 1], abs=2e-3)


def test_a_threshold_that_is_given_is_optical_density(tmp_path: Path) -> None:
    y = np.linspace(0, 1, 101)
    colours = mixed(np.stack([np.zeros((20, 101)), np.tile(y, (20, 1))], -1), (H, D))
    region = mk.segment(mk.open(slide(tmp_path / "a.ome.tif", colours)), "stain", above=0.5, smooth_px=0.0)
    first = np.flatnonzero(np.asarray(region.data)[10])[0]
    assert y[first] == pytest.approx(0.5, abs=0.02)


def test_strips_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    colours, _ = marker()
    noisy = (colours + np.random.default_rng(3).normal(0, 20, colours.shape)).clip(0, 255).astype(np.uint8)
    picture = mk.open(slide(tmp_path / "a.ome.tif", noisy))
    whole = mk.segment(picture, "stain", fill=True)
    monkeypatch.setattr(stain, "STRIP_PX", 2000)
    assert np.array_equal(np.asarray(mk.segment(picture, "stain", fill=True).data), np.asarray(whole.data))


def test_small_pieces_are_dropped_by_area(tmp_path: Path) -> None:
    colours, tumor = marker()
    spot = np.zeros_like(tumor)
    spot[95:99, 20:24] = True
    colours[spot] = colours[100:104, 100:104].reshape(-1, 3)
    picture = mk.open(slide(tmp_path / "a.ome.tif", colours))
    both, large = (
        np.asarray(mk.segment(picture, "stain", smooth_px=0.0, min_area_mm2=area).data) for area in (15e-6, 17e-6)
    )
    assert np.array_equal(both, tumor | spot)
    assert np.array_equal(large, tumor)


def test_finer_pixels_are_averaged_and_lie_right(tmp_path: Path) -> None:
    colours, tumor = marker()
    fine = np.repeat(np.repeat(colours, 4, 0), 4, 1)
    region = mk.segment(mk.open(slide(tmp_path / "a.ome.tif", fine, 0.25)), "stain", smooth_px=0.0)
    assert region.spacing_mm == pytest.approx((0.001, 0.001))
    assert region.origin_px == (1.5, 1.5)
    assert np.array_equal(np.asarray(region.data), tumor)


def test_white_and_one_colour_are_refused(tmp_path: Path) -> None:
    white = slide(tmp_path / "w.ome.tif", np.full((64, 64, 3), 250, np.uint8))
    for options in ({}, {"dyes": "estimated"}):
        with pytest.raises(PixelError, match="E-PIX-04"):
            mk.segment(mk.open(white), "stain", **options)
    grey = slide(tmp_path / "g.ome.tif", np.full((64, 64, 3), 90, np.uint8))
    with pytest.raises(PixelError, match="E-PIX-04"):
        mk.segment(mk.open(grey), "stain", dyes="estimated")


def test_options_and_channels_are_checked(tmp_path: Path) -> None:
    picture = mk.open(slide(tmp_path / "a.ome.tif", marker()[0]))
    for options in ({"above": 9.0}, {"above": "li"}, {"dye": "pas"}, {"smooth_px": -1.0}, {"min_area_mm2": -1.0}):
        with pytest.raises(MarginError, match="E-USE-0"):
            mk.segment(picture, "stain", **options)
    tifffile.imwrite(tmp_path / "grey.tif", np.zeros((9, 9), np.uint16))
    with pytest.raises(MarginError, match="E-AXE-05"):
        mk.segment(mk.open(tmp_path / "grey.tif"), "stain")
    bare = mk.open(slide(tmp_path / "bare.tif", marker()[0], None))
    with pytest.raises(MarginError, match="E-CAL-01"):
        mk.segment(bare, "stain", min_area_mm2=1.0)
    assert mk.segment(bare, "stain").spacing_mm is None

"""What lies between planes: the bound of a sphere, by hand and by brute sampling; where it is said."""

import math

import numpy as np
import pytest

from marginkit import judging, sampling
from marginkit.measuring import measure
from marginkit.records import Margins


def ball(radius_px: int = 13, planes: int = 9, gap_mm: float = 4.0) -> Margins:
    """A ball of tumor in a box of tissue, one millimetre a pixel in plane."""
    z, y, x = np.ogrid[:planes, :60, :60]
    tumor = ((z - planes // 2) * gap_mm) ** 2 + (y - 30) ** 2 + (x - 30) ** 2 <= radius_px**2
    specimen = np.zeros((planes, 60, 60), bool)
    specimen[:, 3:57, 3:57] = True
    return measure(tumor, specimen, (gap_mm, 1.0, 1.0))


@pytest.mark.parametrize(("radius_mm", "gap_mm", "wanted_mm"), [(13, 10, 1.0), (5, 6, 1.0), (2.5, 3, 0.5), (3, 6, 3.0)])
def test_the_bound_of_right_angled_triangles(radius_mm: float, gap_mm: float, wanted_mm: float) -> None:
    """5-12-13, 3-4-5, 1.5-2-2.5, and a sphere as large as the gap, of which nothing need be seen."""
    assert sampling.hidden_mm(radius_mm, gap_mm) == pytest.approx(wanted_mm, rel=1e-12)


def test_the_bound_is_what_planes_at_the_worst_place_miss() -> None:
    """A sphere cut by planes at every offset: what the nearest cut falls short of its pole."""
    radius_mm, gap_mm = 7.0, 3.0
    offsets = np.linspace(0, gap_mm, 2001)
    heights = np.arange(-4, 5)[:, None] * gap_mm + offsets
    cut = np.sqrt(np.clip(radius_mm**2 - heights**2, 0, None))
    short_mm = radius_mm - cut.max(axis=0)
    assert sampling.hidden_mm(radius_mm, gap_mm) == pytest.approx(short_mm.max(), abs=1e-9)


def test_the_bound_keeps_its_digits_where_the_gap_is_small() -> None:
    assert sampling.hidden_mm(1e4, 1e-3) == pytest.approx(1e-6 / 8e4, rel=1e-9)


def test_a_sphere_that_fits_between_planes_has_no_bound() -> None:
    assert sampling.hidden_mm(1.9, 4.0) is None


def test_the_chance_of_missing_a_focus_by_throwing_it() -> None:
    centre_mm = np.random.default_rng(7).uniform(0, 5, 200_000)
    missed = ((centre_mm > 1.0) & (centre_mm < 4.0)).mean()  # radius 1 between planes at 0 and 5
    assert sampling.chance_missed(2.0, 5.0) == pytest.approx(missed, abs=0.005)
    assert sampling.chance_missed(5.0, 5.0) == 0.0


@pytest.mark.parametrize("sizes", [(0.0, 1.0), (1.0, 0.0), (-1.0, 1.0), (math.nan, 1.0)])
def test_lengths_that_are_none_are_refused(sizes: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="positive"):
        sampling.hidden_mm(*sizes)


def test_a_clear_verdict_of_a_stack_says_what_its_planes_can_hide() -> None:
    reason = judging.judge(ball(), "uicc-r").reason
    assert "in the 9 planes examined, 4 mm apart" in reason
    assert "nearer, and a focus under 4.0 mm can be missed" in reason


def test_one_plane_has_nothing_between() -> None:
    tumor = np.zeros((20, 20), bool)
    tumor[9:12, 9:12] = True
    flat = measure(tumor, np.pad(np.ones((16, 16), bool), 2), (1.0, 1.0))
    assert sampling.between(flat) is None
    assert "between" not in judging.judge(flat, "uicc-r").reason


def test_the_bound_speaks_of_half_the_tumor() -> None:
    found = sampling.between(ball())
    assert found is not None
    assert found.radius_mm == pytest.approx(math.hypot(28, 11) / 2, abs=0.3)  # seven slabs of 4 mm, the last 11 mm wide
    assert found.nearer_mm == pytest.approx(found.radius_mm - math.sqrt(found.radius_mm**2 - 4), rel=1e-9)

"""One mask of coarse and fine places: fine to the last pixel where it was asked, coarse pixels split elsewhere."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marginkit import patchwork
from marginkit.patchwork import Coarse, Patchwork
from marginkit.records import Region

PLACE = 6


@pytest.fixture(autouse=True)
def _small_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patchwork, "PLACE_PX", PLACE)


def coarse(mask: Any, fine: Any, **more: Any) -> Coarse:
    ratio = tuple(b / a for a, b in zip(mask.shape, fine.shape))
    return Coarse(
        Region(mask), fine.shape, None, None, ratio, lambda rows, columns: fine[rows, columns], "drawn", **more
    )


def split(mask: Any, shape: tuple[int, int]) -> Any:
    """Each fine pixel with the value of the coarse one that holds its middle: for ratios that are whole numbers."""
    rows, columns = (np.arange(n) * m // n for n, m in zip(shape, mask.shape))
    return mask[np.ix_(rows, columns)]


def noise(seed: int, shape: tuple[int, int]) -> Any:
    return np.random.default_rng(seed).random(shape) < 0.5


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 9), st.integers(2, 4), st.integers(2, 4))
def test_fine_where_it_was_asked_and_coarse_elsewhere(
    seed: int, height: int, width: int, down: int, right: int
) -> None:
    mask, fine = noise(seed, (height, width)), noise(seed + 1, (height * down, width * right))
    work = Patchwork(coarse(mask, fine))
    assert np.array_equal(np.asarray(work.region.data), split(mask, fine.shape))
    first, second = noise(seed + 2, work.fine.shape), noise(seed + 3, work.fine.shape)
    work.refine(first)
    work.refine(second & ~first)
    side = [max(1, round(PLACE / ratio)) * ratio for ratio in (down, right)]
    asked = np.kron(first | second, np.ones(side, bool))[: fine.shape[0], : fine.shape[1]]
    assert np.array_equal(np.asarray(work.region.data), np.where(asked, fine, split(mask, fine.shape)))
    assert work.read_px == asked.sum()


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.tuples(st.integers(1, 7), st.integers(1, 7)), st.integers(0, 13), st.integers(0, 13)
)
def test_levels_whose_ratio_is_not_whole(seed: int, small: tuple[int, int], down: int, right: int) -> None:
    """Every pixel is decided, whichever coarse pixel it is given to: asked everywhere the mask is the fine one."""
    fine = noise(seed, (2 * small[0] + down, 2 * small[1] + right))
    work = Patchwork(coarse(noise(seed + 1, small), fine))
    work.refine(~work.fine)
    assert np.array_equal(np.asarray(work.region.data), fine)


def blob() -> tuple[Any, Any]:
    """(coarse, fine): a square of 4 x 4 coarse pixels in 12 x 12, ratio 3."""
    mask = np.zeros((12, 12), bool)
    mask[4:8, 4:8] = True
    return mask, split(mask, (36, 36))


def everywhere(found: Coarse, *, tissue: bool = False) -> tuple[Any, bool]:
    work = Patchwork(found, tissue=tissue)
    work.refine(~work.fine)
    return np.asarray(work.region.data), work.missed


def test_an_island_that_no_coarse_pixel_saw_is_told_of() -> None:
    mask, fine = blob()
    fine[2, 30] = True
    found, missed = everywhere(coarse(mask, fine))
    assert found[2, 30]
    assert missed
    assert not everywhere(coarse(*blob()))[1]


def test_what_was_tidied_away_coarse_stays_away() -> None:
    """An island, a hole, and a nose of two pixels that reaches into a place where no coarse pixel is tissue."""
    mask, fine = blob()
    fine[2, 30], fine[17, 17], fine[10:12, 14] = True, False, True
    found, missed = everywhere(coarse(mask, fine, tidied=True, filled=True))
    fine[2, 30], fine[17, 17] = False, True
    assert np.array_equal(found, fine)
    assert not missed


def test_a_cut_into_the_tissue_that_no_coarse_pixel_saw_is_told_of() -> None:
    mask, fine = blob()
    fine[12:20, 18] = False
    assert everywhere(coarse(mask, fine), tissue=True)[1]
    assert everywhere(coarse(mask, fine, tidied=True), tissue=True)[0][16, 18]  # the coarse decision stands
    assert everywhere(coarse(mask, fine, tidied=True), tissue=True)[1]


def test_places_are_those_within_a_coarse_pixel() -> None:
    work = Patchwork(coarse(*blob()))  # places of 2 coarse pixels, 6 fine ones
    wanted = work.places(np.array([[11.4, 20.0]]))
    assert np.argwhere(wanted).tolist() == [[1, 2], [1, 3], [2, 2], [2, 3]]
    work.refine(wanted)
    assert not work.places(np.array([[11.4, 20.0]])).any()


def test_how_far_a_coarse_outline_may_be_off() -> None:
    """3 x 4 pixels of 1 mm, whose diagonal is 5, and that of a fine pixel."""
    fine = np.zeros((30, 40), bool)
    assert Patchwork(coarse(fine[::3, ::4], fine)).off_mm((1.0, 1.0)) == pytest.approx(5 + 2**0.5)

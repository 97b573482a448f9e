"""Components by runs are those of scipy.ndimage.label."""

import numpy as np
import pytest
from hypothesis import given
from scipy import ndimage

from marginkit.geometry import bits, runs

from .test_bits import MASKS


@pytest.mark.parametrize("corners", [True, False])
@given(mask=MASKS)
def test_components_equal_scipy_label(corners: bool, mask: np.ndarray) -> None:
    structure = ndimage.generate_binary_structure(mask.ndim, mask.ndim if corners else 1)
    labels, count = ndimage.label(mask, structure)
    got = runs.components(runs.runs(bits.pack(mask)), corners=corners)
    assert got.count == count
    pixels = np.argwhere(mask)
    if count:
        mine = got.at(pixels)
        theirs = labels[mask]
        assert len(set(zip(mine.tolist(), theirs.tolist()))) == count
        first_seen = list(dict.fromkeys(mine.tolist()))
        assert first_seen == sorted(first_seen)
        np.testing.assert_array_equal(got.pixels, np.bincount(mine))


@given(mask=MASKS)
def test_background_and_border(mask: np.ndarray) -> None:
    back = runs.gaps(runs.runs(bits.pack(mask)))
    want = runs.runs(bits.pack(~mask))
    for name in ("row", "start", "stop"):
        np.testing.assert_array_equal(getattr(back, name), getattr(want, name))
    got = runs.components(back, corners=False)
    labels, _ = ndimage.label(~mask)
    border = np.ones(mask.shape, bool)
    border[(slice(1, -1),) * mask.ndim] = False
    assert got.meets_border().sum() == len(np.unique(labels[border & ~mask]))


def test_B11_more_foci_than_sixteen_bits_hold() -> None:
    mask = np.zeros((600, 600), bool)
    mask[::2, ::2] = True
    assert runs.components(runs.runs(bits.pack(mask)), corners=False).count == 90_000

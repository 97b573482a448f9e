"""Skipping far cells changes no distance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from marginkit.geometry.group_distance import least_mm
from marginkit.geometry.lattice import Lattice, regular_ticks


@given(st.integers(0, 10_000), st.sampled_from([2, 3]), st.integers(1, 300), st.integers(1, 8))
def test_equals_all_pairs(seed: int, ndim: int, number: int, groups: int) -> None:
    rng = np.random.default_rng(seed)
    spacing = rng.choice([0.1, 0.5, 2.0], ndim)
    lattice = Lattice(regular_ticks((700,) * ndim), spacing)
    points, target = rng.integers(0, 700, (number, ndim)) - 0.5, rng.integers(0, 700, (50, ndim)) - 0.5
    group = rng.integers(0, groups, number)
    pairs = cdist(points * spacing, target * spacing).min(axis=1)
    want = [pairs[group == k].min(initial=np.inf) for k in range(groups)]
    assert least_mm(lattice, lattice.points(points, group), groups, lattice.points(target)).tolist() == pytest.approx(
        want, rel=1e-12, abs=1e-12
    )

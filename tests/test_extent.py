"""The greatest distance within points, against every pair."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from marginkit.geometry.extent import _outermost, diameter_mm, flat_hull, line_ends

numbers = st.one_of(st.integers(-4, 4).map(float), st.floats(-1e3, 1e3, width=32))


@settings(deadline=None, max_examples=200)
@given(st.tuples(st.integers(2, 30), st.integers(2, 3)).flatmap(lambda n: arrays(np.float64, n, elements=numbers)))
def test_equals_every_pair(points: np.ndarray) -> None:
    np.testing.assert_allclose(diameter_mm(points), pdist(points).max(), rtol=1e-12)


@settings(deadline=None, max_examples=60)
@given(arrays(np.bool_, (7, 9)), st.integers(0, 99))
def test_corners_in_any_order_have_the_same_ends(mask: np.ndarray, seed: int) -> None:
    vertex = np.argwhere(mask)
    if not len(vertex):
        return
    mixed = np.random.default_rng(seed).permutation(vertex)
    ends = [
        {(*at,) for at in vertex.tolist() if at[k] in _ends(vertex[vertex[:, 1 - k] == at[1 - k], k])} for k in (0, 1)
    ]
    true = ends[0] & ends[1]
    for found in (line_ends(vertex), line_ends(mixed)):
        assert true <= {(*at,) for at in found.tolist()}
        assert len(np.unique(found, axis=0)) == len(found)
    assert sorted(line_ends(vertex).tolist()) == sorted(line_ends(mixed).tolist())


def _ends(line: np.ndarray) -> tuple[int, int]:
    return int(line.min()), int(line.max())


def test_flat_hull_is_that_of_qhull() -> None:
    points = np.random.default_rng(1).normal(size=(5000, 2))
    found = flat_hull(points)
    assert np.array_equal(np.unique(found, axis=0), np.unique(points[ConvexHull(points).vertices], axis=0))
    assert len(found) == len(np.unique(found, axis=0))


def test_flat_hull_where_corners_fall_one_by_one() -> None:
    """Behind a far point each corner of an arc is taken out only after the one before it; and points come twice."""
    angle = np.linspace(0, np.pi / 2, 1000)
    arc = np.stack([np.sin(angle), 1 - np.cos(angle)], axis=1)
    points = np.concatenate([arc, arc[::-1], [[2.0, 50.0], [0.0, 0.0], [2.0, 0.5]]])
    found = flat_hull(points)
    assert {tuple(p) for p in found.tolist()} == {tuple(p) for p in points[ConvexHull(points).vertices].tolist()}


@pytest.mark.parametrize("stretch", [1.0, 1e-3])
@pytest.mark.parametrize("whole", [False, True])
def test_many_points_are_thinned_out_only_inside(stretch: float, whole: bool) -> None:
    points = np.random.default_rng(2).normal(size=(20_000, 2)) * [300, 300 * stretch]
    points = np.rint(points) if whole else points
    kept = _outermost(points)
    assert len(kept) < len(points) / 2
    corners = points[ConvexHull(points).vertices]
    assert {tuple(corner) for corner in corners.tolist()} <= {tuple(point) for point in kept.tolist()}
    np.testing.assert_allclose(diameter_mm(points), pdist(corners).max(), rtol=1e-12)

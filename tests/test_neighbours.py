"""Pairs of polygons and the holders of points are those that an STRtree finds when it is asked with a predicate."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from marginkit.geometry import neighbours
from marginkit.geometry.pairs import TIE
from marginkit.geometry.tracing import mask_polygon


def parts(seed: int, share: float, scale: float) -> np.ndarray:
    """The pieces of a random mask, with islands in holes and corners that touch."""
    mask = np.random.default_rng(seed).random((24, 30)) < share
    found = shapely.get_parts(shapely.transform(mask_polygon(mask), lambda xy: xy * scale))
    return np.asarray(found, dtype=object)


@settings(deadline=None)
@given(st.integers(0, 999), st.sampled_from([0.2, 0.5, 0.6, 0.9]), st.sampled_from([1e-12, 0.7, 1.0, 1.5, 4.0]))
def test_pairs_that_are_near_are_those_of_a_tree_asked_both_ways(seed: int, share: float, reach: float) -> None:
    shapes = parts(seed, share, 0.7)
    reach *= 1 + TIE  # as the callers do
    first, second = neighbours.near(shapes, reach)
    a, b = shapely.STRtree(shapes).query(shapes, predicate="dwithin", distance=reach)
    assert set(zip(first.tolist(), second.tolist())) == {(i, j) for i, j in zip(a.tolist(), b.tolist()) if i < j}
    assert len(set(zip(first.tolist(), second.tolist()))) == len(first)


@settings(deadline=None)
@given(st.integers(0, 999), st.sampled_from([0.2, 0.6, 0.9]))
def test_holders_of_points_are_those_of_a_tree(seed: int, share: float) -> None:
    areas = parts(seed, share, 1.0)
    draw = np.random.default_rng(seed)
    on_corners = draw.integers(0, 30, (40, 2)).astype(float)
    points = shapely.points(np.vstack([on_corners, draw.random((40, 2)) * 30]))
    found = neighbours.holding(points, areas)
    known = shapely.STRtree(areas).query(points, predicate="intersects")
    assert {*zip(*(one.tolist() for one in found))} == {*zip(*(one.tolist() for one in known))}


@pytest.mark.parametrize("count", [0, 1])
def test_none_and_one_have_no_neighbours(count: int) -> None:
    shapes = np.array([shapely.box(0, 0, 1, 1)] * count, dtype=object)
    assert [len(one) for one in neighbours.near(shapes, 5.0)] == [0, 0]
    assert [len(one) for one in neighbours.holding(shapely.points([[0.5, 0.5]]), shapes)] == [count, count]

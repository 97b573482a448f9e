"""Nearest segments against shapely (GEOS), and what must not change them."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from marginkit.geometry.nearest_segments import SegmentSet, cut, points_between
from marginkit.geometry.pairs import distance_mm

whole = st.integers(-8, 8).map(float)
loose = st.floats(-50, 50, allow_nan=False, width=32)
spacings = st.tuples(*[st.sampled_from([0.01, 0.25, 0.5, 1.0, 3.0])] * 2).map(np.array)


def sets(elements: st.SearchStrategy[float]) -> st.SearchStrategy[np.ndarray]:
    return st.integers(1, 12).flatmap(lambda n: arrays(np.float64, (n, 2, 2), elements=elements))


def lines(segments: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    return shapely.linestrings(segments * spacing)


@settings(deadline=None, max_examples=120)
@given(st.one_of(sets(whole), sets(loose)), st.one_of(sets(whole), sets(loose)), spacings)
def test_equals_shapely(asked: np.ndarray, others: np.ndarray, spacing: np.ndarray) -> None:
    found = SegmentSet(others, spacing).nearest(asked)
    truth = shapely.distance(lines(asked, spacing), shapely.multilinestrings(lines(others, spacing)))
    np.testing.assert_allclose(found.distance_mm, truth, rtol=1e-9, atol=1e-9)
    ends = distance_mm(found.here_px, found.there_px, spacing)
    np.testing.assert_allclose(ends, found.distance_mm, rtol=1e-9, atol=1e-12)
    on_asked = shapely.distance(shapely.points(found.here_px * spacing), lines(asked, spacing))
    on_other = shapely.distance(shapely.points(found.there_px * spacing), lines(others[found.element], spacing))
    assert max(on_asked.max(), on_other.max()) < 1e-9


@settings(deadline=None, max_examples=100)
@given(sets(whole), sets(whole), spacings, st.integers(2, 5))
def test_cutting_and_direction_change_nothing(a: np.ndarray, b: np.ndarray, spacing: np.ndarray, parts: int) -> None:
    before = SegmentSet(b, spacing).nearest(a).distance_mm
    pieces, parent = cut(b, np.full(len(b), parts))
    after = SegmentSet(pieces[:, ::-1], spacing).nearest(a[:, ::-1])
    np.testing.assert_allclose(after.distance_mm, before, rtol=1e-9, atol=1e-9)
    assert np.array_equal(parent, np.repeat(np.arange(len(b)), parts))


@settings(deadline=None, max_examples=100)
@given(sets(whole), sets(whole), spacings)
def test_swapping_the_sets_gives_the_same_least(a: np.ndarray, b: np.ndarray, spacing: np.ndarray) -> None:
    one = SegmentSet(b, spacing).nearest(a).distance_mm.min()
    other = SegmentSet(a, spacing).nearest(b).distance_mm.min()
    assert one == pytest.approx(other, rel=1e-12, abs=1e-12)


def test_D12_ties_go_to_the_first_point_in_array_order() -> None:
    """Two parallel sides: of all equally near pairs the one with the smallest y, then x."""
    asked = np.array([[[9.0, 3.0], [2.0, 3.0]]])
    best = points_between(asked, np.array([[[0.0, 7.0], [20.0, 7.0]]]), np.ones(2))
    assert (best.here.tolist(), best.there.tolist(), best.distance.tolist()) == ([[2.0, 3.0]], [[2.0, 7.0]], [4.0])


def test_cut_parts_share_their_ends_to_the_last_bit() -> None:
    segments = np.random.default_rng(0).uniform(-99, 99, (50, 2, 2))
    parts, parent = cut(segments, np.arange(1, 51))
    same = parent[:-1] == parent[1:]
    assert np.array_equal(parts[:-1, 1][same], parts[1:, 0][same])
    first = np.flatnonzero(np.diff(parent, prepend=-1))
    assert np.array_equal(parts[first, 0], segments[:, 0])
    assert np.array_equal(parts[np.append(first[1:], len(parts)) - 1, 1], segments[:, 1])


def test_a_point_as_far_from_every_vertex() -> None:
    """A ring seen from its centre: every vertex is a candidate."""
    angle = np.linspace(0, 2 * np.pi, 2001)
    ring = 400 * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    found = SegmentSet(np.stack([ring[:-1], ring[1:]], axis=1), np.ones(2)).nearest(np.zeros((1, 2, 2)))
    assert found.distance_mm[0] == pytest.approx(400 * np.cos(np.pi / 2000), rel=1e-12)


def test_nothing_asked() -> None:
    assert len(SegmentSet(np.zeros((1, 2, 2)), np.ones(2)).nearest(np.zeros((0, 2, 2))).distance_mm) == 0


def test_sides_of_one_straight_line_that_are_apart_do_not_cross() -> None:
    """Rounding makes them a little oblique, and then the place where they cross is a quotient of two errors."""
    way = np.array([1.0, 4 / 3])
    side, other = (np.array([steps]).T * way for steps in ([3.0, 16.0], [17.0, 24.0]))
    best = points_between(side[None], other[None], np.ones(2))
    assert best.distance[0] == pytest.approx(5 / 3, rel=1e-12)

"""The compiled search for nearest segments gives what the NumPy route and all pairs give, with one thread and two."""

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import marginkit as mk
from marginkit.geometry import compiled, segment_tree, sharing, tracing
from marginkit.geometry.nearest_segments import SegmentSet, points_between
from marginkit.geometry.pairs import Pairs, first_of_each

pytestmark = pytest.mark.skipif(compiled.kernel() is None, reason=compiled.route())
calm = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
KINDS = ("grid", "any", "straight", "points", "chain", "fan", "long")
spacings = st.tuples(*[st.sampled_from([0.25, 0.5, 1.0])] * 2).map(np.array)


@pytest.fixture(params=[1, 2], autouse=True)
def threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "threads", request.param)
    monkeypatch.setattr(segment_tree, "SEGMENTS_A_SHARE", 2)  # so that a few segments are shared out too


def made(kind: str, number: int, seed: int) -> np.ndarray:
    """Segments that are hard on one of the ways to search them."""
    rng = np.random.default_rng(seed)
    if kind == "grid":  # touching, crossing, collinear, without length, twice
        return rng.integers(-4, 5, (number, 2, 2)).astype(np.float64)
    if kind == "any":
        return rng.uniform(-20, 20, (number, 2, 2))
    if kind == "straight":  # in lines whose points are rounded
        way = rng.integers(-3, 4, (number, 1, 2)) * rng.choice([0.1, 1 / 3, 0.7])
        return rng.integers(0, 20, (number, 2, 1)) * way
    if kind == "points":
        return np.repeat(rng.integers(-9, 10, (number, 1, 2)) * 0.1, 2, axis=1)
    if kind == "chain":
        path = np.cumsum(rng.uniform(-1, 1, (number + 1, 2)), axis=0)
        return np.stack([path[:-1], path[1:]], axis=1)
    if kind == "fan":  # as near to one another as can be: all of them end in one point or are as far from it
        angle = rng.integers(0, 12, number) * np.pi / 6
        ring = 5 * np.stack([np.sin(angle), np.cos(angle)], axis=1)
        return np.stack([ring, ring * rng.choice([0.0, 1.0, 1.5])], axis=1)
    return rng.uniform(-60, 60, (number, 2, 2))


@st.composite
def segments(draw: st.DrawFn) -> np.ndarray:
    drawn = st.builds(made, st.sampled_from(KINDS), st.sampled_from([1, 2, 3, 5, 17, 65]), st.integers(0, 999))
    few = arrays(np.float64, (draw(st.integers(1, 6)), 2, 2), elements=st.integers(-3, 3).map(float))
    found = np.concatenate(draw(st.lists(st.one_of(drawn, few), min_size=1, max_size=2)))
    return found + draw(st.sampled_from([0.0, 0.0, 12345.678]))


def by_all_pairs(asked: np.ndarray, others: np.ndarray, spacing: np.ndarray) -> Pairs:
    who, which = (axis.ravel() for axis in np.indices((len(asked), len(others))))
    return first_of_each(who, which, points_between(asked[who], others[which], spacing))


@calm
@given(segments(), segments(), spacings)
def test_every_route_finds_the_same_pair(asked: np.ndarray, others: np.ndarray, spacing: np.ndarray) -> None:
    got = SegmentSet(others, spacing).nearest(asked)
    np.testing.assert_equal(asdict(got), asdict(by_all_pairs(asked, others, spacing)))
    with compiled.switched_off():
        np.testing.assert_equal(asdict(got), asdict(SegmentSet(others, spacing).nearest(asked)))


@calm
@given(st.sampled_from(KINDS), st.integers(0, 999), spacings)
def test_a_set_asked_for_itself(kind: str, seed: int, spacing: np.ndarray) -> None:
    own = made(kind, 150, seed)
    found = SegmentSet(own, spacing).nearest(own)
    assert not found.distance_mm.any()
    with compiled.switched_off():
        np.testing.assert_equal(asdict(found), asdict(SegmentSet(own, spacing).nearest(own)))


@settings(calm, max_examples=8)
@given(st.integers(0, 999), st.sampled_from([0.0, 1.0, 30.0]), st.booleans(), st.booleans(), spacings)
def test_outlines_asked_in_groups(seed: int, gap: float, rough: bool, shuffled: bool, spacing: np.ndarray) -> None:
    """Outlines long enough that neighbours are asked together: crossing, touching and far apart; in any order."""
    rng = np.random.default_rng(seed)
    angle = np.linspace(0, 2 * np.pi, 900)

    def outline(radius: float) -> np.ndarray:
        reach = radius + (rng.normal(0, 0.7, len(angle)) if rough else 0)
        path = np.stack([reach * np.sin(angle), reach * np.cos(angle)], axis=1)
        return np.stack([path[:-1], path[1:]], axis=1)

    inner, outer = outline(60), outline(60 + gap)
    if shuffled:
        outer = rng.permutation(outer)
    for asked, others in ((outer, inner), (inner, outer)):
        got = SegmentSet(others, spacing).nearest(asked)
        with compiled.switched_off():
            np.testing.assert_equal(asdict(got), asdict(SegmentSet(others, spacing).nearest(asked)))


@calm
@given(st.permutations(range(40)))
def test_rings_are_followed_the_same(chain: list[int]) -> None:
    got = tracing.followed(np.array(chain))
    with compiled.switched_off():
        want = tracing.followed(np.array(chain))
    assert [ring.tolist() for ring in got] == [ring.tolist() for ring in want]


@settings(calm, max_examples=6)
@given(st.integers(0, 999), st.sampled_from([(1.0, 1.0), (0.25, 0.7)]))
def test_whole_results_of_probabilities_are_the_same(seed: int, spacing: tuple[float, float]) -> None:
    rng = np.random.default_rng(seed)
    y, x = np.indices((40, 50))
    away = np.hypot(y - 20, x - 25)
    specimen = np.clip(0.5 + (17 + 2 * np.sin(y * rng.random()) - away) / 3, 0, 1)
    tumor = np.where(away < 12, rng.random((40, 50)) ** 2, 0.0)
    got = asdict(mk.measure(tumor, specimen, spacing))
    with compiled.switched_off():
        np.testing.assert_equal(asdict(mk.measure(tumor, specimen, spacing)), got)


def test_what_the_kernel_cannot_read_is_refused() -> None:
    one, mm = np.zeros((1, 2, 2)), np.ones(2)
    with pytest.raises(TypeError):
        segment_tree.SegmentTree(one, one, np.array([1]), mm)  # a part of a segment that is not there
    with pytest.raises(TypeError):
        segment_tree.SegmentTree(np.zeros((1, 4)), one, np.array([0]), mm)
    with pytest.raises(TypeError):
        compiled.followed(np.array([1]))

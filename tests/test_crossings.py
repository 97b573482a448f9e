"""Contours found from bits against scikit-image's marching squares on the whole field, to the last bit."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from skimage.measure import find_contours

from marginkit.geometry import compiled, crossed_edges
from marginkit.geometry.crossings import least_at, rings, settled

Ring = tuple[tuple[float, float], ...]
shapes = st.tuples(st.integers(1, 9), st.integers(1, 9))
values = st.one_of(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0, 0.5 - 1e-8]), st.floats(0, 1, width=32))


def by_scikit_image(field: np.ndarray, level: float) -> list[np.ndarray]:
    """The same question to ``find_contours``: last samples twice, zeros around them, from the first sample inside."""
    samples = settled(field, level)
    inside = np.argwhere(samples > level)
    if not len(inside):
        return []
    first = inside.min(axis=0)
    padded = np.pad(np.pad(samples, 1, mode="edge"), 1)[first[0] :, first[1] :]
    found = find_contours(padded, level, fully_connected="high", positive_orientation="low")
    return [ring[:-1] + first - 2 for ring in found]


def drawn(field: np.ndarray, level: float) -> list[np.ndarray]:
    points, ends = rings(field, level)
    return np.split(points, ends[:-1]) if len(ends) else []


def turned(some: list[np.ndarray]) -> list[Ring]:
    """Rings that begin with their first point in array order, sorted."""
    out = []
    for ring in some:
        points = [tuple(point) for point in ring.tolist()]
        at = points.index(min(points))
        out.append(tuple(points[at:] + points[:at]))
    return sorted(out)


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from([np.float32, np.float64]).flatmap(lambda kind: arrays(kind, shapes, elements=values)),
    st.sampled_from([0.5, 0.25, 0.75, 0.3]),
)
def test_equals_marching_squares(field: np.ndarray, level: float) -> None:
    assert turned(drawn(field, level)) == turned(by_scikit_image(field, level))


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_equals_marching_squares_on_a_large_noisy_field(kind: type) -> None:
    field = ndimage.gaussian_filter(np.random.default_rng(3).random((700, 1100)), 1.2)
    field = ((field - field.min()) / np.ptp(field)).astype(kind)
    assert len(drawn(field, 0.5)) > 1000
    assert turned(drawn(field, 0.5)) == turned(by_scikit_image(field, 0.5))


@pytest.mark.skipif(compiled.kernel() is None, reason=compiled.route())
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from([np.float16, np.float32, np.float64, np.dtype(">f4"), np.longdouble]),
    st.tuples(st.integers(1, 70), st.integers(1, 200)),
    st.sampled_from(["rows", "columns", "backwards", "cut out", "misaligned", "broadcast"]),
    st.sampled_from([0.5, 0.3]),
    st.sampled_from([0.1, 0.5, 0.97]),
    st.integers(0, 999),
)
def test_the_kernel_draws_the_same_rings(
    monkeypatch: pytest.MonkeyPatch, kind: type, shape: tuple[int, int], lie: str, level: float, share: float, seed: int
) -> None:
    """Of any type and however it lies in memory, in many bands, and where edges are more than there is room for."""
    monkeypatch.setattr(crossed_edges, "BYTES_A_SHARE", 1000)
    monkeypatch.setattr(crossed_edges, "ROOM", 1)
    rng = np.random.default_rng(seed)
    values = np.where(rng.random(shape) < share, rng.choice([0.0, level, 1.0, 0.5 - 1e-8], shape), rng.random(shape))
    field = laid(values.astype(kind), lie)
    got = rings(field, level)
    with compiled.switched_off():
        want = rings(field, level)
    for ours, theirs in zip(got, want):
        np.testing.assert_array_equal(ours, theirs)


def laid(field: np.ndarray, lie: str) -> np.ndarray:
    """The field, differently laid out in memory."""
    if lie == "columns":
        return np.asfortranarray(field)
    if lie == "backwards":
        return np.ascontiguousarray(field[::-1, ::-1])[::-1, ::-1]
    if lie == "cut out":
        return np.pad(field, 3)[3:-3, 3:-3]
    if lie == "misaligned":
        raw = np.zeros(field.nbytes + 1, np.uint8)
        out = raw[1:].view(field.dtype).reshape(field.shape)
        out[...] = field
        return out
    return np.broadcast_to(field[0], field.shape) if lie == "broadcast" else field


def test_a_field_is_left_as_it_was() -> None:
    field = np.full((3, 3), 0.5)
    settled(field, 0.5)
    rings(field, 0.5)
    assert (field == 0.5).all()


@pytest.mark.parametrize("level", [0.5, 0.3, 0.1, 0.7])
def test_the_least_number_at_a_level(level: float) -> None:
    least = least_at(level, np.dtype(np.float32))
    assert float(least) >= level > float(np.nextafter(least, np.float32(0)))

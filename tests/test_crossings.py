"""Contours found from bits against scikit-image's marching squares on the whole field, to the last bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from skimage.measure import find_contours

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


def test_a_field_is_left_as_it_was() -> None:
    field = np.full((3, 3), 0.5)
    settled(field, 0.5)
    rings(field, 0.5)
    assert (field == 0.5).all()


@pytest.mark.parametrize("level", [0.5, 0.3, 0.1, 0.7])
def test_the_least_number_at_a_level(level: float) -> None:
    least = least_at(level, np.dtype(np.float32))
    assert float(least) >= level > float(np.nextafter(least, np.float32(0)))

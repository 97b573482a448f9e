"""Contours: bias against analytic shapes, and what smoothing may not do to a mask."""

from collections.abc import Callable

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from shapely.geometry import MultiPolygon, Point, box

from marginkit.geometry import contour
from marginkit.geometry.contour import half_contour, mask_contour, smoothed, tumor_contour

SIZE = 48
Y, X = np.mgrid[:SIZE, :SIZE] + 0.5
EIGHT = np.ones((3, 3), bool)
Inside = Callable[[np.ndarray, np.ndarray], np.ndarray]
masks = arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9)))


def disc(x: float, y: float, radius: float) -> Inside:
    return lambda px, py: (px - x) ** 2 + (py - y) ** 2 <= radius**2


def half_plane(angle: float, at: float) -> Inside:
    return lambda px, py: (px - 24) * np.cos(angle) + (py - 24) * np.sin(angle) <= at


def coverage(shape: Inside, fine: int = 12) -> np.ndarray:
    """Share of each pixel that lies in the shape."""
    steps = (np.arange(fine) + 0.5) / fine - 0.5
    return np.mean([shape(X + dx, Y + dy) for dx in steps for dy in steps], axis=0)


def unframed(polygon: MultiPolygon) -> shapely.Geometry:
    """The outline away from the border of the image."""
    return shapely.intersection(polygon.boundary, box(5, 5, SIZE - 5, SIZE - 5))


def scenes(seed: int, number: int) -> list[tuple[Inside, Inside, float]]:
    """Tumor disc in a disc or a half plane, off the grid at random, with the true margin; none nearly touches."""
    rng = np.random.default_rng(seed)
    out: list[tuple[Inside, Inside, float]] = []
    for _ in range(number):
        x, y = 24 + rng.random(2)
        radius, margin, angle = rng.uniform(2, 8), rng.uniform(1.7, 6), rng.uniform(0, 2 * np.pi)
        along = (x - 24) * np.cos(angle) + (y - 24) * np.sin(angle)
        out.append((disc(x, y, radius), half_plane(angle, along + radius + margin), margin))
        off = rng.uniform(-1, 1, 2)
        outer = radius + margin + float(np.hypot(*off))
        out.append((disc(x, y, radius), disc(x + off[0], y + off[1], outer), margin))
    return out


def test_bias_of_area_coverage() -> None:
    """The plain linear contour of area coverage: under 0.08 pixel on average; 0.17 at worst for each of the two."""
    between, one = [], []
    for tumor, specimen, margin in scenes(1, 60):
        level = half_contour(coverage(tumor))
        between.append(shapely.distance(level, unframed(half_contour(coverage(specimen)))) - margin)
        centre, radius = level.centroid, np.sqrt(coverage(tumor).sum() / np.pi)
        reach = np.hypot(*(shapely.get_coordinates(level) - [centre.x, centre.y]).T)
        one.append(np.abs(reach - radius).max())
    assert abs(np.mean(between)) < 0.08
    assert np.abs(between).max() < 2 * 0.17
    assert np.max(one) < 0.17


def test_bias_of_smoothed_masks() -> None:
    """Under 0.2 pixel on average, whatever the offset to the grid; single ones stay within a pixel's width."""
    errors: dict[str, list[float]] = {"half plane": [], "disc": []}
    for k, (tumor, specimen, margin) in enumerate(scenes(2, 60)):
        mask = specimen(X, Y)
        field = smoothed(mask)
        drawn = tumor_contour(tumor(X, Y) & mask, mask, field)
        found = shapely.distance(drawn, unframed(half_contour(field)))
        errors["disc" if k % 2 else "half plane"].append(found - margin)
    for values in errors.values():
        assert abs(np.mean(values)) < 0.2
        assert np.abs(values).max() < 0.75


@pytest.mark.parametrize("angle_deg", [0, 13, 27, 45, 60, 90])
def test_digitised_ellipse_keeps_its_area(angle_deg: int) -> None:
    turn = np.radians(angle_deg)
    u = (X - 24.3) * np.cos(turn) + (Y - 23.8) * np.sin(turn)
    v = (Y - 23.8) * np.cos(turn) - (X - 24.3) * np.sin(turn)
    assert mask_contour((u / 16) ** 2 + (v / 8) ** 2 <= 1).area == pytest.approx(np.pi * 16 * 8, rel=0.02)


def test_half_plane_between_pixels_is_exact() -> None:
    for at in (0.0, 3.0, 7.25):
        covered = np.clip(at - np.arange(12), 0, 1)[None].repeat(9, axis=0)
        level = half_contour(covered)
        assert level.area == pytest.approx(9 * at, abs=9 * 0.13)
        if at.is_integer():
            assert level.equals(box(0, 0, at, 9)) or at == 0


def test_smoothed_half_plane_is_exact_and_meets_the_border_squarely() -> None:
    mask = np.zeros((9, 12), bool)
    mask[:, :5] = True
    level = mask_contour(mask)
    assert level.bounds == pytest.approx((0, 0, 5, 9), abs=1e-12)
    assert level.area == pytest.approx(45, abs=1e-9)
    assert level.bounds[0] == level.bounds[1] == 0
    assert level.bounds[3] == 9


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.tuples(st.integers(1, 60), st.integers(1, 90)), st.sampled_from([0, 0.001, 0.01, 0.5, 1]), st.integers(0, 999)
)
def test_smoothing_where_pixels_differ_is_smoothing_everywhere(
    monkeypatch: pytest.MonkeyPatch, shape: tuple[int, int], share: float, seed: int
) -> None:
    monkeypatch.setattr(contour, "BAND_PX", 7)
    rng = np.random.default_rng(seed)
    mask = np.logical_xor.accumulate(rng.random(shape) < share, axis=seed % 2) ^ (rng.random(shape) < share / 10)
    soft = ndimage.gaussian_filter(mask.astype(float), 1.0, mode="nearest", truncate=4.0)
    apart = np.maximum(np.abs(soft - 0.5), 0.05)
    np.testing.assert_array_equal(smoothed(mask), np.where(mask, 0.5 + apart, 0.5 - apart))


def test_whole_image_is_its_frame() -> None:
    assert mask_contour(np.ones((4, 7), bool)).equals(box(0, 0, 7, 4))
    assert half_contour(np.zeros((4, 7))).is_empty
    assert half_contour(np.zeros((0, 7))).is_empty


@settings(deadline=None, max_examples=150)
@given(masks)
def test_nothing_vanishes_or_merges(mask: np.ndarray) -> None:
    level = mask_contour(mask)
    assert level.is_valid
    assert len(level.geoms) == ndimage.label(mask, EIGHT)[1]
    outside = ndimage.label(np.pad(~mask, 1, constant_values=True))[1]
    assert sum(len(part.interiors) for part in level.geoms) == outside - 1
    centres = shapely.points(*[axis + 0.5 for axis in np.indices(mask.shape)[::-1]])
    assert np.array_equal(shapely.contains(level, centres), mask)


@settings(deadline=None, max_examples=150)
@given(masks, st.data())
def test_D04_D05_touching_is_kept_by_topology_and_nothing_else_touches(
    specimen: np.ndarray, data: st.DataObject
) -> None:
    tumor = specimen & data.draw(arrays(bool, specimen.shape))
    field = smoothed(specimen)
    level, edge = tumor_contour(tumor, specimen, field), half_contour(field)
    assert level.is_valid
    assert shapely.difference(level, shapely.buffer(edge, 1e-9)).area < 1e-9
    if tumor.any():
        height, width = specimen.shape
        frame = shapely.buffer(box(0, 0, width, height).exterior, 1e-9)
        cut = shapely.difference(edge.boundary, frame)
        meets = bool((ndimage.binary_dilation(tumor, EIGHT) & ~specimen).any())
        assert (shapely.distance(level, cut) < 1e-9) == meets


def test_D11_one_pixel_keeps_half_its_size() -> None:
    mask = np.zeros((9, 9), bool)
    mask[4, 4] = True
    level = mask_contour(mask)
    assert 0.35 < level.area < 1
    assert level.centroid.equals_exact(Point(4.5, 4.5), 1e-9)


@settings(deadline=None, max_examples=100)
@given(arrays(np.float64, st.tuples(st.integers(1, 8), st.integers(1, 8)), elements=st.sampled_from([0, 0.25, 0.5, 1])))
def test_samples_of_exactly_one_half_count_as_inside(field: np.ndarray) -> None:
    level = half_contour(field)
    assert level.is_valid
    assert len(level.geoms) == ndimage.label(field >= 0.5, EIGHT)[1]


@pytest.mark.parametrize("turned", [False, True])
def test_flips_and_axis_swap(turned: bool) -> None:
    field = ndimage.gaussian_filter(np.random.default_rng(4).random((20, 31)), 2)
    field = (field - field.min()) / np.ptp(field)
    level = half_contour(field)
    if turned:
        moved = shapely.transform(half_contour(field.T), lambda xy: xy[:, ::-1])
    else:
        moved = shapely.transform(half_contour(field[:, ::-1]), lambda xy: xy * [-1, 1] + [31, 0])
    assert shapely.symmetric_difference(moved, level).area == pytest.approx(0, abs=1e-9)


def test_diagonal_pixels_are_one_piece() -> None:
    assert len(half_contour(np.eye(4)).geoms) == 1
    assert len(mask_contour(np.eye(4, dtype=bool)).geoms) == 1

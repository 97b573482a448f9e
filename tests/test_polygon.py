"""Polygons: what is taken, what is repaired, what is refused, and in which frame they lie."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from shapely.geometry import LineString, MultiPolygon, Polygon, box

from marginkit.errors import OutlineError
from marginkit.geometry.polygon import checked, placed, to_corners, to_index, within
from marginkit.geometry.tracing import mask_polygon


def triangle(x: float) -> Polygon:
    with np.errstate(invalid="ignore"):
        return Polygon([(0, 0), (x, 1), (2, 0)])


BOW_TIE = Polygon([(0, 0), (4, 4), (4, 0), (0, 4)])


def test_C12_bow_tie_is_refused_with_its_name_and_file() -> None:
    with pytest.raises(OutlineError, match=r"^case\.geojson: feature 7 crosses itself \(E-GEO-01\)") as caught:
        checked(BOW_TIE, "feature 7", file="folder/case.geojson")
    assert "folder" not in str(caught.value)


def test_C12_small_loop_is_repaired_with_a_flag_and_keeps_what_was_drawn() -> None:
    overshoot = Polygon([(10, 0), (100, 0), (100, 100), (0, 100), (0, 0), (12, 0), (12, 1), (10, 1)])
    assert not overshoot.is_valid
    polygon, flags = checked(overshoot)
    assert flags == ("repaired_outline",)
    assert polygon.is_valid
    assert polygon.area == pytest.approx(100 * 100, rel=1e-12)  # what was drawn twice is tissue, not a hole


@pytest.mark.parametrize(
    ("given_", "told"),
    [
        (Polygon(), "is empty"),
        (MultiPolygon(), "is empty"),
        (Polygon([(0, 0), (1, 1), (2, 2)]), "has no area"),
        (triangle(np.nan), "is not finite"),
        (triangle(np.inf), "is not finite"),
    ],
)
def test_C12_unusable_polygons_are_refused(given_: Polygon, told: str) -> None:
    with pytest.raises(OutlineError, match=told) as caught:
        checked(given_, "specimen")
    assert caught.value.code == "E-GEO-01"
    assert "specimen" in str(caught.value)


@pytest.mark.parametrize("given_", [LineString([(0, 0), (1, 1)]), shapely.Point(0, 0), [(0, 0)], None, np.ones((2, 2))])
def test_other_types_are_type_errors(given_: object) -> None:
    with pytest.raises(TypeError, match="tumor: wanted a shapely Polygon or MultiPolygon"):
        checked(given_, "tumor")


def test_C12_holes_parts_height_and_orientation() -> None:
    ring = Polygon([(0, 0, 9), (0, 6, 9), (6, 6, 9), (6, 0, 9)], [[(1, 1, 9), (2, 1, 9), (2, 2, 9), (1, 2, 9)]])
    polygon, flags = checked(MultiPolygon([ring, box(10, 0, 11, 1)]))
    assert (polygon.area, flags, polygon.has_z) == (36, (), False)
    for part in polygon.geoms:
        assert part.exterior.is_ccw
        assert not any(hole.is_ccw for hole in part.interiors)


def test_overlapping_parts_are_united() -> None:
    polygon, flags = checked(MultiPolygon([box(0, 0, 4, 4), box(2, 0, 6, 4)]))
    assert (polygon.area, len(polygon.geoms), flags) == (24, 1, ("repaired_outline",))


def test_corners_and_indices() -> None:
    xy = np.array([[0.0, 0.0], [7.25, 3.0]])
    assert to_index(xy).tolist() == [[-0.5, -0.5], [2.5, 6.75]]
    assert np.array_equal(to_corners(to_index(xy)), xy)


def test_a_grid_of_its_own_lands_on_its_pixels() -> None:
    """Level with downsample 4: pixel i has its centre at 4i + 1.5 and covers corners 4i to 4i + 4."""
    polygon = placed(MultiPolygon([box(2, 1, 3, 5)]), (4, 4), (1.5, 1.5))
    assert polygon.bounds == (8, 4, 12, 20)


def test_bounds_against_the_image() -> None:
    polygon = MultiPolygon([box(-5, 2, 5, 4)])
    assert within(polygon, (0, 0, 10, 10), "specimen").bounds == (0, 2, 5, 4)
    assert within(polygon, (-9, 0, 10, 10), "specimen") is polygon
    with pytest.raises(OutlineError, match=r"specimen lies outside the image \(E-GEO-02\)"):
        within(MultiPolygon([box(-5, 2, -1, 4)]), (0, 0, 10, 10), "specimen")


def test_coordinates_far_out_keep_their_area() -> None:
    far = 2.0**31
    polygon, _ = checked(box(far, far, far + 3, far + 5))
    assert polygon.area == 15


@settings(deadline=None, max_examples=150)
@given(arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_mask_polygon_is_the_union_of_its_pixels(mask: np.ndarray) -> None:
    polygon = mask_polygon(mask)
    union = shapely.union_all([box(c, r, c + 1, r + 1) for r, c in np.argwhere(mask)])
    assert polygon.is_valid
    assert polygon.area == mask.sum()
    assert shapely.symmetric_difference(polygon, union).area == 0
    padded = np.pad(mask, 1).astype(np.int8)
    assert polygon.length == sum(int(np.abs(np.diff(padded, axis=axis)).sum()) for axis in (0, 1))


def test_islands_in_holes_that_touch_at_corners() -> None:
    field = ndimage.gaussian_filter(np.random.default_rng(11).random((200, 200)), 1.5)
    mask = field > 0.5
    polygon = mask_polygon(mask)
    assert polygon.is_valid
    assert polygon.area == mask.sum()
    assert len(polygon.geoms) == ndimage.label(mask)[1]

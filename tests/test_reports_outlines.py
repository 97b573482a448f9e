"""Outlines of masks against counted pixels, of probabilities and polygons against known areas."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from marginkit.records import Region
from marginkit.reports import _outlines


@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.booleans()))
def test_any_mask_is_a_valid_shape_of_its_pixels(mask):
    found = _outlines.outline(mask)
    boxes = shapely.union_all([shapely.box(c, r, c + 1, r + 1) for r, c in np.argwhere(mask)])
    assert found.is_valid
    assert found.area == mask.sum()
    assert found.symmetric_difference(boxes).area == 0


@pytest.mark.parametrize(
    ("rows", "shells", "holes"),
    [
        (["##", "##"], 1, 0),
        (["#.", ".#"], 2, 0),
        (["###", "#.#", "###"], 1, 1),
        ([".#.", "#.#", ".#."], 4, 0),
        (["####", "#.##", "##.#", "####"], 1, 2),  # two voids that meet at a corner
        (["##.", "#.#", "###"], 1, 1),  # a void that meets the outside at a corner is a hole
    ],
)
def test_pixels_that_meet_at_corners(rows, shells, holes):
    found = _outlines.outline(np.array([[c == "#" for c in row] for row in rows]))
    assert found.is_valid
    assert (len(found.geoms), sum(len(part.interiors) for part in found.geoms)) == (shells, holes)


def test_only_corners_are_kept():
    found = _outlines.outline(np.ones((40, 60), bool))
    assert len(found.geoms[0].exterior.coords) == 5
    assert found.bounds == (0, 0, 60, 40)


def test_probability_of_a_disk_with_a_hole():
    y, x = np.mgrid[:101, :101] - 50.0
    away = np.hypot(y, x)
    found = _outlines.outline(np.clip(30.5 - away, 0, 1) * np.clip(away - 9.5, 0, 1))
    assert found.is_valid
    assert len(found.geoms[0].interiors) == 1
    assert found.area == pytest.approx(np.pi * (30**2 - 10**2), rel=2e-3)
    assert found.centroid.coords[0] == pytest.approx((50.5, 50.5))


def test_polygon_stays_what_it_is():
    shape = shapely.Polygon([(0.25, 0.5), (7.125, 1), (3, 9)])
    assert _outlines.outline(shape).geoms[0].equals_exact(shape)


def test_planes_of_a_volume():
    volume = np.zeros((3, 4, 5), bool)
    volume[1, 2, 3] = True
    assert _outlines.outline(_outlines.plane(Region(volume), 0, 1).data).bounds == (3, 2, 4, 3)
    assert _outlines.outline(_outlines.plane(Region(volume), 1, 2).data).bounds == (3, 1, 4, 2)
    assert _outlines.plane(Region(volume), 0, 3) is None

"""Barriers and ways through tissue between outlines, against the lattice and against analytic ways."""

from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from shapely.geometry import LineString, MultiLineString, box

from marginkit.geometry.bits import pack
from marginkit.geometry.lattice_scene import LatticeScene
from marginkit.geometry.outline_barrier import crossed
from marginkit.geometry.pixels import Pixels
from marginkit.geometry.polygon import multi
from marginkit.geometry.scene import CUT
from marginkit.geometry.segment_scene import SegmentScene, segment_scene
from marginkit.geometry.tracing import mask_polygon

WALL = multi(box(0, 4, 9, 5))
NOWHERE = multi(box(50, 50, 51, 51))


def scene(tumor: Any, specimen: Any) -> SegmentScene:
    return segment_scene(multi(tumor), multi(specimen), (1.0, 1.0))


def length_behind(of: SegmentScene, wall: Any) -> tuple[float, bool]:
    cut = of.outline.kind == CUT
    found = of.behind(wall, cut)
    return float(of.outline.size[found.bits].sum()), found.breached


@settings(deadline=None, max_examples=100)
@given(arrays(bool, st.tuples(st.integers(2, 7), st.integers(2, 7))), st.data())
def test_D15_what_is_behind_equals_the_lattice(specimen: np.ndarray, data: st.DataObject) -> None:
    tumor, wall = (data.draw(arrays(bool, specimen.shape)) for _ in range(2))
    tumor &= specimen
    if not tumor.any():
        return
    lattice = LatticeScene(pack(tumor), pack(specimen), (1.0, 1.0))
    mine = segment_scene(
        mask_polygon(tumor), mask_polygon(specimen), (1.0, 1.0), shape=specimen.shape, tumor_pixels=Pixels(tumor)
    )
    found = [of.behind(wall, of.outline.kind == CUT) for of in (mine, lattice)]
    assert found[0].breached == found[1].breached
    sizes = [of.outline.size[behind.bits].sum() for of, behind in zip((mine, lattice), found)]
    assert sizes[0] == pytest.approx(sizes[1])


def test_D15_a_line_across_and_a_line_that_falls_a_trifle_short() -> None:
    of = scene(box(4, 2, 6, 4), box(0, 0, 10, 20))
    below = 10 + 2 * 9 + 2  # the edge below, and the two millimetres that the line itself occupies
    assert length_behind(of, LineString([(0, 10.5), (10, 10.5)])) == (pytest.approx(below), False)
    assert length_behind(of, LineString([(0.4, 10.5), (9.7, 10.5)])) == (pytest.approx(below), False)
    assert length_behind(of, LineString([(2, 10.5), (10, 10.5)])) == (pytest.approx(1), False)
    gap = MultiLineString([[(0, 10.5), (4, 10.5)], [(6, 10.5), (10, 10.5)]])
    assert length_behind(of, gap) == (pytest.approx(2), False)


def test_D15_breached() -> None:
    through = scene(box(4, 2, 6, 14), box(0, 0, 10, 20))
    assert length_behind(through, box(0, 9, 10, 10)) == (0, True)


def test_crossing_is_through_not_along() -> None:
    here = np.array([[0.0, 3.0], [3.5, 0.0], [0.0, 3.0], [0.0, 3.0], [0.0, 3.5]])
    there = np.array([[8.0, 3.0], [3.5, 8.0], [3.5, 3.0], [3.0, 3.0], [8.0, 3.5]])
    wanted = [True, False, False, False, True]  # through, along, up to, before, through between two pixels of it
    assert crossed(WALL, NOWHERE, here, there).tolist() == wanted
    assert not crossed(WALL, multi(box(0, 4, 9, 5)), here, there).any()  # where both are drawn the tumor wins


def test_D14_the_way_around_a_notch() -> None:
    """Tumor left of a notch 20 deep, edge right of it: over the two corners of the notch, as with a string."""
    notched = shapely.difference(box(0, 0, 30, 30), box(10, -1, 12, 20))
    of = scene(box(5, 3, 9, 5), notched)
    right = (of.outline.kind == CUT) & (of.bits_px[..., 1] == 29.5).all(axis=1)
    found = of.closest(right, of.nearest(right))
    assert found is not None
    assert not of.stays_inside(found.edge_px, found.tumor_px)
    y = found.edge_px[0] + 0.5
    string = np.hypot(10 - 9, 20 - 5) + 2 + np.hypot(30 - 12, 20 - y)
    assert of.through_tissue_mm(right, found) == pytest.approx(string, rel=1e-6)

"""Surfaces in stacks: analytic balls, closed meshes, the lattice on the same voxels, topology of touching."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from scipy.optimize import minimize

from marginkit.errors import GridError
from marginkit.geometry.bits import pack
from marginkit.geometry.build import Ground
from marginkit.geometry.isosurface import isosurface, voxel_surface
from marginkit.geometry.lattice_scene import LatticeScene
from marginkit.geometry.nearest_triangles import TriangleSet, longest_side, triangles_between
from marginkit.geometry.scene import CUT, FRAME, HOLE, SECTION, Closest, Scene
from marginkit.geometry.surface_scene import SurfaceScene, surface_scene

CORNERS = np.ones((3, 3, 3), bool)
Z, Y, X = np.mgrid[:26, :26, :26].astype(float)
spacings = st.tuples(*[st.sampled_from([0.5, 1.0, 3.0])] * 3)
small = arrays(bool, st.tuples(*[st.integers(1, 4)] * 3))


def ball(centre: tuple[float, float, float], radius: float) -> np.ndarray:
    """A probability that falls through one half at the radius, linearly over four voxels."""
    return np.clip(
        0.5 + (radius - np.sqrt((Z - centre[0]) ** 2 + (Y - centre[1]) ** 2 + (X - centre[2]) ** 2)) / 4, 0, 1
    )


def ground(data: np.ndarray, ratio: float = 1.0) -> Ground:
    return Ground(data, "mask" if data.dtype == np.bool_ else "probability", (ratio,) * 3, (0.0,) * 3)


def scene(tumor: np.ndarray, specimen: np.ndarray, spacing: Any = (1, 1, 1), boundary: Any = "pixels", **options: Any):
    return surface_scene(ground(tumor), ground(specimen), spacing, boundary, **options)


def closest(of: Scene) -> Closest | None:
    cut = of.outline.kind == CUT
    return of.closest(cut, of.nearest(cut))


def margin(of: Scene) -> float:
    found = closest(of)
    return float("inf") if found is None else found.distance_mm


# --- triangles


@settings(deadline=None, max_examples=25)
@given(arrays(np.float64, (2, 3, 3), elements=st.integers(0, 5).map(float)), st.integers(0, 3), spacings.map(np.array))
def test_two_triangles_equal_a_minimiser(pair: np.ndarray, lift: int, spacing: np.ndarray) -> None:
    """The distance is convex in the weights of the corners, so a minimiser over them finds it."""
    first, second = pair[:1], pair[1:] + np.array([lift, 0, 0])
    best = triangles_between(first, second, spacing)
    corners = np.concatenate([first[0], -second[0]]) * spacing

    def square(weights: np.ndarray) -> float:
        return float(((weights @ corners) ** 2).sum())

    rules = [{"type": "eq", "fun": lambda w, at=at: w[at : at + 3].sum() - 1} for at in (0, 3)]
    found = minimize(square, np.full(6, 1 / 3), bounds=[(0, 1)] * 6, constraints=rules, method="SLSQP")
    assert best.distance[0] <= np.sqrt(found.fun) + 1e-5
    assert best.distance[0] == pytest.approx(np.sqrt(max(found.fun, 0)), abs=2e-3)
    gap = (best.here[0] - best.there[0]) * spacing
    assert np.sqrt((gap**2).sum()) == pytest.approx(best.distance[0], abs=1e-12)


def test_triangle_set_equals_every_pair() -> None:
    rng = np.random.default_rng(3)
    asked, own = rng.uniform(0, 9, (40, 3, 3)), rng.uniform(0, 9, (60, 3, 3)) + np.array([6, 0, 0])
    spacing = np.array([3.0, 0.5, 1.0])
    every = triangles_between(np.repeat(asked, 60, 0), np.tile(own, (40, 1, 1)), spacing).distance
    truth = every.reshape(40, 60).min(axis=1)
    whole = TriangleSet(own, spacing)
    np.testing.assert_allclose(whole.nearest(asked).distance_mm, truth, rtol=1e-9, atol=1e-9)
    rough = whole.nearest_from_corners(asked).distance_mm
    assert (rough >= truth - 1e-9).all()
    assert (rough <= np.sqrt(truth**2 + longest_side(asked, spacing) ** 2 / 3) + longest_side(asked, spacing)).all()


# --- surfaces


def directed_edges(triangles: np.ndarray) -> Counter:
    settled = np.round(triangles, 6) + 0.0
    edges = np.concatenate([settled[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))]).reshape(-1, 6)
    return Counter(map(tuple, edges.tolist()))


@settings(deadline=None, max_examples=25)
@given(arrays(np.float64, st.tuples(*[st.integers(1, 4)] * 3), elements=st.sampled_from([0, 0.3, 0.5, 0.8, 1])))
def test_surfaces_are_closed_and_keep_to_their_voxels(field: np.ndarray) -> None:
    surface = isosurface(field)
    edges = directed_edges(surface.triangles_px)
    assert all(edges[edge[3:] + edge[:3]] == number for edge, number in edges.items())
    assert (field[tuple(surface.inside.T)] >= 0.5).all()
    corners = surface.triangles_px.reshape(-1, 3)
    assert np.all((corners >= -0.5) & (corners <= np.array(field.shape) - 0.5))


def test_volume_and_area_of_a_ball_and_of_a_full_stack() -> None:
    surface = isosurface(ball((12.3, 12.8, 13.1), 9))
    assert surface.volumes_px3().sum() == pytest.approx(4 / 3 * np.pi * 9**3, rel=0.01)
    assert surface.areas_mm2(np.ones(3)).sum() == pytest.approx(4 * np.pi * 9**2, rel=0.01)
    full = isosurface(np.ones((3, 4, 5)))
    assert full.volumes_px3().sum() == pytest.approx(60)
    assert full.areas_mm2(np.ones(3)).sum() == pytest.approx(94)


def test_a_half_space_is_exact_to_double_precision() -> None:
    field = np.clip(1 - (Z - 7.123456789) / 3, 0, 1)
    corners = isosurface(field).triangles_px[..., 0]
    assert corners.min() == -0.5
    assert corners.max() == pytest.approx(7.123456789 + 1.5, abs=1e-12)
    assert (corners.max(axis=1) > 8).sum() > 1000


@settings(deadline=None, max_examples=30)
@given(small)
def test_voxel_faces_turn_outwards(mask: np.ndarray) -> None:
    surface = voxel_surface(mask)
    if mask.any():
        assert surface.volumes_px3().sum() == pytest.approx(mask.sum())
    padded = np.pad(mask, 1).astype(np.int8)
    assert surface.areas_mm2(np.ones(3)).sum() == pytest.approx(
        sum(int(np.abs(np.diff(padded, axis=axis)).sum()) for axis in range(3))
    )


# --- margins


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.1, 0.1, 0.1)])
def test_ball_in_a_ball(spacing: tuple[float, ...]) -> None:
    """Radius 4 in radius 10, 1.5 off centre towards greater x: margin 4.5 voxels."""
    found = closest(scene(ball((12.4, 12.6, 13.5), 4), ball((12.4, 12.6, 12.0), 10), spacing))
    assert found is not None
    assert found.distance_mm == pytest.approx(4.5 * spacing[0], abs=0.06 * spacing[0])
    way = np.subtract(found.edge_px, found.tumor_px)
    assert way / np.sqrt((way**2).sum()) == pytest.approx([0, 0, 1], abs=0.15)


def test_slabs_with_thick_slices_are_exact() -> None:
    """Tumor from 8 to 12, tissue from 4 to 20 along z, 3 mm a slice; and the same along x."""
    tumor, tissue = (np.clip(0.5 + np.minimum(Z - a, b - Z) / 2, 0, 1) for a, b in ((8, 12), (4, 20)))
    assert margin(scene(tumor, tissue, (3, 0.5, 1))) == pytest.approx(12, rel=1e-12)
    turned = [np.moveaxis(field, 0, 2) for field in (tumor, tissue)]
    assert margin(scene(*turned, (0.5, 1, 3))) == pytest.approx(12, rel=1e-12)


def test_far_bits_are_overstated_by_no_more_than_stated() -> None:
    found = scene(ball((12, 12, 13), 5), ball((12, 12, 12), 10.5))
    cut = np.flatnonzero(found.outline.kind == CUT)[::40]
    selected = np.zeros(len(found.outline.kind), bool)
    selected[cut] = True
    rough, tumor = found.nearest(selected).distance_mm, found._sets[0][0]
    exact = tumor.nearest(found.bits_px[cut]).distance_mm
    assert (rough >= exact - 1e-9).all()
    assert (rough - exact <= 0.06 * longest_side(found.bits_px[cut], np.ones(3)).max()).all()


@settings(deadline=None, max_examples=30)
@given(small, st.data(), spacings)
def test_voxels_equal_the_lattice(specimen: np.ndarray, data: st.DataObject, spacing: Any) -> None:
    tumor = specimen & data.draw(arrays(bool, specimen.shape))
    if not tumor.any():
        return
    mine, lattice = scene(tumor, specimen, spacing), LatticeScene(pack(tumor), pack(specimen), spacing)
    for kind in range(6):
        sizes = [of.outline.size[of.outline.kind == kind].sum() for of in (mine, lattice)]
        assert sizes[0] == pytest.approx(sizes[1])
    assert margin(mine) == pytest.approx(margin(lattice))
    assert mine.specimen_size == pytest.approx(lattice.specimen_size)
    np.testing.assert_allclose(mine.foci.size, lattice.foci.size)
    assert np.array_equal(mine.foci.pixels, lattice.foci.pixels)
    assert mine.tumor_extent_mm() == pytest.approx(lattice.tumor_extent_mm())
    np.testing.assert_allclose(mine.focus_gaps_mm(0), lattice.focus_gaps_mm(0), atol=1e-12)
    cuts = [of.outline.kind == CUT for of in (mine, lattice)]
    nearest = [of.nearest(cut) for of, cut in zip((mine, lattice), cuts)]
    margins = [of.focus_margins_mm(cut, n) for of, cut, n in zip((mine, lattice), cuts, nearest)]
    np.testing.assert_allclose(*margins, atol=1e-12)
    centres = [of.centre_distance_mm(cut, n) for of, cut, n in zip((mine, lattice), cuts, nearest)]
    if centres[1] is not None:
        assert centres[0] == pytest.approx(centres[1])


@settings(deadline=None, max_examples=30)
@given(small, st.data())
def test_D04_D05_touching_is_kept_by_topology(specimen: np.ndarray, data: st.DataObject) -> None:
    tumor = specimen & data.draw(arrays(bool, specimen.shape))
    if not tumor.any():
        return
    found = scene(tumor, specimen, boundary="contour")
    meets = bool((ndimage.binary_dilation(tumor, CORNERS) & ~specimen).any())
    assert (margin(found) == 0) == meets
    assert len(found.foci.size) == ndimage.label(tumor, CORNERS)[1]


def test_probability_that_goes_on_outside_touches() -> None:
    tumor, tissue = ball((12, 12, 18), 6), ball((12, 12, 12), 8)
    found = scene(tumor, tissue)
    assert margin(found) == 0
    assert found.tumor_outside > 0
    near = found.nearest(found.outline.kind == CUT)
    covered = found.outline.size[near.distance_mm == 0].sum()
    cap = 2 * np.pi * 8 * (8 - (36 + 64 - 36) / 12)  # of the ball of tissue inside the ball of tumor
    assert covered == pytest.approx(cap, rel=0.25)


def test_C09_ends_of_the_stack_are_section_and_its_sides_frame() -> None:
    tissue = np.zeros((6, 12, 12))
    tissue[:, 2:9, 0:8] = 1
    tumor = np.zeros_like(tissue)
    tumor[2:4, 4:6, 3:5] = 1
    outline = scene(tumor, tissue).outline
    sizes = [outline.size[outline.kind == kind].sum() for kind in (SECTION, FRAME, CUT)]
    assert sizes[0] == pytest.approx(2 * 7 * 8, rel=0.03)  # corners of the contour are cut off
    assert sizes[1] == pytest.approx(6 * 7)
    assert sizes[2] == pytest.approx(6 * (8 + 7 + 8), rel=0.06)


def test_D10_a_void_is_a_hole() -> None:
    tissue = ball((12, 12, 12), 10) - ball((12, 12, 16), 3)
    outline = scene(ball((12, 12, 8), 2.5), np.clip(tissue, 0, 1)).outline
    assert outline.size[outline.kind == HOLE].sum() == pytest.approx(4 * np.pi * 9, rel=0.1)
    asked = scene(ball((12, 12, 8), 2.5), np.clip(tissue, 0, 1), holes="cut").outline
    assert not (asked.kind == HOLE).any()


def test_C05_grids_that_differ_are_refused() -> None:
    tumor, tissue = ground(np.ones((2, 2, 2))), ground(np.ones((2, 2, 2)), 2.0)
    with pytest.raises(GridError, match="E-GRID-04"):
        surface_scene(tumor, tissue, (1, 1, 1), "pixels")


def test_sight_region_and_barrier() -> None:
    tissue = np.zeros((9, 20, 20), bool)
    tissue[1:8, 2:18, 2:18] = True
    tissue[:, 2:12, 9:11] = False
    tumor = np.zeros_like(tissue)
    tumor[3:6, 4:7, 4:7] = True
    found: SurfaceScene = scene(tumor, tissue, boundary="contour")
    assert found.stays_inside((4, 5, 5), (4, 15, 5))
    assert not found.stays_inside((4, 5, 5), (4, 5, 15))
    top = np.zeros_like(tissue)
    top[1] = True
    chosen = found.outline.size[found.in_region(top)].sum()
    assert chosen >= 0.8 * tissue[1].sum()
    wall = np.zeros_like(tissue)
    wall[:, 13, :] = True
    cut = found.outline.kind == CUT
    behind = found.behind(wall, cut)
    assert not behind.breached
    middle = found.bits_px.mean(axis=1)
    assert behind.bits[cut & (middle[:, 1] > 14)].all()
    assert not behind.bits[cut & (middle[:, 1] < 12) & (middle[:, 2] < 8)].any()

"""Margins between outlines against shapely, analytic shapes and plain counting of pixels."""

from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from shapely import affinity
from shapely.geometry import MultiPolygon, Point, Polygon, box

from marginkit.errors import OutlineError
from marginkit.geometry.bits import pack
from marginkit.geometry.contour import half_contour, smoothed, tumor_contour
from marginkit.geometry.lattice_scene import LatticeScene
from marginkit.geometry.pixels import Pixels
from marginkit.geometry.polygon import multi
from marginkit.geometry.scene import CUT, FRAME, HOLE, Closest, Scene
from marginkit.geometry.segment_scene import SegmentScene, segment_scene
from marginkit.geometry.tracing import mask_polygon

QUICK = settings(deadline=None, max_examples=60)
spacings = st.tuples(*[st.sampled_from([0.1, 0.25, 0.5, 1.0, 3.0])] * 2)
masks = arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9)))


def scene(tumor: Any, specimen: Any, spacing: tuple[float, float] = (1.0, 1.0), **options: Any) -> SegmentScene:
    return segment_scene(multi(tumor), multi(specimen), spacing, **options)


def closest(of: Scene) -> Closest | None:
    cut = of.outline.kind == CUT
    return of.closest(cut, of.nearest(cut))


def margin(of: Scene) -> float:
    found = closest(of)
    return float("inf") if found is None else found.distance_mm


def scaled(geometry: Any, spacing: tuple[float, float]) -> Any:
    return shapely.transform(geometry, lambda xy: xy * np.array(spacing[::-1]))


@st.composite
def stars(draw: st.DrawFn) -> Polygon:
    """A star-shaped polygon; never crosses itself."""
    corners = draw(st.integers(3, 9))
    radii = draw(st.lists(st.floats(0.5, 10), min_size=corners, max_size=corners))
    angle = np.arange(corners) * 2 * np.pi / corners + draw(st.floats(0, 1))
    x, y = draw(st.floats(5, 25)), draw(st.floats(5, 25))
    return Polygon(np.stack([x + radii * np.cos(angle), y + radii * np.sin(angle)], axis=1))


# --- shapely as the oracle


@QUICK
@given(stars(), stars(), spacings)
def test_equals_shapely(tumor: Polygon, specimen: Polygon, spacing: tuple[float, float]) -> None:
    specimen = shapely.union(specimen, specimen.centroid.buffer(3))
    found = scene(tumor, specimen, spacing)
    inside = shapely.intersection(tumor, specimen)
    if inside.area < 1e-6:
        return
    truth = shapely.distance(scaled(inside, spacing), scaled(specimen.exterior, spacing))
    assert margin(found) == pytest.approx(truth, rel=1e-9, abs=1e-9)
    assert found.outline.size.sum() == pytest.approx(scaled(specimen, spacing).length, rel=1e-12)
    assert found.specimen_size == pytest.approx(scaled(specimen, spacing).area)
    assert found.foci.size.sum() + found.tumor_outside == pytest.approx(scaled(tumor, spacing).area, rel=1e-8)
    if truth > 1e-9:
        line = shapely.shortest_line(scaled(specimen.exterior, spacing), scaled(inside, spacing))
        assert line.length == pytest.approx(margin(found))


@QUICK
@given(stars(), stars(), spacings)
def test_every_bit_equals_shapely(tumor: Polygon, specimen: Polygon, spacing: tuple[float, float]) -> None:
    specimen = shapely.union(specimen, tumor.buffer(1))
    assume(specimen.geom_type == "Polygon")
    found = scene(tumor, specimen, spacing, holes="cut")
    everything = np.ones(len(found.bits_px), bool)
    nearest = found.nearest(everything)
    lines = shapely.linestrings(found.bits_px * np.array(spacing))
    truth = shapely.distance(lines, shapely.transform(tumor, lambda xy: (xy[:, ::-1] - 0.5) * spacing))
    np.testing.assert_allclose(nearest.distance_mm, truth, rtol=1e-9, atol=1e-9)
    gap = np.sqrt((((nearest.edge_px - nearest.tumor_px) * spacing) ** 2).sum(axis=1))
    np.testing.assert_allclose(gap, nearest.distance_mm, rtol=1e-12, atol=1e-12)
    assert np.abs(np.diff(found.bits_px, axis=1)).max() < 1.5


# --- analytic shapes


def test_annulus() -> None:
    specimen = Point(50, 50).buffer(40, 2048)
    found = closest(scene(Point(53, 54).buffer(10, 2048), specimen, (0.1, 0.1)))
    assert found is not None
    assert found.distance_mm == pytest.approx((40 - 10 - 5) * 0.1, abs=1e-4)
    way = np.subtract(found.edge_px, found.tumor_px)
    assert way / np.hypot(*way) == pytest.approx([0.8, 0.6], abs=0.02)


@pytest.mark.parametrize("angle_deg", [0, 7, 33, 45, 90])
@pytest.mark.parametrize("spacing", [(1.0, 1.0), (2.0, 0.25)])
def test_rotated_rectangles_with_pixels_that_are_not_square(angle_deg: float, spacing: tuple[float, float]) -> None:
    """Turned in mm, then given in pixels: the margin is the one drawn in mm."""
    pair = [affinity.rotate(shape, angle_deg, origin=(20, 20)) for shape in (box(15, 17, 24, 22), box(10, 10, 31, 29))]
    tumor, specimen = [shapely.transform(shape, lambda xy: xy / np.array(spacing[::-1])) for shape in pair]
    assert margin(scene(tumor, specimen, spacing)) == pytest.approx(5, rel=1e-12)


def test_a_point_of_tumor_on_the_edge_is_exactly_zero() -> None:
    specimen = affinity.rotate(box(0, 0, 100, 100), 31.7, origin=(13, 7))
    corner = shapely.line_interpolate_point(specimen.exterior, 123.4)
    inward = specimen.centroid
    tumor = Polygon([(corner.x, corner.y), (inward.x, inward.y), (inward.x + 1, inward.y - 2)])
    found = closest(scene(tumor, specimen))
    assert found is not None
    assert found.distance_mm == 0
    assert found.edge_px == found.tumor_px


def test_just_off_the_edge_is_not_zero() -> None:
    assert margin(scene(box(1, 1 + 1e-6, 2, 2), box(0, 1, 9, 9))) == pytest.approx(1e-6, rel=1e-9)


# --- what must not change it


@QUICK
@given(stars(), spacings, st.integers(-1000, 1000), st.integers(-1000, 1000), st.sampled_from([0.01, 0.5, 7.0]))
def test_translation_scaling_and_axis_swap(
    tumor: Polygon, spacing: tuple[float, float], down: int, right: int, factor: float
) -> None:
    specimen = shapely.union(tumor.buffer(2.5), box(10, 10, 20, 40))
    before = margin(scene(tumor, specimen, spacing))
    moved = [affinity.translate(shape, right, down) for shape in (tumor, specimen)]
    assert margin(scene(*moved, spacing)) == pytest.approx(before, rel=1e-9, abs=1e-9)
    assert margin(scene(tumor, specimen, (spacing[0] * factor, spacing[1] * factor))) == pytest.approx(before * factor)
    swapped = [shapely.transform(shape, lambda xy: xy[:, ::-1]) for shape in (tumor, specimen)]
    assert margin(scene(*swapped, spacing[::-1])) == pytest.approx(before, rel=1e-9)
    finer = [shapely.transform(shape, lambda xy: xy * 3) for shape in (tumor, specimen)]
    assert margin(scene(*finer, (spacing[0] / 3, spacing[1] / 3))) == pytest.approx(before, rel=1e-9)


@QUICK
@given(stars(), stars(), st.floats(0.01, 3))
def test_growing_the_tumor_never_widens_and_growing_the_tissue_never_narrows(
    tumor: Polygon, extra: Polygon, more: float
) -> None:
    specimen = tumor.buffer(4)
    before = margin(scene(tumor, specimen))
    assert margin(scene(shapely.union(tumor, extra), specimen)) <= before + 1e-9
    assert margin(scene(tumor, specimen.buffer(more), holes="ignore")) >= before - 1e-9


@settings(deadline=None, max_examples=80)
@given(masks, st.data(), spacings, st.sampled_from(["ignore", "cut"]), st.sampled_from([0.0, 0.6, 2.0]))
def test_pixel_outlines_equal_the_lattice(
    specimen: np.ndarray, data: st.DataObject, spacing: tuple[float, float], holes: Any, link_mm: float
) -> None:
    """The other way of measuring, on closed pixels, shares nothing with this one but the definitions."""
    tumor = data.draw(arrays(bool, specimen.shape))
    if not (tumor & specimen).any():
        return
    lattice = LatticeScene(pack(tumor), pack(specimen), spacing, holes=holes, link_mm=link_mm)
    mine = scene(
        *(mask_polygon(mask) for mask in (tumor, specimen)),
        spacing,
        shape=specimen.shape,
        holes=holes,
        link_mm=link_mm,
        tumor_boundary="pixels",
        specimen_boundary="pixels",
        tumor_pixels=Pixels(tumor),
        specimen_pixels=Pixels(specimen),
    )
    assert_same(mine, lattice, data.draw(arrays(bool, specimen.shape)))


def assert_same(mine: SegmentScene, lattice: LatticeScene, region: np.ndarray) -> None:
    for kind in range(6):
        sizes = [of.outline.size[of.outline.kind == kind].sum() for of in (mine, lattice)]
        assert sizes[0] == pytest.approx(sizes[1])
    np.testing.assert_allclose(mine.foci.size, lattice.foci.size)
    assert np.array_equal(mine.foci.pixels, lattice.foci.pixels)
    assert np.array_equal(mine.foci.piece, lattice.foci.piece)
    assert (mine.boundary, mine.pixel_diagonal_mm) == ("pixels", pytest.approx(lattice.pixel_diagonal_mm))
    assert mine.tumor_outside == pytest.approx(lattice.tumor_outside)
    assert mine.specimen_size == pytest.approx(lattice.specimen_size)
    assert mine.tumor_extent_mm() == pytest.approx(lattice.tumor_extent_mm())
    assert mine.tumor_meets_frame == lattice.tumor_meets_frame
    np.testing.assert_allclose(mine.focus_gaps_mm(0), lattice.focus_gaps_mm(0))
    regions = [of.outline.size[of.in_region(region)].sum() for of in (mine, lattice)]
    assert regions[0] == pytest.approx(regions[1])
    cuts = [of.outline.kind == CUT for of in (mine, lattice)]
    nearest = [of.nearest(cut) for of, cut in zip((mine, lattice), cuts)]
    np.testing.assert_allclose(*(np.sort(n.distance_mm) for n in nearest))
    pairs = [of.closest(cut, n) for of, cut, n in zip((mine, lattice), cuts, nearest)]
    assert (pairs[0] is None) == (pairs[1] is None)
    if pairs[0] is None or pairs[1] is None:
        return
    assert pairs[0].distance_mm == pytest.approx(pairs[1].distance_mm)
    assert (pairs[0].edge_px, pairs[0].tumor_px, pairs[0].tied) == (pairs[1].edge_px, pairs[1].tumor_px, pairs[1].tied)
    margins = [of.focus_margins_mm(cut, n) for of, cut, n in zip((mine, lattice), cuts, nearest)]
    np.testing.assert_allclose(*margins)
    centres = [of.centre_distance_mm(cut, n) for of, cut, n in zip((mine, lattice), cuts, nearest)]
    assert centres[0] == pytest.approx(centres[1])
    straight = [of.stays_inside(pairs[0].edge_px, pairs[0].tumor_px) for of in (mine, lattice)]
    assert straight[0] == straight[1]


# --- classes, pieces, foci


def test_D10_holes_are_not_cut_edge_unless_asked() -> None:
    specimen = shapely.difference(box(0, 0, 40, 40), box(18, 18, 22, 22))
    tumor = box(10, 18, 16, 22)
    assert margin(scene(tumor, specimen)) == 10
    assert margin(scene(tumor, specimen, holes="cut")) == 2
    outline = scene(tumor, specimen, (0.5, 0.5)).outline
    assert [outline.size[outline.kind == kind].sum() for kind in (CUT, HOLE)] == [80, 8]


def test_a_void_between_parts_that_touch_is_a_hole() -> None:
    """Four squares around a square void, touching at corners only."""
    specimen = MultiPolygon([box(2, 0, 4, 2), box(0, 2, 2, 4), box(4, 2, 6, 4), box(2, 4, 4, 6)])
    found = scene(box(2.5, 0.5, 3.5, 1.5), specimen)
    assert set(found.outline.piece) == {0}
    assert [found.outline.size[found.outline.kind == kind].sum() for kind in (CUT, HOLE)] == [24, 8]


def test_D07_D08_the_border_of_the_image_is_frame_and_cuts_off_what_was_drawn_beyond() -> None:
    found = scene(box(1, 4, 3, 6), box(-5, 2, 8, 8), shape=(10, 20))
    kinds = found.outline.kind
    assert [found.outline.size[kinds == kind].sum() for kind in (CUT, FRAME)] == [8 + 6 + 8, 6]
    assert found.specimen_size == 48
    assert found.nearest(kinds == FRAME).distance_mm.min() == 1
    assert not found.tumor_meets_frame
    assert scene(box(-2, 4, 3, 6), box(-5, 2, 8, 8), shape=(10, 20)).tumor_meets_frame
    with pytest.raises(OutlineError, match="E-GEO-02"):
        scene(box(1, 4, 3, 6), box(-5, 2, -1, 8), shape=(10, 20))


def test_C11_distance_never_crosses_glass() -> None:
    """Tumor 1 from the other piece's edge, 8 from its own."""
    found = scene(box(9, 9, 11, 11), MultiPolygon([box(0, 0, 20, 20), box(20.5, 0, 30, 20)]), (0.1, 0.1))
    assert margin(found) == pytest.approx(0.9)
    far = found.nearest(found.outline.piece == 1)
    assert np.isinf(far.distance_mm).all()
    assert (far.focus == -1).all()


def test_D09_tumor_outside_is_reported_and_not_measured() -> None:
    found = scene(box(15, 4, 25, 6), box(0, 0, 20, 10), (0.5, 0.5))
    assert found.tumor_outside == pytest.approx(10 / 4)
    assert found.foci.size.tolist() == pytest.approx([10 / 4])
    assert margin(found) == 0
    gone = scene(box(30, 4, 32, 6), box(0, 0, 20, 10), (0.5, 0.5))
    assert len(gone.foci.size) == 0
    assert closest(gone) is None
    assert gone.tumor_outside == pytest.approx(1)


def test_D09_tumor_along_the_outside_of_a_slanted_edge_is_outside() -> None:
    specimen = affinity.rotate(box(0, 0, 30, 20), 17.3, origin=(0, 0))
    tumor = affinity.rotate(box(3, 20, 9, 25), 17.3, origin=(0, 0))
    assert len(scene(tumor, specimen).foci.size) == 0


def test_foci_are_linked_and_ordered() -> None:
    specimen = box(0, 0, 100, 100)
    parts = [box(60, 50, 70, 60), box(10, 20, 12, 22), box(13, 20, 15, 22), box(15, 22, 16, 23)]
    found = scene(MultiPolygon(parts), specimen, (0.1, 0.1))
    assert found.foci.size.tolist() == pytest.approx([0.04, 0.05, 1])
    cut = found.outline.kind == CUT
    assert found.focus_margins_mm(cut, found.nearest(cut)).tolist() == pytest.approx([1, 1.3, 3])
    assert found.focus_gaps_mm(2).tolist() == pytest.approx([np.hypot(4.8, 2.8), np.hypot(4.4, 2.7), 0])
    assert found.foci.pixels.tolist() == [0, 0, 0]
    linked = scene(MultiPolygon(parts), specimen, (0.1, 0.1), link_mm=0.1)
    assert linked.foci.size.tolist() == pytest.approx([0.09, 1])
    assert found.tumor_extent_mm() == pytest.approx(np.hypot(6, 4))


def test_D12_ties_and_their_flag() -> None:
    found = closest(scene(box(4, 4, 6, 6), box(0, 0, 10, 10)))
    assert found is not None
    assert (found.edge_px, found.tumor_px, found.tied) == ((-0.5, 3.5), (3.5, 3.5), True)
    alone = closest(scene(Polygon([(5, 3), (6, 6), (4, 6)]), box(0, 0, 10, 10)))
    assert alone is not None
    assert (alone.edge_px, alone.tumor_px, alone.tied) == ((-0.5, 4.5), (2.5, 4.5), False)


def test_D14_a_line_that_leaves_the_tissue() -> None:
    notched = shapely.difference(box(0, 0, 30, 30), box(10, -1, 12, 20))
    found = scene(box(2, 2, 4, 4), notched)
    assert not found.stays_inside((9.5, 3.5), (9.5, 29.5))
    assert found.stays_inside((24.5, 3.5), (20.5, 29.5))
    assert found.stays_inside((-0.5, -0.5), (-0.5, 9.5))  # along the edge
    assert found.stays_inside((4.0, 9.5), (15.0, 9.5))  # along the notch
    assert found.stays_inside((4.0, 9.5), (4.0, 9.5))


def test_a_line_along_a_slanted_edge_stays_inside() -> None:
    specimen = affinity.rotate(box(0, 0, 100, 50), 23.4, origin=(0, 0))
    found = scene(specimen.centroid.buffer(2), specimen)
    for side in found._sides.ends_px:
        assert found.stays_inside(side[0], side[1])
        assert found.stays_inside(side[0] * 0.7 + side[1] * 0.3, side[1])


def test_in_region_of_mask_and_polygon() -> None:
    found = scene(box(4, 4, 6, 6), box(2, 2, 8, 8))
    painted = np.zeros((10, 10), bool)
    painted[2, 2:8] = True  # the top row of tissue pixels, just inside the edge
    top = found.outline.size[found.in_region(painted) & (found.bits_px[..., 0] == 1.5).all(axis=1)].sum()
    assert top == 6
    drawn = found.in_region(box(0, 0, 10, 3.1))
    assert found.outline.size[drawn].sum() == 6 + 1 + 1


# --- mixes with pixels


def test_centres_of_tumor_pixels_against_a_polygon() -> None:
    mask = np.zeros((20, 20), bool)
    mask[8:12, 8:12] = True
    found = scene(
        mask_polygon(mask),
        box(2.5, 2, 17, 18),
        (0.5, 0.5),
        tumor_boundary="pixels",
        tumor_pixels=Pixels(mask),
    )
    cut = found.outline.kind == CUT
    nearest = found.nearest(cut)
    assert found.boundary == "pixels/polygon"
    assert nearest.distance_mm.min() == 2.5  # x from 12 to 17
    assert found.centre_distance_mm(cut, nearest) == pytest.approx(2.75)
    assert found.pixel_diagonal_mm == pytest.approx(np.hypot(0.5, 0.5) / 2)
    assert found.foci.pixels.tolist() == [16]


def test_centres_of_outside_pixels_against_a_tumor_polygon() -> None:
    """Specimen pixels four times as large as the image's."""
    mask = np.zeros((6, 6), bool)
    mask[1:5, 1:5] = True
    large = Pixels(mask, (4.0, 4.0), (1.5, 1.5))
    found = scene(
        box(9, 10, 12, 14), box(4, 4, 20, 20), (0.25, 0.25), specimen_boundary="pixels", specimen_pixels=large
    )
    cut = found.outline.kind == CUT
    nearest = found.nearest(cut)
    assert nearest.distance_mm.min() == 1.25  # x from 4 to 9
    assert found.centre_distance_mm(cut, nearest) == pytest.approx((9 - 2) * 0.25)
    assert len(found.outline.size) == 16  # one bit a face of the large pixels


def test_an_outline_that_cuts_off_the_centre_of_the_only_tumor_pixel() -> None:
    mask = np.zeros((6, 6), bool)
    mask[2, 2] = True
    found = scene(mask_polygon(mask), box(2.75, 0, 6, 6), tumor_boundary="pixels", tumor_pixels=Pixels(mask))
    cut = found.outline.kind == CUT
    nearest = found.nearest(cut)
    assert nearest.distance_mm.min() == 0
    assert found.centre_distance_mm(cut, nearest) == pytest.approx(np.sqrt(2) / 2)


def test_smoothed_masks_keep_their_digitisation_and_count_their_pixels() -> None:
    mask = np.zeros((30, 30), bool)
    mask[2:28, 2:28] = True
    tumor = np.zeros_like(mask)
    tumor[10:15, 10:15] = True
    tumor[4, 20] = True
    field = smoothed(mask)
    found = scene(
        tumor_contour(tumor, mask, field),
        half_contour(field),
        tumor_boundary="contour",
        specimen_boundary="contour",
        tumor_pixels=Pixels(tumor),
        specimen_pixels=Pixels(mask),
        shape=mask.shape,
    )
    cut = found.outline.kind == CUT
    nearest = found.nearest(cut)
    assert found.foci.pixels.tolist() == [1, 25]
    assert found.centre_distance_mm(cut, nearest) == 3
    assert found.pixel_diagonal_mm == pytest.approx(np.sqrt(2))
    assert found.boundary == "contour"
    assert nearest.distance_mm.min() == pytest.approx(2, abs=0.2)


def test_probabilities_and_polygons_have_no_digitisation() -> None:
    found = scene(half_contour(np.full((3, 3), 0.7)), box(-4, -4, 9, 9), tumor_boundary="contour")
    cut = found.outline.kind == CUT
    assert found.centre_distance_mm(cut, found.nearest(cut)) is None
    assert found.pixel_diagonal_mm == 0
    assert found.foci.pixels.tolist() == [0]


def test_D18_far_from_the_origin() -> None:
    far = 2.0**31
    tumor, specimen = (box(far + a, far + a, far + b, far + b) for a, b in ((4, 6), (0, 11)))
    assert margin(scene(tumor, specimen)) == pytest.approx(4, abs=1e-5)
    touching = box(far, far + 3, far + 2, far + 5)
    assert margin(scene(touching, specimen)) == 0


def test_one_tumor_in_hundreds_of_pieces() -> None:
    rng = np.random.default_rng(5)
    mask = ndimage.gaussian_filter(rng.random((300, 300)), 2) > 0.5
    tumor = ndimage.gaussian_filter(rng.random((300, 300)), 2) > 0.52
    found = scene(mask_polygon(tumor), mask_polygon(mask), shape=mask.shape)
    lattice = LatticeScene(pack(tumor), pack(mask), (1.0, 1.0))
    cuts = [of.outline.kind == CUT for of in (found, lattice)]
    distances = [np.sort(of.nearest(cut).distance_mm) for of, cut in zip((found, lattice), cuts)]
    np.testing.assert_allclose(*distances)

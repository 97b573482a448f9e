"""What measure() says of specimens whose answer can be worked out by hand, and what it refuses."""

import math

import numpy as np
import pytest
from scipy import ndimage

import marginkit as mk


def block(shape: tuple[int, ...] = (20, 30), pad: int = 2) -> np.ndarray:
    out = np.zeros(shape, bool)
    out[(slice(pad, -pad),) * len(shape)] = True
    return out


def at(shape: tuple[int, ...], *pixels: tuple[int, ...]) -> np.ndarray:
    out = np.zeros(shape, bool)
    for pixel in pixels:
        out[pixel] = True
    return out


SPECIMEN = block()
TUMOR = at(SPECIMEN.shape, (8, 12))


def test_D01_no_tumor_is_refused_with_its_argument() -> None:
    with pytest.raises(mk.MarginError, match=r"no tumor \(E-MSR-01\): tumor is empty"):
        mk.measure(np.zeros_like(SPECIMEN), SPECIMEN, (1, 1))


@pytest.mark.parametrize(
    ("specimen", "cause"), [(np.zeros((5, 5), bool), "no tissue"), (np.ones((5, 5), bool), "no background")]
)
def test_D02_no_tissue_or_all_tissue(specimen: np.ndarray, cause: str) -> None:
    with pytest.raises(mk.MarginError, match=rf"{cause} \(E-MSR-02\)"):
        mk.measure(at((5, 5), (2, 2)), specimen, (1, 1))


def test_D03_no_cut_edge() -> None:
    got = mk.measure(TUMOR, SPECIMEN, (1, 1), edge={"natural": np.ones_like(SPECIMEN)})
    assert (got.value_mm, got.interval_mm, got.qualifier) == (None, None, "not_assessable")
    assert got.reason == "no cut edge in view"


@pytest.mark.parametrize("pixel", [(2, 12), (17, 27), (2, 2)])
def test_D04_touching_by_a_side(pixel: tuple[int, int]) -> None:
    got = mk.measure(at(SPECIMEN.shape, pixel), SPECIMEN, (0.3, 0.7))
    assert (got.value_mm, got.qualifier, got.interval_mm[0]) == (0.0, "touching", 0.0)


def test_D05_touching_by_a_corner() -> None:
    specimen = SPECIMEN.copy()
    specimen[7, 11] = False
    specimen[2:7, 11] = False  # a cleft whose end meets the tumor at a corner
    got = mk.measure(TUMOR, specimen, (1, 1))
    assert (got.value_mm, got.qualifier) == (0.0, "touching")
    assert got.closest.edge_px == got.closest.tumor_px == (7.5, 11.5)


def test_D06_one_pixel_between() -> None:
    got = mk.measure(at(SPECIMEN.shape, (3, 12)), SPECIMEN, (0.25, 1.0))
    assert (got.value_mm, got.qualifier) == (0.25, "exact")


def test_D07_tumor_reaches_the_border_of_the_image() -> None:
    specimen = SPECIMEN.copy()
    specimen[5:15, :] = True
    got = mk.measure(at(SPECIMEN.shape, (10, 0)), specimen, (1, 1))
    assert got.qualifier == "at_most"
    assert got.value_mm == 4  # the tissue goes down to row 14
    assert got.interval_mm[0] == 0
    assert got.all.unseen_mm == 0
    assert "tumor_leaves_view" in got.flags


def test_D08_border_of_the_image_nearer_than_the_edge() -> None:
    specimen = SPECIMEN.copy()
    specimen[2:18, :2] = True
    got = mk.measure(at(SPECIMEN.shape, (9, 3)), specimen, (1, 1))
    assert (got.value_mm, got.qualifier, got.all.unseen_mm) == (7.0, "at_most", 3.0)
    assert got.interval_mm[0] == 3.0
    assert "frame_nearer_than_edge" in got.flags


def test_D09_tumor_outside() -> None:
    with pytest.raises(mk.MarginError, match=r"outside the specimen \(E-MSR-03\): 0.5 mm² of tumor"):
        mk.measure(at(SPECIMEN.shape, (0, 0)), SPECIMEN, (0.5, 1))
    partly = mk.measure(at(SPECIMEN.shape, (0, 0), (8, 12)), SPECIMEN, (0.5, 1))
    assert partly.outside == 0.5
    assert "tumor_outside_specimen" in partly.flags
    assert partly.value_mm == mk.measure(TUMOR, SPECIMEN, (0.5, 1)).value_mm


def test_D10_hole_counts_only_when_asked() -> None:
    specimen = SPECIMEN.copy()
    specimen[8, 14:16] = False
    ignored = mk.measure(TUMOR, specimen, (1, 1))
    asked = mk.measure(TUMOR, specimen, (1, 1), holes="cut")
    painted = mk.measure(TUMOR, specimen, (1, 1), edge={"cut": ~specimen})
    assert ignored.value_mm == 6.0
    assert ignored.profile.by_class["hole"] == 6.0
    assert asked.value_mm == painted.value_mm == 1.0


def test_void_that_meets_the_outside_at_a_corner_is_a_hole() -> None:
    specimen = SPECIMEN.copy()
    specimen[2, 2] = specimen[3, 3] = False
    got = mk.measure(TUMOR, specimen, (1, 1))
    assert got.profile.by_class["hole"] == 4.0


def test_D11_single_pixel_focus_owns_the_margin() -> None:
    tumor = TUMOR | at(SPECIMEN.shape, (3, 20))
    tumor[8:11, 11:14] = True
    got = mk.measure(tumor, SPECIMEN, (1, 1))
    assert got.value_mm == 1.0
    assert "one_pixel_minimum" in got.flags
    near, main = got.foci
    assert (near.pixels, near.margin_mm, near.area_mm2) == (1, 1.0, 1.0)
    assert near.to_main_mm == pytest.approx(math.hypot(4, 6))
    assert (main.pixels, main.margin_mm, main.to_main_mm) == (9, 6.0, 0.0)
    assert got.all.focus == near.id


def test_foci_that_are_linked_count_as_one() -> None:
    tumor = at(SPECIMEN.shape, (8, 10), (8, 13), (8, 20))
    assert len(mk.measure(tumor, SPECIMEN, (1, 1)).foci) == 3
    assert len(mk.measure(tumor, SPECIMEN, (1, 1), link_mm=1.9).foci) == 3
    assert len(mk.measure(tumor, SPECIMEN, (1, 1), link_mm=2.0).foci) == 2


def test_D12_ties_go_to_the_first_and_are_flagged() -> None:
    got = mk.measure(at((21, 21), (10, 10)), block((21, 21), 5), (1, 1))
    assert got.closest.edge_px == (4.5, 9.5)
    assert "tied" in got.flags


def test_D14_line_through_a_lumen() -> None:
    specimen = block((60, 60), 5)
    specimen[10:50, 30:34] = False
    got = mk.measure(at((60, 60), (29, 25)), specimen, (1, 1), edge=_right(60))
    assert got.value_mm == 29.0
    assert "line_leaves_tissue" in got.flags
    corners = math.hypot(19, 4) + 4 + math.hypot(19, 21)  # tumor to the lumen's end, along it, to the edge point
    assert got.closest.through_tissue_mm == pytest.approx(corners, rel=1e-9)


def _right(size: int) -> np.ndarray:
    edge = np.zeros((size, size), bool)
    edge[:, size - 6 :] = True
    return edge


def test_straight_line_inside_has_no_other_way() -> None:
    got = mk.measure(TUMOR, SPECIMEN, (1, 1))
    assert got.closest.through_tissue_mm is None
    assert "line_leaves_tissue" not in got.flags


def wall(*, gap: slice = slice(0, 0)) -> np.ndarray:
    out = np.zeros_like(SPECIMEN)
    out[:, 20] = True
    out[gap, 20] = False
    return out


def test_D15_barrier_shuts_one_side() -> None:
    got = mk.measure(TUMOR, SPECIMEN, (1, 1), barrier={"fascia": wall()})
    (fascia,) = got.barriers
    assert (fascia.type, fascia.breached) == ("fascia", False)
    assert fascia.free_mm == fascia.free_on_segment_mm == 6.0
    assert fascia.behind_mm == math.hypot(6, 7)  # the upper edge from column 19.5 on
    assert fascia.behind_size == 16 + 2 * 8
    assert got.all.behind_barrier is None
    behind = mk.measure(TUMOR, SPECIMEN, (1, 1), edge=_right_of(20), barrier={"fascia": wall()})
    assert behind.all.behind_barrier == "fascia"


def _right_of(column: int) -> np.ndarray:
    out = np.zeros_like(SPECIMEN)
    out[:, column + 2 :] = True
    return out


def test_D15_barrier_with_a_way_round_protects_nothing() -> None:
    got = mk.measure(TUMOR, SPECIMEN, (1, 1), barrier={"fascia": wall(gap=slice(15, 20))})
    (fascia,) = got.barriers
    assert (fascia.behind_size, fascia.breached) == (1.0, False)  # its own cut end
    assert fascia.behind_on_segment_mm == math.hypot(6, 8)
    assert "barrier_open" in got.flags


@pytest.mark.parametrize("gap", [slice(0, 0), slice(8, 9)])
def test_D15_tumor_through_the_barrier_breaches_it(gap: slice) -> None:
    tumor = np.zeros_like(SPECIMEN)
    tumor[8, 12:24] = True
    got = mk.measure(tumor, SPECIMEN, (1, 1), barrier={"capsule": wall(gap=gap)})
    (capsule,) = got.barriers
    assert capsule.breached
    assert capsule.behind_mm is None
    assert "barrier_breached" in got.flags


def test_diagonal_barrier_one_pixel_thin_holds() -> None:
    specimen = block((30, 30), 2)
    got = mk.measure(at((30, 30), (20, 8)), specimen, (1, 1), barrier=np.eye(30, dtype=bool))
    assert got.barriers[0].behind_size == pytest.approx(2 * 26, abs=2)


def test_D16_an_edge_painted_thick_or_twice_selects_the_same_faces() -> None:
    outside = ndimage.binary_dilation(SPECIMEN) & ~SPECIMEN
    inside = SPECIMEN & ~ndimage.binary_erosion(SPECIMEN)
    thick = ndimage.binary_dilation(outside | inside, iterations=2)
    totals = [mk.measure(TUMOR, SPECIMEN, (1, 1), edge=edge).profile.total for edge in (outside, inside, thick)]
    assert totals == [84.0, 84.0, 84.0]


def test_restricted_edge_leaves_the_rest_unknown() -> None:
    left = np.zeros_like(SPECIMEN)
    left[:, :3] = True
    got = mk.measure(TUMOR, SPECIMEN, (1, 1), edge=left)
    assert got.value_mm == 10.0
    assert got.profile.by_class["cut"] == 16 + 2
    assert got.profile.by_class["unknown"] == 84 - 18
    assert "unknown_edge" in got.flags


def test_coded_edge_equals_mapping() -> None:
    codes = np.zeros(SPECIMEN.shape, np.uint8)
    codes[:6] = 2
    coded = mk.measure(TUMOR, SPECIMEN, (1, 1), edge=codes)
    mapped = mk.measure(TUMOR, SPECIMEN, (1, 1), edge={"natural": codes == 2})
    assert coded.profile.by_class == mapped.profile.by_class
    assert coded.profile.by_class["natural"] == 26 + 8
    assert coded.value_mm == 9.0


def test_named_margins_from_labels_and_from_regions() -> None:
    from shapely.geometry import box

    labels = np.zeros(SPECIMEN.shape, np.uint8)
    labels[:5], labels[-5:] = 1, 2
    by_label = mk.measure(TUMOR, SPECIMEN, (1, 1), names=labels).named
    by_name = mk.measure(TUMOR, SPECIMEN, (1, 1), names={"superior": labels == 1, "deep": box(0, 15, 30, 20)}).named
    assert (by_label["1"].value_mm, by_label["2"].value_mm) == (6.0, 9.0)
    assert (by_name["superior"].value_mm, by_name["deep"].value_mm) == (6.0, 9.0)
    assert by_name["deep"].closest.edge_px[0] == 17.5
    nowhere = mk.measure(TUMOR, SPECIMEN, (1, 1), names={"skin": np.zeros_like(SPECIMEN)}).named["skin"]
    assert nowhere.reason == "no cut edge of skin in view"


def test_pieces_are_measured_apart() -> None:
    specimen = SPECIMEN.copy()
    specimen[:, 15:17] = False
    got = mk.measure(at(SPECIMEN.shape, (8, 7)), specimen, (1, 1))
    assert got.value_mm == 5.0
    assert "several_pieces" in got.flags
    assert got.all.piece == 1
    assert len(got.profile.distance_mm) == 2 * (16 + 13)


def test_first_and_last_slice_are_section() -> None:
    specimen = np.zeros((4, 12, 12), bool)
    specimen[:, 2:10, 2:10] = True
    got = mk.measure(at(specimen.shape, (1, 5, 5)), specimen, (0.5, 1, 1))
    assert (got.value_mm, got.qualifier, got.all.unseen_mm) == (3.0, "at_most", 0.5)
    assert "section_nearer_than_edge" in got.flags
    assert got.profile.by_class["section"] == 2 * 64
    assert (got.planes, got.plane_spacing_mm) == (4, 0.5)
    assert got.profile.area_mm2.sum() == 4 * 8 * 4 * 0.5


def test_void_that_leaves_a_stack_through_its_end_is_said() -> None:
    specimen = np.zeros((6, 12, 12), bool)
    specimen[:, 1:11, 1:11] = True
    specimen[:4, 5, 5] = False
    tumor = at(specimen.shape, (3, 5, 7))
    open_ = mk.measure(tumor, specimen, (1, 1, 1))
    assert open_.value_mm == 1.0
    assert "void_leaves_stack" in open_.flags
    lumen = np.zeros_like(specimen)
    lumen[:4, 5, 5] = True
    classed = mk.measure(tumor, specimen, (1, 1, 1), edge={"hole": lumen})
    assert classed.value_mm == 3.0
    assert "void_leaves_stack" not in classed.flags


def test_D18_impossible_and_far_apart() -> None:
    for spacing, code in (
        ((1e-10, 1), "E-CAL-03"),
        ((1e6, 1), "E-CAL-03"),
        ((0, 1), "E-CAL-02"),
        ((-1, 1), "E-CAL-02"),
        ((math.nan, 1), "E-CAL-02"),
        ((1,), "E-CAL-02"),
    ):
        with pytest.raises(mk.MarginError, match=code):
            mk.measure(TUMOR, SPECIMEN, spacing)
    far = mk.measure(
        mk.Region(at((3, 3), (1, 1)), (1.0, 1.0), (2.0**31, 2.0**31)),
        mk.Region(np.pad(np.ones((9, 9), bool), 1), (1.0, 1.0), (2.0**31 - 4, 2.0**31 - 4)),
        (1, 1),
    )
    assert far.value_mm == 4.0
    assert far.closest.edge_px[0] == 2.0**31 - 3.5


@pytest.mark.parametrize("argument", ["tumor", "specimen"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.uint16, np.complex64, object])
def test_D20_labels_are_refused(argument: str, dtype: type) -> None:
    arrays = {"tumor": TUMOR, "specimen": SPECIMEN}
    arrays[argument] = arrays[argument].astype(dtype)
    with pytest.raises(TypeError, match=f"{argument}: wanted a bool mask.*array"):
        mk.measure(**arrays, spacing=(1, 1))


def test_wrong_shapes_name_both() -> None:
    with pytest.raises(mk.MarginError, match=r"tumor is \(20, 30\), specimen is \(30, 20\)"):
        mk.measure(TUMOR, SPECIMEN.T, (1, 1))
    with pytest.raises(mk.MarginError, match=r"E-GRID-01.*tumor is \(20, 30\), specimen is \(3, 20, 30\)"):
        mk.measure(TUMOR, np.stack([SPECIMEN] * 3), (1, 1))
    with pytest.raises(mk.MarginError, match=r"tumor has 1 axes"):
        mk.measure(TUMOR[0], SPECIMEN, (1, 1))


@pytest.mark.parametrize("given", [None, "mask.png", 3, {"a": 1}])
def test_what_is_no_region_is_refused(given: object) -> None:
    with pytest.raises(TypeError, match="tumor: wanted a bool mask"):
        mk.measure(given, SPECIMEN, (1, 1))


def test_nan_and_counts_are_no_probability() -> None:
    bad = TUMOR.astype(float)
    bad[0, 0] = np.nan
    with pytest.raises(mk.MarginError, match=r"tumor holds NaN \(E-PIX-03\): 1 of 600 pixels"):
        mk.measure(bad, SPECIMEN, (1, 1))
    with pytest.raises(mk.MarginError, match="values from 0 to 255"):
        mk.measure(TUMOR * 255.0, SPECIMEN, (1, 1))


def test_interval_is_made_of_its_parts() -> None:
    got = mk.measure(TUMOR, SPECIMEN, (1, 1), boundary_shift_mm=0.5, relative_uncertainty=0.1)
    assert dict(got.all.parts) == {
        "digitisation": pytest.approx((7 - math.sqrt(2), 7)),
        "segmentation": (5.5, 6.5),
        "calibration": pytest.approx((5.4, 6.6)),
    }
    assert got.interval_mm == pytest.approx(((7 - math.sqrt(2) - 0.5) * 0.9, 7.5 * 1.1))


def test_tumor_size() -> None:
    tumor = np.zeros_like(SPECIMEN)
    tumor[5:8, 10:14] = True
    size = mk.measure(tumor, SPECIMEN, (1, 1)).size
    assert (size.extent_mm, size.area_mm2, size.volume_mm3) == (5.0, 12.0, None)


def test_unit_pixels_give_exact_decimals() -> None:
    specimen = block((2000, 8), 2)
    got = mk.measure(at((2000, 8), (1500, 4)), specimen, (0.1, 50.0))
    assert got.value_mm == 497 * 0.1


def test_results_travel_between_processes() -> None:
    import pickle

    got = mk.measure(TUMOR, SPECIMEN, (1, 1), barrier={"fascia": wall()}, names={"left": _right_of(20)})
    again = pickle.loads(pickle.dumps(got))
    assert again.margins == got.margins
    assert again.profile.by_class == got.profile.by_class


@pytest.mark.parametrize("strip_bytes", [1, 40, 1000])
def test_D19_strips_of_any_height_give_the_same_result(strip_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from marginkit.geometry import bits

    rng = np.random.default_rng(7)
    specimen = ndimage.gaussian_filter(rng.random((90, 140)), 4) > 0.49
    tumor = specimen & (ndimage.gaussian_filter(rng.random((90, 140)), 3) > 0.53)
    whole = mk.measure(tumor, specimen, (0.1, 0.2))
    monkeypatch.setattr(bits, "STRIP_BYTES", strip_bytes)
    strips = mk.measure(tumor, specimen, (0.1, 0.2))
    assert strips.margins == whole.margins
    assert strips.foci == whole.foci
    for name in ("distance_mm", "size", "edge_px", "tumor_px"):
        np.testing.assert_array_equal(getattr(strips.profile, name), getattr(whole.profile, name))

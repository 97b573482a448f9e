"""What must not change the margin, and what may change it in one direction only."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import marginkit as mk

from ..oracle.shapes import cases

SLOW = settings(deadline=None, max_examples=80)


def summary(got: mk.Margins, limits: tuple[float, ...] = (0.5, 1.0, 2.0, 1e9)) -> tuple:
    """What a transformation of the whole image must leave alone."""
    below = [round(got.profile.below(limit), 9) for limit in limits]
    unseen = None if got.all.unseen_mm is None else round(got.all.unseen_mm, 9)
    value = None if got.value_mm is None else round(got.value_mm, 9)
    kinds = {name: round(size, 9) for name, size in got.profile.by_class.items()}
    return value, got.qualifier, unseen, below, kinds, round(got.outside, 9), len(got.foci)


def replicate(mask: np.ndarray, times: int) -> np.ndarray:
    for axis in range(mask.ndim):
        mask = np.repeat(mask, times, axis)
    return mask


def assert_finer_bits(fine: mk.Profile, coarse: mk.Profile, spacing: tuple[float, ...]) -> None:
    """A bit counts with its nearest point, so the whole edge is the same and finer bits can only be farther."""
    reach = float(np.sqrt(np.square(spacing).sum()))
    for limit in (0.4871, 1.0133, 2.0217):
        assert fine.below(limit) <= coarse.below(limit) + 1e-9
        assert coarse.below(limit) <= fine.below(limit + reach) + 1e-9


@SLOW
@given(cases(max_side=8), st.integers(2, 3))
def test_pixel_replication_changes_nothing(case: tuple, times: int) -> None:
    tumor, specimen, spacing = case
    fine = mk.measure(replicate(tumor, times), replicate(specimen, times), tuple(s / times for s in spacing))
    coarse = mk.measure(tumor, specimen, spacing)
    assert summary(fine, (1e9,)) == summary(coarse, (1e9,))
    assert_finer_bits(fine.profile, coarse.profile, spacing)
    if coarse.size is not None and fine.size is not None:
        assert fine.size.extent_mm == pytest.approx(coarse.size.extent_mm)


@SLOW
@given(cases(), st.data())
def test_flips_and_axis_swaps_change_nothing(case: tuple, data: st.DataObject) -> None:
    tumor, specimen, spacing = case
    in_plane = [tumor.ndim - 2, tumor.ndim - 1]  # the first axis of a stack has section faces
    axes = (*range(tumor.ndim - 2), *data.draw(st.permutations(in_plane)))
    flipped = tuple(slice(None, None, data.draw(st.sampled_from([1, -1]))) for _ in axes)
    moved = [mask.transpose(axes)[flipped] for mask in (tumor, specimen)]
    got = mk.measure(moved[0], moved[1], tuple(spacing[a] for a in axes))
    assert summary(got) == summary(mk.measure(tumor, specimen, spacing))


@SLOW
@given(cases(), st.integers(1, 70))
def test_padding_far_from_the_border_is_translation(case: tuple, pad: int) -> None:
    tumor, specimen, spacing = (np.pad(case[0], 1), np.pad(case[1], 1), case[2])
    around = [(pad, 1), *[(3, 2)] * (tumor.ndim - 1)]
    got = mk.measure(np.pad(tumor, around), np.pad(specimen, around), spacing)
    before = mk.measure(tumor, specimen, spacing)
    assert summary(got) == summary(before)
    if before.closest is not None and got.closest is not None:
        shift = [low for low, _ in around]
        assert np.subtract(got.closest.edge_px, before.closest.edge_px).tolist() == shift


@SLOW
@given(cases(), st.sampled_from([1e-3, 0.5, 10.0]))
def test_scaling(case: tuple, factor: float) -> None:
    tumor, specimen, spacing = case
    before = mk.measure(tumor, specimen, spacing)
    got = mk.measure(tumor, specimen, tuple(s * factor for s in spacing))
    assert got.qualifier == before.qualifier
    if before.value_mm is not None:
        assert got.value_mm == pytest.approx(before.value_mm * factor)


@SLOW
@given(cases(), st.data())
def test_more_tumor_is_never_farther(case: tuple, data: st.DataObject) -> None:
    tumor, specimen, spacing = case
    grown = tumor.copy()
    grown.flat[data.draw(st.integers(0, tumor.size - 1))] = True
    before, after = mk.measure(tumor, specimen, spacing), mk.measure(grown, specimen, spacing)
    if before.value_mm is not None:
        assert after.value_mm is not None
        assert after.value_mm <= before.value_mm
    assert after.profile.below(1.0) >= before.profile.below(1.0)


@SLOW
@given(cases())
def test_more_tissue_around_is_never_nearer(case: tuple) -> None:
    from scipy import ndimage

    tumor, specimen, spacing = np.pad(case[0], 2), np.pad(case[1], 2), case[2]
    specimen = ndimage.binary_fill_holes(specimen)  # one outline, so that growing moves it outwards only
    tumor &= specimen
    grown = ndimage.binary_dilation(specimen, np.ones((3,) * specimen.ndim))
    grown = ndimage.binary_fill_holes(grown)
    before, after = mk.measure(tumor, specimen, spacing), mk.measure(tumor, grown, spacing)
    if before.value_mm is not None:
        assert after.value_mm is not None
        assert after.value_mm > before.value_mm


@SLOW
@given(cases())
def test_touching_is_topology(case: tuple) -> None:
    from scipy import ndimage

    tumor, specimen, spacing = np.pad(case[0], 1), np.pad(case[1], 1), case[2]
    specimen = ndimage.binary_fill_holes(specimen)
    tumor &= specimen
    got = mk.measure(tumor, specimen, spacing)
    meets = (ndimage.binary_dilation(tumor, np.ones((3,) * tumor.ndim)) & ~specimen).any()
    assert (got.qualifier == "touching") == bool(meets)
    assert (got.value_mm == 0) == bool(meets)


@SLOW
@given(cases(max_side=7, ndims=(2,)), st.integers(1, 3), st.integers(1, 3))
def test_masks_of_different_spacing_equal_both_refined(case: tuple, fine_t: int, fine_s: int) -> None:
    tumor, specimen, spacing = case
    got = mk.measure(
        mk.Region(
            replicate(tumor, fine_t), spacing_mm=tuple(s / fine_t for s in spacing), origin_px=(0.5 / fine_t - 0.5,) * 2
        ),
        mk.Region(
            replicate(specimen, fine_s),
            spacing_mm=tuple(s / fine_s for s in spacing),
            origin_px=(0.5 / fine_s - 0.5,) * 2,
        ),
        spacing,
    )
    want = mk.measure(tumor, specimen, spacing)
    assert summary(got, (1e9,)) == summary(want, (1e9,))
    assert_finer_bits(got.profile, want.profile, spacing)

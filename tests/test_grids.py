"""Masks on their images: the same pixels, a level, a pixel size of their own, a place in the patient."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from cases import picture

from marginkit.errors import GridError
from marginkit.grids import place
from marginkit.inputs import Inputs
from marginkit.measuring import measure
from marginkit.records import Calibration, Level, Picture, Region

UPRIGHT = ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))


def flat(shape: tuple[int, ...], spacing_mm: tuple[float, ...] | None = (0.5, 0.5), source: str = "OME") -> Picture:
    made = picture(np.zeros(shape, np.uint8), "ZYX"[-len(shape) :])
    return replace(made, calibration=None if spacing_mm is None else Calibration(spacing_mm, source))


def volume(shape: tuple[int, ...], spacing_mm: tuple[float, ...], origin_mm: tuple[float, ...], **more: Any) -> Picture:
    return replace(flat(shape, spacing_mm), **{"origin_mm": origin_mm, "direction": UPRIGHT, **more})


def region(shape: tuple[int, ...]) -> Region:
    return Region(np.ones(shape, bool))


def test_the_same_shape_lies_on_the_same_pixels() -> None:
    for mask in (flat((8, 6)), flat((8, 6), None), flat((8, 6), (0.501, 0.5))):
        placed = place(region((8, 6)), mask, flat((8, 6)))
        assert placed.spacing_mm is None
        assert placed.origin_px is None


def test_C05_the_same_shape_with_another_pixel_size_is_refused() -> None:
    with pytest.raises(GridError, match=r"E-GRID-04.*mask 0.25 x 0.25 mm \(OME\), image 0.5 x 0.5 mm"):
        place(region((8, 6)), flat((8, 6), (0.25, 0.25)), flat((8, 6)))
    typed = flat((8, 6), (0.5, 0.5), "typed")  # the user's word is above what files say
    assert place(region((8, 6)), flat((8, 6), (0.25, 0.25)), typed).spacing_mm is None


def test_C05_another_shape_that_nothing_explains_is_refused() -> None:
    for mask in (flat((4, 3), None), flat((9, 6), None)):
        with pytest.raises(GridError, match="E-GRID-05"):
            place(region(mask.shape), mask, flat((8, 6)))
    with pytest.raises(GridError, match="E-GRID-06"):
        place(region((4, 3)), flat((4, 3), (0.5, 0.5)), flat((8, 6)))
    with pytest.raises(GridError, match="E-GRID-01"):
        place(region((2, 8, 6)), flat((2, 8, 6), (1.0, 0.5, 0.5)), flat((8, 6)))


def test_C05_a_coarser_mask_of_known_pixel_size_is_honoured_exactly() -> None:
    coarse = np.zeros((4, 5), bool)
    coarse[1, 2] = True
    specimen = np.zeros((8, 10), bool)
    specimen[1:7, 1:9] = True
    placed = place(Region(coarse), flat((4, 5), (1.0, 1.0)), flat((8, 10)))
    assert (placed.spacing_mm, placed.origin_px) == ((1.0, 1.0), (0.5, 0.5))
    fine = np.kron(coarse, np.ones((2, 2), bool))
    both = [measure(tumor, specimen, (0.5, 0.5)).value_mm for tumor in (placed, fine)]
    assert both[0] == both[1] == 0.5


def test_C05_a_mask_of_a_level_lies_on_that_level() -> None:
    base = flat((8, 6))
    small = Level((4, 3), (2.0, 2.0), lambda part: np.zeros((4, 3), np.uint8)[part])
    pyramid = replace(base, levels=(*base.levels, small))
    placed = place(region((4, 3)), flat((4, 3), None), pyramid)
    assert (placed.spacing_mm, placed.origin_px) == ((1.0, 1.0), (0.5, 0.5))


def test_planes_and_stacks_of_one_plane() -> None:
    stack = flat((3, 8, 6), (2.0, 0.5, 0.5))
    assert place(region((8, 6)), flat((8, 6), None), stack, flat=True).spacing_mm is None
    with pytest.raises(GridError, match="E-GRID-01"):
        place(region((8, 6)), flat((8, 6), None), stack)
    assert np.shape(place(region((1, 8, 6)), flat((1, 8, 6), None), flat((8, 6))).data) == (8, 6)  # type: ignore[arg-type]


def test_a_stack_without_its_gap_takes_masks_of_its_shape() -> None:
    gapless = flat((3, 8, 6), (0.5, 0.5))
    assert place(region((3, 8, 6)), flat((3, 8, 6), (2.0, 0.5, 0.5)), gapless).spacing_mm is None
    with pytest.raises(GridError, match="E-GRID-05"):
        place(region((3, 4, 3)), flat((3, 4, 3), (2.0, 1.0, 1.0)), gapless)


CT = volume((10, 20, 30), (2.0, 0.5, 0.5), (-7.0, 3.0, 100.0))


def test_one_place_in_the_patient_is_the_same_grid() -> None:
    moved = replace(CT, origin_mm=(-7.01, 3.0, 100.0))  # headers round
    for mask in (CT, moved):
        assert place(region((10, 20, 30)), mask, CT).spacing_mm is None


def test_a_mask_of_the_same_shape_elsewhere_in_the_patient_is_moved_there() -> None:
    mask = replace(CT, origin_mm=(-6.0, 3.0, 104.0))  # two pixels to the left of the patient, two planes up
    placed = place(region((10, 20, 30)), mask, CT)
    assert placed.origin_px == (2.0, 0.0, 2.0)
    assert placed.spacing_mm == (2.0, 0.5, 0.5)


def test_a_mask_cropped_around_the_tumor_gives_the_margin_of_the_whole_mask() -> None:
    specimen = np.zeros((10, 20, 30), bool)
    specimen[1:9, 2:18, 3:27] = True
    tumor = np.zeros_like(specimen)
    tumor[4:6, 6:9, 10:14] = True
    crop = (slice(3, 7), slice(5, 12), slice(9, 16))
    mask = volume((4, 7, 7), (2.0, 0.5, 0.5), (-7.0 + 9 * 0.5, 3.0 + 5 * 0.5, 100.0 + 3 * 2.0))
    placed = place(Region(tumor[crop]), mask, CT)
    assert placed.origin_px == (3.0, 5.0, 9.0)
    spacing = (2.0, 0.5, 0.5)
    assert measure(placed, specimen, spacing).value_mm == measure(tumor, specimen, spacing).value_mm == 2.0
    planes = [at for at, _ in Inputs(placed, Region(specimen), spacing).planes(CT)]
    assert planes == [4, 5]


def test_a_mask_turned_in_the_patient_is_refused() -> None:
    tilted = replace(CT, direction=((0.0, 0.1, 0.995), (0.0, 0.995, -0.1), (1.0, 0.0, 0.0)))
    with pytest.raises(GridError, match=r"E-GRID-07.*Resample"):
        place(region((10, 20, 30)), tilted, CT)


def test_of_a_typed_pixel_size_places_in_millimetres_say_nothing() -> None:
    typed = replace(CT, calibration=Calibration((4.0, 1.0, 1.0), "typed"))
    assert place(region((10, 20, 30)), replace(CT, origin_mm=(0.0, 0.0, 0.0)), typed).spacing_mm is None

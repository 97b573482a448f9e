"""C10: scale, translate, rotate, affine, other units: the millimetres of a layer are those of its whole transform."""

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels, Shapes
from napari_marginkit import placing, roles
from napari_marginkit.asking import Form, answer, freeze

from marginkit.errors import MarginError
from marginkit.records import Failed, Measured

SPACING_MM = 0.5
MARGIN_MM = 4.0  # eight rows of tissue between tumor and the upper edge
TURN = 30.0


def masks() -> tuple[Any, Any]:
    """(tumor, specimen): tumor rows 12 to 15, specimen from row 4; everything else is farther."""
    specimen, tumor = np.zeros((60, 60), np.uint8), np.zeros((60, 60), np.uint8)
    specimen[4:56, 4:56] = 1
    tumor[12:16, 28:33] = 1
    return tumor, specimen


def measured(image: Any, tumor: Any, specimen: Any) -> Measured:
    outcome = answer(freeze(Form(image, tumor, specimen), [image, tumor, specimen]))
    assert isinstance(outcome, Measured), outcome
    return outcome


def trio(**keywords: Any) -> tuple[Any, Any, Any]:
    tumor, specimen = masks()
    return (
        Image(np.ones((60, 60), np.float32), name="image", **keywords),
        Labels(tumor, name="tumor", **keywords),
        Labels(specimen, name="specimen", **keywords),
    )


@pytest.mark.parametrize(
    "keywords",
    [
        {"scale": (0.5, 0.5), "units": ("mm", "mm")},
        {"scale": (500, 500), "units": ("um", "um")},
        {"scale": (0.05, 0.05), "units": ("cm", "cm")},
        {"scale": (0.5, 0.5), "translate": (-70.0, 12.0), "units": ("mm", "mm")},
        {"scale": (0.5, 0.5), "rotate": TURN, "translate": (3, 4), "units": ("mm", "mm")},
        {"affine": np.diag([0.5, 0.5, 1]), "units": ("mm", "mm")},
        {"scale": (0.25, 0.5), "affine": np.diag([2.0, 1.0, 1]), "units": ("mm", "mm")},
    ],
    ids=["mm", "um", "cm", "translate", "rotate", "affine", "scale and affine"],
)
def test_C10_any_transform_that_all_share(keywords: dict[str, Any]) -> None:
    case = measured(*trio(**keywords))
    assert case.result.value_mm == pytest.approx(MARGIN_MM, rel=1e-9)
    assert case.result.all.closest is not None
    assert case.result.all.closest.edge_px[0] == pytest.approx(3.5)


def test_C10_a_label_layer_on_a_coarser_grid_lies_where_it_is_drawn() -> None:
    image, tumor, specimen = trio(scale=(0.5, 0.5), units=("mm", "mm"))
    coarse = Labels(tumor.data[::2, ::2], scale=(1, 1), translate=(0.25, 0.25), units=("mm", "mm"), name="tumor")
    assert measured(image, coarse, specimen).result.value_mm == pytest.approx(MARGIN_MM)


def test_C10_a_translated_part_lies_where_it_is_drawn() -> None:
    image, tumor, specimen = trio(scale=(0.5, 0.5), units=("mm", "mm"))
    part = Labels(tumor.data[10:20, 20:40], scale=(0.5, 0.5), translate=(5, 10), units=("mm", "mm"), name="tumor")
    assert measured(image, part, specimen).result.value_mm == pytest.approx(MARGIN_MM)
    moved = Labels(tumor.data[10:20, 20:40], scale=(0.5, 0.5), translate=(6, 10), units=("mm", "mm"), name="tumor")
    assert measured(image, moved, specimen).result.value_mm == pytest.approx(MARGIN_MM + 1)


def test_C10_an_outline_on_a_turned_layer_lies_where_it_is_drawn() -> None:
    image, _, specimen = trio(scale=(0.5, 0.5), units=("mm", "mm"))
    box = np.array([[11.5, 27.5], [11.5, 32.5], [15.5, 32.5], [15.5, 27.5]]) * SPACING_MM  # the tumor's pixels, in mm
    turn = np.radians(TURN)
    back = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    drawn = Shapes([box @ back.T], shape_type="polygon", rotate=TURN, units=("mm", "mm"), name="tumor")
    assert drawn.data_to_world(drawn.data[0][0]) == pytest.approx(box[0])
    assert measured(image, drawn, specimen).result.value_mm == pytest.approx(MARGIN_MM, rel=1e-6)  # napari: float32


@pytest.mark.parametrize("shear", [{"shear": [0.2]}, {"affine": np.array([[0.5, 0.1, 0], [0, 0.5, 0], [0, 0, 1]])}])
def test_C10_shear_is_refused(shear: dict[str, Any]) -> None:
    image, tumor, specimen = trio(scale=(0.5, 0.5), units=("mm", "mm"))
    leaning = Labels(tumor.data, name="tumor", units=("mm", "mm"), scale=(0.5, 0.5), **shear)
    with pytest.raises(MarginError, match="E-GRID-02"):
        freeze(Form(image, leaning, specimen))


def test_C10_a_mask_turned_against_the_image_is_refused() -> None:
    image, tumor, specimen = trio(scale=(0.5, 0.5), units=("mm", "mm"))
    turned = Labels(tumor.data, name="tumor", units=("mm", "mm"), scale=(0.5, 0.5), rotate=90)
    with pytest.raises(MarginError, match="E-GRID-07"):
        freeze(Form(image, turned, specimen))


def test_H05_layers_of_pixels_have_no_millimetres() -> None:
    with pytest.raises(MarginError, match="E-CAL-01"):
        freeze(Form(*trio()))


def test_mixed_units_are_refused_then_made_one_without_moving_anything() -> None:
    image, tumor, specimen = trio(scale=(0.5, 0.5), units=("mm", "mm"))
    model = ViewerModel()
    for layer in (image, tumor, specimen):
        model.add_layer(layer)
    other = Image(np.ones((60, 60)), scale=(500, 500), translate=(1000, 0), units=("um", "um"), name="other")
    model.add_layer(other)
    with pytest.raises(MarginError, match="E-GRID-03"):
        freeze(Form(image, tumor, specimen), model.layers)
    assert placing.to_millimetres(model.layers) == []
    assert placing.units_of(model.layers) == ("millimeter",)
    assert other.scale == pytest.approx([0.5, 0.5])
    assert other.translate == pytest.approx([1, 0])
    outcome = answer(freeze(Form(image, tumor, specimen), model.layers))
    assert not isinstance(outcome, Failed)
    assert outcome.result.value_mm == pytest.approx(MARGIN_MM)


def test_calibrating_keeps_every_layer_on_its_pixels() -> None:
    image, tumor, specimen = trio()
    part = Labels(np.ones((4, 5), np.uint8), translate=(12, 28), name="tumor")  # the tumor's own pixels
    assert placing.calibrate(image, [image, tumor, specimen, part], (0.5, 0.5)) == []
    assert part.translate == pytest.approx([6, 14])
    assert measured(image, part, specimen).result.value_mm == pytest.approx(MARGIN_MM)


def test_a_frozen_request_is_not_painted_on() -> None:
    image, tumor, specimen = trio(scale=(0.5, 0.5), units=("mm", "mm"))
    request = freeze(Form(image, tumor, specimen))
    tumor.data[4:12, 30] = 1
    specimen.data[:] = 0
    outcome = answer(request)
    assert isinstance(outcome, Measured)
    assert outcome.result.value_mm == pytest.approx(MARGIN_MM)


def test_several_labels_have_to_be_named() -> None:
    image, tumor, specimen = trio(scale=(0.5, 0.5), units=("mm", "mm"))
    both = Labels(specimen.data + tumor.data, scale=(0.5, 0.5), units=("mm", "mm"), name="both")
    with pytest.raises(MarginError, match=r"E-PIX-05.*1, 2"):
        freeze(Form(image, both, specimen))
    outcome = answer(freeze(Form(image, both, both, target_labels="2", specimen_labels="1+2")))
    assert isinstance(outcome, Measured)
    assert outcome.result.value_mm == pytest.approx(MARGIN_MM)


def test_a_micrometre_that_another_reader_invented_is_a_claim_with_a_doubt() -> None:
    case = measured(*trio(scale=(1, 1), units=("um", "um")))
    assert "implausible_pixel_size" in case.picture.flags
    with pytest.raises(MarginError, match=r"E-CAL-03.*96 dpi"):
        freeze(Form(*trio(scale=(25400 / 96,) * 2, units=("um", "um"))))


def test_a_picture_called_specimen_is_no_specimen() -> None:
    assert roles.role_of(Image(np.ones((9, 9)), name="specimen.png")) == ""
    assert roles.role_of(Labels(np.ones((9, 9), np.uint8), name="my specimen")) == roles.SPECIMEN

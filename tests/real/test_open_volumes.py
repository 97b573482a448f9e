"""Real volumes: sizes and spacings typed from the table that came with the data."""

import csv
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from marginkit import opening
from marginkit.readers._rtstruct import rtstruct_mask, rtstruct_names

SARCOMA = [("STS_002_CT", 53.3), ("STS_002_MR_T1", 53.3), ("STS_008_CT", 27.6), ("STS_008_MR_T1", 27.6)]
KIDNEYS = [("case_00007", (3.0, 0.94, 0.94)), ("case_00020", (5.0, 0.84, 0.84)), ("case_00061", (5.0, 0.98, 0.98))]


@pytest.mark.parametrize(("case", "volume_ml"), SARCOMA)
def test_sarcoma_image_and_mask(shared_data: Path, case: str, volume_ml: float) -> None:
    folder = shared_data / "sarcoma-ct-mr"
    image = opening.open(folder / f"{case}_image.nii.gz")
    mask = opening.open(folder / f"{case}_mask.nii.gz", mask=True)
    assert image.spacing_mm == pytest.approx((3.27, 0.9766, 0.9766), abs=1e-4)
    assert (image.shape, image.origin_mm, image.direction) == (mask.shape, mask.origin_mm, mask.direction)
    assert image.calibration is not None
    assert image.calibration.source == "NIfTI affine"
    assert mask.dtype == np.uint8
    assert (mask.read() > 0).sum() * np.prod(mask.spacing_mm or ()) / 1000 == pytest.approx(volume_ml, abs=0.05)


@pytest.mark.parametrize(("case", "spacing_mm"), KIDNEYS)
def test_kidney_slices_come_first(shared_data: Path, case: str, spacing_mm: tuple[float, ...]) -> None:
    picture = opening.open(shared_data / "kidney-tumour-masks" / f"{case}_segmentation.nii.gz", mask=True)
    assert picture.spacing_mm == pytest.approx(spacing_mm, abs=0.005)
    assert picture.shape[1:] == (512, 512)
    assert set(np.unique(picture.read())) == {0, 1, 2}
    assert "orientation_applied" in picture.flags  # slices run downwards in the file


@pytest.mark.parametrize("case", [case for case, _ in KIDNEYS])
def test_kidney_tumour_is_as_large_as_the_radiologist_read(shared_data: Path, case: str) -> None:
    """A size read off CT lies between the greatest extent in one slice and that in space, a voxel give or take."""
    folder = shared_data / "kidney-tumour-masks"
    with (folder / "clinical_extract.csv").open() as table:
        size_mm = next(
            10 * float(row["radiographic_size_cm"]) for row in csv.DictReader(table) if row["case_id"] == case
        )
    picture = opening.open(folder / f"{case}_segmentation.nii.gz", mask=True)
    spacing_mm = np.array(picture.spacing_mm)
    at_mm = np.argwhere(picture.read() == 2) * spacing_mm
    in_slice = max(extent_mm(at_mm[at_mm[:, 0] == z][:, 1:]) for z in np.unique(at_mm[:, 0]))
    assert in_slice - spacing_mm[1] <= size_mm <= extent_mm(at_mm) + spacing_mm.max()


def extent_mm(points_mm: np.ndarray) -> float:
    """Greatest distance of two points; of fewer than ten no hull is made."""
    corners = points_mm[ConvexHull(points_mm).vertices] if len(points_mm) >= 10 else points_mm
    return float(pdist(corners).max(initial=0.0))


def test_dicom_and_nifti_of_one_patient_are_one_volume(shared_data: Path) -> None:
    dicom = opening.open(shared_data / "sarcoma-dicom-rtstruct")
    nifti = opening.open(shared_data / "sarcoma-ct-mr" / "STS_008_MR_T1_image.nii.gz")
    np.testing.assert_array_equal(dicom.read(), nifti.read())
    assert dicom.spacing_mm == pytest.approx(nifti.spacing_mm, rel=1e-6)
    assert dicom.origin_mm == pytest.approx(nifti.origin_mm, abs=1e-4)


def test_contours_and_mask_of_one_patient(shared_data: Path) -> None:
    folder = shared_data / "sarcoma-dicom-rtstruct"
    assert rtstruct_names(folder / "RS.dcm") == ("GTV_Mass_MR_T1",)
    drawn = rtstruct_mask(folder / "RS.dcm", folder)
    mask = opening.open(shared_data / "sarcoma-ct-mr" / "STS_008_MR_T1_mask.nii.gz", mask=True).read() > 0
    dice = 2 * (drawn & mask).sum() / (drawn.sum() + mask.sum())
    print(f"dice {dice:.4f}, volumes {drawn.sum()} and {mask.sum()} voxels")
    assert (dice, drawn.sum(), int((drawn ^ mask).sum())) == (1.0, 8862, 0)
    assert drawn.sum() * 0.976562**2 * 3.26996 / 1000 == pytest.approx(27.6, abs=0.05)


def test_the_smallest_dicom_slide(shared_data: Path) -> None:
    pydicom = pytest.importorskip("pydicom")
    path = shared_data / "wsi-dicom-tiny" / "sm_image.dcm"
    picture = opening.open(path)
    assert picture.spacing_mm == pytest.approx((0.000499, 0.000499))
    assert [claim.source for claim in picture.claims] == ["DICOM PixelSpacing", "DICOM ImagedVolume"]
    tiles = pydicom.dcmread(path).pixel_array.reshape(5, 5, 10, 10, 3)
    np.testing.assert_array_equal(picture.read(), tiles.transpose(0, 2, 1, 3, 4).reshape(50, 50, 3))


def test_the_segmentation_of_the_smallest_slide(shared_data: Path) -> None:
    pydicom = pytest.importorskip("pydicom")
    path = shared_data / "wsi-dicom-tiny" / "seg_image_sm_control.dcm"
    picture = opening.open(path, mask=True)
    assert (picture.shape, picture.spacing_mm) == ((50, 50), (0.000499, 0.000499))
    labels = picture.read()
    stored = pydicom.dcmread(path)
    frames = list(zip(stored.PerFrameFunctionalGroupsSequence, stored.pixel_array))
    assert (labels > 0).sum() == sum(int(pixels.sum()) for _, pixels in frames)
    place, pixels = frames[0][0].PlanePositionSlideSequence[0], frames[0][1]
    top, left = place.RowPositionInTotalImagePixelMatrix - 1, place.ColumnPositionInTotalImagePixelMatrix - 1
    np.testing.assert_array_equal(labels[top : top + 10, left : left + 10] == 1, pixels == 1)

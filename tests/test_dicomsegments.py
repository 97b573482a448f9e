"""Segmentations of a volume: built frame by frame from labels that are known, and by another library."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import test_dicom as series_maker

from marginkit import MarginError, opening, pipeline
from marginkit.records import Measured

pydicom = pytest.importorskip("pydicom")
from pydicom.dataset import Dataset  # noqa: E402

GAP_MM, Y_MM, X_MM = series_maker.GAP_MM, series_maker.Y_MM, series_maker.X_MM
ORIGIN, SHAPE, AXIAL = series_maker.ORIGIN, series_maker.SHAPE, series_maker.AXIAL
LABELS = np.zeros(SHAPE, np.uint16)
LABELS[1, 1:, 1:4] = 2
LABELS[1, 0, :2] = 7
LABELS[3, :2, 3:] = 2


def segmentation(path: Path, labels: np.ndarray = LABELS, orientation: Any = AXIAL, **changes: Any) -> Path:
    """A binary segmentation with a frame for each segment of each plane that has it, the last plane first.

    positions : instead of those of the series. gap : SpacingBetweenSlices; None leaves it out. Others are tags.
    """
    row, column = (np.array(v) for v in orientation)
    gap, positions = changes.pop("gap", GAP_MM), changes.pop("positions", None)
    frames = [(z, n) for z in range(len(labels))[::-1] for n in np.unique(labels[z]) if n]
    made = series_maker.bare("1.2.840.10008.5.1.4.1.1.66.4")
    made.SeriesInstanceUID = pydicom.uid.generate_uid()
    made.Modality, made.SegmentationType = "SEG", "BINARY"
    made.Rows, made.Columns = labels.shape[1:]
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated = made.BitsStored = 1
    made.HighBit = made.PixelRepresentation = 0
    made.NumberOfFrames = len(frames)
    shared, measures, turned = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing = [Y_MM, X_MM]
    if gap is not None:
        measures.SpacingBetweenSlices = gap
    turned.ImageOrientationPatient = [*row, *column]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [turned]
    made.SharedFunctionalGroupsSequence = [shared]
    made.PerFrameFunctionalGroupsSequence = []
    for at, (z, number) in enumerate(frames):
        place, one, named = Dataset(), Dataset(), Dataset()
        there = ORIGIN + np.cross(row, column) * GAP_MM * z if positions is None else positions[at]
        place.ImagePositionPatient = [f"{v:.6f}" for v in there]
        named.ReferencedSegmentNumber = int(number)
        one.PlanePositionSequence, one.SegmentIdentificationSequence = [place], [named]
        made.PerFrameFunctionalGroupsSequence.append(one)
    packed = np.packbits(np.concatenate([(labels[z] == n).ravel() for z, n in frames]), bitorder="little").tobytes()
    made.PixelData = packed + b"\0" * (len(packed) % 2)
    for key, value in changes.items():
        setattr(made, key, value)
    return series_maker.save(made, path)


def refused(path: Path) -> str:
    with pytest.raises(MarginError) as caught:
        opening.open(path, mask=True).read()
    assert series_maker.SECRET not in str(caught.value)
    return caught.value.code


def test_labels_begin_at_the_first_plane_of_the_file_and_lie_in_the_patient(tmp_path: Path) -> None:
    picture = opening.open(segmentation(tmp_path / "seg.dcm"), mask=True)
    assert (picture.axes, picture.dtype, picture.format) == ("ZYX", np.uint16, "DICOM segmentation")
    np.testing.assert_array_equal(picture.read(), LABELS[1:])  # the plane between, left out in the file, is empty
    np.testing.assert_array_equal(
        picture.levels[0].read((slice(0, 1), slice(1, 3), slice(0, 5, 2))), LABELS[1:2, 1:, ::2]
    )
    assert picture.spacing_mm == pytest.approx((GAP_MM, Y_MM, X_MM))
    assert picture.origin_mm == pytest.approx((ORIGIN[0], ORIGIN[1], ORIGIN[2] + GAP_MM))
    assert series_maker.SECRET not in repr(picture)


@pytest.mark.parametrize("orientation", series_maker.ORIENTATIONS[:4])
def test_C13_labels_turn_with_their_series(tmp_path: Path, orientation: Any) -> None:
    """What the labels take of the image is what they were drawn on."""
    full = np.where(LABELS == 0, 1, LABELS)
    image = opening.open(series_maker.series(tmp_path / "s", orientation=orientation))
    picture = opening.open(segmentation(tmp_path / "seg.dcm", full, orientation), mask=True)
    assert (picture.origin_mm, picture.direction) == (pytest.approx(image.origin_mm), image.direction)
    for label in (1, 2, 7):
        taken = sorted(image.read()[picture.read() == label].tolist())
        assert taken == sorted(series_maker.VALUES[full == label].tolist())


def test_a_segmentation_is_a_source_also_from_the_folder_of_its_series(tmp_path: Path) -> None:
    """The specimen is the whole stack but one row of voxels at each side of a plane; tumor one voxel from it."""
    body = np.zeros(SHAPE, np.uint16)
    body[:, :, :4] = 1
    body[1:3, 1, 1] = 2
    folder = series_maker.series(tmp_path / "s")
    seg = segmentation(folder / "seg.dcm", body)
    job = pipeline.Job(image=str(folder), tumor=f"{seg}#label=2", specimen=f"{seg}#label=1+2")
    outcome = pipeline.run(job)
    assert isinstance(outcome, Measured), outcome
    assert outcome.result.value_mm == pytest.approx(2 * X_MM)  # columns 2 and 3 lie between voxel 1 and the cut face
    assert outcome.result.size is not None
    assert outcome.result.size.volume_mm3 == pytest.approx(2 * GAP_MM * Y_MM * X_MM)


def test_labels_that_are_pixels_themselves(tmp_path: Path) -> None:
    frames = [z for z in (3, 1)]
    one = LABELS.copy()
    one[one > 0] = 1  # one frame a plane
    path = segmentation(
        tmp_path / "map.dcm", one, SegmentationType="LABELMAP", BitsAllocated=16, BitsStored=16, HighBit=15,
        PixelData=b"".join(LABELS[z].astype("<u2").tobytes() for z in frames),
    )  # fmt: skip
    np.testing.assert_array_equal(opening.open(path, mask=True).read(), LABELS[1:])


def test_a_distance_that_is_not_stated_is_that_of_planes_in_a_row_only(tmp_path: Path) -> None:
    full = np.where(LABELS == 0, 1, LABELS)
    assert opening.open(segmentation(tmp_path / "a.dcm", full, gap=None), mask=True).spacing_mm == pytest.approx(
        (GAP_MM, Y_MM, X_MM)
    )
    gappy = LABELS.copy()
    gappy[0, 0, 0] = 1  # planes 0, 1 and 3
    assert refused(segmentation(tmp_path / "b.dcm", gappy, gap=None)) == "E-GRID-02"
    np.testing.assert_array_equal(opening.open(segmentation(tmp_path / "c.dcm", gappy), mask=True).read(), gappy)
    single = np.where(np.arange(4)[:, None, None] == 1, LABELS, 0).astype(np.uint16)
    assert refused(segmentation(tmp_path / "d.dcm", single, gap=None)) == "E-AXE-01"


def both(z: int) -> np.ndarray:
    return ORIGIN + np.array([0, 0, GAP_MM * z])


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"gap": 1.7}, "E-GRID-02"),
        ({"positions": [both(3) + np.array([0.3, 0, 0]), both(1), both(1)]}, "E-GRID-02"),
        ({"positions": [both(3), both(1), [np.nan, 0, 0]]}, "E-CAL-02"),
        ({"positions": [both(4_000_000), both(1), both(1)]}, "E-SIZE-01"),
        ({"positions": [both(1), both(1), both(1)]}, "E-AXE-01"),
        ({"NumberOfFrames": 2}, "E-AXE-01"),
        ({"Rows": 0}, "E-PIX-06"),
        ({"Columns": 65535}, "E-FILE-06"),
        ({"SegmentationType": "FRACTIONAL", "BitsAllocated": 8}, "E-PIX-02"),
        ({"PixelData": b"\0\0"}, "E-FILE-06"),
    ],
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_segmentations_that_do_not_hold_together(tmp_path: Path, changes: dict[str, Any], code: str) -> None:
    assert refused(segmentation(tmp_path / "seg.dcm", **changes)) == code


def test_segments_that_overlap_are_refused(tmp_path: Path) -> None:
    path = segmentation(tmp_path / "seg.dcm", positions=[both(1), both(3), both(3)], PixelData=b"\xff" * 6)
    assert refused(path) == "E-PIX-02"


def test_a_folder_of_labels_alone_is_no_series(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    segmentation(tmp_path / "s" / "seg.dcm")
    assert refused(tmp_path / "s") == "E-FILE-09"


@pytest.mark.filterwarnings("ignore")  # highdicom finds long identifiers in the real series
@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_what_highdicom_writes_on_the_real_series(tmp_path: Path, shared_data: Path, kind: str) -> None:
    highdicom = pytest.importorskip("highdicom")
    from pydicom.sr.codedict import codes

    folder = shared_data / "sarcoma-dicom-rtstruct"
    planes = [pydicom.dcmread(path) for path in sorted(folder.glob("MR*.dcm"))]
    planes.sort(key=lambda one: float(one.ImagePositionPatient[2]))
    drawn = opening.open(shared_data / "sarcoma-ct-mr" / "STS_008_MR_T1_mask.nii.gz", mask=True).read() > 0
    described = highdicom.seg.SegmentDescription(
        1, "tumor", codes.SCT.MorphologicallyAbnormalStructure, codes.SCT.Neoplasm,
        highdicom.seg.SegmentAlgorithmTypeValues.MANUAL,
    )  # fmt: skip
    made = highdicom.seg.Segmentation(
        planes, drawn.astype(np.uint8), kind, [described], highdicom.UID(), 1, highdicom.UID(), 1, "m", "m", "1", "1",
        omit_empty_frames=True,
    )  # fmt: skip
    made.save_as(tmp_path / "seg.dcm")
    labels, image = opening.open(tmp_path / "seg.dcm", mask=True), opening.open(folder)
    first = round((labels.origin_mm[2] - image.origin_mm[2]) / image.spacing_mm[0])
    assert labels.spacing_mm == pytest.approx(image.spacing_mm, rel=1e-4)
    np.testing.assert_array_equal(labels.read() == 1, drawn[first : first + labels.shape[0]])
    assert (labels.read() == 1).sum() == drawn.sum() == 8862

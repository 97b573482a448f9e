"""DICOM slides and segmentations, built tile by tile from a matrix that is known."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from marginkit import MarginError, opening

pydicom = pytest.importorskip("pydicom")
from pydicom.dataset import Dataset, FileMetaDataset  # noqa: E402
from pydicom.uid import ExplicitVRLittleEndian, generate_uid  # noqa: E402

MATRIX = np.random.default_rng(3).integers(0, 256, (7, 9, 3)).astype(np.uint8)
TILE = (4, 5)
PLACES = [(0, 0), (0, 5), (4, 0), (4, 5)]


def tile(matrix: np.ndarray, top: int, left: int) -> np.ndarray:
    """A tile, zero where it hangs over the border."""
    out = np.zeros((*TILE, *matrix.shape[2:]), matrix.dtype)
    part = matrix[top : top + TILE[0], left : left + TILE[1]]
    out[: part.shape[0], : part.shape[1]] = part
    return out


def slide(path: Path, places: list[tuple[int, int]], sparse: bool, **changes: Any) -> Path:
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID, made.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.77.1.6", generate_uid()
    made.Modality = "SM"
    made.Rows, made.Columns = TILE
    made.TotalPixelMatrixRows, made.TotalPixelMatrixColumns = MATRIX.shape[:2]
    made.SamplesPerPixel, made.PhotometricInterpretation, made.PlanarConfiguration = 3, "RGB", 0
    made.BitsAllocated = made.BitsStored = 8
    made.HighBit, made.PixelRepresentation = 7, 0
    made.NumberOfFrames = len(places)
    measures, shared = Dataset(), Dataset()
    measures.PixelSpacing = [0.0006, 0.0005]
    shared.PixelMeasuresSequence = [measures]
    made.SharedFunctionalGroupsSequence = [shared]
    if sparse:
        made.PerFrameFunctionalGroupsSequence = [frame(top, left) for top, left in places]
    made.PixelData = b"".join(tile(MATRIX, *place).tobytes() for place in places)
    for key, value in changes.items():
        setattr(made, key, value)
    made.save_as(path, enforce_file_format=True)
    return path


def frame(top: int, left: int, segment: int = 0) -> Dataset:
    place, one = Dataset(), Dataset()
    place.RowPositionInTotalImagePixelMatrix, place.ColumnPositionInTotalImagePixelMatrix = top + 1, left + 1
    one.PlanePositionSlideSequence = [place]
    if segment:
        named = Dataset()
        named.ReferencedSegmentNumber = segment
        one.SegmentIdentificationSequence = [named]
    return one


def refused(path: Path) -> str:
    with pytest.raises(MarginError) as caught:
        opening.open(path).read()
    return caught.value.code


def test_a_full_slide(tmp_path: Path) -> None:
    picture = opening.open(slide(tmp_path / "s.dcm", PLACES, sparse=False))
    assert (picture.axes, picture.kind) == ("YXS", "slide")
    np.testing.assert_array_equal(picture.read(), MATRIX)
    assert picture.claims[0].spacing_mm == (0.0006, 0.0005)


@pytest.mark.parametrize(
    "part", [np.s_[0:7, 0:9, 0:3], np.s_[3:5, 4:6, 0:3], np.s_[1:7:2, 2:9:3, 1:2], np.s_[5:5, 0:9, 0:3]]
)
def test_regions_of_shuffled_tiles(tmp_path: Path, part: Any) -> None:
    picture = opening.open(slide(tmp_path / "s.dcm", PLACES[::-1], sparse=True))
    np.testing.assert_array_equal(picture.levels[0].read(part), MATRIX[part])


def test_missing_tiles_are_white_and_said(tmp_path: Path) -> None:
    picture = opening.open(slide(tmp_path / "s.dcm", PLACES[:3], sparse=True))
    assert "not_scanned" in picture.flags
    expected = MATRIX.copy()
    expected[4:, 5:] = 255
    np.testing.assert_array_equal(picture.read(), expected)


@pytest.mark.parametrize(
    ("places", "sparse", "changes", "code"),
    [
        (PLACES[:3], False, {}, "E-FILE-06"),
        ([*PLACES, (0, 0)], True, {}, "E-AXE-01"),
        ([(0, 0), (8, 0)], True, {}, "E-FILE-06"),
        (PLACES, False, {"TotalPixelMatrixFocalPlanes": 2}, "E-AXE-01"),
        (PLACES, False, {"NumberOfFrames": 100_000_000}, "E-SIZE-01"),
        (PLACES, False, {"TotalPixelMatrixRows": 0}, "E-PIX-06"),
        (PLACES, False, {"PixelData": bytes(100)}, "E-FILE-06"),
    ],
)
def test_slides_that_do_not_hold_together(
    tmp_path: Path, places: Any, sparse: bool, changes: dict[str, Any], code: str
) -> None:
    assert refused(slide(tmp_path / "s.dcm", places, sparse, **changes)) == code


def segmentation(path: Path, labels: dict[int, np.ndarray]) -> Path:
    """A segmentation whose tiles are packed to one bit a pixel, the first pixel in the lowest bit."""
    at = [(top, left, number) for number in labels for top, left in PLACES]
    bits = np.concatenate([tile(labels[n].astype(np.uint8), y, x).ravel() for y, x, n in at])
    packed = np.packbits(bits, bitorder="little").tobytes()
    return slide(
        path, PLACES, False, Modality="SEG", SegmentationType="BINARY", SamplesPerPixel=1, BitsAllocated=1,
        BitsStored=1, HighBit=0, PhotometricInterpretation="MONOCHROME2", NumberOfFrames=len(at),
        PerFrameFunctionalGroupsSequence=[frame(*one) for one in at], PixelData=packed + b"\0" * (len(packed) % 2),
    )  # fmt: skip


def test_a_segmentation_is_read_as_labels(tmp_path: Path) -> None:
    truth = np.zeros((7, 9), np.uint16)
    truth[1:6, 2:7] = 2
    truth[6, :] = 5
    picture = opening.open(segmentation(tmp_path / "seg.dcm", {n: truth == n for n in (2, 5)}), mask=True)
    assert picture.format == "DICOM segmentation"
    np.testing.assert_array_equal(picture.read(), truth)


def test_what_segment_all_tiles_are_of_may_be_said_once(tmp_path: Path) -> None:
    truth = np.zeros((7, 9), bool)
    truth[1:6, 2:7] = True
    path = segmentation(tmp_path / "seg.dcm", {3: truth})
    made = pydicom.dcmread(path)
    shared, each = made.SharedFunctionalGroupsSequence[0], made.PerFrameFunctionalGroupsSequence
    shared.SegmentIdentificationSequence = each[0].SegmentIdentificationSequence
    for one in each:
        del one.SegmentIdentificationSequence
    made.save_as(path)
    np.testing.assert_array_equal(opening.open(path, mask=True).read(), truth * 3)


def test_segments_that_overlap_are_refused(tmp_path: Path) -> None:
    one = np.ones((7, 9), bool)
    assert refused(segmentation(tmp_path / "seg.dcm", {1: one, 2: one})) == "E-PIX-02"

"""DICOM series and contours: made with pydicom, truth typed or from SimpleITK's reader and shapely."""

import builtins
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from marginkit import MarginError, opening
from marginkit.readers import structures
from marginkit.readers._rtstruct import inside, rtstruct_mask, rtstruct_names

pydicom = pytest.importorskip("pydicom")
sitk = pytest.importorskip("SimpleITK")
from pydicom.dataset import Dataset, FileMetaDataset  # noqa: E402
from pydicom.uid import ExplicitVRLittleEndian, generate_uid  # noqa: E402

SECRET = "SECRETNAME"
SERIES, PLACE = generate_uid(), generate_uid()
SHAPE = (4, 3, 5)  # planes, rows, columns
Y_MM, X_MM, GAP_MM = 0.9, 0.8, 2.5
VALUES = np.arange(60).reshape(SHAPE).astype("<i2")
AXIAL = ((1.0, 0, 0), (0, 1.0, 0))
ORIGIN = np.array([10.0, -20.0, 30.0])


def bare(sop: str = "1.2.840.10008.5.1.4.1.1.4") -> Dataset:
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID = sop
    made.SOPInstanceUID = generate_uid()
    made.PatientName = made.PatientID = SECRET
    made.SeriesInstanceUID, made.FrameOfReferenceUID = SERIES, PLACE
    return made


def save(made: Dataset, path: Path) -> Path:
    made.save_as(path, enforce_file_format=True)
    return path


def plane(number: int, orientation: Any = AXIAL, gap_mm: float = GAP_MM, **changes: Any) -> Dataset:
    row, column = (np.array(v) for v in orientation)
    made = bare()
    made.Modality = "MR"
    made.Rows, made.Columns = SHAPE[1:]
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated = made.BitsStored = 16
    made.HighBit, made.PixelRepresentation = 15, 1
    made.PixelSpacing = [Y_MM, X_MM]
    made.SliceThickness = 1.0
    made.ImageOrientationPatient = [*row, *column]
    made.ImagePositionPatient = (ORIGIN + np.cross(row, column) * gap_mm * number).tolist()
    made.InstanceNumber = 100 - number
    made.PixelData = VALUES[number].tobytes()
    for key, value in changes.items():
        if value is None:
            delattr(made, key)
        else:
            setattr(made, key, value)
    return made


def series(folder: Path, **changes: Any) -> Path:
    """A folder with planes under names whose order says nothing."""
    folder.mkdir(exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom warns of the impossible numbers that are asked for here
        for number, word in enumerate(("c", "a", "d", "b")):
            save(plane(number, **changes), folder / f"{word}.dcm")
    return folder


def refused(path: Path) -> str:
    with pytest.raises(MarginError) as caught:
        opening.open(path).read()
    assert SECRET not in str(caught.value)
    assert str(path.parent) not in str(caught.value)
    return caught.value.code


def test_A15_row_spacing_first_and_order_by_position(tmp_path: Path) -> None:
    picture = opening.open(series(tmp_path / "s"))
    assert picture.axes == "ZYX"
    assert picture.spacing_mm == pytest.approx((GAP_MM, Y_MM, X_MM))
    assert picture.origin_mm == pytest.approx(tuple(ORIGIN))
    np.testing.assert_array_equal(picture.read(), VALUES)
    part = (slice(1, 3), slice(None), slice(0, 5, 2))
    np.testing.assert_array_equal(picture.levels[0].read(part), VALUES[part])


def test_no_patient_in_the_picture(tmp_path: Path) -> None:
    picture = opening.open(series(tmp_path / "s"))
    assert SECRET not in repr(picture)
    assert SERIES not in repr(picture)


ORIENTATIONS = [
    AXIAL, ((0, 1.0, 0), (0, 0, -1.0)), ((1.0, 0, 0), (0, 0, -1.0)), ((-1.0, 0, 0), (0, 1.0, 0)),
    ((0.8, 0.6, 0), (-0.6, 0.8, 0)),
]  # fmt: skip


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_C13_orientation_as_simpleitk_turns_it(tmp_path: Path, orientation: Any) -> None:
    folder = series(tmp_path / "s", orientation=orientation, gap_mm=0.85)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    truth = sitk.DICOMOrient(reader.Execute(), "LPS")
    picture = opening.open(folder)
    np.testing.assert_array_equal(picture.read(), sitk.GetArrayFromImage(truth))
    assert picture.spacing_mm == pytest.approx(truth.GetSpacing()[::-1])
    assert picture.origin_mm == pytest.approx(truth.GetOrigin())


def test_one_file_brings_its_series_and_only_that(tmp_path: Path) -> None:
    folder = series(tmp_path / "s")
    other = plane(0, SeriesInstanceUID=generate_uid())
    save(other, folder / "other.dcm")
    picture = opening.open(folder / "a.dcm")
    np.testing.assert_array_equal(picture.read(), VALUES)
    assert any("4 files of its series" in note for note in picture.warnings)
    assert refused(folder) == "E-AXE-01"


def test_a_plane_by_itself_has_no_gap(tmp_path: Path) -> None:
    picture = opening.open(save(plane(2), tmp_path / "one.dcm"))
    assert (picture.axes, picture.spacing_mm) == ("YX", (Y_MM, X_MM))
    np.testing.assert_array_equal(picture.read(), VALUES[2])


def test_C08_a_missing_plane_leaves_no_spacing(tmp_path: Path) -> None:
    folder = series(tmp_path / "s")
    (folder / "a.dcm").unlink()  # the second of four
    picture = opening.open(folder)
    assert picture.spacing_mm is None
    assert picture.refusal is not None
    assert "2.5 to 5 mm" in str(picture.refusal)
    assert "unknown_plane_gap" in picture.flags


def test_a_tilted_gantry_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    folder.mkdir()
    for number in range(4):
        place = (ORIGIN + np.array([0, 0.5, GAP_MM]) * number).tolist()
        save(plane(number, ImagePositionPatient=place), folder / f"{number}.dcm")
    assert refused(folder) == "E-GRID-02"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"ImagePositionPatient": ORIGIN.tolist()}, "E-AXE-01"),
        ({"ImagePositionPatient": None}, "E-AXE-01"),
        ({"PhotometricInterpretation": "MONOCHROME1"}, "E-PIX-02"),
        ({"PixelData": b"\0\0"}, "E-FILE-06"),
        ({"PixelSpacing": [0.0, 0.5]}, "E-CAL-02"),
        ({"PixelSpacing": [-0.9, 0.8]}, "E-CAL-02"),
        ({"PixelSpacing": ["nan", "0.8"]}, "E-CAL-02"),
        ({"ImagePositionPatient": ["nan", "0", "0"]}, "E-CAL-02"),
        ({"RescaleSlope": "nan"}, "E-PIX-02"),
        ({"RescaleSlope": "0"}, "E-PIX-02"),
        ({"RescaleSlope": "1e30"}, "E-PIX-02"),
        ({"RescaleIntercept": "inf"}, "E-PIX-02"),
    ],
)
def test_what_is_no_stack(tmp_path: Path, changes: dict[str, Any], code: str) -> None:
    assert refused(series(tmp_path / "s", **changes)) == code


@pytest.mark.parametrize("lost", ["empty", "cut", "cut later", "unsigned", "link"])
@pytest.mark.parametrize("opened", [".", "a.dcm"])
def test_no_plane_is_lost_at_the_end_of_the_stack(tmp_path: Path, lost: str, opened: str) -> None:
    """Without its last file the stack would look whole, and shorter."""
    folder = series(tmp_path / "s")
    last, whole = folder / "b.dcm", (folder / "b.dcm").read_bytes()
    pixels = whole.index(b"\x28\x00\x02\x00US")  # the first tag of the group that holds Rows
    cut = {"empty": b"", "cut": whole[:200], "cut later": whole[:pixels], "unsigned": whole[132:], "link": whole}
    last.write_bytes(cut[lost])
    if lost == "link":
        last.rename(tmp_path / "elsewhere")
        last.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(MarginError, match=r"E-FILE-0[68]") as caught:
        opening.open(folder / opened)
    assert "b.dcm" in str(caught.value)


def test_other_objects_beside_a_series_are_no_lost_planes(tmp_path: Path) -> None:
    folder = series(tmp_path / "s")
    contours(folder / "rs.dcm", [box(1, (0, 0), (1, 1))])
    (folder / "notes.txt").write_text("nothing of it")
    index = bare("1.2.840.10008.1.3.10")
    del index.SOPClassUID  # a DICOMDIR says what it is in its first group only
    index.file_meta.MediaStorageSOPClassUID, index.file_meta.MediaStorageSOPInstanceUID = "1.2.840.10008.1.3.10", "1.2"
    index.save_as(folder / "DICOMDIR", enforce_file_format=True)
    assert opening.open(folder).shape == SHAPE


def test_planes_of_different_spacing(tmp_path: Path) -> None:
    folder = series(tmp_path / "s")
    save(plane(1, PixelSpacing=[Y_MM, 0.9]), folder / "a.dcm")
    assert refused(folder) == "E-GRID-02"


def test_A14_spacing_at_the_detector_is_none(tmp_path: Path) -> None:
    made = plane(0, PixelSpacing=None, ImagerPixelSpacing=[0.1, 0.1], EstimatedRadiographicMagnificationFactor=1.5)
    picture = opening.open(save(made, tmp_path / "x.dcm"))
    assert picture.refusal is not None
    assert picture.refusal.code == "E-CAL-06"
    both = plane(0, ImagerPixelSpacing=[0.1, 0.1])
    (tmp_path / "both").mkdir()
    assert opening.open(save(both, tmp_path / "both" / "x.dcm")).spacing_mm == (Y_MM, X_MM)


@pytest.mark.parametrize(("slope", "dtype"), [("1", "int64"), ("0.5", "float64")])
def test_rescaling(tmp_path: Path, slope: str, dtype: str) -> None:
    picture = opening.open(series(tmp_path / "s", RescaleSlope=slope, RescaleIntercept="-1024"))
    assert picture.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(picture.read(), VALUES * float(slope) - 1024)


def test_a_file_that_changes_is_noticed(tmp_path: Path) -> None:
    folder = series(tmp_path / "s")
    picture = opening.open(folder)
    (folder / "a.dcm").write_bytes((folder / "a.dcm").read_bytes() + b"\0\0")
    with pytest.raises(MarginError, match="E-FILE-03"):
        picture.read()


def test_broken_files_do_not_speak(tmp_path: Path) -> None:
    whole = save(plane(0), tmp_path / "x.dcm").read_bytes()
    for cut in (140, 200, 400, len(whole) - 3):
        (tmp_path / "x.dcm").write_bytes(whole[:cut])
        assert refused(tmp_path / "x.dcm").startswith("E-")


def test_pydicom_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(plane(0), tmp_path / "x.dcm")
    real = builtins.__import__

    def absent(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("pydicom"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(MarginError, match=r"E-EXTRA-01.*marginkit\[dicom\]"):
        opening.open(path)


def contours(
    path: Path, rings: list[np.ndarray], place: str = PLACE, names: tuple[str, ...] = ("GTV",),
    kind: str = "CLOSED_PLANAR",
) -> Path:  # fmt: skip
    made = bare("1.2.840.10008.5.1.4.1.1.481.3")
    made.Modality = "RTSTRUCT"
    made.StructureSetROISequence, made.ROIContourSequence = [], []
    for number, name in enumerate(names, 1):
        roi, drawn = Dataset(), Dataset()
        roi.ROINumber, roi.ROIName, roi.ReferencedFrameOfReferenceUID = number, name, place
        drawn.ReferencedROINumber, drawn.ContourSequence = number, []
        for ring in rings:
            item = Dataset()
            item.ContourGeometricType, item.NumberOfContourPoints = kind, len(ring)
            item.ContourData = [f"{v:.6f}" for v in ring.ravel()]
            drawn.ContourSequence.append(item)
        made.StructureSetROISequence.append(roi)
        made.ROIContourSequence.append(drawn)
    return save(made, path)


def box(number: float, low: tuple[float, float], high: tuple[float, float], orientation: Any = AXIAL) -> np.ndarray:
    """A rectangle around pixel centres (row, column) low to high of a plane, in mm."""
    row, column = (np.array(v) for v in orientation)
    corners = [(low[0], low[1]), (low[0], high[1]), (high[0], high[1]), (high[0], low[1])]
    start = ORIGIN + np.cross(row, column) * GAP_MM * number
    return np.array([start + column * y * Y_MM + row * x * X_MM for y, x in corners])


def test_contours_fill_centres_and_inner_ones_take_away(tmp_path: Path) -> None:
    rings = [box(1, (-0.4, -0.4), (2.4, 4.4)), box(1, (0.6, 0.6), (1.4, 2.4)), box(3, (0.5, 2.5), (2.4, 4.4))]
    rs = contours(tmp_path / "rs.dcm", rings)
    expected = np.zeros(SHAPE, bool)
    expected[1] = True
    expected[1, 1, 1:3] = False
    expected[3, 1:, 3:] = True
    np.testing.assert_array_equal(rtstruct_mask(rs, series(tmp_path / "s")), expected)
    assert rtstruct_names(rs) == ("GTV",)


def test_a_contour_that_is_there_twice_does_not_take_itself_away(tmp_path: Path) -> None:
    ring = box(1, (-0.4, -0.4), (2.4, 4.4))
    backwards = np.roll(ring[::-1], 1, axis=0)
    with pytest.raises(MarginError, match=r"^rs\.dcm: a contour is there twice \(E-GEO-01\): on plane 1"):
        rtstruct_mask(contours(tmp_path / "rs.dcm", [ring, backwards]), series(tmp_path / "s"))


def test_contours_that_cross_are_refused_unless_the_file_says_what_is_meant(tmp_path: Path) -> None:
    folder = series(tmp_path / "s")
    left, right = box(1, (-0.4, -0.4), (2.4, 2.4)), box(1, (-0.4, 1.6), (2.4, 4.4))
    with pytest.raises(MarginError, match=r"E-GEO-01\): on plane 1, 3 voxels lie in both of 9 and 9"):
        rtstruct_mask(contours(tmp_path / "rs.dcm", [left, right]), folder)
    toggled = rtstruct_mask(contours(tmp_path / "xor.dcm", [left, right], kind="CLOSEDPLANAR_XOR"), folder)
    assert toggled[1].tolist() == [[True, True, False, True, True]] * 3


def test_planes_that_contours_skip_are_said(tmp_path: Path) -> None:
    folder = series(tmp_path / "s")
    rings = [box(number, (-0.4, -0.4), (1.4, 1.4)) for number in range(4)]
    whole = structures.region(str(contours(tmp_path / "whole.dcm", rings)), str(folder), None)
    assert whole.flags == ("rasterised_contours",)
    holed = structures.region(str(contours(tmp_path / "holed.dcm", [rings[0], rings[2]])), str(folder), None)
    assert holed.flags == ("rasterised_contours", "contours_skip_planes")
    assert np.asarray(holed.data).any(axis=(1, 2)).tolist() == [True, False, True, False]


@pytest.mark.parametrize("orientation", ORIENTATIONS[:4])
def test_contours_turn_with_their_series(tmp_path: Path, orientation: Any) -> None:
    """The voxels that a contour takes have the values that were under it."""
    folder = series(tmp_path / "s", orientation=orientation)
    rs = contours(tmp_path / "rs.dcm", [box(2, (0.5, 1.5), (1.5, 3.5), orientation)])
    taken = opening.open(folder).read()[rtstruct_mask(rs, folder)]
    assert sorted(taken.tolist()) == sorted(VALUES[2, 1, 2:4].tolist())


def test_contours_that_do_not_belong(tmp_path: Path) -> None:
    folder = series(tmp_path / "s")
    cases = {
        "between": ([box(1.5, (0, 0), (1, 1))], PLACE), "outside": ([box(1, (0, 0), (9, 1))], PLACE),
        "beyond": ([box(7, (0, 0), (1, 1))], PLACE), "other": ([box(1, (0, 0), (1, 1))], generate_uid()),
    }  # fmt: skip
    for name, (rings, place) in cases.items():
        with pytest.raises(MarginError, match="E-GRID-01"):
            rtstruct_mask(contours(tmp_path / f"{name}.dcm", rings, place), folder)


def test_a_region_is_chosen_by_its_name(tmp_path: Path) -> None:
    folder = series(tmp_path / "s")
    rs = contours(tmp_path / "rs.dcm", [box(1, (-0.4, -0.4), (0.4, 0.4))], names=("GTV", "skin"))
    assert rtstruct_mask(rs, folder, "skin").sum() == 1
    for wrong in (None, "GTV2"):
        with pytest.raises(MarginError, match=r"E-FILE-10.*GTV, skin"):
            rtstruct_mask(rs, folder, wrong)
    with pytest.raises(MarginError, match="E-FILE-09"):
        rtstruct_names(folder / "a.dcm")


def test_inside_is_what_shapely_says() -> None:
    from shapely import Polygon, contains_xy

    generator = np.random.default_rng(7)
    rows, columns = np.mgrid[:30, :40]
    for _ in range(50):
        angle = np.sort(generator.uniform(0, 2 * np.pi, 12))
        reach = generator.uniform(3, 20, 12)
        ring = np.stack([14.03 + reach * np.sin(angle), 19.07 + reach * np.cos(angle)], axis=1)
        truth = contains_xy(Polygon(ring), rows.ravel(), columns.ravel()).reshape(30, 40)
        np.testing.assert_array_equal(inside(ring, (30, 40)), truth)


def test_rings_that_share_a_side_neither_overlap_nor_leave_a_gap() -> None:
    left = np.array([[1.0, 1], [1, 4], [6, 4], [6, 1]])
    right = np.array([[1.0, 4], [1, 8], [6, 8], [6, 4]])
    whole = np.array([[1.0, 1], [1, 8], [6, 8], [6, 1]])
    both = inside(left, (9, 10)).astype(int) + inside(right, (9, 10))
    np.testing.assert_array_equal(both, inside(whole, (9, 10)).astype(int))
    assert both.sum() == 35


def grouped(frames: list[int], **changes: Any) -> Dataset:
    """An enhanced file: planes as frames in the order given, orientation and spacing once, positions for each."""
    made = plane(0, PixelSpacing=None, ImagePositionPatient=None, ImageOrientationPatient=None)
    made.NumberOfFrames = len(frames)
    made.PixelData = b"".join(VALUES[number].tobytes() for number in frames)
    shared, measures, turned = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing = [Y_MM, X_MM]
    turned.ImageOrientationPatient = [*AXIAL[0], *AXIAL[1]]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [turned]
    made.SharedFunctionalGroupsSequence = [shared]
    each = []
    for number in frames:
        place, one, values = Dataset(), Dataset(), Dataset()
        place.ImagePositionPatient = (ORIGIN + np.array([0, 0, GAP_MM]) * number).tolist()
        values.RescaleSlope, values.RescaleIntercept = number + 1, -number
        one.PlanePositionSequence, one.PixelValueTransformationSequence = [place], [values]
        each.append(one)
    made.PerFrameFunctionalGroupsSequence = each
    for key, value in changes.items():
        setattr(made, key, value)
    return made


def test_frames_of_an_enhanced_file_by_their_positions_and_own_scaling(tmp_path: Path) -> None:
    picture = opening.open(save(grouped([2, 0, 3, 1]), tmp_path / "e.dcm"))
    assert picture.spacing_mm == pytest.approx((GAP_MM, Y_MM, X_MM))
    assert picture.warnings == ()
    number = np.arange(4)[:, None, None]
    np.testing.assert_array_equal(picture.read(), VALUES * (number + 1) - number)


def test_enhanced_files_that_do_not_hold_together(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    assert refused(save(grouped([0, 1], NumberOfFrames=3), tmp_path / "b" / "e.dcm")) == "E-AXE-01"
    (tmp_path / "c").mkdir()
    assert refused(save(grouped([0, 1], NumberOfFrames=2**30), tmp_path / "c" / "e.dcm")) == "E-SIZE-01"


def test_packing_without_a_decoder_is_said(tmp_path: Path) -> None:
    made = plane(0)
    made.PixelData = pydicom.encaps.encapsulate([b"\xff\xd8 no picture "])
    made["PixelData"].is_undefined_length = True
    made.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.80"  # JPEG-LS
    assert refused(save(made, tmp_path / "x.dcm")) == "E-PIX-02"


def test_a_deflated_file_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    made = plane(0)
    made.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1.99"
    assert refused(save(made, tmp_path / "x.dcm")) == "E-PIX-02"

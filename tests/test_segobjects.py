"""Regions as DICOM SEG: read back by marginkit to the same mask and margin, and by highdicom and pydicom alone."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import test_dicom as series_maker

from marginkit import MarginError, ometiff, opening, pipeline, segobjects
from marginkit.errors import MissingExtraError
from marginkit.pipeline import Job
from marginkit.readers import sourceimages
from marginkit.records import Measured

pydicom = pytest.importorskip("pydicom")
highdicom = pytest.importorskip("highdicom")
from pydicom.dataset import Dataset  # noqa: E402

SECRET = series_maker.SECRET
STUDY = {
    "StudyInstanceUID": "1.2.3.4", "StudyID": "1", "StudyDate": "20200102", "StudyTime": "101112",
    "AccessionNumber": "", "PatientBirthDate": "", "PatientSex": "", "ReferringPhysicianName": "", "SeriesNumber": 3,
}  # fmt: skip
BODY = np.zeros(series_maker.SHAPE, bool)
BODY[:, :, :4] = True
TUMOR = np.zeros_like(BODY)
TUMOR[1:3, 1, 1] = True
# the long numbers of real and made series are nothing of ours
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom", "ignore::UserWarning:highdicom")


def measured(job: Job) -> Measured:
    outcome = pipeline.run(job)
    assert isinstance(outcome, Measured), outcome
    return outcome


def masks(folder: Path, image: Path, tumor: np.ndarray = TUMOR, body: np.ndarray = BODY) -> Job:
    """A job with masks on the grid of the picture: given as (plane, row, column), turned as the picture is."""
    picture = opening.open(image)
    for name, array in (("tumor", tumor), ("body", body)):
        with open(folder / f"{name}.ome.tif", "wb") as stream:
            ometiff.write(stream, array, picture.spacing_mm, name)
    return Job(str(image), str(folder / "body.ome.tif"), tumor=str(folder / "tumor.ome.tif"))


def turned(array: np.ndarray, image: Path) -> np.ndarray:
    """An array of stored planes as the reader turns them."""
    from marginkit.readers._series import series

    return np.ascontiguousarray(series(str(image)).frame.apply(array))


def back(job: Job, out: Path) -> Measured:
    """The same case, measured on what was written."""
    return measured(Job(job.image, str(out / "specimen.seg.dcm"), tumor=str(out / "tumor.seg.dcm")))


def alike(one: Measured, two: Measured) -> None:
    """Same margin, interval and size."""
    assert two.result.value_mm == pytest.approx(one.result.value_mm, abs=1e-9)
    assert two.result.interval_mm == pytest.approx(one.result.interval_mm, abs=1e-9)
    assert one.result.size is not None
    assert two.result.size is not None
    assert two.result.size.volume_mm3 == pytest.approx(one.result.size.volume_mm3)


@pytest.mark.parametrize("orientation", series_maker.ORIENTATIONS[:4])
def test_any_orientation_comes_back(tmp_path: Path, orientation: Any) -> None:
    """Stored frame by frame where the images are, whatever way the volume was turned for measuring."""
    image = series_maker.series(tmp_path / "s", orientation=orientation, **STUDY)
    job = masks(tmp_path, image, turned(TUMOR, image), turned(BODY, image))
    case = measured(job)
    written = segobjects.write(case, image, tmp_path / "out")
    assert [path.name for path in written] == ["tumor.seg.dcm", "specimen.seg.dcm"]
    alike(case, back(job, tmp_path / "out"))
    by_place = {tuple(p.ImagePositionPatient): p for p in map(pydicom.dcmread, sorted(image.iterdir()))}
    made = pydicom.dcmread(written[0])
    assert len(made.PerFrameFunctionalGroupsSequence) == 2  # planes 1 and 2 hold tumor
    for drawn, group in zip(made.pixel_array, made.PerFrameFunctionalGroupsSequence):
        source = by_place[tuple(group.PlanePositionSequence[0].ImagePositionPatient)]
        assert source.pixel_array[drawn > 0].tolist() == [source.pixel_array[1, 1]]
        referred = group.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
        assert referred == source.SOPInstanceUID


def test_it_is_filed_with_the_images_and_says_what_it_is(tmp_path: Path) -> None:
    image = series_maker.series(tmp_path / "s", **STUDY)
    case = measured(masks(tmp_path, image))
    tumor, specimen = map(pydicom.dcmread, segobjects.write(case, image, tmp_path / "out"))
    source = pydicom.dcmread(image / "a.dcm")
    for made in (tumor, specimen):
        assert (made.PatientID, made.StudyInstanceUID) == (SECRET, "1.2.3.4")
        assert made.FrameOfReferenceUID == source.FrameOfReferenceUID
        assert made.ReferencedSeriesSequence[0].SeriesInstanceUID == source.SeriesInstanceUID
        assert (made.Manufacturer, made.ContentDescription) == ("marginkit", "For research use only")
        assert made.SegmentSequence[0].SegmentAlgorithmType == "SEMIAUTOMATIC"
        assert (
            "not known"
            in (
                made.SegmentSequence[0].SegmentationAlgorithmIdentificationSequence[0].AlgorithmFamilyCodeSequence[0]
            ).CodeMeaning.lower()
        )
    assert tumor.SeriesInstanceUID == specimen.SeriesInstanceUID != source.SeriesInstanceUID
    assert tumor.SOPInstanceUID != specimen.SOPInstanceUID
    assert [made.SegmentSequence[0].SegmentLabel for made in (tumor, specimen)] == ["tumor", "specimen"]
    assert tumor.SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Neoplasm"


def test_highdicom_reads_the_same_mask(tmp_path: Path) -> None:
    image = series_maker.series(tmp_path / "s", **STUDY)
    case = measured(masks(tmp_path, image))
    written = segobjects.write(case, image, tmp_path / "out")
    for path, truth in zip(written, (TUMOR, BODY)):
        volume = highdicom.seg.segread(path).get_volume(combine_segments=True)
        planes = np.flatnonzero(truth.any(axis=(1, 2)))
        heights = [float(series_maker.ORIGIN[2] + series_maker.GAP_MM * z) for z in planes]
        order = np.argsort([volume.map_indices_to_reference(np.array([[k, 0, 0]]))[0, 2] for k in range(len(planes))])
        np.testing.assert_array_equal(volume.array[order] > 0, truth[planes])
        assert volume.spacing == pytest.approx((series_maker.GAP_MM, series_maker.Y_MM, series_maker.X_MM))
        assert volume.map_indices_to_reference(np.array([[order[0], 0, 0]]))[0, 2] == pytest.approx(heights[0])


def enhanced(path: Path, order: list[int]) -> Path:
    """One file with the planes of the series as frames, in that order."""
    made = series_maker.plane(0, **STUDY)
    for name in ("PixelSpacing", "ImageOrientationPatient", "ImagePositionPatient", "SliceThickness"):
        delattr(made, name)
    made.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4.1"
    made.NumberOfFrames = len(order)
    shared, measures, direction = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [series_maker.Y_MM, series_maker.X_MM], 1.0
    direction.ImageOrientationPatient = [1.0, 0, 0, 0, 1.0, 0]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [direction]
    made.SharedFunctionalGroupsSequence, made.PerFrameFunctionalGroupsSequence = [shared], []
    for z in order:
        one, place = Dataset(), Dataset()
        place.ImagePositionPatient = (series_maker.ORIGIN + np.array([0, 0, series_maker.GAP_MM * z])).tolist()
        one.PlanePositionSequence = [place]
        made.PerFrameFunctionalGroupsSequence.append(one)
    made.PixelData = series_maker.VALUES[order].tobytes()
    return series_maker.save(made, path)


def test_frames_of_one_file_in_any_order(tmp_path: Path) -> None:
    image = enhanced(tmp_path / "enhanced.dcm", [2, 0, 3, 1])
    np.testing.assert_array_equal(opening.open(image).read(), series_maker.VALUES)
    stored = sourceimages.read(str(image)).stored(np.arange(4)[:, None, None] * np.ones((4, 3, 5)))
    assert stored[:, 0, 0].tolist() == [2, 0, 3, 1]
    job = masks(tmp_path, image)
    case = measured(job)
    segobjects.write(case, image, tmp_path / "out")
    alike(case, back(job, tmp_path / "out"))


def test_the_real_series_with_the_contours_of_its_clinicians(tmp_path: Path, shared_data: Path) -> None:
    image = shared_data / "sarcoma-dicom-rtstruct"
    job = Job(str(image), "threshold:above=100,largest=yes", tumor=str(image / "RS.dcm"))
    case = measured(job)
    written = segobjects.write(case, image, tmp_path)
    alike(case, back(job, tmp_path))
    assert opening.open(written[0], mask=True).read().sum() == np.asarray(case.regions["tumor"].data).sum() == 8862
    assert highdicom.seg.segread(written[0]).get_volume(combine_segments=True).array.sum() == 8862
    described = pydicom.dcmread(written[1]).SegmentSequence[0]
    assert described.SegmentAlgorithmType == "AUTOMATIC"
    assert described.SegmentationAlgorithmIdentificationSequence[0].AlgorithmName.startswith("threshold")


def test_a_real_slide(tmp_path: Path, shared_data: Path) -> None:
    image = shared_data / "wsi-dicom-tiny" / "sm_image.dcm"
    body, tumor = np.zeros((2, 50, 50), bool)
    body[3:48, 2:47], tumor[10:17, 20:31] = True, True
    job = masks(tmp_path, image, tumor, body)
    job = Job(job.image, job.specimen, tumor=job.tumor, confirm=True)
    case = measured(job)
    written = segobjects.write(case, image, tmp_path / "out")
    for path, truth in zip(written, (tumor, body)):
        np.testing.assert_array_equal(opening.open(path, mask=True).read() > 0, truth)
        total = highdicom.seg.segread(path).get_total_pixel_matrix(combine_segments=True)
        np.testing.assert_array_equal(total > 0, truth)
    again = measured(Job(str(image), str(written[1]), tumor=str(written[0]), confirm=True))
    assert again.result.value_mm == case.result.value_mm
    assert again.result.interval_mm == case.result.interval_mm


def refused(case: Measured, image: Path, folder: Path) -> str:
    with pytest.raises(MarginError) as caught:
        segobjects.write(case, image, folder / "none")
    assert SECRET not in str(caught.value)
    assert not list((folder / "none").glob("*")) if (folder / "none").is_dir() else True
    return caught.value.code


def test_what_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = series_maker.series(tmp_path / "s", **STUDY)
    job = masks(tmp_path, image)
    case = measured(job)
    assert refused(case, tmp_path / "body.ome.tif", tmp_path) == "E-USE-15"
    slice_ = measured(Job(job.image, job.specimen, tumor=job.tumor, plane=1))
    assert refused(slice_, image, tmp_path) == "E-USE-15"
    none = measured(masks(tmp_path, image, np.zeros_like(TUMOR)))
    assert refused(none, image, tmp_path) == "E-PIX-05"
    anonymous = series_maker.series(tmp_path / "n")  # of no study
    assert refused(case, anonymous, tmp_path) == "E-FILE-06"
    part = sourceimages.SourceImages(sourceimages.read(str(image)).headers[:3], (1.0, 1.0), 1.0)
    monkeypatch.setattr(sourceimages, "read", lambda path: part)
    assert refused(case, image, tmp_path) == "E-GRID-08"
    monkeypatch.setitem(sys.modules, "highdicom", None)
    with pytest.raises(MissingExtraError, match=r"marginkit\[dicom-seg\]"):
        segobjects.write(case, image, tmp_path)


def test_G09_the_patient_leaves_in_these_files_only_and_only_when_asked(tmp_path: Path) -> None:
    image = series_maker.series(tmp_path / "s", **STUDY)
    job = masks(tmp_path, image)

    def named(*words: str) -> set[str]:
        out = tmp_path / f"out{len(words)}"
        command = ["measure", job.image, "--tumor", job.tumor, "--specimen", job.specimen, "--out", str(out), *words]
        done = subprocess.run([sys.executable, "-m", "marginkit", *command], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert SECRET not in done.stdout + done.stderr
        return {path.name for path in out.iterdir() if SECRET.encode() in path.read_bytes()}

    assert named() == set()
    assert named("--dicom-seg") == {"tumor.seg.dcm", "specimen.seg.dcm"}
    alone = ["measure", job.image, "--tumor", job.tumor, "--specimen", job.specimen, "--dicom-seg"]
    assert subprocess.run([sys.executable, "-m", "marginkit", *alone], capture_output=True).returncode == 2

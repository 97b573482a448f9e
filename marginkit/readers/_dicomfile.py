"""One DICOM file: the tags that say where its pixels lie, and nothing about the patient.

The surprising thing: only tags on the list below are ever decoded, and no text of pydicom's errors is repeated,
because both may hold names. ``PixelSpacing`` gives the distance between rows first, so it is (y, x).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marginkit import files
from marginkit.errors import FileError, MarginError, MissingExtraError, PixelError, SizeError

MAX_FILE_BYTES = 2 << 30
LARGEST = 2.0**30  # of slope and intercept: 32 bits times this is still a whole number of 64
DEFLATED = b"1.2.840.10008.1.2.1.99"
TAGS = [
    "Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "PlanarConfiguration", "NumberOfFrames", "PixelSpacing", "ImagerPixelSpacing",
    "NominalScannedPixelSpacing", "EstimatedRadiographicMagnificationFactor", "ImageOrientationPatient",
    "ImagePositionPatient", "RescaleSlope", "RescaleIntercept", "ModalityLUTSequence", "SeriesInstanceUID",
    "SOPClassUID", "Modality", "FrameOfReferenceUID", "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence", "TotalPixelMatrixRows", "TotalPixelMatrixColumns", "DimensionOrganizationType",
    "TotalPixelMatrixFocalPlanes", "NumberOfOpticalPaths", "ImagedVolumeWidth", "ImagedVolumeHeight",
    "SegmentationType", "SegmentSequence",
]  # fmt: skip


@contextmanager
def quiet(name: str) -> Iterator[Any]:
    """The module pydicom, with its warnings kept off and its errors turned into ours without their texts."""
    try:
        import pydicom
        from pydicom import config
    except ImportError as error:
        remedy = "Install marginkit[dicom]."
        raise MissingExtraError("E-EXTRA-01", "pydicom is not installed", remedy=remedy, file=name) from error
    before = config.settings.reading_validation_mode
    config.settings.reading_validation_mode = config.IGNORE
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield pydicom
    except MarginError:
        raise
    except MemoryError as error:
        raise SizeError("E-SIZE-01", "image larger than the memory", file=name) from error
    except (NotImplementedError, RuntimeError) as error:  # how pydicom says that it has no decoder
        cause = f"pydicom stopped with {type(error).__name__}"
        remedy = "Save it uncompressed."
        raise PixelError("E-PIX-02", "the pixels cannot be unpacked", cause=cause, remedy=remedy, file=name) from None
    except Exception as error:  # whatever pydicom raises: its text may hold values of the file
        cause = f"pydicom stopped with {type(error).__name__}"
        raise FileError("E-FILE-06", "the DICOM file is broken", cause=cause, file=name) from None
    finally:
        config.settings.reading_validation_mode = before


def tags(path: str, wanted: list[str] | None = None) -> Any:
    """The listed tags of a file as a pydicom data set; to be used inside ``quiet``."""
    import pydicom

    _refuse_unread(path)
    with files.open_regular(path) as stream:
        return pydicom.dcmread(stream, stop_before_pixels=True, specific_tags=list(wanted or TAGS))


def whole(path: str) -> Any:
    """The listed tags and the pixels; to be used inside ``quiet``."""
    import pydicom

    _refuse_unread(path)
    with files.open_regular(path) as stream:
        return pydicom.dcmread(stream, specific_tags=[*TAGS, "PixelData"])


def _refuse_unread(path: str) -> None:
    """Nothing; E-SIZE-01 for giants, E-PIX-02 for the packing that unpacks the whole file unbounded."""
    name = Path(path).name
    if files.stamp(path).size > MAX_FILE_BYTES:
        raise SizeError("E-SIZE-01", "file too large", cause=f"limit {MAX_FILE_BYTES} bytes", file=name)
    if DEFLATED in files.head(path):
        raise PixelError("E-PIX-02", "packing of the DICOM file not supported", cause="deflated", file=name)


@dataclass(frozen=True, slots=True)
class Slice:
    """One plane: a frame of a file, and where it lies.

    position_mm, orientation : as in the tags, LPS; None where not stated. spacing_mm : (y, x). frame : None where the
    file has a single one. series, place, kind : identifiers, compared and never shown.
    """

    path: str
    before: files.Stamp
    shape: tuple[int, int]
    bits: int
    signed: bool
    position_mm: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    spacing_mm: tuple[float, ...] | None
    slope: float
    intercept: float
    series: str
    place: str
    kind: str
    problem: str = ""
    frame: int | None = None


def numbers(value: Any, count: int) -> tuple[float, ...] | None:
    """So many numbers of a tag; None where it is absent, empty or of another length."""
    if value is None or isinstance(value, str) or len(value) != count:
        return None
    return tuple(float(v) for v in value)


def plane(path: str, found: Any) -> Slice | None:
    """The plane of a file with one frame; None where it holds no image. Inside ``quiet`` only."""
    name = Path(path).name
    if "Rows" not in found or "Columns" not in found:
        return None
    if found.get("SamplesPerPixel", 1) != 1 or found.get("PhotometricInterpretation") != "MONOCHROME2":
        cause = f"{found.get('SamplesPerPixel', 1)} samples, {found.get('PhotometricInterpretation')}"
        raise PixelError("E-PIX-02", "only MONOCHROME2 can be read as a series", cause=cause, file=name)
    if "ModalityLUTSequence" in found:
        raise PixelError("E-PIX-02", "a table of values in place of slope and intercept", file=name)
    spacing = numbers(found.get("PixelSpacing"), 2)
    return Slice(
        path, files.stamp(path), (int(found.Rows), int(found.Columns)), int(found.BitsAllocated),
        bool(found.PixelRepresentation), numbers(found.get("ImagePositionPatient"), 3),
        numbers(found.get("ImageOrientationPatient"), 6), spacing,
        *scaling(found.get("RescaleSlope"), found.get("RescaleIntercept"), name),
        str(found.get("SeriesInstanceUID", "")), str(found.get("FrameOfReferenceUID", "")), kind(found),
        "" if spacing else _why_no_spacing(found),
    )  # fmt: skip


def kind(found: Any) -> str:
    """What a file says that it is (the class of its object); empty where it does not come to that."""
    return str(found.get("SOPClassUID") or getattr(found, "file_meta", {}).get("MediaStorageSOPClassUID", ""))


def scaling(slope: Any, intercept: Any, name: str) -> tuple[float, float]:
    """(slope, intercept), 1 and 0 where there are none; E-PIX-02 where no value comes of them."""
    found = 1.0 if slope is None else float(slope), 0.0 if intercept is None else float(intercept)
    if found[0] == 0 or not all(abs(n) <= LARGEST for n in found):
        cause = f"slope {found[0]:g}, intercept {found[1]:g}"
        raise PixelError("E-PIX-02", "impossible scaling of the values", cause=cause, file=name)
    return found


def _why_no_spacing(found: Any) -> str:
    """The sentence for a file without ``PixelSpacing``."""
    if "ImagerPixelSpacing" in found:
        return "E-CAL-06: ImagerPixelSpacing is the size at the detector, not in the specimen"
    if "NominalScannedPixelSpacing" in found:
        return "E-CAL-06: NominalScannedPixelSpacing is the size on the film, not in the specimen"
    return "E-CAL-01: no PixelSpacing"

"""What was measured as DICOM SEG, for an archive that holds the images: written only when it is asked for.

The surprising thing: an archive files such an object under a patient and a study, so it carries their identification,
copied from the images, and it says when it was made. It is the one file of marginkit that names a patient and that is
not the same twice. One object a region, because tumor and specimen share pixels, and a pixel has one label.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import marginkit
from marginkit import files
from marginkit.errors import GridError, MarginError, MissingExtraError, PixelError, UsageError
from marginkit.readers import sourceimages
from marginkit.records import Measured, Region
from marginkit.saving import inside

ROLES = ("tumor", "signal", "specimen")
SERIES_NUMBER = 7000  # of the objects' series; scanners count from 1
UNKNOWN = ("unknown", "99MARGINKIT", "Not known how it was drawn")
SEGMENTER = ("segmenter", "99MARGINKIT", "Segmenter of marginkit")
TISSUE = ("85756007", "SCT", "Tissue")
# https://dicom.nema.org/medical/dicom/current/output/chtml/part16/sect_CID_7150.html
CODES = {"tumor": (("49755003", "SCT", "Morphologically Abnormal Structure"), ("108369006", "SCT", "Neoplasm"))}


def write(case: Measured, image: str | Path, folder: str | Path) -> list[Path]:
    """The objects, ``tumor.seg.dcm`` (or ``signal``) and ``specimen.seg.dcm``, written into a folder.

    image : path of the DICOM series or slide that was measured.

    Raises
    ------
    UsageError : E-USE-15 the image is no DICOM, a single slice was measured, or a region is an outline or lies on a
        grid of its own. PixelError : E-PIX-05 a region is empty.
    FileError, AxesError : the images cannot be referred to. MissingExtraError : needs ``marginkit[dicom-seg]``.
    """
    source = sourceimages.read(str(image))
    masks = {role: _mask(region, role, case) for role, region in case.regions.items() if role in ROLES}
    read = {str(one["role"]) for one in case.provenance["inputs"]}
    root = files.make_folder(folder)
    with _highdicom(case.picture.name) as highdicom:
        series = highdicom.UID()
        made = {
            role: _object(highdicom, source, mask, case.regions[role].maker, role, role in read, (series, number))
            for number, (role, mask) in enumerate(masks.items(), 1)
        }
    return [_saved(root / f"{role}.seg.dcm", one) for role, one in made.items()]


def _mask(region: Region, role: str, case: Measured) -> NDArray[np.bool_]:
    """The region's pixels, on the image's own grid."""
    name, remedy = case.picture.name, "Write the masks with segment instead."
    if case.plane is not None:
        cause = "a slice by itself was measured"
        raise UsageError("E-USE-15", "no DICOM SEG of it", cause=cause, remedy="Measure the whole series.", file=name)
    if region.kind == "polygon":
        raise UsageError("E-USE-15", f"no DICOM SEG of the {role}", cause="it is an outline", remedy=remedy, file=name)
    mask = inside(region)
    if region.spacing_mm is not None or mask.shape != case.picture.spatial_shape:
        cause = "it has a grid of its own"
        raise UsageError("E-USE-15", f"no DICOM SEG of the {role}", cause=cause, remedy=remedy, file=name)
    if not mask.any():
        raise PixelError("E-PIX-05", f"no DICOM SEG of the {role}", cause="it is empty", file=name)
    return mask


@contextmanager
def _highdicom(name: str) -> Iterator[Any]:
    """The module highdicom; its warnings are kept off, and its errors become ours without their texts, which may hold
    values of the headers."""
    try:
        import highdicom
        import highdicom.seg
    except ImportError as error:
        remedy = "Install marginkit[dicom-seg]."
        raise MissingExtraError("E-EXTRA-01", "highdicom is not installed", remedy=remedy, file=name) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield highdicom
    except MarginError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        cause = f"highdicom stopped with {type(error).__name__}"
        raise GridError("E-GRID-08", "the images cannot be referred to", cause=cause, file=name) from None


def _object(
    highdicom: Any,
    source: sourceimages.SourceImages,
    mask: NDArray[np.bool_],
    maker: str,
    role: str,
    from_file: bool,
    place: tuple[Any, int],
) -> Any:
    """The object of one region. place : (identifier of its series, number in it)."""
    version = marginkit.__version__
    more: dict[str, Any] = {"tile_pixel_array": True}
    if source.gap_mm is not None:
        more = {"pixel_measures": _measures(highdicom, source)}
    return highdicom.seg.Segmentation(
        source_images=list(source.headers),
        pixel_array=source.stored(mask).astype(np.uint8),
        segmentation_type="BINARY",
        segment_descriptions=[_described(highdicom, role, maker, from_file)],
        series_instance_uid=place[0],
        series_number=SERIES_NUMBER,
        sop_instance_uid=highdicom.UID(),
        instance_number=place[1],
        manufacturer="marginkit",
        manufacturer_model_name="marginkit",
        software_versions=version,
        device_serial_number="none",
        content_label=role.upper(),
        content_description="For research use only",
        series_description="marginkit regions, research use only",
        **more,
    )


def _measures(highdicom: Any, source: sourceimages.SourceImages) -> Any:
    """Size of a voxel: with the distance between planes, which may not follow from those that hold something."""
    stated_mm = source.headers[0].get("SliceThickness")
    return highdicom.PixelMeasuresSequence(source.pixel_mm, stated_mm or source.gap_mm, source.gap_mm)


def _described(highdicom: Any, role: str, maker: str, from_file: bool) -> Any:
    """What the segment is and who found it: a segmenter, or whoever drew the file, of which nothing is known."""
    category, kind = (highdicom.sr.CodedConcept(*words) for words in CODES.get(role, (TISSUE, TISSUE)))
    family = highdicom.sr.CodedConcept(*(UNKNOWN if from_file else SEGMENTER))
    name = "a mask that was read" if from_file else maker
    algorithm = highdicom.AlgorithmIdentificationSequence(name[:64], family, marginkit.__version__)
    how = "SEMIAUTOMATIC" if from_file else "AUTOMATIC"
    return highdicom.seg.SegmentDescription(1, role, category, kind, how, algorithm)


def _saved(path: Path, made: Any) -> Path:
    with files.write_atomic(path) as stream:
        made.save_as(stream)
    return path

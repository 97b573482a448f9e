"""Frames of an enhanced CT or MR file: one file that holds a whole series.

The surprising thing: what is one tag of a slice in a plain series is here a tag in a group, and the group may stand
once for all frames or once for each.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from marginkit import files
from marginkit.errors import AxesError, PixelError, SizeError

from ._dicomfile import Slice, kind, numbers, scaling
from ._stored import MAX_PIXEL_BYTES

MAX_FRAMES = 100_000


def frames(path: str, found: Any) -> list[Slice]:
    """The planes of a file with several frames, in stored order. Inside ``quiet`` only."""
    name = Path(path).name
    _refuse_odd(found, name)
    each = found.get("PerFrameFunctionalGroupsSequence") or ()
    if len(each) != int(found.NumberOfFrames):
        cause = f"{len(each)} positions for {int(found.NumberOfFrames)} frames"
        raise AxesError("E-AXE-01", "frames without a position", cause=cause, file=name)
    shared: Any = found.get("SharedFunctionalGroupsSequence") or ({},)
    before = files.stamp(path)
    return [_frame(path, before, found, shared[0], own, number) for number, own in enumerate(each)]


def _frame(path: str, before: files.Stamp, found: Any, shared: Any, own: Any, number: int) -> Slice:
    def tag(group: str, key: str) -> Any:
        return grouped(own, shared, group, key)

    spacing_mm = numbers(tag("PixelMeasuresSequence", "PixelSpacing"), 2)
    slope, intercept = (tag("PixelValueTransformationSequence", f"Rescale{w}") for w in ("Slope", "Intercept"))
    return Slice(
        path, before, (int(found.Rows), int(found.Columns)), int(found.BitsAllocated),
        bool(found.PixelRepresentation), numbers(tag("PlanePositionSequence", "ImagePositionPatient"), 3),
        numbers(tag("PlaneOrientationSequence", "ImageOrientationPatient"), 6), spacing_mm,
        *scaling(slope, intercept, Path(path).name),
        str(found.get("SeriesInstanceUID", "")), str(found.get("FrameOfReferenceUID", "")), kind(found),
        "" if spacing_mm else "E-CAL-01: no PixelSpacing", number,
    )  # fmt: skip


def grouped(own: Any, shared: Any, group: str, key: str) -> Any:
    """A tag of a frame, from its own group or from that of all frames; None where it is in neither."""
    items = own.get(group) or shared.get(group)
    return items[0].get(key) if items else None


def _refuse_odd(found: Any, name: str) -> None:
    """Nothing; an error for frames that are no planes of one volume."""
    if found.get("SamplesPerPixel", 1) != 1 or found.get("PhotometricInterpretation") != "MONOCHROME2":
        raise PixelError("E-PIX-02", "only MONOCHROME2 can be read as a volume", file=name)
    count = int(found.NumberOfFrames)
    if count > MAX_FRAMES or count * int(found.Rows) * int(found.Columns) * 8 > MAX_PIXEL_BYTES:
        raise SizeError("E-SIZE-01", "image larger than the memory limit", cause=f"{count} frames", file=name)

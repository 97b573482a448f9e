"""Opens any supported file: finds the reader, checks the file, decides the pixel size.

The surprising thing: the suffix of a file is only a hint. Its first bytes decide; the suffix breaks ties between
readers that are equally sure.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from marginkit import calibrate, files, scaling, shelf
from marginkit.errors import AxesError, FileError, MarginError
from marginkit.records import Calibration, Picture


def open(
    path: str | Path,
    *,
    pixel_size: str | None = None,
    confirm: bool = False,
    mask: bool = False,
    axes: str | None = None,
    shelves: Iterable[str | Path] = (),
) -> Picture:
    """The picture in a file or folder (DICOM series, OME-Zarr): lazy levels, axes, pixel size and its source.

    Parameters
    ----------
    pixel_size : ``0.5um``, or one length an axis in array order; it wins over what the file says, and is recorded.
        ``0.5um±1%`` says how far it may be off.
        ``ruler`` (``ruler:tick=1mm``), ``marker:size=10mm`` or ``points:y,x,y,x=10mm`` reads it off the picture.
    confirm : the user vouches for a pixel size that would be refused as implausible.
    mask : of a palette the indices are wanted, not the colours.
    axes : the true axes, where the file does not say them (``ZYX`` for pages that are planes).
    shelves : more folders with readers.

    Notes
    -----
    A picture without a trustworthy pixel size is returned too: ``calibration`` is None and ``refusal`` says why.
    """
    return calibrated(uncalibrated(path, mask=mask, axes=axes, shelves=shelves), pixel_size, confirm=confirm)


def uncalibrated(
    path: str | Path,
    *,
    mask: bool = False,
    axes: str | None = None,
    shelves: Iterable[str | Path] = (),
    hashed: bool = True,
) -> Picture:
    """The picture with its claims and digest, before anything is decided of its pixel size.

    hashed : False where nobody wants the digest, for which the whole file is read.
    """
    reader = choose(path, shelves)
    before = None if os.path.isdir(path) else files.stamp(path)
    try:
        picture = (getattr(reader, "read_mask", reader.read) if mask else reader.read)(os.fspath(path))
        digest = _digest(path) if hashed else ""
    except MarginError as error:
        raise error if error.file else error.about(path) from error
    except MemoryError as error:
        raise FileError("E-FILE-05", "not enough memory to open", cause=str(error), file=path) from error
    if before is not None:
        files.still(path, before)
    return replace(picture if axes is None else _with_axes(picture, axes), sha256=digest)


def _digest(path: str | Path) -> str:
    return files.folder_sha256(path) if os.path.isdir(path) else files.sha256(path)


def calibrated(
    picture: Picture, pixel_size: str | None = None, *, confirm: bool = False, ndim: int | None = None
) -> Picture:
    """The picture with the pixel size that was typed or claimed, or with the refusal that says why there is none.

    ndim : of how many axes, counted from the last; None: of all. 2 for the planes of a stack without their gap.
    """
    ndim = len(picture.spatial_shape) if ndim is None else ndim
    return _typed(picture, pixel_size, ndim) if pixel_size else _resolved(picture, confirm, ndim)


def choose(path: str | Path, shelves: Iterable[str | Path] = ()) -> ModuleType:
    """The reader of a file or folder. FileError E-FILE-09 where none is sure, or two are."""
    if not os.fspath(path):
        raise FileError("E-FILE-01", "no file name given", remedy="Give an image file.")
    name = os.path.basename(os.path.abspath(path))
    head = _folder_head(path) if os.path.isdir(path) else files.head(path)
    readers = shelf.load("readers", tuple(shelves))
    sure = {key: int(module.claims(head, name)) for key, module in readers.items()}
    best = max(sure.values(), default=0)
    if best < 1:
        cause = f"it begins with {head[:8]!r}; tried {', '.join(readers)}"
        raise FileError("E-FILE-09", "no reader knows this file", cause=cause, file=name)
    equal = [key for key, value in sure.items() if value == best]
    by_suffix = [key for key in equal if name.lower().endswith(tuple(getattr(readers[key], "SUFFIXES", ())))]
    chosen = (
        equal if len(equal) == 1 else by_suffix or [key for key in equal if getattr(readers[key], "GENERAL", False)]
    )
    if len(chosen) != 1:
        raise FileError("E-FILE-09", "more than one reader claims this file", cause=", ".join(equal), file=name)
    return readers[chosen[0]]


def _folder_head(folder: str | Path) -> bytes:
    """What a folder shows to readers: the names of its entries, sorted, one a line, after ``folder``."""
    try:
        names = sorted(os.listdir(folder))[:10_000]
    except OSError as error:
        raise files.unreadable(folder, error) from error
    return b"folder\n" + "\n".join(names).encode("utf-8", "surrogateescape")


def _with_axes(picture: Picture, axes: str) -> Picture:
    """The picture with its axes renamed; E-AXE-01 where they do not fit."""
    fixed = [a for a in picture.axes if a in "YXS"]
    wanted = axes.upper()
    if len(wanted) != len(picture.axes) or [a for a in wanted if a in "YXS"] != fixed or set(wanted) - set("TCZYXS"):
        cause = f"{axes!r} for an image with axes {picture.axes} and shape {picture.shape}"
        raise AxesError("E-AXE-01", "axes do not fit", cause=cause, file=picture.name)
    kept = tuple(note for note in picture.warnings if "taken as channels" not in note)
    return replace(picture, axes=wanted, warnings=kept, channels=picture.channels if "C" in wanted else ())


def _resolved(picture: Picture, confirm: bool, ndim: int) -> Picture:
    taken, refusal, notes = calibrate.resolve(picture.claims, picture.kind, picture.name, ndim, confirm=confirm)
    flags = tuple(dict.fromkeys((*picture.flags, *(taken.flags if taken else ()))))
    return replace(picture, calibration=taken, refusal=refusal, flags=flags, warnings=(*picture.warnings, *notes))


def _typed(picture: Picture, pixel_size: str, ndim: int) -> Picture:
    if scaling.is_scale(pixel_size):
        typed = scaling.calibration(picture, pixel_size)
    else:
        try:
            typed = calibrate.typed(pixel_size, ndim)
        except MarginError as error:
            raise error.about(picture.name) from error
    return _with(picture, replace(typed, asked=pixel_size.strip()))


def retaken(picture: Picture, taken: Calibration) -> tuple[Picture, tuple[str, ...]]:
    """(the picture with a calibration that was taken of it before, words of the command line that give the same).

    picture : before anything was decided of its pixel size. What the file says of itself is weighed as ever.
    """
    plain = replace(taken, flags=(), asked="")
    for confirm, words in ((False, ()), (True, ("--confirm-pixel-size",))):
        found = calibrated(picture, confirm=confirm)
        if found.calibration is not None and replace(found.calibration, flags=()) == plain:
            return found, words
    own = replace(taken, flags=calibrate.oblong(taken.spacing_mm))
    return _with(picture, own), ("--pixel-size", taken.asked or calibrate.exact(taken))


def _with(picture: Picture, typed: Calibration) -> Picture:
    """The picture with a calibration that is not its file's own, and what speaks against it."""
    flags, notes = calibrate.against(typed, picture.claims, picture.kind)
    taken = replace(typed, flags=tuple(dict.fromkeys((*typed.flags, *flags))))
    return replace(
        picture,
        calibration=taken,
        flags=tuple(dict.fromkeys((*picture.flags, *taken.flags))),
        warnings=(*picture.warnings, *notes),
    )

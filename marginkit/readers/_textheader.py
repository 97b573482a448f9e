"""Text headers of NRRD and MetaImage: lines of ``key: value`` or ``key = value``, numbers, and where voxels begin.

The surprising thing: both formats let a header name any other file as its voxels. A name from a file is never used as
a path: voxels lie behind their header, or in the one file beside it that bears the same name.
"""

from __future__ import annotations

from collections.abc import Mapping

from marginkit.errors import FileError

MAX_HEADER_BYTES = 1 << 20


def broken(name: str, cause: str) -> FileError:
    """The error of a header that cannot be understood."""
    return FileError("E-FILE-06", "the header of the volume is broken", cause=cause[:200], file=name)


def elsewhere(name: str, stated: str) -> FileError:
    """The error of voxels in another file."""
    cause = f"the header points to {stated[:60]!r}"
    return FileError("E-FILE-08", "the voxels lie elsewhere", cause=cause, remedy="Save it as one file.", file=name)


def needed(fields: Mapping[str, str], key: str, name: str) -> str:
    """The text of a field that must be there."""
    if key not in fields:
        raise broken(name, f"no field {key!r}")
    return fields[key]


def floats(text: str, count: int, name: str) -> list[float]:
    """So many numbers; they may be NaN, which the frame refuses."""
    try:
        found = [float(word) for word in text.split()]
    except ValueError as error:
        raise broken(name, f"{text!r} are not numbers") from error
    if len(found) != count:
        raise broken(name, f"{text!r} are not {count} numbers")
    return found


def integers(text: str, name: str) -> list[int]:
    """Whole numbers."""
    try:
        return [int(word) for word in text.split()]
    except ValueError as error:
        raise broken(name, f"{text!r} are not whole numbers") from error

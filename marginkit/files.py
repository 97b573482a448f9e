"""Files that can be trusted: regular, bounded, unchanged while read; written whole or not at all.

The surprising thing: opening a FIFO waits for ever, and a device or a socket has no end. So every file is opened
without blocking and asked what it is before a byte is read.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from marginkit.errors import CaseNameError, FileError, MarginError, SizeError

HEAD_BYTES = 4096
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EFBIG}
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_LITTER = re.compile(r"\._.*|\.DS_Store|Thumbs\.db|desktop\.ini|~\$.*|.*\.partial", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells that a file is still the same: size and time of last change."""

    size: int
    mtime_ns: int


def open_regular(path: str | Path) -> BinaryIO:
    """The file opened for reading. FileError E-FILE-01 unless it is a regular file with content.

    E-FILE-11 with the system's reason where it cannot be opened.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        handle = os.open(path, flags)
    except ValueError as error:
        raise FileError("E-FILE-01", "not a file name", cause="a NUL in it", file=_shown(path)) from error
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.EOPNOTSUPP):
            raise _not_regular("a socket or device", path) from error
        raise unreadable(path, error) from error
    try:
        _refuse_irregular(os.fstat(handle), path)
    except BaseException:
        os.close(handle)
        raise
    return open(path, "rb", opener=lambda *_: handle)


def _refuse_irregular(info: os.stat_result, path: str | Path) -> None:
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    if not stat.S_ISREG(info.st_mode):
        raise _not_regular(kinds.get(stat.S_IFMT(info.st_mode), "a device"), path)
    if info.st_size == 0:
        raise FileError("E-FILE-01", "the file is empty", cause="0 bytes", remedy="Copy it again.", file=_shown(path))


def _not_regular(what: str, path: str | Path) -> FileError:
    return FileError("E-FILE-01", "not a regular file", cause=what, remedy="Give an image file.", file=_shown(path))


def unreadable(path: str | Path, error: OSError) -> FileError:
    """The system's refusal as a FileError (E-FILE-11)."""
    reason = error.strerror or type(error).__name__
    return FileError("E-FILE-11", "the file cannot be read", cause=reason, file=_shown(path))


def _shown(path: str | Path) -> str:
    return os.path.basename(os.fspath(path).rstrip("/\\")) or str(path)


def without_folders(text: str, path: str | Path) -> str:
    """A library's message with the file's name where it gives the whole path."""
    for known in (Path(path), Path(path).resolve(), Path(path).parent, Path(path).resolve().parent):
        if len(known.parts) > 1:
            text = text.replace(str(known), Path(path).name)
    return text


def stamp(path: str | Path) -> Stamp:
    """Size and time of last change of a file."""
    try:
        info = os.stat(path)
    except OSError as error:
        raise unreadable(path, error) from error
    return Stamp(info.st_size, info.st_mtime_ns)


def still(path: str | Path, before: Stamp) -> None:
    """Nothing; FileError E-FILE-03 where the file is no longer what it was ``before``."""
    if stamp(path) != before:
        raise FileError(
            "E-FILE-03",
            "the file is still changing",
            cause="its size or time of change differs from when it was opened",
            remedy="Wait until the copy has finished.",
            file=_shown(path),
        )


@contextmanager
def unchanged(path: str | Path) -> Iterator[Stamp]:
    """The file's stamp; afterwards FileError E-FILE-03 where it changed in between."""
    before = stamp(path)
    yield before
    still(path, before)


def head(path: str | Path, count: int = HEAD_BYTES) -> bytes:
    """The first bytes of a regular file."""
    with open_regular(path) as stream:
        return _reading(path, stream, count)


def read_bounded(path: str | Path, limit_bytes: int) -> bytes:
    """The whole file; SizeError E-SIZE-01 above ``limit_bytes``, E-FILE-03 where it changes meanwhile."""
    with unchanged(path) as before, open_regular(path) as stream:
        if before.size > limit_bytes:
            raise SizeError(
                "E-SIZE-01", "file too large", cause=f"{before.size} bytes, limit {limit_bytes}", file=_shown(path)
            )
        return _reading(path, stream, limit_bytes + 1)


def _reading(path: str | Path, stream: BinaryIO, count: int) -> bytes:
    try:
        return stream.read(count)
    except OSError as error:
        raise unreadable(path, error) from error


def sha256(path: str | Path) -> str:
    """SHA-256 of a regular file, hexadecimal; E-FILE-03 where it changes meanwhile."""
    with unchanged(path), open_regular(path) as stream:
        total = hashlib.sha256()
        while block := _reading(path, stream, 1 << 20):
            total.update(block)
        return total.hexdigest()


def folder_sha256(folder: str | Path, limit_files: int = 1_000_000) -> str:
    """SHA-256 over the names and digests of every file under a folder, hexadecimal."""
    total = hashlib.sha256()
    base = os.fspath(folder)
    for name in _names(folder, limit_files):
        path = os.path.join(base, name)
        total.update(f"{name.replace(os.sep, '/')}\0".encode("utf-8", "surrogateescape"))
        if os.stat(path).st_size:
            total.update(sha256(path).encode())
    return total.hexdigest()


def inside(folder: str | Path, limit_files: int = 1_000_000) -> list[Path]:
    """Every file under a folder, sorted. FileError E-FILE-08 where a link leads out of it."""
    return [Path(folder, name) for name in _names(folder, limit_files)]


def _names(folder: str | Path, limit_files: int) -> list[str]:
    """The same, from the folder on. Text, not paths: a Zarr of a slide has tens of thousands of them."""
    root = Path(folder).resolve()
    found: list[str] = []
    todo = [""]
    while todo:
        at = todo.pop()
        try:
            entries = list(os.scandir(os.path.join(os.fspath(folder), at)))
        except PermissionError:
            continue
        for entry in entries:
            name = os.path.join(at, entry.name)
            linked = entry.is_symlink()
            if linked and not Path(entry.path).resolve().is_relative_to(root):
                raise FileError("E-FILE-08", "a link leads out of the folder", cause=entry.name, file=_shown(folder))
            if entry.is_file():
                found.append(name)
            elif not linked and entry.is_dir():
                todo.append(name)
        if len(found) > limit_files:
            raise SizeError("E-SIZE-01", "too many files", cause=f"more than {limit_files}", file=_shown(folder))
    return sorted(found, key=lambda name: name.split(os.sep))


def litter(name: str) -> bool:
    """Whether a name is what systems and editors leave behind (``._x.tif``, ``.DS_Store``, ``x.partial``).

    >>> litter("._slide.tif"), litter("slide.tif")
    (True, False)
    """
    return bool(_LITTER.fullmatch(name))


def safe_case_name(name: str) -> str:
    """The name, fit to be a file's or folder's name everywhere; CaseNameError E-NAME-01 otherwise.

    >>> safe_case_name("case 07")
    'case 07'
    """
    name = unicodedata.normalize("NFC", name)
    causes = {
        "it is empty": not name.strip(),
        "it is longer than 100 bytes": len(name.encode("utf-8", "replace")) > 100,
        'it holds one of / \\ : * ? " < > |': bool(re.search(r'[/\\:*?"<>|]', name)),
        "it holds a control character": any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for c in name),
        "it begins with . ~ - or a space": name.startswith((".", "~", "-", " ")),
        "it ends with a dot or a space": name.endswith((".", " ")),
        "Windows keeps it for a device": bool(_RESERVED.fullmatch(name)),
    }
    for cause, hit in causes.items():
        if hit:
            shown = name if len(name) <= 60 else f"{name[:60]}…"
            raise CaseNameError(
                "E-NAME-01", f"case name {shown!r} cannot be used", cause=cause, remedy="Rename the case."
            )
    return name


def make_folder(path: str | Path) -> Path:
    """The folder, made where it is not there yet. E-FILE-12 where that cannot be."""
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        cause = error.strerror or type(error).__name__
        raise FileError("E-FILE-12", "the folder cannot be made", cause=cause, file=folder) from error
    return folder


def commit(step: str) -> None:
    """Called before and after each step of writing; tests put a fault here."""


@contextmanager
def write_atomic(path: str | Path) -> Iterator[BinaryIO]:
    """A stream whose content becomes the file ``path`` when the block ends well; otherwise nothing changes.

    The temporary file lies in the same folder, is flushed to the disk, then renamed: a reader sees the old file or
    the new one. A link at ``path`` is replaced, not followed. A full disk: E-FILE-12.
    """
    target = Path(path)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        stream = _create(partial)
    except OSError as error:
        raise _unwritable(target, error) from error
    try:
        with stream:
            commit("created")
            yield stream
            commit("written")
            _settled(stream, target)
            commit("synced")
        os.replace(partial, target)
        commit("renamed")
        _sync_folder(target.parent)
    except MarginError:
        raise
    except OSError as error:
        if error.errno in FULL or error.filename in (os.fspath(partial), os.fspath(target)):
            raise _unwritable(target, error) from error
        raise
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def _settled(stream: BinaryIO, target: Path) -> None:
    """What was written, on the disk; a network's quota may speak up only here."""
    try:
        stream.flush()
        os.fsync(stream.fileno())
    except OSError as error:
        raise _unwritable(target, error) from error


def _create(partial: Path) -> BinaryIO:
    """A new file, after what a killed process of the same number may have left."""
    partial.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    return os.fdopen(os.open(partial, flags, 0o666), "wb")


def _sync_folder(folder: Path) -> None:
    """Make the rename last; systems that cannot open a folder do without."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _unwritable(target: Path, error: OSError) -> FileError:
    reason = error.strerror or type(error).__name__
    return FileError(
        "E-FILE-12",
        "the file cannot be written",
        cause=reason,
        remedy="Free space or choose another folder.",
        file=target,
    )

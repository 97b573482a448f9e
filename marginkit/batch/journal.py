"""The journal of a batch: one line a case with its checksum, durable before the case counts as done.

The surprising thing: lines stay on the disk. What is held in memory of ten thousand cases is where their lines begin.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from marginkit import files
from marginkit.errors import FileError, RunError

JOURNAL = "journal.jsonl"
SCHEMA, VERSION = "marginkit.journal", 1
Line = dict[str, Any]
LIMIT_BYTES = 64 << 20  # of one line


@dataclass(frozen=True, slots=True)
class Before:
    """What an earlier run left of a case: the key it had, and its files, relative to the folder."""

    key: str
    files: tuple[str, ...]


class Journal:
    """The lines of a folder. RunError E-RUN-02 where they are of a newer version."""

    def __init__(self, root: Path, *, resume: bool = True) -> None:
        self._path = root / JOURNAL
        swept(root)
        self._begins: dict[str, int] = {}
        self._index()
        self._resumable = set(self._begins) if resume else set()

    def _index(self) -> None:
        """Where each case's last line begins; a torn last line is cut off."""
        self._begins.clear()
        if not self._path.is_file():
            with files.write_atomic(self._path) as stream:
                stream.write(_text({"schema": SCHEMA, "version": VERSION}))
            return
        whole = 0
        with open(self._path, "rb") as stream:
            for text in stream:
                if not text.endswith(b"\n"):
                    break
                self._note(text, whole)
                whole += len(text)
        os.truncate(self._path, whole)

    def _note(self, text: bytes, begin: int) -> None:
        line = _checked(text) if begin else _header(text)
        if line is None:
            return
        if line.get("schema") == SCHEMA and line.get("version", VERSION) > VERSION:
            remedy = "Use that version, or another folder."
            cause = f"version {line['version']}, this one writes {VERSION}"
            raise RunError(
                "E-RUN-02", "the journal is of a newer marginkit", cause=cause, remedy=remedy, file=self._path
            )
        if {"case", "key", "status"} <= set(line):
            self._begins[str(line["case"])] = begin

    def __contains__(self, case: str) -> bool:
        return case in self._begins

    def line(self, case: str) -> Line:
        """The last line of a case."""
        with open(self._path, "rb") as stream:
            return self._read(stream, case)

    def lines(self, cases: Sequence[str]) -> Iterator[Line]:
        """The last lines of cases, one at a time."""
        with open(self._path, "rb") as stream:
            for case in cases:
                yield self._read(stream, case)

    def _read(self, stream: BinaryIO, case: str) -> Line:
        stream.seek(self._begins[case])
        line = _checked(stream.readline(LIMIT_BYTES))
        if line is None:
            remedy = "Run again: what cannot be read is measured anew."
            cause = "a line changed on the disk while the batch ran"
            raise FileError("E-FILE-06", "the journal is broken", cause=cause, remedy=remedy, file=self._path)
        return line

    def before(self, case: str) -> Before | None:
        """What an earlier run left of a case that it measured; a failed case is tried again."""
        if case not in self._resumable:
            return None
        line = self.line(case)
        return Before(line["key"], tuple(line["files"])) if line["status"] == "measured" else None

    @contextmanager
    def appending(self) -> Iterator[Callable[[Sequence[Mapping[str, Any]]], None]]:
        """A function that adds lines, durable when it returns; those that say ``same`` are there already."""
        with open(self._path, "ab") as stream:

            def append(lines: Sequence[Mapping[str, Any]]) -> None:
                new = [line for line in lines if not line.get("same")]
                texts = [_text(line) for line in new]
                if not texts:
                    return
                begin = stream.tell()
                try:
                    files.commit("journal")
                    stream.write(b"".join(texts))
                    stream.flush()
                    os.fsync(stream.fileno())
                    files.commit("journaled")
                except OSError as error:
                    cause = (
                        f"{error.strerror or type(error).__name__}; {sum(map(len, texts)):,} bytes were to be written"
                    )
                    remedy = "Free space and run again: what is done stays."
                    raise FileError(
                        "E-FILE-12", "the journal cannot be written", cause=cause, remedy=remedy, file=self._path
                    ) from error
                for line, text in zip(new, texts):
                    self._begins[line["case"]] = begin
                    begin += len(text)

            yield append

    def compact(self, cases: Sequence[str]) -> None:
        """Write the journal anew with the last line of these cases, in their order."""
        with files.write_atomic(self._path) as stream:
            stream.write(_text({"schema": SCHEMA, "version": VERSION}))
            for line in self.lines(cases):
                stream.write(_text(line))


def _text(line: Mapping[str, Any]) -> bytes:
    """A line with its checksum as the last member: it stays JSON for whoever reads it."""
    told = json.dumps(line, ensure_ascii=False, allow_nan=False).encode("utf-8", "surrogateescape")
    return told[:-1] + _check(told) + b"}\n"


def _check(told: bytes) -> bytes:
    return b', "crc32": "%08x"' % zlib.crc32(told)


def _checked(text: bytes) -> Line | None:
    """The line, without its checksum; None where a byte of it changed since it was written."""
    told, comma, _ = text.rpartition(b', "crc32": ')
    told += b"}"
    if not comma or told[:-1] + _check(told) + b"}\n" != text:
        return None
    line: Line = json.loads(told.decode("utf-8", "surrogateescape"))
    return line


def _header(text: bytes) -> Line | None:
    """The first line, unchecked: another version may check its lines in another way."""
    with suppress(ValueError, RecursionError):
        line = json.loads(text)
        return line if isinstance(line, dict) else None
    return None


def swept(root: Path) -> None:
    """Take away what a killed process left half written; nobody writes here now."""
    for folder in (root, *(root / "cases").glob("*")):
        for partial in folder.glob(".*.partial"):
            partial.unlink(missing_ok=True)

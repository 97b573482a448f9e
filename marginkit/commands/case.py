"""One case, measured, written and shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from marginkit.commands.terminal import print_json, print_table, progress, say

if TYPE_CHECKING:
    from marginkit.pipeline import Job
    from marginkit.records import Measured


def measured(job: Job) -> Measured:
    """The case, measured; MarginError where it cannot be."""
    from marginkit import pipeline
    from marginkit.records import Failed

    outcome = pipeline.run(job)
    if isinstance(outcome, Failed):
        raise outcome.error
    return outcome


def write(case: Measured, folder: Path) -> None:
    """Every report of a case, into a folder."""
    from marginkit import pipeline

    with progress(f"writing {folder.name}"):
        written = pipeline.write(case, folder)
    say(f"wrote {', '.join(file.name for file in written)} to {folder}")


def write_dicom_seg(case: Measured, image: str, folder: Path) -> None:
    """The regions of a case as DICOM SEG, into a folder."""
    from marginkit import segobjects

    written = segobjects.write(case, image, folder)
    say(f"wrote {', '.join(file.name for file in written)}: they name the patient as the images do")


def show(cases: list[Measured], as_json: bool) -> None:
    """The result on stdout, and what to bear in mind on stderr."""
    from marginkit import shelf

    if as_json:
        document: Callable[[Measured], Any] = shelf.get("reports", "json").document
        documents = [document(case) for case in cases]
        print_json(documents[0] if len(documents) == 1 else documents)
        return
    from marginkit import showing

    for case in cases:
        print_table(shelf.get("reports", "table").rich_table(case), showing.below(case))
        for warning in case.warnings:
            say(f"note: {warning}")

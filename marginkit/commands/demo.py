"""marginkit demo."""

from __future__ import annotations

from pathlib import Path

from marginkit.commands.case import measured, show, write
from marginkit.commands.terminal import progress
from marginkit.commands.words import Json, Out

EPILOG = "Example: marginkit demo --out demo-out"


def demo(out: Out = Path("demo-out"), as_json: Json = False) -> None:
    """Measure the bundled samples; write pictures and results."""
    from marginkit import samples

    cases = []
    for job in samples.jobs():
        with progress(f"measuring {job.name}"):
            case = measured(job)
        if out is not None:
            write(case, out / case.case)
        cases.append(case)
    show(cases, as_json)

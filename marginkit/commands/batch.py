"""marginkit batch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from marginkit.commands.terminal import counting, print_json, print_table, say
from marginkit.commands.words import COULD_NOT, SOME_FAILED, STATES, Json, PixelSize, one_of

EPILOG = "Example: marginkit batch cohort.csv --out results   (columns: image,tumor,specimen,...)"


def batch(
    cohort: Annotated[str, typer.Argument(metavar="COHORT", help="CSV (columns as of measure), folder or glob.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Results go here; run again to resume.")],
    tumor: Annotated[str, typer.Option("--tumor", metavar="SRC", help="May hold {stem} and {folder}.")] = "",
    signal: Annotated[str, typer.Option("--signal", metavar="SRC", help="Instead of the tumor.")] = "",
    specimen: Annotated[str, typer.Option("--specimen", metavar="SRC", help="Where a row says none.")] = "",
    pixel_size: PixelSize = None,
    policy: Annotated[list[str] | None, typer.Option("--policy", metavar="ID", help="Repeatable.")] = None,
    radiotherapy: Annotated[
        str, typer.Option("--radiotherapy", metavar="WORD", help="yes, no or unknown.")
    ] = "unknown",
    state: Annotated[str | None, typer.Option("--state", metavar="STATE", help="fresh, fixed, slide, in-vivo.")] = None,
    refine: Annotated[
        str, typer.Option("--refine", metavar="SIZE", help="Segment on such pixels (16um), finer near closest pairs.")
    ] = "",
    workers: Annotated[int, typer.Option("--workers", metavar="N", help="Processes; 0: one a core.")] = 0,
    scheduler: Annotated[
        str, typer.Option("--scheduler", metavar="ADDRESS", help="A running Dask scheduler: tcp://host:8786.")
    ] = "",
    memory_gb: Annotated[
        float, typer.Option("--memory-gb", metavar="GB", help="All workers together; 0: 80 % of the machine.")
    ] = 0.0,
    case_minutes: Annotated[
        float, typer.Option("--case-minutes", metavar="MIN", min=0, help="A case that takes longer fails; 0: never.")
    ] = 60.0,
    resume: Annotated[bool, typer.Option("--resume/--no-resume", help="Take over what is done and unchanged.")] = True,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Also where the folder holds other results.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the cohort and stop.")] = False,
    as_json: Json = False,
) -> None:
    """Measure many cases; a bad one costs itself only.

    Exit code 3 where cases failed: results.csv has their reason.
    """
    from marginkit import batch as engine
    from marginkit import cohort as cohorts
    from marginkit import showing
    from marginkit.pipeline import Job

    yes_no = one_of(radiotherapy, ("yes", "no", "unknown"), "--radiotherapy")
    defaults = Job(
        image="",
        specimen=specimen,
        tumor=tumor,
        signal=signal,
        pixel_size=pixel_size,
        policies=tuple(policy or ()),
        radiotherapy={"yes": True, "no": False}.get(yes_no),
        state=one_of(state, STATES, "--state"),
        refine=refine,
    )
    jobs = cohorts.read(cohort, defaults)
    if dry_run:
        say(f"{len(jobs)} cases, nothing wrong with the cohort")
        return
    with counting(len(jobs)) as tell:
        report = engine.run(
            jobs,
            out,
            workers=workers,
            scheduler=scheduler,
            resume=resume,
            overwrite=overwrite,
            memory_bytes=int(memory_gb * 1e9),
            case_minutes=case_minutes,
            tell=tell,
            note=say,
        )
    if as_json:
        done = {"cases": report.cases, "resumed": report.resumed, "failed": report.failed, "out": str(out)}
        print_json({**done, "counts": report.counts, "written": list(report.written)})
    else:
        print_table(showing.table(("cases", "of what"), [(n, what) for what, n in report.counts.items()], "cohort"))
    for text in report.notes:
        say(f"note: {text}")
    cases = "1 case" if report.cases == 1 else f"{report.cases} cases"
    say(f"{cases}, {report.resumed} taken over, {report.failed} failed: {out / report.written[0]}")
    if report.failed:
        raise typer.Exit(COULD_NOT if report.failed == report.cases else SOME_FAILED)

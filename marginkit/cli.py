"""Words in, exit code out. 0 done, 1 could not (one line says why), 2 wrong usage.

The surprising thing: nothing is imported at the top that is not needed for ``--help``; each command loads what it uses.
Tables and JSON go to stdout, progress and messages to stderr.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO, cast

import typer

from marginkit.errors import MarginError, UsageError, plain

if TYPE_CHECKING:
    from rich.table import Table

    from marginkit.pipeline import Job
    from marginkit.records import Measured

DONE, COULD_NOT, WRONG_USAGE, SOME_FAILED, INTERRUPTED = 0, 1, 2, 3, 130
DEBUG = "MARGINKIT_DEBUG"
STATES = ("fresh", "fixed", "slide", "in-vivo")

app = typer.Typer(
    name="marginkit",
    help="Surgical margins in millimetres, with their source. Research use only.",
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
Json = Annotated[bool, typer.Option("--json", help="JSON alone on stdout.")]
Out = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Write result files into this folder.")]
PixelSize = Annotated[
    str | None, typer.Option("--pixel-size", metavar="SIZE", help="0.5um, or one an axis: 5mm,0.1mm,0.1mm.")
]
Confirm = Annotated[bool, typer.Option("--confirm-pixel-size", help="Vouch for a pixel size that looks wrong.")]
Axes = Annotated[str | None, typer.Option("--axes", metavar="AXES", help="True axes of the image, e.g. ZYX.")]


def main() -> None:
    """Run the command line and leave with its exit code; whatever goes wrong is one line on stderr."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a console that lacks a letter is no reason to stop
    warnings.showwarning = _noted
    sys.exit(code_of(sys.argv[1:]))


def code_of(words: list[str]) -> int:
    """The exit code of the command line; a problem becomes one line on stderr, never a traceback."""
    try:
        found = app(words, standalone_mode=False)
        return found if isinstance(found, int) else DONE
    except MarginError as error:
        return _said(str(error), WRONG_USAGE if isinstance(error, UsageError) else COULD_NOT)
    except (KeyboardInterrupt, typer.Abort):
        return _said("stopped", INTERRUPTED)
    except MemoryError:
        return _said("not enough memory (E-SIZE-02). Choose a coarser level or one slice.", COULD_NOT)
    except Exception as error:
        if hasattr(error, "show") and hasattr(error, "exit_code"):  # wrong usage, in typer's words
            error.show()
            return int(error.exit_code)
        return _fault(error)


def _fault(error: Exception) -> int:
    """A fault of marginkit itself, on one line; the whole of it where the environment asks for it."""
    if os.environ.get(DEBUG):
        raise error
    words = error.strerror or "" if isinstance(error, OSError) else str(error)
    told = f"{type(error).__name__}{f': {words}' if words else ''}"
    return _said(f"internal error (E-BUG-01): {told}. Please report it; {DEBUG}=1 shows where.", COULD_NOT)


def _said(text: str, code: int) -> int:
    say(f"marginkit: {text}")
    return code


def _noted(message: Warning | str, *_: Any, **__: Any) -> None:
    """A warning of Python on one line, without the place in the code."""
    say(f"note: {message}")


def say(text: str) -> None:
    """A line on stderr."""
    _put(sys.stderr, plain(text) + "\n")


def _put(stream: TextIO, text: str) -> None:
    """Write, unless the reader at the other end has gone: that changes no result."""
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        _hush(stream)


def _hush(stream: TextIO) -> None:
    """Send what follows nowhere, so that Python's last flush does not complain either."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


@contextmanager
def progress(text: str) -> Iterator[None]:
    """Show on stderr that something is going on, where somebody looks."""
    if not sys.stderr.isatty():
        say(text)
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(plain(text)):
        yield


def print_json(document: Any) -> None:
    """One JSON document on stdout, in ASCII so that every console and every parser reads it."""
    _put(sys.stdout, json.dumps(document, allow_nan=False, indent=1) + "\n")


def print_table(table: Table, below: list[str] | None = None) -> None:
    """A table on stdout, as wide as the terminal, or wide enough to lose nothing in a pipe; then lines below it."""
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    with console.capture() as words:
        console.print(table)
        for line in below or []:
            console.print(plain(line), markup=False)
    _put(sys.stdout, "".join(f"{line.rstrip()}\n" for line in words.get().splitlines()))


@app.command(epilog="Example: marginkit demo --out demo-out")
def demo(out: Out = Path("demo-out"), as_json: Json = False) -> None:
    """Measure the bundled samples; write pictures and results."""
    from marginkit import samples

    cases = []
    for job in samples.jobs():
        with progress(f"measuring {job.name}"):
            case = _measured(job)
        if out is not None:
            _write(case, out / case.case)
        cases.append(case)
    _show(cases, as_json)


@app.command(epilog="Example: marginkit info slide.svs")
def info(
    image: Annotated[str, typer.Argument(metavar="IMAGE", help="Image file, DICOM folder or OME-Zarr.")],
    pixel_size: PixelSize = None,
    confirm: Confirm = False,
    axes: Axes = None,
    as_json: Json = False,
) -> None:
    """Show what an image is, and its pixel size with its source."""
    from marginkit import opening, showing

    picture = opening.open(image, pixel_size=pixel_size, confirm=confirm, axes=axes)
    if as_json:
        print_json(showing.picture(picture))
    else:
        print_table(showing.picture_table(picture))


@app.command(
    epilog="Example: marginkit measure ct.nii.gz --tumor gtv.nii.gz --specimen threshold:above=-300,largest=yes"
    " --policy sarcoma-cates-2019 --radiotherapy no --out case7"
)
def measure(
    image: Annotated[str, typer.Argument(metavar="IMAGE", help="The image that gives the pixel size.")],
    specimen: Annotated[str, typer.Option("--specimen", metavar="SRC", help="The tissue that was removed.")],
    tumor: Annotated[str, typer.Option("--tumor", metavar="SRC", help="The tumor.")] = "",
    signal: Annotated[str, typer.Option("--signal", metavar="SRC", help="Fluorescent signal, instead.")] = "",
    edge: Annotated[
        list[str] | None, typer.Option("--edge", metavar="SRC", help="The cut edge, or CLASS=SRC; repeatable.")
    ] = None,
    name: Annotated[
        list[str] | None, typer.Option("--name", metavar="NAME=SRC", help="A named margin; repeatable.")
    ] = None,
    sectors: Annotated[
        str, typer.Option("--sectors", metavar="MAP", help="Margins by direction: up=superior,right=lateral.")
    ] = "",
    barrier: Annotated[
        list[str] | None, typer.Option("--barrier", metavar="TYPE=SRC", help="A barrier; repeatable.")
    ] = None,
    pixel_size: PixelSize = None,
    confirm: Confirm = False,
    axes: Axes = None,
    state: Annotated[
        str | None, typer.Option("--state", metavar="STATE", help="fresh, fixed, slide or in-vivo.")
    ] = None,
    policy: Annotated[list[str] | None, typer.Option("--policy", metavar="ID", help="Judge by it; repeatable.")] = None,
    radiotherapy: Annotated[
        str, typer.Option("--radiotherapy", metavar="WORD", help="Adjuvant: yes, no or unknown.")
    ] = "unknown",
    limits: Annotated[
        str, typer.Option("--limits", metavar="MM,MM", help="Report the edge nearer than these.")
    ] = "1,5",
    plane: Annotated[int | None, typer.Option("--slice", metavar="N", help="One slice of a stack, from 0.")] = None,
    boundary: Annotated[
        str, typer.Option("--boundary", metavar="WORD", help="Of masks: pixels, or contour (smoothed).")
    ] = "pixels",
    holes: Annotated[
        str, typer.Option("--holes", metavar="WORD", help="ignore them, or count them as cut.")
    ] = "ignore",
    link_mm: Annotated[float, typer.Option("--link-mm", metavar="MM", help="Foci so near count as one.")] = 0.0,
    shift_mm: Annotated[
        float, typer.Option("--boundary-shift-mm", metavar="MM", help="How far the tumor's boundary may be off.")
    ] = 0.0,
    case: Annotated[str, typer.Option("--case", metavar="NAME", help="Name of the case; else that of IMAGE.")] = "",
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Measure one case, judge it, write pictures and results.

    SRC is a mask, probability or label file (FILE#label=2), an outline file (FILE#Class), or a segmenter with its
    options (NAME:key=value,key=value).
    """
    from marginkit.pipeline import Job

    job = Job(
        image=image,
        specimen=specimen,
        tumor=tumor,
        signal=signal,
        edge=",".join(edge or ()),
        names=_pairs(name, "--name"),
        sectors=sectors,
        barriers=_pairs(barrier, "--barrier", "barrier"),
        pixel_size=pixel_size,
        confirm=confirm,
        axes=axes,
        state=_one_of(state, STATES, "--state"),
        policies=tuple(policy or ()),
        radiotherapy={"yes": True, "no": False}.get(_one_of(radiotherapy, ("yes", "no", "unknown"), "--radiotherapy")),
        limits_mm=_limits(limits),
        plane=plane,
        boundary=_one_of(boundary, ("pixels", "contour"), "--boundary"),
        holes=_one_of(holes, ("ignore", "cut"), "--holes"),
        link_mm=_not_negative(link_mm, "--link-mm"),
        boundary_shift_mm=_not_negative(shift_mm, "--boundary-shift-mm"),
        case=case,
    )
    with progress(f"measuring {job.name}"):
        measured = _measured(job)
    if out is not None:
        _write(measured, out)
    _show([measured], as_json)


@app.command(epilog="Example: marginkit batch cohort.csv --out results   (columns: image,tumor,specimen,...)")
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
    workers: Annotated[int, typer.Option("--workers", metavar="N", help="Processes; 0: one a core.")] = 0,
    resume: Annotated[bool, typer.Option("--resume/--no-resume", help="Take over what is done and unchanged.")] = True,
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

    yes_no = _one_of(radiotherapy, ("yes", "no", "unknown"), "--radiotherapy")
    defaults = Job(
        image="",
        specimen=specimen,
        tumor=tumor,
        signal=signal,
        pixel_size=pixel_size,
        policies=tuple(policy or ()),
        radiotherapy={"yes": True, "no": False}.get(yes_no),
        state=_one_of(state, STATES, "--state"),
    )
    jobs = cohorts.read(cohort, defaults)
    if dry_run:
        say(f"{len(jobs)} cases, nothing wrong with the cohort")
        return
    with counting(len(jobs)) as tell:
        report = engine.run(jobs, out, workers=workers, resume=resume, tell=tell)
    if as_json:
        done = {"cases": report.cases, "resumed": report.resumed, "failed": report.failed, "out": str(out)}
        print_json({**done, "counts": dict(report.counts)})
    else:
        print_table(showing.table(("cases", "of what"), [(n, what) for what, n in report.counts.items()], "cohort"))
    say(f"{report.cases} cases, {report.resumed} taken over, {report.failed} failed: {out / engine.RESULTS}")
    if report.failed:
        raise typer.Exit(SOME_FAILED)


@contextmanager
def counting(total: int) -> Iterator[Callable[[int, int], None]]:
    """Show on stderr how far a batch is, with time left, where somebody looks."""
    if not sys.stderr.isatty():
        yield lambda done, count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    with Progress(BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task("cases", total=total)
        yield lambda done, count: bar.update(task, completed=done, total=count)


def _pairs(texts: list[str] | None, option: str, bare: str = "") -> dict[str, str]:
    """Word to source, of ``WORD=SRC``; the word ``bare`` where only a source is given and that makes sense."""
    from marginkit.sources import pair

    found: dict[str, str] = {}
    for text in texts or []:
        word, source = pair(text)
        if not (word or bare):
            raise typer.BadParameter(f"{text!r}: write WORD=SRC", param_hint=option)
        if (word or bare) in found:
            raise typer.BadParameter(f"{word or bare!r} is given twice", param_hint=option)
        found[word or bare] = source
    return found


def _one_of(value: str | None, allowed: tuple[str, ...], option: str) -> Any:
    if value is not None and value not in allowed:
        raise typer.BadParameter(f"{value!r} is none of {', '.join(allowed)}", param_hint=option)
    return value


def _not_negative(value_mm: float, option: str) -> float:
    if not 0 <= value_mm < 1e6:
        raise typer.BadParameter(f"{value_mm:g} is no length in mm", param_hint=option)
    return value_mm


def _limits(text: str) -> tuple[float, ...]:
    try:
        values = tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError:
        values = (-1.0,)
    if any(not 0 < value < 1e6 for value in values):
        raise typer.BadParameter(f"{text!r}: write millimetres with commas between, 1,5", param_hint="--limits")
    return values


def _measured(job: Job) -> Measured:
    from marginkit import pipeline
    from marginkit.records import Failed

    outcome = pipeline.run(job)
    if isinstance(outcome, Failed):
        raise outcome.error
    return outcome


def _write(case: Measured, folder: Path) -> None:
    """Every report of a case, into a folder."""
    from marginkit import pipeline

    with progress(f"writing {folder.name}"):
        written = pipeline.write(case, folder)
    say(f"wrote {', '.join(file.name for file in written)} to {folder}")


def _show(cases: list[Measured], as_json: bool) -> None:
    """The result on stdout, and what to bear in mind on stderr."""
    from marginkit import shelf, showing

    if as_json:
        document: Callable[[Measured], Any] = shelf.get("reports", "json").document
        documents = [document(case) for case in cases]
        print_json(documents[0] if len(documents) == 1 else documents)
        return
    for case in cases:
        print_table(shelf.get("reports", "table").rich_table(case), showing.below(case))
        for warning in case.warnings:
            say(f"note: {warning}")


@app.command(epilog="Example: marginkit policies sarcoma-cates-2019")
def policies(
    policy: Annotated[str | None, typer.Argument(metavar="[ID]", help="Show one in full.")] = None,
    folder: Annotated[str | None, typer.Option("--folder", metavar="DIR", help="More policies, as TOML files.")] = None,
    as_json: Json = False,
) -> None:
    """List the published rules, or show one in full."""
    from marginkit import judging, showing

    if policy is not None:
        one = showing.policy(judging.find(policy, folder))
        if as_json:
            print_json(one)
        else:
            print_table(showing.policy_table(one))
        return
    told = [showing.policy(one) for one in judging.policies(folder).values()]
    if as_json:
        print_json(told)
    else:
        print_table(showing.policies_table(told))


@app.command(epilog="Example: marginkit selftest")
def selftest(as_json: Json = False) -> None:
    """Measure phantoms whose answer is known."""
    from marginkit import phantoms, showing
    from marginkit.measuring import measure as measure_

    with progress("measuring phantoms"):
        told = [showing.phantom(row) for row in phantoms.selftest(cast(phantoms.Measure, measure_))]
    if as_json:
        print_json(told)
    else:
        print_table(showing.phantoms_table(told))
    if not all(row["ok"] for row in told):
        say("marginkit: a phantom was measured wrong; do not use this installation")
        raise typer.Exit(COULD_NOT)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Show the version and stop.")] = False,
) -> None:
    if version:
        from marginkit import __version__

        _put(sys.stdout, f"marginkit {__version__}\n")
        raise typer.Exit

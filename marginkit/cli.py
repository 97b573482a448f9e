"""Words in, exit code out. 0 done, 1 could not (one line says why), 2 wrong usage.

The surprising thing: nothing is imported at the top that is not needed for ``--help``; each command loads what it uses.
Tables and JSON go to stdout, progress and messages to stderr.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from marginkit.errors import MarginError, plain

if TYPE_CHECKING:
    from rich.table import Table

    from marginkit.phantoms import Row
    from marginkit.pipeline import Job
    from marginkit.records import Measured, Picture

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
    str | None, typer.Option("--pixel-size", metavar="SIZE", help="0.5um, or one a axis: 5mm,0.1mm,0.1mm.")
]
Confirm = Annotated[bool, typer.Option("--confirm-pixel-size", help="Vouch for a pixel size that looks wrong.")]


def main() -> None:
    """Run the command line; a problem that a user can act on becomes one line and exit code 1."""
    try:
        app(standalone_mode=True)
    except MarginError as error:
        say(f"marginkit: {error}")
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(1)


def say(text: str) -> None:
    """A line on stderr."""
    print(plain(text), file=sys.stderr, flush=True)


@contextmanager
def progress(text: str) -> Iterator[None]:
    """Show on stderr that something is going on, where somebody looks."""
    if not sys.stderr.isatty():
        say(text)
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(text):
        yield


def print_json(document: Any) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1) + "\n")


def print_table(table: Table) -> None:
    """A table on stdout, as wide as the terminal, or wide enough to lose nothing in a pipe."""
    from rich.console import Console

    Console(width=None if sys.stdout.isatty() else 160, highlight=False).print(table)


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
    if out is not None:
        say(f"wrote {out}: overlay.png, result.json, margins.csv and margins.geojson of each case")


@app.command(epilog="Example: marginkit info slide.svs")
def info(
    image: Annotated[str, typer.Argument(metavar="IMAGE", help="Image file, DICOM folder or OME-Zarr.")],
    pixel_size: PixelSize = None,
    confirm: Confirm = False,
    as_json: Json = False,
) -> None:
    """Show what an image is, and its pixel size with its source."""
    from marginkit import opening

    picture = opening.open(image, pixel_size=pixel_size, confirm=confirm)
    if as_json:
        print_json(_described(picture))
    else:
        print_table(_info_table(picture))


def _described(picture: Picture) -> dict[str, Any]:
    taken = picture.calibration
    return {
        "name": picture.name,
        "format": picture.format,
        "axes": picture.axes,
        "shape": list(picture.shape),
        "levels": [{"shape": list(lv.shape), "downsample": list(lv.downsample)} for lv in picture.levels],
        "dtype": str(picture.dtype),
        "channels": list(picture.channels),
        "spacing_mm": None if taken is None else list(taken.spacing_mm),
        "calibration": None if taken is None else {"source": taken.source, "detail": taken.detail},
        "claims": [
            {
                "source": claim.source,
                "spacing_mm": None if claim.spacing_mm is None else list(claim.spacing_mm),
                "detail": claim.detail,
                "problem": claim.problem,
                "taken": taken is not None and claim.source == taken.source and claim.spacing_mm == taken.spacing_mm,
            }
            for claim in picture.claims
        ],
        "refusal": None if picture.refusal is None else str(picture.refusal),
        "warnings": list(picture.warnings),
    }


def _info_table(picture: Picture) -> Table:
    from rich.table import Table

    told = _described(picture)
    table = Table(title=plain(picture.name), show_header=False, title_justify="left")
    table.add_row("format", picture.format)
    table.add_row("axes", f"{picture.axes}  {' x '.join(map(str, picture.shape))}  {picture.dtype}")
    table.add_row("levels", "\n".join(" x ".join(map(str, level["shape"])) for level in told["levels"]))
    table.add_row("channels", plain(", ".join(picture.channels)) or "-")
    spacing = told["spacing_mm"]
    table.add_row("pixel size", "not known" if spacing is None else " x ".join(f"{s:g}" for s in spacing) + " mm")
    table.add_row("taken from", "-" if picture.calibration is None else plain(picture.calibration.source))
    for claim in told["claims"]:
        size = "" if claim["spacing_mm"] is None else " x ".join(f"{s:g}" for s in claim["spacing_mm"]) + " mm  "
        mark = "taken" if claim["taken"] else "claim"
        table.add_row(mark, plain(f"{claim['source']}: {size}{claim['detail']}  {claim['problem']}".rstrip()))
    if picture.refusal is not None:
        table.add_row("refused", str(picture.refusal))
    for warning in picture.warnings:
        table.add_row("note", plain(warning))
    return table


@app.command(epilog="Example: marginkit measure ct.nii.gz --tumor mask.nii.gz --specimen threshold:above=-300,fill=yes")
def measure(
    image: Annotated[str, typer.Argument(metavar="IMAGE", help="The image that gives the pixel size.")],
    specimen: Annotated[str, typer.Option("--specimen", metavar="SRC", help="The tissue that was removed.")],
    tumor: Annotated[str, typer.Option("--tumor", metavar="SRC", help="The tumor.")] = "",
    signal: Annotated[str, typer.Option("--signal", metavar="SRC", help="Fluorescent signal, instead.")] = "",
    edge: Annotated[str, typer.Option("--edge", metavar="SRC", help="Cut edge, or CLASS=SRC,CLASS=SRC.")] = "",
    name: Annotated[list[str] | None, typer.Option("--name", metavar="NAME=SRC", help="A named margin.")] = None,
    barrier: Annotated[list[str] | None, typer.Option("--barrier", metavar="TYPE=SRC", help="A barrier.")] = None,
    pixel_size: PixelSize = None,
    confirm: Confirm = False,
    axes: Annotated[str | None, typer.Option("--axes", help="True axes of the image, e.g. ZYX.")] = None,
    state: Annotated[str | None, typer.Option("--state", metavar="fresh|fixed|slide|in-vivo")] = None,
    policy: Annotated[list[str] | None, typer.Option("--policy", metavar="ID", help="Judge by it; repeatable.")] = None,
    radiotherapy: Annotated[str, typer.Option("--radiotherapy", metavar="yes|no|unknown")] = "unknown",
    limits: Annotated[str, typer.Option("--limits", help="Report the edge nearer than these, mm.")] = "1,5",
    plane: Annotated[int | None, typer.Option("--slice", metavar="N", help="One slice of a stack, from 0.")] = None,
    boundary: Annotated[str, typer.Option("--boundary", metavar="pixels|contour")] = "pixels",
    holes: Annotated[str, typer.Option("--holes", metavar="ignore|cut")] = "ignore",
    link_mm: Annotated[float, typer.Option("--link-mm", help="Foci so near count as one.")] = 0.0,
    case: Annotated[str, typer.Option("--case", help="Name of the case.")] = "",
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Measure one case, judge it, write pictures and results.

    SRC is a mask, probability or label file (FILE#label=2), an outline file (FILE#Class), or NAME:key=value,...
    """
    from marginkit.pipeline import Job

    job = Job(
        image=image,
        specimen=specimen,
        tumor=tumor,
        signal=signal,
        edge=edge,
        names=_pairs(name, "--name"),
        barriers=_pairs(barrier, "--barrier"),
        pixel_size=pixel_size,
        confirm=confirm,
        axes=axes,
        state=_one_of(state, ("fresh", "fixed", "slide", "in-vivo"), "--state"),
        policies=tuple(policy or ()),
        radiotherapy={"yes": True, "no": False, "unknown": None}[
            _one_of(radiotherapy, ("yes", "no", "unknown"), "--radiotherapy")
        ],
        limits_mm=_limits(limits),
        plane=plane,
        boundary=_one_of(boundary, ("pixels", "contour"), "--boundary"),
        holes=_one_of(holes, ("ignore", "cut"), "--holes"),
        link_mm=link_mm,
        case=case,
    )
    with progress(f"measuring {job.name}"):
        measured = _measured(job)
    if out is not None:
        _write(measured, out)
    _show([measured], as_json)


def _pairs(texts: list[str] | None, option: str) -> dict[str, str]:
    found = {}
    for text in texts or []:
        name, equals, source = text.partition("=")
        if not equals or not name or not source:
            raise typer.BadParameter(f"{text!r}: write NAME=SRC", param_hint=option)
        if name in found:
            raise typer.BadParameter(f"{name!r} is given twice", param_hint=option)
        found[name] = source
    return found


def _one_of(value: str | None, allowed: tuple[str, ...], option: str) -> Any:
    if value is not None and value not in allowed:
        raise typer.BadParameter(f"{value!r} is none of {', '.join(allowed)}", param_hint=option)
    return value


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
    """Every report of a case into a folder, each file whole or not at all."""
    from marginkit import files, shelf

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        from marginkit.errors import FileError

        raise FileError("E-FILE-11", "folder cannot be made", cause=str(error.strerror), file=folder) from error
    with progress(f"writing {folder.name}"):
        for writer in shelf.load("reports").values():
            with files.write_atomic(folder / writer.FILE) as stream:
                writer.write(case, stream)


def _show(cases: list[Measured], as_json: bool) -> None:
    from marginkit import shelf

    if as_json:
        document: Callable[[Measured], Any] = shelf.get("reports", "json").document
        documents = [document(case) for case in cases]
        print_json(documents[0] if len(documents) == 1 else documents)
        return
    for case in cases:
        print_table(shelf.get("reports", "table").rich_table(case))


@app.command(epilog="Example: marginkit policies sarcoma-cates-2019")
def policies(
    policy: Annotated[str | None, typer.Argument(metavar="[ID]", help="Show one in full.")] = None,
    folder: Annotated[str | None, typer.Option("--folder", help="More policies, as TOML files.")] = None,
    as_json: Json = False,
) -> None:
    """List the published rules, or show one in full."""
    from marginkit import judging

    found = judging.policies(folder) if policy is None else {policy: judging.find(policy, folder)}
    told = [_policy(one) for one in found.values()]
    if as_json:
        print_json(told if policy is None else told[0])
        return
    from rich.table import Table

    table = Table(title="policies", title_justify="left")
    for column in ("id", "rule", "source") if policy is None else ("", ""):
        table.add_column(column)
    for one in told:
        if policy is None:
            table.add_row(one["id"], one["title"], one["citation"])
        else:
            for key, value in one.items():
                text = "\n".join(map(str, value)) if isinstance(value, list) else str(value)
                table.add_row(key, plain(text) if "\n" not in text else text)
    print_table(table)


def _policy(policy: Any) -> dict[str, Any]:
    levels = []
    for level in policy.levels:
        when = ", ".join(f"{name} {'yes' if value else 'no'}" for name, value in level.when.items())
        levels.append(f"{level.label}: {level.rule} mm{f' ({when})' if when else ''}")
    return {
        "id": policy.id,
        "title": policy.title,
        "citation": policy.citation,
        "note": policy.note,
        "reference": policy.reference,
        "organ": policy.organ,
        "histology": policy.histology,
        "states": list(policy.states),
        "needs": list(policy.needs),
        "levels": levels,
    }


@app.command(epilog="Example: marginkit selftest")
def selftest(as_json: Json = False) -> None:
    """Measure phantoms whose answer is known."""
    from marginkit import phantoms
    from marginkit.measuring import measure as measure_

    with progress("measuring phantoms"):
        rows = phantoms.selftest(cast(phantoms.Measure, measure_))
    if as_json:
        keys = ("name", "kind", "truth_mm", "measured_mm", "error_mm", "tolerance_mm", "ok")
        print_json([{key: getattr(row, key) for key in keys} for row in rows])
    else:
        print_table(_phantom_table(rows))
    if not all(row.ok for row in rows):
        say("marginkit: a phantom was measured wrong; do not use this installation")
        raise typer.Exit(1)


def _phantom_table(rows: list[Row]) -> Table:
    from rich.table import Table

    table = Table(title="phantoms", title_justify="left")
    for column in ("phantom", "made of", "truth mm", "measured mm", "error mm", "allowed mm", ""):
        table.add_column(column)
    for row in rows:
        numbers = (row.truth_mm, row.measured_mm, row.error_mm, row.tolerance_mm)
        shown = ["-" if number is None else f"{round(number, 12):.6g}" for number in numbers]
        table.add_row(row.name, row.kind, *shown, "ok" if row.ok else "WRONG")
    return table


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Show the version and stop.")] = False,
) -> None:
    if version:
        from marginkit import __version__

        print(f"marginkit {__version__}")
        raise typer.Exit

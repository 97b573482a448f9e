"""marginkit segment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from marginkit.commands.terminal import print_json, print_table, progress, say
from marginkit.commands.words import Axes, Confirm, Json, PixelSize, one_of

if TYPE_CHECKING:
    from marginkit.segmenting import Found

EPILOG = "Example: marginkit segment slide.svs --what tissue --method specimen:ground=glass --out tissue.ome.tif"
WHAT = ("tissue", "tumor", "ink", "signal")


def segment(
    image: Annotated[str, typer.Argument(metavar="IMAGE", help="The image.")],
    what: Annotated[str, typer.Option("--what", metavar="WORD", help="tissue, tumor, ink or signal.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help=".ome.tif or .geojson.")],
    method: Annotated[
        str,
        typer.Option(
            "--method",
            metavar="NAME",
            help="A segmenter, with options: NAME:key=value,key=value; or a file: FILE#CLASS.",
        ),
    ] = "",
    classes: Annotated[
        str, typer.Option("--classes", metavar="A,B", help="Of a file: these become labels 1, 2, ...")
    ] = "",
    pixel_size: PixelSize = None,
    confirm: Confirm = False,
    axes: Axes = None,
    as_json: Json = False,
) -> None:
    """Find tissue, tumor, ink or signal; write masks or outlines. A file as method turns one into the other.

    Without a pixel size it works in pixels, and says so.
    """
    from marginkit import opening, saving, segmenting

    one_of(what, WHAT, "--what")
    parts = tuple(word.strip() for word in classes.split(",") if word.strip())
    chosen = segmenting.from_file(method, parts) or segmenting.choose(what, method)
    picture = opening.open(image, pixel_size=pixel_size, confirm=confirm, axes=axes)
    with progress(f"looking for {what} in {picture.name}"):
        found = segmenting.classes(picture, chosen, what)
    kept = saving.as_kept(out, found.regions, picture)
    saving.save(out, kept, picture)
    if picture.spacing_mm is None:
        say(f"note: {picture.refusal or 'pixel size missing'} Areas are in pixels.")
    for sentence in (*found.warnings, *saving.shared(out, kept)):
        say(f"note: {sentence}")
    told = {
        "what": what,
        "method": chosen.name,
        "options": chosen.told(),
        "out": str(out),
        "maker": found.maker,
        "classes": {name: {**saving.sizes(region, picture), **found.lengths(name)} for name, region in kept.items()},
    }
    if as_json:
        print_json(told)
        return
    _show(told, found)


def _show(told: dict[str, Any], found: Found) -> None:
    from marginkit import showing

    rows = [[name, *map(_cell, one.values())] for name, one in told["classes"].items()]
    columns = next(iter(told["classes"].values()))
    print_table(showing.table((told["what"], *columns), rows, told["maker"]), [f"wrote {Path(told['out']).name}"])


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"

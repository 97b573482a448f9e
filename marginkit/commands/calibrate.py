"""marginkit calibrate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from marginkit.commands.terminal import print_json, print_table, progress, say
from marginkit.commands.words import Json

if TYPE_CHECKING:
    from marginkit.rulers.scale import Scale

EPILOG = "Example: marginkit calibrate photo.jpg --tick 1mm --out found.png"


def calibrate(
    photo: Annotated[str, typer.Argument(metavar="PHOTO", help="Photograph with a ruler, scale bar or marker.")],
    tick: Annotated[
        str, typer.Option("--tick", metavar="SIZE", help="Distance of neighbouring ticks, if not evident: 1mm, 1/16in.")
    ] = "",
    ruler: Annotated[
        str, typer.Option("--ruler", metavar="BOX", help="Where the ruler lies: y,x,height,width in pixels.")
    ] = "",
    marker: Annotated[
        str, typer.Option("--marker", metavar="SIZE", help="Side of an ArUco marker or a checkerboard square: 10mm.")
    ] = "",
    points: Annotated[
        str, typer.Option("--points", metavar="Y,X,Y,X", help="Two points in pixels; with --length.")
    ] = "",
    length: Annotated[str, typer.Option("--length", metavar="SIZE", help="Length between the points: 10mm.")] = "",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="PNG", help="Draw what was found into this file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Read mm per pixel off a ruler, a marker or a known length.

    Refuses (exit code 1) rather than guess. Look at the picture that --out writes. The same words work in
    measure --pixel-size: ruler, ruler:tick=1mm, marker:size=10mm, points:y,x,y,x=10mm.
    """
    from marginkit import opening, scaling, showing
    from marginkit.errors import MarginError

    asked = _asked(tick, ruler, marker, points, length)
    picture = opening.uncalibrated(photo)
    with progress(f"looking for a scale in {picture.name}"):
        try:
            found = scaling.scale(picture, asked)
        except MarginError as error:
            raise error if error.file else error.about(picture.name) from error
    if out is not None:
        _draw(scaling.pixels(picture), found, out)
    told = _told(found)
    if as_json:
        print_json(told)
    else:
        rows = [(key, str(value)) for key, value in told.items()]
        print_table(showing.table(("", picture.name), rows, "scale"))


def _asked(tick: str, ruler: str, marker: str, points: str, length: str) -> str:
    """The options as one pixel size in words; wrong usage where they contradict each other."""
    if bool(points) != bool(length):
        raise typer.BadParameter("--points and --length belong together", param_hint="--points")
    if sum(map(bool, (tick or ruler, marker, points))) > 1:
        raise typer.BadParameter("choose one of a ruler, --marker and --points")
    if points:
        return f"points:{points}={length}"
    if marker:
        return f"marker:size={marker}"
    options = [f"tick={tick}"] if tick else []
    options += [f"box={ruler.replace(',', '/')}"] if ruler else []
    return f"ruler:{','.join(options)}"


def _told(found: Scale) -> dict[str, Any]:
    return {
        "spacing_mm": list(found.spacing_mm),
        "relative_uncertainty": found.relative_uncertainty,
        "source": found.source,
        "detail": found.detail,
    }


def _draw(pixels: Any, found: Scale, out: Path) -> None:
    """The picture with what was found, as PNG."""
    import cv2

    from marginkit import files
    from marginkit.errors import FileError
    from marginkit.rulers import drawing

    drawn = drawing.draw(pixels, found)
    done, packed = cv2.imencode(".png", cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR))
    if not done:
        raise FileError("E-FILE-12", "the picture cannot be written", file=out)
    with files.write_atomic(out) as stream:
        stream.write(packed.tobytes())
    say(f"wrote {out.name}: look at it")

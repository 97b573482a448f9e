"""marginkit closest."""

from __future__ import annotations

from typing import Annotated

import typer

from marginkit.commands.terminal import print_json, print_table, progress, say
from marginkit.commands.words import Confirm, Json, PixelSize, one_of

EPILOG = "Example: marginkit closest slide_mask.tif --tumor 2 --specimen 1+2"


def closest(
    mask: Annotated[str, typer.Argument(metavar="MASK", help="Labels in a tiled TIFF or an OME-Zarr.")],
    tumor: Annotated[str, typer.Option("--tumor", metavar="LABELS", help="Of the tumor: 2, or 2+3.")],
    specimen: Annotated[str, typer.Option("--specimen", metavar="LABELS", help="Of all tissue, the tumor's too: 1+2.")],
    holes: Annotated[
        str, typer.Option("--holes", metavar="WORD", help="ignore them, or count them as cut.")
    ] = "ignore",
    index: Annotated[
        str | None, typer.Option("--index", metavar="FILE", help="Where the index of tiles is kept; else MASK.tiles.")
    ] = None,
    pixel_size: PixelSize = None,
    confirm: Confirm = False,
    as_json: Json = False,
) -> None:
    """Find the closest pair in a slide's mask from a few tiles.

    The answer is that of measure. An index of what lies in which tile is made once and kept beside the mask; then only
    tiles that can hold the closest pair are decoded, and the bound that proves it is printed.
    """
    from marginkit import showing, tiled
    from marginkit.tiled import told

    labels = {option: _labels(text, option) for option, text in (("--tumor", tumor), ("--specimen", specimen))}
    with progress(f"looking for the closest pair in {mask}"):
        found = tiled.closest(
            mask,
            tumor=labels["--tumor"],
            specimen=labels["--specimen"],
            pixel_size=pixel_size,
            confirm=confirm,
            holes=one_of(holes, ("ignore", "cut"), "--holes"),
            index=index,
        )
    for note in found.notes:
        say(note)
    if as_json:
        print_json(told.document(found))
    else:
        print_table(showing.table(("", ""), told.rows(found), found.name))


def _labels(text: str, option: str) -> tuple[int, ...]:
    """The labels of ``1+2``."""
    from marginkit.errors import PixelError
    from marginkit.segmenters.masks import Select, parse_select

    try:
        found = parse_select(f"label={text}")
    except PixelError:
        found = Select()
    if not found.labels or found != Select(labels=found.labels):
        raise typer.BadParameter(f"{text!r}: write whole numbers, 1+2", param_hint=option)
    return found.labels

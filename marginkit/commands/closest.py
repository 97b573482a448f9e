"""marginkit closest."""

from __future__ import annotations

from typing import Annotated

import typer

from marginkit.commands.terminal import print_json, print_table, progress, say
from marginkit.commands.words import Confirm, Json, PixelSize, one_of

EPILOG = (
    "Example: marginkit closest slide_mask.tif --tumor 2 --specimen 1+2, or of two masks: "
    "marginkit closest --tumor tumor.tif --specimen tissue.tif"
)


def closest(
    tumor: Annotated[
        str, typer.Option("--tumor", metavar="WHAT", help="Labels of the tumor (2, or 2+3), or its own mask's FILE.")
    ],
    specimen: Annotated[
        str,
        typer.Option(
            "--specimen", metavar="WHAT", help="Labels of all tissue, the tumor's too (1+2), or its mask's FILE."
        ),
    ],
    mask: Annotated[
        str | None, typer.Argument(metavar="[MASK]", help="Labels in a tiled TIFF or an OME-Zarr; none for two masks.")
    ] = None,
    holes: Annotated[
        str, typer.Option("--holes", metavar="WORD", help="ignore them, or count them as cut.")
    ] = "ignore",
    index: Annotated[
        str | None, typer.Option("--index", metavar="FILE", help="Where the index of tiles is kept; else MASK.tiles.")
    ] = None,
    index_only: Annotated[bool, typer.Option("--index-only", help="Make the index of tiles, and no more.")] = False,
    pixel_size: PixelSize = None,
    confirm: Confirm = False,
    as_json: Json = False,
) -> None:
    """Find the closest pair in a slide's mask from a few tiles.

    The answer is that of measure. An index of what lies in which tile is made once and kept beside the mask; then only
    tiles that can hold the closest pair are decoded, and the bound that proves it is printed. Without MASK, --tumor and
    --specimen are files, FILE or FILE#label=2 as in measure.
    """
    from marginkit import showing, tiled
    from marginkit.tiled import told

    holes_word = one_of(holes, ("ignore", "cut"), "--holes")
    labels = None if mask is None else [_labels(*pair) for pair in ((tumor, "--tumor"), (specimen, "--specimen"))]
    with progress(f"looking for the closest pair in {specimen if mask is None else mask}"):
        if mask is None or labels is None:
            search = tiled.between(
                tumor, specimen, pixel_size=pixel_size, confirm=confirm, holes=holes_word, index=index
            )
        else:
            search = tiled.in_labels(
                mask,
                tumor=labels[0],
                specimen=labels[1],
                pixel_size=pixel_size,
                confirm=confirm,
                holes=holes_word,
                index=index,
            )
        found = search.indexed() if index_only else search.closest()
    for note in found.notes:
        say(note)
    if isinstance(found, tiled.Indexed):
        if as_json:
            print_json(told.document_of_index(found))
        else:
            say(told.of_index(found))
    elif as_json:
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

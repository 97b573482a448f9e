"""marginkit train."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from marginkit.commands.terminal import print_json, print_table, progress, say
from marginkit.commands.words import Confirm, Json, PixelSize

EPILOG = "Example: marginkit train field1.tif strokes1.tif field2.tif strokes2.tif --classes other,tumor --out my.model"


def train(
    files: Annotated[list[str], typer.Argument(metavar="IMAGE SCRIBBLES", help="In pairs; as many as there are.")],
    out: Annotated[Path, typer.Option("--out", metavar="MODEL", help="The model goes here.")],
    classes: Annotated[
        str, typer.Option("--classes", metavar="NAMES", help="Of the labels 1, 2, … or of the outlines.")
    ] = "other,tumor",
    pixel_um: Annotated[
        float, typer.Option("--pixel-um", metavar="UM", help="Pixels that the model looks at; else 1 um or coarser.")
    ] = 0.0,
    pixel_size: PixelSize = None,
    confirm: Confirm = False,
    as_json: Json = False,
) -> None:
    """Train a pixel classifier from scribbles.

    SCRIBBLES is a label image (0: nothing drawn) or an outline file whose classes have these names. Use the model with
    measure --tumor pixels:model=MODEL, or segment --method pixels:model=MODEL.
    """
    from marginkit import showing, training

    if len(files) % 2:
        raise typer.BadParameter("give an image and its scribbles, in pairs", param_hint="IMAGE SCRIBBLES")
    pairs = [training.Pair(image, drawn) for image, drawn in zip(files[::2], files[1::2])]
    names = [name.strip() for name in classes.split(",")]
    with progress(f"training on {len(pairs)} image{'s' * (len(pairs) > 1)}"):
        model = training.train(pairs, classes=names, pixel_um=pixel_um or None, pixel_size=pixel_size, confirm=confirm)
    training.save(model, out)
    card = model.card
    told = {
        "out": str(out),
        "classes": dict(zip(card.classes, card.trained_px)),
        "pixel_um": card.pixel_um,
        "features": len(card.features),
        "images": list(card.images),
    }
    if card.pixel_um is None:
        say("note: the images have no pixel size; the model cannot tell another magnification.")
    if as_json:
        print_json(told)
        return
    rows = [(name, f"{count:,}") for name, count in zip(card.classes, card.trained_px)]
    size = "pixels of the images" if card.pixel_um is None else f"pixels of {card.pixel_um:g} µm"
    print_table(showing.table(("class", "blocks of 2 x 2 pixels"), rows, f"{out.name}: {size}"))

"""marginkit palette."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from marginkit.commands.terminal import print_json, print_table
from marginkit.commands.words import Json

EPILOG = "Example: marginkit palette case1.png --pick blue=210,30,20,10 --pick yellow=300,420,20,15 --out study.json"


def palette(
    image: Annotated[str, typer.Argument(metavar="IMAGE", help="An image that shows the inks.")],
    pick: Annotated[
        list[str],
        typer.Option("--pick", metavar="COLOUR=BOX", help="A patch of ink: y,x,height,width in pixels; repeatable."),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The palette goes here (.json).")],
    as_json: Json = False,
) -> None:
    """Pick the colours of a study's inks from an image.

    A colour is a hue with a tolerance that holds what the patch shows. Colours that are not picked stay as they are.
    """
    from marginkit import palettes, showing

    found = palettes.pick(image, pick)
    palettes.save(found, out)
    if as_json:
        print_json(palettes.told(found))
        return
    rows = [
        (name, f"{one.hue_deg:g}", f"± {one.tolerance_deg:g}", f"{one.saturation[0]:g}")
        for name, inks in found.items()
        for one in inks
    ]
    print_table(showing.table(("ink", "hue, degrees", "tolerance", "saturation from"), rows, out.name))

"""marginkit threshold."""

from __future__ import annotations

from typing import Annotated

import typer

from marginkit.commands.terminal import print_json, print_table, progress, say
from marginkit.commands.words import Json

EPILOG = "Example: marginkit threshold case1.tif case2.tif case3.tif --method otsu"


def threshold(
    images: Annotated[list[str], typer.Argument(metavar="IMAGE", help="As many as there are in the cohort.")],
    method: Annotated[str, typer.Option("--method", metavar="WORD", help="otsu, li or triangle.")] = "otsu",
    channel: Annotated[str, typer.Option("--channel", metavar="NAME", help="Name or number; else the only one.")] = "",
    smooth_px: Annotated[float, typer.Option("--smooth-px", metavar="PX", help="Sigma of a Gaussian before.")] = 0.0,
    as_json: Json = False,
) -> None:
    """Find one fluorescence threshold for a whole cohort.

    Give it to measure or batch as fluorescence:threshold=COUNTS.
    """
    from marginkit import pooling, showing

    with progress(f"counts of {len(images)} image{'s' * (len(images) > 1)}"):
        found = pooling.threshold(images, method, channel, smooth_px)
    if as_json:
        print_json({"threshold": found.threshold, "method": found.method, "told": found.told, "alone": found.alone})
        return
    rows = [(name, f"{value:.6g}") for name, value in found.alone.items()]
    print_table(showing.table(("image", "alone, counts"), rows, found.told))
    say(f"use it as: --signal fluorescence:threshold={found.threshold:.6g}")

"""marginkit info."""

from __future__ import annotations

from typing import Annotated

import typer

from marginkit.commands.terminal import print_json, print_table
from marginkit.commands.words import Axes, Confirm, Json, PixelSize

EPILOG = "Example: marginkit info slide.svs"


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

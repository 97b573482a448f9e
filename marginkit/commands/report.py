"""marginkit report."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from marginkit.commands.terminal import put

EPILOG = "Example: marginkit report results   (the folder of marginkit batch)"


def report(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder that batch wrote.")],
) -> None:
    """Write the page of a cohort: table, plots, failures."""
    from marginkit import cohortpage

    put(sys.stdout, f"{cohortpage.cohort_page(out)}\n")

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
    ro_crate: Annotated[
        str,
        typer.Option("--ro-crate", metavar="DATE", help="Describe the folder as RO-Crate, published on 2026-11-27."),
    ] = "",
    licence: Annotated[
        str, typer.Option("--licence", metavar="URL", help="Of the RO-Crate: address or words; empty: not stated.")
    ] = "",
) -> None:
    """Write the page of a cohort: table, plots, failures."""
    from marginkit import cohortpage

    if licence and not ro_crate:
        raise typer.BadParameter("it is said in an RO-Crate: give --ro-crate DATE too", param_hint="--licence")
    put(sys.stdout, f"{cohortpage.cohort_page(out)}\n")
    if ro_crate:
        from marginkit.batch import crate

        put(sys.stdout, f"{crate.write(out, ro_crate, licence)}\n")

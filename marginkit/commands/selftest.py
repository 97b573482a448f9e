"""marginkit selftest."""

from __future__ import annotations

from typing import cast

import typer

from marginkit.commands.terminal import print_json, print_table, progress, say
from marginkit.commands.words import COULD_NOT, Json

EPILOG = "Example: marginkit selftest"


def selftest(as_json: Json = False) -> None:
    """Measure phantoms whose answer is known."""
    from marginkit import phantoms, showing
    from marginkit.geometry import compiled
    from marginkit.measuring import measure as measure_

    with progress("measuring phantoms"):
        told = [showing.phantom(row) for row in phantoms.selftest(cast(phantoms.Measure, measure_))]
    say(f"marginkit: distances by {compiled.route()}")
    if as_json:
        print_json(told)
    else:
        print_table(showing.phantoms_table(told))
    if not all(row["ok"] for row in told):
        say("marginkit: a phantom was measured wrong; do not use this installation")
        raise typer.Exit(COULD_NOT)

"""marginkit formats."""

from __future__ import annotations

from marginkit.commands.terminal import print_json, print_table
from marginkit.commands.words import Json

EPILOG = "Example: marginkit formats   (an extension of somebody else shows whose it is)"


def formats(as_json: Json = False) -> None:
    """List what reads, segments and writes, and whose it is."""
    from marginkit import shelf, showing

    rows = [(kind[:-1], name, whose) for kind in shelf.WANTED for name, whose in shelf.origins(kind).items()]
    if as_json:
        print_json([dict(zip(("kind", "name", "origin"), row)) for row in rows])
    else:
        print_table(showing.table(("kind", "name", "from"), rows, "extensions"))

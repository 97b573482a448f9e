"""marginkit policies."""

from __future__ import annotations

from typing import Annotated

import typer

from marginkit.commands.terminal import print_json, print_table
from marginkit.commands.words import Json

EPILOG = "Example: marginkit policies sarcoma-cates-2019"


def policies(
    policy: Annotated[str | None, typer.Argument(metavar="[ID]", help="Show one in full.")] = None,
    folder: Annotated[str | None, typer.Option("--folder", metavar="DIR", help="More policies, as TOML files.")] = None,
    as_json: Json = False,
) -> None:
    """List the published rules, or show one in full."""
    from marginkit import judging, showing
    from marginkit.policy import told

    if policy is not None:
        one = told(judging.find(policy, folder))
        if as_json:
            print_json(one)
        else:
            print_table(showing.policy_table(one))
        return
    known = [told(one) for one in judging.policies(folder).values()]
    if as_json:
        print_json(known)
    else:
        print_table(showing.policies_table(known))

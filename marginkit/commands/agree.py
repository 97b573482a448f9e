"""marginkit agree."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from marginkit.commands.terminal import print_json, print_table, say
from marginkit.commands.words import Json, Out, limits_mm

if TYPE_CHECKING:
    from marginkit.agreement.found import Agreement

EPILOG = "Example: marginkit agree pathologist.csv marginkit-out --limits 1,5 --out agreement"


def agree(
    tables: Annotated[
        list[str], typer.Argument(metavar="A B ...", help="CSV with case, margin, value_mm; or a folder of batch.")
    ],
    limits: Annotated[
        str, typer.Option("--limits", metavar="MM,MM", help="Closer is close: sensitivity and specificity.")
    ] = "1,5",
    reference: Annotated[
        bool, typer.Option("--reference/--no-reference", help="Whether the first is the reference.")
    ] = True,
    names: Annotated[str, typer.Option("--names", metavar="A,B", help="What to call the readers.")] = "",
    masks: Annotated[
        list[str] | None, typer.Option("--masks", metavar="DIR", help="Folders of masks, given twice: first, second.")
    ] = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Compare readers or methods: bias, limits, ICC, kappa."""
    from marginkit import agreeing, comparing

    if len(tables) < 2:
        raise typer.BadParameter("give two tables or more", param_hint="A B")
    if masks and len(masks) != 2:
        raise typer.BadParameter("give two folders, of the first and of the second reader", param_hint="--masks")
    found = agreeing.agree(
        *tables,
        thresholds_mm=limits_mm(limits),
        reference=reference,
        names=[name.strip() for name in names.split(",") if name.strip()],
        masks=comparing.masks(*masks) if masks else None,
    )
    if out is not None:
        _write(found, out)
    if as_json:
        print_json(found.document())
        return
    from marginkit import showing

    print_table(showing.agreement_table(found))


def _write(found: Agreement, folder: Path) -> None:
    """The page and the numbers, into a folder."""
    import json

    from marginkit import files
    from marginkit.agreement import page

    text = json.dumps(found.document(), ensure_ascii=False, allow_nan=False, indent=1) + "\n"
    files.make_folder(folder)
    for name, content in ((page.FILE, page.page(found)), ("agreement.json", text.encode("utf-8"))):
        with files.write_atomic(folder / name) as stream:
            stream.write(content)
    say(f"wrote {page.FILE}, agreement.json to {folder}")

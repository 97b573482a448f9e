"""Words of the command line that several commands know, and what they mean."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

DONE, COULD_NOT, WRONG_USAGE, SOME_FAILED, INTERRUPTED = 0, 1, 2, 3, 130
STATES = ("fresh", "fixed", "slide", "in-vivo")

Json = Annotated[bool, typer.Option("--json", help="JSON alone on stdout.")]
Out = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Write result files into this folder.")]
PixelSize = Annotated[
    str | None, typer.Option("--pixel-size", metavar="SIZE", help="0.5um; one an axis: 5mm,0.1mm,0.1mm; or ruler.")
]
Confirm = Annotated[bool, typer.Option("--confirm-pixel-size", help="Vouch for a pixel size that looks wrong.")]
Axes = Annotated[str | None, typer.Option("--axes", metavar="AXES", help="True axes of the image, e.g. ZYX.")]


def pairs(texts: list[str] | None, option: str, bare: str = "") -> dict[str, str]:
    """Word to source, of ``WORD=SRC``; the word ``bare`` where only a source is given and that makes sense."""
    from marginkit.sources import pair

    found: dict[str, str] = {}
    for text in texts or []:
        word, source = pair(text)
        if not (word or bare):
            raise typer.BadParameter(f"{text!r}: write WORD=SRC", param_hint=option)
        if (word or bare) in found:
            raise typer.BadParameter(f"{word or bare!r} is given twice", param_hint=option)
        found[word or bare] = source
    return found


def one_of(value: str | None, allowed: tuple[str, ...], option: str) -> Any:
    """The word, if it is one of those allowed; otherwise wrong usage."""
    if value is not None and value not in allowed:
        raise typer.BadParameter(f"{value!r} is none of {', '.join(allowed)}", param_hint=option)
    return value


def not_negative(value_mm: float, option: str) -> float:
    """The length, if it is one."""
    if not 0 <= value_mm < 1e6:
        raise typer.BadParameter(f"{value_mm:g} is no length in mm", param_hint=option)
    return value_mm


def limits_mm(text: str) -> tuple[float, ...]:
    """Millimetres, of ``1,5``."""
    try:
        values = tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError:
        values = (-1.0,)
    if any(not 0 < value < 1e6 for value in values):
        raise typer.BadParameter(f"{text!r}: write millimetres with commas between, 1,5", param_hint="--limits")
    return values

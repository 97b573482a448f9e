"""The first page of the command line, without loading what draws the others.

The surprising thing: most of the time of ``marginkit --help`` went into reading code that the page does not need. The
page is set here as Typer sets it (a test holds them equal), and a command's own module is read when it is called.
"""

from __future__ import annotations

import sys

# in the order of --help
COMMANDS = {
    "demo": "Measure the bundled samples; write pictures and results.",
    "info": "Show what an image is, and its pixel size with its source.",
    "measure": "Measure one case, judge it, write pictures and results.",
    "closest": "Find the closest pair in a slide's mask from a few tiles.",
    "batch": "Measure many cases; a bad one costs itself only.",
    "segment": "Find tissue, tumor, ink or signal; write masks or outlines.",
    "train": "Train a pixel classifier from scribbles.",
    "calibrate": "Read mm per pixel off a ruler, a marker or a known length.",
    "palette": "Pick the colours of a study's inks from an image.",
    "threshold": "Find one fluorescence threshold for a whole cohort.",
    "agree": "Compare readers or methods: bias, limits, ICC, kappa.",
    "report": "Write the page of a cohort: table, plots, failures.",
    "policies": "List the published rules, or show one in full.",
    "formats": "List what reads, segments and writes, and whose it is.",
    "selftest": "Measure phantoms whose answer is known.",
}
SAYS = "Surgical margins in millimetres, with their source. Research use only."
VERSION = "Show the version and stop."
HELP = ("-h", "--help")
MOST = 100  # letters a line
LEAST = 50


def page(program: str, columns: int = 0) -> str:
    """The page of ``--help``; columns : of the terminal, 0 to ask it."""
    import shutil

    width = max(min(columns or shutil.get_terminal_size().columns, MOST) - 2, LEAST)
    options = {"--version": VERSION, ", ".join(HELP): "Show this message and exit."}
    parts = [f"Usage: {program} [OPTIONS] COMMAND [ARGS]...\n", *(f"  {line}" for line in _wrapped(SAYS, width - 2))]
    parts += ["\nOptions:", *_list(options, width), "\nCommands:", *_list(COMMANDS, width)]
    return "\n".join(parts) + "\n"


def _list(rows: dict[str, str], width: int) -> list[str]:
    """Two columns: names, and what is said of them."""
    first = max(map(len, rows)) + 2
    lines = []
    for name, text in rows.items():
        head, *rest = _wrapped(text, width - first - 2)
        lines += [f"  {name:<{first}}{head}", *(" " * (first + 2) + line for line in rest)]
    return lines


def _wrapped(text: str, width: int) -> list[str]:
    import textwrap

    return textwrap.wrap(text, width, break_on_hyphens=False)


def program() -> str:
    """How this was called."""
    from os.path import basename

    name = basename(sys.argv[0])
    return "python -m marginkit" if name == "__main__.py" else name or "marginkit"

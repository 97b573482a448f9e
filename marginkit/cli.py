"""Words in, exit code out. 0 done, 1 could not (one line says why), 2 wrong usage.

The surprising thing: nothing is imported at the top that is not needed for ``--help``; each command loads what it uses
when it runs. A command is one module of ``marginkit.commands`` with a function of its name and an ``EPILOG``.
"""

from __future__ import annotations

import os
import sys
import warnings
from typing import Annotated, Any

import typer

from marginkit.commands import (
    agree,
    batch,
    calibrate,
    demo,
    info,
    measure,
    palette,
    policies,
    report,
    segment,
    selftest,
    threshold,
    train,
)
from marginkit.commands.terminal import put, say
from marginkit.commands.words import COULD_NOT, DONE, INTERRUPTED, WRONG_USAGE
from marginkit.errors import MarginError, UsageError

DEBUG = "MARGINKIT_DEBUG"
# in the order of --help
COMMANDS = (
    demo,
    info,
    measure,
    batch,
    segment,
    train,
    calibrate,
    palette,
    threshold,
    agree,
    report,
    policies,
    selftest,
)

app = typer.Typer(
    name="marginkit",
    help="Surgical margins in millimetres, with their source. Research use only.",
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
for _module in COMMANDS:
    _name = _module.__name__.rpartition(".")[2]
    app.command(_name, epilog=_module.EPILOG)(getattr(_module, _name))


def main() -> None:
    """Run the command line and leave with its exit code; whatever goes wrong is one line on stderr."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a console that lacks a letter is no reason to stop
    warnings.showwarning = _noted
    sys.exit(code_of(sys.argv[1:]))


def code_of(words: list[str]) -> int:
    """The exit code of the command line; a problem becomes one line on stderr, never a traceback."""
    try:
        found = app(words, standalone_mode=False)
        return found if isinstance(found, int) else DONE
    except MarginError as error:
        return _said(str(error), WRONG_USAGE if isinstance(error, UsageError) else COULD_NOT)
    except (KeyboardInterrupt, typer.Abort):
        return _said("stopped", INTERRUPTED)
    except MemoryError:
        return _said("not enough memory (E-SIZE-02). Choose a coarser level or one slice.", COULD_NOT)
    except Exception as error:
        if hasattr(error, "show") and hasattr(error, "exit_code"):  # wrong usage, in typer's words
            error.show()
            return int(error.exit_code)
        return _fault(error)


def _fault(error: Exception) -> int:
    """A fault of marginkit itself, on one line; the whole of it where the environment asks for it."""
    if os.environ.get(DEBUG):
        raise error
    words = error.strerror or "" if isinstance(error, OSError) else str(error)
    told = f"{type(error).__name__}{f': {words}' if words else ''}"
    return _said(f"internal error (E-BUG-01): {told}. Please report it; {DEBUG}=1 shows where.", COULD_NOT)


def _said(text: str, code: int) -> int:
    say(f"marginkit: {text}")
    return code


def _noted(message: Warning | str, *_: Any, **__: Any) -> None:
    """A warning of Python on one line, without the place in the code."""
    say(f"note: {message}")


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Show the version and stop.")] = False,
) -> None:
    if version:
        from marginkit import __version__

        put(sys.stdout, f"marginkit {__version__}\n")
        raise typer.Exit

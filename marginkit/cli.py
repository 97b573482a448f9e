"""Words in, exit code out. 0 done, 1 could not (one line says why), 2 wrong usage.

The surprising thing: nothing is imported that is not needed; the module of a command when it is called, and what it
uses when it runs. A command is one module of ``marginkit.commands`` with a function of its name and an ``EPILOG``.
"""

from __future__ import annotations

import os
import sys
import warnings
from importlib import import_module
from typing import Annotated, Any

import typer

from marginkit.commands.terminal import put, say
from marginkit.commands.words import COULD_NOT, DONE, INTERRUPTED, WRONG_USAGE
from marginkit.errors import MarginError, UsageError
from marginkit.frontpage import COMMANDS, HELP, MOST, SAYS, VERSION, program

DEBUG = "MARGINKIT_DEBUG"


def app(*names: str) -> typer.Typer:
    """The command line with the commands of these names; with all where none is given."""
    made = typer.Typer(
        name="marginkit",
        help=SAYS,
        rich_markup_mode=None,
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": list(HELP), "max_content_width": MOST},
    )
    made.callback(invoke_without_command=True)(_root)
    for name in names or COMMANDS:
        module = import_module(f"marginkit.commands.{name}")
        made.command(name, short_help=COMMANDS[name], epilog=module.EPILOG)(getattr(module, name))
    return made


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
        asked = words[:1] if words and words[0] in COMMANDS else []
        found = app(*asked)(words, prog_name=program(), standalone_mode=False)
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


def _root(
    version: Annotated[bool, typer.Option("--version", help=VERSION)] = False,
) -> None:
    if version:
        from marginkit import __version__

        put(sys.stdout, f"marginkit {__version__}\n")
        raise typer.Exit

"""``marginkit`` and ``python -m marginkit``: the front page at once, everything else through the command line."""

import gc
import sys

from marginkit import frontpage

GARBAGE = 100_000  # objects made before it is looked for: imports make half a million, and none of them is any


def main() -> None:
    """Run the command line and leave with its exit code."""
    words = sys.argv[1:]
    if words and words[0] in frontpage.HELP:
        _show(frontpage.page(frontpage.program()))
    elif words == ["--version"]:
        from marginkit import __version__

        _show(f"marginkit {__version__}\n")
    else:
        _run()


def _run() -> None:
    """Everything else. Collecting garbage at the usual steps, and once more of all there is when the interpreter ends,
    took a seventh of the time of a small case."""
    gc.set_threshold(GARBAGE, *gc.get_threshold()[1:])
    from marginkit import cli

    try:
        cli.main()
    finally:
        gc.freeze()  # what is left goes back to the system as a whole


def _show(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has gone
        sys.stderr.close()


if __name__ == "__main__":
    main()

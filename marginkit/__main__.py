"""``marginkit`` and ``python -m marginkit``: the front page at once, everything else through the command line."""

import sys

from marginkit import frontpage


def main() -> None:
    """Run the command line and leave with its exit code."""
    words = sys.argv[1:]
    if words and words[0] in frontpage.HELP:
        _show(frontpage.page(frontpage.program()))
    elif words == ["--version"]:
        from marginkit import __version__

        _show(f"marginkit {__version__}\n")
    else:
        from marginkit import cli

        cli.main()


def _show(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has gone
        sys.stderr.close()


if __name__ == "__main__":
    main()

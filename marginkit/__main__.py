"""``python -m marginkit``."""

from marginkit.cli import main

main()

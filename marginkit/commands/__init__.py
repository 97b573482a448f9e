"""One module a command, and what commands share: words of the command line, terminal, one case."""

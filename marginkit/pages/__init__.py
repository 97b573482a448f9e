"""Pages that travel: one file each, without network, readable without scripts, printable on A4."""

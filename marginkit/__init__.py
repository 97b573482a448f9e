"""Exact surgical margins, in millimetres, with their source. Research use only."""

__version__ = "0.1.0"

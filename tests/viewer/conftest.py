"""A real viewer, or the reason why there is none. Qt without a display would end the whole run without a report."""

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable
from typing import Any

import pytest

NEEDED = ("napari", "qtpy", "pytestqt")


def lacking() -> str:
    """Why no viewer can be opened; empty where one can."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        return f"{', '.join(missing)} not installed (dependency group viewer)"
    if sys.platform != "linux" or os.environ.get("DISPLAY"):
        return ""
    served = shutil.which("Xvfb") and importlib.util.find_spec("pytest_xvfb")
    return "" if served else "no display, and no Xvfb with pytest-xvfb"


REASON = lacking()
collect_ignore_glob = ["test_*.py"] if REASON else []


def pytest_report_header() -> str:
    """One line on the viewer."""
    return f"viewer tests left out: {REASON}" if REASON else "viewer tests: in a real viewer"


@pytest.fixture
def viewer(make_napari_viewer: Callable[..., Any]) -> Any:
    """An empty viewer with a window."""
    return make_napari_viewer()

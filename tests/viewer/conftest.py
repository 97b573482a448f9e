"""A real viewer, or the reason why there is none. Qt without a display would end the whole run without a report."""

import functools
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

NEEDED = ("napari", "qtpy", "pytestqt")
PROBE = "from qtpy.QtWidgets import QApplication; QApplication([])"


@functools.cache
def lacking() -> str:
    """Why no viewer can be opened; empty where one can. Asked late: pytest-xvfb starts the display."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        return f"{', '.join(missing)} not installed (dependency group viewer)"
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        return "no display, and no Xvfb with pytest-xvfb"
    try:
        done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired:
        return "Qt does not start on this display"
    told = [line for line in done.stderr.splitlines() if line.strip()]
    return "" if done.returncode == 0 else f"Qt cannot start: {told[0] if told else done.returncode}"


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave the tests out where no viewer can be opened; ``tests/test_viewer.py`` says why."""
    return True if collection_path.name.startswith("test_") and lacking() else None


@pytest.fixture
def viewer(make_napari_viewer: Callable[..., Any]) -> Any:
    """An empty viewer with a window."""
    return make_napari_viewer()

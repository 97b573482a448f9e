"""A real browser for the tests of pages: Debian's Chromium, driven by Playwright."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def chromium() -> Iterator[Any]:
    """The browser, headless. Absent: a skip for a user, a failure in CI."""
    place = next(filter(None, map(shutil.which, NAMES)), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        place = None
    if place is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("Chromium or playwright is absent")
    with sync_playwright() as player:
        opened = player.chromium.launch(executable_path=place, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield opened
        opened.close()


@contextmanager
def reading(browser: Any, file: Path, **options: Any) -> Iterator[Any]:
    """A page opened from disk; afterwards nothing may have complained, and nothing may have left the file."""
    complaints: list[str] = []
    context = browser.new_context(**options)
    page = context.new_page()
    page.on("console", lambda said: complaints.append(f"{said.type}: {said.text}"))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
    page.on("request", lambda asked: complaints.append(asked.url) if _leaves(asked.url, file) else None)
    page.goto(file.as_uri())
    yield page
    context.close()
    assert complaints == []


def _leaves(url: str, file: Path) -> bool:
    return not (url.startswith("data:") or url.split("#")[0] == file.as_uri())


def fits(page: Any) -> bool:
    """Whether nothing sticks out of the page at its right side."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def faults(page: Any) -> list[str]:
    """What axe-core, the accessibility checker, finds wrong: contrast, names, roles, landmarks, keyboard."""
    from axe_playwright_python.sync_playwright import Axe

    return [f"{one['id']}: {one['nodes'][0]['html'][:100]}" for one in Axe().run(page).response["violations"]]

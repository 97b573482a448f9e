"""The site of the docs builds without a warning, asks nothing of the network, and is what its generators say."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from browser import chromium, fits

ROOT = Path(__file__).resolve().parents[1]
LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "image": "href"}
LARGEST_PICTURE_BYTES = 300_000
CUT_COMMANDS = """[...document.querySelectorAll(".language-console code")]
    .filter(one => one.scrollWidth > one.clientWidth).map(one => one.textContent)"""
BROKEN_WORDS = """[...document.querySelectorAll("code")].flatMap(one => {
    const words = []
    const walk = document.createTreeWalker(one, NodeFilter.SHOW_TEXT)
    while (walk.nextNode()) for (const found of walk.currentNode.data.matchAll(/--[a-z-]+/g)) {
        const range = document.createRange()
        range.setStart(walk.currentNode, found.index)
        range.setEnd(walk.currentNode, found.index + found[0].length)
        if (new Set([...range.getClientRects()].map(box => box.top)).size > 1) words.push(found[0])
    }
    return words
})"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site. Without mkdocs: a skip for a user, a failure in CI."""
    if not os.environ.get("CI"):
        pytest.importorskip("material")
        pytest.importorskip("mkdocstrings_handlers.python")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(folder)],
        cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr, done.stderr
    return folder


class Page(HTMLParser):
    """What a page loads, what it links, and the places in it that can be linked."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.places: set[str] = set()
        self.unsaid: list[str] = []
        self.feed(file.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if said.get("id"):
            self.places.add(str(said["id"]))
        if tag == "a" and said.get("href"):
            self.links.append(str(said["href"]))
        if tag in LOADED and said.get(LOADED[tag]) and said.get("rel") not in ("next", "prev", "canonical"):
            self.loads.append(str(said[LOADED[tag]]))
        if tag == "img" and not said.get("alt") and "twemoji" not in str(said.get("class")):
            self.unsaid.append(str(said.get("src")))


def pages(site: Path) -> dict[Path, Page]:
    return {file: Page(file) for file in sorted(site.rglob("*.html")) if file.name != "404.html"}


def test_every_page_of_the_folder_is_in_the_site(site: Path) -> None:
    assert {file.stem for file in (ROOT / "docs").glob("*.md")} == {file.stem for file in pages(site)}


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    for file, page in pages(site).items():
        assert [url for url in page.loads if urlsplit(url).netloc] == [], file.name
        assert page.unsaid == [], f"{file.name}: a picture without words"
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\(\s*['\"]?(https?:)?//", sheet.read_text()), sheet.name


def test_no_link_is_dead(site: Path) -> None:
    known = pages(site)
    for file, page in known.items():
        for url in page.links + page.loads:
            parts = urlsplit(url)
            if parts.scheme or parts.netloc:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path not in ("", ".") else file
            target = target / "index.html" if target.is_dir() else target
            assert target.is_file(), f"{file.name} links {url}"
            if parts.fragment and target in known and not parts.fragment.startswith("__"):
                assert unquote(parts.fragment) in known[target].places, f"{file.name} links {url}"


def test_public_names_are_in_the_reference(site: Path) -> None:
    import marginkit

    text = (site / "api.html").read_text()
    for name in marginkit.__all__:
        value = getattr(marginkit, name)
        assert f'id="{value.__module__}.{name}"' in text, name


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """The site behind a server of this machine."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_in_a_browser_nothing_is_asked_of_others_and_nothing_sticks_out(site: Path, address: str) -> None:
    asked: set[str] = set()
    with chromium() as browser:
        for width in (390, 1280):
            view = browser.new_page(viewport={"width": width, "height": 900})
            view.on("request", lambda request: asked.add(request.url))
            view.on("pageerror", lambda error: pytest.fail(str(error)))
            for file in pages(site):
                view.goto(f"{address}/{file.name}")
                assert fits(view), f"{file.name} is wider than {width} px"
                assert view.evaluate(CUT_COMMANDS) == [], f"{file.name}: a command is cut at {width} px"
                assert view.evaluate(BROKEN_WORDS) == [], f"{file.name}: an option is broken at {width} px"
            view.close()
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []


def test_generated_tables_are_what_the_command_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "docs")
    import catalogue

    for page in catalogue.GENERATED:
        assert catalogue.renewed(page) == (ROOT / "docs" / page).read_text(), "run python docs/catalogue.py"


def test_what_a_function_returns_is_one_item_in_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second line of a sentence was taken for the name of a second thing that comes back."""
    monkeypatch.syspath_prepend(ROOT / "docs")
    import words

    given = [
        "Returns",
        "-------",
        "Verdict. `certain`, or where an input",
        "that decides is missing.",
        "",
        "Notes",
        "-----",
    ]
    wanted = ["Returns", "-------", "Verdict", "    `certain`, or where an input", "    that decides is missing."]
    assert list(words.sectioned(given)) == [*wanted, "", "Notes", "-----"]


def test_pictures_are_small() -> None:
    for picture in (ROOT / "docs").glob("*.png"):
        assert picture.stat().st_size < LARGEST_PICTURE_BYTES, picture.name

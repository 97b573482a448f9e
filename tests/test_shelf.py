"""A new extension is one new file; two of one name are refused; a broken one takes nobody down."""

import importlib
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from types import SimpleNamespace

import pytest

from marginkit import shelf
from marginkit.errors import ShelfError
from marginkit.records import Reader, ReportWriter, Segmenter

READER = 'NAME = "{name}"\ndef claims(head, name):\n    return 0\ndef read(path):\n    return path\n'
SEGMENTER = """
from __future__ import annotations
from dataclasses import dataclass
NAME = "all-of-it"
GIVES = ("tissue",)
@dataclass(frozen=True)
class Options:
    level: int = 0
def segment(picture, options):
    return options.level
"""
REPORT = 'NAME = "line"\nFILE = "line.txt"\ndef write(case, stream):\n    stream.write(b"x")\n'


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(shelf.ENV, raising=False)


def put(folder: Path, kind: str, file: str, text: str) -> Path:
    path = folder / kind / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    """Entry points are looked up once a process; tests change them."""
    shelf._installed.cache_clear()
    yield
    shelf._installed.cache_clear()


def announce(monkeypatch: pytest.MonkeyPatch, *points: EntryPoint) -> None:
    monkeypatch.setattr(shelf, "_announced", lambda where: True)
    monkeypatch.setattr(shelf, "_entry_points", lambda: EntryPoints(points))


def test_a_ten_line_file_is_a_reader_a_segmenter_and_a_report(tmp_path: Path) -> None:
    put(tmp_path, "readers", "toy.py", READER.format(name="toy"))
    put(tmp_path, "segmenters", "toy.py", SEGMENTER)
    put(tmp_path, "reports", "toy.py", REPORT)
    reader = shelf.get("readers", "toy", [tmp_path])
    assert isinstance(reader, Reader)
    assert reader.read("a") == "a"
    segmenter = shelf.load("segmenters", [tmp_path])["all-of-it"]
    assert isinstance(segmenter, Segmenter)
    assert segmenter.segment(None, segmenter.Options(level=3)) == 3
    assert isinstance(shelf.get("reports", "line", [tmp_path]), ReportWriter)


def test_the_environment_names_a_shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "readers", "toy.py", READER.format(name="toy"))
    assert "toy" not in shelf.load("readers")
    monkeypatch.setenv(shelf.ENV, str(tmp_path))
    assert "toy" in shelf.load("readers")
    assert shelf.load("readers", [tmp_path])["toy"] is shelf.load("readers")["toy"]


def test_a_shelf_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ShelfError, match=r"shelf folder not found \(E-SHELF-05\): nowhere"):
        shelf.load("readers", [tmp_path / "nowhere"])


def test_G14_two_of_one_name_are_refused_and_both_named(tmp_path: Path) -> None:
    put(tmp_path, "readers", "one.py", READER.format(name="same"))
    put(tmp_path, "readers", "two.py", READER.format(name="same"))
    with pytest.raises(ShelfError, match=r"E-SHELF-01.*readers/one\.py.*readers/two\.py"):
        shelf.load("readers", [tmp_path])


def test_G14_a_package_cannot_replace_a_reader_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "readers", "mine.py", READER.format(name="toy"))
    point = EntryPoint("toy", "json", "marginkit.readers")
    announce(monkeypatch, point)
    monkeypatch.setattr(EntryPoint, "load", lambda self: SimpleNamespace(NAME="toy", claims=1, read=1, __file__="x"))
    with pytest.raises(ShelfError, match=r"E-SHELF-01.*an installed package \(json\).*readers/mine\.py"):
        shelf.load("readers", [tmp_path])


def test_unknown_name_lists_the_names(tmp_path: Path) -> None:
    put(tmp_path, "reports", "line.py", REPORT)
    with pytest.raises(ShelfError, match=r"no report named 'lime' \(E-SHELF-02\).*line"):
        shelf.get("reports", "lime", [tmp_path])


def test_a_broken_package_is_left_out_with_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "readers", "toy.py", READER.format(name="toy"))
    announce(monkeypatch, EntryPoint("gone", "no_such_package.reader", "marginkit.readers"))
    with pytest.warns(shelf.ShelfWarning, match=r"^reader 'gone' from .*E-SHELF-03.*ModuleNotFoundError.*$") as caught:
        assert "toy" in shelf.load("readers", [tmp_path])
    assert "\n" not in str(caught[0].message)
    assert shelf.get("readers", "toy", [tmp_path]).NAME == "toy"
    with pytest.raises(ShelfError, match="E-SHELF-03"):
        shelf.get("readers", "gone", [tmp_path])


def test_a_file_that_lacks_a_function_is_left_out(tmp_path: Path) -> None:
    put(tmp_path, "readers", "half.py", 'NAME = "half"\ndef claims(head, name):\n    return 0\n')
    with pytest.warns(shelf.ShelfWarning, match="lacks read"):
        assert "half" not in shelf.load("readers", [tmp_path])


def test_private_and_nameless_modules_are_no_extensions(tmp_path: Path) -> None:
    put(tmp_path, "readers", "_helper.py", "raise RuntimeError")
    put(tmp_path, "readers", "nameless.py", "x = 1")
    assert set(shelf.load("readers", [tmp_path])) == set(shelf.load("readers"))


def test_policy_files_come_from_every_shelf(tmp_path: Path) -> None:
    path = put(tmp_path, "policies", "ours.toml", "id = 'ours'")
    put(tmp_path, "policies", "_draft.toml", "")
    assert path in shelf.policy_files([tmp_path])
    assert not [p for p in shelf.policy_files([tmp_path]) if p.name.startswith("_")]


def test_loading_every_shelf_imports_nothing_heavy() -> None:
    code = (
        "import sys; from marginkit import shelf; [shelf.load(k) for k in shelf.WANTED];"
        "print(sorted({'scipy','skimage','tifffile','zarr','shapely','cv2','openslide','pydicom'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


@pytest.mark.parametrize("kind", shelf.WANTED)
def test_our_own_are_found_by_their_text_and_are_what_they_say(kind: shelf.Kind) -> None:
    """Each module of a shelf that has a NAME is found without being imported, and has all that its kind must have."""
    folder = Path(shelf.__file__).parent / kind
    modules = [importlib.import_module(f"marginkit.{kind}.{path.stem}") for path in sorted(folder.glob("[!_]*.py"))]
    named = {module.NAME: module for module in modules if hasattr(module, "NAME")}
    assert dict(shelf.load(kind)) == named
    assert all(hasattr(module, word) for module in named.values() for word in shelf.WANTED[kind])


@pytest.mark.parametrize("zipped", [False, True])
def test_a_package_on_the_path_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zipped: bool) -> None:
    """As it is installed: its text names the group, and nothing but marginkit looks for that. A zip is looked into."""
    texts = {
        "toyshop.py": READER.format(name="toyshop"),
        "toyshop-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: toyshop\nVersion: 1.0\n",
        "toyshop-1.0.dist-info/entry_points.txt": "[marginkit.readers]\ntoyshop = toyshop\n",
    }
    place = tmp_path / ("toys.zip" if zipped else "toys")
    if zipped:
        with zipfile.ZipFile(place, "w") as archive:
            for name, text in texts.items():
                archive.writestr(name, text)
    for name, text in () if zipped else texts.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    assert "toyshop" not in shelf.load("readers")
    monkeypatch.syspath_prepend(str(place))
    assert shelf.load("readers")["toyshop"].NAME == "toyshop"
    assert shelf.origins("readers")["toyshop"] == "toyshop (toyshop)"
    sys.modules.pop("toyshop")

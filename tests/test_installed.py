"""What the names of folders tell of installed packages is what the standard library finds."""

import sys
import zipfile
from importlib import metadata
from importlib.machinery import PathFinder
from pathlib import Path
from types import SimpleNamespace

import pytest

from marginkit import installed


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of packages, the only one there is, and nobody else to find any."""
    plain = [finder for finder in sys.meta_path if finder is PathFinder or not hasattr(finder, "find_distributions")]
    monkeypatch.setattr(sys, "meta_path", plain)
    own = metadata.MetadataPathFinder.find_distributions  # a backport of the library takes it away
    monkeypatch.setattr(PathFinder, "find_distributions", own, raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    return tmp_path


def package(folder: Path, record: str) -> None:
    (folder / record).mkdir()
    (folder / record / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {record.split('-')[0]}\nVersion: 1.2+x\n")


def test_versions_are_those_of_the_standard_library() -> None:
    names = {found.metadata["Name"] for found in metadata.distributions()}
    assert len(names) > 20
    assert {name: installed.version(name) for name in names} == {name: metadata.version(name) for name in names}


@pytest.mark.parametrize("name", ["some-package", "Some.Package", "some_package"])
def test_a_name_is_found_however_it_is_written(site: Path, name: str) -> None:
    package(site, "Some_Package-1.2+x.dist-info")
    assert installed.version(name) == metadata.version(name) == "1.2+x"
    assert installed.version("other") == "not installed"


def test_where_folders_do_not_tell_the_standard_library_is_asked(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = site / "packages.zip"
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("inside-3.dist-info/METADATA", "Metadata-Version: 2.4\nName: inside\nVersion: 3\n")
    assert installed.version("inside") == "not installed"
    monkeypatch.setattr(sys, "path", [str(archive)])
    assert installed.version("inside") == "3"
    record = SimpleNamespace(name="inside", read_text=lambda _: "Version: 4\n")
    finder = SimpleNamespace(find_distributions=lambda context: [record], find_spec=lambda *_: None)
    monkeypatch.setattr(sys, "path", [str(site)])
    monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])
    installed.records.cache_clear()
    assert installed.version("inside") == "4"

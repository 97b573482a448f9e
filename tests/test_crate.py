"""The folder of a batch as an RO-Crate, read back by the library and, as plain JSON-LD, by hand."""

import hashlib
import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

import marginkit
from marginkit import batch
from marginkit.batch import crate
from marginkit.errors import FileError, MissingExtraError, UsageError
from marginkit.pipeline import Job
from tests.casefiles import SPECIMEN, TUMOR, square_file

rocrate = pytest.importorskip("rocrate.rocrate")
REPORTS = {"margins.csv", "margins.geojson", "overlay.png", "report.html", "result.json"}
DATE = "2026-11-27"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two measured cases, one with a space in its name, and one that failed."""
    folder = tmp_path_factory.mktemp("crate")
    images = [square_file(folder, f"{name}.ome.tif") for name in ("one", "a b", "broken")]
    images[2].write_bytes(images[2].read_bytes()[:300])
    jobs = [Job(str(image), SPECIMEN, tumor=TUMOR, pixel_size="500um") for image in images]
    batch.run(jobs, folder / "out", workers=1)
    (folder / "out" / "cases" / "one" / "notes of somebody.txt").write_text("a name")
    return folder / "out"


def graph(out: Path, *words: str) -> dict[str, Any]:
    """Everything in the crate by its identifier."""
    document = json.loads(crate.write(out, DATE, *words).read_text("utf-8"))
    assert document["@context"] == "https://w3id.org/ro/crate/1.2/context"
    assert set(document) == {"@context", "@graph"}
    found = {one["@id"]: one for one in document["@graph"]}
    assert len(found) == len(document["@graph"])
    return found


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [value["@id"]] if set(value) == {"@id"} else []
    return [name for one in value for name in references(one)] if isinstance(value, list) else []


def test_what_it_lists_is_there_and_is_what_it_says(out: Path) -> None:
    known = graph(out)
    listed = {name: one for name, one in known.items() if one["@type"] == "File"}
    for name, one in listed.items():
        content = (out / unquote(name)).read_bytes()
        assert (one["contentSize"], one["sha256"]) == (str(len(content)), hashlib.sha256(content).hexdigest())
    tables = {name for name in listed if "/" not in name}
    assert (
        {"results.csv", "summary.json", "report.html"} <= tables <= {"results.parquet", *(tables - {"journal.jsonl"})}
    )
    assert {name for name in listed if name.startswith("cases/one/")} == {f"cases/one/{name}" for name in REPORTS}
    assert {name for name in listed if name.startswith("cases/a%20b/")} == {f"cases/a%20b/{name}" for name in REPORTS}
    assert not any("broken" in name for name in known)
    assert listed["cases/one/margins.geojson"]["encodingFormat"] == "application/geo+json"
    assert known["cases/a%20b/"]["name"] == "a b"


def test_it_is_linked_data_that_holds_together(out: Path) -> None:
    """Every reference leads somewhere in the file; every term is one of RO-Crate; the root reaches every file."""
    from rocrate import vocabs

    known = graph(out)
    terms = vocabs.RO_CRATE["@context"]
    for one in known.values():
        assert {key for key in one if not key.startswith("@")} <= set(terms)
        assert one["@type"] in terms
        for key, value in one.items():
            if key != "conformsTo":
                assert set(references(value)) <= set(known), key
    assert known["ro-crate-metadata.json"]["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.2"}
    root = known["./"]
    assert {name for name, one in known.items() if one["@type"] == "File"} <= set(references(root["hasPart"]))
    assert (root["name"], root["datePublished"]) == ("Surgical margins of 3 cases", DATE)
    assert root["license"].startswith("Not stated.")


def test_the_version_that_measured_is_the_instrument(out: Path) -> None:
    known = graph(out)
    (action,) = (one for one in known.values() if one["@type"] == "CreateAction")
    tool = known[action["instrument"]["@id"]]
    assert (tool["@type"], tool["softwareVersion"]) == ("SoftwareApplication", marginkit.__version__)
    assert (tool["version"], tool["url"]) == (marginkit.__version__, f"pkg:pypi/marginkit@{marginkit.__version__}")
    made = set(references(action["result"]))
    assert made == {name for name, one in known.items() if one["@type"] == "File"}
    assert set(action) == {"@id", "@type", "name", "instrument", "result"}  # nobody, no time, no place
    assert references(known["./"]["mentions"]) == [action["@id"]]


def test_two_versions_are_two_actions_and_neither_is_given_the_tables(out: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(out, tmp_path / "copy")
    path = copy / "cases" / "one" / "result.json"
    path.write_text(path.read_text().replace(f'"marginkit": "{marginkit.__version__}"', '"marginkit": "0.0.9"'))
    actions = {one["@id"]: one for one in graph(copy).values() if one["@type"] == "CreateAction"}
    assert set(actions) == {"#measured-0.0.9", f"#measured-{marginkit.__version__}"}
    assert set(references(actions["#measured-0.0.9"]["result"])) == {f"cases/one/{name}" for name in REPORTS}


def test_the_library_reads_it_back(out: Path) -> None:
    licence = "https://creativecommons.org/licenses/by/4.0/"
    crate.write(out, DATE, licence)
    read = rocrate.ROCrate(out)
    assert read.root_dataset["license"].id == licence
    assert str(read.root_dataset["datePublished"]).startswith(DATE)
    (action,) = read.root_dataset["mentions"]
    assert action["instrument"]["name"] == "marginkit"
    assert {part.id for part in read.get("cases/one/")["hasPart"]} == {f"cases/one/{name}" for name in REPORTS}
    assert {one.id for one in read.get_by_type("File")} >= {"results.csv", "report.html"}


def test_same_folder_same_bytes_and_no_socket(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "__init__", refuse)
    first = crate.write(out, DATE).read_bytes()
    assert crate.write(out, DATE).read_bytes() == first
    assert str(out).encode() not in first
    assert socket.gethostname().encode() not in first
    assert b"somebody" not in first


def test_what_is_refused(out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileError, match="E-FILE-14"):
        crate.write(tmp_path, DATE)
    with pytest.raises(UsageError, match="E-USE-11"):
        crate.write(out, "yesterday")
    monkeypatch.setitem(sys.modules, "rocrate", None)
    with pytest.raises(MissingExtraError, match=r"marginkit\[rocrate\]"):
        crate.write(out, DATE)


def test_the_command_writes_it_only_when_asked(out: Path, tmp_path: Path) -> None:
    def report(*words: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "marginkit", "report", str(copy), *words]
        done = subprocess.run(command, capture_output=True, text=True)
        return done.returncode, done.stdout

    copy = shutil.copytree(out, tmp_path / "copy")
    (copy / crate.FILE).unlink(missing_ok=True)
    assert report() == (0, f"{copy / 'report.html'}\n")
    assert report("--licence", "mine")[0] == 2
    assert not (copy / crate.FILE).exists()
    assert report("--ro-crate", DATE, "--licence", "mine") == (0, f"{copy / 'report.html'}\n{copy / crate.FILE}\n")
    assert {"mine"} == {
        one["license"] for one in json.loads((copy / crate.FILE).read_text())["@graph"] if "license" in one
    }

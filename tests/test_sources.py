"""What users write where a source is wanted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

import pytest

from marginkit.errors import UsageError
from marginkit.sources import FileSource, SegmenterSource, ink_map, pair, parse, typed_options

SHELF = ["threshold", "tissue"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "path", "select"),
    [
        ("mask.tif", "mask.tif", ""),
        ("mask.tif#label=2", "mask.tif", "label=2"),
        ("mask.tif#page=0:label=0+1", "mask.tif", "page=0:label=0+1"),
        ("qp.geojson#Deep margin", "qp.geojson", "Deep margin"),
        (r"C:\cases\mask.tif", r"C:\cases\mask.tif", ""),
        (r"C:\cases\mask.tif#label=2", r"C:\cases\mask.tif", "label=2"),
        ("C:mask.tif", "C:mask.tif", ""),
        ("/no/such:place/mask.tif", "/no/such:place/mask.tif", ""),
        ("thresholds.tif", "thresholds.tif", ""),
        ("https://example.org/mask.tif", "https://example.org/mask.tif", ""),
    ],
)
def test_what_names_no_file_is_still_read_as_one(folder: Path, text: str, path: str, select: str) -> None:
    assert parse(text, SHELF) == FileSource(path, select)


@pytest.mark.parametrize(
    "name", ["threshold", "threshold:above=3", "tumor=2.tif", "a:b.tif", "C:mask.tif", "a#b.tif", "a#b#c", "x,y=1.tif"]
)
def test_an_existing_file_wins(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"x")
    assert parse(name, SHELF) == FileSource(name)
    assert parse(f"{name}#label=2", SHELF) == FileSource(name, "label=2")
    assert pair(name) == ("", name)


def test_the_longest_existing_file_wins(folder: Path) -> None:
    (folder / "a").write_bytes(b"x")
    (folder / "a#b").write_bytes(b"x")
    assert parse("a#b#c", SHELF) == FileSource("a#b", "c")
    assert parse("a#c", SHELF) == FileSource("a", "c")


def test_a_segmenter_and_its_options() -> None:
    assert parse("threshold", SHELF) == SegmenterSource("threshold")
    assert parse("threshold:", SHELF) == SegmenterSource("threshold")
    source = parse("threshold: above=-300, min-size-px=5", SHELF)
    assert source == SegmenterSource("threshold", (("above", "-300"), ("min_size_px", "5")))
    assert source.name == "threshold:above=-300,min_size_px=5"


@pytest.mark.parametrize("text", ["threshold:above", "threshold:above=", "threshold:=3", "threshold:a=1,a=2"])
def test_options_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="E-USE-03"):
        parse(text, SHELF)


def test_a_segmenter_that_does_not_exist_is_named_with_those_that_do() -> None:
    with pytest.raises(UsageError, match=r"no segmenter named 'treshold' \(E-USE-02\): there are threshold, tissue"):
        parse("treshold:above=3", SHELF)


@pytest.mark.parametrize("text", ["", "  "])
def test_nothing_is_no_source(text: str) -> None:
    with pytest.raises(UsageError, match="E-USE-01"):
        parse(text, SHELF)


def test_E16_a_nul_is_no_crash() -> None:
    assert parse("a\0b#c", SHELF) == FileSource("a\0b", "c")


@pytest.mark.parametrize(
    ("text", "word", "rest"),
    [
        ("capsule=walls.geojson", "capsule", "walls.geojson"),
        ("capsule = threshold:above=3,fill=yes", "capsule", "threshold:above=3,fill=yes"),
        ("fascia lata=x.tif#label=2", "fascia lata", "x.tif#label=2"),
        ("threshold:above=3", "", "threshold:above=3"),
        ("x.tif#label=2", "", "x.tif#label=2"),
        (r"C:\a=b.tif", "", r"C:\a=b.tif"),
        ("folder/a=b.tif", "", "folder/a=b.tif"),
    ],
)
def test_a_word_before_a_source(folder: Path, text: str, word: str, rest: str) -> None:
    assert pair(text) == (word, rest)


def test_ink_map() -> None:
    assert ink_map("Blue=superior, black=deep margin") == {"blue": "superior", "black": "deep margin"}
    for wrong in ("", "blue", "blue=", "pink=deep", "blue=a,blue=b", "blue=a,,red=b"):
        with pytest.raises(UsageError, match="E-USE-04"):
            ink_map(wrong)


@dataclass(frozen=True)
class Options:
    above: float | Literal["otsu", "li"] | None = "otsu"
    fill: bool = False
    count: int = 0
    channel: str = ""
    size: int | None = None

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ValueError("count is negative")


SEGMENTER = SimpleNamespace(NAME="toy", Options=Options)


def test_words_become_values_of_the_fields() -> None:
    words = [("above", "-3e2"), ("fill", "Yes"), ("count", "7"), ("channel", "12"), ("size", "none")]
    assert typed_options(SEGMENTER, words) == Options(-300.0, True, 7, "12", None)
    assert typed_options(SEGMENTER, [("above", "LI"), ("size", "3")]) == Options("li", size=3)
    assert typed_options(SEGMENTER, [("fill", "0")]).fill is False
    assert typed_options(SEGMENTER, []) == Options()


@pytest.mark.parametrize(
    ("key", "word", "says"),
    [
        ("abov", "3", "toy has no option 'abov' (E-USE-03): there are above, fill, count, channel, size"),
        ("above", "ots", "wanted a number or otsu, li or none"),
        ("above", "nan", "wanted a number"),
        ("above", "inf", "wanted a number"),
        ("fill", "perhaps", "wanted yes or no"),
        ("count", "1.5", "wanted a whole number"),
        ("count", "-1", "count is negative"),
    ],
)
def test_a_wrong_option_says_what_was_wanted(key: str, word: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        typed_options(SEGMENTER, [(key, word)])
    assert says in str(caught.value)

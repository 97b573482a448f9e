"""Readers paired by case and margin name; what was missed stays in; command, page and JSON."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import marginkit as mk
from marginkit import cli, comparing
from marginkit.agreement import page, readings
from marginkit.errors import AgreementError, UsageError
from tests.browser import chromium, faults, fits, reading

FIRST = """case,margin,value_mm,qualifier,verdicts
p1,all,0.4,exact,uicc-r-plus-1mm: R1 (certain)
p1,deep,0.4,exact,
p2,all,3.0,exact,uicc-r-plus-1mm: R0 (certain)
p3,all,1.1,at_most,uicc-r-plus-1mm: R0 or R1 (indeterminate)
p4,all,8.0,exact,uicc-r-plus-1mm: R0 (certain)
p5,all,0.9,exact,uicc-r-plus-1mm: R1 (certain)
"""
SECOND = """case;value_mm;margin;verdicts
p1;0,6;;uicc-r-plus-1mm: R1 (certain)
p2;3,4;;uicc-r-plus-1mm: R0 (certain)
p3;1,5;all;uicc-r-plus-1mm: R0 (certain)
p4;7,8;all;uicc-r-plus-1mm: R0 (certain)
p5;;all;
p6;2,0;all;uicc-r-plus-1mm: R0 (certain)
"""


@pytest.fixture
def tables(tmp_path: Path) -> tuple[Path, Path]:
    """Two readers: with decimal points and with decimal commas."""
    first, second = tmp_path / "ruler.csv", tmp_path / "software.csv"
    first.write_text(FIRST, "utf-8")
    second.write_text(SECOND, "utf-8-sig")
    return first, second


def test_pairs_and_what_is_missing(tables: tuple[Path, Path]) -> None:
    found = mk.agree(*tables)
    assert found.readers == ("ruler", "software")
    assert [group.margin for group in found.groups] == ["all", "deep"]
    pair = found.all.pairs[0]
    assert [case for case, *_ in pair.pairs] == ["p1", "p2", "p3", "p4"]
    assert (pair.cases, pair.missing, pair.bounds) == (6, (1, 1), 1)
    assert (found.all.cases, found.all.complete) == (6, 4)
    assert pair.limits is not None
    assert pair.limits.bias_mm == pytest.approx((0.4 + 3.0 + 1.1 + 8.0 - 0.6 - 3.4 - 1.5 - 7.8) / 4)
    assert found.groups[1].pairs[0].missing == (0, 1)


def test_a_missed_close_margin_lowers_sensitivity(tables: tuple[Path, Path]) -> None:
    at_1mm, at_5mm = mk.agree(*tables).all.pairs[0].screenings
    assert (at_1mm.sensitivity.hits, at_1mm.sensitivity.of, at_1mm.missed_close) == (1, 2, 1)
    assert (at_1mm.specificity.hits, at_1mm.specificity.of, at_1mm.without_reference) == (3, 3, 1)
    assert (at_5mm.sensitivity.hits, at_5mm.sensitivity.of) == (3, 4)


def test_verdicts_that_are_not_certain_are_no_agreement(tables: tuple[Path, Path]) -> None:
    kappa = mk.agree(*tables).all.pairs[0].verdicts["uicc-r-plus-1mm"]
    assert kappa.categories == ("R1", "R0")  # as the policy orders them, from small margins to large
    assert (kappa.same, kappa.judged) == ((3, 6), 3)


def test_three_readers_have_three_pairs_and_one_icc() -> None:
    draw = np.random.default_rng(1)
    true = draw.uniform(0, 10, 20)
    tables = [
        {f"p{k}": float(max(0, v + e)) for k, (v, e) in enumerate(zip(true, draw.normal(0, s, 20)))}
        for s in (0.1, 0.2, 0.3)
    ]
    found = mk.agree(*tables, reference=False)
    assert found.readers == ("A", "B", "reader 3")
    assert len(found.all.pairs) == 3
    assert not found.all.pairs[0].screenings
    assert [one.form for one in found.all.correlations] == ["ICC(1,1)", "ICC(2,1)", "ICC(3,1)"]
    assert found.all.correlations[1].value > 0.98


def test_failed_cases_of_a_batch_are_counted(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "results.csv").write_text("case,status,margin,value_mm\na,measured,all,1\nb,failed,,\n")
    found = readings.read(out)
    assert found.name == "out"
    assert found.readings[("b", "all")].value_mm is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("patient,value\n1,2\n", "E-AGR-01"),
        ("case,margin\n", "E-AGR-01"),
        ("case,value_mm\na,-1\n", "E-AGR-02"),
        ("case,value_mm\na,inf\n", "E-AGR-02"),
        ("case,value_mm\na,1 mm\n", "E-AGR-02"),
        ("case,value_mm\na,1\na,2\n", "E-AGR-03"),
    ],
)
def test_tables_that_cannot_be_used_name_the_line(tmp_path: Path, text: str, code: str) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text(text)
    with pytest.raises(AgreementError, match=rf"^bad\.csv: .*{code}"):
        mk.agree(bad, {"a": 1.0})


def test_text_that_is_none_and_values_that_are_none_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"case,value_mm\n\xff\xfe,1\n")
    with pytest.raises(AgreementError, match="E-AGR-01"):
        mk.agree(tmp_path / "x.csv", {"a": 1.0})
    with pytest.raises(AgreementError, match="E-AGR-02"):
        mk.agree({"a": float("nan")}, {"a": 1.0})
    with pytest.raises(AgreementError, match="E-AGR-04"):
        mk.agree({"a": 1.0})
    with pytest.raises(UsageError, match="E-USE-20"):
        mk.agree({"a": 1.0}, {"a": 1.0}, names=["x", "y", "z"])


def test_readers_of_one_name_are_told_apart() -> None:
    assert mk.agree({"a": 1.0}, {"a": 1.0}, names=["x", "x"]).readers == ("x (1)", "x (2)")


def masks(folder: Path, **files: Any) -> Path:
    folder.mkdir()
    for name, mask in files.items():
        said = {
            "axes": "YX",
            "PhysicalSizeX": 20,
            "PhysicalSizeXUnit": "µm",
            "PhysicalSizeY": 20,
            "PhysicalSizeYUnit": "µm",
        }
        tifffile.imwrite(folder / f"{name}.ome.tif", mask.astype(np.uint8), ome=True, metadata=said)
    return folder


def test_masks_are_paired_by_name_and_the_lonely_are_listed(tmp_path: Path) -> None:
    square = np.zeros((40, 40), bool)
    square[5:15, 5:15] = True
    first = masks(tmp_path / "a", p1=square, p2=square)
    second = masks(tmp_path / "b", p1=np.roll(square, 3, axis=1), p3=square)
    found = comparing.masks(first, second)
    assert list(found) == ["p1", "p2", "p3"]
    assert found["p1"] is not None
    assert found["p1"].dice == pytest.approx(0.7)
    assert found["p1"].most_mm == pytest.approx(0.06)
    assert (found["p2"], found["p3"]) == (None, None)
    told = mk.agree({"p1": 1.0}, {"p1": 1.0}, masks=found)
    assert page.dice(told) == "Dice of 1 pairs of masks: median 0.700, least 0.700; 2 without a partner."


def test_masks_of_two_grids_are_refused_by_name(tmp_path: Path) -> None:
    first = masks(tmp_path / "a", p1=np.eye(30, dtype=bool))
    second = masks(tmp_path / "b", p1=np.eye(31, dtype=bool))
    with pytest.raises(mk.MarginError, match=r"^p1\.ome\.tif: "):
        comparing.masks(first, second)


def call(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = cli.code_of([str(word) for word in words])
    return code, *capsys.readouterr()


def test_the_command_writes_page_and_numbers(tables: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    out = tables[0].parent / "deep" / "out"
    code, said, err = call(capsys, "agree", *tables, "--out", out, "--names", "Ruler,Software")
    assert code == 0
    assert "4 of 6 cases" in said
    assert "Ruler" in said
    assert {file.name for file in out.iterdir()} == {"agreement.html", "agreement.json"}
    assert "wrote" in err
    code, said, _ = call(capsys, "agree", *tables, "--json", "--limits", "2")
    told = json.loads(said)
    assert told["schema"] == "marginkit.agreement/1"
    assert told["reference"] == "ruler"
    assert told["groups"][0]["pairs"][0]["screenings"][0]["limit_mm"] == 2.0
    assert told["groups"][0]["icc"][1]["form"] == "ICC(2,1)"


def test_wrong_usage_and_a_file_that_is_not_there(
    tables: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(capsys, "agree", tables[0])[0] == 2
    code, _, err = call(capsys, "agree", tables[0], "nowhere.csv")
    assert code == 1
    assert "nowhere.csv" in err


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.mark.parametrize("width_px", [1200, 390])
def test_the_page_in_a_browser(browser: Any, tables: tuple[Path, Path], width_px: int) -> None:
    file = tables[0].parent / page.FILE
    file.write_bytes(page.page(mk.agree(*tables)))
    with reading(browser, file, viewport={"width": width_px, "height": 800}) as shown:
        assert fits(shown)
        assert faults(shown) == []
        assert shown.locator("svg.plot").first.locator("circle").count() == 4
        assert "1 close and 0 clear not measured" in shown.locator("table").first.inner_text()

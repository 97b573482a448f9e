"""margins.csv and the terminal's table."""

import csv
import io
from dataclasses import replace

import pytest
from rich.console import Console

from marginkit import wording
from marginkit.errors import MarginError
from marginkit.records import Margin, ReportWriter, Verdict
from marginkit.reports import table
from tests.cases import square_case


def written(case):
    stream = io.BytesIO()
    table.write(case, stream)
    return stream.getvalue()


def parsed(case):
    return list(csv.DictReader(io.StringIO(written(case).decode("utf-8"), newline="")))


def test_meets_the_protocol():
    assert isinstance(table, ReportWriter)
    assert table.FILE == "margins.csv"


def test_one_row_a_margin():
    found = parsed(square_case())
    assert [row["margin"] for row in found] == ["all", "deep"]
    assert float(found[0]["value_mm"]) == 2.0
    assert float(found[1]["interval_high_mm"]) == 5.5
    assert found[1]["qualifier"] == "at_most"
    assert float(found[1]["unseen_mm"]) == 4.9
    assert (found[0]["edge_mm"], found[0]["edge_mm2"], found[0]["behind_barrier"]) == ("50.0", "", "")
    assert (found[0]["tumor_z_px"], found[0]["tumor_y_px"], found[0]["tumor_x_px"]) == ("", "8.5", "14.5")
    assert found[0]["calibration_source"] == "typed"
    assert found[0]["verdicts"] == "sarcoma-cates-2019: not adequate (certain)"
    assert found[1]["verdicts"] == ""


def test_one_row_a_slice():
    flat = square_case().result
    found = parsed(square_case(slices=((7, replace(flat, margins=flat.margins[:1])),)))
    assert [(row["slice"], row["margin"]) for row in found] == [("", "all"), ("", "deep"), ("7", "all")]


def test_a_plane_of_a_stack_is_not_listed_twice():
    case = square_case(plane=7)
    found = parsed(replace(case, slices=((7, case.result),)))
    assert [(row["slice"], row["margin"]) for row in found] == [("7", "all"), ("7", "deep")]


def test_numbers_survive_the_round_trip():
    case = square_case()
    exact = replace(case.result.all, value_mm=0.1 + 0.2, interval_mm=(1e-7, 1e7))
    row = parsed(replace(case, result=replace(case.result, margins=(exact,))))[0]
    assert float(row["value_mm"]) == 0.1 + 0.2
    assert (float(row["interval_low_mm"]), float(row["interval_high_mm"])) == (1e-7, 1e7)


def test_lines_end_as_rfc_4180_says():
    text = written(square_case())
    assert text.endswith(b"\r\n")
    assert text.count(b"\r\n") == text.count(b"\n") == 3


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", "＋1", "－1", "＠x", " =1"])
def test_G01_formulas_are_neutralised(start):
    row = parsed(square_case(case=start))[0]
    assert row["case"] == "'" + start


def test_G01_numbers_stay_numbers():
    assert table.cell(-0.5) == "-0.5"


def test_G02_comma_quote_newline_are_quoted():
    name = 'a, "b"\nc'
    assert parsed(square_case(case=name))[0]["case"] == name


def test_G02_nul_and_nan_are_refused():
    with pytest.raises(MarginError, match="E-OUT-02"):
        written(square_case(case="a\0b"))
    with pytest.raises(MarginError, match="E-OUT-01"):
        table.cell(float("nan"))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.9996, "1.0 mm (0.9996)"),
        (1.0, "1.0 mm"),
        (1.0000000000000002, "1.0 mm (1.0000000000000002)"),
        (4.97, "5.0 mm (4.97)"),
    ],
)
def test_D13_what_is_printed_cannot_contradict(value, words):
    assert wording.millimetres(value) == words


@pytest.mark.parametrize(
    ("qualifier", "value", "words"),
    [
        ("at_most", 3.21, "≤ 3.2 mm"),
        ("at_least", 3.21, "≥ 3.2 mm"),
        ("touching", 0.0, "touching, 0 mm"),
        ("exact", 0.0123, "0.012 mm"),
    ],
)
def test_words_of_a_margin(qualifier, value, words):
    assert wording.shown(Margin("all", value, (value, value), qualifier)) == words


def rendered(case):
    console = Console(file=io.StringIO(), width=160, force_terminal=True, color_system="standard")
    console.print(table.rich_table(case))
    return console.file.getvalue()


def test_terminal_table():
    text = rendered(square_case())
    for word in ("2.0 mm", "1.8–2.5 mm", "≤ 5.0 mm", "deep", "not adequate", "typed", "500 × 500 µm"):
        assert word in text


def test_G12_names_cannot_move_the_cursor():
    text = rendered(square_case(case="a\x1b[2Jb", verdicts=(Verdict("[red]x[/red]", "c", "certain", "r"),)))
    assert "\x1b[2J" not in text
    assert "\\x1b[2Jb" in text
    assert "[red]x[/red]" in text

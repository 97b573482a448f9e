"""report.html of a case: what it says, and how it behaves in a real browser."""

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from marginkit import pipeline
from marginkit.records import Margin, Measured, ReportWriter, TumorSize, Verdict
from marginkit.reports import _synoptic, overlay, page
from tests.browser import chromium, faults, fits, reading
from tests.casefiles import SPECIMEN, TUMOR, stack_file
from tests.cases import square_case

EVIL = '</script><script>alert(1)</script><img src=x onerror="alert(2)">\u202e{{ 7 * 7 }}'
A4_PX = 695  # 184 mm between the margins, at 96 px an inch


def text(case: Measured) -> str:
    """The page as text."""
    stream = io.BytesIO()
    page.write(case, stream)
    return stream.getvalue().decode("utf-8")


def many_margins() -> Measured:
    """Eighty named margins, the nearest last; a page of several sheets."""
    case = square_case()
    first = case.result.margins[0]
    named = [replace(first, name=f"part {k}", value_mm=82.0 - k, interval_mm=(0.0, 99.0)) for k in range(80)]
    named.append(Margin("ink", None, None, "not_assessable", reason="no cut edge in view"))
    long = tuple(Verdict(f"policy-{k}", "R0", "certain", "because.", m.name) for k in range(3) for m in (first, *named))
    return replace(case, result=replace(case.result, margins=(first, *named)), verdicts=long)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a stack measured from files, with two policies."""
    folder = tmp_path_factory.mktemp("page")
    policies = ("uicc-r-plus-1mm", "sarcoma-cates-2019")
    job = pipeline.Job(str(stack_file(folder)), SPECIMEN, tumor=TUMOR, policies=policies, state="fixed", confirm=True)
    pipeline.write(pipeline.measured(job), folder / "out")
    return folder / "out" / page.FILE


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("long") / "report.html"
    file.write_text(text(many_margins()), "utf-8")
    return file


# What it says


def test_meets_the_protocol() -> None:
    assert isinstance(page, ReportWriter)
    assert page.FILE == "report.html"


def test_the_synoptic_block_in_the_order_of_a_form() -> None:
    """Upper margin 2 mm; deep 5 mm, not under the limit of 5 mm."""
    first, deep = square_case().result.margins
    named = replace(first, name="superior")
    near = replace(deep, name="deep", value_mm=4.5, interval_mm=(4.4, 5.0))
    case = square_case(result=replace(square_case().result, margins=(first, named, near, replace(deep, name="far"))))
    assert list(_synoptic.rows(case)) == [
        ("Margin status", "no tumor at the resection edge, in the plane examined"),
        ("Distance of tumor from closest margin (mm)", "2.0 mm"),
        ("Distance of tumor from closest margin (cm)", "0.20 cm"),
        ("Interval of this distance", "1.8–2.5 mm"),
        ("Closest margin", "superior"),
        ("Margins involved by tumor", "none"),
        ("Other close margins", "deep ≤ 4.5 mm"),
        ("Examined", "one plane; in three dimensions the margin can only be smaller"),
    ]


def test_tumor_at_the_edge_names_the_margin_involved() -> None:
    case = square_case()
    first = replace(case.result.all, value_mm=0.0, interval_mm=(0.0, 0.5), qualifier="touching")
    both = (first, replace(first, name="deep"))
    told = dict(_synoptic.rows(replace(case, result=replace(case.result, margins=both))))
    assert told["Margin status"] == "tumor at the resection edge"
    assert told["Distance of tumor from closest margin (cm)"] == "0.00 cm"
    assert told["Margins involved by tumor"] == "deep"


def test_what_is_not_named_is_not_called_none() -> None:
    case = square_case()
    first = replace(case.result.all, value_mm=0.0, interval_mm=(0.0, 0.5), qualifier="touching")
    told = dict(_synoptic.rows(replace(case, result=replace(case.result, margins=(first,)))))
    assert told["Margins involved by tumor"] == "a part of the resection edge without a name"
    assert told["Closest margin"] == "not named (no margin was given a name)"
    assert told["Other close margins"] == "no margin was given a name"


def test_an_interval_that_reaches_the_edge_is_not_called_clear() -> None:
    case = square_case()
    first = replace(case.result.all, value_mm=0.3, interval_mm=(0.0, 0.7))
    told = dict(_synoptic.rows(replace(case, result=replace(case.result, margins=(first,)))))
    assert told["Margin status"].endswith("by its interval it may reach it")


def test_planes_say_what_they_can_hide() -> None:
    """A tumor 26 mm across in planes 10 mm apart: 5-12-13, so a front can hide 1 mm of 2 mm."""
    case = square_case()
    size = TumorSize(26.0, volume_mm3=9.0)
    found = text(replace(case, result=replace(case.result, size=size, planes=4, plane_spacing_mm=10.0)))
    assert "a round front of radius 13.0 mm can come 1.0 mm nearer" in found
    assert "the margin would lie within 1.0–2.0 mm" in found
    assert "A round focus of 5.0 mm meets no plane with a chance of 50 %" in found


def test_signal_is_never_called_tumor() -> None:
    case = square_case()
    told = dict(_synoptic.rows(replace(case, result=replace(case.result, region="signal"))))
    assert told["Distance of fluorescent signal (not tumor) from closest margin (mm)"] == "2.0 mm"


def test_a_case_without_a_margin_has_a_page_that_says_why() -> None:
    case = square_case()
    nothing = Margin("all", None, None, "not_assessable", reason="no tumor in the image")
    empty = replace(case, result=replace(case.result, margins=(nothing,), foci=(), size=None))
    assert "cannot be assessed: no tumor in the image" in text(empty)


def test_the_source_of_the_millimetres_citation_and_domain_are_there(stack: Path) -> None:
    found = stack.read_text("utf-8")
    for words in (
        "OME PhysicalSize",
        '<a href="https://doi.org/10.1038/s41379-019-0278-9"',
        "high-grade pleomorphic sarcoma",
        "5 planes, 2 mm apart",
        "specimen fixed or slide",
        "r − √(r² − s²/4)",
        "Research use only",
    ):
        assert words in found


def test_H_a_name_that_is_a_program_stays_a_name() -> None:
    found = text(square_case(case=EVIL, warnings=(EVIL,)))
    assert "<script>alert" not in found
    assert "<img src=x" not in found
    assert "\u202e" not in found
    assert "{{ 7 * 7 }}" in found
    assert len(re.findall("<script", found)) == 1


def test_the_picture_is_drawn_once_for_both_reports_and_then_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    case, drawn, draw = square_case(), [], overlay.draw
    monkeypatch.setattr(overlay, "draw", lambda one: drawn.append(one) or draw(one))
    first, second = io.BytesIO(), io.BytesIO()
    overlay.write(case, first)
    page.write(case, io.BytesIO())
    assert drawn == [case]
    overlay.write(case, second)
    assert drawn == [case, case]
    assert first.getvalue() == second.getvalue()
    overlay.write(square_case(case="other"), second)
    assert len(drawn) == 3


def test_same_case_same_bytes() -> None:
    assert text(square_case()) == text(square_case())


# In the browser


@pytest.mark.parametrize("width_px", [1280, 390])
def test_it_opens_at_any_width_and_asks_nobody(browser: Any, stack: Path, width_px: int) -> None:
    with reading(browser, stack, viewport={"width": width_px, "height": 900}) as shown:
        assert fits(shown)
        assert shown.locator("h1").inner_text() == "stack"
        image = shown.locator(".viewport img")
        assert image.evaluate("i => i.complete && i.naturalWidth > 500")
        assert "closest pair: 1.0 mm" in image.get_attribute("alt")
        assert shown.locator("svg.plot[role=img]").count() == 2


def test_a_hostile_case_does_nothing_in_the_browser(browser: Any, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(text(square_case(case=EVIL, warnings=(EVIL,))), "utf-8")
    with reading(browser, file) as shown:
        assert "alert(1)" in shown.locator("h1").inner_text()


def test_zoom_by_button_key_wheel_and_drag(browser: Any, stack: Path) -> None:
    def place() -> list[float]:
        matrix = "i => { const m = new DOMMatrix(getComputedStyle(i).transform); return [m.a, m.e, m.f] }"
        found: list[float] = shown.locator(".viewport img").evaluate(matrix)
        return found

    with reading(browser, stack, viewport={"width": 1000, "height": 900}) as shown:
        port = shown.locator(".viewport")
        shown.get_by_role("button", name="Zoom in").click()
        assert place()[0] == pytest.approx(1.5)
        assert shown.locator("[data-zoom-now]").inner_text() == "150 %"
        port.focus()
        shown.keyboard.press("+")
        assert place()[0] == pytest.approx(2.25)
        left = place()[1]
        shown.keyboard.press("ArrowRight")
        assert place()[1] == pytest.approx(left - 60, abs=1)
        box = port.bounding_box()
        x, y = box["x"] + 300, box["y"] + 100
        shown.mouse.move(x, y)
        shown.mouse.wheel(0, -100)
        assert place()[0] == pytest.approx(2.7)
        before = place()
        shown.mouse.down()
        shown.mouse.move(x + 40, y + 30)
        shown.mouse.up()
        assert place()[1:] == pytest.approx([before[1] + 40, before[2] + 30], abs=1)
        shown.get_by_role("button", name="Whole picture").click()
        assert place() == [1, 0, 0]


def test_the_table_of_margins_is_sorted_by_distance(browser: Any, long: Path) -> None:
    with reading(browser, long) as shown:
        table = shown.locator("table[data-sortable]")
        head = table.get_by_role("button", name="Distance")
        head.click()
        names = table.locator("tbody th").all_inner_texts()
        assert names[:2] == ["whole cut edge", "part 79"]  # 2 and 3 mm
        assert names[-1] == "ink"  # without a value
        head.press("Enter")
        names = table.locator("tbody th").all_inner_texts()
        assert (names[0], names[-1]) == ("part 0", "ink")
        assert table.locator("th[aria-sort=descending]").inner_text().startswith("Distance")


def test_it_reads_without_scripts(browser: Any, stack: Path) -> None:
    with reading(browser, stack, java_script_enabled=False) as shown:
        assert shown.locator(".viewport img").is_visible()
        assert shown.get_by_role("button").count() == 0
        assert "1.0 mm" in shown.locator(".synoptic").inner_text()
        assert "R1 or R0 (indeterminate)" in shown.get_by_role("region", name="Verdicts by margin").inner_text()


@pytest.mark.parametrize("which", ["stack", "long"])
def test_it_prints_on_a4_without_cut_tables(browser: Any, which: str, request: pytest.FixtureRequest) -> None:
    with reading(browser, request.getfixturevalue(which), viewport={"width": A4_PX, "height": 1000}) as shown:
        shown.get_by_role("button", name="Zoom in").click()
        sheets = shown.pdf(prefer_css_page_size=True)
        sizes = {tuple(round(float(n)) for n in box.split()) for box in re.findall(rb"/MediaBox \[([^\]]+)\]", sheets)}
        assert sizes == {(0, 0, 595, 842)}
        shown.emulate_media(media="print")
        assert fits(shown)
        assert shown.evaluate("[...document.querySelectorAll('.scroll')].every(d => d.scrollWidth <= d.clientWidth)")
        rows = "[...document.querySelectorAll('tr')].every(r => getComputedStyle(r).breakInside === 'avoid')"
        assert shown.evaluate(rows)
        assert not shown.locator(".controls").is_visible()
        assert shown.locator(".viewport img").evaluate("i => getComputedStyle(i).transform") == "none"


@pytest.mark.parametrize("which", ["stack", "long"])
def test_it_is_accessible(browser: Any, which: str, request: pytest.FixtureRequest) -> None:
    with reading(browser, request.getfixturevalue(which)) as shown:
        assert faults(shown) == []


def test_every_control_is_reached_by_the_keyboard(browser: Any, stack: Path) -> None:
    with reading(browser, stack) as shown:
        seen = []
        for _ in range(7):
            shown.keyboard.press("Tab")
            seen.append(shown.evaluate("document.activeElement.textContent.trim() || document.activeElement.className"))
    assert seen[:5] == ["Skip to the result", "Zoom in", "Zoom out", "Whole picture", "viewport live"]

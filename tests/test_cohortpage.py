"""The page of a cohort, from what a real batch wrote; sorted, filtered and printed in a real browser."""

import csv
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from marginkit import batch, cli, cohortpage, spread
from marginkit.agreement import readings
from marginkit.errors import AgreementError, FileError
from marginkit.pipeline import Job
from tests.browser import chromium, faults, fits, reading
from tests.casefiles import SPECIMEN, TUMOR, ome

EVIL = "<script>alert(1)</script>"


def image(folder: Path, name: str, gap_px: int) -> Path:
    """A specimen of 20 × 30 pixels of 0.5 mm; tumor that many pixels below its upper edge (none: below 0)."""
    specimen = np.zeros((32, 42), bool)
    specimen[5:25, 5:35] = True
    tumor = np.zeros_like(specimen)
    if gap_px >= 0:
        tumor[5 + gap_px : 9 + gap_px, 15:23] = True
    return ome(folder / f"{name}.ome.tif", [specimen * 90, tumor, specimen])


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six cases: 2, 0, 4 and 0.5 mm above, one without tumor, one that is broken."""
    folder = tmp_path_factory.mktemp("cohort")
    gaps = {"a2": 4, "b0": 0, "c4": 8, "d05": 1, "empty": -1, "broken": 2}
    images = {name: image(folder, name, gap) for name, gap in gaps.items()}
    images["broken"].write_bytes(images["broken"].read_bytes()[:300])
    jobs = [
        Job(
            str(file),
            SPECIMEN,
            tumor=TUMOR,
            pixel_size="500um",
            sectors="up=superior,down=inferior",
            policies=("uicc-r-plus-1mm",),
            state="slide",
        )
        for file in images.values()
    ]
    batch.run(jobs, folder / "out", workers=1, tell=lambda done, count: None)
    cohortpage.cohort_page(folder / "out")
    return folder / "out"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


def cases(page: Any) -> list[str]:
    """What the table of cases shows, row by row: case and distance."""
    rows = page.locator("#cases tbody tr:visible")
    return [" ".join(row.locator("th, td.number").all_inner_texts()).strip() for row in rows.all()]


def test_it_says_what_failed_and_counts_it(out: Path) -> None:
    text = (out / cohortpage.FILE).read_text("utf-8")
    assert "<dt>Cases</dt><dd>6</dd>" in text
    assert "<dd>5, failed 1</dd>" in text
    assert "E-FILE-02" in text
    assert "median 1.2 mm, quartiles 0.4 mm to 2.5 mm, range 0.0 mm to 4.0 mm, 4 of 6 cases" in text
    assert "several states" not in text
    assert "<dt>uicc-r-plus-1mm: R0 (certain)</dt><dd>2 of 6</dd>" in text
    assert 'href="cases/a2/report.html"' in text


def test_spread_by_margin_name(out: Path) -> None:
    with open(out / "results.csv", encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    first = spread.table(rows, [1.0, 5.0])[0]
    assert first.name == "whole cut edge"
    assert first.with_value == "4 of 6"
    assert first.spots_mm[0] == 0.0
    assert first.below == (2, 4)
    assert {row.name for row in spread.table(rows, [1.0])} == {"whole cut edge", "inferior", "superior"}


def test_signal_and_tumor_are_never_one_distribution(tmp_path: Path) -> None:
    lines = "".join(f"s{k},signal,all,{k},fresh\nt{k},tumor,all,{10 + k},fixed\n" for k in range(3))
    (tmp_path / "results.csv").write_text(f"case,region,margin,value_mm,state\n{lines}")
    text = cohortpage.cohort_page(tmp_path).read_text("utf-8")
    assert "median 11.0 mm, quartiles 10.5 mm to 11.5 mm, range 10.0 mm to 12.0 mm, 3 of 3 cases" in text
    assert "median 1.0 mm" in text
    assert "signal to whole cut edge" in text
    assert "Specimens of several states are pooled here" in text


def test_a_failed_case_is_missed_only_by_what_was_wanted_of_it(tmp_path: Path) -> None:
    """Three failed tumor cases and one of signal counted under both: "1 of 5" signal, where one of two was measured."""
    measured = "t1,measured,tumor,all,3\nt2,measured,tumor,all,4\ns1,measured,signal,all,2\n"
    failed = "".join(f"f{k},failed,{region},,\n" for k, region in enumerate(("tumor", "tumor", "tumor", "signal")))
    (tmp_path / "results.csv").write_text(f"case,status,region,margin,value_mm\n{measured}{failed}")
    text = cohortpage.cohort_page(tmp_path).read_text("utf-8")
    assert "range 3.0 mm to 4.0 mm, 2 of 5 cases" in text
    assert "range 2.0 mm to 2.0 mm, 1 of 2 cases" in text
    rows = [row for _, row in readings.rows(tmp_path / "results.csv")]
    assert [(row.name, row.with_value) for row in spread.table(rows, [1.0])] == [
        ("whole cut edge", "2 of 5"),
        ("signal to whole cut edge", "1 of 2"),
    ]


def test_a_verdict_is_counted_among_the_cases_that_its_policy_was_asked_of(tmp_path: Path) -> None:
    """A rule that was asked of two cases of a hundred said "1 of 100"."""
    lines = (
        "a,measured,all,3,uicc-r: R0 (certain),uicc-r\n"
        "b,measured,all,3,dcis-2mm: adequate (certain),dcis-2mm\n"
        "c,failed,,,,uicc-r; oral-1-5mm\nd,failed,,,,\n"
    )
    (tmp_path / "results.csv").write_text(f"case,status,margin,value_mm,verdicts,policies\n{lines}")
    text = cohortpage.cohort_page(tmp_path).read_text("utf-8")
    found = dict(re.findall(r"<dt>([^<]*: [^<]*)</dt><dd>([^<]*)</dd>", text))
    assert found == {
        "dcis-2mm: adequate (certain)": "1 of 1",
        "oral-1-5mm: the case failed": "1 of 1",
        "uicc-r: R0 (certain)": "1 of 2",
        "uicc-r: the case failed": "1 of 2",
    }


def test_a_table_of_a_batch_says_what_was_asked_of_each_case(out: Path) -> None:
    with open(out / "results.csv", encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["status"] for row in rows} == {"measured", "failed"}
    assert {row["policies"] for row in rows} == {"uicc-r-plus-1mm"}


def test_a_failed_case_of_an_older_table_may_have_been_either(tmp_path: Path) -> None:
    lines = "t1,measured,tumor,all,3\ns1,measured,signal,all,2\nf,failed,,,\n"
    (tmp_path / "results.csv").write_text(f"case,status,region,margin,value_mm\n{lines}")
    text = cohortpage.cohort_page(tmp_path).read_text("utf-8")
    assert text.count("1 of 2 cases") == 2


def test_the_table_of_distributions_shows_what_the_summary_says(tmp_path: Path) -> None:
    """A median of 0.0068 mm stood in the table as 0.0."""
    lines = "".join(f"c{k},measured,all,{mm}\n" for k, mm in enumerate((0, 0.0068, 0.9996, 2.34)))
    (tmp_path / "results.csv").write_text(f"case,status,margin,value_mm\n{lines.replace('c3,measured,all,2.34', '')}")
    text = cohortpage.cohort_page(tmp_path).read_text("utf-8")
    assert "median 0.0068 mm" in text
    assert 'data-value="0.0068">0.0068</td>' in text
    assert "to 1.0 mm (0.9996)" in text
    assert 'data-value="0.9996">1.0 (0.9996)</td>' in text


@pytest.mark.parametrize("most_mm", [0.004, 0.7, 1.0, 23.9, 24.0, 24.1, 180.0])
def test_bins_of_a_histogram_hold_all_values(most_mm: float) -> None:
    rows = [{"case": str(k), "margin": "all", "value_mm": str(v)} for k, v in enumerate((0.0, most_mm / 3, most_mm))]
    ((_, drawn),) = spread.histograms(rows, [1.0])
    counts = [int(n) for n in re.findall(r" mm: (\d+)<", str(drawn))]
    assert sum(counts) == 3
    assert "nan" not in str(drawn)


def test_the_command_writes_it(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (out / cohortpage.FILE).unlink()
    assert cli.code_of(["report", str(out)]) == 0
    assert capsys.readouterr().out.strip() == str(out / cohortpage.FILE)
    assert (out / cohortpage.FILE).is_file()


def test_a_folder_without_results_is_one_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(FileError, match="E-FILE-14"):
        cohortpage.cohort_page(tmp_path)
    assert cli.code_of(["report", str(tmp_path)]) == 1
    assert "E-FILE-14" in capsys.readouterr().err
    (tmp_path / "results.csv").write_text("a,b\n1,2\n")
    with pytest.raises(AgreementError, match="E-AGR-01"):
        cohortpage.cohort_page(tmp_path)


def test_results_that_somebody_changed_are_only_words(tmp_path: Path, out: Path) -> None:
    """Names that climb out of the folder, that are programs, values that are none, results that are no JSON."""
    secret = tmp_path / "result.json"
    secret.write_text(json.dumps({"schema": "marginkit.result/1", "provenance": {"marginkit": "SECRET"}}))
    root = tmp_path / "root"
    (root / "cases" / "odd").mkdir(parents=True)
    (root / "cases" / "odd" / "result.json").write_text("[1, {")
    names = ("../..", EVIL, "odd", "b/../../..")
    lines = "".join(f'"{name}",measured,all,nan,exact,"x: R0 (certain)"\n' for name in names)
    (root / "results.csv").write_text(f"case,status,margin,value_mm,qualifier,verdicts\n{lines}")
    text = cohortpage.cohort_page(root).read_text("utf-8")
    assert "SECRET" not in text
    assert EVIL not in text
    assert "none of 4 assessable" in text


def test_a_case_whose_folder_is_gone_stays_in_the_table(tmp_path: Path, out: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(out, copy)
    shutil.rmtree(copy / "cases")
    text = cohortpage.cohort_page(copy).read_text("utf-8")
    assert 'href="cases/' not in text
    assert "<dt>Cases</dt><dd>6</dd>" in text


@pytest.mark.parametrize("width_px", [1280, 390])
def test_it_opens_at_any_width(browser: Any, out: Path, width_px: int) -> None:
    with reading(browser, out / cohortpage.FILE, viewport={"width": width_px, "height": 900}) as shown:
        assert fits(shown)
        assert faults(shown) == []


def test_it_is_sorted_and_filtered(browser: Any, out: Path) -> None:
    with reading(browser, out / cohortpage.FILE) as shown:
        shown.locator("select[name=margin]").select_option("all")
        assert shown.locator("[data-count]").inner_text() == "5 of 16 rows"
        shown.get_by_role("button", name="Distance").click()
        assert [row.split()[0] for row in cases(shown)] == ["b0", "d05", "a2", "c4", "empty"]
        shown.get_by_role("button", name="Distance").click()
        assert [row.split()[0] for row in cases(shown)] == ["c4", "a2", "d05", "b0", "empty"]
        shown.locator("select[name=verdict]").select_option("uicc-r-plus-1mm: R1 (certain)")
        assert [row.split()[0] for row in cases(shown)] == ["d05", "b0"]
        shown.locator("select[name=verdict]").select_option("")
        shown.locator("select[name=margin]").select_option("")
        shown.locator("select[name=status]").select_option("failed")
        assert [row.split()[0] for row in cases(shown)] == ["broken"]
        shown.locator("select[name=status]").select_option("")
        shown.get_by_label("Words").fill("inferior c4")
        assert [row.split()[0] for row in cases(shown)] == ["c4"]


def test_the_page_of_a_case_is_one_step_away(browser: Any, out: Path) -> None:
    with reading(browser, out / cohortpage.FILE) as shown:
        where = shown.get_by_role("link", name="a2").first.get_attribute("href")
    assert (out / where).is_file()


def test_it_prints_and_reads_without_scripts(browser: Any, out: Path) -> None:
    with reading(browser, out / cohortpage.FILE, java_script_enabled=False) as shown:
        assert len(cases(shown)) == 16
        assert not shown.locator("[data-filters]").is_visible()
    with reading(browser, out / cohortpage.FILE, viewport={"width": 695, "height": 1000}) as shown:
        shown.emulate_media(media="print")
        assert fits(shown)
        assert shown.evaluate("[...document.querySelectorAll('.scroll')].every(d => d.scrollWidth <= d.clientWidth)")
        assert shown.pdf(prefer_css_page_size=True).startswith(b"%PDF")


def test_a_long_table_shows_a_part_sorts_all_and_prints_all(browser: Any, tmp_path: Path) -> None:
    lines = "".join(f"case {k:03d},measured,all,{1 + k}\n" for k in range(400))
    (tmp_path / "results.csv").write_text(f"case,status,margin,value_mm\n{lines}")
    file = cohortpage.cohort_page(tmp_path)
    with reading(browser, file) as shown:
        rows = shown.locator("#cases tbody tr")
        assert rows.count() == 300
        assert shown.locator("[data-count]").inner_text() == "400 of 400 rows, the first 300 of them shown"
        head = shown.get_by_role("button", name="Distance")
        head.click()
        head.click()
        assert rows.first.locator("th").inner_text() == "case 399"
        shown.get_by_label("Words").fill("397")
        assert rows.locator("th").all_inner_texts() == ["case 397", "case 396"]  # whose distance is 397 mm
        shown.get_by_label("Words").fill("")
        shown.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert rows.count() == 400
        shown.evaluate("dispatchEvent(new Event('afterprint'))")
        assert rows.count() == 300
        shown.get_by_role("button", name="Show more rows").click()
        assert rows.count() == 400
        assert not shown.get_by_role("button", name="Show more rows").is_visible()
        sheets = shown.pdf(prefer_css_page_size=True)
        assert sheets.count(b"/MediaBox") > 5
    with reading(browser, file, java_script_enabled=False) as shown:
        assert shown.locator("#cases tbody tr:visible").count() == 400


def test_warnings_that_are_as_frequent_keep_one_order() -> None:
    """Sets have another order in every process, and the page of a resumed batch was another one."""
    names = ["single_plane", "several_pieces", "unseen_near", "claims_disagree", "uninked_edge"]
    known = [name for name in names if name in cohortpage.flags.FLAGS]
    rows = [{"margin": "all", "flags": " ".join(known)}, {"margin": "all", "flags": " ".join(reversed(known))}]
    assert [words for words, _ in cohortpage._warnings(rows, 2)] == [
        cohortpage.flags.sentence(name) for name in sorted(known)
    ]


LONG = """case,status,error_code,error,region,margin,value_mm,interval_low_mm,interval_high_mm,qualifier,reason,\
calibration_source,verdicts
STS-008-MR_T1-second,measured,,,tumor,posterosuperior,12.3456,12.3412,12.3487,at_most,,DICOM PixelSpacing,\
sarcoma-cates-2019: inadequate or adequate (indeterminate); uicc-r-plus-1mm: R0 (certain)
mouse-lung,measured,,,signal,all,,,,not_assessable,no cut edge is in view of this picture.,OME PhysicalSize,\
uicc-r-plus-1mm: not assessable
tcga-no-scale,failed,E-CAL-01,tcga-cr-7395-01a-01-ts1.svs: pixel size missing (E-CAL-01): the file does not state one.,\
tumor,,,,,,,,
"""


@pytest.mark.parametrize(("width_px", "medium", "least_px"), [(1200, "screen", 190), (695, "print", 130)])
def test_the_table_of_cases_fits_with_long_words_in_every_column(
    browser: Any, tmp_path: Path, width_px: int, medium: str, least_px: int
) -> None:
    """On a sheet of A4 the column of verdicts was as narrow as one word."""
    (tmp_path / "results.csv").write_text(LONG.replace("\\\n", ""))
    with reading(browser, cohortpage.cohort_page(tmp_path), viewport={"width": width_px, "height": 900}) as shown:
        shown.emulate_media(media=medium)
        assert fits(shown)
        assert shown.evaluate("[...document.querySelectorAll('.scroll')].every(d => d.scrollWidth <= d.clientWidth)")
        assert shown.locator("#cases td.words").first.evaluate("cell => cell.offsetWidth") >= least_px

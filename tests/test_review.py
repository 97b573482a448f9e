"""The review queue: the worst first, corrections that win, acceptance that ends when the case changes."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from marginkit import MarginError, batch, ometiff, opening
from marginkit.batch import correcting, review
from marginkit.pipeline import Job
from marginkit.records import Measured, Region

from .casefiles import SPECIMEN, TUMOR, square, square_file
from .forking import forked
from .test_batch import jobs

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="fork and the lock of a folder are POSIX")


@pytest.fixture
def cohort(tmp_path: Path) -> list[Job]:
    """Certain (c0), in doubt (c1), cut short (c2), all tissue beyond the picture's border (c3)."""
    cases = jobs(tmp_path, 3)
    cases[0] = replace(cases[0], policies=())
    (tmp_path / "c2.ome.tif").write_bytes((tmp_path / "c2.ome.tif").read_bytes()[:300])
    with (tmp_path / "natural.ome.tif").open("wb") as stream:
        ometiff.write(stream, np.ones_like(square()[0]), (0.5, 0.5), "natural")
    more = {"image": str(square_file(tmp_path, "c3.ome.tif")), "edge": f"natural={tmp_path / 'natural.ome.tif'}"}
    cases.append(replace(cases[0], **more))
    return cases


@pytest.fixture
def out(tmp_path: Path, cohort: list[Job]) -> Path:
    forked(cohort, tmp_path / "out")
    return tmp_path / "out"


def states(out: Path, cohort: list[Job]) -> list[tuple[str, str]]:
    return [(entry.case, entry.state) for entry in review.queue(out, cohort)]


def test_the_worst_come_first(out: Path, cohort: list[Job]) -> None:
    more = [*cohort, replace(cohort[0], case="late")]
    assert states(out, more) == [
        ("c2", "failed"), ("late", "not run"), ("c3", "not assessable"), ("c1", "in doubt"), ("c0", "measured"),
    ]  # fmt: skip
    first, _, third, fourth, last = review.queue(out, more)
    assert "E-FILE-02" in first.why or "E-FILE" in first.why
    assert third.value == ""
    assert (fourth.value, fourth.verdicts) == ("2.0 mm", "dcis-2mm: inadequate or adequate (indeterminate)")
    assert (last.value, last.why, last.hand, last.accepted) == ("2.0 mm", "", (), False)


def test_a_correction_is_what_the_next_run_measures(out: Path, cohort: list[Job]) -> None:
    job = cohort[0]
    before = json.loads((out / "cases" / "c1" / "result.json").read_text())
    seen = correcting.opened(job, out)
    assert seen.problem is None
    np.testing.assert_array_equal(seen.regions["tumor"].data, square()[0])
    mask = np.array(seen.regions["tumor"].data)
    mask[7:9, 15:23] = True  # two rows nearer to the upper edge
    path = correcting.correct(out, "c0", "tumor", mask, seen.regions["tumor"], seen.picture)
    assert path == out / "cases" / "c0" / "hand" / "tumor.ome.tif"

    told = correcting.measured(job, out)
    assert isinstance(told, Measured)
    assert told.result.all.value_mm == 1.0
    np.testing.assert_array_equal(correcting.opened(job, out).regions["tumor"].data, mask)

    assert forked(cohort, out).resumed == 2  # c1 and c3; c2 failed and is tried again
    after = json.loads((out / "cases" / "c0" / "result.json").read_text())
    assert after["margins"][0]["value_mm"] == 1.0
    assert json.loads((out / "cases" / "c1" / "result.json").read_text()) == before
    assert {entry.case: entry.hand for entry in review.queue(out, cohort)}["c0"] == ("tumor",)

    assert correcting.take_back(out, "c0") == ["tumor"]
    forked(cohort, out)
    assert json.loads((out / "cases" / "c0" / "result.json").read_text())["margins"][0]["value_mm"] == 2.0


def test_what_is_accepted_goes_last_until_it_changes(out: Path, cohort: list[Job]) -> None:
    table = (out / batch.RESULTS).read_bytes()
    review.accept(out, "c1")
    assert states(out, cohort)[-1] == ("c1", "in doubt")
    assert review.is_accepted(out, "c1")
    assert (out / batch.RESULTS).read_bytes() == table
    again = [replace(job, pixel_size="0.25mm") if job.name == "c1" else job for job in cohort]
    forked(again, out)
    assert not review.is_accepted(out, "c1")


def test_acceptance_of_a_correction_outlives_the_run_and_ends_with_the_mask(out: Path, cohort: list[Job]) -> None:
    seen = correcting.opened(cohort[0], out)
    correcting.correct(out, "c0", "tumor", square()[0], seen.regions["tumor"], seen.picture)
    review.accept(out, "c0")
    forked(cohort, out)
    assert review.is_accepted(out, "c0")
    correcting.correct(out, "c0", "tumor", square()[1], seen.regions["tumor"], seen.picture)
    assert not review.is_accepted(out, "c0")


def test_a_failed_case_cannot_be_accepted_before_it_is_corrected(out: Path) -> None:
    with pytest.raises(MarginError, match="E-FILE-14"):
        review.accept(out, "c2")


def test_a_case_whose_segmenter_fails_opens_with_empty_masks(tmp_path: Path) -> None:
    """A person draws what could not be found."""
    job = Job(image=str(square_file(tmp_path)), tumor="no-such-file.tif", specimen=SPECIMEN, case="a", confirm=True)
    seen = correcting.opened(job, tmp_path)
    assert seen.problem is not None
    assert {role: np.any(region.data) for role, region in seen.regions.items()} == {"tumor": False, "specimen": False}
    for role, mask in zip(("tumor", "specimen"), square()):
        correcting.correct(tmp_path, "a", role, mask, seen.regions[role], seen.picture)
    told = correcting.measured(job, tmp_path)
    assert isinstance(told, Measured)
    assert told.result.all.value_mm == 2.0


COARSE = square()[1].reshape(16, 2, 21, 2).any((1, 3))


def test_a_coarse_region_is_kept_on_its_own_grid(tmp_path: Path) -> None:
    """Half as fine as the picture: painted, kept and measured there, on the same place."""
    with (tmp_path / "coarse.ome.tif").open("wb") as stream:
        ometiff.write(stream, COARSE, (1.0, 1.0), "specimen")
    specimen = str(tmp_path / "coarse.ome.tif")
    job = Job(image=str(square_file(tmp_path)), tumor=TUMOR, specimen=specimen, case="a", confirm=True)
    before = correcting.measured(job, tmp_path)
    seen = correcting.opened(job, tmp_path)
    np.testing.assert_array_equal(seen.regions["specimen"].data, COARSE)
    correcting.correct(tmp_path, "a", "specimen", COARSE, seen.regions["specimen"], seen.picture)
    after = correcting.measured(job, tmp_path)
    assert isinstance(before, Measured)
    assert isinstance(after, Measured)
    assert after.result.all.value_mm == before.result.all.value_mm
    assert after.result.all.closest == before.result.all.closest


@pytest.mark.parametrize(("origin_px", "first"), [((0.5, 0.5), 0), ((2.5, 2.5), 2)])
def test_a_region_that_a_file_could_not_place_is_painted_on_the_pictures_pixels(
    tmp_path: Path, origin_px: tuple[float, float], first: int
) -> None:
    """A typed pixel size explains no grid but the picture's own; nor does a file say that a grid begins elsewhere."""
    picture = opening.open(square_file(tmp_path), pixel_size="0.5mm")
    found = correcting.painted(Region(COARSE, (1.0, 1.0), origin_px), picture)
    assert (found.spacing_mm, found.origin_px) == (None, None)
    whole = np.zeros((40, 50), bool)
    whole[first : first + 32, first : first + 42] = np.kron(COARSE, np.ones((2, 2), bool))
    np.testing.assert_array_equal(found.data, whole[:32, :42])


def test_an_outline_becomes_the_pixels_whose_middle_it_holds(tmp_path: Path) -> None:
    corners = [[15, 9], [23, 9], [23, 15], [15, 15], [15, 9]]
    geometry = {"type": "Polygon", "coordinates": [corners]}
    one = {"type": "Feature", "geometry": geometry, "properties": {"objectType": "annotation"}}
    (tmp_path / "t.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [one]}))
    job = Job(image=str(square_file(tmp_path)), tumor=str(tmp_path / "t.geojson"), specimen=SPECIMEN, confirm=True)
    np.testing.assert_array_equal(correcting.opened(job, tmp_path).regions["tumor"].data, square()[0])


def test_options_are_those_of_the_batch() -> None:
    job = review.defaults('--tumor "{stem} mask.png" --policy uicc-r --policy dcis-2mm --radiotherapy no --state fixed')
    assert (job.tumor, job.policies, job.radiotherapy, job.state) == (
        "{stem} mask.png", ("uicc-r", "dcis-2mm"), False, "fixed",
    )  # fmt: skip
    assert review.defaults("") == Job(image="", specimen="")


@pytest.mark.parametrize("words", ["--tumour x", "--state rotten", '--tumor "x', "x", "--policy"])
def test_options_that_are_none(words: str) -> None:
    with pytest.raises(MarginError, match="E-USE-14"):
        review.defaults(words)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"state": 1}', b"\xff"])
def test_a_broken_note_of_acceptance_is_none(out: Path, content: bytes) -> None:
    folder = out / "cases" / "c0" / "hand"
    folder.mkdir()
    (folder / review.ACCEPTED).write_bytes(content)
    assert not review.is_accepted(out, "c0")


def test_a_folder_without_results(tmp_path: Path, cohort: list[Job]) -> None:
    with pytest.raises(MarginError, match="E-FILE-14"):
        review.queue(tmp_path, cohort)


@pytest.mark.parametrize("case", ["../up", "a/b", "", "~"])
def test_G03_a_case_leads_nowhere_else(tmp_path: Path, case: str) -> None:
    with pytest.raises(MarginError, match="E-NAME-01"):
        review.accept(tmp_path, case)


def test_a_table_that_is_no_table(out: Path, cohort: list[Any]) -> None:
    (out / batch.RESULTS).write_bytes(b"\xff\xfe\0\0,,,\n\n\n,")
    assert {state for _, state in states(out, cohort)} == {"not run"}
    with (out / batch.RESULTS).open("w", newline="") as stream:
        csv.writer(stream).writerows([["case", "status", "margin", "value_mm"], ["c0", "measured", "all", "nan"]])
    assert review.queue(out, cohort)[-1].value == ""

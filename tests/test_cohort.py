"""A cohort is wrong all at once, with line numbers, before anything is opened."""

import shutil
from pathlib import Path

import pytest

from marginkit import cohort, judging
from marginkit.pipeline import Job

from .casefiles import SPECIMEN, TUMOR, square_file

BLANK = Job(image="", specimen="")


def written(folder: Path, *lines: str) -> str:
    path = folder / "cohort.csv"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return str(path)


def problems(path: str, defaults: Job = BLANK) -> list[str]:
    with pytest.raises(cohort.CohortError) as caught:
        cohort.read(path, defaults)
    return [str(one) for one in caught.value.problems]


def test_rows_become_jobs_with_paths_from_the_folder_of_the_file(tmp_path: Path) -> None:
    square_file(tmp_path, "a.ome.tif")
    path = written(
        tmp_path,
        "case,image,tumor,specimen,pixel_size,policy,radiotherapy,limits,slice,name",
        f'one,a.ome.tif,"{TUMOR}","{SPECIMEN}",0.5mm,uicc-r;dcis-2mm,no,"1,2.5",,"deep=a.ome.tif#label=1"',
    )
    (job,) = cohort.read(path, BLANK)
    assert (job.name, job.tumor, job.pixel_size, job.radiotherapy) == ("one", TUMOR, "0.5mm", False)
    assert (job.policies, job.limits_mm, job.plane) == (("uicc-r", "dcis-2mm"), (1.0, 2.5), None)
    assert job.image == str(tmp_path / "a.ome.tif")
    assert job.names == {"deep": f"{tmp_path / 'a.ome.tif'}#label=1"}


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    square_file(tmp_path, "a.ome.tif")
    path = written(
        tmp_path,
        "case,image,tumor,signal,specimen,radiotherapy",
        f'one,a.ome.tif,"{TUMOR}",,"{SPECIMEN}",perhaps',
        f'One,a.ome.tif,"{TUMOR}","{TUMOR}","{SPECIMEN}",',
        f'two,missing.tif,"{TUMOR}",,,',
    )
    told = problems(path)
    assert "line 2: radiotherapy 'perhaps' not understood" in told
    assert "line 3: give either tumor or signal" in told
    assert "line 3: case 'One' is also in line 2" in told
    assert "line 4: image 'missing.tif' is not there" in told
    assert "line 4: no specimen" in told


def test_masks_policies_and_edges_are_looked_for_beforehand(tmp_path: Path) -> None:
    square_file(tmp_path, "a.ome.tif")
    path = written(
        tmp_path,
        "case,image,tumor,specimen,edge,policy",
        f'one,a.ome.tif,lost.tif#label=1,"{SPECIMEN}",,uicc-r',
        f'two,a.ome.tif,"{TUMOR}","{SPECIMEN}","natural=a.ome.tif,natural=a.ome.tif",no-such-policy',
        f'three,a.ome.tif,"{TUMOR}","{SPECIMEN}",section=gone.tif,',
    )
    told = problems(path)
    assert "line 2: file 'lost.tif' is not there" in told
    assert any(text.startswith("line 3: edge class 'natural' is given twice") for text in told)
    assert any(text.startswith("line 3: no policy 'no-such-policy'") for text in told)
    assert "line 4: file 'gone.tif' is not there" in told
    assert len(told) == 4


def test_edges_of_a_class_and_policies_are_seen_from_the_folder_of_the_file(tmp_path: Path) -> None:
    square_file(tmp_path, "a.ome.tif")
    square_file(tmp_path, "skin.tif")
    rules = Path(judging.__file__).parent / "policies" / "uicc-r.toml"
    (tmp_path / "mine.toml").write_bytes(rules.read_bytes())
    row = f'a.ome.tif,"{TUMOR}","{SPECIMEN}",natural=skin.tif#label=1,mine.toml;uicc-r'
    (job,) = cohort.read(written(tmp_path, "image,tumor,specimen,edge,policy", row), BLANK)
    assert job.edge == f"natural={tmp_path / 'skin.tif'}#label=1"
    assert job.policies == (str(tmp_path / "mine.toml"), "uicc-r")


def test_unknown_column(tmp_path: Path) -> None:
    assert problems(written(tmp_path, "image,tumour", "a.tif,b.tif"))[0].startswith("line 1: unknown column 'tumour'")


def test_folder_pairs_masks_by_stem(tmp_path: Path) -> None:
    for name in ("a", "b"):
        square_file(tmp_path, f"{name}.ome.tif")
        square_file(tmp_path, f"{name}_mask.ome.tif")
    defaults = Job(image="", tumor="{folder}/{stem}_mask.ome.tif#label=1", specimen=SPECIMEN)
    jobs = cohort.read(str(tmp_path / "?.ome.tif"), defaults)
    assert [job.name for job in jobs] == ["a", "b"]
    assert jobs[1].tumor == f"{tmp_path}/b_mask.ome.tif#label=1"
    assert [job.name for job in cohort.read(str(tmp_path), defaults)] == ["a", "b"]


def test_nothing_in_it(tmp_path: Path) -> None:
    assert problems(str(tmp_path / "*.svs")) == ["no case in it"]


def test_F10_images_of_one_name_in_two_folders_and_names_that_cannot_be(tmp_path: Path) -> None:
    for name in ("a/s1.ome.tif", "b/S1.ome.tif", "b/s2.ome.tif", "b/CON.ome.tif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        square_file(tmp_path, name)
    found = cohort.read(str(tmp_path / "*" / "*.tif"), Job(image="", tumor=TUMOR, specimen=SPECIMEN))
    names = [job.name for job in found]
    assert len({name.casefold() for name in names}) == 4
    assert [name.rpartition("-")[0] or name for name in names] == ["s1", "case", "S1", "s2"]
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for folder in ("a", "b"):
        (tmp_path / folder).rename(moved / folder)
    again = cohort.read(str(moved / "*" / "*.tif"), Job(image="", tumor=TUMOR, specimen=SPECIMEN))
    assert [job.name for job in again] == names  # the digest is of the path below the common folder


def test_what_cannot_be_understood_is_told_before_the_first_image_is_opened(tmp_path: Path) -> None:
    square_file(tmp_path, "a.ome.tif")
    (tmp_path / "cohort.csv").write_text(
        "image,tumor,specimen,case\n"
        f'a.ome.tif,"a.ome.tif#label=1,2","{SPECIMEN}",one\n'
        f'a.ome.tif,"threshold:abve=3","{SPECIMEN}",two\n'
    )
    with pytest.raises(cohort.CohortError) as caught:
        cohort.read(str(tmp_path / "cohort.csv"), Job(image="", specimen=""))
    assert [problem.line for problem in caught.value.problems] == [2, 3]
    assert "label '1,2' is no whole number" in caught.value.problems[0].text
    assert "abve" in caught.value.problems[1].text


def test_the_pixel_size_of_a_first_look_is_a_length(tmp_path: Path) -> None:
    square_file(tmp_path, "a.ome.tif")
    row = f'a.ome.tif,"{TUMOR}","{SPECIMEN}",'
    (tmp_path / "cohort.csv").write_text(f"image,tumor,specimen,refine\n{row}16um\n")
    (job,) = cohort.read(str(tmp_path / "cohort.csv"), Job(image="", specimen=""))
    assert job.refine == "16um"
    (tmp_path / "cohort.csv").write_text(f"image,tumor,specimen,refine\n{row}16\n")
    with pytest.raises(cohort.CohortError, match="refine '16' not understood"):
        cohort.read(str(tmp_path / "cohort.csv"), Job(image="", specimen=""))


def test_E19_a_file_of_two_names_is_measured_once_and_said(tmp_path: Path) -> None:
    square_file(tmp_path, "a.ome.tif")
    (tmp_path / "b.ome.tif").hardlink_to(tmp_path / "a.ome.tif")
    (tmp_path / "c.ome.tif").symlink_to("a.ome.tif")
    shutil.copy(tmp_path / "a.ome.tif", tmp_path / "d.ome.tif")  # another file
    with pytest.warns(cohort.CohortWarning) as said:
        jobs = cohort.read(str(tmp_path), Job(image="", tumor=TUMOR, specimen=SPECIMEN))
    assert [job.name for job in jobs] == ["a", "d"]
    assert [str(one.message) for one in said] == [
        f"{name}.ome.tif and a.ome.tif are one file: measured once" for name in "bc"
    ]


def test_E19_rows_that_ask_the_same_of_one_file_are_said(tmp_path: Path) -> None:
    square_file(tmp_path, "a.ome.tif")
    (tmp_path / "b.ome.tif").hardlink_to(tmp_path / "a.ome.tif")
    rows = ["case,image,state", "one,a.ome.tif,slide", "two,b.ome.tif,slide", "three,a.ome.tif,fixed"]
    (tmp_path / "cohort.csv").write_text("\n".join(rows) + "\n")
    with pytest.warns(cohort.CohortWarning, match="cases 'one' and 'two' ask the same of one file") as said:
        jobs = cohort.read(str(tmp_path / "cohort.csv"), Job(image="", tumor=TUMOR, specimen=SPECIMEN))
    assert (len(jobs), len(said)) == (3, 1)
    assert isinstance(said[0].message, cohort.CohortWarning)

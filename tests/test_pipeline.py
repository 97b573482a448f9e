"""One case from file to files."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from casefiles import SPECIMEN, TUMOR, ome, square, square_file, stack, stack_file

from marginkit import pipeline
from marginkit.errors import CalibrationError, CaseNameError, FileError, MarginError, PolicyError, UsageError
from marginkit.measuring import measure
from marginkit.pipeline import Job, run, stem
from marginkit.records import Failed, Measured


def job(image: Path, **more: Any) -> Job:
    """Pixels of half a millimetre are odd for a TIFF: the user vouches for them."""
    return Job(**{"image": str(image), "tumor": TUMOR, "specimen": SPECIMEN, "confirm": True, **more})


def measured(one: Job) -> Measured:
    outcome = run(one)
    assert isinstance(outcome, Measured), outcome
    return outcome


def failed(one: Job) -> MarginError:
    outcome = run(one)
    assert isinstance(outcome, Failed), outcome
    return outcome.error


def test_a_case_has_the_margin_of_its_regions(tmp_path: Path) -> None:
    case = measured(job(square_file(tmp_path), state="slide", policies=("sarcoma-cates-2019", "uicc-r-plus-1mm")))
    assert case.case == "square"
    assert case.result.value_mm == pytest.approx(2.0, abs=1e-12)
    assert case.result.closest is not None
    assert case.result.closest.edge_px == (4.5, 14.5)
    assert case.result.state == "slide"
    assert [(v.policy, v.state) for v in case.verdicts] == [
        ("sarcoma-cates-2019", "not_assessable"),  # radiotherapy was not given
        ("uicc-r-plus-1mm", "certain"),
    ]
    assert set(case.regions) == {"tumor", "specimen"}
    assert case.plane is None
    assert case.slices == ()


def test_radiotherapy_decides(tmp_path: Path) -> None:
    image = square_file(tmp_path)
    said = {}
    for radiotherapy in (True, False):
        one = job(image, policies=("sarcoma-cates-2019",), radiotherapy=radiotherapy)
        said[radiotherapy] = measured(one).verdicts[0].category
    assert said == {True: "adequate", False: "inadequate"}


def test_named_margins_and_sectors_and_classes(tmp_path: Path) -> None:
    image = square_file(tmp_path)
    drawn = measured(job(image, names={"whole": SPECIMEN}, sectors="up=superior,right=lateral,down=deep,left=medial"))
    found = drawn.result.named
    assert list(found) == ["whole", "superior", "lateral", "deep", "medial"]
    assert [found[name].value_mm for name in ("whole", "superior", "deep")] == [2.0, 2.0, 5.0]
    # diagonals through the middle of 10 × 15 mm leave 10 mm of the long sides to up and down
    assert [found[name].edge_size for name in list(found)[1:]] == pytest.approx([10.0, 15.0, 10.0, 15.0])
    natural = measured(job(image, edge=f"natural={SPECIMEN}"))
    assert natural.result.qualifier == "not_assessable"
    assert natural.result.reason == "no cut edge in view"
    assert natural.result.profile.by_class["natural"] == pytest.approx(50.0)


def test_the_signal_is_not_tumor(tmp_path: Path) -> None:
    case = measured(job(square_file(tmp_path), tumor="", signal=TUMOR, policies=("uicc-r",)))
    assert case.result.region == "signal"
    assert set(case.regions) == {"signal", "specimen"}
    assert case.verdicts[0].state == "not_assessable"


def test_a_barrier_protects_what_lies_behind_it(tmp_path: Path) -> None:
    tumor, specimen = square()
    wall = np.zeros_like(specimen)
    wall[7, 5:35] = True  # from side to side of the specimen, above the tumor
    image = ome(tmp_path / "wall.ome.tif", [specimen * 90, tumor, specimen, wall])
    case = measured(job(image, barriers={"capsule": "threshold:channel=3,above=0.5"}))
    assert case.result.all.behind_barrier == "capsule"
    assert [(b.type, b.behind_mm, b.breached) for b in case.result.barriers] == [("capsule", 2.0, False)]
    assert "barrier capsule" in case.regions


def test_D01_no_tumor_is_a_result(tmp_path: Path) -> None:
    tumor, specimen = square()
    image = ome(tmp_path / "clean.ome.tif", [specimen * 90, tumor & False, specimen])
    case = measured(job(image, policies=("uicc-r",), sectors="up=superior,down=deep"))
    assert case.result.qualifier == "not_assessable"
    assert case.result.reason == "no tumor in the image"
    assert case.result.foci == ()
    assert case.result.profile.by_class["cut"] == pytest.approx(50.0)  # 2 × (10 + 15) mm of edge, all the same
    assert [margin.edge_size for margin in case.result.margins] == pytest.approx([50.0, 25.0, 25.0])
    assert case.verdicts[0].state == "not_assessable"
    pipeline.write(case, tmp_path / "out")
    told = json.loads((tmp_path / "out" / "result.json").read_text())
    assert told["margins"][0]["value_mm"] is None
    assert told["margins"][0]["reason"] == "no tumor in the image"


def test_D01_no_signal_says_signal(tmp_path: Path) -> None:
    tumor, specimen = square()
    image = ome(tmp_path / "clean.ome.tif", [specimen * 90, tumor & False, specimen])
    assert measured(job(image, tumor="", signal=TUMOR)).result.reason == "no signal in the image"


def test_D02_no_tissue_fails(tmp_path: Path) -> None:
    tumor, specimen = square()
    for name, drawn in {"a": tumor, "b": tumor & False}.items():
        image = ome(tmp_path / f"{name}.ome.tif", [specimen * 90, drawn, specimen & False])
        assert failed(job(image)).code == "E-MSR-02"


def test_D09_tumor_outside_the_tissue_fails_with_its_area(tmp_path: Path) -> None:
    tumor, specimen = square()
    image = ome(tmp_path / "out.ome.tif", [specimen * 90, np.roll(tumor, 22, axis=0) & ~specimen, specimen])
    error = failed(job(image))
    assert error.code == "E-MSR-03"
    assert "mm²" in str(error)


def test_a_stack_is_measured_in_3d_with_its_planes_beside_it(tmp_path: Path) -> None:
    case = measured(job(stack_file(tmp_path), sectors="up=superior,down=deep"))
    tumor, specimen = stack()
    assert case.result.ndim == 3
    assert case.result.value_mm == measure(tumor, specimen, (2.0, 0.5, 0.5)).value_mm == 1.0
    assert [index for index, _ in case.slices] == [1, 2, 3]
    for index, flat in case.slices:
        assert flat.value_mm == measure(tumor[index], specimen[index], (0.5, 0.5)).value_mm
        assert set(flat.named) == {"superior", "deep"}
    assert [flat.value_mm for _, flat in case.slices] == [2.0, 1.0, 2.0]


def test_one_slice(tmp_path: Path) -> None:
    image = stack_file(tmp_path)
    case = measured(job(image, plane=3))
    assert (case.result.ndim, case.plane, case.result.value_mm, case.slices) == (2, 3, 2.0, ())
    assert "single_plane" in case.result.flags
    assert measured(job(image, plane=0)).result.reason == "no tumor in the image"
    for plane, code in ((5, "E-AXE-04"), (-1, "E-AXE-04")):
        assert failed(job(image, plane=plane)).code == code
    assert failed(job(square_file(tmp_path), plane=0)).code == "E-AXE-05"


def test_a_stack_of_one_plane_is_a_plane(tmp_path: Path) -> None:
    tumor, specimen = (one[None] for one in square())
    image = ome(tmp_path / "one.ome.tif", [specimen * 90, tumor, specimen])
    case = measured(job(image))
    assert (case.result.ndim, case.result.value_mm, case.result.qualifier) == (2, 2.0, "exact")


def test_C08_planes_an_unknown_distance_apart_are_measured_one_by_one(tmp_path: Path) -> None:
    image = stack_file(tmp_path, gap_um=None)
    case = measured(job(image, policies=("uicc-r-plus-1mm",), state="slide"))
    assert (case.result.ndim, case.plane, case.result.value_mm) == (2, 2, 1.0)
    assert case.result.qualifier == "at_most"
    assert case.result.planes == 3
    assert "unknown_plane_gap" in case.result.flags
    assert [(index, flat.value_mm, flat.qualifier) for index, flat in case.slices] == [
        (1, 2.0, "at_most"),
        (2, 1.0, "at_most"),
        (3, 2.0, "at_most"),
    ]
    assert any("gap between planes is unknown" in warning for warning in case.warnings)
    known = measured(job(image, pixel_size="2mm,0.5mm,0.5mm"))
    assert known.result.ndim == 3


def test_C08_a_named_margin_that_is_less_in_another_plane_has_that_value(tmp_path: Path) -> None:
    tumor, specimen = stack()
    tumor[3, 15:23, 20] = True  # lower margin of 1 mm in plane 3, where the upper one is 2 mm
    image = ome(tmp_path / "two.ome.tif", [specimen * 90, tumor, specimen], gap_um=None)
    tumor[3, 22:23] = False
    case = measured(job(image, sectors="up=superior,down=deep"))
    assert case.plane == 2
    deep = case.result.named["deep"]
    assert deep.value_mm == 1.0
    assert deep.closest is None
    assert case.result.named["superior"].closest is not None
    pipeline.write(case, tmp_path / "out")


def test_C08_without_tumor_planes_of_unknown_gap_are_a_result(tmp_path: Path) -> None:
    tumor, specimen = stack()
    image = ome(tmp_path / "none.ome.tif", [specimen * 90, tumor & False, specimen], gap_um=None)
    assert measured(job(image)).result.reason == "no tumor in the image"


def test_a_typed_size_of_the_plane_alone(tmp_path: Path) -> None:
    image = stack_file(tmp_path)
    assert measured(job(image, pixel_size="1mm", plane=2)).result.value_mm == 2.0
    flat = measured(job(image, pixel_size="1mm,1mm"))
    assert (flat.result.ndim, flat.result.value_mm, flat.plane) == (2, 2.0, 2)
    assert failed(job(image, pixel_size="1mm")).code == "E-CAL-08"


def test_A01_without_a_pixel_size_there_is_no_millimetre(tmp_path: Path) -> None:
    import tifffile

    tumor, specimen = square()
    bare = tmp_path / "bare.tif"
    tifffile.imwrite(bare, np.stack([specimen * 90, tumor, specimen]).astype(np.uint8), photometric="minisblack")
    one = job(bare, axes="CYX")
    error = failed(one)
    assert isinstance(error, CalibrationError)
    assert error.code == "E-CAL-01"
    assert "--pixel-size" in str(error)
    typed = measured(replace(one, pixel_size="0.5mm"))
    assert typed.result.value_mm == 2.0
    assert typed.picture.calibration is not None
    assert typed.picture.calibration.source == "typed"
    assert typed.picture.refusal is None


def test_exactly_one_of_tumor_and_signal(tmp_path: Path) -> None:
    image = square_file(tmp_path)
    for one in (job(image, tumor=""), job(image, signal=TUMOR)):
        assert isinstance(failed(one), UsageError)


def test_a_wrong_policy_is_said_before_anything_is_read(tmp_path: Path) -> None:
    error = failed(job(tmp_path / "no-such-file.tif", policies=("nobody-2020",)))
    assert isinstance(error, PolicyError)
    assert "sarcoma-cates-2019" in str(error)


@pytest.mark.parametrize("name", ["../../x", "a/b", "~", "x" * 300, "C:\\x", "nul", "a\nb", " "])
def test_G03_a_case_name_that_cannot_be_a_file_name(tmp_path: Path, name: str) -> None:
    assert isinstance(failed(job(square_file(tmp_path), case=name)), CaseNameError)


@pytest.mark.parametrize(
    ("path", "name"),
    [("a/S1.2.ome.tif", "S1.2"), ("x.nii.gz", "x"), ("slide.svs", "slide"), ("x.OME.TIFF", "x"), ("dir/", "dir")],
)
def test_the_name_of_a_case_is_that_of_its_image(path: str, name: str) -> None:
    assert stem(path) == name


def test_provenance_names_what_was_read_and_no_folder(tmp_path: Path) -> None:
    image = square_file(tmp_path)
    case = measured(job(image, policies=("uicc-r",), pixel_size="0.5mm"))
    record = case.provenance
    digest = hashlib.sha256(image.read_bytes()).hexdigest()
    assert record["inputs"] == [{"role": "image", "name": "square.ome.tif", "sha256": digest}]
    assert record["regions"]["tumor"] == "threshold 1 above 0.5 (given)"
    assert record["options"]["policies"] == ["uicc-r"]
    assert record["libraries"]["numpy"] == np.__version__
    assert str(tmp_path) not in json.dumps(record)


def test_G09_no_output_holds_a_folder_user_or_host(tmp_path: Path) -> None:
    secret = tmp_path / "Doe John 1970"
    secret.mkdir()
    case = measured(job(square_file(secret), policies=("uicc-r",)))
    pipeline.write(case, tmp_path / "out")
    for file in (tmp_path / "out").iterdir():
        content = file.read_bytes()
        assert b"Doe John" not in content, file.name
        assert str(tmp_path).encode() not in content, file.name
        for word in filter(None, (os.environ.get("USER"), os.environ.get("HOSTNAME"))):
            if len(word) > 5:
                assert word.encode() not in content, file.name


def test_F13_same_input_same_bytes(tmp_path: Path) -> None:
    image = stack_file(tmp_path)
    found = []
    for name in ("a", "b"):
        pipeline.write(measured(job(image, policies=("uicc-r",))), tmp_path / name)
        found.append({file.name: file.read_bytes() for file in (tmp_path / name).iterdir()})
    assert set(found[0]) == {"result.json", "margins.csv", "margins.geojson", "overlay.png", "report.html"}
    assert found[0] == found[1]


def test_F04_a_folder_that_cannot_be_made_is_one_error(tmp_path: Path) -> None:
    case = measured(job(square_file(tmp_path)))
    (tmp_path / "file").write_text("x")
    with pytest.raises(FileError, match="E-FILE-12"):
        pipeline.write(case, tmp_path / "file")


@pytest.mark.parametrize("more", [{"tumor": "no-such.tif"}, {"specimen": "no-such.tif#label=2"}, {"image": "no.tif"}])
def test_E18_a_file_that_is_not_there_fails_by_name(tmp_path: Path, more: dict[str, str]) -> None:
    error = failed(replace(job(square_file(tmp_path)), **more))
    assert error.file is not None
    assert error.code.startswith("E-FILE")


def test_measurements_of_planes_and_whole_agree_on_every_option(tmp_path: Path) -> None:
    case = measured(job(stack_file(tmp_path), boundary_shift_mm=0.25, link_mm=1.0))
    assert case.result.all.parts["segmentation"] == (0.75, 1.25)
    assert case.slices[1][1].all.parts["segmentation"] == (0.75, 1.25)

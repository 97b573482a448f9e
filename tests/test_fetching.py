"""Sources that are files: masks, labels, values cut at a threshold, outlines; and what is noted of them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from casefiles import ome, square, square_file, stack, stack_file
from PIL import Image

from marginkit import pipeline
from marginkit.errors import MarginError
from marginkit.pipeline import Job, run
from marginkit.records import Failed, Measured


def measured(image: Path, tumor: object, specimen: object, **more: Any) -> Measured:
    outcome = run(Job(str(image), str(specimen), str(tumor), **{"confirm": True, **more}))
    assert isinstance(outcome, Measured), outcome
    return outcome


def failed(image: Path, tumor: object, specimen: object, **more: Any) -> MarginError:
    outcome = run(Job(str(image), str(specimen), str(tumor), **{"confirm": True, **more}))
    assert isinstance(outcome, Failed), outcome
    return outcome.error


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The squares as an image, as masks of several kinds and as a label image."""
    tumor, specimen = square()
    square_file(tmp_path)
    for name, mask in (("tumor", tumor), ("specimen", specimen)):
        Image.fromarray((mask * 255).astype(np.uint8)).save(tmp_path / f"{name}.png")
        tifffile.imwrite(tmp_path / f"{name}.tif", mask.astype(np.uint8))
    labels = specimen.astype(np.uint8) + tumor
    tifffile.imwrite(tmp_path / "labels.tif", labels)
    pages = np.stack([labels, np.zeros_like(labels)])
    tifffile.imwrite(tmp_path / "pages.tif", pages, photometric="minisblack")
    return tmp_path


@pytest.mark.parametrize(
    ("tumor", "specimen"),
    [
        ("tumor.png", "specimen.png"),
        ("tumor.tif", "specimen.png"),
        ("labels.tif#label=2", "labels.tif#label=1+2"),
        ("pages.tif#page=0:label=2", "pages.tif#page=0:label=1+2"),
        ("tumor.png", "threshold:channel=0,above=50"),
        ("labels.tif#threshold=2", "labels.tif#threshold=0.5"),
    ],
)
def test_every_kind_of_mask_gives_the_same_margin(files: Path, tumor: str, specimen: str) -> None:
    inside = specimen if specimen.startswith("threshold") else files / specimen
    case = measured(files / "square.ome.tif", files / tumor, inside)
    assert case.result.value_mm == pytest.approx(2.0)
    assert case.result.closest is not None
    assert case.result.closest.edge_px == (4.5, 14.5)


def test_what_was_read_is_noted_with_its_digest_and_without_its_folder(files: Path) -> None:
    case = measured(
        files / "square.ome.tif",
        files / "labels.tif#label=2",
        files / "specimen.png",
        edge=f"natural={files / 'tumor.png'}",
        names={"deep": str(files / "labels.tif#label=1")},
    )
    noted = {one["role"]: (one["name"], one["sha256"]) for one in case.provenance["inputs"]}
    assert set(noted) == {"image", "tumor", "specimen", "edge natural", "name deep"}
    for role, name in (("image", "square.ome.tif"), ("tumor", "labels.tif"), ("specimen", "specimen.png")):
        assert noted[role] == (name, hashlib.sha256((files / name).read_bytes()).hexdigest())
    assert case.provenance["regions"] == {"tumor": "labels.tif (label=2)", "specimen": "specimen.png"}
    assert str(files) not in json.dumps(case.provenance)


def test_D01_a_label_that_is_nowhere_is_no_tumor_and_said(files: Path) -> None:
    case = measured(files / "square.ome.tif", files / "labels.tif#label=7", files / "labels.tif#label=1+2")
    assert case.result.reason == "no tumor in the image"
    assert any("no pixel has the label 7" in warning and "0 1 2" in warning for warning in case.warnings)
    error = failed(files / "square.ome.tif", files / "tumor.png", files / "labels.tif#label=7")
    assert error.code == "E-PIX-05"


def test_B13_a_jpeg_mask_is_refused_until_a_value_to_cut_at_is_named(files: Path) -> None:
    tumor, _ = square()
    big = np.kron(tumor, np.ones((9, 9), np.uint8)) * 255  # not blocks of JPEG
    Image.fromarray(big.astype(np.uint8)).save(files / "tumor.jpg", quality=60)
    Image.fromarray(np.stack([big] * 3, axis=-1).astype(np.uint8)).save(files / "colour.jpg", quality=60)
    image = ome(files / "big.ome.tif", [np.ones_like(big), np.kron(square()[1], np.ones((9, 9)))])
    specimen = "threshold:channel=1,above=0.5"
    error = failed(image, files / "tumor.jpg", specimen)
    assert error.code == "E-PIX-05"
    assert "threshold=" in str(error)
    for name in ("tumor.jpg", "colour.jpg"):
        case = measured(image, files / f"{name}#threshold=128", specimen)
        assert case.result.value_mm == pytest.approx(18.0, abs=0.5)
        assert case.regions["tumor"].maker == f"{name} (threshold=128)"


def test_C05_a_mask_of_another_shape_is_refused_by_name(files: Path) -> None:
    tifffile.imwrite(files / "small.tif", square()[0][::2, ::2].astype(np.uint8))
    error = failed(files / "square.ome.tif", files / "small.tif", files / "specimen.png")
    assert error.code == "E-GRID-05"
    assert error.file == "small.tif"


def test_a_named_slice_takes_a_mask_of_one_plane(files: Path) -> None:
    image = stack_file(files)
    flat = measured(image, files / "tumor.tif", files / "specimen.tif", plane=1)
    assert (flat.result.ndim, flat.result.value_mm) == (2, 2.0)
    assert failed(image, files / "tumor.tif", files / "specimen.tif").code == "E-GRID-01"
    whole = stack()[0].astype(np.uint8)
    tifffile.imwrite(files / "tumors.ome.tif", whole, ome=True, metadata={"axes": "ZYX"}, photometric="minisblack")
    case = measured(image, files / "tumors.ome.tif", "threshold:channel=2,above=0.5")
    assert (case.result.ndim, case.result.value_mm) == (3, 1.0)


def rectangle(x0: float, y0: float, x1: float, y1: float) -> list[list[float]]:
    return [[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]]


def feature(name: str, kind: str, coordinates: Any, plane: int | None = None) -> dict[str, Any]:
    geometry: dict[str, Any] = {"type": kind, "coordinates": coordinates}
    if plane is not None:
        geometry["plane"] = {"c": -1, "z": plane, "t": 0}
    properties = {"objectType": "annotation", "classification": {"name": name}}
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def geojson(path: Path, *features: dict[str, Any]) -> Path:
    path.write_text(json.dumps({"type": "FeatureCollection", "features": list(features)}))
    return path


TUMOR = feature("Tumor", "Polygon", [rectangle(15, 9, 23, 15)])
TISSUE = feature("Tissue", "Polygon", [rectangle(5, 5, 35, 25)])


def test_outlines_give_the_margin_of_their_pixels(files: Path) -> None:
    """The rectangles are those of the masks, in pixel corners."""
    drawn = geojson(files / "drawn.geojson", TUMOR, TISSUE)
    image = files / "square.ome.tif"
    for tumor, specimen in ((f"{drawn}#Tumor", f"{drawn}#tissue"), (f"{drawn}#Tumor", files / "specimen.png")):
        case = measured(image, tumor, specimen)
        assert case.result.value_mm == pytest.approx(2.0)
    assert case.regions["tumor"].maker == "drawn.geojson#Tumor"
    pipeline.write(case, files / "out")
    error = failed(image, f"{drawn}#Tumour", f"{drawn}#Tissue")
    assert error.code == "E-GEO-03"
    assert "Tumor, Tissue" in str(error)


def test_outlines_are_known_by_their_first_sign_too(files: Path) -> None:
    drawn = geojson(files / "drawn.txt", TUMOR, TISSUE)
    drawn.write_bytes(b"\xef\xbb\xbf\n" + drawn.read_bytes())
    case = measured(files / "square.ome.tif", f"{drawn}#Tumor", f"{drawn}#Tissue")
    assert case.result.value_mm == pytest.approx(2.0)


def test_named_edges_from_outlines(files: Path) -> None:
    deep = feature("Deep", "Polygon", [rectangle(0, 20, 40, 30)])
    drawn = geojson(files / "drawn.geojson", TUMOR, TISSUE, deep)
    names = {"deep": f"{drawn}#Deep"}
    case = measured(files / "square.ome.tif", f"{drawn}#Tumor", f"{drawn}#Tissue", names=names)
    assert case.result.named["deep"].value_mm == pytest.approx(5.0)


def test_a_barrier_drawn_as_a_line(files: Path) -> None:
    wall = feature("Fascia", "LineString", [[4, 7], [36, 7]])
    drawn = geojson(files / "drawn.geojson", TUMOR, TISSUE, wall)
    barriers = {"fascia": f"{drawn}#Fascia"}
    case = measured(files / "square.ome.tif", f"{drawn}#Tumor", f"{drawn}#Tissue", barriers=barriers)
    assert case.result.all.behind_barrier == "fascia"
    assert any("left out 1 line" in warning for warning in case.warnings)  # where areas were wanted
    mixed = geojson(files / "mixed.geojson", wall, feature("Fascia", "Polygon", [rectangle(0, 0, 9, 9)]))
    error = failed(files / "square.ome.tif", f"{drawn}#Tumor", f"{drawn}#Tissue", barriers={"x": f"{mixed}#Fascia"})
    assert error.code == "E-GEO-05"


def test_outlines_of_another_image_are_refused(files: Path) -> None:
    other = geojson(files / "other.geojson", feature("Tumor", "Polygon", [rectangle(150, 90, 230, 150)]))
    error = failed(files / "square.ome.tif", other, files / "specimen.png")
    assert error.code == "E-GEO-06"
    assert "42 x 32 pixels" in str(error)
    little = geojson(files / "little.geojson", feature("Tissue", "Polygon", [rectangle(-0.3, 2, 42.3, 30)]))
    assert measured(files / "square.ome.tif", files / "tumor.png", little).result.value_mm is not None


def test_outlines_of_one_slice_of_a_stack(files: Path) -> None:
    image = stack_file(files)
    on_two = [feature("Tumor", "Polygon", [rectangle(15, 7, 23, 15)], plane) for plane in (2, 3)]
    drawn = geojson(files / "planes.geojson", *on_two)
    specimen = "threshold:channel=2,above=0.5"
    case = measured(image, drawn, specimen, plane=2)
    assert case.result.value_mm == pytest.approx(1.0)
    assert failed(image, drawn, specimen, plane=1).code == "E-GEO-05"
    without = geojson(files / "without.geojson", TUMOR)
    used = measured(image, without, specimen, plane=3)
    assert any("they are used for slice 3" in warning for warning in used.warnings)


BOX = """
from dataclasses import dataclass
import numpy as np
from marginkit.records import Region
NAME, GIVES = "box", ("tissue",)
@dataclass(frozen=True)
class Options:
    top: int = 5
    bottom: int = 25
    how: str = "well"
def segment(picture, options):
    if options.how == "ill":
        raise KeyError("nothing here")
    mask = np.zeros(picture.spatial_shape if options.how == "well" else (3, 3), bool)
    mask[options.top : options.bottom, 5:35] = True
    return mask if options.how == "array" else Region(mask, maker="box")
"""


def test_a_segmenter_of_somebody_else_is_one_new_file(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (files / "shelf" / "segmenters").mkdir(parents=True)
    (files / "shelf" / "segmenters" / "box.py").write_text(BOX)
    monkeypatch.setenv("MARGINKIT_SHELF", str(files / "shelf"))
    image, tumor = files / "square.ome.tif", files / "tumor.png"
    assert measured(image, tumor, "box").result.value_mm == pytest.approx(2.0)
    assert measured(image, tumor, "box:top=7").result.value_mm == pytest.approx(1.0)
    assert "there are top, bottom, how" in str(failed(image, tumor, "box:left=1"))
    for how, says in (("ill", "KeyError"), ("array", "no Region but ndarray"), ("small", "shape (3, 3)")):
        error = failed(image, tumor, f"box:how={how}")
        assert error.code == "E-SHELF-06"
        assert says in str(error)


def test_G06_a_folder_or_an_unknown_file_is_one_error(files: Path) -> None:
    (files / "folder").mkdir()
    (files / "x.geojson").write_text("{")
    for name in ("folder", "x.geojson", "no.json", "no.tif"):
        assert failed(files / "square.ome.tif", files / name, files / "specimen.png").code.startswith("E-FILE")


def test_contours_of_radiotherapy_need_their_series(shared_data: Path) -> None:
    pytest.importorskip("pydicom")
    nifti = shared_data / "sarcoma-ct-mr" / "STS_008_MR_T1_image.nii.gz"
    error = failed(nifti, shared_data / "sarcoma-dicom-rtstruct" / "RS.dcm", "threshold")
    assert error.code == "E-GRID-01"
    assert "GTV_Mass_MR_T1" in str(error)


def test_a_tumor_in_a_real_ct(shared_data: Path) -> None:
    """The margin is what a k-d tree of voxel centres says, to a voxel; volumes are those of the data set."""
    from scipy.spatial import cKDTree

    folder = shared_data / "sarcoma-ct-mr"
    for case, millilitres in (("002", 53.3), ("008", 27.6)):
        image, mask = (folder / f"STS_{case}_CT_{what}.nii.gz" for what in ("image", "mask"))
        found = measured(image, mask, "threshold:above=-300,largest=yes,fill=yes", confirm=False)
        assert found.result.size is not None
        assert found.result.size.volume_mm3 == pytest.approx(1000 * millilitres, rel=0.03)
        tumor, body = (np.asarray(found.regions[role].data) for role in ("tumor", "specimen"))
        spacing = np.array(found.result.spacing_mm)
        inside = np.argwhere(tumor & body)
        outside = np.argwhere(~body[1:-1, 1:-1, 1:-1]) + 1
        apart, _ = cKDTree(outside * spacing).query(inside * spacing)
        assert found.result.value_mm is not None
        assert 0 <= apart.min() - found.result.value_mm <= np.linalg.norm(spacing)

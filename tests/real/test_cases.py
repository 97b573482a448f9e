"""Whole cases on real images: volumes, contours of a structure set, label images, outlines."""

import json
from pathlib import Path

import pytest

from marginkit import pipeline
from marginkit.records import Measured


def measured(**job: object) -> Measured:
    outcome = pipeline.run(pipeline.Job(**job))
    assert isinstance(outcome, Measured), outcome
    return outcome


BODY = "threshold:above=-300,largest=yes,fill=yes"


@pytest.mark.parametrize(("patient", "volume_ml", "value_mm"), [("002", 53.3, 3.906), ("008", 27.6, 22.853)])
def test_sarcoma_to_skin_in_ct(shared_data: Path, patient: str, volume_ml: float, value_mm: float) -> None:
    """Volumes are those of the data's table; the distance was read off the pictures with a ruler to a millimetre."""
    folder = shared_data / "sarcoma-ct-mr"
    case = measured(
        image=str(folder / f"STS_{patient}_CT_image.nii.gz"),
        tumor=str(folder / f"STS_{patient}_CT_mask.nii.gz"),
        specimen=BODY,
        state="in-vivo",
    )
    assert case.result.size.volume_mm3 / 1000 == pytest.approx(volume_ml, abs=0.05)
    assert case.result.value_mm == pytest.approx(value_mm, abs=0.001)
    assert min(one.value_mm for _, one in case.slices if one.value_mm is not None) >= case.result.value_mm


def test_structure_set_and_voxels_give_the_same_margin(shared_data: Path) -> None:
    pytest.importorskip("pydicom")
    series, volumes = shared_data / "sarcoma-dicom-rtstruct", shared_data / "sarcoma-ct-mr"
    specimen = "threshold:above=20,largest=yes,fill=yes"
    drawn = measured(image=str(series), tumor=str(series / "RS.dcm"), specimen=specimen)
    voxels = measured(
        image=str(volumes / "STS_008_MR_T1_image.nii.gz"),
        tumor=str(volumes / "STS_008_MR_T1_mask.nii.gz"),
        specimen=specimen,
    )
    assert drawn.result.value_mm == pytest.approx(voxels.result.value_mm, abs=1e-5)
    assert drawn.result.foci[0].pixels == voxels.result.foci[0].pixels
    assert "rasterised_contours" in drawn.regions["tumor"].flags


@pytest.mark.parametrize("case", ["00007", "00020", "00061"])
def test_kidney_tumour_at_the_surface(shared_data: Path, case: str) -> None:
    file = shared_data / "kidney-tumour-masks" / f"case_{case}_segmentation.nii.gz"
    found = measured(image=str(file), tumor=f"{file}#label=2", specimen=f"{file}#label=1+2").result
    assert found.qualifier == "touching"
    assert "several_pieces" in found.flags


def test_tissue_that_leaves_the_frame(shared_data: Path) -> None:
    folder = shared_data / "fluor-lung-tissue-maps"
    maps = folder / "Set4_1-6plex_11472_51360_binary_seg_maps.tif"
    job = {
        "image": str(folder / "Set4_1-6plex_11472_51360_composite_image.jpg"),
        "tumor": f"{maps}#page=0:label=0",
        "specimen": f"{maps}#page=0:label=0+1",
        "pixel_size": "0.5um",
    }
    unseen = measured(**job).result
    assert (unseen.qualifier, unseen.reason) == ("not_assessable", "no cut edge in view")
    assert unseen.all.unseen_mm == 0
    assert measured(**job, holes="cut").result.qualifier == "touching"


def test_outline_of_qupath_on_a_slide(shared_data: Path, tmp_path: Path) -> None:
    """A tumor drawn as a square of 400 pixels, 300 pixels below the upper side of a rectangle: 0.1497 mm."""

    def square(x: int, y: int, width: int, height: int, name: str) -> dict:
        ring = [[x, y], [x + width, y], [x + width, y + height], [x, y + height], [x, y]]
        said = {"objectType": "annotation", "classification": {"name": name}}
        return {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": said}

    drawn = [square(800, 600, 400, 400, "Tumor"), square(100, 300, 1900, 2200, "Specimen")]
    file = tmp_path / "slide.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": drawn}))
    slide = shared_data / "he-svs" / "cmu-1-small-region.svs"
    found = measured(image=str(slide), tumor=f"{file}#Tumor", specimen=f"{file}#Specimen").result
    assert found.value_mm == pytest.approx(300 * 0.000499, rel=1e-9)
    assert found.boundary == "polygon"

"""Every report about real images: an H&E field with its authors' tumour mask, a slide with its own pixel size."""

import csv
import io
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from shapely.geometry import shape

import marginkit
from marginkit.records import Calibration, Measured, Region
from marginkit.reports import geojson, overlay, resultjson, table


def reported(case: Measured) -> dict:
    """What each report says of a case, parsed by other libraries."""
    streams = {writer.FILE: io.BytesIO() for writer in (resultjson, table, geojson, overlay)}
    for writer in (resultjson, table, geojson, overlay):
        writer.write(case, streams[writer.FILE])
    raw = {name: stream.getvalue() for name, stream in streams.items()}
    picture = cv2.imdecode(np.frombuffer(raw["overlay.png"], np.uint8), cv2.IMREAD_COLOR)
    return {
        "json": json.loads(raw["result.json"]),
        "rows": list(csv.DictReader(io.StringIO(raw["margins.csv"].decode(), newline=""))),
        "features": json.loads(raw["margins.geojson"])["features"],
        "picture": picture,
    }


def consistent(case: Measured) -> None:
    """All reports say the same value, and the drawn line is as long as it."""
    found = reported(case)
    value_mm = case.result.value_mm
    assert found["json"]["margins"][0]["value_mm"] == float(found["rows"][0]["value_mm"]) == value_mm
    kinds = {feature["properties"]["classification"]["name"]: feature for feature in found["features"]}
    line, spacing = shape(kinds["Margin"]["geometry"]), case.result.spacing_mm[0]
    assert line.length * spacing == pytest.approx(value_mm)
    tumor = case.regions["tumor"].data
    assert shape(kinds["Tumor"]["geometry"]).area == np.count_nonzero(tumor)
    cut = [f["properties"]["measurements"]["Length mm"] for name, f in kinds.items() if name.startswith("Cut edge")]
    assert sum(cut) == pytest.approx(case.result.profile.total)
    assert max(found["picture"].shape) < 2400


def case_of(name: str, picture, tumor, specimen) -> Measured:
    result = marginkit.measure(tumor, specimen, picture.spacing_mm)
    regions = {"tumor": Region(tumor), "specimen": Region(specimen)}
    return Measured(name, picture, result, (), (), {}, regions=regions, limits_mm=(0.05, 0.2))


@pytest.mark.parametrize("field", ["r31c1", "r35c4"])
def test_oral_carcinoma(shared_data: Path, field: str) -> None:
    folder = shared_data / "he-oral-carcinoma-masks"
    picture = marginkit.open(folder / f"1009009_{field}_image.jpg", pixel_size="0.5um")
    pixels = picture.read()[..., :3]
    tissue = cv2.GaussianBlur(pixels, (0, 0), 6).min(axis=2) < 215
    mask = cv2.imread(str(folder / f"1009009_{field}_mask.jpg"), cv2.IMREAD_GRAYSCALE) > 128
    inner = cv2.erode(tissue.astype(np.uint8), np.ones((31, 31))) > 0
    consistent(case_of(field, picture, mask & inner, tissue))


def test_slide(shared_data: Path) -> None:
    picture = marginkit.open(shared_data / "he-svs" / "cmu-1-small-region.svs")
    pixels = picture.read()[..., :3]
    tissue = cv2.GaussianBlur(pixels, (0, 0), 8).min(axis=2) < 215
    y, x = np.ogrid[: pixels.shape[0], : pixels.shape[1]]
    tumor = np.hypot(y - 1500, x - 1150) < 150
    case = case_of("slide", picture, tumor & tissue, tissue)
    assert isinstance(picture.calibration, Calibration)
    consistent(case)
    row = reported(case)["rows"][0]
    assert float(row["spacing_x_mm"]) == pytest.approx(0.000499)
    assert row["calibration_source"]

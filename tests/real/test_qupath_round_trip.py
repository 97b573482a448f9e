"""Annotations of QuPath, ASAP and Sectra come back as they were drawn, in the outlines of a measured case."""

import json
import xml.etree.ElementTree as ElementTree
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
import tifffile

from marginkit import pipeline, shelf
from marginkit.readers.polygons import OutlineWarning, read_regions, select
from marginkit.records import Measured

AREAS = (
    *(f"qupath-{name}.json" for name in ("brush", "ellipse", "polygon", "rectangle", "wand")),
    "asap-polygon.xml",
    "pathologycore-area.json",
)
ROWS, COLUMNS, TILE = 20480, 30720, 1024  # a slide that holds the annotations where they were drawn


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("slide") / "slide.tif"
    empty = zlib.compress(np.zeros((TILE, TILE), np.uint8).tobytes())

    def tiles() -> Iterator[bytes]:
        yield from [empty] * (ROWS // TILE * COLUMNS // TILE)

    tifffile.imwrite(
        path, tiles(), shape=(ROWS, COLUMNS), dtype=np.uint8, tile=(TILE, TILE), compression="zlib", metadata=None
    )
    return path


def drawn(export: Path) -> Any:
    """The area in a file as it stands there, read without marginkit; Sectra counts in widths of the slide."""
    if export.suffix == ".xml":
        found = [
            (float(one.attrib["X"]), float(one.attrib["Y"])) for one in ElementTree.parse(export).iter("Coordinate")
        ]
        return shapely.Polygon(found)
    told = json.loads(export.read_text())
    if "content" in told:
        return shapely.Polygon([(one["x"] * COLUMNS, one["y"] * COLUMNS) for one in told["content"]])
    return shapely.geometry.shape(told["geometry"])


def same(before: Any, after: Any) -> None:
    """Equal area to 1e-6, and lying on the same pixels: a shift of half a pixel would leave a rim."""
    assert after.area == pytest.approx(before.area, rel=1e-6)
    assert shapely.symmetric_difference(before, after).area <= 1e-6 * before.area


@pytest.mark.parametrize("name", AREAS)
def test_an_area_comes_back_from_a_measured_case(shared_data: Path, slide: Path, tmp_path: Path, name: str) -> None:
    export = shared_data / "annotation-exports" / name
    before = drawn(export)
    around = shapely.box(*np.add(before.bounds, (-100, -50, 70, 60)))
    specimen = tmp_path / "specimen.geojson"
    specimen.write_text(
        json.dumps(
            {
                "type": "Feature",
                "geometry": shapely.geometry.mapping(around),
                "properties": {"objectType": "annotation", "classification": {"name": "Specimen"}},
            }
        )
    )
    case = pipeline.run(
        pipeline.Job(image=str(slide), tumor=str(export), specimen=str(specimen), pixel_size="0.25um", state="slide")
    )
    assert isinstance(case, Measured), case
    assert case.result.value_mm == pytest.approx(50 * 0.00025, rel=1e-6)  # the nearest side was put 50 px away
    written = tmp_path / "margins.geojson"
    with written.open("wb") as stream:
        shelf.get("reports", "geojson").write(case, stream)
    with pytest.warns(OutlineWarning, match="left out 2 lines"):  # the closest pair and the edge
        found = read_regions(written)
    same(before, select(found, "Tumor"))
    same(around, select(found, "Specimen"))

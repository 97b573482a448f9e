"""Every real export of an annotation program: names and numbers of points typed from looking at the files.

Areas are by hand where the shape allows it (rectangle), else by the shoelace formula in fractions, not by shapely.
"""

import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from marginkit.errors import OutlineError
from marginkit.readers.polygons import in_pixels, read_regions, select

# file -> (name, unit, points as drawn, first point)
AREAS: dict[str, tuple[str, str, int, tuple[float, float]]] = {
    "asap-polygon.xml": ("Annotation 0", "px", 6, (22851.3281, 16551.1797)),
    "pathologycore-area.json": ("", "fraction", 27, (0.688998027588846, 0.228049838688565)),
    "qupath-brush.json": ("brush", "px", 187, (26388, 15410)),
    "qupath-ellipse.json": ("ellipse", "px", 100, (26356, 15357)),
    "qupath-polygon.json": ("polygon", "px", 46, (26353, 15345)),
    "qupath-rectangle.json": ("rectangle", "px", 4, (26268, 15298)),
    "qupath-wand.json": ("wand", "px", 139, (26935, 15359)),
}
LINES = {"pathologycore-polyline.json": ("", "fraction", 6), "qupath-polyline.json": ("polyline", "px", 49)}
LENGTH_MM, AREA_MM2 = 5.93, 5.33  # Sectra's own results, two decimals each


def numbers(path: Path) -> list[tuple[Fraction, Fraction]]:
    """The points in a file of one annotation, in the order of the text."""
    text = path.read_text()
    if path.suffix == ".xml":
        found = re.findall(r'X="([\d.]+)" Y="([\d.]+)"', text)
    elif "pathologycore" in path.name:
        found = re.findall(r'"x":([\d.]+),"y":([\d.]+)', text)
    else:
        found = re.findall(r"\[\s*([\d.]+),\s*([\d.]+)\s*\]", text)
    return [(Fraction(x), Fraction(y)) for x, y in found]


def shoelace(points: list[tuple[Fraction, Fraction]]) -> float:
    pairs = zip(points, points[1:] + points[:1])
    return float(abs(sum((a[0] * b[1] - b[0] * a[1] for a, b in pairs), Fraction(0)) / 2))


@pytest.mark.parametrize("file", AREAS)
def test_areas(shared_data: Path, file: str) -> None:
    name, unit, count, first = AREAS[file]
    (one,) = read_regions(shared_data / "annotation-exports" / file)
    assert (one.name, one.unit, one.flags, one.is_line, one.plane) == (name, unit, (), False, (0, 0))
    (part,) = one.outline.geoms
    corners: Any = list(part.exterior.coords)[:-1]
    assert (len(corners), len(part.interiors)) == (count, 0)
    assert first in corners
    assert one.outline.area == pytest.approx(shoelace(numbers(shared_data / "annotation-exports" / file)), rel=1e-9)


def test_rectangle_by_hand(shared_data: Path) -> None:
    found = read_regions(shared_data / "annotation-exports" / "qupath-rectangle.json")
    assert select(found, "Rectangle").area == (26478 - 26268) * (15474 - 15298) == 36_960


@pytest.mark.parametrize("file", LINES)
def test_lines_are_kept_only_when_asked(shared_data: Path, file: str) -> None:
    path, (name, unit, count) = shared_data / "annotation-exports" / file, LINES[file]
    (one,) = read_regions(path, lines=True)
    assert (one.name, one.unit, one.is_line) == (name, unit, True)
    assert [len(part.coords) for part in one.outline.geoms] == [count]
    with pytest.raises(OutlineError, match=r"E-GEO-04\): it holds only 1 line"):
        read_regions(path)


def test_points_are_refused(shared_data: Path) -> None:
    with pytest.raises(OutlineError, match=r"^asap-pointset\.xml: .*E-GEO-04\): it holds only 1 point"):
        read_regions(shared_data / "annotation-exports" / "asap-pointset.xml", lines=True)


def test_every_file_is_in_a_table(shared_data: Path) -> None:
    there = {path.name for path in (shared_data / "annotation-exports").iterdir()}
    assert there == {*AREAS, *LINES, "asap-pointset.xml"}


def test_sectra_area_and_length_agree_on_one_width_of_the_slide(shared_data: Path) -> None:
    """Both are of one slide. The width that gives Sectra's area gives Sectra's length, to the decimals it writes."""
    folder = shared_data / "annotation-exports"
    area = json.loads((folder / "pathologycore-area.json").read_text())
    (line,) = json.loads((folder / "pathologycore-polyline.json").read_text())
    assert (area["result"], line["result"]) == (f"{AREA_MM2} mm²", f"{LENGTH_MM} mm")
    assert area["slideId"].split("_")[0] == line["slideId"].split("_")[0]
    (region,) = read_regions(folder / "pathologycore-area.json")
    width_mm = (AREA_MM2 / region.outline.area) ** 0.5
    (scaled,) = in_pixels(read_regions(folder / "pathologycore-polyline.json", lines=True), width_mm * 1000)
    assert scaled.outline.length / 1000 == pytest.approx(LENGTH_MM, abs=0.005 + LENGTH_MM * 0.005 / (2 * AREA_MM2))
    assert round(scaled.outline.length / 1000, 2) == LENGTH_MM

"""margins.geojson: lengths and places that shapely reads back, in the words of QuPath."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
import shapely
from scipy.ndimage import gaussian_filter
from shapely.geometry import shape

from marginkit import measure
from marginkit.records import Margin, Region, ReportWriter
from marginkit.reports import _pagewords, geojson, resultjson
from marginkit.reports._frame import plane_of
from tests.cases import SPACING, pair, picture, square_case


def written(case):
    stream = io.BytesIO()
    geojson.write(case, stream)
    return json.loads(stream.getvalue().decode("utf-8"))


def by_kind(case):
    found = {}
    for feature in written(case)["features"]:
        found.setdefault(feature["properties"]["classification"]["name"], []).append(feature)
    return found


def test_meets_the_protocol():
    assert isinstance(geojson, ReportWriter)
    assert geojson.FILE == "margins.geojson"


def test_as_qupath_reads_it():
    """Words checked against PathObjectTypeAdapter and ROITypeAdapters of QuPath."""
    found = written(square_case())
    assert found["type"] == "FeatureCollection"
    for feature in found["features"]:
        assert feature["type"] == "Feature"
        assert len(feature["id"]) == 36
        properties = feature["properties"]
        assert properties["objectType"] == "annotation"
        assert isinstance(properties["isLocked"], bool)
        assert len(properties["classification"]["color"]) == 3
        assert all(isinstance(c, int) and 0 <= c <= 255 for c in properties["classification"]["color"])
        assert all(isinstance(value, float) for value in properties["measurements"].values())
        assert all(isinstance(value, str) for value in properties["metadata"].values())
        assert shape(feature["geometry"]).is_valid
        assert "plane" not in feature["geometry"]
    assert len({feature["id"] for feature in found["features"]}) == len(found["features"])


def test_closest_line_is_as_long_as_the_margin():
    lines = by_kind(square_case())["Margin"]
    for feature, value in zip(lines, (2.0, 5.0)):
        assert (
            shape(feature["geometry"]).length * SPACING[0]
            == value
            == feature["properties"]["measurements"]["Margin mm"]
        )
    # index (4.5, 14.5) is the corner (x, y) = (15, 5)
    assert lines[0]["geometry"]["coordinates"] == [[15.0, 5.0], [15.0, 9.0]]
    assert lines[1]["properties"]["metadata"]["qualifier"] == "at_most"


def test_outlines_lie_on_pixel_corners():
    found = by_kind(square_case())
    assert shape(found["Tumor"][0]["geometry"]).equals(shapely.box(15, 9, 23, 15))
    assert shape(found["Specimen"][0]["geometry"]).equals(shapely.box(5, 5, 35, 25))
    assert found["Tumor"][0]["properties"]["measurements"] == {"Area mm2": 12.0}
    assert found["Specimen"][0]["geometry"]["type"] == "Polygon"


def test_cut_edge_by_distance():
    case = square_case(limits_mm=(2.5, 5.0))
    found = by_kind(case)
    kinds = {kind: shape(found[kind][0]["geometry"]) for kind in found if kind.startswith("Cut edge")}
    assert set(kinds) == {"Cut edge < 2.5 mm", "Cut edge 2.5 to 5 mm", "Cut edge ≥ 5 mm"}
    assert sum(line.length for line in kinds.values()) * 0.5 == case.result.profile.total
    # 4 mm above the tumor and sqrt(2.5² - 2²) mm on either side
    assert shapely.line_merge(kinds["Cut edge < 2.5 mm"]).equals(shapely.LineString([(12, 5), (26, 5)]))
    assert found["Cut edge < 2.5 mm"][0]["properties"]["measurements"] == {"Length mm": 7.0, "Nearest tumor mm": 2.0}
    assert "Other edge" not in found


def test_touching_is_a_point():
    case = square_case()
    touching = Margin("all", 0.0, (0.0, 0.5), "touching", pair((4.5, 9.5), (4.5, 9.5), SPACING))
    feature = by_kind(replace(case, result=replace(case.result, margins=(touching,))))["Margin"][0]
    assert feature["geometry"] == {"type": "Point", "coordinates": [10.0, 5.0]}


def test_measured_on_a_coarser_level_lies_on_level_0():
    """Measured at half resolution: corners double, which is index 2 i + 1/2 for centres."""
    fine = picture(np.zeros((64, 84), np.uint8), spacing_mm=(0.25, 0.25))
    found = by_kind(square_case(picture=fine))
    assert found["Margin"][0]["geometry"]["coordinates"] == [[30.0, 10.0], [30.0, 18.0]]
    assert shape(found["Tumor"][0]["geometry"]).equals(shapely.box(30, 18, 46, 30))
    assert found["Tumor"][0]["properties"]["measurements"] == {"Area mm2": 12.0}
    assert sum(shape(f[0]["geometry"]).length for k, f in found.items() if k.startswith("Cut")) * 0.25 == 50.0


def test_region_on_a_grid_of_its_own():
    """A mask of every second pixel: its first pixel's centre lies at index 1/2."""
    coarse = np.zeros((16, 21), bool)
    coarse[5:7, 8:11] = True
    region = Region(coarse, spacing_mm=(1.0, 1.0), origin_px=(0.5, 0.5))
    found = by_kind(square_case(regions={"tumor": region}))
    assert shape(found["Tumor"][0]["geometry"]).equals(shapely.box(16, 10, 22, 14))


def measured(tumor, specimen, spacing, pixels, axes, **more):
    result = measure(tumor, specimen, spacing, **more)
    regions = {"tumor": Region(tumor), "specimen": Region(specimen)}
    return square_case(result=result, picture=picture(pixels, axes, spacing), regions=regions)


def test_frame_and_hole_are_other_edge():
    specimen = np.zeros((30, 40), bool)
    specimen[10:, 5:35] = True
    specimen[20:23, 10:12] = False
    tumor = np.zeros_like(specimen)
    tumor[15:18, 20:25] = True
    case = measured(tumor, specimen, SPACING, np.zeros((30, 40), np.uint8), "YX")
    found = by_kind(case)
    other = shape(found["Other edge"][0]["geometry"])
    assert other.length == 30 + 2 * (3 + 2)  # the lower border of the view, and the hole
    cut = sum(shape(f[0]["geometry"]).length for k, f in found.items() if k.startswith("Cut"))
    assert cut * 0.5 == case.result.profile.total == (30 + 2 * 20) * 0.5


def test_volume_has_planes():
    specimen = np.zeros((9, 20, 22), bool)
    specimen[1:8, 3:17, 3:19] = True
    tumor = np.zeros_like(specimen)
    tumor[4:6, 5:9, 8:12] = True
    case = measured(tumor, specimen, (3.0, 1.0, 1.0), np.zeros(tumor.shape, np.uint8), "ZYX")
    assert case.result.value_mm == 2.0
    features = written(case)["features"]
    assert {feature["geometry"]["plane"]["z"] for feature in features} == {4}
    assert {tuple(sorted(feature["geometry"]["plane"])) for feature in features} == {("c", "t", "z")}
    found = by_kind(case)
    assert shape(found["Specimen"][0]["geometry"]).equals(shapely.box(3, 3, 19, 17))
    cut = sum(shape(f[0]["geometry"]).length for k, f in found.items() if k.startswith("Cut"))
    assert cut == 2 * (14 + 16)


@pytest.mark.parametrize(("edge_z", "tumor_z", "plane"), [(0.5, 3.5, 1), (7.5, 5.5, 7), (3.0, 3.0, 3), (8.5, 8.5, 8)])
def test_plane_of_an_edge_between_two(edge_z, tumor_z, plane):
    case = square_case(picture=picture(np.zeros((9, 4, 4), np.uint8), "ZYX", (1, *SPACING)))
    volume = replace(case.result, ndim=3, spacing_mm=(1, *SPACING))
    ends = pair((tumor_z, 0, 0), (edge_z, 0, 0), volume.spacing_mm)
    assert plane_of(replace(case, result=volume), ends, 0) == plane


def test_plane_of_a_stack():
    stack = picture(np.zeros((5, 32, 42), np.uint8), "ZYX", (1.0, *SPACING))
    features = written(square_case(picture=stack, plane=3))["features"]
    assert {feature["geometry"]["plane"]["z"] for feature in features} == {3}


def test_polygon_specimen():
    square = shapely.box(10, 10, 110, 60)
    tumor = np.zeros((80, 120), bool)
    tumor[30:40, 50:60] = True
    profile_case = measured(
        *[np.zeros((80, 120), bool) | tumor, np.pad(np.ones((50, 100), bool), ((10, 20), (10, 10)))],
        SPACING,
        np.zeros((80, 120), np.uint8),
        "YX",
    )
    regions = {"tumor": Region(tumor), "specimen": Region(square)}
    found = by_kind(replace(profile_case, regions=regions))
    assert shape(found["Specimen"][0]["geometry"]).equals(square)
    cut = sum(shape(f[0]["geometry"]).length for k, f in found.items() if k.startswith("Cut"))
    assert cut == pytest.approx(300)


@pytest.mark.parametrize("seed", range(5))
def test_length_of_each_distance_class_is_that_of_the_profile(seed):
    random = np.random.default_rng(seed)
    specimen = np.zeros((40, 50), bool)
    specimen[8:32, 8:42] = random.random((24, 34)) < 0.97
    specimen[8:32, 20] = True
    tumor = np.zeros_like(specimen)
    tumor[18:21, 20:24] = True
    tumor &= specimen
    case = measured(tumor, specimen, (0.4, 0.4), np.zeros(tumor.shape, np.uint8), "YX", holes="cut")
    case = replace(case, limits_mm=(1.0, 2.0, 3.5))
    found = by_kind(case)
    total = 0.0
    for kind, limit in (("Cut edge < 1 mm", 1.0), ("Cut edge 1 to 2 mm", 2.0), ("Cut edge 2 to 3.5 mm", 3.5)):
        total += sum(f["properties"]["measurements"]["Length mm"] for f in found.get(kind, []))
        assert total == pytest.approx(case.result.profile.below(limit))


@pytest.mark.parametrize("kind", ["contour", "probability", "polygon"])
def test_sub_pixel_boundaries_are_drawn_as_measured(kind):
    y, x = np.mgrid[:60, :80]
    specimen, tumor = np.hypot((y - 30) / 24, (x - 40) / 34) < 1, np.hypot(y - 22, x - 30) < 8
    specimen[33:38, 45:50] = False
    more = {"boundary": "contour"} if kind == "contour" else {}
    if kind == "probability":
        tumor, specimen = (np.clip(gaussian_filter(one.astype(float), 1.0), 0, 1) for one in (tumor, specimen))
    if kind == "polygon":
        specimen = shapely.Point(40, 30).buffer(25).difference(shapely.box(45, 33, 50, 38))
        tumor = shapely.Point(30, 22).buffer(8)
    case = replace(measured(tumor, specimen, (0.2, 0.2), np.zeros((60, 80), np.uint8), "YX", **more), limits_mm=(2.5,))
    found = by_kind(case)
    length = {name: found[name][0]["properties"]["measurements"]["Length mm"] for name in found if "dge" in name}
    profile = case.result.profile
    slack_mm = (
        2 * profile.size.max() if kind == "polygon" else 1e-6
    )  # the drawing's steps cut a polygon's long sides up
    assert length["Cut edge < 2.5 mm"] + length["Cut edge ≥ 2.5 mm"] == pytest.approx(profile.total)
    assert length["Cut edge < 2.5 mm"] == pytest.approx(profile.below(2.5), abs=slack_mm)
    assert length["Other edge"] == pytest.approx(profile.by_class["hole"])
    line = shape(found["Margin"][0]["geometry"])
    assert line.length * 0.2 == pytest.approx(case.result.value_mm)
    assert line.distance(shape(found["Tumor"][0]["geometry"])) < 1e-6
    assert line.distance(shape(found["Specimen"][0]["geometry"]).boundary) < 1e-6


def test_C07_the_window_on_the_canvas_travels_with_every_annotation_and_the_result():
    case = square_case()
    inside = replace(case, picture=replace(case.picture, window_px=(5, 16, 60, 70)))
    before, after = (written(one)["features"] for one in (case, inside))
    assert {one["properties"]["metadata"]["window px"] for one in after} == {"x 16, y 5, width 70, height 60"}
    assert [one["geometry"] for one in after] == [one["geometry"] for one in before]  # QuPath counts from there too
    stream = io.BytesIO()
    resultjson.write(inside, stream)
    assert json.loads(stream.getvalue())["image"]["window_px"] == [5, 16, 60, 70]
    assert ("Part of the scanner's canvas", "70 × 60 pixels from x 16, y 5; coordinates begin there") in list(
        _pagewords.specimen(inside)
    )

"""Drawn outlines: each program's file against areas worked out by hand, and what is refused against its code."""

import json
import math
import warnings
from pathlib import Path
from typing import Any

import pytest
from shapely.geometry import MultiLineString, MultiPolygon, box

from marginkit import shelf
from marginkit.errors import FileError, MarginError, OutlineError
from marginkit.readers.polygons import NamedOutline, OutlineWarning, in_pixels, read_regions, select

SQUARE = [[10, 20], [14, 20], [14, 23], [10, 23], [10, 20]]  # 4 x 3
HOLE = [[11, 21], [12, 21], [12, 22], [11, 22], [11, 21]]  # 1 x 1
FAR = [[30, 20], [32, 20], [32, 22], [30, 22], [30, 20]]  # 2 x 2


def feature(coordinates: Any, kind: str = "Polygon", plane: Any = None, **properties: Any) -> dict[str, Any]:
    geometry = {"type": kind, "coordinates": coordinates} | ({"plane": plane} if plane else {})
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def tumor(coordinates: Any, kind: str = "Polygon", **more: Any) -> dict[str, Any]:
    return feature(coordinates, kind, classification={"name": "Tumor", "color": [200, 0, 0]}, **more)


def saved(folder: Path, content: Any, name: str = "a.geojson") -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def collected(folder: Path, *features: Any) -> Path:
    return saved(folder, {"type": "FeatureCollection", "features": list(features)})


@pytest.mark.parametrize(
    "content",
    [
        {"type": "FeatureCollection", "features": [feature([SQUARE, HOLE])]},
        feature([SQUARE, HOLE]),
        {"type": "Polygon", "coordinates": [SQUARE, HOLE]},
        [feature([SQUARE, HOLE])],
        feature([[SQUARE, HOLE]], "MultiPolygon"),
    ],
    ids=["collection", "feature", "geometry", "list", "multi"],
)
def test_C12_every_form_of_geojson_keeps_its_hole(tmp_path: Path, content: Any) -> None:
    (one,) = read_regions(saved(tmp_path, content))
    assert one.outline.area == 11
    assert one.outline.bounds == (10, 20, 14, 23)
    assert (one.name, one.unit, one.flags, one.is_line) == ("", "px", (), False)


def test_names_are_classes_first_and_derived_classes_too(tmp_path: Path) -> None:
    derived = feature([FAR], classification={"names": ["Tumor", "Positive"]})
    path = collected(tmp_path, tumor([SQUARE], name="lesion 1"), derived, feature([FAR], name="node"))
    found = read_regions(path)
    assert [(one.name, one.label) for one in found] == [
        ("Tumor", "lesion 1"),
        ("Tumor: Positive", ""),
        ("node", "node"),
    ]
    assert select(found, "tumor").area == select(found, "LESION 1").area == 12
    assert select(found).area == 12 + 4
    with pytest.raises(OutlineError, match=r"'Ink' \(E-GEO-03\): there are Tumor, Tumor: Positive, node\. Give one"):
        select(found, "Ink")
    with pytest.raises(OutlineError, match="E-GEO-03"):
        select(found, "")


def test_selected_outlines_that_overlap_count_once(tmp_path: Path) -> None:
    moved = [[x + 2, y] for x, y in SQUARE]
    whole = select(read_regions(collected(tmp_path, tumor([SQUARE]), tumor([moved]), feature([FAR]))), "Tumor")
    assert isinstance(whole, MultiPolygon)
    assert whole.area == 6 * 3
    assert all(part.exterior.is_ccw for part in whole.geoms)


def test_C12_open_ring_is_closed_and_third_coordinate_dropped(tmp_path: Path) -> None:
    (one,) = read_regions(saved(tmp_path, feature([[[x, y, 7] for x, y in SQUARE[:-1]]])))
    assert one.outline.area == 12
    assert not one.outline.has_z


def test_C12_small_crossing_is_repaired_with_a_flag_and_bow_tie_refused(tmp_path: Path) -> None:
    loop = [[0, 0], [100, 0], [100, 100], [0, 100], [0, 0.5], [0.5, -0.5], [0, -0.5], [0, 0]]
    (one,) = read_regions(saved(tmp_path, feature([loop])))
    assert one.flags == ("repaired_outline",)
    assert one.outline.area == pytest.approx(10_000, rel=1e-3)
    bow = tumor([[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]])
    with pytest.raises(OutlineError, match=r"^a\.geojson: feature 2 \(Tumor\) crosses itself \(E-GEO-01\)"):
        read_regions(collected(tmp_path, feature([SQUARE]), bow))


@pytest.mark.parametrize(
    ("ring", "told"),
    [
        ([[0, 0], [1, 1], [2, 2], [0, 0]], "has no area"),
        ([[0, 0], [1, 1], [0, 0]], "has no area"),
        ([], "has no points"),
        ([[0, 0], [1, 0], [float("nan"), 1]], "is not finite"),
        ([[0, 0], [1, 0], [float("inf"), 1]], "is not finite"),
        ([[0, 0], [1, 0], [10**400, 1]], "is not finite"),
        ([[0, 0], [1, 0], ["1", 1]], "has a point that is none"),
        ([[0, 0], [1, 0], [True, 1]], "has a point that is none"),
        ([[0, 0], [1, 0], [1]], "has a point that is none"),
        ([0, 0, 1, 1], "has a point that is none"),
        ("ring", "has no points"),
    ],
)
def test_C12_unusable_rings_name_the_feature(tmp_path: Path, ring: Any, told: str) -> None:
    with pytest.raises(
        OutlineError, match=rf"^a\.geojson: feature 2 \(Tumor\) .*{told}.*\(E-GEO-01\)|{told}"
    ) as caught:
        read_regions(collected(tmp_path, feature([SQUARE]), tumor([ring])))
    assert caught.value.code == "E-GEO-01"


@pytest.mark.parametrize("at", ["collection", "feature", "geometry"])
def test_C12_map_coordinates_are_refused(tmp_path: Path, at: str) -> None:
    one = feature([SQUARE])
    whole: dict[str, Any] = {"type": "FeatureCollection", "features": [one]}
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}
    {"collection": whole, "feature": one, "geometry": one["geometry"]}[at]["crs"] = crs
    with pytest.raises(OutlineError, match=r"on a map \(E-GEO-01\).*CRS84"):
        read_regions(saved(tmp_path, whole))


def test_points_and_lines_are_left_out_with_a_count(tmp_path: Path) -> None:
    line, points = feature([[0, 0], [3, 4]], "LineString"), feature([[1, 1], [2, 2]], "MultiPoint")
    path = collected(tmp_path, feature([SQUARE]), line, points, feature([5, 5], "Point"))
    with pytest.warns(OutlineWarning, match=r"^a\.geojson: left out 1 line, 2 points$"):
        assert len(read_regions(path)) == 1
    with pytest.raises(OutlineError, match=r"no outline in it \(E-GEO-04\): it holds only 1 line, 1 point\. Draw"):
        read_regions(collected(tmp_path, line, points))
    with pytest.raises(OutlineError, match=r"E-GEO-04\): it holds nothing"):
        read_regions(collected(tmp_path))


def test_lines_are_kept_for_a_barrier_and_never_mixed_with_areas(tmp_path: Path) -> None:
    lines = [feature([[0, 0], [3, 4]], "LineString", name="fascia"), feature([[[0, 0], [0, 2]]], "MultiLineString")]
    kept = read_regions(collected(tmp_path, *lines), lines=True)
    chosen = select(kept)
    assert isinstance(chosen, MultiLineString)
    assert chosen.length == 7
    assert select(kept, "fascia").length == 5
    mixed = read_regions(collected(tmp_path, tumor([SQUARE]), *lines), lines=True)
    assert select(mixed, "Tumor").area == 12
    with pytest.raises(OutlineError, match=r"areas and lines\) \(E-GEO-05\)"):
        select(mixed)
    with pytest.raises(OutlineError, match="has no length"):
        read_regions(collected(tmp_path, feature([[1, 1], [1, 1]], "LineString")), lines=True)


def test_cells_beside_annotations_are_left_out(tmp_path: Path) -> None:
    cell = tumor([FAR], objectType="cell")
    with pytest.warns(OutlineWarning, match="left out 1 detection"):
        found = read_regions(collected(tmp_path, tumor([SQUARE], objectType="annotation"), cell))
    assert select(found, "Tumor").area == 12
    assert select(read_regions(collected(tmp_path, cell))).area == 4


def test_planes_are_chosen_never_mixed(tmp_path: Path) -> None:
    first, second = feature([SQUARE]), feature([FAR], plane={"c": -1, "z": 3, "t": 0})
    path = collected(tmp_path, first, second)
    with pytest.raises(OutlineError, match=r"more than one plane \(E-GEO-05\): there are z=0 t=0, z=3 t=0"):
        read_regions(path)
    (one,) = read_regions(path, plane=(3, 0))
    assert (one.outline.area, one.plane) == (4, (3, 0))
    with pytest.raises(OutlineError, match="no outline on plane z=1 t=0"):
        read_regions(path, plane=(1, 0))
    with pytest.raises(OutlineError, match="plane that is none"):
        read_regions(saved(tmp_path, feature([FAR], plane={"z": "3"})))


# ASAP


def asap(*annotations: str) -> str:
    return (
        f'<?xml version="1.0"?><ASAP_Annotations><Annotations>{"".join(annotations)}</Annotations></ASAP_Annotations>'
    )


def asap_one(points: Any, kind: str = "Polygon", group: str = "Tumor", order: Any = None) -> str:
    numbers = order or range(len(points))
    inner = "".join(f'<Coordinate Order="{i}" X="{x}" Y="{y}" />' for i, (x, y) in zip(numbers, points))
    head = f'Name="A 0" Type="{kind}" PartOfGroup="{group}" Color="#F4FA58"'
    return f"<Annotation {head}><Coordinates>{inner}</Coordinates></Annotation>"


def test_asap_groups_types_and_order(tmp_path: Path) -> None:
    shuffled = [SQUARE[0], SQUARE[2], SQUARE[1], SQUARE[3]]
    text = asap(asap_one(shuffled, order=[0, 2, 1, 3]), asap_one(FAR[:-1], "Rectangle", "None"))
    found = read_regions(saved(tmp_path, text, "a.xml"))
    assert [(one.name, one.label, one.outline.area, one.unit) for one in found] == [
        ("Tumor", "A 0", 12, "px"),
        ("A 0", "A 0", 4, "px"),
    ]


def test_asap_hole_is_a_group_of_its_own(tmp_path: Path) -> None:
    found = read_regions(saved(tmp_path, asap(asap_one(SQUARE), asap_one(HOLE, group="Exclusion")), "a.xml"))
    assert select(found, "Tumor").area == 12
    assert select(found, "tumor", without="exclusion").area == 11
    with pytest.raises(OutlineError, match=r"nothing is left \(E-GEO-03\)"):
        select(found, "Exclusion", without="Tumor")


def test_asap_spline_is_said_and_points_are_refused(tmp_path: Path) -> None:
    with pytest.warns(OutlineWarning, match=r"a spline was taken as straight lines .*\(annotations: 1\)"):
        (one,) = read_regions(saved(tmp_path, asap(asap_one(SQUARE, "Spline")), "a.xml"))
    assert one.outline.area == 12
    with pytest.raises(OutlineError, match=r"E-GEO-04\): it holds only 1 point, 1 other"):
        read_regions(saved(tmp_path, asap(asap_one(SQUARE, "PointSet"), asap_one(SQUARE, "Measurement")), "a.xml"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (asap(asap_one([[0, 0], [1, "x"], [2, 2]])), "coordinate that is none"),
        (asap(asap_one([[0, 0], [1, "nan"], [2, 2]])), "is not finite"),
        (asap(asap_one([[0, 0], [1, 0], [2, 2]], order=[0, 1, 1])), "two points of one number"),
        (asap(asap_one([])), "has no points"),
    ],
)
def test_asap_broken_annotations(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(OutlineError, match=rf"^a\.xml: annotation 1 \(Tumor\) .*{told}.*E-GEO-01"):
        read_regions(saved(tmp_path, text, "a.xml"))


# ImageScope


def layer(*regions: str, name: str = "Tumor") -> str:
    return f'<Annotation Id="1" Name="{name}"><Regions>{"".join(regions)}</Regions></Annotation>'


def region(points: Any, negative: int | str = 0, kind: str = "0", text: str = "") -> str:
    inner = "".join(f'<Vertex X="{x}" Y="{y}" Z="0" />' for x, y in points)
    return f'<Region Type="{kind}" Text="{text}" NegativeROA="{negative}"><Vertices>{inner}</Vertices></Region>'


def scoped(folder: Path, *layers: str) -> Path:
    return saved(folder, f'<Annotations MicronsPerPixel="0.25">{"".join(layers)}</Annotations>', "a.xml")


def test_imagescope_negative_region_is_a_hole_in_its_layer_only(tmp_path: Path) -> None:
    path = scoped(tmp_path, layer(region(SQUARE), region(HOLE, 1)), layer(region(SQUARE, text="t"), name=""))
    found = read_regions(path)
    assert [(one.name, one.outline.area, one.unit) for one in found] == [("Tumor", 11, "px"), ("t", 12, "px")]


def test_imagescope_holes_without_area_and_doubtful_flags_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OutlineError, match=r"layer 1 \(Tumor\) has only holes"):
        read_regions(scoped(tmp_path, layer(region(SQUARE, 1))))
    with pytest.raises(OutlineError, match="the holes of its layer cover it"):
        read_regions(scoped(tmp_path, layer(region(HOLE), region(SQUARE, 1))))
    with pytest.raises(OutlineError, match="NegativeROA='maybe'"):
        read_regions(scoped(tmp_path, layer(region(SQUARE, "maybe"))))
    with pytest.raises(OutlineError, match="NegativeROA=1 on something that is none"):
        read_regions(scoped(tmp_path, layer(region(SQUARE), region([[0, 0], [1, 1]], 1, kind="4"))))


def test_imagescope_ellipse_and_rectangle_from_two_corners(tmp_path: Path) -> None:
    corners = [[0, 0], [2000, 1000]]
    path = scoped(tmp_path, layer(region(corners, kind="2"), name="E"), layer(region(corners, kind="1"), name="R"))
    ellipse, rectangle = read_regions(path)
    assert ellipse.outline.area == pytest.approx(math.pi * 1000 * 500, rel=2e-5)
    assert ellipse.outline.bounds == pytest.approx((0, 0, 2000, 1000), abs=0.01)
    assert rectangle.outline.area == 2_000_000


def test_imagescope_ruler_is_a_line(tmp_path: Path) -> None:
    path = scoped(tmp_path, layer(region([[0, 0], [3, 4]], kind="4"), region(SQUARE)))
    assert [one.outline.length for one in read_regions(path, lines=True)] == [5, 14]
    with pytest.warns(OutlineWarning, match="left out 1 line"):
        assert len(read_regions(path)) == 1


# Sectra


def sectra(points: Any, kind: str = "Area", name: str | None = None) -> dict[str, Any]:
    return {"type": kind, "name": name, "slideId": "1", "content": [{"x": x, "y": y} for x, y in points]}


def test_sectra_fractions_are_scaled_by_width_and_never_taken_for_pixels(tmp_path: Path) -> None:
    ring = [[0.1, 0.1], [0.5, 0.1], [0.5, 0.2], [0.1, 0.2]]
    with pytest.warns(OutlineWarning, match="left out 1 other"):
        found = read_regions(saved(tmp_path, [sectra(ring, name="Tumor"), sectra(ring, "Arrow")]))
    assert [one.unit for one in found] == ["fraction"]
    with pytest.raises(OutlineError, match=r"not in pixels \(E-GEO-05\)"):
        select(found, "Tumor")
    scaled = in_pixels(found, 1000)
    assert select(scaled, "Tumor").bounds == pytest.approx((100, 100, 500, 200))
    assert in_pixels(scaled, 7)[0] is scaled[0]
    with pytest.raises(ValueError, match="width_px"):
        in_pixels(found, 0)
    with pytest.raises(OutlineError, match="has no points"):
        read_regions(saved(tmp_path, [sectra([]) | {"content": [1]}]))


# Files


def test_units_are_not_mixed() -> None:
    one = MultiPolygon([box(0, 0, 1, 1)])
    with pytest.raises(OutlineError, match="more than one unit"):
        select([NamedOutline("a", one, "px"), NamedOutline("b", one, "mm")])


BOMB = '<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><ASAP_Annotations>&c;</ASAP_Annotations>'


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", "E-FILE-01"),
        ("   ", "E-FILE-09"),
        ("x,y\n1,2\n", "E-FILE-09"),
        ("[]", "E-FILE-09"),
        ('{"type": "Topology"}', "E-FILE-09"),
        ("<svg></svg>", "E-FILE-09"),
        ("<Annotations></Annotations>", "E-FILE-09"),
        ('{"type": "FeatureCollection", "features": [', "E-FILE-07"),
        ("[" * 100_000, "E-FILE-07"),
        ('{"type": "FeatureCollection", "features": {}}', "E-GEO-01"),
        ('{"type": "FeatureCollection", "features": [1]}', "E-GEO-01"),
        ('{"type": "Feature", "geometry": {"type": "Circle"}}', "E-GEO-01"),
        ('{"type": "Feature", "geometry": null}', "E-GEO-04"),
        ('{"type": "GeometryCollection", "geometries": []}', "E-GEO-04"),
        ('{"type": "Polygon", "coordinates": 5}', "E-GEO-01"),
        ('{"type": "MultiPolygon", "coordinates": []}', "E-GEO-01"),
        ('{"type": "MultiPolygon"}', "E-GEO-01"),
        (BOMB, "E-FILE-07"),
        ("<a>" * 1000 + "</a>" * 1000, "E-FILE-07"),
        ('<Annotations><Annotation Name="H&E"/></Annotations>', "E-FILE-07"),
    ],
)
def test_E10_broken_and_hostile_files(tmp_path: Path, content: str, code: str) -> None:
    with pytest.raises(MarginError) as caught:
        read_regions(saved(tmp_path, content))
    assert (caught.value.code, caught.value.file) == (code, "a.geojson")


def test_E10_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"{\xff\x00\xfe}")
    with pytest.raises(FileError, match="E-FILE-09"):
        read_regions(tmp_path / "a.json")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "windows-1252"])
def test_encodings_of_xml(tmp_path: Path, encoding: str) -> None:
    text = asap(asap_one(SQUARE, group="Tumör")).replace('"1.0"', f'"1.0" encoding="{encoding}"')
    (tmp_path / "a.xml").write_bytes(text.encode(encoding))
    assert read_regions(tmp_path / "a.xml")[0].name == "Tumör"


def test_outlines_are_no_reader_of_pictures() -> None:
    assert "polygons" not in shelf.load("readers")


def test_a_good_file_gives_no_warning(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(read_regions(collected(tmp_path, tumor([SQUARE])))) == 1

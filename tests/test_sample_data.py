"""The sample files are what their script makes, their answers hold, and they say their pixel size."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile
from shapely import contains_xy
from shapely.geometry import MultiPoint, Point, Polygon, shape

from marginkit.measuring import measure

FOLDER = Path(__file__).resolve().parents[1] / "sample_data"
ANSWERS: dict[str, Any] = json.loads((FOLDER / "answers.json").read_text(encoding="utf-8"))
PICTURES = {"he.ome.tif": 4, "fluorescence.ome.tif": 2, "stack.ome.tif": 2}  # and the step of their grey values
SIDES = [(case, side) for case in ("he", "fluorescence") for side in ANSWERS[case]["margins"]]


def read(case: str, what: str) -> np.ndarray:
    return tifffile.imread(FOLDER / ANSWERS[case]["masks"][what]) > 0


def outlines(case: str) -> dict[str, Polygon]:
    features = json.loads((FOLDER / ANSWERS[case]["outlines"]).read_text(encoding="utf-8"))["features"]
    return {feature["properties"]["classification"]["name"]: shape(feature["geometry"]) for feature in features}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample_data")
    subprocess.run([sys.executable, "-B", str(FOLDER / "make.py"), str(folder)], check=True, timeout=120)
    return folder


def test_script_makes_every_file_again(made: Path) -> None:
    kept = {p.name for p in FOLDER.iterdir() if p.suffix in {".tif", ".json", ".geojson"}}
    assert {p.name for p in made.iterdir()} == kept
    for name in sorted(kept):
        if (made / name).read_bytes() == (FOLDER / name).read_bytes():
            continue
        assert name.endswith(".tif"), (
            f"{name} differs"
        )  # another release of tifffile may lay the same pixels out otherwise
        a, b = (tifffile.imread(folder / name).astype(int) for folder in (made, FOLDER))
        assert np.abs(a - b).max() <= PICTURES.get(name, 0)  # another mathematics library may round a grey value so
        assert (a != b).mean() < 1e-3


def test_folder_is_small() -> None:
    assert sum(p.stat().st_size for p in FOLDER.iterdir() if p.is_file()) < 3_000_000


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.tif")), ids=lambda p: p.name)
def test_file_states_its_pixel_size_in_ome_units_and_no_dpi(path: Path) -> None:
    case = next(value for key, value in ANSWERS.items() if path.name.startswith(key))
    with tifffile.TiffFile(path) as tif:
        assert tif.is_ome
        tags = tif.pages[0].tags
        assert tags["ResolutionUnit"].value == 1
        assert tags["XResolution"].value == (1, 1)
        assert "DateTime" not in tags
        pixels = ElementTree.fromstring(tif.pages[0].description).find(".//{*}Pixels")
        assert pixels is not None
        axes = "ZYX"[-len(case["spacing_mm"]) :]
        assert [float(pixels.get(f"PhysicalSize{a}", "0")) / 1000 for a in axes] == case["spacing_mm"]
        assert {pixels.get(f"PhysicalSize{a}Unit") for a in axes} == {"µm"}
        assert tuple(int(pixels.get(f"Size{a}", "0")) for a in axes) == tif.series[0].shape[: len(axes)]
        assert pixels.get("Type") == str(tif.series[0].dtype)


@pytest.mark.parametrize(("case", "side"), SIDES)
def test_analytic_margin_is_the_distance_of_the_outline_to_its_edge_point(case: str, side: str) -> None:
    answer, spacing = ANSWERS[case]["margins"][side], ANSWERS[case]["spacing_mm"][0]
    y, x = answer["edge_point_mm"]
    assert outlines(case)["Tumor"].distance(Point(x / spacing, y / spacing)) * spacing == pytest.approx(
        answer["analytic_mm"], abs=2e-4
    )


@pytest.mark.parametrize(("case", "side"), SIDES)
def test_edge_point_lies_on_the_outline_of_the_specimen(case: str, side: str) -> None:
    y, x = (mm / s - 0.5 for mm, s in zip(ANSWERS[case]["margins"][side]["edge_point_mm"], ANSWERS[case]["spacing_mm"]))
    around = read(case, "specimen")[int(y) - 1 : int(y) + 3, int(x) - 1 : int(x) + 3]
    assert 0 < around.mean() < 1


@pytest.mark.parametrize("case", ["he", "fluorescence"])
def test_no_edge_is_nearer_than_the_answer(case: str) -> None:
    """The outermost pixel corners of the specimen, by shapely: no side was left out."""
    spacing, margins = ANSWERS[case]["spacing_mm"][0], ANSWERS[case]["margins"]
    least = min(side["analytic_mm"] for side in margins.values())
    lines = [(r, np.flatnonzero(line)) for r, line in enumerate(read(case, "specimen")) if line.any()]
    rows = [(r, columns[end]) for r, columns in lines for end in (0, -1)]
    corners = [(c + dc, r + dr) for r, c in rows for dr in (0, 1) for dc in (0, 1)]
    found = outlines(case)["Tumor"].distance(MultiPoint(corners).convex_hull.exterior) * spacing
    assert found == pytest.approx(least, abs=1.5 * spacing)


@pytest.mark.parametrize("case", ["he", "fluorescence"])
def test_mask_is_the_outline_sampled_at_pixel_centres(case: str) -> None:
    area = ANSWERS[case]["tumor_area_mm2"]
    spacing = ANSWERS[case]["spacing_mm"][0]
    assert outlines(case)["Tumor"].area * spacing**2 == pytest.approx(area, rel=1e-6)
    assert read(case, "tumor").sum() * spacing**2 == pytest.approx(area, rel=2e-3)
    assert not (read(case, "tumor") & ~read(case, "specimen")).any()


def test_bands_lie_along_their_side_and_nowhere_else() -> None:
    labels = tifffile.imread(FOLDER / "he_margins.ome.tif")
    bands = outlines("he")
    for number, name in ANSWERS["he"]["labels"]["names"].items():
        rows, columns = np.nonzero(labels == int(number))
        shares = {other: contains_xy(band, columns + 0.5, rows + 0.5).mean() for other, band in bands.items()}
        assert bands[name].is_valid
        assert shares.pop(name) > 0.97
        assert max(shares.values()) < 0.08


@pytest.mark.parametrize(("side", "colour"), [("superior", "blue"), ("deep", "black")])
def test_ink_lies_on_its_side_only(side: str, colour: str) -> None:
    rgb = tifffile.imread(FOLDER / "he.ome.tif").astype(int)
    red, green, blue = np.moveaxis(rgb, -1, 0)
    dark = rgb.max(axis=-1) < 75
    inked = (blue > 120) & (blue - red > 70) & (green < 140) & (red < 90) if colour == "blue" else dark
    number = next(int(k) for k, name in ANSWERS["he"]["labels"]["names"].items() if name == side)
    labels = tifffile.imread(FOLDER / "he_margins.ome.tif")
    near = np.zeros(labels.shape, bool)
    for r, c in np.argwhere(labels == number):
        near[max(r - 8, 0) : r + 9, max(c - 8, 0) : c + 9] = True
    assert inked.sum() > 600
    assert (inked & near).sum() / inked.sum() > 0.99


def test_fluorescence_is_counts_with_bright_tumor_on_dark_ground() -> None:
    counts = tifffile.imread(FOLDER / "fluorescence.ome.tif")
    tumor, tissue = read("fluorescence", "tumor"), read("fluorescence", "specimen")
    assert counts.dtype == np.uint16
    assert counts.max() < 65535
    assert counts[tumor].mean() > 3 * counts[tissue & ~tumor].mean()
    assert counts[tissue & ~tumor].mean() > 3 * counts[~tissue].mean()
    assert abs(np.median(counts[~tissue]) - ANSWERS["fluorescence"]["offset_counts"]) < 30


@pytest.mark.parametrize("name", ["tumor", "satellite"])
def test_stack_answers_are_those_of_cylinder_and_ball(name: str) -> None:
    """Centres and radii are read off the masks: the area of a disc, the volume of a ball, their centres of mass."""
    spacing = np.array(ANSWERS["stack"]["spacing_mm"])
    specimen, ball = read("stack", "specimen"), read("stack", name)
    axis = (np.argwhere(specimen[0]).mean(axis=0) + 0.5) * spacing[1:]
    radius = np.sqrt(specimen[0].sum() * spacing[1] * spacing[2] / np.pi)
    centre = (np.argwhere(ball).mean(axis=0) + 0.5) * spacing
    size = (ball.sum() * spacing.prod() * 3 / 4 / np.pi) ** (1 / 3)
    answer = ANSWERS["stack"]["margins"][name]
    assert radius - size - np.hypot(*(centre[1:] - axis)) == pytest.approx(answer["analytic_mm"], abs=0.25)
    assert centre[0] - size == pytest.approx(answer["to_stack_end_analytic_mm"], abs=0.6) or name == "tumor"
    assert specimen[0].any()
    assert specimen[-1].any()


@pytest.mark.parametrize("case", list(ANSWERS))
def test_pixel_margin_is_within_a_diagonal_of_the_analytic_one(case: str) -> None:
    diagonal = float(np.hypot.reduce(ANSWERS[case]["spacing_mm"]))
    for answer in ANSWERS[case]["margins"].values():
        assert abs(answer["pixel_mm"] - answer["analytic_mm"]) <= diagonal


@pytest.mark.parametrize("name", ["tumor", "satellite"])
def test_measure_finds_the_pixel_margin_of_the_stack(name: str) -> None:
    found = measure(read("stack", name), read("stack", "specimen"), ANSWERS["stack"]["spacing_mm"])
    answer = ANSWERS["stack"]["margins"][name]
    assert found.value_mm == pytest.approx(answer["pixel_mm"], abs=1e-9)
    assert found.qualifier == answer["qualifier"]
    assert found.interval_mm[0] <= answer["analytic_mm"] <= found.interval_mm[1]


def test_measure_finds_the_pixel_margins_of_the_excision() -> None:
    labels = tifffile.imread(FOLDER / "he_margins.ome.tif")
    names = {name: labels == int(number) for number, name in ANSWERS["he"]["labels"]["names"].items()}
    found = measure(
        read("he", "tumor"),
        read("he", "specimen"),
        ANSWERS["he"]["spacing_mm"],
        names={name: region for name, region in names.items() if name != "skin"},
        edge={"natural": names["skin"]},
    )
    for name, one in {"all": found.all, **found.named}.items():
        answer = ANSWERS["he"]["margins"][name]
        assert one.value_mm == pytest.approx(answer["pixel_mm"], abs=1e-9)
        assert one.interval_mm[0] <= answer["analytic_mm"] <= one.interval_mm[1]


def test_measure_finds_the_pixel_margin_of_the_slice() -> None:
    found = measure(
        read("fluorescence", "tumor"), read("fluorescence", "specimen"), ANSWERS["fluorescence"]["spacing_mm"]
    )
    answer = ANSWERS["fluorescence"]["margins"]["all"]
    assert found.value_mm == pytest.approx(answer["pixel_mm"], abs=1e-9)
    assert found.interval_mm[0] <= answer["analytic_mm"] <= found.interval_mm[1]


@pytest.mark.parametrize("side", ["superior", "deep", "inferior", "skin"])
def test_measure_finds_the_analytic_margin_of_the_outline(side: str) -> None:
    """The exact tumor outline against the pixels of the specimen, whose edge alone is digitised."""
    number = next(int(k) for k, name in ANSWERS["he"]["labels"]["names"].items() if name == side)
    names = {side: tifffile.imread(FOLDER / "he_margins.ome.tif") == number}
    found = measure(outlines("he")["Tumor"], read("he", "specimen"), ANSWERS["he"]["spacing_mm"], names=names)
    answer = ANSWERS["he"]["margins"][side]["analytic_mm"]
    assert found.named[side].value_mm == pytest.approx(answer, abs=0.75 * ANSWERS["he"]["spacing_mm"][0])

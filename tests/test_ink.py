"""Ink on the outline: drawn specimens whose inked lengths are known, and slides of others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

import marginkit as mk
from marginkit.cli import code_of
from marginkit.errors import UsageError
from marginkit.segmenters import ink

INKS = {
    "black": (38, 36, 40),
    "blue": (40, 90, 200),
    "green": (30, 150, 90),
    "yellow": (235, 200, 40),
    "orange": (235, 110, 10),
}
GLASS, TISSUE, NUCLEI = (244, 243, 245), (226, 168, 200), (120, 80, 150)
R = 200.0  # radius of the specimen, px


def drawn(arcs: dict[str, tuple[float, float]], seed: int = 0, thick: float = 7.0) -> NDArray[np.uint8]:
    """A disk of stained tissue on glass with inks on arcs (degrees, from right, clockwise) of its outline."""
    random = np.random.default_rng(seed)
    side = 560
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    radius, turn = np.hypot(y, x), np.degrees(np.arctan2(y, x)) % 360
    picture = np.empty((side, side, 3))
    picture[:] = GLASS
    picture[radius <= R] = TISSUE
    for cy, cx in random.uniform(-R, R, (1500, 2)):
        if np.hypot(cy, cx) < R - 4:
            picture[int(cy + side / 2), int(cx + side / 2)] = NUCLEI
    for name, (first, last) in arcs.items():
        coat = (np.abs(radius - R + thick / 2 - 1) <= thick / 2) & (turn >= first) & (turn < last)
        picture[coat] = INKS[name]
    return np.clip(picture + random.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)


def save(path: Path, pixels: NDArray[np.uint8], um: float = 25.0) -> Path:
    size = {f"PhysicalSize{a}{b}": v for a in "XY" for b, v in (("", um), ("Unit", "µm"))}
    tifffile.imwrite(path, pixels, photometric="rgb", metadata={"axes": "YXS", **size})
    return path


def found(folder: Path, pixels: NDArray[np.uint8], **options: Any) -> ink.Inks:
    return ink.find(mk.open(save(folder / "a.ome.tif", pixels)), ink.Options(**options))


def arc_px(degrees: float) -> float:
    return np.radians(degrees) * R


@pytest.mark.parametrize("name", list(INKS))
def test_each_colour_is_found_with_its_length(tmp_path: Path, name: str) -> None:
    inks = found(tmp_path, drawn({name: (30, 120)}))
    assert set(inks.zones) <= {name, "unassigned"}
    assert inks.length_px[name] == pytest.approx(arc_px(90), rel=0.12)
    assert inks.length_px["none"] == pytest.approx(arc_px(270), rel=0.12)
    assert "uninked_edge" in inks.flags


def test_lengths_of_all_colours_are_the_outline(tmp_path: Path) -> None:
    inks = found(tmp_path, drawn({"black": (0, 80), "blue": (90, 170), "yellow": (180, 300)}))
    for name, degrees in (("black", 80), ("blue", 80), ("yellow", 120)):
        assert inks.length_px[name] == pytest.approx(arc_px(degrees), rel=0.15)
    whole = sum(inks.length_px.values())
    assert whole == pytest.approx(arc_px(360), rel=0.09)  # a stepped outline is up to 8 % longer than the circle
    assert inks.lengths_mm()["blue"] == pytest.approx(inks.length_px["blue"] * 0.025)


def test_a_specimen_without_ink_has_none(tmp_path: Path) -> None:
    inks = found(tmp_path, drawn({}))
    assert inks.zones == {}
    assert set(inks.length_px) == {"none"}


def test_D17_green_between_blue_and_yellow_is_not_assigned(tmp_path: Path) -> None:
    inks = found(tmp_path, drawn({"blue": (0, 60), "green": (60, 75), "yellow": (75, 140)}))
    assert "green" not in inks.zones
    assert inks.length_px.get("unassigned", 0) > 0
    assert "ink_unassigned" in inks.flags
    alone = found(tmp_path, drawn({"green": (60, 120)}))
    assert "green" in alone.zones


def test_D17_pen_on_glass_is_no_ink_and_is_told(tmp_path: Path) -> None:
    pixels = drawn({})
    cv2.circle(pixels, (280, 280), 245, (30, 150, 90), 8)  # a ring around the specimen
    cv2.line(pixels, (5, 30), (540, 10), (40, 90, 200), 9)
    inks = found(tmp_path, pixels)
    assert inks.zones == {}
    assert "pen_left_out" in inks.flags


def test_D17_ink_that_ran_into_a_cleft_is_no_edge(tmp_path: Path) -> None:
    """A crack that does not reach the outline, full of blue; and blue on the outline elsewhere."""
    pixels = drawn({"blue": (150, 210)})
    cv2.line(pixels, (300, 280), (430, 300), (244, 243, 245), 5)
    cv2.line(pixels, (300, 280), (430, 300), INKS["blue"], 2)
    inks = found(tmp_path, pixels)
    assert inks.length_px["blue"] == pytest.approx(arc_px(60), rel=0.15)
    assert not inks.masks["blue"][270:310, 290:435].any()


def test_a_pen_ring_that_crosses_tissue_is_told(tmp_path: Path) -> None:
    pixels = drawn({"yellow": (200, 300)})
    cv2.circle(pixels, (430, 300), 110, (30, 150, 90), 8)
    inks = found(tmp_path, pixels)
    assert "green" not in inks.zones
    assert "pen_left_out" in inks.flags
    assert inks.length_px["yellow"] == pytest.approx(arc_px(100), rel=0.15)


@pytest.mark.parametrize("colour", [(150, 40, 50), (95, 60, 35), (110, 80, 150), (70, 50, 90)])
def test_blood_melanin_and_nuclei_at_the_edge_are_no_ink(tmp_path: Path, colour: tuple[int, int, int]) -> None:
    """Red cells, brown pigment, haematoxylin pale and dark, in patches that reach the outline."""
    pixels = drawn({})
    for turn in (0.5, 2.0, 4.0):
        at = int(280 + (R - 14) * np.cos(turn)), int(280 + (R - 14) * np.sin(turn))
        cv2.circle(pixels, at, 14, colour, -1)
    inks = found(tmp_path, pixels)
    dried = {"yellow"} if colour == (95, 60, 35) else set()  # brown pigment has the hue of yellow ink that dried
    assert set(inks.zones) <= {"unassigned"} | dried
    assert ("brown_ink" in inks.flags) == ("yellow" in inks.zones)


def test_finer_pixels_give_the_same_inks(tmp_path: Path) -> None:
    pixels = drawn({"blue": (90, 170), "yellow": (180, 300)})
    fine = np.repeat(np.repeat(pixels, 5, 0), 5, 1)
    one = ink.find(mk.open(save(tmp_path / "a.ome.tif", pixels)), ink.Options())
    two = ink.find(mk.open(save(tmp_path / "b.ome.tif", fine, 5.0)), ink.Options(pixel_um=25.0))
    assert two.specimen.shape == one.specimen.shape
    for name in ("blue", "yellow", "none"):
        assert two.lengths_mm()[name] == pytest.approx(one.lengths_mm()[name], rel=0.02)


def case(folder: Path) -> tuple[Path, Path]:
    """An inked specimen and its tumor: a disk of radius 100 px, 40 px to the right, so 60 px (1.5 mm) off."""
    image = save(folder / "case.ome.tif", drawn({"black": (300, 359), "blue": (150, 210), "yellow": (60, 120)}))
    y, x = np.mgrid[:560, :560] - 279.5
    tumor = save_mask(folder / "tumor.ome.tif", np.hypot(y, x - 40) <= 100)
    return image, tumor


def save_mask(path: Path, mask: NDArray[np.bool_]) -> Path:
    size = {f"PhysicalSize{a}{b}": v for a in "XY" for b, v in (("", 25.0), ("Unit", "µm"))}
    tifffile.imwrite(path, mask.astype(np.uint8), metadata={"axes": "YX", **size})
    return path


def test_margins_are_named_by_ink(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Blue lies on the left: 400 - 240 = ... the disks' edges are 40 + 200 - 100 = 140 px = 3.5 mm apart there."""
    image, tumor = case(tmp_path)
    words = ["measure", str(image), "--tumor", str(tumor), "--specimen", "specimen", "--json"]
    assert code_of([*words, "--ink", "blue=medial,black=deep,yellow=inferior"]) == 0
    told = json.loads(capsys.readouterr().out)
    margins = {one["name"]: one for one in told["margins"]}
    assert set(margins) == {"all", "medial", "deep", "inferior"}
    assert margins["all"]["value_mm"] == pytest.approx(1.5, abs=0.1)
    assert margins["medial"]["value_mm"] == pytest.approx(3.5, abs=0.15)
    assert margins["medial"]["edge_mm"] == pytest.approx(arc_px(60) * 0.025, rel=0.35)
    assert told["ink"]["names"] == {"blue": "medial", "black": "deep", "yellow": "inferior"}
    assert told["ink"]["outline_mm"]["yellow"] == pytest.approx(arc_px(60) * 0.025, rel=0.15)
    assert told["ink"]["outline_mm"]["none"] > told["ink"]["outline_mm"]["yellow"]
    assert any("carries no ink" in one for one in told["warnings"])


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--ink", "red=deep"], "E-USE-10"),
        (["--ink", "pink=deep"], "E-USE-04"),
        (["--ink", "blue=deep", "--ink-method", "specimen"], "E-USE-12"),
        (["--ink", "blue=deep", "--ink-method", "ink:palette=blue=9/99"], "E-USE-03"),
    ],
)
def test_ink_that_cannot_be(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: str) -> None:
    image, tumor = case(tmp_path)
    assert code_of(["measure", str(image), "--tumor", str(tumor), "--specimen", "specimen", *words]) != 0
    assert code in capsys.readouterr().err


def test_the_specimen_that_was_drawn_gives_the_outline(tmp_path: Path) -> None:
    """A mask on twice as coarse pixels, of the same disk."""
    image, _ = case(tmp_path)
    y, x = np.mgrid[:280, :280] - 139.5
    own = mk.Region(np.hypot(y, x) <= R / 2, (0.05, 0.05), (0.5, 0.5))
    inks = ink.find(mk.open(image), ink.Options(), own)
    assert abs(int(inks.specimen.sum()) / (np.pi * R * R) - 1) < 0.01
    assert inks.length_px["blue"] == pytest.approx(arc_px(60), rel=0.25)  # steps of two pixels are longer


def test_a_palette_is_picked_saved_and_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A turquoise that is no usual blue: found as blue once it was picked from the image."""
    pixels = drawn({"blue": (0, 90)})
    odd = (np.abs(pixels.astype(int) - INKS["blue"]).sum(axis=2)) < 40
    pixels[odd] = (20, 170, 175)
    image = save(tmp_path / "a.ome.tif", pixels)
    at = np.argwhere(odd)[odd.sum() // 2]
    box = f"{at[0] - 1},{at[1] - 1},3,3"
    out = tmp_path / "study.json"
    assert code_of(["palette", str(image), "--pick", f"blue={box}", "--out", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["inks"]["blue"][0]["hue_deg"] == pytest.approx(181.9, abs=3)
    assert "blue" not in ink.find(mk.open(image), ink.Options()).zones
    assert "blue" in ink.find(mk.open(image), ink.Options(palette=str(out))).zones


@pytest.mark.parametrize(
    "content",
    ["[]", '{"schema": "x"}', '{"schema": "marginkit.palette/1", "inks": {"pink": [{}]}}',
     '{"schema": "marginkit.palette/1", "inks": {"blue": [{"hue_deg": 900}]}}'],
)  # fmt: skip
def test_a_palette_that_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "p.json").write_text(content)
    with pytest.raises(UsageError, match="E-USE-03"):
        ink.Options(palette=str(tmp_path / "p.json"))


def test_patches_that_show_no_ink(tmp_path: Path) -> None:
    image = save(tmp_path / "a.ome.tif", drawn({}))
    for patch in ("blue=0,0,20,20", "blue=9000,0,5,5", "pink=1,1,2,2", "blue"):
        assert code_of(["palette", str(image), "--pick", patch, "--out", str(tmp_path / "q.json")]) != 0
    assert not (tmp_path / "q.json").exists()


def test_excision_with_three_inks(shared_data: Path) -> None:
    folder = shared_data / "he-ink-margin"
    inks = ink.find(mk.open(folder / "excision_blue_yellow_ink.png", pixel_size="50um"), ink.Options())
    truth = cv2.imread(str(folder / "excision_yellow_ink_only.png")).max(axis=2) > 0
    assert (inks.masks["yellow"] & truth).sum() >= 0.8 * truth.sum()
    place = {name: np.median(np.argwhere(zone), axis=0) for name, zone in inks.zones.items()}
    assert place["blue"][1] < 80  # at the left edge
    assert place["black"][0] > 300 and place["black"][1] < 200  # noqa: PT018 at the lower left
    assert place["yellow"][1] > 220  # along the right


@pytest.mark.parametrize("name", ["black", "green", "red"])
def test_felt_pen_is_no_ink(shared_data: Path, name: str) -> None:
    folder = shared_data / "he-pen-marks"
    inks = ink.find(mk.open(folder / f"pen_{name}.png"), ink.Options())
    pen = cv2.imread(str(folder / f"pen_{name}_mask.png"), 0) > 127
    called = sum(int((mask & pen).sum()) for mask in inks.masks.values())
    assert called <= 0.002 * pen.sum()
    assert "pen_left_out" in inks.flags
    assert ("yellow" in inks.zones) == (name == "green")  # there the margin ink is true


def test_teal_granules_on_keratin_are_hardly_ink(shared_data: Path) -> None:
    inks = ink.find(mk.open(shared_data / "he-svs" / "cmu-1-small-region.svs"), ink.Options())
    assert inks.length_px["none"] >= 0.95 * sum(inks.length_px.values())

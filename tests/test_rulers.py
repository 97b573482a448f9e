"""Millimetres off rulers, markers and known lengths: against rulers drawn here, and textures that are none."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

import marginkit as mk
from marginkit import cli, opening, scaling
from marginkit.errors import CalibrationError, MarginError, UsageError
from marginkit.rulers import known, markers, reading
from tests.rulermaker import INCH, TEXTURES, Drawn, draw, numbered, photograph


def mm_of(found: reading.Scale) -> float:
    assert found.spacing_mm[0] == found.spacing_mm[1]
    return found.spacing_mm[0]


@pytest.mark.parametrize("turn_deg", [0.0, 3.7, -11.0, 30.0, 90.0, 143.0, 180.0])
def test_typed_ticks_at_any_tilt(turn_deg: float) -> None:
    side = 1200
    turn = np.radians(turn_deg)
    start = side / 2 - 450 * np.sin(turn), side / 2 - 450 * np.cos(turn)
    ruler = Drawn(9.0, turn_deg, 101, start, (side, side))
    found = reading.read(photograph(draw(ruler, sub=2), blur_px=0.7), "1mm")
    assert mm_of(found) == pytest.approx(1 / 9.0, rel=0.003)
    assert abs(mm_of(found) * 9.0 - 1) <= found.relative_uncertainty


def test_numbers_on_half_millimetres_say_centimetres() -> None:
    halves = ((0, 1.0), (10, 0.8), *((place, 0.6) for place in range(2, 20, 2)))
    ruler = Drawn(7.0, 2.0, 141, (120.0, 60.0), (420, 1120), 20, halves, 0.35, long_px=50)
    found = reading.read(photograph(numbered(ruler, 3, 1, height_px=18)))
    assert mm_of(found) == pytest.approx(0.5 / 7, rel=0.005)
    assert "cm" in found.detail


def test_numbers_alone_are_no_unit() -> None:
    """Numbers at each tenth tick stand on centimetres and on inches."""
    ruler = Drawn(8.0, 2.0, 71, (100.0, 60.0), (400, 720), long_px=40)
    picture = photograph(numbered(ruler, 3, 1, height_px=18))
    with pytest.raises(CalibrationError, match="E-CAL-11"):
        reading.read(picture)
    assert mm_of(reading.read(picture, "1mm")) == pytest.approx(1 / 8, rel=0.003)


def test_ticks_without_a_unit_are_refused_and_a_typed_one_is_taken() -> None:
    picture = photograph(draw(Drawn()))
    with pytest.raises(CalibrationError, match="E-CAL-11"):
        reading.read(picture)
    assert mm_of(reading.read(picture, "0.1mm")) == pytest.approx(0.1 / 9, rel=0.003)
    with pytest.raises(CalibrationError, match="E-CAL-11"):  # then each long tick would be at 5 mm
        reading.read(picture, "0.5mm")


def test_inches_in_sixteenths_are_inches() -> None:
    ruler = Drawn(12.0, 1.0, 81, every=16, lengths=tuple(INCH.items()), other=0.3)
    assert mm_of(reading.read(photograph(draw(ruler)), "1/16in")) == pytest.approx(25.4 / 16 / 12, rel=0.003)
    with pytest.raises(CalibrationError, match="E-CAL-11"):  # ticks in sixteenths are no millimetres
        reading.read(photograph(draw(ruler)), "1mm")


def test_perspective_is_said_and_too_much_of_it_refused() -> None:
    mild = reading.read(photograph(draw(Drawn(squeeze=4e-5))), "1mm")
    assert "perspective" in mild.detail
    assert mild.relative_uncertainty > 0.01
    with pytest.raises(CalibrationError, match="E-CAL-13"):
        reading.read(photograph(draw(Drawn(squeeze=1.3e-4))), "1mm")


def test_two_rulers_that_disagree_are_refused_and_a_box_chooses() -> None:
    upper, lower = draw(Drawn(9.0)), draw(Drawn(9.6))
    both = photograph(np.concatenate([upper, lower]))
    with pytest.raises(CalibrationError, match="E-CAL-12"):
        reading.read(both, "1mm")
    assert mm_of(reading.read(both, "1mm", (400, 0, 400, 1100))) == pytest.approx(1 / 9.6, rel=0.003)


@pytest.mark.parametrize("name", list(TEXTURES))
def test_textures_are_no_rulers(name: str) -> None:
    picture = photograph(TEXTURES[name](np.random.default_rng(0)).astype(float))
    with pytest.raises(CalibrationError, match=r"E-CAL-1[01]"):
        reading.read(picture)


def test_an_empty_picture_has_none() -> None:
    for picture in (np.zeros((3, 3), np.uint8), np.full((200, 300, 3), 77, np.uint8)):
        with pytest.raises(CalibrationError, match="E-CAL-10"):
            reading.read(picture)


def test_a_known_length_is_divided_by_its_pixels() -> None:
    found = known.between((10.0, 10.0, 40.0, 50.0), "10mm", (100, 100))  # 3-4-5: 50 px
    assert found.spacing_mm == pytest.approx((0.2, 0.2))
    assert found.relative_uncertainty == pytest.approx(np.hypot(0.002, 2**0.5 / 50))
    for ends in ((1.0, 1.0, 3.0, 3.0), (-5.0, 1.0, 50.0, 50.0)):
        with pytest.raises(CalibrationError, match="E-CAL-14"):
            known.between(ends, "10mm", (100, 100))


def marked(tilt: float = 0.0) -> np.ndarray:
    """An ArUco marker whose black square is 140 px wide; tilt leans it back."""
    plate = cv2.aruco.generateImageMarker(cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50), 7, 140)
    picture = np.full((400, 500), 235, np.uint8)
    picture[120:260, 180:320] = plate
    if tilt:
        corners = np.float32([[180, 120], [320, 120], [320, 260], [180, 260]])
        moved = corners + np.float32([[140 * tilt, 0], [-140 * tilt, 0], [0, 0], [0, 0]])
        picture = cv2.warpPerspective(
            picture, cv2.getPerspectiveTransform(corners, moved), (500, 400), borderValue=(235,)
        )
    return np.repeat(picture[..., None], 3, 2)


def test_markers_give_their_side_and_say_when_they_lean() -> None:
    found = markers.read(marked(), "14mm")
    assert mm_of(found) == pytest.approx(0.1, rel=0.01)
    with pytest.raises(CalibrationError, match="E-CAL-13"):
        markers.read(marked(0.2), "14mm")
    with pytest.raises(CalibrationError, match="E-CAL-15"):
        markers.read(np.full((200, 200, 3), 200, np.uint8), "14mm")


def test_a_checkerboard_gives_its_square() -> None:
    board = np.kron(np.indices((7, 10)).sum(axis=0) % 2, np.ones((25, 25))) * 220 + 15
    picture = photograph(np.pad(board, 60, constant_values=235), blur_px=0.8)
    assert mm_of(markers.read(picture, "5mm")) == pytest.approx(0.2, rel=0.005)


@pytest.mark.parametrize(
    "text", ["ruler:tick", "ruler:size=3", "points:1,2", "points:1,2,3,4=", "marker:", "ruler:box=1/2"]
)
def test_words_that_are_not_understood(tmp_path: Path, text: str) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), photograph(draw(Drawn())))
    with pytest.raises(MarginError, match=r"E-USE-11|E-UNIT"):
        scaling.scale(opening.uncalibrated(tmp_path / "a.png"), text)


def test_it_is_a_pixel_size_like_any_other(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), photograph(draw(Drawn())))
    picture = mk.open(tmp_path / "a.png", pixel_size="ruler:tick=1mm")
    assert picture.spacing_mm == pytest.approx((1 / 9, 1 / 9), rel=0.003)
    assert picture.calibration is not None
    assert picture.calibration.source == "ruler"
    assert picture.calibration.relative_uncertainty is not None


def test_the_command_tells_and_draws(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), photograph(draw(Drawn())))
    run = CliRunner()
    words = ["calibrate", str(tmp_path / "a.png"), "--tick", "1mm", "--out", str(tmp_path / "seen.png"), "--json"]
    done = run.invoke(cli.app(), words)
    told = json.loads(done.stdout)
    assert told["source"] == "ruler"
    assert told["spacing_mm"] == pytest.approx([1 / 9, 1 / 9], rel=0.003)
    before, after = cv2.imread(str(tmp_path / "a.png")), cv2.imread(str(tmp_path / "seen.png"))
    assert after is not None
    assert after.shape[:2] != before.shape[:2] or (after != before).any()
    with pytest.raises(UsageError):
        known.points("1,2,3")


TRUTH = {  # mm per pixel, read by eye to about 1 %
    "skin-lesion-mm-scale/ISIC_0012903.jpg": 0.005914,
    "skin-lesion-mm-scale/ISIC_0013085.jpg": 0.007831,
    "skin-lesion-mm-scale/ISIC_0013948.jpg": 0.007639,
    "skin-lesion-mm-scale/ISIC_0016003.jpg": 0.007728,
    "ruler-photo/BMNHE_1105737_angle0.JPG": 1 / 6.7,
    "ruler-photo/BMNHE_1105737_angle90.JPG": 1 / 6.7,
}


@pytest.mark.parametrize("name", list(TRUTH))
def test_photographs_of_others(shared_data: Path, name: str) -> None:
    found = scaling.scale(opening.uncalibrated(shared_data / name), "ruler")
    assert mm_of(found) == pytest.approx(TRUTH[name], rel=0.01)


@pytest.mark.parametrize(
    "name", ["he-oral-carcinoma-masks/1009009_r27c10_image.jpg", "he-ink-margin/excision_blue_yellow_ink.png",
             "he-pen-marks/pen_green.png", "fgs-mouse-lung-gfp/30-2A1b.jpg"]
)  # fmt: skip
def test_photographs_without_a_ruler_are_refused(shared_data: Path, name: str) -> None:
    with pytest.raises(CalibrationError, match="E-CAL-10"):
        scaling.scale(opening.uncalibrated(shared_data / name), "ruler")

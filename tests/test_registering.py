"""A second picture laid on the first: known shifts and turns found again, residual in mm, refusals."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from test_lighting import block, case
from test_specimen import disc, picture

import marginkit as mk
from marginkit import pipeline, registering
from marginkit.records import Calibration, Picture

SHAPE = (240, 320)
POINTS = np.array([[60.0, 40], [250, 60], [160, 200]])  # x, y


def sized(pixels: np.ndarray, axes: str = "YX") -> Picture:
    return replace(picture(pixels, axes), calibration=Calibration((0.1, 0.1), "typed"))


def tissue() -> np.ndarray:
    """A lobed specimen: no turn of it looks like another."""
    return disc(SHAPE, (120, 140), 70) | disc(SHAPE, (90, 220), 45) | disc(SHAPE, (170, 90), 40)


def pair(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """White light: tissue darker than its ground. Fluorescence: it glows faintly, a spot brightly; moved."""
    random = np.random.default_rng(4)
    mask = tissue()
    white = np.where(mask, 90.0, 200) + random.normal(0, 2, SHAPE)
    glow = np.where(mask, 300.0, 100) + 3000 * disc(SHAPE, (110, 160), 12)
    glow = cv2.warpAffine(cv2.GaussianBlur(glow, (0, 0), 1), matrix[:2], SHAPE[::-1], borderValue=100.0)
    return white.astype(np.uint8), (glow + random.normal(0, 3, SHAPE)).round().astype(np.uint16)


def moved(angle_deg: float, dx: float, dy: float, scale: float = 1.0) -> np.ndarray:
    matrix = np.eye(3)
    matrix[:2] = cv2.getRotationMatrix2D((160, 120), angle_deg, scale)
    matrix[:2, 2] += (dx, dy)
    return matrix


def off_px(found: registering.Registration, matrix: np.ndarray) -> float:
    """The most by which a point of the first is put wrong in the second."""
    points = np.column_stack([POINTS, np.ones(3)])
    return float(np.abs(points @ found.matrix.T - points @ matrix.T).max())


@pytest.mark.parametrize(
    ("model", "matrix"),
    [
        ("translation", moved(0, 17, -11)),
        ("rigid", moved(5, 9, -6)),
        ("similarity", moved(4, 9, -6, 1.03)),
        ("affine", moved(-3, -5, 8, 0.98)),
    ],
)
def test_a_known_move_is_found(model: registering.Model, matrix: np.ndarray) -> None:
    white, glow = pair(matrix)
    found = registering.register(sized(white), sized(glow), model=model)
    assert off_px(found, matrix) < 1
    assert found.residual_mm is not None
    assert found.residual_mm < 0.1  # a pixel


def test_the_residual_tells_a_model_that_is_too_small() -> None:
    matrix = moved(5, 3, 2)
    white, glow = pair(matrix)
    poor = registering.register(sized(white), sized(glow), model="none")
    good = registering.register(sized(white), sized(glow), model="rigid")
    assert good.residual_mm is not None
    assert poor.residual_mm is None or poor.residual_mm > 3 * good.residual_mm


def test_another_size_of_the_same_field() -> None:
    white, glow = pair(np.eye(3))
    small = cv2.resize(glow, (160, 120), interpolation=cv2.INTER_AREA)
    found = registering.register(sized(white), picture(small, "YX"), model="translation")
    corner = found.matrix @ [-0.5, -0.5, 1]
    assert corner[:2] == pytest.approx([-0.5, -0.5], abs=0.5)
    assert found.matrix[0, 0] == pytest.approx(0.5)
    with pytest.raises(mk.MarginError, match="E-GRID-05"):
        registering.register(sized(white), picture(glow[:, :200], "YX"))


def test_pictures_without_common_edges_are_refused() -> None:
    random = np.random.default_rng(0)
    white, _ = pair(np.eye(3))
    with pytest.raises(mk.MarginError, match="E-MSR-10"):
        registering.register(sized(white), picture(random.integers(0, 99, SHAPE).astype(np.uint16), "YX"))


def test_landmarks_by_hand(tmp_path: Path) -> None:
    matrix = moved(30, 12, -40, 1.4)
    points = np.array([[30.0, 20], [250, 60], [160, 200], [40, 180]])
    others = points @ matrix[:2, :2].T + matrix[:2, 2]
    others[0] += (0.0, 2.0)  # one set two pixels too low
    file = tmp_path / "points.csv"
    rows = [f"{p[1]},{p[0]},{o[1]},{o[0]}" for p, o in zip(points, others)]
    file.write_text("\n".join(["y,x,y2,x2", *rows]))
    read = registering.read_landmarks(str(file))
    white, glow = pair(np.eye(3))
    found = registering.register(sized(white), sized(glow), model="similarity", by="landmarks", landmarks=read)
    assert off_px(found, matrix) < 2
    assert found.residual_mm is not None
    assert 0.02 < found.residual_mm < 0.15
    three = registering.register(sized(white), sized(glow), model="affine", by="landmarks", landmarks=read[1:])
    assert three.residual_mm is None  # three points always fit
    assert off_px(three, matrix) < 1e-9
    with pytest.raises(mk.MarginError, match="E-MSR-10"):
        registering.fit("affine", points[:2], others[:2])
    with pytest.raises(mk.MarginError, match="E-MSR-10"):
        registering.fit("affine", np.array([[0.0, 0], [1, 1], [2, 2]]), others[:3])
    file.write_text("a,b\n1,2\n")
    with pytest.raises(mk.MarginError, match="E-FILE-06"):
        registering.read_landmarks(str(file))


def test_features_of_a_textured_pair() -> None:
    random = np.random.default_rng(1)
    texture = cv2.GaussianBlur(random.normal(0, 1, SHAPE), (0, 0), 2.5)
    texture = (texture - texture.min()) / np.ptp(texture) * 200 + 20
    matrix = moved(10, 8, 5)
    other = cv2.warpAffine(texture, matrix[:2], SHAPE[::-1])
    seen = sized(texture.astype(np.uint8)), sized(other.astype(np.uint16) * 9)
    found = registering.register(*seen, model="rigid", by="features")
    assert off_px(found, matrix) < 1
    assert found.pairs >= registering.SURE
    with pytest.raises(mk.MarginError, match="E-MSR-10"):
        registering.register(seen[0], sized(random.integers(0, 255, SHAPE).astype(np.uint8)), by="features")


def test_white_light_measured_with_its_fluorescence(tmp_path: Path) -> None:
    matrix = moved(0, 14, -9)
    white, glow = pair(matrix)
    size = {f"PhysicalSize{a}{b}": v for a in "XY" for b, v in (("", 100.0), ("Unit", "µm"))}
    for name, pixels in (("white", white), ("mask", tissue().astype(np.uint8))):
        tifffile.imwrite(tmp_path / f"{name}.ome.tif", pixels, metadata={"axes": "YX", **size})
    tifffile.imwrite(tmp_path / "glow.tif", glow)
    signal = f"fluorescence:threshold=half,image={tmp_path / 'glow.tif'}"
    found = case(str(tmp_path / "white.ome.tif"), str(tmp_path / "mask.ome.tif"), signal)
    outline = np.argwhere(~tissue())
    truth_mm = (np.hypot(*(outline - (110, 160)).T).min() - 12) * 0.1
    assert found.result.value_mm == pytest.approx(truth_mm, abs=0.15)
    told = block(found)["registration"]
    assert told["method"] == "translation by intensity"
    assert told["residual_mm"] < 0.1
    assert "glow.tif" in [one["name"] for one in found.provenance["inputs"]]
    assert any("residual" in one for one in found.warnings)


def test_B03_the_mouse_lung_pair(shared_data: Path) -> None:
    """Laid on each other within pixels; refused for quantification, measured where edges are asked for."""
    folder = shared_data / "fgs-mouse-lung-gfp"
    white, glow = str(folder / "30-2A1b.jpg"), str(folder / "30-2A1f.jpg")
    refused = pipeline.run(
        pipeline.Job(white, "specimen", signal=f"fluorescence:image={glow}", pixel_size="10um", case="lobe")
    )
    assert "E-PIX-01" in str(refused.error)  # type: ignore[union-attr]
    found = case(white, "specimen", f"fluorescence:image={glow},edges=yes", pixel_size="10um", case="lobe")
    told = block(found)
    assert told["registration"]["residual_mm"] < 0.04
    assert np.abs(np.array(told["registration"]["matrix"])[:2, 2]).max() < 10
    assert told["tbr"] is None
    assert told["saturated"]["pixels"] > 100
    assert 10 <= len(found.result.foci) <= 60

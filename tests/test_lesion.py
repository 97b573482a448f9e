"""Lesions on skin: drawn ones of known outline, and photographs that experts outlined."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

import marginkit as mk
from marginkit.errors import MarginError, PixelError

SKIN = (232, 190, 170)


def photograph(seed: int, side: int = 600, dark: float = 0.5) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """(colours, lesion): uneven skin, hairs, a violet stroke, a black corner; brown pigment with a soft rim."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    cy, cx, r = *random.uniform(0.4, 0.6, 2), random.uniform(0.1, 0.2)
    turn = np.arctan2(y - cy, x - cx)
    reach = r * (1 + 0.15 * np.sin(3 * turn + random.uniform(0, 6)))
    inside = (reach - np.hypot(y - cy, x - cx)) / 0.02
    amount = dark * np.clip(inside + 0.15, 0, 1)  # 15 % of it at the outline
    density = np.stack([0.3 * amount, 0.9 * amount, 1.1 * amount], axis=-1) + 0.08 * (x + y)[..., None]
    picture = np.array(SKIN) * 10**-density + random.normal(0, 4, (side, side, 3))
    picture = picture.clip(0, 255).astype(np.uint8)
    for _ in range(10):
        ends = random.integers(0, side, 4)
        cv2.line(picture, (int(ends[0]), int(ends[1])), (int(ends[2]), int(ends[3])), (60, 40, 30), 2)
    cv2.line(picture, (20, side - 60), (200, side - 40), (90, 60, 190), 14)
    cv2.fillPoly(picture, [np.array([[side, 0], [side - 90, 0], [side, 90]])], (0, 0, 0))
    return picture, inside >= 0


def found(path: Path, picture: NDArray[np.uint8], **options: object) -> NDArray[np.bool_]:
    tifffile.imwrite(path, picture, photometric="rgb")
    return np.asarray(mk.segment(mk.open(path), "lesion", **options).data) >= 0.5


def dice(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("dark", [0.15, 0.5, 1.0])
def test_a_drawn_lesion_is_found_among_hair_pen_and_shadow(tmp_path: Path, seed: int, dark: float) -> None:
    picture, lesion = photograph(seed, dark=dark)
    assert dice(found(tmp_path / "a.tif", picture), lesion) > 0.9


def test_bare_skin_is_refused(tmp_path: Path) -> None:
    picture = (np.array(SKIN) + np.random.default_rng(0).normal(0, 6, (400, 400, 3))).clip(0, 255).astype(np.uint8)
    with pytest.raises(PixelError, match="E-PIX-04"):
        found(tmp_path / "a.tif", picture)
    with pytest.raises(PixelError, match="E-PIX-04"):
        found(tmp_path / "b.tif", np.zeros((64, 64, 3), np.uint8))


def test_a_lower_level_is_a_wider_outline(tmp_path: Path) -> None:
    picture, _ = photograph(3)
    areas = [found(tmp_path / "a.tif", picture, level=level).sum() for level in (0.1, 0.2, 0.4)]
    assert areas[0] > areas[1] > areas[2]


def test_twice_the_pixels_is_the_same_lesion(tmp_path: Path) -> None:
    picture, lesion = photograph(4, side=800)
    twice = np.repeat(np.repeat(picture, 2, 0), 2, 1)
    one, two = found(tmp_path / "a.tif", picture), found(tmp_path / "b.tif", twice)
    assert dice(two[::2, ::2], one) > 0.99
    assert dice(two, np.repeat(np.repeat(lesion, 2, 0), 2, 1)) > 0.9


def test_options_are_checked(tmp_path: Path) -> None:
    with pytest.raises(MarginError, match="E-USE-03"):
        found(tmp_path / "a.tif", photograph(0)[0], level=1.5)


@pytest.mark.parametrize(("name", "least"), [("0012903", 0.9), ("0016003", 0.9), ("0013948", 0.75)])
def test_outlines_of_experts(shared_data: Path, name: str, least: float) -> None:
    folder = shared_data / "skin-lesion-mm-scale"
    region = mk.segment(mk.open(folder / f"ISIC_{name}.jpg"), "lesion")
    truth = cv2.imread(str(folder / f"ISIC_{name}_segmentation.png"), 0) > 127
    assert dice(np.asarray(region.data) >= 0.5, truth) >= least

"""The trend of the light against light that was drawn."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from test_lighting import block, case, written

import marginkit as mk
from marginkit.errors import PixelError
from marginkit.lights import Around
from marginkit.segmenters._trend import light
from marginkit.segmenters.fluorescence import Options
from marginkit.segmenters.fluorescence import light as light_of

SIDE = 256
Y, X = (np.mgrid[:SIDE, :SIDE] + 0.5) / SIDE
SHINE = 0.35 + 1.1 * X + 0.3 * Y - 0.25 * X * X  # a lamp on the right: more than twofold
DISC = (Y - 0.5) ** 2 + (X - 0.5) ** 2 < 0.42**2
TUMOR = (Y - 0.5) ** 2 + (X - 0.27) ** 2 < 0.07**2  # in the dark half


def glowing(seed: int) -> np.ndarray:
    """Counts: specimen 400, tumor 700, both under the lamp; table 20."""
    counts = np.where(TUMOR, 700.0, np.where(DISC, 400.0, 20.0)) * np.where(DISC, SHINE, 1)
    return np.random.default_rng(seed).poisson(counts).astype(np.uint16)


@pytest.mark.parametrize("seed", range(3))
def test_the_fitted_light_is_the_drawn_one(seed: int) -> None:
    off = light(glowing(seed), DISC)[DISC] / (SHINE[DISC] / SHINE[DISC].mean())
    assert abs(off - 1).max() < 0.02


def test_every_plane_of_a_stack_has_the_same_light() -> None:
    stack = np.stack([glowing(0), glowing(1), glowing(2)])
    found = light(stack, np.broadcast_to(DISC, stack.shape))
    assert found.shape == stack.shape
    assert (found[0] == found[2]).all()


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


def test_signal_in_the_dark_half_is_found_with_it_alone(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "lamp.tif", glowing(5))
    picture = mk.open(tmp_path / "lamp.tif")
    plain, evened = (light_of(picture, Options(trend=yes), Around(specimen=DISC)).region for yes in (False, True))
    assert dice(np.asarray(plain.data) > 0.5, TUMOR) < 0.3
    assert dice(np.asarray(evened.data) > 0.5, TUMOR) > 0.95
    assert "uneven light" in evened.maker


def test_ratios_are_those_of_even_light(tmp_path: Path) -> None:
    image, tissue = (
        written(tmp_path / "lamp.ome.tif", glowing(7)),
        written(tmp_path / "disc.ome.tif", DISC * np.uint8(1)),
    )
    plain, evened = (block(case(image, tissue, f"fluorescence:trend={yes}")) for yes in ("no", "yes"))
    assert evened["flat"] == "fitted"
    assert evened["tbr"] == pytest.approx(700 / 400, rel=0.03)
    assert plain["tbr"] != pytest.approx(700 / 400, rel=0.1)


def test_light_that_cannot_be_fitted_is_refused() -> None:
    with pytest.raises(PixelError, match="E-PIX-08"):
        light(np.full((64, 64), 5.0), np.pad(np.ones((4, 4), bool), 30))
    with pytest.raises(PixelError, match="E-PIX-08"):
        light(1 + 1e4 * X**2, np.ones_like(DISC))

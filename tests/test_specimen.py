"""The specimen: drawn ones with a known outline, and the real pictures."""

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

import marginkit as mk
from marginkit.records import Calibration, Level, Picture
from marginkit.segmenters import specimen

PINK, PALE, GLASS = (200, 120, 180), (242, 236, 242), (244, 243, 245)


def picture(pixels: np.ndarray, axes: str = "YXS", kind: str = "unknown") -> Picture:
    """Pixels as an opened picture of one level."""
    level = Level(pixels.shape, (1.0, 1.0), lambda at: pixels[at])
    return Picture("drawn.png", "PNG", axes, pixels.shape, pixels.dtype, (level,), kind)


def disc(shape: tuple[int, int], middle: tuple[int, int], radius: float) -> np.ndarray:
    y, x = np.indices(shape)
    return np.hypot(y - middle[0], x - middle[1]) <= radius


def drawn(ground: tuple[int, int, int], noise: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(7)
    pixels = np.full((400, 500, 3), ground, float) + rng.normal(0, noise, (400, 500, 3))
    return pixels


def found(pixels: np.ndarray, **options: object) -> np.ndarray:
    region = mk.segment(picture(np.clip(pixels, 0, 255).astype(np.uint8)), "specimen", **options)
    return np.asarray(region.data)


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return 2 * (one & other).sum() / (one.sum() + other.sum())


def test_stained_tissue_keeps_its_pale_fat_and_loses_pen_dust_and_label() -> None:
    pixels = drawn(GLASS)
    tissue, fat = disc((400, 500), (200, 200), 90), disc((400, 500), (200, 290), 60)
    pixels[fat] = PALE
    pixels[tissue] = PINK
    pixels[330:345, 100:400] = (30, 60, 150)  # blue pen
    pixels[40:50, 60:200] = (225, 60, 90)  # red pen
    pixels[360:363, 20:23] = 30  # dust
    pixels[:, 480:] = 90  # the slide's edge
    mask = found(pixels)
    assert dice(mask, tissue | fat) > 0.97
    assert not mask[300:].any()
    assert not mask[:60].any()
    assert not mask[:, 460:].any()


def test_a_coat_of_ink_belongs_to_the_specimen() -> None:
    pixels = drawn(GLASS)
    whole, tissue = disc((400, 500), (200, 250), 105), disc((400, 500), (200, 250), 100)
    pixels[whole] = (20, 60, 160)
    pixels[tissue] = PINK
    assert dice(found(pixels), whole) > 0.99


@pytest.mark.parametrize("ground", [(4, 4, 4), (90, 90, 95)])
def test_a_photograph_with_glare_has_no_hole(ground: tuple[int, int, int]) -> None:
    pixels = drawn(ground)
    tissue = disc((400, 500), (200, 250), 100)
    pixels[tissue] = (170, 60, 50)
    pixels[disc((400, 500), (180, 260), 12)] = 255
    mask = found(pixels)
    assert dice(mask, tissue) > 0.98
    assert mask[180, 260]


def test_a_bright_tumor_does_not_hide_the_faint_specimen() -> None:
    rng = np.random.default_rng(1)
    counts = rng.normal(100, 4, (300, 400))
    tissue = disc((300, 400), (150, 200), 100)
    counts[tissue] += 60
    counts[disc((300, 400), (150, 240), 20)] += 20000
    region = mk.segment(picture(counts.astype(np.uint16), "YX"), "specimen")
    assert dice(np.asarray(region.data), tissue) > 0.97


def test_two_pieces_are_flagged_and_one_can_be_asked_for() -> None:
    pixels = drawn(GLASS)
    large, small = disc((400, 500), (200, 150), 80), disc((400, 500), (200, 380), 60)
    pixels[large | small] = PINK
    region = mk.segment(picture(np.clip(pixels, 0, 255).astype(np.uint8)), "specimen")
    assert region.flags == ("several_pieces",)
    assert dice(found(pixels, largest=True), large) > 0.98


def test_empty_glass_has_no_specimen() -> None:
    assert not found(drawn(GLASS)).any()


def test_B09_one_colour_is_refused() -> None:
    with pytest.raises(mk.MarginError, match="E-PIX-04"):
        found(np.full((50, 60, 3), 200.0))


def test_an_outline_refined_on_fine_pixels_is_near_the_true_one() -> None:
    pixels = np.full((3200, 3200, 3), GLASS, np.uint8)
    tissue = disc((3200, 3200), (1600, 1600), 1000)
    pixels[tissue] = PINK
    mask = np.asarray(specimen.segment(picture(pixels), specimen.Options()).data)
    assert abs(np.sqrt(mask.sum() / np.pi) - 1000) < 1.5


@pytest.mark.parametrize("which", ["green", "red", "black"])
def test_pen_is_not_tissue(shared_data: Path, which: str) -> None:
    folder = shared_data / "he-pen-marks"
    image = mk.open(folder / f"pen_{which}.png")
    mask = np.asarray(mk.segment(image, "specimen").data)
    import cv2

    pen = cv2.imread(str(folder / f"pen_{which}_mask.png"), cv2.IMREAD_GRAYSCALE)
    pen = cv2.resize(pen, mask.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
    colours = image.read()[..., :3].astype(float)
    ring = pen & (np.ptp(colours, axis=-1) + 255 - colours.max(axis=-1) > 40)
    assert (mask & ring).sum() < 0.35 * ring.sum()  # rings cross tissue; what lies on glass is left out
    assert mask.any() == (which != "black")


def test_the_first_look_does_not_hang_on_how_fine_the_outline_is_wanted() -> None:
    """A slide of 1 µm with a level of 8 µm: one tissue at every pixel size, the finest level read at outlines alone."""
    y, x = np.indices((2048, 2560))
    tissue = np.hypot(y - 1000, x - 1200) < 700 + 40 * np.sin(9 * np.arctan2(y - 1000, x - 1200))
    fine = np.where(tissue[..., None], np.uint8(PINK), np.uint8(GLASS))
    levels, read = [fine, fine.reshape(256, 8, 320, 8, 3).mean((1, 3)).round().astype(np.uint8)], [0, 0]

    def reader(level: int) -> object:
        def pixels(at: tuple[slice, ...]) -> np.ndarray:
            found = levels[level][at]
            read[level] += found[..., 0].size
            return found

        return pixels

    own = [Level(one.shape, (k, k), reader(i)) for i, (one, k) in enumerate(zip(levels, (1.0, 8.0)))]
    size = Calibration((0.001, 0.001), "typed")
    slide = Picture("drawn", "memory", "YXS", fine.shape, fine.dtype, tuple(own), calibration=size)
    coarse, found = (mk.segment(slide, "specimen", pixel_um=um) for um in (8.0, 1.0))
    assert found.maker.partition(", level")[0] == coarse.maker.partition(", level")[0]
    square = np.ones((17, 17))  # one pixel of the first look to each side
    assert (ndimage.binary_erosion(tissue, square) <= found.data).all()
    assert (np.asarray(found.data) <= ndimage.binary_dilation(tissue, square)).all()
    assert 0 < read[0] < 0.8 * tissue.size
    assert read[1] == 2 * levels[1][..., 0].size

"""Coarse to fine against the same segmenters on fine pixels everywhere: same value, same pair, few fine pixels read."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from casefiles import stack_file
from scipy import ndimage
from test_reports_json import SCHEMA, faults

import marginkit as mk
from marginkit import cli, patchwork, refining
from marginkit.errors import CalibrationError, UsageError
from marginkit.inputs import Inputs
from marginkit.pipeline import Job, measured
from marginkit.records import Calibration, Level, Measured, Picture
from marginkit.reports import resultjson
from marginkit.segmenters import threshold

UM = 2.0
SECTORS = "up=superior,right=lateral,down=inferior"
TUMORS = (
    "threshold:channel=red,below=170",
    "threshold:channel=red,below=170,smooth_px=2,largest=yes,fill=yes",
    "stain:dye=dab,above=0.3,pixel_um=2",
    "stain:dye=dab,above=0.3,pixel_um=4,smooth_px=1,min_area_mm2=0.01,fill=yes",
)
SPECIMENS = ("threshold:channel=green,below=205,largest=yes,fill=yes,smooth_px=1", "specimen:pixel_um=2")


def shape(y: Any, x: Any, at: tuple[float, float], radius: tuple[float, float], waves: float) -> Any:
    """An ellipse whose outline runs in waves."""
    down, right = (y - at[0]) / radius[0], (x - at[1]) / radius[1]
    angle = np.arctan2(down, right)
    return np.hypot(down, right) < 1 + waves * (np.sin(5 * angle) + np.sin(8 * angle + 1) / 2)


def pyramid(path: Path, pixels: Any, um: float = UM, levels: int = 4) -> str:
    """An OME-TIFF whose levels are means of 2 x 2 pixels."""
    size = {"PhysicalSizeX": um, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": um, "PhysicalSizeYUnit": "µm"}
    kind: Any = {"tile": (256, 256), "photometric": "rgb", "compression": "zlib"}
    with tifffile.TiffWriter(path, ome=True) as file:
        file.write(pixels, subifds=levels - 1, metadata={"axes": "YXS", **size}, **kind)
        for _ in range(levels - 1):
            half = pixels.shape[1] // 2, pixels.shape[0] // 2
            pixels = cv2.resize(pixels, half, interpolation=cv2.INTER_AREA)
            file.write(pixels, subfiletype=1, **kind)
    return str(path)


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Brown tumor of two foci in pink tissue on glass, blurred, with noise; 2 µm a pixel, levels to 16 µm."""
    height, width = 1501, 2003  # so that levels are no whole fractions of each other
    y, x = np.mgrid[:height, :width].astype(np.float32)
    pixels = np.full((height, width, 3), 243, np.float32)
    pixels[shape(y, x, (740, 1000), (600, 840), 0.03)] = (225, 170, 200)
    tumor = shape(y, x, (690, 900), (300, 440), 0.07) | shape(y, x, (930, 1300), (130, 200), 0.1)
    pixels[tumor] = (120, 80, 40)
    noise = np.random.default_rng(0).normal(0, 3, (height, width, 1)).astype(np.float32)
    pixels = np.clip(cv2.GaussianBlur(pixels, (0, 0), 1.5) + noise, 0, 255).astype(np.uint8)
    return pyramid(tmp_path_factory.mktemp("slides") / "slide.ome.tif", pixels)


@pytest.fixture(autouse=True)
def _small_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patchwork, "PLACE_PX", 96)


def told(case: Measured) -> list[Any]:
    return [(m.name, m.value_mm, m.interval_mm, m.qualifier, m.closest, m.unseen_mm) for m in case.result.margins]


def share(case: Measured) -> float:
    assert case.resolution is not None
    return max(one["fine_px"] / one["of_px"] for one in case.resolution.values())


@pytest.mark.parametrize("specimen", SPECIMENS)
@pytest.mark.parametrize("tumor", TUMORS)
def test_the_same_as_fine_everywhere(slide: str, tumor: str, specimen: str) -> None:
    """Value, interval and pair of every margin, to the last bit, from a fifth of the fine pixels or less."""
    job = Job(image=slide, tumor=tumor, specimen=specimen, sectors=SECTORS)
    full, fine = measured(job), measured(replace(job, refine="16um"))
    assert told(fine) == told(full)
    assert full.result.flags == fine.result.flags
    assert full.resolution is None
    assert 0 < share(fine) < 0.2


def test_what_a_found_threshold_may_be_off_is_in_the_interval(slide: str) -> None:
    job = Job(image=slide, tumor="stain:dye=dab,pixel_um=2", specimen=SPECIMENS[1], sectors=SECTORS)
    full, fine = measured(job), measured(replace(job, refine="16um"))
    assert full.regions["tumor"].maker != fine.regions["tumor"].maker  # Otsu's value is another on other pixels
    for whole, one in zip(full.result.margins, fine.result.margins):
        assert whole.value_mm is not None and one.interval_mm is not None  # noqa: PT018
        assert one.interval_mm[0] <= whole.value_mm <= one.interval_mm[1]
        low, high = one.parts["segmentation"]
        assert one.interval_mm[0] <= low < high <= one.interval_mm[1]


def test_the_result_says_how_fine_it_is_where(slide: str) -> None:
    case = measured(Job(image=slide, tumor=TUMORS[0], specimen=SPECIMENS[1], refine="16um"))
    found = json.loads(resultjson.text(case))
    assert faults(found, SCHEMA) == []
    for role in ("tumor", "specimen"):
        one = found["resolution"][role]
        assert one["fine_mm"] == pytest.approx([0.002, 0.002])
        assert one["coarse_mm"] == pytest.approx([0.004 if role == "specimen" else 0.016] * 2, rel=0.01)
        assert 0 < one["fine_px"] < one["of_px"] == 1501 * 2003
        assert any(text.startswith(f"{role}: segmented on pixels of ") for text in found["warnings"])
    assert found["provenance"]["options"]["refine"] == "16um"


def test_from_the_command_line(slide: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["measure", slide, "--tumor", TUMORS[0], "--specimen", SPECIMENS[0], "--json"]
    assert cli.code_of([*words, "--refine", "16um"]) == 0
    fine = json.loads(capsys.readouterr().out)
    assert cli.code_of(words) == 0
    full = json.loads(capsys.readouterr().out)
    said = ("name", "value_mm", "interval_mm", "qualifier", "closest")
    assert [[m[key] for key in said] for m in fine["margins"]] == [[m[key] for key in said] for m in full["margins"]]
    assert set(fine) - set(full) == {"resolution"}
    assert cli.code_of([*words, "--refine", "16"]) == 1
    assert "E-CAL-08" in capsys.readouterr().err


def test_one_region_coarse_and_the_other_drawn(slide: str, tmp_path: Path) -> None:
    """An outline has no coarse pixels: it is taken as it is, and the specimen alone is asked again."""
    ring = [[820, 560], [1200, 560], [1200, 800], [820, 800], [820, 560]]
    drawn = {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
    outline = tmp_path / "tumor.geojson"
    outline.write_text(json.dumps({"type": "FeatureCollection", "features": [drawn]}))
    job = Job(image=slide, tumor=str(outline), specimen=SPECIMENS[0])
    full, fine = measured(job), measured(replace(job, refine="16um"))
    assert told(fine) == told(full)
    assert fine.resolution is not None
    assert set(fine.resolution) == {"specimen"}


def in_memory(pixels: Any, step: int, levels: int) -> Picture:
    """A picture of 1 µm pixels whose levels are means of ``step`` squared pixels."""
    found = []
    for level in range(levels):
        height, width = (n // step**level for n in pixels.shape[:2])
        part = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA) if level else pixels
        down = pixels.shape[0] / height, pixels.shape[1] / width
        found.append(Level(part.shape, down, lambda at, part=part: part[at]))
    size = Calibration((0.001, 0.001), "typed")
    return Picture("drawn", "memory", "YXS", pixels.shape, pixels.dtype, tuple(found), calibration=size)


def random_case(random: np.random.Generator) -> Any:
    """Tissue (red) and tumor (green) with smooth random outlines; in a third of the cases they leave the view."""
    height, width = (int(n) for n in random.integers(200, 420, 2))
    y, x = np.mgrid[:height, :width].astype(np.float32)
    wild = [cv2.GaussianBlur(random.normal(size=(height, width)).astype(np.float32), (0, 0), s) for s in (25, 14)]
    radius = np.hypot(y / height - 0.5, x / width - 0.5) / 0.45 + 0.07 * wild[0] / wild[0].std()
    tissue = 255 / (1 + np.exp((radius - 0.9) * 60))
    tumor = 255 / (1 + np.exp(-(wild[1] / wild[1].std() - 0.9) * 8)) * (radius < random.choice([0.7, 0.9]))
    pixels = cv2.GaussianBlur(np.stack([tissue, tumor, tissue], -1), (0, 0), 1.5)
    pixels = np.clip(pixels + random.normal(0, random.choice([0, 1.0]), pixels.shape), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(pixels[height // 3 if random.random() < 0.3 else 0 :])


def regular(fine: Any, coarse: Any, ratio: tuple[float, float], *, tissue: bool) -> bool:
    """Whether no fine pixel differs from the coarse mask by more than a coarse pixel: in its places, by other code."""
    square = np.ones((3, 3))
    grown = (
        ndimage.binary_erosion(coarse, square, border_value=1) if tissue else ndimage.binary_dilation(coarse, square)
    )
    at = [
        np.searchsorted(np.rint(np.arange(1, m) * r), np.arange(n), "right")
        for n, m, r in zip(fine.shape, coarse.shape, ratio)
    ]
    seen = grown[np.ix_(*at)]
    return not ((seen & ~fine) if tissue else (fine & ~seen)).any()


@pytest.mark.parametrize("block", range(4))
def test_random_shapes(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    """Where no part is smaller than coarse pixels see, everything said of every margin is that of fine pixels."""
    compared = 0
    for seed in range(20 * block, 20 * block + 20):
        random = np.random.default_rng(seed)
        pixels, step = random_case(random), int(random.choice([2, 3]))
        monkeypatch.setattr(patchwork, "PLACE_PX", int(random.choice([8, 16, 48, 100])))
        picture = in_memory(pixels, step, 3 if step == 2 else 2)
        wanted = threshold.Options(above=128, channel="green"), threshold.Options(above=128, channel="red")
        left = np.zeros(pixels.shape[:2], bool)
        left[:, : pixels.shape[1] // 2] = True
        whole = [threshold.segment(picture, one) for one in wanted]
        found = [threshold.coarse(picture, one, 0.0045) for one in wanted]
        if not np.asarray(whole[0].data).any() or None in found:
            continue
        inputs = Inputs(*whole, (0.001, 0.001), names={"left": left})
        if not all(
            regular(np.asarray(one.data), np.asarray(own.region.data), own.ratio, tissue=bool(i))  # type: ignore[union-attr]
            for i, (one, own) in enumerate(zip(whole, found))
        ):
            continue
        full, fine = inputs.measured(), refining.refined(inputs, dict(zip(("tumor", "specimen"), found))).result  # type: ignore[arg-type]
        assert "coarse_missed" not in fine.flags
        compared += 1
        for one, other in zip(full.margins, fine.margins):
            mine, theirs = ((m.value_mm, m.interval_mm, m.qualifier, m.closest) for m in (one, other))
            assert mine == theirs, f"seed {seed}, {one.name}"
    assert compared >= 8


def test_an_island_beside_the_closest_pair_is_told_of() -> None:
    """Two pixels of tumor that coarse pixels average away, near enough to be looked at: measured and told."""
    pixels = np.zeros((256, 256, 3), np.uint8)
    pixels[32:224, 32:224, 0], pixels[64:160, 64:160, 1] = 255, 255
    pixels[52:54, 100, 1] = 255
    picture = in_memory(pixels, 8, 2)
    found = {
        role: threshold.coarse(picture, threshold.Options(above=128, channel=name), 0.009)
        for role, name in (("tumor", "green"), ("specimen", "red"))
    }
    whole = [threshold.segment(picture, threshold.Options(above=128, channel=one)) for one in ("green", "red")]
    result = refining.refined(Inputs(*whole, (0.001, 0.001)), found).result  # type: ignore[arg-type]
    assert result.value_mm == pytest.approx(0.020)
    assert "coarse_missed" in result.flags


def test_tumor_that_touches_is_asked_at_the_touch_alone() -> None:
    """Nothing is closer than 0, so that a second focus a pixel from the edge is not looked at."""
    pixels = np.zeros((512, 512, 3), np.uint8)
    pixels[64:448, 64:448, 0], pixels[64:160, 200:300, 1], pixels[400:446, 200:300, 1] = 255, 255, 255
    picture = in_memory(pixels, 8, 2)
    options = {
        "tumor": threshold.Options(above=128, channel="green"),
        "specimen": threshold.Options(above=128, channel="red"),
    }
    whole = [threshold.segment(picture, one) for one in options.values()]
    found = {role: threshold.coarse(picture, one, 0.009) for role, one in options.items()}
    got = refining.refined(Inputs(*whole, (0.001, 0.001)), found)  # type: ignore[arg-type]
    assert got.result.qualifier == "touching"
    assert got.result.interval_mm == Inputs(*whole, (0.001, 0.001)).measured().interval_mm
    assert got.resolution["tumor"]["fine_px"] <= 6 * 96**2


def test_no_tumor_is_a_result(slide: str) -> None:
    case = measured(Job(image=slide, tumor="threshold:channel=red,below=20", specimen=SPECIMENS[0], refine="16um"))
    assert case.result.qualifier == "not_assessable"
    assert share(case) == 0


def test_what_has_one_pixel_size_is_left_and_said(slide: str) -> None:
    """Without a coarser level the case is what it is without the word."""
    job = Job(image=slide, tumor=TUMORS[0] + ",level=3", specimen="specimen:pixel_um=16.1")
    full, fine = measured(job), measured(replace(job, refine="16um"))
    assert told(fine) == told(full)
    assert fine.resolution is None
    assert [text for text in fine.warnings if "no coarser level" in text] == [
        f"{role}: {name} was not used on coarse pixels, there is no coarser level."
        for role, name in (("tumor", "threshold"), ("specimen", "specimen"))
    ]


def test_what_cannot_be_refined_is_refused(slide: str, tmp_path: Path) -> None:
    job = Job(image=slide, tumor=TUMORS[0], specimen=SPECIMENS[0], refine="16um")
    with pytest.raises(UsageError, match="E-USE-16"):
        measured(replace(job, boundary="contour"))
    with pytest.raises(UsageError, match="E-USE-16"):
        measured(replace(job, tumor="", signal="fluorescence"))
    with pytest.raises(UsageError, match="stacks"):
        measured(replace(job, image=str(stack_file(tmp_path)), confirm=True))
    with pytest.raises(CalibrationError, match="E-CAL-08"):
        measured(replace(job, refine="16"))


def test_real_tissue(shared_data: Path, tmp_path: Path) -> None:
    """A scanned section of skin with its levels made anew: the same as fine everywhere, ragged and folded as it is."""
    pixels = mk.open(shared_data / "he-svs" / "cmu-1-small-region.svs").read()
    image = pyramid(tmp_path / "skin.ome.tif", pixels, 0.499)
    tumor = "threshold:channel=red,below=90,smooth_px=24,min_size_px=6000"
    job = Job(image=image, tumor=tumor, specimen="specimen:pixel_um=0.499", sectors="up=superior,down=inferior")
    full, fine = measured(job), measured(replace(job, refine="4um"))
    assert told(fine) == told(full)
    assert share(fine) < 0.25

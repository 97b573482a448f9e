"""Slides through OpenSlide: regions, unscanned parts, the window on the scanner's canvas."""

from pathlib import Path

import numpy as np
import openslide
import pytest
import tifffile

import marginkit.opening as mk
from marginkit.errors import FileError, SizeError
from marginkit.readers import _openslide, slide

RNG = np.random.default_rng(11)


def trestle(path: Path, image: np.ndarray) -> Path:
    text = "Background Color=FFFFFF;White Balance=FF;Objective Power=10;JPEG Quality=50;OverlapsXY= 0 0"
    options = {"tile": (16, 16), "photometric": "rgb", "compression": "zlib", "metadata": None, "description": text}
    resolution = {"resolution": ((93, 100), (93, 100)), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(path, image, software="MedScan 1.0", **options, **resolution)
    return path


def test_regions_are_what_openslide_gives(tmp_path: Path) -> None:
    image = RNG.integers(0, 255, (80, 112, 3), dtype=np.uint8)
    picture = mk.open(trestle(tmp_path / "a.tif", image))
    assert (picture.kind, picture.axes, picture.window_px) == ("slide", "YXS", None)
    np.testing.assert_array_equal(picture.read(), image)
    part = (slice(3, 50, 2), slice(20, 21), slice(1, 3))
    np.testing.assert_array_equal(picture.levels[0].read(part), image[part])
    assert picture.levels[0].read((slice(5, 5), slice(0, 4), slice(0, 3))).shape == (0, 4, 3)


def test_C07_the_picture_is_the_scanned_part_of_the_canvas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The canvas of a real slide, with the bounds that a scanner with a larger canvas would state."""
    image = RNG.integers(0, 255, (80, 112, 3), dtype=np.uint8)
    path = trestle(tmp_path / "a.tif", image)
    bounds = {"x": "16", "y": "5", "width": "70", "height": "60"}
    real = openslide.OpenSlide.properties.fget  # type: ignore[attr-defined]
    stated = {f"openslide.bounds-{key}": value for key, value in bounds.items()}
    monkeypatch.setattr(openslide.OpenSlide, "properties", property(lambda self: {**real(self), **stated}))
    picture = mk.open(path)
    assert picture.window_px == (5, 16, 60, 70)
    assert picture.shape == (60, 70, 3)
    np.testing.assert_array_equal(picture.read(), image[5:65, 16:86])
    np.testing.assert_array_equal(picture.levels[0].read((slice(2, 9), slice(30, 44), slice(0, 3))), image[7:14, 46:60])


@pytest.mark.parametrize("bounds", [{}, {"x": "a"}, {"x": "-1"}, {"width": "113"}, {"height": "0"}])
def test_C07_bounds_that_do_not_fit_are_not_used(bounds: dict[str, str]) -> None:
    words = {"x": "0", "y": "0", "width": "10", "height": "10", **bounds} if bounds else {}
    facts = {f"openslide.bounds-{key}": value for key, value in words.items()}
    assert _openslide._window(facts, (112, 80)) == (0, 0, 80, 112)


def test_claims_of_openslide() -> None:
    claim = _openslide.claims({"openslide.mpp-x": "0.5", "openslide.mpp-y": "0.25"})[0]
    assert (claim.source, claim.spacing_mm) == ("OpenSlide mpp", (0.00025, 0.0005))
    assert "E-CAL-02" in _openslide.claims({"openslide.mpp-x": "0", "openslide.mpp-y": "0"})[0].problem
    assert _openslide.claims({}) == ()
    only_power = _openslide.claims({"openslide.objective-power": "40"})[0]
    assert only_power.spacing_mm is None


def test_the_suffix_decides_between_equals_only() -> None:
    assert slide.claims(b"II*\0", "a.svs") == 1
    assert slide.claims(b"\xff\xd8\xff\xe0", "a.svs") == 0
    assert slide.claims(b"\xff\xd8\xff\xe0", "a.mrxs") == 2


def test_a_slide_in_parts_whose_parts_are_gone(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").rename(tmp_path / "a.mrxs")
    with pytest.raises(FileError, match=r"^a\.mrxs: .*E-FILE-0[69]"):
        mk.open(tmp_path / "a.mrxs")


def test_messages_of_openslide_lose_their_folders(tmp_path: Path) -> None:
    path = trestle(tmp_path / "a.tif", np.zeros((64, 64, 3), np.uint8))
    with tifffile.TiffFile(path) as tif:
        offset, count = tif.pages[0].dataoffsets[5], tif.pages[0].databytecounts[5]
    data = bytearray(path.read_bytes())
    data[offset : offset + count] = b"\x07" * count
    path.write_bytes(data)
    with pytest.raises(FileError, match=r"^a\.tif: .*E-FILE-05") as caught:
        mk.open(path).read()
    assert str(tmp_path) not in str(caught.value)


def test_a_region_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = mk.open(trestle(tmp_path / "a.tif", np.zeros((64, 64, 3), np.uint8)))
    monkeypatch.setattr(_openslide, "REGION_BYTES", 1000)
    with pytest.raises(SizeError, match="E-SIZE-01"):
        picture.read()


def test_generic_tiff_never_goes_to_openslide(tmp_path: Path) -> None:
    """OpenSlide would make 264.583 µm of these 96 dpi."""
    path = tmp_path / "a.tif"
    image = np.zeros((64, 64, 3), np.uint8)
    tifffile.imwrite(path, image, tile=(16, 16), photometric="rgb", resolution=(96, 96), resolutionunit="INCH")
    with openslide.OpenSlide(str(path)) as other:
        assert float(other.properties["openslide.mpp-x"]) == pytest.approx(264.583, rel=1e-4)
    picture = mk.open(path)
    assert picture.spacing_mm is None
    assert picture.format == "TIFF"
    with pytest.raises(FileError, match="E-FILE-09"):
        _openslide.read(str(path))

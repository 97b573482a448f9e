"""Opening: lazily, through the shelf, with digest and provenance, without leaks."""

import hashlib
import pickle
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

import marginkit.opening as mk
from marginkit.errors import CalibrationError, FileError, SizeError
from marginkit.readers import omezarr, photo, slide, tiff
from marginkit.records import Picture, Reader

TOY = """
import numpy as np
from marginkit.records import Claim, Level, Picture
NAME = "toy"
def claims(head, name):
    return 2 if head.startswith(b"TOY!") else 0
def read(path):
    level = Level((2, 3), (1.0, 1.0), lambda slices: np.ones((2, 3), np.uint8)[slices])
    return Picture("x.toy", "Toy", "YX", (2, 3), np.dtype(np.uint8), (level,), "photo",
                   claims=(Claim("toy field", (0.25, 0.25), "0.25"),))
"""


def test_our_readers_meet_the_protocol() -> None:
    for module in (omezarr, photo, slide, tiff):
        assert isinstance(module, Reader)


def test_a_reader_is_one_new_file(tmp_path: Path) -> None:
    (tmp_path / "readers").mkdir()
    (tmp_path / "readers" / "toy.py").write_text(TOY)
    (tmp_path / "x.toy").write_bytes(b"TOY! and more")
    picture = mk.open(tmp_path / "x.toy", shelves=[tmp_path])
    assert picture.calibration is not None
    assert (picture.calibration.source, picture.spacing_mm) == ("toy field", (0.25, 0.25))
    assert picture.sha256 == hashlib.sha256(b"TOY! and more").hexdigest()
    assert picture.read().sum() == 6


def test_only_the_wanted_tiles_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from marginkit.readers import _tiffpixels

    image = np.arange(512 * 512, dtype=np.uint32).reshape(512, 512)
    tifffile.imwrite(tmp_path / "a.tif", image, tile=(64, 64), compression="zlib")
    seen: list[int] = []
    place = _tiffpixels._place
    monkeypatch.setattr(_tiffpixels, "_place", lambda *args: (seen.append(args[2][0]), place(*args))[1])
    picture = mk.open(tmp_path / "a.tif")
    assert seen == []
    np.testing.assert_array_equal(picture.levels[0].read((slice(100, 140), slice(60, 70))), image[100:140, 60:70])
    assert sorted(seen) == [8, 9, 16, 17]


def test_opening_a_large_image_takes_little_memory(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((8192, 8192), np.uint8), tile=(512, 512), compression="zlib")
    tracemalloc.start()
    picture = mk.open(tmp_path / "a.tif")
    picture.levels[0].read((slice(0, 100), slice(0, 100)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20
    with pytest.raises(SizeError, match="E-SIZE-01"):
        picture.read(limit_bytes=1000)


def test_typed_size_is_checked_and_names_the_file(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((8, 8), np.uint8))
    with pytest.raises(CalibrationError, match=r"^a\.tif: .*E-CAL-08.*unit is missing"):
        mk.open(tmp_path / "a.tif", pixel_size="0.5")
    assert mk.open(tmp_path / "a.tif", pixel_size="1e-3 mm").spacing_mm == (0.001, 0.001)


@pytest.mark.parametrize("way", ["0.5mm+-2%", "0.5mm,0.4mm", "points:0,0,0,30=1cm"])
def test_a_calibration_is_taken_again_by_the_words_that_gave_it(tmp_path: Path, way: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((9, 40), np.uint8), resolution=(20, 20), resolutionunit="CENTIMETER")
    raw = mk.uncalibrated(tmp_path / "a.tif")
    typed = mk.calibrated(raw, way)
    assert typed.calibration is not None
    again, words = mk.retaken(raw, typed.calibration)
    assert words == ("--pixel-size", way)
    assert (again.calibration, again.warnings) == (typed.calibration, typed.warnings)
    assert mk.calibrated(raw, words[1]).calibration == typed.calibration
    own = mk.calibrated(raw)
    assert own.calibration is not None
    assert mk.retaken(raw, own.calibration) == (own, ())


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"^a\.tif: .*E-FILE-11\): No such file"):
        mk.open(tmp_path / "a.tif")
    with pytest.raises(FileError, match="E-FILE-01"):
        mk.open("")


def test_no_file_stays_open(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((64, 64, 3), np.uint8), tile=(16, 16), photometric="rgb")
    fds = Path("/proc/self/fd")
    if not fds.is_dir():
        pytest.skip("no /proc here")
    before = len(list(fds.iterdir()))
    pictures: list[Picture] = [mk.open(tmp_path / "a.tif") for _ in range(20)]
    for picture in pictures:
        picture.read()
    assert len(list(fds.iterdir())) == before


def test_G09_technical_fields_only(tmp_path: Path) -> None:
    text = "Aperio Image Library v11\r\n64x48|MPP = 0.5|Filename = SMITH_JOHN|User = u77|Title = secret"
    options = {"tile": (16, 16), "photometric": "rgb", "metadata": None, "description": text}
    tifffile.imwrite(tmp_path / "a.svs", np.zeros((48, 64, 3), np.uint8), **options)
    shown = repr(mk.open(tmp_path / "a.svs"))
    assert not [word for word in ("SMITH", "u77", "secret", str(tmp_path)) if word in shown]


@pytest.mark.parametrize("suffix", ["tif", "png", "zarr"])
def test_a_picture_travels_between_processes(tmp_path: Path, suffix: str) -> None:
    image = np.arange(40 * 50, dtype=np.uint8).reshape(40, 50)
    path = tmp_path / f"a.{suffix}"
    if suffix == "zarr":
        group = zarr.open_group(path, mode="w")
        group.create_array("0", data=image)
        axes = [{"name": "y"}, {"name": "x"}]
        group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": [{"path": "0"}]}]}
    elif suffix == "tif":
        tifffile.imwrite(path, image, tile=(16, 16), compression="jpeg2000")
    else:
        Image.fromarray(image).save(path)
    picture = mk.open(path)
    copy = pickle.loads(pickle.dumps(picture))
    assert copy.shape == picture.shape
    np.testing.assert_array_equal(copy.levels[0].read((slice(3, 20), slice(5, 6))), image[3:20, 5:6])

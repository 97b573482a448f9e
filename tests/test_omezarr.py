"""OME-Zarr written by zarr itself: axes, units, levels, byte order, missing chunks, names that lead elsewhere."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

import marginkit.opening as mk
from marginkit import files
from marginkit.errors import AxesError, FileError, MarginError
from marginkit.readers import _zarrkeys

IMAGE = np.arange(3 * 40 * 50, dtype=np.uint16).reshape(3, 40, 50)
AXES = [{"name": a, "type": "space", "unit": "micrometer"} for a in "zyx"]


def scaled(path: str, *scale: float) -> dict[str, Any]:
    return {"path": path, "coordinateTransformations": [{"type": "scale", "scale": list(scale)}]}


def make(
    folder: Path, version: str = "0.4", image: np.ndarray = IMAGE, *, small: float = 1.0, **multiscale: Any
) -> Path:
    """A folder with two levels; ``small``: the scale of level 1 (1.0 agrees with level 0's 0.5)."""
    group = zarr.open_group(folder, mode="w", zarr_format=2 if version == "0.4" else 3)
    chunks = (1, 1, 1, 20, 20)[-image.ndim :]
    group.create_array("0", data=image, chunks=chunks)
    group.create_array("down/1", data=image[..., ::2, ::2], chunks=chunks)
    lead = (2.0,) * (image.ndim - 2)
    given = {
        "axes": AXES[-image.ndim :],
        "datasets": [scaled("0", *lead, 0.5, 0.5), scaled("down/1", *lead, small, small)],
    }
    fields = {"multiscales": [{**given, **multiscale}]}
    if version == "0.4":
        group.attrs.update(fields)
    else:
        group.attrs["ome"] = {"version": version, **fields}
    return folder


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_axes_units_levels_and_pixels(tmp_path: Path, version: str) -> None:
    picture = mk.open(make(tmp_path / "a.ome.zarr", version))
    assert (picture.format, picture.axes, picture.shape) == (f"OME-Zarr {version}", "ZYX", IMAGE.shape)
    assert picture.spacing_mm == pytest.approx((0.002, 0.0005, 0.0005), rel=1e-12)
    assert [level.downsample for level in picture.levels] == [(1.0, 1.0), (2.0, 2.0)]
    np.testing.assert_array_equal(picture.read(), IMAGE)
    np.testing.assert_array_equal(
        picture.levels[1].read((slice(1, 2), slice(3, 9), slice(0, 5))), IMAGE[1:2, 6:18:2, :10:2]
    )
    assert len(picture.sha256) == 64


def test_B01_big_endian(tmp_path: Path) -> None:
    picture = mk.open(make(tmp_path / "a.zarr", image=IMAGE.astype(">u2")))
    assert picture.read().dtype.isnative
    np.testing.assert_array_equal(picture.read(), IMAGE)


def test_C03_single_times_and_channels_are_dropped(tmp_path: Path) -> None:
    axes = [{"name": "t", "type": "time"}, {"name": "c", "type": "channel"}, *AXES]
    sets = [scaled("0", 1, 1, 2.0, 0.5, 0.5)]
    folder = make(tmp_path / "a.zarr", image=IMAGE[None, None], axes=axes, datasets=sets)
    picture = mk.open(folder)
    assert (picture.axes, picture.shape) == ("ZYX", IMAGE.shape)
    np.testing.assert_array_equal(picture.read(), IMAGE)


def test_A17_scale_of_a_level_against_its_size(tmp_path: Path) -> None:
    image = np.ones((500, 600), np.uint8)
    assert mk.open(make(tmp_path / "a.zarr", image=image)).spacing_mm == (0.0005, 0.0005)
    assert "E-CAL-04" in str(mk.open(make(tmp_path / "b.zarr", image=image, small=0.5)).refusal)


@pytest.mark.parametrize("unit", [None, "pixel", ""])
def test_A08_no_unit_is_no_claim(tmp_path: Path, unit: str | None) -> None:
    axes = [{"name": a, "type": "space"} | ({} if unit is None else {"unit": unit}) for a in "zyx"]
    picture = mk.open(make(tmp_path / "a.zarr", axes=axes))
    assert picture.calibration is None
    assert "E-CAL-01" in str(picture.refusal)


@pytest.mark.parametrize("names", ["zxy", "qyx", "yyx"])
def test_C01_axes_that_are_not_clear(tmp_path: Path, names: str) -> None:
    with pytest.raises(AxesError, match=r"^a\.zarr: .*E-AXE-01"):
        mk.open(make(tmp_path / "a.zarr", axes=[{"name": n} for n in names]))


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_E15_missing_chunk_is_not_scanned(tmp_path: Path, version: str) -> None:
    folder = make(tmp_path / "a.zarr", version)
    chunk = folder / "0" / (Path("1.0.0") if version == "0.4" else Path("c/1/0/0"))
    chunk.unlink()
    picture = mk.open(folder)
    assert "not_scanned" in picture.flags
    assert any("1 of 18 chunks are not there" in note for note in picture.warnings)


def test_E15_broken_chunk(tmp_path: Path) -> None:
    folder = make(tmp_path / "a.zarr")
    (folder / "0" / "1.0.0").write_bytes(b"rubbish")
    picture = mk.open(folder)
    with pytest.raises(FileError, match=r"^a\.zarr: .*E-FILE-05"):
        picture.read()


@pytest.mark.parametrize("path", ["../b.zarr/0", "/etc", "http://example.org/0", "s3://x", "a/../../b", ""])
def test_E15_levels_stay_inside(tmp_path: Path, path: str) -> None:
    make(tmp_path / "b.zarr")
    with pytest.raises(FileError, match=r"^a\.zarr: .*E-FILE-08"):
        mk.open(make(tmp_path / "a.zarr", datasets=[scaled(path, 1, 1, 1)]))


def test_E15_link_out_of_the_folder(tmp_path: Path) -> None:
    folder = make(tmp_path / "a.zarr")
    (folder / "secret").symlink_to("/etc/hostname")
    with pytest.raises(FileError, match="E-FILE-08"):
        mk.open(folder)


def test_G05_a_codec_that_runs_code_is_refused(tmp_path: Path) -> None:
    folder = make(tmp_path / "a.zarr")
    meta = json.loads((folder / "0" / ".zarray").read_text())
    meta["filters"] = [{"id": "pickle", "protocol": 5}]
    (folder / "0" / ".zarray").write_text(json.dumps(meta))
    with pytest.raises(FileError, match=r"codec not allowed.*pickle"):
        mk.open(folder)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "E-FILE-07"),
        ("{}", "E-FILE-10"),
        ('{"plate": {}}', "E-FILE-10"),
        ("[1]", "E-FILE-10"),
        ('{"multiscales": [3]}', "E-FILE-07"),
        ('{"multiscales": [{"datasets": [{"path": "nowhere"}]}]}', "E-FILE-04"),
    ],
)
def test_E10_metadata(tmp_path: Path, text: str, code: str) -> None:
    folder = make(tmp_path / "a.zarr")
    (folder / ".zattrs").write_text(text)
    with pytest.raises(MarginError, match=rf"^a\.zarr: .*{code}"):
        mk.open(folder)


def test_a_broken_array_is_told_without_folders(tmp_path: Path) -> None:
    folder = make(tmp_path / "a.zarr")
    (folder / "0" / ".zarray").write_text('{"zarr_format": 2, "shape": "x"}')
    with pytest.raises(FileError, match=r"^a\.zarr: .*E-FILE-06") as caught:
        mk.open(folder)
    assert str(tmp_path) not in str(caught.value)


def test_an_ordinary_folder_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    with pytest.raises(FileError, match=r"^notes: no reader knows this file"):
        mk.open(tmp_path / "notes")


@pytest.mark.parametrize("lead", [0, 1, 2])
@pytest.mark.parametrize(
    "how",
    [
        {"zarr_format": 2},
        {"zarr_format": 2, "chunk_key_encoding": {"name": "v2", "separator": "/"}},
        {},
        {"shards": (40, 20)},
        {"chunk_key_encoding": {"name": "v2", "separator": "."}},
        {"chunk_key_encoding": {"name": "default", "separator": "."}},
    ],
)
def test_chunks_that_are_there_are_those_that_zarr_counts(tmp_path: Path, how: dict[str, Any], lead: int) -> None:
    """The names too, though zarr is asked for few of them; other files in the folder do not count."""
    shape, chunks = (*(2, 3)[:lead], 100, 90), (1,) * lead + (20, 10)
    shards = {"shards": (1,) * lead + how["shards"]} if "shards" in how else {}
    kind: dict[str, Any] = {"fill_value": 0, "dtype": "u1", "config": {"write_empty_chunks": False}, **how, **shards}
    array = zarr.create_array(str(tmp_path / "a"), shape=shape, chunks=chunks, **kind)
    array[..., 10:45, 15:60] = 1
    (tmp_path / "a" / "notes.txt").write_text("c")
    array = zarr.open_array(str(tmp_path / "a"), mode="r")
    found = _zarrkeys.missing(tmp_path / "a", array)
    assert found == (array.nchunks - array.nchunks_initialized, array.nchunks)
    assert 0 < found[0] < found[1]
    name = _zarrkeys.namer(array)
    for at in ((0,) * lead + (0, 7), (1,) * lead + (3, 12)):
        assert name(*at) == array.metadata.encode_chunk_key(at)


def test_files_of_a_folder_come_in_the_order_of_their_paths(tmp_path: Path) -> None:
    for name in ("a/b/2", "a/10", "a.b/1", "a-b", "a/b.c", "B/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "within").symlink_to(tmp_path / "a")
    (tmp_path / "alike").symlink_to(tmp_path / "a-b")
    assert files.inside(tmp_path) == sorted(path for path in tmp_path.rglob("*") if path.is_file())

"""Masks of whole slides, read by tiles: what comes out is what is in the file, and what is the same is decoded once."""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import marginkit as mk
from marginkit.errors import FileError, PixelError, SizeError
from marginkit.geometry import compiled, value_runs
from marginkit.geometry.run_mask import RunMask
from marginkit.pipeline import Job, measured
from marginkit.readers import _tiffpixels, _tifftiles, _tileruns, _zarrtiles
from marginkit.segmenters import masks


@pytest.fixture(autouse=True)
def _small_slides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masks, "RUNS_FROM_PIXELS", 1)


def labels(height: int = 150, width: int = 210) -> Any:
    """Tissue with a hole, two foci; most tiles of 16 have one value."""
    y, x = np.ogrid[:height, :width]
    out = (((y - 75) / 66) ** 2 + ((x - 100) / 92) ** 2 < 1).astype(np.uint8)
    out[60:64, 40:50] = 0
    out[(y - 80) ** 2 + (x - 120) ** 2 < 400] = 2
    out[50:53, 80:90] = 2
    return out


def saved(path: Path, array: Any, **how: Any) -> str:
    kind = {"tile": (16, 16), "compression": "zlib", "photometric": "minisblack", "metadata": None}
    scale = {"resolution": (20_000.0, 20_000.0), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(path, array, **{**kind, **scale, **how})
    return str(path)


@pytest.mark.parametrize("compression", ["zlib", "zstd", "lzw", "packbits", None])
@pytest.mark.parametrize("big", [False, True])
def test_every_packing(tmp_path: Path, compression: str | None, big: bool) -> None:
    path = saved(tmp_path / "m.tif", labels(), compression=compression, bigtiff=big)
    found = masks.region_from_picture(mk.open(path), masks.parse_select("label=1+2")).data
    assert isinstance(found, RunMask)
    assert np.array_equal(np.asarray(found), labels() > 0)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.integers(1, 70), st.integers(1, 70), st.sampled_from([(16, 16), (16, 32), (32, 16)]),
    st.sampled_from(["u1", "i2", ">u4"]), st.sampled_from([0.0, 0.02, 0.5]),
)  # fmt: skip
def test_tiles_threads_routes_and_noise(
    tmp_path: Path, seed: int, height: int, width: int, tile: tuple[int, int], dtype: str, noise: float
) -> None:
    """One thread and two, compiled and NumPy, all tiles at once and a few: the same runs, those of the array."""
    random = np.random.default_rng(seed)
    blocks = random.integers(0, 3, (-(-height // 16), -(-width // 16)), np.uint8)
    array = np.kron(blocks, np.ones((16, 16), np.uint8))[:height, :width]
    array = np.where(random.random(array.shape) < noise, random.integers(0, 3, array.shape, np.uint8), array)
    order = {"byteorder": ">" if dtype.startswith(">") else "<"}
    source: Any = mk.open(saved(tmp_path / "m.tif", array.astype(dtype), tile=tile, **order)).levels[0].read
    found = [_tifftiles.read(source.path, source.pages[0], workers) for workers in (1, 2)]
    with compiled.switched_off(), pytest.MonkeyPatch.context() as patch:
        found.append(_tifftiles.read(source.path, source.pages[0], 2))
        patch.setattr(_tileruns, "TILES_AT_ONCE", 3)
        patch.setattr(_tileruns, "OPEN_BYTES", 600)  # one tile is open at a time
        found.append(_tifftiles.read(source.path, source.pages[0], 1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_tileruns, "OPEN_BYTES", 600)
        found.append(_tifftiles.read(source.path, source.pages[0], 2))
    runs, _ = found[0]
    for label in (1, 2):
        assert np.array_equal(np.asarray(runs.mask(lambda value, label=label: value == label)), array == label)
    for other, told in found:
        assert told.tiles == told.absent + told.known + told.decoded
        for name in ("row", "start", "stop", "value"):
            assert np.array_equal(getattr(runs, name), getattr(other, name)), name


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("holes", ["ignore", "cut"])
def test_a_mask_in_tiles_is_measured_as_an_array(tmp_path: Path, seed: int, holes: Any) -> None:
    """Every number of the result, on both routes."""
    random = np.random.default_rng(seed)
    array = np.roll(labels(), random.integers(0, 60, 2), axis=(0, 1))
    array[random.random(array.shape) < 0.001] = 0
    picture = mk.open(saved(tmp_path / "m.tif", array))
    true = mk.measure(array == 2, array > 0, (0.0005, 0.0005), holes=holes)
    for off in (False, True):
        with compiled.switched_off() if off else nullcontext():
            source: Any = picture.levels[0].read
            source.kept.clear()
            parts = [masks.region_from_picture(picture, masks.parse_select(f"label={word}")) for word in ("2", "1+2")]
            assert isinstance(parts[0].data, RunMask)
            found = mk.measure(*parts, (0.0005, 0.0005), holes=holes)
        np.testing.assert_equal(asdict(found), asdict(true))


def test_strips_too(tmp_path: Path) -> None:
    path = tmp_path / "m.tif"
    tifffile.imwrite(path, (labels() > 0).astype(np.uint8), rowsperstrip=7, compression="zlib", metadata=None)
    found = masks.region_from_picture(mk.open(str(path))).data
    assert isinstance(found, RunMask)
    assert np.array_equal(np.asarray(found), labels() > 0)


def test_what_is_the_same_is_decoded_once(tmp_path: Path) -> None:
    source: Any = mk.open(saved(tmp_path / "m.tif", labels(1600, 1600))).levels[0].read
    _, tally = _tifftiles.read(source.path, source.pages[0], 1)
    assert tally.tiles == 10_000
    assert tally.known > 9_000


def test_noise_is_refused_before_all_of_it_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(4)
    path = saved(tmp_path / "m.tif", random.integers(0, 3, (800, 800), np.uint8))
    source: Any = mk.open(path).levels[0].read
    asked: list[int] = []
    decoded = _tiffpixels.decoded
    monkeypatch.setattr(_tiffpixels, "decoded", lambda *given: asked.append(1) or decoded(*given))
    monkeypatch.setattr(value_runs, "MOST_RUNS", 10_000)
    for workers in (1, 2):
        with pytest.raises(SizeError, match=r"E-SIZE-01.*more than 10000 runs"):
            _tifftiles.read(source.path, source.pages[0], workers)
    assert len(asked) < 1000  # of 2 x 2500


def test_the_first_broken_tile_is_named_by_any_number_of_threads(tmp_path: Path) -> None:
    """Tiles of noise, three of them broken: the first in the file's order is said, whoever meets it."""
    path = tmp_path / "m.tif"
    saved(path, np.random.default_rng(5).integers(0, 3, (320, 320), np.uint8))
    source: Any = mk.open(str(path)).levels[0].read
    data = bytearray(path.read_bytes())
    for number in (399, 137, 25):
        offset, count = int(source.pages[0].offsets[number]), int(source.pages[0].counts[number])
        data[offset : offset + count] = b"\xa5" * count
    path.write_bytes(data)
    for workers in (1, 2, 2, 2):
        with pytest.raises(FileError, match=r"E-FILE-05.*segment 25 at row"):
            _tifftiles.read(str(path), source.pages[0], workers)


def test_repeated_tiles_of_several_values(tmp_path: Path) -> None:
    """Bytes that come again and hold two values are not taken for one; tiles at the border of the image neither."""
    cell = np.zeros((16, 16), np.uint8)
    cell[:, 8:] = 2
    array = np.tile(cell, (12, 12))[:185, :187]
    array[64:128] = 1
    source: Any = mk.open(saved(tmp_path / "m.tif", array)).levels[0].read
    for workers in (1, 2):
        runs, tally = _tifftiles.read(source.path, source.pages[0], workers)
        for label in (0, 1, 2):
            assert np.array_equal(np.asarray(runs.mask(lambda value, label=label: value == label)), array == label)
        assert tally.known >= 4 * 11 - 1


def test_the_command_gives_one_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "m.tif", labels())
    job = Job(path, tumor=f"{path}#label=2", specimen=f"{path}#label=1+2", sectors="up=superior,down=inferior")
    by_runs = measured(job)
    assert isinstance(by_runs.regions["tumor"].data, RunMask)
    monkeypatch.setattr(masks, "RUNS_FROM_PIXELS", 1 << 40)
    by_arrays = measured(job)
    assert isinstance(by_arrays.regions["tumor"].data, np.ndarray)
    assert by_runs.result.margins == by_arrays.result.margins
    assert by_runs.result.foci == by_arrays.result.foci
    assert by_runs.warnings == by_arrays.warnings
    assert by_runs.provenance == by_arrays.provenance


def test_reports_are_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from marginkit.pipeline import write

    path = saved(tmp_path / "m.tif", labels())
    job = Job(path, tumor=f"{path}#label=2", specimen=f"{path}#label=1+2")
    write(measured(job), tmp_path / "runs")
    monkeypatch.setattr(masks, "RUNS_FROM_PIXELS", 1 << 40)
    write(measured(job), tmp_path / "arrays")
    for file in (tmp_path / "arrays").iterdir():
        assert file.read_bytes() == (tmp_path / "runs" / file.name).read_bytes(), file.name


@pytest.mark.parametrize("select", ["", "label=7"])
def test_doubtful_values_are_refused_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, select: str) -> None:
    picture = mk.open(saved(tmp_path / "m.tif", labels()))
    said = []
    for limit in (1, 1 << 40):
        monkeypatch.setattr(masks, "RUNS_FROM_PIXELS", limit)
        with pytest.raises(PixelError) as refused:
            masks.region_from_picture(picture, masks.parse_select(select))
        said.append(str(refused.value))
    assert said[0] == said[1]


def test_a_broken_tile_is_named(tmp_path: Path) -> None:
    path = tmp_path / "m.tif"
    saved(path, labels())
    with tifffile.TiffFile(path) as file:
        page: Any = file.pages[0]
        mixed = max(range(len(page.databytecounts)), key=lambda i: page.databytecounts[i])
        offset, count = page.dataoffsets[mixed], page.databytecounts[mixed]
    data = bytearray(path.read_bytes())
    data[offset : offset + count] = b"\xa5" * count
    path.write_bytes(data)
    picture = mk.open(str(path))
    with pytest.raises(FileError, match=f"E-FILE-05.*segment {mixed} at row"):
        masks.region_from_picture(picture, masks.parse_select("label=2"))


def test_tiles_never_written_are_background(tmp_path: Path) -> None:
    def tiles() -> Iterator[Any]:
        padded = np.pad(labels(), ((0, -150 % 16), (0, -210 % 16)))
        for top in range(0, 150, 16):
            for left in range(0, 210, 16):
                tile = padded[top : top + 16, left : left + 16]
                yield tile if tile.any() or top == left == 0 else None  # the writer looks at the first

    path = tmp_path / "m.tif"
    gdal = (42113, "s", 0, "0", False)  # whose files may leave tiles out
    kind = {"tile": (16, 16), "compression": "zlib", "photometric": "minisblack", "metadata": None}
    tifffile.imwrite(path, tiles(), shape=(150, 210), dtype=np.uint8, extratags=[gdal], **kind)
    source: Any = mk.open(str(path)).levels[0].read
    runs, tally = _tifftiles.read(source.path, source.pages[0])
    assert tally.absent == source.pages[0].missing > 10
    assert tally.known + tally.decoded == tally.tiles - tally.absent
    for label in (1, 2):
        assert np.array_equal(np.asarray(runs.mask(lambda value, label=label: value == label)), labels() == label)


def in_zarr(folder: Path, array: Any, version: int = 3, lead: int = 0, **how: Any) -> str:
    """An OME-Zarr of one level, half a µm a pixel, chunks of 16 and those of the fill value left out."""
    group = zarr.open_group(folder, mode="w", zarr_format=version)
    axes: list[Any] = [{"name": name, "type": "space", "unit": "micrometer"} for name in "yx"]
    axes = [{"name": name, "type": kind} for name, kind in (("t", "time"), ("c", "channel"))][:lead] + axes
    scale = [1.0] * lead + [0.5, 0.5]
    level = {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}
    fields = {"multiscales": [{"version": "0.4", "axes": axes, "datasets": [level]}]}
    group.attrs.update(fields if version == 2 else {"ome": {"version": "0.5", **fields}})
    kind = {"chunks": (1,) * lead + (16, 16), "fill_value": 0, "dtype": array.dtype, **how}
    target = group.create_array("0", shape=(1,) * lead + array.shape, config={"write_empty_chunks": False}, **kind)
    target[...] = array[(None,) * lead]
    return str(folder)


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"version": 2},
        {"lead": 2},
        {"fill_value": 1},
        {"fill_value": 2, "version": 2},
        {"shards": (48, 32)},
        {"chunks": (7, 500)},
        {"compressors": None},
        {"chunk_key_encoding": {"name": "v2", "separator": "."}},
    ],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, ">u4"])
def test_zarr_as_tiff(tmp_path: Path, how: dict[str, Any], dtype: Any) -> None:
    path = in_zarr(tmp_path / "m.ome.zarr", labels().astype(dtype), **how)
    tiff = saved(tmp_path / "m.tif", labels())
    for choice in ("label=2", "label=1+2", "label=0", "threshold=1.5"):
        mine, other = (masks.region_from_picture(mk.open(p), masks.parse_select(choice)).data for p in (path, tiff))
        assert isinstance(mine, RunMask)
        assert isinstance(other, RunMask)
        assert np.array_equal(mine.ends, other.ends)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.integers(1, 70), st.integers(1, 70), st.sampled_from([(16, 16), (5, 33)]),
    st.sampled_from([0, 1, 2]), st.sampled_from([0.0, 0.02, 0.5]),
)  # fmt: skip
def test_zarr_of_noise(
    tmp_path: Path, seed: int, height: int, width: int, chunk: tuple[int, int], fill: int, noise: float
) -> None:
    random = np.random.default_rng(seed)
    blocks = random.integers(0, 3, (-(-height // 16), -(-width // 16)), np.uint8)
    array = np.kron(blocks, np.ones((16, 16), np.uint8))[:height, :width]
    array = np.where(random.random(array.shape) < noise, random.integers(0, 3, array.shape, np.uint8), array)
    picture = mk.open(in_zarr(tmp_path / "m.zarr", array, chunks=chunk, fill_value=fill))
    source: Any = picture.levels[0].read
    runs = source.value_runs()
    for label in (1, 2):
        assert np.array_equal(np.asarray(runs.mask(lambda value, label=label: value == label)), array == label)


def test_zarr_decodes_what_is_new(tmp_path: Path) -> None:
    source: Any = mk.open(in_zarr(tmp_path / "m.zarr", labels())).levels[0].read
    asked: list[Any] = []
    folder, array = tmp_path / "m.zarr" / "0", zarr.open_array(str(tmp_path / "m.zarr" / "0"), mode="r")

    def window(where: Any) -> Any:
        asked.append(where)
        return np.asarray(array[where])

    _, tally = _zarrtiles.read(folder, array, (0, 1), window, "m.zarr")
    tiles = [labels()[y : y + 16, x : x + 16] for y in range(0, 150, 16) for x in range(0, 210, 16)]
    assert tally.absent == sum(not tile.any() for tile in tiles) > 10
    mixed = sum(tile.min() != tile.max() for tile in tiles)
    assert mixed < tally.decoded <= mixed + 8  # two threads may meet the same bytes at one time
    assert len(asked) == tally.decoded + 1  # and one pixel of what is not there
    assert source.value_runs() is source.value_runs()


def test_a_broken_chunk_is_said(tmp_path: Path) -> None:
    path = in_zarr(tmp_path / "m.zarr", labels())
    chunks = [p for p in (tmp_path / "m.zarr" / "0" / "c").rglob("*") if p.is_file()]
    max(chunks, key=lambda p: p.stat().st_size).write_bytes(b"\xa5" * 30)
    with pytest.raises(FileError, match=r"m\.zarr: .*E-FILE-05") as said:
        masks.region_from_picture(mk.open(path), masks.parse_select("label=2"))
    assert str(tmp_path) not in str(said.value)


def test_reports_of_zarr_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = in_zarr(tmp_path / "m.ome.zarr", labels())
    job = Job(path, tumor=f"{path}#label=2", specimen=f"{path}#label=1+2")
    by_runs = measured(job)
    monkeypatch.setattr(masks, "RUNS_FROM_PIXELS", 1 << 40)
    by_arrays = measured(job)
    assert isinstance(by_runs.regions["tumor"].data, RunMask)
    assert isinstance(by_arrays.regions["tumor"].data, np.ndarray)
    assert by_runs.result.margins == by_arrays.result.margins
    assert by_runs.warnings == by_arrays.warnings
    assert by_runs.provenance == by_arrays.provenance

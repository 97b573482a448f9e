"""Masks of whole slides, read by tiles: what comes out is what is in the file, and what is the same is decoded once."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import marginkit as mk
from marginkit.errors import FileError, PixelError
from marginkit.geometry.run_mask import RunMask
from marginkit.pipeline import Job, measured
from marginkit.readers import _valueruns
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
    st.sampled_from([1, 2]), st.sampled_from([0.0, 0.02, 0.5]),
)  # fmt: skip
def test_tiles_threads_and_noise(
    tmp_path: Path, seed: int, height: int, width: int, tile: tuple[int, int], workers: int, noise: float
) -> None:
    random = np.random.default_rng(seed)
    blocks = random.integers(0, 3, (-(-height // 16), -(-width // 16)), np.uint8)
    array = np.kron(blocks, np.ones((16, 16), np.uint8))[:height, :width]
    array = np.where(random.random(array.shape) < noise, random.integers(0, 3, array.shape, np.uint8), array)
    source: Any = mk.open(saved(tmp_path / "m.tif", array, tile=tile)).levels[0].read
    runs, tally = _valueruns.read(source.path, source.pages[0], workers)
    for label in (1, 2):
        assert np.array_equal(np.asarray(runs.mask(lambda value, label=label: value == label)), array == label)
    assert tally.tiles == tally.absent + tally.known + tally.decoded


def test_strips_too(tmp_path: Path) -> None:
    path = tmp_path / "m.tif"
    tifffile.imwrite(path, (labels() > 0).astype(np.uint8), rowsperstrip=7, compression="zlib", metadata=None)
    found = masks.region_from_picture(mk.open(str(path))).data
    assert isinstance(found, RunMask)
    assert np.array_equal(np.asarray(found), labels() > 0)


def test_what_is_the_same_is_decoded_once(tmp_path: Path) -> None:
    source: Any = mk.open(saved(tmp_path / "m.tif", labels(1600, 1600))).levels[0].read
    _, tally = _valueruns.read(source.path, source.pages[0], 1)
    assert tally.tiles == 10_000
    assert tally.known > 9_000


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

"""The closest pair from single tiles: always that of a measurement of the whole mask, and from few of the tiles."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

import marginkit as mk
from marginkit import cli, tiled
from marginkit.errors import CalibrationError, FileError, GridError, MarginError, MeasureError, PixelError
from marginkit.geometry import compiled, tile_pair, value_runs
from marginkit.geometry.tile_index import TileIndex
from marginkit.geometry.tile_indexing import indexed
from marginkit.geometry.tile_mask import TiledMask
from marginkit.tiled.margin import of_pair

Labels = NDArray[np.uint8]
TISSUE, TUMOR, STRAY = 1, 2, 3


def drawn(seed: int, kind: str, shape: tuple[int, int]) -> Labels:
    """A label image: specks, one piece with holes that fills the view, or pieces, holes, foci and a stray pixel."""
    random = np.random.default_rng(seed)
    labels = np.zeros(shape, np.uint8)
    if kind == "specks":
        labels[:] = random.choice(3, shape, p=[0.3, 0.6, 0.1])
        return labels
    if kind == "full":
        labels[:] = TISSUE
        labels[random.random(shape) < 0.03] = 0
        labels[random.random(shape) < 0.02] = TUMOR
        return labels
    index = np.stack(np.indices(shape), axis=-1)

    def disc(most: float) -> Any:
        return np.hypot(*np.moveaxis(index - random.uniform(0, shape), -1, 0)) < random.uniform(0.5, most)

    for _ in range(random.integers(1, 5)):
        labels[disc(max(shape) / 2)] = TISSUE
    for _ in range(random.integers(0, 4)):
        labels[disc(5)] = 0
    for _ in range(random.integers(1, 5)):
        labels[disc(4) & (labels == TISSUE)] = TUMOR
    labels[random.integers(0, shape[0]), random.integers(0, shape[1])] = random.choice([0, STRAY])
    return labels


def runs(labels: Labels) -> value_runs.ValueRuns:
    return value_runs.assembled([value_runs.joined([value_runs.of_tile(labels, 0, 0)], labels.shape[1])], labels.shape)


def measured(labels: Labels, spacing_mm: tuple[float, float], holes: Any) -> mk.Margins | None:
    try:
        return mk.measure(labels >= TUMOR, (labels == TISSUE) | (labels == TUMOR), spacing_mm, holes=holes)
    except MarginError:
        return None


def agrees(pair: tile_pair.TilePair | None, true: Any) -> None:
    """The pair is that of the measurement, bit by bit; where there is none, neither has the measurement."""
    if pair is None:
        assert true.value_mm is None
        return
    found = of_pair(pair, (0.0, 0.0), 0.0)
    assert found.value_mm == true.value_mm
    assert found.interval_mm == true.interval_mm
    assert (pair.edge_px, pair.tumor_px) == (true.closest.edge_px, true.closest.tumor_px)
    assert (found.qualifier, found.parts) == (true.qualifier, true.parts)
    assert [flag for flag in true.flags if flag != "line_leaves_tissue"] == list(found.flags)
    assert pair.unseen_mm == (true.unseen_mm if true.qualifier == "at_most" else None)


def searched(labels: Labels, tile: tuple[int, int], spacing_mm: tuple[float, float]) -> tuple[TileIndex, TiledMask]:
    index = indexed(runs(labels), tile, (TISSUE, TUMOR))

    def fetch(number: int) -> Labels:
        top, left = index.grid.corner(number)
        return labels[top : top + tile[0], left : left + tile[1]]

    return index, TiledMask(index, (TUMOR,), spacing_mm, fetch)


@settings(deadline=None, max_examples=100)
@given(
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(["specks", "full", "pieces", "pieces"]),
    shape=st.tuples(st.integers(2, 60), st.integers(2, 60)),
    tile=st.tuples(st.integers(1, 16), st.integers(1, 16)),
    spacing_mm=st.sampled_from([(0.5, 0.5), (0.25, 0.25), (0.3, 0.5), (1.0, 0.25)]),
    holes=st.sampled_from(["ignore", "cut"]),
    off=st.booleans(),
)
def test_the_pair_is_that_of_a_measurement(
    seed: int,
    kind: str,
    shape: tuple[int, int],
    tile: tuple[int, int],
    spacing_mm: tuple[float, float],
    holes: Any,
    off: bool,
) -> None:
    labels = drawn(seed, kind, shape)
    true = measured(labels, spacing_mm, holes)
    if true is None:
        return
    _, search = searched(labels, tile, spacing_mm)
    agrees(tile_pair.closest(search, holes == "cut"), true.margins[0])
    if off:
        with compiled.switched_off():
            _, search = searched(labels, tile, spacing_mm)
            agrees(tile_pair.closest(search, holes == "cut"), true.margins[0])


def corners_of_faces(inside: Any, packed: Any) -> tuple[Any, Any, Any]:
    """(n, 2) corners of faces, (n,) whether a pixel beside the face is packed, (n,) the pixel in front of it."""
    corner, beside, front = [], [], []
    for axis in (0, 1):
        size = inside.shape[axis] - 1
        a = np.argwhere(np.take(inside, range(size), axis) != np.take(inside, range(1, size + 1), axis))
        b = a + np.array([1 - axis, axis])
        corner += [b, b + np.array([axis, 1 - axis])]
        beside += [packed[tuple(a.T)] | packed[tuple(b.T)]] * 2
        front += [np.where(inside[tuple(a.T)][:, None], a, b)] * 2
    return np.concatenate(corner), np.concatenate(beside), np.concatenate(front)


@pytest.mark.parametrize("kind", ["full", "pieces"])
@pytest.mark.parametrize("seed", range(12))
def test_the_bound_holds(seed: int, kind: str) -> None:
    """All pairs of one piece that a packed tile has part in, by brute force: none is nearer than the bound."""
    labels = drawn(seed, kind, (40, 45))
    index, search = searched(labels, (5, 7), (1.0, 1.0))
    pair = tile_pair.closest(search, True) if index.count((TUMOR,)) else None
    if pair is None:
        return
    known = [number in search.decoded or index.only_value(number) is not None for number in range(len(index.holds))]
    packed = ~np.array(known)[index.grid.number(np.argwhere(labels < 9))].reshape(labels.shape)
    specimen = np.isin(labels, (TISSUE, TUMOR))
    piece, _ = ndimage.label(specimen, np.ones((3, 3)))
    corner, beside, front = corners_of_faces(specimen, packed)
    for pixel in np.argwhere(labels == TUMOR):
        mine = (piece[tuple(front.T)] == piece[tuple(pixel)]) & (beside | packed[tuple(pixel)])
        gap = np.maximum(np.maximum(pixel - corner, corner - pixel - 1), 0)[mine]
        assert np.hypot(*gap.T).min(initial=np.inf) >= pair.bound_mm * (1 - 1e-12)
    assert np.isinf(pair.bound_mm) or packed.any()


def slide(height: int, width: int) -> Labels:
    """One piece of tissue with a lumen and a focus, far larger than its tiles."""
    y, x = np.indices((height, width))
    labels = np.zeros((height, width), np.uint8)
    labels[np.hypot((y - height / 2) / height, (x - width / 2) / width) < 0.42] = TISSUE
    labels[np.hypot(y - height * 0.6, x - width * 0.5) < height / 30] = 0
    labels[np.hypot(y - height * 0.3, x - width * 0.45) < height / 20] = TUMOR
    return labels


@pytest.fixture(scope="module")
def mask(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mask") / "mask.tif"
    tifffile.imwrite(path, slide(1500, 1700), tile=(32, 48), compression="zlib", **SCALE)
    return path


SCALE: dict[str, Any] = {"resolution": (20_000, 20_000), "resolutionunit": "CENTIMETER", "metadata": None}
ASKED: dict[str, Any] = {"tumor": (TUMOR,), "specimen": (TISSUE, TUMOR)}


@pytest.mark.parametrize("holes", ["ignore", "cut"])
def test_few_tiles_are_decoded(mask: Path, tmp_path: Path, holes: Any) -> None:
    index = tmp_path / "kept.tiles"
    made, again = (tiled.closest(mask, **ASKED, holes=holes, index=index) for _ in range(2))
    assert (made.index, again.index, made.whole, again.notes) == ("made", "read", "", ())
    assert made.margin == again.margin
    labels = slide(1500, 1700)
    true = measured(labels, (0.0005, 0.0005), holes)
    assert true is not None
    assert again.margin.value_mm == true.value_mm
    assert again.margin.interval_mm == true.interval_mm
    assert again.margin.closest is not None
    assert true.closest is not None
    assert again.margin.closest.edge_mm == true.closest.edge_mm
    assert again.tiles == 47 * 36
    assert 0 < again.decoded <= 20
    assert again.bound_mm is not None
    assert again.bound_mm > true.interval_mm[1]
    assert index.stat().st_size < 20_000


def test_zarr_chunks_some_of_them_missing(tmp_path: Path) -> None:
    labels = slide(300, 340)
    group = zarr.open_group(tmp_path / "mask.zarr", mode="w", zarr_format=2)
    level = {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [0.5, 0.5]}]}
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "yx"]
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": [level]}]
    array = group.create_array("0", shape=labels.shape, chunks=(32, 32), dtype=np.uint8, fill_value=0)
    array[32:288, 32:320] = labels[32:288, 32:320]
    labels[:32] = labels[288:] = labels[:, :32] = labels[:, 320:] = 0
    found = tiled.closest(tmp_path / "mask.zarr", **ASKED)
    true = measured(labels, (0.0005, 0.0005), "ignore")
    assert true is not None
    assert (found.margin.value_mm, found.margin.interval_mm) == (true.value_mm, true.interval_mm)
    assert tiled.closest(tmp_path / "mask.zarr", **ASKED).index == "read"
    array[100, 100] = TUMOR
    changed = tiled.closest(tmp_path / "mask.zarr", **ASKED)
    assert changed.index == "made"
    assert "E-FILE-15" in changed.notes[-1]


def rewritten(path: Path) -> None:
    tifffile.imwrite(path, np.flipud(slide(160, 200)), tile=(32, 32), compression="zlib", **SCALE)


def touched(path: Path) -> None:
    os.utime(path, ns=(1, 1))


def damaged(path: Path) -> None:
    index = path.with_name("mask.tif.tiles")
    index.write_bytes(index.read_bytes()[:-5])


@pytest.mark.parametrize(("change", "code"), [(rewritten, "E-FILE-15"), (touched, "E-FILE-15"), (damaged, "E-FILE-06")])
def test_an_index_of_another_state_is_refused_and_made_again(tmp_path: Path, change: Any, code: str) -> None:
    path = tmp_path / "mask.tif"
    tifffile.imwrite(path, slide(160, 200), tile=(32, 32), compression="zlib", **SCALE)
    assert tiled.closest(path, **ASKED).index == "made"
    change(path)
    found = tiled.closest(path, **ASKED)
    assert found.index == "made"
    assert code in found.notes[-1]
    assert "made again" in found.notes[-1]
    true = measured(np.asarray(tifffile.imread(path)), (0.0005, 0.0005), "ignore")
    assert true is not None
    assert found.margin.value_mm == true.value_mm
    assert tiled.closest(path, **ASKED).index == "read"


def test_another_choice_of_the_specimen_has_another_index(tmp_path: Path) -> None:
    path = tmp_path / "mask.tif"
    tifffile.imwrite(path, slide(160, 200), tile=(32, 32), **SCALE)
    first = tiled.closest(path, **ASKED)
    with pytest.raises(MeasureError, match="E-MSR-03"):
        tiled.closest(path, tumor=(TUMOR,), specimen=(TISSUE,))
    alone = tiled.closest(path, tumor=(TUMOR,), specimen=(TUMOR,))
    assert alone.margin.qualifier == "touching"
    assert tiled.closest(path, **ASKED).margin == first.margin


def test_another_file_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "mask.tif"
    tifffile.imwrite(path, slide(160, 200), tile=(32, 32), **SCALE)
    before = path.read_bytes()
    with pytest.raises(FileError, match="E-FILE-09"):
        tiled.closest(path, **ASKED, index=path)
    assert path.read_bytes() == before


def test_a_folder_that_takes_no_index(tmp_path: Path) -> None:
    path = tmp_path / "mask.tif"
    tifffile.imwrite(path, slide(160, 200), tile=(32, 32), **SCALE)
    found = tiled.closest(path, **ASKED, index=tmp_path / "missing" / "kept.tiles")
    assert found.index == "made"
    assert "was not kept" in found.notes[-1]


def test_where_tiles_cannot_tell_everything_is_measured(tmp_path: Path) -> None:
    path = tmp_path / "mask.tif"
    labels = slide(160, 200).astype(np.uint16)
    labels[0, :100] = np.arange(100) + 10
    tifffile.imwrite(path, labels, tile=(32, 32), **SCALE)
    found = tiled.closest(path, **ASKED)
    assert (found.whole, found.index, found.bound_mm) == ("103 different values, limit 64", "none", None)
    true = measured(slide(160, 200), (0.0005, 0.0005), "ignore")
    assert true is not None
    assert found.margin.value_mm == true.value_mm
    framed = np.full((64, 64), TISSUE, np.uint8)
    framed[30, 30], framed[10, 10] = TUMOR, 0
    tifffile.imwrite(path, framed, tile=(32, 32), **SCALE)
    found = tiled.closest(path, **ASKED)
    assert found.whole == "no cut edge on a piece that holds tumor"
    assert (found.margin.qualifier, found.margin.reason) == ("not_assessable", "no cut edge in view")


def test_where_too_many_tiles_are_in_question_everything_is_measured(tmp_path: Path) -> None:
    path = tmp_path / "mask.tif"
    labels = np.tile(np.repeat(np.array([[0, 1, 2, 1], [1, 1, 1, 1]], np.uint8), 8, axis=0), (40, 160))
    tifffile.imwrite(path, labels, tile=(16, 16), compression="zlib", **SCALE)
    found = tiled.closest(path, **ASKED, holes="cut")
    assert found.whole == "more than 256 of 1600 tiles can hold the closest pair"
    true = measured(labels, (0.0005, 0.0005), "cut")
    assert true is not None
    assert found.margin == true.margins[0]


@pytest.mark.parametrize("head", [b"{}", b"[]", b'{"mask": {}, "specimen": [1, 2]}', b"\xff"])
def test_an_index_that_says_nothing_is_broken(tmp_path: Path, head: bytes) -> None:
    path, index = tmp_path / "mask.tif", tmp_path / "mask.tif.tiles"
    tifffile.imwrite(path, slide(160, 200), tile=(32, 32), **SCALE)
    rest = head + b"\n"
    index.write_bytes(f"marginkit.tiles/1 {hashlib.sha256(rest).hexdigest()}\n".encode() + rest)
    found = tiled.closest(path, **ASKED)
    assert found.index == "made"
    assert "E-FILE-" in found.notes[-1]


def test_stray_tumor_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "mask.tif"
    labels = slide(160, 200)
    labels[:2, :3] = STRAY
    tifffile.imwrite(path, labels, tile=(32, 32), **SCALE)
    found = tiled.closest(path, tumor=(TUMOR, STRAY), specimen=(TISSUE, TUMOR))
    assert found.outside_mm2 == pytest.approx(6 * 0.0005**2)


def test_no_pixel_size_is_no_margin(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "mask.tif", slide(160, 200), tile=(32, 32))
    with pytest.raises(CalibrationError, match="E-CAL-01"):
        tiled.closest(tmp_path / "mask.tif", **ASKED)


def test_the_command(mask: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["closest", str(mask), "--tumor", "2", "--specimen", "1+2"]
    assert cli.code_of(words) == 0
    table = capsys.readouterr().out
    assert "the index was made" in table
    assert "no pair in the tiles left out is nearer than" in table
    assert cli.code_of([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["schema"], found["tiles"]["index"], found["tiles"]["all"]) == ("marginkit.closest/1", "read", 1692)
    assert found["value_mm"] < found["tiles"]["bound_mm"]
    assert cli.code_of([*words[:3], "two", *words[4:]]) == 2


def two(folder: Path, labels: Labels, tiles: Any = ((16, 16), (32, 16)), **how: Any) -> tuple[Path, Path]:
    """A mask of the tumor and one of the specimen, in tiles of two sizes."""
    masks = {"tumor": labels >= TUMOR, "specimen": np.isin(labels, (TISSUE, TUMOR))}
    for (name, mask), tile in zip(masks.items(), tiles):
        kind = {"tile": tile, "compression": "zlib", **SCALE, **how.get(name, {})}
        tifffile.imwrite(folder / f"{name}.tif", mask.astype(np.uint8) * 255, **kind)
    return folder / "tumor.tif", folder / "specimen.tif"


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(["specks", "full", "pieces", "pieces"]),
    shape=st.tuples(st.integers(2, 90), st.integers(2, 90)),
    tiles=st.tuples(*[st.tuples(st.sampled_from([16, 32]), st.sampled_from([16, 48]))] * 2),
    holes=st.sampled_from(["ignore", "cut"]),
)
def test_two_masks_are_measured_as_one(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    kind: str,
    shape: tuple[int, int],
    tiles: Any,
    holes: Any,
) -> None:
    """Value, interval, pair and qualifier are those of ``measure``; the second search reads what the first has kept."""
    labels = drawn(seed, kind, shape)
    true = measured(labels, (0.0005, 0.0005), holes)
    files = two(tmp_path_factory.mktemp("two"), labels, tiles)
    if true is None:
        with pytest.raises(MarginError):
            tiled.between(*files, holes=holes).closest()
        return
    first, again = (tiled.between(*files, holes=holes).closest() for _ in range(2))
    assert first.margin == again.margin
    assert first.outside_mm2 == again.outside_mm2 == pytest.approx(true.outside)
    mine = again.margin
    assert (mine.value_mm, mine.qualifier) == (true.value_mm, true.qualifier)
    assert mine.interval_mm == true.interval_mm
    assert (mine.closest is None) == (true.closest is None)
    if mine.closest is not None and true.closest is not None:
        assert (mine.closest.tumor_px, mine.closest.edge_px) == (true.closest.tumor_px, true.closest.edge_px)
    if not again.whole:
        assert (first.index, again.index) == ("made", "read")


def test_few_tiles_of_two_masks_are_decoded(tmp_path: Path) -> None:
    tumor, specimen = two(tmp_path, slide(1500, 1700), ((32, 48), (64, 32)))
    made = tiled.between(tumor, specimen).indexed()
    assert (made.index, made.tiles, made.file) == ("made", 24 * 54, f"{specimen}+tumor.tif.tiles")
    found = tiled.between(tumor, specimen).closest()
    assert (found.index, found.name, found.tumor_name) == ("read", "specimen.tif", "tumor.tif")
    assert 0 < found.decoded <= 20
    alone = tmp_path / "mask.tif"
    tifffile.imwrite(alone, slide(1500, 1700), tile=(32, 48), compression="zlib", **SCALE)
    of_labels = tiled.between(f"{alone}#label=2", f"{alone}#label=1+2").closest()
    assert of_labels.margin == found.margin == tiled.closest(alone, **ASKED).margin
    os.utime(tumor, ns=(1, 1))
    assert "tumor_mask differs" in tiled.between(tumor, specimen).closest().notes[-1]


def test_another_choice_of_labels_has_another_index(tmp_path: Path) -> None:
    path = tmp_path / "mask.tif"
    tifffile.imwrite(path, slide(160, 200), tile=(32, 32), **SCALE)
    first = tiled.between(f"{path}#label=2", f"{path}#label=1+2").closest()
    other = tiled.between(f"{path}#label=2", f"{path}#threshold=1").closest()
    assert (first.margin, first.index, other.index) == (other.margin, "made", "made")
    with pytest.raises(PixelError, match=r"mask\.tif: .*E-PIX-05"):
        tiled.between(str(path), str(path)).closest()


def test_masks_that_do_not_lie_on_one_another(tmp_path: Path) -> None:
    labels = slide(160, 200)
    coarse = {"resolution": (10_000, 10_000)}
    with pytest.raises(GridError, match="E-GRID-04"):
        tiled.between(*two(tmp_path, labels, tumor=coarse)).closest()
    typed = tiled.between(*two(tmp_path, labels, tumor=coarse), pixel_size="0.5um").closest()
    true = measured(labels, (0.0005, 0.0005), "ignore")
    assert true is not None
    assert typed.margin.value_mm == true.value_mm
    tumor, specimen = two(tmp_path, labels)
    tifffile.imwrite(tumor, (labels[:140] >= TUMOR).astype(np.uint8), tile=(16, 16), **SCALE)
    with pytest.raises(GridError, match="E-GRID-06"):
        tiled.between(tumor, specimen).closest()


def test_a_mask_of_half_the_pixels_is_measured_whole(tmp_path: Path) -> None:
    labels = slide(320, 400)
    tumor, specimen = two(tmp_path, labels)
    tifffile.imwrite(
        tumor, (labels[::2, ::2] >= TUMOR).astype(np.uint8), tile=(16, 16), **{**SCALE, "resolution": (1e4, 1e4)}
    )
    found = tiled.between(tumor, specimen).closest()
    assert found.whole == "the mask is no plane of labels in tiles"
    assert found.margin.value_mm is not None


def test_the_command_with_two_masks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tumor, specimen = two(tmp_path, slide(600, 700))
    words = ["closest", "--tumor", str(tumor), "--specimen", f"{specimen}#threshold=128"]
    assert cli.code_of([*words, "--index-only"]) == 0
    assert "index of 836 tiles was made: specimen.tif+tumor.tif.tiles" in capsys.readouterr().err
    assert cli.code_of([*words, "--index-only", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["schema"], made["index"], made["tiles"]) == ("marginkit.closest-index/1", "read", 836)
    assert cli.code_of([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    true = measured(slide(600, 700), (0.0005, 0.0005), "ignore")
    assert true is not None
    assert (found["value_mm"], found["tiles"]["index"]) == (true.value_mm, "read")
    assert (found["mask"], found["tumor_mask"]) == ("specimen.tif", "tumor.tif")
    assert cli.code_of(words) == 0
    assert "tumor.tif" in capsys.readouterr().out


def test_an_index_that_cannot_be_made_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mask.png"
    path.write_bytes(imagecodecs.png_encode(slide(60, 70)))
    words = ["closest", str(path), "--tumor", "2", "--specimen", "1+2", "--pixel-size", "1um", "--index-only"]
    assert cli.code_of(words) == 1
    assert "E-MSR-12" in capsys.readouterr().err
    tifffile.imwrite(tmp_path / "mask.tif", slide(160, 200), tile=(32, 32), **SCALE)
    words[1:2] = [str(tmp_path / "mask.tif"), "--index", str(tmp_path / "missing" / "kept.tiles")]
    assert cli.code_of(words) == 1
    assert "E-FILE-" in capsys.readouterr().err

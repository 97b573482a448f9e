"""The compiled kernel and the NumPy route give the same answer, bit by bit, with one thread and with two."""

import os
import subprocess
import sys
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import marginkit as mk
from marginkit.geometry import bits, compiled, facets, runs, sharing, value_runs
from marginkit.geometry.masks import pixel_beside
from marginkit.geometry.nearest import Points

pytestmark = pytest.mark.skipif(compiled.kernel() is None, reason=compiled.route())
KINDS = ("empty", "full", "one", "speckle", "holes", "strands", "rings", "blobs")
NARROW = (1, 2, 7, 62, 63, 64, 65, 100, 127, 128, 129)
calm = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture(params=[1, 2], autouse=True)
def threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "threads", request.param)
    monkeypatch.setattr(compiled, "WORDS_A_SHARE", 8)  # so that small masks are shared out too
    monkeypatch.setattr(compiled, "POINTS_A_SHARE", 8)


def made(kind: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """A mask that is hard on one of the ways to search it."""
    rng = np.random.default_rng(seed)
    if kind in ("empty", "full"):
        return np.full(shape, kind == "full")
    if kind == "one":
        mask = np.zeros(shape, bool)
        mask[tuple(rng.integers(0, n) for n in shape)] = True
        return mask
    if kind in ("speckle", "holes"):
        return rng.random(shape) < (0.2 if kind == "speckle" else 0.9)
    index = np.indices(shape)
    if kind == "strands":
        return (index[-1] + index[-2]) % 5 == 0
    away = np.sqrt(sum((i - n / 2) ** 2 for i, n in zip(index, shape)))
    if kind == "rings":
        return away.astype(int) % 4 < 2
    return away + 2 * rng.random() * np.sin(index[-1] / 2) < min(shape) / 2


@st.composite
def masks(draw: st.DrawFn, widths: tuple[int, ...] = (*NARROW, 520, 1090)) -> np.ndarray:
    width = draw(st.sampled_from(widths))
    rest = draw(st.sampled_from([(1,), (2,), (9,), (40,), (1, 1), (1, 5), (4, 1), (5, 7)]))
    return made(draw(st.sampled_from(KINDS)), (*rest, width), draw(st.integers(0, 99)))


def parts(mask: np.ndarray) -> list[np.ndarray]:
    """Everything that geometry asks of one mask."""
    packed = bits.pack(mask)
    found = runs.runs(packed)
    out = [packed.words, bits.boundary_vertices(packed), found.row, found.start, found.stop]
    for corners in (True, False):
        joined = runs.components(found, corners=corners)
        out += [joined.label, np.array(joined.count)]
    table = facets.facets(packed, found)
    out += [table.axis, table.vertex, table.inside, table.outside]
    rolled = bits.boundary_vertices(bits.pack(np.roll(mask, 2, axis=0)))  # some of them touch no pixel of the mask
    out += [pixel_beside(packed, out[1]), pixel_beside(packed, rolled)]
    return [*out, np.array(bits.without(packed, bits.pack(np.roll(mask, 1, axis=-1))).count)]


@calm
@given(masks())
def test_what_is_found_in_a_mask_is_the_same(mask: np.ndarray) -> None:
    got = parts(mask)
    with compiled.switched_off():
        want = parts(mask)
    for one, other in zip(got, want, strict=True):
        assert one.dtype == other.dtype
        assert np.array_equal(one, other)


@calm
@given(
    st.integers(0, 10_000),
    st.sampled_from([2, 3]),
    st.sampled_from([1, 2, 9, 33, 700]),
    st.sampled_from([1, 5, 130, 600]),
    st.sampled_from([2, 12, 300]),
)
def test_the_same_nearest_are_found(seed: int, ndim: int, number: int, askers: int, size: int) -> None:
    """On a lattice most distances tie; the same of the equally near is found. Brute force has the last word."""
    rng = np.random.default_rng(seed)
    scale = rng.choice([1.0, 1.0, 3.75, 0.3 / 0.1, np.pi], ndim)
    points, asked = rng.integers(0, size, (number, ndim)) - 0.5, rng.integers(0, size, (askers, ndim)) - 0.5
    group = rng.integers(0, 4, askers)
    here, ask = Points(points, scale), Points(asked, scale, group)
    reach = float(rng.integers(0, size))
    got = here.nearest(ask), *here.least(ask, 5), here.within(ask, reach)
    with compiled.switched_off():
        want = here.nearest(ask), *here.least(ask, 5)
    for one, other in zip(got, want, strict=False):
        assert one.tolist() == other.tolist()
    squares = (asked[:, 0, None] * scale[0] - points[:, 0] * scale[0]) ** 2
    for axis in range(1, ndim):
        squares += (asked[:, axis, None] * scale[axis] - points[:, axis] * scale[axis]) ** 2
    assert got[0].tolist() == squares.argmin(axis=1).tolist()
    least = squares.min(axis=1)
    assert set(np.flatnonzero(least <= reach**2)) <= set(got[3].tolist())
    for k in range(4):
        mine = np.flatnonzero(group == k)
        assert got[1][k] == (mine[least[mine].argmin()] if len(mine) else -1)


@calm
@given(masks(NARROW), st.integers(0, 99), st.booleans())
def test_many_askers_on_a_grid_find_the_same(mask: np.ndarray, seed: int, apart: bool) -> None:
    """Rows are scanned instead of the tree searched; all shapes of points, and askers on all sides of them."""
    found = np.argwhere(mask.reshape(-1, mask.shape[-1])) - 0.5
    if not len(found):
        return
    where = made("speckle", (40, 70), seed)
    asked = np.argwhere(where) + (np.array([-60.5, 30.5]) if apart else np.array([-5.5, -9.5]))
    here, ask = Points(found, np.ones(2)), Points(asked, np.ones(2))
    assert here._dense(ask)
    got = here.nearest(ask)
    assert got.tolist() == here._compiled.nearest(ask._compiled).tolist()
    squares = (asked[:, 0, None] - found[:, 0]) ** 2 + (asked[:, 1, None] - found[:, 1]) ** 2
    assert got.tolist() == squares.argmin(axis=1).tolist()


@pytest.mark.parametrize("change", ["order", "fraction", "twice", "far", "scale"])
def test_askers_that_are_on_no_grid_are_answered_by_the_tree(change: str) -> None:
    found, asked = np.argwhere(np.ones((3, 3))) - 0.5, np.argwhere(np.ones((20, 20))) + 2.0 - 0.5
    scale = np.ones(2)
    if change == "order":
        asked = asked[::-1].copy()
    elif change == "fraction":
        asked[5, 1] += 0.25
    elif change == "twice":
        found = np.repeat(found, 2, axis=0)
    elif change == "far":
        asked[-1, 1] += 1 << 20
    else:
        scale = np.array([1.0, 1.5])
    here, ask = Points(found, scale), Points(asked, scale)
    assert not here._dense(ask)
    squares = ((asked[:, None] * scale - found * scale) ** 2).sum(axis=2)
    assert here.nearest(ask).tolist() == squares.argmin(axis=1).tolist()


@calm
@given(
    masks(NARROW),
    st.integers(0, 99),
    st.sampled_from(["ignore", "cut"]),
    st.sampled_from([(1.0,), (0.4, 1.5), (3.0, 0.7)]),
)
def test_whole_results_are_the_same(mask: np.ndarray, seed: int, holes: str, sizes: tuple[float, ...]) -> None:
    specimen = np.pad(mask, 1)
    tumor = specimen & made("speckle", specimen.shape, seed)
    if not tumor.any():
        return
    spacing = (sizes * 3)[: mask.ndim]
    got = asdict(mk.measure(tumor, specimen, spacing, holes=holes))  # type: ignore[arg-type]
    with compiled.switched_off():
        want = asdict(mk.measure(tumor, specimen, spacing, holes=holes))  # type: ignore[arg-type]
    np.testing.assert_equal(got, want)


def test_grids_that_differ_are_measured_the_same() -> None:
    """Lattice lines that are not regular."""
    tumor = mk.Region(made("blobs", (30, 31), 1), spacing_mm=(0.7, 0.9), origin_px=(5.0, 6.0))
    specimen = np.pad(np.ones((60, 70), bool), 3)
    got = asdict(mk.measure(tumor, specimen, (0.5, 0.5)))
    with compiled.switched_off():
        np.testing.assert_equal(asdict(mk.measure(tumor, specimen, (0.5, 0.5))), got)


@calm
@given(
    dtype=st.sampled_from(["?", "u1", "i1", "u2", "i2", "u4", "i4", "i8"]),
    shape=st.tuples(st.integers(1, 6), st.integers(1, 40)),
    seed=st.integers(0, 99),
    labels=st.integers(1, 4),
    cut=st.integers(0, 3),
)
def test_rows_of_tiles_have_the_same_runs(dtype: str, shape: tuple[int, int], seed: int, labels: int, cut: int) -> None:
    """Tiles of noise between spans of one value, with gaps, the last one reaching beyond the image."""
    rng = np.random.default_rng(seed)
    pieces, left = [], 3
    for _ in range(rng.integers(1, 6)):
        tile = np.repeat(rng.integers(-1 if dtype[0] == "i" else 0, labels, shape), 3, axis=1).astype(dtype)
        kind = rng.integers(0, 3)
        tile = tile[:, : max(1, tile.shape[1] - cut)] if kind == 0 else tile
        value = int(tile[0, 0])
        piece = value_runs.Piece(left, left + tile.shape[1], value, None if kind == 2 else tile)
        pieces.append(piece)
        left = piece.right + (int(rng.integers(0, 9)) if kind == 1 else 0)
    found = value_runs.row_of_tiles(range(5, 5 + shape[0]), pieces, left + 4)
    with compiled.switched_off():
        true = value_runs.row_of_tiles(range(5, 5 + shape[0]), pieces, left + 4)
    pixels = np.zeros((shape[0], left + 4), np.int64)
    for piece in pieces:
        pixels[:, piece.left : piece.right] = piece.value if piece.tile is None else piece.tile
    seen = np.zeros_like(pixels)
    for row, start, stop, value in zip(found.row, found.start, found.stop, found.value):
        seen[row - 5, start:stop] = value
    assert np.array_equal(seen, pixels)
    for name in ("row", "start", "stop", "value"):
        assert np.array_equal(getattr(found, name), getattr(true, name)), name


def test_arrays_that_the_kernel_cannot_read_are_refused() -> None:
    with pytest.raises(TypeError):
        compiled.vertices(np.zeros((4, 1), np.uint64), (4, 64))  # no zero bit behind the row
    with pytest.raises(TypeError):
        compiled.Tree(np.zeros((3, 4)), np.ones(4))
    with pytest.raises(TypeError):
        compiled.pointer(np.zeros((4, 4))[:, ::2], np.float64)


def test_the_library_can_be_hidden() -> None:
    code = "from marginkit.geometry import compiled; print(compiled.kernel(), compiled.route())\n"
    code += "import numpy as np, marginkit as mk; s = np.pad(np.ones((9, 9), bool), 1); t = np.zeros_like(s)\n"
    code += "t[5, 5] = True; print(mk.measure(t, s, (1, 1)).value_mm)"
    env = {**os.environ, "MARGINKIT_KERNEL": "off"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["None NumPy and SciPy (kernel MARGINKIT_KERNEL=off)", "4.0"]

"""Straight lines against shapely: what they cross, and whether they stay in the tissue."""

import numpy as np
import shapely
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from marginkit.geometry import sight
from marginkit.geometry.bits import pack
from marginkit.geometry.lattice import regular_ticks
from marginkit.geometry.run_mask import RunMask

MASKS = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=7))
CORNER = st.tuples(st.integers(0, 7), st.integers(0, 7))


def squares(mask: np.ndarray) -> shapely.Geometry:
    return shapely.union_all([shapely.box(c - 0.5, r - 0.5, c + 0.5, r + 0.5) for r, c in np.argwhere(mask)])


@given(MASKS, CORNER, CORNER)
def test_crossing_equals_shapely(mask: np.ndarray, one: tuple, other: tuple) -> None:
    start, end = np.array([one]) - 0.5, np.array([other]) - 0.5
    got = sight.crosses(pack(mask), regular_ticks(mask.shape), start, end)[0]
    line = shapely.LineString([start[0, ::-1], end[0, ::-1]])
    inner = shapely.buffer(squares(mask), -1e-6)
    assert bool(got) == bool(line.length > 0 and shapely.intersects(line, inner))


@given(MASKS, CORNER, CORNER)
def test_staying_inside_equals_shapely(mask: np.ndarray, one: tuple, other: tuple) -> None:
    start, end = np.array(one) - 0.5, np.array(other) - 0.5
    got = sight.stays_inside(pack(mask), regular_ticks(mask.shape), start.tolist(), end.tolist())
    line = shapely.LineString([start[::-1], end[::-1]])
    assume(line.length > 0)
    assert got == bool(shapely.covers(shapely.buffer(squares(mask), 1e-6), line))


def test_line_between_two_pixels_of_a_wall_crosses_it() -> None:
    wall = np.zeros((9, 9), bool)
    wall[4] = True
    lines = sight.crosses(pack(wall), regular_ticks(wall.shape), np.array([[1.5, 3.5]]), np.array([[7.5, 3.5]]))
    assert lines.tolist() == [True]


@given(st.integers(0, 2**32 - 1), st.integers(9, 150), st.integers(9, 150))
def test_many_cells_crossed_equal_shapely(seed: int, height: int, width: int) -> None:
    random = np.random.default_rng(seed)
    mask = random.random((height, width)) < random.choice([0.0005, 0.01])
    start, end = random.uniform(-0.5, [height - 0.5, width - 0.5], (2, 20, 2))
    got = sight.crosses(pack(mask), regular_ticks(mask.shape), start, end)
    assert got.tolist() == sight.crosses(RunMask.of(mask), regular_ticks(mask.shape), start, end).tolist()
    inner = shapely.buffer(squares(mask), -1e-9)
    lines = shapely.linestrings(np.stack([start, end], axis=1)[..., ::-1])
    assert got.tolist() == shapely.intersects(lines, inner).tolist()

"""Masks kept as runs: every answer is that of the same mask kept as bits."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

import marginkit as mk
from marginkit.errors import SizeError
from marginkit.geometry import bits, masks
from marginkit.geometry.run_mask import RunMask
from marginkit.geometry.runs import Runs, components, runs
from marginkit.geometry.tracing import mask_polygon
from marginkit.geometry.value_runs import ValueRuns, assembled, joined, of_span, of_tile

SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 140))
Bools = NDArray[np.bool_]


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Bools, Bools]:
    shape = draw(SHAPES)
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shares = [draw(st.sampled_from([0.0, 0.05, 0.5, 0.95, 1.0])) for _ in range(2)]
    a, b = (random.random(shape) < share for share in shares)
    return a, b


@settings(deadline=None, max_examples=60)
@given(pairs())
def test_runs_answer_as_bits_do(pair: tuple[Bools, Bools]) -> None:
    a, b = pair
    mask, other, packed = RunMask.of(a), RunMask.of(b), bits.pack(a)
    for name in ("row", "start", "stop"):
        assert np.array_equal(getattr(mask.runs, name), getattr(runs(packed), name))
    assert mask.count == packed.count == a.sum()
    assert np.array_equal(mask.vertices(), bits.boundary_vertices(packed))
    parts = components(mask.runs, corners=True)
    of_pixel = parts.at(masks.pixel_beside(packed, mask.vertices()))
    assert np.array_equal(parts.label[mask.run_beside(mask.vertices())], of_pixel)
    for axis in (0, 1):
        mine, theirs = mask.faces(axis), bits.faces_across(packed, axis)
        assert np.array_equal(mine.vertex, theirs.vertex)
        assert np.array_equal(mine.inside, theirs.inside)
    for mine, theirs in ((mask & other, a & b), (mask | other, a | b), (mask - other, a & ~b), (mask ^ other, a ^ b)):
        assert np.array_equal(np.asarray(mine), theirs)
    around = np.stack(np.indices(tuple(n + 4 for n in a.shape)), axis=-1).reshape(-1, 2) - 2
    assert np.array_equal(mask.held(around), masks.pixels_held(packed, around))
    assert mask_polygon(mask).equals_exact(mask_polygon(a), 0)


@settings(deadline=None, max_examples=60)
@given(pairs(), st.data())
def test_windows(pair: tuple[Bools, Bools], data: st.DataObject) -> None:
    a, _ = pair
    where = tuple(slice(data.draw(st.integers(0, n)), None, data.draw(st.integers(1, 4))) for n in a.shape)
    mask = RunMask.of(a)
    assert np.array_equal(mask[where], a[where])
    inner = tuple(slice(s.start, s.start + data.draw(st.integers(0, 9))) for s in where)
    assert np.array_equal(np.asarray(mask.crop(inner)), a[inner])


@settings(deadline=None, max_examples=60)
@given(arrays(np.uint8, SHAPES, elements=st.integers(0, 3)), st.integers(1, 50), st.integers(1, 5))
def test_labels_put_together_from_tiles(labels: Any, across: int, down: int) -> None:
    height, width = labels.shape
    rows = []
    for top in range(0, height, down):
        parts = []
        for left in range(0, width, across):
            tile = labels[top : top + down, left : left + across]
            if (tile == tile[0, 0]).all():
                area = range(top, top + tile.shape[0]), range(left, left + tile.shape[1])
                parts.append(of_span(int(tile[0, 0]), *area))
            else:
                parts.append(of_tile(tile, top, left))
        rows.append(joined(parts, width))
    found: ValueRuns = assembled(rows, (height, width))
    assert found.values() == np.unique(labels).tolist()
    choices: list[Callable[[Any], Any]] = [lambda v: v == 2, lambda v: v >= 1, lambda v: v == 0, lambda v: v < 2]
    for wanted in choices:
        mask = found.mask(wanted)
        assert np.array_equal(np.asarray(mask), wanted(labels))
        again = RunMask.of(wanted(labels))
        assert np.array_equal(mask.ends, again.ends)  # no run touches the next


def specimen_and_tumor(seed: int) -> tuple[Bools, Bools]:
    random = np.random.default_rng(seed)
    specimen = random.random((24, 90)) < 0.9
    specimen[:, [0, -1]] = specimen[[0, -1]] = seed % 3 == 0
    return (random.random(specimen.shape) < 0.06), specimen


@pytest.mark.parametrize("seed", range(12))
def test_a_measurement_of_runs_is_that_of_arrays(seed: int) -> None:
    tumor, specimen = specimen_and_tumor(seed)
    wall, part = np.zeros_like(specimen), np.zeros_like(specimen)
    wall[:, 40:42], part[:12] = True, True
    given: dict[str, Any] = {"holes": ("ignore", "cut")[seed % 2], "link_mm": 0.3 * (seed % 2)}
    true = mk.measure(tumor, specimen, (0.2, 0.1), barrier=wall, names={"top": part}, **given)
    found = mk.measure(
        RunMask.of(tumor), RunMask.of(specimen), (0.2, 0.1), barrier=RunMask.of(wall),
        names={"top": RunMask.of(part)}, **given,
    )  # fmt: skip
    assert found.margins == true.margins
    assert (found.foci, found.size, found.outside, found.flags) == (true.foci, true.size, true.outside, true.flags)
    assert found.barriers == true.barriers
    for name in ("distance_mm", "size", "edge_px", "tumor_px"):
        assert np.array_equal(getattr(found.profile, name), getattr(true.profile, name))


def test_a_way_round_a_notch() -> None:
    specimen = np.zeros((60, 80), bool)
    specimen[5:55, 5:75] = True
    specimen[5:45, 38:42] = False
    tumor = np.zeros_like(specimen)
    tumor[10:14, 30:34] = True
    edge = np.zeros_like(specimen)
    edge[8:20, 42:45] = True
    edge[:, :38] = False
    true = mk.measure(tumor, specimen, (0.1, 0.1), edge=edge)
    found = mk.measure(RunMask.of(tumor), RunMask.of(specimen), (0.1, 0.1), edge=RunMask.of(edge))
    assert found.closest is not None
    assert true.closest == found.closest
    assert found.closest.through_tissue_mm is not None


def test_a_slide_is_no_array() -> None:
    rows = np.arange(80_000)
    mask = RunMask(Runs(rows, rows * 0 + 5, rows * 0 + 99_000, (80_000, 100_000)))
    assert mask.count == 80_000 * 98_995
    with pytest.raises(SizeError, match="E-SIZE-01"):
        np.asarray(mask)
    with pytest.raises(SizeError, match="E-SIZE-01"):
        mk.measure(mask, mask, (0.1, 0.1), boundary="contour")


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.tuples(st.integers(3, 12), st.integers(3, 70)), st.sampled_from([2, 3, 4.004]))
def test_two_masks_on_one_coarser_level_are_measured_as_they_are(
    seed: int, shape: tuple[int, int], ratio: float
) -> None:
    """As runs, as arrays, and as if the level were the image: the same millimetres, and index units of the image."""
    random = np.random.default_rng(seed)
    specimen = random.random(shape) < 0.8
    tumor = (random.random(shape) < 0.1) & specimen
    if not tumor.any() or specimen.all():
        return
    spacing_mm, origin_px = (0.5 * ratio, 0.25 * ratio), ((ratio - 1) / 2,) * 2
    alone = mk.measure(tumor, specimen, spacing_mm)
    for kind in (RunMask.of, np.asarray):
        on_level = [mk.Region(kind(one), spacing_mm, origin_px) for one in (tumor, specimen)]
        found = mk.measure(*on_level, (0.5, 0.25))
        assert found.qualifier == alone.qualifier
        if alone.value_mm is None:
            assert found.value_mm is None
            continue
        assert found.value_mm == pytest.approx(alone.value_mm, rel=1e-12, abs=1e-12)
        assert found.interval_mm == pytest.approx(alone.interval_mm, rel=1e-12, abs=1e-12)
        areas = [
            sorted(focus.area_mm2 for focus in one.foci) for one in (found, alone)
        ]  # of equally near ones rounding orders
        assert areas[0] == pytest.approx(areas[1])
        if found.closest is not None and alone.closest is not None and not {"tied"} & set(found.flags):
            there = [(at + 0.5) * ratio - 0.5 for at in alone.closest.edge_px]
            assert found.closest.edge_px == pytest.approx(there)

"""Margins followed stroke by stroke are those of a full measurement, whatever was painted."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import marginkit as mk
from marginkit.errors import MarginError
from marginkit.live import Live, Near

SHAPE = (18, 23)
masks = arrays.arrays(bool, SHAPE)
strokes = st.lists(
    st.tuples(st.integers(0, SHAPE[0] - 1), st.integers(0, SHAPE[1] - 1), st.integers(1, 6), st.booleans()), max_size=6
)
spacings = st.sampled_from([(1.0, 1.0), (0.05, 0.05), (0.3, 0.07)])


def full(tumor: Any, specimen: Any, spacing: Any, names: Any) -> dict[str, float | None]:
    """What ``measure`` says; nothing anywhere where it refuses for want of tumor."""
    try:
        found = mk.measure(tumor, specimen, spacing, names=names)
    except MarginError as error:
        if error.code not in ("E-MSR-01", "E-MSR-03"):
            raise
        return dict.fromkeys(["all", "1", "2"])
    return {margin.name: margin.value_mm for margin in found.margins}


def values(live: Live) -> dict[str, float | None]:
    return {name: None if near is None else near.value_mm for name, near in live.margins().items()}


@settings(max_examples=50, deadline=None)
@given(masks, masks, masks, strokes, spacings)
def test_after_each_stroke_it_is_what_measure_says(
    tissue: Any, tumor: Any, half: Any, drawn: Any, spacing: Any
) -> None:
    specimen = np.zeros(SHAPE, bool)
    specimen[1:-1, 1:-1] = True
    specimen[:, 9:11] = False  # two pieces
    specimen[3:6, 3:6] &= tissue[3:6, 3:6]
    tumor = tumor & tissue & half
    names = np.where(half, 1, 2)
    live = Live(tumor, specimen, spacing, names=names)
    for y, x, size, filled in [(0, 0, 0, True), *drawn]:
        rows = slice(max(0, y - size), min(SHAPE[0], y + size + 1))
        if size:
            tumor[rows, max(0, x - size) : x + size + 1] = filled
            live.paint(rows.start, tumor[rows])
        expected = full(tumor, specimen, spacing, names)
        assert values(live) == {name: expected.get(name) for name in values(live)}


def test_the_pair_is_the_first_of_equally_near_ones() -> None:
    specimen = np.zeros((40, 60), bool)
    specimen[5:35, 5:55] = True
    tumor = np.zeros_like(specimen)
    tumor[15:25, 20:40] = True
    live = Live(tumor, specimen, (0.5, 0.5))
    closest = mk.measure(tumor, specimen, (0.5, 0.5)).closest
    assert closest is not None
    assert live.margins()["all"] == Near(5.0, closest.edge_px, closest.tumor_px)


def test_what_lies_outside_the_specimen_is_no_tumor() -> None:
    specimen = np.zeros((20, 20), bool)
    specimen[5:15, 5:15] = True
    tumor = np.zeros_like(specimen)
    live = Live(tumor, specimen, (1.0, 1.0))
    assert live.margins() == {"all": None}
    live.paint(0, np.ones((4, 20), bool))
    assert live.margins() == {"all": None}
    live.paint(9, np.pad(np.ones((1, 1), bool), ((0, 0), (9, 10))))
    assert live.margins()["all"] == Near(4.0, (4.5, 8.5), (8.5, 8.5))


def test_another_tumor_of_the_same_specimen_leaves_the_first_alone() -> None:
    specimen = np.zeros((20, 20), bool)
    specimen[5:15, 5:15] = True
    tumor = np.zeros_like(specimen)
    tumor[9, 9] = True
    live = Live(tumor, specimen, (1.0, 1.0))
    before, moved = live.margins(), np.roll(tumor, 2, axis=0)
    assert values(live.again(moved)) == {"all": mk.measure(moved, specimen, (1.0, 1.0)).value_mm}
    assert live.margins() == before


def test_masks_of_two_shapes_are_refused() -> None:
    with pytest.raises(MarginError, match="E-GRID-02"):
        Live(np.zeros((4, 4), bool), np.ones((4, 5), bool), (1.0, 1.0))

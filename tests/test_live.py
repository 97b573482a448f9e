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


def scene(tissue: Any, half: Any) -> Any:
    """A specimen of two pieces with holes in one."""
    specimen = np.zeros(SHAPE, bool)
    specimen[1:-1, 1:-1] = True
    specimen[:, 9:11] = False
    specimen[3:6, 3:6] &= tissue[3:6, 3:6]
    specimen[10:14, 12:18] &= half[10:14, 12:18]
    return specimen


@settings(max_examples=50, deadline=None)
@given(masks, masks, masks, strokes, spacings)
def test_after_each_stroke_it_is_what_measure_says(
    tissue: Any, tumor: Any, half: Any, drawn: Any, spacing: Any
) -> None:
    specimen = scene(tissue, tissue)
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


def check(live: Live, tumor: Any, specimen: Any, spacing: Any, **options: Any) -> None:
    """Values, pairs and the distance of every face are those of a full measurement, or it has none either."""
    if not tumor[specimen].any() or specimen.all():
        return  # refused by a full measurement
    found, result = live.margins(), mk.measure(tumor, specimen, spacing, **options)
    for margin in result.margins:
        near = found.get(margin.name)
        pair = margin.closest
        expected = None if pair is None else Near(margin.value_mm or 0.0, pair.edge_px, pair.tumor_px)
        assert near == expected
    along = live.along()
    mine = np.sort(along.distance_mm[along.cut])
    assert np.allclose(mine, np.sort(result.profile.distance_mm), rtol=1e-12, atol=0)


both_strokes = st.lists(
    st.tuples(
        st.sampled_from(["tumor", "specimen", "undo"]),
        st.integers(0, SHAPE[0] - 1),
        st.integers(0, SHAPE[1] - 1),
        st.integers(0, 5),
        st.booleans(),
    ),
    max_size=12,
)
edges = st.sampled_from(["none", "restricted", "classed", "coded"])


@settings(max_examples=150, deadline=None)
@given(masks, masks, masks, both_strokes, spacings, edges, st.sampled_from(["ignore", "cut"]))
def test_strokes_on_either_mask_and_undone_ones_are_followed(
    tissue: Any, tumor: Any, half: Any, drawn: Any, spacing: Any, kind: Any, holes: Any
) -> None:
    specimen = scene(tissue, half)
    tumor = tumor & tissue & half
    edge = {"none": None, "restricted": half, "classed": {"natural": tissue, "cut": half & ~tissue},
            "coded": (half & tissue) * 2}[kind]  # fmt: skip
    options = {"edge": edge, "names": {"one": half, "two": ~half}, "holes": holes}
    live = Live(tumor, specimen, spacing, **options)
    now = {"tumor": tumor, "specimen": specimen}
    past: list[tuple[str, slice, Any]] = []
    check(live, tumor, specimen, spacing, **options)
    for layer, y, x, size, filled in drawn:
        if layer == "undo":
            if not past:
                continue
            layer, rows, before = past.pop()
            now[layer][rows] = before
        else:
            rows = slice(max(0, y - size), min(SHAPE[0], y + size + 1))
            past.append((layer, rows, now[layer][rows].copy()))
            now[layer][rows, max(0, x - size) : x + size + 1] = filled
        (live.paint if layer == "tumor" else live.paint_specimen)(rows.start, now[layer][rows])
        check(live, tumor, specimen, spacing, **options)
        assert all(np.array_equal(a, b) for a, b in zip(live.masks(), (tumor, specimen)))


@settings(max_examples=40, deadline=None)
@given(masks, masks, masks, spacings)
def test_classes_and_names_drawn_anew_are_followed(tissue: Any, tumor: Any, half: Any, spacing: Any) -> None:
    specimen = scene(tissue, half)
    live = Live(tumor, specimen, spacing)
    for edge, names in ((half, {"a": tissue}), ({"natural": tissue}, {"b": half, "c": tissue}), (None, None)):
        live.redraw(edge, names)
        check(live, tumor, specimen, spacing, edge=edge, names=names)
        specimen[5:9, 5:9] ^= True
        live.paint_specimen(5, specimen[5:9])
        check(live, tumor, specimen, spacing, edge=edge, names=names)


def test_a_walk_along_the_outline_says_of_each_face_how_far_it_is() -> None:
    specimen = np.zeros((7, 9), bool)
    specimen[1:6, 1:8] = True
    tumor = np.zeros_like(specimen)
    tumor[3, 3] = True
    along = Live(tumor, specimen, (0.5, 0.5)).along()
    assert len(along.cut) == 24
    assert along.cut.all()
    assert set(along.ring.tolist()) == {0}
    assert np.array_equal(along.ends_px[1:, 0], along.ends_px[:-1, 1])
    middle = along.ends_px.mean(axis=1)
    box = np.maximum(np.maximum(2.5 - middle, middle - 3.5), 0)  # from the tumor's pixel
    ends = along.ends_px[:, :, :]
    away = np.maximum(np.maximum(2.5 - ends, ends - 3.5), 0)
    assert np.array_equal(along.distance_mm, 0.5 * np.hypot(away[..., 0], away[..., 1]).min(axis=1))
    assert np.hypot(box[:, 0], box[:, 1]).min() == 2.0


def test_rows_that_are_as_they_were_change_nothing() -> None:
    specimen = np.pad(np.ones((8, 8), bool), 2)
    tumor = np.pad(np.ones((2, 2), bool), 5)
    live = Live(tumor, specimen, (1.0, 1.0))
    assert not live.paint(3, tumor[3:6])
    assert not live.paint_specimen(0, specimen)
    assert live.paint(3, ~tumor[3:6])


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


def test_masks_of_two_shapes_are_refused() -> None:
    with pytest.raises(MarginError, match="E-GRID-02"):
        Live(np.zeros((4, 4), bool), np.ones((4, 5), bool), (1.0, 1.0))

"""Masks: every number equals that of plain loops over pixels."""

from math import inf, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import marginkit as mk

from ..oracle import plain
from ..oracle.shapes import cases


@settings(deadline=None, max_examples=300)
@given(cases(), st.sampled_from(["ignore", "cut"]))
def test_equals_plain_loops(case: tuple, holes: str) -> None:
    tumor, specimen, spacing = case
    truth = plain.measure(tumor, specimen, spacing, holes)
    got = mk.measure(tumor, specimen, spacing, holes=holes)
    for kind, size in truth.by_kind.items():
        assert got.profile.by_class[kind] == pytest.approx(size, rel=1e-12)
    if truth.value == inf:
        assert got.qualifier == "not_assessable"
        assert got.value_mm is None
        return
    assert got.value_mm == pytest.approx(truth.value, rel=1e-12, abs=0)
    touching = truth.value == 0
    at_most = truth.unseen <= truth.value
    assert got.qualifier == ("touching" if touching else "at_most" if at_most else "exact")
    diagonal = sqrt(sum(s * s for s in spacing))
    low, high = got.all.parts["digitisation"]
    assert high == pytest.approx(truth.centres, rel=1e-12)
    assert low == pytest.approx(max(0.0, truth.centres - diagonal), rel=1e-9, abs=1e-12)
    mine = sorted(zip(got.profile.distance_mm.tolist(), got.profile.size.tolist()))
    np.testing.assert_allclose(np.array(mine), np.array(sorted(truth.distances)), rtol=1e-12, atol=1e-15)
    if np.isfinite(truth.unseen):
        assert got.all.unseen_mm == pytest.approx(truth.unseen, rel=1e-12)


@settings(deadline=None)
@given(cases())
def test_closest_pair_realises_the_value(case: tuple) -> None:
    tumor, specimen, spacing = case
    got = mk.measure(tumor, specimen, spacing)
    if got.closest is None:
        return
    way = np.subtract(got.closest.tumor_mm, got.closest.edge_mm)
    assert np.sqrt((way**2).sum()) == pytest.approx(got.value_mm, rel=1e-9, abs=1e-12)
    edge = tuple((p, p) for p in got.closest.edge_px)
    point = tuple((p, p) for p in got.closest.tumor_px)
    cut = [face.box for face in plain.faces(specimen, spacing) if face.kind == "cut"]
    assert min(plain.gap(edge, box, spacing) for box in cut) == 0
    boxes = [plain.box(p) for p in np.argwhere(tumor & specimen).tolist()]
    assert min(plain.gap(point, box, spacing) for box in boxes) == 0


@settings(deadline=None)
@given(cases())
def test_each_focus_equals_itself_alone(case: tuple) -> None:
    tumor, specimen, spacing = case
    got = mk.measure(tumor, specimen, spacing)
    from scipy import ndimage

    labels, count = ndimage.label(tumor & specimen, np.ones((3,) * tumor.ndim))
    alone = [plain.measure(labels == k, specimen, spacing).value for k in range(1, count + 1)]
    mine = {focus.id: focus.margin_mm for focus in got.foci}
    assert [inf if mine[k] is None else mine[k] for k in range(1, count + 1)] == pytest.approx(alone, rel=1e-12)
    sizes = {focus.id: focus.pixels for focus in got.foci}
    assert [sizes[k] for k in range(1, count + 1)] == np.bincount(labels.ravel())[1:].tolist()
    margins = [focus.margin_mm for focus in got.foci if focus.margin_mm is not None]
    assert margins == sorted(margins)

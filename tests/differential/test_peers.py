"""Other people's distances, with the known offset between their definitions and ours.

SciPy and edt measure from pixel centre to pixel centre: to the first pixel outside that is the upper end of the
digitisation interval. Shapely measures between closed boxes, which is the margin itself.
"""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from scipy import ndimage

import marginkit as mk

from ..oracle import plain
from ..oracle.shapes import cases


def outside_across_cut(specimen: np.ndarray, spacing: tuple[float, ...]) -> np.ndarray:
    out = np.zeros(specimen.shape, bool)
    for face in plain.faces(specimen, spacing):
        if face.kind == "cut":
            out[face.outside] = True
    return out


def one_piece(case: tuple) -> tuple[np.ndarray, np.ndarray, tuple[float, ...]]:
    """The case with the tumor kept to the piece of tissue that holds its first pixel, and the other pieces removed."""
    tumor, specimen, spacing = np.pad(case[0], 1), np.pad(case[1], 1), case[2]
    labels, _ = ndimage.label(specimen, np.ones((3,) * specimen.ndim))
    first = labels[tuple(np.argwhere(tumor & specimen)[0])]
    return tumor & (labels == first), labels == first, spacing


@settings(deadline=None, max_examples=150)
@given(cases())
def test_upper_end_is_what_scipy_says(case: tuple) -> None:
    tumor, specimen, spacing = one_piece(case)
    transform = ndimage.distance_transform_edt(~tumor, spacing)
    want = transform[outside_across_cut(specimen, spacing)].min()
    assert mk.measure(tumor, specimen, spacing).interval_mm[1] == pytest.approx(want, rel=1e-12)


@settings(deadline=None, max_examples=150)
@given(cases())
def test_upper_end_is_what_edt_says(case: tuple) -> None:
    edt = pytest.importorskip("edt")
    tumor, specimen, spacing = one_piece(case)
    transform = edt.edt(np.ascontiguousarray(~tumor), anisotropy=spacing)
    want = transform[outside_across_cut(specimen, spacing)].min()
    assert mk.measure(tumor, specimen, spacing).interval_mm[1] == pytest.approx(float(want), rel=1e-5)


@settings(deadline=None, max_examples=150)
@given(cases(ndims=(2,)))
def test_margin_is_what_shapely_says_of_boxes(case: tuple) -> None:
    tumor, specimen, spacing = one_piece(case)
    y, x = spacing
    boxes = shapely.union_all([shapely.box(c * x, r * y, (c + 1) * x, (r + 1) * y) for r, c in np.argwhere(tumor)])
    edges = [
        shapely.LineString([((b[1][0] + 0.5) * x, (b[0][0] + 0.5) * y), ((b[1][1] + 0.5) * x, (b[0][1] + 0.5) * y)])
        for b in (face.box for face in plain.faces(specimen, spacing) if face.kind == "cut")
    ]
    want = shapely.distance(boxes, shapely.union_all(edges))
    assert mk.measure(tumor, specimen, spacing).value_mm == pytest.approx(want, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("seed", range(40))
def test_disc_against_a_straight_edge_lies_in_the_interval(seed: int) -> None:
    rng = np.random.default_rng(seed)
    yy, xx = np.mgrid[:160, :160]
    angle, radius, gap = rng.uniform(0, 2 * np.pi), rng.uniform(15, 30), rng.uniform(5, 30)
    normal = np.array([np.sin(angle), np.cos(angle)])
    centre = 80 + rng.uniform(-0.5, 0.5, 2)
    specimen = (yy - centre[0]) * normal[0] + (xx - centre[1]) * normal[1] < radius + gap
    tumor = np.hypot(yy - centre[0], xx - centre[1]) < radius
    got = mk.measure(tumor, specimen, (1, 1))
    assert got.interval_mm[0] <= gap <= got.interval_mm[1]
    assert -1.42 <= got.value_mm - gap <= 0.5

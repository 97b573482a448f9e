"""Vertices and faces found on packed bits are those that a plain loop over pixels finds."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from marginkit.geometry import bits
from marginkit.geometry.facets import facets
from marginkit.geometry.runs import runs

MASKS = hnp.arrays(
    bool,
    st.one_of(
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=9),
        hnp.array_shapes(min_dims=3, max_dims=3, max_side=5),
        st.tuples(st.integers(1, 3), st.integers(60, 140)),
    ),
)


def slow_vertices(mask: np.ndarray) -> list[list[int]]:
    padded = np.pad(mask, 1)
    out = []
    for vertex in np.ndindex(*(n + 1 for n in mask.shape)):
        around = [padded[tuple(v + s for v, s in zip(vertex, step))] for step in product((0, 1), repeat=mask.ndim)]
        if any(around) and not all(around):
            out.append(list(vertex))
    return out


def slow_faces(mask: np.ndarray, axis: int) -> list[tuple[list[int], list[int]]]:
    padded = np.pad(mask, 1)
    out = []
    for vertex in np.ndindex(*(n + (i == axis) for i, n in enumerate(mask.shape))):
        behind = np.array(vertex)
        before = behind - np.eye(mask.ndim, dtype=int)[axis]
        a, b = padded[tuple(before + 1)], padded[tuple(behind + 1)]
        if a != b:
            out.append((list(vertex), list(map(int, behind if b else before))))
    return out


@given(MASKS)
def test_boundary_vertices_equal_a_plain_loop(mask: np.ndarray) -> None:
    assert bits.boundary_vertices(bits.pack(mask)).tolist() == slow_vertices(mask)


@given(MASKS)
def test_faces_equal_a_plain_loop(mask: np.ndarray) -> None:
    for face in bits.faces(bits.pack(mask)):
        assert list(zip(face.vertex.tolist(), face.inside.tolist())) == slow_faces(mask, face.axis)


@given(MASKS)
def test_faces_from_runs_are_the_same(mask: np.ndarray) -> None:
    packed = bits.pack(mask)
    table = facets(packed, runs(packed))
    plain = bits.faces(packed)
    np.testing.assert_array_equal(table.vertex, np.concatenate([part.vertex for part in plain]))
    np.testing.assert_array_equal(table.inside, np.concatenate([part.inside for part in plain]))


@given(MASKS, st.integers(1, 400))
def test_strips_of_any_height_give_the_same_bits(mask: np.ndarray, strip_bytes: int) -> None:
    packed = bits.pack(mask, strip_bytes=strip_bytes)
    assert packed.count == mask.sum()
    np.testing.assert_array_equal(packed.words, bits.pack(mask).words)


def test_D20_label_image_is_refused() -> None:
    with pytest.raises(TypeError, match="wanted booleans, got int32"):
        bits.pack(np.ones((3, 3), np.int32))

"""The compiled search for the nearest of a set of segments; ``nearest_segments`` has the same in NumPy and SciPy."""

from __future__ import annotations

import ctypes

import numpy as np

from marginkit.geometry.compiled import int64, kernel, pointer
from marginkit.geometry.pairs import Pairs
from marginkit.geometry.scene import Floats, Ints
from marginkit.geometry.sharing import shares, side_by_side

SEGMENTS_A_SHARE = 1 << 10  # fewer are done before a thread has been asked
MOST = 1 << 31


class SegmentTree:
    """Segments sorted so that the nearest are found; only where the kernel is.

    segments_px : (m, 2 ends, 2) index units, m > 0. parts_px : (n, 2 ends, 2), they cut into short parts, and
    ``parent`` the segment that each is of. spacing_mm : millimetres per index unit.
    """

    def __init__(self, segments_px: Floats, parts_px: Floats, parent: Ints, spacing_mm: Floats) -> None:
        number = len(parts_px)
        if not number or number >= MOST or len(parent) != number or spacing_mm.shape != (2,):
            raise TypeError(f"a set of {len(segments_px)} segments in {number} parts")
        if parent.min() < 0 or parent.max() >= len(segments_px) or len(segments_px) >= MOST:
            raise TypeError("parts of segments that are not there")
        self._library, self._segments = kernel(), _table(segments_px)  # the tree reads these
        parts = _table(parts_px)
        found = self._library.mk_segments(
            pointer(self._segments),
            pointer(parts),
            pointer(np.ascontiguousarray(parent), np.int64),
            int64(number),
            pointer(np.ascontiguousarray(spacing_mm), np.float64),
        )
        if not found:
            raise MemoryError(f"{number} segments")
        self._tree = ctypes.c_void_p(found)

    def __del__(self) -> None:
        if hasattr(self, "_tree"):
            self._library.mk_segments_free(self._tree)

    def nearest(self, asked_px: Floats) -> Pairs:
        """The nearest points between each of (n, 2 ends, 2) segments and this set."""
        asked, library = _table(asked_px), self._library
        number = len(asked)
        distance, points, element = np.empty(number), np.empty((number, 2, 2)), np.empty(number, np.int64)

        def call(part: slice) -> int:
            ends, out = (int64(part.start), int64(part.stop)), (pointer(distance), pointer(points), pointer(element))
            return int(library.mk_segments_nearest(self._tree, pointer(asked), *ends, *out))

        if not all(side_by_side(call, shares(number, SEGMENTS_A_SHARE))):
            raise MemoryError(f"{number} segments")
        return Pairs(distance, points[:, 0], points[:, 1], element)


def _table(segments_px: Floats) -> Floats:
    if segments_px.ndim != 3 or segments_px.shape[1:] != (2, 2):
        raise TypeError(f"segments of {segments_px.shape}")
    return np.ascontiguousarray(segments_px, np.float64)

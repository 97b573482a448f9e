"""Grey pixels of a PNG come out whatever each row was predicted from, with the kernel, without it and by a library."""

import struct
import zlib

import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from marginkit.geometry import compiled
from marginkit.readers import _png

bytes_ = st.one_of(st.just(0), st.sampled_from([0, 0, 0, 255]), st.integers(0, 255))
sides = st.tuples(st.integers(1, 5), st.sampled_from([1, 2, 7, 31, 32, 33, 70]))


def predicted(way: int, before: int, above: int, third: int) -> int:
    """What a pixel is predicted to be, word by word from the PNG specification, section 9."""
    if way == 4:
        guess = before + above - third
        return min((before, above, third), key=lambda one: abs(guess - one))  # the first of those as near
    return [0, before, above, (before + above) // 2][way]


def encoded(pixels: np.ndarray, ways: list[int]) -> bytes:
    """A PNG of these pixels, each row predicted in its own way."""
    height, width = pixels.shape
    known = np.zeros((height + 1, width + 1), int)  # with what counts as 0 above and before
    known[1:, 1:] = pixels
    rows = b""
    for y, way in enumerate(ways, 1):
        left = [
            known[y, x] - predicted(way, known[y, x - 1], known[y - 1, x], known[y - 1, x - 1])
            for x in range(1, width + 1)
        ]
        rows += bytes([way, *(int(one) % 256 for one in left)])
    return with_rows(rows, height, width)


def with_rows(rows: bytes, height: int, width: int) -> bytes:
    """A PNG around rows as it keeps them."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)), (b"IDAT", zlib.compress(rows))]
    parts = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in [*chunks, (b"IEND", b"")]
    ]
    return _png.MAGIC + b"".join(parts)


@given(st.data())
def test_rows_predicted_in_any_way(data: st.DataObject) -> None:
    pixels = data.draw(arrays(np.uint8, data.draw(sides), elements=bytes_))
    ways = data.draw(st.lists(st.integers(0, 4), min_size=len(pixels), max_size=len(pixels)))
    png = encoded(pixels, ways)
    assert np.array_equal(imagecodecs.png_decode(png), pixels)
    assert np.array_equal(_png.decode(png), pixels)
    with compiled.switched_off():
        assert np.array_equal(_png.decode(png), pixels)


def test_a_row_predicted_in_no_known_way_is_left_to_the_library_to_refuse() -> None:
    png = with_rows(bytes([0, 7, 8, 5, 1, 1]), 2, 2)
    with pytest.raises(imagecodecs.PngError):
        _png.decode(png)
    with compiled.switched_off(), pytest.raises(imagecodecs.PngError):
        _png.decode(png)

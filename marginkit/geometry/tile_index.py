"""What lies where in the tiles of a label image, so that the closest pair is found without decoding the others.

The surprising thing: values alone are not enough. Whether two pixels are of one piece, and whether background is a
hole, depends on the whole image; but each can be said per connected part of a tile, and nearly every tile has one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marginkit.geometry.bits import Ints

NONE, SEVERAL = -1, -2
OUTER, HOLE = 0, 1  # background that reaches the border of the image, and that which does not
WITHIN, RIGHT, BELOW, FRAME = range(4)  # faces in a tile, on its right and lower side, on the border of the image


@dataclass(frozen=True)
class Grid:
    """The tiles of an image, numbered row by row; rows, columns : pixels of a tile."""

    height: int
    width: int
    rows: int
    columns: int

    @property
    def down(self) -> int:
        """Tiles one below the other."""
        return -(-self.height // self.rows)

    @property
    def across(self) -> int:
        """Tiles side by side."""
        return -(-self.width // self.columns)

    def number(self, pixel: Ints) -> Ints:
        """(n,) tile of each pixel of (n, 2)."""
        return (pixel[:, 0] // self.rows) * self.across + pixel[:, 1] // self.columns

    def corner(self, tile: int) -> tuple[int, int]:
        """(top, left) pixel of a tile."""
        return tile // self.across * self.rows, tile % self.across * self.columns

    def size(self, tile: int) -> tuple[int, int]:
        """(rows, columns) of a tile that lie in the image."""
        top, left = self.corner(tile)
        return min(self.rows, self.height - top), min(self.columns, self.width - left)


@dataclass(frozen=True, eq=False)
class TileLabels:
    """The label of each connected part of a mask, by tiles.

    one : (tiles,) the label of all parts in a tile; ``NONE``, or ``SEVERAL``. tile : (s,) those with several, sorted.
    first : (s + 1,) where theirs begin in ``label``: one a part of the tile, parts in the order of ``components``.
    """

    one: Ints
    tile: Ints
    first: Ints
    label: Ints

    def of_parts(self, tile: int) -> Ints:
        """The label of each part of a tile that has several."""
        at = int(np.searchsorted(self.tile, tile))
        return self.label[self.first[at] : self.first[at + 1]]


@dataclass(frozen=True, eq=False)
class TileIndex:
    """What the tiles of a label image hold, for one choice of the specimen.

    specimen : its labels. values, pixels : (k,) different values of the image, sorted, and how many pixels have each.
    holds : (tiles,) uint64, bit i: ``values[i]`` occurs. piece : of the specimen. ground : of the background, ``OUTER``
    or ``HOLE``. faces : (n, 6) of the specimen's faces: tile, where (``WITHIN`` …), and the box of their corners: least
    and greatest row, least and greatest column.
    """

    grid: Grid
    specimen: tuple[int, ...]
    values: Ints
    pixels: Ints
    holds: NDArray[np.uint64]
    piece: TileLabels
    ground: TileLabels
    faces: Ints

    def holding(self, labels: tuple[int, ...]) -> NDArray[np.bool_]:
        """(tiles,) whether a tile has a pixel of one of the labels."""
        bits = sum(1 << k for k, value in enumerate(self.values.tolist()) if value in labels)
        found: NDArray[np.bool_] = (self.holds & np.uint64(bits)) != 0
        return found

    def only_value(self, tile: int) -> int | None:
        """The value of a tile that has one."""
        word = int(self.holds[tile])
        return int(self.values[word.bit_length() - 1]) if word & (word - 1) == 0 else None

    def count(self, labels: tuple[int, ...]) -> int:
        """Pixels that have one of the labels."""
        return int(self.pixels[np.isin(self.values, labels)].sum())

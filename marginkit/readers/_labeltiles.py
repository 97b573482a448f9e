"""A label image in tiles: what a reader has to offer so that it can be read as runs, or tile by tile.

The surprising thing: packed bytes are asked for apart from pixels. Equal bytes are equal tiles, and most of those of a
slide's mask need no decoder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from marginkit import files

Buffer: TypeAlias = NDArray[np.uint8]


class Tiles(Protocol):
    """A label image in tiles of one size; those at its right and lower side may reach beyond it.

    height, width : of the image; rows, columns : of a tile, tile_bytes : of its pixels. absent : value of a tile that
    was never written.
    """

    @property
    def height(self) -> int: ...
    @property
    def width(self) -> int: ...
    @property
    def rows(self) -> int: ...
    @property
    def columns(self) -> int: ...
    @property
    def tile_bytes(self) -> int: ...
    @property
    def absent(self) -> int: ...

    def packed(self, rows: range, most: int) -> list[bytes | None]:
        """The bytes of each tile of some rows of tiles, row by row.

        None for one that was never written, nothing for one of more than ``most`` bytes.
        """
        ...

    def decoded(self, data: bytes, row: int, column: int, out: Buffer | None = None) -> NDArray[Any]:
        """The pixels (y, x) of a tile that lie in the image; FileError E-FILE-05 where it is broken.

        out : bytes for a whole tile, where the pixels may be put.
        """
        ...

    def one(self, row: int, column: int) -> bytes | None:
        """The bytes of one tile; None where it was never written."""
        ...


@dataclass(frozen=True)
class OpenTiles:
    """A label image whose tiles are asked for one by one.

    stamp, table_sha256 : what tells that it is still the same: size, time of last change, and where each tile lies.
    """

    tiles: Tiles
    stamp: files.Stamp
    table_sha256: str

    def pixels(self, row: int, column: int) -> NDArray[Any]:
        """The pixels (y, x) of a tile that lie in the image; FileError E-FILE-05 where it is broken."""
        data, tiles = self.tiles.one(row, column), self.tiles
        if data is not None:
            return tiles.decoded(data, row, column)
        shape = tiles.height - row * tiles.rows, tiles.width - column * tiles.columns
        return np.full((min(shape[0], tiles.rows), min(shape[1], tiles.columns)), tiles.absent)


def plain(dtype: np.dtype[Any]) -> bool:
    """Whether pixels of this type are whole numbers that a run can hold."""
    return dtype.kind in "bui" and dtype != np.uint64

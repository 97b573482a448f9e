"""The index of a mask's tiles as a small file beside the mask, and whether it is still of that mask.

The surprising thing: an index that is out of date gives a wrong margin without a word. So it names the mask's size,
time of last change and the digest of its table of tiles, and is refused when one of them differs.

Two lines of text (what it is with the digest of the rest; a JSON header), then packed little-endian numbers. It is
trusted as the mask is: whoever can change one can change the other.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit import files
from marginkit.errors import FileError
from marginkit.geometry.tile_index import Grid, TileIndex, TileLabels

KIND = "marginkit.tiles/1"
SUFFIX = ".tiles"
LIMIT_BYTES = 1 << 28
LABELS = ("one", "tile", "first", "label")


def beside(mask: str | Path) -> Path:
    """The name of a mask's index."""
    whole = Path(mask).absolute()
    return whole.with_name(whole.name + SUFFIX)


def beside_two(specimen: str | Path, tumor: str | Path) -> Path:
    """The name of the index of two masks."""
    whole = Path(specimen).absolute()
    return whole.with_name(f"{whole.name}+{Path(tumor).absolute().name}{SUFFIX}")


def write(path: str | Path, index: TileIndex, mask: dict[str, Any]) -> None:
    """Write an index. ``mask``: what tells that its mask is the same (``bytes``, ``mtime_ns``, ``table_sha256``)."""
    arrays = _arrays(index)
    grid = index.grid
    header = {
        "mask": mask,
        "grid": [grid.height, grid.width, grid.rows, grid.columns],
        "specimen": list(index.specimen),
        "arrays": {name: len(array) for name, array in arrays.items()},
    }
    numbers = b"".join(array.astype(array.dtype.newbyteorder("<")).tobytes() for array in arrays.values())
    rest = json.dumps(header).encode() + b"\n" + zlib.compress(numbers, 1)
    with files.write_atomic(path) as stream:
        stream.write(f"{KIND} {hashlib.sha256(rest).hexdigest()}\n".encode() + rest)


def read(path: str | Path, mask: dict[str, Any], specimen: tuple[int, ...]) -> TileIndex:
    """The index of a mask. FileError E-FILE-06 where it is broken, E-FILE-15 where it is of something else.

    E-FILE-09 where the file is no index, so that nobody writes over it.
    """
    name = Path(path).name
    first, _, rest = files.read_bounded(path, LIMIT_BYTES).partition(b"\n")
    if not first.startswith(KIND.partition("/")[0].encode()):
        raise FileError("E-FILE-09", "the file is no index of tiles", remedy="Give another name.", file=name)
    if first != f"{KIND} {hashlib.sha256(rest).hexdigest()}".encode():
        raise FileError("E-FILE-06", "the index of tiles is broken", cause="its digest differs", file=name)
    head, _, packed = rest.partition(b"\n")
    try:
        header = json.loads(head)
        asked = {**header["mask"], "specimen": header["specimen"]}
        differs = [key for key, value in {**mask, "specimen": list(specimen)}.items() if asked.get(key) != value]
        if differs:
            cause = f"{', '.join(differs)} differ{'s' * (len(differs) == 1)}"
            raise FileError("E-FILE-15", "the index is not of this mask as it is now", cause=cause, file=name)
        return _index(Grid(*header["grid"]), specimen, header["arrays"], packed)
    except (ValueError, KeyError, TypeError, AttributeError, zlib.error) as error:
        raise FileError("E-FILE-06", "the index of tiles is broken", cause=str(error), file=name) from error


def _arrays(index: TileIndex) -> dict[str, NDArray[Any]]:
    """Every array of an index, flat, by its name."""
    found: dict[str, NDArray[Any]] = {name: getattr(index, name) for name in ("values", "pixels", "holds")}
    for name in ("piece", "ground"):
        found |= {f"{name}.{part}": getattr(getattr(index, name), part) for part in LABELS}
    return {**found, "faces": index.faces.ravel()}


def _index(grid: Grid, specimen: tuple[int, ...], sizes: dict[str, int], packed: bytes) -> TileIndex:
    tiles = grid.down * grid.across
    total = 8 * sum(sizes.values())
    if total > LIMIT_BYTES or any(sizes[name] != tiles for name in ("holds", "piece.one", "ground.one")):
        raise ValueError(f"{total} bytes for {tiles} tiles")
    numbers = zlib.decompressobj().decompress(packed, total + 1)
    ends = np.cumsum([0, *sizes.values()]).tolist()
    every = np.frombuffer(numbers, "<i8").astype(np.int64)
    arrays = {name: every[a:b] for name, a, b in zip(sizes, ends, ends[1:])}
    piece, ground = (TileLabels(*(arrays[f"{name}.{part}"] for part in LABELS)) for name in ("piece", "ground"))
    holds = arrays["holds"].view(np.uint64)
    return TileIndex(
        grid, specimen, arrays["values"], arrays["pixels"], holds, piece, ground, arrays["faces"].reshape(-1, 6)
    )

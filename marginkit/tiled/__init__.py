"""The margin and its closest pair from masks in tiles, without measuring, or even decoding, all of them.

The surprising thing: nothing is estimated. An index of what lies in which tile, made once and kept beside the mask,
lets a few tiles prove that no other can hold a nearer pair; the answer is that of ``measure()``, to the last bit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from marginkit import opening, sources
from marginkit.errors import CalibrationError
from marginkit.records import Calibration, Picture
from marginkit.segmenters.masks import parse_select
from marginkit.tiled import indexfile
from marginkit.tiled.labels import OneMask, TwoMasks
from marginkit.tiled.search import Found as Found
from marginkit.tiled.search import Indexed as Indexed
from marginkit.tiled.search import Search as Search

Holes = Literal["ignore", "cut"]


def closest(
    mask: str | Path,
    *,
    tumor: tuple[int, ...],
    specimen: tuple[int, ...],
    pixel_size: str | None = None,
    confirm: bool = False,
    holes: Holes = "ignore",
    index: str | Path | None = None,
) -> Found:
    """The margin of a label mask and its closest pair, from as few tiles as prove it.

    Parameters
    ----------
    mask : TIFF in tiles or strips, or OME-Zarr, of one plane of whole numbers.
    tumor, specimen : the labels of the tumor, and of the specimen (with those of the tumor in it).
    pixel_size, confirm : as in ``marginkit.open``. holes : as in ``marginkit.measure``.
    index : where the index of tiles is kept; None: beside the mask, as its name with ``.tiles``.

    Returns
    -------
    Found. An index that is missing, broken or of another state of the mask is made, which reads the mask once. Where
    it cannot decide (more than 64 labels, no plain labels, no cut edge), or where too many tiles are in question,
    everything is measured, and ``whole`` says so.

    Raises
    ------
    CalibrationError : no pixel size. FileError E-FILE-09 : ``index`` is another file. As ``marginkit.measure`` else.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from tifffile import imwrite
    >>> labels = np.zeros((64, 64), np.uint8)
    >>> labels[8:56, 8:56] = 1
    >>> labels[20:30, 20:30] = 2
    >>> folder = tempfile.TemporaryDirectory()
    >>> imwrite(f"{folder.name}/mask.tif", labels, tile=(16, 16))
    >>> found = closest(f"{folder.name}/mask.tif", tumor=(2,), specimen=(1, 2), pixel_size="0.5mm")
    >>> found.margin.value_mm, found.margin.closest.edge_px, found.index
    (6.0, (7.5, 19.5), 'made')
    >>> folder.cleanup()
    """
    search = in_labels(
        mask, tumor=tumor, specimen=specimen, pixel_size=pixel_size, confirm=confirm, holes=holes, index=index
    )
    return search.closest()


def in_labels(
    mask: str | Path,
    *,
    tumor: tuple[int, ...],
    specimen: tuple[int, ...],
    pixel_size: str | None = None,
    confirm: bool = False,
    holes: Holes = "ignore",
    index: str | Path | None = None,
) -> Search:
    """The search of ``closest``: it can be asked for the pair, or for the index of tiles alone."""
    picture = _opened(mask, pixel_size, confirm)
    where = Path(index) if index is not None else indexfile.beside(mask)
    return Search(OneMask(picture, tumor, specimen), _calibration(picture), holes, where)


def between(
    tumor: str | Path,
    specimen: str | Path,
    *,
    pixel_size: str | None = None,
    confirm: bool = False,
    holes: Holes = "ignore",
    index: str | Path | None = None,
) -> Search:
    """The same search in two masks: one of the tumor, one of the specimen.

    tumor, specimen : ``FILE``, or ``FILE#label=1+2`` as in ``marginkit measure``. The pixel size is that of the
    specimen's mask. index : None: beside that mask, named after both. Two masks of other shapes are measured whole.

    GridError E-GRID-04 and others where the two do not lie on one another; else as ``closest``.

    >>> import tempfile
    >>> import numpy as np
    >>> from tifffile import imwrite
    >>> tissue, focus = np.zeros((2, 64, 64), np.uint8)
    >>> tissue[8:56, 8:56] = focus[20:30, 20:30] = 255
    >>> folder = tempfile.TemporaryDirectory()
    >>> for name, pixels in (("tissue", tissue), ("focus", focus)):
    ...     imwrite(f"{folder.name}/{name}.tif", pixels, tile=(16, 16))
    >>> search = between(f"{folder.name}/focus.tif", f"{folder.name}/tissue.tif", pixel_size="0.5mm")
    >>> search.closest().margin.value_mm
    6.0
    >>> folder.cleanup()
    """
    mine, other = (sources.of_file(str(text)) for text in (specimen, tumor))
    picture = _opened(mine.path, pixel_size, confirm)
    tumor_picture = picture if other.path == mine.path else _opened(other.path, None, False)
    labels = TwoMasks(picture, parse_select(mine.select), tumor_picture, parse_select(other.select))
    where = Path(index) if index is not None else indexfile.beside_two(mine.path, other.path)
    return Search(labels, _calibration(picture), holes, where)


def _opened(mask: str | Path, pixel_size: str | None, confirm: bool) -> Picture:
    """A mask; without its digest, for which all of it would be read."""
    return opening.calibrated(opening.uncalibrated(mask, mask=True, hashed=False), pixel_size, confirm=confirm)


def _calibration(picture: Picture) -> Calibration:
    if picture.calibration is None:
        raise picture.refusal or CalibrationError("E-CAL-01", "pixel size missing", file=picture.name)
    return picture.calibration

"""Structure sets: contours of radiotherapy planning, as regions of the series they were drawn on.

The surprising thing: the file ends like an image of its series, and often lies in the same folder; only its modality
tells them apart.
"""

from __future__ import annotations

import os
from pathlib import Path

from marginkit import files
from marginkit.errors import GridError, MarginError, plain
from marginkit.records import Region


def is_structure_set(path: str) -> bool:
    """Whether a file is an RTSTRUCT; False for whatever cannot be read as DICOM."""
    if not os.path.isfile(path) or files.head(path)[128:132] != b"DICM":
        return False
    from ._dicomfile import tags

    try:
        return str(tags(path, ["Modality"]).get("Modality")) == "RTSTRUCT"
    except MarginError:
        return False


def region(path: str, series: str, roi: str | None) -> Region:
    """The region of that name on the grid of the series, with the flag ``rasterised_contours``.

    GridError E-GRID-01 where the image is no folder of a series.
    """
    from ._rtstruct import rtstruct_names, rtstruct_voxels

    if not os.path.isdir(series):
        cause = f"it holds {', '.join(map(plain, rtstruct_names(path)))}"
        remedy = "Give the folder of the DICOM series that they were drawn on as the image."
        raise GridError("E-GRID-01", "contours need their series", cause=cause, remedy=remedy, file=path)
    told = f"{Path(path).name}#{roi}" if roi else Path(path).name
    data, flags = rtstruct_voxels(path, series, roi)
    return Region(data, maker=told, flags=flags)

"""Structure sets: contours of radiotherapy planning, as regions of the series they were drawn on.

The surprising thing: the file ends like an image of its series, and often lies in the same folder; only its modality
tells them apart.
"""

from __future__ import annotations

from pathlib import Path

from marginkit.errors import MarginError
from marginkit.records import Region

SUFFIXES = (".dcm", ".dicom")


def is_structure_set(path: str) -> bool:
    """Whether a file is an RTSTRUCT; False for whatever cannot be read as DICOM."""
    if not path.lower().endswith(SUFFIXES) or not Path(path).is_file():
        return False
    from ._dicomfile import tags

    try:
        return str(tags(path, ["Modality"]).get("Modality")) == "RTSTRUCT"
    except MarginError:
        return False


def region(path: str, series: str, roi: str | None) -> Region:
    """The region of that name on the grid of the series, with the flag ``rasterised_contours``."""
    from ._rtstruct import rtstruct_mask

    told = f"{Path(path).name}#{roi}" if roi else Path(path).name
    return Region(rtstruct_mask(path, series, roi), maker=told, flags=("rasterised_contours",))

"""Images on disk that carry their own tumor and specimen as channels, so that a whole case is one small file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile

TUMOR, SPECIMEN = "threshold:channel=1,above=0.5", "threshold:channel=2,above=0.5"
PIXEL_UM = 500.0


def ome(path: Path, channels: list[Any], pixel_um: float = PIXEL_UM, gap_um: float | None = 2000.0) -> Path:
    """An OME-TIFF of channels (y, x) or (z, y, x); ``gap_um`` None leaves the gap of its planes out."""
    pixels = np.stack([np.asarray(one).astype(np.uint8) for one in channels])
    said = {"PhysicalSizeX": pixel_um, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": pixel_um, "PhysicalSizeYUnit": "µm"}
    if pixels.ndim == 4 and gap_um is not None:
        said |= {"PhysicalSizeZ": gap_um, "PhysicalSizeZUnit": "µm"}
    axes = "CYX" if pixels.ndim == 3 else "CZYX"
    tifffile.imwrite(path, pixels, ome=True, photometric="minisblack", metadata={"axes": axes, **said})
    return path


def square() -> tuple[Any, Any]:
    """(tumor, specimen): 20 × 30 pixels from (5, 5); tumor of 6 × 8, four pixels below its upper edge."""
    specimen = np.zeros((32, 42), bool)
    specimen[5:25, 5:35] = True
    tumor = np.zeros_like(specimen)
    tumor[9:15, 15:23] = True
    return tumor, specimen


def square_file(folder: Path, name: str = "square.ome.tif") -> Path:
    """Upper margin 2 mm, lower 5 mm, left 5 mm, right 6 mm; half a millimetre a pixel."""
    tumor, specimen = square()
    return ome(folder / name, [specimen * 90, tumor, specimen])


def stack() -> tuple[Any, Any]:
    """(tumor, specimen) of five planes: the tumor lies in planes 1 to 3 and comes nearest to the edge in plane 2."""
    tumor, specimen = (np.stack([one] * 5) for one in square())
    tumor[[0, 4]] = False
    tumor[2, 7:9, 15] = True  # two pixels below the upper edge: 1 mm
    return tumor, specimen


def stack_file(folder: Path, name: str = "stack.ome.tif", gap_um: float | None = 2000.0) -> Path:
    """1 mm in plane 2, 2 mm in planes 1 and 3; planes 2 mm apart."""
    tumor, specimen = stack()
    return ome(folder / name, [specimen * 90, tumor, specimen], gap_um=gap_um)

"""What one measurement on the command line does not load: most of the time of a small case is start-up."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from marginkit.geometry import compiled

HEAVY = ("cv2", "dask", "jinja2", "matplotlib", "nibabel", "openslide", "pandas", "PIL", "pydantic", "pydicom", "rich")
HEAVY += ("shapely", "simplejpeg", "skimage", "sklearn", "tifffile", "xarray", "zarr", "marginkit.registering")
LOADED = """
import sys
from marginkit import cli
code = cli.code_of(sys.argv[2:])
print([name for name in sys.argv[1].split(",") if name in sys.modules], file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize("kernel", ["on", "off"])
def test_measuring_a_pair_of_masks_loads_nothing_heavy(tmp_path: Path, kernel: str) -> None:
    import imagecodecs

    mask = np.zeros((40, 60), np.uint8)
    mask[4:30, 5:50] = 255
    (tmp_path / "specimen.png").write_bytes(imagecodecs.png_encode(mask))
    (tmp_path / "tumor.png").write_bytes(imagecodecs.png_encode(np.where(np.arange(60) % 50 > 20, mask, 0)))
    heavy = HEAVY if kernel == "off" or compiled.kernel() is None else (*HEAVY, "numpy.ma", "scipy")
    words = ["measure", "specimen.png", "--tumor", "tumor.png", "--specimen", "specimen.png", "--pixel-size", "1um"]
    done = subprocess.run(
        [sys.executable, "-c", LOADED, ",".join(heavy), *words, "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "MARGINKIT_KERNEL": kernel},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "[]"


def test_a_mask_in_tiles_loads_no_library_of_tiff(tmp_path: Path) -> None:
    """Our own tags and one codec are enough for a label mask."""
    import tifffile

    labels = np.zeros((80, 96), np.uint8)
    labels[8:70, 8:80], labels[20:30, 20:30] = 1, 2
    scale = {"resolution": (20_000, 20_000), "resolutionunit": "CENTIMETER", "metadata": None}
    tifffile.imwrite(tmp_path / "mask.tif", labels, tile=(16, 16), compression="zlib", **scale)
    heavy = ("tifffile", "zarr", "cv2", "skimage", "xarray", "pydicom")
    words = ["closest", "mask.tif", "--tumor", "2", "--specimen", "1+2", "--json"]
    done = subprocess.run(
        [sys.executable, "-c", LOADED, ",".join(heavy), *words], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "[]"

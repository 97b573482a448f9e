"""What one measurement on the command line does not load: most of the time of a small case is start-up."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from marginkit.geometry import compiled

HEAVY = ("cv2", "dask", "jinja2", "matplotlib", "nibabel", "openslide", "pandas", "PIL", "pydantic", "pydicom", "rich")
HEAVY += ("shapely", "simplejpeg", "skimage", "sklearn", "tifffile", "xarray", "zarr", "tomllib")
ROOMS = ("registering", "lighting", "fluorescence", "judging", "policy", "refining", "patchwork", "segmenting")
ROOMS += ("readers._dicompicture", "readers._zarrpicture", "readers._volumepicture")
HEAVY += tuple(f"marginkit.{room}" for room in ROOMS)
OF_TIFF = ("marginkit.readers._tiffpicture", "marginkit.readers._openslide", "email")  # or of SciPy
LOADED = """
import sys
from marginkit import cli
code = cli.code_of(sys.argv[2:])
print([name for name in sys.argv[1].split(",") if name in sys.modules], file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize("kernel", ["on", "off"])
@pytest.mark.parametrize("kind", ["png", "tif"])
def test_measuring_a_pair_of_masks_loads_nothing_heavy(tmp_path: Path, kind: str, kernel: str) -> None:
    import imagecodecs

    mask = np.zeros((40, 60), np.uint8)
    mask[4:30, 5:50] = 255
    tumor, specimen = f"tumor.{kind}", f"specimen.{kind}"
    for name, array in ((specimen, mask), (tumor, np.where(np.arange(60) % 50 > 20, mask, 0))):
        if kind == "png":
            (tmp_path / name).write_bytes(imagecodecs.png_encode(array))
        else:
            tifffile.imwrite(tmp_path / name, array, compression="zlib", tile=(16, 16))
    alone = kernel == "on" and compiled.kernel() is not None
    heavy = (*HEAVY, *(("numpy.ma", "scipy") if alone else ()), *(OF_TIFF if alone and kind == "png" else ()))
    words = ["measure", specimen, "--tumor", tumor, "--specimen", specimen, "--pixel-size", "1um", "--json"]
    done = subprocess.run(
        [sys.executable, "-c", LOADED, ",".join(heavy), *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "MARGINKIT_KERNEL": kernel},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "[]"


def test_what_is_left_at_the_end_is_not_looked_through(tmp_path: Path) -> None:
    script = (
        "import atexit, gc, sys; from marginkit import __main__;"
        "atexit.register(lambda: print(gc.get_freeze_count() > 0, gc.isenabled(), file=sys.stderr));"
        "sys.argv = ['marginkit', 'policies']; __main__.main()"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0
    assert "uicc-r" in done.stdout
    assert done.stderr.splitlines() == ["True True"]  # and what was registered for the end is still called


def test_a_mask_in_tiles_loads_no_library_of_tiff(tmp_path: Path) -> None:
    """Our own tags and one codec are enough for a label mask."""
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

"""Start-up: whole processes of the command line against scripts of an afternoon, by turns in the same run.

    python benchmarks/startup.py          the table of docs/benchmarks.md
    python benchmarks/startup.py 4096     masks of another size

Each row is a fresh process from its start to its end: `import numpy` alone, which no row below can do without,
`marginkit --help`, marginkit measuring one pair of masks (PNG as OpenCV writes it; TIFF in deflated tiles) with its
whole result as JSON, and two scripts that read the same PNG masks and print one least distance. Medians; peak memory
as the operating system counted it (Unix; at least that of this script, which starts them).
The scripts' distance is checked to be the upper end of marginkit's interval.
Bytecode is cached, as it is after the first call of any installed package.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from scenes import section

TURNS = 3
SCIPY = """
import sys
import numpy as np
from skimage.io import imread
from scipy import ndimage
tumor, specimen = (imread(name) > 0 for name in sys.argv[1:])
edge = ndimage.binary_dilation(specimen) & ~specimen
print(ndimage.distance_transform_edt(~tumor)[edge].min() * 0.00025)
"""
TREE = """
import sys
import cv2
import numpy as np
from scipy.spatial import cKDTree
tumor, specimen = (cv2.imread(name, cv2.IMREAD_UNCHANGED) for name in sys.argv[1:])
cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
edge = np.argwhere((cv2.dilate(specimen, cross) > 0) & (specimen == 0))
tree = cKDTree(np.argwhere((tumor > 0) & (cv2.erode(tumor, cross) == 0)), balanced_tree=False, compact_nodes=False)
print(tree.query(edge, workers=2)[0].min() * 0.00025)
"""


def process(words: list[str], folder: Path) -> tuple[float, float, str]:
    """(seconds, peak MiB, what it printed) of one process."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with open(folder / "out", "w+", encoding="utf-8") as out:
        start = time.perf_counter()
        child = subprocess.Popen([sys.executable, *words], cwd=folder, stdout=out, stderr=subprocess.DEVNULL, env=env)
        _, status, used = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - start
        assert status == 0, words
        out.seek(0)
        return seconds, used.ru_maxrss / 1024, out.read()


def measure(kind: str) -> list[str]:
    """Words that measure the pair of one kind of file."""
    specimen = f"specimen.{kind}"
    words = ["measure", specimen, "--tumor", f"tumor.{kind}", "--specimen", specimen, "--holes", "cut"]
    return ["-m", "marginkit", *words, "--pixel-size", "0.25um", "--json"]


def main(words: list[str]) -> None:
    if words[:1] == ["--help"]:
        return print(__doc__)
    import cv2
    import tifffile

    tumor, specimen = section(int(words[0]) if words else 4096)
    routes = {
        "import numpy": ["-c", "import numpy"],
        "marginkit --help": ["-m", "marginkit", "--help"],
        "marginkit measure, PNG": measure("png"),
        "marginkit measure, TIFF": measure("tif"),
        "OpenCV + cKDTree script": ["-c", TREE, "tumor.png", "specimen.png"],
        "SciPy transform script": ["-c", SCIPY, "tumor.png", "specimen.png"],
    }
    found: dict[str, list[tuple[float, float, str]]] = {name: [] for name in routes}
    with tempfile.TemporaryDirectory() as made:
        for name, mask in (("tumor", tumor), ("specimen", specimen)):
            grey = mask.view(np.uint8) * np.uint8(255)
            cv2.imwrite(str(Path(made, f"{name}.png")), grey)
            tifffile.imwrite(Path(made, f"{name}.tif"), grey, compression="zlib", tile=(512, 512))
        for _ in range(TURNS + 1):
            for name, route in routes.items():
                found[name].append(process(route, Path(made)))
    least, other = (json.loads(found[f"marginkit measure, {kind}"][0][2])["margins"][0] for kind in ("PNG", "TIFF"))
    assert least == other
    for name in ("OpenCV + cKDTree script", "SciPy transform script"):
        assert abs(float(found[name][0][2]) - least["interval_mm"][1]) < 1e-9, name
    seconds = {name: float(np.median([turn[0] for turn in turns[1:]])) for name, turns in found.items()}
    print("| process | seconds | ÷ marginkit measure, PNG | peak MiB |\n|---|---|---|---|")
    for name, turns in found.items():
        peak = np.median([turn[1] for turn in turns[1:]])
        print(
            f"| {name} | {seconds[name]:.3f} | {seconds[name] / seconds['marginkit measure, PNG']:.1f} | {peak:.0f} |"
        )
    return None


if __name__ == "__main__":
    main(sys.argv[1:])

"""One threshold for many images: against Otsu's by scikit-image over all their pixels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from skimage.filters import threshold_otsu

from marginkit import pooling
from marginkit.cli import code_of
from marginkit.errors import MarginError


def image(path: Path, bright: float, seed: int, side: int = 200) -> str:
    """A bright square on a faint ground, in counts."""
    random = np.random.default_rng(seed)
    counts = random.normal(300, 20, (side, side))
    counts[side // 4 : side // 2, side // 4 : side // 2] += bright
    tifffile.imwrite(path, counts.astype(np.uint16))
    return str(path)


def test_it_is_otsu_over_all_pixels(tmp_path: Path) -> None:
    files = [image(tmp_path / f"{i}.tif", bright, i) for i, bright in enumerate((600, 1500, 3000))]
    found = pooling.threshold(files)
    every = np.concatenate([tifffile.imread(name).ravel() for name in files])
    assert found.threshold == pytest.approx(threshold_otsu(every), rel=0.02)
    assert list(found.alone) == ["0.tif", "1.tif", "2.tif"]
    alone = [threshold_otsu(tifffile.imread(name)) for name in files]
    assert list(found.alone.values()) == pytest.approx(alone, rel=0.02)


def test_each_image_weighs_the_same(tmp_path: Path) -> None:
    small, large = image(tmp_path / "small.tif", 600, 0, 100), image(tmp_path / "large.tif", 3000, 1, 900)
    same = image(tmp_path / "same.tif", 3000, 1, 100)
    assert pooling.threshold([small, large]).threshold == pytest.approx(
        pooling.threshold([small, same]).threshold, rel=0.02
    )


def test_it_is_used_as_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [image(tmp_path / f"{i}.tif", 1000, i) for i in range(2)]
    assert code_of(["threshold", *files, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert "over 2 images" in told["told"]
    out = str(tmp_path / "found.ome.tif")
    words = ["segment", files[0], "--what", "signal", "--out", out]
    assert code_of([*words, "--method", f"fluorescence:threshold={told['threshold']:.6g},within=image"]) == 0
    found = tifffile.imread(out)
    assert found[50:100, 50:100].all()
    assert found.sum() == 2500


@pytest.mark.parametrize("method", ["half", "mean"])
def test_methods_that_want_a_background_are_refused(tmp_path: Path, method: str) -> None:
    with pytest.raises(MarginError, match="E-USE-03"):
        pooling.threshold([image(tmp_path / "a.tif", 500, 0)], method)


def test_images_of_several_kinds_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "b.tif", np.arange(100, dtype=np.uint8).reshape(10, 10))
    with pytest.raises(MarginError, match="E-USE-13"):
        pooling.threshold([image(tmp_path / "a.tif", 500, 0), str(tmp_path / "b.tif")])
    with pytest.raises(MarginError, match="E-USE-13"):
        pooling.threshold([])

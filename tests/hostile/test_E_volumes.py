"""Rows E02, E07 and E12 for volumes and DICOM: cut or changed files end in one line, never in other voxels."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from marginkit import opening
from marginkit.errors import MarginError

sitk = pytest.importorskip("SimpleITK")
SHAPE = (12, 20, 24)
VALUES = np.random.default_rng(3).integers(0, 4000, SHAPE).astype(np.int16)
FORMATS = ("v.nii", "v.nii.gz", "v.nrrd", "packed.nrrd", "v.mha", "packed.mha")


def write(path: Path) -> None:
    image = sitk.GetImageFromArray(VALUES)
    image.SetSpacing((0.5, 0.55, 0.59))
    sitk.WriteImage(image, str(path), useCompression=path.name.startswith("packed"))


@pytest.mark.parametrize("name", FORMATS)
def test_E02_cut_at_every_64th_is_never_a_picture(tmp_path: Path, name: str) -> None:
    write(tmp_path / name)
    data = (tmp_path / name).read_bytes()
    np.testing.assert_array_equal(opening.open(tmp_path / name).read().shape, SHAPE)
    cut = tmp_path / f"cut_{name}"
    for part in range(1, 64):
        cut.write_bytes(data[: len(data) * part // 64])
        with pytest.raises(MarginError, match=r"^cut_.*E-FILE-"):
            opening.open(cut).read()


def test_E02_a_cut_plane_is_never_a_picture(tmp_path: Path, shared_data: Path) -> None:
    """One file of a series, and the file of a slide, cut at every 64th of their length."""
    pytest.importorskip("pydicom")
    sources = ("sarcoma-dicom-rtstruct/MR_T1_000003.dcm", "wsi-dicom-tiny/sm_image.dcm")
    for number, source in enumerate(sources):
        data = (shared_data / source).read_bytes()
        cut = tmp_path / f"{number}" / "cut.dcm"
        cut.parent.mkdir()
        for part in range(1, 64):
            cut.write_bytes(data[: len(data) * part // 64])
            with pytest.raises(MarginError, match=r"^cut\.dcm: .*E-(FILE|AXE|PIX)-"):
                opening.open(cut).read()


@pytest.mark.parametrize("name", [*FORMATS, "sm_image.dcm", "seg_image_sm_control.dcm"])
def test_changed_bytes_give_only_our_errors(tmp_path: Path, name: str, request: pytest.FixtureRequest) -> None:
    path = tmp_path / name
    if name.endswith(".dcm"):
        pytest.importorskip("pydicom")
        shutil.copy(request.getfixturevalue("shared_data") / "wsi-dicom-tiny" / name, path)
    else:
        write(path)
    _changed(path, lambda: opening.open(path))


def _changed(path: Path, look: Callable[[], object], rounds: int = 120) -> None:
    """Up to three bytes of the header changed at a time; a picture or an error of ours, nothing else."""
    data, generator = path.read_bytes(), np.random.default_rng(11)
    telling = [0, 1, 0x7F, 0x80, 0xFF, *b"9-nan. "]
    refused = 0
    for _ in range(rounds):
        changed = bytearray(data)
        for at in generator.integers(0, min(len(data), 4000 if path.suffix == ".dcm" else 360), 3):
            changed[at] = generator.choice(telling)
        path.write_bytes(bytes(changed))
        try:
            look()
        except MarginError:
            refused += 1
    assert refused

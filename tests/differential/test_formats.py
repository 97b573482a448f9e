"""One phantom, written by other people's libraries in every format: one margin, to the last digits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from marginkit import pipeline
from marginkit.pipeline import Job
from marginkit.records import Measured

sitk = pytest.importorskip("SimpleITK")
from tests.test_dicom import plane, save  # noqa: E402

UM = 0.5  # in the plane pictures
SPACING = (2.0, 0.5, 0.4375)  # mm, z y x of the stacks; each is a whole number of 1/16, so a float32 holds it
TUMOR, SPECIMEN = "threshold:above=1.5", "threshold:above=0.5"
COLOUR = {"tumor": "threshold:channel=0,above=1.5", "specimen": "threshold:channel=0,above=0.5"}


def section() -> Any:
    """(90, 120) labels: 1 specimen, 2 tumor, whose corners are (7, 9) pixels off the specimen's notch."""
    labels = np.zeros((90, 120), np.uint8)
    labels[10:80, 10:110] = 1
    labels[10:40, 10:30] = 0
    labels[47:60, 39:70] = 2
    return labels


def stack() -> Any:
    """(7, 30, 40) labels; the tumor lies in planes 2 to 4, and nearest to the edge across rows and columns."""
    labels = np.zeros((7, 30, 40), np.uint8)
    labels[:, 4:26, 5:35] = 1
    labels[:, 4:10, 5:12] = 0
    labels[2:5, 13:20, 17:25] = 2
    return labels


def tiff(path: Path, **more: Any) -> Path:
    file = path / "case.tif"
    tifffile.imwrite(
        file, section(), resolution=(1e4 / UM, 1e4 / UM), resolutionunit="CENTIMETER", metadata=None, **more
    )
    return file


def ome(path: Path, labels: Any, axes: str, spacing_um: dict[str, float]) -> Path:
    said = {f"PhysicalSize{a}{b}": v for a, um in spacing_um.items() for b, v in (("", um), ("Unit", "µm"))}
    tifffile.imwrite(path / "case.ome.tif", labels, metadata={"axes": axes, **said})
    return path / "case.ome.tif"


def imagej(path: Path, labels: Any, unit: str, per_unit: tuple[float, float], **more: Any) -> Path:
    tifffile.imwrite(path / "case.tif", labels, imagej=True, resolution=per_unit, metadata={"unit": unit, **more})
    return path / "case.tif"


def svs(path: Path) -> Path:
    said = f"Aperio Image Library v11.2.1\r\n120x90 (16x16)|AppMag = 20|MPP = {UM}"
    pixels = np.repeat(section()[..., None], 3, 2)
    tifffile.imwrite(path / "case.svs", pixels, tile=(16, 16), photometric="rgb", description=said, metadata=None)
    return path / "case.svs"


def omezarr(path: Path, labels: Any, axes: str, scale: tuple[float, ...], unit: str) -> Path:
    import json

    import zarr

    root = zarr.open_group(path / "case.zarr", mode="w", zarr_format=2)
    made = root.create_array(
        "0", shape=labels.shape, dtype=labels.dtype, chunks=tuple(max(1, n // 2) for n in labels.shape)
    )
    made[...] = labels
    level = {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": list(scale)}]}
    named = [{"name": axis, "type": "space", "unit": unit} for axis in axes]
    told = {"multiscales": [{"version": "0.4", "axes": named, "datasets": [level]}]}
    (path / "case.zarr" / ".zattrs").write_text(json.dumps(told))
    return path / "case.zarr"


def itk(path: Path, suffix: str) -> Path:
    made = sitk.GetImageFromArray(stack())
    made.SetSpacing(SPACING[::-1])
    sitk.WriteImage(made, str(path / f"case{suffix}"))
    return path / f"case{suffix}"


def dicom(path: Path) -> Path:
    labels = stack().astype("<i2")
    (path / "case").mkdir()
    for number, pixels in enumerate(labels):
        size = {"Rows": labels.shape[1], "Columns": labels.shape[2], "PixelSpacing": list(SPACING[1:])}
        at = {"ImagePositionPatient": [0.0, 0.0, number * SPACING[0]], "InstanceNumber": 100 - number}
        made = plane(0, PixelData=pixels.tobytes(), **at, **size)
        save(made, path / "case" / f"{number}.dcm")
    return path / "case"


def png(path: Path) -> Path:
    import cv2

    cv2.imwrite(str(path / "case.png"), section())
    return path / "case.png"


SECTIONS: dict[str, Callable[[Path], Path]] = {
    "tiff": tiff,
    "bigtiff": lambda path: tiff(path, bigtiff=True),
    "big-endian": lambda path: tiff(path, byteorder=">"),
    "tiles": lambda path: tiff(path, tile=(32, 32), compression="zlib", predictor=True),
    "ome": lambda path: ome(path, section(), "YX", {"Y": UM, "X": UM}),
    "imagej": lambda path: imagej(path, section(), "um", (1 / UM, 1 / UM)),
    "svs": svs,
    "zarr": lambda path: omezarr(path, section(), "yx", (UM, UM), "micrometer"),
    "png": png,
}
UMS = {axis: 1000 * mm for axis, mm in zip("ZYX", SPACING)}
STACKS: dict[str, Callable[[Path], Path]] = {
    "ome": lambda path: ome(path, stack(), "ZYX", UMS),
    "imagej": lambda path: imagej(
        path, stack(), "mm", (1 / SPACING[2], 1 / SPACING[1]), axes="ZYX", spacing=SPACING[0]
    ),
    "zarr": lambda path: omezarr(path, stack(), "zyx", SPACING, "millimeter"),
    "nifti": lambda path: itk(path, ".nii.gz"),
    "nrrd": lambda path: itk(path, ".nrrd"),
    "metaimage": lambda path: itk(path, ".mha"),
    "dicom": dicom,
}


def measured(file: Path, **more: Any) -> Measured:
    outcome = pipeline.run(Job(**{"image": str(file), "tumor": TUMOR, "specimen": SPECIMEN, "confirm": True, **more}))
    assert isinstance(outcome, Measured), outcome
    return outcome


@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_in_every_format_has_one_margin(tmp_path: Path, name: str) -> None:
    more: dict[str, Any] = COLOUR if name == "svs" else {"pixel_size": "0.5um"} if name == "png" else {}
    result = measured(SECTIONS[name](tmp_path), **more).result
    assert result.all.value_mm == pytest.approx(np.hypot(7, 9) * UM / 1000, rel=1e-12)
    assert result.profile.total == pytest.approx(340 * UM / 1000, rel=1e-12)


@pytest.mark.parametrize("name", STACKS)
def test_a_stack_in_every_format_has_one_margin(tmp_path: Path, name: str) -> None:
    case = measured(STACKS[name](tmp_path))
    assert case.result.spacing_mm == pytest.approx(SPACING, rel=1e-9)
    assert case.result.all.value_mm == pytest.approx(np.hypot(3 * SPACING[1], 5 * SPACING[2]), rel=1e-9)

"""Every real TIFF, SVS, QPTIFF, PNG and JPEG: size, axes and pixel size against a table typed from the data's README.

Sizes, spacings and "not stated" are that page's; the sizes it does not give were read with tiffinfo-like tools (Pillow,
tifffile's raw pages), not with marginkit. Pixels are compared with Pillow, tifffile and OpenSlide.
"""

from pathlib import Path

import numpy as np
import openslide
import pytest
import tifffile
from PIL import Image, ImageOps

import marginkit.opening as mk

# file -> (axes, shape, spacing in mm or the code of the refusal)
TABLE: dict[str, tuple[str, tuple[int, ...], tuple[float, ...] | str]] = {
    "he-svs/cmu-1-small-region.svs": ("YXS", (2967, 2220, 3), (0.000499, 0.000499)),
    "he-svs/tcga-cr-7395-01a-01-ts1.svs": ("YXS", (3567, 4443, 3), "E-CAL-01"),
    "he-ink-margin/excision_blue_yellow_ink.png": ("YXS", (484, 444, 3), "E-CAL-03"),
    "he-ink-margin/excision_yellow_ink_only.png": ("YXS", (484, 444, 3), "E-CAL-03"),
    "he-pen-marks/pen_black.png": ("YXS", (2231, 644, 3), "E-CAL-01"),
    "he-pen-marks/pen_black_mask.png": ("YX", (2231, 644), "E-CAL-01"),
    "he-pen-marks/pen_green.png": ("YXS", (853, 1000, 3), "E-CAL-01"),
    "he-pen-marks/pen_green_mask.png": ("YX", (853, 1000), "E-CAL-01"),
    "he-pen-marks/pen_red.png": ("YXS", (1000, 918, 3), "E-CAL-01"),
    "he-pen-marks/pen_red_mask.png": ("YX", (1000, 918), "E-CAL-01"),
    **{
        f"he-oral-carcinoma-masks/1009009_{at}_{what}.jpg": ("YXS", (640, 640, 3), "E-CAL-01")
        for at in ("r27c10", "r27c5", "r28c12", "r31c0", "r31c1", "r35c10", "r35c4", "r41c2")
        for what in ("image", "mask")
    },
    "skin-lesion-mm-scale/ISIC_0012903.jpg": ("YXS", (2592, 3872, 3), "E-CAL-01"),
    "skin-lesion-mm-scale/ISIC_0012903_segmentation.png": ("YX", (2592, 3872), "E-CAL-01"),
    **{
        f"skin-lesion-mm-scale/ISIC_{number}{rest}": (axes, shape, "E-CAL-01")
        for number in ("0013085", "0013948", "0016003")
        for rest, axes, shape in ((".jpg", "YXS", (2000, 3008, 3)), ("_segmentation.png", "YX", (2000, 3008)))
    },
    "ruler-photo/BMNHE_1105737_angle0.JPG": ("YXS", (345, 518, 3), "E-CAL-03"),
    "ruler-photo/BMNHE_1105737_angle90.JPG": ("YXS", (518, 345, 3), "E-CAL-03"),
    "fgs-mouse-lung-gfp/30-2A1b.jpg": ("YXS", (1200, 1600, 3), "E-CAL-01"),
    "fgs-mouse-lung-gfp/30-2A1f.jpg": ("YXS", (1200, 1600, 3), "E-CAL-01"),
    "fluor-tma-qptiff/small_vectra.qptiff": ("CYX", (3, 1440, 1920), (0.0004965, 0.0004965)),
    "fluor-plane-dpi-trap/smalltif.tif": ("YX", (480, 640), "E-CAL-03"),
    **{
        f"fluor-lung-tissue-maps/Set4_1-6plex_{at}_{rest}": (axes, shape, code)
        for at in ("11472_51360", "15206_60541")
        for rest, axes, shape, code in (
            ("composite_image.jpg", "YXS", (1400, 1868, 3), "E-CAL-03"),
            ("image_with_tissue_seg.jpg", "YXS", (1400, 1868, 3), "E-CAL-03"),
            ("binary_seg_maps.tif", "CYX", (4, 1400, 1868), "E-CAL-01"),
        )
    },
    "fluor-spheroid-3d/B01_405_downsampled_16bit.tif": ("ZYX", (129, 124, 128), "E-CAL-01"),
    "fluor-spheroid-3d/B01_488_downsampled_16bit.tif": ("ZYX", (129, 124, 128), "E-CAL-01"),
    "calibrated-imagej-tiffs/xyz_8bit_sphere_calibrated.tif": ("ZYX", (64, 128, 128), (0.008, 0.004, 0.004)),
    "calibrated-imagej-tiffs/xyz_8bit_calibrated_anisotropic__mri_head.tif": ("ZYX", (27, 226, 186), (7.0, 0.5, 0.5)),
    "calibrated-imagej-tiffs/xyz_8bit__mitotic_plate_calibrated.tif": ("ZYX", (6, 263, 263), (0.003, 8.52e-5, 8.52e-5)),
    "calibrated-imagej-tiffs/xyz_8bit__mitotic_plate_badZcalibrated.tif": ("ZYX", (6, 263, 263), "E-CAL-01"),
}  # fmt: skip
SUFFIXES = {".tif", ".svs", ".qptiff", ".png", ".jpg"}


def test_the_table_names_every_image(shared_data: Path) -> None:
    there = {p.relative_to(shared_data).as_posix() for p in shared_data.rglob("*") if p.suffix.lower() in SUFFIXES}
    assert there == set(TABLE)


@pytest.mark.parametrize("file", TABLE)
def test_size_axes_and_pixel_size(shared_data: Path, file: str) -> None:
    axes, shape, wanted = TABLE[file]
    picture = mk.open(shared_data / file)
    assert (picture.axes, picture.shape) == (axes, shape)
    if isinstance(wanted, str):
        assert picture.spacing_mm is None
        assert picture.refusal is not None
        assert picture.refusal.code == wanted
        assert Path(file).name in str(picture.refusal)
    else:
        assert picture.refusal is None
        assert picture.spacing_mm == pytest.approx(wanted, rel=3e-4)


@pytest.mark.parametrize("file", [f for f in TABLE if f.lower().endswith((".jpg", ".png")) and "ink" not in f])
def test_photographs_have_the_pixels_that_pillow_sees(shared_data: Path, file: str) -> None:
    with Image.open(shared_data / file) as image:
        seen = np.asarray(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(mk.open(shared_data / file).read(), seen)


@pytest.mark.parametrize("what", ["blue_yellow_ink", "yellow_ink_only"])
def test_an_opaque_alpha_changes_nothing(shared_data: Path, what: str) -> None:
    file = shared_data / f"he-ink-margin/excision_{what}.png"
    with Image.open(file) as image:
        seen = np.asarray(image)
    opaque = seen[..., 3] == 255
    assert opaque.any()
    np.testing.assert_array_equal(mk.open(file).read()[opaque], seen[..., :3][opaque])


@pytest.mark.parametrize("file", [f for f in TABLE if f.endswith((".tif", ".qptiff", ".svs"))])
def test_tiffs_have_the_pixels_that_tifffile_sees(shared_data: Path, file: str) -> None:
    with tifffile.TiffFile(shared_data / file) as tif:
        seen = tif.series[0].asarray()
    np.testing.assert_array_equal(mk.open(shared_data / file).read(), seen)


@pytest.mark.parametrize("file", [f for f in TABLE if f.endswith(".svs")])
def test_slides_agree_with_openslide(shared_data: Path, file: str) -> None:
    picture = mk.open(shared_data / file)
    with openslide.OpenSlide(str(shared_data / file)) as slide:
        assert [level.shape[1::-1] for level in picture.levels] == list(slide.level_dimensions)
        for number, level in enumerate(picture.levels):
            # from the corner: elsewhere OpenSlide moves a coarse level by part of a pixel
            other = np.asarray(slide.read_region((0, 0), number, (1100, 800)))[600:, 800:, :3]
            own = level.read((slice(600, 800), slice(800, 1100), slice(0, 3)))
            assert np.abs(own.astype(int) - other).max() <= 4


def test_the_two_claims_of_the_qptiff_are_listed_and_their_difference_is_kept(shared_data: Path) -> None:
    picture = mk.open(shared_data / "fluor-tma-qptiff/small_vectra.qptiff")
    assert picture.channels == ("DAPI", "FITC", "Cy3")
    assert [claim.source for claim in picture.claims] == ["TIFF resolution", "QPTIFF PixelSizeMicrons"]
    assert picture.claims[1].spacing_mm == (0.0005, 0.0005)
    assert picture.calibration is not None
    assert picture.calibration.relative_uncertainty == pytest.approx(0.007, abs=2e-4)
    assert picture.read().max() == 91


def test_the_dpi_trap_is_named(shared_data: Path) -> None:
    picture = mk.open(shared_data / "fluor-plane-dpi-trap/smalltif.tif")
    assert "96 dpi, a default of screens" in str(picture.refusal)


def test_the_turned_photo_is_the_other_one_turned(shared_data: Path) -> None:
    flat, turned = (mk.open(shared_data / f"ruler-photo/BMNHE_1105737_angle{a}.JPG") for a in (0, 90))
    np.testing.assert_array_equal(turned.read(), np.rot90(flat.read(), -1))
    assert "orientation_applied" in turned.flags
    assert "orientation_applied" not in flat.flags


def test_the_sphere_is_round_only_with_its_plane_distance(shared_data: Path) -> None:
    picture = mk.open(shared_data / "calibrated-imagej-tiffs/xyz_8bit_sphere_calibrated.tif")
    pixels = picture.read()
    inside = np.argwhere(pixels > pixels.max() / 2)
    assert picture.spacing_mm is not None
    extent_um = (np.ptp(inside, axis=0) + 1) * picture.spacing_mm * 1000
    assert extent_um == pytest.approx([128, 128, 128], abs=9)


def test_the_volume_of_pixels_of_a_label_page(shared_data: Path) -> None:
    """Page 0 holds 0 tumour, 1 stroma, 2 background, by the data's README."""
    file = shared_data / "fluor-lung-tissue-maps/Set4_1-6plex_11472_51360_binary_seg_maps.tif"
    picture = mk.open(file, mask=True)
    page = picture.levels[0].read((slice(0, 1), slice(None), slice(None)))
    assert set(np.unique(page)) == {0, 1, 2}

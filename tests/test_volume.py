"""Volumes: the truth of orientation, spacing and values is SimpleITK's, or typed."""

import gzip
from collections.abc import Callable
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest

from marginkit import MarginError, opening
from marginkit.readers import _stored, _volumepicture
from marginkit.records import Picture

sitk = pytest.importorskip("SimpleITK")
nibabel = pytest.importorskip("nibabel")

SHAPE = (5, 4, 3)  # i, j, k
SPACING = (0.5, 0.55, 0.59)  # within 20 % in every pair: oblong pixels are refused, see below
ORIENTATIONS = ["".join(c) for p in permutations(("RL", "AP", "SI")) for c in product(*p)]


def numbered(dtype: str = "int16") -> np.ndarray:
    """(k, j, i) values that are all different."""
    return np.arange(60).reshape(SHAPE[::-1]).astype(dtype)


def image(orientation: str = "LPS", dtype: str = "int16") -> "sitk.Image":
    made = sitk.GetImageFromArray(numbered(dtype))
    made.SetSpacing(SPACING)
    made.SetOrigin((10.0, -20.0, 30.5))
    axes = {"L": (1, 0, 0), "R": (-1, 0, 0), "P": (0, 1, 0), "A": (0, -1, 0), "S": (0, 0, 1), "I": (0, 0, -1)}
    made.SetDirection(np.array([axes[c] for c in orientation]).T.ravel().astype(float).tolist())
    return made


def same(picture: Picture, truth: "sitk.Image") -> None:
    """The picture is the image that SimpleITK turned to left, posterior, superior."""
    turned = sitk.DICOMOrient(truth, "LPS")
    np.testing.assert_array_equal(picture.read(), sitk.GetArrayFromImage(turned))
    assert picture.spacing_mm == pytest.approx(turned.GetSpacing()[::-1], rel=1e-6)
    assert picture.origin_mm == pytest.approx(turned.GetOrigin(), abs=1e-5)
    assert picture.direction is not None
    columns = np.array(turned.GetDirection()).reshape(3, 3).T
    np.testing.assert_allclose(np.array(picture.direction), columns[::-1], atol=1e-6)


def nifti(path: Path, change: Callable[["nibabel.Nifti1Header"], None], array: np.ndarray | None = None) -> Path:
    """A NIfTI file whose header was changed before it was saved."""
    data = numbered().transpose(2, 1, 0) if array is None else array
    header = nibabel.Nifti1Header()
    header.set_data_dtype(data.dtype)
    header.set_data_shape(data.shape)
    header.set_zooms(SPACING)
    header["xyzt_units"] = 2
    header["magic"], header["vox_offset"] = b"n+1", 352
    change(header)
    path.write_bytes(header.binaryblock + bytes(4) + data.astype(header.get_data_dtype()).tobytes(order="F"))
    return path


def refused(path: Path) -> str:
    with pytest.raises(MarginError) as caught:
        opening.open(path).read()
    assert str(path.parent) not in str(caught.value)
    return caught.value.code


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha", ".mhd"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_C13_every_orientation(tmp_path: Path, orientation: str, suffix: str) -> None:
    truth = image(orientation)
    path = tmp_path / f"v{suffix}"
    sitk.WriteImage(truth, str(path))
    same(opening.open(path), truth)


def test_oblique_volume_keeps_its_place(tmp_path: Path) -> None:
    truth = image()
    turn = np.deg2rad(20)
    truth.SetDirection([np.cos(turn), -np.sin(turn), 0, np.sin(turn), np.cos(turn), 0, 0, 0, 1])
    sitk.WriteImage(truth, str(tmp_path / "v.nii"))
    picture = opening.open(tmp_path / "v.nii")
    same(picture, truth)
    assert picture.calibration is not None
    assert picture.calibration.source == "NIfTI affine"


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "int32", "float32", "float64"])
def test_values_of_every_type(tmp_path: Path, dtype: str) -> None:
    sitk.WriteImage(image("RAI", dtype), str(tmp_path / "v.nii"))
    picture = opening.open(tmp_path / "v.nii")
    assert picture.dtype == np.dtype(dtype)
    same(picture, image("RAI", dtype))


def test_a_region_is_the_part_of_the_whole(tmp_path: Path) -> None:
    sitk.WriteImage(image("RAI"), str(tmp_path / "v.nii"))
    picture = opening.open(tmp_path / "v.nii")
    part = (slice(1, 3), slice(0, 4, 2), slice(2, None))
    np.testing.assert_array_equal(picture.levels[0].read(part), picture.read()[part])


@pytest.mark.parametrize(("code", "factor"), [(1, 1e3), (2, 1.0), (3, 1e-3), (0, 1.0)])
def test_A16_units(tmp_path: Path, code: int, factor: float) -> None:
    def change(header: "nibabel.Nifti1Header") -> None:
        header["xyzt_units"] = code
        header.set_zooms(tuple(s / factor for s in SPACING))
        header.set_sform(np.diag([s / factor for s in SPACING] + [1]), 1)

    picture = opening.open(nifti(tmp_path / "v.nii", change))
    assert picture.spacing_mm == pytest.approx(SPACING[::-1], rel=1e-6)
    assert picture.calibration is not None
    assert ("unknown" in picture.calibration.detail) == (code == 0)
    assert any("taken as mm" in note for note in picture.warnings) == (code == 0)


def test_A16_two_forms_that_disagree(tmp_path: Path) -> None:
    def change(header: "nibabel.Nifti1Header") -> None:
        header.set_qform(np.diag([0.5, 0.55, 0.59, 1]), 1)
        header.set_sform(np.diag([0.5, 0.55, 0.7, 1]), 1)

    picture = opening.open(nifti(tmp_path / "v.nii", change))
    assert picture.refusal is not None
    assert picture.refusal.code == "E-CAL-04"


def test_A16_two_orientations_are_refused(tmp_path: Path) -> None:
    def change(header: "nibabel.Nifti1Header") -> None:
        header.set_qform(np.diag([0.5, 0.55, 0.59, 1]), 1)
        header.set_sform(np.diag([-0.5, 0.55, 0.59, 1]), 1)

    assert refused(nifti(tmp_path / "v.nii", change)) == "E-GRID-02"


def test_A16_negative_pixdim_without_forms(tmp_path: Path) -> None:
    def change(header: "nibabel.Nifti1Header") -> None:
        header["pixdim"][1] = -0.5

    picture = opening.open(nifti(tmp_path / "v.nii", change))
    assert picture.spacing_mm == pytest.approx((0.59, 0.55, 0.5))
    assert picture.calibration is not None
    assert picture.calibration.source == "NIfTI pixdim"
    np.testing.assert_array_equal(picture.read(), numbered())


@pytest.mark.parametrize("shear", [0.05, 1.0])
def test_C10_shear_is_refused(tmp_path: Path, shear: float) -> None:
    affine = np.diag([0.5, 0.55, 0.59, 1.0])
    affine[0, 1] = shear
    assert refused(nifti(tmp_path / "v.nii", lambda h: h.set_sform(affine, 1))) == "E-GRID-02"


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_A06_impossible_spacing(tmp_path: Path, value: float) -> None:
    def change(header: "nibabel.Nifti1Header") -> None:
        header["pixdim"][3] = value

    assert refused(nifti(tmp_path / "v.nii", change)) == "E-CAL-02"


def test_scaling_for_images_and_labels(tmp_path: Path) -> None:
    def change(header: "nibabel.Nifti1Header") -> None:
        header["scl_slope"], header["scl_inter"] = 2.0, -1024.0

    path = nifti(tmp_path / "v.nii", change)
    np.testing.assert_array_equal(opening.open(path).read(), numbered() * 2.0 - 1024.0)
    labels = opening.open(path, mask=True)
    assert labels.dtype == np.int64
    np.testing.assert_array_equal(labels.read(), numbered().astype(int) * 2 - 1024)


@pytest.mark.parametrize("slope", [0.0, np.nan])
def test_no_scaling(tmp_path: Path, slope: float) -> None:
    def change(header: "nibabel.Nifti1Header") -> None:
        header["scl_slope"], header["scl_inter"] = slope, 7.0

    np.testing.assert_array_equal(opening.open(nifti(tmp_path / "v.nii", change)).read(), numbered())


def test_B01_big_endian(tmp_path: Path) -> None:
    truth = nibabel.Nifti1Image(numbered(">i2").transpose(2, 1, 0), np.diag([0.5, 0.55, 0.59, 1]))
    big = nibabel.Nifti1Image(truth.dataobj, truth.affine, header=truth.header.as_byteswapped(">"))
    big.to_filename(tmp_path / "v.nii")
    assert (tmp_path / "v.nii").read_bytes()[:4] == b"\0\0\x01\x5c"
    picture = opening.open(tmp_path / "v.nii")
    assert picture.dtype == np.dtype("=i2")
    # RAS steps upwards: left and posterior go the other way
    np.testing.assert_array_equal(picture.read(), numbered()[:, ::-1, ::-1])


def test_nifti_2(tmp_path: Path) -> None:
    nibabel.Nifti2Image(numbered().transpose(2, 1, 0), np.diag([-0.5, -0.55, 0.59, 1])).to_filename(tmp_path / "v.nii")
    np.testing.assert_array_equal(opening.open(tmp_path / "v.nii").read(), numbered())


def test_four_axes_are_refused_and_singletons_are_not(tmp_path: Path) -> None:
    array = numbered().transpose(2, 1, 0)[..., None]
    one = nifti(tmp_path / "one.nii", lambda h: h.set_data_shape((5, 4, 3, 1)))
    assert opening.open(one).shape == (3, 4, 5)
    two = np.repeat(array, 2, axis=3)
    nibabel.Nifti1Image(two, np.eye(4)).to_filename(tmp_path / "two.nii")
    assert refused(tmp_path / "two.nii") == "E-AXE-01"


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha", ".mhd"])
def test_two_axes_are_a_picture_and_no_third_size_is_made_up(tmp_path: Path, suffix: str) -> None:
    truth = sitk.GetImageFromArray(numbered()[0])
    truth.SetSpacing((0.5, 0.55))
    sitk.WriteImage(truth, str(tmp_path / f"v{suffix}"))
    picture = opening.open(tmp_path / f"v{suffix}")
    assert (picture.axes, picture.shape) == ("YX", (4, 5))
    assert picture.spacing_mm == pytest.approx((0.55, 0.5))
    assert (picture.origin_mm, picture.direction) == (None, None)
    np.testing.assert_array_equal(picture.read(), numbered()[0])
    np.testing.assert_array_equal(picture.levels[0].read((slice(1, 3), slice(0, 5, 2))), numbered()[0, 1:3, ::2])


@pytest.mark.parametrize("forms", ["none", "qform", "sform", "from the side"])
def test_the_size_of_a_third_axis_that_is_not_there_says_nothing(tmp_path: Path, forms: str) -> None:
    def change(header: "nibabel.Nifti1Header") -> None:
        header.set_data_shape((5, 4))
        header["dim"][3:] = 1
        header["pixdim"][1:4] = 0.5, 0.55, 0
        if forms == "qform":
            header["qform_code"] = 1
        elif forms == "sform":
            header.set_sform(np.diag([-0.5, -0.55, 0, 1]), 1)
        elif forms == "from the side":
            header.set_sform(np.array([[0, 0, 0, 0], [0.5, 0, 0, 0], [0, 0.55, 0, 0], [0, 0, 0, 1]]), 1)

    path = nifti(tmp_path / "v.nii", change, numbered()[0].T[..., None])
    picture = opening.open(path)
    assert picture.axes == "YX"
    assert picture.spacing_mm == pytest.approx((0.55, 0.5))
    expected = numbered()[0] if forms != "qform" else numbered()[0, ::-1, ::-1]  # both axes of it ascend in RAS
    np.testing.assert_array_equal(picture.read(), expected)


@pytest.mark.parametrize("code", ["complex64", "rgb"])
def test_B12_no_numbers(tmp_path: Path, code: str) -> None:
    dtype = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]) if code == "rgb" else np.dtype(code)
    nibabel.Nifti1Image(np.zeros(SHAPE, dtype), np.eye(4)).to_filename(tmp_path / "v.nii")
    assert refused(tmp_path / "v.nii") == "E-PIX-02"


def test_a_promise_above_the_limit(tmp_path: Path) -> None:
    path = nifti(tmp_path / "v.nii", lambda h: h.set_data_shape((32767, 32767, 32767)))
    assert refused(path) == "E-SIZE-01"


def test_a_gzip_bomb_is_unpacked_to_its_promise_only(tmp_path: Path) -> None:
    path = nifti(tmp_path / "v.nii", lambda h: None)
    packed = tmp_path / "v.nii.gz"
    with gzip.open(packed, "wb") as out:
        out.write(path.read_bytes())
        for _ in range(64):
            out.write(bytes(1 << 20))
    stored = _volumepicture._header(str(packed), packed.name)
    assert len(_stored._bytes(str(packed), stored, 120, packed.name)) == 121
    assert opening.open(packed).read().nbytes == 120


def test_a_far_offset_is_refused(tmp_path: Path) -> None:
    def change(header: "nibabel.Nifti1Header") -> None:
        header["vox_offset"] = 2**40

    assert refused(nifti(tmp_path / "v.nii", change)) == "E-SIZE-01"


@pytest.mark.parametrize("cut", [100, 348, 360, 400])
def test_cut_short(tmp_path: Path, cut: int) -> None:
    path = nifti(tmp_path / "v.nii", lambda h: None)
    path.write_bytes(path.read_bytes()[:cut])
    assert refused(path) == ("E-FILE-09" if cut < 348 else "E-FILE-02")


def test_cut_gzip_and_broken_checksum(tmp_path: Path) -> None:
    whole = gzip.compress(nifti(tmp_path / "v.nii", lambda h: None).read_bytes())
    (tmp_path / "cut.nii.gz").write_bytes(whole[:-9])
    assert refused(tmp_path / "cut.nii.gz") == "E-FILE-02"
    (tmp_path / "sum.nii.gz").write_bytes(whole[:-8] + b"\1\2\3\4" + whole[-4:])
    assert refused(tmp_path / "sum.nii.gz") == "E-FILE-05"


def test_a_gzip_of_something_else_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "v.nii.gz").write_bytes(gzip.compress(b"no volume" * 200))
    assert refused(tmp_path / "v.nii.gz") == "E-FILE-09"


def test_A11_thick_slices_may_be_seen_from_the_side(tmp_path: Path) -> None:
    truth = image("PSL")
    truth.SetSpacing((0.5, 0.5, 4.0))
    sitk.WriteImage(truth, str(tmp_path / "v.nii"))
    picture = opening.open(tmp_path / "v.nii")
    assert picture.spacing_mm == pytest.approx((0.5, 0.5, 4.0))
    assert "anisotropic" in picture.flags


@pytest.mark.parametrize("suffix", [".nrrd", ".mha", ".mhd"])
def test_packed_voxels(tmp_path: Path, suffix: str) -> None:
    sitk.WriteImage(image("RAI"), str(tmp_path / f"v{suffix}"), useCompression=True)
    picture = opening.open(tmp_path / f"v{suffix}")
    same(picture, image("RAI"))
    assert picture.kind == "volume"


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
@pytest.mark.parametrize("packed", [False, True])
def test_cut_voxels_of_text_headers(tmp_path: Path, suffix: str, packed: bool) -> None:
    path = tmp_path / f"v{suffix}"
    sitk.WriteImage(image(), str(path), useCompression=packed)
    path.write_bytes(path.read_bytes()[:-9])
    assert refused(path) == "E-FILE-02"


@pytest.mark.parametrize("stated", ["../other.raw", "/etc/passwd", "other.raw", "LIST", "v%03d.raw 1 3 1"])
def test_a_name_in_a_header_is_no_path(tmp_path: Path, stated: str) -> None:
    (tmp_path / "other.raw").write_bytes(numbered().tobytes())
    meta = f"ObjectType = Image\nNDims = 3\nDimSize = 5 4 3\nElementType = MET_SHORT\nElementDataFile = {stated}\n"
    (tmp_path / "v.mhd").write_text(meta)
    assert refused(tmp_path / "v.mhd") == "E-FILE-08"
    nrrd = f"NRRD0004\ntype: short\ndimension: 3\nsizes: 5 4 3\nencoding: raw\nendian: little\ndata file: {stated}\n\n"
    (tmp_path / "v.nrrd").write_text(nrrd)
    assert refused(tmp_path / "v.nrrd") == "E-FILE-08"


def test_voxels_beside_that_change_are_noticed(tmp_path: Path) -> None:
    sitk.WriteImage(image(), str(tmp_path / "v.mhd"))
    picture = opening.open(tmp_path / "v.mhd")
    assert any("checksum covers the header" in note for note in picture.warnings)
    (tmp_path / "v.raw").write_bytes(bytes(130))
    with pytest.raises(MarginError, match="E-FILE-03"):
        picture.read()


def nrrd(path: Path, *lines: str, dtype: str = "<i2") -> Path:
    head = ["NRRD0004", "# a remark: not a field", "type: short", "dimension: 3", "sizes: 5 4 3", "encoding: raw"]
    head += [f"endian: {'big' if dtype[0] == '>' else 'little'}", *lines]
    path.write_bytes("\n".join([*head, "", ""]).encode() + numbered(dtype).tobytes())
    return path


def test_nrrd_units_spaces_and_byte_order(tmp_path: Path) -> None:
    ras = nrrd(
        tmp_path / "v.nrrd", "space: right-anterior-superior", 'space units: "um" "um" "um"',
        "space origin: (1000,2000,3000)",
        "space directions: (-500,0,0) (0,-550,0) (0,0,590)", dtype=">i2",
    )  # fmt: skip
    picture = opening.open(ras)
    assert picture.spacing_mm == pytest.approx((0.59, 0.55, 0.5))
    assert picture.origin_mm == pytest.approx((-1, -2, 3))
    np.testing.assert_array_equal(picture.read(), numbered())


def test_nrrd_without_any_spacing_or_with_odd_units(tmp_path: Path) -> None:
    bare = opening.open(nrrd(tmp_path / "bare.nrrd"))
    assert bare.refusal is not None
    assert bare.refusal.code == "E-CAL-01"
    np.testing.assert_array_equal(bare.read(), numbered())
    odd = opening.open(nrrd(tmp_path / "odd.nrrd", "spacings: 0.5 0.55 0.59", 'units: "pixel" "pixel" "pixel"'))
    assert odd.refusal is not None
    assert odd.refusal.code == "E-CAL-01"
    plain = opening.open(nrrd(tmp_path / "plain.nrrd", "spacings: 0.5 0.55 0.59", 'units: "mm" "mm" "mm"'))
    assert plain.spacing_mm == pytest.approx((0.59, 0.55, 0.5))


def test_metaimage_without_spacing_has_none(tmp_path: Path) -> None:
    text = "ObjectType = Image\nNDims = 3\nDimSize = 5 4 3\nElementType = MET_SHORT\nElementDataFile = LOCAL\n"
    (tmp_path / "v.mha").write_bytes(text.encode() + numbered("<i2").tobytes())
    picture = opening.open(tmp_path / "v.mha")
    assert picture.refusal is not None
    assert picture.refusal.code == "E-CAL-01"
    np.testing.assert_array_equal(picture.read(), numbered())


@pytest.mark.parametrize(
    "line", ["type: block", "encoding: ascii", "sizes: 5 4", "sizes: 5 x 3", "byte skip: 7", "spacings: 1 nan? 1"]
)
def test_nrrd_headers_that_are_broken(tmp_path: Path, line: str) -> None:
    assert refused(nrrd(tmp_path / "v.nrrd", line)) == "E-FILE-06"

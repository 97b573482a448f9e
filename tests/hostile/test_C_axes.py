"""Rows C01 to C08: axes, orientation, levels and frames."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from tiffmaker import build, plain

import marginkit.opening as mk
from marginkit.errors import AxesError, MarginError

RNG = np.random.default_rng(3)


def test_C01_stack_without_meaning_is_never_depth(tmp_path: Path) -> None:
    for count in (3, 4):
        image = RNG.integers(0, 255, (count, 20, 30), dtype=np.uint8)
        tifffile.imwrite(tmp_path / "a.tif", image, photometric="minisblack", metadata=None)
        picture = mk.open(tmp_path / "a.tif")
        assert (picture.axes, picture.shape) == ("CYX", image.shape)
        assert any("without meaning" in note for note in picture.warnings)
        np.testing.assert_array_equal(picture.read(), image)
        deep = mk.open(tmp_path / "a.tif", axes="ZYX", pixel_size="2um,1um,1um")
        assert (deep.axes, deep.spacing_mm) == ("ZYX", (0.002, 0.001, 0.001))


@pytest.mark.parametrize("axes", ["YX", "ZXY", "QYX", "ZYXS"])
def test_C01_axes_that_do_not_fit(tmp_path: Path, axes: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((3, 20, 30), np.uint8), photometric="minisblack", metadata=None)
    with pytest.raises(AxesError, match=r"^a\.tif: .*E-AXE-01"):
        mk.open(tmp_path / "a.tif", axes=axes)


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_C02_colour(tmp_path: Path, planar: str, tile: tuple[int, int] | None) -> None:
    image = RNG.integers(0, 255, (40, 30, 3), dtype=np.uint8)
    stored = image if planar == "contig" else np.moveaxis(image, -1, 0)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", planarconfig=planar, tile=tile, compression="zlib")
    picture = mk.open(tmp_path / "a.tif")
    assert picture.axes == "YXS"
    np.testing.assert_array_equal(picture.read(), image)
    np.testing.assert_array_equal(
        picture.levels[0].read((slice(3, 29), slice(7, 8), slice(1, 3))), image[3:29, 7:8, 1:3]
    )


@pytest.mark.parametrize("form", ["ome", "imagej", "shaped"])
def test_C02_five_axes(tmp_path: Path, form: str) -> None:
    image = RNG.integers(0, 65535, (2, 4, 3, 20, 30), dtype=np.uint16)
    order = {"ome": "TCZYX", "imagej": "TZCYX", "shaped": "TCZYX"}[form]
    options = {"ome": {"ome": True}, "imagej": {"imagej": True}, "shaped": {"photometric": "minisblack"}}[form]
    tifffile.imwrite(tmp_path / "a.tif", image, metadata={"axes": order}, **options)
    picture = mk.open(tmp_path / "a.tif")
    assert (picture.axes, picture.shape) == (order, image.shape)
    np.testing.assert_array_equal(picture.read(), image)
    part = (slice(1, 2), slice(0, 4, 2), slice(1, 3), slice(5, 6), slice(2, 30, 7))
    np.testing.assert_array_equal(picture.levels[0].read(part), image[part])


@pytest.mark.parametrize("order", ["XYZCT", "XYCZT", "XYTZC", "XYTCZ", "XYCTZ", "XYZTC"])
def test_C02_ome_dimension_orders(tmp_path: Path, order: str) -> None:
    """Each plane holds its own (T, C, Z) as a number."""
    size = {"T": 2, "C": 3, "Z": 4}
    planes = []
    for slow in range(size[order[4]]):
        for middle in range(size[order[3]]):
            for fast in range(size[order[2]]):
                at = {order[4]: slow, order[3]: middle, order[2]: fast}
                planes.append(np.full((5, 6), at["T"] * 100 + at["C"] * 10 + at["Z"], np.uint8))
    channels = "".join(f'<Channel ID="Channel:0:{i}" Name="dye{i}" SamplesPerPixel="1"/>' for i in range(3))
    xml = (
        f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0"><Pixels ID="Pixels:0" '
        f'DimensionOrder="{order}" Type="uint8" SizeX="6" SizeY="5" SizeC="3" SizeT="2" SizeZ="4">{channels}<TiffData/>'
        "</Pixels></Image></OME>"
    )
    pages = [
        (plain(5, 6, **({} if i else {"t270": (2, xml.encode() + b"\0")})), p.tobytes()) for i, p in enumerate(planes)
    ]
    (tmp_path / "a.ome.tif").write_bytes(build(pages))
    picture = mk.open(tmp_path / "a.ome.tif")
    assert (picture.axes, picture.channels) == ("TCZYX", ("dye0", "dye1", "dye2"))
    t, c, z = np.ogrid[:2, :3, :4]
    np.testing.assert_array_equal(picture.read()[..., 0, 0], t * 100 + c * 10 + z)


@pytest.mark.parametrize("shape", [(1, 7), (7, 1), (1, 1)])
@pytest.mark.parametrize("suffix", ["tif", "png"])
def test_C03_singletons_are_not_squeezed(tmp_path: Path, shape: tuple[int, int], suffix: str) -> None:
    image = RNG.integers(0, 255, shape, dtype=np.uint8)
    Image.fromarray(image).save(tmp_path / f"a.{suffix}")
    picture = mk.open(tmp_path / f"a.{suffix}")
    assert (picture.axes, picture.shape) == ("YX", shape)
    np.testing.assert_array_equal(picture.read(), image)


def test_C03_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(build([(plain(0, 7), b"")]))
    with pytest.raises(MarginError, match=r"^a\.tif: empty image \(E-PIX-06\)"):
        mk.open(tmp_path / "a.tif")


STORED = np.arange(6 * 9, dtype=np.uint8).reshape(6, 9)
SEEN = {
    1: STORED,
    2: STORED[:, ::-1],
    3: STORED[::-1, ::-1],
    4: STORED[::-1],
    5: STORED.T,
    6: np.rot90(STORED, -1),
    7: STORED[::-1, ::-1].T,
    8: np.rot90(STORED),
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["tif", "png", "jpg"])
def test_C04_one_rule_for_every_reader(tmp_path: Path, orientation: int, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    seen = SEEN[orientation]
    if kind == "tif":
        tags = plain(6, 9, t274=(3, [orientation]), t282=(5, [(10000, 1)]), t283=(5, [(9500, 1)]), t296=(3, [3]))
        path.write_bytes(build([(tags, STORED.tobytes())]))
    else:
        exif = Image.Exif()
        exif[274] = orientation
        Image.fromarray(np.kron(STORED, np.ones((8, 8), np.uint8))).save(path, exif=exif, quality=100)
        seen = np.kron(seen, np.ones((8, 8), np.uint8))
    picture = mk.open(path)
    pixels = picture.read()
    assert picture.shape == seen.shape
    assert np.abs(pixels.astype(int) - seen).max() <= (1 if kind == "jpg" else 0)
    part = (slice(1, 5), slice(2, 4))
    np.testing.assert_array_equal(picture.levels[0].read(part), pixels[part])
    assert ("orientation_applied" in picture.flags) == (orientation > 1)
    if kind == "tif":
        stored_mm = (10 / 9500, 10 / 10000)
        assert picture.spacing_mm == pytest.approx(stored_mm[::-1] if orientation > 4 else stored_mm)


@pytest.mark.parametrize("subifds", [True, False])
def test_C06_ratios_of_levels_come_from_their_sizes(tmp_path: Path, subifds: bool) -> None:
    image = RNG.integers(0, 255, (1001, 802), dtype=np.uint8)
    small, tiny = image[:1000:4, :800:4][:250, :200], image[::16, ::16]
    with tifffile.TiffWriter(tmp_path / "a.tif", bigtiff=True) as out:
        options = {"tile": (64, 64), "metadata": None, "compression": "zlib"}
        out.write(image, subifds=2 if subifds else 0, **options)
        out.write(small, subfiletype=1, **options)
        out.write(tiny, subfiletype=1, **options)
    picture = mk.open(tmp_path / "a.tif")
    assert [level.shape for level in picture.levels] == [image.shape, small.shape, tiny.shape]
    assert picture.levels[1].downsample == (1001 / 250, 802 / 200)
    for level, pixels in zip(picture.levels, (image, small, tiny)):
        np.testing.assert_array_equal(level.read((slice(None), slice(None))), pixels)


def test_a_thumbnail_is_no_level(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as out:
        out.write(np.zeros((300, 400, 3), np.uint8), tile=(64, 64), photometric="rgb", metadata=None)
        out.write(np.ones((100, 110, 3), np.uint8), photometric="rgb", metadata=None)
    picture = mk.open(tmp_path / "a.tif")
    assert len(picture.levels) == 1
    assert any("left out" in note for note in picture.warnings)


def test_C08_gap_between_planes_unknown(tmp_path: Path) -> None:
    options = {"imagej": True, "resolution": (2, 2), "metadata": {"unit": "um", "axes": "ZYX"}}
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((5, 20, 30), np.uint8), **options)
    picture = mk.open(tmp_path / "a.tif")
    assert picture.calibration is None
    assert "it gives 2 of 3 axes" in str(picture.refusal)


def test_imagej_stack_with_a_single_page(tmp_path: Path) -> None:
    """ImageJ writes stacks above 4 GB as one page and the other planes behind it."""
    image = RNG.integers(0, 65535, (6, 20, 30), dtype=np.uint16)
    text = b"ImageJ=1.53f\nimages=6\nslices=6\nunit=mm\nspacing=2.0\n\0"
    tags = plain(20, 30, 16, t270=(2, text), t282=(5, [(4, 1)]), t283=(5, [(4, 1)]), t279=(4, [1200]))
    (tmp_path / "a.tif").write_bytes(build([(tags, image.astype(">u2").tobytes())], ">"))
    picture = mk.open(tmp_path / "a.tif")
    assert (picture.axes, picture.spacing_mm) == ("ZYX", (2.0, 0.25, 0.25))
    np.testing.assert_array_equal(picture.read(), image)


def test_large_uncompressed_strip_is_read_in_bands(tmp_path: Path) -> None:
    image = RNG.integers(0, 255, (3000, 2500), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", image, rowsperstrip=3000)
    picture = mk.open(tmp_path / "a.tif")
    np.testing.assert_array_equal(picture.read(), image)
    np.testing.assert_array_equal(picture.levels[0].read((slice(1670, 1690), slice(9, 2000))), image[1670:1690, 9:2000])

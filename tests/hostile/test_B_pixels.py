"""Rows B01, B02, B04 to B07, B12, B14: the pixels that come out are those that the maker put in."""

import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from tiffmaker import build, plain

import marginkit.opening as mk
from marginkit.errors import FileError, MarginError, PixelError

RNG = np.random.default_rng(7)
NATIVE = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8")


def values(dtype: str, shape: tuple[int, ...] = (37, 53)) -> np.ndarray:
    if dtype.endswith(("f2", "f4", "f8")):
        return RNG.normal(size=shape).astype(dtype)
    info = np.iinfo(dtype)
    return RNG.integers(info.min, info.max, shape, dtype=np.dtype(dtype).newbyteorder("="), endpoint=True).astype(dtype)


@pytest.mark.parametrize("dtype", NATIVE)
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    "options", [{}, {"compression": "zlib", "predictor": True}, {"tile": (16, 32), "compression": "lzw"}]
)
def test_B01_B12_every_byte_order_and_type(tmp_path: Path, dtype: str, order: str, options: dict[str, object]) -> None:
    image = values(dtype)
    if image.dtype.kind in "ui" and image.dtype.itemsize == 8:
        options = {key: value for key, value in options.items() if key != "predictor"}
    tifffile.imwrite(tmp_path / "a.tif", image, byteorder=order, photometric="minisblack", **options)
    picture = mk.open(tmp_path / "a.tif")
    pixels = picture.read()
    assert pixels.dtype == picture.dtype == image.dtype
    assert pixels.dtype.isnative
    np.testing.assert_array_equal(pixels, image)


@pytest.mark.parametrize("compression", ["packbits", "zstd", "lzma", "jpeg2000", "jpegxl"])
def test_codecs_without_loss(tmp_path: Path, compression: str) -> None:
    image = values("u1", (70, 90, 3))
    options = {"compressionargs": {"lossless": True}} if compression == "jpegxl" else {}
    options = {"compressionargs": {"reversible": True}} if compression == "jpeg2000" else options
    tifffile.imwrite(tmp_path / "a.tif", image, tile=(32, 32), photometric="rgb", compression=compression, **options)
    np.testing.assert_array_equal(mk.open(tmp_path / "a.tif").read(), image)


def test_jpeg_tiles_are_what_another_decoder_makes_of_them(tmp_path: Path) -> None:
    image = np.kron(values("u1", (10, 12, 3)), np.ones((8, 8, 1), np.uint8))
    tifffile.imwrite(tmp_path / "a.tif", image, tile=(32, 32), photometric="rgb", compression="jpeg")
    with Image.open(tmp_path / "a.tif") as other:
        difference = np.abs(mk.open(tmp_path / "a.tif").read().astype(int) - np.asarray(other, int))
    assert difference.max() <= 2


def test_B02_twelve_bits_in_sixteen_are_not_rescaled(tmp_path: Path) -> None:
    image = RNG.integers(0, 4096, (20, 30), dtype=np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", image)
    assert mk.open(tmp_path / "a.tif").read().max() == image.max()


def test_B02_packed_twelve_bits(tmp_path: Path) -> None:
    line = np.array([1, 4095, 2048, 3, 77, 1000], np.uint16)
    packed = bytes.fromhex("".join(f"{v:03x}" for v in line))
    (tmp_path / "a.tif").write_bytes(build([(plain(1, 6, 12), packed)], ">"))
    np.testing.assert_array_equal(mk.open(tmp_path / "a.tif").read(), line[None])


def test_B04_palette_tiff_colour_for_pictures_indices_for_masks(tmp_path: Path) -> None:
    indices = RNG.integers(0, 4, (20, 30), dtype=np.uint8)
    table = RNG.integers(0, 256, (3, 256), dtype=np.uint16)
    tifffile.imwrite(tmp_path / "p.tif", indices, photometric="palette", colormap=table * 257)
    colour = mk.open(tmp_path / "p.tif")
    assert colour.axes == "YXS"
    np.testing.assert_array_equal(colour.read(), table.T[indices])
    mask = mk.open(tmp_path / "p.tif", mask=True)
    assert mask.axes == "YX"
    np.testing.assert_array_equal(mask.read(), indices)


def test_B04_palette_png(tmp_path: Path) -> None:
    indices = RNG.integers(0, 5, (20, 30), dtype=np.uint8)
    image = Image.new("P", (30, 20))
    image.putdata(indices.ravel().tolist())
    table = RNG.integers(0, 256, (256, 3), dtype=np.uint8)
    image.putpalette(table.tobytes())
    image.save(tmp_path / "p.png")
    np.testing.assert_array_equal(mk.open(tmp_path / "p.png").read(), table[indices])
    np.testing.assert_array_equal(mk.open(tmp_path / "p.png", mask=True).read(), indices)


@pytest.mark.parametrize("kind", ["png", "tif"])
def test_B05_transparent_is_never_black_tissue(tmp_path: Path, kind: str) -> None:
    image = np.full((20, 30, 4), 10, np.uint8)
    image[..., 3] = 255
    image[:5, :, 3] = 0
    image[5:10, :, 3] = 51
    path = tmp_path / f"a.{kind}"
    if kind == "png":
        Image.fromarray(image).save(path)
    else:
        tifffile.imwrite(path, image, photometric="rgb", extrasamples=["unassalpha"])
    picture = mk.open(path)
    pixels = picture.read()
    assert pixels.shape == (20, 30, 3)
    assert (pixels[:5] == 255).all()
    assert (pixels[5:10] == 10 * 0.2 + 255 * 0.8).all()
    assert (pixels[10:] == 10).all()
    assert any("transparent" in note for note in picture.warnings)
    assert (mk.open(path, mask=True).read()[:5] == 0).all()


def test_B05_premultiplied_alpha(tmp_path: Path) -> None:
    image = np.zeros((20, 30, 4), np.uint8)
    image[:, :15] = (20, 40, 60, 255)
    image[:, 15:] = (10, 20, 30, 127)
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="rgb", extrasamples=["assocalpha"])
    pixels = mk.open(tmp_path / "a.tif").read()
    assert pixels[0, 0].tolist() == [20, 40, 60]
    assert pixels[0, 20].tolist() == [138, 148, 158]


def test_B06_min_is_white_is_inverted(tmp_path: Path) -> None:
    image = values("u2")
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="miniswhite")
    np.testing.assert_array_equal(mk.open(tmp_path / "a.tif").read(), 65535 - image)


@pytest.mark.parametrize("fill_order", [1, 2])
@pytest.mark.parametrize("photometric", [0, 1])
def test_B06_one_bit(tmp_path: Path, fill_order: int, photometric: int) -> None:
    mask = RNG.random((9, 21)) > 0.5
    packed = np.packbits(mask if photometric else ~mask, axis=1, bitorder="big" if fill_order == 1 else "little")
    tags = plain(9, 21, 1, t262=(3, [photometric]), t266=(3, [fill_order]))
    (tmp_path / "a.tif").write_bytes(build([(tags, packed.tobytes())]))
    pixels = mk.open(tmp_path / "a.tif").read()
    assert pixels.dtype == bool
    np.testing.assert_array_equal(pixels, mask)


@pytest.mark.parametrize("photometric", [5, 8])
def test_B06_cmyk_and_lab_are_refused(tmp_path: Path, photometric: int) -> None:
    samples = {5: 4, 8: 3}[photometric]
    tags = plain(4, 4, t262=(3, [photometric]), t277=(3, [samples]), t258=(3, [8] * samples))
    (tmp_path / "a.tif").write_bytes(build([(tags, bytes(16 * samples))]))
    with pytest.raises(PixelError, match=r"^a\.tif: .*E-PIX-02.*(CMYK|Lab)"):
        mk.open(tmp_path / "a.tif")


def test_B06_cmyk_jpeg_is_refused(tmp_path: Path) -> None:
    Image.new("CMYK", (8, 8)).save(tmp_path / "a.jpg")
    with pytest.raises(PixelError, match=r"E-PIX-02.*CMYK"):
        mk.open(tmp_path / "a.jpg")


def test_B12_complex_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 4), np.complex64))
    with pytest.raises(PixelError, match="E-PIX-02"):
        mk.open(tmp_path / "a.tif")


def test_B07_values_that_are_not_finite_come_through(tmp_path: Path) -> None:
    image = np.array([[1, np.nan], [np.inf, -np.inf]], np.float32)
    tifffile.imwrite(tmp_path / "a.tif", image)
    np.testing.assert_array_equal(mk.open(tmp_path / "a.tif").read(), image)


@pytest.mark.parametrize("samples", [1, 3])
def test_B14_sixteen_bit_png_stays_so_and_gamma_is_not_applied(tmp_path: Path, samples: int) -> None:
    import imagecodecs

    image = values("u2", (20, 30, 3)) if samples == 3 else values("u2", (20, 30))
    data = imagecodecs.png_encode(image)
    body = b"gAMA" + (45455).to_bytes(4)
    gamma = (4).to_bytes(4) + body + zlib.crc32(body).to_bytes(4)
    (tmp_path / "a.png").write_bytes(data[:33] + gamma + data[33:])
    pixels = mk.open(tmp_path / "a.png").read()
    assert pixels.dtype == np.uint16
    np.testing.assert_array_equal(pixels, image)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_B14_a_profile_is_noted(tmp_path: Path, suffix: str) -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.new("RGB", (8, 8), (9, 99, 199)).save(tmp_path / f"a.{suffix}", icc_profile=profile)
    assert any("profile" in note for note in mk.open(tmp_path / f"a.{suffix}").warnings)


def test_a_broken_png_names_itself(tmp_path: Path) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    data = bytearray((tmp_path / "a.png").read_bytes())
    data[45] ^= 255
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(FileError, match=r"^a\.png: .*E-FILE-05.*checksum"):
        mk.open(tmp_path / "a.png")


def test_decoders_never_leak_their_own_exceptions(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", values("u1", (64, 64, 3)), tile=(16, 16), photometric="rgb", compression="jpeg"
    )
    good = (tmp_path / "a.tif").read_bytes()
    for seed in range(60):
        rng = np.random.default_rng(seed)
        data = bytearray(good)
        for at in rng.integers(0, len(data), 6):
            data[at] = rng.integers(256)
        (tmp_path / "b.tif").write_bytes(data)
        try:
            mk.open(tmp_path / "b.tif").read()
        except MarginError as error:
            assert "b.tif" in str(error)  # noqa: PT017

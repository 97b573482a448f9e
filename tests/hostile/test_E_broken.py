"""Rows E02 to E13 and E15: broken and hostile images end in one line, quickly, and never in pixels."""

import logging
import struct
import time
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from tiffmaker import build, plain

import marginkit.opening as mk
from marginkit import shelf
from marginkit.errors import FileError, MarginError, SizeError

RNG = np.random.default_rng(5)
IMAGE = RNG.integers(1, 255, (96, 128), dtype=np.uint8)


def tiff(path: Path, **options: object) -> Path:
    tifffile.imwrite(path, IMAGE, **options)
    return path


MAKERS: dict[str, Callable[[Path], object]] = {
    "plain.tif": lambda p: tiff(p),
    "tiled.tif": lambda p: tiff(p, tile=(32, 32), compression="zlib"),
    "lzw.tif": lambda p: tiff(p, compression="lzw", rowsperstrip=16),
    "jpeg.tif": lambda p: tiff(p, tile=(32, 32), compression="jpeg"),
    "big.ome.tif": lambda p: tiff(p, ome=True, bigtiff=True),
    "a.png": lambda p: Image.fromarray(IMAGE).save(p),
    "a.jpg": lambda p: Image.fromarray(IMAGE).save(p),
    "progressive.jpg": lambda p: Image.fromarray(IMAGE).save(p, progressive=True),
}


@pytest.mark.parametrize("name", MAKERS)
def test_E02_cut_at_every_64th_is_never_a_picture(tmp_path: Path, name: str) -> None:
    MAKERS[name](tmp_path / name)
    data = (tmp_path / name).read_bytes()
    assert mk.open(tmp_path / name).read().shape == IMAGE.shape
    cut = tmp_path / f"cut_{name}"
    for part in range(1, 64):
        cut.write_bytes(data[: len(data) * part // 64])
        with pytest.raises(MarginError, match=r"^cut_.*E-(FILE|PIX)-"):
            mk.open(cut).read()


def test_E03_a_file_that_changes_after_opening(tmp_path: Path) -> None:
    path = tiff(tmp_path / "a.tif")
    picture = mk.open(path)
    with path.open("ab") as stream:
        stream.write(b"more")
    with pytest.raises(FileError, match=r"^a\.tif: the file is still changing \(E-FILE-03\)"):
        picture.read()


def without_tile(path: Path, description: str = "") -> Path:
    """A tiled file whose sixth tile was never written."""
    tifffile.imwrite(
        path, np.stack([IMAGE] * 3, -1), tile=(32, 32), photometric="rgb", description=description, metadata=None
    )
    with tifffile.TiffFile(path) as tif:
        tags = [tif.pages[0].tags[code] for code in (324, 325)]
        places = [
            (tag.valueoffset + 5 * {3: 2, 4: 4}[int(tag.dtype)], {3: "<H", 4: "<I"}[int(tag.dtype)]) for tag in tags
        ]
    data = bytearray(path.read_bytes())
    for at, kind in places:
        struct.pack_into(kind, data, at, 0)
    path.write_bytes(data)
    return path


def test_E04_missing_tile_of_a_plain_tiff(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"^a\.tif: .*E-FILE-04\): 1 of 12 segments were never written"):
        mk.open(without_tile(tmp_path / "a.tif"))


def test_E04_missing_tile_of_a_slide_is_not_scanned(tmp_path: Path) -> None:
    picture = mk.open(without_tile(tmp_path / "a.svs", "Aperio Image Library v11\r\n128x96|MPP = 0.5"))
    assert "not_scanned" in picture.flags
    assert any("1 of 12 tiles" in note for note in picture.warnings)
    pixels = picture.read()
    assert (pixels[32:64, 32:64] == 255).all()
    np.testing.assert_array_equal(pixels[:32], np.stack([IMAGE] * 3, -1)[:32])


def test_E05_fewer_segments_than_the_header_claims(tmp_path: Path) -> None:
    tags = plain(96, 128, t278=(4, [8]))
    (tmp_path / "a.tif").write_bytes(build([(tags, IMAGE[:8].tobytes())]))
    with pytest.raises(FileError, match=r"E-FILE-04\): the header asks for 12 segments, the table lists 1"):
        mk.open(tmp_path / "a.tif")


@pytest.mark.parametrize("compression", ["zlib", "lzw", "packbits", "zstd", "jpeg"])
def test_E06_garbage_in_one_tile(tmp_path: Path, compression: str) -> None:
    path = tiff(tmp_path / "a.tif", tile=(32, 32), compression=compression)
    with tifffile.TiffFile(path) as tif:
        offset, count = tif.pages[0].dataoffsets[5], tif.pages[0].databytecounts[5]
    data = bytearray(path.read_bytes())
    data[offset : offset + count] = b"\x07" * count
    path.write_bytes(data)
    picture = mk.open(path)
    difference = np.abs(picture.levels[0].read((slice(0, 32), slice(0, 128))).astype(int) - IMAGE[:32])
    assert difference.max() <= (90 if compression == "jpeg" else 0)
    with pytest.raises(FileError, match=r"^a\.tif: .*E-FILE-05\): segment 5 at row 32, column 32"):
        picture.read()


def test_E06_jpeg_tile_that_ends_early(tmp_path: Path) -> None:
    path = tiff(tmp_path / "a.tif", tile=(32, 32), compression="jpeg")
    with tifffile.TiffFile(path) as tif:
        offset, count = tif.pages[0].dataoffsets[5], tif.pages[0].databytecounts[5]
    data = bytearray(path.read_bytes())
    data[offset + count - 40 : offset + count] = bytes(40)
    path.write_bytes(data)
    with pytest.raises(FileError, match=r"E-FILE-05\): segment 5 .*(Premature|premature)"):
        mk.open(path).read()


@pytest.mark.parametrize("name", ["a.jpg", "jpeg.tif"])
def test_E06_jpeg_with_garbage_in_the_middle(tmp_path: Path, name: str) -> None:
    """Most libraries make a picture of this, grey from the garbage on."""
    MAKERS[name](tmp_path / name)
    data = bytearray((tmp_path / name).read_bytes())
    scan = data.index(b"\xff\xda") + 100
    data[scan : scan + 60] = b"\x12" * 60
    (tmp_path / name).write_bytes(data)
    with pytest.raises(FileError, match="E-FILE-05"):
        mk.open(tmp_path / name).read()


def test_E06_jpeg_whose_rest_was_cut_out(tmp_path: Path) -> None:
    MAKERS["a.jpg"](tmp_path / "a.jpg")
    data = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(data[: len(data) // 2] + b"\xff\xd9")
    with pytest.raises(FileError, match="E-FILE-05"):
        mk.open(tmp_path / "a.jpg").read()


def test_E06_tile_smaller_than_promised(tmp_path: Path) -> None:
    import imagecodecs

    path = tiff(tmp_path / "a.tif", tile=(32, 32), compression="jpeg")
    with tifffile.TiffFile(path) as tif:
        offset, count = tif.pages[0].dataoffsets[5], tif.pages[0].databytecounts[5]
    small = imagecodecs.jpeg8_encode(np.zeros((16, 16), np.uint8), level=50)
    assert len(small) <= count
    data = bytearray(path.read_bytes())
    data[offset : offset + count] = small.ljust(count, b"\0")
    path.write_bytes(data)
    with pytest.raises(FileError, match=r"E-FILE-05\): segment 5 .*it holds 16 x 16 pixels"):
        mk.open(path).read()


def test_E07_sixty_thousand_squared_in_few_bytes(tmp_path: Path) -> None:
    tags = plain(60000, 60000, t259=(3, [8]))
    (tmp_path / "a.tif").write_bytes(build([(tags, zlib.compress(bytes(10)))]))
    with pytest.raises(SizeError, match=r"^a\.tif: .*E-SIZE-01.*3600000000 bytes, limit"):
        mk.open(tmp_path / "a.tif")


def test_E07_samples(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(build([(plain(4, 4, t277=(3, [65529])), bytes(16))]))
    with pytest.raises(SizeError, match=r"E-SIZE-01\): 65529"):
        mk.open(tmp_path / "a.tif")


def test_E07_a_million_tags(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"II" + struct.pack("<HIH", 42, 8, 65535) + bytes(65535 * 12 + 4))
    with pytest.raises(SizeError, match=r"E-SIZE-01.*65535"):
        mk.open(tmp_path / "a.tif")


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_E07_a_photo_larger_than_memory(tmp_path: Path, suffix: str) -> None:
    MAKERS[f"a.{suffix}"](tmp_path / f"a.{suffix}")
    data = bytearray((tmp_path / f"a.{suffix}").read_bytes())
    if suffix == "png":
        data[16:24] = struct.pack(">II", 1 << 30, 1 << 30)
        data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
        with_limit = "E-SIZE-01"
    else:
        at = data.index(b"\xff\xc0")
        data[at + 5 : at + 9] = struct.pack(">HH", 65500, 65500)
        with_limit = "E-FILE-02"
    (tmp_path / f"a.{suffix}").write_bytes(data)
    with pytest.raises(MarginError, match=with_limit):
        mk.open(tmp_path / f"a.{suffix}").levels[0].read((slice(0, 1), slice(0, 1)))


@pytest.mark.parametrize("compression", [8, 34925, 50000, 32773])
def test_E08_a_bomb_is_bounded_by_its_tile(tmp_path: Path, compression: int) -> None:
    import imagecodecs

    zeros = bytes(64 << 20)
    encode = {8: zlib.compress, 34925: imagecodecs.lzma_encode, 50000: imagecodecs.zstd_encode}
    bomb = encode[compression](zeros) if compression in encode else b"\x81\x00" * (len(zeros) // 128)
    tags = plain(96, 128, t259=(3, [compression]))
    (tmp_path / "a.tif").write_bytes(build([(tags, bomb)]))
    picture = mk.open(tmp_path / "a.tif")
    tracemalloc.start()
    with suppress(FileError):
        assert picture.read().size == 96 * 128
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


def test_E08_jpeg_2000_larger_than_its_tile(tmp_path: Path) -> None:
    path = tiff(tmp_path / "a.tif", tile=(32, 32), compression="jpeg2000")
    data = bytearray(path.read_bytes())
    at = data.index(b"\xff\x4f\xff\x51")
    data[at + 8 : at + 16] = struct.pack(">II", 60000, 60000)
    path.write_bytes(data)
    with pytest.raises(FileError, match=r"E-FILE-05.*the JPEG 2000 is 60000 x 60000, the tile 32 x 32"):
        mk.open(path).read()


def test_E09_circle_of_pages(tmp_path: Path) -> None:
    data = bytearray(build([(plain(4, 4), bytes(16))]))
    count = struct.unpack_from("<H", data, 8)[0]
    struct.pack_into("<I", data, 10 + 12 * count, 8)
    (tmp_path / "a.tif").write_bytes(data)
    with pytest.raises(FileError, match=r"E-FILE-06\): offset 8 comes twice"):
        mk.open(tmp_path / "a.tif")


def test_E09_circle_of_subifds(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(build([(plain(4, 4, t330=(4, [8])), bytes(16))]))
    with pytest.raises(FileError, match="E-FILE-06"):
        mk.open(tmp_path / "a.tif")


@pytest.mark.parametrize("tag", [330, 270, 282])
def test_E09_offset_beyond_the_end(tmp_path: Path, tag: int) -> None:
    values = {330: (4, [1 << 30]), 270: (2, b"x" * 40), 282: (5, [(1, 1)])}[tag]
    data = bytearray(build([(plain(4, 4, **{f"t{tag}": values}), bytes(16))]))
    at = data.index(struct.pack("<HH", tag, values[0]))
    if tag != 330:
        struct.pack_into("<I", data, at + 8, 1 << 30)
    (tmp_path / "a.tif").write_bytes(data)
    with pytest.raises(FileError, match=r"E-FILE-0[26]"):
        mk.open(tmp_path / "a.tif")


def test_E09_overlapping_tiles(tmp_path: Path) -> None:
    tags = plain(8, 8, t278=(4, [4]), t273=(4, [8, 20]), t279=(4, [32, 32]))
    (tmp_path / "a.tif").write_bytes(build([(tags, b"")]) + bytes(64))
    with pytest.raises(FileError, match="segments overlap"):
        mk.open(tmp_path / "a.tif")


def ome(path: Path, xml: str) -> Path:
    path.write_bytes(build([(plain(4, 4, t270=(2, xml.encode() + b"\0")), bytes(16))]))
    return path


PIXELS = (
    '<Pixels ID="P" DimensionOrder="XYZCT" Type="uint8" SizeX="4" SizeY="4" '
    'SizeC="1" SizeT="1" SizeZ="1" {}>{}</Pixels>'
)
BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("xml", "words"),
    [
        ('<OME><Image Name="H&E 3">' + PIXELS.format("", "<TiffData/>") + "</Image></OME>", "unescaped"),
        (BOMB + "<OME>&b;</OME>", "entities"),
        ('<!DOCTYPE x SYSTEM "file:///etc/passwd"><OME></OME>', "entities"),
        ("<OME>" + "<a>" * 5000 + "</a>" * 5000 + "</OME>", "inside each other"),
        ("<OME><Image></Image></OME>", "without Pixels"),
        (
            "<OME><Image>" + PIXELS.format("", "").replace('SizeZ="1"', 'SizeZ="x"') + "</Image></OME>",
            "invalid literal",
        ),
    ],
)
def test_E10_metadata_that_cannot_be_read_stop_the_image(tmp_path: Path, xml: str, words: str) -> None:
    with pytest.raises(FileError, match=rf"^a\.ome\.tif: .*E-FILE-07.*{words}"):
        mk.open(ome(tmp_path / "a.ome.tif", xml))


def test_E11_planes_in_other_files_are_not_followed(tmp_path: Path) -> None:
    blocks = "".join(
        f'<TiffData FirstZ="{z}" IFD="0"><UUID FileName="../{z}.tif">urn:{z}</UUID></TiffData>' for z in (0, 1)
    )
    xml = "<OME><Image>" + PIXELS.format("", blocks).replace('SizeZ="1"', 'SizeZ="2"') + "</Image></OME>"
    with pytest.raises(FileError, match="E-FILE-08"):
        mk.open(ome(tmp_path / "a.ome.tif", xml))
    with pytest.raises(FileError, match="E-FILE-08"):
        mk.open(ome(tmp_path / "b.ome.tif", '<OME><BinaryOnly MetadataFile="c.companion.ome" UUID="urn:1"/></OME>'))


def test_E11_one_renamed_file_is_still_one_file(tmp_path: Path) -> None:
    block = '<TiffData IFD="0"><UUID FileName="old name.ome.tif">urn:1</UUID></TiffData>'
    xml = "<OME><Image>" + PIXELS.format('PhysicalSizeX="0.5" PhysicalSizeY="0.5"', block) + "</Image></OME>"
    assert mk.open(ome(tmp_path / "new.ome.tif", xml)).spacing_mm == (0.0005, 0.0005)


def test_E04_planes_that_ome_promises_but_the_file_lacks(tmp_path: Path) -> None:
    xml = "<OME><Image>" + PIXELS.format("", "<TiffData/>").replace('SizeZ="1"', 'SizeZ="3"') + "</Image></OME>"
    with pytest.raises(FileError, match="E-FILE-04"):
        mk.open(ome(tmp_path / "a.ome.tif", xml))


def test_E12_content_decides(tmp_path: Path) -> None:
    Image.fromarray(IMAGE).save(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").rename(tmp_path / "a.tif")
    assert mk.open(tmp_path / "a.tif").format == "JPEG"


def test_E12_nobody_knows_it(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"hello, world")
    with pytest.raises(FileError, match=r"^a\.tif: no reader knows this file \(E-FILE-09\).*tried .*photo.*tiff"):
        mk.open(tmp_path / "a.tif")


def test_E12_two_are_sure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(shelf.ENV, raising=False)
    (tmp_path / "readers").mkdir()
    body = "def claims(head, name):\n    return 2 * head.startswith(b'hello')\ndef read(path):\n    pass\n"
    for name in ("one", "two"):
        (tmp_path / "readers" / f"{name}.py").write_text(f"NAME = '{name}'\n{body}")
    (tmp_path / "a.tif").write_bytes(b"hello, world")
    with pytest.raises(FileError, match=r"more than one reader claims this file \(E-FILE-09\): one, two"):
        mk.open(tmp_path / "a.tif", shelves=[tmp_path])


def test_E13_no_pages(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"II" + struct.pack("<HI", 42, 0))
    with pytest.raises(FileError, match=r"a TIFF without pages \(E-FILE-10\)"):
        mk.open(tmp_path / "a.tif")


def test_E13_many_pages(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as out:
        for number in range(3000):
            out.write(np.full((2, 2), number % 251, np.uint8), metadata=None, contiguous=False)
    picture = mk.open(tmp_path / "a.tif")
    assert picture.shape == (3000, 2, 2)
    assert picture.levels[0].read((slice(2999, 3000), slice(0, 1), slice(0, 1)))[0, 0, 0] == 2999 % 251


def test_E13_bigtiff(tmp_path: Path) -> None:
    picture = mk.open(tiff(tmp_path / "a.btf", bigtiff=True, byteorder=">"))
    assert picture.format == "BigTIFF"
    np.testing.assert_array_equal(picture.read(), IMAGE)


def test_E13_ome_and_page_of_different_sizes(tmp_path: Path) -> None:
    xml = "<OME><Image>" + PIXELS.format("", "<TiffData/>").replace('SizeX="4"', 'SizeX="8"') + "</Image></OME>"
    with pytest.raises(FileError, match=r"pages of mixed sizes \(E-FILE-10\)"):
        mk.open(ome(tmp_path / "a.ome.tif", xml))


def test_nothing_is_logged_or_left_open(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        mk.open(tiff(tmp_path / "a.tif", tile=(32, 32))).read()
    assert not caplog.records


def test_truncated_random_bytes_give_only_our_errors(tmp_path: Path) -> None:
    good = tiff(tmp_path / "a.ome.tif", ome=True, tile=(32, 32), compression="zlib").read_bytes()
    for seed in range(150):
        rng = np.random.default_rng(seed)
        data = bytearray(good)
        for at in rng.integers(0, min(len(data), 2500), 4):
            data[at] = rng.integers(256)
        (tmp_path / "b.tif").write_bytes(data)
        start = time.perf_counter()
        try:
            mk.open(tmp_path / "b.tif").read()
        except MarginError as error:
            assert "\n" not in str(error)  # noqa: PT017
        assert time.perf_counter() - start < 1

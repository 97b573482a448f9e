"""Rows A01 to A17 on real files: what a file says of its pixel size, and what is made of it."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from tiffmaker import Tag, build, plain

import marginkit.opening as mk
from marginkit.records import Picture

IMAGE = np.arange(48 * 64, dtype=np.uint8).reshape(48, 64)


def opened(tmp_path: Path, *, order: str = "<", confirm: bool = False, **more: Tag) -> Picture:
    path = tmp_path / "a.tif"
    path.write_bytes(build([(plain(48, 64, **more), IMAGE.tobytes())], order))
    return mk.open(path, confirm=confirm)


def density(x: tuple[int, int], y: tuple[int, int] | None = None, unit: int | None = 3) -> dict[str, Tag]:
    tags: dict[str, Tag] = {"t282": (5, [x]), "t283": (5, [y or x])}
    return tags if unit is None else {**tags, "t296": (3, [unit])}


def refusal(picture: Picture) -> str:
    assert picture.calibration is None
    assert picture.spacing_mm is None
    return str(picture.refusal)


def ome(
    tmp_path: Path, attributes: str, *, name: str = "p", shape: tuple[int, ...] = (48, 64), raw: bytes | None = None
) -> Path:
    depth = shape[0] if len(shape) == 3 else 1
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        f'<Image ID="Image:0" Name="{name}"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="64" '
        f'SizeY="48" SizeC="1" SizeT="1" SizeZ="{depth}" {attributes}><TiffData/></Pixels></Image></OME>'
    )
    text = raw if raw is not None else xml.encode("utf-8")
    pages = [(plain(48, 64, **({"t270": (2, text + b"\0")} if i == 0 else {})), IMAGE.tobytes()) for i in range(depth)]
    path = tmp_path / "a.ome.tif"
    path.write_bytes(build(pages))
    return path


def test_A01_no_scale_anywhere(tmp_path: Path) -> None:
    assert refusal(opened(tmp_path)).startswith("a.tif: pixel size missing (E-CAL-01)")


def test_A02_resolution_unit_none(tmp_path: Path) -> None:
    picture = opened(tmp_path, **density((20000, 1), unit=1))
    assert "E-CAL-01" in refusal(picture)
    assert picture.claims[0].spacing_mm is None


def test_A03_resolution_unit_missing_is_listed_but_not_taken(tmp_path: Path) -> None:
    text = refusal(opened(tmp_path, **density((300, 1), unit=None)))
    assert "E-CAL-01" in text
    assert "300/1 without ResolutionUnit; per inch by default?" in text


@pytest.mark.parametrize(
    ("rational", "unit", "dpi"), [((72, 1), 2, 72), ((96000, 1000), 2, 96), ((283465, 10000), 3, 72)]
)
def test_A04_screen_defaults_in_a_tiff(tmp_path: Path, rational: tuple[int, int], unit: int, dpi: int) -> None:
    assert f"{dpi} dpi, a default of screens" in refusal(opened(tmp_path, **density(rational, unit=unit)))
    confirmed = opened(tmp_path, confirm=True, **density(rational, unit=unit))
    assert {"screen_default", "confirmed_by_user"} <= set(confirmed.flags)
    assert confirmed.spacing_mm == pytest.approx((25.4 / dpi, 25.4 / dpi), rel=1e-4)


@pytest.mark.parametrize("rational", [(0, 1), (1, 0), (0, 0), (4294967295, 1)])
def test_A06_impossible_rationals_name_tag_and_text(tmp_path: Path, rational: tuple[int, int]) -> None:
    text = refusal(opened(tmp_path, **density(rational)))
    assert "E-CAL-02" in text
    assert f"{rational[0]}/{rational[1]}" in text


@pytest.mark.parametrize(
    ("unit", "pixels", "mm"),
    [
        ("cm", (2, 1), 5.0),
        ("mm", (10, 1), 0.1),
        ("millimeter", (2000000, 1000000), 0.5),
        ("inch", (254, 1), 0.1),
        ("nm", (1, 500), 0.0005),
        ("m", (1000, 2), 2.0),
        ("\\u00B5m", (2, 1), 0.0005),
        ("micron", (2, 1), 0.0005),
        ("um", (4, 1), 0.00025),
        ("\N{MICRO SIGN}m", (2, 1), 0.0005),
        ("\N{GREEK SMALL LETTER MU}m", (2, 1), 0.0005),
    ],
)
@pytest.mark.parametrize("order", ["<", ">"])
def test_A07_imagej_units(tmp_path: Path, unit: str, pixels: tuple[int, int], mm: float, order: str) -> None:
    text = f"ImageJ=1.53f\nunit={unit}\n".encode() + b"\0"
    picture = opened(tmp_path, order=order, t270=(2, text), **density(pixels, unit=1))
    assert picture.spacing_mm == pytest.approx((mm, mm), rel=1e-12)
    assert picture.calibration is not None
    assert picture.calibration.source == "ImageJ"


def test_A07_a_latin_1_micro_sign(tmp_path: Path) -> None:
    picture = opened(tmp_path, t270=(2, b"ImageJ=1.53f\nunit=\xb5m\n\0"), **density((2, 1), unit=1))
    assert picture.spacing_mm == (0.0005, 0.0005)


def test_A07_imagej_as_tifffile_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "ij.tif"
    stack = np.zeros((5, 48, 64), np.uint16)
    tifffile.imwrite(
        path, stack, imagej=True, resolution=(2, 4), metadata={"unit": "cm", "spacing": 3.0, "axes": "ZYX"}
    )
    picture = mk.open(path)
    assert picture.axes == "ZYX"
    assert picture.claims[0].spacing_mm == pytest.approx((30.0, 2.5, 5.0))
    assert "E-CAL-03" in refusal(picture)


@pytest.mark.parametrize("unit", ["pixel", "pixels", " ", "sec"])
def test_A08_imagej_units_that_are_none(tmp_path: Path, unit: str) -> None:
    picture = opened(tmp_path, t270=(2, f"ImageJ=1.53f\nunit={unit}\n".encode() + b"\0"), **density((2, 1), unit=1))
    assert "E-CAL-01" in refusal(picture)


@pytest.mark.parametrize("unit", ["pixel", "reference frame"])
def test_A08_ome_units_that_are_none(tmp_path: Path, unit: str) -> None:
    size = f'PhysicalSizeX="1.0" PhysicalSizeY="1.0" PhysicalSizeXUnit="{unit}" PhysicalSizeYUnit="{unit}"'
    assert "E-CAL-01" in refusal(mk.open(ome(tmp_path, size)))


@pytest.mark.parametrize(
    ("attributes", "spacing_mm"),
    [
        ('PhysicalSizeX="0.5" PhysicalSizeY="0.25"', (0.00025, 0.0005)),
        ('PhysicalSizeX="5e-1" PhysicalSizeY="5.0E-1"', (0.0005, 0.0005)),
        ('PhysicalSizeX="500" PhysicalSizeY="0.5" PhysicalSizeXUnit="nm" PhysicalSizeYUnit="µm"', (0.0005, 0.0005)),
        ('PhysicalSizeX="0.05" PhysicalSizeY="0.05" PhysicalSizeXUnit="mm" PhysicalSizeYUnit="mm"', (0.05, 0.05)),
    ],
)
def test_A09_ome_sizes(tmp_path: Path, attributes: str, spacing_mm: tuple[float, float]) -> None:
    picture = mk.open(ome(tmp_path, attributes), confirm=True)
    assert picture.format == "OME-TIFF"
    assert picture.spacing_mm == pytest.approx(spacing_mm, rel=1e-12)


def test_A09_ome_micro_sign_in_latin_1(tmp_path: Path) -> None:
    size = 'PhysicalSizeX="0.5" PhysicalSizeY="0.5" PhysicalSizeXUnit="µm" PhysicalSizeYUnit="µm"'
    good = ome(tmp_path, size).read_bytes()
    xml = good[good.index(b"<?xml") : good.index(b"</OME>") + 6].decode("utf-8").encode("latin-1")
    assert mk.open(ome(tmp_path, "", raw=xml)).spacing_mm == (0.0005, 0.0005)


def test_A09_decimal_comma_is_no_number_in_ome_but_one_in_vendor_text(tmp_path: Path) -> None:
    assert "E-CAL-02" in refusal(mk.open(ome(tmp_path, 'PhysicalSizeX="0,5" PhysicalSizeY="0,5"')))
    svs = tiled(tmp_path / "a.svs", b"Aperio Image Library v11\r\n64x48|AppMag = 20|MPP = 0,4990")
    picture = mk.open(svs)
    assert picture.spacing_mm == pytest.approx((0.000499, 0.000499), rel=1e-12)
    assert "decimal_comma" in picture.flags


def tiled(path: Path, description: bytes, resolution: tuple[float, float] | None = None) -> Path:
    colour = np.zeros((48, 64, 3), np.uint8)
    tifffile.imwrite(
        path, colour, tile=(16, 16), photometric="rgb", description=description.decode(), metadata=None,
        resolution=resolution or (1, 1), resolutionunit="CENTIMETER" if resolution else "NONE",
    )  # fmt: skip
    return path


def test_A10_tag_against_ome(tmp_path: Path) -> None:
    path = tmp_path / "d.ome.tif"
    size = {
        "PhysicalSizeX": 0.5,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": 0.5,
        "PhysicalSizeYUnit": "µm",
        "axes": "YX",
    }
    tifffile.imwrite(path, IMAGE, ome=True, resolution=(40000, 40000), resolutionunit="CENTIMETER", metadata=size)
    text = refusal(mk.open(path))
    assert "E-CAL-04" in text
    assert "OME PhysicalSize 0.0005 x 0.0005 mm" in text
    assert "TIFF resolution 0.00025 x 0.00025 mm" in text
    assert mk.open(path, pixel_size="0.25um").spacing_mm == (0.00025, 0.00025)


def test_A10_svs_mpp_against_tag(tmp_path: Path) -> None:
    svs = tiled(tmp_path / "a.svs", b"Aperio Image Library v11\r\n64x48|MPP = 0.5", (40000.0, 40000.0))
    assert "E-CAL-04" in refusal(mk.open(svs))


def test_A11_pixels_that_are_not_square(tmp_path: Path) -> None:
    picture = opened(tmp_path, **density((20000, 1), (19000, 1)))
    assert picture.spacing_mm == pytest.approx((10 / 19000, 10 / 20000))
    assert "anisotropic" in picture.flags
    assert "E-CAL-05" in refusal(opened(tmp_path, **density((20000, 1), (10000, 1))))


def test_A12_trestle_stores_micrometres_in_the_resolution_tags(tmp_path: Path) -> None:
    path = tmp_path / "trestle.tif"
    text = "Background Color=FFFFFF;White Balance=FF;Objective Power=10;JPEG Quality=50;OverlapsXY= 0 0"
    tifffile.imwrite(
        path, np.full((64, 64, 3), 9, np.uint8), tile=(16, 16), photometric="rgb", software="MedScan 1.0",
        metadata=None, description=text, resolution=((93, 100), (93, 100)), resolutionunit="CENTIMETER",
        compression="zlib",
    )  # fmt: skip
    picture = mk.open(path)
    assert picture.format == "Trestle"
    assert picture.spacing_mm == pytest.approx((0.00093, 0.00093), rel=1e-6)
    assert (picture.read() == 9).all()


def test_A13_a_magnification_is_not_a_size(tmp_path: Path) -> None:
    picture = mk.open(tiled(tmp_path / "a.svs", b"Aperio Image Library v11\r\n64x48|AppMag = 20"))
    text = refusal(picture)
    assert "E-CAL-01" in text
    assert "a magnification is not a pixel size" in text


@pytest.mark.parametrize(("tag", "code"), [(5000.0, None), (20000.0, "E-CAL-04")])
def test_A17_size_of_a_level_against_level_0(tmp_path: Path, tag: float, code: str | None) -> None:
    """Level 1 is 4 times smaller than a level 0 of 0.5 µm: 2 µm agrees, 0.5 µm does not."""
    path = tmp_path / "p.tif"
    image = np.zeros((1024, 1024), np.uint8)
    with tifffile.TiffWriter(path) as out:
        options = {"tile": (64, 64), "resolutionunit": "CENTIMETER", "metadata": None}
        out.write(image, resolution=(20000, 20000), **options)
        out.write(image[::4, ::4], subfiletype=1, resolution=(tag, tag + (0.01 if code else 0)), **options)
    picture = mk.open(path)
    assert [level.downsample for level in picture.levels] == [(1.0, 1.0), (4.0, 4.0)]
    if code:
        assert code in refusal(picture)
    else:
        assert picture.spacing_mm == pytest.approx((0.0005, 0.0005))


def test_typed_size_wins_and_the_file_is_still_listed(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(build([(plain(48, 64, **density((20000, 1))), IMAGE.tobytes())]))
    picture = mk.open(path, pixel_size="0.25 um")
    assert picture.spacing_mm == (0.00025, 0.00025)
    assert picture.calibration is not None
    assert (picture.calibration.source, picture.calibration.detail) == ("typed", "0.25 um")
    assert picture.claims[0].spacing_mm == pytest.approx((0.0005, 0.0005))
    assert "claims_disagree" in picture.flags
    assert any("the file says otherwise" in note for note in picture.warnings)

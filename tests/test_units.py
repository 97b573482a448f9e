"""Words to millimetres, against values written by hand."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marginkit import units
from marginkit.errors import CalibrationError, MarginError

UNITS = {
    "um": 0.001, "µm": 0.001, "μm": 0.001, "\\u00B5m": 0.001, "\\u03bcm": 0.001, "Âµm": 0.001, "\ufffdm": 0.001,
    "micron": 0.001, "Microns": 0.001, "micrometre": 0.001, "micrometers": 0.001, "mm": 1.0, "MM": 1.0,
    "millimeter": 1.0, "cm": 10.0, "m": 1000.0, "nm": 1e-6, "inch": 25.4, "in": 25.4, "Inches": 25.4, "Mm": 1e9,
    "Å": 1e-7, "thou": 0.0254,
}  # fmt: skip


@pytest.mark.parametrize(("word", "mm"), UNITS.items())
def test_A07_units(word: str, mm: float) -> None:
    assert units.mm_per(f" {word} ") == mm


@pytest.mark.parametrize(
    "word", ["pixel", "pixels", "px", "reference frame", "", "sec", "parsecs", "(null)", "arb. units"]
)
def test_A08_words_that_are_no_length(word: str) -> None:
    assert units.mm_per(word) is None


def test_A09_numbers() -> None:
    assert units.number("1e-3").value == 0.001
    assert units.number("0,4990", comma=True) == units.Number(0.499, comma=True)
    assert units.number(".5").value == 0.5


@pytest.mark.parametrize("text", ["0,5", "nan", "inf", "1_0", "0x10", "", "1.2.3", "1e999", "٣", "1 2"])
def test_A09_what_is_no_number(text: str) -> None:
    with pytest.raises(CalibrationError, match="E-CAL-02"):
        units.number(text)


def test_thousands_are_not_decimals() -> None:
    with pytest.raises(CalibrationError, match="E-CAL-02"):
        units.number("1,234,567", comma=True)


@pytest.mark.parametrize(
    ("pixels", "unit", "mm"),
    [((20000, 1), 3, 0.0005), ((96000, 1000), 2, 25.4 / 96), ((4294967295, 213260), 3, 0.00049653)],
)
def test_tiff_resolution(pixels: tuple[int, int], unit: int, mm: float) -> None:
    assert units.tiff_mm(pixels, unit) == pytest.approx(mm, rel=1e-5)


@pytest.mark.parametrize("pixels", [(0, 1), (1, 0), (0, 0), (-3, 1), (4294967295, 1)])
def test_A06_impossible_rationals(pixels: tuple[int, int]) -> None:
    with pytest.raises(CalibrationError, match=rf"E-CAL-02.*{pixels[0]}/{pixels[1]}"):
        units.tiff_mm(pixels, 2)


@pytest.mark.parametrize("unit", [0, 1, 4, 5])
def test_A02_resolution_without_unit_is_no_size(unit: int) -> None:
    with pytest.raises(CalibrationError, match="E-CAL-01"):
        units.tiff_mm((100, 1), unit)


@pytest.mark.parametrize(
    ("text", "mm"), [("0.5um", 0.0005), ("0,5 µm", 0.0005), ("5mm", 5.0), ("1e-3 cm", 0.01), ("2inch", 50.8)]
)
def test_lengths(text: str, mm: float) -> None:
    assert units.length_mm(text).value == pytest.approx(mm, rel=1e-15)


@pytest.mark.parametrize("text", ["0.5", "um", "", "0.5 px", "0.5 pixel", "five mm", "1 mm 2"])
def test_lengths_need_number_and_unit(text: str) -> None:
    with pytest.raises(CalibrationError, match="E-CAL-08"):
        units.length_mm(text)


@pytest.mark.parametrize("text", ["0um", "-1mm"])
def test_lengths_are_positive(text: str) -> None:
    with pytest.raises(CalibrationError, match="E-CAL-02"):
        units.length_mm(text)


@given(st.one_of(st.text(), st.from_regex(r"[0-9.,eE+-]*\s*\w{0,4}", fullmatch=True)))
def test_any_text_gives_a_length_or_our_error(text: str) -> None:
    units.mm_per(text)
    for parse in (units.number, units.length_mm):
        with suppress(MarginError):
            assert parse(text).value == parse(text).value

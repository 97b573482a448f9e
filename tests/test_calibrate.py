"""Claims to one pixel size: rows A01 to A18 as far as they are decided from claims."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marginkit import calibrate, doubts
from marginkit.errors import CalibrationError
from marginkit.flags import FLAGS
from marginkit.records import Calibration, Claim


def claim(source: str, *spacing_mm: float, problem: str = "") -> Claim:
    return Claim(source, spacing_mm or None, "raw", problem)


def taken(*claims: Claim, kind: str = "slide", ndim: int = 2, confirm: bool = False) -> Calibration:
    calibration, refusal, _ = calibrate.resolve(claims, kind, "a.tif", ndim, confirm=confirm)
    assert refusal is None
    assert calibration is not None
    return calibration


def refused(*claims: Claim, kind: str = "slide", ndim: int = 2) -> str:
    calibration, refusal, _ = calibrate.resolve(claims, kind, "a.tif", ndim)
    assert calibration is None
    return str(refusal)


GOOD = claim("OpenSlide mpp", 0.000499, 0.000499)


def test_one_good_claim_is_taken_with_its_source() -> None:
    calibration = taken(GOOD)
    assert (calibration.spacing_mm, calibration.source, calibration.detail) == (
        (0.000499, 0.000499),
        "OpenSlide mpp",
        "raw",
    )
    assert calibration.flags == ()


def test_A01_no_claim() -> None:
    assert refused().startswith("a.tif: pixel size missing (E-CAL-01): the file does not state one. Give --pixel-size")


def test_A02_claims_without_size_are_listed() -> None:
    text = refused(claim("TIFF resolution", problem="E-CAL-01: no unit"), claim("ImageJ", problem="unit 'pixel'"))
    assert "E-CAL-01" in text
    assert "TIFF resolution (E-CAL-01: no unit); ImageJ (unit 'pixel')" in text


@pytest.mark.parametrize("dpi", [72, 96, 300])
@pytest.mark.parametrize("source", ["TIFF resolution", "PNG pHYs", "JFIF density", "EXIF resolution"])
@pytest.mark.parametrize("kind", ["photo", "unknown", "microscopy", "slide"])
def test_A04_screen_and_print_defaults(dpi: int, source: str, kind: str) -> None:
    density = claim(source, 25.4 / dpi, 25.4 / dpi)
    text = refused(density, kind=kind)
    assert "E-CAL-03" in text
    assert f"{dpi} dpi, a default of" in text
    confirmed = taken(density, kind=kind, confirm=True)
    assert set(confirmed.flags) >= {"screen_default", "confirmed_by_user"}
    assert taken(density, GOOD).spacing_mm == GOOD.spacing_mm


def test_A04_96_dpi_laundered_through_ome_is_still_recognised() -> None:
    assert "96 dpi, a default of screens" in refused(claim("OME PhysicalSize", 0.26458333, 0.26458333), kind="unknown")


def test_A04_any_dpi_of_a_photo_is_a_print_size() -> None:
    assert "how large to print" in refused(claim("JFIF density", 25.4 / 333, 25.4 / 333), kind="photo")


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        ("slide", 0.5, ("1000 times too large: µm and mm confused", "5e-05 to 0.02 mm")),
        ("slide", 5e-7, ("1000 times too small: µm and mm confused",)),
        ("microscopy", 0.5, ("outside",)),
        ("volume", 977.0, ("1000 times too large",)),
        ("photo", 5e-5, ("1000 times too small",)),
    ],
)
def test_A05_outside_the_window_names_value_window_and_ratio(kind: str, value: float, words: tuple[str, ...]) -> None:
    text = refused(claim("OME PhysicalSize", value, value), kind=kind)
    assert "E-CAL-03" in text
    assert all(word in text for word in (f"{value:.6g}", *words))


def test_exactly_one_is_loud_and_weakens() -> None:
    calibration, _, notes = calibrate.resolve([claim("ImageJ", 0.001, 0.001)], "unknown", "a.tif", 2)
    assert calibration is not None
    assert calibration.flags == ("implausible_pixel_size",)
    assert "exactly 1 on every axis" in notes[0]
    assert taken(claim("NIfTI", 3.0, 1.0, 1.0), kind="volume", ndim=3).flags == ()


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan"), float("inf")])
def test_A06_impossible_values_are_refused(bad: float) -> None:
    assert "E-CAL-02" in refused(claim("OME PhysicalSize", bad, 0.1))


def test_A10_disagreement_prints_both() -> None:
    other = claim("TIFF resolution", 0.00025, 0.00025)
    text = refused(GOOD, other)
    assert "E-CAL-04" in text
    assert "OpenSlide mpp 0.000499 x 0.000499 mm" in text
    assert "TIFF resolution 0.00025" in text
    confirmed = taken(GOOD, other, confirm=True)
    assert confirmed.spacing_mm == GOOD.spacing_mm
    assert set(confirmed.flags) == {"claims_disagree", "confirmed_by_user"}
    assert confirmed.relative_uncertainty == pytest.approx(0.996)


def test_A10_within_one_per_cent_the_first_is_taken_and_the_difference_is_kept() -> None:
    calibration = taken(claim("TIFF resolution", 0.00049654, 0.00049654), claim("PixelSizeMicrons", 0.0005, 0.0005))
    assert calibration.spacing_mm == (0.00049654, 0.00049654)
    assert calibration.relative_uncertainty == pytest.approx(0.006968, rel=1e-3)


def test_A10_disagreement_on_one_axis_only() -> None:
    assert "E-CAL-04" in refused(claim("a", 2.0, 0.5, 0.5), claim("b", 3.0, 0.5, 0.5), kind="volume", ndim=3)


def test_A11_pixels_that_are_not_square() -> None:
    assert taken(claim("a", 0.000500, 0.000502)).flags == ()
    assert taken(claim("a", 0.000500, 0.000504)).flags == ("anisotropic",)
    assert "E-CAL-05" in refused(claim("a", 0.000500, 0.000700))
    assert set(taken(claim("a", 0.0005, 0.0007), confirm=True).flags) == {"anisotropic", "confirmed_by_user"}
    assert taken(claim("a", 5.0, 0.5, 0.5), kind="volume", ndim=3).flags == ()


def test_plane_distance_missing() -> None:
    assert "it gives 2 of 3 axes" in refused(claim("ImageJ", 0.0001, 0.0001), kind="unknown", ndim=3)


@pytest.mark.parametrize(
    ("text", "ndim", "spacing_mm"),
    [
        ("0.5um", 2, (0.0005, 0.0005)),
        ("0,5 µm", 2, (0.0005, 0.0005)),
        ("5mm,0.1mm,0.1mm", 3, (5.0, 0.1, 0.1)),
        ("0.1mm, 100um", 2, (0.1, 0.1)),
        ("0,5um,0,4um", 2, (0.0005, 0.0004)),
    ],
)
def test_typed(text: str, ndim: int, spacing_mm: tuple[float, ...]) -> None:
    calibration = calibrate.typed(text, ndim)
    assert calibration.spacing_mm == pytest.approx(spacing_mm, rel=1e-12)
    assert calibration.source == "typed"
    assert ("decimal_comma" in calibration.flags) == ("0,5" in text)


@pytest.mark.parametrize(
    ("text", "ndim"),
    [("0.5", 2), ("0.5um", 3), ("1mm,1mm", 3), ("", 2), ("0.5px", 2), ("0.5,0.5um", 2), ("0um", 2), ("1km", 2)],
)
def test_typed_is_refused_where_it_is_not_clear(text: str, ndim: int) -> None:
    with pytest.raises(CalibrationError, match=r"E-CAL-0[238]"):
        calibrate.typed(text, ndim)


@pytest.mark.parametrize(
    ("text", "share"), [("0.5um±1%", 0.01), ("0.5um +/- 2.5 %", 0.025), ("5mm,0.1mm,0.1mm+-0.04", 0.04), ("1mm", 0.0)]
)
def test_how_far_a_typed_size_may_be_off(text: str, share: float) -> None:
    taken = calibrate.typed(text, 3 if "," in text else 2)
    assert taken.relative_uncertainty == share
    assert calibrate.typed(calibrate.exact(taken), len(taken.spacing_mm)).relative_uncertainty == share
    assert calibrate.typed(calibrate.exact(taken), len(taken.spacing_mm)).spacing_mm == taken.spacing_mm


@pytest.mark.parametrize("text", ["0.5um±", "0.5um±1mm", "0.5um±100%", "0.5um+--1%", "0.5um±1%±1%", "±1%"])
def test_an_uncertainty_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(CalibrationError, match="E-CAL-08"):
        calibrate.typed(text, 2)


def test_typed_against_the_file() -> None:
    assert calibrate.against(calibrate.typed("0.499um", 2), [GOOD], "slide") == ((), ())
    flags, notes = calibrate.against(calibrate.typed("0.25um", 2), [GOOD], "slide")
    assert flags == ("claims_disagree",)
    assert "OpenSlide mpp 0.000499" in notes[0]
    assert calibrate.against(calibrate.typed("0.5mm", 2), [], "slide")[0] == ("implausible_pixel_size",)
    screen = claim("TIFF resolution", 25.4 / 96, 25.4 / 96)
    assert calibrate.against(calibrate.typed("0.5um", 2), [screen], "slide") == ((), ())


NUMBERS = st.one_of(st.floats(), st.sampled_from([1.0, 0.001, 25.4 / 72, 25.4 / 96, 0.0005, -1.0]))
CLAIMS = st.builds(
    Claim,
    st.sampled_from(["TIFF resolution", "JFIF density", "OME PhysicalSize", "typed"]),
    st.one_of(st.none(), st.lists(NUMBERS, min_size=1, max_size=4).map(tuple)),
    st.text(max_size=5),
    st.sampled_from(["", "E-CAL-02: x"]),
)


@given(
    st.lists(CLAIMS, max_size=4), st.sampled_from([*doubts.WINDOWS_MM, "other"]), st.sampled_from([2, 3]), st.booleans()
)
def test_any_claims_give_one_calibration_or_one_refusal(
    claims: list[Claim], kind: str, ndim: int, confirm: bool
) -> None:
    calibration, refusal, notes = calibrate.resolve(claims, kind, "a.tif", ndim, confirm=confirm)
    assert (calibration is None) != (refusal is None)
    assert all(note and "\n" not in note for note in notes)
    if calibration is not None:
        assert calibration.spacing_mm in [claim.spacing_mm for claim in claims if not claim.problem]
        assert set(calibration.flags) <= set(FLAGS)


@given(st.text(max_size=30), st.sampled_from([2, 3]))
def test_any_typed_text_gives_a_size_or_our_error(text: str, ndim: int) -> None:
    with suppress(CalibrationError):
        assert len(calibrate.typed(text, ndim).spacing_mm) == ndim

"""Statistics of agreement against published worked examples and other libraries."""

import warnings

import numpy as np
import pytest

from marginkit.agreement.icc import correlations
from marginkit.agreement.kappa import kappa, weighted
from marginkit.agreement.limits import limits
from marginkit.agreement.overlap import overlap
from marginkit.agreement.screening import screening, share
from marginkit.errors import AgreementError

# Bland and Altman 1986 (doi:10.1016/S0140-6736(86)90837-8), table I: peak expiratory flow, first readings, l/min
LARGE = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]
# Shrout and Fleiss 1979 (doi:10.1037/0033-2909.86.2.420), table 2: six subjects, four judges
JUDGES = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]


def test_limits_of_agreement_of_bland_and_altman_1986() -> None:
    """The paper takes 2 SD, and √(3 s²/n) for the limits' error, a round form of what is used here."""
    found = limits(np.array(LARGE, float), np.array(MINI, float), z=2.0)
    assert found is not None
    assert found.n == 17
    assert round(found.bias_mm, 1) == -2.1
    assert round(found.sd_mm, 1) == 38.8
    assert (round(found.low_mm, 1), round(found.high_mm, 1)) == pytest.approx((-79.7, 75.5), abs=0.11)
    assert found.bias_interval_mm == pytest.approx((-22.0, 17.8), abs=0.06)
    assert found.low_interval_mm == pytest.approx((-114.3, -45.1), abs=1.2)
    assert found.high_interval_mm == pytest.approx((40.9, 110.1), abs=1.2)


def test_within_reader_sd_is_the_root_of_the_within_case_mean_square() -> None:
    """Within-reader SD is the root of the within-case mean square of a table of two columns."""
    found = limits(np.array(LARGE, float), np.array(MINI, float))
    assert found is not None
    table = np.array([LARGE, MINI], float).T
    within = ((table - table.mean(1, keepdims=True)) ** 2).sum() / len(table)
    assert found.within_sd_mm == pytest.approx(np.sqrt(within), rel=1e-12)


def test_limits_hold_95_in_100_and_their_intervals_too() -> None:
    """Drawn again and again from a known law: how often the intervals hold the truth."""
    draw = np.random.default_rng(3)
    held = []
    for _ in range(400):
        found = limits(draw.normal(0.5, 1.0, 20), np.zeros(20))
        assert found is not None
        held.append(
            [a <= 0.5 + k * 1.96 <= b for k, (a, b) in ((-1, found.low_interval_mm), (1, found.high_interval_mm))]
        )
    assert np.mean(held) == pytest.approx(0.95, abs=0.03)


def test_two_pairs_have_no_limits() -> None:
    assert limits(np.array([1.0, 2.0]), np.array([1.0, 2.0])) is None


def test_a_reader_who_stretches_has_a_slope() -> None:
    true = np.linspace(1, 10, 12)
    found = limits(true * 1.1, true)
    assert found is not None
    assert found.slope is not None
    assert found.slope[0] == pytest.approx(0.1 / 1.05, rel=1e-9)


def test_the_three_forms_of_shrout_and_fleiss_1979() -> None:
    found = {one.form: one for one in correlations(np.array(JUDGES, float))}
    assert {form: round(one.value, 2) for form, one in found.items()} == {
        "ICC(1,1)": 0.17,
        "ICC(2,1)": 0.29,
        "ICC(3,1)": 0.71,
    }
    assert (found["ICC(2,1)"].cases, found["ICC(2,1)"].readers) == (6, 4)


def pingouins(table: list[list[float]]) -> dict[str, tuple[float, float, float]]:
    """Form to value and interval, as pingouin has them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it calls pandas in ways that pandas warns of
        pingouin = pytest.importorskip("pingouin")
        import pandas

        rows = [(i, j, value) for i, row in enumerate(table) for j, value in enumerate(row)]
        frame = pandas.DataFrame(rows, columns=["case", "reader", "value"])
        found = pingouin.intraclass_corr(frame, "case", "reader", "value").to_dict("records")
    interval = next(key for key in found[0] if key.startswith("CI95"))
    return {f"ICC({k + 1},1)": (found[k]["ICC"], *found[k][interval]) for k in range(3)}


def test_intraclass_correlation_equals_pingouin() -> None:
    table = np.random.default_rng(5).normal(5, 2, (12, 1)) + np.random.default_rng(6).normal([0, 0.5, 1], 1, (12, 3))
    for rows in (JUDGES, table.tolist()):
        known = pingouins(rows)
        for one in correlations(np.array(rows, float)):
            assert one.interval is not None
            # pingouin rounds its interval to two decimals
            assert one.value == pytest.approx(known[one.form][0], abs=1e-9)
            assert one.interval == pytest.approx(known[one.form][1:], abs=0.0051)


def test_readers_who_agree_to_the_last_digit_have_no_interval() -> None:
    found = correlations(np.array([[1.0, 1.0], [2.0, 2.0], [5.0, 5.0]]))
    assert [(one.value, one.interval) for one in found] == [(1.0, None)] * 3


@pytest.mark.parametrize("table", [[[1.0, 2.0], [3.0, 4.0]], [[1.0], [2.0], [3.0]], [[2.0, 2.0]] * 4])
def test_tables_too_small_or_flat_have_none(table: list[list[float]]) -> None:
    assert correlations(np.array(table)) == ()


@pytest.mark.parametrize("size", [2, 3, 5])
def test_weighted_kappa_equals_statsmodels(size: int) -> None:
    rater = pytest.importorskip("statsmodels.stats.inter_rater")
    table = np.random.default_rng(size).integers(1, 9, (size, size)) + 12 * np.eye(size, dtype=int)
    known = rater.cohens_kappa(table, wt="linear")
    value, interval = weighted(table)
    assert value == pytest.approx(known.kappa, rel=1e-12)
    assert interval is not None
    assert (interval[1] - interval[0]) / 2 == pytest.approx(1.959964 * known.std_kappa, rel=1e-6)


def test_weighted_kappa_of_a_published_example() -> None:
    """110 mammograms by two readers (Kundel and Polansky 2003, doi:10.1148/radiol.2282011860, table A1): the
    counts as in the data set Mammograms of R's vcdExtra, with the value and standard error that its documentation
    prints, of linear weights as here.
    """
    value, interval = weighted(np.array([[34, 10, 2, 0], [6, 8, 8, 2], [2, 5, 4, 12], [0, 1, 2, 14]]))
    assert value is not None
    assert interval is not None
    assert round(value, 4) == 0.5964
    assert round((interval[1] - interval[0]) / 2 / 1.959964, 5) == 0.04923


def test_cases_that_a_reader_could_not_judge_stay_in_the_denominator() -> None:
    first = ["R0", "R0", "R1", None, "R1", "R0"]
    second = ["R0", "R1", "R1", "R1", None, "R0"]
    found = kappa(first, second, ("R1", "R0"))
    assert found.same == (3, 6)
    assert found.judged == 4
    assert found.table == ((1, 0), (1, 2))
    assert found.value == pytest.approx(0.5)  # 3/4 seen; by chance 1/4·2/4 + 3/4·2/4 = 1/2


def test_one_category_alone_has_no_kappa() -> None:
    assert kappa(["R0"] * 3, ["R0"] * 3, ("R1", "R0")).value is None


def test_missed_cases_count_as_not_found() -> None:
    """Five close cases by the reference: two found, one called clear, two not measured."""
    reference = [0.5, 0.2, 0.9, 0.1, 0.0, 1.0, 4.0, 6.0, None]
    reader = [0.6, 0.2, 1.2, None, None, 0.9, 4.4, None, 0.3]
    found = screening(reference, reader, 1.0)
    assert (found.sensitivity.hits, found.sensitivity.of, found.missed_close) == (2, 5, 2)
    assert (found.specificity.hits, found.specificity.of, found.missed_clear) == (1, 3, 1)
    assert found.without_reference == 1


def test_wilsons_interval_equals_statsmodels() -> None:
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    assert share(7, 9).interval == pytest.approx(proportion.proportion_confint(7, 9, method="wilson"), rel=1e-12)
    assert share(0, 0).value is None


def blobs() -> tuple[np.ndarray, np.ndarray]:
    z, y, x = np.ogrid[:12, :40, :40]
    first = (3 * (z - 6)) ** 2 + (y - 20) ** 2 + (x - 20) ** 2 < 150
    second = (3 * (z - 6)) ** 2 + (y - 21) ** 2 + (x - 17) ** 2 < 120
    return first, second


def test_overlap_equals_simpleitk() -> None:
    sitk = pytest.importorskip("SimpleITK")
    spacing = (3.0, 0.5, 0.4)
    images = []
    for mask in blobs():
        image = sitk.GetImageFromArray(mask.astype(np.uint8))
        image.SetSpacing(spacing[::-1])
        images.append(image)
    measures = sitk.LabelOverlapMeasuresImageFilter()
    measures.Execute(*images)
    found = overlap(*blobs(), spacing)
    assert found.dice == pytest.approx(measures.GetDiceCoefficient(), rel=1e-12)
    contours = [sitk.LabelContour(image, False) for image in images]
    hausdorff = sitk.HausdorffDistanceImageFilter()
    hausdorff.Execute(*contours)
    assert found.most_mm == pytest.approx(hausdorff.GetHausdorffDistance(), rel=1e-6)


def test_surface_distances_of_shifted_squares() -> None:
    """A square moved by three pixels of 0.5 mm: its sides along the way hardly differ, the others by 1.5 mm."""
    first = np.zeros((30, 30), bool)
    first[5:15, 5:15] = True
    found = overlap(first, np.roll(first, 3, axis=1), (0.5, 0.5))
    assert found.dice == pytest.approx(0.7)
    assert (found.most_mm, found.p95_mm) == (1.5, 1.5)
    assert found.mean_mm == pytest.approx((10 * 1.5 + 2 * (0.5 + 1.0) + 8 * _inner()) / 36, rel=1e-9)


def _inner() -> float:
    """Mean distance of the eight middle pixels of the side that now lies inside: to the nearest of all other sides."""
    rows = np.arange(6, 14)
    return float(np.minimum.reduce([np.full(8, 1.5), (rows - 5) / 2, (14 - rows) / 2]).mean())


def test_empty_masks_have_no_distance() -> None:
    nothing = np.zeros((5, 5), bool)
    assert overlap(nothing, nothing, (1, 1)).dice == 1.0
    assert overlap(nothing, ~nothing, (1, 1)).most_mm is None


def test_masks_of_two_grids_are_refused() -> None:
    with pytest.raises(AgreementError, match="E-AGR-05"):
        overlap(np.ones((3, 3), bool), np.ones((3, 4), bool), (1, 1))

"""The phantoms' truths hold by brute force, by shapely and by contours; the self-test notices what is wrong."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from shapely import affinity
from shapely.geometry import Polygon

from marginkit.errors import MeasureError
from marginkit.measuring import measure
from marginkit.phantoms import Phantom, phantoms, selftest
from marginkit.phantoms.phantom import measured
from marginkit.records import Margin, Margins, Profile
from tests.oracle import brute

ALL = {phantom.name: phantom for phantom in phantoms()}
ON_PIXELS = [p for p in ALL.values() if p.kind in {"pixels", "smooth shape"} and not {"edge", "names"} & set(p.options)]


def named(phantoms: list[Phantom]) -> dict[str, Any]:
    return {"argvalues": phantoms, "ids": [p.name for p in phantoms]}


@pytest.mark.parametrize("phantom", **named(ON_PIXELS))
def test_truth_is_what_brute_force_finds(phantom: Phantom) -> None:
    holes = phantom.options.get("holes", "ignore")
    value, _ = brute.margin(phantom.tumor, phantom.specimen, phantom.spacing, holes=holes)
    assert value == pytest.approx(phantom.truth_mm, abs=phantom.tolerance_mm + 1e-12)
    assert (value == 0) == (phantom.truth_qualifier == "touching")


def test_truth_of_part_of_the_edge_is_that_of_its_faces() -> None:
    notch, deep = ALL["notch"], ALL["named"]
    last_column = np.argwhere(notch.tumor)[:, 1].max() + 0.5
    assert notch.truth_mm == pytest.approx((89.5 - last_column) * 0.1)
    last_row = np.argwhere(deep.tumor)[:, 0].max() + 0.5
    assert deep.truth_mm == pytest.approx((49.5 - last_row) * 0.1)


@pytest.mark.parametrize("phantom", **named([p for p in ALL.values() if p.kind == "polygon"]))
def test_truth_of_outlines_is_what_shapely_finds(phantom: Phantom) -> None:
    specimen = phantom.specimen
    if isinstance(specimen, np.ndarray):  # a rectangle of pixels
        rows, columns = np.nonzero(specimen)
        left, right, top, bottom = columns.min(), columns.max() + 1, rows.min(), rows.max() + 1
        specimen = Polygon([(left, top), (right, top), (right, bottom), (left, bottom)])
    scale = {"xfact": phantom.spacing[1], "yfact": phantom.spacing[0], "origin": (0, 0)}
    edge = affinity.scale(specimen, **scale).boundary
    assert affinity.scale(phantom.tumor, **scale).distance(edge) == pytest.approx(phantom.truth_mm, abs=1e-12)


def test_truth_of_coverage_is_that_of_its_half_level_contours() -> None:
    from skimage.measure import find_contours

    phantom = ALL["disc-coverage"]
    tumor, specimen = (Polygon(find_contours(share, 0.5)[0] * 0.1) for share in (phantom.tumor, phantom.specimen))
    assert tumor.distance(specimen.boundary) == pytest.approx(phantom.truth_mm, abs=phantom.tolerance_mm)


def test_coverage_adds_up_to_the_disc() -> None:
    phantom = ALL["disc-coverage"]
    assert phantom.tumor.sum() * 0.01 == pytest.approx(np.pi * 2.1**2, rel=1e-3)
    assert ALL["3d-ball-coverage"].tumor.sum() * 0.25**3 == pytest.approx(4 / 3 * np.pi * 2.0**3, rel=1e-3)


@pytest.mark.parametrize("phantom", **named([p for p in ALL.values() if p.flag in {"frame_nearer_than_edge"}]))
def test_D08_frame_is_nearer_and_is_not_counted(phantom: Phantom) -> None:
    _, counts = brute.margin(phantom.tumor, phantom.specimen, phantom.spacing)
    assert counts["frame"] == 40
    assert np.argwhere(phantom.tumor)[:, 0].min() * phantom.spacing[0] < phantom.truth_mm


def test_C09_stack_end_is_a_section_face() -> None:
    phantom = ALL["3d-stack-end"]
    assert brute.margin(phantom.tumor, phantom.specimen, phantom.spacing)[1]["section"] == 900


def answer(phantom: Phantom, **changed: Any) -> Margins:
    known = {
        "value_mm": phantom.truth_mm,
        "interval_mm": (0.0, 99.0),
        "qualifier": phantom.truth_qualifier,
        "behind_barrier": phantom.behind_barrier,
        "flags": (phantom.flag,) if phantom.flag else (),
    }
    one = Margin(name=phantom.margin, **{**known, **changed})
    both = (one,) if phantom.margin == "all" else (Margin("all", 0.0, (0.0, 0.0), "touching"), one)
    empty = Profile(2, np.zeros(0), np.zeros(0), np.zeros((0, 2)), np.zeros((0, 2)), {})
    return Margins(2, phantom.spacing, "pixels", both, empty, (), None)


class Perfect:
    """Gives the truth of each phantom, by the order in which it is asked."""

    def __init__(self) -> None:
        self.order = phantoms()

    def __call__(self, *_: Any, **__: Any) -> Margins:
        return answer(next(self.order))


def test_selftest_accepts_the_truth() -> None:
    rows = selftest(Perfect())
    assert [row.name for row in rows] == list(ALL)
    assert all(row.ok and row.error_mm == 0 for row in rows)


@pytest.mark.parametrize(("name", "changed", "problem"), [
    ("square", {"value_mm": 0.7 + 1e-6}, "is off by more than 0 mm"),
    ("square", {"qualifier": "at_most"}, "is at_most, should be exact"),
    ("disc", {"interval_mm": (0.0, 1.13), "value_mm": 1.1}, "does not hold the truth"),
    ("disc", {"value_mm": 1.3}, "is off by more than 0.141421 mm"),
    ("barrier", {"behind_barrier": None}, "behind barrier None, should be fascia"),
    ("frame", {"flags": ()}, "flag frame_nearer_than_edge is not raised"),
    ("named", {"value_mm": 0.7}, "is off"),
    ("square", {"value_mm": None, "interval_mm": None, "qualifier": "not_assessable", "reason": "no edge"}, "no edge"),
])  # fmt: skip
def test_selftest_notices(name: str, changed: dict[str, Any], problem: str) -> None:
    row = measured(ALL[name], lambda *_, **__: answer(ALL[name], **changed))
    assert not row.ok
    assert problem in row.problem


def test_selftest_survives_an_error() -> None:
    def broken(*_: Any, **__: Any) -> Margins:
        raise MeasureError("E-MSR-01", "no tumor")

    rows = selftest(broken)
    assert len(rows) == len(ALL)
    assert all(row.measured_mm is None and row.problem == "no tumor (E-MSR-01)" for row in rows)


def test_phantom_cannot_be_built_wrong() -> None:
    with pytest.raises(ValueError, match="truth and tolerance"):
        dataclasses.replace(ALL["square"], truth_mm=float("nan"))
    assert len(ALL) == len(list(phantoms()))


ROWS = {
    "anisotropic": "A11", "3d-across": "C08", "3d-stack-end": "C09", "pieces": "C11", "touching": "D04",
    "touching-corner": "D05", "one-pixel": "D06", "one-pixel-split": "D06", "leaves-view": "D07", "frame": "D08",
    "hole": "D10", "hole-cut": "D10", "foci": "D11", "notch": "D14", "barrier": "D15", "breach": "D15",
}  # fmt: skip


@pytest.mark.parametrize("name", [pytest.param(name, id=f"{ROWS.get(name, 'truth')}_{name}") for name in ALL])
def test_measure_finds_the_truth_of(name: str) -> None:
    row = measured(ALL[name], measure)
    assert row.ok, row.problem

"""Drawn fluorescence specimens: how often the interval of the signal-to-edge distance holds the analytic truth."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

FILE = Path(__file__).resolve().parents[1] / "benchmarks" / "fluorescence.py"


@pytest.fixture(scope="module")
def drawn() -> ModuleType:
    spec = importlib.util.spec_from_file_location("drawn_fluorescence", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_interval_holds_the_truth_in_95_of_100(drawn: ModuleType) -> None:
    share, refused, off_mm, wide_mm = drawn.covered("half", outline=True)
    assert refused == 0
    assert share >= 0.95
    assert off_mm < 0.5 * drawn.MM
    assert wide_mm < 5 * drawn.MM  # an interval that holds everything says nothing


def test_the_interval_can_miss(drawn: ModuleType) -> None:
    one = drawn.draw(3)
    found = drawn.measured(one, "half", one.outline)
    low, high = found.interval_mm
    assert low <= one.truth_mm <= high
    assert not low <= one.truth_mm + 3 * (high - low) <= high


def test_the_drawn_truth_is_that_of_the_shapes(drawn: ModuleType) -> None:
    """The truth of the drawing against the distance between shapely's outlines of the drawn pixels, unblurred."""
    seeds = [drawn.draw(seed) for seed in range(5)]
    assert len({one.truth_mm for one in seeds}) == 5
    for one in seeds:
        area = np.pi * one.outline.minimum_rotated_rectangle.area / 4
        assert one.tissue.sum() == pytest.approx(area, rel=0.01)
        assert 0 < one.truth_mm < drawn.SIDE * drawn.MM / 2

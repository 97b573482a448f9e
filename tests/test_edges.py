"""What the user says of the edge: classes, sectors, names."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from shapely import Point, box

from marginkit.edges import as_edge, directions, sectors, sources, with_names
from marginkit.errors import UsageError
from marginkit.measuring import measure
from marginkit.records import Region


def test_a_source_alone_restricts() -> None:
    for text in ("edge.tif#label=1", "threshold:above=3,fill=yes", "a,b.tif", "cuts=2.tif"):
        assert sources(text) == {"": text}
    assert as_edge({"": 7}) == 7
    assert as_edge({}) is None


def test_classes_keep_the_commas_of_their_sources() -> None:
    text = "natural=a,b.tif, cut=threshold:above=3,fill=yes,section=c.tif"
    wanted = {"natural": "a,b.tif", "cut": "threshold:above=3,fill=yes", "section": "c.tif"}
    assert sources(text) == wanted
    assert as_edge(wanted) == wanted


def test_a_class_given_twice_is_refused() -> None:
    with pytest.raises(UsageError, match=r"'cut' is given twice \(E-USE-07\)"):
        sources("cut=a.tif,natural=b.tif,cut=c.tif")


def test_directions_by_word_and_by_degrees() -> None:
    wanted = {"superior": 0.0, "lateral": 90.0, "deep": 225.0, "far left": 270.0}
    assert directions("up=superior, Right=lateral, 225=deep, -90=far left") == wanted


@pytest.mark.parametrize("text", ["", "up", "up=", "north=a", "nan=a", "inf=a", "up=a,0=b", "up=a,down=a", "up=a,,"])
def test_directions_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="E-USE-08"):
        directions(text)


def square() -> Any:
    """40 × 20 pixels of 0.5 × 1 mm: 20 mm square; its middle at row 25, column 20 (corners)."""
    mask = np.zeros((60, 40), bool)
    mask[5:45, 10:30] = True
    return mask


SPACING = (0.5, 1.0)
MIDDLE = Point(20, 25)


def test_wedges_meet_in_the_middle_and_have_true_angles() -> None:
    wedges = sectors("up=superior,right=lateral,down=inferior,left=medial", Region(square()), SPACING)
    assert all(wedge.touches(MIDDLE) for wedge in wedges.values())
    for name, degrees in {"superior": 0, "lateral": 90, "inferior": 180, "medial": 270}.items():
        for off, inside in ((-44, True), (0, True), (44, True), (-46, False), (46, False)):
            turn = math.radians(degrees + off)
            x, y = 20 + 9 * math.sin(turn) / SPACING[1], 25 - 9 * math.cos(turn) / SPACING[0]
            assert wedges[name].contains(Point(x, y)) == inside, (name, off)


def test_wedges_part_the_plane_without_gap_or_overlap() -> None:
    wedges = list(sectors("up=a,100=b,200=c", Region(square()), SPACING).values())
    around = box(0, 0, 40, 60)
    assert sum(w.intersection(around).area for w in wedges) == pytest.approx(around.area)
    assert wedges[0].intersection(wedges[1]).area == pytest.approx(0)


def test_one_direction_has_the_whole_plane_and_two_have_half_each() -> None:
    around = box(0, 0, 40, 60)
    (whole,) = sectors("left=only", Region(square()), SPACING).values()
    assert whole.contains(around)
    upper = sectors("up=a,down=b", Region(square()), SPACING)["a"]
    assert upper.intersection(around).area == pytest.approx(40 * 25)


def test_a_polygon_and_a_stack_have_a_middle_too() -> None:
    drawn = sectors("up=a,down=b", Region(box(10, 5, 30, 45)), SPACING)["a"]
    assert drawn.bounds[3] == pytest.approx(25)
    stack = sectors("up=a,down=b", Region(np.stack([square()] * 3)), (4.0, *SPACING))["a"]
    assert stack.bounds[3] == pytest.approx(25)


def test_a_specimen_on_a_grid_of_its_own_has_its_middle_in_pixels_of_the_image() -> None:
    coarse = Region(square()[::2, ::2], spacing_mm=(1.0, 2.0), origin_px=(0.5, 0.5))
    fine = Region(np.kron(coarse.data, np.ones((2, 2), bool)))  # type: ignore[arg-type]
    bounds = [sectors("up=a,down=b", region, SPACING)["a"].bounds[3] for region in (coarse, fine)]
    assert bounds[0] == pytest.approx(bounds[1])


def test_named_margins_of_sectors_are_those_of_the_sides() -> None:
    tumor = np.zeros_like(square())
    tumor[15:20, 12:16] = True  # 5 mm below the upper side, 2 mm from the left, 14 from the right, 12.5 from the lower
    names = sectors("up=superior,right=lateral,down=inferior,left=medial", Region(square()), SPACING)
    found = measure(tumor, square(), SPACING, names=names).named
    wanted = {"superior": 5.0, "lateral": 14.0, "inferior": 12.5, "medial": 2.0}
    assert {name: margin.value_mm for name, margin in found.items()} == pytest.approx(wanted)
    assert sum(margin.edge_size for margin in found.values()) == pytest.approx(80.0)


def test_names_of_two_origins() -> None:
    assert with_names({}, {}) is None
    assert with_names({"a": 1}, {"b": 2}) == {"a": 1, "b": 2}
    for drawn, wedges in (({"a": 1}, {"a": 2}), ({"all": 1}, {})):
        with pytest.raises(UsageError, match="named twice"):
            with_names(drawn, wedges)

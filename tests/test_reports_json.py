"""result.json: the promised names, unrounded and strict."""

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from marginkit.errors import MarginError
from marginkit.records import BarrierResult, Margin, Margins, Profile, ReportWriter, TumorSize
from marginkit.reports import resultjson
from tests.cases import pair, square_case


def written(case):
    """What a reader of the file gets; refuses NaN and Infinity."""
    stream = io.BytesIO()
    resultjson.write(case, stream)

    def refuse(word):
        raise AssertionError(f"{word} in JSON")

    return json.loads(stream.getvalue().decode("utf-8"), parse_constant=refuse)


def test_meets_the_protocol():
    assert isinstance(resultjson, ReportWriter)
    assert resultjson.FILE == "result.json"


def test_promised_names():
    found = written(square_case())
    assert found["schema"] == "marginkit.result/1"
    assert found["case"] == "patient 7"
    assert found["region"] == "tumor"
    promised = {"name", "sha256", "axes", "shape", "spacing_mm", "calibration", "state"}
    assert set(found["image"]) == promised
    assert found["image"]["calibration"] == {"source": "typed", "detail": ""}
    assert found["image"]["shape"] == [32, 42, 3]
    first = found["margins"][0]
    assert first["name"] == "all"
    assert (first["value_mm"], first["interval_mm"], first["qualifier"]) == (2.0, [1.8, 2.5], "exact")
    assert first["closest"]["tumor_px"] == [8.5, 14.5]
    assert first["closest"]["edge_mm"] == [2.25, 7.25]
    assert first["edge_mm"] == 50.0
    assert {"focus", "behind_barrier"} <= set(first)
    assert {"policy", "category", "state", "reason"} <= set(found["verdicts"][0])
    assert found["signal"] is None
    assert found["foci"][0] == {
        "id": 1,
        "piece": 1,
        "margin_mm": 2.0,
        "to_main_mm": 0.0,
        "pixels": 48,
        "area_mm2": 12.0,
    }
    assert found["size"] == {"extent_mm": 5.0, "area_mm2": 12.0}
    assert found["provenance"]["options"] == {"limits": [1, 5]}


def test_profile_of_a_rectangle():
    """The outline of 20 x 30 pixels of 0.5 mm is 50 mm long; only its upper side is nearer than 2.5 mm."""
    profile = written(square_case(limits_mm=(1.0, 2.5)))["profile"]
    assert profile["edge_mm"] == 50.0
    assert profile["by_class_mm"]["cut"] == 50.0
    # at most 2.5 mm (exclusive): upper side where the slanted distance stays below, sqrt(2.5² - 2²) = 1.5 mm beyond
    # the tumor's 4 mm on either side
    assert profile["below_mm"] == {"1": 0.0, "2.5": 4.0 + 2 * 1.5}
    assert profile["quantiles_mm"]["0"] == 2.0
    assert set(profile["quantiles_mm"]) == {"0", "0.05", "0.25", "0.5", "0.75", "0.95", "1"}


def test_values_are_not_rounded():
    case = square_case()
    exact = replace(case.result.all, value_mm=1.9999999999999998)
    found = written(replace(case, result=replace(case.result, margins=(exact,))))
    assert found["margins"][0]["value_mm"] == 1.9999999999999998


SCHEMA = json.loads((Path(__file__).parents[1] / "docs" / "result.schema.json").read_text("utf-8"))
TYPES = {"object": dict, "array": list, "string": str, "number": (int, float), "integer": int, "boolean": bool}
KNOWN = {"type", "properties", "required", "additionalProperties", "items", "minItems", "enum", "const", "$ref"}


def faults(value, schema, where="$"):
    """What of the published schema a value breaks; knows the words that the schema uses and refuses others."""
    if "$ref" in schema:
        schema = SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    unknown = set(schema) - KNOWN - {"$schema", "$id", "$defs", "title", "description"}
    assert not unknown, f"the check does not know {unknown}"
    found = []
    names = schema.get("type", [])
    names = [names] if isinstance(names, str) else names
    fits = any(value is None if n == "null" else isinstance(value, TYPES[n]) for n in names)
    if (names and not fits) or (isinstance(value, bool) and names and "boolean" not in names):
        found.append(f"{where} is no {names}")
    if value not in schema.get("enum", [value]) or value != schema.get("const", value):
        found.append(f"{where} is {value!r}")
    if isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            found.append(f"{where} is too short")
        for i, one in enumerate(value):
            found += faults(one, schema.get("items", {}), f"{where}[{i}]")
    if isinstance(value, dict):
        named, other = schema.get("properties", {}), schema.get("additionalProperties", {})
        found += [f"{where}.{name} is missing" for name in schema.get("required", []) if name not in value]
        found += [f"{where}.{name} is unknown" for name in value if other is False and name not in named]
        for name, one in value.items():
            found += faults(one, named.get(name, other or {}), f"{where}.{name}")
    return found


def test_published_schema_holds():
    flat = square_case().result
    for case in (
        square_case(),
        square_case(result=volume(), slices=((3, flat),)),
        square_case(signal={"tbr": 2.0}, plane=2),
    ):
        assert faults(written(case), SCHEMA) == []


def test_published_schema_refuses_what_is_not_promised():
    good = written(square_case())
    assert faults({**good, "schema": "marginkit.result/2"}, SCHEMA)
    assert faults({**good, "extra": 1}, SCHEMA)
    assert faults({name: value for name, value in good.items() if name != "margins"}, SCHEMA)
    assert faults({**good, "margins": [{**good["margins"][0], "value_mm": "2.0"}]}, SCHEMA)


def volume():
    points = np.array([[1.0, 2.0, 3.0]])
    profile = Profile(3, np.array([3.0]), np.array([0.5]), points, points + 1, {"cut": 0.5, "section": 2.0})
    margin = Margin("all", 3.0, (2.0, 4.0), "exact", pair((2, 3, 4), (1, 2, 3), (1, 1, 1)), edge_size=0.5)
    wall = BarrierResult("fascia", False, 3.0, None, 3.0, None, 0.25)
    return Margins(
        3, (2, 1, 1), "pixels", (margin,), profile, (), TumorSize(4.0, volume_mm3=8.0), barriers=(wall,), planes=5
    )


def test_volume_names_areas():
    found = written(square_case(result=volume(), regions={}))
    assert found["margins"][0]["edge_mm2"] == 0.5
    assert "edge_mm" not in found["margins"][0]
    assert found["profile"]["by_class_mm2"] == {"cut": 0.5, "section": 2.0}
    assert found["profile"]["below_mm2"] == {"1": 0.0, "5": 0.5}
    assert found["size"] == {"extent_mm": 4.0, "volume_mm3": 8.0}
    assert found["planes"] == 5
    assert found["barriers"][0]["behind_edge_mm2"] == 0.25
    assert found["outside_mm3"] == 0.0


def test_slices_stand_beside_the_volume():
    flat = square_case().result
    found = written(square_case(result=volume(), slices=((3, flat), (4, flat))))
    assert found["ndim"] == 3
    assert [one["index"] for one in found["slices"]] == [3, 4]
    assert found["slices"][0]["margins"][0]["edge_mm"] == 50.0


def test_not_assessable_has_a_reason_and_no_number():
    empty = np.empty((0, 2))
    nothing = Profile(2, np.empty(0), np.empty(0), empty, empty, {"cut": 0.0, "frame": 9.0})
    margin = Margin("all", None, None, "not_assessable", reason="no cut edge in view")
    case = square_case()
    found = written(replace(case, result=replace(case.result, margins=(margin,), profile=nothing)))
    assert found["margins"][0]["value_mm"] is None
    assert found["margins"][0]["closest"] is None
    assert found["margins"][0]["reason"] == "no cut edge in view"
    assert found["profile"]["quantiles_mm"] == {}


def test_signal_numbers_of_numpy_are_numbers():
    found = written(
        square_case(signal={"tbr": np.float64(2.5), "saturated": np.int64(3), "range": np.array([1.5, 2.0])})
    )
    assert found["signal"] == {"tbr": 2.5, "saturated": 3, "range": [1.5, 2.0]}


def test_G02_not_a_number_is_refused_by_name():
    with pytest.raises(MarginError, match=r"E-OUT-01.*signal\.tbr is nan"):
        written(square_case(signal={"tbr": float("nan")}))


def test_G01_json_keeps_names_as_they_are():
    assert written(square_case(case='=cmd|"µ"'))["case"] == '=cmd|"µ"'


def test_what_planes_can_hide_is_said_in_numbers():
    """A tumor 26 mm across in planes 10 mm apart: 5-12-13, so a front can hide 1 mm."""
    sized = replace(volume(), size=TumorSize(26.0, volume_mm3=9.0), planes=4, plane_spacing_mm=10.0)
    assert written(square_case(result=sized))["sampling"] == {"gap_mm": 10.0, "radius_mm": 13.0, "nearer_mm": 1.0}
    assert written(square_case())["sampling"] is None

"""Verdicts at, just under and just over every limit of every policy, and what withholds a verdict."""

import math
import pickle
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marginkit.errors import PolicyError, ShelfError
from marginkit.judging import judge, load, policies, shown_mm
from marginkit.policy import Level
from marginkit.records import BarrierResult, Margin, Margins, Profile

DOWN, UP = (lambda mm: math.nextafter(mm, 0.0)), (lambda mm: math.nextafter(mm, math.inf))
ON_MARGIN = {"unseen_mm", "behind_barrier", "flags", "reason"}


def margins(value: float | None, *between: float, qualifier: str = "exact", **more: Any) -> Margins:
    own = {key: more.pop(key) for key in ON_MARGIN & set(more)}
    interval = None if value is None else (between or (value, value))
    one = Margin("all", value, interval, qualifier, **own)  # type: ignore[arg-type]
    empty = Profile(2, np.zeros(0), np.zeros(0), np.zeros((0, 2)), np.zeros((0, 2)), {})
    return Margins(2, (0.1, 0.1), "polygon", (one,), empty, (), None, **more)


def fascia(**more: Any) -> BarrierResult:
    known: dict[str, Any] = {"type": "fascia", "breached": False, "behind_mm": 2.0, "free_mm": 8.0, "behind_size": 1.0}
    return BarrierResult(**{**known, "behind_on_segment_mm": None, "free_on_segment_mm": None, **more})


ZONE = {"reference": "reactive zone", "barrier": "none"}
# policy, what else is said, [(mm, category from there on, whether that very distance belongs to it)], as published
RULES: list[tuple[str, dict[str, Any], list[tuple[float, str, bool]]]] = [
    ("sarcoma-cates-2019", {"radiotherapy": False}, [(0, "inadequate", True), (5, "adequate", True)]),
    ("sarcoma-cates-2019", {"radiotherapy": True}, [(0, "inadequate", True), (1, "adequate", True)]),
    ("sarcoma-rath-2019", {"barrier": "fascia"}, [(0, "inadequate", True), (1, "adequate", False)]),
    ("sarcoma-rath-2019", {"barrier": "none"}, [(0, "inadequate", True)]),
    ("uicc-r", {}, [(0, "R1", True), (0, "R0", False)]),
    ("uicc-r-plus-1mm", {}, [(0, "R1", True), (1, "R0", False)]),
    ("fujiwara-2020", {}, [(0, "0 mm", True), (0, "0.1–5.0 mm", False), (5, ">5.0 mm", False)]),
    (
        "joa-kawaguchi",
        {**ZONE, "context": {"tumor_at_edge": True}},
        [(0, "intralesional", True), (0, "inadequate wide", False), (20, "adequate wide", True),
         (50, "curative", False)],
    ),
    ("joa-kawaguchi", {**ZONE, "context": {"tumor_at_edge": False}},
     [(0, "marginal", True), (0, "inadequate wide", False)]),
    ("breast-ssoastro-2014", {"radiotherapy": True}, [(0, "positive", True), (0, "negative", False)]),
    ("dcis-2mm", {"radiotherapy": True}, [(0, "inadequate", True), (2, "adequate", True)]),
    ("oral-1-5mm", {}, [(0, "positive", True), (1, "close", True), (5, "clear", False)]),
    ("ablation-5mm", {}, [(0, "inadequate", True), (5, "adequate", True)]),
]  # fmt: skip


def expected(steps: list[tuple[float, str, bool]], mm: float) -> str:
    return [label for start, label, at in steps if mm > start or (at and mm == start)][-1]


@pytest.mark.parametrize(("policy", "said", "steps"), RULES, ids=[f"{p}-{i}" for i, (p, _, _) in enumerate(RULES)])
def test_D13_each_limit_under_at_and_over_on_the_unrounded_value(policy: str, said: Any, steps: Any) -> None:
    limits = {start for start, _, _ in steps}
    near = {f(mm) for mm in limits for f in (DOWN, UP, float)} | {mm + d for mm in limits for d in (0.0004, 0.04, 0.3)}
    for mm in near | {mm - d for mm in limits for d in (0.0004, 0.04, 0.3) if mm > d}:
        verdict = judge(margins(mm, qualifier="exact" if mm else "touching"), policy, **said)
        assert (verdict.category, verdict.state) == (expected(steps, mm), "certain"), mm


def test_every_policy_is_in_the_table_and_names_its_source() -> None:
    assert set(policies()) == {policy for policy, _, _ in RULES}
    assert len(policies()) == 10
    assert all(p.source and p.citation and p.domain.organ and p.origin == "marginkit" for p in policies().values())


def test_D13_shown_value_never_contradicts_the_verdict() -> None:
    assert shown_mm(0.9996) == "1.0 mm (0.9996)"
    assert shown_mm(0.96) == "1.0 mm (0.96)"
    assert shown_mm(UP(5.0)) == "5.0 mm (5.000000000000001)"
    assert [shown_mm(mm) for mm in (0.0, 1.0, 4.23, 5.0)] == ["0.0 mm", "1.0 mm", "4.2 mm", "5.0 mm"]
    assert shown_mm(1e-30) == "0.0 mm (1e-30)"
    assert shown_mm(2.54, [2.5]) == "2.5 mm (2.54)"
    assert "1.0 mm (0.9996)" in judge(margins(0.9996), "uicc-r-plus-1mm").reason


@given(st.floats(0, 60), st.sampled_from([0.0, 0.25, 1.0, 2.0, 5.0, 20.0]))
def test_D13_a_reader_of_the_shown_number_stands_on_its_side_of_the_limit(mm: float, limit: float) -> None:
    text = shown_mm(mm, [limit])
    read = float(text.split("(")[1].rstrip(")")) if "(" in text else float(text.removesuffix(" mm"))
    assert (read > limit, read < limit) == (mm > limit, mm < limit)


@given(st.floats(0, 60), st.floats(0, 60), st.sampled_from(RULES))
def test_verdict_is_monotone_in_distance(a: float, b: float, rule: Any) -> None:
    policy, said, _ = rule
    order = list(dict.fromkeys(level.label for level in policies()[policy].levels))
    near, far = (judge(margins(mm), policy, **said).category for mm in sorted((a, b)))
    assert order.index(near) <= order.index(far)


def test_D21_interval_that_straddles_a_limit_is_indeterminate_and_names_both() -> None:
    verdict = judge(margins(4.2, 3.9, 5.1), "sarcoma-cates-2019", radiotherapy=False)
    assert (verdict.state, verdict.category) == ("indeterminate", "inadequate or adequate")
    assert "inadequate if < 5 mm or adequate if ≥ 5 mm" in verdict.reason
    assert judge(margins(4.2, 3.9, DOWN(5.0)), "sarcoma-cates-2019", radiotherapy=False).state == "certain"
    assert judge(margins(4.2, 3.9, 5.0), "sarcoma-cates-2019", radiotherapy=False).state == "indeterminate"
    assert judge(margins(4.2, 3.9, 5.0), "fujiwara-2020").state == "certain"


def test_interval_over_three_levels_names_three() -> None:
    assert judge(margins(3.0, 0.5, 6.0), "oral-1-5mm").category == "positive or close or clear"


@pytest.mark.parametrize(("mm", "category", "state"), [
    (0.9, "inadequate", "certain"), (1.0, "inadequate or adequate", "indeterminate"),
    (4.9, "inadequate or adequate", "indeterminate"), (5.0, "adequate", "certain"),
])  # fmt: skip
def test_unknown_radiotherapy_is_not_guessed(mm: float, category: str, state: str) -> None:
    verdict = judge(margins(mm), "sarcoma-cates-2019")
    assert (verdict.category, verdict.state) == (category, state)
    if state == "indeterminate":
        assert "with radiotherapy adequate if ≥ 1 mm, without radiotherapy inadequate if < 5 mm" in verdict.reason


def test_D08_at_most_reaches_down_to_what_was_not_seen() -> None:
    seen = margins(6.0, 2.0, 6.1, qualifier="at_most", unseen_mm=2.0, flags=("frame_nearer_than_edge",))
    verdict = judge(seen, "sarcoma-cates-2019", radiotherapy=False)
    assert (verdict.category, verdict.state) == ("inadequate or adequate", "indeterminate")
    assert "at most 6.0 mm" in verdict.reason
    assert "border of the view" in verdict.reason
    assert judge(seen, "sarcoma-cates-2019", radiotherapy=True).category == "adequate"
    unheld = margins(6.0, qualifier="at_most")  # nothing said of how near the unseen part is: it may be at 0
    assert judge(unheld, "uicc-r").category == "R1 or R0"
    assert judge(margins(0.5, qualifier="at_most"), "uicc-r-plus-1mm").state == "certain"
    assert judge(margins(2.0, qualifier="at_least"), "oral-1-5mm").category == "close or clear"


def test_D03_no_cut_edge_is_not_assessable_with_its_reason() -> None:
    verdict = judge(margins(None, qualifier="not_assessable", reason="no cut edge in view"), "uicc-r")
    assert (verdict.category, verdict.state) == ("not assessable", "not_assessable")
    assert verdict.reason == "No cut edge in view."


def test_D04_touching_is_zero_whatever_the_interval() -> None:
    verdict = judge(margins(0.0, 0.0, 0.14, qualifier="touching"), "breast-ssoastro-2014", radiotherapy=True)
    assert (verdict.category, verdict.state) == ("positive", "certain")


def test_H01_policy_for_slides_on_a_fresh_specimen_is_withheld_and_the_number_kept() -> None:
    for verdict in (judge(margins(4.2, state="fresh"), "uicc-r"), judge(margins(4.2), "uicc-r", state="fresh")):
        assert verdict.state == "not_assessable"
        assert "slide" in verdict.reason
        assert "fresh" in verdict.reason
        assert "4.2 mm" in verdict.reason
    assert judge(margins(4.2, state="slide"), "uicc-r").state == "certain"
    assert "specimen state slide, which is not known" in judge(margins(4.2), "uicc-r").reason
    with pytest.raises(PolicyError, match="E-POL-04"):
        judge(margins(4.2, state="fresh"), "uicc-r", state="slide")


def test_signal_is_not_tumor() -> None:
    verdict = judge(margins(4.2, region="signal"), "oral-1-5mm")
    assert verdict.state == "not_assessable"
    assert "signal-to-edge distance of 4.2 mm" in verdict.reason


def test_policy_for_radiotherapy_is_withheld_without_it() -> None:
    assert judge(margins(3.0), "dcis-2mm", radiotherapy=False).state == "not_assessable"
    assert "radiotherapy, which is not known" in judge(margins(3.0), "dcis-2mm").reason


def test_clear_means_in_the_planes_examined() -> None:
    assert "clear in the planes examined (1 plane)" in judge(margins(3.0), "uicc-r").reason
    stack = margins(3.0, planes=12, plane_spacing_mm=0.5)
    assert "clear in the planes examined (12 planes, 0.5 mm apart)" in judge(stack, "uicc-r").reason
    assert "planes" not in judge(margins(0.0, qualifier="touching"), "uicc-r").reason
    assert "clear" not in judge(margins(3.0), "oral-1-5mm").reason


def test_R2_is_the_users_word() -> None:
    for mm, policy in product((0.0, 9.0), ("uicc-r", "uicc-r-plus-1mm")):
        assert judge(margins(mm), policy, residual="R2").category == "R2"
    assert judge(margins(9.0), "oral-1-5mm", residual="R2").category == "clear"
    with pytest.raises(PolicyError, match="R2"):
        judge(margins(9.0), "uicc-r", residual="R1")


def test_D15_barrier_counts_where_it_lies_in_between_and_holds() -> None:
    rath = "sarcoma-rath-2019"
    assert judge(margins(2.0, behind_barrier="fascia", barriers=(fascia(),)), rath).category == "adequate"
    elsewhere = fascia(behind_mm=8.0, free_mm=2.0)
    assert judge(margins(2.0, barriers=(elsewhere,)), rath).category == "inadequate"
    broken = fascia(breached=True, behind_mm=None, free_mm=2.0)
    assert judge(margins(2.0, barriers=(broken,)), rath).category == "inadequate"
    assert (
        judge(margins(2.0, behind_barrier="fascia", barriers=(fascia(breached=True),)), rath).category == "inadequate"
    )
    assert judge(margins(2.0, barriers=(broken,)), rath, barrier="fascia").category == "inadequate"
    other = fascia(type="adventitia")
    assert judge(margins(2.0, behind_barrier="adventitia", barriers=(other,)), rath).category == "inadequate"
    assert judge(margins(2.0), rath).state == "indeterminate"
    assert judge(margins(1.0), rath).category == "inadequate"


def test_barrier_without_a_type_is_named_by_the_user() -> None:
    seen = margins(2.0, behind_barrier="barrier", barriers=(fascia(type="barrier"),))
    assert judge(seen, "sarcoma-rath-2019").state == "indeterminate"
    assert judge(seen, "sarcoma-rath-2019", barrier="tendon").category == "adequate"


def test_free_edge_within_the_interval_makes_the_barrier_uncertain() -> None:
    seen = margins(2.0, 1.9, 2.4, behind_barrier="fascia", barriers=(fascia(free_mm=2.2),))
    assert judge(seen, "sarcoma-rath-2019").category == "inadequate or adequate"


def test_joa_names_what_it_lacks() -> None:
    verdict = judge(margins(12.0), "joa-kawaguchi")
    assert verdict.state == "not_assessable"
    assert "reactive zone" in verdict.reason
    assert "thickness" in verdict.reason
    verdict = judge(
        margins(12.0, behind_barrier="fascia", barriers=(fascia(),)), "joa-kawaguchi", reference="reactive zone"
    )
    assert "reactive zone" not in verdict.reason
    assert "thickness" in verdict.reason


@pytest.mark.parametrize(("mm", "said", "category"), [
    (12.0, {"barrier": "none"}, "inadequate wide"),
    (12.0, {"barrier": "thin"}, "adequate wide"),  # 2 cm for the barrier and up to 12 mm of tissue
    (31.0, {"barrier": "thin"}, "adequate wide or curative"),  # 20 to 51 mm
    (31.0, {"barrier": "thin", "barrier_own_mm": 2.0}, "adequate wide"),  # 20 + 29
    (31.0, {"barrier": "thin", "barrier_own_mm": 0.5}, "curative"),  # 20 + 30.5
    (12.0, {"barrier": "thick", "barrier_own_mm": 1.0}, "adequate wide"),
    (5.0, {"barrier": "joint cartilage", "barrier_own_mm": 3.0}, "curative"),
    (5.0, {"barrier": "joint cartilage", "barrier_own_mm": 5.0}, "adequate wide"),  # exactly 5 cm
])  # fmt: skip
def test_joa_counts_a_barrier_as_tissue(mm: float, said: Any, category: str) -> None:
    assert judge(margins(mm), "joa-kawaguchi", reference="reactive zone", **said).category == category


def test_joa_counts_no_barrier_that_is_breached_or_where_the_zone_reaches_the_edge() -> None:
    broken = margins(12.0, barriers=(fascia(breached=True, free_mm=12.0),))
    assert judge(broken, "joa-kawaguchi", reference="reactive zone", barrier="thick").category == "inadequate wide"
    at_edge = margins(0.0, qualifier="touching")
    verdict = judge(at_edge, "joa-kawaguchi", reference="reactive zone", barrier="thick")
    assert (verdict.category, verdict.state) == ("intralesional or marginal", "indeterminate")


def test_tumor_policy_refuses_the_reactive_zone() -> None:
    assert judge(margins(3.0), "uicc-r", reference="reactive zone").state == "not_assessable"


def test_named_margin_is_judged_by_itself() -> None:
    whole = margins(0.5)
    deep = Margin("deep", 7.0, (7.0, 7.0), "exact")
    both = Margins(2, (0.1, 0.1), "polygon", (whole.all, deep), whole.profile, (), None)
    assert judge(both, "oral-1-5mm").category == "positive"
    verdict = judge(both, "oral-1-5mm", margin="deep")
    assert (verdict.category, verdict.margin) == ("clear", "deep")
    with pytest.raises(PolicyError, match="there are all, deep"):
        judge(both, "oral-1-5mm", margin="medial")


def test_unknown_policy_lists_the_known() -> None:
    with pytest.raises(PolicyError, match=r"E-POL-03.*ablation-5mm, breast"):
        judge(margins(1.0), "sarcoma")


@pytest.mark.parametrize("said", [{"radiotherapy": "no"}, {"radiotherapy": 0}, {"context": {"tumor_at_edge": "no"}}])
def test_words_for_yes_and_no_are_refused(said: Any) -> None:
    with pytest.raises(TypeError, match="wanted True, False or None"):
        judge(margins(3.0), "sarcoma-cates-2019", **said)


def test_reason_is_one_sentence() -> None:
    for policy, mm in product(policies(), (0.0, 0.96, 3.0)):
        reason = judge(margins(mm, qualifier="exact" if mm else "touching"), policy).reason
        assert reason.endswith(".")
        assert ". " not in reason.replace("0.1–5.0", "")


def test_verdict_and_policy_travel_between_processes() -> None:
    assert pickle.loads(pickle.dumps(policies())) == policies()


GOOD = """
id = "mine"
title = "Two levels"
citation = "Me"
source = "here"
needs = ["radiotherapy"]

[domain]
organ = "any"

[[levels]]
label = "no"
operator = "<"
mm = 3

[[levels]]
label = "yes"
operator = "≥"
mm = 3
"""


def test_user_policy_is_one_file_in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "mine.toml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "policies" / "._mine.toml").write_bytes(b"\x00")
    assert judge(margins(3.0), "mine", folder=tmp_path / "policies").category == "yes"
    monkeypatch.setenv("MARGINKIT_SHELF", str(tmp_path))
    assert policies()["mine"].origin == "mine.toml"
    assert policies(tmp_path / "policies").keys() == policies().keys()
    (tmp_path / "policies" / "again.toml").write_text(GOOD.replace("mine", "uicc-r"), encoding="utf-8")
    with pytest.raises(ShelfError, match="two policies named 'uicc-r'"):
        policies()
    monkeypatch.setenv("MARGINKIT_SHELF", str(tmp_path / "absent"))
    with pytest.raises(ShelfError, match="E-SHELF-05"):
        policies()


@pytest.mark.parametrize(("old", "new", "code", "says"), [
    ('"≥"', '"!python"', "E-POL-01", "line 18"),
    ("mm = 3\n\n", "mm = -3\n\n", "E-POL-01", "line 14"),
    ("mm = 3\n\n", "mm = nan\n\n", "E-POL-01", "line 14"),
    ("mm = 3\n\n", "mm = true\n\n", "E-POL-01", "line 14"),
    ("mm = 3\n\n", "mn = 3\n\n", "E-POL-01", "line 14"),
    ('title = "Two levels"', "title = 2", "E-POL-01", "line 3"),
    ('title = "Two levels"', "title = ", "E-POL-01", "line 3"),
    ('organ = "any"', 'states = ["frozen"]', "E-POL-01", "frozen"),
    ('label = "no"\n', "", "E-POL-01", "label"),
    ('source = "here"', "", "E-POL-01", "source"),
    ('"mine"', '"../mine"', "E-POL-01", "id"),
    ('label = "no"', 'label = "no or yes"', "E-POL-01", "label"),
    ("mm = 3\n\n", "mm = 3\nconditions = { margin = true }\n\n", "E-POL-01", "margin"),
])  # fmt: skip
def test_G06_policy_is_data_and_refused_with_its_line(tmp_path: Path, old: str, new: str, code: str, says: str) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(PolicyError, match=r"^bad\.toml: ") as caught:
        load(file)
    assert caught.value.code == code
    assert says in str(caught.value)


def test_G06_million_keys_deep_nesting_and_odd_files_end_at_once(tmp_path: Path) -> None:
    deep, many, latin = tmp_path / "deep.toml", tmp_path / "many.toml", tmp_path / "latin.toml"
    deep.write_text("a = " + "[" * 30_000)
    many.write_text("".join(f"k{i} = 1\n" for i in range(100_000)))
    latin.write_bytes(GOOD.encode("utf-8") + b'note = "\xe9"')
    for file in (deep, many, latin, tmp_path, tmp_path / "absent.toml"):
        with pytest.raises(PolicyError, match="E-POL-01"):
            load(file)


@pytest.mark.parametrize(("first", "second", "says"), [
    (("<", 3), (">", 3), "nothing between at 3 mm and just after 3 mm"),
    (("<=", 3), (">=", 3), "overlap"),
    (("<", 3), (">=", 4), "nothing between at 3 mm and at 4 mm"),
    ((">=", 3), ("<", 3), "nothing between at 0 mm and at 3 mm"),
    (("<", 3), ("<", 5), "overlap"),
    (("<", 0), (">=", 3), "no distance is < 0 mm"),
    (("=", 0), (">", 1), "nothing between just after 0 mm and just after 1 mm"),
])  # fmt: skip
def test_H02_levels_with_a_gap_or_an_overlap_are_refused(tmp_path: Path, first: Any, second: Any, says: str) -> None:
    file = tmp_path / "gap.toml"
    text = GOOD.replace('"<"\nmm = 3', f'"{first[0]}"\nmm = {first[1]}')
    file.write_text(text.replace('"≥"\nmm = 3', f'"{second[0]}"\nmm = {second[1]}'), encoding="utf-8")
    with pytest.raises(PolicyError, match="E-POL-02") as caught:
        load(file)
    assert says in str(caught.value)


def test_H02_gap_in_one_context_only_is_found(tmp_path: Path) -> None:
    file = tmp_path / "gap.toml"
    file.write_text(GOOD + "conditions = { radiotherapy = true }\n", encoding="utf-8")
    with pytest.raises(PolicyError, match="at 3 mm and beyond, radiotherapy no"):
        load(file)


@given(st.sampled_from(["=", ">", ">=", "<", "<="]), st.floats(0.5, 9), st.floats(0, 10))
def test_level_holds_what_its_operator_says(operator: Any, mm: float, value: float) -> None:
    truth = {"=": value == mm, ">": value > mm, ">=": value >= mm, "<": value < mm, "<=": value <= mm}[operator]
    assert Level("x", operator, mm).holds(value) is truth

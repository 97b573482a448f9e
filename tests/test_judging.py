"""Verdicts at, just under and just over every published limit, and what policies may not be."""

import math
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from marginkit.errors import PolicyError
from marginkit.judging import find, judge, policies
from marginkit.policy import Policy, parse_range, read_policy
from marginkit.records import BarrierResult, Floats, Margin, Margins, Profile
from marginkit.wording import millimetres

UP, DOWN = math.inf, -math.inf
NONE: Floats = np.zeros(0)


def margins(value: float | None, low: float | None = None, high: float | None = None, **more: object) -> Margins:
    """A result with this margin; the interval is the value itself unless given."""
    qualifier = more.pop("qualifier", "not_assessable" if value is None else "touching" if value == 0 else "exact")
    interval = None if value is None else (value if low is None else low, value if high is None else high)
    reason = "no cut edge in view" if value is None else ""
    margin = Margin("all", value, interval, qualifier, behind_barrier=more.pop("behind", None), reason=reason)
    profile = Profile(2, NONE, NONE, NONE, NONE, {})
    return Margins(2, (1.0, 1.0), "pixels", (margin,), profile, (), None, **more)


LIMITS = [
    ("sarcoma-cates-2019", {"radiotherapy": False}, 5.0, "inadequate", "adequate", "adequate"),
    ("sarcoma-cates-2019", {"radiotherapy": True}, 1.0, "inadequate", "adequate", "adequate"),
    ("uicc-r-plus-1mm", {}, 1.0, "R1", "R1", "R0"),
    ("fujiwara-2020", {}, 5.0, "0.1-5.0 mm", "0.1-5.0 mm", "> 5.0 mm"),
    ("dcis-2mm", {}, 2.0, "inadequate", "adequate", "adequate"),
    ("oral-1-5mm", {}, 1.0, "positive", "close", "close"),
    ("oral-1-5mm", {}, 5.0, "close", "close", "clear"),
    ("ablation-5mm", {}, 5.0, "insufficient", "sufficient", "sufficient"),
    ("joa-kawaguchi", {"reference": "reactive zone"}, 50.0, "adequate wide", "adequate wide", "curative wide"),
    ("joa-kawaguchi", {"reference": "reactive zone"}, 20.0, "inadequate wide", "adequate wide", "adequate wide"),
]


@pytest.mark.parametrize(("policy", "context", "limit", "under", "at", "over"), LIMITS)
def test_D13_one_ulp_either_side(policy: str, context: dict, limit: float, under: str, at: str, over: str) -> None:
    for value, label in ((math.nextafter(limit, DOWN), under), (limit, at), (math.nextafter(limit, UP), over)):
        verdict = judge(margins(value), policy, **context)
        assert (verdict.category, verdict.state) == (label, "certain")
        assert verdict.policy == policy


@pytest.mark.parametrize(
    ("policy", "touching", "apart"),
    [("uicc-r", "R1", "R0"), ("breast-ssoastro-2014", "positive", "negative"), ("fujiwara-2020", "0 mm", "0.1-5.0 mm")],
)
def test_tumor_at_the_edge(policy: str, touching: str, apart: str) -> None:
    assert judge(margins(0.0, 0.0, 0.7), policy).category == touching
    assert judge(margins(1e-9), policy).category == apart
    assert judge(margins(0.1, 0.0, 0.3), policy).state == "indeterminate"


def test_radiotherapy_unknown_gives_both_answers() -> None:
    verdict = judge(margins(3.0), "sarcoma-cates-2019")
    assert verdict.state == "not_assessable"
    assert verdict.category == "inadequate or adequate"
    assert verdict.reason == "radiotherapy was not given: without radiotherapy inadequate, with radiotherapy adequate."
    for value, label in ((7.0, "adequate"), (0.4, "inadequate")):
        same = judge(margins(value), "sarcoma-cates-2019")
        assert (same.category, same.state) == (label, "certain")
        assert "without radiotherapy and" in same.reason


def test_D21_interval_over_a_limit_is_indeterminate() -> None:
    verdict = judge(margins(5.2, 4.9, 5.4), "sarcoma-cates-2019", radiotherapy=False)
    assert (verdict.category, verdict.state) == ("inadequate or adequate", "indeterminate")
    assert "4.9 mm to 5.4 mm" in verdict.reason


def test_upper_bound_above_a_limit_is_indeterminate() -> None:
    seen = margins(6.0, 0.5, 6.0, qualifier="at_most")
    assert judge(seen, "oral-1-5mm").category == "positive or close or clear"
    near = margins(0.9, 0.2, 0.9, qualifier="at_most")
    assert judge(near, "oral-1-5mm").state == "certain"


def test_interval_over_several_levels_names_each_of_them() -> None:
    from_zero = judge(margins(6.0, 0.0, 6.1, qualifier="at_most"), "fujiwara-2020")
    assert (from_zero.category, from_zero.state) == ("0 mm or 0.1-5.0 mm or > 5.0 mm", "indeterminate")
    assert judge(margins(3.0, 0.0, 5.0, qualifier="at_most"), "fujiwara-2020").category == "0 mm or 0.1-5.0 mm"
    assert judge(margins(3.0, 0.5, 5.1), "oral-1-5mm").category == "positive or close or clear"
    assert judge(margins(3.0, 1.0, 5.0), "oral-1-5mm").category == "close"


@pytest.mark.parametrize("word", ["no", "yes", 0])
def test_word_for_yes_or_no_is_refused(word: object) -> None:
    with pytest.raises(TypeError, match="radiotherapy: wanted True, False or None"):
        judge(margins(3.0), "sarcoma-cates-2019", radiotherapy=word)


def test_lower_bound_is_open_upwards() -> None:
    verdict = judge(margins(2.0, 2.0, 2.0, qualifier="at_least"), "oral-1-5mm")
    assert (verdict.category, verdict.state) == ("close or clear", "indeterminate")


def test_no_margin_has_its_reason() -> None:
    verdict = judge(margins(None), "dcis-2mm")
    assert (verdict.state, verdict.category, verdict.reason) == ("not_assessable", "", "no cut edge in view.")


def test_H01_specimen_state_outside_the_domain_withholds_the_verdict() -> None:
    verdict = judge(margins(3.0, state="fresh"), "dcis-2mm")
    assert verdict.state == "not_assessable"
    assert verdict.reason == "the specimen is fresh, and the policy was made for fixed or slide."
    assert judge(margins(3.0), "dcis-2mm", state="slide").state == "certain"


def test_signal_is_not_tumor() -> None:
    assert judge(margins(3.0, region="signal"), "dcis-2mm").state == "not_assessable"


def test_policy_of_the_reactive_zone_is_withheld_from_tumor() -> None:
    assert "reactive zone" in judge(margins(30.0), "joa-kawaguchi").reason


def barrier(breached: bool = False) -> tuple[BarrierResult, ...]:
    return (BarrierResult("fascia", breached, 3.0, 8.0, 3.0, 8.0, 10.0),)


def test_border_structure_decides_and_is_not_guessed() -> None:
    unknown = judge(margins(3.0), "sarcoma-rath-2019")
    assert (unknown.state, unknown.category) == ("not_assessable", "wide enough, no border structure or adequate")
    assert judge(margins(0.8), "sarcoma-rath-2019").category == "inadequate"
    assert judge(margins(3.0, behind="fascia", barriers=barrier()), "sarcoma-rath-2019").category == "adequate"
    broken = judge(margins(3.0, behind="fascia", barriers=barrier(breached=True)), "sarcoma-rath-2019")
    assert broken.category == "wide enough, no border structure"


def test_reactive_zone_at_the_edge_is_marginal_and_any_tissue_outside_it_is_wide() -> None:
    assert judge(margins(0.0), "joa-kawaguchi", reference="reactive zone").category.startswith("marginal")
    assert judge(margins(5.0), "joa-kawaguchi", reference="reactive zone").category == "inadequate wide"


def test_barrier_counts_as_width() -> None:
    thin = (BarrierResult("thin", False, 3.0, 8.0, 3.0, 8.0, 10.0),)
    verdict = judge(margins(3.0, behind="thin", barriers=thin), "joa-kawaguchi", reference="reactive zone")
    assert verdict.category == "adequate wide"


def test_r2_is_the_users_word() -> None:
    left = judge(margins(3.0), "uicc-r", macroscopic_residual=True)
    assert left.category == "R2"
    assert "with macroscopic residual tumor" in left.reason
    assert "macroscopic" not in judge(margins(3.0), "uicc-r").reason  # assumed, not said


def test_planes_are_said() -> None:
    assert judge(margins(3.0), "dcis-2mm").reason == "margin 3.0 mm, adequate is >= 2 mm, in the one plane examined."
    stack = margins(3.0, planes=20, plane_spacing_mm=3.27)
    assert judge(stack, "dcis-2mm").reason.endswith("in the 20 planes examined, 3.27 mm apart.")


def test_printed_value_does_not_contradict_the_verdict() -> None:
    assert millimetres(0.9996) == "1.0 mm (0.9996)"
    assert "1.0 mm (0.9996)" in judge(margins(0.9996), "sarcoma-cates-2019", radiotherapy=True).reason


@given(st.sampled_from(sorted(policies())), st.floats(0, 100), st.floats(0, 100))
def test_verdicts_rise_with_the_margin(policy: str, one: float, other: float) -> None:
    rule = find(policy)
    for context in rule.contexts():
        order = sorted(
            (lv for lv in rule.levels if lv.applies(context)), key=lambda lv: (lv.range.low_mm, not lv.range.low_in)
        )
        low, high = (order.index(rule.level(value, context)) for value in sorted((one, other)))
        assert low <= high


def test_every_policy_has_its_source() -> None:
    found = policies()
    assert set(found) == {
        "sarcoma-cates-2019", "sarcoma-rath-2019", "uicc-r", "uicc-r-plus-1mm", "fujiwara-2020", "joa-kawaguchi",
        "breast-ssoastro-2014", "dcis-2mm", "oral-1-5mm", "ablation-5mm",
    }  # fmt: skip
    assert all(policy.citation and policy.title for policy in found.values())


BASE = 'id = "mine"\ntitle = "Mine"\ncitation = "us"\nreference = "tumor"\n'


def level(label: str, rule: str) -> str:
    return f'[[levels]]\nlabel = "{label}"\nmargin_mm = "{rule}"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BASE + level("a", "< 1") + level("b", "> 1"), r"E-POL-02\): before > 1 mm"),
        (BASE + level("a", "<= 1") + level("b", ">= 1"), r"overlapping levels \(E-POL-02\): >= 1 mm"),
        (BASE + level("a", "< 1"), r"E-POL-02\): above 1 mm"),
        (BASE + level("a", "~ 1"), "no range"),
        (BASE + level("a", ">= 0") + 'other = "x"', None),
        ("oops = 1 2", r"mine.toml: policy cannot be read \(E-POL-01\).*line 1"),
        ("a = " + "[" * 5000, "E-POL-01"),
        ("a = 1\n" * 20000, "too long"),
        ('id = "mine"\n', "'title' is missing|'reference' is missing"),
        (BASE + "surprise = 1\n" + level("a", ">= 0"), r"unknown keys \['surprise'\]"),
    ],
)
def test_G06_H02_bad_policies(tmp_path: Path, text: str, message: str | None) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    if message is None:
        assert isinstance(read_policy(file), Policy)
        return
    with pytest.raises(PolicyError, match=message):
        read_policy(file)


def test_policy_of_a_user_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "mine.toml").write_text(BASE + level("good", ">= 3") + level("bad", "< 3"))
    monkeypatch.setenv("MARGINKIT_SHELF", str(tmp_path))
    assert judge(margins(3.0), "mine").category == "good"
    assert "mine" in policies()
    monkeypatch.delenv("MARGINKIT_SHELF")
    with pytest.raises(PolicyError, match=r"E-POL-04.*uicc-r"):
        judge(margins(3.0), "mine")
    assert judge(margins(3.0), str(tmp_path / "policies" / "mine.toml")).category == "good"


def test_unknown_margin_name() -> None:
    with pytest.raises(PolicyError, match=r"E-POL-05.*There are all"):
        judge(margins(3.0), "dcis-2mm", margin="deep")


def test_measured_outline_is_judged() -> None:
    import marginkit as mk

    m = mk.measure(shapely.box(10, 10, 12, 12), shapely.box(5, 5, 40, 40), (1, 1))
    assert mk.judge(m, "sarcoma-cates-2019", radiotherapy=False).category == "adequate"
    assert m.value_mm == 5.0


def test_range_text() -> None:
    assert parse_range("= 0").holds(0.0)
    assert not parse_range("> 0").holds(0.0)

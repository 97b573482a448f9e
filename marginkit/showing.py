"""What the commands show: plain dicts for JSON, tables for the terminal, both from the same records.

The surprising thing: whatever comes out of a file is escaped here, since a file name may hold what moves a cursor.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from marginkit import flags, lights
from marginkit.errors import plain
from marginkit.wording import interval, judged, shown

if TYPE_CHECKING:
    from rich.table import Table

    from marginkit.agreement.found import Agreement
    from marginkit.records import Calibration, Claim, Measured, Picture


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> Table:
    """A table whose cells are plain words: nothing in them is markup."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    made = Table(title=Text(plain(title)) if title else None, title_justify="left", box=SIMPLE_HEAD, safe_box=True)
    if not any(columns):
        made.show_header, made.box = False, None
    for heading in columns:
        made.add_column(heading)
    for row in rows:
        made.add_row(*(Text("\n".join(plain(line) for line in str(cell).split("\n"))) for cell in row))
    return made


def picture(opened: Picture) -> dict[str, Any]:
    """What ``info`` says of a picture, as JSON."""
    taken = opened.calibration
    noted = [flags.sentence(flag) for flag in opened.flags]
    return {
        "name": opened.name,
        "sha256": opened.sha256,
        "format": opened.format,
        "kind": opened.kind,
        "axes": opened.axes,
        "shape": list(opened.shape),
        "levels": [{"shape": list(one.shape), "downsample": list(one.downsample)} for one in opened.levels],
        "dtype": str(opened.dtype),
        "channels": list(opened.channels),
        "spacing_mm": None if taken is None else list(taken.spacing_mm),
        "calibration": None if taken is None else {"source": taken.source, "detail": taken.detail},
        "claims": [_claim(claim, taken) for claim in opened.claims],
        "refusal": None if opened.refusal is None else str(opened.refusal),
        "warnings": list(dict.fromkeys((*opened.warnings, *noted))),
    }


def _claim(claim: Claim, taken: Calibration | None) -> dict[str, Any]:
    chosen = taken is not None and (claim.source, claim.detail) == (taken.source, taken.detail)
    return {
        "source": claim.source,
        "spacing_mm": None if claim.spacing_mm is None else list(claim.spacing_mm),
        "detail": claim.detail,
        "problem": claim.problem,
        "taken": chosen,
    }


def picture_table(opened: Picture) -> Table:
    """The same as a table."""
    return table(("", ""), _picture_rows(picture(opened)), opened.name)


def _picture_rows(told: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "format", f"{told['format']} ({told['kind']})"
    yield "axes", f"{told['axes']}  {' x '.join(map(str, told['shape']))}  {told['dtype']}"
    yield "levels", "\n".join(" x ".join(map(str, level["shape"])) for level in told["levels"])
    if told["channels"]:
        yield "channels", ", ".join(told["channels"])
    source = "" if told["calibration"] is None else f"  from {told['calibration']['source']}"
    yield "pixel size", f"{_size(told['spacing_mm']) or 'not known'}{source}"
    for claim in told["claims"]:
        words = (claim["source"] + ":", _size(claim["spacing_mm"]), claim["detail"], claim["problem"])
        yield "taken" if claim["taken"] else "claim", "  ".join(word for word in words if word)
    if told["refusal"]:
        yield "refused", told["refusal"]
    for warning in told["warnings"]:
        yield "note", warning


def _size(spacing_mm: Sequence[float] | None) -> str:
    return "" if spacing_mm is None else f"{' x '.join(f'{s:.6g}' for s in spacing_mm)} mm"


def policy_table(told: dict[str, Any]) -> Table:
    """One policy in full."""
    rows = [(key, "\n".join(value) if isinstance(value, list) else value) for key, value in told.items() if value]
    return table(("", ""), rows)


def policies_table(told: Iterable[dict[str, Any]]) -> Table:
    """The policies, one a row."""
    rows = [(one["id"], "\n".join(one["levels"]), one["citation"]) for one in told]
    return table(("id", "levels", "source"), rows)


def phantom(row: Any) -> dict[str, Any]:
    """A phantom beside its truth, as JSON."""
    names = ("name", "kind", "truth_mm", "measured_mm", "error_mm", "tolerance_mm", "ok", "problem")
    return {name: getattr(row, name) for name in names}


def phantoms_table(told: Iterable[dict[str, Any]]) -> Table:
    """The phantoms, one a row."""
    numbers = ("truth_mm", "measured_mm", "error_mm", "tolerance_mm")
    rows = [
        (one["name"], one["kind"], *(_number(one[key]) for key in numbers), "ok" if one["ok"] else one["problem"])
        for one in told
    ]
    return table(("phantom", "made of", "truth mm", "measured mm", "error mm", "allowed mm", ""), rows)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.6g}"


def agreement_table(found: Agreement) -> Table:
    """What readers agree on: what is said of each margin name and pair, one fact a row."""
    return table(("margin", "readers", "", ""), _agreement_rows(found), "agreement")


def _agreement_rows(found: Agreement) -> Iterator[tuple[str, str, str, str]]:
    from marginkit.agreement import page

    for group in found.groups:
        yield group.margin, "all", "cases", page.counts(group)
        for one in group.correlations:
            yield group.margin, "all", one.form, page.valued(one.value, one.interval)
        for pair in group.pairs:
            both = " / ".join(pair.readers)
            yield from ((group.margin, both, *row) for row in page.rows(pair))
            for at in pair.screenings:
                yield group.margin, both, f"sensitivity < {at.limit_mm:g} mm", page.shared(at.sensitivity)
                yield group.margin, both, f"specificity < {at.limit_mm:g} mm", page.shared(at.specificity)
            for policy, kappa in pair.verdicts.items():
                yield group.margin, both, f"kappa, {policy}", "; ".join(page.verdict(kappa))
    if found.masks:
        yield "masks", "all", "overlap", page.dice(found)


def below(case: Measured) -> list[str]:
    """What is said below the table of margins: edge near the tumor, planes, verdicts with their reasons."""
    return [
        *_profile(case),
        *_planes(case),
        *_signal(case),
        *(f"{v.policy}, {v.margin}: {_verdict(v)}" for v in case.verdicts),
    ]


def _signal(case: Measured) -> Iterator[str]:
    if case.signal is not None:
        yield "signal: " + " · ".join(f"{name} {text}" for name, text in lights.told(case.signal))


def _verdict(verdict: Any) -> str:
    return f"{judged(verdict)}. {verdict.reason[:1].upper()}{verdict.reason[1:]}"


def _profile(case: Measured) -> Iterator[str]:
    profile = case.result.profile
    if profile.total and case.limits_mm:
        unit = "mm" if profile.ndim == 2 else "mm²"
        near = ", ".join(f"{profile.below(mm):.1f} {unit} nearer than {mm:g} mm" for mm in case.limits_mm)
        yield f"cut edge {profile.total:.1f} {unit}: {near}"


def _planes(case: Measured) -> Iterator[str]:
    if not case.slices:
        return
    found = [(index, one.all) for index, one in case.slices if one.value_mm is not None]
    if not found:
        yield f"planes one by one: {len(case.slices)} with {case.result.region}, none of them assessable"
        return
    index, least = min(found, key=lambda one: one[1].value_mm or 0.0)
    within = f" ({interval(least)})" if interval(least) else ""
    told = f"{len(case.slices)} with {case.result.region}, least {shown(least)}{within} in slice {index}"
    yield f"planes one by one: {told}"

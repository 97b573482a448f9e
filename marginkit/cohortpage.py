"""The page of a cohort: every case in a table that sorts and filters, distributions, and failures by cause.

The surprising thing: what failed is on the page, and in every denominator. A cohort of which a tenth could not be
measured is not a cohort of nine tenths.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from marginkit import files, flags, shelf, spread
from marginkit.agreement import readings
from marginkit.errors import CaseNameError, FileError
from marginkit.pages import shell
from marginkit.records import Measured
from marginkit.wording import RESEARCH, SIGN, millimetres, span

FILE = "report.html"
LIMIT_BYTES = 64 << 20
LISTED = 20  # cases named for one cause of failure
Row = Mapping[str, str]


def cohort_page(out: str | Path) -> Path:
    """The page of a folder that ``batch`` wrote, made from ``results.csv`` and ``cases/ID/result.json``.

    Raises
    ------
    FileError : E-FILE-14 the folder holds no results; E-FILE-12 the page cannot be written.
    AgreementError : E-AGR-01 ``results.csv`` is not such a table.
    """
    root = Path(out)
    table = root / readings.RESULTS
    if not table.is_file():
        raise FileError("E-FILE-14", "no results here", cause=f"no {readings.RESULTS}", remedy="Run batch.", file=root)
    with files.write_atomic(root / FILE) as stream:
        stream.write(page(root, [row for _, row in readings.rows(table)]))
    return root / FILE


def of_cases(cases: Sequence[Measured], out: str | Path) -> Path:
    """The page of cases that were written to ``out/CASE``."""
    table = shelf.get("reports", "table")
    rows = [
        {"status": "measured", **{name: table.cell(value) for name, value in row.items()}}
        for case in cases
        for row in table.rows(case)
        if row["slice"] == case.plane
    ]
    with files.write_atomic(Path(out) / FILE) as stream:
        stream.write(page(Path(out), rows))
    return Path(out) / FILE


def page(root: Path, rows: Sequence[Row]) -> bytes:
    """The page of a cohort's rows, UTF-8 HTML."""
    cases = list(dict.fromkeys(row["case"] for row in rows))
    known = {case: _document(root, case) for case in cases}
    measured = [one for one in known.values() if one]
    limits_mm = sorted({float(mm) for one in measured for mm in one.get("profile", {}).get("below_mm", {})}) or [1, 5]
    shown = [_row(row, root, known[row["case"]]) for row in rows]
    return shell.render(
        "cohort.html",
        title=f"Cohort of {len(cases)} cases",
        research=RESEARCH,
        summary=list(_summary(rows, cases, measured)),
        rows=shown,
        choices=_choices(shown),
        margins=spread.table(rows, limits_mm),
        histograms=spread.histograms(rows, limits_mm),
        limits=[f"{mm:g} mm" for mm in limits_mm],
        verdicts=_verdicts(rows),
        policies=_policies(measured),
        failures=_failures(rows),
        warnings=[*_mixed(rows), *_warnings(rows, len(cases))],
    )


def _document(root: Path, case: str) -> dict[str, Any]:
    """The result of a case; empty where there is none that can be read."""
    try:
        raw = files.read_bounded(root / _place(root, case) / "result.json", LIMIT_BYTES)
        found = json.loads(raw)
    except (FileError, CaseNameError, ValueError):
        return {}
    return found if isinstance(found, dict) and str(found.get("schema", "")).startswith("marginkit.result/") else {}


def _row(row: Row, root: Path, known: Mapping[str, Any]) -> dict[str, Any]:
    value_mm = spread.value_mm(row)
    qualifier = row.get("qualifier", "")
    return {
        "case": row["case"],
        "link": _link(root, row["case"]),
        "status": row.get("status", "") or "measured",
        "region": row.get("region", ""),
        "margin": row.get("margin", ""),
        "value": value_mm,
        "shown": "" if value_mm is None else SIGN.get(qualifier, "") + millimetres(value_mm),
        "interval": _interval(row),
        "qualifier": qualifier.replace("_", " "),
        "verdicts": _listed(row, "verdicts"),
        "state": row.get("state", ""),
        "source": row.get("calibration_source", ""),
        "said": row.get("error", "") or row.get("reason", ""),
        "planes": known.get("planes", ""),
    }


def _link(root: Path, case: str) -> str:
    """Where the page of a case lies, beside this one; empty where there is none."""
    try:
        inside = f"{_place(root, case)}/{FILE}"
    except CaseNameError:
        return ""
    return _quoted(inside) if (root / inside).is_file() else ""


def _place(root: Path, case: str) -> str:
    """The folder of a case in that of the cohort; CaseNameError where its name cannot be one."""
    name = files.safe_case_name(case)
    return f"cases/{name}" if (root / "cases").is_dir() else name


def _quoted(path: str) -> str:
    from urllib.parse import quote

    return quote(path)


def _interval(row: Row) -> str:
    low, high = (spread.number(row.get(f"interval_{end}_mm", "")) for end in ("low", "high"))
    return "" if low is None or high is None else span(low, high)


def _choices(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, list[str]]]:
    """(attribute, words, values) of each filter that has something to choose from."""
    wanted = (
        ("region", "Region"),
        ("status", "Status"),
        ("margin", "Margin"),
        ("qualifier", "Qualifier"),
        ("state", "Specimen state"),
    )
    found = [(key, words, sorted({str(row[key]) for row in rows if row[key]})) for key, words in wanted]
    found.append(("verdict", "Verdict", sorted({one for row in rows for one in row["verdicts"]})))
    return [one for one in found if len(one[2]) > 1]


def _summary(rows: Sequence[Row], cases: Sequence[str], measured: Sequence[Any]) -> Iterator[tuple[str, str]]:
    failed = {row["case"] for row in rows if row.get("status") == "failed"}
    whole = [row for row in rows if row.get("margin") == "all"]
    qualifiers = Counter(row.get("qualifier", "") for row in whole)
    yield "Cases", str(len(cases))
    yield "Measured", f"{len(cases) - len(failed)}, failed {len(failed)}"
    for name in ("touching", "at_most", "at_least", "not_assessable"):
        if qualifiers[name]:
            yield f"Closest margin {name.replace('_', ' ')}", f"{qualifiers[name]} of {len(cases)}"
    for region, words in (("tumor", "Closest margin"), ("signal", "Closest distance of signal to the edge")):
        of_region = [row for row in whole if (row.get("region") or "tumor") == region]
        if of_region:
            yield words, spread.told(of_region, len(of_region) + spread.failed(rows, region))
    for name, key in (("Pixel size from", "calibration_source"), ("Specimen state", "state")):
        counts = Counter(row.get(key, "") or "not stated" for row in whole)
        yield name, ", ".join(f"{value} ({n})" for value, n in counts.most_common())
    versions = Counter(str(one.get("provenance", {}).get("marginkit", "unknown")) for one in measured)
    yield "marginkit", ", ".join(f"{value} ({n})" for value, n in versions.most_common()) or "unknown"


def _verdicts(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Verdict on the closest margin to the number of cases, of those that the policy was asked of."""
    whole = [_listed(row, "verdicts") for row in rows if row.get("margin") == "all"]
    counts = Counter(one for said in whole for one in said)
    of = Counter(one.partition(": ")[0] for said in whole for one in said)
    failed = Counter({policy: _failed_of(rows, policy) for policy in _asked(rows) | set(of)})
    counts.update({f"{policy}: the case failed": n for policy, n in failed.items() if n})
    ordered = sorted(counts.items(), key=lambda one: (one[0].partition(": ")[0], -one[1]))
    return [(words, f"{n} of {(of + failed)[words.partition(': ')[0]]}") for words, n in ordered]


def _listed(row: Row, name: str) -> list[str]:
    return [one for one in row.get(name, "").split("; ") if one]


def _asked(rows: Sequence[Row]) -> set[str]:
    """Policies that were asked of cases that failed."""
    return {one for row in rows if row.get("status") == "failed" for one in _listed(row, "policies")}


def _failed_of(rows: Sequence[Row], policy: str) -> int:
    """Failed cases that the policy was asked of; a table that does not say what was asked counts them all."""
    failed = (row for row in rows if row.get("status") == "failed")
    return sum("policies" not in row or policy in _listed(row, "policies") for row in failed)


def _policies(measured: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Every policy that spoke, once: id, title, citation."""
    found = {one["id"]: one for doc in measured for one in doc.get("provenance", {}).get("policies", ())}
    return [{key: str(one.get(key, "")) for key in ("id", "title", "citation")} for one in found.values()]


def _failures(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Failed cases by cause, the most frequent first."""
    by_code: dict[str, list[Row]] = {}
    for row in rows:
        if row.get("status") == "failed":
            by_code.setdefault(row.get("error_code", "") or "unknown", []).append(row)
    ordered = sorted(by_code.items(), key=lambda one: (-len(one[1]), one[0]))
    return [
        {
            "code": code,
            "count": len(found),
            "example": found[0].get("error", ""),
            "cases": ", ".join(row["case"] for row in found[:LISTED]) + (" …" if len(found) > LISTED else ""),
        }
        for code, found in ordered
    ]


def _mixed(rows: Sequence[Row]) -> Iterator[tuple[str, str]]:
    """What should not be pooled and is: specimen states, since tissue shrinks."""
    states = sorted({row.get("state") or "not stated" for row in rows if row.get("margin") == "all"})
    if len(states) > 1:
        yield "Specimens of several states are pooled here, and tissue shrinks when it is fixed.", ", ".join(states)


def _warnings(rows: Sequence[Row], cases: int) -> list[tuple[str, str]]:
    """Flags of the closest margins in words, the most frequent first."""
    raised = Counter(flag for row in rows if row.get("margin") == "all" for flag in set(row.get("flags", "").split()))
    ordered = sorted(raised.items(), key=lambda one: (-one[1], one[0]))
    known = [(flags.sentence(flag), n) for flag, n in ordered if flag in flags.FLAGS]
    return [(words, f"{n} of {cases}") for words, n in known]

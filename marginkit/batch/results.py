"""What a batch leaves beside its cases: one table of all rows, the same as Parquet, and a summary.

The surprising thing: where every case failed, an older table that has results stays. A wrong path in a cohort must not
cost last night's results.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from marginkit import cohortpage, files, shelf
from marginkit.batch.journal import Journal, Line
from marginkit.errors import plain

RESULTS, PARQUET, SUMMARY, FAILED = "results.csv", "results.parquet", "summary.json", "failed.csv"
FIRST = ("case", "status", "error_code", "error")
LAST = ("policies",)  # that were asked, also of a case that failed
SCHEMA = "marginkit.summary/1"
CHUNK = 2000  # rows of the Parquet file that are held at once
TEXT = {"case", "status", "error_code", "error", "region", "image", "margin", "qualifier", "reason", "behind_barrier",
        "calibration_source", "state", "flags", "verdicts", "policies"}  # fmt: skip
Written = tuple[dict[str, int], int, tuple[str, ...], tuple[str, ...]]


def write(root: Path, cases: Sequence[str], journal: Journal) -> Written:
    """(cases by what they came to, failed, names of files, notes) of all cases, in their order."""
    counts, failed = _counted(journal.lines(cases))
    if cases and failed == len(cases) and _has_results(root / RESULTS):
        with files.write_atomic(root / FAILED) as stream:
            _csv(stream, journal.lines(cases))
        note = f"every case failed: {RESULTS} of an earlier run was left as it is, the failures are in {FAILED}"
        return counts, failed, (FAILED,), (note,)
    with files.write_atomic(root / RESULTS) as stream:
        _csv(stream, journal.lines(cases))
    names, notes = [RESULTS], []
    if _parquet(root, cases, journal):
        names.append(PARQUET)
    else:
        notes.append(f'{PARQUET} was not written: pip install "marginkit[parquet]"')
    with files.write_atomic(root / SUMMARY) as stream:
        told = {"schema": SCHEMA, "cases": len(cases), "failed": failed, **_summary(journal.lines(cases))}
        stream.write((json.dumps(told, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode())
    names += [SUMMARY, cohortpage.cohort_page(root).name]
    return counts, failed, tuple(names), tuple(notes)


def _counted(lines: Iterator[Line]) -> tuple[dict[str, int], int]:
    """How many cases failed of what cause, have which qualifier and which verdict, the most frequent first."""
    found: Counter[str] = Counter()
    failed = 0
    for line in lines:
        if line["status"] == "failed":
            failed += 1
            found[f"failed {line['error_code']}"] += 1
            continue
        whole = next(row for row in line["rows"] if row["margin"] == "all")
        found[whole["qualifier"].replace("_", " ")] += 1
        found.update(one for one in whole["verdicts"].split("; ") if one)
    return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))), failed


def _has_results(path: Path) -> bool:
    """Whether an earlier table holds a measured case."""
    if not path.is_file():
        return False
    with open(path, newline="", encoding="utf-8", errors="replace") as stream:
        return any(row.get("status") == "measured" for row in csv.DictReader(stream))


def columns() -> list[str]:
    """Names of the columns of ``results.csv``, in their order."""
    return [*FIRST, *(name for name in shelf.get("reports", "table").COLUMNS if name not in FIRST), *LAST]


def _rows(lines: Iterator[Line]) -> Iterator[dict[str, Any]]:
    """One row a case and margin; of a failed case one row with its error and what was wanted of it."""
    for line in lines:
        head = {name: line.get(name, "") for name in FIRST}
        for row in line.get("rows", [{name: line.get(name, "") for name in ("region", "policies")}]):
            yield {**row, **head}


def _csv(stream: Any, lines: Iterator[Line]) -> None:
    cell = shelf.get("reports", "table").cell
    names = columns()
    text = io.TextIOWrapper(stream, "utf-8", newline="", write_through=True)
    writer = csv.DictWriter(text, names, restval="", lineterminator="\r\n")
    writer.writeheader()
    for row in _rows(lines):
        writer.writerow({name: cell(row.get(name)) for name in names})
    text.detach()


def _parquet(root: Path, cases: Sequence[str], journal: Journal) -> bool:
    """Whether the table was written as Parquet, numbers as numbers: that needs pyarrow."""
    try:
        import pyarrow  # type: ignore[import-not-found,import-untyped,unused-ignore]
        from pyarrow import parquet  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except ImportError:
        return False
    kinds = [(name, pyarrow.string() if name in TEXT else pyarrow.float64()) for name in columns()]
    schema = pyarrow.schema(kinds)
    with (
        files.write_atomic(root / PARQUET) as stream,
        parquet.ParquetWriter(stream, schema, compression="zstd") as table,
    ):
        chunk: list[dict[str, Any]] = []
        for row in _rows(journal.lines(cases)):
            chunk.append({name: _value(name, row.get(name)) for name in schema.names})
            if len(chunk) >= CHUNK:
                table.write_table(pyarrow.Table.from_pylist(chunk, schema=schema))
                chunk = []
        table.write_table(pyarrow.Table.from_pylist(chunk, schema=schema))
    return True


def _value(name: str, value: Any) -> Any:
    if value is None or value == "":
        return None
    return plain(str(value)) if name in TEXT else float(value)


def _summary(lines: Iterator[Line]) -> Mapping[str, Any]:
    """Counts of verdicts and qualifiers, the spread of each named margin, failures by cause."""
    verdicts: dict[str, Counter[str]] = {}
    qualifiers: Counter[str] = Counter()
    failures: dict[str, list[str]] = {}
    values: dict[str, list[float]] = {}
    for line in lines:
        if line["status"] == "failed":
            failures.setdefault(line["error_code"], []).append(line["case"])
            continue
        for row in line["rows"]:
            if row["value_mm"] is not None:
                values.setdefault(row["margin"], []).append(float(row["value_mm"]))
            if row["margin"] == "all":
                qualifiers[row["qualifier"]] += 1
                for text in filter(None, row["verdicts"].split("; ")):
                    policy, _, said = text.partition(": ")
                    verdicts.setdefault(policy, Counter())[said] += 1
    return {
        "qualifiers": dict(sorted(qualifiers.items())),
        "verdicts": {policy: dict(sorted(said.items())) for policy, said in sorted(verdicts.items())},
        "margins": {name: _spread(some) for name, some in sorted(values.items())},
        "failures": {code: {"cases": len(some), "first": some[:20]} for code, some in sorted(failures.items())},
    }


def _spread(values: Sequence[float]) -> dict[str, float | int]:
    """Number, least, quartiles and greatest, in mm."""
    import numpy as np

    quantiles = np.quantile(values, (0, 0.25, 0.5, 0.75, 1)).tolist()
    names = ("least_mm", "lower_quartile_mm", "median_mm", "upper_quartile_mm", "greatest_mm")
    return {"cases": len(values), **dict(zip(names, quantiles))}

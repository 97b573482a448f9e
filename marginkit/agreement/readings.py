"""What a reader or method said: a table of cases and margins, from results.csv or any CSV with the same three columns.

The surprising thing: a row without a value is a row. A case that could not be measured must be counted, so it stays in
the table as a reading that is missing, not as a reading that never was.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from marginkit import files
from marginkit.errors import AgreementError

Key: TypeAlias = tuple[str, str]  # case, name of the margin
LIMIT_BYTES = 64 << 20
RESULTS = "results.csv"
MISSING = {"", "na", "n/a", "nan", "none", "null", "-"}
VERDICT = re.compile(r"([^:;]+): (?:(.*) \((certain|indeterminate|not assessable)\)|not assessable)")


@dataclass(frozen=True, slots=True)
class Reading:
    """One margin of one case. value_mm : None where there is none. verdicts : policy to category, certain ones only."""

    value_mm: float | None
    qualifier: str = ""
    verdicts: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reader:
    """A reader or method and its readings."""

    name: str
    readings: Mapping[Key, Reading]


def read(path: str | Path) -> Reader:
    """The readings of a CSV (``case``, ``value_mm``; ``margin``, ``qualifier``, ``verdicts`` or ``category`` if there
    are any), or of the ``results.csv`` of a folder.

    Raises
    ------
    AgreementError : E-AGR-01 not such a table; E-AGR-02 a value is no length; E-AGR-03 a margin of a case twice.
    """
    file = Path(path) / RESULTS if Path(path).is_dir() else Path(path)
    name = file.parent.name if file.name == RESULTS else file.stem
    found: dict[Key, Reading] = {}
    for number, row in rows(file):
        key = (row["case"], row.get("margin", "") or "all")
        if key in found:
            raise AgreementError("E-AGR-03", f"line {number}: {key[1]!r} of case {key[0]!r} comes twice", file=file)
        found[key] = _reading(row, file, number)
    return Reader(name or "reader", found)


def rows(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """(line, column to text) of each row that names a case."""
    try:
        text = files.read_bounded(file, LIMIT_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise AgreementError("E-AGR-01", "the table is not UTF-8 text", cause=str(error), file=file) from error
    first = text.split("\n", 1)[0]
    sheet = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count), restval="")
    heads = [head.strip().lower() for head in sheet.fieldnames or ()]
    lacking = [name for name in ("case", "value_mm") if name not in heads]
    if lacking:
        cause = f"columns {', '.join(heads[:12]) or 'none'}; missing {', '.join(lacking)}"
        raise AgreementError(
            "E-AGR-01", "no table of readings", cause=cause, remedy="Name them case, margin, value_mm.", file=file
        )
    sheet.fieldnames = heads
    try:
        for row in sheet:
            plain = {name: (value or "").strip() for name, value in row.items() if isinstance(name, str)}
            if plain["case"]:
                yield sheet.line_num, plain
    except csv.Error as error:
        raise AgreementError("E-AGR-01", "the table cannot be read", cause=str(error), file=file) from error


def _reading(row: Mapping[str, str], file: Path, number: int) -> Reading:
    words = row["value_mm"]
    if words.lower() in MISSING:
        return Reading(None, row.get("qualifier", ""), _verdicts(row))
    try:
        value_mm = float(words.replace(",", ".") if words.count(",") == 1 and "." not in words else words)
    except ValueError:
        value_mm = math.nan
    if not (math.isfinite(value_mm) and value_mm >= 0):
        raise AgreementError(
            "E-AGR-02", f"line {number}: {words!r} is no length", remedy="Write millimetres, or nothing.", file=file
        )
    return Reading(value_mm, row.get("qualifier", ""), _verdicts(row))


def _verdicts(row: Mapping[str, str]) -> dict[str, str | None]:
    """Policy to category; None where the verdict was not certain.

    >>> _verdicts({"verdicts": "uicc-r: R0 (certain); a: R1 or R0 (indeterminate); b: not assessable"})
    {'uicc-r': 'R0', 'a': None, 'b': None}
    """
    if row.get("category"):
        return {"category": row["category"]}
    found = (VERDICT.fullmatch(one.strip()) for one in row.get("verdicts", "").split(";"))
    return {one[1]: one[2] if one[3] == "certain" else None for one in found if one}


def of_mapping(name: str, values: Mapping[Key | str, float | None]) -> Reader:
    """The readings of a mapping: case, or (case, margin), to a value in mm or None."""
    found = {}
    for key, value_mm in values.items():
        if value_mm is not None and not (math.isfinite(value_mm) and value_mm >= 0):
            raise AgreementError("E-AGR-02", f"{key}: {value_mm} is no length", remedy="Give millimetres, or None.")
        where = (key, "all") if isinstance(key, str) else key
        found[where] = Reading(None if value_mm is None else float(value_mm))
    return Reader(name, found)

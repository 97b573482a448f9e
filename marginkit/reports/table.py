"""The margins of one case as a tidy table: one row a margin, and a slice where slices were measured one by one.

The surprising thing: a table is a program. A spreadsheet runs a cell that starts with ``= + - @``, so names from
outside that start so get an apostrophe; numbers are never touched.
"""

from __future__ import annotations

import csv
import io
import math
import unicodedata
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from marginkit.errors import MarginError, plain
from marginkit.records import Margin, Margins, Measured
from marginkit.wording import interval, judged, shown

if TYPE_CHECKING:
    from rich.table import Table

NAME = "table"
FILE = "margins.csv"
Cell: TypeAlias = str | int | float | None

COLUMNS = (
    *("case", "region", "image", "slice", "margin", "value_mm", "interval_low_mm", "interval_high_mm", "qualifier"),
    *("reason", "focus", "piece", "behind_barrier", "edge_mm", "edge_mm2", "unseen_mm", "through_tissue_mm"),
    *("tumor_z_px", "tumor_y_px", "tumor_x_px", "edge_z_px", "edge_y_px", "edge_x_px"),
    *("spacing_z_mm", "spacing_y_mm", "spacing_x_mm", "calibration_source", "state", "flags", "verdicts"),
)
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def write(case: Measured, stream: Any) -> None:
    """Write the rows as CSV: RFC 4180, UTF-8, a dot as decimal point, empty where there is no value."""
    out = io.StringIO(newline="")
    sheet = csv.writer(out, lineterminator="\r\n")
    sheet.writerow(COLUMNS)
    sheet.writerows([cell(row[column]) for column in COLUMNS] for row in rows(case))
    stream.write(out.getvalue().encode("utf-8"))


def rows(case: Measured) -> list[dict[str, Cell]]:
    """One row a margin, ``COLUMNS`` as keys: those of the case, then those of each slice that was measured by itself.

    ``slice`` is None where the case is no single plane; it counts from 0, as the array does.
    A row of the case has its verdicts; slices are not judged.
    """
    judged = _verdicts(case)
    whole = [{**row, "verdicts": judged.get(str(row["margin"]), "")} for row in _rows(case, case.plane, case.result)]
    planes = [row for index, result in case.slices if result is not case.result for row in _rows(case, index, result)]
    return [*whole, *planes]


def _verdicts(case: Measured) -> dict[str, str]:
    """Margin name to its verdicts in one text."""
    said: dict[str, list[str]] = {}
    for verdict in case.verdicts:
        said.setdefault(verdict.margin, []).append(f"{verdict.policy}: {judged(verdict)}")
    return {margin: "; ".join(texts) for margin, texts in said.items()}


def _rows(case: Measured, index: int | None, result: Margins) -> Iterator[dict[str, Cell]]:
    taken = case.picture.calibration
    common: dict[str, Cell] = {
        "case": case.case,
        "region": result.region,
        "image": case.picture.name,
        "slice": index,
        "calibration_source": "" if taken is None else taken.source,
        "state": result.state,
        **_axes("spacing", "mm", result.spacing_mm),
    }
    for margin in result.margins:
        flags = (*result.flags, *(flag for flag in margin.flags if flag not in result.flags))
        yield {**dict.fromkeys(COLUMNS), **common, **_row(margin, result.ndim), "flags": " ".join(flags)}


def _row(margin: Margin, ndim: int) -> dict[str, Cell]:
    low, high = margin.interval_mm or (None, None)
    pair = margin.closest
    return {
        "margin": margin.name,
        "value_mm": margin.value_mm,
        "interval_low_mm": low,
        "interval_high_mm": high,
        "qualifier": margin.qualifier,
        "reason": margin.reason,
        "focus": margin.focus,
        "piece": margin.piece,
        "behind_barrier": margin.behind_barrier,
        "edge_mm" if ndim == 2 else "edge_mm2": margin.edge_size,
        "unseen_mm": margin.unseen_mm,
        "through_tissue_mm": None if pair is None else pair.through_tissue_mm,
        **({} if pair is None else _axes("tumor", "px", pair.tumor_px) | _axes("edge", "px", pair.edge_px)),
    }


def _axes(what: str, unit: str, values: tuple[float, ...]) -> dict[str, Cell]:
    return {f"{what}_{axis}_{unit}": value for axis, value in zip("zyx"[-len(values) :], values)}


def cell(value: Cell) -> str:
    """A value as the text of a CSV cell.

    >>> cell("=1+1"), cell(-0.5), cell(None), cell("deep")
    ("'=1+1", '-0.5', '', 'deep')
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return _guarded(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise MarginError("E-OUT-01", "a result is not a finite number", cause=f"{value} in a table")
    return repr(value)


def _guarded(words: str) -> str:
    if "\0" in words:
        raise MarginError("E-OUT-02", "a name holds a NUL character", cause=repr(words), remedy="Rename it.")
    first = unicodedata.normalize("NFKC", words[:1])
    inner = unicodedata.normalize("NFKC", words.lstrip()[:1])
    return f"'{words}" if first in FORMULA or inner in FORMULA else words


def rich_table(case: Measured) -> Table:
    """The margins as a table for the terminal; names are escaped, so that none can colour or move anything."""
    from rich.table import Table
    from rich.text import Text

    judged = _verdicts(case)
    size = "edge (mm)" if case.result.ndim == 2 else "edge (mm²)"
    table = Table(title=Text(plain(case.case)), caption=Text(_caption(case)))
    for heading in ("margin", "value", "interval", size, "behind", "verdict"):
        table.add_column(heading, justify="right" if heading in {"value", "interval", size} else "left")
    for margin in case.result.margins:
        verdict = judged.get(margin.name, "") or margin.reason
        words = (margin.name, shown(margin), interval(margin), f"{margin.edge_size:.1f}", margin.behind_barrier or "")
        table.add_row(*(Text(plain(one)) for one in (*words, verdict)))
    return table


def _caption(case: Measured) -> str:
    taken = case.picture.calibration
    spacing = " × ".join(f"{1000 * s:.4g}" for s in case.result.spacing_mm)
    source = f" ({plain(taken.source)})" if taken else ""
    return f"pixel {spacing} µm{source} · research use only"

"""The cases of a batch for a person to look at: what failed or is in doubt first, corrected by hand, accepted.

The surprising thing: nothing here changes a result. A correction is a mask beside its case, and the next run of the
same batch measures that case anew with it. What is accepted is a digest, so that it holds until the case changes.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from marginkit import files
from marginkit.batch.case import BY_HAND, HAND
from marginkit.batch.correcting import kept
from marginkit.batch.results import FAILED, RESULTS
from marginkit.errors import FileError, MarginError, UsageError
from marginkit.pipeline import Job
from marginkit.wording import millimetres

ACCEPTED = "accepted.json"
SCHEMA, VERSION = "marginkit.accepted", 1
MAX_BYTES = 256 << 20  # of a table of results
ORDER = ("failed", "not run", "not assessable", "in doubt", "at most", "measured")


@dataclass(frozen=True)
class Entry:
    """A case in the queue.

    state : one of ``ORDER``. value, verdicts : of the margin ``all``, as in the table. why : what to look at.
    hand : regions that were corrected by hand. accepted : looked at and found right, and unchanged since.
    """

    case: str
    state: str
    value: str = ""
    verdicts: str = ""
    why: str = ""
    hand: tuple[str, ...] = ()
    accepted: bool = False


def defaults(words: str) -> Job:
    """What a row of the cohort does not say, from the words of ``marginkit batch``.

    UsageError E-USE-14 where they are not understood.

    >>> defaults("--specimen specimen --policy dcis-2mm").policies
    ('dcis-2mm',)
    """
    parser = _Words(add_help=False, allow_abbrev=False)
    for name in ("tumor", "signal", "specimen"):
        parser.add_argument(f"--{name}", default="")
    parser.add_argument("--pixel-size")
    parser.add_argument("--policy", action="append", default=[])
    parser.add_argument("--radiotherapy", choices=("yes", "no", "unknown"), default="unknown")
    parser.add_argument("--state", choices=("fresh", "fixed", "slide", "in-vivo"))
    try:
        parts = shlex.split(words)
    except ValueError as error:
        raise _misunderstood(str(error)) from error
    said = vars(parser.parse_args(parts))
    said["radiotherapy"] = {"yes": True, "no": False}.get(said["radiotherapy"])
    said["policies"] = tuple(said.pop("policy"))
    return Job(image="", **said)


class _Words(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _misunderstood(message)


def _misunderstood(cause: str) -> UsageError:
    remedy = "Give them as to marginkit batch: --tumor SRC --specimen SRC --policy ID."
    return UsageError("E-USE-14", "options not understood", cause=cause[:200], remedy=remedy)


def queue(root: str | Path, jobs: Sequence[Job]) -> list[Entry]:
    """Every case of the cohort: what was accepted last, else the worst first, then in the cohort's order.

    FileError E-FILE-14 where the folder holds no results of a batch.
    """
    rows = _results(Path(root))
    entries = [_entry(Path(root), job.name, rows.get(job.name, [])) for job in jobs]
    return sorted(entries, key=lambda entry: (entry.accepted, ORDER.index(entry.state)))


def _results(root: Path) -> dict[str, list[dict[str, str]]]:
    """Case to its rows."""
    paths = [path for path in (root / RESULTS, root / FAILED) if path.is_file()]
    if not paths:
        remedy = "Choose the folder that was given to marginkit batch as --out."
        raise FileError("E-FILE-14", "no results of a batch", cause=f"no {RESULTS}", remedy=remedy, file=root)
    found: dict[str, list[dict[str, str]]] = {}
    for path in paths:
        text = files.read_bounded(path, MAX_BYTES).decode("utf-8-sig", errors="replace")
        for row in csv.DictReader(io.StringIO(text, newline="")):
            found.setdefault(row.get("case") or "", []).append(
                {k: v or "" for k, v in row.items() if isinstance(k, str)}
            )
    return found


def _entry(root: Path, case: str, rows: list[dict[str, str]]) -> Entry:
    hand = kept(root, case)
    accepted = is_accepted(root, case)
    whole = next((row for row in rows if row.get("margin") in ("", "all", None)), None)
    if whole is None:
        return Entry(
            case, "not run", why="The batch has not come to it yet.", hand=hand, accepted=accepted and bool(hand)
        )
    if whole.get("status") == "failed":
        return Entry(case, "failed", why=whole.get("error", ""), hand=hand, accepted=accepted and bool(hand))
    verdicts = "; ".join(dict.fromkeys(row["verdicts"] for row in rows if row.get("verdicts")))
    state, why = _doubt(rows, verdicts)
    value = whole.get("value_mm", "")
    told = millimetres(float(value)) if _is_number(value) else ""
    return Entry(case, state, told, verdicts, why, hand, accepted)


def _doubt(rows: Iterable[Mapping[str, str]], verdicts: str) -> tuple[str, str]:
    """(state, why) of a case that was measured, by the worst of its margins."""
    qualifiers = {row.get("margin", ""): row.get("qualifier", "") for row in rows}
    lacking = [name for name, qualifier in qualifiers.items() if qualifier == "not_assessable"]
    if lacking:
        said = next((row["reason"] for row in rows if row.get("reason")), "")
        return "not assessable", f"{', '.join(lacking)}: {said or 'no margin'}"
    if "indeterminate" in verdicts or "not_assessable" in verdicts:
        return "in doubt", "A verdict is not certain."
    bounded = [name for name, qualifier in qualifiers.items() if qualifier in ("at_most", "at_least")]
    if bounded:
        return "at most", f"{', '.join(bounded)}: only a bound is known."
    return "measured", ""


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def accept(root: str | Path, case: str) -> None:
    """Note that a case was looked at and is right as it is; it holds until its result or its correction changes.

    FileError E-FILE-14 where there is nothing to accept: it has neither a result nor a correction.
    """
    own = _state(Path(root), case)
    if own is None:
        raise FileError(
            "E-FILE-14", "nothing to accept", cause="no margin and no correction", remedy="Correct it first."
        )
    folder = files.make_folder(Path(root) / "cases" / files.safe_case_name(case) / HAND)
    with files.write_atomic(folder / ACCEPTED) as stream:
        stream.write(json.dumps({"schema": SCHEMA, "version": VERSION, "state": own}).encode() + b"\n")


def is_accepted(root: str | Path, case: str) -> bool:
    """Whether a case was accepted as it is now."""
    path = Path(root) / "cases" / files.safe_case_name(case) / HAND / ACCEPTED
    try:
        told = json.loads(files.read_bounded(path, 10_000)) if path.is_file() else {}
    except (ValueError, MarginError):
        return False
    return isinstance(told, dict) and told.get("state") is not None and told["state"] == _state(Path(root), case)


def _state(root: Path, case: str) -> str | None:
    """Digest of what a person saw: the corrected masks where there are any, else the result; None where neither is."""
    folder = root / "cases" / files.safe_case_name(case)
    hand = [path for role in BY_HAND if (path := folder / HAND / f"{role}.ome.tif").is_file()]
    seen = hand or [path for path in (folder / "result.json",) if path.is_file()]
    if not seen:
        return None
    told = [(path.name, files.sha256(path)) for path in seen]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()

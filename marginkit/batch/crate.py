"""The folder of a batch described as an RO-Crate: ``ro-crate-metadata.json``, for repositories that read one.

The surprising thing: nothing is added by itself. The library would write the moment at which it runs as the date of
publication; here whoever publishes states it, so that the same folder and date give the same bytes. Nobody is named.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

from marginkit import files, shelf
from marginkit.agreement import readings
from marginkit.batch.case import BY_HAND, HAND
from marginkit.batch.results import PARQUET, RESULTS, SUMMARY
from marginkit.cohortpage import FILE as PAGE
from marginkit.errors import FileError, MissingExtraError, UsageError

FILE = "ro-crate-metadata.json"
VERSION = "1.2"  # of the specification; stated, because the library's own default moves
RESULT = "result.json"
LIMIT_BYTES = 64 << 20
KINDS = {
    ".csv": "text/csv", ".json": "application/json", ".geojson": "application/geo+json", ".html": "text/html",
    ".png": "image/png", ".tif": "image/tiff", ".parquet": "application/vnd.apache.parquet",
}  # fmt: skip
DESCRIBED = {
    RESULTS: "Every margin of every case, one a row; of a failed case why it failed",
    PARQUET: "The same as Parquet",
    SUMMARY: "Counts of verdicts, qualifiers and failures, and how the margins are spread",
    PAGE: "A page to read",
    RESULT: "All that was measured, with its provenance",
    "margins.csv": "Margins of the case, one a row",
    "margins.geojson": "Margins, outlines and edge by distance, for QuPath",
    "overlay.png": "The case as a picture: outlines, cut edge by distance, closest pair",
}
BY_HAND_TOLD = "A mask that was corrected by hand"
NO_LICENCE = "Not stated. Whoever publishes this folder says on what terms it may be used."
ABOUT = "Surgical margins in millimetres, from masks, outlines and images. Research use only."


def write(out: str | Path, published: str, licence: str = "") -> Path:
    """``ro-crate-metadata.json``, written into a folder of ``batch``.

    It lists the tables, the page, and of every measured case the files that marginkit wrote or that were corrected by
    hand, each with its size and SHA-256; and, as the instrument that made them, the version of marginkit that is in
    the results. Images that were measured are no part of the folder, and are not listed.

    published : the date of publication, as 2026-11-27. licence : an address or words; empty: that none is stated.

    Raises
    ------
    FileError : E-FILE-14 the folder holds no results; E-FILE-12 the file cannot be written.
    UsageError : E-USE-11 that is no date. MissingExtraError : E-EXTRA-01 needs ``marginkit[rocrate]``.
    """
    root, library = Path(out), _library()
    if not (root / RESULTS).is_file():
        raise FileError("E-FILE-14", "no results here", cause=f"no {RESULTS}", remedy="Run batch.", file=root)
    rows = [row for _, row in readings.rows(root / RESULTS)]
    count = len({row["case"] for row in rows})
    crate = library.ROCrate(version=VERSION)
    about = crate.root_dataset
    about["name"] = f"Surgical margins of {count} {'case' if count == 1 else 'cases'}"
    about["description"], about["datePublished"] = ABOUT, _date(published)
    about["license"] = _licence(crate, licence)
    _tables_and_cases(crate, root, list(dict.fromkeys(row["case"] for row in rows if row.get("status") == "measured")))
    text = json.dumps(crate.metadata.generate(), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    with files.write_atomic(root / FILE) as stream:
        stream.write(f"{text}\n".encode())
    return root / FILE


def _library() -> Any:
    """The module rocrate.rocrate. It can fetch what has an address; all it is given here lies in the folder."""
    try:
        from rocrate import rocrate  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except ImportError as error:
        remedy = "Install marginkit[rocrate]."
        raise MissingExtraError("E-EXTRA-01", "rocrate is not installed", remedy=remedy) from error
    return rocrate


def _date(text: str) -> str:
    """The date as ISO 8601."""
    with suppress(ValueError):
        return date.fromisoformat(text).isoformat()
    raise UsageError("E-USE-11", f"date {text[:60]!r} not understood", remedy="Write it as 2026-11-27.")


def _licence(crate: Any, text: str) -> Any:
    """What is said of the licence: its address as something of its own, or words."""
    if text.startswith(("https://", "http://")):
        from rocrate.model import ContextEntity  # type: ignore[import-untyped,import-not-found,unused-ignore]

        return crate.add(ContextEntity(crate, text, {"@type": "CreativeWork", "name": text}))
    return text or NO_LICENCE


def _tables_and_cases(crate: Any, root: Path, cases: list[str]) -> None:
    """Everything in the folder that marginkit made, and what made it."""
    tables = [_file(crate, root, name) for name in (RESULTS, PARQUET, SUMMARY, PAGE) if (root / name).is_file()]
    made: dict[str, list[Any]] = {}
    for case in cases:
        folder = f"cases/{files.safe_case_name(case)}"
        if found := [_file(crate, root, name) for name in _files(root, folder)]:
            about = {"name": case, "description": "Files of one case", "hasPart": found}
            crate.add_dataset(dest_path=folder, properties=about)
            made.setdefault(_version(root / folder / RESULT), []).extend(found)
    for version, results in made.items():
        whole = [*tables, *results] if len(made) == 1 else results
        crate.root_dataset.append_to("mentions", _action(crate, version, whole))


def _files(root: Path, folder: str) -> Iterator[str]:
    """Of a case: each report that is there, and masks that were corrected by hand. Strangers' files are not told of."""
    reports = sorted(report.FILE for report in shelf.load("reports").values())
    for name in (*reports, *(f"{HAND}/{role}.ome.tif" for role in BY_HAND)):
        if (root / folder / name).is_file():
            yield f"{folder}/{name}"


def _file(crate: Any, root: Path, name: str) -> Any:
    path = root / name
    said = {"name": path.name, "contentSize": str(files.stamp(path).size), "sha256": files.sha256(path)}
    kind, words = KINDS.get(path.suffix.lower()), DESCRIBED.get(path.name, BY_HAND_TOLD if f"/{HAND}/" in name else "")
    more = {"encodingFormat": kind, "description": words}
    return crate.add_file(path, name, properties=said | {key: value for key, value in more.items() if value})


def _version(path: Path) -> str:
    """The version of marginkit that a result names."""
    with suppress(FileError, ValueError):
        found = json.loads(files.read_bounded(path, LIMIT_BYTES))
        known = found.get("provenance", {}) if isinstance(found, Mapping) else {}
        return str(known.get("marginkit", "unknown"))
    return "unknown"


def _action(crate: Any, version: str, results: list[Any]) -> Any:
    """That a version of marginkit made these files: no time, no place, nobody."""
    from rocrate.model import ContextEntity

    # RO-Crate 1.2 asks for version and url of a software; the url is a purl: what it is, and not where it may be had
    named = {"version": version, "softwareVersion": version, "url": f"pkg:pypi/marginkit@{version}"}
    about = {"@type": "SoftwareApplication", "name": "marginkit", "description": ABOUT, **named}
    tool = crate.add(ContextEntity(crate, f"#marginkit-{version}", about))
    told = {"@type": "CreateAction", "name": f"Measured by marginkit {version}", "instrument": tool, "result": results}
    return crate.add(ContextEntity(crate, f"#measured-{version}", told))

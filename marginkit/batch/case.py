"""One case in a worker: is it done already, measured, written; and whatever goes wrong, one line that says so.

The surprising thing: a mask that somebody corrected by hand beats the segmenter. It lies in the case's own folder,
``hand/tumor.ome.tif``, and from then on the case is measured with it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import marginkit
from marginkit import edges, files, judging, lighting, pipeline, shelf, sources
from marginkit.batch.journal import Before, Line
from marginkit.errors import CalibrationError, FileError, MarginError, RunError
from marginkit.pipeline import Job
from marginkit.records import Failed, Picture
from marginkit.sources import FileSource

HAND = "hand"
BY_HAND = ("tumor", "signal", "specimen")


def one(job: Job, before: Before | None, root: str) -> Line:
    """Measure a case, write its files, and say what became of it; ``same`` where it is done and nothing changed."""
    line: Line = {"case": job.name, "key": ""}
    try:
        job = corrected(job, Path(root))
        line["key"] = key(job)
        if before is not None and before.key == line["key"] and _whole(Path(root), before):
            return {**line, "same": True}
        return {**line, **_measured(job, root)}
    except MarginError as caught:
        error = caught
    except MemoryError as caught:
        cause = str(caught) or "the share of this worker is used up"
        error = FileError("E-FILE-05", "not enough memory for this case", cause=cause, file=job.image)
    except Exception as caught:
        if _is_memory(caught):
            error = FileError("E-FILE-05", "not enough memory for this case", cause=_short(caught), file=job.image)
        else:
            remedy = "Please report it. The other cases are not touched."
            error = RunError("E-RUN-05", "a fault of marginkit", cause=_short(caught), remedy=remedy, file=job.image)
    return failed(job, error, str(line["key"]))


def failed(job: Job, error: MarginError, key: str = "") -> Line:
    """The outcome of a case that failed, with what was wanted of it: a table counts it among its like."""
    told = {"status": "failed", "error_code": error.code, "error": str(error), "region": job.wanted}
    return {"case": job.name, "key": key, **told, "policies": asked(job)}


def asked(job: Job) -> str:
    """Ids of the policies that are to judge the case, as a cell of the table."""
    return "; ".join(map(_id, job.policies))


def _id(policy: str) -> str:
    try:
        return judging.find(policy).id
    except MarginError:
        return policy


def _measured(job: Job, root: str) -> Line:
    outcome = pipeline.run(job)
    if isinstance(outcome, Failed):
        raise outcome.error
    _check_pixel_size(outcome.picture, job)
    written = pipeline.write(outcome, Path(root) / "cases" / outcome.case)
    rows = [row for row in shelf.get("reports", "table").rows(outcome) if row["slice"] == outcome.plane]
    names = sorted(path.relative_to(root).as_posix() for path in written)
    return {"status": "measured", "rows": [{**row, "policies": asked(job)} for row in rows], "files": names}


def _check_pixel_size(picture: Picture, job: Job) -> None:
    """Nobody looks at the warnings of a thousand cases: what one case only warns of is an error here."""
    if "implausible_pixel_size" not in picture.flags or job.confirm:
        return
    if picture.calibration is None or picture.calibration.source != "typed":
        cause = f"{picture.spacing_mm} mm"
        remedy = "Look at it, then type it or confirm it (columns pixel_size, confirm)."
        raise CalibrationError("E-CAL-03", "unusual pixel size", cause=cause, remedy=remedy, file=job.image)


def _is_memory(error: Exception) -> bool:
    """Whether another library ran out of memory, which it says in its own way."""
    text = str(error).lower()
    return (
        "insufficient memory" in text
        or "bad_alloc" in text
        or "unable to allocate" in text
        or "cannot allocate" in text
    )


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:200]


def corrected(job: Job, root: Path) -> Job:
    """The job with masks that were corrected by hand in place of its own sources."""
    folder = root / "cases" / job.name / HAND
    found = {role: folder / f"{role}.ome.tif" for role in BY_HAND}
    there: dict[str, Any] = {role: str(path) for role, path in found.items() if getattr(job, role) and path.is_file()}
    return replace(job, **there, by_hand=tuple(there)) if there else job


def key(job: Job) -> str:
    """Digest of what decides a case's result: content of its files, options, version."""
    read = {name: _digest(name) for name in sorted(set(_files(job)))}
    said: dict[str, Any] = asdict(job)
    said["files"] = read
    said["marginkit"] = marginkit.__version__
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()


def _files(job: Job) -> Iterator[str]:
    yield from _with_beside(job.image)
    known = shelf.load("segmenters")
    edge = edges.sources(job.edge).values() if job.edge else ()
    for text in (job.tumor, job.signal, job.specimen, *edge, *job.names.values(), *job.barriers.values()):
        if text:
            source = sources.parse(text, known)
            if isinstance(source, FileSource):
                yield from _with_beside(source.path)
            else:
                for _, value in source.options:
                    yield from _with_beside(value) if os.path.isfile(value) else ()
            yield from lighting.files_of(text)
    yield from (part for part in job.ink_method.partition(":")[2].replace(",", "=").split("=") if os.path.isfile(part))
    yield from (policy for policy in job.policies if policy.endswith(".toml"))


def _with_beside(path: str) -> Iterator[str]:
    """A file with those that are read with it: voxels beside their header, a network's card, slices of a series."""
    yield path
    low = path.lower()
    beside = {".mhd": (".raw", ".zraw"), ".onnx": (".json",)}.get(low[low.rfind(".") :], ())
    yield from (str(own) for own in map(Path(path).with_suffix, beside) if own.is_file())
    if os.path.isfile(path) and files.head(path, 132)[128:] == b"DICM":
        yield from (str(one) for one in Path(path).parent.iterdir() if one.is_file() and not files.litter(one.name))


def _digest(path: str) -> str:
    try:
        return files.folder_sha256(path) if os.path.isdir(path) else files.sha256(path)
    except MarginError as error:
        return str(error)


def _whole(root: Path, before: Before) -> bool:
    """Whether all files of a measured case are still there."""
    return all((root / name).is_file() for name in before.files)

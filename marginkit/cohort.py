"""A cohort: many cases, checked before the first image is opened.

A CSV has one row a case and columns named like the options of ``marginkit measure``; a folder or glob takes each image
in it, with sources that may hold ``{stem}`` and ``{folder}``.

The surprising thing: everything wrong is told at once, with line numbers, and nothing is run until it is right. A
cohort of a thousand rows that stops at row 900 costs a night.
"""

from __future__ import annotations

import csv
import glob
import hashlib
import io
import os
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from marginkit import edges, files, judging, lighting, segmenting, shelf, sources, units
from marginkit.errors import MarginError, UsageError
from marginkit.fetching import OUTLINES
from marginkit.pipeline import Job, stem
from marginkit.records import STATES
from marginkit.segmenters import masks
from marginkit.sources import FileSource, SegmenterSource

MAX_CSV_BYTES = 256 << 20
SOURCES = ("tumor", "signal", "specimen", "edge")
YES_NO: dict[str, bool | None] = {"yes": True, "no": False, "unknown": None, "": None}
COLUMNS = (
    *("case", "image", *SOURCES, "name", "barrier", "sectors", "ink", "ink_method", "pixel_size"),
    *("confirm", "axes", "state", "policy"),
    *("radiotherapy", "limits", "slice", "boundary", "holes", "link_mm", "boundary_shift_mm", "refine"),
)
IMAGES = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".svs", ".qptiff", ".nii", ".gz", ".nrrd", ".mha", ".mhd", ".zarr")


@dataclass(frozen=True)
class Problem:
    """Something wrong with a cohort: its line (0 where it is of no line) and what it is."""

    line: int
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.text}" if self.line else self.text


class CohortWarning(UserWarning):
    """Something about a cohort that may be meant, or not."""


class CohortError(UsageError):
    """A cohort that cannot be run; ``problems`` holds all that is wrong with it."""

    problems: tuple[Problem, ...] = ()


def read(cohort: str, defaults: Job) -> list[Job]:
    """The jobs of a cohort, in its order. ``defaults`` holds what a row does not say.

    CohortError E-COH-01 with every problem, one a line.
    """
    path = Path(cohort)
    if path.suffix.lower() == ".csv" and path.is_file():
        found = list(_of_csv(path, defaults))
    else:
        found = list(_of_images(cohort, defaults))
    jobs = [job for _, job, _ in found if job is not None]
    problems = [Problem(line, text) for line, _, texts in found for text in texts]
    problems += list(_twice((line, job.name) for line, job, _ in found if job is not None))
    if not found:
        problems.append(Problem(0, "no case in it"))
    if problems:
        told = "; ".join(map(str, problems))
        error = CohortError("E-COH-01", f"{len(problems)} problem(s) in the cohort", cause=told, file=path)
        error.problems = tuple(problems)
        raise error
    _same(jobs)
    return jobs


def _twice(named: Iterable[tuple[int, str]]) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for line, name in named:
        key = name.casefold()
        if key in seen:
            yield Problem(line, f"case {name!r} is also in line {seen[key]}")
        seen.setdefault(key, line)


def _of_csv(path: Path, defaults: Job) -> Iterator[tuple[int, Job | None, list[str]]]:
    text = files.read_bounded(path, MAX_CSV_BYTES).decode("utf-8-sig", errors="replace")
    rows = csv.DictReader(io.StringIO(text, newline=""))
    strange = [name for name in rows.fieldnames or [] if name not in COLUMNS]
    if strange or "image" not in (rows.fieldnames or []):
        wrong = f"unknown column {', '.join(map(repr, strange))}" if strange else "no column 'image'"
        yield 1, None, [f"{wrong}; known are {', '.join(COLUMNS)}"]
        return
    for row in rows:
        said = {key: (value or "").strip() for key, value in row.items() if key}
        yield rows.line_num, *_job(said, path.parent, defaults)


def _of_images(cohort: str, defaults: Job) -> Iterator[tuple[int, Job | None, list[str]]]:
    folder = Path(cohort)
    if folder.is_dir():
        names = [str(one) for one in folder.iterdir() if one.suffix.lower() in IMAGES]
    else:
        names = glob.glob(cohort, recursive=True)
    masks = {text.partition("#")[0] for text in _filled_sources(defaults, names)}
    images = [image for image in sorted(set(names) - masks) if not files.litter(Path(image).name)]
    images = list(_once(images))
    for image, case in zip(images, _names(images)):
        yield 0, *_job({"image": image, "case": case}, Path(), defaults)


def _once(images: Iterable[str]) -> Iterator[str]:
    """Each file once, though links, or a disk that takes no notice of case, give it several names."""
    first: dict[object, str] = {}
    for image in images:
        other = first.setdefault(_file(image), image)
        if other is image:
            yield image
        else:
            said = f"{Path(image).name} and {Path(other).name} are one file: measured once"
            warnings.warn(CohortWarning(said), stacklevel=2)


def _same(jobs: Iterable[Job]) -> None:
    """Says which rows ask the same of one file; they may be meant, so each is measured."""
    first: dict[object, str] = {}
    for job in jobs:
        other = first.setdefault((_file(job.image), repr(replace(job, image="", case=""))), job.name)
        if other != job.name:
            said = f"cases {other!r} and {job.name!r} ask the same of one file: they count twice"
            warnings.warn(CohortWarning(said), stacklevel=3)


def _file(name: str) -> object:
    """What tells a file from another whatever it is called; the name where there is none."""
    with suppress(OSError):
        stat = os.stat(name)
        if stat.st_ino:
            return stat.st_dev, stat.st_ino
    return os.path.abspath(name)


def _names(images: list[str]) -> Iterator[str]:
    """A name a case: that of the image, with a digest of its path where another has the same or it cannot be one."""
    count = Counter(stem(image).casefold() for image in images)
    base = os.path.commonpath([os.path.dirname(image) for image in images]) if images else ""
    for image in images:
        own = stem(image)
        if count[own.casefold()] == 1 and _fits(own):
            yield own
            continue
        digest = hashlib.sha256(Path(os.path.relpath(image, base)).as_posix().encode("utf-8", "surrogateescape"))
        yield f"{own if _fits(own) else 'case'}-{digest.hexdigest()[:8]}"


def _fits(name: str) -> bool:
    try:
        return bool(files.safe_case_name(name))
    except MarginError:
        return False


def _filled_sources(defaults: Job, images: Iterable[str]) -> Iterator[str]:
    """Sources of every image, so that masks beside images are not taken for images."""
    for image in images:
        for name in SOURCES:
            text = getattr(defaults, name)
            if "{" in text:
                yield _filled(text, image)


def _filled(text: str, image: str) -> str:
    return text.replace("{stem}", stem(image)).replace("{folder}", str(Path(image).parent))


def _job(said: Mapping[str, str], base: Path, defaults: Job) -> tuple[Job | None, list[str]]:
    """The job of a row, and what is wrong with it."""
    wrong: list[str] = []
    image = str(base / said.get("image", "")) if said.get("image") else ""
    if not image or not Path(image).exists():
        wrong.append(f"image {said.get('image', '')!r} is not there")
    changed: dict[str, Any] = {"image": image, "case": said.get("case", "")}
    for name in SOURCES:
        text = said.get(name) or getattr(defaults, name)
        changed[name] = (_edge if name == "edge" else _rooted)(_filled(text, image), base) if text else ""
    for column, attribute in (("name", "names"), ("barrier", "barriers")):
        pairs = [pair.partition("=") for pair in said.get(column, "").split(";") if pair.strip()]
        if pairs:
            changed[attribute] = {name.strip(): _rooted(source.strip(), base) for name, _, source in pairs}
    for key, convert in _CONVERT.items():
        if said.get(key):
            try:
                changed |= convert(said[key])
            except (ValueError, KeyError):
                wrong.append(f"{key} {said[key]!r} not understood")
    if "policies" in changed:
        changed["policies"] = tuple(_rooted(policy, base) for policy in changed["policies"])
    job = replace(defaults, **changed)
    return job, wrong + list(_contradictions(job))


def _limits(text: str) -> dict[str, Any]:
    values = tuple(float(part) for part in text.split(","))
    if any(not 0 < value < 1e6 for value in values):
        raise ValueError(text)
    return {"limits_mm": values}


def _one_of(attribute: str, allowed: tuple[str, ...]) -> Any:
    def convert(text: str) -> dict[str, Any]:
        if text not in allowed:
            raise ValueError(text)
        return {attribute: text}

    return convert


def _refine(text: str) -> dict[str, Any]:
    units.length_mm(text)
    return {"refine": text}


_CONVERT: dict[str, Any] = {
    "sectors": lambda text: {"sectors": text},
    "ink": lambda text: {"ink": text},
    "ink_method": lambda text: {"ink_method": text},
    "pixel_size": lambda text: {"pixel_size": text},
    "confirm": lambda text: {"confirm": {"yes": True, "no": False}[text.lower()]},
    "axes": lambda text: {"axes": text},
    "state": _one_of("state", STATES),
    "policy": lambda text: {"policies": tuple(one.strip() for one in text.split(";") if one.strip())},
    "radiotherapy": lambda text: {"radiotherapy": YES_NO[text.lower()]},
    "limits": _limits,
    "slice": lambda text: {"plane": int(text)},
    "boundary": _one_of("boundary", ("pixels", "contour")),
    "holes": _one_of("holes", ("ignore", "cut")),
    "link_mm": lambda text: {"link_mm": float(text)},
    "boundary_shift_mm": lambda text: {"boundary_shift_mm": float(text)},
    "refine": _refine,
}


def _rooted(text: str, base: Path) -> str:
    """The source with its file, or the files among its options, seen from the cohort's folder, where they are."""
    text = lighting.rooted(text, base)
    file, hash_, part = text.partition("#")
    return f"{base / file}{hash_}{part}" if (base / file).exists() else text


def _edge(text: str, base: Path) -> str:
    """The edge's sources, each seen from the cohort's folder."""
    try:
        given = edges.sources(text)
    except MarginError:
        return text  # told with what else is wrong
    return ",".join(f"{kind}={_rooted(one, base)}" if kind else _rooted(one, base) for kind, one in given.items())


def _contradictions(job: Job) -> Iterator[str]:
    if bool(job.tumor) == bool(job.signal):
        yield "give either tumor or signal"
    if not job.specimen:
        yield "no specimen"
    if job.ink:
        try:
            sources.ink_map(job.ink)
            segmenting.choose("ink", job.ink_method)
        except MarginError as error:
            yield str(error)
    yield from _unusable(job)
    try:
        files.safe_case_name(job.name)
    except MarginError as error:
        yield str(error)


def _parsed(text: str, known: Mapping[str, Any]) -> FileSource | SegmenterSource:
    """A source with its options or labels understood; MarginError where not. A file's content is not looked at."""
    source = sources.parse(text, known)
    if isinstance(source, SegmenterSource):
        sources.typed_options(known[source.segmenter], source.options)
    elif source.select and not source.path.lower().endswith(OUTLINES):
        masks.parse_select(source.select)
    return source


def _unusable(job: Job) -> Iterator[str]:
    """Sources that are not understood or not there, and policies that do not exist."""
    known = shelf.load("segmenters")
    try:
        edge = tuple(edges.sources(job.edge).values()) if job.edge else ()
    except MarginError as error:
        edge = ()
        yield str(error)
    for text in filter(None, (job.tumor, job.signal, job.specimen, *edge, *job.names.values(), *job.barriers.values())):
        try:
            source = _parsed(text, known)
        except MarginError as error:
            yield str(error)
            continue
        if isinstance(source, FileSource) and source.path and not Path(source.path).exists():
            yield f"file {Path(source.path).name!r} is not there"
    for policy in job.policies:
        try:
            judging.find(policy)
        except MarginError as error:
            yield str(error)

"""What the review panel asks for, off the main thread: the queue, a case opened, a case measured as corrected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from marginkit import cohort, opening
from marginkit.batch import correcting, review
from marginkit.batch.correcting import Opened
from marginkit.batch.review import Entry
from marginkit.errors import GridError, MarginError
from marginkit.inputs import Inputs
from marginkit.pipeline import Job
from marginkit.records import Failed, Measured, Picture, Region

from . import placing
from .asking import Request, bright
from .drawing import Drawing, draw
from .working import attempt


@dataclass(frozen=True)
class Load:
    """The queue of a cohort and the folder of its results. options : of the batch, as on the command line."""

    cohort: str
    root: str
    options: str = ""


@dataclass(frozen=True)
class Open:
    """A case of the queue."""

    job: Job
    root: str


@dataclass(frozen=True, eq=False)
class Measure:
    """A case with masks that were painted on since they were last kept: role to (pixels, region that they were).

    place : keywords of ``Request`` that say where its image lies in the viewer.
    """

    job: Job
    root: str
    picture: Picture
    place: Mapping[str, Any]
    painted: Mapping[str, tuple[Any, Region]] = field(default_factory=dict)


Wish: TypeAlias = Load | Open | Measure


@dataclass(frozen=True)
class Queue:
    """Cases in the order in which they should be looked at; job : of each."""

    entries: list[Entry]
    jobs: Mapping[str, Job]


@dataclass(frozen=True, eq=False)
class Shown:
    """A case opened: its picture before calibration, and what can be painted on."""

    raw: Picture
    opened: Opened


@dataclass(frozen=True, eq=False)
class Done:
    """A case measured with its corrections, and how that is shown."""

    case: Measured
    request: Request
    drawing: Drawing


@dataclass(frozen=True)
class Not:
    """Why there is no answer. napari takes an error that a worker returns for one that it raised."""

    error: MarginError


Got: TypeAlias = Queue | Shown | Done | Not


def answered(wish: Wish) -> Got:
    """What was asked for, or why not; never raises."""
    found = attempt(lambda: _answered(wish), "a fault of marginkit itself")
    return Not(found) if isinstance(found, MarginError) else found


def _answered(wish: Wish) -> Got:
    if isinstance(wish, Load):
        jobs = cohort.read(wish.cohort, review.defaults(wish.options))
        return Queue(review.queue(Path(wish.root), jobs), {job.name: job for job in jobs})
    if isinstance(wish, Open):
        raw = opening.uncalibrated(wish.job.image, axes=wish.job.axes)
        return Shown(raw, correcting.opened(wish.job, wish.root))
    for role, (pixels, region) in wish.painted.items():
        correcting.correct(wish.root, wish.job.name, role, pixels, region, wish.picture)
    outcome = correcting.measured(wish.job, wish.root)
    if isinstance(outcome, Failed):
        raise outcome.error
    return _drawn(outcome, wish.place)


def place_of(image: Any) -> dict[str, Any]:
    """Where a layer of an image lies, frozen."""
    matrix, offset = placing.world(image)
    return {"transform": placing.transform_of(image), "matrix": matrix, "offset": offset, "bright": bright(image)}


def _drawn(case: Measured, place: Mapping[str, Any]) -> Done:
    result = case.result
    target, specimen = case.regions[result.region], case.regions["specimen"]
    inputs = Inputs(target=target, specimen=specimen, spacing_mm=result.spacing_mm, region=result.region)
    request = Request(case=case.case, picture=case.picture, inputs=inputs, regions=case.regions, **place)
    return Done(case, request, draw(request, case))


def changed(pixels: Any, before: Any) -> bool:
    """Whether a painted layer is another mask than before."""
    return not np.array_equal(np.asarray(pixels) != 0, before)


class Case:
    """A case that is open: its layers, and the masks as they were when they were last kept."""

    def __init__(self, job: Job, shown: Shown, images: list[Any], labels: dict[str, Any]) -> None:
        self.job, self.picture, self.images, self.labels = job, shown.opened.picture, images, labels
        self.regions: dict[str, Region] = dict(shown.opened.regions)
        self.places = {role: placing.transform_of(layer) for role, layer in labels.items()}

    def painted(self, layers: Any) -> dict[str, tuple[Any, Region]]:
        """Masks that were painted on since. GridError where a layer is gone or was moved."""
        found = {}
        for role, layer in self.labels.items():
            if layer not in layers:
                raise GridError("E-GRID-08", f"the layer of the {role} is gone", remedy="Open the case again.")
            now = placing.transform_of(layer)
            if not all(np.array_equal(now[key], place) for key, place in self.places[role].items()):
                cause = f"{layer.name} was moved, turned or scaled"
                raise GridError("E-GRID-08", "a layer was moved", cause=cause, remedy="Open the case again.")
            if changed(layer.data, np.asarray(self.regions[role].data)):
                found[role] = (np.array(layer.data) != 0, self.regions[role])
        return found

    def keep(self, painted: dict[str, tuple[Any, Region]]) -> None:
        """Note that these masks are on the disk."""
        self.regions |= {role: replace(region, data=pixels) for role, (pixels, region) in painted.items()}

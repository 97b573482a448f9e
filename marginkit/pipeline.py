"""One case, in seven steps: read, calibrate, segment, edges, measure, judge, hand over to the reports.

The surprising thing: an image without tumor is a result, not a failure; a file that cannot be used is a failure, not a
crash. There is no third outcome.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

import marginkit
from marginkit import edges, files, flags, opening, sources
from marginkit.errors import AxesError, CalibrationError, MarginError, MeasureError
from marginkit.judging import judge
from marginkit.measuring import measure
from marginkit.records import (
    Failed,
    Margin,
    Margins,
    Measured,
    Outcome,
    Picture,
    Profile,
    Region,
    SpecimenState,
    Verdict,
)


@dataclass(frozen=True)
class Job:
    """What is to be done with one image. Sources are written as on the command line (see ``sources``)."""

    image: str
    specimen: str
    tumor: str = ""
    signal: str = ""
    edge: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    barriers: Mapping[str, str] = field(default_factory=dict)
    pixel_size: str | None = None
    confirm: bool = False
    axes: str | None = None
    state: SpecimenState | None = None
    policies: tuple[str, ...] = ()
    radiotherapy: bool | None = None
    limits_mm: tuple[float, ...] = (1.0, 5.0)
    plane: int | None = None
    boundary: Literal["pixels", "contour"] = "pixels"
    holes: Literal["ignore", "cut"] = "ignore"
    link_mm: float = 0.0
    case: str = ""

    @property
    def name(self) -> str:
        """Name of the case: given, or the image's name without suffixes."""
        return self.case or Path(self.image).name.split(".")[0]


def run(job: Job) -> Outcome:
    """The case, measured or failed; only a fault of marginkit itself raises."""
    try:
        return measured(job)
    except MarginError as error:
        return Failed(job.name, error)
    except TypeError as error:  # a builtin on purpose where a value has the wrong type
        return Failed(job.name, MeasureError("E-MSR-05", "an input cannot be used", cause=str(error)))


def measured(job: Job) -> Measured:
    """The case measured; raises MarginError where it cannot be."""
    picture = _calibrated(job)
    regions = _regions(job, picture)
    edge, names = _edges(job, picture, regions)
    whole = _measure(job, picture, regions, edge, names)
    verdicts = tuple(_verdicts(job, whole))
    slices = tuple(_slices(job, picture, regions, edge, names, whole))
    return _handed_over(job, picture, regions, whole, verdicts, slices)


def _calibrated(job: Job) -> Picture:
    """The opened picture with a pixel size; the refusal is raised where there is none."""
    picture = opening.open(job.image, pixel_size=job.pixel_size, confirm=job.confirm, axes=job.axes)
    if picture.calibration is None:
        refusal = picture.refusal or CalibrationError("E-CAL-01", "pixel size missing", file=picture.name)
        raise refusal
    if job.plane is not None and "Z" not in picture.axes:
        raise AxesError("E-AXE-03", "the image is no stack", cause=f"axes {picture.axes}", file=picture.name)
    return picture


def _regions(job: Job, picture: Picture) -> dict[str, Region]:
    """Role to region: tumor or signal, specimen, barriers and named parts of the edge."""
    if bool(job.tumor) == bool(job.signal):
        raise MeasureError("E-MSR-07", "give either a tumor or a signal", remedy="Use --tumor SRC or --signal SRC.")
    asked = {"signal" if job.signal else "tumor": job.signal or job.tumor, "specimen": job.specimen}
    found = {role: _region(text, picture, role) for role, text in asked.items()}
    if job.plane is not None:
        found = {role: at_plane(region, job.plane) for role, region in found.items()}
    return found


def _region(text: str, picture: Picture, role: str) -> Region:
    return replace(sources.region_of(sources.parse_source(text), picture, role), name=role)


def at_plane(region: Region, plane: int) -> Region:
    """One plane of a region of a stack; outlines are of every plane."""
    if region.kind == "polygon":
        return region
    data = np.asarray(region.data)
    if not 0 <= plane < data.shape[0]:
        raise AxesError("E-AXE-04", f"no slice {plane}", cause=f"the stack has slices 0 to {data.shape[0] - 1}")
    spacing = None if region.spacing_mm is None else region.spacing_mm[1:]
    origin = None if region.origin_px is None else region.origin_px[1:]
    return replace(region, data=data[plane], spacing_mm=spacing, origin_px=origin)


def _edges(job: Job, picture: Picture, regions: Mapping[str, Region]) -> tuple[Any, Any]:
    """The ``edge`` and ``names`` arguments of the measurement."""
    edge = edges.classed(job.edge, lambda text: _drawn(job, text, picture, "edge")) if job.edge else None
    names = {name: _drawn(job, text, picture, "edge") for name, text in job.names.items()} or None
    return edge, names


def _drawn(job: Job, text: str, picture: Picture, role: str) -> Any:
    region = _region(text, picture, role)
    return (region if job.plane is None else at_plane(region, job.plane)).data


def _spacing(job: Job, picture: Picture) -> tuple[float, ...]:
    assert picture.spacing_mm is not None
    return picture.spacing_mm if job.plane is None else picture.spacing_mm[1:]


def _measure(job: Job, picture: Picture, regions: Mapping[str, Region], edge: Any, names: Any) -> Margins:
    role: Literal["tumor", "signal"] = "signal" if job.signal else "tumor"
    spacing = _spacing(job, picture)
    calibration = picture.calibration
    try:
        return measure(
            regions[role],
            regions["specimen"],
            spacing,
            edge=edge,
            names=names,
            barrier={kind: _drawn(job, text, picture, "barrier") for kind, text in job.barriers.items()} or None,
            boundary=job.boundary,
            holes=job.holes,
            link_mm=job.link_mm,
            relative_uncertainty=calibration.relative_uncertainty if calibration else 0.0,
            region=role,
            state=job.state,
        )
    except MeasureError as error:
        if error.code != "E-MSR-01":
            raise
        return nothing_to_measure(f"no {role} in the image", spacing, role, job.state)


def nothing_to_measure(
    reason: str, spacing: tuple[float, ...], role: Literal["tumor", "signal"], state: SpecimenState | None
) -> Margins:
    """The result of an image without tumor."""
    empty = np.zeros(0)
    points = np.zeros((0, len(spacing)))
    profile = Profile(len(spacing), empty, empty, points, points, {})
    margin = Margin("all", None, None, "not_assessable", reason=reason)
    return Margins(len(spacing), spacing, "pixels", (margin,), profile, (), None, region=role, state=state)


def _verdicts(job: Job, result: Margins) -> Iterator[Verdict]:
    for policy in job.policies:
        for margin in result.margins:
            yield judge(result, policy, radiotherapy=job.radiotherapy, margin=margin.name)


def _slices(
    job: Job, picture: Picture, regions: Mapping[str, Region], edge: Any, names: Any, whole: Margins
) -> Iterator[tuple[int, Margins]]:
    """Each plane of a stack that holds tumor, measured by itself."""
    role = "signal" if job.signal else "tumor"
    tumor = regions[role]
    if whole.ndim != 3 or tumor.kind == "polygon" or whole.value_mm is None:
        return
    data = np.asarray(tumor.data)
    for plane in np.flatnonzero((data >= 0.5).any(axis=(1, 2))).tolist():
        flat = {r: at_plane(region, plane) for r, region in regions.items()}
        cut = _plane_of(edge, plane), _plane_of(names, plane)
        try:
            yield plane, _measure(replace(job, plane=plane, barriers={}), picture, flat, *cut)
        except MeasureError:
            continue  # nothing of this plane's tumor lies in tissue that has an edge


def _plane_of(drawn: Any, plane: int) -> Any:
    if isinstance(drawn, dict):
        return {name: _plane_of(one, plane) for name, one in drawn.items()}
    return drawn[plane] if isinstance(drawn, np.ndarray) and drawn.ndim == 3 else drawn


def _handed_over(
    job: Job,
    picture: Picture,
    regions: Mapping[str, Region],
    whole: Margins,
    verdicts: tuple[Verdict, ...],
    slices: tuple[tuple[int, Margins], ...],
) -> Measured:
    raised = [*picture.flags, *(flag for region in regions.values() for flag in region.flags), *whole.flags]
    sentences = [flags.sentence(flag) for flag in dict.fromkeys(raised)]
    return Measured(
        case=files.safe_case_name(job.name),
        picture=picture,
        result=whole,
        verdicts=verdicts,
        warnings=tuple(dict.fromkeys((*picture.warnings, *sentences))),
        provenance=_provenance(job, picture, regions),
        slices=slices,
        plane=job.plane,
        regions=dict(regions),
        limits_mm=job.limits_mm,
    )


def _provenance(job: Job, picture: Picture, regions: Mapping[str, Region]) -> dict[str, Any]:
    """What was run, on what, with which options: enough to do it again, and no folder of anybody's machine."""
    inputs = [{"role": "image", "name": picture.name, "sha256": picture.sha256}]
    texts = {"tumor": job.tumor, "signal": job.signal, "specimen": job.specimen}
    texts |= {f"edge {kind}".strip(): text for kind, text in edges.sources(job.edge).items() if text}
    texts |= {f"barrier {kind}": text for kind, text in job.barriers.items()}
    texts |= {f"name {name}": text for name, text in job.names.items()}
    for role, text in texts.items():
        source = sources.parse_source(text) if text else None
        if source is not None and source.kind == "file":
            digest = files.folder_sha256(source.name) if Path(source.name).is_dir() else files.sha256(source.name)
            inputs.append({"role": role, "name": Path(source.name).name, "sha256": digest})
    return {
        "marginkit": marginkit.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "inputs": inputs,
        "regions": {role: region.maker for role, region in regions.items()},
        "options": {
            "pixel_size": job.pixel_size,
            "boundary": job.boundary,
            "holes": job.holes,
            "link_mm": job.link_mm,
            "slice": job.plane,
            "radiotherapy": job.radiotherapy,
            "policies": list(job.policies),
        },
        "research_use_only": True,
    }

"""One case: read and calibrate, segment, edges, measure, judge, hand over to the reports.

The surprising thing: an image without tumor is a result, not a failure; a file that cannot be used is a failure, not a
crash. There is no third outcome. What a case does not ask for (policies, ink, fluorescence, refining) is not imported:
that is most of the time that a small case takes on the command line.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from marginkit import edges, files, flags, provenance, reading, shelf, sources
from marginkit.errors import MarginError, MeasureError, UsageError
from marginkit.fetching import Fetcher, at_plane
from marginkit.inputs import Inputs, Planes, worst
from marginkit.records import Failed, Margins, Measured, Outcome, Picture, Region, SpecimenState, Verdict
from marginkit.sources import FileSource

if TYPE_CHECKING:
    from marginkit.lighting import Light
    from marginkit.policy import Policy
    from marginkit.refining import Refined


@dataclass(frozen=True)
class Job:
    """What is to be done with one image. Sources are written as on the command line (see ``sources``).

    tumor, signal : one of the two. edge : ``SRC`` or ``CLASS=SRC,…``. names, barriers : name or type to source.
    sectors : ``up=superior,right=lateral``. ink : ``blue=superior,black=deep``; ink_method : its segmenter, with
    options. pixel_size : as typed. plane : of a stack, from 0. radiotherapy : None
    where it is not known. case : name of the case; empty: that of the image. by_hand : regions whose
    source is a mask that was corrected by hand.
    """

    image: str
    specimen: str
    tumor: str = ""
    signal: str = ""
    edge: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    sectors: str = ""
    barriers: Mapping[str, str] = field(default_factory=dict)
    ink: str = ""
    ink_method: str = "ink"
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
    boundary_shift_mm: float = 0.0
    refine: str = ""
    case: str = ""
    by_hand: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the case: given, or the image's name without suffixes."""
        return self.case or stem(self.image)

    @property
    def wanted(self) -> Literal["tumor", "signal", ""]:
        """What is to be measured; empty where that is not exactly one of the two."""
        return "" if bool(self.tumor) == bool(self.signal) else "signal" if self.signal else "tumor"

    @property
    def role(self) -> Literal["tumor", "signal"]:
        """What is measured. UsageError E-USE-09 unless it is exactly one of the two."""
        if not self.wanted:
            raise UsageError("E-USE-09", "give either a tumor or a signal", remedy="Use --tumor SRC or --signal SRC.")
        return self.wanted


def stem(path: str) -> str:
    """The file's name without its suffix, and without what comes before that in ``.ome.tif`` and ``.nii.gz``.

    >>> stem("cases/S1.2.ome.tif"), stem("a.nii.gz"), stem("slide.svs"), stem("series/")
    ('S1.2', 'a', 'slide', 'series')
    """
    name = os.path.basename(os.path.abspath(path))
    first = os.path.splitext(name)[0]
    return os.path.splitext(first)[0] if first.lower().endswith((".ome", ".nii")) else first


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
    case, rules = files.safe_case_name(job.name), _rules(job)
    picture, plane = reading.read(
        job.image, pixel_size=job.pixel_size, confirm=job.confirm, axes=job.axes, plane=job.plane
    )
    coarse_mm = _coarse_mm(job, picture)
    fetcher = Fetcher(picture, plane, job.image, coarse_mm=coarse_mm)
    regions, signal = segmented(job, fetcher)
    inks = inked(job, picture, regions["specimen"])
    inputs = with_edges(job, fetcher, regions, picture, plane, inks)
    finer = _refined(inputs, fetcher)
    if finer is None:
        result, slices, plane = all_planes(inputs, picture, plane)
    else:
        result, slices, regions = finer.result, (), {**regions, **finer.regions}
        fetcher.notes += finer.notes()
    if plane is not None:
        regions = {role: at_plane(region, plane, picture) for role, region in regions.items()}
    verdicts = judged(job, result, rules)
    return Measured(
        case=case,
        picture=picture,
        result=result,
        verdicts=tuple(verdicts),
        warnings=tuple(sentences(picture, regions, result, (*fetcher.notes, *inks.notes, *by_hand(job)))),
        provenance=provenance.record(picture, fetcher.inputs, regions, _options(job), rules),
        slices=slices,
        plane=plane,
        regions=regions,
        signal=signal,
        limits_mm=job.limits_mm,
        ink=inks.record,
        resolution=None if finer is None else finer.resolution,
    )


def _rules(job: Job) -> list[Policy]:
    """The policies that the case is judged by."""
    if not job.policies:
        return []
    from marginkit import judging

    return [judging.find(policy) for policy in job.policies]


def _coarse_mm(job: Job, picture: Picture) -> float | None:
    """The largest pixel to segment on first; None: on those of the segmenter."""
    if not job.refine:
        return None
    from marginkit import refining

    return refining.coarse_mm(job.refine, job.boundary, len(picture.spatial_shape))


def _refined(inputs: Inputs, fetcher: Fetcher) -> Refined | None:
    """The result where it was asked again on finer pixels; None where nothing was found on coarse ones."""
    if not fetcher.coarse:
        return None
    from marginkit import refining

    return refining.refined(inputs, fetcher.coarse)


def segmented(job: Job, fetcher: Fetcher) -> tuple[dict[str, Region], Mapping[str, Any] | None]:
    """(role to region: tumor or signal, and specimen; the numbers of fluorescence where it was asked for)."""
    text = job.signal or job.tumor
    light = None if isinstance(sources.parse(text, shelf.load("segmenters")), FileSource) else _light(text)
    if light is not None and fetcher.coarse_mm is not None:
        cause = "the numbers of fluorescence want every pixel"
        raise UsageError("E-USE-16", "refine cannot be had", cause=cause, remedy="Leave refine out.")
    if light is None:
        target = fetcher.region(text, job.role)
        return {job.role: target, "specimen": fetcher.region(job.specimen, "specimen")}, None
    specimen = fetcher.region(job.specimen, "specimen")
    from marginkit import lighting

    lit = lighting.lit(light, fetcher, specimen)
    return {job.role: replace(lit.region, name=job.role), "specimen": specimen}, lit.numbers


def _light(text: str) -> Light | None:
    """The segmenter that finds a signal in its case, where the source means one."""
    from marginkit import lighting  # and what fluorescence needs

    return lighting.asked(text)


@dataclass(frozen=True)
class Inked:
    """What ink says of a case: named parts of the outline, the record of lengths, sentences."""

    regions: Mapping[str, Region] = field(default_factory=dict)
    record: Mapping[str, Any] | None = None
    notes: tuple[str, ...] = ()


def inked(job: Job, picture: Picture, specimen: Region) -> Inked:
    """The margins that ink names, and the outline that each colour covers. UsageError where a colour is absent."""
    if not job.ink:
        return Inked()
    from marginkit import segmenting

    names = sources.ink_map(job.ink)
    chosen = segmenting.choose("ink", job.ink_method)
    found = chosen.module.find(picture, chosen.options, specimen)
    told = {key: Path(value).name if isinstance(value, str) else value for key, value in chosen.told().items()}
    record = {"outline_mm": found.lengths_mm(), "names": dict(names), "method": {chosen.name: told}}
    return Inked(chosen.module.named(found, names), record, tuple(map(flags.sentence, found.flags)))


def with_edges(
    job: Job, fetcher: Fetcher, regions: dict[str, Region], picture: Picture, plane: int | None, inks: Inked
) -> Inputs:
    """All that the measurement needs; what was drawn of names and barriers is added to the regions."""
    assert picture.calibration is not None
    spacing_mm = picture.calibration.spacing_mm if plane is None else picture.calibration.spacing_mm[-2:]
    specimen = regions["specimen"]
    asked = edges.sources(job.edge) if job.edge else {}
    edge = edges.as_edge({kind: fetcher.region(text, f"edge {kind}".strip()) for kind, text in asked.items()})
    wedges = edges.sectors(job.sectors, specimen, spacing_mm) if job.sectors else {}
    drawn = {name: fetcher.region(text, f"name {name}") for name, text in job.names.items()}
    if twice := sorted(set(drawn) & set(inks.regions)):
        raise UsageError("E-USE-10", f"margin {twice[0]!r} is named twice", cause="by ink and by --name")
    drawn |= inks.regions
    barrier = {kind: fetcher.region(text, f"barrier {kind}", lines=True) for kind, text in job.barriers.items()}
    regions |= {region.name: region for region in barrier.values()}
    return Inputs(
        target=regions[job.role],
        specimen=specimen,
        spacing_mm=spacing_mm,
        edge=edge,
        names=edges.with_names(drawn, wedges),
        barrier=barrier or None,
        boundary=job.boundary,
        holes=job.holes,
        link_mm=job.link_mm,
        boundary_shift_mm=job.boundary_shift_mm,
        relative_uncertainty=picture.calibration.relative_uncertainty,
        region=job.role,
        state=job.state,
    )


def all_planes(inputs: Inputs, picture: Picture, plane: int | None) -> tuple[Margins, Planes, int | None]:
    """(result, planes of a stack one by one, the plane of the result where it is of one).

    A stack is measured in 3-D with its planes beside it, or, where the gap of its planes is unknown, by planes alone.
    """
    if plane is not None or len(picture.spatial_shape) == 2:
        return inputs.measured(), (), plane
    slices = tuple(inputs.planes(picture))
    if len(inputs.spacing_mm) == 3:
        return inputs.measured(), slices, None
    if not slices:
        return inputs.at(0, picture).measured(), (), 0
    at, result, slices = worst(slices)
    return result, slices, at


def by_hand(job: Job) -> Iterator[str]:
    """What is to be said of masks that were corrected by hand."""
    if job.by_hand:
        yield f"{', '.join(job.by_hand)}: {flags.sentence('corrected_by_hand')}"


def judged(job: Job, result: Margins, rules: list[Policy]) -> Iterator[Verdict]:
    """What each policy says of each margin."""
    if rules:
        from marginkit import judging
    for rule in rules:
        for margin in result.margins:
            yield judging.judge(result, rule, radiotherapy=job.radiotherapy, margin=margin.name)


def sentences(picture: Picture, regions: Mapping[str, Region], result: Margins, notes: Iterable[str] = ()) -> list[str]:
    """Every warning of a case, each once, from the picture to the margins."""
    raised = [*picture.flags, *(flag for region in regions.values() for flag in region.flags), *result.flags]
    named = [
        f"{margin.name}: {flags.sentence(flag)}"
        for margin in result.margins[1:]
        for flag in margin.flags
        if flag not in raised
    ]
    return list(dict.fromkeys((*picture.warnings, *notes, *map(flags.sentence, raised), *named)))


def write(case: Measured, folder: str | Path) -> list[Path]:
    """The files written: every report on the shelf, each whole or not at all. E-FILE-12 where that cannot be."""
    root = files.make_folder(folder)
    written = []
    for report in shelf.load("reports").values():
        with files.write_atomic(root / report.FILE) as stream:
            report.write(case, stream)
        written.append(root / report.FILE)
    return written


def _options(job: Job) -> dict[str, Any]:
    """What was asked, without names of files: those are among the inputs."""
    kept = (
        "pixel_size",
        "axes",
        "sectors",
        "ink",
        "boundary",
        "holes",
        "link_mm",
        "boundary_shift_mm",
        "radiotherapy",
    )
    said = {name: getattr(job, name) for name in kept}
    more: dict[str, Any] = {"by_hand": list(job.by_hand)} if job.by_hand else {}
    more |= {"refine": job.refine} if job.refine else {}
    return {**said, **more, "confirmed": job.confirm, "slice": job.plane, "policies": list(job.policies)}

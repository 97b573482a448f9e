"""Layers and form to one frozen request, and a request to one frozen outcome. The only way to a number.

The surprising thing: between the two nothing is shared with the viewer. A layer that is painted on, renamed or deleted
meanwhile, or a viewer that is closed, changes no result.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from marginkit import edges, files, judging, pipeline, provenance
from marginkit.errors import MarginError, MeasureError, UsageError
from marginkit.inputs import Inputs
from marginkit.records import Failed, Floats, Measured, Outcome, Picture, Region, SpecimenState

from . import pictures, placing, taking


@dataclass(frozen=True)
class Form:
    """What the panel says, with the layers it names. labels : as written beside a layer, empty for the only one."""

    image: Any
    target: Any
    specimen: Any
    role: Literal["tumor", "signal"] = "tumor"
    edge: Any = None
    names: Any = None
    barrier: Any = None
    target_labels: str = ""
    specimen_labels: str = ""
    sectors: str = ""
    state: SpecimenState | None = None
    policies: tuple[str, ...] = ()
    radiotherapy: bool | None = None
    boundary: Literal["pixels", "contour"] = "pixels"
    holes: Literal["ignore", "cut"] = "ignore"
    limits_mm: tuple[float, ...] = (1.0, 5.0)
    case: str = ""


@dataclass(frozen=True, eq=False)
class Request:
    """Everything that a measurement needs, frozen.

    transform : keywords that place a new layer on the image. matrix, offset : index units of the image to its world.
    bright : the image is rather white than black, so that what is written on it is black. source : the image's file.
    """

    case: str
    picture: Picture
    inputs: Inputs
    regions: Mapping[str, Region]
    policies: tuple[str, ...] = ()
    radiotherapy: bool | None = None
    limits_mm: tuple[float, ...] = (1.0, 5.0)
    options: Mapping[str, Any] = field(default_factory=dict)
    transform: Mapping[str, Any] = field(default_factory=dict)
    matrix: Floats = field(default_factory=lambda: np.eye(2))
    offset: Floats = field(default_factory=lambda: np.zeros(2))
    bright: bool = False
    source: str = ""

    def world(self, points_px: Any) -> Floats:
        """(…, ndim) index units of the image -> world, as napari's camera wants them."""
        moved: Floats = np.asarray(points_px, np.float64) @ self.matrix.T + self.offset
        return moved

    def same(self, other: Request | None) -> bool:
        """Whether another request has the same answer."""
        if other is None or self.options != other.options or self.policies != other.policies:
            return False
        plain = (self.case, self.radiotherapy, self.picture.calibration) == (
            other.case, other.radiotherapy, other.picture.calibration,
        )  # fmt: skip
        mine, theirs = self.regions, other.regions
        return plain and mine.keys() == theirs.keys() and all(_same(mine[name], theirs[name]) for name in mine)


def _same(one: Region, other: Region) -> bool:
    if (one.kind, one.spacing_mm, one.origin_px) != (other.kind, other.spacing_mm, other.origin_px):
        return False
    if one.kind == "polygon":
        return bool(one.data.equals_exact(other.data))  # type: ignore[union-attr]
    return np.array_equal(one.data, other.data)  # type: ignore[arg-type]


def freeze(form: Form, layers: Any = (), known: Request | None = None) -> Request:
    """The request that a form and its layers mean. MarginError where they cannot be measured.

    layers : all of the viewer's; E-GRID-03 where they have different units. known : a request whose target and specimen
    are still those of the layers, and need not be copied again.
    """
    for word, layer in (("an image", form.image), (f"a {form.role}", form.target), ("a specimen", form.specimen)):
        if layer is None:
            raise UsageError("E-USE-09", f"choose {word}")
    picture = pictures.calibrated(form.image)
    placing.refuse_mixed(layers)
    assert picture.calibration is not None
    where = replace(placing.place(form.image), name=form.image.name)
    if known is not None:
        target, specimen = known.inputs.target, known.inputs.specimen
    else:
        target = taking.region(form.target, where, name=form.role, labels=form.target_labels)
        specimen = taking.region(form.specimen, where, name="specimen", labels=form.specimen_labels)
    spacing_mm = picture.calibration.spacing_mm
    drawn = taking.names(form.names, where) if form.names is not None else {}
    wedges = edges.sectors(form.sectors, specimen, spacing_mm) if form.sectors.strip() else {}
    edge = taking.edge(form.edge, where) if form.edge is not None else None
    barrier = taking.barriers(form.barrier, where) if form.barrier is not None else {}
    inputs = Inputs(
        target=target,
        specimen=specimen,
        spacing_mm=spacing_mm,
        edge=edge,
        names=edges.with_names(drawn, wedges),
        barrier=barrier or None,
        boundary=form.boundary,
        holes=form.holes,
        relative_uncertainty=picture.calibration.relative_uncertainty,
        region=form.role,
        state=form.state,
    )
    shown = {form.role: target, "specimen": specimen, **_edges(edge), **drawn, **barrier}
    matrix, offset = placing.world(form.image)
    return Request(
        case=files.safe_case_name(form.case or _stem(picture.name)),
        picture=picture,
        inputs=inputs,
        regions=shown,
        policies=form.policies,
        radiotherapy=form.radiotherapy,
        limits_mm=form.limits_mm,
        options=_options(form),
        transform=placing.transform_of(form.image),
        matrix=matrix,
        offset=offset,
        bright=bright(form.image),
        source=pictures.path_of(form.image),
    )


def redrawn(form: Form, known: Request) -> tuple[Any, Any]:
    """(edge, names) after shapes of either were moved; what is painted is as it was. MarginError as of ``freeze``."""
    where = replace(placing.place(form.image), name=form.image.name)
    edge, names = known.inputs.edge, known.inputs.names
    if hasattr(form.edge, "shape_type"):
        edge = taking.edge(form.edge, where)
    if hasattr(form.names, "shape_type"):
        kept = edges.directions(form.sectors) if form.sectors.strip() else {}
        wedges = {name: one for name, one in (names or {}).items() if name in kept}
        names = edges.with_names(taking.names(form.names, where), wedges)
    return edge, names


def bright(layer: Any) -> bool:
    """Whether a layer is rather white than black."""
    seen = np.asarray(layer.thumbnail, np.float64)
    return bool(seen[..., :3].mean() > seen[..., 3].mean() / 2)


def _stem(name: str) -> str:
    return pipeline.stem(name).strip(" .~-") or "case"


def _edges(edge: Any) -> dict[str, Region]:
    if isinstance(edge, Mapping):
        return {f"edge {kind}": one for kind, one in edge.items()}
    return {} if edge is None else {"edge": edge}


def _options(form: Form) -> dict[str, Any]:
    kept = ("sectors", "boundary", "holes", "radiotherapy", "target_labels", "specimen_labels", "role", "state")
    lists = {"policies": list(form.policies), "limits_mm": list(form.limits_mm)}
    return {**{name: getattr(form, name) for name in kept}, **lists}


def answer(request: Request) -> Outcome:
    """The case, measured and judged, or failed; never raises."""
    try:
        return _measured(request)
    except MarginError as error:
        return Failed(request.case, error)
    except TypeError as error:
        return Failed(request.case, MeasureError("E-MSR-05", "an input cannot be used", cause=str(error)))
    except Exception as error:  # a worker of napari 0.9.2 that raises takes the viewer with it
        cause = f"{type(error).__name__}: {error}"
        return Failed(request.case, MeasureError("E-MSR-05", "a fault of marginkit itself", cause=cause))


def _measured(request: Request) -> Measured:
    rules = [judging.find(policy) for policy in request.policies]
    result, slices, plane = pipeline.all_planes(request.inputs, request.picture, None)
    verdicts = [
        judging.judge(result, rule, radiotherapy=request.radiotherapy, margin=margin.name)
        for rule in rules
        for margin in result.margins
    ]
    return Measured(
        case=request.case,
        picture=request.picture,
        result=result,
        verdicts=tuple(verdicts),
        warnings=tuple(pipeline.sentences(request.picture, request.regions, result)),
        provenance=provenance.record(request.picture, (), request.regions, request.options),
        limits_mm=request.limits_mm,
        slices=slices,
        plane=plane,
        regions=request.regions,
    )

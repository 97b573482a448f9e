"""Regions and edges to margins: the shortest distance from tumor to the resection edge, and all that hangs on it.

The surprising thing: this room computes no distance. It asks a *scene* (``marginkit.geometry``), which is built from
masks, probabilities, outlines or any mix of them, and turns the answers into a result that says what it knows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from marginkit import regions
from marginkit.errors import MeasureError
from marginkit.geometry import build, classed
from marginkit.geometry.scene import CLASSES, CUT, FRAME, SECTION, Bools, Closest, Nearest, Scene
from marginkit.records import (
    BarrierResult,
    ClosestPair,
    Floats,
    Focus,
    Margin,
    Margins,
    Profile,
    Qualifier,
    Region,
    SpecimenState,
    TumorSize,
    check_spacing,
)

if TYPE_CHECKING:
    from marginkit.regions import Given


AS_NEAR = 1e-9  # relative: the same length summed in two ways


def measure(
    tumor: Given,
    specimen: Given,
    spacing: Sequence[float],
    *,
    edge: Given | Mapping[str, Given] | None = None,
    names: Given | Mapping[str, Given] | None = None,
    barrier: Given | Mapping[str, Given] | None = None,
    boundary: Literal["pixels", "contour"] = "pixels",
    holes: Literal["ignore", "cut"] = "ignore",
    link_mm: float = 0.0,
    levels: tuple[float, float] = (0.25, 0.75),
    boundary_shift_mm: float = 0.0,
    relative_uncertainty: float = 0.0,
    region: Literal["tumor", "signal"] = "tumor",
    state: SpecimenState | None = None,
) -> Margins:
    """Margins of a tumor in a specimen: value, interval, closest pair, profile along the edge, foci.

    Parameters
    ----------
    tumor, specimen : bool array (closed pixels), float array in [0, 1] (probability: ½-level contour), shapely
        (Multi)Polygon in (x, y) pixel-corner coordinates, or ``marginkit.Region``. 2-D (y, x) or 3-D (z, y, x).
    spacing : millimetres per pixel in array order.
    edge : which outline is cut edge. A bool array or polygon restricts it (the rest is ``unknown``); a mapping of class
        to region, or an integer array coded 1 cut, 2 natural, 3 section, 4 frame, 5 hole, 6 unknown (0: as found),
        classes it. A face is in a mask if the pixel on either side of it is.
    names : label array, or mapping of name to region: the named margins.
    barrier : region, or mapping of type (capsule, fascia, …) to region.
    boundary : ``contour`` reads the ½-level contour of a lightly smoothed mask instead of its pixels.
    holes : ``cut`` counts the outline of holes as cut edge.
    link_mm : foci of one piece at most this far apart count as one.
    levels : lower and higher threshold of a probability; they give the segmentation part of the interval.
    boundary_shift_mm : segmentation part stated by the user: how far the tumor's boundary may be off.
    relative_uncertainty : of the calibration.
    region : ``signal`` where fluorescent signal is measured, which is not tumor.

    Returns
    -------
    Margins. ``not_assessable`` with a reason where no cut edge is in view.

    Raises
    ------
    MeasureError : E-MSR-01 no tumor, E-MSR-02 no tissue or no background, E-MSR-03 tumor outside the specimen.
    CalibrationError, GridError, AxesError, PixelError, OutlineError, TypeError : an argument cannot be used.

    Notes
    -----
    Pixels are closed rectangles and the edge is made of their faces, so splitting each pixel changes nothing.

    Examples
    --------
    A tumor pixel two pixels of 0.5 mm away from the upper edge of the tissue, three from the others:

    >>> import numpy as np
    >>> specimen = np.zeros((8, 9), bool)
    >>> specimen[1:7, 1:8] = True
    >>> tumor = np.zeros_like(specimen)
    >>> tumor[3, 4] = True
    >>> m = measure(tumor, specimen, spacing=(0.5, 0.5))
    >>> m.value_mm, m.qualifier, m.closest.edge_px
    (1.0, 'exact', (0.5, 3.5))
    """
    given = (regions.as_region("tumor", tumor), regions.as_region("specimen", specimen))
    ndim = regions.check_grids(*given)
    spacing_mm = check_spacing(spacing, ndim)
    regions.check_filled(*given)
    grounds = (_ground(given[0], spacing_mm), _ground(given[1], spacing_mm))
    found = build.scene(*grounds, spacing_mm, boundary, holes, link_mm)
    kinds = classed.classes(found, edge)
    _check_measurable(found, bool((found.outline.kind == CUT).any()) or edge is not None)
    swept = tuple(
        build.scene(*grounds, spacing_mm, boundary, holes, link_mm, level) for level in _swept(given[0], levels)
    )
    view = _View(found, kinds, relative_uncertainty, boundary_shift_mm, swept)
    view.put_up(_walls(barrier))
    everything = view.margin("all", kinds == CUT)
    own = {name: (kinds == CUT) & bits for name, bits in classed.named(found, names).items()}
    named = [view.margin(name, bits) for name, bits in own.items()]
    return Margins(
        ndim=ndim,
        spacing_mm=spacing_mm,
        boundary=found.boundary,
        margins=(everything, *named),
        profile=view.profile(own),
        foci=view.foci(),
        size=_size(found),
        outside=found.tumor_outside,
        barriers=tuple(view.barriers),
        flags=view.flags(everything),
        region=region,
        planes=1 if ndim == 2 else _planes(given),
        plane_spacing_mm=None if ndim == 2 else spacing_mm[0],
        state=state,
    )


def _walls(barrier: Any) -> dict[str, Any]:
    """Barrier type to region."""
    if barrier is None:
        return {}
    walls = barrier if isinstance(barrier, Mapping) else {"barrier": barrier}
    return {str(kind): classed.drawn("barrier", wall, lines=True) for kind, wall in walls.items()}


def _swept(tumor: Region, levels: tuple[float, float]) -> tuple[float, ...]:
    """Levels at which the segmentation part of the interval is measured: only of a probability."""
    if not 0 < levels[0] <= 0.5 <= levels[1] < 1:
        raise MeasureError(
            "E-MSR-08", "levels do not enclose one half", cause=f"levels {levels}", remedy="Give (lower, higher)."
        )
    return levels if tumor.kind == "probability" else ()


def _planes(given: tuple[Region, Region]) -> int:
    return int(np.shape(given[1].data)[0])  # type: ignore[arg-type]


def _ground(region: Region, spacing_mm: tuple[float, ...]) -> build.Ground:
    own = spacing_mm if region.spacing_mm is None else check_spacing(region.spacing_mm, len(spacing_mm))
    ratio = tuple(1.0 if a == b else a / b for a, b in zip(own, spacing_mm))
    return build.Ground(region.data, region.kind, ratio, region.origin_px or (0.0,) * len(spacing_mm))


def _check_measurable(scene: Scene, has_edge: bool) -> None:
    unit = "mm²" if scene.ndim == 2 else "mm³"
    if not len(scene.foci.size):
        raise MeasureError(
            "E-MSR-03",
            "tumor lies outside the specimen",
            cause=f"{scene.tumor_outside:g} {unit} of tumor, none of it in a piece of tissue",
            remedy="Check that both belong to one image.",
        )
    if not has_edge and (scene.outline.kind == FRAME).any() and not (scene.outline.kind != FRAME).any():
        raise MeasureError(
            "E-MSR-02", "no background", cause="specimen fills the whole image, so that no edge is in view"
        )


def _size(scene: Scene) -> TumorSize:
    total = float(scene.foci.size.sum())
    area, volume = (total, None) if scene.ndim == 2 else (None, total)
    return TumorSize(scene.tumor_extent_mm(), area, volume)


def _least(distance_mm: Floats) -> float | None:
    """The least distance, None where there is no finite one."""
    least = float(distance_mm.min(initial=np.inf))
    return least if np.isfinite(least) else None


@dataclass
class _View:
    """One scene with its edge classed: the questions of a measurement, each asked once."""

    scene: Scene
    kinds: Any
    relative_uncertainty: float
    boundary_shift_mm: float
    swept: tuple[Scene, ...] = ()

    def __post_init__(self) -> None:
        self.cut: Bools = self.kinds == CUT
        self.nearest = self.scene.nearest(self.cut)
        self.frame_mm = self._least(FRAME)
        self.section_mm = self._least(SECTION)
        self.main = int(np.argmax(self.scene.foci.size))
        self.barriers: list[BarrierResult] = []
        self._behind: dict[str, Bools] = {}
        self._open: list[bool] = []

    def put_up(self, walls: Mapping[str, Any]) -> None:
        """Ask what lies behind each barrier."""
        for kind, wall in walls.items():
            found = self.scene.behind(wall, self.cut)
            crossed = self.scene.crossed(wall, self.nearest)
            behind = found.bits[self.cut]
            self._open.append(bool((crossed & ~behind).any()) and not found.breached)
            self._behind[kind] = found.bits
            distance = self.nearest.distance_mm
            self.barriers.append(
                BarrierResult(
                    type=kind,
                    breached=found.breached,
                    behind_mm=_least(distance[behind]),
                    free_mm=_least(distance[~behind]),
                    behind_on_segment_mm=_least(distance[crossed]),
                    free_on_segment_mm=_least(distance[~crossed]),
                    behind_size=float(self.scene.outline.size[found.bits & self.cut].sum()),
                )
            )

    def _least(self, kind: int) -> float:
        """Distance of the tumor to the nearest bit of a class; inf where there is none."""
        return float(self.scene.nearest(self.kinds == kind).distance_mm.min(initial=np.inf))

    def margin(self, name: str, selected: Bools) -> Margin:
        """The margin over some bits of the cut edge."""
        nearest = self.nearest.take(selected[self.cut])
        reached = np.isfinite(nearest.distance_mm)  # edge of pieces without tumor has no margin
        size = float(self.scene.outline.size[selected][reached].sum())
        unseen = min(self.frame_mm, self.section_mm)
        unseen_mm = unseen if np.isfinite(unseen) else None
        closest = self.scene.closest(selected, nearest)
        if closest is None:
            reason = self._no_edge(name, bool(selected.any()))
            return Margin(
                name,
                None,
                None,
                "not_assessable",
                edge_size=size,
                unseen_mm=unseen_mm,
                reason=reason,
                flags=("no_cut_edge",),
            )
        parts = self._parts(closest, selected, nearest)
        bit = int(np.flatnonzero(selected)[closest.bit])
        qualifier, flags = self._qualified(closest, unseen)
        leaves_stack = getattr(self.scene, "leaves_stack", None)
        if leaves_stack is not None and leaves_stack[bit]:
            flags = (*flags, "void_leaves_stack")
        straight = self.scene.stays_inside(closest.edge_px, closest.tumor_px)
        pair = self._pair(closest, None if straight else self.scene.through_tissue_mm(selected, closest))
        low, high = parts["all"]
        if qualifier == "at_most":
            low = min(low, unseen)
        return Margin(
            name=name,
            value_mm=closest.distance_mm,
            interval_mm=(low, high),
            qualifier=qualifier,
            closest=pair,
            focus=closest.focus + 1,
            piece=int(self.scene.outline.piece[bit]) + 1,
            behind_barrier=next((kind for kind, behind in self._behind.items() if behind[bit]), None),
            edge_size=size,
            unseen_mm=unseen_mm,
            flags=flags if straight else (*flags, "line_leaves_tissue"),
            parts={part: both for part, both in parts.items() if part != "all"},
        )

    def _no_edge(self, name: str, in_view: bool) -> str:
        of = "" if name == "all" else f" of {name}"
        return f"no cut edge{of} in view" if not in_view else f"no cut edge{of} on the piece that holds the tumor"

    def _parts(self, closest: Closest, selected: Bools, nearest: Nearest) -> dict[str, tuple[float, float]]:
        """The interval's parts, and ``all`` of them together."""
        value = closest.distance_mm
        parts: dict[str, tuple[float, float]] = {}
        low, high = value, value
        centres = self.scene.centre_distance_mm(selected, nearest)
        if centres is not None:
            low, high = min(max(0.0, centres - self.scene.pixel_diagonal_mm), value), max(centres, value)
            parts["digitisation"] = (low, high)
        swept = self._sweep(selected)
        if swept:
            parts["segmentation"] = (min(value, *swept), max(value, *swept))
            low, high = min(low, *swept), max(high, *swept)
        if self.boundary_shift_mm:
            shift = self.boundary_shift_mm
            parts["segmentation"] = (max(0.0, value - shift), value + shift)
            low, high = max(0.0, low - shift), high + shift
        if self.relative_uncertainty:
            share = self.relative_uncertainty
            parts["calibration"] = (value * (1 - share), value * (1 + share))
            low, high = low * (1 - share), high * (1 + share)
        return {**parts, "all": (low, high)}

    def _sweep(self, selected: Bools) -> list[float]:
        """The margin at other levels of the tumor's probability; a level without tumor says nothing."""
        found = [_least(scene.nearest(selected).distance_mm) for scene in self.swept if len(scene.foci.size)]
        return [value for value in found if value is not None]

    def _qualified(self, closest: Closest, unseen: float) -> tuple[Qualifier, tuple[str, ...]]:
        flags = ["tied"] if closest.tied else []
        if closest.distance_mm == 0:
            return "touching", ("touching", *flags)
        reach = closest.distance_mm * (1 + AS_NEAR)
        if unseen > reach:
            return "exact", tuple(flags)
        if self.frame_mm <= reach:
            flags.append("tumor_leaves_view" if self.frame_mm == 0 else "frame_nearer_than_edge")
        if self.section_mm <= reach:
            flags.append("section_nearer_than_edge")
        return "at_most", tuple(flags)

    def _pair(self, closest: Closest, through_tissue_mm: float | None) -> ClosestPair:
        spacing = self.scene.spacing_mm
        tumor, edge = closest.tumor_px, closest.edge_px
        return ClosestPair(
            tumor_mm=tuple(p * s for p, s in zip(tumor, spacing)),
            edge_mm=tuple(p * s for p, s in zip(edge, spacing)),
            tumor_px=tumor,
            edge_px=edge,
            through_tissue_mm=through_tissue_mm,
        )

    def profile(self, own: Mapping[str, Bools]) -> Profile:
        """Distances along the cut edge of the pieces that hold tumor. own : bits of each named margin."""
        outline = self.scene.outline
        known = np.isfinite(self.nearest.distance_mm)
        found = self.nearest.take(known)
        bits = np.flatnonzero(self.cut)[known]
        length = np.bincount(self.kinds, outline.size, len(CLASSES))
        return Profile(
            ndim=self.scene.ndim,
            distance_mm=found.distance_mm,
            size=outline.size[bits],
            edge_px=found.edge_px,
            tumor_px=found.tumor_px,
            by_class={name: float(length[code]) for code, name in enumerate(CLASSES)},
            named={name: own[name][bits] for name in own},
        )

    def foci(self) -> tuple[Focus, ...]:
        """The foci, nearest to the cut edge first."""
        table = self.scene.foci
        margins = self.scene.focus_margins_mm(self.cut, self.nearest)
        gaps = self.scene.focus_gaps_mm(self.main)
        flat = self.scene.ndim == 2
        return tuple(
            Focus(
                id=k + 1,
                piece=int(table.piece[k]) + 1,
                margin_mm=float(margins[k]) if np.isfinite(margins[k]) else None,
                to_main_mm=float(gaps[k]),
                pixels=int(table.pixels[k]),
                area_mm2=float(table.size[k]) if flat else None,
                volume_mm3=None if flat else float(table.size[k]),
            )
            for k in np.argsort(margins, kind="stable").tolist()
        )

    def flags(self, everything: Margin) -> tuple[str, ...]:
        """Flags of the whole result."""
        outline, scene = self.scene.outline, self.scene
        owner = None if everything.focus is None else everything.focus - 1
        raised = {
            "tumor_outside_specimen": scene.tumor_outside > 0,
            "several_pieces": int(outline.piece.max()) > 0,
            "unknown_edge": bool((self.kinds == CLASSES.index("unknown")).any()),
            "anisotropic": len(set(scene.spacing_mm)) > 1,
            "single_plane": scene.ndim == 2,
            "barrier_breached": any(one.breached for one in self.barriers),
            "barrier_open": any(self._open),
            "one_pixel_minimum": owner not in (None, self.main) and int(scene.foci.pixels[owner or 0]) == 1,
        }
        of_shapes = getattr(scene, "flags", ())  # what the outlines earned before they were measured
        return tuple(dict.fromkeys((*everything.flags, *of_shapes, *(flag for flag, up in raised.items() if up))))

"""What one measurement is made of, as a whole or one plane of it; and its result also where there is no tumor.

The surprising thing: an image without tumor still has an edge, and its length is told. It is found by measuring the
specimen against itself and keeping nothing of the distances.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np

from marginkit import regions
from marginkit.errors import AxesError, MarginError, MeasureError
from marginkit.fetching import at_plane
from marginkit.measuring import measure
from marginkit.records import Margin, Margins, Picture, Profile, Region, SpecimenState

OF_THE_SPECIMEN = {"several_pieces", "unknown_edge", "anisotropic", "single_plane"}


@dataclass(frozen=True, eq=False)
class Inputs:
    """The arguments of ``measure``, all of them regions or mappings of name to region."""

    target: Region
    specimen: Region
    spacing_mm: tuple[float, ...]
    edge: Any = None
    names: Mapping[str, Any] | None = None
    barrier: Mapping[str, Any] | None = None
    boundary: Literal["pixels", "contour"] = "pixels"
    holes: Literal["ignore", "cut"] = "ignore"
    link_mm: float = 0.0
    boundary_shift_mm: float = 0.0
    relative_uncertainty: float = 0.0
    region: Literal["tumor", "signal"] = "tumor"
    state: SpecimenState | None = None

    def measured(self) -> Margins:
        """The margins; ``not_assessable`` where there is no tumor. MarginError where it cannot be measured."""
        if regions.is_empty(self.target):
            return self._without_target(f"no {self.region} in the image")
        return self._measure(self.target)

    def _measure(self, target: Region) -> Margins:
        return measure(
            target,
            self.specimen,
            self.spacing_mm,
            edge=self.edge,
            names=self.names,
            barrier=self.barrier,
            boundary=self.boundary,
            holes=self.holes,
            link_mm=self.link_mm,
            boundary_shift_mm=self.boundary_shift_mm,
            relative_uncertainty=self.relative_uncertainty,
            region=self.region,
            state=self.state,
        )

    def _without_target(self, reason: str) -> Margins:
        """The specimen's outline and names, without any distance. E-MSR-02 where there is no tissue either."""
        own = replace(self, barrier=None)._measure(self.specimen)
        blank = [
            Margin(m.name, None, None, "not_assessable", edge_size=m.edge_size, reason=reason) for m in own.margins
        ]
        nothing, points = np.zeros(0), np.zeros((0, own.ndim))
        return replace(
            own,
            margins=tuple(blank),
            profile=Profile(own.ndim, nothing, nothing, points, points, own.profile.by_class),
            foci=(),
            size=None,
            barriers=(),
            flags=tuple(flag for flag in own.flags if flag in OF_THE_SPECIMEN),
        )

    def at(self, plane: int, picture: Picture) -> Inputs:
        """The same of one plane of a stack. AxesError E-AXE-04 where something does not reach it."""

        def cut(one: Any) -> Any:
            if isinstance(one, Mapping):
                return {name: cut(region) for name, region in one.items()}
            return at_plane(one, plane, picture) if isinstance(one, Region) else one

        parts = {part: cut(getattr(self, part)) for part in ("target", "specimen", "edge", "names", "barrier")}
        return replace(self, **parts, spacing_mm=self.spacing_mm[-2:])

    def planes(self, picture: Picture) -> Iterator[tuple[int, Margins]]:
        """(index in the picture, margins) of each plane that holds tumor, measured by itself.

        ``not_assessable`` with its reason where the tumor of a plane cannot be measured there.
        """
        for plane in range(picture.spatial_shape[0]):
            try:
                flat = self.at(plane, picture)
            except AxesError:
                continue  # a mask with fewer planes than the picture
            if regions.is_empty(flat.target):
                continue
            try:
                yield plane, flat.measured()
            except MeasureError as error:
                yield plane, _cannot(flat, error)


def _cannot(flat: Inputs, error: MarginError) -> Margins:
    """The result of a plane whose tumor does not lie in tissue that has an outline."""
    try:
        return flat._without_target(error.what)
    except MeasureError:
        nothing, points = np.zeros(0), np.zeros((0, 2))
        blank = Margin("all", None, None, "not_assessable", reason=error.what)
        profile = Profile(2, nothing, nothing, points, points, {})
        return Margins(
            2, flat.spacing_mm, flat.boundary, (blank,), profile, (), None, region=flat.region, state=flat.state
        )


Planes: TypeAlias = tuple[tuple[int, Margins], ...]


def worst(planes: Planes) -> tuple[int, Margins, Planes]:
    """(plane, margins, planes): the plane with the least margin, with what the others say of the named margins.

    For planes an unknown distance apart: what lies between them was not seen, so that no margin is more than
    ``at_most``. A named margin that is less in another plane has that value, and its closest pair with that plane.
    """
    bounded = [(at, _bounded(result)) for at, result in planes]
    at, chosen = min(bounded, key=lambda one: _rank(one[1].all))
    margins = [_least(margin, [result for _, result in bounded], i) for i, margin in enumerate(chosen.margins)]
    result = replace(chosen, margins=tuple(margins), planes=len(bounded))
    return at, result, tuple((index, result if index == at else one) for index, one in bounded)


def _bounded(result: Margins) -> Margins:
    """A plane's result where its neighbours may hold a smaller margin."""
    margins = [replace(m, qualifier="at_most") if m.qualifier == "exact" else m for m in result.margins]
    flags = tuple(flag for flag in result.flags if flag != "single_plane")
    return replace(result, margins=tuple(margins), flags=(*flags, "unknown_plane_gap"))


def _rank(margin: Margin) -> float:
    return np.inf if margin.value_mm is None else margin.value_mm


def _least(margin: Margin, results: list[Margins], i: int) -> Margin:
    """The i-th margin where it is least; without the pair where that is in another plane."""
    least = min((margin, *(r.margins[i] for r in results if i < len(r.margins))), key=_rank)
    if least is margin:
        return margin
    return replace(least, closest=None, focus=None, piece=None, edge_size=margin.edge_size)

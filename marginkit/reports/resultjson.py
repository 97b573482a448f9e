"""The result of one case as JSON, schema ``marginkit.result/1``: every number unrounded, nothing that is not a number.

The surprising thing: sizes of an edge are lengths in 2-D and areas in 3-D, so the *name* of the field changes with the
dimension (``edge_mm`` or ``edge_mm2``); a reader that mixes them up finds no field instead of a wrong number.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from marginkit import sampling
from marginkit.errors import MarginError
from marginkit.records import BarrierResult, Focus, Margin, Margins, Measured, Profile, Verdict

NAME = "json"
FILE = "result.json"
SCHEMA = "marginkit.result/1"
SHARES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


def write(case: Measured, stream: Any) -> None:
    """Write the case as UTF-8 JSON."""
    stream.write(text(case).encode("utf-8"))


def text(case: Measured) -> str:
    """The case as JSON text, strict: E-OUT-01 where something is not a finite number."""
    return json.dumps(document(case), ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def document(case: Measured) -> dict[str, Any]:
    """The case as plain dicts, lists, texts and finite numbers."""
    result = case.result
    whole = {
        "schema": SCHEMA,
        "case": case.case,
        "region": result.region,
        "image": _image(case),
        **_measurement(result, case.limits_mm),
        "plane": case.plane,
        "slices": [{"index": i, **_measurement(one, case.limits_mm)} for i, one in case.slices],
        "signal": case.signal,
        "ink": case.ink,
        **({} if case.resolution is None else {"resolution": case.resolution}),
        "verdicts": [_verdict(verdict) for verdict in case.verdicts],
        "warnings": list(case.warnings),
        "provenance": case.provenance,
    }
    plain: dict[str, Any] = _plain(whole, "")
    return plain


def _image(case: Measured) -> dict[str, Any]:
    picture = case.picture
    taken = picture.calibration
    return {
        "name": picture.name,
        "sha256": picture.sha256,
        "axes": picture.axes,
        "shape": picture.shape,
        "spacing_mm": picture.spacing_mm,
        "calibration": None if taken is None else {"source": taken.source, "detail": taken.detail},
        "state": case.result.state,
        **({} if picture.window_px is None else {"window_px": picture.window_px}),
    }


def _measurement(result: Margins, limits_mm: tuple[float, ...]) -> dict[str, Any]:
    """What is said of every measurement, of the case or of one of its slices."""
    return {
        "ndim": result.ndim,
        "spacing_mm": result.spacing_mm,
        "boundary": result.boundary,
        "planes": result.planes,
        "plane_spacing_mm": result.plane_spacing_mm,
        "sampling": _sampling(result),
        "margins": [_margin(margin, result.ndim) for margin in result.margins],
        "profile": _profile(result.profile, limits_mm),
        "foci": [_focus(focus) for focus in result.foci],
        "size": None if result.size is None else _extents(result.size),
        "barriers": [_barrier(barrier, result.ndim) for barrier in result.barriers],
        "outside_mm2" if result.ndim == 2 else "outside_mm3": result.outside,
        "flags": result.flags,
    }


def sized(name: str, ndim: int) -> str:
    """The name of a size of edge: ``edge_mm`` in 2-D, ``edge_mm2`` in 3-D."""
    return f"{name}_mm" if ndim == 2 else f"{name}_mm2"


def _margin(margin: Margin, ndim: int) -> dict[str, Any]:
    pair = margin.closest
    return {
        "name": margin.name,
        "value_mm": margin.value_mm,
        "interval_mm": margin.interval_mm,
        "qualifier": margin.qualifier,
        "reason": margin.reason,
        "closest": None
        if pair is None
        else {
            "tumor_mm": pair.tumor_mm,
            "edge_mm": pair.edge_mm,
            "tumor_px": pair.tumor_px,
            "edge_px": pair.edge_px,
            "through_tissue_mm": pair.through_tissue_mm,
        },
        "focus": margin.focus,
        "piece": margin.piece,
        "behind_barrier": margin.behind_barrier,
        sized("edge", ndim): margin.edge_size,
        "unseen_mm": margin.unseen_mm,
        "parts_mm": margin.parts,
        "flags": margin.flags,
    }


def _profile(profile: Profile, limits_mm: tuple[float, ...]) -> dict[str, Any]:
    shares = SHARES if len(profile.distance_mm) else ()
    return {
        sized("edge", profile.ndim): profile.total,
        sized("below", profile.ndim): {f"{limit:g}": profile.below(limit) for limit in limits_mm},
        sized("by_class", profile.ndim): profile.by_class,
        "quantiles_mm": {f"{share:g}": profile.quantile_mm(share) for share in shares},
    }


def _extents(thing: Any) -> dict[str, Any]:
    """Extent, and area or volume: whichever the thing has."""
    sizes = {"extent_mm": getattr(thing, "extent_mm", None), "area_mm2": thing.area_mm2, "volume_mm3": thing.volume_mm3}
    return {name: value for name, value in sizes.items() if value is not None}


def _focus(focus: Focus) -> dict[str, Any]:
    where = {"id": focus.id, "piece": focus.piece, "margin_mm": focus.margin_mm, "to_main_mm": focus.to_main_mm}
    return {**where, "pixels": focus.pixels, **_extents(focus)}


def _barrier(barrier: BarrierResult, ndim: int) -> dict[str, Any]:
    return {
        "type": barrier.type,
        "breached": barrier.breached,
        "behind_mm": barrier.behind_mm,
        "free_mm": barrier.free_mm,
        "behind_on_segment_mm": barrier.behind_on_segment_mm,
        "free_on_segment_mm": barrier.free_on_segment_mm,
        sized("behind_edge", ndim): barrier.behind_size,
    }


def _sampling(result: Margins) -> dict[str, Any] | None:
    """What planes can hide; None where there is nothing to say."""
    found = sampling.between(result)
    if found is None:
        return None
    return {"gap_mm": found.gap_mm, "radius_mm": found.radius_mm, "nearer_mm": found.nearer_mm}


def _verdict(verdict: Verdict) -> dict[str, Any]:
    said = {"policy": verdict.policy, "category": verdict.category, "state": verdict.state, "reason": verdict.reason}
    return {**said, "margin": verdict.margin}


def _plain(value: Any, where: str) -> Any:
    """The same in types that JSON knows; refuses what it cannot say."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one, f"{where}.{key}") for key, one in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist(), where)
    if isinstance(value, (list, tuple)):
        return [_plain(one, f"{where}[{i}]") for i, one in enumerate(value)]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        raise MarginError("E-OUT-01", "a result is not a finite number", cause=f"{where.lstrip('.')} is {value}")
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    raise TypeError(f"{where.lstrip('.')}: JSON has no {type(value).__name__}")

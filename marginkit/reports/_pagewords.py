"""What the page of a case says, as plain rows of words: the template only arranges them.

The surprising thing: nothing is computed here. Every number was made elsewhere and is only put into words, so that the
page cannot disagree with the table, the picture and the JSON.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from marginkit import lights, sampling
from marginkit.records import Margin, Measured, Verdict
from marginkit.wording import digits, interval, judged, millimetres, shown, span

QUALIFIERS = {
    "exact": "exact, within its interval",
    "touching": "reaches the edge",
    "at_most": "upper bound: the true margin may be smaller",
    "at_least": "lower bound: the true margin may be larger",
    "not_assessable": "not assessable",
}
MOST_FOCI = 12
SMALLEST = 1e-6  # mm² or mm³: what is smaller is a scrap of a contour


def margins(case: Measured) -> list[dict[str, Any]]:
    """One row a margin."""
    return [_margin(case, margin) for margin in case.result.margins]


def _margin(case: Measured, margin: Margin) -> dict[str, Any]:
    return {
        "name": "whole cut edge" if margin.name == "all" else margin.name,
        "shown": shown(margin),
        "value_mm": margin.value_mm,
        "interval": interval(margin),
        "qualifier": margin.reason or QUALIFIERS[margin.qualifier],
        "barrier": margin.behind_barrier or "",
        "edge": f"{margin.edge_size:.1f} {edge_unit(case)}",
        "edge_size": margin.edge_size,
        "focus": "" if margin.focus is None else str(margin.focus),
        "unseen": "" if margin.unseen_mm is None else millimetres(margin.unseen_mm),
    }


def edge_unit(case: Measured) -> str:
    """Unit of a size of edge."""
    return "mm" if case.result.ndim == 2 else "mm²"


def parts(case: Measured) -> list[tuple[str, str]]:
    """What the interval of the closest margin is made of."""
    return [(name, f"{low:.4g} to {high:.4g} mm") for name, (low, high) in case.result.all.parts.items()]


def policies(case: Measured) -> list[dict[str, Any]]:
    """One row a policy that spoke: its words, citation and domain, and what it says of the whole cut edge."""
    known = {one["id"]: one for one in case.provenance.get("policies", ())}
    rows = []
    for name in dict.fromkeys(verdict.policy for verdict in case.verdicts):
        policy = known.get(name, {})
        first = next((v for v in case.verdicts if v.policy == name and v.margin == "all"), None)
        rows.append(
            {
                "id": name,
                "title": policy.get("title", ""),
                "citation": policy.get("citation", ""),
                "note": policy.get("note", ""),
                "domain": _domain(policy),
                "levels": [_signs(rule) for rule in policy.get("levels", [])],
                "verdict": judged(first) if first else "",
                "reason": _signs(f"{first.reason[:1].upper()}{first.reason[1:]}") if first else "",
            }
        )
    return rows


def _signs(rule: str) -> str:
    return rule.replace(">=", "≥").replace("<=", "≤")


def _domain(policy: dict[str, Any]) -> str:
    said = [policy.get(key, "") for key in ("organ", "histology")]
    known = [one for one in said if one and one != "any"]
    states = policy.get("states", [])
    return "; ".join(
        [*(known or ["any organ and histology"]), *([f"specimen {' or '.join(states)}"] if states else [])]
    )


def verdicts(case: Measured) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """(policies, rows): of each margin what every policy says, side by side."""
    names = list(dict.fromkeys(verdict.policy for verdict in case.verdicts))
    said: dict[tuple[str, str], Verdict] = {(v.margin, v.policy): v for v in case.verdicts}
    rows = []
    for margin in case.result.margins:
        words = [judged(said[margin.name, name]) if (margin.name, name) in said else "" for name in names]
        rows.append(("whole cut edge" if margin.name == "all" else margin.name, words))
    return names, rows


def planes(case: Measured) -> list[str]:
    """What planes can hide, in sentences; empty where there is one plane or no known gap."""
    found = sampling.between(case.result)
    if found is None:
        return []
    half = found.gap_mm / 2
    chance = sampling.chance_missed(half, found.gap_mm)
    told = [f"{sampling.sentence(found)[:1].upper()}{sampling.sentence(found)[1:]}."]
    value_mm = case.result.value_mm
    if found.nearer_mm is not None and value_mm is not None and value_mm > 0:
        within = span(max(0.0, value_mm - found.nearer_mm), value_mm) or millimetres(value_mm)
        told.append(f"With such a front between planes the margin would lie within {within}.")
    told.append(f"A round focus of {millimetres(half)} meets no plane with a chance of {100 * chance:.0f} %.")
    return [*told, "Bound for a spherical front of radius r and planes s apart: r − √(r² − s²/4)."]


def profile(case: Measured) -> list[tuple[str, str]]:
    """Size of the cut edge, of its parts nearer than each limit, and its quantiles."""
    found, unit = case.result.profile, edge_unit(case)
    if not found.total:
        return []
    rows = [("Cut edge", f"{found.total:.1f} {unit}")]
    for mm in case.limits_mm:
        below = found.below(mm)
        rows.append((f"nearer than {mm:g} mm", f"{below:.1f} {unit} ({100 * below / found.total:.1f} %)"))
    for share, name in ((0.05, "5 %"), (0.5, "half"), (0.95, "95 %")):
        rows.append((f"{name} of it not farther than", millimetres(found.quantile_mm(share))))
    classes = [(kind, size) for kind, size in found.by_class.items() if size and kind != "cut"]
    return [*rows, *((f"outline of class {kind}", f"{size:.1f} {unit}") for kind, size in classes)]


def calibration(case: Measured) -> Iterator[tuple[str, str]]:
    """The pixel size and who says so."""
    taken = case.picture.calibration
    yield "Pixel size", f"{' × '.join(f'{s:.6g}' for s in case.result.spacing_mm)} mm"
    if taken is not None:
        yield "Source", taken.source
        if taken.detail:
            yield "As written there", taken.detail
        if taken.relative_uncertainty:
            yield "Relative uncertainty", f"{100 * taken.relative_uncertainty:.2g} %"
    for claim in case.picture.claims:
        if taken is None or (claim.source, claim.detail) != (taken.source, taken.detail):
            size = "" if claim.spacing_mm is None else f"{' × '.join(f'{s:.6g}' for s in claim.spacing_mm)} mm"
            yield f"Also claimed by {claim.source}", ", ".join(w for w in (size, claim.detail, claim.problem) if w)


def specimen(case: Measured) -> Iterator[tuple[str, str]]:
    """State, image, planes, sizes."""
    result, picture = case.result, case.picture
    yield "Specimen state", result.state or "not stated"
    yield "Image", f"{picture.name} ({picture.format}, {picture.axes} {' × '.join(map(str, picture.shape))})"
    if picture.window_px is not None:
        y, x, height, width = picture.window_px
        yield "Part of the scanner's canvas", f"{width} × {height} pixels from x {x}, y {y}; coordinates begin there"
    gap = result.plane_spacing_mm
    yield "Planes examined", str(result.planes)
    if result.planes > 1:
        yield "Distance between planes", "unknown" if gap is None else f"{gap:g} mm"
    yield "Boundary", result.boundary
    if result.size is not None:
        yield f"Greatest extent of {result.region}", millimetres(result.size.extent_mm)
        area, volume = result.size.area_mm2, result.size.volume_mm3
        yield ("Area", f"{_size(area)} mm²") if area is not None else ("Volume", f"{_size(volume or 0.0)} mm³")
    if result.outside:
        yield (
            f"{result.region} outside the specimen, not measured",
            f"{_size(result.outside)} mm{'²³'[result.ndim - 2]}",
        )
    for one in result.barriers:
        reach = {"edge behind it": one.behind_mm, "other edge": one.free_mm}
        said = ", ".join(f"{what} {millimetres(mm)}" for what, mm in reach.items() if mm is not None)
        yield f"Barrier: {one.type}", f"{'breached, ' if one.breached else ''}{said or 'no edge'}"


def _size(value: float) -> str:
    """Four digits, or all before the point: never a power of ten.

    >>> _size(12345.6), _size(0.00001234), _size(6e-20)
    ('12346', '0.00001234', '< 0.000001')
    """
    if 0 < value < SMALLEST:
        return f"< {digits(SMALLEST, 1)}"
    return f"{value:.0f}" if value >= 1000 else digits(value, 4)


def foci(case: Measured) -> list[tuple[str, str, str, str]]:
    """(number, distance, size, distance to the largest) of the nearest foci; empty where there is but one."""
    found = case.result.foci
    return [
        (
            str(focus.id),
            "none" if focus.margin_mm is None else millimetres(focus.margin_mm),
            f"{_size(focus.area_mm2)} mm²" if focus.area_mm2 is not None else f"{_size(focus.volume_mm3 or 0.0)} mm³",
            millimetres(focus.to_main_mm),
        )
        for focus in (found[:MOST_FOCI] if len(found) > 1 else ())
    ]


def signal(case: Measured) -> list[tuple[str, str]]:
    """The numbers of fluorescence."""
    return [] if case.signal is None else lights.told(case.signal)


def ink(case: Measured) -> list[tuple[str, str]]:
    """The length of outline that each colour covers, with the margin that it names, and how the inks were found."""
    if case.ink is None:
        return []
    names = case.ink["names"]
    words = {"none": "not inked", "unassigned": "inked in no sure colour"}
    rows = [
        (words.get(colour, f"{colour}, {names[colour]}" if colour in names else f"{colour}, names no margin"), mm)
        for colour, mm in case.ink["outline_mm"].items()
        if mm or colour in names or colour in words
    ]
    return [*((name, f"{mm:.1f} mm of outline") for name, mm in rows), ("how", _option(case.ink["method"]))]


def provenance(case: Measured) -> dict[str, Any]:
    """Inputs with their hashes, who made each region, options and versions."""
    found = case.provenance
    options = [
        (name.replace("_", " "), _option(value))
        for name, value in found.get("options", {}).items()
        if value not in (None, "", [], (), {})
    ]
    versions = [("marginkit", found.get("marginkit", "")), ("python", found.get("python", ""))]
    return {
        "inputs": [(one["role"], one["name"], one["sha256"]) for one in found.get("inputs", ())],
        "regions": list(found.get("regions", {}).items()),
        "options": options,
        "versions": [(n, v) for n, v in (*versions, *found.get("libraries", {}).items()) if v],
    }


def _option(value: Any) -> str:
    """The value of an option as a person would write it.

    >>> _option("pixels"), _option(False), _option(0.0), _option(["uicc-r", "dcis-2mm"]), _option({"walls": "w.tif"})
    ('pixels', 'no', '0', 'uicc-r, dcis-2mm', 'walls: w.tif')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_option, value))
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_option(one)}" for key, one in value.items())
    return f"{value:.15g}" if isinstance(value, float) else str(value)

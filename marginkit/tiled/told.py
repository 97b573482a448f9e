"""What is said of a closest pair that was found by tiles: JSON, and the rows of a table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from marginkit.tiled import Found, Indexed
from marginkit.wording import interval, millimetres, shown

SCHEMA = "marginkit.closest/1"
INDEX_SCHEMA = "marginkit.closest-index/1"


def document(found: Found) -> dict[str, Any]:
    """All that was found, as JSON."""
    margin, pair = found.margin, found.margin.closest
    points = ("tumor_mm", "edge_mm", "tumor_px", "edge_px")
    return {
        "schema": SCHEMA,
        "mask": found.name,
        "tumor_mask": found.tumor_name or None,
        "calibration": {"source": found.calibration.source, "detail": found.calibration.detail},
        "spacing_mm": list(found.calibration.spacing_mm),
        "value_mm": margin.value_mm,
        "interval_mm": None if margin.interval_mm is None else list(margin.interval_mm),
        "qualifier": margin.qualifier,
        "reason": margin.reason,
        "closest": None if pair is None else {name: list(getattr(pair, name)) for name in points},
        "unseen_mm": margin.unseen_mm,
        "flags": list(margin.flags),
        "outside_mm2": found.outside_mm2,
        "tiles": {"all": found.tiles, "decoded": found.decoded, "bound_mm": found.bound_mm, "index": found.index},
        "measured_whole": found.whole,
        "warnings": list(found.notes),
    }


def document_of_index(made: Indexed) -> dict[str, Any]:
    """What is said of an index alone, as JSON."""
    return {
        "schema": INDEX_SCHEMA,
        "mask": made.name,
        "file": Path(made.file).name,
        "tiles": made.tiles,
        "index": made.index,
        "warnings": list(made.notes),
    }


def of_index(made: Indexed) -> str:
    """The same in words."""
    how = "was made" if made.index == "made" else "is there"
    return f"{made.name}: the index of {made.tiles} tiles {how}: {Path(made.file).name}"


def rows(found: Found) -> Iterator[tuple[str, str]]:
    """All that was found, in words."""
    margin = found.margin
    if found.tumor_name:
        yield "tumor", found.tumor_name
    within = f" ({interval(margin)})" if interval(margin) else ""
    yield "margin", f"{shown(margin)}{within}"
    if margin.reason:
        yield "reason", margin.reason
    if margin.closest is not None:
        for name, at in (("tumor", margin.closest.tumor_px), ("edge", margin.closest.edge_px)):
            yield f"{name} point", f"row {at[0]:.1f}, column {at[1]:.1f}"
    if margin.unseen_mm is not None:
        yield "unseen", f"the tumor is {millimetres(margin.unseen_mm)} from the border of the image"
    if found.outside_mm2:
        yield "outside", f"{found.outside_mm2:.4g} mm² of tumor outside the specimen"
    size = " x ".join(f"{s:.6g}" for s in found.calibration.spacing_mm)
    yield "pixel size", f"{size} mm  from {found.calibration.source}"
    if found.whole:
        yield "measured", f"everything: {found.whole}"
        return
    made = "; the index was made, which read all of them once" if found.index == "made" else ""
    share = f" ({found.decoded / found.tiles:.2%})"
    yield "decoded", f"{found.decoded} of {found.tiles} tiles{share}{made}"
    if found.bound_mm is None:
        yield "proof", "no tile was left out that could hold a pair"
    else:
        yield "proof", f"no pair in the tiles left out is nearer than {found.bound_mm:.9g} mm"

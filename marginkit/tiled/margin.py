"""A pair that was found by tiles, as the margin that a measurement gives."""

from __future__ import annotations

from marginkit.geometry.tile_pair import TilePair
from marginkit.records import ClosestPair, Margin, Qualifier


def of_pair(pair: TilePair, spacing_mm: tuple[float, float], relative_uncertainty: float) -> Margin:
    """The pair as a margin."""
    value, unseen = pair.distance_mm, pair.unseen_mm
    parts = {"digitisation": (pair.low_mm, pair.high_mm)}
    low, high = pair.low_mm, pair.high_mm
    if relative_uncertainty:
        less, more = 1 - relative_uncertainty, 1 + relative_uncertainty
        parts["calibration"] = (value * less, value * more)
        low, high = low * less, high * more
    qualifier: Qualifier = "exact"
    flags = ["tied"] if pair.tied else []
    if value == 0:
        qualifier = "touching"
        flags.insert(0, "touching")
    if unseen is not None:
        qualifier, low = "at_most", min(low, unseen)
        flags.append("tumor_leaves_view" if unseen == 0 else "frame_nearer_than_edge")
    ends = pair.tumor_px, pair.edge_px
    in_mm = [tuple(p * s for p, s in zip(at, spacing_mm)) for at in ends]
    shown = ClosestPair(in_mm[0], in_mm[1], *ends)
    return Margin(
        "all", value, (low, high), qualifier, closest=shown, unseen_mm=unseen, flags=tuple(flags), parts=parts
    )

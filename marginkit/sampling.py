"""What lies between planes: how much nearer tumor can come there than in the planes that were looked at.

The surprising thing: two numbers are needed. A large front that bulges between two planes hides little,
r − √(r² − s²/4) for a radius r and planes s apart; but a focus smaller than the gap can be missed whole, and then no
plane says anything about it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from marginkit.records import Margins
from marginkit.wording import millimetres


@dataclass(frozen=True, slots=True)
class Between:
    """What planes ``gap_mm`` apart can hide.

    radius_mm : of the front that is spoken of: half the tumor's greatest extent. nearer_mm : how much nearer to the
    edge such a front can come between two planes; None where it fits between them whole.
    """

    gap_mm: float
    radius_mm: float
    nearer_mm: float | None


def hidden_mm(radius_mm: float, gap_mm: float) -> float | None:
    """How far a spherical front of that radius can bulge, unseen, beyond what planes ``gap_mm`` apart show.

    The worst place of the front is half-way between two planes, and each plane cuts the sphere at gap / 2 from there:
    r − √(r² − s²/4). None where the whole sphere fits between two planes.

    >>> hidden_mm(13.0, 10.0), hidden_mm(2.0, 5.0)
    (1.0, None)
    """
    if not (radius_mm > 0 and gap_mm > 0):
        raise ValueError(f"radius and gap are positive lengths, got {radius_mm} and {gap_mm}")
    half_mm = gap_mm / 2
    if radius_mm < half_mm:
        return None
    return half_mm * half_mm / (radius_mm + math.sqrt(radius_mm * radius_mm - half_mm * half_mm))


def chance_missed(diameter_mm: float, gap_mm: float) -> float:
    """The share of places at which a round focus of that diameter lies between two planes and meets neither.

    >>> chance_missed(2.5, 5.0), chance_missed(6.0, 5.0)
    (0.5, 0.0)
    """
    return max(0.0, 1.0 - diameter_mm / gap_mm)


def between(margins: Margins) -> Between | None:
    """What the planes of a measurement can hide; None where there is one plane, no known gap or no tumor."""
    gap_mm = margins.plane_spacing_mm
    if margins.planes < 2 or gap_mm is None or margins.size is None or margins.size.extent_mm <= 0:
        return None
    radius_mm = margins.size.extent_mm / 2
    return Between(gap_mm, radius_mm, hidden_mm(radius_mm, gap_mm))


def sentence(found: Between) -> str:
    """The bound in words, for the end of a verdict's reason.

    >>> sentence(Between(10.0, 13.0, 1.0))
    'between planes a round front of radius 13.0 mm can come 1.0 mm nearer, and a focus under 10.0 mm can be missed'
    """
    focus = f"a focus under {millimetres(found.gap_mm)} can be missed"
    if found.nearer_mm is None:
        return f"between planes {focus}, as large as this whole tumor"
    radius = millimetres(found.radius_mm).partition(" (")[0]  # no limit is asked of it
    front = f"a round front of radius {radius} can come {millimetres(found.nearer_mm)} nearer"
    return f"between planes {front}, and {focus}"

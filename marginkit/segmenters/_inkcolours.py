"""Colours of ink: a hue with a tolerance each, and black; what fits none or two is not assigned.

Hue, in degrees, of the light that passes, with the glass as white. Tissue stained with haematoxylin and eosin lies
between 240° and 350°, where no ink is looked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit import files
from marginkit.errors import PixelError, UsageError

COLOURS = ("black", "blue", "green", "yellow", "orange", "red", "unassigned")
UNASSIGNED = COLOURS.index("unassigned") + 1
SCHEMA, LIMIT_BYTES = "marginkit.palette/1", 1 << 16
PALEST = 0.12  # saturation below which a pixel has no colour
_ONE = re.compile(r"(blue|green|yellow|orange|red)=([0-9.]+)/([0-9.]+)")


@dataclass(frozen=True, slots=True)
class Ink:
    """A colour: hue and tolerance in degrees, saturation from and to, and the greatest brightness (of the glass)."""

    hue_deg: float
    tolerance_deg: float
    saturation: tuple[float, float] = (0.22, 1.0)
    brightest: float = 0.97


PALETTE: Mapping[str, tuple[Ink, ...]] = {
    "blue": (Ink(214, 26, (0.28, 1.0)),),
    "green": (Ink(148, 38, (0.22, 1.0)),),
    # the second yellow is one that dried brown
    "yellow": (
        Ink(54, 13, (0.15, 1.0), 0.985),
        Ink(25, 20, (0.15, 0.80), 0.985),
    ),
    "orange": (Ink(24, 14, (0.80, 1.0)),),
    "red": (Ink(355, 7, (0.75, 1.0)),),
}
FAR = 9.0  # in tolerances: no such colour
BLACK_BRIGHTEST, BLACK_SATURATION = 0.66, 0.36
BROWN_DEG = 41.0
CORE_BRIGHTEST, CORE_CHROMA = 0.5, 0.1


def from_text(text: str) -> dict[str, tuple[Ink, ...]]:
    """Own colours from ``blue=215/25+yellow=45/30``; UsageError E-USE-03 where it says something else."""
    found: dict[str, tuple[Ink, ...]] = {}
    for word in text.split("+") if text.strip() else []:
        match = _ONE.fullmatch(word.strip().lower())
        hue, tolerance = (float(match[2]), float(match[3])) if match else (-1.0, 0.0)
        if not match or not 0 <= hue <= 360 or not 0 < tolerance <= 60:
            remedy = "Write blue=215/25+yellow=45/30: hue 0 to 360 and tolerance in degrees."
            raise UsageError("E-USE-03", "ink palette not understood", cause=f"{word.strip()!r:.60}", remedy=remedy)
        found[match[1]] = (Ink(hue, tolerance),)
    return found


def chosen(text: str) -> dict[str, tuple[Ink, ...]]:
    """Own colours from a palette file (``.json``), or as ``from_text`` reads them."""
    return load(text) if text.strip().lower().endswith(".json") else from_text(text)


def patch(colours: NDArray[np.uint8], glass: NDArray[np.float32]) -> Ink:
    """The colour of a patch of ink, (y, x, 3): its middle hue, and a tolerance that holds nine tenths of it.

    PixelError E-PIX-04 where half of the patch is colourless.
    """
    hue, saturation, value = (np.asarray(one).ravel() for one in _hsv(colours, glass))
    own = saturation >= PALEST
    if own.mean() < 0.5:
        cause = f"{own.mean():.0%} of it has a colour"
        raise PixelError(
            "E-PIX-04", "the patch shows no coloured ink", cause=cause, remedy="Take a patch of ink alone."
        )
    turns = np.exp(1j * np.radians(hue[own]))
    middle_deg = float(np.degrees(np.angle(turns.mean())) % 360)
    off_deg = np.abs((hue[own] - middle_deg + 180) % 360 - 180)
    tolerance_deg = float(np.clip(np.percentile(off_deg, 90) * 1.5, 8, 60))
    low = float(np.clip(np.percentile(saturation[own], 5) * 0.8, 0.1, 0.9))
    bright = float(np.clip(np.percentile(value[own], 95) * 1.05, 0.3, 0.99))
    return Ink(round(middle_deg, 1), round(tolerance_deg, 1), (round(low, 3), 1.0), round(bright, 3))


def load(path: str) -> dict[str, tuple[Ink, ...]]:
    """Colours of a palette file. UsageError E-USE-03 where it is none."""
    content = files.read_bounded(path, LIMIT_BYTES)
    try:
        return from_told(json.loads(content))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        cause = f"no {error}" if isinstance(error, KeyError) else str(error)[:100] or type(error).__name__
        remedy = "Make one with marginkit palette."
        raise UsageError("E-USE-03", "ink palette not understood", cause=cause, remedy=remedy, file=path) from error


def from_told(told: Any) -> dict[str, tuple[Ink, ...]]:
    """Colours of a palette as JSON has it; ValueError, TypeError, KeyError or AttributeError where it is none."""
    if told["schema"] != SCHEMA:
        raise ValueError(f"its schema is not {SCHEMA}")
    return {str(name): tuple(_ink(str(name), one) for one in inks) for name, inks in told["inks"].items()}


def _ink(name: str, told: Any) -> Ink:
    low, high = map(float, told["saturation"])
    ink = Ink(float(told["hue_deg"]), float(told["tolerance_deg"]), (low, high), float(told["brightest"]))
    if name not in COLOURS[1:-1]:
        raise ValueError(f"{name[:40]!r} is none of {', '.join(COLOURS[1:-1])}")
    if not (0 <= ink.hue_deg <= 360 and 0 < ink.tolerance_deg <= 60 and 0 <= low < high <= 1):
        raise ValueError("hue is 0 to 360, tolerance to 60, saturation 0 to 1")
    return ink


def as_text(inks: Mapping[str, tuple[Ink, ...]]) -> str:
    """A palette file."""
    told = {
        name: [
            {
                "hue_deg": one.hue_deg,
                "tolerance_deg": one.tolerance_deg,
                "saturation": list(one.saturation),
                "brightest": one.brightest,
            }
            for one in some
        ]
        for name, some in inks.items()
    }
    return json.dumps({"schema": SCHEMA, "inks": told}, indent=2) + "\n"


def classify(
    look: NDArray[np.uint8], glass: NDArray[np.float32], palette: Mapping[str, tuple[Ink, ...]], sensitivity: float
) -> NDArray[np.uint8]:
    """Number of the colour of each pixel, 1 for the first of ``COLOURS``; 0 where it is none.

    A pixel whose hue is nearly as near to a second colour, in tolerances, is ``unassigned``.
    """
    hue, saturation, value = _hsv(look, glass)
    scores = np.full((len(COLOURS) - 1, *hue.shape), np.inf, np.float32)
    for name, inks in palette.items():
        at = COLOURS.index(name)
        for ink in inks:
            scores[at] = np.minimum(scores[at], _score(hue, saturation, value, ink, sensitivity))
    dark = (value < BLACK_BRIGHTEST) & (saturation < BLACK_SATURATION)
    scores[0] = np.where(dark, 0.0, np.inf)
    order = np.minimum(np.sort(scores, axis=0), FAR)
    labels = np.where(order[0] < FAR, scores.argmin(axis=0) + 1, 0)
    unsure = (order[1] < FAR) & (order[1] - order[0] < 0.25) & ~dark
    return np.where(unsure, UNASSIGNED, labels).astype(np.uint8)


def black_cores(look: NDArray[np.uint8], glass: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Pixels so dark and grey that no stain makes them: where a coat of black ink is thick."""
    _, saturation, value = _hsv(look, glass)
    return np.asarray((value < CORE_BRIGHTEST) & (saturation * value < CORE_CHROMA), np.bool_)


def brown(look: NDArray[np.uint8], glass: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Pixels that are rather brown than yellow: ink that dried, or melanin, or cautery."""
    return np.asarray(_hsv(look, glass)[0] < BROWN_DEG, np.bool_)


def _score(hue: Any, saturation: Any, value: Any, ink: Ink, sensitivity: float) -> NDArray[np.float32]:
    """Distance in tolerances; infinite beyond one, or where the colour is too pale."""
    off = np.abs((hue - ink.hue_deg + 180) % 360 - 180) / ink.tolerance_deg
    low, high = ink.saturation
    fits = (off <= 1) & (saturation >= low / sensitivity) & (saturation <= high) & (value < ink.brightest)
    return np.asarray(np.where(fits, off, np.inf), np.float32)


def _hsv(look: NDArray[np.uint8], glass: NDArray[np.float32]) -> tuple[Any, Any, Any]:
    """Hue in degrees, saturation and value (0 to 1) with the glass as white."""
    import cv2

    light = np.minimum(look.astype(np.float32) / glass, 1)
    hsv = np.asarray(cv2.cvtColor(light.astype(np.float32), cv2.COLOR_RGB2HSV))
    return hsv[..., 0], hsv[..., 1], hsv[..., 2]


def agreed(labels: NDArray[np.uint8], reach_px: float) -> NDArray[np.uint8]:
    """The labels with pixels unassigned whose colour is a minority of less than a third around them."""
    from scipy import ndimage

    here = {i: ndimage.gaussian_filter((labels == i).astype(np.float32), reach_px / 2) for i in range(1, UNASSIGNED)}
    total = np.maximum(sum(here.values()), 1e-6)
    out = labels.copy()
    for i, weight in here.items():
        out[(labels == i) & (weight < total / 3)] = UNASSIGNED
    return out


def unmixed(labels: NDArray[np.uint8], reach_px: float) -> NDArray[np.uint8]:
    """The labels with green that lies beside both blue and yellow unassigned: it may be the one over the other."""
    from scipy import ndimage

    blue, green, yellow = (labels == COLOURS.index(c) + 1 for c in ("blue", "green", "yellow"))
    if not (blue.any() and green.any() and yellow.any()):
        return labels
    pieces, count = ndimage.label(green, np.ones((3, 3)))
    near = [ndimage.distance_transform_edt(~other) <= reach_px for other in (blue, yellow)]
    touch = [np.bincount(pieces[one & green], minlength=count + 1) > 0 for one in near]
    return np.where((touch[0] & touch[1])[pieces] & green, UNASSIGNED, labels).astype(np.uint8)

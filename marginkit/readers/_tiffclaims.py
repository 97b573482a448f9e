"""What a TIFF file says about its pixel size, from raw tags and raw text, each with its own unit.

The surprising thing: in an ImageJ file the resolution tags count pixels per *ImageJ's* unit, which stands in the
description, while the tag that ought to name the unit says "none". A library that reads only the tags gets a number
that is wrong by any factor.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from marginkit import units
from marginkit.errors import CalibrationError, MarginError
from marginkit.records import Claim

from ._ifd import Ifd
from ._xml import parse

X_RESOLUTION, Y_RESOLUTION, UNIT = 282, 283, 296
EXACT_PX = 200
UNIT_WORDS = {1: "none", 2: "inch", 3: "cm"}


def resolution(ifd: Ifd, where: str = "") -> list[Claim]:
    """The claim of XResolution, YResolution and ResolutionUnit; none where there are no such tags."""
    x, y = ifd.rational(X_RESOLUTION), ifd.rational(Y_RESOLUTION)
    if x is None and y is None:
        return []
    source = f"TIFF resolution{where}"
    code = ifd.integer(UNIT, 0)
    shown = "XResolution {}, YResolution {}".format(*("missing" if r is None else f"{r[0]}/{r[1]}" for r in (x, y)))
    detail = f"{shown}, ResolutionUnit {UNIT_WORDS.get(code, code or 'missing')}"
    if x is None or y is None:
        return [Claim(source, None, detail, f"E-CAL-01: {shown}")]
    if UNIT not in ifd.tags:
        return [Claim(source, None, detail, f"E-CAL-01: {shown} without ResolutionUnit; per inch by default?")]
    try:
        spacing_mm = (units.tiff_mm(y, code), units.tiff_mm(x, code))
    except CalibrationError as error:
        return [Claim(source, None, detail, f"{error.code}: {error.cause}")]
    if x[0] == x[1] and y[0] == y[1]:
        return [Claim(source, None, detail, f"E-CAL-01: {shown}: one pixel per unit is written where nothing is known")]
    return [Claim(source, spacing_mm, detail)]


def levels(first: Ifd, rest: Sequence[tuple[Ifd, tuple[float, float]]]) -> list[Claim]:
    """The claims of the levels of a pyramid, each brought to level 0 by the true ratio (y, x) of the sizes."""
    found = []
    base = _raw(first)
    for number, (ifd, ratio) in enumerate(rest, 1):
        for claim in resolution(ifd, f" of level {number}"):
            if claim.spacing_mm is None or min(ifd.integer(256, 0), ifd.integer(257, 0)) < EXACT_PX:
                continue  # the ratio of small sizes is too coarse to contradict anything
            if _raw(ifd) == base:
                found.append(Claim(claim.source, None, claim.detail, "a copy of level 0's tag, not its own size"))
            else:
                spacing_mm = (claim.spacing_mm[0] / ratio[0], claim.spacing_mm[1] / ratio[1])
                found.append(Claim(claim.source, spacing_mm, f"{claim.detail}, {ratio[0]:.6g} times smaller"))
    return found


def _raw(ifd: Ifd) -> tuple[object, ...]:
    return ifd.rational(X_RESOLUTION), ifd.rational(Y_RESOLUTION), ifd.integer(UNIT, 0)


def imagej_fields(text: str) -> dict[str, str]:
    """The lines ``key=value`` of an ImageJ description; the first of each key."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        key, mark, value = line.partition("=")
        if mark:
            fields.setdefault(key.strip(), value.strip())
    return fields


def imagej(ifd: Ifd, fields: Mapping[str, str], planes: bool) -> list[Claim]:
    """The claim of an ImageJ file: resolution tags in ImageJ's unit, with ``spacing`` for the planes.

    The TIFF tags alone count only where ImageJ names no unit.
    """
    unit = fields.get("unit", "")
    if not unit:
        return resolution(ifd)
    per = {axis: units.mm_per(fields.get(f"{axis}unit", unit)) for axis in "xyz"}
    rationals = {"y": ifd.rational(Y_RESOLUTION), "x": ifd.rational(X_RESOLUTION)}
    detail = f"unit={unit}, " + ", ".join(f"{a} {r[0]}/{r[1]}" if r else f"{a} missing" for a, r in rationals.items())
    detail += f", spacing={fields.get('spacing', 'missing')}" if planes else ""
    if per["x"] is None or per["y"] is None:
        return [Claim("ImageJ", None, detail, f"E-CAL-01: unit {unit!r} is no length")]
    try:
        spacing = [_per_pixel(rationals[axis], per[axis] or 0.0, detail) for axis in "yx"]
        if planes and "spacing" in fields and per["z"] is not None:
            # ImageJ writes a negative distance for stacks taken downwards
            spacing.insert(0, units.positive(abs(units.number(fields["spacing"]).value) * per["z"], detail))
    except CalibrationError as error:
        return [Claim("ImageJ", None, detail, f"{error.code}: {error.cause}")]
    return [Claim("ImageJ", tuple(spacing), detail)]


def _per_pixel(rational: tuple[int, int] | None, unit_mm: float, detail: str) -> float:
    if rational is None or rational[0] <= 0 or rational[1] <= 0 or rational == (0xFFFFFFFF, 1):
        raise CalibrationError("E-CAL-02", "impossible resolution", cause=detail)
    return unit_mm * rational[1] / rational[0]


def aperio(text: str) -> list[Claim]:
    """The claim ``MPP`` of an Aperio description. A magnification is not a size."""
    values = re.findall(r"\|\s*MPP\s*=\s*([^|\r\n;]*)", text)
    if not values:
        return []
    detail = f"MPP = {values[-1].strip()}"
    try:
        found = units.number(values[-1], comma=True)
        mm = units.positive(found.value, detail) / 1000
    except CalibrationError as error:
        return [Claim("Aperio MPP", None, detail, f"{error.code}: {error.cause}")]
    return [Claim("Aperio MPP", (mm, mm), detail + (" (decimal comma)" if found.comma else ""))]


def qptiff(text: str, name: str) -> list[Claim]:
    """The claim ``PixelSizeMicrons`` of an Akoya description: one value, or none where it states several."""
    values = sorted({e.text.strip() for e in parse(text, name).iter("PixelSizeMicrons") if e.text and e.text.strip()})
    source, detail = "QPTIFF PixelSizeMicrons", ", ".join(values)
    if not values:
        return []
    if len(values) > 1:
        return [Claim(source, None, detail, f"it states several: {detail}")]
    try:
        mm = units.positive(units.number(values[0], comma=True).value, detail) / 1000
    except MarginError as error:
        return [Claim(source, None, detail, f"{error.code}: {error.cause}")]
    return [Claim(source, (mm, mm), detail)]

"""The page of one case: everything that a reader needs who never installs anything, in one file.

The surprising thing: the picture inside is a JPEG, smaller than the overlay beside it, and not for measuring; the
numbers are text, and the text is the result.
"""

from __future__ import annotations

from typing import Any

from marginkit.errors import MarginError
from marginkit.pages import shell
from marginkit.records import Measured
from marginkit.reports import _pagewords, _profileplot, _synoptic, overlay
from marginkit.wording import RESEARCH, interval, shown

NAME = "page"
FILE = "report.html"
QUALITY = 90
EXTRA = (("barrier", "Behind barrier"), ("focus", "Focus"), ("unseen", "Nearest unseen part"))  # where there are any
FULL_COLOUR = 0x111111  # thin coloured lines lose their colour where it is stored at half the resolution


def write(case: Measured, stream: Any) -> None:
    """Write the page as UTF-8 HTML."""
    policies, by_margin = _pagewords.verdicts(case)
    stream.write(
        shell.render(
            "case.html",
            title=case.case,
            research=RESEARCH,
            region=case.result.region,
            headline=shown(case.result.all),
            synoptic=list(_synoptic.rows(case)),
            picture=shell.embedded(_jpeg(case), "image/jpeg"),
            seen=_seen(case),
            margins=(rows := _pagewords.margins(case)),
            extra=[(key, head) for key, head in EXTRA if any(row[key] for row in rows)],
            parts=_pagewords.parts(case),
            policies=_pagewords.policies(case),
            policy_names=policies,
            by_margin=by_margin,
            planes=_pagewords.planes(case),
            along=_profileplot.along(case),
            nearer=_profileplot.nearer(case),
            slices=_profileplot.slices(case),
            profile=_pagewords.profile(case),
            calibration=list(_pagewords.calibration(case)),
            specimen=list(_pagewords.specimen(case)),
            foci=_pagewords.foci(case),
            signal=_pagewords.signal(case),
            ink=_pagewords.ink(case),
            warnings=case.warnings,
            provenance=_pagewords.provenance(case),
        )
    )


def _jpeg(case: Measured) -> bytes:
    import cv2

    options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, FULL_COLOUR]
    done, packed = cv2.imencode(".jpg", cv2.cvtColor(overlay.shared(case), cv2.COLOR_RGB2BGR), options)
    if not done:
        raise MarginError("E-OUT-03", "the overlay could not be encoded")
    return packed.tobytes()


def _seen(case: Measured) -> str:
    """What the picture shows, for who cannot see it."""
    first, region = case.result.all, case.result.region
    if first.closest is None:
        return f"Image {case.picture.name} with the outline of the specimen. {first.reason or 'No closest pair.'}"
    tumor, edge = (_place(point) for point in (first.closest.tumor_mm, first.closest.edge_mm))
    within = f" (interval {interval(first)})" if interval(first) else ""
    return (
        f"Image {case.picture.name} with the outline of the {region}, the cut edge coloured by its distance"
        f" and the closest pair: {shown(first)}{within}, from {region} at {tumor} to the edge at {edge}, nearest margin"
        f" {_synoptic.closest(case)}."
    )


def _place(point_mm: tuple[float, ...]) -> str:
    return ", ".join(f"{axis} {value:.2f} mm" for axis, value in zip("zyx"[-len(point_mm) :], point_mm))

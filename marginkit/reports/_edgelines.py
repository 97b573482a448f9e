"""The specimen's edge on a drawing: coloured by distance where it is cut, dashed and grey where it is not.

The surprising thing: a slide has a million steps of edge and a drawing a thousand pixels; so steps are taken together,
and the nearest of them gives the colour: what is small and near must not drown.
"""

from __future__ import annotations

import numpy as np

from marginkit.records import Floats, Measured
from marginkit.reports import _colours, _strokes
from marginkit.reports._edge import Steps
from marginkit.reports._frame import frame
from marginkit.reports._strokes import Colour, Pixels
from marginkit.reports._view import View

WIDTH = 6
DASH_PX = (11, 12)  # on and off; the ends of a line are round and take some of the gap
PIECE_PX = 3
BINS = 64


def other(canvas: Pixels, walked: Steps, view: View) -> None:
    """Draw what is not cut edge."""
    runs = [_strokes.thinned(view.px(run)) for run in walked.take(~walked.cut).runs()]
    dashes = [dash for run in runs for dash in _strokes.dashes(run, *DASH_PX)]
    _strokes.lines(canvas, dashes, _colours.PAPER, 5)
    _strokes.lines(canvas, dashes, _colours.OTHER_EDGE, 3)


def cut(canvas: Pixels, walked: Steps, far_mm: float, view: View) -> None:
    """Draw the cut edge, yellow where tumor is near."""
    chosen = walked.take(walked.cut)
    if not len(chosen.ends):
        return
    whole = [view.px(run) for run in chosen.runs()]
    _strokes.lines(canvas, whole, _colours.PAPER, WIDTH + 5)  # violet on black needs a light casing,
    _strokes.lines(canvas, whole, _colours.INK, WIDTH + 3)  # yellow on white a dark one
    pieces = _by_colour(chosen, far_mm, view)
    for colour in sorted(pieces, reverse=True):
        _strokes.lines(canvas, pieces[colour], _rgb(colour / (BINS - 1)), WIDTH)


def _by_colour(walked: Steps, far_mm: float, view: View) -> dict[int, list[Floats]]:
    """Short lines by colour (0 is near)."""
    length_px = np.linalg.norm((walked.ends[:, 1] - walked.ends[:, 0]) * view.zoom, axis=1)
    place = np.floor(np.cumsum(length_px) / PIECE_PX)
    starts = np.flatnonzero(walked.breaks | np.concatenate([[True], np.diff(place) != 0]))
    nearest = np.minimum.reduceat(walked.distance_mm, starts)
    colours = np.floor(np.clip(nearest / far_mm, 0, 1) * (BINS - 1)).astype(int)
    stops = np.append(starts[1:], len(walked.ends))
    pieces: dict[int, list[Floats]] = {}
    for start, stop, colour in zip(starts.tolist(), stops.tolist(), colours.tolist()):
        points = np.vstack([walked.ends[start:stop, 0], walked.ends[stop - 1 : stop, 1]])
        pieces.setdefault(colour, []).append(view.px(points))
    return pieces


def points(canvas: Pixels, case: Measured, far_mm: float, view: View) -> None:
    """Draw the points of the profile, for want of an outline; of those on one pixel the nearest."""
    profile = case.result.profile
    places = view.px(frame(case).corners(profile.edge_px))
    order = np.argsort(profile.distance_mm, kind="stable")
    _, first = np.unique(np.floor(places[order]), axis=0, return_index=True)
    kept = order[np.sort(first)[::-1]].tolist()
    for k in kept:
        _strokes.dot(canvas, places[k], WIDTH / 2 + 1.5, _colours.INK)
    for k in kept:
        _strokes.dot(canvas, places[k], WIDTH / 2, _rgb(profile.distance_mm[k] / far_mm))


def _rgb(share: float) -> Colour:
    r, g, b = (round(float(c)) for c in _colours.of_distance(np.array(share), 1.0))
    return r, g, b

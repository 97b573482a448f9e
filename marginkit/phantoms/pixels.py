"""Drawn on the pixel grid: the margin is exact."""

from __future__ import annotations

import numpy as np

from marginkit.phantoms.phantom import Phantom
from marginkit.phantoms.shapes import Bools, box


def _square(n: int = 60) -> Bools:
    return box((n, n), (10, n - 10), (10, n - 10))


def _in_square() -> Phantom:
    what = "square in a square, 7 pixels from the edge"
    return Phantom("square", "pixels", what, box((60, 60), (17, 30), (22, 35)), _square(), (0.1, 0.1), 0.7)


def _one_between() -> Phantom:
    what = "one pixel between tumor and edge: exactly one pixel"
    return Phantom("one-pixel", "pixels", what, box((60, 60), (11, 30), (25, 35)), _square(), (0.25, 0.25), 0.25)


def _split() -> Phantom:
    what = "the same tissue sampled four times as finely"
    tumor, specimen = (np.kron(mask, np.ones((4, 4), bool)) for mask in (box((60, 60), (11, 30), (25, 35)), _square()))
    return Phantom("one-pixel-split", "pixels", what, tumor, specimen, (0.0625, 0.0625), 0.25)


def _touching_side() -> Phantom:
    what = "tumor shares a pixel side with the edge"
    tumor = box((60, 60), (10, 30), (25, 35))
    return Phantom("touching", "pixels", what, tumor, _square(), (0.3, 0.3), 0.0, "touching", flag="touching")


def _touching_corner() -> Phantom:
    what = "tumor meets the edge in one corner only"
    specimen = _square() & ~box((60, 60), (0, 25), (0, 25))
    return Phantom(
        "touching-corner", "pixels", what, box((60, 60), (25, 30), (25, 30)), specimen, (0.3, 0.3), 0.0, "touching"
    )


def _anisotropic() -> Phantom:
    what = "2 rows of 0.5 mm are nearer than 5 columns of 0.25 mm"
    tumor = box((60, 60), (12, 40), (15, 40))
    return Phantom("anisotropic", "pixels", what, tumor, _square(), (0.5, 0.25), 1.0, flag="anisotropic")


def _diagonal() -> Phantom:
    what = "nearest across a corner: 3 rows of 0.5 mm and 8 columns of 0.25 mm make 2.5 mm"
    specimen = _square(100) & ~box((100, 100), (0, 30), (0, 40))
    return Phantom("corner", "pixels", what, box((100, 100), (33, 50), (48, 60)), specimen, (0.5, 0.25), 2.5)


def _frame() -> Phantom:
    what = "the view ends 1 mm from tumor, the edge is 2 mm away: at most 2 mm"
    specimen, tumor = box((60, 60), (0, 50), (10, 50)), box((60, 60), (5, 20), (20, 40))
    flag = "frame_nearer_than_edge"
    return Phantom("frame", "pixels", what, tumor, specimen, (0.2, 0.2), 2.0, "at_most", flag=flag)


def _leaves_view() -> Phantom:
    what = "tumor leaves the view: what lies beyond was not seen"
    specimen, tumor = box((60, 60), (0, 50), (10, 50)), box((60, 60), (0, 20), (20, 40))
    return Phantom("leaves-view", "pixels", what, tumor, specimen, (0.2, 0.2), 2.0, "at_most", flag="tumor_leaves_view")


def _hole() -> Phantom:
    what = "a vessel 2 pixels from tumor is no edge"
    specimen = _square() & ~box((60, 60), (30, 34), (30, 34))
    return Phantom("hole", "pixels", what, box((60, 60), (18, 28), (25, 35)), specimen, (0.1, 0.1), 0.8)


def _hole_cut() -> Phantom:
    what = "the same vessel, counted as cut edge because asked"
    specimen = _square() & ~box((60, 60), (30, 34), (30, 34))
    tumor, options = box((60, 60), (18, 28), (25, 35)), {"holes": "cut"}
    return Phantom("hole-cut", "pixels", what, tumor, specimen, (0.1, 0.1), 0.2, options=options)


def _foci() -> Phantom:
    what = "one pixel of tumor 3 pixels from the edge, the main mass 15"
    tumor = box((60, 60), (25, 35), (25, 35)) | box((60, 60), (13, 14), (30, 31))
    return Phantom("foci", "pixels", what, tumor, _square(), (0.1, 0.1), 0.3, flag="one_pixel_minimum")


def _pieces() -> Phantom:
    what = "the other piece of tissue, 4 pixels away, is not measured to"
    specimen = box((60, 80), (10, 50), (10, 50)) | box((60, 80), (10, 50), (52, 70))
    tumor = box((60, 80), (20, 40), (30, 43))
    return Phantom("pieces", "pixels", what, tumor, specimen, (0.1, 0.1), 0.7, flag="several_pieces")


def _notch() -> Phantom:
    what = "cut edge on the right only, beyond a cleft that the straight line crosses"
    specimen = box((60, 100), (10, 50), (10, 90)) & ~box((60, 100), (0, 40), (50, 53))
    tumor, options = box((60, 100), (15, 25), (20, 40)), {"edge": box((60, 100), (0, 60), (90, 91))}
    return Phantom(
        "notch", "pixels", what, tumor, specimen, (0.1, 0.1), 5.0, options=options, flag="line_leaves_tissue"
    )


def _barrier() -> Phantom:
    what = "a fascia from side to side lies between tumor and the nearest edge"
    wall, tumor = box((60, 60), (42, 44), (10, 50)), box((60, 60), (28, 38), (25, 35))
    options = {"barrier": {"fascia": wall}}
    return Phantom(
        "barrier", "pixels", what, tumor, _square(), (0.1, 0.1), 1.2, options=options, behind_barrier="fascia"
    )


def _breach() -> Phantom:
    what = "the same fascia, which tumor has grown through: it protects nothing"
    tumor = box((60, 60), (28, 38), (25, 35)) | box((60, 60), (38, 46), (29, 31))
    options = {"barrier": {"fascia": box((60, 60), (42, 44), (10, 50))}}
    return Phantom(
        "breach", "pixels", what, tumor, _square(), (0.1, 0.1), 0.4, options=options, flag="barrier_breached"
    )


def _named() -> Phantom:
    what = "the deep margin, which is not the nearest"
    options = {"names": {"superior": box((60, 60), (0, 10), (0, 60)), "deep": box((60, 60), (50, 60), (0, 60))}}
    tumor = box((60, 60), (17, 30), (22, 35))
    return Phantom("named", "pixels", what, tumor, _square(), (0.1, 0.1), 2.0, options=options, margin="deep")


def _solid() -> Phantom:
    what = "box in a box, slices of 2 mm: nearest in plane"
    specimen = box((10, 40, 40), (1, 9), (5, 35), (5, 35))
    return Phantom(
        "3d-in-plane", "pixels", what, box((10, 40, 40), (4, 6), (10, 20), (15, 25)), specimen, (2.0, 0.5, 0.5), 2.5
    )


def _solid_z() -> Phantom:
    what = "box in a box, slices of 2 mm: nearest across one slice"
    specimen = box((10, 40, 40), (1, 9), (5, 35), (5, 35))
    return Phantom(
        "3d-across", "pixels", what, box((10, 40, 40), (2, 6), (10, 20), (15, 25)), specimen, (2.0, 0.5, 0.5), 2.0
    )


def _solid_corner() -> Phantom:
    what = "nearest across a corner of three axes: 2, 3 and 6 mm make 7 mm"
    specimen = box((20, 60, 60), (1, 19), (2, 58), (2, 58)) & ~box((20, 60, 60), (0, 8), (0, 26), (0, 26))
    tumor = box((20, 60, 60), (9, 10), (29, 31), (32, 34))
    return Phantom("3d-corner", "pixels", what, tumor, specimen, (2.0, 1.0, 1.0), 7.0)


def _stack_end() -> Phantom:
    what = "tissue leaves the stack at its first slice, nearer than the edge: at most"
    specimen, tumor = box((10, 40, 40), (0, 9), (5, 35), (5, 35)), box((10, 40, 40), (1, 5), (15, 25), (15, 25))
    flag = "section_nearer_than_edge"
    return Phantom("3d-stack-end", "pixels", what, tumor, specimen, (2.0, 0.5, 0.5), 5.0, "at_most", flag=flag)


MAKERS = (
    _in_square,
    _one_between,
    _split,
    _touching_side,
    _touching_corner,
    _anisotropic,
    _diagonal,
    _frame,
    _leaves_view,
    _hole,
    _hole_cut,
    _foci,
    _pieces,
    _notch,
    _barrier,
    _breach,
    _named,
    _solid,
    _solid_z,
    _solid_corner,
    _stack_end,
)

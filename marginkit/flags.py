"""Quality flags: each defined once, with the sentence a reader sees and whether it weakens a verdict.

A flag is an adjective of a result. The surprising thing: a flag never changes a number; it says what the
number does not know.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Flag:
    """One quality flag: name, the sentence shown to the user, and whether a verdict is weakened by it."""

    name: str
    sentence: str
    weakens: bool = False


_ALL = (
    Flag("touching", "Tumor reaches the resection edge."),
    Flag("tumor_leaves_view", "Tumor reaches the border of the view: what lies beyond was not seen.", True),
    Flag("frame_nearer_than_edge", "The border of the view is as near to the tumor as the cut edge, or nearer.", True),
    Flag(
        "section_nearer_than_edge",
        "A section face (first or last slice, block face) is as near to the tumor as the cut edge, or nearer.",
        True,
    ),
    Flag("no_cut_edge", "No cut edge in view.", True),
    Flag("unknown_edge", "Part of the outline is of unknown class and was not measured to."),
    Flag("tumor_outside_specimen", "Part of the tumor lies outside the specimen and was not measured.", True),
    Flag("one_pixel_minimum", "The margin hangs on a focus of one pixel; the main mass is farther away.", True),
    Flag("tied", "More than one closest pair has this distance; the first in array order is shown."),
    Flag("line_leaves_tissue", "The straight line of the closest pair leaves the tissue."),
    Flag("single_plane", "One plane was examined: in 3-D the margin can only be smaller.", True),
    Flag("anisotropic", "The pixel is not square; distances use both sizes."),
    Flag(
        "void_leaves_stack",
        "The nearest edge is that of a void that leaves the stack through its first or last slice only: "
        "if it is a lumen, class it as hole.",
        True,
    ),
    Flag("unknown_plane_gap", "The gap between planes is unknown: planes are measured one by one.", True),
    Flag("several_pieces", "The image holds more than one piece of tissue; each is measured by itself."),
    Flag("barrier_breached", "Tumor has broken through a barrier: it protects nothing behind the breach.", True),
    Flag("barrier_open", "A barrier crosses the straight line to this edge, but the tumor can reach it around it."),
    Flag("claims_disagree", "The file states more than one pixel size.", True),
    Flag("screen_default", "A resolution of 72 or 96 dpi is a default of screens, not a pixel size.", True),
    Flag("implausible_pixel_size", "The pixel size is unusual for this kind of image.", True),
    Flag("confirmed_by_user", "The pixel size was confirmed by the user against a warning."),
    Flag("decimal_comma", "A decimal comma was read as a decimal point."),
    Flag("signed_offset", "All values are at or above 32768: signed data with an offset?"),
    Flag("excluded_values", "Values that are not finite were left out."),
    Flag("not_scanned", "Part of the image was never scanned and counts as outside."),
    Flag("orientation_applied", "The orientation stored in the file was applied."),
    Flag("repaired_outline", "An outline crossed itself and was repaired."),
    Flag("corrected_by_hand", "A mask that was corrected by hand was taken in place of the source."),
    Flag("uninked_edge", "Part of the outline carries no ink."),
    Flag("ink_unassigned", "Some ink on the outline is of no sure colour and names no margin.", True),
    Flag(
        "brown_ink", "Brown on the outline was taken for yellow ink that dried; pigment and cautery look alike.", True
    ),
    Flag("pen_left_out", "Pen on the glass was seen and not taken for ink; look at it where it crosses tissue.", True),
    Flag("saturated_signal", "More than 0.1 % of the signal is saturated.", True),
    Flag(
        "coarse_missed",
        "Fine pixels showed parts that coarse ones had not: elsewhere there may be more, and a closer pair with them.",
        True,
    ),
    Flag("rasterised_contours", "Planar contours were turned into voxels by the pixel-centre rule."),
    Flag(
        "contours_skip_planes",
        "Planes without a contour lie between planes that have one: nothing was filled there.",
        True,
    ),
)

FLAGS: dict[str, Flag] = {flag.name: flag for flag in _ALL}


def sentence(name: str) -> str:
    """The sentence of a flag.

    >>> sentence("no_cut_edge")
    'No cut edge in view.'
    """
    return FLAGS[name].sentence

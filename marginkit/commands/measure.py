"""marginkit measure."""

from __future__ import annotations

from typing import Annotated

import typer

from marginkit.commands import case as cases
from marginkit.commands.terminal import progress
from marginkit.commands.words import STATES, Axes, Confirm, Json, Out, PixelSize, limits_mm, not_negative, one_of, pairs

EPILOG = (
    "Example: marginkit measure ct.nii.gz --tumor gtv.nii.gz --specimen threshold:above=-300,largest=yes"
    " --policy sarcoma-cates-2019 --radiotherapy no --out case7"
)


def measure(
    image: Annotated[str, typer.Argument(metavar="IMAGE", help="The image that gives the pixel size.")],
    specimen: Annotated[str, typer.Option("--specimen", metavar="SRC", help="The tissue that was removed.")],
    tumor: Annotated[str, typer.Option("--tumor", metavar="SRC", help="The tumor.")] = "",
    signal: Annotated[str, typer.Option("--signal", metavar="SRC", help="Fluorescent signal, instead.")] = "",
    edge: Annotated[
        list[str] | None, typer.Option("--edge", metavar="SRC", help="The cut edge, or CLASS=SRC; repeatable.")
    ] = None,
    name: Annotated[
        list[str] | None, typer.Option("--name", metavar="NAME=SRC", help="A named margin; repeatable.")
    ] = None,
    sectors: Annotated[
        str, typer.Option("--sectors", metavar="MAP", help="Margins by direction: up=superior,right=lateral.")
    ] = "",
    barrier: Annotated[
        list[str] | None, typer.Option("--barrier", metavar="TYPE=SRC", help="A barrier; repeatable.")
    ] = None,
    ink: Annotated[str, typer.Option("--ink", metavar="MAP", help="Margins by ink: blue=superior,black=deep.")] = "",
    ink_method: Annotated[
        str, typer.Option("--ink-method", metavar="NAME", help="Of the inks, with options: ink:palette=FILE.")
    ] = "ink",
    pixel_size: PixelSize = None,
    confirm: Confirm = False,
    axes: Axes = None,
    state: Annotated[
        str | None, typer.Option("--state", metavar="STATE", help="fresh, fixed, slide or in-vivo.")
    ] = None,
    policy: Annotated[list[str] | None, typer.Option("--policy", metavar="ID", help="Judge by it; repeatable.")] = None,
    radiotherapy: Annotated[
        str, typer.Option("--radiotherapy", metavar="WORD", help="Adjuvant: yes, no or unknown.")
    ] = "unknown",
    limits: Annotated[
        str, typer.Option("--limits", metavar="MM,MM", help="Report the edge nearer than these.")
    ] = "1,5",
    plane: Annotated[int | None, typer.Option("--slice", metavar="N", help="One slice of a stack, from 0.")] = None,
    boundary: Annotated[
        str, typer.Option("--boundary", metavar="WORD", help="Of masks: pixels, or contour (smoothed).")
    ] = "pixels",
    holes: Annotated[
        str, typer.Option("--holes", metavar="WORD", help="ignore them, or count them as cut.")
    ] = "ignore",
    link_mm: Annotated[float, typer.Option("--link-mm", metavar="MM", help="Foci so near count as one.")] = 0.0,
    shift_mm: Annotated[
        float, typer.Option("--boundary-shift-mm", metavar="MM", help="How far the tumor's boundary may be off.")
    ] = 0.0,
    refine: Annotated[
        str, typer.Option("--refine", metavar="SIZE", help="Segment on such pixels (16um), finer near closest pairs.")
    ] = "",
    case: Annotated[str, typer.Option("--case", metavar="NAME", help="Name of the case; else that of IMAGE.")] = "",
    out: Out = None,
    dicom_seg: Annotated[
        bool, typer.Option("--dicom-seg", help="Also regions as DICOM SEG, which name the patient as the images do.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Measure one case, judge it, write pictures and results.

    SRC is a mask, probability or label file (FILE#label=2), an outline file (FILE#Class), or a segmenter with its
    options (NAME:key=value,key=value).
    """
    from marginkit.pipeline import Job

    if dicom_seg and out is None:
        raise typer.BadParameter("it writes files: give --out DIR too", param_hint="--dicom-seg")
    job = Job(
        image=image,
        specimen=specimen,
        tumor=tumor,
        signal=signal,
        edge=",".join(edge or ()),
        names=pairs(name, "--name"),
        sectors=sectors,
        barriers=pairs(barrier, "--barrier", "barrier"),
        ink=ink,
        ink_method=ink_method,
        pixel_size=pixel_size,
        confirm=confirm,
        axes=axes,
        state=one_of(state, STATES, "--state"),
        policies=tuple(policy or ()),
        radiotherapy={"yes": True, "no": False}.get(one_of(radiotherapy, ("yes", "no", "unknown"), "--radiotherapy")),
        limits_mm=limits_mm(limits),
        plane=plane,
        boundary=one_of(boundary, ("pixels", "contour"), "--boundary"),
        holes=one_of(holes, ("ignore", "cut"), "--holes"),
        link_mm=not_negative(link_mm, "--link-mm"),
        boundary_shift_mm=not_negative(shift_mm, "--boundary-shift-mm"),
        refine=refine,
        case=case,
    )
    with progress(f"measuring {job.name}"):
        found = cases.measured(job)
    if out is not None:
        cases.write(found, out)
        if dicom_seg:
            cases.write_dicom_seg(found, image, out)
    cases.show([found], as_json)

"""Make the sample images, their masks and their answers again: python sample_data/make.py [FOLDER].

Seeded: the same files come out each time. The answers are computed from the shapes, in closed form, and by brute
force over pixels; marginkit is not used.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import draw
import numpy as np
import shapes
import tifffile
from numpy.typing import NDArray
from shapes import Arc, Bools, Floats

SEED = 20260101


def main(folder: Path) -> None:
    """Write every file."""
    folder.mkdir(parents=True, exist_ok=True)
    answers = {"he": excision(folder), "fluorescence": slice_of_tissue(folder), "stack": limb(folder)}
    text = json.dumps(answers, indent=1, ensure_ascii=False)
    (folder / "answers.json").write_bytes((text + "\n").encode())


# (a) an excision of skin on a slide, with ink

HE_MM = 0.025
HE_SHAPE = (600, 800)
HE_ARCS = (
    Arc("superior", (12.5, 8.0), 10.9),
    Arc("deep", (10.3, -8.0), 20.6),
    Arc("inferior", (4.2, 8.1), 14.0),
    Arc("skin", (10.0, 27.5), 25.0),
)
HE_TUMOR = shapes.lobed((8.6, 8.45), 2.45, ((2, 0.10, 0.4), (3, 0.07, 1.9), (5, 0.05, 0.6), (9, 0.025, 2.2)))
BLUE, BLACK = (38, 84, 178), (30, 28, 33)


def excision(folder: Path) -> dict[str, Any]:
    """H&E with blue ink on the superior and black ink on the deep margin; the skin surface is no cut edge."""
    rng = np.random.default_rng(SEED)
    x, y = shapes.pixel_centres(HE_SHAPE, HE_MM)
    deep = shapes.depths(HE_ARCS, x, y)
    depth, side = deep.min(axis=0), deep.argmin(axis=0)
    tissue, tumor = depth >= 0, shapes.inside(HE_TUMOR, x, y)
    rgb = draw.stained(*draw.skin_excision(rng, x, y, deep[3], tumor))
    for number, colour in ((0, BLUE), (1, BLACK)):
        rgb = draw.inked(rng, rgb, np.where((side == number) & tissue, depth, np.inf), colour)
    glass = draw.GLASS + 1.0 * draw.noise(rng, HE_SHAPE, 30)[..., None]
    rgb = draw.blend(glass, rgb, tissue.astype(float))
    labels = np.where(~tissue & (depth > -0.1), side + 1, 0).astype(np.uint8)
    write(folder / "he.ome.tif", draw.scanned(rng, rgb), (HE_MM, HE_MM))
    write(folder / "he_tumor.ome.tif", mask(tumor), (HE_MM, HE_MM))
    write(folder / "he_specimen.ome.tif", mask(tissue), (HE_MM, HE_MM))
    write(folder / "he_margins.ome.tif", labels, (HE_MM, HE_MM))
    outlines = {"Tumor": HE_TUMOR} | {
        arc.name: shapes.band(arc, [a for a in HE_ARCS if a is not arc]) for arc in HE_ARCS
    }
    write_outlines(folder / "he.geojson", outlines, HE_MM)
    pixels = shapes.pixel_margins_mm(tumor, tissue, labels, (HE_MM, HE_MM))
    return {
        "image": "he.ome.tif",
        "masks": {"tumor": "he_tumor.ome.tif", "specimen": "he_specimen.ome.tif"},
        "labels": {"file": "he_margins.ome.tif", "names": {str(k + 1): arc.name for k, arc in enumerate(HE_ARCS)}},
        "outlines": "he.geojson",
        "spacing_mm": [HE_MM, HE_MM],
        "state": "slide",
        "ink": {"superior": "blue", "deep": "black"},
        "natural": ["skin"],
        "tumor_area_mm2": area(HE_TUMOR),
        "margins": named_margins(HE_ARCS, HE_TUMOR, pixels, natural=("skin",)),
    }


# (b) a slice of a fluorescent specimen

FL_MM = 0.05
FL_SHAPE = (480, 600)
FL_ARCS = (
    Arc("superior", (15.2, 26.0), 23.3),
    Arc("medial", (11.6, 12.2), 16.3),
    Arc("deep", (15.6, -4.0), 25.3),
    Arc("lateral", (27.0, 13.4), 25.2),
)
FL_TUMOR = shapes.lobed((17.1, 13.1), 4.3, ((2, 0.13, 2.6), (3, 0.09, 0.3), (4, 0.05, 1.1), (7, 0.03, 0.9)))


def slice_of_tissue(folder: Path) -> dict[str, Any]:
    """16-bit counts; the bright region is tumor here, because it was drawn so."""
    rng = np.random.default_rng(SEED + 1)
    x, y = shapes.pixel_centres(FL_SHAPE, FL_MM)
    deep = shapes.depths(FL_ARCS, x, y)
    depth, side = deep.min(axis=0), deep.argmin(axis=0)
    tissue, tumor = depth >= 0, shapes.inside(FL_TUMOR, x, y)
    counts = draw.fluorescence(rng, x, y, depth, tumor, tissue)
    write(folder / "fluorescence.ome.tif", counts, (FL_MM, FL_MM), "ICG 800 nm")
    write(folder / "fluorescence_tumor.ome.tif", mask(tumor), (FL_MM, FL_MM))
    write(folder / "fluorescence_specimen.ome.tif", mask(tissue), (FL_MM, FL_MM))
    write_outlines(folder / "fluorescence.geojson", {"Tumor": FL_TUMOR}, FL_MM)
    pixels = shapes.pixel_margins_mm(tumor, tissue, np.where(tissue, 0, side + 1), (FL_MM, FL_MM))
    return {
        "image": "fluorescence.ome.tif",
        "masks": {"tumor": "fluorescence_tumor.ome.tif", "specimen": "fluorescence_specimen.ome.tif"},
        "outlines": "fluorescence.geojson",
        "spacing_mm": [FL_MM, FL_MM],
        "state": "fresh",
        "tumor_area_mm2": area(FL_TUMOR),
        "offset_counts": 100,
        "margins": named_margins(FL_ARCS, FL_TUMOR, pixels),
    }


# (c) a stack: a cylinder of tissue that leaves the view at both ends

ST_MM = (3.0, 0.8, 0.8)
ST_SHAPE = (18, 88, 100)
ST_CYLINDER = ((39.7, 34.6), 32.0)  # centre (x, y) and radius
ST_TUMORS = {"tumor": ((47.5, 36.5, 27.2), 13.0), "satellite": ((30.2, 28.4, 9.5), 6.1)}  # centre (x, y, z), radius


def limb(folder: Path) -> dict[str, Any]:
    """int16 Hounsfield units; a tumor, and a satellite that is nearer to the first slice than to the edge."""
    rng = np.random.default_rng(SEED + 2)
    z, y, x = (((np.arange(n) + 0.5) * s) for n, s in zip(ST_SHAPE, ST_MM))
    z, y, x = np.meshgrid(z, y, x, indexing="ij")
    (cx, cy), radius = ST_CYLINDER
    depth = radius - np.hypot(x - cx, y - cy)
    balls = {k: np.sqrt((x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2) <= r for k, ((a, b, c), r) in ST_TUMORS.items()}
    write(folder / "stack.ome.tif", draw.limb(rng, depth, np.logical_or(*balls.values()), ST_MM), ST_MM)
    write(folder / "stack_specimen.ome.tif", mask(depth >= 0), ST_MM)
    margins = {}
    for name, ((a, b, c), r) in ST_TUMORS.items():
        write(folder / f"stack_{name}.ome.tif", mask(balls[name]), ST_MM)
        near = shapes.pixel_margins_mm(balls[name], depth >= 0, np.zeros(ST_SHAPE, int), ST_MM)[0]
        edge, end = radius - np.hypot(a - cx, b - cy) - r, min(c - r, ST_SHAPE[0] * ST_MM[0] - c - r)
        slices = np.flatnonzero(balls[name].any(axis=(1, 2)))
        unseen = float(min(slices[0], ST_SHAPE[0] - 1 - slices[-1]) * ST_MM[0])
        qualifier = "at_most" if unseen <= near else "exact"
        margins[name] = {
            "analytic_mm": float(edge), "pixel_mm": near, "qualifier": qualifier,
            "to_stack_end_analytic_mm": float(end), "to_stack_end_pixel_mm": unseen,
        }  # fmt: skip
    return {
        "image": "stack.ome.tif",
        "masks": {name: f"stack_{name}.ome.tif" for name in ("specimen", *ST_TUMORS)},
        "spacing_mm": list(ST_MM),
        "state": "in-vivo",
        "margins": margins,
    }


# Answers and files


def named_margins(
    arcs: Sequence[Arc], outline: Floats, pixels: Mapping[int, float], natural: Sequence[str] = ()
) -> dict[str, Any]:
    """Analytic and pixel margin of each side and of all that was cut; edge_point_mm is (y, x).

    Refuses a side whose nearest point is not on its own arc.
    """
    out = {}
    for number, arc in enumerate(arcs):
        foot = arc.foot(outline)
        if shapes.depths(arcs, *foot).min() < -1e-9:
            raise SystemExit(f"{arc.name}: the nearest point lies on another side")
        out[arc.name] = {"analytic_mm": arc.margin_mm(outline), "pixel_mm": pixels[number + 1]}
        out[arc.name]["edge_point_mm"] = [round(float(foot[1]), 6), round(float(foot[0]), 6)]
    nearest = min((side for side in out if side not in natural), key=lambda side: out[side]["analytic_mm"])
    return {"all": {**out[nearest], "side": nearest}, **out}


def area(outline: Floats) -> float:
    """Area of a polygon, mm²."""
    x, y = outline.T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)


def mask(region: Bools) -> NDArray[np.uint8]:
    """A mask as it is written: 0 and 255."""
    return region.astype(np.uint8) * 255


def write(path: Path, data: NDArray[Any], spacing: tuple[float, ...], channel: str = "") -> None:
    """An OME-TIFF with its pixel size in micrometres and nothing else to say: no dpi, no date, no UUID."""
    rgb = data.ndim == 3 and data.shape[-1] == 3 and len(spacing) == 2
    sizes = dict(zip("YX" if len(spacing) == 2 else "ZYX", data.shape))
    physical = {axis: f"{1000 * mm:g}" for axis, mm in zip("YX" if len(spacing) == 2 else "ZYX", spacing)}
    words = {"ID": "Pixels:0", "DimensionOrder": "XYCZT", "Type": data.dtype.name, "BigEndian": "false"}
    words |= {f"Size{a}": sizes.get(a, 3 if rgb and a == "C" else 1) for a in "XYZCT"}
    words |= {f"PhysicalSize{a}": v for a, v in physical.items()} | {f"PhysicalSize{a}Unit": "µm" for a in physical}
    inner = f'<Channel ID="Channel:0:0" SamplesPerPixel="{3 if rgb else 1}"{named(channel)}/>'
    inner += f'<TiffData IFD="0" PlaneCount="{sizes.get("Z", 1)}"/>'
    pixels = f"<Pixels {' '.join(f'{k}={quoteattr(str(v))}' for k, v in words.items())}>{inner}</Pixels>"
    image = f'<Image ID="Image:0" Name={quoteattr(path.name)}>{pixels}</Image>'
    ome = f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">{image}</OME>'
    xml = f'<?xml version="1.0" encoding="UTF-8"?>{ome}'
    with tifffile.TiffWriter(path, ome=False, byteorder="<") as tif:
        tif.write(
            data,
            photometric="rgb" if rgb else "minisblack",
            compression="lzw",
            predictor=data.dtype != np.uint8 or rgb,
            rowsperstrip=64,
            description=xml.encode(),
            metadata=None,
            software="marginkit sample_data",
        )


def named(channel: str) -> str:
    """The Name attribute of a channel, if it has one."""
    return f" Name={quoteattr(channel)}" if channel else ""


def write_outlines(path: Path, outlines: Mapping[str, Floats], spacing: float) -> None:
    """Outlines as QuPath exports them: level-0 pixels, (x, y), integers on pixel corners."""
    features = [
        {
            "type": "Feature",
            "id": f"marginkit-sample-{number}",
            "geometry": {"type": "Polygon", "coordinates": [ring(outline / spacing)]},
            "properties": {"objectType": "annotation", "name": name, "classification": {"name": name}},
        }
        for number, (name, outline) in enumerate(outlines.items(), 1)
    ]
    text = json.dumps({"type": "FeatureCollection", "features": features}, separators=(",", ":"))
    path.write_bytes((text + "\n").encode())


def ring(points: Floats) -> list[list[float]]:
    """A closed ring of [x, y]."""
    closed = np.concatenate([points, points[:1]])
    return [[round(float(x), 4), round(float(y), 4)] for x, y in closed]


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent)

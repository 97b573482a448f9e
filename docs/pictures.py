"""Make the pictures of README and docs anew: python docs/pictures.py  (needs matplotlib for the drawn figures)"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import numpy as np
from matplotlib.patches import Circle, Rectangle
from numpy.typing import NDArray
from PIL import Image

import marginkit as mk
from marginkit import pipeline, samples
from marginkit.pipeline import Job
from marginkit.records import Failed
from marginkit.reports import overlay

HERE = Path(__file__).resolve().parent
WIDTH_PX, COLOURS = 1040, 128
TICKS_MM = (0.02, 0.05, 0.1, 0.2, 0.5)
TUMOR, TISSUE, EDGE = "#b0413e", "#e9c9c4", "#1b5e8c"


def tutorial_jobs() -> dict[str, Job]:
    """Name of the picture -> the measurement that it shows; the commands of the tutorials."""
    slide, glow, stack = samples.jobs()
    here = samples.folder()
    found = replace(slide, tumor=f"{here / 'he.geojson'}#Tumor", specimen="specimen", edge="", names={})
    return {
        "demo": slide,
        "slide": replace(found, ink="blue=superior,black=deep", radiotherapy=False),
        "fluorescence": replace(
            glow, signal="fluorescence:threshold=half,background=tissue,dark=100,view=section", specimen="specimen"
        ),
        "stack": stack,
    }


def overlay_of(job: Job, name: str) -> None:
    """Measure a sample and write its overlay, smaller."""
    case = pipeline.run(job)
    if isinstance(case, Failed):
        raise case.error
    picture = overlay.draw(case)
    height = round(picture.shape[0] * WIDTH_PX / picture.shape[1])
    small = cv2.resize(picture, (WIDTH_PX, height), interpolation=cv2.INTER_AREA)
    few = Image.fromarray(small).quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(HERE / f"{name}.png", optimize=True)


def sheet(width: float, height: float, columns: int = 1) -> tuple[Any, Any]:
    """An empty figure and its axes."""
    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot.subplots(1, columns, figsize=(width, height), layout="constrained")


def keep(figure: Any, name: str) -> None:
    """Write the figure without what changes from day to day."""
    figure.savefig(HERE / f"{name}.png", dpi=110, metadata={"Software": None})


def squares(axes: Any, mask: NDArray[np.bool_], colour: str) -> None:
    for row, column in np.argwhere(mask):
        axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=colour, edgecolor="white", linewidth=0.8))


def closed_pixels() -> None:
    """A disc of tissue and a disc of tumor as pixels; the three distances that one can read from them."""
    rows, columns = np.mgrid[:15, :19]
    specimen = (rows - 7.2) ** 2 + (columns - 7.0) ** 2 < 6.4**2
    tumor = (rows - 7.2) ** 2 + (columns - 5.2) ** 2 < 2.4**2
    m = mk.measure(tumor, specimen, (1.0, 1.0))
    assert m.closest is not None
    assert m.interval_mm is not None
    figure, axes = sheet(8, 5.2)
    squares(axes, specimen, TISSUE)
    squares(axes, tumor, TUMOR)
    for centre, radius in (((7.0, 7.2), 6.4), ((5.2, 7.2), 2.4)):
        axes.add_patch(Circle(centre, radius, fill=False, linestyle="--", linewidth=1.2, color="black"))
    (y0, x0), (y1, x1) = m.closest.tumor_px, m.closest.edge_px
    axes.plot([x0, x1], [y0, y1], color=EDGE, linewidth=3, marker="o")
    text = f"true shapes (dashed): 2.20 px\nclosed pixels (blue): {m.value_mm:.2f} px\n"
    text += f"interval: {m.interval_mm[0]:.2f} to {m.interval_mm[1]:.2f} px"
    axes.text(13.9, 1.5, text, va="top", fontsize=11)
    axes.set(xlim=(-0.5, 20), ylim=(14.5, -0.5), aspect="equal")
    axes.axis("off")
    keep(figure, "closed-pixels")


def finer_and_finer() -> None:
    """One pair of discs at many pixel sizes: truth, the interval, the value, and a centre-to-centre transform."""
    from scipy import ndimage

    sizes_mm, truth_mm = np.geomspace(0.02, 0.5, 40), 2.0
    rows = []
    for size in sizes_mm:
        v, u = (np.arange(int(16 / size)) * size + 0.37 * size for _ in "yx")
        specimen = (v[:, None] - 8) ** 2 + (u - 8) ** 2 < 7**2
        tumor = (v[:, None] - 8) ** 2 + (u - 6) ** 2 < 3**2  # 7 − 2 − 3
        m = mk.measure(tumor, specimen, (size, size))
        assert m.interval_mm is not None
        rim = specimen & ~ndimage.binary_erosion(specimen)
        rows.append((m.value_mm, *m.interval_mm, (ndimage.distance_transform_edt(~tumor) * size)[rim].min()))
    value, low, high, centres = np.array(rows).T
    assert ((low <= truth_mm) & (truth_mm <= high)).all()  # what the page says under the picture
    figure, axes = sheet(8, 4)
    axes.fill_between(sizes_mm, low, high, color=EDGE, alpha=0.2, label="interval_mm")
    axes.plot(sizes_mm, value, color=EDGE, label="value_mm, closed pixels")
    axes.plot(
        sizes_mm, centres, color="#777777", linewidth=1, label="SciPy, centre to centre, to the last tissue pixel"
    )
    axes.axhline(truth_mm, color="black", linestyle="--", linewidth=1, label="true distance")
    axes.set(xlabel="pixel size, mm", ylabel="distance, mm", xscale="log")
    axes.set_xticks(TICKS_MM, [str(tick) for tick in TICKS_MM])
    axes.set_xticks([], minor=True)
    axes.legend(frameon=False)
    keep(figure, "finer-and-finer")


def main() -> None:
    """Every picture."""
    for name, job in tutorial_jobs().items():
        overlay_of(job, name)
    closed_pixels()
    finer_and_finer()


if __name__ == "__main__":
    main()

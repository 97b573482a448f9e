"""Pictures of the viewer on real images, to be looked at and not kept: they show somebody's data.

xvfb-run -a -s "-screen 0 1600x1000x24" python docs/realshots.py DATA FOLDER [PART…]

DATA holds ``sarcoma-ct-mr`` (CT with the contour of a sarcoma, NIfTI) and ``he-svs`` (a slide).
"""

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from scipy import ndimage
from screenshots import Session, wait

Strokes = tuple[tuple[tuple[float, float], tuple[float, float]], ...]  # from and to, (y, x) as shares of the slide
SKIN: dict[str, Strokes] = {
    "glass": (((0.08, 0.10), (0.24, 0.26)), ((0.71, 0.10), (0.86, 0.08)), ((0.24, 0.84), (0.47, 0.95))),
    "stroma": (
        ((0.38, 0.45), (0.55, 0.43)), ((0.71, 0.45), (0.83, 0.46)), ((0.67, 0.68), (0.79, 0.73)),
        ((0.90, 0.44), (0.97, 0.42)),
    ),
    "keratin": (((0.36, 0.64), (0.44, 0.59)), ((0.47, 0.76), (0.52, 0.70)), ((0.52, 0.55), (0.58, 0.58))),
    "epithelium": (
        ((0.58, 0.515), (0.73, 0.515)), ((0.68, 0.53), (0.74, 0.60)), ((0.30, 0.55), (0.35, 0.57)),
        ((0.83, 0.77), (0.90, 0.73)), ((0.86, 0.31), (0.92, 0.345)),
    ),
}  # fmt: skip
CARCINOMA: dict[str, Strokes] = {
    "glass": (((0.06, 0.25), (0.06, 0.50)), ((0.92, 0.08), (0.87, 0.16)), ((0.58, 0.635), (0.60, 0.65))),
    "stroma": (
        ((0.26, 0.30), (0.43, 0.385)), ((0.755, 0.68), (0.65, 0.79)), ((0.88, 0.735), (0.79, 0.86)),
        ((0.20, 0.588), (0.34, 0.585)), ((0.81, 0.28), (0.86, 0.34)), ((0.61, 0.505), (0.72, 0.525)),
    ),
    "tumor": (
        ((0.50, 0.12), (0.57, 0.20)), ((0.26, 0.44), (0.30, 0.53)), ((0.66, 0.56), (0.73, 0.63)),
        ((0.36, 0.65), (0.32, 0.72)), ((0.72, 0.85), (0.66, 0.90)), ((0.86, 0.88), (0.90, 0.92)),
        ((0.70, 0.33), (0.74, 0.42)),
    ),
}  # fmt: skip
REMOVED_MM = 12.0  # the sarcoma is taken out with so much around it, for there is no picture of the specimen


def sarcoma(session: Session, data: Path) -> None:
    """A sarcoma in CT within a specimen that is as a surgeon would have it, in 3-D."""
    session.viewer.window.remove_dock_widget("all")
    session.viewer.layers.clear()
    (image,) = session.viewer.open(str(data / "sarcoma-ct-mr" / "STS_002_CT_image.nii.gz"), plugin="marginkit")
    (mask,) = session.viewer.open(str(data / "sarcoma-ct-mr" / "STS_002_CT_mask.nii.gz"), plugin="marginkit")
    tumor = np.asarray(mask.data) > 0
    session.viewer.layers.remove(mask)
    away = ndimage.distance_transform_edt(~tumor, sampling=image.scale)
    specimen = (away <= REMOVED_MM) & (np.asarray(image.data) > -300)
    where = {"scale": image.scale, "translate": image.translate, "units": image.units, "axis_labels": image.axis_labels}
    session.viewer.add_labels(specimen.astype(np.uint8), name="specimen", **where).visible = False
    session.viewer.add_labels(tumor.astype(np.uint8), name="tumor", **where)
    panel = session.measured(policies=("sarcoma-cates-2019",), radiotherapy="no")
    image.opacity = 0.15
    session.viewer.dims.ndisplay = 3
    session.viewer.reset_view()
    session.viewer.scene.camera.angles = (-40, 30, 110)
    session.viewer.scene.camera.zoom *= 1.8
    wait(lambda: not panel._timer.isActive() and not panel._runner.busy)
    session.picture("sarcoma", fit=False)


def slide(session: Session, data: Path, name: str, strokes: Mapping[str, Strokes]) -> None:
    """A slide scribbled on, trained, saved, and applied by the panel of segmentation; the last class is looked for."""
    session.viewer.window.remove_dock_widget("all")
    session.viewer.layers.clear()
    session.viewer.dims.ndisplay = 2
    (image,) = session.viewer.open(str(data / "he-svs" / f"{name}.svs"), plugin="marginkit")
    train = session.panel("Train")
    train.classes.setText(", ".join(strokes))
    train.scribble()
    scribbles = session.viewer.layers["scribbles"]
    size = np.array(scribbles.data.shape)
    scribbles.brush_size = size.max() / 120
    for label, lines in enumerate(strokes.values(), 1):
        for first, last in lines:
            for share in np.linspace(0, 1, 40):
                scribbles.paint(size * (np.array(first) * (1 - share) + np.array(last) * share), label)
    train.message.say("")
    train.run()
    wait(lambda: train.model is not None or bool(train.message.text()), 300)
    session.viewer.layers.selection.active = scribbles
    session.picture(f"{name}-trained")
    with tempfile.TemporaryDirectory() as folder:
        train.file.setText(f"{folder}/model.npz")
        train.save()
        for layer in list(session.viewer.layers):
            layer.visible = layer is image
        segment = session.panel("Segment")
        segment.what.setCurrentText("tumor")
        segment.method.setCurrentText("pixels")
        segment.set_option("model", f"{folder}/model.npz")
        segment.set_option("target", list(strokes)[-1])
        segment.run()
        wait(lambda: bool(segment.message.text()), 300)
        for field in (train.file, segment._fields["model"]):
            field.setText("model.npz")
        session.picture(f"{name}-applied")


def skin(session: Session, data: Path) -> None:
    """Skin without a tumor: its epithelium is what is looked for."""
    slide(session, data, "cmu-1-small-region", SKIN)


def carcinoma(session: Session, data: Path) -> None:
    """A squamous carcinoma in a frozen section without a scale; what is tumor was said by eye, there is no truth."""
    slide(session, data, "tcga-cr-7395-01a-01-ts1", CARCINOMA)


if __name__ == "__main__":
    opened = Session(Path(sys.argv[2]))
    for one in (sarcoma, skin, carcinoma):
        if sys.argv[3:] and one.__name__ not in sys.argv[3:]:
            continue
        one(opened, Path(sys.argv[1]))
    opened.viewer.close()

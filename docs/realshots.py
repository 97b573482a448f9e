"""Pictures of the viewer on real images, to be looked at and not kept: they show somebody's data.

xvfb-run -a -s "-screen 0 1600x1000x24" python docs/realshots.py DATA FOLDER [PART…]

DATA holds ``sarcoma-ct-mr`` (CT with the contour of a sarcoma, NIfTI) and ``he-svs`` (a slide).
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from scipy import ndimage
from screenshots import Session, wait

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
    session.measured(policies=("sarcoma-cates-2019",), radiotherapy="no")
    image.opacity = 0.15
    session.viewer.dims.ndisplay = 3
    session.viewer.reset_view()
    session.viewer.scene.camera.angles = (-40, 30, 110)
    session.picture("sarcoma", fit=False)


def slide(session: Session, data: Path) -> None:
    """Dark and pale tissue scribbled on a slide, trained, saved, and applied by the panel of segmentation."""
    session.viewer.window.remove_dock_widget("all")
    session.viewer.layers.clear()
    session.viewer.dims.ndisplay = 2
    (image,) = session.viewer.open(str(data / "he-svs" / "cmu-1-small-region.svs"), plugin="marginkit")
    train = session.panel("Train")
    train.classes.setText("pale, cellular")
    train.scribble()
    scribbles = session.viewer.layers["scribbles"]
    grey = ndimage.uniform_filter(np.asarray(image.data)[::8, ::8, :3].mean(2), 9)
    for label, worst in ((1, grey), (2, -grey)):
        y, x = np.unravel_index(np.argsort(worst, axis=None)[-4000::40], grey.shape)
        for at in zip(y * 8, x * 8):
            scribbles.brush_size = 24
            scribbles.paint(at, label)
    train.message.say("")
    train.run()
    wait(lambda: train.model is not None or bool(train.message.text()), 300)
    session.picture("slide-trained")
    with tempfile.TemporaryDirectory() as folder:
        train.file.setText(f"{folder}/model.npz")
        train.save()
        segment = session.panel("Segment")
        segment.what.setCurrentText("tumor")
        segment.method.setCurrentText("pixels")
        segment.set_option("model", f"{folder}/model.npz")
        segment.run()
        wait(lambda: bool(segment.message.text()), 300)
        session.picture("slide-applied")


if __name__ == "__main__":
    opened = Session(Path(sys.argv[2]))
    for one in (sarcoma, slide):
        if sys.argv[3:] and one.__name__ not in sys.argv[3:]:
            continue
        one(opened, Path(sys.argv[1]))
    opened.viewer.close()

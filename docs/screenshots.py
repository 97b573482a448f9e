"""Make the pictures of docs/napari.md: the plugin worked through as a person would, in a real viewer.

xvfb-run -a -s "-screen 0 1600x1000x24" python docs/screenshots.py [FOLDER [PART…]]
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import napari
import numpy as np
from PIL import Image
from qtpy.QtWidgets import QApplication

HERE = Path(__file__).resolve().parent
SETTLE_S = 0.6


def wait(done: Callable[[], bool] = lambda: True, most_s: float = 60) -> None:
    """Let the window work until something is done, and a little longer."""
    end = time.monotonic() + most_s
    while not done() and time.monotonic() < end:
        QApplication.processEvents()
    calm = time.monotonic() + SETTLE_S
    while time.monotonic() < calm:
        QApplication.processEvents()


def shrink(file: Path) -> None:
    """Keep a picture in few colours, rare ones too, so that it stays small."""
    with Image.open(file) as full:
        few = full.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(file, optimize=True)


class Session:
    """One window, emptied before each picture."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.viewer = napari.Viewer()
        self.viewer.theme = os.environ.get("NAPARI_THEME", "dark")
        self.viewer.window.resize(1500, 950)
        self.viewer.canvas.overlays.scale_bar.visible = True

    def start(self, sample: str) -> None:
        """A sample in an empty window."""
        self.viewer.window.remove_dock_widget("all")
        self.viewer.layers.clear()
        self.viewer.dims.ndisplay = 2
        self.viewer.open_sample("marginkit", sample)

    def panel(self, name: str) -> Any:
        """A panel of the plugin."""
        return self.viewer.window.add_plugin_dock_widget("marginkit", name)[1]

    def measured(self, **choices: Any) -> Any:
        """The panel of margins with its numbers."""
        panel = self.panel("Margins")
        panel.policies.choose(choices.get("policies", ()))
        panel.radiotherapy.setCurrentText(choices.get("radiotherapy", "not known"))
        panel.measure()
        wait(lambda: panel.outcome is not None)
        return panel

    def picture(self, name: str, *, fit: bool = True) -> None:
        """Write a picture of the whole window."""
        wait()
        if fit:
            self.viewer.reset_view()
            wait()
        file = self.folder / f"napari-{name}.png"
        self.viewer.screenshot(str(file), canvas_only=False, flash=False)
        shrink(file)


def margins(session: Session) -> None:
    """Named margins of the excision with two inks; then the camera at one of them."""
    session.start("excision")
    panel = session.measured(policies=("uicc-r-plus-1mm", "sarcoma-cates-2019"), radiotherapy="no")
    session.picture("margins")
    panel.go_to(2)
    session.picture("closest", fit=False)


def painting(session: Session) -> None:
    """A satellite is painted; the number follows."""
    session.start("excision")
    panel = session.measured(policies=("uicc-r-plus-1mm",))
    tumor = session.viewer.layers["tumor"]
    tumor.brush_size = 14
    tumor.paint((478, 350), 1)
    wait(lambda: not panel._timer.isActive() and not panel._runner.busy)
    session.picture("painting")


def calibrating(session: Session) -> None:
    """An image without a scale, and a line of known length on it."""
    session.start("excision")
    pixels = session.viewer.layers["excision"].data
    session.viewer.layers.clear()
    session.viewer.add_image(pixels, name="photo", rgb=True)
    panel = session.panel("Calibrate")
    panel.draw()
    session.viewer.layers["known length"].add_lines([[550.0, 100.0], [550.0, 500.0]])
    panel.length.setText("10mm")
    session.picture("no-scale")


def segmenting(session: Session) -> None:
    """The slider of a threshold, its value told against a background that was painted."""
    session.start("fluorescence")
    session.viewer.layers.remove("signal")
    session.viewer.layers["specimen"].visible = False
    image = session.viewer.layers["fluorescence"]
    painted = np.zeros(image.data.shape, np.uint8)
    painted[200:280, 90:190] = 1
    where = {"scale": image.scale, "units": image.units, "axis_labels": image.axis_labels}
    ground = session.viewer.add_labels(painted, name="background", opacity=0.4, **where)
    panel = session.panel("Segment")
    panel.what.setCurrentText("signal")
    panel.method.setCurrentText("fluorescence")
    panel.set_option("smooth_px", "2")
    panel.ground.choose(ground)
    panel.preview.start()
    wait(lambda: panel.preview.slider.isEnabled())
    panel.preview.slider.setSliderDown(True)
    panel.preview.slider.setValue(panel.preview.slider.maximum() // 4)
    session.picture("segment")
    panel.preview.slider.setSliderDown(False)
    panel.run()
    wait(lambda: not panel._runner.busy)
    session.picture("found")


def training(session: Session) -> None:
    """Scribbles on two classes, and the chance of the last one."""
    session.start("excision")
    for name in ("tumor", "edge classes", "margin names", "specimen"):
        session.viewer.layers.remove(name)
    panel = session.panel("Train")
    panel.scribble()
    scribbles = session.viewer.layers["scribbles"]
    scribbles.brush_size = 12
    for label, line in ((1, ((60, 40), (60, 560))), (1, ((420, 150), (480, 500))), (2, ((290, 330), (330, 450)))):
        scribbles.selected_label = label
        for share in np.linspace(0, 1, 60):
            scribbles.paint(tuple(np.array(line[0]) * (1 - share) + np.array(line[1]) * share), label)
    panel.run()
    wait(lambda: panel.model is not None)
    session.viewer.layers.selection.active = scribbles
    session.picture("train")


def edges(session: Session) -> None:
    """Two inks picked from the image, the margins that they name, and a barrier."""
    session.start("excision")
    session.viewer.layers.remove("margin names")
    panel = session.panel("Edges")
    image = session.viewer.layers["excision"]
    red, green, blue = np.moveaxis(np.asarray(image.data[..., :3], np.int64), -1, 0)
    bluest = np.unravel_index(np.argmax(blue - red - abs(green - (blue + red) // 2)), red.shape)
    panel.inks.colour.setCurrentText("blue")
    panel.inks.pick()
    panel.inks._clicked(session.viewer, SimpleNamespace(position=image.data_to_world(bluest)))
    panel.inks.map.setText("blue=superior, black=deep")
    panel.inks.name_margins()
    wait(lambda: "margin names" in session.viewer.layers)
    panel.name.setText("deep")
    panel.draw_barrier()
    column = np.linspace(150, 600, 40)
    line = np.stack([440 + 12 * np.sin(column / 60), column], axis=1)
    session.viewer.layers["barrier"].add_paths([line])
    session.viewer.layers["barrier"].mode = "pan_zoom"
    session.picture("edges")


def stack(session: Session) -> None:
    """A stack, measured and shown in 3-D."""
    session.start("stack")
    panel = session.measured(policies=("uicc-r-plus-1mm",))
    session.viewer.layers["specimen"].visible = False
    session.viewer.layers["stack"].opacity = 0.15
    session.viewer.dims.ndisplay = 3
    session.viewer.reset_view()
    session.viewer.scene.camera.angles = (-40, 30, 110)
    wait(lambda: not panel._timer.isActive() and not panel._runner.busy)
    session.picture("stack", fit=False)


def exporting(session: Session) -> None:
    """What was written, the equal command line, and the case kept beside its image."""
    session.start("excision")
    session.measured(policies=("uicc-r-plus-1mm",))
    panel = session.panel("Export")
    with tempfile.TemporaryDirectory(prefix="results-") as folder:
        panel.folder.setText(folder)
        panel.case.setText("case 7")
        panel.write()
        panel.kept.path.setText(f"{folder}/case 7")
        panel.kept.keep()
        panel.folder.setText("results")
        panel.kept.path.setText("case 7.marginkit.json")
        panel.message.say(panel.message.text().replace(folder, "results"), "good")
        words = panel.line.text().split()
        panel.line.setText(" ".join(["marginkit measure", Path(words[2]).name, *words[3:]]))
        panel.line.setCursorPosition(0)
        session.picture("export")


def reviewing(session: Session) -> None:
    """A batch of the samples and of a file that was cut short: the worst first, one opened."""
    session.start("excision")
    session.viewer.layers.clear()
    words = '--tumor "{stem}_tumor.ome.tif" --specimen "{stem}_specimen.ome.tif" --policy uicc-r-plus-1mm'
    with tempfile.TemporaryDirectory(prefix="batch-") as name:
        folder = Path(name)
        for file in (HERE.parent / "sample_data").glob("*.ome.tif"):
            shutil.copy(file, folder)
        (folder / "cut.ome.tif").write_bytes((folder / "he.ome.tif").read_bytes()[:500])
        for part in ("tumor", "specimen"):
            shutil.copy(folder / f"he_{part}.ome.tif", folder / f"cut_{part}.ome.tif")
        (folder / "cohort.csv").write_text("image\nhe.ome.tif\nfluorescence.ome.tif\ncut.ome.tif\n")
        ran = ["batch", "cohort.csv", "--out", "results", *shlex.split(words)]
        subprocess.run([sys.executable, "-m", "marginkit", *ran], cwd=folder, check=False, capture_output=True)
        panel = session.panel("Review")
        panel.cohort.setText(str(folder / "cohort.csv"))
        panel.folder.setText(str(folder / "results"))
        panel.options.setText(words)
        panel.load()
        wait(lambda: bool(panel.entries))
        panel.open(next(row for row, entry in enumerate(panel.entries) if entry.case == "he"))
        wait(lambda: panel.case is not None)
        panel.measure()
        wait(lambda: not panel._runner.busy)
        panel.cohort.setText("cohort.csv")
        panel.folder.setText("results")
        panel.options.setCursorPosition(0)
        session.picture("review")


def main(folder: Path, wanted: list[str]) -> None:
    """Every picture, or those of some parts of the session."""
    session = Session(folder)
    for one in (margins, painting, calibrating, segmenting, training, edges, stack, exporting, reviewing):
        if not wanted or one.__name__ in wanted:
            one(session)
    session.viewer.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE, sys.argv[2:])

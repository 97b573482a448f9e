"""How long a stroke takes, in a real viewer, until value, closest pair and coloured edge are those of what was painted.

PYTHONPATH=.:plugins xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/live_viewer.py [SIDE ...]

``picture`` : from the end of the stroke until the window has drawn headline, pair and edge of the new state. ``stall`` :
the longest time meanwhile that the window did not listen, drawing included. ``rest`` : until interval and verdicts are
there too. ``CPU`` : what the main thread worked until the picture was drawn, of that
``drawing`` (OpenGL, by software where there is no graphics card), and ``alone`` : what it works where a stroke is drawn
and no panel listens. After each stroke the value that was shown at once is compared with that of the full measurement.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from live import scene

SPACING_MM = (0.01, 0.01)
LIMIT_S = 60
LISTEN_MS = 2
HEADS = ("picture", "stall", "rest", "CPU to picture", "of it drawing", "CPU alone")


class Canvas:
    """When the window has drawn, and how long the main thread worked on that."""

    def __init__(self, viewer: Any) -> None:
        self.drawn, self.spent_s = 0, 0.0
        canvas = viewer.window._qt_viewer.canvas._scene_canvas
        draw = canvas._draw_scene

        def timed(*given: Any, **named: Any) -> None:
            begun = time.thread_time()
            draw(*given, **named)
            self.spent_s += time.thread_time() - begun
            self.drawn += 1

        canvas._draw_scene = timed


class Bench:
    """A viewer with one case, and the panel of margins beside it."""

    def __init__(self, side: int) -> None:
        import napari
        from qtpy.QtWidgets import QApplication

        tumor, specimen = scene(side)
        self.side, self.viewer = side, napari.Viewer()
        self.app: Any = QApplication.instance()
        self.canvas = Canvas(self.viewer)
        placed: dict[str, Any] = {"scale": SPACING_MM, "units": ("mm", "mm")}
        image = np.where(tumor, 60, np.where(specimen, 120, 200)).astype(np.uint8)
        self.viewer.add_image(image, name="image", **placed)
        self.specimen = self.viewer.add_labels(specimen.astype(np.uint8), name="specimen", **placed)
        self.tumor = self.viewer.add_labels(tumor.astype(np.uint8), name="tumor", **placed)
        half = np.array([[0, 0], [0, side], [0.45 * side, side], [0.45 * side, 0]])
        self.upper = self.viewer.add_shapes(
            [half], shape_type="polygon", name="names", features={"name": ["upper"]}, **placed
        )
        self.upper.visible = False
        self.panel: Any = self.viewer.window.add_plugin_dock_widget("marginkit", "Margins")[1]
        self.panel.target.choose(self.tumor)
        self.panel.specimen.choose(self.specimen)
        self.panel.names.choose(self.upper)
        self.panel.measure()
        self.wait(lambda: self.panel.outcome is not None)
        self.rest()

    def wait(self, done: Callable[[], bool]) -> tuple[float, float]:
        """(seconds until it is so, the longest of them in which no event was heard)."""
        from qtpy.QtCore import QEventLoop, QTimer

        begun = last = time.perf_counter()
        longest = 0.0
        tick = QTimer()
        tick.start(LISTEN_MS)  # the main thread sleeps in between, as in a viewer that is used
        while not done():
            self.app.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
            now = time.perf_counter()
            longest, last = max(longest, now - last), now
            if now - begun > LIMIT_S:
                raise TimeoutError
        return time.perf_counter() - begun, longest

    def rest(self) -> tuple[float, float]:
        """Until nothing is asked for any more."""
        panel = self.panel
        return self.wait(lambda: not (panel._timer.isActive() or panel._runner.busy or panel._follower.busy))

    def alone(self, edit: Callable[[], Any]) -> float:
        """Seconds that the main thread works until a stroke is drawn, while nobody listens to it."""
        self.panel._unwire()
        begun, drawn = time.thread_time(), self.canvas.drawn
        edit()
        self.wait(lambda: self.canvas.drawn > drawn)
        spent = time.thread_time() - begun
        self.panel._rewire()
        self.panel.measure()
        self.rest()
        return spent

    def stroke(self, edit: Callable[[], Any]) -> tuple[float, ...]:
        """Seconds as of ``HEADS``, without the last, of one edit; the quick value is compared with the full one."""
        shown: list[bool] = []
        move = self.panel._followed

        def followed(asked: Any, found: Any) -> None:
            move(asked, found)
            if found is not None and found[0].changed:
                shown.append(self.canvas.drawn)

        self.panel._follower._done = followed
        working, drawing, begun = time.thread_time(), self.canvas.spent_s, time.perf_counter()
        edit()
        _, stall = self.wait(lambda: bool(shown))
        value = self.panel.headline.text().removesuffix(" …")
        _, redrawn = self.wait(lambda: self.canvas.drawn > shown[0])
        picture = time.perf_counter() - begun
        working, drawing = time.thread_time() - working, self.canvas.spent_s - drawing
        _, later = self.rest()
        resting = time.perf_counter() - begun
        exact = self.panel.headline.text()
        assert exact.startswith(value) or value.endswith("—"), f"{value} at once, {exact} at rest"
        self.panel._follower._done = move
        return picture, max(stall, redrawn, later), resting, working, drawing


def edits(bench: Bench) -> dict[str, Callable[[int], Any]]:
    """What is tried, each several times; k : which time."""
    side, brush = bench.side, bench.side // 100
    middle = side // 2
    width = np.where(bench.specimen.data != 0, np.arange(side), 0).max(axis=1)  # last column of each row
    bench.tumor.brush_size = bench.specimen.brush_size = brush

    def drag(k: int) -> None:
        with bench.tumor.block_history():
            for step in range(8):
                bench.tumor.paint((middle + 2 * brush * k + step * brush // 4, int(0.8 * side)), 1)

    def vertex(k: int) -> None:
        bench.upper.data = [bench.upper.data[0] * (1 + 0.01 * k, 1)]

    return {
        "tumor, paint": lambda k: bench.tumor.paint((middle - 2 * brush * k, int(0.8 * side)), 1),
        "tumor, drag": drag,
        "tumor, erase": lambda k: bench.tumor.paint((middle - brush * k, int(0.795 * side)), 0),
        "tumor, undo": lambda _: bench.tumor.undo(),
        "tumor, fill": lambda k: bench.tumor.fill((middle, int(0.7 * side)), k % 2),
        "specimen, erase": lambda k: bench.specimen.paint(_at(width, middle + 3 * brush * k), 0),
        "specimen, paint": lambda k: bench.specimen.paint(_at(width, middle - 3 * brush * k), 1),
        "specimen, undo": lambda _: bench.specimen.undo(),
        "name, vertex": vertex,
    }


def _at(width: Any, row: int) -> tuple[int, int]:
    """A point on the right-hand edge of the specimen."""
    return row, int(width[row])


def main(side: int, times: int = 3) -> None:
    """One size."""
    import marginkit

    bench = Bench(side)
    tumor, specimen = bench.tumor.data == 1, bench.specimen.data == 1
    full = []
    for _ in range(2):
        begun = time.perf_counter()
        marginkit.measure(tumor, specimen, SPACING_MM)
        full.append(time.perf_counter() - begun)
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    print(
        f"\n{side} x {side}, milliseconds, median (worst) of {times}; measure() {1000 * min(full):.0f}; load {load}\n"
    )
    print("| edit | " + " | ".join(HEADS) + " |\n|" + "---|" * (len(HEADS) + 1))
    spot = (side // 2, int(0.6 * side))
    bench.stroke(lambda: bench.tumor.paint(spot, 0))  # the first compiles shaders
    spent = [bench.alone(lambda k=k: bench.tumor.paint(spot, (k + 1) % 2)) for k in range(3)]
    alone = f"{1000 * np.median(spent):.0f}"
    for name, edit in edits(bench).items():
        found = 1000 * np.array([bench.stroke(lambda k=k, edit=edit: edit(k)) for k in range(times)])
        cells = [f"{np.median(one):.0f} ({one.max():.0f})" for one in found.T] + [alone]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
    bench.viewer.close()


if __name__ == "__main__":
    for word in sys.argv[1:] or ("4000", "10000"):
        main(int(word))

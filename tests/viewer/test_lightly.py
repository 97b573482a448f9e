"""After the first stroke a stroke costs drawing alone: no shader is compiled and no digit drawn."""

from typing import Any

import numpy as np
from napari._vispy.utils.qt_font import QtTextureFont
from napari_marginkit import lightly, showing
from vispy.visuals.shaders.program import ModularProgram

from .test_margins import followed, measured, opened, settle


def test_a_stroke_compiles_no_shader_and_draws_no_digit(viewer: Any, qtbot: Any, monkeypatch: Any) -> None:
    viewer.show()
    panel = opened(viewer)
    measured(panel, qtbot)
    tumor = viewer.layers["tumor"]
    tumor.brush_size = 14
    canvas = viewer.window._qt_viewer.canvas

    def stroke(point: tuple[int, int]) -> None:
        followed(panel, qtbot, lambda: tumor.paint(point, 1))
        canvas.screenshot()
        settle(panel, qtbot)
        canvas.screenshot()

    canvas.screenshot()
    stroke((470, 350))
    counted: list[str] = []
    build, load = ModularProgram._build, QtTextureFont._load_char
    monkeypatch.setattr(ModularProgram, "_build", lambda self: (counted.append("shader"), build(self)))
    monkeypatch.setattr(QtTextureFont, "_load_char", lambda self, char: (counted.append(char), load(self, char)))
    drawn = viewer.layers[showing.EDGE].edge_color.copy()
    stroke((480, 350))
    assert not np.array_equal(viewer.layers[showing.EDGE].edge_color, drawn)
    assert counted == []
    for name in (showing.EDGE, showing.PAIRS):
        node = lightly._node(viewer.layers[name])
        assert node is canvas.layer_to_visual[viewer.layers[name]].node


def test_the_thumbnail_of_the_edge_is_as_coloured_as_the_edge(viewer: Any, qtbot: Any) -> None:
    measured(opened(viewer), qtbot)
    edge = viewer.layers[showing.EDGE]
    seen = edge.thumbnail[edge.thumbnail[..., :3].any(axis=-1)]
    assert len(seen) > 50
    colours = {tuple(one) for one in np.rint(edge.edge_color[:, :3] * 255).astype(int)}
    assert {tuple(one) for one in seen[:, :3].astype(int)} <= colours
    assert len({tuple(one) for one in seen.tolist()}) > 5

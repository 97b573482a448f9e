"""A photograph with what gave its scale drawn on it, to be looked at before the scale is believed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .scale import Scale

COLOURS = {
    "row": (0, 114, 178), "tick": (0, 158, 115), "long": (213, 94, 0), "text": (204, 121, 167),
    "marker": (213, 94, 0), "length": (213, 94, 0),
}  # fmt: skip
WIDEST_PX = 4000


def draw(pixels: NDArray[Any], scale: Scale) -> NDArray[np.uint8]:
    """(y, x, 3) uint8: the photograph, the marks in colour, and the scale in words below it."""
    import cv2

    ratio = min(3.0, max(1.0, 1000 / max(pixels.shape[:2])), WIDEST_PX / max(pixels.shape[:2]))
    canvas = _rgb(pixels)
    size = (max(1, round(canvas.shape[1] * ratio)), max(1, round(canvas.shape[0] * ratio)))
    canvas = np.asarray(cv2.resize(canvas, size, interpolation=cv2.INTER_AREA if ratio < 1 else cv2.INTER_CUBIC))
    thick = max(1, round(max(size) / 1500))
    for mark in scale.marks:
        points = np.round(((mark.points_px + 0.5) * ratio - 0.5)[:, ::-1] * 8).astype(np.int32)
        cv2.polylines(canvas, [points], False, COLOURS[mark.role], thick, cv2.LINE_AA, shift=3)
    return np.concatenate([canvas, _words(scale, canvas.shape[1])])


def _rgb(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    values = np.asarray(pixels)
    if values.dtype != np.uint8:
        low, high = float(values.min()), float(values.max())
        values = ((values - low) * (255 / max(high - low, 1e-6))).astype(np.uint8)
    return np.ascontiguousarray(values[..., :3] if values.ndim == 3 else np.repeat(values[..., None], 3, axis=2))


def _words(scale: Scale, width_px: int) -> NDArray[np.uint8]:
    """A band with the scale in words, as many lines as it takes."""
    import cv2

    face, height = cv2.FontFace("sans"), max(16, round(width_px / 60))
    words = (
        f"{scale.source}: {scale.spacing_mm[0]:.6g} mm per pixel, +-{scale.relative_uncertainty:.1%}. {scale.detail}"
    )
    fits = max(20, int(width_px / (0.58 * height)))
    lines: list[str] = [""]
    for word in words.split():
        if len(lines[-1]) + len(word) + 1 > fits:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    band = np.full((round(height * (1.5 * len(lines) + 0.7)), width_px, 3), 255, np.uint8)
    for i, line in enumerate(lines):
        cv2.putText(band, line, (height // 2, round(height * (1.4 + 1.5 * i))), (0, 0, 0), face, height)
    return band

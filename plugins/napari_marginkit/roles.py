"""What a layer is for: name, colours and metadata of the layers that a measurement is made of.

The colours are those of Okabe and Ito, which readers with any colour vision tell apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .pictures import KEY

TUMOR, SIGNAL, SPECIMEN, EDGE, NAMES, BARRIER = (
    "tumor", "signal", "specimen", "edge classes", "margin names", "barrier",
)  # fmt: skip
COLOURS: dict[str, dict[int | None, str]] = {
    TUMOR: {1: "#d55e00"},
    SIGNAL: {1: "#de3ca0"},
    SPECIMEN: {1: "#e69f00"},
    EDGE: {1: "#f0e442", 2: "#009e73", 3: "#999999", 4: "#666666", 5: "#cc79a7", 6: "#ffffff"},
    NAMES: {1: "#56b4e9", 2: "#0072b2", 3: "#f0e442", 4: "#009e73", 5: "#cc79a7", 6: "#d55e00", 7: "#999999"},
    BARRIER: {1: "#56b4e9"},
}


def look(role: str, names: Mapping[int, str] | None = None) -> dict[str, Any]:
    """Keywords of a label layer: its name, its colours, its role (and names of its labels) in the metadata."""
    from napari.utils.colormaps import DirectLabelColormap

    colours = {**COLOURS[role], None: "#999999", 0: "#00000000"}
    return {
        "name": role,
        "opacity": 0.25 if role == SPECIMEN else 0.6,
        "colormap": DirectLabelColormap(color_dict=colours),
        "metadata": {KEY: {"role": role, **({} if names is None else {"names": dict(names)})}},
    }


def role_of(layer: Any) -> str:
    """The role of a layer, by its metadata or its name; empty where it has none."""
    held = layer.metadata.get(KEY)
    if isinstance(held, Mapping) and held.get("role"):
        return str(held["role"])
    if type(layer).__name__ == "Image":  # a picture called specimen.png is no specimen
        return ""
    name = layer.name.lower()
    return next((role for role in (SPECIMEN, TUMOR, SIGNAL, BARRIER, EDGE, NAMES) if role in name), "")


def names_of(layer: Any) -> dict[int, str]:
    """Label to margin name."""
    held = layer.metadata.get(KEY)
    found = held.get("names", {}) if isinstance(held, Mapping) else {}
    return {int(label): str(name) for label, name in found.items()}

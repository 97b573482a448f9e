"""Makes ``stain.onnx`` and its card: python tests/networks/make.py

A small network that tells tissue stained dark from pale tissue and glass: three 3 x 3 layers that blur the optical
density of each colour, then a layer fitted by least squares on a drawn picture. It looks 3 pixels far.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).parent
SIDE, REACH = 64, 3
BLUR = np.outer([1, 2, 1], [1, 2, 1]).astype(np.float32) / 16


def drawn(seed: int = 5, side: int = 256) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """(picture, where it is tumor): glass, a pale disk of tissue, and dark disks in it."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    picture = np.empty((side, side, 3))
    picture[:] = (243, 241, 244)
    picture[np.hypot(y - side / 2, x - side / 2) < side * 0.45] = (231, 178, 205)
    tumor = np.zeros((side, side), bool)
    for _ in range(6):
        cy, cx = random.uniform(0.3, 0.7, 2) * side
        tumor |= np.hypot(y - cy, x - cx) < random.uniform(0.04, 0.09) * side
    picture[tumor] = (122, 66, 140)
    noisy = picture + random.normal(0, 6, picture.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8), tumor


def layers(weights: NDArray[np.float32], bias: NDArray[np.float32]) -> onnx.ModelProto:
    """The network: pixels / 255 in, two logits out, any size, edges repeated."""
    kernel = np.zeros((3, 3, 3, 3), np.float32)
    kernel[np.arange(3), np.arange(3)] = BLUR
    pads = np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64)
    nodes, name = [helper.make_node("Sub", ["one", "pixels"], ["density0"])], "density0"
    for step in range(1, REACH + 1):
        nodes += [
            helper.make_node("Pad", [name, "pads"], [f"padded{step}"], mode="edge"),
            helper.make_node("Conv", [f"padded{step}", "blur"], [f"density{step}"]),
        ]
        name = f"density{step}"
    nodes.append(helper.make_node("Conv", [name, "weights", "bias"], ["logits"]))
    tensors: dict[str, NDArray[Any]] = {
        "one": np.ones(1, np.float32),
        "pads": pads,
        "blur": kernel,
        "weights": weights[:, :, None, None],
        "bias": bias,
    }
    graph = helper.make_graph(
        nodes,
        "stain",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 3, "y", "x"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 2, "y", "x"])],
        [numpy_helper.from_array(value, key) for key, value in tensors.items()],
    )
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="marginkit"
    )


def fitted() -> onnx.ModelProto:
    """The network with its last layer fitted by ridge regression on the drawn picture."""
    from scipy import ndimage

    picture, tumor = drawn()
    density = 1 - picture.astype(np.float32) / 255
    for _ in range(REACH):
        density = np.stack([ndimage.convolve(one, BLUR, mode="nearest") for one in np.moveaxis(density, -1, 0)], -1)
    inputs = np.concatenate([density.reshape(-1, 3), np.ones((density[..., 0].size, 1))], axis=1)
    wanted = np.where(tumor.ravel(), 6.0, -6.0)
    solved = np.linalg.solve(inputs.T @ inputs + 1e-6 * np.eye(4), inputs.T @ wanted)
    weights = np.stack([-solved[:3] / 2, solved[:3] / 2]).astype(np.float32)
    return layers(weights, np.array([-solved[3] / 2, solved[3] / 2], np.float32))


def card(model: bytes) -> dict[str, Any]:
    """What the network was made for."""
    return {
        "schema": "marginkit.network/1",
        "input_px": SIDE,
        "overlap_px": 16,
        "pixel_um": 8.0,
        "pixel_tolerance": 0.2,
        "scale": 255,
        "mean": [0, 0, 0],
        "sd": [1, 1, 1],
        "layout": "NCHW",
        "classes": ["other", "tumor"],
        "output": "logits",
        "sha256": hashlib.sha256(model).hexdigest(),
        "stain": "H&E",
        "note": "Made by make.py for tests. It knows drawn pictures only.",
    }


if __name__ == "__main__":
    content = fitted().SerializeToString()
    (HERE / "stain.onnx").write_bytes(content)
    (HERE / "stain.json").write_text(json.dumps(card(content), indent=1) + "\n")

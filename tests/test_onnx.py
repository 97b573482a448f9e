"""A network in an ONNX file: tiled like whole, on the right pixels, refused where it was not made for the image."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import marginkit as mk
from marginkit.errors import MarginError, MissingExtraError, ModelError, UsageError
from marginkit.segmenters import _card
from marginkit.segmenters import onnx as segmenter

pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")
sys.path.insert(0, str(Path(__file__).parent / "networks"))
import make  # noqa: E402

MODEL = make.HERE / "stain.onnx"


def slide(folder: Path, pixels: NDArray[np.uint8], um: float = 8.0) -> Path:
    size = {"PhysicalSizeX": um, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": um, "PhysicalSizeYUnit": "µm"}
    tifffile.imwrite(folder / "slide.ome.tif", pixels, photometric="rgb", metadata={"axes": "YXS", **size})
    return folder / "slide.ome.tif"


def own(folder: Path, content: bytes, **changes: Any) -> Path:
    """A model and its card in a folder, the card changed."""
    (folder / "own.onnx").write_bytes(content)
    told = {**make.card(content), **changes}
    (folder / "own.json").write_text(json.dumps({k: v for k, v in told.items() if v != "absent"}))
    return folder / "own.onnx"


def test_the_committed_network_is_what_the_script_makes() -> None:
    """Not byte by byte: a least-squares fit differs in the last digit from machine to machine."""
    names = [one.op_type for one in onnx.load(MODEL).graph.node]
    made = make.fitted()
    assert [one.op_type for one in made.graph.node] == names
    for one, other in zip(onnx.load(MODEL).graph.initializer, made.graph.initializer):
        assert np.allclose(onnx.numpy_helper.to_array(one), onnx.numpy_helper.to_array(other), rtol=1e-3)
    told = json.loads((make.HERE / "stain.json").read_text())
    assert told["sha256"] == hashlib.sha256(MODEL.read_bytes()).hexdigest()


def test_it_finds_the_tumor_of_a_picture_that_it_never_saw(tmp_path: Path) -> None:
    pixels, tumor = make.drawn(seed=77)
    region = mk.segment(mk.open(slide(tmp_path, pixels)), "onnx", model=str(MODEL))
    found = np.asarray(region.data) >= 0.5
    assert region.kind == "probability"
    assert 2 * (found & tumor).sum() / (found.sum() + tumor.sum()) > 0.95
    assert "sha256" in region.maker


def test_tiled_equals_the_whole_picture_at_once(tmp_path: Path) -> None:
    import onnxruntime

    pixels, _ = make.drawn(seed=3, side=200)
    region = mk.segment(mk.open(slide(tmp_path, pixels)), "onnx", model=str(MODEL))
    session = onnxruntime.InferenceSession(MODEL.read_bytes(), providers=["CPUExecutionProvider"])
    logits = session.run(None, {"pixels": np.moveaxis(pixels / np.float32(255), -1, 0)[None]})[0][0]
    whole = 1 / (1 + np.exp(logits[0] - logits[1]))
    assert np.abs(np.asarray(region.data) - whole).max() < 1e-5


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 150), st.integers(1, 150), st.integers(16, 48), st.data())
def test_tiling_changes_nothing_where_a_network_looks_at_one_pixel(
    height: int, width: int, side: int, data: st.DataObject
) -> None:
    card = _card.Card(
        side, data.draw(st.integers(0, side // 2)), None, 0, 1, (0.0,), (1.0,), "NCHW", ("a", "b"), "logits", "", ""
    )
    picture = np.random.default_rng(1).random((height, width)).astype(np.float32)
    found = segmenter.tiled(picture.shape, card, lambda seen: seen[0] ** 2, lambda r, c: picture[None, r, c])
    assert np.allclose(found, picture**2, atol=1e-6)


def test_finer_pixels_are_averaged_to_those_of_the_card_and_lie_right(tmp_path: Path) -> None:
    pixels, _ = make.drawn(seed=9)
    fine = np.repeat(np.repeat(pixels, 4, 0), 4, 1)
    region = mk.segment(mk.open(slide(tmp_path, fine, um=2.0)), "onnx", model=str(MODEL))
    assert region.spacing_mm == pytest.approx((0.008, 0.008))
    assert region.origin_px == (1.5, 1.5)
    (tmp_path / "coarse").mkdir()
    coarse = mk.segment(mk.open(slide(tmp_path / "coarse", pixels)), "onnx", model=str(MODEL))
    assert np.allclose(region.data, coarse.data, atol=1e-6)


def test_the_margin_of_a_network_has_an_interval_that_holds_the_truth(tmp_path: Path) -> None:
    """A disk of radius 40 px in one of radius 90 px, 30 px off: 20 px apart."""
    y, x = np.mgrid[:256, :256]
    pixels = np.full((256, 256, 3), 243, np.uint8)
    specimen = np.hypot(y - 127.5, x - 127.5) <= 90
    pixels[specimen] = (231, 178, 205)
    pixels[np.hypot(y - 127.5, x - 157.5) <= 40] = (122, 66, 140)
    region = mk.segment(mk.open(slide(tmp_path, pixels)), "onnx", model=str(MODEL))
    found = mk.measure(region, specimen, spacing=(0.008, 0.008))
    assert found.value_mm == pytest.approx(0.16, abs=0.012)
    assert found.interval_mm is not None
    assert found.interval_mm[0] <= 0.16 <= found.interval_mm[1]


@pytest.mark.parametrize("um", [5.6, 40.0, 0.0])
def test_H04_another_magnification_is_refused(tmp_path: Path, um: float) -> None:
    picture = mk.open(slide(tmp_path, make.drawn()[0], um=um or 1.0), pixel_size=None)
    if um == 0:
        tifffile.imwrite(tmp_path / "bare.tif", make.drawn()[0], photometric="rgb")
        picture = mk.open(tmp_path / "bare.tif")
    with pytest.raises(MarginError, match="E-CAL-01" if um == 0 else "E-MOD-05"):
        mk.segment(picture, "onnx", model=str(MODEL))


def test_H04_another_channel_count_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "grey.tif", make.drawn()[0][..., 0])
    with pytest.raises(ModelError, match=r"E-MOD-05.*1 channels, the network takes 3"):
        mk.segment(mk.open(tmp_path / "grey.tif", pixel_size="8um"), "onnx", model=str(MODEL))


def test_channels_of_fluorescence_are_taken_in_their_order(tmp_path: Path) -> None:
    pixels, _ = make.drawn(seed=4)
    size = {"PhysicalSizeX": 8.0, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": 8.0, "PhysicalSizeYUnit": "µm"}
    planes = np.moveaxis(pixels, -1, 0)
    file = tmp_path / "planes.ome.tif"
    tifffile.imwrite(file, planes, photometric="minisblack", metadata={"axes": "CYX", **size})
    one = mk.segment(mk.open(file), "onnx", model=str(MODEL))
    other = mk.segment(mk.open(slide(tmp_path, pixels)), "onnx", model=str(MODEL))
    assert np.array_equal(one.data, other.data)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"schema": "else"}, "E-MOD-02"),
        ({"input_px": 64.5}, "E-MOD-02"),
        ({"input_px": 10**9}, "E-MOD-02"),
        ({"overlap_px": 33}, "E-MOD-02"),
        ({"pixel_um": -1}, "E-MOD-02"),
        ({"sd": [1, 0, 1]}, "E-MOD-02"),
        ({"mean": [0, 0]}, "E-MOD-02"),
        ({"mean": "abc"}, "E-MOD-02"),
        ({"classes": ["tumor", "tumor"]}, "E-MOD-02"),
        ({"layout": "HWC"}, "E-MOD-02"),
        ({"output": "labels"}, "E-MOD-02"),
        ({"scale": "absent"}, "E-MOD-02"),
        ({"exec": "print()"}, "E-MOD-02"),
        ({"sha256": "0" * 64}, "E-MOD-03"),
        ({"classes": ["a", "b", "tumor"]}, "E-MOD-04"),
        ({"layout": "NHWC"}, "E-MOD-04"),
        ({"output": "probabilities"}, "E-MOD-04"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(tmp_path: Path, changes: dict[str, Any], code: str) -> None:
    model = own(tmp_path, MODEL.read_bytes(), **changes)
    with pytest.raises(ModelError, match=code):
        mk.segment(mk.open(slide(tmp_path, make.drawn()[0])), "onnx", model=str(model))


@pytest.mark.parametrize("card", [b"", b"{", b"[]", b"null", b"[" * 60000, b"\xff\xfe"])
def test_a_broken_card_is_refused(tmp_path: Path, card: bytes) -> None:
    model = own(tmp_path, MODEL.read_bytes())
    (tmp_path / "own.json").write_bytes(card)
    with pytest.raises(MarginError, match=r"own\.json.*E-(MOD-02|FILE-01)"):
        mk.segment(mk.open(slide(tmp_path, make.drawn()[0])), "onnx", model=str(model))


@pytest.mark.parametrize("content", [b"no network", b"\x08" * 100, MODEL.read_bytes()[:200]])
def test_a_broken_network_is_refused(tmp_path: Path, content: bytes) -> None:
    model = own(tmp_path, content)
    with pytest.raises(ModelError, match=r"E-MOD-0[14]"):
        mk.segment(mk.open(slide(tmp_path, make.drawn()[0])), "onnx", model=str(model))


@pytest.mark.parametrize("where", ["../../secret.bin", "/etc/hostname"])
def test_weights_in_another_file_are_refused_unread(tmp_path: Path, where: str) -> None:
    proto = onnx.load(MODEL)
    tensor = proto.graph.initializer[3]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=where)
    model = own(tmp_path, proto.SerializeToString())
    with pytest.raises(ModelError, match=r"E-MOD-01.*another file"):
        mk.segment(mk.open(slide(tmp_path, make.drawn()[0])), "onnx", model=str(model))


def test_what_was_not_said_is_asked(tmp_path: Path) -> None:
    picture = mk.open(slide(tmp_path, make.drawn()[0]))
    with pytest.raises(UsageError, match="no model"):
        mk.segment(picture, "onnx")
    with pytest.raises(UsageError, match="no class 'stroma'"):
        mk.segment(picture, "onnx", model=str(MODEL), target="stroma")


def test_without_onnxruntime_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = mk.open(slide(tmp_path, make.drawn()[0]))
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match=r"marginkit\[onnx\]"):
        mk.segment(picture, "onnx", model=str(MODEL))

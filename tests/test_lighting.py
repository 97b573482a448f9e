"""A fluorescence image measured: the signal block, backgrounds, frames, refusals, through the whole pipeline."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from shapely.geometry import box
from test_fluorescence import SHAPE, TISSUE, TUMOR, glowing

import marginkit as mk
from marginkit import lighting, pipeline
from marginkit.records import Failed, Measured
from marginkit.reports import resultjson

MM = 0.1
TRUTH_MM = (80 - 40 - 20) * MM  # the tumor's middle is 40 pixels from that of the tissue


def written(path: Path, pixels: np.ndarray) -> str:
    """An OME-TIFF with a pixel size."""
    size = {f"PhysicalSize{a}{b}": v for a in "XY" for b, v in (("", MM * 1000), ("Unit", "µm"))}
    tifffile.imwrite(path, pixels, metadata={"axes": "YX", **size})
    return str(path)


@pytest.fixture
def image(tmp_path: Path) -> str:
    return written(tmp_path / "glow.ome.tif", glowing())


@pytest.fixture
def specimen(tmp_path: Path) -> str:
    return written(tmp_path / "tissue.ome.tif", TISSUE.astype(np.uint8))


def case(image: str, specimen: str, signal: str, **more: object) -> Measured:
    found = pipeline.run(pipeline.Job(image, specimen, signal=signal, **more))  # type: ignore[arg-type]
    assert isinstance(found, Measured), found
    return found


def block(found: Measured) -> dict[str, object]:
    signal = json.loads(resultjson.text(found))["signal"]
    assert isinstance(signal, dict)
    return signal


def test_the_signal_block_names_threshold_background_and_range(image: str, specimen: str) -> None:
    found = case(image, specimen, "fluorescence:threshold=half")
    low, high = found.result.interval_mm
    assert low <= TRUTH_MM <= high
    assert found.result.region == "signal"
    signal = block(found)
    assert signal["tbr"] == pytest.approx(5, rel=0.01)
    assert signal["tbr_range"] == pytest.approx([5, 15], rel=0.02)
    assert signal["cnr"] == pytest.approx(1200 / 10, rel=0.05)
    assert signal["threshold"]["value"] == pytest.approx((300 + 1500) / 2, rel=0.02)
    assert signal["threshold"]["method"] == "half"
    assert signal["threshold"]["sweep"] == pytest.approx([600, 1200], rel=0.03)
    assert set(signal["backgrounds"]) == {
        "specimen outside the signal (Otsu, 3 SD)",
        "ring 0.64-1.9 mm",
        "off-tissue beyond 0.32 mm",
    }
    assert signal["saturated"]["pixels"] == 0
    assert signal["refused"] is None
    assert "en-face or section" in signal["view"]


def test_the_view_that_was_said_is_kept(image: str, specimen: str) -> None:
    assert block(case(image, specimen, "fluorescence:view=section"))["view"].startswith("section")


def test_a_mask_as_signal_has_no_block(image: str, specimen: str, tmp_path: Path) -> None:
    mask = written(tmp_path / "tumor.ome.tif", TUMOR.astype(np.uint8))
    assert case(image, specimen, mask).signal is None


def test_a_ring_of_stated_width(image: str, specimen: str) -> None:
    signal = block(case(image, specimen, "fluorescence:background=ring,near_mm=0.5,far_mm=1"))
    assert signal["background"] == "ring 0.5-1 mm"
    assert signal["tbr"] == pytest.approx(5, rel=0.01)


def test_a_drawn_background_and_one_by_label(image: str, specimen: str, tmp_path: Path) -> None:
    counts = glowing().astype(float)
    drawn = np.zeros(SHAPE, bool)
    drawn[80:120, 90:110] = True
    shape = {"type": "Polygon", "coordinates": [list(box(90, 80, 110, 120).exterior.coords)]}
    features = [{"type": "Feature", "geometry": shape, "properties": {"classification": {"name": "Quiet"}}}]
    outline = tmp_path / "quiet.geojson"
    outline.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    labels = written(tmp_path / "labels.ome.tif", drawn.astype(np.uint8) * 3)
    wanted = counts[TUMOR].mean() / counts[drawn].mean()
    for text, name in ((f"{outline}#Quiet", "quiet.geojson#Quiet"), (f"{labels}#label=3", "labels.ome.tif#label=3")):
        found = case(image, specimen, f"fluorescence:threshold=900,background={text}")
        signal = block(found)
        assert signal["background"] == name
        assert signal["tbr"] == pytest.approx(wanted, rel=1e-6)
        assert name.split("#")[0] in [one["name"] for one in found.provenance["inputs"]]
        assert lighting.files_of(f"fluorescence:background={text}") == [text.split("#")[0]]


def test_dark_and_flat_frames_undo_what_the_camera_did(specimen: str, tmp_path: Path) -> None:
    even = np.linspace(0.5, 1.5, SHAPE[1])[None, :] * np.ones(SHAPE)
    seen = (glowing() * even + 100).round().astype(np.uint16)
    image = written(tmp_path / "seen.ome.tif", seen)
    flat = written(tmp_path / "flat.ome.tif", (1000 * even + 100).astype(np.uint16))
    signal = block(case(image, specimen, f"fluorescence:threshold=900,dark=100,flat={flat}"))
    assert (signal["dark"], signal["flat"]) == ("subtracted", "corrected")
    assert signal["tbr"] == pytest.approx(5, rel=0.01)
    raw = block(case(image, specimen, "fluorescence:threshold=900"))
    assert raw["tbr"] != pytest.approx(5, rel=0.05)
    wrong = written(tmp_path / "small.ome.tif", np.ones((20, 20), np.uint16))
    failed = pipeline.run(pipeline.Job(image, specimen, signal=f"fluorescence:flat={wrong}"))
    assert isinstance(failed, Failed)
    assert failed.error.code == "E-GRID-05"


def test_B08_saturated_signal_is_counted_and_widens_the_interval(specimen: str, tmp_path: Path) -> None:
    soft = cv2.GaussianBlur(np.where(TUMOR, 6000.0, np.where(TISSUE, 300, 100)), (0, 0), 3)
    plain = case(written(tmp_path / "a.ome.tif", soft.astype(np.uint16)), specimen, "fluorescence:threshold=half")
    full = np.minimum(soft, 4095).astype(np.uint16)
    found = case(written(tmp_path / "b.ome.tif", full), specimen, "fluorescence:threshold=half")
    signal = block(found)
    assert signal["saturated"]["value"] == 4095
    assert signal["saturated"]["pixels"] == int((full == 4095).sum())
    assert signal["threshold"]["sweep"][1] == pytest.approx(4094.5)
    assert any("saturated" in one for one in found.warnings)
    for one in (plain, found):
        low, high = one.result.interval_mm
        assert low < TRUTH_MM < high


def test_B03_pseudo_colour_is_measured_by_its_edges_but_never_quantified(specimen: str, tmp_path: Path) -> None:
    green = np.zeros((*SHAPE, 3), np.uint8)
    green[..., 1] = glowing() // 8
    tifffile.imwrite(tmp_path / "green.tif", green, photometric="rgb")
    job = {"image": str(tmp_path / "green.tif"), "specimen": specimen, "pixel_size": "0.1mm"}
    refused = pipeline.run(pipeline.Job(signal="fluorescence", **job))
    assert isinstance(refused, Failed)
    assert refused.error.code == "E-PIX-01"
    signal = block(case(signal="fluorescence:edges=yes", **job))
    assert signal["tbr"] is None
    assert "E-PIX-01" in signal["refused"]


def test_sentinel_peaks_over_the_surface_and_along_the_outline(specimen: str, tmp_path: Path) -> None:
    y, x = np.indices(SHAPE)
    glow = np.where(TISSUE, 300.0, 100)
    for (py, px), height in {(100, 140): 3000, (100, 222): 1500, (40, 150): 900}.items():
        glow += height * np.exp(-((y - py) ** 2 + (x - px) ** 2) / (2 * 4.0**2))
    image = written(tmp_path / "peaks.ome.tif", glow.astype(np.uint16))
    signal = block(case(image, specimen, "fluorescence:apart_mm=1,peaks=3"))
    assert signal["peaks"][0]["at_px"] == [100, 140]
    rim = signal["outline_peaks"]
    assert rim[0]["at_px"] == [100, 222]
    assert rim[0]["at_mm"] == pytest.approx([10.0, 22.2])
    assert rim[0]["edge_mm"] == pytest.approx((230.5 - 222) * MM, abs=MM)


def test_signal_beside_the_specimen_is_left_out(specimen: str, tmp_path: Path) -> None:
    counts = glowing()
    counts[5:20, 5:20] = 2000  # a fibre on the table
    found = case(written(tmp_path / "fibre.ome.tif", counts), specimen, "fluorescence:threshold=900")
    assert found.result.outside == 0
    assert found.result.value_mm == pytest.approx(TRUTH_MM, abs=MM)


def test_no_signal_is_a_result(image: str, specimen: str) -> None:
    found = case(image, specimen, "fluorescence:threshold=60000")
    assert found.result.qualifier == "not_assessable"
    assert block(found)["tbr"] is None


def test_a_frame_needs_a_measurement(image: str) -> None:
    with pytest.raises(mk.MarginError, match="dark is a matter of measure"):
        mk.segment(mk.open(image), "fluorescence", dark="100")


def test_files_among_options_are_seen_from_the_folder_of_the_cohort(tmp_path: Path) -> None:
    (tmp_path / "f.png").write_bytes(b"")
    text = lighting.rooted("fluorescence:threshold=half,image=f.png,background=tissue", tmp_path)
    assert text == f"fluorescence:threshold=half,image={tmp_path / 'f.png'},background=tissue"
    assert lighting.rooted("threshold:above=3", tmp_path) == "threshold:above=3"

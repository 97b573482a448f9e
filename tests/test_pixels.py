"""The pixel classifier: what it finds, that tiles change nothing, and what it refuses."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import marginkit as mk
from marginkit import shelf, training
from marginkit.classifier import features, forest, model
from marginkit.cli import code_of
from marginkit.errors import MarginError, ModelError
from marginkit.segmenters import _windows, pixels

pytest.importorskip("sklearn")
STAINS = {"he": ((231, 178, 205), (140, 90, 160)), "brown": ((225, 222, 230), (120, 75, 40))}


def field(seed: int, side: int = 384, stain: str = "he") -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """(picture, where it is tumor). Tumor and stroma have cells of one colour: only how they lie tells them apart."""
    random = np.random.default_rng(seed)
    pale, dark = STAINS[stain]
    y, x = np.mgrid[:side, :side]
    middle = random.uniform(0.35, 0.65, 2) * side
    tumor = np.hypot(y - middle[0], x - middle[1]) < 0.3 * side
    picture = np.full((side, side, 3), pale, np.uint8)
    for cy, cx in random.uniform(0, side, (side * side // 60, 2)):
        here = tumor[int(cy), int(cx)]
        if here or random.random() < 0.25:
            cv2.ellipse(picture, (int(cx), int(cy)), (3, 3) if here else (6, 1), 30, 0, 360, dark, -1)
    noisy = picture + random.normal(0, 5, picture.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8), tumor


def strokes(tumor: NDArray[np.bool_], seed: int = 0) -> NDArray[np.uint8]:
    """Eight short lines in each class, off its border: 1 other, 2 tumor."""
    random = np.random.default_rng(seed)
    labels = np.zeros(tumor.shape, np.uint8)
    for label, area in ((1, ~tumor), (2, tumor)):
        inner = cv2.erode(area.astype(np.uint8), np.ones((13, 13), np.uint8)) > 0
        ys, xs = np.nonzero(inner)
        for i in random.integers(len(ys), size=8):
            line = np.zeros(tumor.shape, np.uint8)
            way = random.integers(-25, 26, 2)
            cv2.line(line, (int(xs[i]), int(ys[i])), (int(xs[i] + way[0]), int(ys[i] + way[1])), 1, 4)
            labels[(line > 0) & inner] = label
    return labels


def slide(path: Path, data: NDArray[Any], um: float | None = 1.0, **more: Any) -> Path:
    told = {} if um is None else {f"PhysicalSize{a}{b}": v for a in "XY" for b, v in (("", um), ("Unit", "µm"))}
    axes = more.pop("axes", "YXS" if data.ndim == 3 else "YX")
    tifffile.imwrite(path, data, metadata={"axes": axes, **told}, **more)
    return path


def taught(folder: Path, *, um: float | None = 1.0, stain: str = "he", scribble_um: float | None = None) -> Path:
    """A model trained on one picture in a folder."""
    data, tumor = field(1, stain=stain)
    image = slide(folder / "train.ome.tif", data, um)
    drawn = slide(folder / "strokes.ome.tif", strokes(tumor), um)
    training.save(training.train([training.Pair(str(image), str(drawn))]), folder / "my.model")
    return folder / "my.model"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return taught(tmp_path_factory.mktemp("trained"))


def dice(found: NDArray[Any], truth: NDArray[np.bool_]) -> float:
    on = cv2.resize(np.asarray(found), truth.shape[::-1], interpolation=cv2.INTER_LINEAR) >= 0.5
    return float(2 * (on & truth).sum() / (on.sum() + truth.sum()))


def test_it_tells_tumor_by_how_its_cells_lie(trained: Path, tmp_path: Path) -> None:
    for seed in (20, 21):
        data, tumor = field(seed)
        region = mk.segment(mk.open(slide(tmp_path / f"{seed}.ome.tif", data)), "pixels", model=str(trained))
        assert region.kind == "probability"
        assert region.spacing_mm == pytest.approx((0.002, 0.002))
        assert region.origin_px == (0.5, 0.5)  # the first block's middle lies between pixels 0 and 1
        assert dice(region.data, tumor) > 0.93


def test_both_classes_sum_to_one(trained: Path, tmp_path: Path) -> None:
    picture = mk.open(slide(tmp_path / "a.ome.tif", field(3)[0]))
    parts = [np.asarray(mk.segment(picture, "pixels", model=str(trained), target=t).data) for t in ("tumor", "other")]
    assert np.allclose(parts[0] + parts[1], 1, atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(384, 384), (301, 517), (64, 700), (33, 35), (1, 1)])
def test_tiled_is_bit_by_bit_what_the_whole_is(trained: Path, tmp_path: Path, height: int, width: int) -> None:
    data = np.tile(field(5)[0], (1, 2, 1))[:height, :width]
    picture = mk.open(slide(tmp_path / "a.ome.tif", data, photometric="rgb"))
    made = model.read(trained)
    where = pixels.fitting(picture, made, "my.model")
    tiled = np.full([-(-n // 2) for n in where.shape], np.nan, np.float32)
    for tile in pixels.tiles(where.shape, 96):
        planes, inner = pixels.tile_features(picture, where, made.card, *tile)
        scores = made.forest.scores([np.ascontiguousarray(plane[inner]) for plane in planes])
        tiled[tuple(slice(s.start // 2, -(-s.stop // 2)) for s in tile)] = made.forest.chance(scores, 1)
    assert np.array_equal(tiled, pixels.probability(picture, made, 1, where))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 3), st.integers(0, 3), st.integers(0, 2**31), st.sampled_from(features.every(2)))
def test_every_feature_depends_on_nothing_beyond_its_halo(down: int, right: int, seed: int, one: Any) -> None:
    """On noise of full contrast, the hardest: a window that begins on a multiple of ALIGN_PX has the same values."""
    random = np.random.default_rng(seed)
    side = 2 * features.HALO_PX + 130
    planes = [random.integers(0, 256, (side, side), np.uint8) for _ in range(2)]
    top, left = features.ALIGN_PX * down, features.ALIGN_PX * right
    whole = features.compute(planes, [one])[0]
    part = features.compute([np.ascontiguousarray(p[top:, left:]) for p in planes], [one])[0]
    halo = features.HALO_PX // 2
    assert np.array_equal(whole[top // 2 :, left // 2 :][halo:, halo:], part[halo:, halo:])


def test_a_flat_plane_has_no_edge_ridge_or_texture() -> None:
    flat = np.full((70, 90), 93, np.uint8)
    for one, plane in zip(features.every(1), features.compute([flat], features.every(1))):
        assert (plane == (93 if one.kind == "value" else 0)).all()


def test_edges_and_ridges_are_where_they_are() -> None:
    plane = np.zeros((128, 128), np.uint8)
    plane[:, 64:] = 200
    wanted = [features.Feature(0, 0, kind) for kind in ("gradient", "across", "along")]
    gradient, across, along = features.compute([plane], wanted)
    assert gradient[32].argmax() in (31, 32)
    assert across[32].argmax() in (31, 32)
    assert along[20:40].max() == 0  # nothing changes along a straight edge
    bump = np.exp(-(((np.arange(128) - 64) / 4) ** 2) / 2) * 150
    line = np.tile(np.round(40 + bump).astype(np.uint8), (128, 1))
    ridge, valley = features.compute([line], [features.Feature(0, 0, kind) for kind in ("ridge", "valley")])
    assert ridge[32].argmax() in (31, 32)
    assert valley[32, 31:33].max() == 0
    assert ridge[32, 28] < valley[32, 28]  # beyond the turning points at 4 px it is hollow


def test_pure_stains_come_apart() -> None:
    """Colours made by the law of Beer and Lambert from one stain alone: the other reads nearly nothing."""
    for stain, vector in enumerate(([0.650, 0.704, 0.286], [0.072, 0.990, 0.105])):
        colour = np.round(255 * 10 ** -np.asarray(vector)).astype(np.uint8)
        planes = features.with_stains(np.tile(colour, (4, 4, 1)))
        assert planes[3 + stain][0, 0] == pytest.approx(np.linalg.norm(vector) * 255 / 2.4, abs=3)
        assert planes[4 - stain][0, 0] <= 3


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 5), st.integers(1, 3), st.integers(0, 2**31))
def test_the_forest_sums_what_a_loop_sums(trees: int, scores: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    planes = [random.integers(0, 256, (5, 7), np.uint8) for _ in range(4)]
    plane = random.integers(0, 4, (trees, 6)).astype(np.int16)
    threshold = random.integers(0, 256, (trees, 6)).astype(np.uint8)
    weight = random.integers(-2000, 2000, (scores, trees, 64)).astype(np.int16)
    grown = forest.Forest(plane, threshold, weight, 0.001, np.zeros(scores))
    found = grown.scores(planes)
    for y in range(5):
        for x in range(7):
            codes = [
                sum(int(planes[p][y, x] > t) << b for b, (p, t) in enumerate(zip(*q))) for q in zip(plane, threshold)
            ]
            for score in range(scores):
                assert found[score, y, x] == sum(int(weight[score, t, code]) for t, code in enumerate(codes))


def test_the_same_scribbles_give_the_same_file(tmp_path: Path) -> None:
    first = taught(tmp_path).read_bytes()
    pair = training.Pair(str(tmp_path / "train.ome.tif"), str(tmp_path / "strokes.ome.tif"))
    training.save(training.train([pair]), tmp_path / "again.model")
    assert (tmp_path / "again.model").read_bytes() == first


def test_H04_another_stain_is_refused(trained: Path, tmp_path: Path) -> None:
    picture = mk.open(slide(tmp_path / "brown.ome.tif", field(1, stain="brown")[0]))
    with pytest.raises(ModelError, match="E-MOD-05") as caught:
        mk.segment(picture, "pixels", model=str(trained))
    assert "colours" in caught.value.cause


@pytest.mark.parametrize("um", [0.05, 0.65, 1.6, 8.0])
def test_H04_another_pixel_size_is_averaged_or_refused(trained: Path, tmp_path: Path, um: float) -> None:
    """Finer pixels are averaged to the model's; those that no whole number of which comes near are refused."""
    picture = mk.open(slide(tmp_path / "a.ome.tif", field(1)[0], um))
    if um < 1:
        step = round(1 / um)
        if abs(um * step - 1) <= 0.25:
            region = mk.segment(picture, "pixels", model=str(trained))
            assert region.spacing_mm == pytest.approx((2 * um * step / 1000,) * 2)
            return
    with pytest.raises(ModelError, match="E-MOD-05"):
        mk.segment(picture, "pixels", model=str(trained))


def test_H04_no_pixel_size_and_other_channels_are_refused(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(MarginError, match="E-CAL-01"):
        mk.segment(mk.open(slide(tmp_path / "bare.tif", field(1)[0], None)), "pixels", model=str(trained))
    grey = slide(tmp_path / "grey.ome.tif", field(1)[0][..., 0])
    with pytest.raises(ModelError, match="E-MOD-05"):
        mk.segment(mk.open(grey), "pixels", model=str(trained))


def test_finer_pixels_give_the_same_field(trained: Path, tmp_path: Path) -> None:
    data, _ = field(8)
    fine = np.repeat(np.repeat(data, 2, 0), 2, 1)
    one = mk.segment(mk.open(slide(tmp_path / "a.ome.tif", data)), "pixels", model=str(trained))
    two = mk.segment(mk.open(slide(tmp_path / "b.ome.tif", fine, 0.5)), "pixels", model=str(trained))
    assert np.array_equal(np.asarray(one.data), np.asarray(two.data))
    assert two.spacing_mm == pytest.approx((0.002, 0.002))
    assert two.origin_px == (1.5, 1.5)


def test_without_a_pixel_size_it_works_on_pixels(tmp_path: Path) -> None:
    made = taught(tmp_path, um=None)
    assert model.read(made).card.pixel_um is None
    data, tumor = field(9)
    region = mk.segment(mk.open(slide(tmp_path / "a.tif", data, None)), "pixels", model=str(made))
    assert region.spacing_mm is None
    assert np.asarray(region.data).shape == tumor.shape
    assert dice(region.data, tumor) > 0.9


def test_counts_of_two_channels_are_learned_too(tmp_path: Path) -> None:
    data, tumor = field(4)
    counts = np.stack([data[..., 0].astype(np.uint16) * 90, data[..., 1].astype(np.uint16) * 200])
    image = slide(tmp_path / "two.ome.tif", counts, axes="CYX", photometric="minisblack")
    drawn = slide(tmp_path / "strokes.ome.tif", strokes(tumor))
    made = training.train([training.Pair(str(image), str(drawn))])
    training.save(made, tmp_path / "two.model")
    assert not made.card.colours
    assert len(made.card.ranges) == 2
    region = mk.segment(mk.open(image), "pixels", model=str(tmp_path / "two.model"))
    assert dice(region.data, tumor) > 0.93


def test_three_classes_and_outlines_by_name(tmp_path: Path) -> None:
    data, tumor = field(6)
    data[:, :60] = np.clip(np.random.default_rng(1).normal(244, 3, (384, 60, 3)), 0, 255)
    image = slide(tmp_path / "a.ome.tif", data, photometric="rgb")
    middle = [int(v) for v in np.argwhere(tumor).mean(axis=0)]
    boxes = {"tumor": (middle[1] - 40, middle[0] - 40, 80), "glass": (4, 100, 50), "other": (320, 10, 60)}
    ring = {name: [[x, y], [x + n, y], [x + n, y + n], [x, y + n], [x, y]] for name, (x, y, n) in boxes.items()}
    told = [
        {
            "type": "Feature",
            "properties": {"classification": {"name": name}},
            "geometry": {"type": "Polygon", "coordinates": [points]},
        }
        for name, points in ring.items()
    ]
    (tmp_path / "drawn.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": told}))
    pair = training.Pair(str(image), str(tmp_path / "drawn.geojson"))
    made = training.train([pair], classes=("other", "tumor", "glass"))
    training.save(made, tmp_path / "three.model")
    glass = mk.segment(mk.open(image), "pixels", model=str(tmp_path / "three.model"), target="glass")
    found = np.asarray(glass.data) >= 0.5
    assert found[:, 2:27].mean() > 0.95
    assert found[:, 35:].mean() < 0.02


def test_too_few_strokes_and_wrong_labels_are_refused(tmp_path: Path) -> None:
    data, tumor = field(1)
    image = slide(tmp_path / "a.ome.tif", data)
    labels = strokes(tumor)
    few = np.where(labels == 2, 0, labels)
    few[0:4, 0:4] = 2
    for drawn, code in ((few, "E-MOD-06"), (np.where(labels == 2, 7, labels), "E-PIX-02")):
        path = slide(tmp_path / "strokes.ome.tif", drawn)
        with pytest.raises(MarginError, match=code):
            training.train([training.Pair(str(image), str(path))])


def altered(content: bytes, **arrays: NDArray[Any] | None) -> bytes:
    """A model's file with arrays changed, or left out where None."""
    with np.load(io.BytesIO(content)) as bundle:
        all_of = {**{name: bundle[name] for name in bundle.files}, **arrays}
    out = io.BytesIO()
    np.savez(out, **{name: value for name, value in all_of.items() if value is not None})  # type: ignore[arg-type]
    return out.getvalue()


def card(content: bytes, **changes: Any) -> NDArray[np.uint8]:
    with np.load(io.BytesIO(content)) as bundle:
        told = {**json.loads(bundle["card"].tobytes()), **changes}
    return np.frombuffer(json.dumps(told).encode(), np.uint8)


def test_a_tampered_model_is_refused_by_one_error(trained: Path, tmp_path: Path) -> None:
    good = trained.read_bytes()
    with np.load(io.BytesIO(good)) as bundle:
        weight, plane, colours = bundle["weight"], bundle["plane"], bundle["colours"]
    bad = [
        good[: len(good) // 2],
        b"\x80\x04" + good,
        altered(good, weight=None),
        altered(good, weight=np.array([{}], object)),
        altered(good, weight=weight.astype(float)),
        altered(good, weight=np.full_like(weight, 32000)),
        altered(good, plane=plane + 60),
        altered(good, plane=plane - 9),
        altered(good, colours=colours[:4]),
        altered(good, more=weight),
        altered(good, bias=np.array([np.nan])),
        altered(good, card=card(good, schema="marginkit.pixels/2")),
        altered(good, card=card(good, classes=["a"])),
        altered(good, card=card(good, pixel_um=-1)),
        altered(good, card=card(good, log_odds_step=0)),
        altered(good, card=card(good, features=[])),
        altered(good, card=card(good, features=[{"scale": 99, "channel": 0, "kind": "value"}])),
        altered(good, card=np.frombuffer(b"[" * 100_000, np.uint8)),
    ]
    for number, content in enumerate(bad):
        path = tmp_path / f"{number}.model"
        path.write_bytes(content)
        with pytest.raises(ModelError, match=r"E-MOD-0[12]") as caught:
            model.read(path)
        assert str(tmp_path) not in str(caught.value), number


def test_a_model_that_unpacks_to_far_more_is_refused_unread(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.model", "w", zipfile.ZIP_DEFLATED) as bundle:
        for name in model.ARRAYS:
            bundle.writestr(f"{name}.npy", bytes(40 << 20))
    with pytest.raises(ModelError, match="E-MOD-01"):
        model.read(tmp_path / "bomb.model")


def test_from_strokes_to_a_margin_by_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, tumor = field(1)
    image = slide(tmp_path / "a.ome.tif", data)
    drawn = slide(tmp_path / "strokes.ome.tif", strokes(tumor))
    out = tmp_path / "my.model"
    assert code_of(["train", str(image), str(drawn), "--out", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told["classes"]) == {"other", "tumor"}
    method = ["--what", "tumor", "--method", f"pixels:model={out}"]
    assert code_of(["segment", str(image), *method, "--out", str(tmp_path / "found.ome.tif")]) == 0
    assert (tmp_path / "found.ome.tif").stat().st_size > 0
    data, tumor = field(16)  # near the middle
    image = slide(tmp_path / "b.ome.tif", data)
    y, x = np.mgrid[:384, :384]
    specimen = slide(tmp_path / "specimen.ome.tif", (np.hypot(y - 191.5, x - 191.5) < 190).astype(np.uint8))
    capsys.readouterr()
    words = ["measure", str(image), "--tumor", f"pixels:model={out},min_area_mm2=0.002", "--specimen", str(specimen)]
    assert code_of([*words, "--out", str(tmp_path / "out"), "--json"]) == 0
    margin = json.loads(capsys.readouterr().out)["margins"][0]
    truth = mk.measure(tumor, tifffile.imread(specimen) > 0, spacing=(0.001, 0.001))
    assert truth.value_mm > 0.03
    assert margin["value_mm"] == pytest.approx(truth.value_mm, abs=0.015)
    assert margin["interval_mm"][0] < margin["value_mm"] < margin["interval_mm"][1]


def test_small_islands_leave_the_value_and_stay_in_the_interval(trained: Path, tmp_path: Path) -> None:
    data, tumor = field(16)
    data[:60, :60] = field(1)[0][150:210, 200:260]  # 0.0036 mm2 of tumor in a corner
    picture = mk.open(slide(tmp_path / "a.ome.tif", data))
    every = np.asarray(mk.segment(picture, "pixels", model=str(trained)).data)
    large = np.asarray(mk.segment(picture, "pixels", model=str(trained), min_area_mm2=0.02).data)
    assert (every[5:20, 5:20] >= 0.5).mean() > 0.9
    assert large[:35, :35].max() < 0.5
    assert (large[5:20, 5:20] > 0.49).mean() > 0.9
    assert dice(large, tumor) > 0.93


def test_a_window_of_the_grid_is_the_mean_of_its_pixels(tmp_path: Path) -> None:
    data = np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8)
    picture = mk.open(slide(tmp_path / "a.ome.tif", data, 0.25))
    where = _windows.grid(picture, 1.0, 0.25, "m")
    seen = _windows.window(picture, where, slice(2, 5), slice(1, 4))
    plain = data[8:20, 4:16].reshape(3, 4, 3, 4, 3).mean(axis=(1, 3))
    assert np.abs(seen - plain).max() <= 0.5


def test_it_is_on_the_shelf_by_its_name() -> None:
    assert shelf.get("segmenters", "pixels") is pixels

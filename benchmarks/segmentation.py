"""How well segmenters find what others outlined, and how quick they are beside the usual routes.

    python benchmarks/segmentation.py figures REAL_DATA_FOLDER    Dice on images that others annotated
    python benchmarks/segmentation.py speed                       ratios, each with its peer in the same run
    python benchmarks/segmentation.py memory                      a slide of 20,000 x 20,000 pixels
    python benchmarks/segmentation.py refine                      a slide coarse to fine, and on fine pixels everywhere

Speed: peers and marginkit take turns in one process, the first turn is dropped, medians are compared.
Needs: pip install "marginkit[train]"
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from strokes import strokes

import marginkit as mk
from marginkit import stains, training
from marginkit.segmenters import pixels, stain

Mask = NDArray[np.bool_]
SPLITS = ((0, 1, 2, 3), (4, 5, 6, 7), (0, 2, 4, 6), (1, 3, 5, 7))
SIDE = 4096


def dice(found: Sequence[Mask], truth: Sequence[Mask]) -> float:
    """Over the pixels of all images together."""
    both = sum(int((a & b).sum()) for a, b in zip(found, truth))
    return 2 * both / sum(int(a.sum() + b.sum()) for a, b in zip(found, truth))


def row(*words: object) -> None:
    print("| " + " | ".join(str(word) for word in words) + " |", flush=True)


def table(*titles: str) -> None:
    print()
    row(*titles)
    row(*("---" for _ in titles))


def baseline(drawn: Sequence[tuple[NDArray[np.uint8], NDArray[np.uint8]]], seen: NDArray[np.uint8]) -> NDArray[Any]:
    """Chance of tumor by scikit-image's multi-scale features and a forest of 50 trees, 10 deep."""
    from skimage.feature import multiscale_basic_features
    from sklearn.ensemble import RandomForestClassifier

    def of(image: NDArray[np.uint8]) -> NDArray[Any]:
        return multiscale_basic_features(image, channel_axis=-1, sigma_max=16)

    values = np.concatenate([of(image)[labels > 0] for image, labels in drawn])
    known = np.concatenate([labels[labels > 0] for _, labels in drawn])
    forest = RandomForestClassifier(50, max_depth=10, n_jobs=2, random_state=0).fit(values, known)
    return forest.predict_proba(of(seen).reshape(-1, values.shape[1]))[:, 1].reshape(seen.shape[:2])


def oral(folder: Path) -> None:
    """Trained on strokes in four fields of oral carcinoma, applied to the other four."""
    files = sorted((folder / "he-oral-carcinoma-masks").glob("*_image.jpg"))
    truth = [cv2.imread(str(f).replace("_image", "_mask"), 0) >= 128 for f in files]
    colours = [cv2.imread(str(f))[..., ::-1].copy() for f in files]
    table("trained on fields", "marginkit, Dice on the others", "scikit-image + forest", "per field")
    for split in SPLITS:
        random = np.random.default_rng(1)
        drawn = [(colours[i], strokes(truth[i], random)) for i in split]
        others = [i for i in range(len(files)) if i not in split]
        model = pixels.train(
            [pixels.Scribbles(mk.open(files[i]), d[1]) for i, d in zip(split, drawn)], ("other", "tumor")
        )
        with tempfile.TemporaryDirectory() as out:
            training.save(model, Path(out) / "my.model")
            ours = [np.asarray(mk.segment(mk.open(files[i]), "pixels", model=f"{out}/my.model").data) for i in others]
        found = [one >= 0.5 for one in ours]
        theirs = [baseline(drawn, colours[i]) >= 0.5 for i in others]
        wanted = [truth[i] for i in others]
        single = ", ".join(f"{dice([a], [b]):.2f}" for a, b in zip(found, wanted))
        row(", ".join(str(i + 1) for i in split), f"{dice(found, wanted):.3f}", f"{dice(theirs, wanted):.3f}", single)


def lesions(folder: Path) -> None:
    """Lesions on skin, outlined by experts; two of the outlines are tight."""
    table("photograph", "Dice", "threshold")
    for name in ("0012903", "0016003", "0013085", "0013948"):
        region = mk.segment(mk.open(folder / "skin-lesion-mm-scale" / f"ISIC_{name}.jpg"), "lesion")
        truth = cv2.imread(str(folder / "skin-lesion-mm-scale" / f"ISIC_{name}_segmentation.png"), 0) > 127
        row(f"ISIC_{name}", f"{dice([np.asarray(region.data) >= 0.5], [truth]):.3f}", region.maker)


def turns(*ways: Callable[[], object], times: int = 5) -> list[float]:
    """Median seconds of each way; they take turns, and the first turn is dropped."""
    spent: list[list[float]] = [[] for _ in ways]
    for _ in range(times + 1):
        for way, own in zip(ways, spent):
            start = time.perf_counter()
            way()
            own.append(time.perf_counter() - start)
    return [float(np.median(own[1:])) for own in spent]


def tile(side: int) -> NDArray[np.uint8]:
    """Blobs of two stains on glass, with noise."""
    random = np.random.default_rng(0)
    amounts = [cv2.GaussianBlur(random.random((side, side), np.float32), (0, 0), 9) for _ in range(2)]
    density = sum(
        12 * np.clip(one - 0.5, 0, 1)[..., None] * np.float32(stains.VECTORS[name])
        for one, name in zip(amounts, ("haematoxylin", "eosin"))
    )
    noise = random.normal(0, 4, (side, side, 1)).astype(np.float32)
    return np.clip(240 * 10**-density + noise, 0, 255).astype(np.uint8)


def speed_of_classifier() -> None:
    """One tile, features and forest, both on all cores; the peer on a quarter of the tile, per pixel."""
    from marginkit.classifier import features, forest

    seen = tile(SIDE)
    small = np.ascontiguousarray(seen[: SIDE // 4, : SIDE // 4])
    labels = np.zeros(small.shape[:2], np.uint8)
    labels[small[..., 1] > 200], labels[small[..., 0] < 150] = 1, 2
    labels[np.random.default_rng(0).random(labels.shape) > 0.02] = 0
    every = features.every(5)
    planes = features.compute(features.with_stains(small), every)
    known = labels[::2, ::2] > 0
    grown, kept = forest.fit(np.stack([p[known] for p in planes], 1), labels[::2, ::2][known].astype(np.int64) - 1)
    wanted = [every[i] for i in kept]

    def ours() -> None:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(2) as pool:
            half = SIDE // 2
            parts = [seen[y : y + half, x : x + half] for y in (0, half) for x in (0, half)]
            list(pool.map(lambda part: apply(np.ascontiguousarray(part)), parts))

    def apply(part: NDArray[np.uint8]) -> NDArray[np.float32]:
        return grown.chance(grown.scores(features.compute(features.with_stains(part), wanted)), 1)

    peer = prepared(small, labels)
    spent = turns(ours, lambda: peer(small), times=3)
    rate = SIDE**2 / spent[0], small[..., 0].size / spent[1]
    row("pixel classifier", "scikit-image features + forest of 50 x 10", f"{rate[0] / rate[1]:.0f}", "Dice above")


def prepared(small: NDArray[np.uint8], labels: NDArray[np.uint8]) -> Callable[[NDArray[np.uint8]], object]:
    from skimage.feature import multiscale_basic_features
    from sklearn.ensemble import RandomForestClassifier

    def of(image: NDArray[np.uint8]) -> NDArray[Any]:
        return multiscale_basic_features(image, channel_axis=-1, sigma_max=16)

    values = of(small)
    peer = RandomForestClassifier(50, max_depth=10, n_jobs=2, random_state=0).fit(
        values[labels > 0], labels[labels > 0]
    )
    return lambda image: peer.predict_proba(of(image).reshape(-1, values.shape[-1]))


def speed_of_stain() -> None:
    """Haematoxylin, its histogram over stained tissue, Otsu's threshold and the mask."""
    from concurrent.futures import ThreadPoolExecutor

    from skimage.color import rgb2hed
    from skimage.filters import threshold_otsu

    seen = tile(SIDE)
    dyes = stains.matrix(("haematoxylin", "eosin", "dab"))

    def ours() -> Mask:
        with ThreadPoolExecutor(2) as pool:
            parts = list(pool.map(lambda y: stain.measured(seen[y : y + 512], dyes, 0), range(0, SIDE, 512)))
        above = stain.otsu(np.sum([counts for _, counts in parts], axis=0), "tile")
        return np.concatenate([amount for amount, _ in parts]) > above

    def theirs() -> Mask:
        hed = rgb2hed(seen)[..., 0]
        return np.asarray(hed > threshold_otsu(hed[seen.min(axis=2) <= stain.BRIGHT]))

    spent = turns(ours, theirs, times=3)
    same = dice([ours()], [theirs()])
    row("stain, histogram, threshold", "rgb2hed + threshold_otsu", f"{spent[1] / spent[0]:.0f}", f"Dice {same:.3f}")


def speed_of_morphology() -> None:
    """Opening and closing by a disk, and holes filled: the routes that segmenters take, and scikit-image's."""
    from scipy import ndimage
    from skimage import morphology

    mask = tile(SIDE)[..., 0] < 190
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))

    def ours() -> Mask:
        return cv2.morphologyEx(cv2.morphologyEx(mask.view(np.uint8), cv2.MORPH_OPEN, disk), cv2.MORPH_CLOSE, disk) > 0

    def theirs() -> Mask:
        return morphology.closing(morphology.opening(mask, disk > 0, mode="ignore"), disk > 0, mode="ignore")

    spent = turns(ours, theirs, times=3)
    same = "equal" if np.array_equal(ours(), theirs()) else f"Dice {dice([ours()], [theirs()]):.4f}"
    row("opening and closing, disk of 7", "scikit-image", f"{spent[1] / spent[0]:.0f}", same)

    def islands() -> Mask:
        _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
        return (stats[:, cv2.CC_STAT_AREA] >= 200)[labels] & mask

    def theirs_islands() -> Mask:
        labels, count = ndimage.label(mask, np.ones((3, 3)))
        return (np.bincount(labels.ravel(), minlength=count + 1) >= 200)[labels] & mask

    spent = turns(islands, theirs_islands, times=3)
    same = "equal" if np.array_equal(islands(), theirs_islands()) else "DIFFERENT"
    row("small islands dropped", "SciPy label", f"{spent[1] / spent[0]:.1f}", same)


def speed() -> None:
    table("step", "peer", "times as quick", "result against the peer's")
    speed_of_classifier()
    speed_of_stain()
    speed_of_morphology()


MEMORY = """
import sys
import marginkit as mk

def peak():  # of this program alone; getrusage counts what the parent had, too
    return [int(line.split()[1]) // 1024 for line in open("/proc/self/status") if line.startswith("VmHWM")][0]

picture = mk.open(sys.argv[1], pixel_size="0.5um")
before = peak()
region = mk.segment(picture, sys.argv[2], **dict(one.split("=") for one in sys.argv[3:]))
print(before, peak(), region.data.shape)
"""


def memory(side: int = 20_000) -> None:
    """Peak memory of a process that segments a tiled slide, read from the operating system."""
    import tifffile

    with tempfile.TemporaryDirectory() as name:
        slide = Path(name) / "slide.tif"
        one = tile(2048)
        tiles = (np.ascontiguousarray(one[y : y + 512, x : x + 512]) for y in _starts(side) for x in _starts(side))
        tifffile.imwrite(slide, tiles, shape=(side, side, 3), dtype=np.uint8, tile=(512, 512), photometric="rgb",
                         compression="jpeg")  # fmt: skip
        model = Path(name) / "my.model"
        small = Path(name) / "small.ome.tif"
        size = {f"PhysicalSize{a}{b}": v for a in "XY" for b, v in (("", 1.0), ("Unit", "µm"))}
        tifffile.imwrite(small, one, photometric="rgb", metadata={"axes": "YXS", **size})
        labels = np.where(one[..., 1] > 200, 1, np.where(one[..., 0] < 150, 2, 0)).astype(np.uint8)
        training.save(pixels.train([pixels.Scribbles(mk.open(small), labels)], ("other", "tumor")), model)
        table("segmenter", "MiB before", "MiB at most", "pixels of the result")
        for words in (["specimen"], ["stain", "dye=haematoxylin"], ["pixels", f"model={model}"]):
            call = [sys.executable, "-c", MEMORY, str(slide), *words]
            told = subprocess.run(call, capture_output=True, text=True, check=True).stdout.split(maxsplit=2)
            row(words[0], told[0], told[1], told[2].strip())


REFINE = """
import sys, time
import cv2, scipy.ndimage, skimage.morphology  # loaded before the clock starts, for both
from marginkit.pipeline import Job, measured

tumor, specimen = "stain:dye=dab,above=0.3,pixel_um=0.5", "specimen:pixel_um=0.5"
start = time.perf_counter()
case = measured(Job(image=sys.argv[1], tumor=tumor, specimen=specimen, refine=sys.argv[2]))
spent = time.perf_counter() - start
peak = [int(line.split()[1]) // 1024 for line in open("/proc/self/status") if line.startswith("VmHWM")][0]
found = case.result.all
share = max((one["fine_px"] / one["of_px"] for one in (case.resolution or {}).values()), default=1.0)
print(spent, peak, share, repr(found.value_mm), *found.interval_mm)
"""


def section(path: Path, height: int, width: int) -> None:
    """A slide of 0.5 µm: brown tumor whose outline runs in waves, in pink tissue, with noise; levels by two, JPEG."""
    import tifffile

    random = np.random.default_rng(0)
    pixels = np.empty((height, width, 3), np.uint8)
    right = np.arange(width, dtype=np.float32)[None] / width - 0.5
    for top in range(0, height, 512):
        down = np.arange(top, min(top + 512, height), dtype=np.float32)[:, None] / height - 0.5
        angle = np.arctan2(down - 0.03, right + 0.05)
        tumor = np.hypot(down - 0.03, right + 0.05) < 0.22 + 0.02 * np.sin(7 * angle) + 0.008 * np.sin(31 * angle)
        tissue = np.hypot(down, right) < 0.4 + 0.02 * np.sin(5 * np.arctan2(down, right))
        part = np.where(tissue[..., None], np.float32((225, 170, 200)), np.float32((243, 243, 243)))
        part = cv2.GaussianBlur(np.where((tumor & tissue)[..., None], np.float32((120, 80, 40)), part), (0, 0), 1.5)
        noise = random.standard_normal((*part.shape[:2], 1), np.float32) * 3
        pixels[top : top + 512] = np.clip(part + noise, 0, 255)
    size = {f"PhysicalSize{a}{b}": v for a in "XY" for b, v in (("", 0.5), ("Unit", "µm"))}
    kind: Any = {"tile": (512, 512), "photometric": "rgb", "compression": "jpeg", "compressionargs": {"level": 90}}
    with tifffile.TiffWriter(path, ome=True, bigtiff=True) as file:
        file.write(pixels, subifds=6, metadata={"axes": "YXS", **size}, **kind)
        for _ in range(6):
            pixels = cv2.resize(pixels, (pixels.shape[1] // 2, pixels.shape[0] // 2), interpolation=cv2.INTER_AREA)
            file.write(pixels, subfiletype=1, **kind)


def refine(height: int = 12_288, width: int = 16_384, times: int = 3) -> None:
    """The same case on fine pixels everywhere and coarse to fine, by turns, each in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        slide = Path(name) / "slide.ome.tif"
        section(slide, height, width)
        found: dict[str, list[list[str]]] = {"": [], "16um": []}
        for _ in range(times):
            for word, own in found.items():
                call = [sys.executable, "-c", REFINE, str(slide), word]
                own.append(subprocess.run(call, capture_output=True, text=True, check=True).stdout.split())
    table(
        f"{height} x {width} pixels of 0.5 µm", "median s", "MiB at most", "fine pixels read", "value and interval, mm"
    )
    for word, own in found.items():
        spent = np.median([float(one[0]) for one in own])
        row(word or "fine everywhere", f"{spent:.1f}", own[0][1], f"{float(own[0][2]):.1%}", " ".join(own[0][3:]))
    slow, quick = (np.array([float(one[0]) for one in own]) for own in found.values())
    row("coarse to fine, times as quick", f"{np.median(slow / quick):.0f}", "", "", "")


def _starts(side: int) -> list[int]:
    return [(i * 512) % 2048 for i in range(-(-side // 512))]


if __name__ == "__main__":
    wanted = sys.argv[1:] or ["speed"]
    if wanted[0] == "figures":
        oral(Path(wanted[1]))
        lesions(Path(wanted[1]))
    elif wanted[0] == "memory":
        memory(*(int(one) for one in wanted[1:]))
    elif wanted[0] == "refine":
        refine(*(int(one) for one in wanted[1:]))
    else:
        speed()

"""What each definition of distance says of discs whose distance is known: prints the tables of docs/comparison.md.

    python benchmarks/definitions.py          150 pairs of discs, 150 discs before a straight edge
    python benchmarks/definitions.py 20       fewer

Shapes lie at random between the pixels and are digitised at pixel centres. The error is answer minus truth, in pixels.
Needs: pip install edt simpleitk surface-distance-based-measures (a row whose package is absent is left out).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import marginkit as mk

Mask = NDArray[np.bool_]
SIZE, FINE = 240, 8


@dataclass(frozen=True)
class Scene:
    """A tumor in a specimen: as masks, as coverage of each pixel, and the true distance in pixels."""

    tumor: Mask
    specimen: Mask
    tumor_share: NDArray[np.float64]
    specimen_share: NDArray[np.float64]
    truth_px: float


def share(inside: Callable[..., Mask]) -> NDArray[np.float64]:
    """Share of each pixel that a shape covers, from FINE x FINE points a pixel."""
    at = (np.arange(SIZE * FINE) + 0.5) / FINE - 0.5
    fine = inside(at[:, None], at[None, :])
    return fine.reshape(SIZE, FINE, SIZE, FINE).mean(axis=(1, 3))


def disc(y: float, x: float, radius: float) -> Callable[..., Mask]:
    return lambda v, u: (v - y) ** 2 + (u - x) ** 2 <= radius**2


def half_plane(angle: float, reach: float) -> Callable[..., Mask]:
    """Everything up to ``reach`` pixels from the middle in a direction."""
    return lambda v, u: (v - SIZE / 2) * np.sin(angle) + (u - SIZE / 2) * np.cos(angle) <= reach


def scene(draw: np.random.Generator, straight: bool) -> Scene:
    """A disc of 15 to 40 px, 5 to 50 px from the border of a larger disc or of a half-plane."""
    radius, gap = draw.uniform(15, 40), draw.uniform(5, 50)
    angle = draw.uniform(0, 2 * np.pi)
    y, x = SIZE / 2 + draw.uniform(-0.5, 0.5, 2)
    if straight:
        reach = (y - SIZE / 2) * np.sin(angle) + (x - SIZE / 2) * np.cos(angle) + radius + gap
        outer = half_plane(angle, reach)
    else:
        wide = radius + gap + draw.uniform(3, 10)
        away = wide - radius - gap  # the smaller disc is nearest on the side away from the larger one's middle
        outer = disc(y - away * np.sin(angle), x - away * np.cos(angle), wide)
    index = np.arange(SIZE)
    inner = disc(y, x, radius)
    masks = [inside(index[:, None], index[None, :]) for inside in (inner, outer)]
    return Scene(masks[0], masks[1], share(inner), share(outer), gap)


def rim(mask: Mask) -> Mask:
    """Pixels of a mask that share a side with what is not in it."""
    from scipy import ndimage

    return mask & ~ndimage.binary_erosion(mask, border_value=1)


def around(mask: Mask) -> Mask:
    """Pixels outside a mask that share a side with it."""
    return rim(~mask)


def scipy_inner(s: Scene) -> float:
    from scipy import ndimage

    return float(ndimage.distance_transform_edt(~s.tumor)[rim(s.specimen)].min())


def scipy_outer(s: Scene) -> float:
    from scipy import ndimage

    return float(ndimage.distance_transform_edt(s.specimen)[s.tumor].min())


def edt_inner(s: Scene) -> float:
    import edt

    return float(edt.edt(~s.tumor)[rim(s.specimen)].min())


def opencv_inner(s: Scene, size: int) -> float:
    import cv2

    far = cv2.distanceTransform((~s.tumor).view(np.uint8), cv2.DIST_L2, size)
    return float(far[rim(s.specimen)].min())


def itk_inner(s: Scene) -> float:
    import SimpleITK

    image = SimpleITK.GetImageFromArray(s.tumor.view(np.uint8))
    far = SimpleITK.SignedMaurerDistanceMap(image, squaredDistance=False, useImageSpacing=False)
    return float(SimpleITK.GetArrayFromImage(far)[rim(s.specimen)].min())


def deepmind(s: Scene) -> float:
    from surface_distance import compute_surface_distances

    if not hasattr(np, "Inf"):
        np.inf = np.inf  # type: ignore[attr-defined]  # the package's 0.1 knows no NumPy 2
    found = compute_surface_distances(s.tumor, s.specimen, (1.0, 1.0))
    return float(found["distances_gt_to_pred"].min())


def pixels(s: Scene) -> float:
    return value(mk.measure(s.tumor, s.specimen, (1.0, 1.0)))


def contour(s: Scene) -> float:
    return value(mk.measure(s.tumor, s.specimen, (1.0, 1.0), boundary="contour"))


def coverage(s: Scene) -> float:
    return value(mk.measure(s.tumor_share, s.specimen_share, (1.0, 1.0)))


def value(found: mk.Margins) -> float:
    assert found.value_mm is not None
    return found.value_mm


WAYS: dict[str, Callable[[Scene], float]] = {
    "SciPy: tumor to the specimen's last pixel": scipy_inner,
    "SciPy: tumor to the first pixel outside": scipy_outer,
    "edt: to the last pixel": edt_inner,
    "SimpleITK Maurer: to the last pixel": itk_inner,
    "OpenCV precise: to the last pixel": lambda s: opencv_inner(s, 0),
    "OpenCV 5 x 5: to the last pixel": lambda s: opencv_inner(s, 5),
    "OpenCV 3 x 3: to the last pixel": lambda s: opencv_inner(s, 3),
    "surface-distance: between grid corners": deepmind,
    "**marginkit**, masks": pixels,
    "**marginkit**, masks, `boundary=contour`": contour,
    "**marginkit**, coverage": coverage,
}


def usable(scenes: list[Scene]) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Each definition that is installed, with its errors in pixels."""
    for name, way in WAYS.items():
        try:
            yield name, np.array([way(s) - s.truth_px for s in scenes])
        except ImportError as error:
            print(f"{name}: left out, {error.name} is not installed", file=sys.stderr)


def held(scenes: list[Scene]) -> int:
    """In how many the interval of the masks holds the truth."""
    found = [(mk.measure(s.tumor, s.specimen, (1.0, 1.0)).interval_mm, s.truth_px) for s in scenes]
    return sum(span is not None and span[0] <= truth <= span[1] for span, truth in found)


def main(count: int) -> None:
    draw = np.random.default_rng(2026)
    for title, straight in (("A disc before a straight edge", True), ("A disc in a disc", False)):
        scenes = [scene(draw, straight) for _ in range(count)]
        print(f"\n{title}, {count} times\n\n| definition | bias, px | SD, px | worst, px |\n|---|---|---|---|")
        for name, error in usable(scenes):
            print(f"| {name} | {error.mean():+.2f} | {error.std(ddof=1):.2f} | {np.abs(error).max():.2f} |")
        print(f"\nThe interval of the masks held the truth in {held(scenes)} of {count}.")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 150)

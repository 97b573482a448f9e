"""A second picture of the same specimen laid on the first: white light and fluorescence.

The surprising thing: the two hardly ever show the same. What is bright in one is dark in the other, so edges are
laid on edges, and what remains is measured apart from what was fitted: by how much single parts of the picture still
are off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from marginkit.errors import FileError, GridError, MeasureError
from marginkit.records import Floats, Picture

Model: TypeAlias = Literal["none", "translation", "rigid", "similarity", "affine"]
By: TypeAlias = Literal["intensity", "features", "landmarks"]
Look: TypeAlias = NDArray[np.float32]
Edges: TypeAlias = NDArray[np.complex64]
SIDE_PX = 1024  # of the pictures as they are compared
NEEDS = {"none": 0, "translation": 1, "rigid": 2, "similarity": 2, "affine": 3}  # pairs of points
SURE = 8  # pairs of features that agree; fewer may do so by chance
SAME_ASPECT = 0.01
REACH, TILE_REACH = 0.2, 0.1  # share of the sides by which one may be off
SOFT_PX, STRONG = 1.5, 16.0  # smoothing; an edge counts fully that is so many times steeper than the mean
SURE_SD = 6.0  # of all places: a place that stands out less may be chance
TILES = 4  # each way, in which what remains is measured


@dataclass(frozen=True)
class Registration:
    """How the second picture lies on the first.

    matrix : (3, 3), (x, y, 1) of the first in index units to (x, y, 1) of the second. residual_px : (y, x) root mean
    square (median for parts of a picture) of what remains, pixels of the first; None where nothing could tell.
    pairs : points, features or parts of the picture that it was told from.
    """

    matrix: Floats
    model: Model
    by: By
    residual_px: tuple[float, float] | None
    residual_mm: float | None
    pairs: int

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, as ``signal.registration`` of result.json."""
        how = "pixel on pixel" if self.model == "none" else f"{self.model} by {self.by}"
        return {
            "method": how,
            "model": self.model,
            "by": self.by,
            "matrix": self.matrix.tolist(),
            "residual_mm": self.residual_mm,
            "residual_px": None if self.residual_px is None else list(self.residual_px),
            "pairs": self.pairs,
        }


def register(
    first: Picture,
    second: Picture,
    *,
    model: Model = "translation",
    by: By = "intensity",
    landmarks: Floats | None = None,
) -> Registration:
    """How the second picture lies on the first, with what remains in mm.

    model : ``none`` takes the pictures as they lie (by their pixel sizes, or pixel on pixel) and only measures what
    remains. landmarks : (n, 4) y, x in the first and y, x in the second, index units; of ``by="landmarks"``.

    Raises
    ------
    GridError : E-GRID-05 nothing says how large one is against the other.
    MeasureError : E-MSR-10 they could not be laid on each other.
    """
    if by == "landmarks":
        return _by_landmarks(first, second, model, landmarks)
    start = _start(first, second)
    shrink = max(1.0, max(first.spatial_shape[-2:]) / SIDE_PX)
    small = _scaled(shrink)
    looks = _looks(first, second, start @ small, shrink)
    if model == "none":
        found = np.eye(3)
    elif by == "features":
        return _by_features(first, second, model, start)
    else:
        found = _by_intensity(looks, model)
    rest, parts = _remaining(looks, found)
    matrix = start @ small @ found @ np.linalg.inv(small)
    return _told(first, matrix, model, by, None if rest is None else rest * shrink, parts)


def read_landmarks(path: str) -> Floats:
    """(n, 4) float64: y, x in the first and y, x in the second picture, index units, from a CSV file.

    FileError E-FILE-06 where it holds something else.
    """
    try:
        with open(path, encoding="utf-8-sig") as stream:
            lines = [line.replace(";", ",").split(",") for line in stream.read(1 << 20).splitlines() if line.strip()]
        rows = lines[1:] if lines and not _are_numbers(lines[0]) else lines
        points = np.array([[float(word) for word in row] for row in rows], np.float64).reshape(-1, 4)
    except (OSError, ValueError) as error:
        cause = "wanted lines of y, x in the first and y, x in the second picture"
        raise FileError("E-FILE-06", "landmarks not understood", cause=cause, file=path) from error
    if not np.isfinite(points).all():
        raise FileError("E-FILE-06", "landmarks not understood", cause="not finite", file=path)
    return points


def fit(model: Model, points: Floats, others: Floats) -> Floats:
    """(3, 3) matrix that takes points to others, both (n, 2) x, y, with the least squares.

    MeasureError E-MSR-10 where there are too few points, or they lie on a line.
    """
    if len(points) < max(1, NEEDS[model]):
        raise MeasureError("E-MSR-10", "too few landmarks", cause=f"{len(points)}, {model} needs {NEEDS[model]}")
    matrix = np.eye(3)
    middle, other = points.mean(axis=0), others.mean(axis=0)
    own, wanted = points - middle, others - other
    spread = np.linalg.matrix_rank(own, tol=1e-6 * max(1.0, float(np.abs(own).max())))
    if spread < {"rigid": 1, "similarity": 1, "affine": 2}.get(model, 0):
        raise MeasureError("E-MSR-10", "landmarks do not span the picture", cause=f"{model} of points in line")
    if model == "affine":
        matrix[:2, :2] = np.linalg.lstsq(own, wanted, rcond=None)[0].T
    elif model in ("rigid", "similarity"):
        turn, scale = _turned(own, wanted)
        matrix[:2, :2] = turn * (scale if model == "similarity" else 1.0)
    matrix[:2, 2] = other - matrix[:2, :2] @ middle
    return matrix


def _turned(own: Floats, wanted: Floats) -> tuple[Floats, float]:
    """(rotation, scale) of the least squares, without mirroring (doi:10.1109/34.88573)."""
    u, size, vt = np.linalg.svd(wanted.T @ own)
    sign = np.diag([1.0, np.sign(np.linalg.det(u @ vt))])
    return u @ sign @ vt, float((size * np.diag(sign)).sum() / (own**2).sum())


def _are_numbers(words: Sequence[str]) -> bool:
    try:
        return bool([float(word) for word in words])
    except ValueError:
        return False


def _start(first: Picture, second: Picture) -> Floats:
    """Index units of the first to those of the second, by what is stated of their sizes."""
    one, other = first.spatial_shape[-2:], second.spatial_shape[-2:]
    stated = [p.spacing_mm if p.calibration and p.calibration.source != "typed" else None for p in (first, second)]
    if stated[0] and stated[1]:
        ratio = np.array(stated[0][-2:]) / np.array(stated[1][-2:])
    else:
        ratio = np.array(other) / np.array(one)
        if abs(ratio[0] / ratio[1] - 1) > SAME_ASPECT:
            cause = f"{one} and {other}, and no pixel sizes say how one lies on the other"
            remedy = "Give register=affine,by=landmarks,landmarks=FILE."
            raise GridError("E-GRID-05", "two pictures differ in shape", cause=cause, remedy=remedy, file=second.name)
    y, x = ratio
    return np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1.0]])


def _scaled(shrink: float) -> Floats:
    """Index units of a picture shrunk by so much to those of the picture."""
    return np.array([[shrink, 0, (shrink - 1) / 2], [0, shrink, (shrink - 1) / 2], [0, 0, 1.0]])


def _looks(first: Picture, second: Picture, matrix: Floats, shrink: float) -> tuple[Look, Look]:
    """Brightness of both pictures on the shrunk pixels of the first."""
    import cv2

    height, width = (max(8, round(n / shrink)) for n in first.spatial_shape[-2:])
    own = cv2.resize(_brightness(first), (width, height), interpolation=cv2.INTER_AREA)
    blur = max(np.hypot(*matrix[:2, 0]) / 2 - 0.5, 0.0)
    other = _brightness(second)
    other = np.asarray(cv2.GaussianBlur(other, (0, 0), blur), np.float32) if blur > 0.3 else other
    return np.asarray(own, np.float32), _laid(other, matrix, (height, width))


def _laid(look: Look, matrix: Floats, shape: tuple[int, ...]) -> Look:
    """A picture fetched through a matrix."""
    import cv2

    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    laid = cv2.warpAffine(look, matrix[:2], shape[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(laid, np.float32)


def _brightness(picture: Picture) -> Look:
    """(y, x) brightness on a logarithmic scale, so that faint tissue shows beside bright signal."""
    pixels = picture.read().astype(np.float32)
    order = [picture.axes.index(axis) for axis in "YX"]
    rest = [i for i in range(pixels.ndim) if i not in order]
    flat = np.transpose(pixels, [*order, *rest]).reshape(*(picture.shape[i] for i in order), -1).max(axis=-1)
    low, high = np.percentile(flat, (1, 99.9))
    return np.asarray(np.log1p(np.clip(flat - low, 0, None) / max(float(high - low) / 100, 1e-6)), np.float32)


def _edges(look: Look) -> Edges:
    """Direction of edges as complex numbers of the doubled angle, so that dark beside bright is as bright beside dark.

    Their length is near 1 on strong edges, near 0 elsewhere (normalised gradient fields, doi:10.1007/11866763_89).
    """
    import cv2

    soft = cv2.GaussianBlur(look, (0, 0), SOFT_PX)
    slope = cv2.Sobel(soft, cv2.CV_32F, 1, 0) + 1j * cv2.Sobel(soft, cv2.CV_32F, 0, 1)
    strong = STRONG * max(float(np.abs(slope).mean()), 1e-9)
    return np.asarray(slope**2 / (np.abs(slope) ** 2 + strong**2), np.complex64)


def _by_intensity(looks: tuple[Look, Look], model: Model) -> Floats:
    """First the turn and shift where edges of one lie along edges of the other, then all that the model has.

    MeasureError E-MSR-10 where no place stands out.
    """
    shape = looks[0].shape
    own = _edges(looks[0])
    turns = [0.0] if model == "translation" else [float(angle) for angle in range(-12, 13, 3)]
    tried = [_turn(angle, shape) for angle in turns]
    shifts = [_shift(own, _edges(_laid(looks[1], turn, shape)), REACH) for turn in tried]
    best = max(range(len(turns)), key=lambda i: shifts[i][1])
    if shifts[best][1] < SURE_SD:
        cause = f"the best place stands out by {shifts[best][1]:.1f} SD, {SURE_SD:g} are wanted"
        remedy = "Give by=landmarks,landmarks=FILE, or register=none."
        raise MeasureError("E-MSR-10", "the edges of the pictures do not fit", cause=cause, remedy=remedy)
    start = np.eye(3)
    start[:2, 2] = -shifts[best][0][::-1]
    start = tried[best] @ start
    return start if model == "translation" else _refined(looks, own, start, model)


def _turn(angle_deg: float, shape: tuple[int, ...]) -> Floats:
    """Turned about the picture's middle."""
    middle = (np.array(shape[::-1]) - 1) / 2
    turn = np.radians(angle_deg)
    matrix = np.eye(3)
    matrix[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    matrix[:2, 2] = middle - matrix[:2, :2] @ middle
    return matrix


def _refined(looks: tuple[Look, Look], own: Edges, start: Floats, model: Model) -> Floats:
    """The matrix near a start at which the edges fit best."""
    from scipy import optimize

    shape = looks[0].shape
    middle = (np.array(shape[::-1]) - 1) / 2
    frame = np.eye(3)
    frame[:2, 2] = middle
    half = float(np.abs(middle).max())

    def matrix(step: Floats) -> Floats:
        """The start, changed by so many pixels at the picture's rim."""
        change = np.eye(3)
        change[:2, 2] = step[:2]
        if model == "affine":
            change[:2, :2] += step[2:].reshape(2, 2) / half
        else:
            turn, scale = step[2] / half, 1 + (step[3] / half if model == "similarity" else 0.0)
            change[:2, :2] = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        return np.asarray(start @ frame @ change @ np.linalg.inv(frame))

    def misfit(step: Floats) -> float:
        other = _edges(_laid(looks[1], matrix(step), shape))
        return -float((own * other.conj()).real.sum() / max(np.linalg.norm(other), 1e-9))

    count = {"rigid": 3, "similarity": 4, "affine": 6}[model]
    simplex = np.concatenate([np.zeros((1, count)), np.eye(count) * 4.0])
    options = {"initial_simplex": simplex, "xatol": 0.02, "fatol": 1e-9, "maxfev": 60 * count}
    minimize: Any = optimize.minimize
    found = minimize(misfit, np.zeros(count), method="Nelder-Mead", options=options)
    return matrix(np.asarray(found.x))


def _shift(one: Edges, other: Edges, reach: float) -> tuple[Floats, float]:
    """((y, x) by which the other must be moved to lie on the one, how far that stands out in SD of all places).

    reach : share of the picture's sides within which it is sought. To a part of a pixel by a parabola.
    """
    import scipy.fft

    spectrum = scipy.fft.fft2(one) * scipy.fft.fft2(other).conj()
    fits = scipy.fft.fftshift(scipy.fft.ifft2(spectrum).real)
    middle = np.array(fits.shape) // 2
    out = np.maximum(2, (np.array(fits.shape) * reach).astype(int))
    near = fits[tuple(slice(m - o, m + o + 1) for m, o in zip(middle, out))]
    at = np.array(np.unravel_index(int(near.argmax()), near.shape)) + middle - out
    stands_out = (fits[tuple(at)] - fits.mean()) / max(float(fits.std()), 1e-12)
    rest = [_top(*(float(fits[tuple(at + step * axis)]) for step in (-1, 0, 1))) for axis in np.eye(2, dtype=int)]
    return np.asarray(at - middle + np.array(rest), np.float64), float(stands_out)


def _top(before: float, here: float, after: float) -> float:
    """Where between three values the parabola through them is highest, -½ to ½."""
    bend = before - 2 * here + after
    return 0.0 if bend >= 0 else float(np.clip((before - after) / (2 * bend), -0.5, 0.5))


def _remaining(looks: tuple[Look, Look], matrix: Floats) -> tuple[Floats | None, int]:
    """(median (y, x) distance by which parts of the laid picture are still off, number of parts).

    Parts whose edges have no place that stands out say nothing; with fewer than three nothing is said.
    """
    one, laid = _edges(looks[0]), _edges(_laid(looks[1], matrix, looks[0].shape))
    tall, wide = (n // TILES for n in one.shape)
    found = []
    for row in range(2 * TILES - 1):
        for column in range(2 * TILES - 1):
            part = np.s_[row * tall // 2 : row * tall // 2 + tall, column * wide // 2 : column * wide // 2 + wide]
            off, stands_out = _shift(one[part], laid[part], TILE_REACH)
            if stands_out >= SURE_SD:
                found.append(np.abs(off))
    return (np.median(found, axis=0), len(found)) if len(found) >= 3 else (None, len(found))


def _by_features(first: Picture, second: Picture, model: Model, start: Floats) -> Registration:
    """By points that look alike in both: SIFT, matched both ways, outliers left out by RANSAC."""
    import cv2

    sift = cv2.SIFT.create(4000)
    looks = [np.clip(_brightness(one) * 50, 0, 255).astype(np.uint8) for one in (first, second)]
    (points, own), (others, their) = (sift.detectAndCompute(look, None) for look in looks)
    pairs = [] if own is None or their is None else cv2.BFMatcher(cv2.NORM_L2, crossCheck=True).match(own, their)
    a = np.array([points[m.queryIdx].pt for m in pairs], np.float64).reshape(-1, 2)
    b = np.array([others[m.trainIdx].pt for m in pairs], np.float64).reshape(-1, 2)
    find = cv2.estimateAffine2D if model == "affine" else cv2.estimateAffinePartial2D
    inlier = find(a, b, ransacReprojThreshold=3.0)[1] if len(pairs) >= SURE else None
    kept = np.zeros(len(pairs), bool) if inlier is None else inlier.ravel() > 0
    if kept.sum() < SURE:
        cause = f"{int(kept.sum())} points agree, {SURE} are wanted"
        remedy = "Try by=intensity, or give by=landmarks,landmarks=FILE."
        raise MeasureError("E-MSR-10", "pictures not registered", cause=cause, remedy=remedy, file=second.name)
    matrix = fit(model, a[kept], b[kept])
    return _told(first, matrix, model, "features", _rms(matrix, a[kept], b[kept]), int(kept.sum()))


def _by_landmarks(first: Picture, second: Picture, model: Model, landmarks: Floats | None) -> Registration:
    if landmarks is None or model == "none":
        raise MeasureError("E-MSR-10", "no landmarks", remedy="Give landmarks=FILE and a model.", file=second.name)
    a, b = landmarks[:, 1::-1], landmarks[:, 3:1:-1]
    matrix = fit(model, a, b)
    rest = _rms(matrix, a, b) if len(a) > NEEDS[model] else None  # as few as are needed always fit
    return _told(first, matrix, model, "landmarks", rest, len(a))


def _rms(matrix: Floats, points: Floats, others: Floats) -> Floats:
    """(y, x) root mean square of what remains, pixels of the first."""
    back = np.linalg.inv(matrix)
    off = others @ back[:2, :2].T + back[:2, 2] - points
    rms: Floats = np.sqrt((off**2).mean(axis=0))[::-1]
    return rms


def _told(first: Picture, matrix: Floats, model: Model, by: By, rest: Floats | None, pairs: int) -> Registration:
    size = first.spacing_mm
    mm = None if rest is None or size is None else float(np.hypot(*(rest * np.array(size[-2:]))))
    px = None if rest is None else (float(rest[0]), float(rest[1]))
    return Registration(matrix, model, by, px, mm, pairs)

"""Pictures of rulers with a known step, at any tilt, and of textures that are none; drawn without marginkit."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

METRIC = {0: 1.0, 5: 0.75}  # place in ten ticks -> length of the tick; others 0.5
INCH = {0: 1.0, 8: 0.8, 4: 0.62, 12: 0.62, 2: 0.48, 6: 0.48, 10: 0.48, 14: 0.48}


@dataclass(frozen=True)
class Drawn:
    """A ruler to draw: step in pixels, its tilt, where its first tick lies (y, x), and how its ticks look."""

    step_px: float = 9.0
    turn_deg: float = 0.0
    ticks: int = 101
    origin: tuple[float, float] = (200.0, 60.0)
    shape: tuple[int, int] = (400, 1100)
    every: int = 10
    lengths: tuple[tuple[int, float], ...] = tuple(METRIC.items())
    other: float = 0.5
    long_px: float = 36.0
    width_px: float = 2.0
    base: bool = True
    squeeze: float = 0.0  # perspective: how much the step shrinks along the row, per pixel


def draw(ruler: Drawn, paper: float = 220.0, ink: float = 40.0, sub: int = 3) -> np.ndarray:
    """The ruler as (y, x) float grey, each pixel the mean of sub x sub points."""
    height, width = ruler.shape
    points = (np.arange(sub) + 0.5) / sub - 0.5
    total = np.zeros((height, width))
    for dy in points:
        for dx in points:
            y, x = np.mgrid[:height, :width].astype(float)
            total += _inked(ruler, y + dy - ruler.origin[0], x + dx - ruler.origin[1])
    return paper + (ink - paper) * total / sub**2


def _inked(ruler: Drawn, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    turn = np.radians(ruler.turn_deg)
    u, v = x * np.cos(turn) + y * np.sin(turn), -x * np.sin(turn) + y * np.cos(turn)
    if ruler.squeeze:
        u = u / (1 - ruler.squeeze * u)
    number = np.round(u / ruler.step_px)
    length = np.full(ruler.every, ruler.other)
    for place, long in ruler.lengths:
        length[place] = long
    reach = length[number.astype(int) % ruler.every] * ruler.long_px
    there = (number >= 0) & (number < ruler.ticks)
    tick = (np.abs(u - number * ruler.step_px) <= ruler.width_px / 2) & (v >= 0) & (v <= reach)
    base = (np.abs(v) <= 0.8) & (u >= 0) & (u <= (ruler.ticks - 1) * ruler.step_px) & ruler.base
    return (tick & there) | base


def put(picture: np.ndarray, text: str, at: tuple[float, float], height_px: float, turn_deg: float = 0.0) -> np.ndarray:
    """The picture with words on it: their left bottom corner at (y, x), turned like the ruler."""
    scale = 8.0
    plate = np.zeros((160, 60 * len(text) + 80), np.uint8)
    cv2.putText(plate, text, (20, 110), (255,), cv2.FontFace("uni"), 90, 400)
    rows = np.flatnonzero(plate.any(axis=1))
    tall = float(rows[-1] - rows[0] + 1)
    turn, size = np.radians(turn_deg), height_px / tall
    along, down = np.array([np.cos(turn), np.sin(turn)]) * size, np.array([-np.sin(turn), np.cos(turn)]) * size
    move = np.array([at[1], at[0]]) - along * 20 - down * rows[-1]
    matrix = np.column_stack([along, down, move])
    blur = cv2.GaussianBlur(plate, (0, 0), max(0.1, scale / 16 / max(size, 1e-3) / 4))
    laid = cv2.warpAffine(blur, matrix, picture.shape[1::-1], flags=cv2.INTER_LINEAR).astype(float) / 255
    return picture * (1 - laid) + 40.0 * laid


def photograph(grey: np.ndarray, noise: float = 3.0, blur_px: float = 0.0, seed: int = 0) -> np.ndarray:
    """Grey values as a camera gives them: blurred, noisy, (y, x, 3) uint8."""
    if blur_px:
        grey = cv2.GaussianBlur(grey, (0, 0), blur_px)
    noisy = grey + np.random.default_rng(seed).normal(0, noise, grey.shape)
    return np.repeat(np.clip(np.round(noisy), 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def numbered(ruler: Drawn, first: int, by: int, height_px: float = 14.0) -> np.ndarray:
    """The ruler with numbers beyond its longest ticks, centred on them."""
    picture = draw(ruler)
    turn = np.radians(ruler.turn_deg)
    for i in range(0, ruler.ticks, ruler.every):
        words = str(first + by * (i // ruler.every))
        u, v = i * ruler.step_px - 0.32 * height_px * len(words), ruler.long_px + 0.4 * height_px + height_px
        y = ruler.origin[0] + u * np.sin(turn) + v * np.cos(turn)
        x = ruler.origin[1] + u * np.cos(turn) - v * np.sin(turn)
        picture = put(picture, words, (y, x), height_px, ruler.turn_deg)
    return picture


SIZE = (420, 620)
Draw = np.random.Generator


def _lines(draw: Draw, count: int, thick: tuple[int, int] = (1, 3), bend: float = 30.0) -> np.ndarray:
    picture = np.full(SIZE, 200, np.uint8)
    for _ in range(count):
        start = draw.uniform((0, 0), SIZE)
        turn = draw.uniform(0, np.pi)
        t = np.linspace(-300, 300, 60)[:, None]
        way = start + t * [np.sin(turn), np.cos(turn)] + bend * np.sin(t / 90 + draw.uniform(0, 6)) * [1, -1]
        shade = int(draw.integers(20, 120))
        cv2.polylines(picture, [way[:, ::-1].astype(np.int32)], False, (shade,), int(draw.integers(*thick)))
    return picture


def hair(draw: Draw) -> np.ndarray:
    """Hairs, bent, of any direction."""
    return _lines(draw, 150)


def comb(draw: Draw) -> np.ndarray:
    """Parallel teeth of one length."""
    step = draw.uniform(5, 14)
    ruler = Drawn(step, draw.uniform(0, 180), int(350 / step), (200, 300), SIZE, lengths=(), long_px=60)
    return small(ruler)


def small(ruler: Drawn) -> np.ndarray:
    """The ruler on a small picture."""
    return draw(ruler, sub=2)


def blinds(draw: Draw) -> np.ndarray:
    """Stripes across the whole picture, at a tilt."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    turn, step = draw.uniform(0, np.pi), draw.uniform(5, 25)
    wave = np.sin(2 * np.pi * (x * np.cos(turn) + y * np.sin(turn)) / step)
    return 130 + 90 * np.sign(wave) * np.abs(wave) ** 0.3


def fabric(draw: Draw) -> np.ndarray:
    """A weave: two crossed waves, each thread of its own shade."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    step = draw.uniform(5, 12)
    turn = draw.uniform(0, np.pi)
    u, v = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    over = (np.floor(u / step) + np.floor(v / step)) % 2
    return 100 + 70 * over * np.abs(np.sin(np.pi * u / step)) + 70 * (1 - over) * np.abs(np.sin(np.pi * v / step))


def brick(draw: Draw) -> np.ndarray:
    """A wall: courses with joints, every second course shifted."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    tall, wide = draw.uniform(10, 30), draw.uniform(20, 60)
    course = np.floor(y / tall)
    joint = ((y % tall) < 2.5) | (((x + course % 2 * wide / 2) % wide) < 2.5)
    return np.where(joint, 210, 120 + 10 * np.sin(course * 7 + np.floor(x / wide) * 3))


def text(draw: Draw) -> np.ndarray:
    """Lines of letters."""
    picture = np.full(SIZE, 235, np.uint8)
    letters = "abcdefghijklmnopqrstuvwxyz 0123456789 ilmnu1I|"
    for row in range(20, SIZE[0], 22):
        words = "".join(letters[int(i)] for i in draw.integers(0, len(letters), 60))
        cv2.putText(picture, words, (5, row), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (30,), 1, cv2.LINE_AA)
    return picture


def barcode(draw: Draw) -> np.ndarray:
    """Bars of random width."""
    picture = np.full(SIZE, 240.0)
    x = 40.0
    while x < 560:
        bar, gap = draw.integers(1, 5) * 2.0, draw.integers(1, 5) * 2.0
        picture[150:300, int(x) : int(x + bar)] = 20
        x += bar + gap
    return picture


def noise(draw: Draw) -> np.ndarray:
    """Smoothed noise."""
    rough = draw.normal(128, 60, SIZE)
    return cv2.GaussianBlur(rough, (0, 0), draw.uniform(0.3, 4)) * 1.0


def moire(draw: Draw) -> np.ndarray:
    """Two fine gratings of nearly one step: beats that look like longer ticks."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    step = draw.uniform(3, 7)
    tilt = draw.uniform(-0.1, 0.1)
    one, two = np.sin(2 * np.pi * x / step), np.sin(2 * np.pi * (x + tilt * y) / (step * 1.1))
    return 128 + 50 * one + 50 * two


def grid(draw: Draw) -> np.ndarray:
    """Squared paper."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    step = draw.integers(6, 16)
    return np.where((x % step < 1.5) | (y % step < 1.5), 120, 230)


def heavy_grid(draw: Draw) -> np.ndarray:
    """Graph paper: each tenth line is heavier."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    step = draw.integers(6, 11)
    fine = (x % step < 1) | (y % step < 1)
    heavy = (x % (10 * step) < 2) | (y % (10 * step) < 2)
    return np.where(heavy, 60, np.where(fine, 150, 230))


def keyboard(draw: Draw) -> np.ndarray:
    """Piano keys: dark keys in groups of two and three, as regular as nothing else."""
    picture = np.full(SIZE, 235.0)
    step = float(draw.uniform(14, 20))
    for i in range(int(580 / step)):
        x = 20 + i * step
        picture[100:320, int(x)] = 60
        if i % 7 not in (0, 3):
            picture[100:230, int(x - 0.3 * step) : int(x + 0.3 * step)] = 20
    return picture


TEXTURES: dict[str, Callable[[Draw], np.ndarray]] = {
    made.__name__: made
    for made in (hair, comb, blinds, fabric, brick, text, barcode, noise, moire, grid, heavy_grid, keyboard)
}

"""How the sample images look: stains, ink, light and noise. Nothing here changes where an edge is."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.spatial import cKDTree

Rng = np.random.Generator
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Shape = tuple[int, ...]
Pair = tuple[Floats, Floats]

HEMATOXYLIN = np.array([0.65, 0.70, 0.29])  # optical density a unit of stain
EOSIN = np.array([0.13, 0.91, 0.40])
GLASS = np.array([243, 242, 245])


def noise(rng: Rng, shape: Shape, sigma: float | Sequence[float] | Floats) -> Floats:
    """Smooth noise of mean 0 and standard deviation 1; sigma in pixels, one number or one an axis."""
    field = gaussian_filter(rng.standard_normal(shape), sigma, mode="reflect")
    return (field - field.mean()) / field.std()


def fibres(rng: Rng, shape: Shape, along: float, across: float, bend: float) -> Floats:
    """Wavy bundles: noise drawn out along the rows and bent by ``bend`` pixels."""
    straight = noise(rng, shape, (across, along))
    grid = np.indices(shape).astype(float)
    grid[0] += bend * noise(rng, shape, 25)
    grid[1] += bend * noise(rng, shape, 25)
    return map_coordinates(straight, grid, order=1, mode="reflect")


def fat(rng: Rng, x: Floats, y: Floats, cell: float) -> Floats:
    """0 inside fat cells, 1 on their membranes; ``cell`` is their size in mm."""
    count = int(np.ptp(x) * np.ptp(y) / cell**2)
    seeds = rng.random((count, 2)) * [np.ptp(x), np.ptp(y)] + [x.min(), y.min()]
    near, _ = cKDTree(seeds).query(np.stack([x.ravel(), y.ravel()], axis=1), k=2)
    return np.exp(-(((near[:, 1] - near[:, 0]) / (0.28 * cell)) ** 2)).reshape(x.shape)


def stained(hematoxylin: Floats, eosin: Floats) -> Floats:
    """RGB in 0..255 of tissue on glass, by Beer-Lambert."""
    density = np.maximum(hematoxylin, 0)[..., None] * HEMATOXYLIN + np.maximum(eosin, 0)[..., None] * EOSIN
    return GLASS * np.exp(-density)


def blend(under: Floats, over: ArrayLike, share: Floats) -> Floats:
    """``over`` laid on ``under``, share 0..1 a pixel."""
    return under + share[..., None] * (np.asarray(over) - under)


def skin_excision(rng: Rng, x: Floats, y: Floats, depth_of: Floats, tumor: Bools) -> Pair:
    """Hematoxylin and eosin of skin with a spindle-cell tumor under it. depth_of : depth below skin, mm."""
    shape = x.shape
    fine, middle, large = noise(rng, shape, 0.8), noise(rng, shape, 4), noise(rng, shape, 40)
    bundles = 0.6 * fibres(rng, shape, 9, 1.3, 14) + 0.4 * fibres(rng, shape, 3, 1, 8)
    h = 0.09 + 0.04 * fine + 0.03 * middle
    e = 0.42 + 0.14 * bundles + 0.05 * middle
    # fat below the dermis, in lobules between septa
    membranes = fat(rng, x, y, 0.13)
    septum = np.abs(noise(rng, shape, 28)) < 0.13 + 0.05 * middle
    lobule = gaussian_filter((depth_of > 2.6 + 0.45 * large).astype(float) * ~septum, 1.2)
    h = h + lobule * (0.03 + 0.05 * membranes - h)
    e = e + lobule * (0.02 + 0.30 * membranes + 0.02 * fine - e)
    # epidermis with ridges and keratin
    ridges = 0.20 + 0.10 * np.abs(np.sin(x * 7 + 1.5 * large)) + 0.02 * middle
    h = np.where(depth_of < ridges, 0.62 + 0.12 * fine, h)
    e = np.where(depth_of < ridges, 0.45 + 0.05 * fine, e)
    h = np.where(depth_of < 0.07, 0.06, h)
    e = np.where(depth_of < 0.07, 0.75 + 0.1 * fibres(rng, shape, 6, 0.8, 3), e)
    h, e = glands(rng, x, y, depth_of, h, e)
    h, e = vessels(rng, x, y, depth_of, h, e)
    return spindle_cells(rng, shape, tumor, h, e)


def glands(rng: Rng, x: Floats, y: Floats, depth_of: Floats, h: Floats, e: Floats) -> Pair:
    """Coils of small dark glands in the deep dermis."""
    where = rng.random((14, 2)) * [15, 1.2] + [2.5, 1.1]
    for at, below in where:
        spot = np.hypot(x - at, (depth_of - below)) < 0.16 + 0.08 * rng.random()
        tubules = spot & (noise(rng, x.shape, 1.3) > -0.2)
        h, e = np.where(tubules, 0.5, h), np.where(tubules, 0.3, e)
    return h, e


def vessels(rng: Rng, x: Floats, y: Floats, depth_of: Floats, h: Floats, e: Floats) -> Pair:
    """Vessels: pink walls around empty lumens."""
    for _ in range(16):
        at, below, size = rng.uniform(3, 17), rng.uniform(0.8, 6.5), rng.uniform(0.05, 0.14)
        away = np.hypot((x - at) / rng.uniform(0.8, 1.6), depth_of - below)
        wall, lumen = away < size + 0.06, away < size
        h, e = np.where(wall, 0.22, h), np.where(wall, 0.62, e)
        h, e = np.where(lumen, 0.01, h), np.where(lumen, rng.choice([0.02, 0.85]), e)
    return h, e


def spindle_cells(rng: Rng, shape: Shape, tumor: Bools, h: Floats, e: Floats) -> Pair:
    """Tumor: crossing fascicles of dark cells, paler necrosis, lymphocytes along the rim."""
    turn = np.clip(0.5 + noise(rng, shape, 9), 0, 1)
    fascicles = turn * fibres(rng, shape, 4, 0.9, 11) + (1 - turn) * fibres(rng, shape, 0.9, 4, 11)
    nuclei = noise(rng, shape, 0.7)
    tumor_h = 0.52 + 0.07 * fascicles + 0.11 * nuclei + 0.06 * noise(rng, shape, 12)
    tumor_e = 0.36 + 0.06 * fascicles + 0.04 * noise(rng, shape, 10)
    dead = gaussian_filter((noise(rng, shape, 14) > 1.5).astype(float), 3)
    tumor_h, tumor_e = tumor_h * (1 - 0.7 * dead), tumor_e + 0.06 * dead
    rim = gaussian_filter(tumor.astype(float), 5) * ~tumor
    lymphocytes = (rim > 0.04) & (nuclei > 1.25)
    h = np.where(lymphocytes, h + 0.55, h) + 0.25 * rim
    e = e + 0.35 * rim
    soft = gaussian_filter(tumor.astype(float), 0.6)
    return h + soft * (tumor_h - h), e + soft * (tumor_e - e)


def inked(rng: Rng, rgb: Floats, depth: Floats, colour: tuple[int, int, int]) -> Floats:
    """Ink on a surface: a patchy layer of about 0.1 mm. depth : below the inked surface, inf elsewhere."""
    shape = depth.shape
    thick = 0.10 + 0.025 * noise(rng, shape, 6) + 0.012 * noise(rng, shape, 1.2)
    share = np.clip((thick - depth) / 0.03, 0, 1) * np.clip(0.93 + 0.05 * noise(rng, shape, 2), 0.75, 1)
    stain = np.asarray(colour) + 7 * noise(rng, shape, 1.5)[..., None]
    return blend(rgb, stain, np.where(np.isfinite(depth), share, 0))


def scanned(rng: Rng, rgb: Floats, sigma: float = 0.55) -> NDArray[np.uint8]:
    """What a scanner makes of it: 8 bits, in steps of four so that the file stays small."""
    soft = np.stack([gaussian_filter(rgb[..., k], sigma) for k in range(3)], axis=-1)
    soft = soft + rng.normal(0, 1.2, soft.shape)
    return (np.clip(np.round(soft / 4), 0, 63) * 4).astype(np.uint8)


def fluorescence(rng: Rng, x: Floats, y: Floats, depth: Floats, tumor: Bools, tissue: Bools) -> NDArray[np.uint16]:
    """Counts of a near-infrared camera: offset, autofluorescence, signal with scatter, uneven light, shot noise."""
    shape = x.shape
    muscle = 1 + 0.10 * fibres(rng, shape, 9, 1.6, 14) + 0.10 * noise(rng, shape, 22)
    seams = 1 - 0.16 * np.exp(-((noise(rng, shape, (9, 26)) / 0.16) ** 2))
    auto = 620 * tissue * np.clip(muscle, 0.5, 1.6) * seams * (1 - 0.22 * np.exp(-np.maximum(depth, 0) / 0.35))
    patchy = np.clip(1 + 0.16 * noise(rng, shape, 9) + 0.10 * noise(rng, shape, 3), 0.45, 1.7)
    signal = 4300 * tumor * patchy
    glow = 0.84 * gaussian_filter(signal, 1.8) + 0.12 * gaussian_filter(signal, 7) + 0.04 * gaussian_filter(signal, 25)
    middle_x, middle_y = x.mean() * 0.94, y.mean() * 1.05
    light = 1 - 0.30 * ((x - middle_x) ** 2 + (y - middle_y) ** 2) / (x.max() ** 2 + y.max() ** 2) * 4
    tray = 14 + 6 * noise(rng, shape, 30)
    photons = np.maximum(gaussian_filter(auto, 0.8) + glow * (0.25 + 0.75 * tissue) + tray, 0) * light
    counts = 100 + rng.poisson(photons / 2) * 2 + rng.normal(0, 6, shape)
    return np.clip(np.round(counts), 0, 65535).astype(np.uint16)


def limb(rng: Rng, depth: Floats, tumor: Bools, spacing: tuple[float, ...]) -> NDArray[np.int16]:
    """Hounsfield units of a resected piece of limb in air: fat, muscles between fasciae, a tumor. z, y, x."""
    shape = depth.shape
    px = np.array(spacing)
    muscles = noise(rng, shape, np.array([30, 9, 9]) / px)
    fasciae = np.exp(-((muscles / 0.13) ** 2))
    bundles = noise(rng, shape, np.array([7, 0.9, 0.9]) / px)
    soft = 56 + 7 * bundles - 75 * fasciae - 60 * (bundles > 2.1)
    wall = np.maximum(4.6 + 2.2 * noise(rng, shape, 14 / px), 1.0)
    values = np.where(depth < wall, -104 + 6 * noise(rng, shape, 1.2 / px), soft)
    dead = np.clip(1.6 * noise(rng, shape, 5 / px) - 0.6, 0, 1)
    inside = 104 + 12 * noise(rng, shape, 2.5 / px) - 70 * dead
    values = np.where(tumor, inside, values)
    values = np.where(depth < 0, -1000, values)
    blurred = gaussian_filter(values, np.array([0.3, 0.45, 0.45]) / px)
    return np.clip(np.round((blurred + rng.normal(0, 8, shape)) / 2) * 2, -1024, 3071).astype(np.int16)

"""A trained classifier and its card in one file of plain arrays; reading one executes nothing.

The surprising thing: the card is kept *in* the file. A model without the pixel size, the channels and the colours that
it was trained on would be put on any image, and would answer.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from marginkit import files
from marginkit.classifier.features import KINDS, SCALES, STAINS, Feature
from marginkit.classifier.forest import Forest
from marginkit.errors import MarginError, ModelError

SCHEMA = "marginkit.pixels/1"
LIMIT_BYTES, WIDE_BYTES = 16 << 20, 64 << 20
ARRAYS = {"card": 1, "plane": 2, "threshold": 2, "weight": 3, "bias": 1, "colours": 2}
BINS = 16
STAINED = 190  # a pixel whose darkest colour is below: pale ground is alike in all stains


@dataclass(frozen=True)
class Card:
    """What a classifier was trained on.

    classes : names, in the order of its labels. colours : whether it takes red, green and blue; else ``channels``
    counts their number, and ``ranges`` the counts that became 0 and 255. pixel_um : None where the images had none.
    features : of the planes that the forest asks for. trained_px : pixels of each class. images : SHA-256 of what it
    was trained on.
    """

    classes: tuple[str, ...]
    colours: bool
    channels: tuple[str, ...]
    ranges: tuple[tuple[float, float], ...]
    pixel_um: float | None
    pixel_tolerance: float
    features: tuple[Feature, ...]
    log_odds_step: float
    trained_px: tuple[int, ...]
    images: tuple[str, ...]
    version: str

    def __post_init__(self) -> None:
        count = 3 + len(STAINS) if self.colours else len(self.ranges)
        right = {
            "classes": 2 <= len(set(self.classes)) == len(self.classes) == len(self.trained_px) <= 16,
            "ranges": all(np.isfinite((low, high)).all() and low < high for low, high in self.ranges),
            "pixel size": self.pixel_um is None or 1e-3 <= self.pixel_um <= 1e4,
            "tolerance": 0 <= self.pixel_tolerance <= 1,
            "features": all(0 <= f.scale < SCALES and 0 <= f.channel < count and f.kind in KINDS for f in self.features)
            and 1 <= len(self.features) <= 64,
        }
        for what, fine in right.items():
            if not fine:
                raise ModelError("E-MOD-02", "the card of the model cannot be used", cause=f"its {what} are impossible")


@dataclass(frozen=True, eq=False)
class Model:
    """A forest with its card. colours : (16, 16) bool, the tints that its training images had (see ``tints``)."""

    card: Card
    forest: Forest
    colours: NDArray[np.bool_]

    def write(self, stream: BinaryIO) -> None:
        """Write the model; the same model is the same bytes."""
        told = {"schema": SCHEMA, **asdict(self.card)}
        arrays = {
            "card": np.frombuffer(json.dumps(told, ensure_ascii=True, allow_nan=False).encode(), np.uint8),
            "plane": self.forest.plane,
            "threshold": self.forest.threshold,
            "weight": self.forest.weight,
            "bias": self.forest.bias,
            "colours": self.colours,
        }
        memory = io.BytesIO()
        np.savez(memory, allow_pickle=False, **arrays)  # type: ignore[arg-type]
        stream.write(memory.getbuffer())


def read(path: str | Path) -> Model:
    """The model in a file. ModelError E-MOD-01 where it is none, E-MOD-02 where its card cannot be used."""
    content = files.read_bounded(path, LIMIT_BYTES)
    try:
        arrays = _arrays(content)
        card = _card(json.loads(arrays.pop("card").tobytes()))
        forest = Forest(arrays["plane"], arrays["threshold"], arrays["weight"], card.log_odds_step, arrays["bias"])
        if arrays["colours"].shape != (BINS, BINS) or arrays["colours"].dtype != np.bool_:
            raise ValueError("its colours are not possible")
        scores = 1 if len(card.classes) == 2 else len(card.classes)
        if len(forest.bias) != scores or int(forest.plane.max()) >= len(card.features):
            raise ValueError("card and forest disagree")
    except MarginError as error:
        raise error.about(path) from error
    except (ValueError, TypeError, KeyError, OSError, EOFError, RecursionError, zipfile.BadZipFile) as error:
        cause = f"no {error}" if isinstance(error, KeyError) else str(error) or type(error).__name__
        raise ModelError("E-MOD-01", "the file is no model of marginkit", cause=cause[:200], file=path) from error
    return Model(card, forest, arrays["colours"])


def _arrays(content: bytes) -> dict[str, NDArray[Any]]:
    """The arrays in the file, none of them more than it should be."""
    with zipfile.ZipFile(io.BytesIO(content)) as bundle:
        entries = bundle.infolist()
        if sorted(one.filename for one in entries) != sorted(f"{name}.npy" for name in ARRAYS):
            raise ValueError("it does not hold what a model holds")
        if sum(one.file_size for one in entries) > WIDE_BYTES:
            raise ValueError("it unpacks to more than a model")
    with np.load(io.BytesIO(content), allow_pickle=False) as bundle:
        arrays = {name: bundle[name] for name in ARRAYS}
    for name, ndim in ARRAYS.items():
        if arrays[name].ndim != ndim:
            raise ValueError(f"its {name} has {arrays[name].ndim} axes")
    return arrays


def _card(told: Any) -> Card:
    if not isinstance(told, dict) or told.pop("schema", None) != SCHEMA:
        raise ValueError(f"its schema is not {SCHEMA}")
    return Card(
        classes=tuple(str(name)[:100] for name in told["classes"]),
        colours=bool(told["colours"]),
        channels=tuple(str(name)[:100] for name in told["channels"]),
        ranges=tuple((float(low), float(high)) for low, high in told["ranges"]),
        pixel_um=None if told["pixel_um"] is None else float(told["pixel_um"]),
        pixel_tolerance=float(told["pixel_tolerance"]),
        features=tuple(Feature(int(f["scale"]), int(f["channel"]), f["kind"]) for f in told["features"]),
        log_odds_step=float(told["log_odds_step"]),
        trained_px=tuple(int(count) for count in told["trained_px"]),
        images=tuple(str(digest)[:64] for digest in told["images"]),
        version=str(told["version"])[:40],
    )


def tints(colours: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Share of pixels by tint, (16, 16): red less green, blue less green; of stained pixels."""
    pixels = colours.reshape(-1, 3).astype(np.int16)
    pixels = pixels[pixels.min(axis=1) < STAINED]
    if not len(pixels):
        return np.zeros((BINS, BINS))
    bins = np.minimum((pixels[:, [0, 2]] - pixels[:, 1:2] + 256) >> 5, BINS - 1)
    counts = np.bincount(bins[:, 0] * BINS + bins[:, 1], minlength=BINS * BINS)
    return counts.reshape(BINS, BINS) / len(pixels)

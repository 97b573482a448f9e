"""The card of a network: what it was made for, checked before an image is put through it.

The surprising thing: a network answers any image of the right shape. Another magnification, another stain or another
order of channels gives a plausible map of nonsense; only the card can refuse it.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from marginkit import files
from marginkit.errors import ModelError

SCHEMA = "marginkit.network/1"
LIMIT_BYTES = 1 << 16
Output: TypeAlias = Literal["probabilities", "logits", "binary-logit"]
KEYS = {
    "schema", "input_px", "overlap_px", "pixel_um", "pixel_tolerance", "scale", "mean", "sd", "layout", "classes",
    "output", "sha256", "stain", "note",
}  # fmt: skip


@dataclass(frozen=True)
class Card:
    """What a network was made for.

    input_px : side of the squares that it takes. overlap_px : by which neighbours share pixels.
    pixel_um : size of its pixels, None where size does not matter; pixel_tolerance : relative, by which an image may
    differ. mean, sd : of each channel, in units of ``scale`` counts: the network gets (counts / scale - mean) / sd.
    layout : ``NCHW`` or ``NHWC``. classes : in the order of its output. sha256 : of the model's file.
    """

    input_px: int
    overlap_px: int
    pixel_um: float | None
    pixel_tolerance: float
    scale: float
    mean: tuple[float, ...]
    sd: tuple[float, ...]
    layout: Literal["NCHW", "NHWC"]
    classes: tuple[str, ...]
    output: Output
    sha256: str
    stain: str

    def __post_init__(self) -> None:
        problems = {
            f"input_px {self.input_px} is not 16 to 4096": not 16 <= self.input_px <= 4096,
            f"overlap_px {self.overlap_px} is not 0 to half of input_px": not 0 <= self.overlap_px <= self.input_px / 2,
            f"pixel_um {self.pixel_um} is no size": self.pixel_um is not None and not 1e-3 <= self.pixel_um <= 1e4,
            "pixel_tolerance is not 0 to 1": not 0 <= self.pixel_tolerance <= 1,
            "scale is not positive": not (0 < self.scale < math.inf),
            "mean and sd are not of the same channels": not 1 <= len(self.mean) == len(self.sd) <= 64,
            "sd is not positive": not all(0 < one < math.inf for one in self.sd),
            "mean is not finite": not all(map(math.isfinite, self.mean)),
            f"layout {self.layout!r} is neither NCHW nor NHWC": self.layout not in ("NCHW", "NHWC"),
            "classes are fewer than two, or not different": not 2 <= len(set(self.classes)) == len(self.classes),
            f"output {self.output!r} is not known": self.output not in ("probabilities", "logits", "binary-logit"),
            "a binary-logit has two classes": self.output == "binary-logit" and len(self.classes) != 2,
        }
        for problem, there in problems.items():
            if there:
                raise ModelError("E-MOD-02", "the card of the network cannot be used", cause=problem)


def read(path: str | Path, model: str | Path) -> Card:
    """The card of a model. ModelError E-MOD-02 where it is none, E-MOD-03 where it is of another file."""
    try:
        told: Any = json.loads(files.read_bounded(path, LIMIT_BYTES))
        card = _card(told)
    except ModelError as error:
        raise error.about(path) from error
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        cause = f"no {error}" if isinstance(error, KeyError) else str(error) or type(error).__name__
        raise ModelError("E-MOD-02", "the card of the network cannot be used", cause=cause, file=path) from error
    if files.sha256(model) != card.sha256:
        remedy = "Use the card that belongs to the model, or write its sha256 into the card."
        raise ModelError("E-MOD-03", "the card is of another model", cause="sha256 differs", remedy=remedy, file=model)
    return card


def _card(told: Any) -> Card:
    if not isinstance(told, dict) or told.get("schema") != SCHEMA:
        raise ModelError("E-MOD-02", "the card of the network cannot be used", cause=f"its schema is not {SCHEMA}")
    if unknown := sorted(set(told) - KEYS):
        raise ModelError("E-MOD-02", "the card of the network cannot be used", cause=f"unknown key {unknown[0]!r}")
    return Card(
        input_px=_whole(told, "input_px"),
        overlap_px=_whole(told, "overlap_px"),
        pixel_um=None if told["pixel_um"] is None else float(told["pixel_um"]),
        pixel_tolerance=float(told.get("pixel_tolerance", 0.25)),
        scale=float(told["scale"]),
        mean=tuple(map(float, told["mean"])),
        sd=tuple(map(float, told["sd"])),
        layout=told["layout"],
        classes=tuple(str(name)[:100] for name in told["classes"]),
        output=told["output"],
        sha256=str(told["sha256"]).lower(),
        stain=str(told.get("stain", ""))[:100],
    )


def _whole(told: dict[str, Any], key: str) -> int:
    if type(told[key]) is not int:
        raise ModelError("E-MOD-02", "the card of the network cannot be used", cause=f"{key} is no whole number")
    return int(told[key])

"""The user's own network, as an ONNX file with a card that says what it was made for.

The surprising thing: an ONNX file may name other files that hold its weights, by any path. Such a file is refused, as
are operators that need a library of their own: nothing outside the file itself is read or run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from marginkit import files
from marginkit.errors import MissingExtraError, ModelError, UsageError, plain
from marginkit.records import Picture, Region
from marginkit.segmenters import _card, _windows
from marginkit.segmenters._card import Card

NAME = "onnx"
GIVES = ("tumor", "tissue", "signal")
LIMIT_BYTES = 1 << 30
Floats: TypeAlias = NDArray[np.float32]
Network: TypeAlias = Callable[[Floats], Floats]  # (channel, y, x) to the probability of one class, (y, x)


@dataclass(frozen=True)
class Options:
    """Which network.

    model : the ONNX file. card : its card, a JSON file; empty: beside it, of the same name with ``.json``.
    target : the class that is wanted; empty: ``tumor``, or the second of two.
    """

    model: str = ""
    card: str = ""
    target: str = ""


def segment(picture: Picture, options: Options) -> Region:
    """The probability of one class, float32, on the network's own pixels.

    Raises
    ------
    UsageError : E-USE-03 no model was named, or no such class.
    ModelError : E-MOD-01 the file is no network that can be run; E-MOD-02 the card cannot be used; E-MOD-03 it is of
        another model; E-MOD-04 network and card disagree; E-MOD-05 the image is not what the network was made for.
    CalibrationError : the network wants a pixel size and the image has none.
    MissingExtraError : E-EXTRA-01 onnxruntime is not installed.
    """
    if not options.model:
        raise UsageError("E-USE-03", "onnx: no model", remedy="Give model=FILE.onnx.")
    card = _card.read(options.card or _beside(options.model), options.model)
    target = _target(card, options.target)
    have = _windows.channels(picture, NAME)
    if have != len(card.mean):
        cause = f"{picture.name} has {have} channels, the network takes {len(card.mean)}"
        raise ModelError("E-MOD-05", "the model was not made for this image", cause=cause, file=options.model)
    where = _windows.grid(picture, card.pixel_um, card.pixel_tolerance, options.model)
    network = load(options.model, card, target)

    def look(rows: slice, columns: slice) -> Floats:
        return _normalised(_windows.window(picture, where, rows, columns), card)

    found = tiled(where.shape, card, network, look)
    spacing, origin = where.placed(picture)
    told = f"onnx {plain(Path(options.model).name)} sha256 {card.sha256[:12]}, {card.classes[target]}"
    return Region(found, spacing, origin, maker=told)


def _beside(model: str) -> str:
    return f"{model.removesuffix('.onnx')}.json"


def _target(card: Card, wanted: str) -> int:
    name = wanted or ("tumor" if "tumor" in card.classes else card.classes[1] if len(card.classes) == 2 else "")
    if name not in card.classes:
        cause = f"there are {', '.join(card.classes)}"
        raise UsageError("E-USE-03", f"onnx: no class {name!r}", cause=cause, remedy="Give target=CLASS.")
    return card.classes.index(name)


def _normalised(pixels: NDArray[Any], card: Card) -> Floats:
    """What the network gets, (channel, y, x), of pixels (y, x, channel)."""
    seen = (pixels.astype(np.float32) / card.scale - np.array(card.mean, np.float32)) / np.array(card.sd, np.float32)
    return np.ascontiguousarray(np.moveaxis(seen, -1, 0), np.float32)


def tiled(shape: tuple[int, int], card: Card, network: Network, look: Callable[[slice, slice], Floats]) -> Floats:
    """The network's answer for a whole grid, square by square, blended where squares overlap.

    A pixel within a quarter of the overlap of a square's side counts nothing there, so that a network that looks no
    further than that gives what it would give for the whole grid at once.
    """
    total, weight = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    side = card.input_px
    for top in starts(shape[0], side, card.overlap_px):
        for left in starts(shape[1], side, card.overlap_px):
            rows, columns = slice(top, min(top + side, shape[0])), slice(left, min(left + side, shape[1]))
            seen = look(rows, columns)
            missing = side - seen.shape[1], side - seen.shape[2]
            seen = np.pad(seen, ((0, 0), (0, missing[0]), (0, missing[1])), mode="edge")
            answer = network(seen)[: side - missing[0], : side - missing[1]]
            share = np.outer(ramp(rows, shape[0], card.overlap_px), ramp(columns, shape[1], card.overlap_px))
            total[rows, columns] += share * answer
            weight[rows, columns] += share
    return np.asarray(np.clip(total / weight, 0, 1), np.float32)


def starts(length: int, side: int, overlap: int) -> Iterator[int]:
    """Where squares begin along an axis; the last one ends with it.

    >>> list(starts(100, 64, 16)), list(starts(50, 64, 16))
    ([0, 36], [0])
    """
    last = max(0, length - side)
    yield from range(0, last, side - overlap)
    yield last


def ramp(window: slice, length: int, overlap: int) -> Floats:
    """Weight of each pixel of a window along one axis: 1 inside and at the grid's own ends, down to 0 at a seam."""
    at = np.arange(window.start, window.stop) + 0.5
    width, skip = max(overlap / 2, 1e-9), overlap / 4
    low = np.ones(len(at)) if window.start == 0 else np.clip((at - window.start - skip) / width, 1e-6, 1)
    high = np.ones(len(at)) if window.stop == length else np.clip((window.stop - at - skip) / width, 1e-6, 1)
    return np.asarray(np.minimum(low, high), np.float32)


def load(model: str, card: Card, target: int) -> Network:
    """The network in a file, ready to be asked for one class."""
    content = files.read_bounded(model, LIMIT_BYTES)
    _check_closed(content, model)
    session = _session(content, model)
    if len(session.get_inputs()) != 1:
        cause = f"it takes {len(session.get_inputs())} inputs"
        raise ModelError("E-MOD-04", "network and card disagree", cause=cause, file=model)
    name = session.get_inputs()[0].name

    def network(seen: Floats) -> Floats:
        given = seen[None] if card.layout == "NCHW" else np.moveaxis(seen, 0, -1)[None]
        try:
            answer = np.asarray(session.run(None, {name: given})[0], np.float32)
        except Exception as error:  # onnxruntime has no error class that is not private
            cause = str(error).splitlines()[0][:200]
            raise ModelError("E-MOD-04", "network and card disagree", cause=cause, file=model) from error
        planes = answer[0] if card.layout == "NCHW" else np.moveaxis(answer[0], -1, 0)
        return _probability(planes, seen.shape[1:], card, target, model)

    return network


def _probability(planes: Floats, shape: tuple[int, ...], card: Card, target: int, model: str) -> Floats:
    """The probability of one class from what the network gave, (class, y, x)."""
    count = 1 if card.output == "binary-logit" else len(card.classes)
    if planes.shape != (count, *shape):
        cause = f"it gave {planes.shape}, wanted {(count, *shape)}"
        raise ModelError("E-MOD-04", "network and card disagree", cause=cause, file=model)
    if not np.isfinite(planes).all():
        raise ModelError(
            "E-MOD-04", "network and card disagree", cause="it gave values that are not finite", file=model
        )
    if card.output == "binary-logit":
        chance = 1 / (1 + np.exp(-np.clip(planes[0], -80, 80)))
        return np.asarray(chance if target == 1 else 1 - chance, np.float32)
    if card.output == "logits":
        parts = np.exp(planes - planes.max(axis=0))
        return np.asarray(parts[target] / parts.sum(axis=0), np.float32)
    if planes.min() < -1e-3 or planes.max() > 1.001:
        cause = f"values from {planes.min():g} to {planes.max():g} are no probabilities"
        raise ModelError("E-MOD-04", "network and card disagree", cause=cause, file=model)
    return np.asarray(planes[target])


def _session(content: bytes, model: str) -> Any:
    import onnxruntime  # type: ignore[import-untyped]

    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(content, settings, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has no error class that is not private
        cause = str(error).splitlines()[0][:200]
        raise ModelError("E-MOD-01", "the network cannot be run", cause=cause, file=model) from error


def _check_closed(content: bytes, model: str) -> None:
    """Refuses a model that names other files (its weights by a path)."""
    try:
        import onnx
        import onnxruntime  # noqa: F401
        from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    except ImportError as error:
        remedy = 'Install it: pip install "marginkit[onnx]".'
        raise MissingExtraError("E-EXTRA-01", f"{error.name} is not installed", remedy=remedy, file=model) from error
    try:
        proto = onnx.load_model_from_string(content)
    except DecodeError as error:
        raise ModelError("E-MOD-01", "the file is no ONNX network", cause="it cannot be decoded", file=model) from error
    if any(tensor.external_data or tensor.data_location for tensor in _tensors(proto.graph)):
        remedy = "Save it as one file."
        cause = "its weights lie in another file"
        raise ModelError("E-MOD-01", "the network is not whole", cause=cause, remedy=remedy, file=model)


def _tensors(graph: Any) -> Iterator[Any]:
    """Every tensor that is stored in a graph, and in the graphs within it."""
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for inner in (attribute.g, *attribute.graphs):
                if inner.node or inner.initializer:
                    yield from _tensors(inner)

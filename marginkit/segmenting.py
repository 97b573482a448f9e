"""A region by a segmenter's name: the one way in for scripts, as ``NAME:key=value`` is on the command line."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from marginkit import flags, shelf
from marginkit.errors import UsageError
from marginkit.fetching import Fetcher
from marginkit.records import Picture, Region
from marginkit.sources import given, method, typed_options

USUAL = {"tissue": "specimen", "ink": "ink", "signal": "fluorescence"}


@dataclass(frozen=True)
class Method:
    """A segmenter of the shelf with its options, ready to be used."""

    name: str
    module: Any
    options: Any

    def told(self) -> dict[str, Any]:
        """Every option with its value, as JSON takes it."""
        return {one.name: _plain(getattr(self.options, one.name)) for one in fields(self.options) if one.init}


@dataclass(frozen=True)
class Given:
    """A file in place of a method: its mask or outlines are only brought onto the picture.

    text : ``FILE#WHAT``. parts : classes of the file that are kept apart; without them it is one region.
    """

    text: str
    name: str
    parts: tuple[str, ...] = ()

    def told(self) -> dict[str, Any]:
        """No options."""
        return {}


@dataclass(frozen=True)
class Found:
    """What was found in a picture: class to region, how, and what to bear in mind.

    length_px : of outline that a class covers, where the method measures that.
    """

    regions: Mapping[str, Region]
    maker: str
    warnings: tuple[str, ...] = ()
    length_px: Mapping[str, float] = field(default_factory=dict)

    def lengths(self, name: str) -> dict[str, float]:
        """``outline_px`` of a class, or nothing."""
        return {"outline_px": self.length_px.get(name, 0.0)} if self.length_px else {}


def segment(picture: Picture, method: str, **options: Any) -> Region:
    """The region that a segmenter finds in an opened picture.

    method : name of a segmenter, such as ``specimen``, ``threshold`` or ``fluorescence``.
    options : fields of its ``Options``; words are turned into the type of the field.

    Raises
    ------
    ShelfError : E-SHELF-02 no segmenter of that name.
    UsageError : E-USE-03 an option that it does not have, or of a wrong type.
    """
    module = shelf.get("segmenters", method)
    known = {f.name for f in fields(module.Options) if f.init}
    if unknown := [key for key in options if key not in known]:
        cause = f"there are {', '.join(sorted(known))}"
        raise UsageError("E-USE-03", f"{method} has no option {unknown[0]!r}", cause=cause)
    region: Region = module.segment(picture, typed_options(module, [(k, _word(v)) for k, v in options.items()]))
    return region


def from_file(text: str, parts: tuple[str, ...] = ()) -> Given | None:
    """The file that ``FILE`` or ``FILE#WHAT`` means, where there is one.

    parts : classes of the file to keep apart. UsageError E-USE-16 where they are given twice, of no file, or of a file
        of which a part was taken already.
    """
    found = given(text) if text else None
    if parts and (found is None or found.select or len(set(parts)) < len(parts)):
        cause = "they are given twice" if len(set(parts)) < len(parts) else f"--method {text or 'is not given'}"
        raise UsageError("E-USE-16", "whose classes?", cause=cause, remedy="Give --method FILE --classes A,B.")
    return None if found is None else Given(text, found.name, parts)


def choose(what: str, text: str = "") -> Method:
    """The method that ``NAME:key=value,…`` means, or the usual one.

    UsageError E-USE-12 where it gives no such thing, or none was named and none is usual.
    """
    known = shelf.load("segmenters")
    fitting = sorted(name for name, module in known.items() if what in module.GIVES)
    if not text and what not in USUAL:
        cause = f"for {what} there are {', '.join(fitting)}"
        raise UsageError("E-USE-12", "which method?", cause=cause, remedy=f"Give --method {fitting[0]}.")
    source = method(text or USUAL[what])
    module = shelf.get("segmenters", source.segmenter)
    if what not in module.GIVES:
        cause = f"it gives {', '.join(module.GIVES)}; for {what} there are {', '.join(fitting)}"
        raise UsageError("E-USE-12", f"{source.segmenter} gives no {what}", cause=cause)
    return Method(source.segmenter, module, typed_options(module, source.options))


def classes(picture: Picture, chosen: Method | Given, what: str) -> Found:
    """What a method finds: one region, or one a class where it tells several apart.

    A segmenter that tells classes apart has ``find(picture, options)``; its answer has ``masks`` (class to bool array),
    ``spacing_mm`` and ``origin_px`` as a Region, ``length_px`` (class to length) and ``told``. Its ``CLASSES`` are all
    that it may find: one that is not there is empty, and each keeps its label from image to image.
    """
    if isinstance(chosen, Given):
        return _taken(picture, chosen, what)
    if hasattr(chosen.module, "find"):
        found = chosen.module.find(picture, chosen.options)
        blank = np.zeros_like(next(iter(found.masks.values()), np.zeros((1, 1), bool)))
        regions = {
            name: Region(found.masks.get(name, blank), found.spacing_mm, found.origin_px, name, found.told)
            for name in chosen.module.CLASSES
        }
        return Found(regions, found.told, _sentences(getattr(found, "flags", ())), found.length_px)
    region = chosen.module.segment(picture, chosen.options)
    return Found({what: region}, region.maker, _sentences(region.flags))


def _taken(picture: Picture, chosen: Given, what: str) -> Found:
    """The regions of a file, by class where classes are to be kept apart."""
    fetcher = Fetcher(picture)
    wanted = {part: f"{chosen.text}#{part}" for part in chosen.parts} or {what: chosen.text}
    regions = {name: fetcher.region(text, what) for name, text in wanted.items()}
    raised = dict.fromkeys(flag for region in regions.values() for flag in region.flags)
    return Found(regions, chosen.name, (*_sentences(tuple(raised)), *dict.fromkeys(fetcher.notes)))


def _sentences(raised: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(flags.sentence, raised))


def _plain(value: Any) -> Any:
    return value if isinstance(value, (str, bool, int, float)) or value is None else str(value)


def _word(value: Any) -> str:
    """The value as it would be typed; a float keeps all its digits."""
    if isinstance(value, float) and not math.isfinite(value):
        raise UsageError("E-USE-03", "an option is no number", cause=f"{value}")
    return str(value) if isinstance(value, (str, bool, int, float)) or value is None else repr(value)

"""Words of the user to sources of regions: a file and what to take from it, or a segmenter and its options.

The surprising thing: colons and number signs are legal in file names, and a drive is a letter with a colon. So nothing
is decided by punctuation alone: whatever names an existing file *is* that file.
"""

from __future__ import annotations

import os
import re
import types
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias, Union, get_args, get_origin, get_type_hints

from marginkit.errors import UsageError

COLOURS = ("black", "blue", "green", "yellow", "orange", "red")
YES, NO = ("yes", "true", "on", "1"), ("no", "false", "off", "0")
_CALL = re.compile(r"([A-Za-z][\w-]+)(?::(.*))?", re.DOTALL)  # two letters at least: C: is a drive
_OPTION = re.compile(r"\w[\w-]*\s*=")
_PAIR = re.compile(r"([^=:#/\\,]+)=(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class FileSource:
    """A file, and what to take from it (a class, a label, a page …); empty: all of it."""

    path: str
    select: str = ""

    @property
    def name(self) -> str:
        """The file's name without its folders, with what is taken from it."""
        base = os.path.basename(os.path.abspath(self.path))
        return f"{base}#{self.select}" if self.select else base


@dataclass(frozen=True, slots=True)
class SegmenterSource:
    """A segmenter of the shelf, with its options as written."""

    segmenter: str
    options: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """As the user would write it."""
        words = ",".join(f"{key}={value}" for key, value in self.options)
        return f"{self.segmenter}:{words}" if words else self.segmenter


Source: TypeAlias = FileSource | SegmenterSource


def parse(text: str, segmenters: Iterable[str]) -> Source:
    """The source that ``FILE``, ``FILE#WHAT`` or ``NAME:key=value,…`` means.

    segmenters : the names on the shelf. A file that exists wins over everything else; of several existing files in
        ``a#b#c`` the longest. A file that does not exist is returned too: opening it says so.

    Raises
    ------
    UsageError : E-USE-01 nothing given, E-USE-02 no such segmenter, E-USE-03 options not understood.

    >>> parse("no-such-file.tif#label=2", ["threshold"])
    FileSource(path='no-such-file.tif', select='label=2')
    >>> parse("threshold:above=-300,fill=yes", ["threshold"]).options
    (('above', '-300'), ('fill', 'yes'))
    """
    text = text.strip()
    if not text:
        raise UsageError("E-USE-01", "no source given", remedy="Give FILE, FILE#CLASS or NAME:key=value.")
    found = given(text)
    if found is not None:
        return found
    known = sorted(segmenters)
    call = _CALL.fullmatch(text)
    if call and call[1] in known:
        return method(text)
    if call and _OPTION.match(call[2] or ""):
        cause = f"there are {', '.join(known) or 'none'}; and no file of that name exists"
        raise UsageError("E-USE-02", f"no segmenter named {call[1]!r}", cause=cause)
    return of_file(text)


def of_file(text: str) -> FileSource:
    """The file that ``FILE`` or ``FILE#WHAT`` means, whether there is one of that name or not.

    >>> of_file("no-such-file.tif#label=2")
    FileSource(path='no-such-file.tif', select='label=2')
    """
    path, _, select = text.partition("#")
    return given(text) or FileSource(path, select)


def method(text: str) -> SegmenterSource:
    """The segmenter that ``NAME`` or ``NAME:key=value,…`` means, whether there is one of that name or not.

    UsageError E-USE-03 where it is not written so.
    """
    call = _CALL.fullmatch(text.strip())
    if call is None:
        raise UsageError("E-USE-03", f"method {text!r} not understood", cause="wanted NAME:key=value,key=value")
    return SegmenterSource(call[1], _options(call[1], call[2] or ""))


def given(text: str) -> FileSource | None:
    """The longest beginning of the text that is a file, and what follows its number sign."""
    ends = [len(text), *(i for i in range(len(text) - 1, 0, -1) if text[i] == "#")]
    for end in ends:
        if "\0" not in text and os.path.exists(text[:end]):
            return FileSource(text[:end], text[end + 1 :])
    return None


def _options(name: str, text: str) -> tuple[tuple[str, str], ...]:
    found: dict[str, str] = {}
    for word in text.split(",") if text.strip() else []:
        key, sign, value = (part.strip() for part in word.partition("="))
        key = key.replace("-", "_")
        if not sign or not key or not value or key in found:
            cause = "it is given twice" if key in found else f"wanted key=value, got {word!r}"
            raise UsageError("E-USE-03", f"{name}: option {key!r} not understood", cause=cause)
        found[key] = value
    return tuple(found.items())


def pair(text: str) -> tuple[str, str]:
    """(word, source text) of ``WORD=SRC``; the word is empty where only a source is given.

    >>> pair("capsule=walls.geojson"), pair("threshold:above=3")
    (('capsule', 'walls.geojson'), ('', 'threshold:above=3'))
    """
    text = text.strip()
    found = None if given(text) else _PAIR.fullmatch(text)
    return (found[1].strip(), found[2].strip()) if found else ("", text)


def ink_map(text: str) -> dict[str, str]:
    """Ink colour to margin name, from ``blue=superior,black=deep``. UsageError E-USE-04 where it says something else.

    >>> ink_map("blue=superior, black=deep")
    {'blue': 'superior', 'black': 'deep'}
    """
    found: dict[str, str] = {}
    for word in text.split(","):
        colour, sign, name = (part.strip() for part in word.partition("="))
        colour = colour.lower()
        if colour not in COLOURS or not sign or not name or colour in found:
            cause = f"{colour} twice" if colour in found else f"{word.strip()!r} is not COLOUR=NAME"
            remedy = f"Colours are {', '.join(COLOURS)}: blue=superior,black=deep."
            raise UsageError("E-USE-04", "ink map not understood", cause=cause, remedy=remedy)
        found[colour] = name
    return found


def typed_options(segmenter: Any, options: Iterable[tuple[str, str]]) -> Any:
    """The segmenter's frozen ``Options``, each word turned into the type of its field.

    UsageError E-USE-03 names the keys there are, or what a value should have been.
    """
    hints = get_type_hints(segmenter.Options)
    keys = [f.name for f in fields(segmenter.Options) if f.init]
    values: dict[str, Any] = {}
    for key, word in options:
        if key not in keys:
            cause = f"there are {', '.join(keys) or 'none'}"
            raise UsageError("E-USE-03", f"{segmenter.NAME} has no option {key!r}", cause=cause)
        values[key] = _typed(segmenter.NAME, key, word, hints[key])
    try:
        return segmenter.Options(**values)
    except UsageError:
        raise
    except (TypeError, ValueError) as error:
        raise UsageError("E-USE-03", f"{segmenter.NAME}: options do not fit together", cause=str(error)) from error


def _typed(name: str, key: str, word: str, hint: Any) -> Any:
    for one in _choices(hint):
        try:
            return _value(word, one)
        except ValueError:
            continue
    wanted = " or ".join(_told(one) for one in _choices(hint))
    raise UsageError("E-USE-03", f"{name}: {key}={word!r} not understood", cause=f"wanted {wanted}")


def _choices(hint: Any) -> tuple[Any, ...]:
    """The types that a union offers, text last because it takes anything."""
    inner = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    return tuple(sorted(inner, key=lambda one: one is str))


def _value(word: str, hint: Any) -> Any:
    """The word as a value of one type; ValueError where it is none."""
    low = word.lower()
    if hint is types.NoneType:
        if low != "none":
            raise ValueError(word)
        return None
    if get_origin(hint) is Literal:
        return next((one for one in get_args(hint) if str(one).lower() == low), None) or _refuse(word)
    if hint is bool:
        return True if low in YES else False if low in NO else _refuse(word)
    if hint is float:
        number = float(word)
        return number if abs(number) < float("inf") else _refuse(word)
    return hint(word) if hint in (int, str) else _refuse(word)


def _refuse(word: str) -> Any:
    raise ValueError(word)


def _told(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return ", ".join(str(one) for one in get_args(hint))
    words = {bool: "yes or no", int: "a whole number", float: "a number", str: "a text", types.NoneType: "none"}
    return words.get(hint, str(hint))

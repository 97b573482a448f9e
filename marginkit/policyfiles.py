"""Policies as files: one TOML file each, ours in ``marginkit/policies``, a user's in any folder.

The surprising thing: nothing in a policy file is ever more than data, and every key is known. A misspelt key would
change a verdict in silence, so it is refused with its line.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from marginkit.errors import PolicyError, ShelfError
from marginkit.policy import Domain, Level, Policy

ENV = "MARGINKIT_SHELF"
LARGEST_BYTES = 65_536

_TEXT, _TEXTS, _NUMBER, _YES = "text", "list of texts", "number", "true or false"
_POLICY = {
    "id": _TEXT, "title": _TEXT, "citation": _TEXT, "source": _TEXT, "reference_line": _TEXT, "needs": _TEXTS,
    "barrier_types": _TEXTS, "barrier_mm": _NUMBER + "s", "user_words": _TEXTS, "note": _TEXT,
}  # fmt: skip
_DOMAIN = {"organ": _TEXT, "histology": _TEXT, "states": _TEXTS, "radiotherapy": _YES}
_LEVEL = {
    "label": _TEXT, "operator": _TEXT, "mm": _NUMBER, "upper_operator": _TEXT, "upper_mm": _NUMBER,
    "conditions": _YES + "s", "clear": _YES, "note": _TEXT,
}  # fmt: skip
_ALIASES = {"≥": ">=", "≤": "<=", "==": "="}


def load(path: str | Path) -> Policy:
    """The policy in a TOML file; PolicyError E-POL-01 (with the line) or E-POL-02 (levels) where it is unusable."""
    path = Path(path)
    try:
        return parse(_text(path), path.name)
    except PolicyError as error:
        raise error.about(path) from error


def policies(folder: str | Path | None = None) -> dict[str, Policy]:
    """Policies by id: marginkit's own, those of ``folder``, those of ``policies/`` under $MARGINKIT_SHELF.

    Two of one id: ShelfError E-SHELF-01, even where one of them is marginkit's own.
    """
    own = Path(__file__).parent / "policies"
    extra = [] if folder is None else [_existing(Path(folder))]
    shelves = [_existing(Path(word)) for word in os.environ.get(ENV, "").split(os.pathsep) if word.strip()]
    folders = [own, *extra, *(shelf / "policies" for shelf in shelves)]
    files = {path.resolve(): path for where in folders for path in sorted(where.glob("*.toml")) if _wanted(path)}
    found: dict[str, Policy] = {}
    for path in files.values():
        policy = load(path)
        if policy.id in found:
            cause = f"{found[policy.id].origin} and {path.name}"
            raise ShelfError("E-SHELF-01", f"two policies named {policy.id!r}", cause=cause, remedy="Rename one.")
        object.__setattr__(policy, "origin", "marginkit" if path.parent == own else path.name)
        found[policy.id] = policy
    return dict(sorted(found.items()))


def _wanted(path: Path) -> bool:
    return not path.name.startswith((".", "_", "~")) and path.is_file()


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        raise ShelfError("E-SHELF-05", "shelf folder not found", cause=folder.name, remedy=f"See {ENV}.")
    return folder


def _text(path: Path) -> str:
    if not path.is_file():
        raise PolicyError("E-POL-01", "no policy file", cause="not a regular file", remedy="Give a TOML file.")
    try:
        with path.open("rb") as stream:
            data = stream.read(LARGEST_BYTES + 1)
        if len(data) > LARGEST_BYTES:
            raise PolicyError("E-POL-01", "policy file too large", cause=f"more than {LARGEST_BYTES} bytes")
        return data.decode("utf-8")
    except OSError as error:
        raise PolicyError("E-POL-01", "policy file cannot be read", cause=error.strerror or "") from error
    except UnicodeDecodeError as error:
        raise PolicyError("E-POL-01", "policy file is not UTF-8", cause=f"byte {error.start}") from error


def parse(text: str, origin: str = "") -> Policy:
    """The policy that a TOML text describes."""
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        cause = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise PolicyError("E-POL-01", "not TOML", cause=cause) from error
    domain = _table(data.pop("domain", {}), _DOMAIN, "domain", text)
    levels = data.pop("levels", None)
    if not isinstance(levels, list) or not levels:
        raise PolicyError("E-POL-01", "policy without levels", remedy="Add [[levels]] with label, operator and mm.")
    top = _table(data, _POLICY, "policy", text)
    _complete(top, ("id", "title", "citation", "source"), "policy", text)
    made = tuple(_level(level, number, text) for number, level in enumerate(levels))
    return Policy(domain=Domain(**domain), levels=made, origin=origin, **top)


def _level(data: Any, number: int, text: str) -> Level:
    where = f"level {number + 1}"
    values = _table(data, _LEVEL, where, text, number)
    _complete(values, ("label", "operator", "mm"), where, text, number)
    for key in ("operator", "upper_operator"):
        if key in values:
            values[key] = _ALIASES.get(values[key], values[key])
    try:
        return Level(**values)
    except PolicyError as error:
        line = _line(text, "operator" if "operator" in error.what else "mm", number)
        raise PolicyError(error.code, error.what, cause=f"line {line}, {error.cause}", remedy=error.remedy) from error


def _table(data: Any, known: Mapping[str, str], where: str, text: str, number: int | None = None) -> dict[str, Any]:
    """Keys and values of a table, lists as tuples; refuses unknown keys and values of the wrong kind."""
    if not isinstance(data, dict):
        raise PolicyError("E-POL-01", f"{where} is not a table")
    for key, value in data.items():
        kind = known.get(key)
        if kind is None:
            cause = f"line {_line(text, key, number)}, known are {', '.join(known)}"
            raise PolicyError("E-POL-01", f"unknown key {key!r} in {where}", cause=cause)
        if not _is(value, kind):
            raise PolicyError("E-POL-01", f"{key} wants {kind}", cause=f"line {_line(text, key, number)}, {where}")
    return {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}


def _is(value: Any, kind: str) -> bool:
    match kind:
        case "text":
            return isinstance(value, str)
        case "list of texts":
            return isinstance(value, list) and all(isinstance(item, str) for item in value)
        case "number":
            return isinstance(value, (int, float)) and not isinstance(value, bool)
        case "true or false":
            return isinstance(value, bool)
        case _:  # a table of such values
            return isinstance(value, dict) and all(_is(item, kind.removesuffix("s")) for item in value.values())


def _complete(values: Mapping[str, Any], needed: tuple[str, ...], where: str, text: str, number: int = 0) -> None:
    if missing := [key for key in needed if key not in values]:
        line = _line(text, "label", number) if where != "policy" else 1
        raise PolicyError("E-POL-01", f"{where} without {' and '.join(missing)}", cause=f"line {line}")


def _line(text: str, key: str, number: int | None = None) -> int:
    """The line of a key, in the given level or anywhere; the level's or the first line where it is not found."""
    lines = text.splitlines()
    heads = [at for at, line in enumerate(lines) if re.match(r"\s*\[\[\s*levels\s*\]\]", line)]
    start = heads[number] if number is not None and number < len(heads) else 0
    at = (i for i, line in enumerate(lines[start:], start) if re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line))
    return next(at, start) + 1

"""Finds one-file extensions: readers, segmenters and reports, ours and other people's.

An extension is a plain module with a ``NAME`` that meets a Protocol of ``marginkit.records``. It lies in
marginkit's own folder of that kind, is announced by an installed package under the entry-point group
``marginkit.readers`` (``.segmenters``, ``.reports``), or lies in ``readers/`` (…) under a folder that the caller
or the environment variable ``MARGINKIT_SHELF`` names.

The surprising thing: two extensions of one name are an error even if one of them is marginkit's own. Nobody
replaces a reader unseen.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.util
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Literal, TypeAlias

from marginkit.errors import ShelfError

Kind: TypeAlias = Literal["readers", "segmenters", "reports"]
Folders: TypeAlias = Iterable[str | Path]

ENV = "MARGINKIT_SHELF"
WANTED: dict[Kind, tuple[str, ...]] = {
    "readers": ("claims", "read"),
    "segmenters": ("GIVES", "Options", "segment"),
    "reports": ("FILE", "write"),
}
_loaded: dict[tuple[str, int, int], ModuleType] = {}


class ShelfWarning(UserWarning):
    """An extension was left out; one line says which, from where and why."""


@dataclass(frozen=True, slots=True)
class Found:
    """An extension before it is loaded: the name of its file or entry point, where it is from, how to load it."""

    hint: str
    origin: str
    load: Callable[[], ModuleType]


def load(kind: Kind, extra: Folders = ()) -> dict[str, ModuleType]:
    """The extensions of one kind by name, in alphabetical order.

    A module that cannot be imported or does not meet its Protocol is left out with a ``ShelfWarning``.
    Two of one name: ShelfError E-SHELF-01.
    """
    modules, broken, _ = _collect(kind, extra)
    for error in broken.values():
        warnings.warn(ShelfWarning(str(error)), stacklevel=2)
    return modules


def get(kind: Kind, name: str, extra: Folders = ()) -> ModuleType:
    """The extension of that name; ShelfError E-SHELF-02 lists the names there are, E-SHELF-03 says why it is broken."""
    modules, broken, _ = _collect(kind, extra)
    if name in modules:
        return modules[name]
    if name in broken:
        raise broken[name]
    raise ShelfError("E-SHELF-02", f"no {kind[:-1]} named {name!r}", cause=f"there are {', '.join(modules) or 'none'}")


def origins(kind: Kind, extra: Folders = ()) -> dict[str, str]:
    """Where each extension of one kind is from: ``marginkit``, a package, or a file's name."""
    return _collect(kind, extra)[2]


def policy_files(extra: Folders = ()) -> tuple[Path, ...]:
    """Every policy file: marginkit's own, then those in ``policies/`` of each extra folder, sorted by name."""
    folders = [Path(__file__).parent, *_extra_folders(extra)]
    return tuple(p for folder in folders for p in _plain_files(folder / "policies", "*.toml"))


def _collect(kind: Kind, extra: Folders) -> tuple[dict[str, ModuleType], dict[str, ShelfError], dict[str, str]]:
    """(name -> module, hint -> why it is left out, name -> origin)."""
    if kind not in WANTED:
        raise ShelfError("E-SHELF-02", f"no shelf named {kind!r}", cause=f"there are {', '.join(WANTED)}")
    modules: dict[str, ModuleType] = {}
    broken: dict[str, ShelfError] = {}
    origin: dict[str, str] = {}
    for found in _find(kind, extra):
        try:
            module = _load_one(kind, found)
        except ShelfError as error:
            broken[found.hint] = error
            continue
        if module is None or _same(module, modules.get(module.NAME)):
            continue
        if module.NAME in modules:
            raise _two(kind, module.NAME, origin[module.NAME], found.origin)
        modules[module.NAME] = module
        origin[module.NAME] = found.origin
    return dict(sorted(modules.items())), broken, dict(sorted(origin.items()))


def _find(kind: Kind, extra: Folders) -> Iterator[Found]:
    for path in _own_files(kind):
        name = f"marginkit.{kind}.{path.stem}"
        yield Found(path.stem, "marginkit", lambda name=name: importlib.import_module(name))  # type: ignore[misc]
    for point in _points(kind, tuple(sys.path)):
        owner = point.dist.name if point.dist is not None else "an installed package"
        yield Found(point.name, f"{owner} ({point.value})", point.load)
    for folder in _extra_folders(extra):
        for path in _plain_files(folder / kind, "*.py"):
            yield Found(path.stem, f"file {kind}/{path.name}", lambda path=path: _from_file(path))  # type: ignore[misc]


@functools.lru_cache(maxsize=8)
def _own_files(kind: Kind) -> tuple[Path, ...]:
    """marginkit's own modules, looked up once."""
    return tuple(_plain_files(Path(__file__).parent / kind, "*.py"))


@functools.lru_cache(maxsize=32)
def _points(kind: Kind, where: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """What installed packages offer, looked up once: that reads a file of every package there is."""
    return tuple(sorted(entry_points(group=f"marginkit.{kind}"), key=lambda p: (p.name, p.value)))


def _extra_folders(extra: Folders) -> list[Path]:
    """The caller's folders, then those of the environment; each once."""
    words = os.environ.get(ENV, "").split(os.pathsep)
    folders = [Path(f).resolve() for f in (*extra, *(w for w in words if w.strip()))]
    missing = [f.name for f in folders if not f.is_dir()]
    if missing:
        raise ShelfError("E-SHELF-05", "shelf folder not found", cause=", ".join(missing), remedy=f"See {ENV}.")
    return list(dict.fromkeys(folders))


def _plain_files(folder: Path, pattern: str) -> list[Path]:
    return sorted(p for p in folder.glob(pattern) if not p.name.startswith(("_", ".")) and p.is_file())


def _from_file(path: Path) -> ModuleType:
    """The module in a file; registered, because dataclasses look their module up by name."""
    stat = path.stat()
    key = (str(path), stat.st_mtime_ns, stat.st_size)
    if key not in _loaded:
        name = f"marginkit_shelf_{hashlib.sha256(str(key).encode()).hexdigest()[:12]}_{path.stem}"
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise ImportError("not a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
        _loaded[key] = module
    return _loaded[key]


def _load_one(kind: Kind, found: Found) -> ModuleType | None:
    """The module; None where it has no NAME and so is no extension."""
    try:
        module = found.load()
    except Exception as error:
        if found.origin == "marginkit":
            raise
        raise _broken(kind, found, f"{type(error).__name__}: {error}") from error
    name = getattr(module, "NAME", None)
    if name is None:
        return None
    lacking = [word for word in WANTED[kind] if not hasattr(module, word)]
    if not isinstance(name, str) or not name:
        lacking.append("NAME (a text)")
    if lacking:
        raise _broken(kind, found, f"it lacks {', '.join(lacking)}")
    return module


def _same(one: ModuleType, other: ModuleType | None) -> bool:
    """Whether both are one file, reached on two ways."""
    if other is None or one is other:
        return one is other
    files = [getattr(module, "__file__", None) for module in (one, other)]
    return all(files) and os.path.realpath(files[0] or "") == os.path.realpath(files[1] or "")


def _broken(kind: Kind, found: Found, cause: str) -> ShelfError:
    what = f"{kind[:-1]} {found.hint!r} from {found.origin} cannot be used"
    return ShelfError("E-SHELF-03", what, cause=cause, remedy="Repair or remove it.")


def _two(kind: Kind, name: str, first: str, second: str) -> ShelfError:
    return ShelfError(
        "E-SHELF-01", f"two {kind} named {name!r}", cause=f"one from {first}, one from {second}", remedy="Remove one."
    )

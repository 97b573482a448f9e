"""Finds one-file extensions: readers, segmenters and reports, ours and other people's.

An extension is a plain module with a ``NAME`` that meets a Protocol of ``marginkit.records``. It lies in
marginkit's own folder of that kind, is announced by an installed package under the entry-point group
``marginkit.readers`` (``.segmenters``, ``.reports``), or lies in ``readers/`` (…) under a folder that the caller
or the environment variable ``MARGINKIT_SHELF`` names.

The surprising thing: two extensions of one name are an error even if one of them is marginkit's own. Nobody
replaces a reader unseen. Marginkit's own are imported when they are wanted, and not before: that is most of the time
that a small case takes on the command line.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.util
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from marginkit import installed
from marginkit.errors import ShelfError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

Kind: TypeAlias = Literal["readers", "segmenters", "reports"]
Folders: TypeAlias = Iterable[str | Path]

ENV = "MARGINKIT_SHELF"
WANTED: dict[Kind, tuple[str, ...]] = {
    "readers": ("claims", "read"),
    "segmenters": ("GIVES", "Options", "segment"),
    "reports": ("FILE", "write"),
}
OWN_NAME = re.compile(r'^NAME = "([^"]+)"$', re.MULTILINE)
_loaded: dict[tuple[str, int, int], ModuleType] = {}


class ShelfWarning(UserWarning):
    """An extension was left out; one line says which, from where and why."""


@dataclass(frozen=True, slots=True)
class Found:
    """An extension before it is loaded: the name of its file or entry point, where it is from, how to load it."""

    hint: str
    origin: str
    load: Callable[[], ModuleType]


class Extensions(Mapping[str, ModuleType]):
    """Modules by name, in alphabetical order; one of marginkit's own is imported when it is asked for."""

    def __init__(self, loads: Mapping[str, Callable[[], ModuleType]]) -> None:
        self._loads = dict(sorted(loads.items()))

    def __getitem__(self, name: str) -> ModuleType:
        return self._loads[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._loads)

    def __len__(self) -> int:
        return len(self._loads)


def load(kind: Kind, extra: Folders = ()) -> Mapping[str, ModuleType]:
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


def _collect(kind: Kind, extra: Folders) -> tuple[Extensions, dict[str, ShelfError], dict[str, str]]:
    """(name -> module, hint -> why it is left out, name -> origin)."""
    if kind not in WANTED:
        raise ShelfError("E-SHELF-02", f"no shelf named {kind!r}", cause=f"there are {', '.join(WANTED)}")
    own = _own(kind)
    files = {name: str(path) for name, path in own.items()}
    loads = {name: _import(f"marginkit.{kind}.{path.stem}") for name, path in own.items()}
    origin = dict.fromkeys(own, "marginkit")
    broken: dict[str, ShelfError] = {}
    for found in _find(kind, extra):
        try:
            module = _load_one(kind, found)
        except ShelfError as error:
            broken[found.hint] = error
            continue
        if module is None or _is_file(module, files.get(module.NAME)):
            continue
        if module.NAME in loads:
            raise _two(kind, module.NAME, origin[module.NAME], found.origin)
        files[module.NAME] = str(module.__file__)
        loads[module.NAME] = lambda module=module: module  # type: ignore[misc]
        origin[module.NAME] = found.origin
    return Extensions(loads), broken, dict(sorted(origin.items()))


def _import(name: str) -> Callable[[], ModuleType]:
    return lambda: importlib.import_module(name)


def _find(kind: Kind, extra: Folders) -> Iterator[Found]:
    """What is not marginkit's own."""
    for point in _installed(tuple(sys.path))[kind]:
        owner = point.dist.name if point.dist is not None else "an installed package"
        yield Found(point.name, f"{owner} ({point.value})", point.load)
    for folder in _extra_folders(extra):
        for path in _plain_files(folder / kind, "*.py"):
            yield Found(path.stem, f"file {kind}/{path.name}", lambda path=path: _from_file(path))  # type: ignore[misc]


@functools.lru_cache(maxsize=8)
def _own(kind: Kind) -> dict[str, Path]:
    """marginkit's own modules by the name that their text gives them, looked up once."""
    paths = _plain_files(Path(__file__).parent / kind, "*.py")
    named = ((OWN_NAME.search(path.read_text("utf-8")), path) for path in paths)
    return {found[1]: path for found, path in named if found}


@functools.lru_cache(maxsize=8)
def _installed(where: tuple[str, ...]) -> dict[str, list[EntryPoint]]:
    """What installed packages offer, by kind, looked up once: that reads a file of every package there is."""
    if not _announced(where):
        return {kind: [] for kind in WANTED}
    every = _entry_points()  # its type changed with Python 3.12; ``select`` is in both
    return {
        kind: sorted(every.select(group=f"marginkit.{kind}"), key=lambda point: (point.name, point.value))
        for kind in WANTED
    }


def _entry_points() -> Any:
    from importlib.metadata import entry_points

    return entry_points()


def _announced(where: tuple[str, ...]) -> bool:
    """Whether a package may offer something. The library that knows takes longer to load and to look than a small case
    to measure; where folders tell of all packages, their texts say as much."""
    records = installed.records(where)
    if records is None:
        return True
    return any(b"[marginkit." in (installed.text(record, "entry_points.txt") or b"") for record in records.values())


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


def _is_file(module: ModuleType, file: str | None) -> bool:
    """Whether a module is one that is there already, reached on another way."""
    own = getattr(module, "__file__", None)
    return bool(own and file) and os.path.realpath(own or "") == os.path.realpath(file or "")


def _broken(kind: Kind, found: Found, cause: str) -> ShelfError:
    what = f"{kind[:-1]} {found.hint!r} from {found.origin} cannot be used"
    return ShelfError("E-SHELF-03", what, cause=cause, remedy="Repair or remove it.")


def _two(kind: Kind, name: str, first: str, second: str) -> ShelfError:
    return ShelfError(
        "E-SHELF-01", f"two {kind} named {name!r}", cause=f"one from {first}, one from {second}", remedy="Remove one."
    )

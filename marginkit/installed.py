"""Which packages are installed, and in which version: read off the folders of their records.

The surprising thing: the standard library answers the same, and takes a tenth of a small case for it, because it loads
a parser of e-mail. It is asked wherever folders do not tell: of archives, and of packages that are found in some other
way.
"""

from __future__ import annotations

import functools
import os
import re
import sys

RECORDS = (".dist-info", ".egg-info")
VERSION = re.compile(rb"^Version: *(\S+)", re.MULTILINE)


def version(name: str) -> str:
    """The version of a package as its metadata say; ``not installed`` where it is not."""
    folder = (records(tuple(sys.path)) or {}).get(_key(name))
    head = None if folder is None else text(folder, "METADATA")
    if head is None:
        from importlib import metadata

        try:
            head = (metadata.distribution(name).read_text("METADATA") or "").encode()
        except metadata.PackageNotFoundError:
            return "not installed"
    found = VERSION.search(head)
    return found[1].decode() if found else "unknown"


@functools.lru_cache(maxsize=4)
def records(where: tuple[str, ...]) -> dict[str, str] | None:
    """Name of package to the folder of its record, the first on the path; None where folders do not tell all."""
    finders = [finder for finder in sys.meta_path if hasattr(finder, "find_distributions")]
    if any(getattr(finder, "__module__", "") != "_frozen_importlib_external" for finder in finders):
        return None
    if any(folder.lower().endswith(".egg") for folder in where):
        return None
    found: dict[str, str] = {}
    for folder in where:
        try:
            names = os.listdir(folder or ".")
        except NotADirectoryError:  # an archive
            return None
        except OSError:
            continue
        for name in names:
            if name.lower().endswith(RECORDS):
                found.setdefault(_key(name.rpartition(".")[0].partition("-")[0]), os.path.join(folder, name))
    return found


def _key(name: str) -> str:
    """A name of a package as it is compared."""
    return re.sub(r"[-_.]+", "_", name).lower()


def text(folder: str, name: str) -> bytes | None:
    """What a file of a record holds, None where there is none: of an old package the record is itself a file."""
    try:
        with open(os.path.join(folder, name), "rb") as stream:
            return stream.read()
    except OSError:
        return None

"""Builds the compiled kernel where a C compiler is; elsewhere the wheel goes without it and answers the same, slower.

    python hatch_build.py       builds it beside its sources

A shared library without Python in it, loaded with ctypes: one serves every version of Python, and it lets go of the
interpreter's lock. ``CC`` names the compiler; on Windows that must be gcc or clang.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface as Hook
except ImportError:  # built by hand, without hatchling
    Hook = object

FOLDER = Path(__file__).resolve().parent / "marginkit" / "geometry" / "_kernel"
NAME = "kernel.dll" if os.name == "nt" else "kernel.so"
# portable, and each operation rounded as NumPy rounds it: no fused multiply-add, no reordering; that nobody traps
# floating-point exceptions changes no result, but lets comparisons become vector instructions
FLAGS = ["-std=c99", "-O3", "-fPIC", "-shared", "-ffp-contract=off", "-fno-trapping-math", "-fvisibility=hidden"]


def digest() -> str:
    """What the sources are; a library built from others is not used."""
    found = hashlib.sha256()
    for file in sorted(FOLDER.glob("*.[ch]")):
        found.update(file.read_bytes().replace(b"\r\n", b"\n"))
    return found.hexdigest()[:16]


def compiler() -> list[str] | None:
    """The C compiler to call."""
    named = os.environ.get("CC")
    if named:
        words = shlex.split(named)
        return words if words and shutil.which(words[0]) else None
    return next(([name] for name in ("cc", "gcc", "clang") if shutil.which(name)), None)


def build(extra: list[str]) -> str | None:
    """Compile the kernel beside its sources; why it could not be, or None."""
    command = compiler()
    if command is None:
        return "no C compiler"
    made = FOLDER / f"{NAME}.{os.getpid()}.new"
    sources = sorted(file.name for file in FOLDER.glob("*.c"))
    words = [*command, *FLAGS, *extra, f'-DMK_SOURCES="{digest()}"', *sources, "-o", made.name, "-lm"]
    try:
        done = subprocess.run(words, cwd=FOLDER, capture_output=True, text=True, timeout=300)
        if done.returncode:
            return (done.stderr.strip().splitlines() or ["the compiler failed"])[0]
        os.replace(made, FOLDER / NAME)  # those who have loaded the old one keep it
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    finally:
        made.unlink(missing_ok=True)
    return None


def platform_tag() -> str:
    """The platform that the library was built for."""
    from packaging.tags import platform_tags

    return next(tag for tag in platform_tags() if "manylinux" not in tag and "musllinux" not in tag)


class KernelHook(Hook):  # type: ignore[type-arg, misc]
    """Adds the library to a wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build it; without it the wheel is pure."""
        del version
        why = build([])
        if why:
            print(
                f"marginkit: built without its compiled kernel ({why}); it measures the same, slower", file=sys.stderr
            )
            return
        build_data["artifacts"].append(f"marginkit/geometry/_kernel/{NAME}")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform_tag()}"


if __name__ == "__main__":
    problem = build(sys.argv[1:])
    print(f"no kernel: {problem}" if problem else f"built {NAME}")
    sys.exit(1 if problem else 0)

"""What was run, on what, with which options: enough to do it again, and nothing about anybody's machine.

The surprising thing is what is missing: no time, no user, no host, no folder. So the same input gives the same bytes.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

import marginkit
from marginkit.geometry import compiled
from marginkit.policy import Policy, told
from marginkit.records import Picture, Region

LIBRARIES = ("numpy", "scipy", "scikit-image", "shapely", "tifffile", "opencv-python-headless")
VERSION = re.compile(r"^Version: *(\S+)", re.MULTILINE)


def record(
    picture: Picture,
    inputs: Sequence[Mapping[str, str]],
    regions: Mapping[str, Region],
    options: Mapping[str, Any],
    policies: Sequence[Policy] = (),
) -> dict[str, Any]:
    """The provenance of a case: versions, every file that was read with its SHA-256, who made each region, options,
    and the policies in full."""
    return {
        "marginkit": marginkit.__version__,
        "python": platform.python_version(),
        "distances": compiled.route(),
        "libraries": {name: _version(name) for name in LIBRARIES},
        "inputs": [{"role": "image", "name": picture.name, "sha256": picture.sha256}, *inputs],
        "regions": {role: region.maker for role, region in regions.items()},
        "options": dict(options),
        "policies": [told(policy) for policy in policies],
        "research_use_only": True,
    }


def _version(name: str) -> str:
    """As its metadata say; only that line is read, the whole page takes longer than a small case."""
    try:
        head = metadata.distribution(name).read_text("METADATA") or ""
    except metadata.PackageNotFoundError:
        return "not installed"
    found = VERSION.search(head)
    return found[1] if found else "unknown"

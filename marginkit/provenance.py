"""What was run, on what, with which options: enough to do it again, and nothing about anybody's machine.

The surprising thing is what is missing: no time, no user, no host, no folder. So the same input gives the same bytes.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import marginkit
from marginkit import installed
from marginkit.geometry import compiled
from marginkit.records import Picture, Region

if TYPE_CHECKING:
    from marginkit.policy import Policy

LIBRARIES = ("numpy", "scipy", "scikit-image", "shapely", "tifffile", "opencv-python-headless")


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
        "libraries": {name: installed.version(name) for name in LIBRARIES},
        "inputs": [{"role": "image", "name": picture.name, "sha256": picture.sha256}, *inputs],
        "regions": {role: region.maker for role, region in regions.items()},
        "options": dict(options),
        "policies": _told(policies),
        "research_use_only": True,
    }


def _told(policies: Sequence[Policy]) -> list[dict[str, Any]]:
    """The policies in full."""
    if not policies:
        return []
    from marginkit.policy import told

    return [told(policy) for policy in policies]

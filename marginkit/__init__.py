"""marginkit: exact surgical margins in millimetres, with their source. Research use only.

The public names. Each is loaded when first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from marginkit.agreeing import agree as agree
    from marginkit.errors import MarginError as MarginError
    from marginkit.judging import judge as judge
    from marginkit.judging import policies as policies
    from marginkit.measuring import measure as measure
    from marginkit.opening import open as open
    from marginkit.records import Margins as Margins
    from marginkit.records import Profile as Profile
    from marginkit.records import Region as Region
    from marginkit.segmenting import segment as segment

__version__ = "0.1.0"

_HOME = {
    "MarginError": "errors",
    "agree": "agreeing",
    "judge": "judging",
    "policies": "judging",
    "Margins": "records",
    "Profile": "records",
    "Region": "records",
    "measure": "measuring",
    "open": "opening",
    "segment": "segmenting",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    """A public name, loaded from its room (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'marginkit' has no attribute {name!r}")
    return getattr(import_module(f"marginkit.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]

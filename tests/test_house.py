"""The house: arrows point downwards, the package is light and headless, floats wear their unit."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import marginkit

PACKAGE = Path(marginkit.__file__).parent
FLOORS = {
    **dict.fromkeys(["errors", "flags", "installed"], 1),
    "geometry": 1.5,
    **dict.fromkeys(["records", "units", "shelf", "files", "stains"], 2),
    **dict.fromkeys(["wording", "pages"], 2.4),  # words and sheets of paper
    **dict.fromkeys(
        ["ometiff", "classifier", "patchwork", "regions", "policy", "sampling", "spread", "doubts", "fluorescence"], 2.5
    ),  # what is said of records, and checked of them
    **dict.fromkeys(["calibrate", "edges", "measuring", "judging", "agreement", "phantoms", "rulers"], 3),
    **dict.fromkeys(["readers", "segmenters", "reports"], 3),
    **dict.fromkeys(
        [
            "opening",
            "scaling",
            "segmenting",
            "saving",
            "rasters",
            "segobjects",
            "training",
            "palettes",
            "pooling",
            "reading",
            "sources",
            "grids",
            "fetching",
            "outlined",
            "inputs",
            "provenance",
            "refining",
            "pipeline",
            "samples",
            "cohort",
            "live",
            "cohortpage",
            "agreeing",
            "comparing",
            "tiled",
        ],
        4,
    ),
    "lights": 2.6,
    "onpixels": 2.5,
    "registering": 3,
    "lighting": 4,
    "batch": 5,
    "showing": 5,
    "commands": 5.5,
    "cli": 6,
    "frontpage": 5.5,
    "__main__": 7,
}
SHELVES = ("readers", "segmenters", "reports")
NEVER = {"napari", "qtpy", "PyQt5", "PyQt6", "PySide2", "PySide6", "pickle", "marshal", "shelve", "socket", "requests"}
UNITS = ("_mm", "_um", "_px", "_mm2", "_mm3", "_px2", "_deg", "_bytes", "_s", "_minutes")
PURE = {
    "log_odds_step",
    "pixel_tolerance",
    "tolerance",
    "scale",
    "above",
    "below",
    "threshold",
    "relative_uncertainty",
    "share",
    "level",
    "ratio",
    "tbr",
    "cnr",
    "sbr",
    "sensitivity",
    "min_share",
    "saturated_share",
    "sds",
    "dice",
    "confidence",
    "z",
    "low",
    "mean",
    "counts",
}
# mm in 2-D and mm² in 3-D (mm² and mm³ for what is outside), or the unit of the argument beside it
BY_DIMENSION = {"value", "edge_size", "behind_size", "outside", "total", "reach"}
WITHOUT_UNIT = PURE | BY_DIMENSION
FLOAT = {"float", "float | None"}
FILES = sorted(PACKAGE.rglob("*.py"))


def room(file: Path) -> str:
    """The first name below marginkit."""
    return file.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(tree: ast.AST) -> Iterator[str]:
    """Every module that a file imports, wherever in it, except for types only."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_arrows_point_downwards(file: Path) -> None:
    mine = room(file)
    if mine == "__init__":
        return
    assert mine in FLOORS, f"{mine} has no floor"
    for name in imports(ast.parse(file.read_text())):
        top, *rest = name.split(".")
        assert top not in NEVER, f"{file.name} imports {name}"
        if top != "marginkit" or not rest or rest[0] == mine or rest[0] in {"__version__"}:
            continue
        other = rest[0]
        assert other in FLOORS, f"{file.name}: {name} is not a room"
        assert FLOORS[other] < FLOORS[mine] or (FLOORS[mine] == 4 and FLOORS[other] == 4), f"{mine} imports {other}"
        if other in SHELVES and FLOORS[mine] == 4:
            assert rest[1] in {"polygons", "masks", "structures", "sourceimages"}, f"{mine} reaches into {name}"


def public_floats(tree: ast.Module) -> Iterator[str]:
    """Names of floats that are fields of public classes or arguments of public functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            fields = [item for item in node.body if isinstance(item, ast.AnnAssign)]
            yield from (ast.unparse(f.target) for f in fields if ast.unparse(f.annotation) in FLOAT)
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            arguments = [*node.args.args, *node.args.kwonlyargs]
            yield from (a.arg for a in arguments if a.annotation and ast.unparse(a.annotation) in FLOAT)


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_public_floats_wear_their_unit(file: Path) -> None:
    if file.name.startswith("_"):
        return
    for name in public_floats(ast.parse(file.read_text())):
        assert name.endswith(UNITS) or name.lstrip("_") in WITHOUT_UNIT or "_mm_" in name, f"{file.name}: {name}"


def test_every_room_opens_with_why_it_exists() -> None:
    for file in FILES:
        assert ast.get_docstring(ast.parse(file.read_text())), f"{file.relative_to(PACKAGE)} has no docstring"


def test_importing_marginkit_loads_nothing_heavy() -> None:
    heavy = [
        "numpy",
        "scipy",
        "skimage",
        "cv2",
        "tifffile",
        "zarr",
        "shapely",
        "openslide",
        "typer",
        "rich",
        "pydicom",
        "nibabel",
        "jinja2",
    ]
    code = f"import sys, marginkit; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_public_names_are_there() -> None:
    for name in marginkit.__all__:
        assert getattr(marginkit, name) is not None
        assert name in dir(marginkit)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        marginkit.nothing  # noqa: B018

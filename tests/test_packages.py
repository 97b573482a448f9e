"""What is handed out: sdist and wheel hold what they must and nothing else, and work where nothing else is."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

import marginkit as mk
from marginkit.geometry import compiled

ROOT = Path(__file__).resolve().parents[1]
VENV_BIN = "Scripts" if os.name == "nt" else "bin"
PLACE = re.compile(rb"/(?:home|root|work|Users)/[\w.-]+/")
PICTURES = {".png", ".tif", ".tiff", ".jpg", ".jpeg", ".svs", ".nii", ".gz", ".dcm", ".nrrd", ".zarr", ".geojson"}
WITH_WHEEL = ["test_measuring", "test_judging", "test_phantoms", "test_sample_data", "test_reports_json"]


def run(*words: object, cwd: Path, **env: str) -> str:
    """What a command prints; it must succeed. It knows no PYTHONPATH of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [str(word) for word in words], cwd=cwd, env={**kept, **env}, capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build(kind: str, source: Path, out: Path, **env: str) -> Path:
    """The sdist or wheel of a folder, built without network. Without hatchling: a skip for a user, a failure in CI."""
    if not os.environ.get("CI"):
        pytest.importorskip("hatchling")
    run(sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", out, cwd=source, **env)
    (built,) = out.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return built


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist, unpacked."""
    folder = tmp_path_factory.mktemp("sdist")
    with tarfile.open(build("sdist", ROOT, folder)) as archive:
        archive.extractall(folder, filter="data")
    (inner,) = (one for one in folder.iterdir() if one.is_dir())
    return inner


@pytest.fixture(scope="module")
def wheel(unpacked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the sdist: so the sdist is whole, and stays without a library."""
    source = tmp_path_factory.mktemp("source") / "sdist"
    shutil.copytree(unpacked, source)
    return build("wheel", source, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def venv(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel in it; what it depends on is borrowed from the one that runs the tests."""
    folder = tmp_path_factory.mktemp("fresh") / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=wheel.parent)
    python = folder / VENV_BIN / "python"
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if uv is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("uv is absent")
    run(uv, "pip", "install", "-q", "--no-deps", "--python", python, wheel, cwd=wheel.parent)
    own = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=wheel.parent).strip())
    (own / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


def test_the_wheel_holds_what_it_must(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder, kept in (("marginkit", "marginkit"), ("plugins/napari_marginkit", "napari_marginkit")):
        for file in (ROOT / folder).rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts and file.suffix not in (".so", ".dll"):
                assert f"{kept}/{file.relative_to(ROOT / folder).as_posix()}" in names, file.name
    samples = [file.name for file in (ROOT / "sample_data").iterdir() if file.suffix in (".tif", ".json", ".geojson")]
    assert samples
    assert {f"marginkit/_samples/{name}" for name in samples} <= names
    for kind in ("marginkit/policies/uicc-r.toml", "marginkit/py.typed", "napari_marginkit/napari.yaml"):
        assert kind in names
    assert any(name.startswith("marginkit/pages/templates/") for name in names)
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def test_the_wheel_holds_the_kernel_where_a_compiler_is(wheel: Path) -> None:
    if not any(map(shutil.which, ("cc", "gcc", "clang"))):
        pytest.skip("no C compiler")
    assert f"marginkit/geometry/_kernel/{compiled.NAME}" in zipfile.ZipFile(wheel).namelist()
    assert "-py3-none-" in wheel.name
    assert not wheel.name.endswith("-any.whl")


@pytest.mark.parametrize("hidden", [{"CC": "/nonexistent/cc"}, {"PATH": "", "CC": ""}], ids=["wrong CC", "empty PATH"])
def test_without_a_compiler_the_wheel_is_pure_and_measures_the_same(
    hidden: dict[str, str], unpacked: Path, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    shutil.copytree(unpacked, source)
    pure = build("wheel", source, tmp_path / "out", **hidden)
    assert pure.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(pure) as archive:
        assert not [name for name in archive.namelist() if Path(name).suffix in (".so", ".dll")]
        archive.extractall(tmp_path / "in")
    code = "import sys; sys.path.insert(0, sys.argv[1]); import numpy as np, marginkit as mk\n"
    code += "from marginkit.geometry import compiled; print(compiled.route(), mk.__file__)\n"
    code += "s = np.pad(np.ones((9, 9), bool), 1); t = np.zeros_like(s); t[5, 4] = True\n"
    code += "print(repr(mk.measure(t, s, (0.3, 0.7)).margins))"
    route, margins = run(sys.executable, "-c", code, tmp_path / "in", cwd=tmp_path).splitlines()
    assert route.startswith("NumPy and SciPy (kernel not built")
    assert route.endswith(str(tmp_path / "in" / "marginkit" / "__init__.py"))
    specimen = np.pad(np.ones((9, 9), bool), 1)
    tumor = np.zeros_like(specimen)
    tumor[5, 4] = True
    assert margins == repr(mk.measure(tumor, specimen, (0.3, 0.7)).margins)


def test_the_wheel_holds_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
        assert {top for top in tops if not top.endswith(".dist-info")} == {"marginkit", "napari_marginkit"}
        for name in archive.namelist():
            assert "__pycache__" not in name
            assert not PLACE.search(archive.read(name)), f"{name} names a place on a machine"
            if Path(name).suffix in PICTURES:
                assert name.startswith("marginkit/_samples/"), name


def test_the_sdist_holds_sources_and_no_data_of_others(unpacked: Path) -> None:
    files = [file.relative_to(unpacked) for file in unpacked.rglob("*") if file.is_file()]
    tops = {file.parts[0] for file in files}
    assert {"marginkit", "plugins", "tests", "docs", "sample_data", "benchmarks", "LICENSE", "README.md"} <= tops
    assert {
        "mkdocs.yml",
        "CITATION.cff",
        "SECURITY.md",
        "CONTRIBUTING.md",
        "pyproject.toml",
        "run.py",
        "hatch_build.py",
    } <= tops
    assert not tops & {"site", "demo-out", ".venv", "dist"}
    for file in files:
        assert file.suffix not in (".so", ".dll"), file
        assert file.suffix not in PICTURES or file.parts[0] in ("sample_data", "docs"), file
        assert str(ROOT).encode() not in (unpacked / file).read_bytes(), f"{file} names a place on a machine"


def test_the_demo_runs_where_only_the_wheel_is(venv: Path, tmp_path: Path) -> None:
    command = venv / VENV_BIN / "marginkit"
    said = run(command, "demo", "--out", "out", cwd=tmp_path)
    assert "research use only" in said
    written = {file.relative_to(tmp_path).as_posix() for file in (tmp_path / "out").rglob("*") if file.is_file()}
    for case in ("he", "fluorescence", "stack"):
        assert {f"out/{case}/{name}" for name in ("report.html", "overlay.png", "result.json")} <= written
    assert "ok" in run(command, "selftest", cwd=tmp_path)


def test_what_is_installed_is_the_wheel(venv: Path, tmp_path: Path) -> None:
    code = "import marginkit, napari_marginkit; from importlib.metadata import distribution as d;"
    code += "print(marginkit.__file__); print(*(e.group for e in d('marginkit').entry_points))"
    where, groups = run(venv / VENV_BIN / "python", "-c", code, cwd=tmp_path).splitlines()
    assert Path(where).is_relative_to(venv)
    assert set(groups.split()) == {"console_scripts", "napari.manifest"}


def test_tests_of_the_sdist_pass_with_the_wheel(venv: Path, unpacked: Path, wheel: Path, tmp_path: Path) -> None:
    """The sources are taken away first, so that only the wheel can be meant."""
    copy = tmp_path / "sdist"
    shutil.copytree(unpacked, copy)
    for source in ("marginkit", "plugins"):
        shutil.rmtree(copy / source)
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", *(f"tests/{name}.py" for name in WITH_WHEEL)]
    assert " passed" in run(venv / VENV_BIN / "python", *words, cwd=copy)
